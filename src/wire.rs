//! SIP to the outside: sockets and connections, and the one loop that carries out what the pure
//! [`crate::sip::Endpoint`] commands.
//!
//! [`listeners`] are opened by whoever starts us. UDP is read by the [`shell`] itself; each [`connection`] has a task of
//! its own, [`streams`] knows them all, and [`limits`] says how many there may be. Who is [`registered`] is written down
//! and counted. [`telling`] says where a device's phones are, asking [`proxy`] where names lead, for which orders are
//! [`waiting`]. Where phones register with somebody else, [`elsewhere`] notes what [`kamailio`] says, or the answers to
//! what [`regevent`] asks, which are [`hearsay`] until then. [`pnp`] stands apart: it helps phones that know nothing yet.
//! What strangers can bring about is logged [`seldom`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::info;

use crate::circle::{Circle, Order};
use crate::registrations::Registrations;
use crate::sip::{Binding, Endpoint, Listeners};
use crate::store::{Store, StoreError};

mod bindings;
mod calls;
mod connection;
mod ends;
mod ledger;
mod elsewhere;
mod hearsay;
mod kamailio;
mod limits;
mod lines;
mod lookups;
mod listeners;
pub mod pnp;
mod proxy;
mod regevent;
mod registered;
mod seldom;
mod shell;
mod sockets;
mod streams;
mod telling;
mod thread;
mod tls;
mod told;
mod waiting;

pub use listeners::{Listen, Listener, reachable};
pub use tls::{TlsError, identity};
/// What phones see that connect by TLS.
pub use tokio_rustls::rustls::ServerConfig as Identity;

use elsewhere::Elsewhere;
use regevent::Watch;
use shell::Shell;

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
    /// Where NOTIFYs go instead of the phone's own contact: what [`is_proxy`] takes.
    pub outbound_proxy: Option<String>,
    /// What phones see that connect by TLS; without it none can.
    pub identity: Option<Arc<Identity>>,
    /// Makes nonces and tags unguessable.
    pub secret: [u8; 32],
    /// Ends the SIP side when it is notified.
    pub stop: Arc<tokio::sync::Notify>,
}

/// Whether a text says where a proxy is: `host[:port][;transport=udp|tcp|tls]`, or a `sip:` or `sips:` URI.
pub fn is_proxy(text: &str) -> bool {
    crate::sip::hop::Hop::read(text).is_some()
}

/// Starts the SIP side with the bindings that were stored. It runs until it is stopped, nobody gives orders any more, or
/// the future returned is dropped, which ends with every binding written down.
pub async fn start(
    listeners: Vec<Listener>,
    means: Means,
) -> Result<impl Future<Output = ()> + use<>, StoreError> {
    let known =
        Listeners::new(listeners.iter().map(Listener::known).map(|peer| (peer.transport, peer.address)));
    let agent = concat!("checksync/", env!("CARGO_PKG_VERSION"));
    let mut endpoint = Endpoint::new(means.secret, &known, agent);
    let (elsewhere, watch) = elsewhere(&means).await?;
    let stored = if elsewhere.is_some() { Vec::new() } else { bindings::load(&*means.store).await? };
    let (now, unix) = clock();
    let stands = |binding: &Binding| binding.expires_at > unix && !binding.outbound;
    let (stored, ended): (Vec<_>, Vec<_>) = stored.into_iter().partition(stands);
    info!(
        bindings = stored.len(),
        ended = ended.len(),
        "SIP bindings restored but for those that have ended, of themselves or with their connections"
    );
    let devices: Vec<String> = stored.iter().map(|binding| binding.device.clone()).collect();
    endpoint.restore(now, unix, stored);
    let stop = means.stop.clone();
    let shell = Shell::new(listeners, endpoint, means).map_err(|error| StoreError::Io(error.to_string()))?;
    let shell = Box::new(shell.beside(elsewhere, watch));
    shell.drop_notes(&ended);
    for device in devices {
        shell.count(&device);
    }
    thread::start(shell, stop).await.map_err(|error| StoreError::Io(error.to_string()))
}

/// Begins to listen to whoever else knows which phones are registered; gives what lines to watch, too.
async fn elsewhere(means: &Means) -> Result<(Option<Elsewhere>, mpsc::Receiver<Watch>), StoreError> {
    let ((news, inbox), (sweeping, watch)) = (mpsc::channel(64), mpsc::channel(8));
    match means.source.clone() {
        Source::Own => return Ok((None, watch)),
        Source::Kamailio { rpc, every } => drop(tokio::spawn(kamailio::poll(rpc, every, news))),
        Source::RegEvent => drop(tokio::spawn(regevent::sweep(means.store.clone(), sweeping))),
    }
    let (store, circle, registrations) =
        (means.store.clone(), means.circle.clone(), means.registrations.clone());
    let elsewhere = Elsewhere::start((store, circle, registrations), inbox).await?;
    Ok((Some(elsewhere), watch))
}

/// Both clocks: one for timers, one in Unix seconds for registrations.
#[allow(clippy::disallowed_methods, reason = "a door reads the clock for the rooms behind it")]
fn clock() -> (Instant, u64) {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (Instant::now(), unix.as_secs())
}
