//! The one record that speaks of all others: how many there are, what they add up to, and how far we have come.
//! It is written in the same batch as whatever it counts, so anything lost without a trace shows as a difference.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Sequence, envelope, layout};
use crate::id::Id;

/// The layout of keys and values that this code reads and writes, and the rules by which records find documents:
/// it goes up with either. A database of another format is refused with the way to bring it along.
pub(super) const FORMAT: u32 = 5;

/// The record under [`layout::META`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// [`FORMAT`] when it was written.
    pub(super) format: u32,
    /// Which database this is, so that a file copied from another one is recognised.
    pub(super) database: Id,
    /// How many batches were written, this one included.
    pub(super) batch: u64,
    /// The last sequence given out.
    pub(super) sequence: Sequence,
    /// All other records.
    pub(super) tally: Tally,
}

impl Meta {
    /// The record of a database that holds nothing.
    pub(super) fn new(database: Id) -> Self {
        Self { format: FORMAT, database, batch: 0, sequence: 0, tally: Tally::default() }
    }
}

/// Records by the letter of their kind, and the sum of their checksums. A record that is missing, came back in
/// an older version or was left over changes the sum, whichever it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    records: BTreeMap<char, u64>,
    sum: u64,
}

impl Tally {
    /// Counts a record whose checksum is known.
    pub(super) fn add(&mut self, key: &[u8], checksum: u32) {
        *self.records.entry(layout::letter(key)).or_default() += 1;
        self.sum = self.sum.wrapping_add(u64::from(checksum));
    }

    /// Counts one record's change from `old` to `new`, each `None` where it is not there.
    pub(super) fn replace(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        if let Some(old) = old {
            self.take(key, envelope::checksum(key, old));
        }
        if let Some(new) = new {
            self.add(key, envelope::checksum(key, new));
        }
    }

    /// Counts all that another one has counted.
    pub(super) fn join(&mut self, other: &Self) {
        for (letter, records) in &other.records {
            *self.records.entry(*letter).or_default() += records;
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    fn take(&mut self, key: &[u8], checksum: u32) {
        let letter = layout::letter(key);
        let left = self.of(letter).saturating_sub(1);
        if left == 0 {
            self.records.remove(&letter);
        } else {
            self.records.insert(letter, left);
        }
        self.sum = self.sum.wrapping_sub(u64::from(checksum));
    }

    /// How many records of a kind there are.
    pub(super) fn of(&self, letter: char) -> u64 {
        self.records.get(&letter).copied().unwrap_or(0)
    }

    /// The letters of which there is at least one.
    pub(super) fn letters(&self) -> impl Iterator<Item = char> {
        self.records.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_leaves_no_trace() {
        let mut tally = Tally::default();
        tally.replace(b"d1", None, Some(b"one"));
        tally.replace(b"d1", Some(b"one"), Some(b"two"));
        assert_eq!(tally.of('d'), 1);
        tally.replace(b"d1", Some(b"two"), None);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn an_older_version_of_a_record_adds_up_to_something_else() {
        let (mut now, mut then) = (Tally::default(), Tally::default());
        now.replace(b"d1", None, Some(b"new"));
        then.replace(b"d1", None, Some(b"old"));
        assert_ne!(now, then);
        assert_eq!(now.of('d'), then.of('d'));
    }
}
