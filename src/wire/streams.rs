//! All connections: who has which, how many there may be, and which one a message goes by.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::clock;
use super::connection::{Outbox, line, prepare};
use super::limits::{Full, Limits};
use super::lines::Realm;
use super::seldom::Seldom;
use super::tls::Tls;
use crate::id::Id;
use crate::sip::framing::Frame;
use crate::sip::hop::Hop;
use crate::sip::{Flow, Peer, Transport};

#[cfg(test)]
mod tests;

/// The most connections that others have opened.
const MAX_TAKEN: usize = 16_384;
/// The most of them of one site: an office behind one NAT, and no more.
const MAX_OF_SITE: usize = 2_048;
/// The most connections that we have opened, wherever they lead.
const MAX_OPENED: usize = 4_096;
/// How much may wait to be written to somebody who has connected to us, in bytes.
const MAX_WAITING: usize = 256 << 10;
/// The same for whom we have connected to, who may be the proxy of all phones.
const MAX_WAITING_OUT: usize = 4 << 20;
/// After so many seconds it is looked at the latest whether a connection is still kept by what registered over it.
const LOOK: u64 = 60;
/// How long the last messages may take when all ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What tasks tell the shell.
pub(super) enum Event {
    /// Somebody has connected, to a listener of this transport that is known by this address.
    Accepted(TcpStream, SocketAddr, (Transport, SocketAddr)),
    /// Something has come over a connection.
    Heard(Peer, Frame),
    /// A connection has ended, and these requests may not have been heard.
    Closed(Flow, Vec<String>),
    /// Where these names lead.
    Found(Vec<(Hop, Vec<Peer>)>),
    /// The realm of the account of the device that the order of this number is about.
    Realm { account: Id, realm: Result<Realm, ()>, number: u64 },
}

/// All connections.
pub(super) struct Streams {
    open: HashMap<Flow, Open>,
    /// Those that we have opened, by where they lead.
    reached: HashMap<(Transport, SocketAddr), Flow>,
    /// How many others may open.
    taken: Limits,
    /// How many we may open.
    opened: Limits,
    /// By what name a proxy must prove itself.
    names: HashMap<SocketAddr, String>,
    begun: u64,
    tls: Tls,
    events: mpsc::Sender<Event>,
    tasks: JoinSet<()>,
    listeners: JoinSet<()>,
}

struct Open {
    peer: Peer,
    outbox: Outbox,
    /// Whether we have opened it.
    is_ours: bool,
    /// When a message last went or came.
    used: Instant,
}

/// Says until which second since 1970 a registration keeps a connection; 0 where none does.
pub(super) type Kept<'k> = &'k dyn Fn(Flow) -> u64;

impl Streams {
    pub(super) fn new(tls: Tls, events: mpsc::Sender<Event>) -> Self {
        Self {
            open: HashMap::new(),
            reached: HashMap::new(),
            taken: Limits::new(MAX_TAKEN, MAX_OF_SITE),
            opened: Limits::new(MAX_OPENED, MAX_OPENED),
            names: HashMap::new(),
            begun: 0,
            tls,
            events,
            tasks: JoinSet::new(),
            listeners: JoinSet::new(),
        }
    }

    /// Takes connections from a listener for as long as there are any.
    pub(super) fn listen(&mut self, listener: TcpListener, known: Peer) {
        let events = self.events.clone();
        self.listeners.spawn(async move {
            let mut failures = Seldom::default();
            loop {
                let event = match listener.accept().await {
                    Ok((stream, from)) => Event::Accepted(stream, from, (known.transport, known.address)),
                    Err(error) => {
                        if let Some(left_out) = failures.says(clock().0) {
                            warn!(listener = %known, %error, left_out, "a connection could not be taken");
                        }
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Serves somebody who has connected: in the place of whoever is idle for longest where there are too many, and not
    /// at all where registrations keep all of those.
    pub(super) fn accept(
        &mut self,
        stream: TcpStream,
        from: SocketAddr,
        (transport, local): (Transport, SocketAddr),
        kept: Kept<'_>,
    ) {
        let tls = if transport == Transport::Tls { self.tls.acceptor() } else { None };
        if (transport == Transport::Tls && tls.is_none()) || self.make_room(from.ip(), false, kept).is_err() {
            return debug!(%from, "a connection too many");
        }
        prepare(&stream);
        let peer = Peer { local: Some(local), ..Peer::new(transport, from) };
        let flow = self.next_flow();
        let (outbox, line) = line(peer, flow, MAX_WAITING, self.events.clone(), false);
        self.tasks.spawn(line.accepted(stream, tls));
        self.enter(flow, Open { peer, outbox, is_ours: false, used: clock().0 });
    }

    /// Sends a message. The error says why not.
    pub(super) fn send(
        &mut self,
        to: &Peer,
        bytes: Bytes,
        branch: Option<String>,
        kept: Kept<'_>,
    ) -> Result<(), &'static str> {
        let flow = match to.flow {
            Some(flow) => flow,
            None => self.reach(to, kept)?,
        };
        let open = self.open.get_mut(&flow).ok_or("the connection is gone")?;
        open.used = clock().0;
        if open.outbox.put(bytes, branch) {
            return Ok(());
        }
        self.close(flow);
        Err("it takes nothing more")
    }

    /// Takes note of a message that has come over a connection.
    pub(super) fn heard(&mut self, from: &Peer) {
        if let Some(open) = from.flow.and_then(|flow| self.open.get_mut(&flow)) {
            open.used = clock().0;
        }
    }

    /// Answers a ping.
    pub(super) fn pong(&mut self, to: &Peer) {
        let Some(flow) = to.flow else { return };
        if self.open.get(&flow).is_some_and(|open| !open.outbox.pong()) {
            self.close(flow);
        }
    }

    /// Whether a connection stands.
    pub(super) fn stands(&self, flow: Flow) -> bool {
        self.open.contains_key(&flow)
    }

    /// Bears a connection, however idle, for as long as what registered over it, to this second since 1970.
    pub(super) fn keep(&self, flow: Flow, until: u64) {
        if let Some(open) = self.open.get(&flow) {
            open.outbox.keep(until);
        }
    }

    /// Who is at this address must prove that it has this name.
    pub(super) fn name(&mut self, places: &[Peer], name: &str) {
        let secure = places.iter().filter(|place| place.transport == Transport::Tls);
        self.names.extend(secure.map(|place| (place.address, name.to_owned())));
    }

    /// Forgets a connection once its last messages are written.
    pub(super) fn end(&mut self, flow: Flow) {
        let _its_task_ends_without_the_outbox = self.leave(flow);
    }

    /// Ends when the last messages are written, or that takes too long.
    pub(super) async fn finish(mut self) {
        for flow in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(flow);
        }
        self.listeners.abort_all();
        let written = async { while self.tasks.join_next().await.is_some() {} };
        let _too_long = tokio::time::timeout(FAREWELL, written).await;
    }

    /// Cuts a connection off. What it has not heard is told as of any that ends.
    fn close(&mut self, flow: Flow) {
        if let Some(open) = self.leave(flow) {
            debug!(peer = %open.peer, "a connection is cut off");
            open.outbox.cut();
        }
    }

    /// The connection to an address: the one that stands, or a new one.
    fn reach(&mut self, to: &Peer, kept: Kept<'_>) -> Result<Flow, &'static str> {
        if let Some(flow) = self.reached.get(&(to.transport, to.address)) {
            return Ok(*flow);
        }
        self.make_room(to.ip(), true, kept).map_err(|Full| "there are too many connections")?;
        let tls = match to.transport {
            Transport::Tls => {
                let name = self.names.get(&to.address).map(String::as_str);
                Some(self.tls.connector(to.address, name).ok_or("TLS cannot be spoken")?)
            }
            _ => None,
        };
        let flow = self.next_flow();
        let (outbox, line) = line(*to, flow, MAX_WAITING_OUT, self.events.clone(), true);
        self.tasks.spawn(line.connect(tls));
        self.reached.insert((to.transport, to.address), flow);
        self.enter(flow, Open { peer: *to, outbox, is_ours: true, used: clock().0 });
        Ok(flow)
    }

    /// Makes room for one more connection, ours or theirs.
    fn make_room(&mut self, with: IpAddr, is_ours: bool, kept: Kept<'_>) -> Result<(), Full> {
        let (open, (now, unix)) = (&self.open, clock());
        let used = |flow| match kept(flow).saturating_sub(unix) {
            0 => open.get(&flow).map_or(now, |open| open.used),
            seconds => now + Duration::from_secs(seconds.min(LOOK)),
        };
        let limits = if is_ours { &mut self.opened } else { &mut self.taken };
        if let Some(flow) = limits.in_the_way(with, now, used)? {
            self.close(flow);
        }
        Ok(())
    }

    fn limits(&mut self, of: &Open) -> &mut Limits {
        if of.is_ours { &mut self.opened } else { &mut self.taken }
    }

    fn next_flow(&mut self) -> Flow {
        while self.tasks.try_join_next().is_some() {}
        self.begun += 1;
        Flow(self.begun)
    }

    fn enter(&mut self, flow: Flow, open: Open) {
        self.limits(&open).enter(flow, open.peer.ip(), open.used);
        self.open.insert(flow, open);
    }

    fn leave(&mut self, flow: Flow) -> Option<Open> {
        let open = self.open.remove(&flow)?;
        let place = (open.peer.transport, open.peer.address);
        if self.reached.get(&place) == Some(&flow) {
            self.reached.remove(&place);
        }
        self.limits(&open).leave(flow, open.peer.ip());
        Some(open)
    }
}
