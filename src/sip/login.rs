//! How one request answers the digest challenges it meets on its way: those of the phone, and those of a proxy.

use super::chance::Chance;
use super::digest::{Asked, Challenge, Credentials};
use super::message::{Request, Response};

/// The challenges to one request, and what they are answered with.
#[derive(Debug, Clone)]
pub struct Login {
    credentials: Option<Credentials>,
    phone: Option<Held>,
    proxy: Option<Held>,
    was_stale: bool,
}

/// A challenge that was answered, and how often its nonce was used.
#[derive(Debug, Clone)]
struct Held {
    challenge: Challenge,
    uses: u32,
}

impl Login {
    /// Nothing is asked yet. Without credentials no challenge is ever answered.
    pub fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, phone: None, proxy: None, was_stale: false }
    }

    /// Takes a final response: true if it is a challenge that the request, sent again, will answer. Each kind (401
    /// and 407) is answered once, and one of them once more if its nonce was stale.
    pub fn is_answered(&mut self, response: &Response) -> bool {
        let (field, held) = match response.code {
            401 => ("WWW-Authenticate", &mut self.phone),
            407 => ("Proxy-Authenticate", &mut self.proxy),
            _ => return false,
        };
        let Some(challenge) = Challenge::strongest(response.headers.all(field)) else { return false };
        if self.credentials.is_none() || (held.is_some() && (self.was_stale || !challenge.stale)) {
            return false;
        }
        self.was_stale |= held.is_some();
        let uses = held.take().filter(|old| old.challenge.same_nonce(&challenge)).map_or(0, |old| old.uses);
        *held = Some(Held { challenge, uses });
        true
    }

    /// Adds the answers to all challenges so far; call it last, once the body is in the request.
    pub fn authorize(&mut self, request: &mut Request, chance: &mut Chance) {
        let Some(credentials) = &self.credentials else { return };
        let (method, uri, body) = (request.method.as_str(), request.uri.clone(), request.body.clone());
        let asked = Asked { method: &method, uri: &uri, body: &body };
        for (name, held) in [("Authorization", &mut self.phone), ("Proxy-Authorization", &mut self.proxy)] {
            if let Some(held) = held {
                held.uses += 1;
                let answer = held.challenge.answer(credentials, asked, &chance.token(), held.uses);
                request.headers.push(name, answer);
            }
        }
    }
}
