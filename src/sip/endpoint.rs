//! One value that joins client and server: datagrams, answers and the time go in, commands come out.

use std::time::{Duration, Instant};

use super::binding::Binding;
use super::call::Call;
use super::call::calls::Calls;
use super::chance::Chance;
use super::client::Client;
use super::command::{CallId, Command, NotifyId, Ticket};
use super::line::Line;
use super::listeners::Listeners;
use super::message::Message;
use super::notify::Notify;
use super::peer::{Flow, Peer};
use super::reader::{self, Malformed};
use super::registrar::End;
use super::server::Server;
use super::subscribe::Subscriptions;

/// The longest sleep before the wall clock is looked at again.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

/// The SIP side of the daemon, whatever its sockets. It reads no clock and does no I/O: after every call carry
/// out the commands in `out`, and call [`Endpoint::wake`] at [`Endpoint::deadline`]. `unix` is the wall clock
/// in seconds since 1970, by which bindings end.
#[derive(Debug)]
pub struct Endpoint {
    client: Client,
    calls: Calls,
    subscriptions: Subscriptions,
    server: Server,
    clock: Option<(Instant, u64)>,
}

impl Endpoint {
    /// An endpoint that is known to phones at `listeners`, its Via and Contact, so they must be addresses that phones
    /// can reach. `secret` must be a new random one at every start: tags, branches and nonces come from it.
    pub fn new(secret: [u8; 32], listeners: &Listeners, user_agent: &str) -> Self {
        let chance = Chance::new(secret);
        let client = Client::new(chance.clone(), listeners.clone(), user_agent);
        let calls = Calls::new(chance.derived("calls"), listeners.clone(), user_agent);
        let subscriptions =
            Subscriptions::new(chance.derived("subscriptions"), listeners.clone(), user_agent);
        Self { client, calls, subscriptions, server: Server::new(chance, user_agent), clock: None }
    }

    /// Takes back stored bindings. Those that have ended meanwhile are told by the next [`Endpoint::wake`].
    pub fn restore(&mut self, now: Instant, unix: u64, bindings: impl IntoIterator<Item = Binding>) {
        self.clock = Some((now, unix));
        for binding in bindings {
            self.server.bindings.put(binding);
        }
    }

    /// Takes a message that came from `from`, whatever it holds.
    pub fn receive(&mut self, now: Instant, unix: u64, from: Peer, datagram: &[u8], out: &mut Vec<Command>) {
        self.clock = Some((now, unix));
        match reader::read(datagram) {
            Ok(Message::Request(request)) => {
                if !self.subscriptions.request(now, from, &request, out)
                    && !self.calls.request(now, from, &request, out)
                {
                    self.server.request(now, from, request, datagram.len(), out);
                }
            }
            Ok(Message::Response(response)) => {
                if !self.client.response(now, &response, out) {
                    self.calls.response(now, &response, out);
                    self.subscriptions.response(now, &response, out);
                }
            }
            Err(malformed) => self.server.malformed(from, malformed, out),
        }
    }

    /// Answers a message that is not taken, as far as its head can be read.
    pub fn refuse(
        &self,
        from: Peer,
        head: &[u8],
        (code, reason): (u16, &'static str),
        out: &mut Vec<Command>,
    ) {
        let request = match reader::read(head) {
            Ok(Message::Request(request)) => Box::new(request),
            Err(Malformed::Answerable { request, .. }) => request,
            _ => return,
        };
        self.server.malformed(from, Malformed::Answerable { request, code, reason }, out);
    }

    /// Takes the answer to [`Command::FindLine`]: `None` if there is no such line. An answer that comes late,
    /// or twice, does nothing.
    pub fn line(
        &mut self,
        now: Instant,
        unix: u64,
        ticket: Ticket,
        found: Option<&Line>,
        out: &mut Vec<Command>,
    ) {
        self.clock = Some((now, unix));
        for notify in self.server.line(unix, ticket, found, out) {
            self.client.notify(now, notify, out);
        }
    }

    /// Answers [`Command::FindLine`] where nobody can say whether there is such a line, as when the store
    /// fails: the phone is told to come again.
    pub fn unavailable(&mut self, ticket: Ticket, out: &mut Vec<Command>) {
        self.server.unavailable(ticket, out);
    }

    /// Sends a NOTIFY. Its outcome comes with [`Command::Notified`], exactly once and at most 32 seconds
    /// after its last challenge or the last place it was sent to; at once if 65,536 are under way already.
    pub fn notify(&mut self, now: Instant, notify: Notify, out: &mut Vec<Command>) -> NotifyId {
        self.client.notify(now, notify, out)
    }

    /// Takes note that the request named `branch` could not be sent: the socket refused it, nobody took the connection,
    /// or it is gone. It is sent to the next place there is, or given up. May come late, or twice.
    pub fn undeliverable(&mut self, now: Instant, branch: &str, out: &mut Vec<Command>) {
        self.client.undeliverable(now, branch, out);
        self.calls.undeliverable(now, branch, out);
        self.subscriptions.undeliverable(now, branch, out);
    }

    /// How many NOTIFYs wait for an answer; a phone that is gone holds its place for 32 seconds.
    pub fn waiting(&self) -> usize {
        self.client.waiting()
    }

    /// Makes a call. Its fate comes with [`Command::Called`], exactly once; at once if nowhere is a phone, or too
    /// many calls are under way.
    pub fn call(&mut self, now: Instant, call: Call, out: &mut Vec<Command>) -> CallId {
        self.calls.call(now, call, out)
    }

    /// Gives all calls up, for the daemon stops: phones ring no more.
    pub fn give_up_calls(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.calls.give_up(now, out);
    }

    /// How many calls are under way, those included that are over and still say goodbye.
    pub fn calls(&self) -> usize {
        self.calls.under_way()
    }

    /// The lines that are watched at somebody else's registrar. What it says comes with [`Command::Registered`].
    pub fn subscriptions(&mut self) -> &mut Subscriptions {
        &mut self.subscriptions
    }

    /// Where the phones of a device are.
    pub fn bindings(&self, device: &str) -> impl Iterator<Item = &Binding> {
        self.server.bindings.of_device(device)
    }

    /// Drops the bindings of a device that was deleted or disabled.
    pub fn forget(&mut self, device: &str, out: &mut Vec<Command>) {
        let dropped = self.server.bindings.take_device(device);
        let gone = |binding| Command::Unbound { binding: Box::new(binding), end: End::Forgotten };
        out.extend(dropped.into_iter().map(gone));
    }

    /// Until which second since 1970 a connection is kept by what registered over it; 0 if by nothing.
    pub fn kept_until(&self, flow: Flow) -> u64 {
        self.server.bindings.kept_until(flow)
    }

    /// Takes note that a connection is gone. The bindings end of those who were reached by it alone (RFC 5626);
    /// others may be reached where their Contact says, and stay.
    pub fn closed(&mut self, flow: Flow, out: &mut Vec<Command>) {
        let ended = self.server.bindings.take_flow(flow);
        let gone = |binding| Command::Unbound { binding: Box::new(binding), end: End::Disconnected };
        out.extend(ended.into_iter().map(gone));
    }

    /// When to call [`Endpoint::wake`]; ask again after every other call.
    pub fn deadline(&self) -> Option<Instant> {
        let subscriptions = self.subscriptions.deadline();
        let timers = [self.client.deadline(), self.calls.deadline(), self.server.deadline(), subscriptions];
        timers.into_iter().flatten().chain(self.next_end()).min()
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Instant, unix: u64, out: &mut Vec<Command>) {
        self.clock = Some((now, unix));
        self.client.wake(now, out);
        self.calls.wake(now, out);
        self.subscriptions.wake(now, out);
        self.server.wake(now);
        self.server.expire(unix, out);
    }

    /// When the next binding ends, by the two clocks as they were last seen together.
    fn next_end(&self) -> Option<Instant> {
        let (now, unix) = self.clock?;
        let left = Duration::from_secs(self.server.bindings.next_end()?.saturating_sub(unix));
        Some(now + left.min(LONGEST_SLEEP))
    }
}
