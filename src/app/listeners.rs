//! The sockets, and the URL that phones know us by.
//!
//! That URL stands in the phones' files. A port that the system chose (port 0) is therefore remembered and
//! tried first at the next start, so that a restart does not change what every phone is given.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use socket2::SockRef;
use tracing::debug;

use crate::config::Config;
use crate::id::Digest;
use crate::resync::Scope;
use crate::settings::Site;
use crate::store::{Change, Note, Step, Store, StoreError, Table};
use crate::wire::{Listen, Listener};

/// The setting that lists further places for SIP.
const ALSO: &str = "sip_listen";

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {what}: {source}. {}", advice(source, &setting(what)))]
pub struct ListenError {
    what: &'static str,
    address: SocketAddr,
    source: io::Error,
}

/// What a person sets to choose another address.
fn setting(what: &str) -> String {
    if what == ALSO { format!("`{ALSO}`") } else { format!("--{what}") }
}

fn advice(error: &io::Error, setting: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("Another program has this port: stop it, or choose another with {setting}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("Ports below 1024 need a privilege: choose another with {setting}")
        }
        _ => format!("Choose an address of this machine with {setting}"),
    }
}

/// The open sockets.
pub(super) struct Bound {
    pub(super) phones: TcpListener,
    pub(super) admin: TcpListener,
    pub(super) tftp: Option<UdpSocket>,
    /// UDP and TCP on one port, and those that are listed besides.
    pub(super) sip: Vec<Listener>,
}

/// Opens all sockets, or none.
pub(super) async fn bind(config: &Config, store: &dyn Store) -> Result<Bound, super::AppError> {
    let phones = listen("phones", config.phones, store, impatient).await?;
    let admin = listen("admin", config.admin, store, tcp).await?;
    let tftp = config.tftp.parse().ok().map(udp).transpose()?;
    let mut sip = listen("sip", config.sip, store, Listener::open_both).await?;
    let of_sip = sip.first().map_or(config.sip, |udp| udp.address);
    for also in &config.sip_listen {
        let refused = |source| ListenError { what: ALSO, address: also.address, source };
        sip.push(Listener::open(*also).map_err(refused)?);
    }
    let ports = [("phones", phones.local_addr()?), ("admin", admin.local_addr()?), ("sip", of_sip)];
    let notes = ports.map(|(name, address)| remember(name, address.port().to_string().into_bytes()));
    store.jot(notes.into()).await?;
    Ok(Bound { phones, admin, tftp, sip })
}

/// Where SIP is spoken by UDP and TCP, and where besides.
pub(super) fn of_sip(listeners: &[Listener]) -> (SocketAddr, Vec<Listen>) {
    let both = listeners.first().map_or_else(|| ([0, 0, 0, 0], 0).into(), |udp| udp.address);
    let listed = |of: &Listener| Listen { transport: of.transport, address: of.address };
    (both, listeners.iter().skip(2).map(listed).collect())
}

async fn listen<S>(
    what: &'static str,
    address: SocketAddr,
    store: &dyn Store,
    open: impl Fn(SocketAddr) -> io::Result<S>,
) -> Result<S, super::AppError> {
    if address.port() == 0
        && let Some(port) = remembered(store, what).await?.and_then(|text| text.parse().ok())
        && let Ok(socket) = open(SocketAddr::new(address.ip(), port))
    {
        debug!(what, port, "the port of the last start");
        return Ok(socket);
    }
    open(address).map_err(|source| ListenError { what, address, source }.into())
}

fn udp(address: SocketAddr) -> Result<UdpSocket, ListenError> {
    let opened = UdpSocket::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    opened.map_err(|source| ListenError { what: "tftp", address, source })
}

/// How long a phone may acknowledge nothing of what it is sent, or have no room for it, before its connection ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// A listener whose connections end when nobody takes what they send (`TCP_USER_TIMEOUT`, RFC 5482), which Linux hands on to
/// each connection that is accepted.
fn impatient(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = tcp(address)?;
    SockRef::from(&listener).set_tcp_user_timeout(Some(PATIENCE))?;
    Ok(listener)
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Marks every phone when what the operator sets for all of them is another than at the last start, or this
/// program is: either may give a phone other bytes.
pub(super) async fn mark_moved_site(store: &dyn Store, site: &Site) -> Result<(), StoreError> {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("{version}\n{}\n{}", site.phones_url, serde_json::Value::from(site.body.clone()));
    let digest = Digest::of(text.as_bytes()).to_string();
    let before = remembered(store, "site").await?;
    if before.as_ref() == Some(&digest) {
        return Ok(());
    }
    let mut steps = vec![Step::Set(remember("site", digest.into_bytes()))];
    steps.extend(before.map(|_| Step::Mark(Scope::Everything)));
    store.commit(Change { steps }).await.map(drop)
}

fn remember(name: &str, value: Vec<u8>) -> Note {
    Note { table: Table::Daemon, key: name.as_bytes().to_vec(), value: Some(value) }
}

async fn remembered(store: &dyn Store, name: &str) -> Result<Option<String>, StoreError> {
    let note = store.note(Table::Daemon, name.as_bytes()).await?;
    Ok(note.and_then(|bytes| String::from_utf8(bytes).ok()))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;

    /// Both ends of a connection to a listener.
    fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
        listener.set_nonblocking(false).unwrap();
        let phone = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (phone, listener.accept().unwrap().0)
    }

    #[test]
    fn a_phones_connection_has_the_patience_of_its_listener() {
        let listener = impatient(([127, 0, 0, 1], 0).into()).unwrap();
        let (_phone, connection) = connection(&listener);
        assert_eq!(SockRef::from(&connection).tcp_user_timeout().unwrap(), Some(PATIENCE));
    }

    #[test]
    fn a_connection_ends_whose_other_end_is_there_and_reads_nothing() {
        let listener = impatient(([127, 0, 0, 1], 0).into()).unwrap();
        SockRef::from(&listener).set_tcp_user_timeout(Some(Duration::from_millis(500))).unwrap();
        let (_phone, mut connection) = connection(&listener);
        connection.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
        let (begun, piece) = (Instant::now(), [0; 1 << 14]);
        let ended = std::iter::repeat_with(|| connection.write_all(&piece)).find_map(Result::err).unwrap();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut, "{ended} after {:?}", begun.elapsed());
    }
}
