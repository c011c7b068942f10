//! What is said seldom, however often it happens, so that nobody can fill the log from outside.

use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::sip::timers::Timers;

/// How long after something was said the same is left out.
const PAUSE: Duration = Duration::from_secs(10);
/// How long after something was said of somebody the same of them is left out.
const PAUSE_OF_EACH: Duration = Duration::from_mins(10);
/// Of so many something is said in that time; of more nothing is.
const MAX_SAID: usize = 1_024;

/// Something that is said once in ten seconds.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    next: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// Whether to say it now; then how often it was left out since it was said.
    pub(super) fn says(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.left_out += 1;
            return None;
        }
        self.next = Some(now + PAUSE);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Something that is said of each once in ten minutes.
#[derive(Debug)]
pub(super) struct OfEach<K> {
    said: Timers<Instant, K>,
    left_out: u64,
}

impl<K> Default for OfEach<K> {
    fn default() -> Self {
        Self { said: Timers::default(), left_out: 0 }
    }
}

impl<K: Ord + Hash + Clone> OfEach<K> {
    /// Whether to say it of this one now; then how often it was left out since it was last said of any.
    pub(super) fn says(&mut self, of: &K, now: Instant) -> Option<u64> {
        while self.said.due(now).is_some() {}
        if self.said.at(of).is_some() || self.said.len() >= MAX_SAID {
            self.left_out += 1;
            return None;
        }
        self.said.set(of, now + PAUSE_OF_EACH);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_said_seldom_and_counted() {
        let (mut seldom, now) = (Seldom::default(), Instant::now());
        assert_eq!([seldom.says(now), seldom.says(now), seldom.says(now)], [Some(0), None, None]);
        assert_eq!([seldom.says(now + PAUSE), seldom.says(now + PAUSE)], [Some(2), None]);
    }

    #[test]
    fn the_same_is_said_of_each_and_not_again_of_any() {
        let (mut of_each, now) = (OfEach::default(), Instant::now());
        assert_eq!(
            [of_each.says(&1, now), of_each.says(&1, now), of_each.says(&2, now)],
            [Some(0), None, Some(1)]
        );
        let later = now + PAUSE_OF_EACH;
        assert_eq!([of_each.says(&1, later), of_each.says(&1, later)], [Some(0), None]);
    }

    #[test]
    fn nobody_fills_the_log_by_being_many() {
        let (mut of_each, now) = (OfEach::default(), Instant::now());
        let said = (0..2 * MAX_SAID).filter_map(|n| of_each.says(&n, now)).count();
        assert_eq!((said, of_each.said.len()), (MAX_SAID, MAX_SAID));
        assert_eq!(of_each.says(&0, now + PAUSE_OF_EACH), Some(MAX_SAID as u64));
    }
}
