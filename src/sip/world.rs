//! Fake phones, the network between them and an [`Endpoint`], and the time: for tests.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::chance::Chance;
use super::digest::{Algorithm, Asked, Challenge};
use super::guard::{Expected, Guard, Verdict};
use super::listeners::Listeners;
use super::message::{Message, Request, Response};
use super::*;

pub(super) const HERE: &str = "192.0.2.1:5060";

pub(super) fn here() -> Listeners {
    HERE.parse::<SocketAddr>().unwrap().into()
}

/// A phone with one line, behind one address.
pub(super) struct Phone {
    pub(super) at: SocketAddr,
    pub(super) user: &'static str,
    pub(super) password: &'static str,
    pub(super) cseq: u32,
    pub(super) guard: Option<(Guard, Algorithm)>,
    pub(super) silent: bool,
    pub(super) code: u16,
    pub(super) heard: Vec<Request>,
    pub(super) answers: Vec<Response>,
    pub(super) asked: Option<Request>,
}

impl Phone {
    pub(super) fn new(last: u8) -> Self {
        let at = ([10, 0, 0, last], 5062).into();
        let (heard, answers) = (Vec::new(), Vec::new());
        let (user, password) = ("u1", "right");
        Self {
            at,
            user,
            password,
            cseq: 0,
            guard: None,
            silent: false,
            code: 200,
            heard,
            answers,
            asked: None,
        }
    }

    pub(super) fn challenging(last: u8, algorithm: Algorithm) -> Self {
        let guard = Guard::new(Chance::new([last; 32]));
        Self { guard: Some((guard, algorithm)), ..Self::new(last) }
    }

    pub(super) fn contact(&self) -> String {
        format!("sip:{}@{};line=\"x\";transport=UDP", self.user, self.at)
    }

    pub(super) fn register(&mut self, expires: u32) -> Bytes {
        let mut request = Request::new(rsip::Method::Register, "sip:pbx");
        let contact = format!("<{}>;q=0.5;+sip.instance=\"<urn:uuid:{}>\"", self.contact(), self.at.ip());
        request.headers.push("From", format!("<sip:{}@PBX>;tag=1", self.user));
        request.headers.push("To", format!("<sip:{}@PBX>", self.user));
        request.headers.push("Call-ID", format!("call@{}", self.at));
        request.headers.push("Contact", contact);
        request.headers.push("Expires", expires.to_string());
        request.headers.push("User-Agent", "Fake/1");
        self.asked = Some(request);
        self.ask(None)
    }

    pub(super) fn ask(&mut self, authorization: Option<String>) -> Bytes {
        self.cseq += 1;
        let mut request = self.asked.clone().unwrap();
        request.headers.push("Via", format!("SIP/2.0/UDP {};branch=z9hG4bK{};rport", self.at, self.cseq));
        request.headers.push("CSeq", format!("{} REGISTER", self.cseq));
        if let Some(value) = authorization {
            request.headers.push("Authorization", value);
        }
        request.to_bytes()
    }

    /// What it sends when this datagram comes.
    pub(super) fn receive(&mut self, datagram: &[u8]) -> Option<Bytes> {
        match reader::read(datagram).unwrap() {
            Message::Request(request) => self.notified(request),
            Message::Response(response) => self.answered(&response),
        }
    }

    fn answered(&mut self, response: &Response) -> Option<Bytes> {
        let first = !self.answers.iter().any(|old| old.code == 401)
            || response.headers.get("WWW-Authenticate").is_some_and(|c| c.contains("stale"));
        self.answers.push(response.clone());
        if response.code != 401 || !first {
            return None;
        }
        let challenge = Challenge::strongest(response.headers.all("WWW-Authenticate"))?;
        let who = Credentials { user: self.user.into(), password: Password::new(self.password) };
        let asked = Asked { method: "REGISTER", uri: "sip:pbx", body: b"" };
        let answer = challenge.answer(&who, asked, "cnonce", 1);
        Some(self.ask(Some(answer)))
    }

    fn notified(&mut self, request: Request) -> Option<Bytes> {
        if self.silent {
            return None;
        }
        let here = HERE.parse().unwrap();
        let response = self.challenge(&request).unwrap_or_else(|| request.answer(self.code, "p", here));
        self.heard.push(request);
        Some(response.to_bytes())
    }

    /// Its 401, if it wants to know who notifies it and this request does not say.
    fn challenge(&self, request: &Request) -> Option<Response> {
        let (guard, algorithm) = self.guard.as_ref()?;
        let here: SocketAddr = HERE.parse().unwrap();
        let password = Password::new(self.password);
        let expected = Expected { user: self.user, realm: "phone", password: Some(&password) };
        let asked = Asked { method: "NOTIFY", uri: &request.uri, body: &request.body };
        let given = request.headers.all("Authorization");
        if matches!(guard.judge(given, expected, asked, (here.ip(), 1)), Verdict::Right(_)) {
            return None;
        }
        let offers = guard.challenges("phone", here.ip(), 1, false);
        let offer = offers.into_iter().find(|offer| offer.contains(algorithm.name())).unwrap();
        Some(request.answer(401, "p", here).with("WWW-Authenticate", offer))
    }

    pub(super) fn codes(&self) -> Vec<u16> {
        self.answers.iter().map(|answer| answer.code).collect()
    }
}

/// The endpoint, its phones, the network between them, and the time.
pub(super) struct World {
    pub(super) endpoint: Endpoint,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) lines: BTreeMap<(String, String), Line>,
    pub(super) phones: BTreeMap<SocketAddr, Phone>,
    /// Loses that many of the next datagrams.
    pub(super) lose: usize,
    pub(super) sent: usize,
    pub(super) lookups: usize,
    pub(super) told: Vec<Command>,
}

pub(super) const START: u64 = 1_000_000;

impl World {
    pub(super) fn new(phones: impl IntoIterator<Item = Phone>) -> Self {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let lines = BTreeMap::from([(("u1".into(), "pbx".into()), line("d1"))]);
        let phones = phones.into_iter().map(|phone| (phone.at, phone)).collect();
        let endpoint = Endpoint::new([9; 32], &here(), "checksync/0.1");
        Self { endpoint, start: now, now, lines, phones, lose: 0, sent: 0, lookups: 0, told: Vec::new() }
    }

    pub(super) fn unix(&self) -> u64 {
        START + (self.now - self.start).as_secs()
    }

    pub(super) fn phone(&mut self, last: u8) -> &mut Phone {
        self.phones.get_mut(&([10, 0, 0, last], 5062).into()).unwrap()
    }

    pub(super) fn register(&mut self, last: u8, expires: u32) -> Vec<u16> {
        let phone = self.phone(last);
        phone.answers.clear();
        let (from, datagram) = (phone.at, phone.register(expires));
        self.receive(from.into(), &datagram);
        self.phone(last).codes()
    }

    pub(super) fn notify(&mut self) -> NotifyId {
        let notify = self.endpoint.bindings("d1").next().unwrap().notify("check-sync;reboot=false");
        let mut out = Vec::new();
        let id = self.endpoint.notify(self.now, notify, &mut out);
        self.carry_out(out);
        id
    }

    pub(super) fn receive(&mut self, from: Peer, datagram: &[u8]) {
        let mut out = Vec::new();
        self.endpoint.receive(self.now, self.unix(), from, datagram, &mut out);
        self.carry_out(out);
    }

    pub(super) fn carry_out(&mut self, commands: Vec<Command>) {
        let mut queue = VecDeque::from(commands);
        while let Some(command) = queue.pop_front() {
            let (now, unix, mut out) = (self.now, self.unix(), Vec::new());
            match command {
                Command::Send { to, datagram, .. } => {
                    if let Some((from, back)) = self.transmit(to, &datagram.0) {
                        self.endpoint.receive(now, unix, from, &back, &mut out);
                    }
                }
                Command::FindLine { ticket, user, realm } => {
                    self.lookups += 1;
                    self.endpoint.line(now, unix, ticket, self.lines.get(&(user, realm)), &mut out);
                }
                told => self.told.push(told),
            }
            queue.extend(out);
        }
    }

    pub(super) fn transmit(&mut self, to: Peer, datagram: &[u8]) -> Option<(Peer, Bytes)> {
        self.sent += 1;
        if self.lose > 0 {
            self.lose -= 1;
            return None;
        }
        let back = self.phones.get_mut(&to.address)?.receive(datagram)?;
        Some((to, back))
    }

    /// Lets time pass from deadline to deadline, and checks that each leads on.
    pub(super) fn sleep(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(next) = self.endpoint.deadline().filter(|next| *next <= until) {
            let mut out = Vec::new();
            self.now = self.now.max(next);
            self.endpoint.wake(self.now, self.unix(), &mut out);
            assert!(self.endpoint.deadline().is_none_or(|after| after > self.now), "a deadline that stays");
            self.carry_out(out);
        }
        self.now = until;
    }

    pub(super) fn outcomes(&self) -> Vec<(NotifyId, Outcome)> {
        let outcome = |told: &Command| match told {
            Command::Notified { id, outcome } => Some((*id, *outcome)),
            _ => None,
        };
        self.told.iter().filter_map(outcome).collect()
    }

    /// For each change of a binding: whether it was bound, and freshly.
    pub(super) fn changes(&self) -> Vec<Option<bool>> {
        let change = |told: &Command| match told {
            Command::Bound { fresh, .. } => Some(Some(*fresh)),
            Command::Unbound(_) => Some(None),
            _ => None,
        };
        self.told.iter().filter_map(change).collect()
    }
}

pub(super) fn line(device: &str) -> Line {
    let proof = Proof::Password(Password::new("right"));
    Line { device: device.into(), proof, enabled: true, expires: 300 }
}

/// What a phone at 10.0.0.1:5062 is answered to this datagram, whose lines end in LF.
pub(super) fn reply(datagram: &str) -> Option<Response> {
    let mut world = World::new([Phone::new(1)]);
    let datagram = datagram.replace('\n', "\r\n");
    world.receive(([10, 0, 0, 1], 5062).into(), datagram.as_bytes());
    world.phone(1).answers.pop()
}

pub(super) fn plain(method: &str) -> String {
    format!(
        "{method} sip:h SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKq\nFrom: <sip:u1@pbx>;tag=1\n\
         To: <sip:u1@pbx>\nCall-ID: c\nCSeq: 1 {method}\n\n"
    )
}
