//! Builds the rooms, joins them, and stops them again: the daemon as a value.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::info;

use crate::api;
use crate::circle::{self, Circle, Switchboard};
use crate::config::{ApiKey, Config};
use crate::demo::{self, PlantError, Planted};
use crate::files::Files;
use crate::registrations::Registrations;
use crate::resync::Pace;
use crate::sightings::Sightings;
use crate::statics::Statics;
use crate::store::{Options, SledStore, Store, StoreError};
use crate::template::Finding;
use crate::uploads::Uploads;
use crate::{watch, wire};

mod admin;
mod listeners;
mod log;
mod opened;
mod phones;
mod run;

pub use listeners::ListenError;
pub use run::serve;

/// How long a request under way may take when the daemon stops, in seconds.
const GRACE: u64 = 10;

/// Why the daemon did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address could not be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] wire::TlsError),
    /// A pack cannot be read.
    #[error(transparent)]
    Pack(#[from] watch::LoadError),
    /// Catalog or templates are wrong, and there is no older set to go on with.
    #[error("the catalog and templates cannot be used:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Templates(Vec<Finding>),
    /// The folder of static files cannot be read.
    #[error("the folder of static files {} cannot be read: {source}. Make it, or choose another with --files-dir", folder.display())]
    Statics {
        /// Which one.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Phones that ask by multicast cannot be heard.
    #[error("pnp: {0}")]
    Pnp(String),
    /// The sample account could not be made.
    #[error(transparent)]
    Plant(#[from] PlantError),
    /// A part of the daemon has ended by itself.
    #[error("{0} has ended by itself; the log says why. Start the daemon again")]
    Ended(&'static str),
    /// The system refused something.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A running daemon. Dropping it without [`App::stop`] leaves its tasks to the runtime.
pub struct App {
    /// Where phones fetch their files.
    pub phones: SocketAddr,
    /// Where administrators work.
    pub admin: SocketAddr,
    /// Where SIP is spoken, by UDP and TCP.
    pub sip: SocketAddr,
    /// Where it is spoken besides, as listed in `sip_listen`.
    pub sip_also: Vec<wire::Listen>,
    /// Where phones fetch their files by TFTP, if they may.
    pub tftp: Option<SocketAddr>,
    /// The master account's API key, when it was made at this start and nobody gave it.
    pub new_key: Option<String>,
    /// The sample account, when it was planted.
    pub planted: Option<Planted>,
    store: Arc<dyn Store>,
    servers: Vec<ServerHandle>,
    stop_sip: Arc<tokio::sync::Notify>,
    /// What ends when it is told so, and not before.
    asides: Vec<JoinHandle<()>>,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
}

/// What the doors share.
struct Ground {
    store: Arc<dyn Store>,
    files: Arc<Files>,
    circle: Circle,
    registrations: Arc<Registrations>,
    sightings: Arc<Sightings>,
    statics: Statics,
    uploads: Arc<Uploads>,
    /// The path of the URL at which phones reach us.
    base: String,
    switchboard: Switchboard,
}

impl App {
    /// Starts a daemon. When this returns, all its listeners answer.
    pub async fn start(config: Config) -> Result<Self, AppError> {
        let options = Options { cache_bytes: mib(config.cache_mib), ..Options::new(&config.data_dir) };
        let opened = tokio::task::spawn_blocking(move || SledStore::open(options)).await;
        let store: Arc<dyn Store> = Arc::new(opened.map_err(io::Error::other)??);
        let started = Self::on(store.clone(), config).await;
        if started.is_err()
            && let Err(error) = store.close().await
        {
            tracing::warn!(%error, "the database was not closed well");
        }
        started
    }

    async fn on(store: Arc<dyn Store>, config: Config) -> Result<Self, AppError> {
        let opened = opened::open(&config, &*store).await?;
        let (bound, set) = (opened.bound, opened.set);
        let unix = wall_clock() / 1000;
        let doorman = api::Doorman::open(&*store, admin::at_the_door()).await?;
        let new_key = new_key(&*store, &doorman, &config, unix).await?;
        let imports = api::Imports::resume(&*store).await;
        let planted =
            if config.demo { demo::plant(&*store, set.catalog(), random, unix).await? } else { None };
        let (phones, admin) = (bound.phones.local_addr()?, bound.admin.local_addr()?);
        let (sip, sip_also) = listeners::of_sip(&bound.sip);
        let tftp = bound.tftp.as_ref().map(std::net::UdpSocket::local_addr).transpose()?;
        let site = config.site(phones);
        listeners::mark_moved_site(&*store, &site).await?;
        let phones_url = site.phones_url.clone();
        let files = Arc::new(Files::new(store.clone(), set, site, mib(config.files_mib)));
        let (orders, inbox) = mpsc::channel(1024);
        let switchboard = Switchboard::new(orders.clone());
        let means = circle::Means {
            store: store.clone(),
            files: files.clone(),
            orders,
            pace: pace(&config),
            clock: wall_clock,
            seed: wall_clock(),
        };
        let (circle, turning) = circle::start(means).await?;
        watch::announce(&*store, &circle, &files.set(), None).await?;
        let registrations = Arc::new(registrations(&config));
        let sightings = Arc::default();
        let ground = Ground {
            store: store.clone(),
            files,
            circle,
            registrations,
            sightings,
            statics: opened.statics,
            uploads: opened.uploads,
            base: phones::base(&phones_url).to_owned(),
            switchboard,
        };
        let stop_sip = Arc::new(tokio::sync::Notify::new());
        let sip_side =
            sip_side((bound.sip, opened.identity), &ground, inbox, &config, stop_sip.clone()).await?;
        let pnp = pnp_side(opened.pnp, &ground, phones_url);
        let shelf = phones::shelf(&ground);
        let servers = [
            phones::server(shelf.clone(), bound.phones, &config)?,
            admin::server(&ground, (doorman, imports), bound.admin, &config)?,
        ];
        let tftp_side = phones::tftp(shelf, bound.tftp)?;
        let sweeping = tokio::spawn(phones::sweep(ground.uploads.clone(), store.clone()));
        let handles = servers.iter().map(Server::handle).collect();
        let [phones_side, admin_side] = servers.map(|server| tokio::spawn(async move { drop(server.await) }));
        let watching =
            watch::run(config.packs.clone(), ground.files.clone(), store.clone(), ground.circle.clone());
        let watching = tokio::spawn(watching);
        let tasks = vec![
            ("the phones' listener", phones_side),
            ("the administrators' listener", admin_side),
            ("the SIP side", tokio::spawn(sip_side)),
            ("the circle", tokio::spawn(turning)),
        ];
        let servers = handles;
        Ok(Self {
            phones,
            admin,
            sip,
            sip_also,
            tftp,
            new_key,
            planted,
            store,
            servers,
            stop_sip,
            asides: vec![watching, pnp, tftp_side, sweeping],
            tasks,
        })
    }

    /// Waits until some part ends that never should; gives its name.
    pub async fn part_ended(&mut self) -> &'static str {
        let parts = self.tasks.iter_mut().map(|(name, task)| {
            let name = *name;
            Box::pin(async move {
                let _panicked = task.await;
                name
            })
        });
        futures_util::future::select_all(parts).await.0
    }

    /// Finishes what is under way, writes everything down, and lets go of the files.
    pub async fn stop(self) -> Result<(), StoreError> {
        info!("stopping");
        let graceful = self.servers.iter().map(|server| server.stop(true));
        futures_util::future::join_all(graceful).await;
        for aside in self.asides {
            aside.abort();
            let _aborted = aside.await;
        }
        self.stop_sip.notify_one();
        for (part, task) in self.tasks {
            if !task.is_finished() && tokio::time::timeout(Duration::from_secs(GRACE), task).await.is_err() {
                tracing::warn!(part, "did not end in time");
            }
        }
        self.store.close().await
    }
}

/// Makes the master account where there is none; gives its API key, when nobody gave it.
async fn new_key(
    store: &dyn Store,
    doorman: &api::Doorman,
    config: &Config,
    unix: u64,
) -> Result<Option<String>, StoreError> {
    let given = config.api_key.as_ref().map(ApiKey::as_str);
    let made = api::bootstrap(store, doorman, given, random, unix).await?;
    Ok(made.filter(|_| given.is_none()))
}

fn pace(config: &Config) -> Pace {
    Pace {
        per_second: config.notify_per_second,
        window: config.notify_window as usize,
        proxied: !config.outbound_proxy.is_empty(),
    }
}

/// Tells phones that ask by multicast, where that is wanted.
fn pnp_side(sockets: Option<wire::pnp::Sockets>, ground: &Ground, url: String) -> JoinHandle<()> {
    let host = wire::pnp::Host { files: ground.files.clone(), sightings: ground.sightings.clone() };
    tokio::spawn(async move {
        if let Some(sockets) = sockets
            && let Err(error) = wire::pnp::run(sockets, host, url, random()).await
        {
            tracing::error!(%error, "PnP has ended");
        }
    })
}

/// Whoever is reached through a proxy may be registered behind it, and nobody says so.
fn registrations(config: &Config) -> Registrations {
    let unknown = config.source() == wire::Source::Own && !config.outbound_proxy.is_empty();
    if unknown { Registrations::partly_elsewhere() } else { Registrations::default() }
}

async fn sip_side(
    (listeners, identity): (Vec<wire::Listener>, Option<Arc<wire::Identity>>),
    ground: &Ground,
    orders: mpsc::Receiver<circle::Order>,
    config: &Config,
    stop: Arc<tokio::sync::Notify>,
) -> Result<impl Future<Output = ()> + use<>, AppError> {
    let means = wire::Means {
        store: ground.store.clone(),
        circle: ground.circle.clone(),
        registrations: ground.registrations.clone(),
        orders,
        source: config.source(),
        outbound_proxy: Some(config.outbound_proxy.clone()).filter(|proxy| !proxy.is_empty()),
        identity,
        secret: random(),
        stop,
    };
    Ok(wire::start(listeners, means).await?)
}

fn workers(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(2, usize::from);
    if config.workers == 0 { cores() } else { config.workers as usize }
}

fn mib(count: u32) -> u64 {
    u64::from(count) << 20
}

/// Unix milliseconds.
#[allow(clippy::disallowed_methods, reason = "the roof reads the clock for the rooms below")]
fn wall_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes that nobody can guess.
///
/// # Panics
/// When the system has no source of randomness, without which no secret could be made.
#[allow(clippy::expect_used, reason = "without randomness nothing here is safe to do")]
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
