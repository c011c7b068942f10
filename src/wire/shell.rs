//! The one loop: what comes from outside goes to the [`Endpoint`], and what that commands is carried out.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tracing::{debug, info};

use super::bindings::Writer;
use super::calls::Calls;
use super::elsewhere::Elsewhere;
use super::ends::Ends;
use super::lines::Lines;
use super::listeners::Open;
use super::lookups::{Delayed, Found};
use super::proxy::Finder;
use super::regevent::{self, Watch};
use super::seldom::Seldom;
use super::sockets::{Received, Sockets};
use super::streams::{Event, Streams};
use super::tls::Tls;
use super::told::Told;
use super::waiting::Waiting;
use super::{Listener, Means, clock};
use crate::circle::{Circle, Order};
use crate::registrations::Registrations;
use crate::sip::framing::Frame;
use crate::sip::hop::Hop;
use crate::sip::{Aor, Command, Endpoint, Peer, Transport};
use crate::store::Store;

/// The longest UDP payload.
const DATAGRAM: usize = 65_535;

/// How many datagrams are taken one after the other before anything else is looked at.
const AT_A_TIME: usize = 64;

/// How many events of connections may wait; the connections wait meanwhile.
const EVENTS: usize = 1024;

/// The SIP side.
pub(super) struct Shell {
    sockets: Sockets,
    pub(super) lines: Lines,
    pub(super) streams: Streams,
    pub(super) endpoint: Endpoint,
    pub(super) finder: Finder,
    pub(super) proxy: Option<Hop>,
    pub(super) waiting: Waiting,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) calls: Calls,
    pub(super) store: Arc<dyn Store>,
    pub(super) told: Told,
    inbox: Inbox,
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) found: mpsc::Sender<Found>,
    pub(super) delayed: Delayed,
    pub(super) writer: Writer,
    pub(super) ends: Ends,
    pub(super) circle: Circle,
    pub(super) registrations: Arc<Registrations>,
    pub(super) unregistered: Seldom,
}

/// Where things come from that are no datagrams.
struct Inbox {
    orders: mpsc::Receiver<Order>,
    events: mpsc::Receiver<Event>,
    lookups: mpsc::Receiver<Found>,
    watch: mpsc::Receiver<Watch>,
    stop: Arc<tokio::sync::Notify>,
}

impl Shell {
    /// Listens.
    pub(super) fn new(listeners: Vec<Listener>, endpoint: Endpoint, means: Means) -> io::Result<Self> {
        let (events, heard) = mpsc::channel(EVENTS);
        let (found, lookups) = mpsc::channel(EVENTS);
        let mut streams = Streams::new(Tls::new(means.identity), events.clone());
        let mut sockets = Vec::new();
        for listener in listeners {
            let known = listener.known();
            match listener.socket {
                Open::Datagrams(socket) => sockets.push((socket, known.address)),
                Open::Streams(socket) => streams.listen(TcpListener::from_std(socket)?, known),
            }
        }
        Ok(Self {
            sockets: Sockets::new(sockets),
            lines: Lines::new(),
            streams,
            endpoint,
            finder: Finder::new(),
            proxy: means.outbound_proxy.as_deref().and_then(Hop::read),
            waiting: Waiting::default(),
            events,
            calls: Calls::new(means.store.clone()),
            told: Told::default(),
            inbox: Inbox {
                orders: means.orders,
                events: heard,
                lookups,
                watch: mpsc::channel(1).1,
                stop: means.stop,
            },
            elsewhere: None,
            found,
            delayed: Delayed::default(),
            writer: Writer::start(means.store.clone()),
            ends: Ends::start(means.store.clone()),
            store: means.store,
            circle: means.circle,
            registrations: means.registrations,
            unregistered: Seldom::default(),
        })
    }

    /// Somebody else knows which phones are registered, if anybody does, and may be asked for these lines.
    pub(super) fn beside(mut self, elsewhere: Option<Elsewhere>, watch: mpsc::Receiver<Watch>) -> Self {
        self.elsewhere = elsewhere;
        self.inbox.watch = watch;
        self
    }

    /// Begins to hear datagrams, on the runtime that this is called in.
    pub(super) fn open(&mut self) -> io::Result<()> {
        self.sockets.open()
    }

    /// Runs until it is stopped, or nobody gives orders any more. `alarm` wakes it.
    pub(super) async fn run(mut self, alarm: Sleep) {
        let mut datagram = vec![0; DATAGRAM];
        let mut alarm = pin!(alarm);
        loop {
            let mut out = Vec::new();
            let deadlines = [self.endpoint.deadline(), self.delayed.deadline(), self.told.deadline()];
            let deadline =
                deadlines.into_iter().flatten().min().unwrap_or_else(|| clock().0 + Duration::from_hours(1));
            if alarm.deadline() != deadline.into() {
                alarm.as_mut().reset(deadline.into());
            }
            let Inbox { orders, events, lookups, watch, stop } = &mut self.inbox;
            tokio::select! {
                received = self.sockets.receive(&mut datagram) => self.datagrams(received, &mut datagram).await,
                order = orders.recv(), if !self.waiting.is_full() => match order {
                    Some(order) => self.orders(order, &mut out),
                    None => break,
                },
                () = stop.notified() => break,
                Some(event) = events.recv() => self.event(event, &mut out),
                Some(watch) = watch.recv() => self.watch(watch, &mut out),
                Some(found) = lookups.recv() => self.found_line(found, &mut out),
                () = &mut alarm => {
                    let (now, unix) = clock();
                    self.endpoint.wake(now, unix, &mut out);
                }
            }
            self.carry_out(out).await;
            self.catch_up().await;
            self.told.report(|| clock().0);
        }
        self.end().await;
    }

    /// Gives calls up, and what has not been begun, and writes everything down.
    async fn end(mut self) {
        let mut out = Vec::new();
        self.inbox.orders.close();
        let mut orders = self.waiting.drain();
        orders.extend(std::iter::from_fn(|| self.inbox.orders.try_recv().ok()));
        self.give_up(orders, &mut out);
        self.endpoint.give_up_calls(clock().0, &mut out);
        self.carry_out(out).await;
        self.told.report_all();
        drop(self.inbox);
        self.streams.finish().await;
        tokio::join!(self.writer.finish(), self.calls.finish(), self.ends.finish());
        if let Some(elsewhere) = self.elsewhere {
            elsewhere.finish().await;
        }
    }

    /// Takes an order, and those that wait behind it.
    fn orders(&mut self, first: Order, out: &mut Vec<Command>) {
        self.order(first, out);
        for _ in 1..AT_A_TIME {
            if self.waiting.is_full() {
                return;
            }
            let Ok(next) = self.inbox.orders.try_recv() else { return };
            self.order(next, out);
        }
    }

    /// Takes a datagram, and those that wait behind it.
    async fn datagrams(&mut self, first: Received, buffer: &mut [u8]) {
        self.datagram(first, buffer).await;
        for _ in 1..AT_A_TIME {
            let Some(next) = self.sockets.receive(buffer).now_or_never() else { return };
            self.datagram(next, buffer).await;
        }
    }

    async fn datagram(&mut self, received: Received, buffer: &[u8]) {
        let mut out = Vec::new();
        match received {
            Ok((length, from)) => self.hear(from, &buffer[..length], &mut out),
            Err(error) => debug!(%error, "a datagram could not be received"),
        }
        self.carry_out(out).await;
    }

    fn hear(&mut self, from: Peer, message: &[u8], out: &mut Vec<Command>) {
        let (now, unix) = clock();
        self.endpoint.receive(now, unix, from, message, out);
    }

    fn event(&mut self, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Accepted(stream, from, known) => {
                self.streams.accept(stream, from, known, &|flow| self.endpoint.kept_until(flow));
            }
            Event::Heard(from, frame) => self.frame(from, frame, out),
            Event::Closed(flow, unheard) => {
                self.streams.end(flow);
                self.endpoint.closed(flow, out);
                for branch in unheard {
                    self.endpoint.undeliverable(clock().0, &branch, out);
                }
            }
            Event::Found(found) => self.found(found, out),
            Event::Realm { account, realm, number } => self.realm((account, realm), number, out),
        }
    }

    fn frame(&mut self, from: Peer, frame: Frame, out: &mut Vec<Command>) {
        match frame {
            Frame::Message(message) => {
                self.streams.heard(&from);
                self.hear(from, &message, out);
            }
            Frame::Refused { head, code, reason } => self.endpoint.refuse(from, &head, (code, reason), out),
            Frame::Ping => self.streams.pong(&from),
            Frame::End => from.flow.into_iter().for_each(|flow| self.streams.end(flow)),
        }
    }

    /// Takes what has come meanwhile by other ways than datagrams, so that many of those hold up nothing else, and
    /// answers those lookups whose time has come.
    async fn catch_up(&mut self) {
        for _ in 0..AT_A_TIME {
            let Ok(event) = self.inbox.events.try_recv() else { break };
            let mut out = Vec::new();
            self.event(event, &mut out);
            self.carry_out(out).await;
        }
        let mut out = Vec::new();
        for _ in 0..AT_A_TIME {
            let Ok(found) = self.inbox.lookups.try_recv() else { break };
            self.found_line(found, &mut out);
        }
        while let Some(found) = self.delayed.due(clock().0) {
            self.line(found, &mut out);
        }
        self.carry_out(out).await;
    }

    pub(super) async fn carry_out(&mut self, mut commands: Vec<Command>) {
        while !commands.is_empty() {
            let mut more = Vec::new();
            for command in commands {
                self.command(command, &mut more).await;
            }
            commands = more;
        }
    }

    async fn command(&mut self, command: Command, more: &mut Vec<Command>) {
        match command {
            Command::Send { to, datagram, branch } => self.send(to, datagram.0, branch, more).await,
            Command::Lost(place) => self.finder.lost(place),
            Command::FindLine { ticket, user, realm } => self.find(ticket, Aor { user, realm }, more),
            Command::Bound { binding, fresh, same } => self.bound(binding, (fresh, !same), more),
            Command::Unbound { binding, end } => self.unbound(&binding, &end),
            Command::Notified { id, outcome } => self.told.ended(id, outcome, clock().0),
            Command::Called { id, fate } => self.calls.over(id, fate),
            Command::Registered { aor, contacts } => {
                if let Some(elsewhere) = &self.elsewhere {
                    let seen = regevent::seen(&aor, contacts);
                    elsewhere.said().line(aor, seen);
                }
            }
            Command::Unwatched { aor, code } => {
                info!(line = %aor.uri(), code, "nobody says where a line's phones are; it is asked again");
            }
        }
    }

    async fn send(&mut self, to: Peer, bytes: Bytes, branch: Option<String>, more: &mut Vec<Command>) {
        let kept = |flow| self.endpoint.kept_until(flow);
        let sent = match to.transport {
            Transport::Udp => self.sockets.send(&to, &bytes).await.map_err(|error| error.to_string()),
            _ => self.streams.send(&to, bytes, branch.clone(), &kept).map_err(str::to_owned),
        };
        if let Err(error) = sent {
            debug!(%to, error, "a message could not be sent");
            if let Some(branch) = branch {
                self.endpoint.undeliverable(clock().0, &branch, more);
            }
        }
    }
}

#[cfg(test)]
mod tests;
