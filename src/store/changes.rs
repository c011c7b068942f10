//! What changed when, so that a rendered file is known to be still right without reading anything.

use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Sequence;
use crate::resync::Scope;

/// What a rendered file was made from: the scopes whose change makes it old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The sequence read *before* the documents were.
    pub sequence: Sequence,
    /// The device, the users it shows, its account with those above it, and its model.
    pub scopes: Vec<Scope>,
}

/// The sequence of the last change of each scope since the process started. It grows by one small entry per
/// device that was ever changed, and is never read from disk.
#[derive(Debug, Default)]
pub struct Changes {
    latest: AtomicU64,
    everything: AtomicU64,
    scopes: RwLock<HashMap<Scope, Sequence>>,
}

impl Changes {
    /// The sequence of the last commit that was published. One atomic load.
    pub fn latest(&self) -> Sequence {
        self.latest.load(Ordering::Acquire)
    }

    /// A stamp for what is about to be read.
    pub fn stamp(&self, scopes: Vec<Scope>) -> Stamp {
        Stamp { sequence: self.latest(), scopes }
    }

    /// True while nothing that `stamp` names has changed since it was taken.
    pub fn is_current(&self, stamp: &Stamp) -> bool {
        if self.everything.load(Ordering::Acquire) > stamp.sequence {
            return false;
        }
        let scopes = self.scopes.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        stamp.scopes.iter().all(|scope| scopes.get(scope).is_none_or(|changed| *changed <= stamp.sequence))
    }

    /// Publishes a commit: called by the store when its data can be read, before anybody is told.
    pub fn publish<'s>(&self, sequence: Sequence, marks: impl IntoIterator<Item = &'s Scope>) {
        {
            let mut scopes = self.scopes.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            for scope in marks {
                if *scope == Scope::Everything {
                    self.everything.store(sequence, Ordering::Release);
                } else {
                    scopes.insert(scope.clone(), sequence);
                }
            }
        }
        self.latest.store(sequence, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    const PHONE: Id = Id::from_bytes([1; 16]);
    const OTHER: Id = Id::from_bytes([2; 16]);

    fn stamp(changes: &Changes) -> Stamp {
        let model = Scope::Model { brand: "snom".into(), model: "d785".into() };
        changes.stamp(vec![Scope::Device(PHONE), Scope::Account(OTHER), model])
    }

    #[test]
    fn a_change_of_another_device_leaves_the_file_right() {
        let changes = Changes::default();
        let stamp = stamp(&changes);
        changes.publish(1, [&Scope::Device(OTHER)]);
        assert!(changes.is_current(&stamp));
    }

    #[test]
    fn a_change_of_the_device_its_account_or_everything_makes_it_old() {
        for scope in [Scope::Device(PHONE), Scope::Account(OTHER), Scope::Everything] {
            let changes = Changes::default();
            let stamp = stamp(&changes);
            changes.publish(1, [&scope]);
            assert!(!changes.is_current(&stamp), "{scope:?}");
        }
    }

    #[test]
    fn what_was_read_after_the_change_is_right_again() {
        let changes = Changes::default();
        changes.publish(4, [&Scope::Device(PHONE)]);
        assert!(changes.is_current(&stamp(&changes)));
        assert_eq!(changes.latest(), 4);
    }
}
