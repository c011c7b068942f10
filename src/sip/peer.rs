//! Whom we speak with: a transport, an address, and the connection if there is one.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::{NameAddr, Target, Via};
use super::hop::Hop;
use super::message::Request;

/// What carries messages (RFC 3261 §18, RFC 5630).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One datagram a message, which may be lost or come twice.
    Udp,
    /// A connection, on which nothing is lost while it stands.
    Tcp,
    /// The same, encrypted.
    Tls,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// Its name in a `Via`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// Its name in a URI and in our settings.
    pub fn param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The transport of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name().eq_ignore_ascii_case(name))
    }

    /// Whether it needs no retransmissions (RFC 3261 §17).
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// The port where nobody says any (RFC 3261 §19.1.2).
    pub fn usual_port(self) -> u16 {
        if self == Self::Tls { 5061 } else { 5060 }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.param())
    }
}

/// Names a connection among all that the shell ever has; no number is given twice while the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow(pub u64);

/// Somebody we hear from or send to.
///
/// As text it is `tcp:192.0.2.7:5060`, and in the store `tcp:192.0.2.7:5060/192.0.2.1:5060` with our own address;
/// an address alone is one over UDP. A connection does not outlive the daemon, so it is never written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Peer {
    /// What carries the messages.
    pub transport: Transport,
    /// Where it is. Of a stream that it opened, the port may be one where nobody listens.
    pub address: SocketAddr,
    /// The connection to use and no other; `None` for one that stands to this address already, or a new one.
    pub flow: Option<Flow>,
    /// Our listener that it came to, as others reach it; `None` where it is ours to choose.
    pub local: Option<SocketAddr>,
}

impl Peer {
    /// Somebody at this address, without a connection yet.
    pub fn new(transport: Transport, address: SocketAddr) -> Self {
        Self { transport, address, flow: None, local: None }
    }

    /// Its address without the port.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether what is sent to it needs no retransmissions.
    pub fn is_reliable(&self) -> bool {
        self.transport.is_reliable()
    }

    /// Where the response to its request goes, and later requests to whoever sent it: over the connection that the
    /// request came by; by UDP, and where that connection is gone, to where its `Via` says that it listens
    /// (RFC 3261 §18.2.2, RFC 3581 §4).
    #[must_use]
    pub fn back(self, request: &Request) -> Self {
        let address = match self.transport {
            Transport::Udp => request.return_address(self.address),
            _ => listening(request, self.address),
        };
        Self { address, ..self }
    }

    /// What the phone says of where it, or the proxy nearest to us on the way to it, is.
    pub fn nearest(contact: &Target, path: &[String]) -> Option<Hop> {
        let proxy = path.first().and_then(|proxy| NameAddr::read(proxy)).map(|proxy| proxy.uri);
        Hop::read(proxy.unwrap_or(contact.as_str()))
    }

    /// Where else a phone may be reached that registered from here: one whose connection is gone, at the address in
    /// its contact, or that of the proxy it came by, and where it listens (RFC 5626 §5.3). Nowhere else by UDP.
    pub fn otherwise(&self, contact: &Target, path: &[String]) -> Vec<Self> {
        if !self.is_reliable() {
            return Vec::new();
        }
        let written = Self::nearest(contact, path).and_then(|hop| hop.peer(self.transport));
        let written = written.filter(Self::is_reliable).map(|peer| Self { local: self.local, ..peer });
        let source = self.flow.map(|_| Self { flow: None, ..*self });
        let mut all: Vec<Self> = written.into_iter().chain(source).collect();
        all.dedup();
        all.retain(|other| other != self);
        all
    }
}

/// Where the sender of a request over a stream listens: the port it sent from is none.
fn listening(request: &Request, from: SocketAddr) -> SocketAddr {
    match request.headers.get("Via").and_then(Via::read) {
        Some(via) if !via.is_behind_nat(from.ip()) && via.port != 0 => SocketAddr::new(from.ip(), via.port),
        _ => from,
    }
}

/// Somebody at this address, by UDP.
impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::new(Transport::Udp, address)
    }
}

/// Somebody at this address and port, by UDP.
impl<I: Into<IpAddr>> From<(I, u16)> for Peer {
    fn from(address: (I, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.address)
    }
}

impl From<Peer> for String {
    fn from(peer: Peer) -> Self {
        let local = peer.local.map_or_else(Self::new, |local| format!("/{local}"));
        format!("{peer}{local}")
    }
}

impl FromStr for Peer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a peer is udp:, tcp: or tls: and an address with its port";
        let (peer, local) = match text.split_once('/') {
            Some((peer, local)) => (peer, Some(local.parse().map_err(|_| expected)?)),
            None => (text, None),
        };
        let named = peer.split_once(':').and_then(|(name, rest)| Some((Transport::named(name)?, rest)));
        let (transport, address) = named.unwrap_or((Transport::Udp, peer));
        let address = address.parse().map_err(|_| expected)?;
        Ok(Self { transport, address, flow: None, local })
    }
}

impl TryFrom<String> for Peer {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_reads_back_from_what_is_written_down_but_for_its_connection() {
        for text in ["udp:192.0.2.7:5060", "tcp:[2001:db8::1]:5062", "tls:10.0.0.1:40000/192.0.2.1:5061"] {
            let connected = Peer { flow: Some(Flow(7)), ..peer(text) };
            let stored = serde_json::to_string(&connected).unwrap();
            assert_eq!(stored, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Peer>(&stored).unwrap(), peer(text));
        }
    }

    #[test]
    fn an_address_alone_is_one_over_udp() {
        assert_eq!(peer("192.0.2.7:5060"), peer("udp:192.0.2.7:5060"));
        assert_eq!(peer("[::1]:5060"), peer("UDP:[::1]:5060"));
        for wrong in ["", "tcp:", "sctp:10.0.0.1:5060", "10.0.0.1", "udp:10.0.0.1:5060/here"] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_phone_whose_connection_is_gone_may_be_where_its_contact_says_or_where_it_listens() {
        let flow = |text| Peer { flow: Some(Flow(1)), ..peer(text) };
        let target = |uri| Target::new(uri).unwrap();
        let other = |from: Peer, contact, path: &[String]| {
            from.otherwise(&target(contact), path).iter().map(Peer::to_string).collect::<Vec<_>>()
        };
        let (tcp, contact) = (flow("tcp:203.0.113.9:5062"), "sip:u1@10.0.0.1:5070");
        assert_eq!(other(tcp, contact, &[]), ["tcp:10.0.0.1:5070", "tcp:203.0.113.9:5062"]);
        assert_eq!(other(tcp, "sip:u1@203.0.113.9:5062", &[]), ["tcp:203.0.113.9:5062"]);
        let path = ["<sip:198.51.100.1;transport=tls;lr>".to_owned()];
        assert_eq!(other(tcp, contact, &path), ["tls:198.51.100.1:5061", "tcp:203.0.113.9:5062"]);
        assert_eq!(other(tcp, "sip:u1@10.0.0.1;transport=udp", &[]), ["tcp:203.0.113.9:5062"]);
        assert_eq!(other(peer("tcp:203.0.113.9:5062"), contact, &[]), ["tcp:10.0.0.1:5070"]);
        assert!(other(peer("203.0.113.9:5062"), contact, &[]).is_empty());
    }

    #[test]
    fn an_answer_over_a_stream_goes_back_by_its_connection_and_else_to_where_the_sender_listens() {
        let back = |from: &str, via: &str| {
            let mut request = Request::new(rsip::Method::Options, "sip:us");
            request.headers.push("Via", via);
            Peer { flow: Some(Flow(1)), ..peer(from) }.back(&request)
        };
        let listens = back("tcp:192.0.2.7:40000", "SIP/2.0/TCP 192.0.2.7:5062;rport");
        assert_eq!(listens, Peer { flow: Some(Flow(1)), ..peer("tcp:192.0.2.7:5062") });
        let secure = back("tls:192.0.2.7:40000", "SIP/2.0/TLS 192.0.2.7");
        assert_eq!(secure.address, "192.0.2.7:5061".parse().unwrap());
        let hidden = back("tcp:192.0.2.7:40000", "SIP/2.0/TCP 10.0.0.9:5062;rport");
        assert_eq!(hidden.address, "192.0.2.7:40000".parse().unwrap());
        assert_eq!(back("192.0.2.7:40000", "SIP/2.0/UDP 192.0.2.7:5062").port(), 5062);
    }
}
