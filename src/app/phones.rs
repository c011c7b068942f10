//! What phones reach: their listener, and the folder of static files behind it.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App as Web, HttpServer};
use tokio::task::JoinHandle;
use tracing::info;

use super::{AppError, GRACE, Ground, mib, wall_clock, workers};
use crate::config::Config;
use crate::provision::{self, Registered, Shelf};
use crate::statics::Statics;
use crate::store::Store;
use crate::uploads::Uploads;

/// The phones' door.
pub(super) fn shelf(ground: &Ground) -> Arc<Shelf> {
    Arc::new(Shelf::new(provision::Means {
        files: ground.files.clone(),
        circle: ground.circle.clone(),
        store: ground.store.clone(),
        statics: ground.statics.clone(),
        uploads: ground.uploads.clone(),
        registered: Registered {
            registrations: ground.registrations.clone(),
            switchboard: ground.switchboard.clone(),
        },
        base: ground.base.clone(),
        clock: wall_clock,
    }))
}

pub(super) fn server(shelf: Arc<Shelf>, listener: TcpListener, config: &Config) -> io::Result<Server> {
    let configure = provision::configure(shelf);
    let server = HttpServer::new(move || Web::new().configure(configure.clone()));
    // What is streamed must not wait for the acknowledgement of what went before it.
    let server = server.tcp_nodelay(true).workers(workers(config)).disable_signals();
    Ok(server.shutdown_timeout(GRACE).listen(listener)?.run())
}

/// Answers phones by TFTP, where that is wanted.
pub(super) fn tftp(shelf: Arc<Shelf>, socket: Option<UdpSocket>) -> io::Result<JoinHandle<()>> {
    let Some(socket) = socket else { return Ok(tokio::spawn(async {})) };
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    Ok(tokio::spawn(provision::tftp::serve(socket, shelf)))
}

/// The folder of static files. All are read once behind the daemon's start, so that no phone waits for that.
pub(super) fn statics(config: &Config) -> Result<Statics, AppError> {
    let folder = &config.files_dir;
    if folder.as_os_str().is_empty() {
        return Ok(Statics::default());
    }
    let opened = Statics::open(folder);
    let statics = opened.map_err(|source| AppError::Statics { folder: folder.clone(), source })?;
    let to_read = statics.clone();
    tokio::spawn(async move {
        let files = to_read.list().await.len();
        info!(files, "static files are known");
    });
    Ok(statics)
}

/// How long after it was looked it is looked again whose uploads nobody has any more.
const SWEEP: Duration = Duration::from_hours(1);

/// What phones have sent, beside the database.
pub(super) async fn uploads(config: &Config) -> io::Result<Arc<Uploads>> {
    let (folder, most) = (config.data_dir.join("uploads"), mib(config.uploads_mib));
    let opened = tokio::task::spawn_blocking(move || Uploads::open(&folder, most)).await;
    Ok(Arc::new(opened.map_err(io::Error::other)??))
}

/// Removes what was sent by devices that are there no more: at the start, and again and again, since not everything that
/// removes devices tells so.
pub(super) async fn sweep(uploads: Arc<Uploads>, store: Arc<dyn Store>) {
    loop {
        if let Err(error) = uploads.sweep(&*store).await {
            tracing::warn!(%error, "it is not known whose uploads nobody has any more");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// The path of a URL.
pub(super) fn base(url: &str) -> &str {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    address.find('/').map_or("", |at| &address[at..])
}
