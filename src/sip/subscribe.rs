//! Who is registered at somebody else's registrar: a subscription to each line (RFC 6665, event package `reg` of
//! RFC 3680).
//!
//! All of it goes to one proxy, as the line itself and with its password. Lines are asked for at a pace, so that a
//! registrar of many is not flooded when we start; refreshes come spread as the first requests were.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::address::Aor;
use super::chance::Chance;
use super::command::{Command, ask, send};
use super::digest::Credentials;
use super::header::wire;
use super::listeners::Listeners;
use super::message::{Request, Response};
use super::peer::Peer;
use super::timers::Timers;
use super::transaction::{Clients, Due};

pub mod book;
pub mod reginfo;
pub mod subscription;

use subscription::{Next, Subscription};

/// The most lines that are watched; others are not.
pub const MAX_WATCHED: usize = 262_144;

/// The pause between the first requests for two lines: a hundred lines a second.
pub const PACE: Duration = Duration::from_millis(10);

/// The lines that are watched.
#[derive(Debug)]
pub struct Subscriptions {
    listeners: Listeners,
    agent: String,
    chance: Chance,
    proxy: Option<Peer>,
    lines: BTreeMap<Aor, u64>,
    watched: HashMap<u64, Subscription>,
    by_call_id: HashMap<String, u64>,
    timers: Timers<Instant, u64>,
    transactions: Clients<(u64, u32)>,
    begun: u64,
    slot: Option<Instant>,
}

impl Subscriptions {
    /// None yet; we listen at `listeners` and are called `agent`. `chance` must be another than that of whoever else
    /// makes tokens.
    pub fn new(chance: Chance, listeners: Listeners, agent: &str) -> Self {
        Self {
            listeners,
            agent: agent.to_owned(),
            chance,
            proxy: None,
            lines: BTreeMap::new(),
            watched: HashMap::new(),
            by_call_id: HashMap::new(),
            timers: Timers::default(),
            transactions: Clients::default(),
            begun: 0,
            slot: None,
        }
    }

    /// From now on everything goes there. Until this was said once nothing is sent.
    pub fn through(&mut self, proxy: Peer) {
        self.proxy = Some(proxy);
    }

    /// Watches a line, or gives one that is watched other credentials. False if too many are watched already.
    pub fn watch(&mut self, now: Instant, aor: Aor, credentials: Option<Credentials>) -> bool {
        if let Some(watched) = self.lines.get(&aor).and_then(|id| self.watched.get_mut(id)) {
            watched.prove_with(credentials);
            return true;
        }
        if self.watched.len() >= MAX_WATCHED {
            return false;
        }
        let due = self.slot.map_or(now, |slot| slot.max(now));
        self.slot = Some(due + PACE);
        self.begun += 1;
        let subscription = Subscription::new(aor.clone(), credentials, due, &mut self.chance);
        self.lines.insert(aor, self.begun);
        self.by_call_id.insert(subscription.call_id.clone(), self.begun);
        self.watched.insert(self.begun, subscription);
        self.timers.set(&self.begun, due);
        true
    }

    /// Watches a line no more; the server is told once.
    pub fn unwatch(&mut self, aor: &Aor, out: &mut Vec<Command>) {
        let Some(id) = self.lines.remove(aor) else { return };
        self.timers.clear(&id);
        let Some(mut watched) = self.watched.remove(&id) else { return };
        self.by_call_id.remove(&watched.call_id);
        if let Some(proxy) = self.proxy.filter(|_| watched.stands()) {
            let branch = self.branch();
            let of = (&self.listeners, &self.agent[..]);
            let request = watched.request(&proxy, &branch, of, true, &mut self.chance);
            out.push(send(proxy, request.to_bytes()));
        }
    }

    /// How many lines are watched.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Takes a response; one that answers nothing of ours is passed over.
    pub fn response(&mut self, now: Instant, response: &Response, out: &mut Vec<Command>) {
        let Some(transaction) = response.transaction() else { return };
        let Some(owner) = self.transactions.response(now, transaction, response.code) else { return };
        let chance = &mut self.chance;
        let Some(watched) = self.watched.get_mut(&owner.0).filter(|of| of.dialog == owner.1) else { return };
        match watched.response(now, response, chance) {
            Next::Again => self.send(now, owner.0, out),
            Next::Watched => self.settle(owner.0),
            Next::Failed => self.failed(owner.0, Some(response.code), out),
        }
    }

    /// Takes note that a request could not be sent.
    pub fn undeliverable(&mut self, now: Instant, branch: &str, out: &mut Vec<Command>) {
        if let Some(owner) = self.transactions.undeliverable(branch) {
            self.unanswered(now, owner, out);
        }
    }

    /// Takes a request if it is a NOTIFY of one of ours; else gives false.
    pub fn request(&mut self, now: Instant, from: Peer, request: &Request, out: &mut Vec<Command>) -> bool {
        if !request.is(rsip::Method::Notify) {
            return false;
        }
        let call_id = request.headers.get("Call-ID").unwrap_or_default();
        let Some(id) = self.by_call_id.get(call_id).copied() else { return false };
        let Some(watched) = self.watched.get_mut(&id) else { return false };
        let Some(heard) = watched.notify(now, request, &mut self.chance) else { return false };
        let answer = request.answer(heard.code, "", from.address).with("Server", wire(&self.agent));
        out.push(send(from.back(request), answer.to_bytes()));
        if heard.news {
            let contacts = watched.contacts().cloned().collect();
            out.push(Command::Registered { aor: watched.aor.clone(), contacts });
        }
        self.settle(id);
        true
    }

    /// When [`Subscriptions::wake`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.timers.next().filter(|_| self.proxy.is_some());
        self.transactions.deadline().into_iter().chain(due).min()
    }

    /// Does what is due: asks, refreshes, sends again, gives up.
    pub fn wake(&mut self, now: Instant, out: &mut Vec<Command>) {
        while let Some(due) = self.transactions.due(now) {
            match due {
                Due::Resend(branch, to, datagram) => out.push(ask(to, datagram, &branch)),
                Due::TimedOut(owner) => self.unanswered(now, owner, out),
            }
        }
        while let Some(id) = self.proxy.and_then(|_| self.timers.due(now)) {
            if let Some(watched) = self.watched.get_mut(&id) {
                watched.begin();
                self.send(now, id, out);
            }
        }
    }

    fn send(&mut self, now: Instant, id: u64, out: &mut Vec<Command>) {
        let branch = self.branch();
        let (Some(watched), Some(to)) = (self.watched.get_mut(&id), self.proxy) else { return };
        let of = (&self.listeners, &self.agent[..]);
        let request = watched.request(&to, &branch, of, false, &mut self.chance);
        let (owner, datagram) = ((id, watched.dialog), request.to_bytes());
        if self.transactions.start(now, (&branch, "SUBSCRIBE"), owner, (to, datagram.clone())) {
            out.push(ask(to, datagram, &branch));
        } else {
            self.unanswered(now, owner, out);
        }
    }

    fn unanswered(&mut self, now: Instant, (id, dialog): (u64, u32), out: &mut Vec<Command>) {
        let Some(watched) = self.watched.get_mut(&id).filter(|of| of.dialog == dialog) else { return };
        watched.unanswered(now, &mut self.chance);
        self.failed(id, None, out);
    }

    fn failed(&mut self, id: u64, code: Option<u16>, out: &mut Vec<Command>) {
        if let Some(watched) = self.watched.get(&id) {
            out.push(Command::Unwatched { aor: watched.aor.clone(), code });
        }
        self.settle(id);
    }

    /// Sets the clock of a line that something happened to.
    fn settle(&mut self, id: u64) {
        match self.watched.get(&id).and_then(|watched| watched.due) {
            Some(at) => self.timers.set(&id, at),
            None => self.timers.clear(&id),
        }
    }

    fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.chance.token())
    }
}

#[cfg(test)]
mod tests;
