//! What the outside must give for a start: packs, folders, keys and sockets. All of it is looked at before the master account is
//! made, whose key is shown only once.

use std::io;
use std::sync::Arc;

use super::listeners::{self, Bound};
use super::{AppError, phones};
use crate::config::Config;
use crate::statics::Statics;
use crate::store::Store;
use crate::template::Set;
use crate::uploads::Uploads;
use crate::{watch, wire};

/// Everything that was opened.
pub(super) struct Opened {
    pub(super) set: Set,
    pub(super) statics: Statics,
    pub(super) uploads: Arc<Uploads>,
    pub(super) bound: Bound,
    /// What phones see by TLS, where that is spoken.
    pub(super) identity: Option<Arc<wire::Identity>>,
    /// Where phones ask by multicast, where they are answered.
    pub(super) pnp: Option<wire::pnp::Sockets>,
}

/// Opens all of it, or says what is wrong.
pub(super) async fn open(config: &Config, store: &dyn Store) -> Result<Opened, AppError> {
    let set = load(config).await?;
    let statics = phones::statics(config)?;
    let uploads = phones::uploads(config).await?;
    let identity = identity(config)?;
    let bound = listeners::bind(config, store).await?;
    let pnp = pnp(config, &bound)?;
    Ok(Opened { set, statics, uploads, bound, identity, pnp })
}

async fn load(config: &Config) -> Result<Set, AppError> {
    let packs = config.packs.clone();
    let loaded = tokio::task::spawn_blocking(move || watch::load(&packs).map(|pack| watch::compile(&pack)));
    loaded.await.map_err(io::Error::other)??.map_err(AppError::Templates)
}

fn identity(config: &Config) -> Result<Option<Arc<wire::Identity>>, wire::TlsError> {
    let secure = config.sip_listen.iter().any(|listen| listen.transport == crate::sip::Transport::Tls);
    secure.then(|| wire::identity(&config.sip_tls_certificate, &config.sip_tls_key)).transpose()
}

fn pnp(config: &Config, bound: &Bound) -> Result<Option<wire::pnp::Sockets>, AppError> {
    let Ok(interface) = config.pnp.parse() else { return Ok(None) };
    let (sip, _) = listeners::of_sip(&bound.sip);
    let refused = |error| AppError::Pnp(wire::pnp::explain(interface, sip, &error));
    wire::pnp::bind(interface).map(Some).map_err(refused)
}
