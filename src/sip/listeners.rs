//! Where we listen, and what we therefore write into Via and Contact.

use std::net::SocketAddr;
use std::sync::Arc;

use super::peer::{Peer, Transport};

/// Our listeners as others reach them: never every address, never port 0. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners(Arc<[(Transport, SocketAddr)]>);

impl Listeners {
    /// The listeners, the one that is preferred among equals first. There must be one at least, else we
    /// pretend to listen nowhere (0.0.0.0:0).
    pub fn new(all: impl IntoIterator<Item = (Transport, SocketAddr)>) -> Self {
        Self(all.into_iter().collect())
    }

    /// The address of ours that this peer is served at: where it came to if we still listen there, else a listener of
    /// the same transport and address family, else the nearest to that.
    pub fn local(&self, peer: &Peer) -> SocketAddr {
        let fit = |(transport, address): &&(Transport, SocketAddr)| {
            let same = *transport == peer.transport;
            let family = address.is_ipv4() == peer.address.ip().to_canonical().is_ipv4();
            (same && peer.local == Some(*address), same && family, family, same)
        };
        let nowhere = || SocketAddr::from(([0, 0, 0, 0], 0));
        self.0.iter().rev().max_by_key(fit).map_or_else(nowhere, |(_, address)| *address)
    }

    /// The `Via` of a request to this peer.
    pub fn via(&self, peer: &Peer, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch};rport", peer.transport.name(), self.local(peer))
    }

    /// The `Contact` by which this peer reaches us.
    pub fn contact(&self, peer: &Peer) -> String {
        let local = self.local(peer);
        match peer.transport {
            Transport::Udp => format!("<sip:{local}>"),
            stream => format!("<sip:{local};transport={stream}>"),
        }
    }
}

/// A single listener, by UDP.
impl From<SocketAddr> for Listeners {
    fn from(address: SocketAddr) -> Self {
        Self::new([(Transport::Udp, address)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners() -> Listeners {
        let all =
            ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5060", "udp:[2001:db8::1]:5060", "udp:192.0.2.1:5070"];
        Listeners::new(
            all.map(|text| text.parse::<Peer>().unwrap()).map(|peer| (peer.transport, peer.address)),
        )
    }

    #[test]
    fn a_peer_is_served_where_it_came_to_or_by_its_transport_and_family() {
        for (peer, local) in [
            ("udp:10.0.0.1:5062/192.0.2.1:5070", "192.0.2.1:5070"),
            ("udp:10.0.0.1:5062/192.0.2.1:9999", "192.0.2.1:5060"),
            ("udp:10.0.0.1:5062", "192.0.2.1:5060"),
            ("udp:[::ffff:10.0.0.1]:5062", "192.0.2.1:5060"),
            ("udp:[2001:db8::7]:5062", "[2001:db8::1]:5060"),
            ("tcp:[2001:db8::7]:5062", "[2001:db8::1]:5060"),
        ] {
            assert_eq!(listeners().local(&peer.parse().unwrap()).to_string(), local, "{peer}");
        }
    }

    #[test]
    fn via_and_contact_name_the_transport() {
        let tcp: Peer = "tcp:10.0.0.1:5062".parse().unwrap();
        assert_eq!(listeners().via(&tcp, "z9hG4bK1"), "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK1;rport");
        assert_eq!(listeners().contact(&tcp), "<sip:192.0.2.1:5060;transport=tcp>");
        assert_eq!(listeners().contact(&"10.0.0.1:5062".parse().unwrap()), "<sip:192.0.2.1:5060>");
    }
}
