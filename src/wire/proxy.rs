//! Where names lead: of the outbound proxy, and of phones that are called by a name. What to ask and in which order to
//! go to what is found says [`crate::sip::locate`]; this asks.

use std::collections::HashMap;
use std::iter::repeat;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::clock;
use super::streams::Event;
use crate::sip::Peer;
use crate::sip::hop::Hop;
use crate::sip::locate::{MAX_PLACES, Naptr, Place, Plan, Service, Srv, peers, places, services};

/// How long what was found is good for, or that nothing was.
const KNOWN: Duration = Duration::from_mins(1);
/// How long it holds that nothing was found for a name on which all depends.
const UNKNOWN: Duration = Duration::from_secs(5);
/// How long to look for one name: for NAPTR, SRV and addresses, each asked twice.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a place where nobody answered comes last.
const LOST: Duration = Duration::from_mins(1);
/// The most names that are known, and the most places where nobody answered.
const MAX_KNOWN: usize = 1_024;

/// Knows where names lead, for a while.
pub(super) struct Finder {
    ask: Arc<Ask>,
    known: HashMap<Hop, Known>,
    lost: HashMap<Peer, Instant>,
}

struct Known {
    until: Instant,
    places: Vec<Peer>,
}

impl Finder {
    /// Asks whom the system says to ask.
    pub(super) fn new() -> Self {
        Self { ask: Arc::default(), known: HashMap::new(), lost: HashMap::new() }
    }

    /// Whether a name has to be looked up first.
    pub(super) fn lacks(&self, hop: &Hop) -> bool {
        self.known.get(hop).is_none_or(|known| known.until <= clock().0)
    }

    /// Looks names up; what comes of it is an event, and then [`Finder::found`].
    pub(super) fn look_up(&self, hops: Vec<Hop>, events: mpsc::Sender<Event>) {
        let ask = self.ask.clone();
        tokio::spawn(async move {
            let asked = hops.clone();
            let found = async move { join_all(asked.iter().map(|hop| ask.find(hop))).await };
            let found = tokio::spawn(found).await.unwrap_or_default().into_iter().chain(repeat(Vec::new()));
            let _stopped = events.send(Event::Found(hops.into_iter().zip(found).collect())).await;
        });
    }

    /// Takes what was found. A name that leads nowhere is told once, until it leads somewhere again; where it is `vital`
    /// it is soon looked up again.
    pub(super) fn found(&mut self, hop: Hop, places: Vec<Peer>, vital: bool) {
        let now = clock().0;
        if self.known.len() >= MAX_KNOWN {
            self.known.retain(|_, known| known.until > now);
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let before = self.known.get(&hop).is_some_and(|known| known.places.is_empty());
        match places.is_empty() {
            true if before => debug!(name = hop.host, "this name still has no address"),
            true => warn!(
                name = hop.host,
                "this name has no address that could be found; phones behind it are not told"
            ),
            false if before => warn!(name = hop.host, "this name has an address again"),
            false => {}
        }
        let until = now + if places.is_empty() && vital { UNKNOWN } else { KNOWN };
        self.known.insert(hop, Known { until, places });
    }

    /// Where a name leads, those places last where nobody answered lately.
    pub(super) fn places(&self, hop: &Hop) -> Vec<Peer> {
        let now = clock().0;
        let mut places = self.known.get(hop).map(|known| known.places.clone()).unwrap_or_default();
        places.sort_by_key(|place| self.lost.get(place).is_some_and(|until| *until > now));
        places
    }

    /// Takes note that nobody answers at a place; a connection that is gone says nothing of one.
    pub(super) fn lost(&mut self, place: Peer) {
        if place.flow.is_some() {
            return;
        }
        let now = clock().0;
        if self.lost.len() >= MAX_KNOWN {
            self.lost.retain(|_, until| *until > now);
        }
        if self.lost.len() < MAX_KNOWN {
            self.lost.insert(place, now + LOST);
        }
    }
}

/// Who is asked; without a resolver of our own, the system's, which knows addresses only.
#[derive(Default)]
struct Ask(OnceLock<Option<TokioResolver>>);

impl Ask {
    fn resolver(&self) -> Option<&TokioResolver> {
        self.0.get_or_init(Self::build).as_ref()
    }

    fn build() -> Option<TokioResolver> {
        let built = TokioResolver::builder_tokio().and_then(|mut builder| {
            builder.options_mut().timeout = Duration::from_secs(1);
            builder.options_mut().attempts = 1;
            builder.build()
        });
        let none = |error| warn!(%error, "no DNS servers are set on this machine; names are found in its hosts file only");
        built.map_err(none).ok()
    }

    async fn find(&self, hop: &Hop) -> Vec<Peer> {
        let asked = async {
            match Plan::of(hop) {
                Plan::There(peer) => vec![peer],
                Plan::Addresses(place) => self.at(&place).await,
                Plan::Services(services, place) => self.served(services, &place).await,
                Plan::Choice(usual, place) => {
                    let chosen = services(self.naptr(&hop.host).await);
                    self.served(if chosen.is_empty() { usual } else { chosen }, &place).await
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_default()
    }

    /// The hosts of these services; where there is none, `otherwise`.
    async fn served(&self, services: Vec<Service>, otherwise: &Place) -> Vec<Peer> {
        let asked = services
            .into_iter()
            .map(|service| async move { places(service.transport, self.srv(&service.name).await, dice) });
        let hosts: Vec<Place> = join_all(asked).await.concat();
        if hosts.is_empty() {
            return self.at(otherwise).await;
        }
        let mut found = join_all(hosts.iter().take(MAX_PLACES).map(|host| self.at(host))).await.concat();
        found.truncate(MAX_PLACES);
        found
    }

    async fn at(&self, place: &Place) -> Vec<Peer> {
        let addresses: Vec<IpAddr> = if let Some(resolver) = self.resolver() {
            let found = resolver.lookup_ip(place.host.as_str()).await;
            found.map(|found| found.iter().collect()).unwrap_or_default()
        } else {
            let found = tokio::net::lookup_host((place.host.as_str(), place.port)).await;
            found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
        };
        peers(place, addresses)
    }

    async fn naptr(&self, host: &str) -> Vec<Naptr> {
        let Some(resolver) = self.resolver() else { return Vec::new() };
        let Ok(found) = resolver.lookup(host, RecordType::NAPTR).await else {
            return Vec::new();
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::NAPTR(naptr) => Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: text(&naptr.flags),
                service: text(&naptr.services),
                replacement: naptr.replacement.to_string(),
            }),
            _ => None,
        });
        records.collect()
    }

    async fn srv(&self, name: &str) -> Vec<Srv> {
        let Some(resolver) = self.resolver() else { return Vec::new() };
        let Ok(found) = resolver.srv_lookup(name).await else { return Vec::new() };
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_string(),
            }),
            _ => None,
        });
        records.collect()
    }
}

/// A number from 0 to `most`.
fn dice(most: u32) -> u32 {
    getrandom::u32().unwrap_or_default() % most.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_where_nobody_answered_come_last() {
        let (hop, places) = (Hop::read("sbc").unwrap(), ["10.0.0.1:5060", "10.0.0.2:5060", "10.0.0.3:5060"]);
        let places = places.map(|text| text.parse::<Peer>().unwrap());
        let mut finder = Finder::new();
        assert!(finder.lacks(&hop) && finder.places(&hop).is_empty());
        finder.found(hop.clone(), places.to_vec(), false);
        finder.lost(places[0]);
        assert!(!finder.lacks(&hop));
        assert_eq!(finder.places(&hop), [places[1], places[2], places[0]]);
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_is_left_alone_for_a_minute_unless_all_depends_on_it() {
        let (phone, proxy, mut finder) =
            (Hop::read("phone").unwrap(), Hop::read("sbc").unwrap(), Finder::new());
        let begun = clock().0;
        finder.found(phone.clone(), Vec::new(), false);
        finder.found(proxy.clone(), Vec::new(), true);
        assert!(finder.known[&phone].until >= begun + Duration::from_mins(1));
        assert!(finder.known[&proxy].until < begun + Duration::from_mins(1));
        assert!(!finder.lacks(&phone) && !finder.lacks(&proxy));
    }

    #[tokio::test]
    async fn names_and_places_are_bounded() {
        let mut finder = Finder::new();
        for n in 0..=MAX_KNOWN {
            let port = u16::try_from(n + 1).unwrap();
            finder.found(Hop::read(&format!("h{n}")).unwrap(), Vec::new(), false);
            finder.lost(([10, 0, 0, 1], port).into());
        }
        assert!(finder.known.len() <= MAX_KNOWN && finder.lost.len() <= MAX_KNOWN);
    }

    #[tokio::test]
    async fn a_name_of_the_hosts_file_is_found_with_its_port() {
        let found = Ask::default().find(&Hop::read("localhost:5070;transport=tcp").unwrap()).await;
        assert!(found.iter().any(|place| place.to_string() == "tcp:127.0.0.1:5070"), "{found:?}");
    }
}
