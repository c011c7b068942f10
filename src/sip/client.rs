//! Our side as a client: the NOTIFYs under way.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use super::chance::Chance;
use super::command::{Command, Datagram, NotifyId};
use super::message::Response;
use super::notify::{Exchange, Next, Notify, Outcome};
use super::transaction::{Clients, Due};

/// Sends NOTIFYs, answers the challenges to them, and tells each one's outcome exactly once.
#[derive(Debug)]
pub struct Client {
    local: SocketAddr,
    agent: String,
    chance: Chance,
    transactions: Clients<NotifyId>,
    under_way: HashMap<NotifyId, UnderWay>,
    begun: u64,
}

#[derive(Debug)]
struct UnderWay {
    exchange: Exchange,
    branch: String,
}

impl Client {
    /// A client that says it listens at `local` and is called `agent`.
    pub fn new(chance: Chance, local: SocketAddr, agent: &str) -> Self {
        let (transactions, under_way) = (Clients::default(), HashMap::new());
        Self { local, agent: agent.to_owned(), chance, transactions, under_way, begun: 0 }
    }

    /// Sends a NOTIFY.
    pub fn notify(&mut self, now: Instant, notify: Notify, out: &mut Vec<Command>) -> NotifyId {
        self.begun += 1;
        let id = NotifyId(self.begun);
        let exchange = Exchange::new(notify, &mut self.chance);
        self.send(now, id, exchange, out);
        id
    }

    /// Takes a response; one that answers nothing of ours is passed over.
    pub fn response(&mut self, now: Instant, response: &Response, out: &mut Vec<Command>) {
        let Some(transaction) = response.transaction() else { return };
        let Some(id) = self.transactions.response(now, transaction, response.code) else { return };
        let Some(UnderWay { mut exchange, .. }) = self.under_way.remove(&id) else { return };
        match exchange.response(response) {
            Next::Again => self.send(now, id, exchange, out),
            Next::Finished(outcome) => out.push(Command::Notified { id, outcome }),
        }
    }

    /// Ends a NOTIFY that could not be sent.
    pub fn undeliverable(&mut self, id: NotifyId, out: &mut Vec<Command>) {
        if let Some(UnderWay { branch, .. }) = self.under_way.remove(&id) {
            self.transactions.end(&branch);
            out.push(Command::Notified { id, outcome: Outcome::Unreachable(None) });
        }
    }

    /// How many NOTIFYs wait for an answer.
    pub fn waiting(&self) -> usize {
        self.transactions.waiting()
    }

    /// When [`Client::wake`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.transactions.deadline()
    }

    /// Does what is due: sends again, gives up.
    pub fn wake(&mut self, now: Instant, out: &mut Vec<Command>) {
        while let Some(due) = self.transactions.due(now) {
            match due {
                Due::Resend(id, to, datagram) => {
                    out.push(Command::Send { to, datagram: Datagram(datagram), notify: Some(id) });
                }
                Due::TimedOut(id) => {
                    self.under_way.remove(&id);
                    out.push(Command::Notified { id, outcome: Outcome::Unreachable(None) });
                }
            }
        }
    }

    fn send(&mut self, now: Instant, id: NotifyId, mut exchange: Exchange, out: &mut Vec<Command>) {
        let branch = format!("z9hG4bK{}", self.chance.token());
        let request = exchange.request(&branch, (self.local, &self.agent), &mut self.chance);
        let (to, datagram) = (exchange.to(), request.to_bytes());
        if self.transactions.start(now, (&branch, "NOTIFY"), id, (to, datagram.clone())) {
            self.under_way.insert(id, UnderWay { exchange, branch });
            out.push(Command::Send { to, datagram: Datagram(datagram), notify: Some(id) });
        } else {
            out.push(Command::Notified { id, outcome: Outcome::Busy { code: 500, retry_after: 0 } });
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::sip::address::Aor;
    use crate::sip::message::{Message, Request};
    use crate::sip::reader;

    fn proxy() -> SocketAddr {
        "10.0.0.5:5060".parse().unwrap()
    }

    fn begun(now: Instant) -> (Client, NotifyId, Request) {
        let mut client = Client::new(Chance::new([1; 32]), "192.0.2.1:5060".parse().unwrap(), "checksync");
        let mut out = Vec::new();
        let id =
            client.notify(now, Notify::through(proxy(), Aor::new("u1", "pbx"), "check-sync", None), &mut out);
        let [Command::Send { to, datagram, notify }] = &out[..] else { panic!("{out:?}") };
        assert_eq!((*to, *notify), (proxy(), Some(id)));
        let Ok(Message::Request(request)) = reader::read(&datagram.0) else { panic!("no request") };
        (client, id, request)
    }

    #[test]
    fn an_outcome_is_told_once_however_often_the_answer_comes() {
        let now = Instant::now();
        let (mut client, id, request) = begun(now);
        let mut out = Vec::new();
        for code in [100, 200, 200, 481] {
            client.response(now, &request.answer(code, "t", proxy()), &mut out);
        }
        assert_eq!(out, [Command::Notified { id, outcome: Outcome::Answered(200) }]);
        assert_eq!((client.waiting(), client.under_way.len()), (0, 0));
    }

    #[test]
    fn what_cannot_be_sent_is_unreachable_at_once() {
        let now = Instant::now();
        let (mut client, id, _) = begun(now);
        let mut out = Vec::new();
        client.undeliverable(id, &mut out);
        client.undeliverable(id, &mut out);
        assert_eq!(out, [Command::Notified { id, outcome: Outcome::Unreachable(None) }]);
        assert_eq!((client.waiting(), client.deadline()), (0, None));
    }

    #[test]
    fn a_response_from_a_stranger_is_passed_over() {
        let now = Instant::now();
        let (mut client, _, mut request) = begun(now);
        request.headers = crate::sip::header::Headers::default();
        request.headers.push("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKguessed");
        request.headers.push("CSeq", "1 NOTIFY");
        let mut out = Vec::new();
        client.response(now, &request.answer(200, "t", proxy()), &mut out);
        assert_eq!((out.len(), client.waiting()), (0, 1));
    }
}
