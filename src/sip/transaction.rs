//! Non-INVITE transactions (RFC 3261 §17.1.2 and §17.2.2), both kinds in bounded tables. Over a reliable transport
//! nothing is sent again, and nothing is kept for what comes again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::address::Via;
use super::fingerprint::{Fingerprint, octets};
use super::message::Request;
use super::peer::Peer;
use super::timers::Timers;

#[cfg(test)]
mod tests;

/// The estimate of a round trip; timer E starts here.
pub const T1: Duration = Duration::from_millis(500);
/// The longest pause between retransmissions.
pub const T2: Duration = Duration::from_secs(4);
/// Timer F: how long a client waits for a final response.
pub const TIMER_F: Duration = Duration::from_secs(32);
/// Timer K: how long a client knows the responses that come again.
pub const TIMER_K: Duration = Duration::from_secs(5);
/// Timer J: how long a server knows the requests that come again.
pub const TIMER_J: Duration = Duration::from_secs(32);

/// The most client transactions without a final response.
pub const MAX_WAITING: usize = 65_536;
/// The most client transactions kept only to know what comes again.
pub const MAX_COMPLETED: usize = 4_096;
/// The most server transactions; the one that would end first makes room.
pub const MAX_SERVERS: usize = 32_768;
/// The longest answer kept, in bytes; after a longer one the request is new when it comes again.
pub const MAX_ANSWER: usize = 4_096;

/// The client transactions under way, each named by its branch and owned by an `O`.
#[derive(Debug)]
pub struct Clients<O> {
    table: HashMap<Arc<str>, Client<O>>,
    timers: Timers<Instant, Arc<str>>,
    completed: VecDeque<(Instant, Arc<str>)>,
}

#[derive(Debug)]
struct Client<O> {
    branch: Arc<str>,
    owner: O,
    method: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Trying and Proceeding: sent again after `pause` until `until`.
    Waiting {
        to: Peer,
        datagram: Bytes,
        pause: Duration,
        until: Instant,
    },
    Completed,
}

/// What a timer of a client transaction asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Due<O> {
    /// Timer E: send this again; the request of that branch.
    Resend(Arc<str>, Peer, Bytes),
    /// Timer F: nobody answered.
    TimedOut(O),
}

impl<O> Default for Clients<O> {
    fn default() -> Self {
        Self { table: HashMap::new(), timers: Timers::default(), completed: VecDeque::new() }
    }
}

impl<O: Copy> Clients<O> {
    /// Starts the transaction of a request that is sent now. False if too many wait already.
    pub fn start(
        &mut self,
        now: Instant,
        (branch, method): (&str, &str),
        owner: O,
        sent: (Peer, Bytes),
    ) -> bool {
        if self.waiting() >= MAX_WAITING {
            return false;
        }
        let (to, datagram) = sent;
        let state = State::Waiting { to, datagram, pause: T1, until: now + TIMER_F };
        let branch: Arc<str> = branch.into();
        self.timers.set(&branch, now + if to.is_reliable() { TIMER_F } else { T1 });
        let client = Client { branch: branch.clone(), owner, method: method.to_owned(), state };
        self.table.insert(branch, client);
        true
    }

    /// Takes note of a response. Says whose it is if it is the first final one.
    pub fn response(&mut self, now: Instant, (branch, method): (&str, &str), code: u16) -> Option<O> {
        let client = self.table.get_mut(branch).filter(|client| client.method == method)?;
        let State::Waiting { to, pause, .. } = &mut client.state else { return None };
        let reliable = to.is_reliable();
        if code < 200 {
            *pause = T2;
            return None;
        }
        client.state = State::Completed;
        let (owner, branch) = (client.owner, client.branch.clone());
        if reliable {
            self.end(&branch);
        } else {
            self.complete(now, branch);
        }
        Some(owner)
    }

    /// Ends a transaction whose request could not be sent. Says whose it is, unless it was answered.
    pub fn undeliverable(&mut self, branch: &str) -> Option<O> {
        self.table.get(branch).filter(|client| matches!(client.state, State::Waiting { .. }))?;
        self.end(branch)
    }

    fn end(&mut self, branch: &str) -> Option<O> {
        let client = self.table.remove(branch)?;
        self.timers.clear(&client.branch);
        Some(client.owner)
    }

    /// How many wait for a final response.
    pub fn waiting(&self) -> usize {
        self.table.len().saturating_sub(self.completed.len())
    }

    /// When [`Clients::due`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        let completed = self.completed.front().map(|(end, _)| *end);
        self.timers.next().into_iter().chain(completed).min()
    }

    /// The next thing a timer asks for by `now`; ask until there is none.
    pub fn due(&mut self, now: Instant) -> Option<Due<O>> {
        while self.completed.front().is_some_and(|(end, _)| *end <= now) {
            self.drop_completed();
        }
        let branch = self.timers.due(now)?;
        let client = self.table.get_mut(&branch)?;
        let State::Waiting { to, datagram, pause, until } = &mut client.state else { return None };
        let owner = client.owner;
        if *until <= now {
            self.table.remove(&branch);
            return Some(Due::TimedOut(owner));
        }
        *pause = (*pause * 2).min(T2);
        let again = (*to, datagram.clone());
        self.timers.set(&branch, (now + *pause).min(*until));
        Some(Due::Resend(branch, again.0, again.1))
    }

    fn complete(&mut self, now: Instant, branch: Arc<str>) {
        self.timers.clear(&branch);
        self.completed.push_back((now + TIMER_K, branch));
        if self.completed.len() > MAX_COMPLETED {
            self.drop_completed();
        }
    }

    fn drop_completed(&mut self) {
        if let Some((_, branch)) = self.completed.pop_front() {
            self.table.remove(&branch);
        }
    }
}

/// The server transactions of requests whose answers must not be computed twice.
#[derive(Debug)]
pub struct Servers {
    most: usize,
    table: HashMap<Fingerprint, Option<(Peer, Bytes)>>,
    /// When each ends, in the order they came: all have the same time to live.
    order: VecDeque<(Instant, Fingerprint)>,
}

/// What to do with a request that came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is new: answer it.
    New,
    /// It came again before it was answered: wait.
    Again,
    /// It was answered: send the same answer.
    Answered(Peer, Bytes),
}

impl Default for Servers {
    fn default() -> Self {
        Self::of_at_most(MAX_SERVERS)
    }
}

impl Servers {
    /// None yet, and never more than so many; the one that would end first makes room.
    pub fn of_at_most(most: usize) -> Self {
        Self { most, table: HashMap::new(), order: VecDeque::new() }
    }

    /// The name of a request's transaction (RFC 3261 §17.2.3): the branch, sent-by and method, or what RFC
    /// 2543 had in their place. `from` keeps apart what strangers send under the same name. Hashed, so that
    /// no name is long.
    pub fn key(request: &Request, from: Peer) -> Fingerprint {
        let field = |name| request.headers.get(name).unwrap_or_default();
        let (from, method) = (octets(from.ip()), request.method.as_str().as_bytes());
        match Via::read(field("Via")) {
            Some(via) if via.branch.strip_prefix("z9hG4bK").is_some_and(|name| !name.is_empty()) => {
                let port = via.port.to_be_bytes();
                Fingerprint::of(&[&from[..], method, via.host.as_bytes(), &port, via.branch.as_bytes()])
            }
            _ => {
                let [id, cseq, caller, callee, via] =
                    ["Call-ID", "CSeq", "From", "To", "Via"].map(|name| field(name).as_bytes());
                let uri = request.uri.as_bytes();
                Fingerprint::of(&[&from[..], method, id, cseq, caller, callee, via, uri])
            }
        }
    }

    /// The answer that a request was given, and where it went.
    pub fn answered(&self, key: Fingerprint) -> Option<(Peer, Bytes)> {
        self.table.get(&key)?.clone()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Takes note of a request.
    pub fn arrive(&mut self, now: Instant, key: Fingerprint) -> Arrival {
        match self.table.get(&key) {
            Some(None) => Arrival::Again,
            Some(Some((to, datagram))) => Arrival::Answered(*to, datagram.clone()),
            None => {
                self.make_room();
                self.table.insert(key, None);
                self.order.push_back((now + TIMER_J, key));
                Arrival::New
            }
        }
    }

    /// Takes note of the final answer, so that it can be given again until timer J ends, which began when the request
    /// came: nobody asks again later. Over a reliable transport it ends at once.
    pub fn answer(&mut self, key: Fingerprint, to: Peer, datagram: Bytes) {
        if datagram.len() > MAX_ANSWER || to.is_reliable() {
            self.table.remove(&key);
            self.order.pop_back_if(|(_, last)| *last == key);
        } else if let Some(answer) = self.table.get_mut(&key) {
            *answer = Some((to, datagram));
        }
    }

    /// When [`Servers::wake`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.order.front().map(|(at, _)| *at)
    }

    /// Forgets the transactions that have ended.
    pub fn wake(&mut self, now: Instant) {
        while let Some((_, key)) = self.order.pop_front_if(|(at, _)| *at <= now) {
            self.table.remove(&key);
        }
    }

    fn make_room(&mut self) {
        if self.order.len() >= self.most
            && let Some((_, key)) = self.order.pop_front()
        {
            self.table.remove(&key);
        }
    }
}
