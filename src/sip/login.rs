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
        let asked = Asked { method, uri: &uri, body: &body };
        for (name, held) in [("Authorization", &mut self.phone), ("Proxy-Authorization", &mut self.proxy)] {
            if let Some(held) = held {
                held.uses += 1;
                let answer = held.challenge.answer(credentials, asked, &chance.token(), held.uses);
                request.headers.push(name, answer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::digest::{Params, Password};
    use crate::sip::message::Message;
    use crate::sip::reader;

    fn login() -> Login {
        Login::new(Some(Credentials { user: "u1".into(), password: Password::new("p") }))
    }

    /// A response with these challenges, each its field's name and value.
    fn response(code: u16, challenges: &[(&str, &str)]) -> Response {
        let text =
            format!("SIP/2.0 {code} No\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 NOTIFY\r\n\r\n");
        let Ok(Message::Response(response)) = reader::read(text.as_bytes()) else { panic!("{text}") };
        challenges.iter().fold(response, |response, (name, value)| response.with(name, *value))
    }

    fn challenged(code: u16, value: &str) -> Response {
        let name = if code == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        response(code, &[(name, value)])
    }

    /// The answers in the next request, each as field, nonce, count and algorithm.
    fn answers(login: &mut Login) -> Vec<(String, String, String, String)> {
        let mut request = Request::new(rsip::Method::Notify, "sip:u1@phone");
        login.authorize(&mut request, &mut Chance::new([1; 32]));
        let fields = request.headers.iter().map(|(name, value)| {
            let params = Params::read(value).remove(0);
            let part = |name| params.get(name).unwrap_or_default().to_owned();
            (name.to_owned(), part("nonce"), part("nc"), part("algorithm"))
        });
        fields.collect()
    }

    fn answer(field: &str, nonce: &str, count: &str, algorithm: &str) -> (String, String, String, String) {
        (field.into(), nonce.into(), count.into(), algorithm.into())
    }

    #[test]
    fn the_strongest_of_all_challenges_in_all_fields_is_answered() {
        let offer = |algorithm: &str| {
            format!("Digest realm=\"r\", nonce=\"{algorithm}\", algorithm={algorithm}, qop=\"auth,auth-int\"")
        };
        let [md5, sha, sha512] = ["MD5", "SHA-256", "SHA-512-256"].map(offer);
        let unknown = "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv2-MD5, Bearer realm=\"r\"".to_owned();
        for offers in [[&md5, &sha512, &sha, &unknown], [&unknown, &sha, &md5, &sha512]] {
            let fields = offers.map(|offer| ("WWW-Authenticate", offer.as_str()));
            let mut login = login();
            assert!(login.is_answered(&response(401, &fields)));
            let expected = answer("Authorization", "SHA-512-256", "00000001", "SHA-512-256");
            assert_eq!(answers(&mut login), [expected]);
        }
    }

    #[test]
    fn a_proxy_is_answered_first_and_then_the_phone_behind_it() {
        let mut login = login();
        assert!(login.is_answered(&challenged(407, "Digest realm=\"proxy\", nonce=\"a\", qop=auth")));
        let proxy = |count| answer("Proxy-Authorization", "a", count, "");
        assert_eq!(answers(&mut login), [proxy("00000001")]);
        assert!(login.is_answered(&challenged(401, "Digest realm=\"phone\", nonce=\"b\", qop=auth")));
        let phone = answer("Authorization", "b", "00000001", "");
        assert_eq!(answers(&mut login), [phone, proxy("00000002")], "the nonce of the proxy is used again");
        assert!(!login.is_answered(&challenged(407, "Digest realm=\"proxy\", nonce=\"c\"")));
    }

    #[test]
    fn a_stale_nonce_is_replaced_once() {
        let mut login = login();
        assert!(login.is_answered(&challenged(401, "Digest realm=\"r\", nonce=\"a\", qop=auth")));
        answers(&mut login);
        let stale = "Digest realm=\"r\", nonce=\"b\", qop=auth, stale=TRUE";
        assert!(login.is_answered(&challenged(401, stale)));
        assert_eq!(answers(&mut login), [answer("Authorization", "b", "00000001", "")]);
        assert!(!login.is_answered(&challenged(401, stale)), "who is never content is left alone");
    }

    #[test]
    fn the_count_goes_on_while_the_nonce_stays() {
        let mut login = login();
        assert!(login.is_answered(&challenged(401, "Digest realm=\"r\", nonce=\"a\", qop=auth")));
        answers(&mut login);
        assert!(login.is_answered(&challenged(401, "Digest realm=\"r\", nonce=\"a\", qop=auth, stale=true")));
        assert_eq!(answers(&mut login), [answer("Authorization", "a", "00000002", "")]);
    }

    #[test]
    fn a_password_that_was_refused_is_not_given_again() {
        let mut login = login();
        let challenge = challenged(401, "Digest realm=\"r\", nonce=\"a\", qop=auth");
        assert!(login.is_answered(&challenge) && !login.is_answered(&challenge));
        assert!(!Login::new(None).is_answered(&challenge), "and without one there is nothing to answer with");
        assert!(!login.is_answered(&response(403, &[])));
        assert!(
            !Login::new(None).is_answered(&response(401, &[("Proxy-Authenticate", "Digest realm=\"r\"")]))
        );
    }
}
