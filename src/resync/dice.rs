//! Chance as an argument, where nothing must be kept secret: who comes first, and who a little later.

/// Numbers that follow from a seed (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`; 0 where there is none.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_are_spread_over_it() {
        let mut dice = Dice::new(1);
        let mut found = [0; 10];
        for _ in 0..10_000 {
            found[usize::try_from(dice.below(10)).unwrap()] += 1;
        }
        assert!(found.iter().all(|count| (900..1100).contains(count)), "{found:?}");
        assert_eq!(dice.below(0), 0);
    }
}
