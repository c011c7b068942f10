//! Phones that asked for help and belong to no device: who they say they are, and for how long such phones are helped.
//!
//! The door is shut unless an administrator opens it for a while. Nothing of this outlives the process.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::device::Mac;

/// The most phones that are remembered; the one that was seen first makes room.
pub const MAX_SIGHTINGS: usize = 1_024;

/// The longest text of a phone that is remembered, in characters.
const MAX_TEXT: usize = 64;

/// A phone that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// Its MAC address.
    pub mac_address: Mac,
    /// Who made it, as it says; may be empty, as may the next two.
    pub vendor: String,
    /// Its model.
    pub model: String,
    /// Its firmware.
    pub version: String,
    /// Where it is.
    pub ip: IpAddr,
    /// When it was seen last, in Unix seconds.
    pub seen: u64,
}

/// The phones that were seen, and until when the door is open.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    until: u64,
    phones: BTreeMap<Mac, Sighting>,
}

impl Sightings {
    /// Opens the door until then, in Unix seconds.
    pub fn open(&self, until: u64) {
        self.lock().until = until;
    }

    /// Shuts the door and forgets who was seen.
    pub fn close(&self) {
        *self.lock() = Inner::default();
    }

    /// Until when the door is open; `None` if it is shut.
    pub fn open_until(&self, unix: u64) -> Option<u64> {
        Some(self.lock().until).filter(|until| *until > unix)
    }

    /// Takes note of a phone. True if it is to be helped: while the door is open.
    pub fn see(&self, mut phone: Sighting) -> bool {
        let mut inner = self.lock();
        if inner.until <= phone.seen {
            return false;
        }
        for text in [&mut phone.vendor, &mut phone.model, &mut phone.version] {
            *text = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
        }
        inner.phones.insert(phone.mac_address, phone);
        if inner.phones.len() > MAX_SIGHTINGS
            && let Some(first) = inner.phones.values().min_by_key(|phone| phone.seen).map(|p| p.mac_address)
        {
            inner.phones.remove(&first);
        }
        true
    }

    /// The phones that were seen, by MAC address.
    pub fn list(&self) -> Vec<Sighting> {
        self.lock().phones.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: u64, seen: u64) -> Sighting {
        Sighting {
            mac_address: format!("805ec0{number:06x}").parse().unwrap(),
            vendor: "Yealink".to_owned(),
            model: "SIP-T46S".repeat(100),
            version: "66\r\n".to_owned(),
            ip: [10, 0, 0, 7].into(),
            seen,
        }
    }

    #[test]
    fn phones_are_seen_while_the_door_is_open() {
        let sightings = Sightings::default();
        assert!(!sightings.see(phone(1, 100)) && sightings.list().is_empty());
        sightings.open(200);
        assert_eq!((sightings.open_until(199), sightings.open_until(200)), (Some(200), None));
        assert!(sightings.see(phone(1, 199)) && !sightings.see(phone(2, 200)));
        assert_eq!(sightings.list().len(), 1, "they stay when it shuts by itself");
        sightings.close();
        assert!(sightings.list().is_empty() && sightings.open_until(0).is_none());
    }

    #[test]
    fn what_they_say_is_bounded() {
        let sightings = Sightings::default();
        sightings.open(u64::MAX);
        for number in 0..MAX_SIGHTINGS as u64 + 10 {
            sightings.see(phone(number, number));
        }
        let seen = sightings.list();
        assert_eq!((seen.len(), seen[0].seen), (MAX_SIGHTINGS, 10));
        assert_eq!((seen[0].model.len(), &seen[0].version[..]), (MAX_TEXT, "66"));
    }
}
