//! What every call sends with: who we are, the time, chance, and the transactions that send again.

use std::time::Instant;

use bytes::Bytes;

use crate::sip::chance::Chance;
use crate::sip::command::{CallId, Command, ask, send};
use crate::sip::header::wire;
use crate::sip::listeners::Listeners;
use crate::sip::message::Request;
use crate::sip::peer::Peer;
use crate::sip::transaction::Clients;

/// What a request that is no INVITE is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// Stops a phone from ringing.
    Cancel,
    /// Asks the phone that answered to call the number.
    Refer,
    /// Ends the dialog of this place in the call's list.
    Bye(usize),
}

/// What our side is, for the time of one event.
pub struct Sender<'a> {
    /// The time.
    pub now: Instant,
    /// Where we listen.
    pub listeners: &'a Listeners,
    /// What we are called.
    pub agent: &'a str,
    /// Makes branches and tags.
    pub chance: &'a mut Chance,
    /// What is sent again until it is answered.
    pub transactions: &'a mut Clients<(CallId, Errand)>,
    /// What the shell shall do.
    pub out: &'a mut Vec<Command>,
}

impl Sender<'_> {
    /// A new name for a transaction.
    pub fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.chance.token())
    }

    /// The fields that every request of ours to this peer begins with.
    pub fn begin(&self, of: (rsip::Method, &str), to: &Peer, branch: &str, route: &[String]) -> Request {
        let mut request = Request::new(of.0, of.1);
        request.headers.push("Via", self.listeners.via(to, branch));
        request.headers.push("Max-Forwards", "70");
        for route in route {
            request.headers.push("Route", route.clone());
        }
        request
    }

    /// Adds who we are, and where requests of the dialog reach us from this peer.
    pub fn sign(&self, request: &mut Request, to: &Peer) {
        request.headers.push("Contact", self.listeners.contact(to));
        request.headers.push("User-Agent", wire(self.agent));
    }

    /// Sends a message once, for which no answer is awaited.
    pub fn send(&mut self, to: Peer, datagram: Bytes) {
        self.out.push(send(to, datagram));
    }

    /// Sends an INVITE, whose transaction is its leg's.
    pub fn invite(&mut self, to: Peer, datagram: Bytes, branch: &str) {
        self.out.push(ask(to, datagram, branch));
    }

    /// Sends a request again and again until it is answered. False if too many wait already.
    pub fn ask(&mut self, owner: (CallId, Errand), to: Peer, request: &Request, branch: &str) -> bool {
        let datagram = request.to_bytes();
        let key = (branch, request.method.as_str());
        let begun = self.transactions.start(self.now, key, owner, (to, datagram.clone()));
        if begun {
            self.out.push(ask(to, datagram, branch));
        }
        begun
    }
}
