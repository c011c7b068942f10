//! Our side as a client: the NOTIFYs under way.

use std::collections::HashMap;
use std::time::Instant;

use super::chance::Chance;
use super::command::{Command, NotifyId, ask};
use super::listeners::Listeners;
use super::message::Response;
use super::notify::{Exchange, Next, Notify};
use super::outcome::Outcome;
use super::transaction::{Clients, Due};

/// Sends NOTIFYs, answers the challenges to them, and tells each one's outcome exactly once.
#[derive(Debug)]
pub struct Client {
    listeners: Listeners,
    agent: String,
    chance: Chance,
    transactions: Clients<NotifyId>,
    under_way: HashMap<NotifyId, Box<Exchange>>,
    begun: u64,
}

impl Client {
    /// A client that says it listens at `listeners` and is called `agent`.
    pub fn new(chance: Chance, listeners: Listeners, agent: &str) -> Self {
        let (transactions, under_way) = (Clients::default(), HashMap::new());
        Self { listeners, agent: agent.to_owned(), chance, transactions, under_way, begun: 0 }
    }

    /// Sends a NOTIFY.
    pub fn notify(&mut self, now: Instant, notify: Notify, out: &mut Vec<Command>) -> NotifyId {
        self.begun += 1;
        let id = NotifyId(self.begun);
        let exchange = Box::new(Exchange::new(notify, &mut self.chance));
        self.send(now, id, exchange, out);
        id
    }

    /// Takes a response if it answers something of ours; else gives false.
    pub fn response(&mut self, now: Instant, response: &Response, out: &mut Vec<Command>) -> bool {
        let transaction = response.transaction();
        let id = transaction.and_then(|of| self.transactions.response(now, of, response.code));
        let Some((id, mut exchange)) = id.and_then(|id| self.under_way.remove_entry(&id)) else {
            return false;
        };
        let asked = exchange.to();
        match exchange.response(response) {
            Next::Again => {
                out.extend((exchange.to() != asked).then_some(Command::Lost(asked)));
                self.send(now, id, exchange, out);
            }
            Next::Finished(outcome) => out.push(Command::Notified { id, outcome }),
        }
        true
    }

    /// Takes note that a request could not be sent.
    pub fn undeliverable(&mut self, now: Instant, branch: &str, out: &mut Vec<Command>) {
        if let Some(id) = self.transactions.undeliverable(branch) {
            self.nobody(now, id, out);
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
                Due::Resend(branch, to, datagram) => out.push(ask(to, datagram, &branch)),
                Due::TimedOut(id) => self.nobody(now, id, out),
            }
        }
    }

    /// Nobody is where a NOTIFY went: it goes to the next place, or is over.
    fn nobody(&mut self, now: Instant, id: NotifyId, out: &mut Vec<Command>) {
        let Some(mut exchange) = self.under_way.remove(&id) else { return };
        let asked = exchange.to();
        if exchange.goes_on() {
            out.push(Command::Lost(asked));
            self.send(now, id, exchange, out);
        } else {
            out.push(Command::Notified { id, outcome: Outcome::Unreachable(None) });
        }
    }

    fn send(&mut self, now: Instant, id: NotifyId, mut exchange: Box<Exchange>, out: &mut Vec<Command>) {
        let branch = format!("z9hG4bK{}", self.chance.token());
        let request = exchange.request(&branch, (&self.listeners, &self.agent), &mut self.chance);
        let (to, datagram) = (exchange.to(), request.to_bytes());
        if self.transactions.start(now, (&branch, "NOTIFY"), id, (to, datagram.clone())) {
            self.under_way.insert(id, exchange);
            out.push(ask(to, datagram, &branch));
        } else {
            out.push(Command::Notified { id, outcome: Outcome::Busy { code: 500, retry_after: 0 } });
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::sip::address::Aor;
    use crate::sip::message::{Message, Request};
    use crate::sip::peer::Peer;
    use crate::sip::reader;

    fn branch(request: &Request) -> String {
        let via = request.headers.get("Via").and_then(crate::sip::address::Via::read);
        via.unwrap().branch.to_owned()
    }

    fn proxy() -> Peer {
        "10.0.0.5:5060".parse().unwrap()
    }

    fn begun(now: Instant) -> (Client, NotifyId, Request) {
        let here: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let mut client = Client::new(Chance::new([1; 32]), here.into(), "checksync");
        let mut out = Vec::new();
        let id =
            client.notify(now, Notify::through(proxy(), Aor::new("u1", "pbx"), "check-sync", None), &mut out);
        let [Command::Send { to, datagram, branch: Some(_) }] = &out[..] else { panic!("{out:?}") };
        assert_eq!(*to, proxy());
        let Ok(Message::Request(request)) = reader::read(&datagram.0) else { panic!("no request") };
        (client, id, request)
    }

    #[test]
    fn an_outcome_is_told_once_however_often_the_answer_comes() {
        let now = Instant::now();
        let (mut client, id, request) = begun(now);
        let mut out = Vec::new();
        for code in [100, 200, 200, 481] {
            client.response(now, &request.answer(code, "t", proxy().address), &mut out);
        }
        assert_eq!(out, [Command::Notified { id, outcome: Outcome::Answered(200) }]);
        assert_eq!((client.waiting(), client.under_way.len()), (0, 0));
    }

    #[test]
    fn what_cannot_be_sent_is_unreachable_at_once() {
        let now = Instant::now();
        let (mut client, id, request) = begun(now);
        let mut out = Vec::new();
        let branch = branch(&request);
        client.undeliverable(now, &branch, &mut out);
        client.undeliverable(now, &branch, &mut out);
        assert_eq!(out, [Command::Notified { id, outcome: Outcome::Unreachable(None) }]);
        assert_eq!((client.waiting(), client.deadline()), (0, None));
    }

    #[test]
    fn where_nobody_is_the_next_place_is_tried() {
        let places = ["10.0.0.5:5060", "tcp:10.0.0.6:5060", "tcp:10.0.0.7:5060", "10.0.0.8:5060"];
        let [to, next @ ..] = places.map(|text| text.parse::<Peer>().unwrap());
        let here: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let mut client = Client::new(Chance::new([1; 32]), here.into(), "checksync");
        let notify = Notify { next: next.to_vec(), ..Notify::through(to, Aor::new("u1", "pbx"), "x", None) };
        let (mut now, mut out, mut seen) = (Instant::now(), Vec::new(), Vec::new());
        let id = client.notify(now, notify, &mut out);
        while let Some((to, request)) = sent(&mut out) {
            seen.push((to.to_string(), request.cseq()));
            match seen.len() {
                1 => {
                    now += super::super::transaction::TIMER_F;
                    client.wake(now, &mut out);
                }
                2 => client.undeliverable(now, &branch(&request), &mut out),
                sent => {
                    let code = if sent == 3 { 503 } else { 200 };
                    assert!(client.response(now, &request.answer(code, "t", to.address), &mut out));
                }
            }
        }
        assert_eq!(seen, [1, 2, 3, 4].map(|n| (next_of(&places, n), n)));
        assert_eq!(out.last(), Some(&Command::Notified { id, outcome: Outcome::Answered(200) }));
        assert_eq!((client.waiting(), client.under_way.len()), (0, 0));
    }

    fn next_of(places: &[&str], n: u32) -> String {
        places[n as usize - 1].parse::<Peer>().unwrap().to_string()
    }

    /// The last request that was sent, if anything was since.
    fn sent(out: &mut Vec<Command>) -> Option<(Peer, Request)> {
        let [.., Command::Send { to, datagram, .. }] = &out[..] else { return None };
        let Ok(Message::Request(request)) = reader::read(&datagram.0) else { panic!("no request") };
        let to = *to;
        out.clear();
        Some((to, request))
    }

    #[test]
    fn a_response_from_a_stranger_is_passed_over() {
        let now = Instant::now();
        let (mut client, _, mut request) = begun(now);
        request.headers = crate::sip::header::Headers::default();
        request.headers.push("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKguessed");
        request.headers.push("CSeq", "1 NOTIFY");
        let mut out = Vec::new();
        assert!(!client.response(now, &request.answer(200, "t", proxy().address), &mut out));
        assert_eq!((out.len(), client.waiting()), (0, 1));
    }
}
