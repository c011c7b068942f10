//! All connections: who has which, how many there may be, and which one a message goes by.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, warn};

use super::clock;
use super::connection::{Outbox, line, prepare};
use super::seldom::Seldom;
use super::tls::Tls;
use crate::sip::framing::Frame;
use crate::sip::hop::Hop;
use crate::sip::{Flow, Peer, Transport};

/// The most connections.
const MAX_CONNECTIONS: usize = 16_384;
/// The most connections of one address: an office behind one NAT, and no more.
const MAX_PER_SOURCE: usize = 2_048;
/// How much may wait to be written to somebody who has connected to us, in bytes.
const MAX_WAITING: usize = 256 << 10;
/// The same for whom we have connected to, who may be the proxy of all phones.
const MAX_WAITING_OUT: usize = 4 << 20;
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
}

/// All connections.
pub(super) struct Streams {
    open: HashMap<Flow, Open>,
    /// Those that we have opened, by where they lead.
    reached: HashMap<(Transport, SocketAddr), Flow>,
    sources: HashMap<IpAddr, usize>,
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
    task: AbortHandle,
}

impl Streams {
    pub(super) fn new(tls: Tls, events: mpsc::Sender<Event>) -> Self {
        Self {
            open: HashMap::new(),
            reached: HashMap::new(),
            sources: HashMap::new(),
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

    /// Serves somebody who has connected, unless there are too many.
    pub(super) fn accept(&mut self, stream: TcpStream, from: SocketAddr, known: (Transport, SocketAddr)) {
        let (transport, local) = known;
        let tls = if transport == Transport::Tls { self.tls.acceptor() } else { None };
        if !self.has_room(from.ip()) || (transport == Transport::Tls && tls.is_none()) {
            return debug!(%from, "a connection too many");
        }
        prepare(&stream);
        let peer = Peer { local: Some(local), ..Peer::new(transport, from) };
        let flow = self.next_flow();
        let (outbox, line) = line(peer, flow, MAX_WAITING, self.events.clone(), false);
        let task = self.tasks.spawn(line.accepted(stream, tls));
        self.enter(flow, Open { peer, outbox, task });
    }

    /// Sends a message. The error says why not.
    pub(super) fn send(
        &mut self,
        to: &Peer,
        bytes: Bytes,
        branch: Option<String>,
    ) -> Result<(), &'static str> {
        let flow = match to.flow {
            Some(flow) => flow,
            None => self.reach(to)?,
        };
        let open = self.open.get(&flow).ok_or("the connection is gone")?;
        if open.outbox.put(bytes, branch) {
            return Ok(());
        }
        self.close(flow);
        Err("it takes nothing more")
    }

    /// Whether a connection stands.
    pub(super) fn stands(&self, flow: Flow) -> bool {
        self.open.contains_key(&flow)
    }

    /// Keeps a connection for as long as what registered over it, to this second since 1970.
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

    /// Cuts a connection off.
    fn close(&mut self, flow: Flow) {
        if let Some(open) = self.leave(flow) {
            debug!(peer = %open.peer, "a connection is cut off");
            open.task.abort();
        }
    }

    /// The connection to an address: the one that stands, or a new one.
    fn reach(&mut self, to: &Peer) -> Result<Flow, &'static str> {
        if let Some(flow) = self.reached.get(&(to.transport, to.address)) {
            return Ok(*flow);
        }
        if !self.has_room(to.ip()) {
            return Err("there are too many connections");
        }
        let tls = match to.transport {
            Transport::Tls => {
                let name = self.names.get(&to.address).map(String::as_str);
                Some(self.tls.connector(to.address, name).ok_or("TLS cannot be spoken")?)
            }
            _ => None,
        };
        let flow = self.next_flow();
        let (outbox, line) = line(*to, flow, MAX_WAITING_OUT, self.events.clone(), true);
        let task = self.tasks.spawn(line.connect(tls));
        self.reached.insert((to.transport, to.address), flow);
        self.enter(flow, Open { peer: *to, outbox, task });
        Ok(flow)
    }

    fn has_room(&self, source: IpAddr) -> bool {
        let of_source = self.sources.get(&source).copied().unwrap_or_default();
        self.open.len() < MAX_CONNECTIONS && of_source < MAX_PER_SOURCE
    }

    fn next_flow(&mut self) -> Flow {
        while self.tasks.try_join_next().is_some() {}
        self.begun += 1;
        Flow(self.begun)
    }

    fn enter(&mut self, flow: Flow, open: Open) {
        *self.sources.entry(open.peer.ip()).or_default() += 1;
        self.open.insert(flow, open);
    }

    fn leave(&mut self, flow: Flow) -> Option<Open> {
        let open = self.open.remove(&flow)?;
        let (place, source) = ((open.peer.transport, open.peer.address), open.peer.ip());
        if self.reached.get(&place) == Some(&flow) {
            self.reached.remove(&place);
        }
        let left = self.sources.remove(&source).unwrap_or_default().saturating_sub(1);
        if left > 0 {
            self.sources.insert(source, left);
        }
        Some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn streams() -> (Streams, mpsc::Receiver<Event>) {
        let (events, heard) = mpsc::channel(64);
        (Streams::new(Tls::new(None), events), heard)
    }

    /// A listener that takes connections, and reads nothing of them.
    async fn listener() -> (TcpListener, Peer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Peer::new(Transport::Tcp, listener.local_addr().unwrap());
        (listener, peer)
    }

    async fn next(heard: &mut mpsc::Receiver<Event>) -> Event {
        tokio::time::timeout(PATIENCE, heard.recv()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn one_connection_serves_all_messages_to_an_address() {
        let ((mut streams, mut heard), (listener, peer)) = (streams(), listener().await);
        for text in ["one", "two"] {
            streams.send(&peer, Bytes::from_static(text.as_bytes()), None).unwrap();
        }
        let (stream, _) = listener.accept().await.unwrap();
        let mut text = [0; 6];
        tokio::io::AsyncReadExt::read_exact(&mut { stream }, &mut text).await.unwrap();
        assert_eq!((&text, streams.open.len()), (b"onetwo", 1));
        let Event::Closed(flow, unheard) = next(&mut heard).await else { panic!("it should be closed") };
        assert!(unheard.is_empty());
        streams.end(flow);
        assert!(streams.open.is_empty() && streams.reached.is_empty() && streams.sources.is_empty());
        let gone = streams.send(&Peer { flow: Some(flow), ..peer }, Bytes::new(), None);
        assert_eq!(gone, Err("the connection is gone"));
    }

    #[tokio::test]
    async fn what_was_not_heard_is_told_when_nobody_takes_the_connection() {
        let ((mut streams, mut heard), (listener, peer)) = (streams(), listener().await);
        drop(listener);
        for branch in ["a", "b"] {
            streams.send(&peer, Bytes::from_static(b"x"), Some(branch.to_owned())).unwrap();
        }
        let Event::Closed(_, unheard) = next(&mut heard).await else { panic!("it should be closed") };
        assert_eq!(unheard, ["a", "b"]);
    }

    #[tokio::test]
    async fn who_reads_nothing_is_cut_off_and_holds_nobody_up() {
        let ((mut streams, _heard), (listener, peer)) = (streams(), listener().await);
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let mut sent = 0;
        while streams.send(&peer, piece.clone(), None).is_ok() {
            sent += piece.len();
            assert!(sent <= MAX_WAITING_OUT, "it has a bound");
        }
        assert!(streams.open.is_empty() && streams.reached.is_empty());
        drop(listener);
    }

    #[tokio::test]
    async fn connections_are_bounded_for_each_source() {
        let ((mut streams, _heard), (listener, peer)) = (streams(), listener().await);
        let known = (Transport::Tcp, peer.address);
        for full in [false, true] {
            let _theirs = TcpStream::connect(peer.address).await.unwrap();
            let (stream, from) = listener.accept().await.unwrap();
            if full {
                streams.sources.insert(from.ip(), MAX_PER_SOURCE);
            }
            streams.accept(stream, from, known);
            assert_eq!(streams.open.len(), 1);
        }
        streams.sources.insert(peer.ip(), MAX_PER_SOURCE);
        assert_eq!(streams.send(&peer, Bytes::new(), None), Err("there are too many connections"));
    }
}
