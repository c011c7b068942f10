//! Where a name leads (RFC 3263 §4): what to look up, and the order in which to go to what is found. The looking up
//! is the shell's.

use std::net::{IpAddr, SocketAddr};

use super::hop::Hop;
use super::peer::{Peer, Transport};

/// The most places one name leads to.
pub const MAX_PLACES: usize = 16;

/// What to look up first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it is an address.
    There(Peer),
    /// The addresses of the host.
    Addresses(Place),
    /// These services (SRV); if there are none, the addresses of the host.
    Services(Vec<Service>, Place),
    /// The host's choice of services (NAPTR), see [`services`]; if there is none, as with [`Plan::Services`].
    Choice(Vec<Service>, Place),
}

/// A name of a service, and what carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The transport.
    pub transport: Transport,
    /// The name to look up SRV records of.
    pub name: String,
}

/// A host at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The transport.
    pub transport: Transport,
    /// The name to look up addresses of.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A NAPTR record (RFC 3403), as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower comes first.
    pub order: u16,
    /// Of one order, lower comes first.
    pub preference: u16,
    /// `s`: a service follows.
    pub flags: String,
    /// `SIP+D2U` and the like.
    pub service: String,
    /// The name of the service.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower comes first.
    pub priority: u16,
    /// Of one priority, the chance to come first grows with it.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` says that there is no such service.
    pub target: String,
}

impl Plan {
    /// What this hop asks for: a port says that there is no service to look for (§4.2), and a transport that there is
    /// no choice (§4.1).
    pub fn of(hop: &Hop) -> Self {
        if let Some(peer) = hop.peer(Transport::Udp) {
            return Self::There(peer);
        }
        let transport = hop.transport.unwrap_or(Transport::Udp);
        let port = hop.port.unwrap_or(transport.usual_port());
        let place = Place { transport, host: hop.host.clone(), port };
        let service = |transport| Service { transport, name: service_name(transport, &hop.host) };
        match (hop.port, hop.transport) {
            (Some(_), _) => Self::Addresses(place),
            (None, Some(transport)) => Self::Services(vec![service(transport)], place),
            (None, None) => Self::Choice(Transport::ALL.map(service).into(), place),
        }
    }
}

/// The services that a host offers, the one it likes best first; those we do not speak are left out.
pub fn services(mut records: Vec<Naptr>) -> Vec<Service> {
    records.sort_by_key(|record| (record.order, record.preference));
    let known = records.into_iter().filter(|record| record.flags.eq_ignore_ascii_case("s"));
    known
        .filter_map(|record| Some(Service { transport: carries(&record.service)?, name: record.replacement }))
        .collect()
}

/// The hosts of a service in the order in which to go to them. `dice` gives a number from 0 to what it is given.
pub fn places(transport: Transport, mut records: Vec<Srv>, mut dice: impl FnMut(u32) -> u32) -> Vec<Place> {
    records.retain(|record| !record.target.trim_end_matches('.').is_empty());
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut places = Vec::new();
    while let Some(first) = records.first().map(|record| record.priority) {
        let equals = records.iter().take_while(|record| record.priority == first).count();
        let drawn = draw(&records[..equals], &mut dice);
        let Srv { port, target, .. } = records.remove(drawn);
        places.push(Place { transport, host: target, port });
    }
    places.truncate(MAX_PLACES);
    places
}

/// Draws one of several by weight; those without any come first, so that they have a small chance (RFC 2782).
fn draw(records: &[Srv], dice: &mut impl FnMut(u32) -> u32) -> usize {
    let sum = records.iter().map(|record| u32::from(record.weight)).sum();
    let mut left = dice(sum);
    let reached = |record: &Srv| {
        let reached = u32::from(record.weight) >= left;
        left = left.saturating_sub(record.weight.into());
        reached
    };
    records.iter().position(reached).unwrap_or_default()
}

/// A place at each of the addresses of its host.
pub fn peers(place: &Place, addresses: impl IntoIterator<Item = IpAddr>) -> Vec<Peer> {
    let at = |ip| Peer::new(place.transport, SocketAddr::new(ip, place.port));
    addresses.into_iter().map(at).take(MAX_PLACES).collect()
}

fn service_name(transport: Transport, host: &str) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    };
    format!("{service}.{host}")
}

fn carries(service: &str) -> Option<Transport> {
    match service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Some(Transport::Udp),
        "SIP+D2T" => Some(Transport::Tcp),
        "SIPS+D2T" => Some(Transport::Tls),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        Plan::of(&Hop::read(text).unwrap())
    }

    fn place(transport: Transport, host: &str, port: u16) -> Place {
        Place { transport, host: host.into(), port }
    }

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 5060, target: target.into() }
    }

    #[test]
    fn what_is_looked_up_depends_on_what_is_written() {
        use Transport::{Tcp, Tls, Udp};
        let service = |transport, name: &str| Service { transport, name: name.into() };
        assert_eq!(plan("10.0.0.1;transport=tcp"), Plan::There("tcp:10.0.0.1:5060".parse().unwrap()));
        assert_eq!(plan("h:5070"), Plan::Addresses(place(Udp, "h", 5070)));
        assert_eq!(plan("sips:h:5071"), Plan::Addresses(place(Tls, "h", 5071)));
        let tcp = vec![service(Tcp, "_sip._tcp.h")];
        assert_eq!(plan("h;transport=tcp"), Plan::Services(tcp, place(Tcp, "h", 5060)));
        let tls = vec![service(Tls, "_sips._tcp.h")];
        assert_eq!(plan("sips:h"), Plan::Services(tls.clone(), place(Tls, "h", 5061)));
        let all = [vec![service(Udp, "_sip._udp.h"), service(Tcp, "_sip._tcp.h")], tls].concat();
        assert_eq!(plan("h"), Plan::Choice(all, place(Udp, "h", 5060)));
    }

    #[test]
    fn a_host_has_its_choice_among_what_we_speak() {
        let naptr = |order, preference, flags: &str, service: &str| Naptr {
            order,
            preference,
            flags: flags.into(),
            service: service.into(),
            replacement: format!("{order}-{preference}"),
        };
        let records = vec![
            naptr(20, 1, "s", "SIP+D2U"),
            naptr(10, 50, "S", "sip+d2t"),
            naptr(10, 20, "s", "SIPS+D2T"),
            naptr(1, 1, "s", "SIP+D2S"),
            naptr(2, 1, "u", "SIP+D2U"),
        ];
        let found: Vec<_> = services(records).into_iter().map(|of| (of.transport, of.name)).collect();
        let (tls, tcp) = ((Transport::Tls, "10-20".to_owned()), (Transport::Tcp, "10-50".to_owned()));
        assert_eq!(found, [tls, tcp, (Transport::Udp, "20-1".to_owned())]);
    }

    #[test]
    fn hosts_come_by_priority_and_then_by_weight() {
        let order = |dice: fn(u32) -> u32| -> Vec<String> {
            let all = vec![srv(20, 0, "spare"), srv(10, 30, "big"), srv(10, 10, "small"), srv(10, 0, "none")];
            places(Transport::Udp, all, dice).into_iter().map(|place| place.host).collect()
        };
        assert_eq!(order(|_| 0), ["none", "small", "big", "spare"]);
        assert_eq!(order(|most| most), ["big", "small", "none", "spare"]);
        assert_eq!(order(|most| most.min(5)), ["small", "big", "none", "spare"]);
    }

    #[test]
    fn a_service_that_is_not_there_and_one_of_many_hosts_are_bounded() {
        assert_eq!(places(Transport::Udp, vec![srv(1, 0, ".")], |_| 0), []);
        let many = (0..100).map(|n| srv(n, 0, "h")).collect();
        assert_eq!(places(Transport::Udp, many, |_| 0).len(), MAX_PLACES);
        let addresses = (0..100).map(|n| IpAddr::from([10, 0, 0, n]));
        let found = peers(&place(Transport::Tcp, "h", 5062), addresses);
        assert_eq!((found.len(), found[0].to_string()), (MAX_PLACES, "tcp:10.0.0.0:5062".into()));
    }
}
