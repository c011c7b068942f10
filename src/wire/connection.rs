//! One connection, in a task of its own: it is opened, read and written until either side has enough.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::debug;

use super::clock;
use super::streams::Event;
use crate::sip::framing::{Frame, Framer};
use crate::sip::{Flow, Peer};

#[cfg(test)]
mod tests;

/// How long a connection may take to come about, each for TCP and for TLS.
const OPENING: Duration = Duration::from_secs(8);
/// How long somebody who has connected may wait with the first message, and how long any message may take to come whole.
const MESSAGE: Duration = Duration::from_secs(32);
/// How long nothing may come on a connection that no registration keeps; a phone sends a keep-alive every two minutes
/// at most (RFC 5626 §4.4.1).
const IDLE: Duration = Duration::from_mins(5);
/// How long one message may take to be written.
const WRITING: Duration = Duration::from_secs(10);
/// Requests of which is remembered that they were written, in case the connection ends without an answer.
const MAX_WRITTEN: usize = 256;
/// How much may wait for somebody who has connected before anybody has registered over it.
const UNKEPT: usize = 64 << 10;
/// What a message costs that waits to be written, besides its length: the entry, and the name of its transaction.
const ENTRY: usize = 128;
/// How much is read at once, in bytes.
const PIECE: usize = 4096;

/// A message that waits to be written.
struct Written {
    bytes: Bytes,
    branch: Option<String>,
    is_pong: bool,
}

impl Written {
    /// What it costs to have it wait, in bytes.
    fn cost(&self) -> usize {
        self.bytes.len() + ENTRY
    }
}

/// What both ends of an outbox know.
#[derive(Default)]
struct Shared {
    /// What waits to be written, as a cost in bytes.
    waiting: AtomicUsize,
    /// Whether a pong is among it.
    pong: AtomicBool,
    /// Until which second since 1970 a registration keeps the connection.
    keep: AtomicU64,
    cut: Notify,
}

/// Where messages for a connection wait.
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<Written>,
    most: usize,
    /// The same until a registration keeps the connection.
    unkept: usize,
    shared: Arc<Shared>,
}

impl Outbox {
    /// Takes a message; false if too much waits already or the connection has ended.
    pub(super) fn put(&self, bytes: Bytes, branch: Option<String>) -> bool {
        self.queue_up(Written { bytes, branch, is_pong: false })
    }

    /// Answers a ping (RFC 5626 §3.5.1), unless the answer to an earlier one still waits to be written: one is enough
    /// for both. False as with [`Outbox::put`].
    pub(super) fn pong(&self) -> bool {
        let pong = || Written { bytes: Bytes::from_static(b"\r\n"), branch: None, is_pong: true };
        self.shared.pong.swap(true, Ordering::Relaxed) || self.queue_up(pong())
    }

    fn queue_up(&self, message: Written) -> bool {
        let cost = message.cost();
        let before = self.shared.waiting.fetch_add(cost, Ordering::Relaxed);
        let kept = self.shared.keep.load(Ordering::Relaxed) > 0;
        let most = if kept { self.most } else { self.most.min(self.unkept) };
        before + cost <= most && self.queue.send(message).is_ok()
    }

    /// Bears the connection, however idle, until this second since 1970.
    pub(super) fn keep(&self, unix: u64) {
        self.shared.keep.fetch_max(unix, Ordering::Relaxed);
    }

    /// Ends the connection, whatever waits to be written.
    pub(super) fn cut(self) {
        self.shared.cut.notify_one();
    }
}

/// The other end of an [`Outbox`], and what belongs to its task.
pub(super) struct Line {
    peer: Peer,
    flow: Flow,
    inbox: mpsc::UnboundedReceiver<Written>,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    written: VecDeque<String>,
    /// Whether it has said anything, or we have opened the connection.
    heard: bool,
}

/// A line to a peer, and its outbox, in which messages may wait that cost `most` bytes; fewer while nobody has registered
/// over a connection that is not ours.
pub(super) fn line(
    peer: Peer,
    flow: Flow,
    most: usize,
    events: mpsc::Sender<Event>,
    heard: bool,
) -> (Outbox, Line) {
    let (queue, inbox) = mpsc::unbounded_channel();
    let shared = Arc::<Shared>::default();
    let unkept = if heard { most } else { UNKEPT };
    let outbox = Outbox { queue, most, unkept, shared: shared.clone() };
    let peer = Peer { flow: Some(flow), ..peer };
    (outbox, Line { peer, flow, inbox, shared, events, written: VecDeque::new(), heard })
}

impl Line {
    /// Serves somebody who has connected to us, until it is cut.
    pub(super) async fn accepted(mut self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let shared = self.shared.clone();
        tokio::select! {
            () = self.take(stream, tls) => {}
            () = shared.cut.notified() => {}
        }
        self.over().await;
    }

    async fn take(&mut self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let Some(tls) = tls else { return self.serve(stream).await };
        match timeout(OPENING, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            failed => debug!(peer = %self.peer, error = ?failed.err(), "no TLS came about"),
        }
    }

    /// Connects to somebody, until it is cut.
    pub(super) async fn connect(mut self, tls: Option<(TlsConnector, ServerName<'static>)>) {
        let shared = self.shared.clone();
        tokio::select! {
            () = self.reach(tls) => {}
            () = shared.cut.notified() => {}
        }
        self.over().await;
    }

    async fn reach(&mut self, tls: Option<(TlsConnector, ServerName<'static>)>) {
        match self.open(tls).await {
            Ok(stream) => self.serve(stream).await,
            Err(error) => debug!(peer = %self.peer, %error, "a connection could not be opened"),
        }
    }

    async fn open(&self, tls: Option<(TlsConnector, ServerName<'static>)>) -> io::Result<Box<dyn Stream>> {
        let stream = timeout(OPENING, connect(self.peer.address)).await??;
        let Some((tls, name)) = tls else { return Ok(Box::new(stream)) };
        let stream = timeout(OPENING, tls.connect(name, stream)).await??;
        Ok(Box::new(stream))
    }

    async fn serve(&mut self, stream: impl Stream) {
        let (reader, writer) = tokio::io::split(stream);
        let Self { peer, inbox, shared, events, written, heard, .. } = self;
        let reading = Reading { peer: *peer, keep: &shared.keep, events, heard: *heard, idle: IDLE };
        tokio::select! {
            () = reading.run(reader) => {}
            () = write(writer, inbox, shared, written) => {}
        }
    }

    /// Tells that the connection has ended, and which requests were perhaps not heard.
    async fn over(mut self) {
        self.inbox.close();
        let mut unheard: Vec<String> = self.written.into();
        while let Ok(waiting) = self.inbox.try_recv() {
            unheard.extend(waiting.branch);
        }
        let _stopped = self.events.send(Event::Closed(self.flow, unheard)).await;
    }
}

/// What a connection runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    prepare(&stream);
    Ok(stream)
}

/// Small messages go at once, and who is gone without a word is noticed.
pub(super) fn prepare(stream: &TcpStream) {
    let quick = stream.set_nodelay(true);
    let alive = socket2::TcpKeepalive::new().with_time(Duration::from_mins(2));
    let alive = socket2::SockRef::from(stream).set_tcp_keepalive(&alive);
    if let Err(error) = quick.and(alive) {
        debug!(%error, "a connection keeps its manners");
    }
}

struct Reading<'a> {
    peer: Peer,
    keep: &'a AtomicU64,
    events: &'a mpsc::Sender<Event>,
    heard: bool,
    /// How long nothing may come.
    idle: Duration,
}

impl Reading<'_> {
    /// Reads until nothing more can come.
    async fn run(mut self, mut from: impl AsyncRead + Unpin) {
        let (mut framer, mut piece) = (Framer::default(), vec![0; PIECE]);
        let mut until = self.patience(false);
        loop {
            let within = framer.is_within();
            let renewed = match tokio::time::timeout_at(until, from.read(&mut piece)).await {
                Ok(Ok(length)) if length > 0 => {
                    framer.push(&piece[..length]);
                    let Some(renewed) = self.hand_on(&mut framer).await else { return };
                    renewed
                }
                Err(_) if !within && self.heard && self.is_kept() => true,
                _ => return,
            };
            let begins = !within && framer.is_within();
            if renewed || begins {
                until = self.patience(framer.is_within());
            } else if clock().0 >= until.into_std() {
                // Whoever always has something more to say is never seen to be late.
                return;
            }
        }
    }

    /// Hands all whole frames on. Says whether there was one that renews our patience, as a message does, and of a
    /// connection that a registration keeps a ping; `None` when all is over.
    async fn hand_on(&mut self, framer: &mut Framer) -> Option<bool> {
        let mut renews = false;
        while let Some(frame) = framer.frame() {
            renews |= frame != Frame::Ping || self.is_kept();
            let last = frame == Frame::End;
            self.heard |= matches!(frame, Frame::Message(_));
            self.events.send(Event::Heard(self.peer, frame)).await.ok()?;
            if last {
                // What is answered to the last frame is still written; then the other end of the outbox goes.
                tokio::time::sleep(WRITING).await;
                return None;
            }
        }
        Some(renews)
    }

    fn patience(&self, within: bool) -> Instant {
        let patience = if within || !self.heard { MESSAGE } else { self.idle };
        Instant::from_std(clock().0 + patience)
    }

    fn is_kept(&self) -> bool {
        clock().1 < self.keep.load(Ordering::Relaxed)
    }
}

/// Writes what waits, until the outbox is gone or the other side takes too long.
async fn write(
    mut to: impl AsyncWrite + Unpin,
    inbox: &mut mpsc::UnboundedReceiver<Written>,
    shared: &Shared,
    written: &mut VecDeque<String>,
) {
    while let Some(message) = inbox.recv().await {
        let cost = message.cost();
        if let Some(branch) = message.branch {
            written.truncate(MAX_WRITTEN - 1);
            written.push_front(branch);
        }
        let write = async {
            to.write_all(&message.bytes).await?;
            to.flush().await
        };
        if !matches!(timeout(WRITING, write).await, Ok(Ok(()))) {
            return;
        }
        shared.waiting.fetch_sub(cost, Ordering::Relaxed);
        if message.is_pong {
            shared.pong.store(false, Ordering::Relaxed);
        }
    }
    let _gone = timeout(WRITING, to.shutdown()).await;
}
