//! The sockets we listen on, and where others reach them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::str::FromStr;

use socket2::{Domain, Protocol, Socket, Type};
use tracing::debug;

use crate::sip::{Peer, Transport};

/// What a burst of answers may need: with the kernel's default, a window of 500 NOTIFYs loses responses.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How many connections may wait to be taken.
const BACKLOG: i32 = 1024;

/// How often a port is chosen that is free for UDP and for TCP.
const TRIES: usize = 16;

/// A place to listen at; written `udp:ADDR`, `tcp:ADDR` or `tls:ADDR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// What is spoken there.
    pub transport: Transport,
    /// The address; port 0 lets the system choose.
    pub address: SocketAddr,
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "udp:, tcp: or tls: and an address with its port";
        let (name, address) = text.split_once(':').ok_or(expected)?;
        let transport = Transport::named(name).ok_or(expected)?;
        Ok(Self { transport, address: address.parse().map_err(|_| expected)? })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.address)
    }
}

/// An open listener.
#[derive(Debug)]
pub struct Listener {
    /// What is spoken on it.
    pub transport: Transport,
    /// The address that it is bound to.
    pub address: SocketAddr,
    pub(super) socket: Open,
}

#[derive(Debug)]
pub(super) enum Open {
    Datagrams(UdpSocket),
    Streams(TcpListener),
}

impl Listener {
    /// Listens.
    pub fn open(Listen { transport, address }: Listen) -> io::Result<Self> {
        let (socket, address) = match transport {
            Transport::Udp => {
                let socket = datagrams(address)?;
                let address = socket.local_addr()?;
                (Open::Datagrams(socket), address)
            }
            Transport::Tcp | Transport::Tls => {
                let socket = streams(address)?;
                let address = socket.local_addr()?;
                (Open::Streams(socket), address)
            }
        };
        Ok(Self { transport, address, socket })
    }

    /// Listens for UDP and TCP on one address and port, UDP first.
    pub fn open_both(address: SocketAddr) -> io::Result<Vec<Self>> {
        let mut tries = TRIES;
        loop {
            let udp = Self::open(Listen { transport: Transport::Udp, address })?;
            match Self::open(Listen { transport: Transport::Tcp, address: udp.address }) {
                Ok(tcp) => return Ok(vec![udp, tcp]),
                Err(error) if address.port() != 0 || tries == 0 => return Err(error),
                Err(_) => tries -= 1,
            }
        }
    }

    /// What others know it by.
    pub(super) fn known(&self) -> Peer {
        Peer::new(self.transport, reachable(self.address))
    }
}

fn datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        debug!(%error, "the socket keeps its receive buffer");
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn streams(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// One family each, so that IPv4 and IPv6 can have the same port.
fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The address that others reach us at: the one bound, or this machine's own of the same family where that is every
/// address.
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    let (any, outside, loopback): (IpAddr, IpAddr, IpAddr) = if bound.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::LOCALHOST.into())
    } else {
        let outside = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        (Ipv6Addr::UNSPECIFIED.into(), outside.into(), Ipv6Addr::LOCALHOST.into())
    };
    let own = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((outside, 9))?;
        Ok::<IpAddr, io::Error>(socket.local_addr()?.ip())
    };
    SocketAddr::new(own().unwrap_or(loopback), bound.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_listen_at_reads_back_as_it_is_written() {
        for text in ["udp:0.0.0.0:5060", "tcp:[::]:5060", "tls:192.0.2.1:5061"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for wrong in ["", "192.0.2.1:5060", "tls:5061", "sctp:192.0.2.1:5060", "tcp:host:5060"] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn udp_and_tcp_have_one_port_and_one_that_is_taken_is_refused() {
        let both = Listener::open_both("127.0.0.1:0".parse().unwrap()).unwrap();
        let places: Vec<_> = both.iter().map(|listener| (listener.transport, listener.address)).collect();
        assert_eq!(places, [(Transport::Udp, both[0].address), (Transport::Tcp, both[0].address)]);
        let taken = Listener::open_both(both[0].address).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn every_address_of_a_family_is_known_by_one_of_that_family() {
        for any in ["0.0.0.0:5060", "[::]:5060"] {
            let (any, known) = (any.parse::<SocketAddr>().unwrap(), reachable(any.parse().unwrap()));
            assert!(!known.ip().is_unspecified() && known.is_ipv4() == any.is_ipv4() && known.port() == 5060);
        }
    }
}
