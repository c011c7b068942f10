//! Our side as a server: REGISTER and OPTIONS are answered, all else is told what we allow.

use std::collections::BTreeMap;
use std::time::Instant;

use rsip::Method::{Ack, Cancel, Info, Options, Register, Update};

use super::address::Aor;
use super::agent::takes_md5_alone;
use super::binding::Bindings;
use super::call::manners::{ALLOW, unknown_extensions};
use super::chance::Chance;
use super::command::{Command, Ticket, send};
use super::fingerprint::Fingerprint;
use super::guard::Guard;
use super::header::wire;
use super::line::{Admission, Gate, Line};
use super::message::{Method, Request, Response};
use super::notify::Notify;
use super::overwrite;
use super::peer::Peer;
use super::reader::Malformed;
use super::refusal::refuse;
use super::registrar::{Admitted, Change, End, Refusal, register};
use super::registration::Registration;
use super::transaction::{Arrival, Servers, TIMER_J};

/// The most REGISTERs that wait for their line to be looked up; more are told to come again later.
pub const MAX_PENDING: usize = 4_096;
/// The longest REGISTER, in bytes.
pub const MAX_REGISTER: usize = 8_192;

/// The registrar as its phones see it.
#[derive(Debug)]
pub struct Server {
    agent: String,
    chance: Chance,
    gate: Gate,
    transactions: Servers,
    pending: BTreeMap<Ticket, Box<Pending>>,
    asked: u64,
    /// Where the phones are.
    pub bindings: Bindings,
}

#[derive(Debug)]
struct Pending {
    since: Instant,
    from: Peer,
    /// The name of the transaction.
    key: Fingerprint,
    request: Request,
    registration: Registration,
}

impl Server {
    /// A server without bindings, called `agent`.
    pub fn new(chance: Chance, agent: &str) -> Self {
        let (gate, transactions) = (Gate::new(Guard::new(chance.clone())), Servers::default());
        let (pending, bindings) = (BTreeMap::new(), Bindings::default());
        Self { agent: wire(agent), chance, gate, transactions, pending, asked: 0, bindings }
    }

    /// Takes a request of `length` bytes.
    pub fn request(
        &mut self,
        now: Instant,
        from: Peer,
        request: Request,
        length: usize,
        out: &mut Vec<Command>,
    ) {
        if let Some(refused) = refuse(&request, |code| self.answer(&request, code, from)) {
            return out.push(send(from.back(&request), refused.to_bytes()));
        }
        let unknown = unknown_extensions(&request);
        let response = match &request.method {
            Method::Known(Ack) => return,
            Method::Known(Cancel | Info | Update) => self.answer(&request, 481, from),
            Method::Known(Options | Register) if !unknown.is_empty() => {
                self.answer(&request, 420, from).with("Unsupported", unknown)
            }
            Method::Known(Options) => {
                self.answer(&request, 200, from).with("Allow", ALLOW).with("Supported", "path, outbound")
            }
            Method::Known(Register) if length > MAX_REGISTER => self.answer(&request, 513, from),
            Method::Known(Register) => return self.register(now, from, request, out),
            _ => self.answer(&request, 405, from).with("Allow", ALLOW),
        };
        out.push(send(from.back(&request), response.to_bytes()));
    }

    /// Tells the sender of a broken request so, if that can be done.
    pub fn malformed(&self, from: Peer, malformed: Malformed, out: &mut Vec<Command>) {
        if let Malformed::Answerable { request, code, reason } = malformed
            && !request.is(Ack)
        {
            let response = Response { reason: reason.to_owned(), ..self.answer(&request, code, from) };
            out.push(send(from.back(&request), response.to_bytes()));
        }
    }

    /// Takes the answer to a lookup; `None` if there is no such line. Gives what phones are to be told because of it.
    pub fn line(
        &mut self,
        unix: u64,
        ticket: Ticket,
        found: Option<&Line>,
        out: &mut Vec<Command>,
    ) -> Vec<Notify> {
        let Some(pending) = self.pending.remove(&ticket) else { return Vec::new() };
        self.expire(unix, out);
        let begun = out.len();
        let response = self.decide(unix, &pending, found, out);
        let tells = found.is_some_and(|line| line.tells_overwrites);
        let notifies = if tells { overwrite::notifies(&out[begun..]) } else { Vec::new() };
        self.finish(&pending, &response, out);
        notifies
    }

    /// Takes note that a line could not be looked up; its phone will ask again.
    pub fn unavailable(&mut self, ticket: Ticket, out: &mut Vec<Command>) {
        if let Some(pending) = self.pending.remove(&ticket) {
            let response = self.busy(&pending);
            self.finish(&pending, &response, out);
        }
    }

    /// When [`Server::wake`] has something to do next; when bindings end is not in it.
    pub fn deadline(&self) -> Option<Instant> {
        let oldest = self.pending.first_key_value().map(|(_, pending)| pending.since + TIMER_J);
        self.transactions.deadline().into_iter().chain(oldest).min()
    }

    /// Forgets the transactions that are over.
    pub fn wake(&mut self, now: Instant) {
        self.transactions.wake(now);
        while self.pending.first_key_value().is_some_and(|(_, pending)| pending.since + TIMER_J <= now) {
            self.pending.pop_first();
        }
    }

    /// Ends the bindings whose time has come.
    pub fn expire(&mut self, unix: u64, out: &mut Vec<Command>) {
        while let Some(ended) = self.bindings.take_ended(unix) {
            out.push(Command::Unbound { binding: Box::new(ended), end: End::Expired });
        }
    }

    fn register(&mut self, now: Instant, from: Peer, request: Request, out: &mut Vec<Command>) {
        let registration = match Registration::read(&request, from) {
            Ok(registration) => registration,
            Err(reason) => {
                let malformed = Malformed::Answerable { request: Box::new(request), code: 400, reason };
                return self.malformed(from, malformed, out);
            }
        };
        let key = Servers::key(&request, from);
        match self.transactions.arrive(now, key) {
            Arrival::New => self.look_up(Pending { since: now, from, key, request, registration }, out),
            Arrival::Again => {}
            Arrival::Answered(to, datagram) => out.push(send(to, datagram)),
        }
    }

    fn look_up(&mut self, pending: Pending, out: &mut Vec<Command>) {
        if self.pending.len() >= MAX_PENDING {
            let response = self.busy(&pending);
            return self.finish(&pending, &response, out);
        }
        self.asked += 1;
        let ticket = Ticket(self.asked);
        let Aor { user, realm } = pending.registration.aor.clone();
        out.push(Command::FindLine { ticket, user, realm });
        self.pending.insert(ticket, Box::new(pending));
    }

    fn decide(
        &mut self,
        unix: u64,
        pending: &Pending,
        found: Option<&Line>,
        out: &mut Vec<Command>,
    ) -> Response {
        let Pending { from, request, registration, .. } = pending;
        let admission = self.gate.admit(found, (request, &registration.aor), (from.address, unix));
        let (line, credentials) = match (admission, found) {
            (Admission::Admitted(credentials), Some(line)) => (line, credentials),
            (Admission::Challenged { stale }, _) => return self.challenged(pending, unix, stale),
            _ => return self.answer(request, 403, *from),
        };
        let (device, credentials) = (&line.device, credentials.as_ref());
        let who = Admitted { device, credentials, expires: line.expires, alone: line.tells_overwrites };
        match register(registration, who, unix, &mut self.bindings) {
            Ok(changes) => {
                out.extend(changes.into_iter().map(Command::from));
                self.bound(pending, unix)
            }
            Err(Refusal::TooBrief(shortest)) => {
                self.answer(request, 423, *from).with("Min-Expires", shortest.to_string())
            }
            Err(Refusal::OutOfOrder) => self.answer(request, 500, *from),
        }
    }

    fn bound(&self, pending: &Pending, unix: u64) -> Response {
        let mut response = self.answer(&pending.request, 200, pending.from);
        if pending.registration.outbound {
            response.headers.push("Require", "outbound");
        }
        for binding in self.bindings.of_line(pending.registration.line) {
            response.headers.push("Contact", binding.shown(unix));
        }
        for path in pending.request.headers.all("Path") {
            response.headers.push("Path", path);
        }
        response
    }

    fn challenged(&mut self, pending: &Pending, unix: u64, stale: bool) -> Response {
        let (realm, from) = (&pending.registration.aor.realm, pending.from);
        let challenges = self.gate.guard.challenges(realm, from.ip(), unix, stale);
        let response = self.answer(&pending.request, 401, from);
        let agent = pending.request.headers.get("User-Agent").unwrap_or_default();
        let offered = challenges.into_iter().take(if takes_md5_alone(agent) { 1 } else { 2 });
        offered.fold(response, |response, offer| response.with("WWW-Authenticate", offer))
    }

    fn busy(&self, pending: &Pending) -> Response {
        self.answer(&pending.request, 503, pending.from).with("Retry-After", "30")
    }

    /// A response; the tag is made from the request, so that it is the same whenever it is answered.
    fn answer(&self, request: &Request, code: u16, from: Peer) -> Response {
        let field = |name| request.headers.get(name).unwrap_or_default().as_bytes();
        let tag = self.chance.stamp("tag", &[field("Call-ID"), field("From")]);
        request.answer(code, &tag[..16], from.address).with("Server", self.agent.clone())
    }

    fn finish(&mut self, pending: &Pending, response: &Response, out: &mut Vec<Command>) {
        let (to, datagram) = (pending.registration.source, response.to_bytes());
        self.transactions.answer(pending.key, to, datagram.clone());
        out.push(send(to, datagram));
    }
}

impl From<Change> for Command {
    fn from(change: Change) -> Self {
        match change {
            Change::Bound { binding, fresh, same } => Self::Bound { binding, fresh, same },
            Change::Unbound { binding, end } => Self::Unbound { binding, end },
        }
    }
}
