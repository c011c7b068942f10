//! Plug and play on the local network: phones that ask by multicast where their configuration lies are told, if they
//! are known.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tracing::{debug, info};

use super::clock;
use super::seldom::OfEach;
use crate::device::Mac;
use crate::files::{Files, Refusal};
use crate::sightings::{Sighting, Sightings};
use crate::sip::chance::Chance;
use crate::sip::pnp::{Asking, Teller};
use crate::sip::{Command, Peer};

/// The group that phones ask (`sip.mcast.net`).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 75);

/// The longest question or answer that is read.
const DATAGRAM: usize = 8_192;

/// What hears phones ask, and what tells them.
#[derive(Debug)]
pub struct Sockets {
    ear: std::net::UdpSocket,
    mouth: std::net::UdpSocket,
}

/// Who decides which phones are told.
pub struct Host {
    /// What known phones would be given.
    pub files: Arc<Files>,
    /// Whether others are told, too.
    pub sightings: Arc<Sightings>,
}

/// Joins the group at the interface that has this address, at this port.
pub fn bind(interface: SocketAddrV4) -> io::Result<Sockets> {
    let mouth = std::net::UdpSocket::bind((*interface.ip(), 0))?;
    mouth.set_nonblocking(true)?;
    let ear = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    ear.set_nonblocking(true)?;
    ear.bind(&SocketAddrV4::new(GROUP, interface.port()).into())?;
    ear.join_multicast_v4(&GROUP, interface.ip())?;
    Ok(Sockets { ear: ear.into(), mouth })
}

/// Tells phones `url` for as long as the future is polled.
pub async fn run(sockets: Sockets, host: Host, url: String, secret: [u8; 32]) -> io::Result<()> {
    let (ear, mouth) = (UdpSocket::from_std(sockets.ear)?, UdpSocket::from_std(sockets.mouth)?);
    let agent = concat!("checksync/", env!("CARGO_PKG_VERSION"));
    let mut teller = Teller::new(Chance::new(secret), mouth.local_addr()?.into(), agent);
    let (mut asked, mut answered) = (vec![0; DATAGRAM], vec![0; DATAGRAM]);
    let mut said = OfEach::default();
    loop {
        let mut out = Vec::new();
        let deadline = teller.deadline().unwrap_or_else(|| clock().0 + Duration::from_hours(1));
        tokio::select! {
            received = ear.recv_from(&mut asked) => match received {
                Ok((length, from)) => {
                    let asking = Asking::read(Peer::from(from), &asked[..length]);
                    if let Some(asking) = asking.filter(|asking| !teller.repeats(asking, &mut out))
                        && host.helps(from, &asking, &mut said).await
                    {
                        teller.tell(clock().0, &asking, &url, &mut out);
                    }
                }
                Err(error) => debug!(%error, "a datagram could not be received"),
            },
            received = mouth.recv_from(&mut answered) => match received {
                Ok((length, _)) => teller.receive(clock().0, &answered[..length]),
                Err(error) => debug!(%error, "a datagram could not be received"),
            },
            () = tokio::time::sleep_until(deadline.into()) => teller.wake(clock().0, &mut out),
        }
        for command in out {
            let Command::Send { to, datagram, .. } = command else { continue };
            if let Err(error) = mouth.send_to(&datagram.0, to.address).await {
                debug!(%to, %error, "a datagram could not be sent");
            }
        }
    }
}

impl Host {
    /// Whether a phone that asks is told: one that would be given its files is, and any while the door is open.
    async fn helps(&self, from: SocketAddr, asking: &Asking, said: &mut OfEach<(Mac, bool)>) -> bool {
        let Ok(mac) = asking.mac.parse::<Mac>() else { return false };
        let refusal = self.files.by_mac(mac).await.err();
        let told = match &refusal {
            None => true,
            Some(Refusal::Unknown) => self.sightings.see(sighting(asking, mac, from)),
            Some(_) => false,
        };
        if let Some(left_out) = said.says(&(mac, told), clock().0) {
            let [vendor, model, version] = &asking.what;
            let refusal = refusal.map(|refusal| refusal.to_string());
            info!(%mac, %from, vendor, model, version, told, refusal, left_out, "a phone asks by PnP");
        }
        told
    }
}

fn sighting(asking: &Asking, mac_address: Mac, from: SocketAddr) -> Sighting {
    let [vendor, model, version] = asking.what.clone();
    Sighting { mac_address, vendor, model, version, ip: from.ip(), seen: clock().1 }
}

/// Why the group cannot be joined, in words that say what to do.
pub fn explain(interface: SocketAddrV4, sip: SocketAddr, error: &io::Error) -> String {
    let taken = error.kind() == io::ErrorKind::AddrInUse;
    if taken && sip.port() == interface.port() && sip.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
        return format!(
            "{GROUP}:{} cannot be listened on beside `sip` on every address: set sip = \"{interface}\"",
            interface.port()
        );
    }
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => format!("no interface has the address {}", interface.ip()),
        _ => format!("{GROUP}:{} cannot be listened on: {error}", interface.port()),
    }
}
