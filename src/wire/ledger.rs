//! What is to be written down of bindings, and when: at once what is news, and a mere refresh at most once in
//! [`EVERY`] seconds for each binding. So a phone that registers a thousand times a second is written down twice a
//! minute, and what a crash loses is never more than [`EVERY`] seconds of a binding's end.

use std::collections::HashMap;

use crate::sip::timers::Timers;
use crate::store::Table;

/// How often a binding is written down that is only refreshed, in seconds.
pub(super) const EVERY: u64 = 30;

/// After so many seconds what could not be written is tried again.
const AGAIN: u64 = 1;

/// So many notes are known to have been written lately; more are written more often.
const MAX_RECENT: usize = 131_072;

/// The name of a note.
pub(super) type Name = (Table, Vec<u8>);

/// What waits to be written: of each note what it shall be last, so that there is never more than there are bindings.
#[derive(Debug)]
pub(super) struct Ledger<V> {
    waiting: HashMap<Name, Option<V>>,
    due: Timers<u64, Name>,
    written: Timers<u64, Name>,
}

impl<V> Default for Ledger<V> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), due: Timers::default(), written: Timers::default() }
    }
}

impl<V> Ledger<V> {
    /// A note shall be this, or no more. If it says nothing new it can wait. True if something is due earlier than
    /// before.
    pub(super) fn set(&mut self, name: Name, value: Option<V>, is_news: bool, now: u64) -> bool {
        let before = self.next();
        let recent = self.written.at(&name).filter(|_| !is_news);
        let at = recent.map_or(now, |written| written + EVERY);
        let known = self.due.at(&name);
        let at = known.map_or(at, |earlier| earlier.min(at));
        if known != Some(at) {
            self.due.set(&name, at);
        }
        self.waiting.insert(name, value);
        before.is_none_or(|before| at < before)
    }

    /// Takes what is due, at most `most` notes.
    pub(super) fn take(&mut self, now: u64, most: usize) -> Vec<(Name, Option<V>)> {
        while self.written.due(now.saturating_sub(EVERY)).is_some() {}
        let due = std::iter::from_fn(|| self.due.due(now)).take(most);
        let mut notes = Vec::new();
        for name in due {
            let Some(value) = self.waiting.remove(&name) else { continue };
            if value.is_none() {
                self.written.clear(&name);
            } else {
                if self.written.len() >= MAX_RECENT {
                    self.written.earliest();
                }
                self.written.set(&name, now);
            }
            notes.push((name, value));
        }
        notes
    }

    /// Takes back what could not be written, but for what is to be something else by now.
    pub(super) fn take_back(&mut self, notes: Vec<(Name, Option<V>)>, now: u64) {
        for (name, value) in notes {
            if !self.waiting.contains_key(&name) {
                self.written.clear(&name);
                self.due.set(&name, now + AGAIN);
                self.waiting.insert(name, value);
            }
        }
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<u64> {
        self.due.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u8) -> Name {
        (Table::Binding, vec![number])
    }

    fn set(ledger: &mut Ledger<u8>, number: u8, value: u8, is_news: bool, now: u64) {
        ledger.set(name(number), Some(value), is_news, now);
    }

    fn taken(ledger: &mut Ledger<u8>, now: u64) -> Vec<(u8, Option<u8>)> {
        let notes = ledger.take(now, 100).into_iter();
        notes.map(|((_, key), value)| (key[0], value)).collect()
    }

    #[test]
    fn what_is_news_is_written_at_once_and_a_refresh_after_a_while() {
        let mut ledger = Ledger::default();
        set(&mut ledger, 1, 1, true, 100);
        assert_eq!((ledger.next(), taken(&mut ledger, 100)), (Some(100), vec![(1, Some(1))]));
        set(&mut ledger, 1, 2, false, 101);
        set(&mut ledger, 1, 3, false, 110);
        assert_eq!((ledger.next(), taken(&mut ledger, 129)), (Some(130), vec![]));
        assert_eq!((taken(&mut ledger, 130), ledger.next()), (vec![(1, Some(3))], None));
        set(&mut ledger, 1, 4, false, 140);
        set(&mut ledger, 1, 5, true, 141);
        assert_eq!(taken(&mut ledger, 141), [(1, Some(5))], "it has moved");
    }

    #[test]
    fn a_refresh_long_after_the_last_is_written_at_once() {
        let mut ledger = Ledger::default();
        set(&mut ledger, 1, 1, true, 100);
        taken(&mut ledger, 100);
        set(&mut ledger, 1, 2, false, 100 + EVERY + 1);
        assert_eq!(taken(&mut ledger, 100 + EVERY + 1), [(1, Some(2))]);
        set(&mut ledger, 2, 1, false, 200);
        assert_eq!(taken(&mut ledger, 200), [(2, Some(1))], "whoever is not known to be written");
    }

    #[test]
    fn whoever_went_is_removed_at_once_and_comes_back_as_news() {
        let mut ledger = Ledger::default();
        set(&mut ledger, 1, 1, true, 100);
        taken(&mut ledger, 100);
        set(&mut ledger, 1, 2, false, 101);
        ledger.set(name(1), None, true, 102);
        assert_eq!(taken(&mut ledger, 102), [(1, None)]);
        set(&mut ledger, 1, 3, false, 103);
        assert_eq!(taken(&mut ledger, 103), [(1, Some(3))]);
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_unless_it_is_something_else_by_now() {
        let mut ledger = Ledger::default();
        set(&mut ledger, 1, 1, true, 100);
        set(&mut ledger, 2, 1, true, 100);
        let failed = ledger.take(100, 100);
        set(&mut ledger, 1, 2, true, 100);
        ledger.take_back(failed, 100);
        assert_eq!(taken(&mut ledger, 100), [(1, Some(2))]);
        assert_eq!((taken(&mut ledger, 101), taken(&mut ledger, 102)), (vec![(2, Some(1))], vec![]));
    }

    #[test]
    fn a_storm_of_refreshes_is_one_note_and_batches_have_an_end() {
        let mut ledger = Ledger::default();
        for now in 0..10_000 {
            set(&mut ledger, 1, 1, now == 0, 100 + now / 1000);
        }
        assert_eq!((ledger.waiting.len(), ledger.due.len()), (1, 1));
        (2..10).for_each(|number| set(&mut ledger, number, 1, true, 100));
        assert_eq!((ledger.take(109, 5).len(), ledger.take(109, 5).len()), (5, 4));
    }
}
