//! An endpoint, its phones, its store and the time; and what must hold whatever happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::phone;
use crate::script::{Act, Found, Manner, Scene};
use crate::sip::call::calls::MAX_CALLS;
use crate::sip::registration::MAX_CONTACTS;
use crate::sip::{
    Aor, Call, CallId, Caller, Command, Endpoint, Flow, Line, Listeners, NotifyId, Password, Peer, Proof,
    Target, Ticket, Transport, Way,
};
use crate::strict::Sent;

const UNIX: u64 = 1_000_000;
const DEVICES: [&str; 2] = ["d0", "d1"];

/// The whole, and what was told so far.
pub struct World {
    endpoint: Endpoint,
    start: Instant,
    now: Instant,
    manner: Manner,
    words: Vec<u8>,
    found: Found,
    source: Peer,
    /// Whether a lookup was not answered at once, so that a request may rightly get no answer.
    owes: bool,
    late: Vec<(Ticket, String)>,
    /// What a store has that believes every command: must be what the endpoint has.
    stored: BTreeMap<(Aor, Target), String>,
    notifies: BTreeSet<NotifyId>,
    calls: BTreeSet<CallId>,
    begun: usize,
    /// The final responses we sent since the last datagram came.
    finals: Vec<Sent>,
}

impl Default for World {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            endpoint: Endpoint::new([9; 32], &listeners(), "checksync"),
            start: now,
            now,
            manner: Manner::Silent,
            words: Vec::new(),
            found: Found::Open,
            source: source(0),
            owes: false,
            late: Vec::new(),
            stored: BTreeMap::new(),
            notifies: BTreeSet::new(),
            calls: BTreeSet::new(),
            begun: 0,
            finals: Vec::new(),
        }
    }
}

impl World {
    /// Lets one thing happen.
    pub fn play(&mut self, scene: Scene<'_>) {
        self.answer_late();
        self.sleep(scene.after);
        (self.manner, self.words) = (scene.manner, scene.text.to_vec());
        match scene.act {
            Act::Receive(from, found) => self.ask(from, found, scene.text),
            Act::Notify => self.notify(),
            Act::Call => self.call(),
            Act::Forget(device) => {
                let mut out = Vec::new();
                self.endpoint.forget(DEVICES[usize::from(device)], &mut out);
                self.carry_out(out);
            }
        }
        self.check();
    }

    /// Lets so much time pass that all must be over, and checks that it is.
    pub fn come_to_rest(&mut self) {
        self.manner = Manner::Silent;
        self.answer_late();
        self.sleep(Duration::from_secs(7200));
        self.check();
        assert!(self.stored.is_empty() && self.notifies.is_empty() && self.calls.is_empty());
        assert_eq!((self.endpoint.waiting(), self.endpoint.calls()), (0, 0));
        assert_eq!(self.endpoint.deadline(), None, "nothing is left to do, or to keep");
    }

    fn unix(&self) -> u64 {
        UNIX + (self.now - self.start).as_secs()
    }

    /// A datagram comes, and if the phone knows the password it proves it.
    fn ask(&mut self, from: u8, found: Found, datagram: &[u8]) {
        self.found = found;
        self.receive(from, datagram);
        let Some(request) = phone::asked(datagram) else { return };
        let one = request.is(rsip::Method::Options) || !self.owes;
        assert!(self.finals.len() <= 1, "at most one final response");
        assert!(!one || self.finals.len() == 1, "and one there must be");
        let Some(answer) = self.finals.pop().filter(|answer| answer.code() == Some(401)) else { return };
        let password = if found == Found::Known { "right" } else { "wrong" };
        self.begun += 1;
        if let Some(again) = phone::prove(&request, &answer, password, self.begun) {
            self.receive(from, &again.to_bytes());
            assert!(self.finals.len() <= 1, "at most one final response");
        }
    }

    fn receive(&mut self, from: u8, datagram: &[u8]) {
        self.finals.clear();
        self.source = source(from);
        let mut out = Vec::new();
        self.endpoint.receive(self.now, self.unix(), self.source, datagram, &mut out);
        self.carry_out(out);
    }

    fn notify(&mut self) {
        let ways: Vec<_> = DEVICES
            .iter()
            .flat_map(|device| self.endpoint.bindings(device))
            .map(|binding| binding.notify("check-sync;reboot=false"))
            .collect();
        for notify in ways {
            let mut out = Vec::new();
            self.notifies.insert(self.endpoint.notify(self.now, notify, &mut out));
            self.carry_out(out);
        }
    }

    fn call(&mut self) {
        for device in DEVICES {
            let ways: Vec<Way> = self.endpoint.bindings(device).map(Way::to).collect();
            self.begun += 1;
            let caller = Caller { name: "A \"B\"".into(), number: "1".into(), place: None };
            let call = Call {
                call_id: format!("call-{}", self.begun),
                aor: Aor::new("u1", "pbx"),
                ways,
                caller,
                number: "2".into(),
                auto_answer: true,
                patience: Duration::from_secs(20),
            };
            let mut out = Vec::new();
            self.calls.insert(self.endpoint.call(self.now, call, &mut out));
            self.carry_out(out);
        }
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        let mut queue = VecDeque::from(commands);
        let mut steps = 0;
        while let Some(command) = queue.pop_front() {
            steps += 1;
            assert!(steps < 10_000, "one thing leads to another, and to an end");
            let mut out = Vec::new();
            match command {
                Command::Send { to, datagram, .. } => self.heard(to, &datagram.0, &mut out),
                Command::FindLine { ticket, user, .. } => self.find(ticket, &user, &mut out),
                told => self.note(told),
            }
            queue.extend(out);
        }
    }

    /// What we sent is strict, and a phone that hears it does what its manner is.
    fn heard(&mut self, to: Peer, datagram: &[u8], out: &mut Vec<Command>) {
        let sent = Sent::read(datagram);
        match sent.code() {
            Some(100..200) => {}
            Some(_) => self.finals.push(sent),
            None => {
                sent.check_request();
                let answers = phone::answers(datagram, self.manner, &self.words, to.address);
                let asks = phone::asks(datagram, self.manner, &self.words);
                for message in answers.into_iter().chain(asks) {
                    self.endpoint.receive(self.now, self.unix(), to, &message, out);
                }
            }
        }
    }

    fn find(&mut self, ticket: Ticket, user: &str, out: &mut Vec<Command>) {
        self.owes |= matches!(self.found, Found::Never | Found::Late);
        match self.found {
            Found::Never => {}
            Found::Late => self.late.push((ticket, user.to_owned())),
            Found::Unavailable => self.endpoint.unavailable(ticket, out),
            found => {
                let line = line(found, user, self.source);
                self.endpoint.line(self.now, self.unix(), ticket, line.as_ref(), out);
            }
        }
    }

    fn answer_late(&mut self) {
        for (ticket, user) in std::mem::take(&mut self.late) {
            let mut out = Vec::new();
            let line = line(Found::Open, &user, self.source);
            for _ in 0..2 {
                self.endpoint.line(self.now, self.unix(), ticket, line.as_ref(), &mut out);
            }
            self.carry_out(out);
        }
    }

    /// A store that believes what it is told; nothing is told twice.
    fn note(&mut self, told: Command) {
        match told {
            Command::Bound { binding, fresh, .. } => {
                let key = (binding.aor.clone(), binding.contact.clone());
                let known = self.stored.insert(key, binding.device.clone());
                assert!(!fresh || known.is_none(), "what is fresh was not there");
            }
            Command::Unbound { binding, .. } => {
                let gone = self.stored.remove(&(binding.aor, binding.contact));
                assert_eq!(gone, Some(binding.device), "what ends was there");
            }
            Command::Notified { id, .. } => assert!(self.notifies.remove(&id), "told once"),
            Command::Called { id, .. } => assert!(self.calls.remove(&id), "told once"),
            Command::Send { .. } | Command::FindLine { .. } | Command::Lost(_) => {}
            Command::Registered { .. } | Command::Unwatched { .. } => unreachable!("nobody was asked"),
        }
    }

    /// Lets time pass from deadline to deadline; each leads on.
    fn sleep(&mut self, pause: Duration) {
        let until = self.now + pause;
        while let Some(next) = self.endpoint.deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            let mut out = Vec::new();
            self.endpoint.wake(self.now, self.unix(), &mut out);
            assert!(self.endpoint.deadline().is_none_or(|after| after > self.now), "a deadline that stays");
            self.carry_out(out);
        }
        self.now = until;
    }

    /// The endpoint has what a store would have by its commands, and no more of anything than it may.
    fn check(&self) {
        let mut lines: BTreeMap<&Aor, usize> = BTreeMap::new();
        for (aor, _) in self.stored.keys() {
            *lines.entry(aor).or_default() += 1;
        }
        assert!(lines.values().all(|contacts| *contacts <= MAX_CONTACTS));
        let held = DEVICES.iter().flat_map(|device| self.endpoint.bindings(device));
        let held: BTreeMap<_, _> =
            held.map(|b| ((b.aor.clone(), b.contact.clone()), b.device.clone())).collect();
        assert_eq!(held, self.stored);
        assert!(self.endpoint.waiting() <= self.notifies.len());
        assert!(self.endpoint.calls() <= MAX_CALLS.min(self.begun));
    }
}

fn listeners() -> Listeners {
    let local = ([192, 0, 2, 1], 5060).into();
    Listeners::new([(Transport::Udp, local), (Transport::Tcp, local)])
}

/// Every other phone comes over a connection.
fn source(number: u8) -> Peer {
    let address = ([192, 0, 2, 9 + number], 5060 + u16::from(number)).into();
    match number % 2 {
        0 => Peer::new(Transport::Udp, address),
        _ => Peer { flow: Some(Flow(number.into())), ..Peer::new(Transport::Tcp, address) },
    }
}

fn line(found: Found, user: &str, from: Peer) -> Option<Line> {
    let proof = match found {
        Found::Open => Proof::Address(from.ip()),
        _ => Proof::Password(Password::new("right")),
    };
    let device = DEVICES[user.len() % DEVICES.len()].to_owned();
    let line = Line {
        device,
        proof,
        enabled: found != Found::Disabled,
        expires: 300,
        tells_overwrites: user.len() % 3 == 0,
    };
    (found != Found::Nothing).then_some(line)
}
