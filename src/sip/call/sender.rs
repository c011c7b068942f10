//! What every call sends with: who we are, the time, chance, and the transactions that send again.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use crate::sip::chance::Chance;
use crate::sip::command::{CallId, Command, send};
use crate::sip::header::wire;
use crate::sip::message::Request;
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
    pub local: SocketAddr,
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

    /// The fields that every request of ours begins with.
    pub fn begin(&self, method: rsip::Method, uri: &str, branch: &str, route: &[String]) -> Request {
        let mut request = Request::new(method, uri);
        request.headers.push("Via", format!("SIP/2.0/UDP {};branch={branch};rport", self.local));
        request.headers.push("Max-Forwards", "70");
        for route in route {
            request.headers.push("Route", route.clone());
        }
        request
    }

    /// Adds who we are, and where requests of the dialog reach us.
    pub fn sign(&self, request: &mut Request) {
        request.headers.push("Contact", format!("<sip:{}>", self.local));
        request.headers.push("User-Agent", wire(self.agent));
    }

    /// Sends a datagram once.
    pub fn send(&mut self, to: SocketAddr, datagram: Bytes) {
        self.out.push(send(to, datagram));
    }

    /// Sends a request again and again until it is answered. False if too many wait already.
    pub fn ask(&mut self, owner: (CallId, Errand), to: SocketAddr, request: &Request, branch: &str) -> bool {
        let datagram = request.to_bytes();
        let key = (branch, &request.method.as_str()[..]);
        let begun = self.transactions.start(self.now, key, owner, (to, datagram.clone()));
        if begun {
            self.send(to, datagram);
        }
        begun
    }
}
