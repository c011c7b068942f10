//! All calls under way: whose a response or a request is, and what falls due when.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use rsip::Method::{Ack, Bye, Cancel, Info, Invite, Notify, Options, Register, Update};

use super::dialog::tag;
use super::manners::{ALLOW, unknown_extensions};
use super::sender::{Errand, Sender};
use super::session;
use super::talk::Talk;
use super::{Call, Fate};
use crate::sip::chance::Chance;
use crate::sip::command::{CallId, Command, ask, send};
use crate::sip::header::wire;
use crate::sip::listeners::Listeners;
use crate::sip::message::{Method, Request, Response};
use crate::sip::peer::Peer;
use crate::sip::timers::Timers;
use crate::sip::transaction::{Arrival, Clients, Due, Servers};

/// The most calls under way, those included that are over and still say goodbye.
pub const MAX_CALLS: usize = 1_024;

/// Makes calls and tells each one's fate exactly once.
#[derive(Debug)]
pub struct Calls {
    listeners: Listeners,
    agent: String,
    chance: Chance,
    talks: BTreeMap<CallId, Talk>,
    by_call_id: HashMap<String, CallId>,
    timers: Timers<Instant, CallId>,
    transactions: Clients<(CallId, Errand)>,
    servers: Servers,
    begun: u64,
}

impl Calls {
    /// None yet; we listen at `listeners` and are called `agent`. `chance` must be another than that of whoever else
    /// makes tokens.
    pub fn new(chance: Chance, listeners: Listeners, agent: &str) -> Self {
        Self {
            listeners,
            agent: agent.to_owned(),
            chance,
            talks: BTreeMap::new(),
            by_call_id: HashMap::new(),
            timers: Timers::default(),
            transactions: Clients::default(),
            servers: Servers::default(),
            begun: 0,
        }
    }

    /// Makes a call.
    pub fn call(&mut self, now: Instant, call: Call, out: &mut Vec<Command>) -> CallId {
        self.begun += 1;
        let id = CallId(self.begun);
        if self.talks.len() >= MAX_CALLS || self.by_call_id.contains_key(&call.call_id) {
            out.push(Command::Called { id, fate: Fate::Overloaded });
            return id;
        }
        self.by_call_id.insert(call.call_id.clone(), id);
        let talk = Talk::begin(id, call, &mut self.sender(now, out).1);
        self.talks.insert(id, talk);
        self.settle(id);
        id
    }

    /// Gives all calls up: what can be cancelled or ended is, once.
    pub fn give_up(&mut self, now: Instant, out: &mut Vec<Command>) {
        for id in self.talks.keys().copied().collect::<Vec<_>>() {
            self.with(now, id, out, Talk::give_up);
        }
    }

    /// Takes a response; one that answers nothing of ours is passed over.
    pub fn response(&mut self, now: Instant, response: &Response, out: &mut Vec<Command>) {
        let Some((branch, method)) = response.transaction() else { return };
        if method != "INVITE" {
            let found = self.transactions.response(now, (branch, method), response.code);
            let Some((id, errand)) = found else { return };
            return self.with(now, id, out, |talk, sender| talk.done(errand, response, sender));
        }
        let call_id = response.headers.get("Call-ID").unwrap_or_default();
        let Some(id) = self.by_call_id.get(call_id).copied() else { return };
        self.with(now, id, out, |talk, sender| talk.response(branch, response, sender));
    }

    /// Takes note that a request could not be sent.
    pub fn undeliverable(&mut self, now: Instant, branch: &str, out: &mut Vec<Command>) {
        if let Some((id, errand)) = self.transactions.undeliverable(branch) {
            return self.with(now, id, out, |talk, sender| talk.unanswered(errand, sender));
        }
        let sent = self.talks.iter().find(|(_, talk)| talk.has_sent(branch)).map(|(id, _)| *id);
        if let Some(id) = sent {
            self.with(now, id, out, |talk, sender| talk.undeliverable(branch, sender));
        }
    }

    /// Takes a request if it belongs into a dialog, ours or one we know nothing of; else gives false.
    pub fn request(&mut self, now: Instant, from: Peer, request: &Request, out: &mut Vec<Command>) -> bool {
        if !needs_a_dialog(request) {
            return false;
        }
        match self.find(request) {
            _ if request.is(Ack) => {}
            Some(found) => self.answer_once(now, from, found, request, out),
            None => {
                let response = self.answer(request, 481, from);
                out.push(send(from.back(request), response.to_bytes()));
            }
        }
        true
    }

    /// How many calls are under way.
    pub fn under_way(&self) -> usize {
        self.talks.len()
    }

    /// When [`Calls::wake`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        let others = [self.transactions.deadline(), self.servers.deadline()];
        others.into_iter().flatten().chain(self.timers.next()).min()
    }

    /// Does what is due: sends again, gives up.
    pub fn wake(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.servers.wake(now);
        while let Some(due) = self.transactions.due(now) {
            match due {
                Due::Resend(branch, to, datagram) => out.push(ask(to, datagram, &branch)),
                Due::TimedOut((id, errand)) => {
                    self.with(now, id, out, |talk, sender| talk.unanswered(errand, sender));
                }
            }
        }
        while let Some(id) = self.timers.due(now) {
            self.with(now, id, out, Talk::wake);
        }
    }

    fn find(&self, request: &Request) -> Option<(CallId, usize)> {
        let field = |name| request.headers.get(name).unwrap_or_default();
        let id = *self.by_call_id.get(field("Call-ID"))?;
        Some((id, self.talks.get(&id)?.side(tag(field("To")), tag(field("From")))?))
    }

    /// Answers a request of a phone, and the same again when it comes again.
    fn answer_once(
        &mut self,
        now: Instant,
        from: Peer,
        (id, side): (CallId, usize),
        request: &Request,
        out: &mut Vec<Command>,
    ) {
        let key = Servers::key(request, from);
        match self.servers.arrive(now, key) {
            Arrival::Again => {}
            Arrival::Answered(to, datagram) => out.push(send(to, datagram)),
            Arrival::New => {
                let (to, response) = (from.back(request), self.agree((id, side), request, from));
                let datagram = response.to_bytes();
                self.servers.answer(key, to, datagram.clone());
                out.push(send(to, datagram));
                if response.code == 200 {
                    self.with(now, id, out, |talk, sender| talk.request(side, request, sender));
                }
            }
        }
    }

    /// What a phone in a dialog is answered.
    fn agree(&mut self, of: (CallId, usize), request: &Request, from: Peer) -> Response {
        let unknown = unknown_extensions(request);
        if !unknown.is_empty() {
            return self.answer(request, 420, from).with("Unsupported", unknown);
        }
        let event = request.headers.get("Event").unwrap_or("refer").split(';').next().unwrap_or_default();
        match request.method {
            Method::Known(Notify) if !event.trim_end().eq_ignore_ascii_case("refer") => {
                self.answer(request, 489, from)
            }
            Method::Known(Bye | Notify | Info) => self.answer(request, 200, from),
            Method::Known(Invite | Update) => self.renew(of, request, from),
            _ => self.answer(request, 405, from).with("Allow", ALLOW),
        }
    }

    /// Answers a session with ours, in which nothing is ever sent. An UPDATE without one leaves all as it is
    /// (RFC 3311 §5.2); an INVITE without one asks for ours.
    fn renew(&mut self, (id, side): (CallId, usize), request: &Request, from: Peer) -> Response {
        let contact = self.listeners.contact(&from);
        let answer = self.answer(request, 200, from).with("Contact", contact).with("Allow", ALLOW);
        if request.body.is_empty() && request.is(Update) {
            return answer;
        }
        let version = self.talks.get_mut(&id).map_or(1, |talk| talk.next_session(side));
        let body = session::answer(&request.body, self.listeners.local(&from), version).into();
        Response { body, ..answer.with("Content-Type", "application/sdp") }
    }

    fn answer(&self, request: &Request, code: u16, from: Peer) -> Response {
        let call_id = request.headers.get("Call-ID").unwrap_or_default().as_bytes();
        let tag = self.chance.stamp("tag", &[call_id]);
        request.answer(code, &tag[..16], from.address).with("Server", wire(&self.agent))
    }

    fn with(
        &mut self,
        now: Instant,
        id: CallId,
        out: &mut Vec<Command>,
        act: impl FnOnce(&mut Talk, &mut Sender<'_>),
    ) {
        let (talks, mut sender) = self.sender(now, out);
        let Some(talk) = talks.get_mut(&id) else { return };
        act(talk, &mut sender);
        self.settle(id);
    }

    fn sender<'a>(
        &'a mut self,
        now: Instant,
        out: &'a mut Vec<Command>,
    ) -> (&'a mut BTreeMap<CallId, Talk>, Sender<'a>) {
        let Self { listeners, agent, chance, talks, transactions, .. } = self;
        (talks, Sender { now, listeners, agent, chance, transactions, out })
    }

    /// Sets the clock of a call that something happened to, or forgets it.
    fn settle(&mut self, id: CallId) {
        let Some(talk) = self.talks.get(&id) else { return };
        match talk.deadline() {
            _ if talk.has_ended() => {
                self.by_call_id.remove(talk.call_id());
                self.timers.clear(&id);
                self.talks.remove(&id);
            }
            Some(at) => self.timers.set(&id, at),
            None => self.timers.clear(&id),
        }
    }
}

/// BYE and NOTIFY mean nothing without a dialog (RFC 3261 §15.1.2, RFC 6665 §4.1.3); others may name one.
fn needs_a_dialog(request: &Request) -> bool {
    match request.method {
        Method::Known(Bye | Notify) => true,
        Method::Known(Register | Options | Cancel) => false,
        _ => !tag(request.headers.get("To").unwrap_or_default()).is_empty(),
    }
}
