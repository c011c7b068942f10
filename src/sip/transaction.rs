//! Non-INVITE transactions (RFC 3261 §17.1.2 and §17.2.2), both kinds in bounded tables. Over a reliable transport
//! nothing is sent again, and nothing is kept for what comes again.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::address::Via;
use super::chance::hex;
use super::message::Request;
use super::peer::Peer;
use super::timers::Timers;

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
    table: HashMap<String, Client<O>>,
    timers: Timers<Instant, String>,
    completed: VecDeque<(Instant, String)>,
}

#[derive(Debug)]
struct Client<O> {
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
    Resend(String, Peer, Bytes),
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
        self.table.insert(branch.to_owned(), Client { owner, method: method.to_owned(), state });
        self.timers.set(&branch.to_owned(), now + if to.is_reliable() { TIMER_F } else { T1 });
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
        let owner = client.owner;
        if reliable {
            self.end(branch);
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
        self.timers.clear(&branch.to_owned());
        self.table.remove(branch).map(|client| client.owner)
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

    fn complete(&mut self, now: Instant, branch: &str) {
        self.timers.clear(&branch.to_owned());
        self.completed.push_back((now + TIMER_K, branch.to_owned()));
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
#[derive(Debug, Default)]
pub struct Servers {
    table: HashMap<String, Option<(Peer, Bytes)>>,
    timers: Timers<Instant, String>,
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

impl Servers {
    /// The name of a request's transaction (RFC 3261 §17.2.3): the branch, sent-by and method, or what RFC
    /// 2543 had in their place. `from` keeps apart what strangers send under the same name. Hashed, so that
    /// no name is long.
    pub fn key(request: &Request, from: Peer) -> String {
        let field = |name| request.headers.get(name).unwrap_or_default();
        let name = match Via::read(field("Via")) {
            Some(via) if via.branch.starts_with("z9hG4bK") => {
                format!("{}:{} {}", via.host, via.port, via.branch)
            }
            _ => ["Call-ID", "CSeq", "From", "To", "Via"].map(field).join("\n") + &request.uri,
        };
        let whole = format!("{} {} {name}", from.ip(), request.method.as_str());
        hex(&Sha256::digest(whole.as_bytes())[..16])
    }

    /// Takes note of a request.
    pub fn arrive(&mut self, now: Instant, key: &str) -> Arrival {
        match self.table.get(key) {
            Some(None) => Arrival::Again,
            Some(Some((to, datagram))) => Arrival::Answered(*to, datagram.clone()),
            None => {
                self.make_room();
                self.table.insert(key.to_owned(), None);
                self.timers.set(&key.to_owned(), now + TIMER_J);
                Arrival::New
            }
        }
    }

    /// Takes note of the final answer, so that it can be given again until timer J ends; over a reliable transport
    /// that is at once.
    pub fn answer(&mut self, now: Instant, key: &str, to: Peer, datagram: Bytes) {
        if datagram.len() > MAX_ANSWER || to.is_reliable() {
            self.table.remove(key);
            self.timers.clear(&key.to_owned());
        } else if let Some(answer) = self.table.get_mut(key) {
            *answer = Some((to, datagram));
            self.timers.set(&key.to_owned(), now + TIMER_J);
        }
    }

    /// When [`Servers::wake`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Forgets the transactions that have ended.
    pub fn wake(&mut self, now: Instant) {
        while let Some(key) = self.timers.due(now) {
            self.table.remove(&key);
        }
    }

    fn make_room(&mut self) {
        if self.table.len() >= MAX_SERVERS
            && let Some(key) = self.timers.earliest()
        {
            self.table.remove(&key);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::sip::peer::Transport;

    const KEY: (&str, &str) = ("z9hG4bK1", "NOTIFY");

    fn at() -> Peer {
        "10.0.0.1:5060".parse().unwrap()
    }

    fn started(now: Instant) -> Clients<u8> {
        let mut clients = Clients::default();
        assert!(clients.start(now, KEY, 1, (at(), Bytes::from_static(b"n"))));
        clients
    }

    /// Lets time pass from deadline to deadline, and notes what happened at which millisecond.
    fn run(clients: &mut Clients<u8>, start: Instant) -> Vec<(u128, bool)> {
        let mut seen = Vec::new();
        while let Some(now) = clients.deadline() {
            while let Some(due) = clients.due(now) {
                seen.push(((now - start).as_millis(), matches!(due, Due::TimedOut(1))));
            }
        }
        seen
    }

    #[test]
    fn an_unanswered_request_is_sent_eleven_times_and_given_up_after_32_seconds() {
        let start = Instant::now();
        let seen = run(&mut started(start), start);
        let (resent, ended) = seen.split_at(seen.len() - 1);
        let times: Vec<_> = resent.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(ended, [(32000, true)]);
    }

    #[test]
    fn a_provisional_response_slows_the_retransmissions_to_t2() {
        let start = Instant::now();
        let mut clients = started(start);
        assert_eq!(clients.response(start, KEY, 100), None);
        let times: Vec<_> = run(&mut clients, start).into_iter().map(|(at, _)| at).collect();
        assert_eq!(times, [500, 4500, 8500, 12500, 16500, 20500, 24500, 28500, 32000]);
    }

    #[test]
    fn a_final_response_is_told_once_and_known_for_five_seconds() {
        let start = Instant::now();
        let mut clients = started(start);
        assert_eq!(clients.response(start, KEY, 200), Some(1));
        assert_eq!(clients.response(start, KEY, 200), None);
        assert_eq!((clients.deadline(), clients.waiting()), (Some(start + TIMER_K), 0));
        assert_eq!((clients.due(start + TIMER_K), clients.table.len()), (None, 0));
        assert_eq!(clients.deadline(), None);
    }

    #[test]
    fn over_a_stream_nothing_is_sent_again_and_nothing_is_kept() {
        let (start, tcp) = (Instant::now(), Peer::new(Transport::Tcp, at().address));
        let begun = || {
            let mut clients = Clients::default();
            assert!(clients.start(start, KEY, 1, (tcp, Bytes::new())));
            clients
        };
        assert_eq!(run(&mut begun(), start), [(32000, true)]);
        let mut clients = begun();
        assert_eq!(clients.response(start, KEY, 180), None);
        assert_eq!(clients.response(start, KEY, 200), Some(1));
        assert_eq!((clients.deadline(), clients.table.len(), clients.waiting()), (None, 0, 0));
        let mut servers = Servers::default();
        servers.arrive(start, "k");
        servers.answer(start, "k", tcp, Bytes::from_static(b"ok"));
        assert_eq!((servers.arrive(start, "k"), servers.deadline()), (Arrival::New, Some(start + TIMER_J)));
    }

    #[test]
    fn a_response_to_another_branch_or_method_is_nobodys() {
        let start = Instant::now();
        let mut clients = started(start);
        assert_eq!(clients.response(start, ("z9hG4bK2", "NOTIFY"), 200), None);
        assert_eq!(clients.response(start, ("z9hG4bK1", "OPTIONS"), 200), None);
        assert_eq!(clients.waiting(), 1);
        assert_eq!([clients.undeliverable(KEY.0), clients.undeliverable(KEY.0)], [Some(1), None]);
        assert_eq!((clients.waiting(), clients.deadline()), (0, None));
    }

    #[test]
    fn what_is_completed_does_not_fill_the_table() {
        let start = Instant::now();
        let mut clients = Clients::default();
        for n in 0..MAX_COMPLETED + 10 {
            let branch = n.to_string();
            assert!(clients.start(start, (&branch, "NOTIFY"), n, (at(), Bytes::new())));
            assert_eq!(clients.response(start, (&branch, "NOTIFY"), 200), Some(n));
        }
        assert_eq!((clients.table.len(), clients.waiting()), (MAX_COMPLETED, 0));
    }

    #[test]
    fn a_full_table_says_so() {
        let start = Instant::now();
        let mut clients = Clients::default();
        let mut add = |n: usize| clients.start(start, (&n.to_string(), "NOTIFY"), n, (at(), Bytes::new()));
        assert!((0..MAX_WAITING).all(&mut add));
        assert!(!add(MAX_WAITING));
    }

    #[test]
    fn a_request_that_comes_again_gets_the_same_answer_until_timer_j() {
        let start = Instant::now();
        let mut servers = Servers::default();
        assert_eq!([servers.arrive(start, "k"), servers.arrive(start, "k")], [Arrival::New, Arrival::Again]);
        let later = start + Duration::from_secs(10);
        servers.answer(later, "k", at(), Bytes::from_static(b"ok"));
        assert_eq!(servers.deadline(), Some(later + TIMER_J));
        servers.wake(start + TIMER_J);
        assert_eq!(servers.arrive(later, "k"), Arrival::Answered(at(), Bytes::from_static(b"ok")));
        servers.wake(later + TIMER_J);
        assert_eq!((servers.arrive(later + TIMER_J, "k"), servers.table.len()), (Arrival::New, 1));
    }

    #[test]
    fn a_request_nobody_answers_is_forgotten_too() {
        let start = Instant::now();
        let mut servers = Servers::default();
        servers.arrive(start, "k");
        servers.wake(start + TIMER_J);
        servers.answer(start + TIMER_J, "k", at(), Bytes::new());
        assert!(servers.table.is_empty() && servers.deadline().is_none());
    }

    #[test]
    fn the_oldest_server_transaction_makes_room() {
        let start = Instant::now();
        let mut servers = Servers::default();
        for n in 0..=MAX_SERVERS {
            servers.arrive(start + Duration::from_nanos(n as u64), &n.to_string());
        }
        assert_eq!(servers.table.len(), MAX_SERVERS);
        assert_eq!([servers.arrive(start, "1"), servers.arrive(start, "0")], [Arrival::Again, Arrival::New]);
    }

    #[test]
    fn requests_are_told_apart_by_branch_or_as_rfc_2543_did() {
        let request = |via: &str, cseq: &str| {
            let mut request = Request::new(rsip::Method::Register, "sip:h");
            request.headers.push("Via", via);
            request.headers.push("CSeq", cseq);
            Servers::key(&request, at())
        };
        let (new, old) = ("SIP/2.0/UDP a:5060;branch=z9hG4bKx", "SIP/2.0/UDP a:5060;branch=1");
        assert_eq!(request(new, "1 REGISTER"), request(new, "2 REGISTER"));
        assert_ne!(request(new, "1 REGISTER"), request("SIP/2.0/UDP b:5060;branch=z9hG4bKx", "1 REGISTER"));
        assert_ne!(request(old, "1 REGISTER"), request(old, "2 REGISTER"));
        assert_eq!(request(old, "1 REGISTER"), request(old, "1 REGISTER"));
    }
}
