//! The SIP sockets: a thin shell that carries out what the pure [`Endpoint`] commands.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, warn};

use crate::circle::{Circle, Order, Ring, Tell};
use crate::id::Id;
use crate::registrations::Registrations;
use crate::sip::{
    Aor, Binding, Command, Endpoint, Fate, Line, Notify, NotifyId, Outcome, Ticket, Transport, Way,
};
use crate::store::{Store, StoreError};

mod bindings;
mod calls;
mod elsewhere;
mod kamailio;
mod lines;
pub mod pnp;
mod proxy;
mod regevent;

use bindings::Writer;
use calls::{Calls, Entry};
use elsewhere::Elsewhere;
use lines::{credentials, line_of};
use proxy::Proxy;
use regevent::Watch;

/// What a burst of answers may need: with the kernel's default, a window of 500 NOTIFYs loses responses.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The longest UDP payload.
const DATAGRAM: usize = 65_535;

/// Who knows which phones are registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The registrar in here.
    Own,
    /// A Kamailio, asked by JSON-RPC.
    Kamailio {
        /// Its `http://` address.
        rpc: String,
        /// How long to wait before it is asked again.
        every: Duration,
    },
    /// Whoever answers SUBSCRIBEs at the outbound proxy (RFC 3680).
    RegEvent,
}

/// What the SIP side works with.
pub struct Means {
    /// Lines and bindings.
    pub store: Arc<dyn Store>,
    /// Hears of phones that arrive.
    pub circle: Circle,
    /// Says who is registered.
    pub registrations: Arc<Registrations>,
    /// What the circle asks for.
    pub orders: mpsc::Receiver<Order>,
    /// Who knows which phones are registered.
    pub source: Source,
    /// Where NOTIFYs go instead of the phone's own contact, as `host:port`.
    pub outbound_proxy: Option<String>,
    /// Makes nonces and tags unguessable.
    pub secret: [u8; 32],
    /// Ends the SIP side when it is notified.
    pub stop: Arc<tokio::sync::Notify>,
}

/// Opens the SIP socket.
pub fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        debug!(%error, "the socket keeps its receive buffer");
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The address that others reach us at: the one bound, or this machine's own where that is every address.
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    let own = || {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        Ok::<IpAddr, io::Error>(socket.local_addr()?.ip())
    };
    if bound.ip().is_unspecified() {
        return SocketAddr::new(own().unwrap_or(Ipv4Addr::LOCALHOST.into()), bound.port());
    }
    bound
}

/// Starts the SIP side with the bindings that were stored. The future returned runs it until it is stopped, or
/// nobody gives orders any more, and ends with every binding written down.
pub async fn start(socket: UdpSocket, means: Means) -> Result<impl Future<Output = ()>, StoreError> {
    let local = socket.local_addr().map(reachable).map_err(|error| StoreError::Io(error.to_string()))?;
    let agent = concat!("checksync/", env!("CARGO_PKG_VERSION"));
    let mut endpoint = Endpoint::new(means.secret, &local.into(), agent);
    let (elsewhere, watch) = elsewhere(&means).await?;
    let stored = if elsewhere.is_some() { Vec::new() } else { bindings::load(&*means.store).await? };
    info!(bindings = stored.len(), "SIP bindings restored");
    let devices: Vec<String> = stored.iter().map(|binding| binding.device.clone()).collect();
    let (now, unix) = clock();
    endpoint.restore(now, unix, stored);
    let (found, lookups) = mpsc::channel(1024);
    let shell = Shell {
        socket,
        endpoint,
        found,
        writer: Writer::start(means.store.clone()),
        calls: Calls::new(means.store.clone()),
        proxy: means.outbound_proxy.map(Proxy::new),
        elsewhere,
        watch,
        store: means.store,
        circle: means.circle,
        registrations: means.registrations,
        told: HashMap::new(),
        messages: HashMap::new(),
        tickets: 0,
    };
    for device in devices {
        shell.count(&device);
    }
    Ok(shell.run(means.orders, lookups, means.stop))
}

/// Begins to listen to whoever else knows which phones are registered; gives what lines to watch, too.
async fn elsewhere(means: &Means) -> Result<(Option<Elsewhere>, mpsc::Receiver<Watch>), StoreError> {
    let ((news, inbox), (sweeping, watch)) = (mpsc::channel(64), mpsc::channel(8));
    match means.source.clone() {
        Source::Own => return Ok((None, watch)),
        Source::Kamailio { rpc, every } => drop(tokio::spawn(kamailio::poll(rpc, every, news.clone()))),
        Source::RegEvent => drop(tokio::spawn(regevent::sweep(means.store.clone(), sweeping))),
    }
    let (store, circle, registrations) =
        (means.store.clone(), means.circle.clone(), means.registrations.clone());
    let elsewhere = Elsewhere::start((store, circle, registrations), (news, inbox)).await?;
    Ok((Some(elsewhere), watch))
}

/// A device that is being told, perhaps at several contacts.
struct Telling {
    left: usize,
    best: Option<Outcome>,
    outcome: oneshot::Sender<Option<Outcome>>,
}

type Found = (Ticket, Result<Option<Line>, StoreError>);

struct Shell {
    socket: UdpSocket,
    endpoint: Endpoint,
    found: mpsc::Sender<Found>,
    writer: Writer,
    calls: Calls,
    elsewhere: Option<Elsewhere>,
    watch: mpsc::Receiver<Watch>,
    store: Arc<dyn Store>,
    circle: Circle,
    registrations: Arc<Registrations>,
    proxy: Option<Proxy>,
    told: HashMap<u64, Telling>,
    messages: HashMap<NotifyId, u64>,
    tickets: u64,
}

impl Shell {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut lookups: mpsc::Receiver<Found>,
        stop: Arc<tokio::sync::Notify>,
    ) {
        let mut datagram = vec![0; DATAGRAM];
        loop {
            let mut out = Vec::new();
            let deadline = self.endpoint.deadline().unwrap_or_else(|| clock().0 + Duration::from_hours(1));
            tokio::select! {
                received = self.socket.recv_from(&mut datagram) => match received {
                    Ok((length, from)) => {
                        let (now, unix) = clock();
                        self.endpoint.receive(now, unix, from.into(), &datagram[..length], &mut out);
                    }
                    Err(error) => debug!(%error, "a datagram could not be received"),
                },
                order = orders.recv() => match order {
                    Some(Order::Tell(tell)) => self.tell(tell, &mut out).await,
                    Some(Order::Call(ring)) => self.call(ring, &mut out).await,
                    Some(Order::Forget(device)) => self.endpoint.forget(&device.to_string(), &mut out),
                    None => break,
                },
                Some(watch) = self.watch.recv() => {
                    watch.apply(self.endpoint.subscriptions(), self.proxy.as_mut(), &mut out).await;
                }
                () = stop.notified() => break,
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

    /// Gives calls up, and writes everything down.
    async fn end(mut self) {
        let mut out = Vec::new();
        self.endpoint.give_up_calls(clock().0, &mut out);
        self.carry_out(out).await;
        self.calls.finish().await;
        self.writer.finish().await;
        if let Some(elsewhere) = self.elsewhere {
            elsewhere.finish().await;
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

    /// Sends a NOTIFY to every contact of the device, or to the proxy.
    async fn tell(&mut self, tell: Tell, out: &mut Vec<Command>) {
        let notifies = match self.notifies(&tell).await {
            Ok(notifies) if notifies.is_empty() => return tell.outcome.send(None).unwrap_or_default(),
            Ok(notifies) => notifies,
            Err(outcome) => return tell.outcome.send(Some(outcome)).unwrap_or_default(),
        };
        self.tickets += 1;
        let telling = Telling { left: notifies.len(), best: None, outcome: tell.outcome };
        self.told.insert(self.tickets, telling);
        for notify in notifies {
            let id = self.endpoint.notify(clock().0, notify, out);
            self.messages.insert(id, self.tickets);
        }
    }

    /// One NOTIFY to each contact, or one to the proxy; none where the device is nowhere.
    async fn notifies(&mut self, tell: &Tell) -> Result<Vec<Notify>, Outcome> {
        let content = tell.content.as_ref().map(|content| (content.kind.clone(), content.body.clone()));
        let Some(proxy) = &mut self.proxy else {
            let device = tell.device.id().to_string();
            let bindings = self.endpoint.bindings(&device);
            let notify =
                |binding: &Binding| Notify { content: content.clone(), ..binding.notify(&tell.event) };
            return Ok(bindings.map(notify).collect());
        };
        let Some(line) = line_of(&*self.store, &tell.device).await.map_err(|_| Outcome::Failed(500))? else {
            return Ok(Vec::new());
        };
        let to = proxy.address().await.ok_or(Outcome::Unreachable(None))?;
        Ok(vec![Notify {
            content,
            ..Notify::through(to.into(), line, &tell.event, credentials(&tell.device))
        }])
    }

    /// Rings every contact of the device, or has the proxy ring it.
    async fn call(&mut self, ring: Ring, out: &mut Vec<Command>) {
        let entry = Entry::of(&ring);
        match self.ways(&ring).await {
            Ok((line, ways)) => {
                let id = self.endpoint.call(clock().0, calls::call(ring, line, ways), out);
                self.calls.begun(id, entry);
            }
            Err(fate) => self.calls.write(entry, fate),
        }
    }

    /// A device's line, and every way to it; none where the device is nowhere.
    async fn ways(&mut self, ring: &Ring) -> Result<(Aor, Vec<Way>), Fate> {
        let line = line_of(&*self.store, &ring.device).await.map_err(|_| Fate::Cancelled)?;
        let line = line.ok_or(Fate::NotRegistered)?;
        let Some(proxy) = &mut self.proxy else {
            let device = ring.device.id().to_string();
            let ways = self.endpoint.bindings(&device).map(Way::to).collect();
            return Ok((line, ways));
        };
        let to = proxy.address().await.ok_or(Fate::Unreachable(None))?;
        let way = Way::through(to.into(), &line, credentials(&ring.device));
        Ok((line, vec![way]))
    }

    async fn carry_out(&mut self, mut commands: Vec<Command>) {
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
            Command::Send { to, datagram, branch } => {
                let sent = match to.transport {
                    Transport::Udp => self.socket.send_to(&datagram.0, to.address).await.map(drop),
                    _ => Err(io::ErrorKind::Unsupported.into()),
                };
                if let Err(error) = sent {
                    debug!(%to, %error, "a message could not be sent");
                    if let Some(branch) = branch {
                        self.endpoint.undeliverable(clock().0, &branch, more);
                    }
                }
            }
            Command::Lost(_) => {}
            Command::FindLine { ticket, user, realm } => self.find(ticket, user, realm),
            Command::Bound { binding, fresh } => self.bound(&binding, fresh),
            Command::Unbound(binding) => self.unbound(&binding),
            Command::Notified { id, outcome } => self.notified(id, outcome),
            Command::Registered { aor, contacts } => {
                if let Some(elsewhere) = &self.elsewhere {
                    elsewhere.hear(regevent::news(aor, contacts)).await;
                }
            }
            Command::Unwatched { aor, code } => {
                info!(line = %aor.uri(), code, "nobody says where a line's phones are; it is asked again");
            }
            Command::Called { id, fate } => self.calls.over(id, fate),
        }
    }

    fn find(&self, ticket: Ticket, user: String, realm: String) {
        let (store, found) = (self.store.clone(), self.found.clone());
        let nobody = self.elsewhere.is_some();
        tokio::spawn(async move {
            let line = if nobody { Ok(None) } else { lines::find(&*store, &user, &realm).await };
            let _stopped = found.send((ticket, line)).await;
        });
    }

    fn bound(&self, binding: &Binding, fresh: bool) {
        self.writer.put(binding);
        self.count(&binding.device);
        if let Some(device) = binding.device.parse().ok().filter(|_| fresh) {
            info!(%device, line = %binding.aor.uri(), from = %binding.source, "a phone registered");
            self.circle.arrived(device);
        }
    }

    fn unbound(&self, binding: &Binding) {
        info!(device = %binding.device, line = %binding.aor.uri(), "a registration ended");
        self.writer.remove(binding);
        self.count(&binding.device);
    }

    fn count(&self, device: &str) {
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

/// Both clocks: one for timers, one in Unix seconds for registrations.
#[allow(clippy::disallowed_methods, reason = "a door reads the clock for the rooms behind it")]
fn clock() -> (Instant, u64) {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (Instant::now(), unix.as_secs())
}
