//! Deadlines in the order they fall due.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// At most one deadline per key; setting, clearing and taking cost the logarithm of their number.
#[derive(Debug, Clone)]
pub struct Timers<T, K> {
    order: BTreeSet<(T, K)>,
    set: HashMap<K, T>,
}

impl<T, K> Default for Timers<T, K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), set: HashMap::new() }
    }
}

impl<T: Ord + Copy, K: Ord + Hash + Clone> Timers<T, K> {
    /// Sets or moves the deadline of `key`.
    pub fn set(&mut self, key: &K, at: T) {
        self.clear(key);
        self.order.insert((at, key.clone()));
        self.set.insert(key.clone(), at);
    }

    /// Forgets the deadline of `key`, if it has one.
    pub fn clear(&mut self, key: &K) {
        if let Some(at) = self.set.remove(key) {
            self.order.remove(&(at, key.clone()));
        }
    }

    /// The deadline of `key`, if it has one.
    pub fn at(&self, key: &K) -> Option<T> {
        self.set.get(key).copied()
    }

    /// How many deadlines there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<T> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the earliest deadline if it is not after `now`.
    pub fn due(&mut self, now: T) -> Option<K> {
        self.next().filter(|at| *at <= now)?;
        self.earliest()
    }

    /// Takes the earliest deadline, due or not.
    pub fn earliest(&mut self) -> Option<K> {
        let (_, key) = self.order.pop_first()?;
        self.set.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_fall_due_in_order_and_once() {
        let mut timers = Timers::default();
        timers.set(&"b", 2);
        timers.set(&"a", 1);
        timers.set(&"c", 3);
        assert_eq!((timers.next(), timers.due(0)), (Some(1), None));
        assert_eq!([timers.due(2), timers.due(2), timers.due(2)], [Some("a"), Some("b"), None]);
        assert_eq!((timers.earliest(), timers.earliest()), (Some("c"), None));
    }

    #[test]
    fn a_moved_or_cleared_deadline_does_not_come_twice() {
        let mut timers = Timers::default();
        timers.set(&"a", 1);
        timers.set(&"a", 5);
        timers.set(&"b", 1);
        timers.clear(&"b");
        assert_eq!((timers.at(&"a"), timers.at(&"b"), timers.len()), (Some(5), None, 1));
        assert_eq!((timers.next(), timers.due(4), timers.due(5)), (Some(5), None, Some("a")));
        assert!(timers.next().is_none() && timers.is_empty());
    }
}
