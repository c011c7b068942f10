//! Bounds on what is under way at a time, by whom it is for.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bits of an IPv6 address that one customer has to himself (RFC 6177 §2).
const SITE: u32 = 56;

/// How much is under way for each, and nothing of whoever has none.
#[derive(Debug)]
pub(super) struct Places<K>(Arc<Mutex<HashMap<K, usize>>>);

/// A place among those, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<K: Eq + Hash> {
    whose: K,
    among: Places<K>,
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone> Places<K> {
    /// A place, if there is one beside what is under way.
    pub(super) fn enter(
        &self,
        whose: K,
        admits: impl FnOnce(&HashMap<K, usize>) -> bool,
    ) -> Option<Place<K>> {
        let mut under_way = self.lock();
        if !admits(&under_way) {
            return None;
        }
        *under_way.entry(whose.clone()).or_default() += 1;
        Some(Place { whose, among: Self(self.0.clone()) })
    }
}

impl<K> Places<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut under_way = self.among.lock();
        let left = under_way.get_mut(&self.whose).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            under_way.remove(&self.whose);
        }
    }
}

/// An IPv4 address, or the part of an IPv6 address that whoever has it has to himself.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - SITE))).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let places = Places::default();
        let enter = |whose: u8| places.enter(whose, |all| all.values().sum::<usize>() < 3);
        let held: Vec<_> = [1, 1, 2].into_iter().filter_map(enter).collect();
        assert!(held.len() == 3 && enter(3).is_none());
        drop(held);
        assert!(places.lock().is_empty() && enter(3).is_some());
    }

    #[test]
    fn whoever_has_many_addresses_is_one() {
        let network = |address: &str| network(address.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:0:12ff::1"), "2001:db8:0:1200::");
        assert_eq!([network("10.0.0.1"), network("::ffff:10.0.0.1")], ["10.0.0.1"; 2]);
    }
}
