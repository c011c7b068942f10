//! One connection, in a task of its own: it is opened, read and written until either side has enough.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::debug;

use super::clock;
use super::streams::Event;
use crate::sip::framing::{Frame, Framer};
use crate::sip::{Flow, Peer};

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
/// How much is read at once, in bytes.
const PIECE: usize = 4096;

/// A message that waits to be written.
pub(super) struct Written {
    bytes: Bytes,
    branch: Option<String>,
}

/// Where messages for a connection wait.
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<Written>,
    waiting: Arc<AtomicUsize>,
    most: usize,
    keep: Arc<AtomicU64>,
}

impl Outbox {
    /// Takes a message; false if too much waits already or the connection has ended.
    pub(super) fn put(&self, bytes: Bytes, branch: Option<String>) -> bool {
        let length = bytes.len();
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        before + length <= self.most && self.queue.send(Written { bytes, branch }).is_ok()
    }

    /// Keeps the connection, however idle, until this second since 1970.
    pub(super) fn keep(&self, unix: u64) {
        self.keep.fetch_max(unix, Ordering::Relaxed);
    }
}

/// The other end of an [`Outbox`], and what belongs to its task.
pub(super) struct Line {
    peer: Peer,
    flow: Flow,
    inbox: mpsc::UnboundedReceiver<Written>,
    waiting: Arc<AtomicUsize>,
    keep: Arc<AtomicU64>,
    events: mpsc::Sender<Event>,
    written: VecDeque<String>,
    /// Whether it has said anything, or we have opened the connection.
    heard: bool,
}

/// A line to a peer, and its outbox, in which up to `most` bytes may wait.
pub(super) fn line(
    peer: Peer,
    flow: Flow,
    most: usize,
    events: mpsc::Sender<Event>,
    heard: bool,
) -> (Outbox, Line) {
    let (queue, inbox) = mpsc::unbounded_channel();
    let (waiting, keep): (Arc<AtomicUsize>, Arc<AtomicU64>) = Default::default();
    let outbox = Outbox { queue, waiting: waiting.clone(), most, keep: keep.clone() };
    let peer = Peer { flow: Some(flow), ..peer };
    (outbox, Line { peer, flow, inbox, waiting, keep, events, written: VecDeque::new(), heard })
}

impl Line {
    /// Serves somebody who has connected to us.
    pub(super) async fn accepted(mut self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        match tls {
            None => self.serve(stream).await,
            Some(tls) => match timeout(OPENING, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream).await,
                failed => debug!(peer = %self.peer, error = ?failed.err(), "no TLS came about"),
            },
        }
        self.over().await;
    }

    /// Connects to somebody.
    pub(super) async fn connect(mut self, tls: Option<(TlsConnector, ServerName<'static>)>) {
        match self.open(tls).await {
            Ok(stream) => self.serve(stream).await,
            Err(error) => debug!(peer = %self.peer, %error, "a connection could not be opened"),
        }
        self.over().await;
    }

    async fn open(&self, tls: Option<(TlsConnector, ServerName<'static>)>) -> io::Result<Box<dyn Stream>> {
        let stream = timeout(OPENING, connect(self.peer.address)).await??;
        let Some((tls, name)) = tls else { return Ok(Box::new(stream)) };
        let stream = timeout(OPENING, tls.connect(name, stream)).await??;
        Ok(Box::new(stream))
    }

    async fn serve(&mut self, stream: impl Stream) {
        let (reader, writer) = tokio::io::split(stream);
        let Self { peer, inbox, waiting, keep, events, written, heard, .. } = self;
        let reading = Reading { peer: *peer, keep, events, heard: *heard };
        tokio::select! {
            () = reading.run(reader) => {}
            () = write(writer, inbox, waiting, written) => {}
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
}

impl Reading<'_> {
    /// Reads until nothing more can come.
    async fn run(mut self, mut from: impl AsyncRead + Unpin) {
        let (mut framer, mut piece) = (Framer::default(), vec![0; PIECE]);
        let mut until = self.patience(false);
        loop {
            let within = framer.is_within();
            match tokio::time::timeout_at(until, from.read(&mut piece)).await {
                Ok(Ok(length)) if length > 0 => framer.push(&piece[..length]),
                Err(_) if !within && self.heard && self.is_kept() => {}
                _ => return,
            }
            let Some(any) = self.hand_on(&mut framer).await else { return };
            if any || !within {
                until = self.patience(framer.is_within());
            }
        }
    }

    /// Hands all whole frames on; whether there was one, or `None` when all is over.
    async fn hand_on(&mut self, framer: &mut Framer) -> Option<bool> {
        let mut any = false;
        while let Some(frame) = framer.frame() {
            any = true;
            let last = frame == Frame::End;
            self.heard |= matches!(frame, Frame::Message(_));
            self.events.send(Event::Heard(self.peer, frame)).await.ok()?;
            if last {
                // What is answered to the last frame is still written; then the other end of the outbox goes.
                tokio::time::sleep(WRITING).await;
                return None;
            }
        }
        Some(any)
    }

    fn patience(&self, within: bool) -> Instant {
        let patience = if within || !self.heard { MESSAGE } else { IDLE };
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
    waiting: &AtomicUsize,
    written: &mut VecDeque<String>,
) {
    while let Some(message) = inbox.recv().await {
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
        waiting.fetch_sub(message.bytes.len(), Ordering::Relaxed);
    }
    let _gone = timeout(WRITING, to.shutdown()).await;
}
