//! How often something happens, lately.

/// Over how many seconds it is counted.
const SECONDS: usize = 10;

/// A count for each of the last seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse {
    counts: [u32; SECONDS],
    began: Option<u64>,
    last: u64,
}

impl Pulse {
    /// It happened at this time, in milliseconds.
    pub(super) fn beat(&mut self, now: u64) {
        let second = now / 1000;
        self.began.get_or_insert(second);
        for gone in (self.last + 1..=second).rev().take(SECONDS) {
            self.counts[slot(gone)] = 0;
        }
        self.last = self.last.max(second);
        self.counts[slot(second)] += 1;
    }

    /// How often in a second, over the last ten or since it began.
    pub(super) fn rate(&self, now: u64) -> f64 {
        let (second, Some(began)) = (now / 1000, self.began) else { return 0.0 };
        let first = second.saturating_sub(SECONDS as u64 - 1);
        let counted = (first.max(began)..=second.min(self.last)).map(|second| self.counts[slot(second)]);
        let seconds = second.saturating_sub(first.max(began)) + 1;
        f64::from(counted.sum::<u32>()) / f64::from(u32::try_from(seconds).unwrap_or(1))
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_ago_than_ten_seconds_counts_no_more() {
        let mut pulse = Pulse::default();
        assert!(pulse.rate(5000).abs() < 0.01);
        for _ in 0..30 {
            pulse.beat(1_000_000);
        }
        assert!((29.9..30.1).contains(&pulse.rate(1_000_500)), "it has just begun");
        assert!((2.9..3.1).contains(&pulse.rate(1_009_000)));
        assert!(pulse.rate(1_010_000).abs() < 0.01);
        pulse.beat(1_200_000);
        assert!((0.09..0.11).contains(&pulse.rate(1_200_000)));
    }
}
