//! The one loop: what comes from outside goes to the [`Endpoint`], and what that commands is carried out.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, warn};

use super::bindings::Writer;
use super::calls::Calls;
use super::elsewhere::Elsewhere;
use super::ends::Ends;
use super::listeners::Open;
use super::proxy::Finder;
use super::regevent::{self, Watch};
use super::streams::{Event, Streams};
use super::tls::Tls;
use super::waiting::Waiting;
use super::{Listener, Means, clock, lines};
use crate::circle::{Circle, Order};
use crate::id::Id;
use crate::registrations::Registrations;
use crate::sip::framing::Frame;
use crate::sip::hop::Hop;
use crate::sip::{Binding, Command, End, Endpoint, Line, NotifyId, Outcome, Peer, Ticket, Transport};
use crate::store::{Store, StoreError};

/// The longest UDP payload.
const DATAGRAM: usize = 65_535;

/// How many events of connections may wait; the connections wait meanwhile.
const EVENTS: usize = 1024;

/// A device that is being told, perhaps at several contacts.
pub(super) struct Telling {
    pub(super) left: usize,
    pub(super) best: Option<Outcome>,
    pub(super) outcome: oneshot::Sender<Option<Outcome>>,
}

type Found = (Ticket, Result<Option<Line>, StoreError>);

/// The SIP side.
pub(super) struct Shell {
    sockets: Vec<(UdpSocket, SocketAddr)>,
    pub(super) streams: Streams,
    pub(super) endpoint: Endpoint,
    pub(super) finder: Finder,
    pub(super) proxy: Option<Hop>,
    pub(super) waiting: Waiting,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) calls: Calls,
    pub(super) store: Arc<dyn Store>,
    pub(super) told: HashMap<u64, Telling>,
    pub(super) messages: HashMap<NotifyId, u64>,
    pub(super) tickets: u64,
    inbox: Inbox,
    pub(super) elsewhere: Option<Elsewhere>,
    found: mpsc::Sender<Found>,
    writer: Writer,
    ends: Ends,
    circle: Circle,
    registrations: Arc<Registrations>,
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
                Open::Datagrams(socket) => sockets.push((UdpSocket::from_std(socket)?, known.address)),
                Open::Streams(socket) => streams.listen(TcpListener::from_std(socket)?, known),
            }
        }
        Ok(Self {
            sockets,
            streams,
            endpoint,
            finder: Finder::new(),
            proxy: means.outbound_proxy.as_deref().and_then(Hop::read),
            waiting: Waiting::default(),
            events,
            calls: Calls::new(means.store.clone()),
            told: HashMap::new(),
            messages: HashMap::new(),
            tickets: 0,
            inbox: Inbox {
                orders: means.orders,
                events: heard,
                lookups,
                watch: mpsc::channel(1).1,
                stop: means.stop,
            },
            elsewhere: None,
            found,
            writer: Writer::start(means.store.clone()),
            ends: Ends::start(means.store.clone()),
            store: means.store,
            circle: means.circle,
            registrations: means.registrations,
        })
    }

    /// Somebody else knows which phones are registered, if anybody does, and may be asked for these lines.
    pub(super) fn beside(mut self, elsewhere: Option<Elsewhere>, watch: mpsc::Receiver<Watch>) -> Self {
        self.elsewhere = elsewhere;
        self.inbox.watch = watch;
        self
    }

    /// Runs until it is stopped, or nobody gives orders any more.
    pub(super) async fn run(mut self) {
        let mut datagram = vec![0; DATAGRAM];
        loop {
            let mut out = Vec::new();
            let deadline = self.endpoint.deadline().unwrap_or_else(|| clock().0 + Duration::from_hours(1));
            let Inbox { orders, events, lookups, watch, stop } = &mut self.inbox;
            tokio::select! {
                (received, local) = receive(&self.sockets, &mut datagram) => match received {
                    Ok((length, from)) => {
                        let from = Peer { local: Some(local), ..from.into() };
                        self.hear(from, &datagram[..length], &mut out);
                    }
                    Err(error) => debug!(%error, "a datagram could not be received"),
                },
                order = orders.recv(), if !self.waiting.is_full() => match order {
                    Some(order) => self.order(order, &mut out).await,
                    None => break,
                },
                () = stop.notified() => break,
                Some(event) = events.recv() => self.event(event, &mut out).await,
                Some(watch) = watch.recv() => self.watch(watch, &mut out).await,
                Some((ticket, line)) = lookups.recv() => self.line(ticket, line, &mut out),
                () = tokio::time::sleep_until(deadline.into()) => {
                    let (now, unix) = clock();
                    self.endpoint.wake(now, unix, &mut out);
                }
            }
            self.carry_out(out).await;
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
        drop(self.inbox);
        self.streams.finish().await;
        self.calls.finish().await;
        self.ends.finish().await;
        self.writer.finish().await;
        if let Some(elsewhere) = self.elsewhere {
            elsewhere.finish().await;
        }
    }

    fn hear(&mut self, from: Peer, message: &[u8], out: &mut Vec<Command>) {
        let (now, unix) = clock();
        self.endpoint.receive(now, unix, from, message, out);
    }

    async fn event(&mut self, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Accepted(stream, from, known) => self.streams.accept(stream, from, known),
            Event::Heard(from, frame) => self.frame(from, frame, out),
            Event::Closed(flow, unheard) => {
                self.streams.end(flow);
                for branch in unheard {
                    self.endpoint.undeliverable(clock().0, &branch, out);
                }
            }
            Event::Found(found) => self.found(found, out).await,
        }
    }

    fn frame(&mut self, from: Peer, frame: Frame, out: &mut Vec<Command>) {
        match frame {
            Frame::Message(message) => self.hear(from, &message, out),
            Frame::Refused { head, code, reason } => self.endpoint.refuse(from, &head, (code, reason), out),
            Frame::Ping => {
                let _too_late = self.streams.send(&from, Bytes::from_static(b"\r\n"), None);
            }
            Frame::End => from.flow.into_iter().for_each(|flow| self.streams.end(flow)),
        }
    }

    fn line(&mut self, ticket: Ticket, line: Result<Option<Line>, StoreError>, out: &mut Vec<Command>) {
        let (now, unix) = clock();
        match line {
            Ok(line) => self.endpoint.line(now, unix, ticket, line.as_ref(), out),
            Err(error) => {
                warn!(%error, "a phone could not be registered");
                self.endpoint.unavailable(now, ticket, out);
            }
        }
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
            Command::FindLine { ticket, user, realm } => self.find(ticket, user, realm),
            Command::Bound { binding, fresh, same } => self.bound(&binding, fresh, !same),
            Command::Unbound { binding, end } => self.unbound(&binding, &end),
            Command::Notified { id, outcome } => self.notified(id, outcome),
            Command::Called { id, fate } => self.calls.over(id, fate),
            Command::Registered { aor, contacts } => {
                if let Some(elsewhere) = &self.elsewhere {
                    elsewhere.hear(regevent::news(aor, contacts)).await;
                }
            }
            Command::Unwatched { aor, code } => {
                info!(line = %aor.uri(), code, "nobody says where a line's phones are; it is asked again");
            }
        }
    }

    async fn send(&mut self, to: Peer, bytes: Bytes, branch: Option<String>, more: &mut Vec<Command>) {
        let sent = match to.transport {
            Transport::Udp => self.send_datagram(&to, &bytes).await.map_err(|error| error.to_string()),
            _ => self.streams.send(&to, bytes, branch.clone()).map_err(str::to_owned),
        };
        if let Err(error) = sent {
            debug!(%to, error, "a message could not be sent");
            if let Some(branch) = branch {
                self.endpoint.undeliverable(clock().0, &branch, more);
            }
        }
    }

    /// Sends from the socket that the peer knows, or one of its family.
    async fn send_datagram(&self, to: &Peer, bytes: &[u8]) -> io::Result<()> {
        let known = self.sockets.iter().find(|(_, local)| to.local == Some(*local));
        let family = || self.sockets.iter().find(|(_, local)| local.is_ipv4() == to.address.is_ipv4());
        let (socket, _) = known.or_else(family).ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.send_to(bytes, to.address).await.map(drop)
    }

    fn find(&self, ticket: Ticket, user: String, realm: String) {
        let (store, found) = (self.store.clone(), self.found.clone());
        let nobody = self.elsewhere.is_some();
        tokio::spawn(async move {
            let line = if nobody { Ok(None) } else { lines::find(&*store, &user, &realm).await };
            let _stopped = found.send((ticket, line)).await;
        });
    }

    fn bound(&self, binding: &Binding, fresh: bool, is_news: bool) {
        self.writer.put(binding, is_news);
        self.count(&binding.device);
        binding.source.flow.into_iter().for_each(|flow| self.streams.keep(flow, binding.expires_at));
        if fresh {
            info!(device = %binding.device, line = %binding.aor.uri(), from = %binding.source, "a phone registered");
        }
        let Ok(device) = binding.device.parse() else { return };
        if fresh || is_news { self.circle.arrived(device) } else { self.circle.refreshed(device) }
    }

    fn unbound(&mut self, binding: &Binding, end: &End) {
        info!(device = %binding.device, line = %binding.aor.uri(), reason = end.words(), "a registration ended");
        self.writer.remove(binding);
        self.ends.tell(binding, end, clock().1);
        self.count(&binding.device);
    }

    /// Drops the notes of bindings that ended while nobody listened: nobody is told now.
    pub(super) fn drop_notes(&self, ended: &[Binding]) {
        for binding in ended {
            self.writer.remove(binding);
        }
    }

    /// Says how many contacts a device has.
    pub(super) fn count(&self, device: &str) {
        if let Ok(id) = device.parse::<Id>() {
            self.registrations.set(id, self.endpoint.bindings(device).count());
        }
    }

    /// One contact has answered; when all have, the best of their answers counts.
    fn notified(&mut self, id: NotifyId, outcome: Outcome) {
        let Some(ticket) = self.messages.remove(&id) else { return };
        let Some(telling) = self.told.get_mut(&ticket) else { return };
        telling.left -= 1;
        if !matches!(telling.best, Some(Outcome::Answered(_))) {
            telling.best = Some(outcome);
        }
        if telling.left == 0
            && let Some(telling) = self.told.remove(&ticket)
        {
            let _gone = telling.outcome.send(telling.best);
        }
    }
}

/// The next datagram of any of these sockets, and by what address of ours its sender knows us.
async fn receive(
    sockets: &[(UdpSocket, SocketAddr)],
    datagram: &mut [u8],
) -> (io::Result<(usize, SocketAddr)>, SocketAddr) {
    std::future::poll_fn(|context| {
        for (socket, local) in sockets {
            let mut buffer = ReadBuf::new(datagram);
            if let Poll::Ready(received) = socket.poll_recv_from(context, &mut buffer) {
                return Poll::Ready((received.map(|from| (buffer.filled().len(), from)), *local));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests;
