//! The next hop of a request: what a URI or a setting says of where to send it (RFC 3261 §19.1, RFC 3263 §4).

use std::net::{IpAddr, SocketAddr};

use super::address::{host_and_port, param};
use super::peer::{Peer, Transport};

/// A place that may still have to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hop {
    /// A name in lower case, or an address without brackets.
    pub host: String,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The transport, where one is written or meant: that of a `sips` URI is TLS.
    pub transport: Option<Transport>,
}

impl Hop {
    /// Reads `sip:` or `sips:` with host, port and parameters, or these without a scheme. `None` where the host cannot
    /// be one, the port is none, or the transport is one that we do not speak.
    pub fn read(text: &str) -> Option<Self> {
        let (secure, rest) = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => (false, rest),
            _ => (false, text),
        };
        let rest = rest.split('?').next()?;
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let (host_port, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        let (host, port) = host_and_port(host_port);
        let port = port.map(|port| port.parse().ok().filter(|port| *port > 0).ok_or(())).transpose().ok()?;
        let named =
            param(params, "transport").map(|name| Transport::named(name).ok_or(())).transpose().ok()?;
        let transport = match named {
            Some(Transport::Tcp) | None if secure => Some(Transport::Tls),
            Some(Transport::Udp) if secure => return None,
            named => named,
        };
        let host = Some(host).filter(|host| is_host(host))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Some(Self { host, port, transport })
    }

    /// Its address, if that is what it is written with.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whom it names without any look-up: an address and not a name. `usual` carries what names no transport.
    pub fn peer(&self, usual: Transport) -> Option<Peer> {
        let transport = self.transport.unwrap_or(usual);
        let port = self.port.unwrap_or(transport.usual_port());
        Some(Peer::new(transport, SocketAddr::new(self.ip()?, port)))
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    !host.is_empty() && host.len() <= 253 && host.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_read_from_uris_and_from_settings() {
        for (text, host, port, transport) in [
            ("sip:u1@10.0.0.7:5070;ob", "10.0.0.7", Some(5070), None),
            ("sips:u1:p@PBX.example;lr", "pbx.example", None, Some(Transport::Tls)),
            ("sips:pbx;transport=tcp", "pbx", None, Some(Transport::Tls)),
            ("sip:[2001:db8::1];transport=TCP?a=b@c", "2001:db8::1", None, Some(Transport::Tcp)),
            ("sbc.example.com:5060", "sbc.example.com", Some(5060), None),
            ("sbc.example.com;transport=tls", "sbc.example.com", None, Some(Transport::Tls)),
        ] {
            assert_eq!(Hop::read(text), Some(Hop { host: host.into(), port, transport }), "{text}");
        }
        for wrong in
            ["", "sip:", "a b", "sip:h:0", "h:70000", "h;transport=sctp", "sips:h;transport=udp", "::1"]
        {
            assert_eq!(Hop::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_needs_no_look_up() {
        let peer = |text: &str| Hop::read(text).unwrap().peer(Transport::Udp).map(|peer| peer.to_string());
        assert_eq!(peer("sip:u1@10.0.0.7:5070;ob"), Some("udp:10.0.0.7:5070".into()));
        assert_eq!(peer("sips:u1@[2001:db8::1]"), Some("tls:[2001:db8::1]:5061".into()));
        assert_eq!(peer("sip:phone.example"), None);
    }
}
