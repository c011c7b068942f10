//! Which uses of our nonces have been seen, so that an answer to a challenge is good once (RFC 7616 §3.4, `nc`).

use std::collections::BTreeMap;

/// The most nonces whose uses are remembered; the oldest makes room, and is good no more.
pub(super) const MAX_NONCES: usize = 65_536;

/// A nonce: the second it was made in, and its number among all.
pub(super) type Nonce = (u64, u64);

/// The uses of each nonce that a phone has proved itself with.
#[derive(Debug, Clone, Default)]
pub(super) struct Nonces {
    uses: BTreeMap<Nonce, Uses>,
    /// Up to here nothing is known of a nonce that is not in the table.
    forgotten: Option<Nonce>,
}

/// The greatest count seen, and which of the 64 up to it.
#[derive(Debug, Clone, Copy)]
struct Uses {
    greatest: u32,
    seen: u64,
}

impl Nonces {
    /// Takes note of the use of a nonce under a count. False if it is not known to be the first one.
    pub(super) fn is_first(&mut self, nonce: Nonce, count: u32) -> bool {
        if let Some(uses) = self.uses.get_mut(&nonce) {
            return uses.is_first(count);
        }
        if self.forgotten.is_some_and(|forgotten| nonce <= forgotten) {
            return false;
        }
        if self.uses.len() >= MAX_NONCES {
            self.forgotten = self.uses.pop_first().map(|(oldest, _)| oldest).max(self.forgotten);
        }
        self.uses.insert(nonce, Uses { greatest: count, seen: 1 });
        true
    }

    /// Forgets the nonces that were made before `second`, and have expired.
    pub(super) fn expire(&mut self, second: u64) {
        while let Some(oldest) = self.uses.first_entry().filter(|oldest| oldest.key().0 < second) {
            oldest.remove();
        }
    }
}

impl Uses {
    /// Counts may come in any order, but none twice and none that is too far behind to be remembered.
    fn is_first(&mut self, count: u32) -> bool {
        if let Some(ahead) = count.checked_sub(self.greatest).filter(|ahead| *ahead > 0) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or_default() | 1;
            self.greatest = count;
            return true;
        }
        let bit = 1_u64.checked_shl(self.greatest - count).unwrap_or_default();
        let first = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_good_once_in_any_order() {
        let mut nonces = Nonces::default();
        let first = [1, 1, 3, 2, 2, 3, 70, 6, 7, 7, 71].map(|count| nonces.is_first((5, 0), count));
        assert_eq!(first, [true, false, true, true, false, false, true, false, true, false, true]);
        assert!(nonces.is_first((5, 1), 1), "another nonce has counts of its own");
    }

    #[test]
    fn the_greatest_counts_there_are_do_no_harm() {
        let mut nonces = Nonces::default();
        let first = [0, u32::MAX, 0, u32::MAX - 63, u32::MAX].map(|count| nonces.is_first((5, 0), count));
        assert_eq!(first, [true, true, false, true, false]);
    }

    #[test]
    fn a_nonce_that_made_room_is_good_no_more() {
        let mut nonces = Nonces::default();
        for number in 0..=MAX_NONCES as u64 {
            assert!(nonces.is_first((5, number), 1));
        }
        assert_eq!(nonces.uses.len(), MAX_NONCES);
        assert!(!nonces.is_first((5, 0), 1) && !nonces.is_first((5, 0), 2));
        assert!(!nonces.is_first((4, 9), 1), "nobody knows any more whether it was used");
        assert!(nonces.is_first((5, 1), 2) && nonces.is_first((6, 0), 1));
    }

    #[test]
    fn expired_nonces_are_forgotten() {
        let mut nonces = Nonces::default();
        for second in 1..=9 {
            nonces.is_first((second, 0), 1);
        }
        nonces.expire(8);
        assert_eq!(nonces.uses.len(), 2);
    }
}
