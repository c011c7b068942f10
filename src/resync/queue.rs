//! Whom to tell next, and when.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::id::{Digest, Id};

const MINUTE: u64 = 60_000;

/// How long to wait for a phone to come back before it is asked again. After the last it is left alone until
/// something changes: a phone that answers and never fetches must not be rebooted for ever.
const WAITS: [u64; 3] = [5 * MINUTE, 15 * MINUTE, 60 * MINUTE];

/// How long to wait where it could not even be found out how a phone stands.
const HICCUP: u64 = 5_000;

/// A phone that stands in the queue. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When it was found to hold something old, or when somebody asked for it.
    pub since: u64,
    /// How often it was told since then.
    pub attempts: usize,
    /// When it is told next; `None` while it is being told or left alone.
    pub next: Option<u64>,
    /// What it would be given: the digest over the digests of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Digest>,
    /// True when it has answered since it stands here: it is there, and it is up to it to come.
    #[serde(default)]
    pub reached: bool,
    /// What somebody asked for explicitly: sent once, whatever the digests say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Ask>,
}

/// How fast phones are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// NOTIFYs a second, at least 1.
    pub per_second: u32,
    /// NOTIFYs under way at a time, at least 1.
    pub window: usize,
}

/// One telling of a phone, from [`Queue::next`] to its end. An end that comes for an older one is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    /// The phone.
    pub id: Id,
    /// What somebody asked for explicitly, if this carries it.
    pub asked: Option<Ask>,
    number: u64,
}

/// How a telling ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The phone need not be told (any more).
    Needless,
    /// The phone has answered, and still holds something old.
    Answered,
    /// The phone has not answered, or not well, and still holds something old.
    Unanswered,
    /// Nobody knows where the phone is, and it holds something old.
    Nowhere,
    /// It could not be found out, or not be sent: tried again soon, and not counted.
    Hiccup,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Tell this phone; [`Queue::ended`] follows when it is known what came of it.
    Tell(Telling),
    /// Nothing before this time (Unix milliseconds).
    WaitUntil(u64),
    /// Nothing until something happens.
    Wait,
}

/// The phones that must be told. Every method that changes a phone leaves its state at [`Queue::pending`], so
/// that it can be written down.
#[derive(Debug)]
pub struct Queue {
    pace: Pace,
    phones: BTreeMap<Id, Pending>,
    due: BTreeSet<(u64, Id)>,
    under_way: BTreeMap<Id, Telling>,
    tellings: u64,
    free_at: u64,
}

impl Queue {
    /// A queue with the phones that stood in it before a restart.
    pub fn new(pace: Pace, phones: impl IntoIterator<Item = (Id, Pending)>) -> Self {
        let phones: BTreeMap<Id, Pending> = phones.into_iter().collect();
        let due = phones.iter().filter_map(|(id, phone)| Some((phone.next?, *id))).collect();
        Self { pace, phones, due, under_way: BTreeMap::new(), tellings: 0, free_at: 0 }
    }

    /// A phone's place in the queue.
    pub fn pending(&self, id: Id) -> Option<&Pending> {
        self.phones.get(&id)
    }

    /// How many phones stand in the queue.
    pub fn len(&self) -> usize {
        self.phones.len()
    }

    /// True when every phone has come back.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty()
    }

    /// The phone holds something old and would be given `given`: it is told at once, and counted from the
    /// start. One that stands here for the same files already keeps its place.
    pub fn stale(&mut self, id: Id, given: Digest, now: u64) {
        let phone = self.phones.get(&id);
        if phone.is_some_and(|phone| phone.given == Some(given)) {
            return;
        }
        let asked = phone.and_then(|phone| phone.asked);
        let given = Some(given);
        self.put(id, Pending { since: now, attempts: 0, next: Some(now), given, reached: false, asked });
    }

    /// Somebody asked for this phone explicitly: it is told at once, whatever it holds.
    pub fn ask(&mut self, id: Id, ask: Ask, now: u64) {
        let new = Pending { since: now, attempts: 0, next: None, given: None, reached: false, asked: None };
        let phone = self.phones.get(&id).cloned().unwrap_or(new);
        self.put(id, Pending { next: Some(now), asked: Some(ask), ..phone });
    }

    /// The phone holds what it would be given: it leaves, unless somebody asked for it and it was not yet told.
    pub fn in_step(&mut self, id: Id) {
        if self.phones.get(&id).is_some_and(|phone| phone.asked.is_none()) {
            self.remove(id);
        }
    }

    /// The phone is gone: deleted, or switched off.
    pub fn remove(&mut self, id: Id) {
        if let Some(next) = self.phones.remove(&id).and_then(|phone| phone.next) {
            self.due.remove(&(next, id));
        }
    }

    /// The phone has registered anew: if it could not be reached until now, it is told at once, whatever became
    /// of the telling under way. One that has answered already may be registering because it was told, so it
    /// keeps its place.
    pub fn arrived(&mut self, id: Id, now: u64) {
        if let Some(phone) = self.phones.get(&id).filter(|phone| !phone.reached).cloned() {
            let carried = self.under_way.remove(&id).and_then(|telling| telling.asked);
            self.put(id, Pending { next: Some(now), asked: phone.asked.or(carried), ..phone });
        }
    }

    /// What to do now. What somebody asked for leaves with the telling that carries it.
    pub fn next(&mut self, now: u64) -> Step {
        let due = self.due.iter().find(|(_, id)| !self.under_way.contains_key(id)).copied();
        let Some((at, id)) = due.filter(|_| self.under_way.len() < self.pace.window) else {
            return Step::Wait;
        };
        let at = at.max(self.free_at);
        if at > now {
            return Step::WaitUntil(at);
        }
        let Some(phone) = self.phones.get(&id).cloned() else { return Step::Wait };
        self.free_at = now + 1000 / u64::from(self.pace.per_second.max(1));
        self.tellings += 1;
        let telling = Telling { id, asked: phone.asked, number: self.tellings };
        self.under_way.insert(id, telling);
        self.put(id, Pending { next: None, asked: None, ..phone });
        Step::Tell(telling)
    }

    /// A telling has ended. While the phone holds something old it is asked again after 5, 15 and 60 minutes;
    /// where it is nowhere, when it registers. What came up meanwhile, a change or somebody who asked, is not
    /// overtaken.
    pub fn ended(&mut self, telling: Telling, end: End, now: u64) {
        if self.under_way.get(&telling.id) != Some(&telling) {
            return;
        }
        self.under_way.remove(&telling.id);
        let Some(phone) = self.phones.get(&telling.id).filter(|phone| phone.next.is_none()).cloned() else {
            return;
        };
        let asked_again = || {
            let next = WAITS.get(phone.attempts).map(|wait| now + wait);
            Pending { attempts: phone.attempts + 1, next, ..phone.clone() }
        };
        let phone = match end {
            End::Needless => return self.remove(telling.id),
            End::Answered => Pending { reached: true, ..asked_again() },
            End::Unanswered => asked_again(),
            End::Nowhere => phone,
            End::Hiccup => Pending { next: Some(now + HICCUP), asked: telling.asked, ..phone },
        };
        self.put(telling.id, phone);
    }

    fn put(&mut self, id: Id, phone: Pending) {
        self.remove(id);
        self.due.extend(phone.next.map(|next| (next, id)));
        self.phones.insert(id, phone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Id = Id::from_bytes([1; 16]);
    const B: Id = Id::from_bytes([2; 16]);
    const C: Id = Id::from_bytes([3; 16]);
    const OLD: Digest = Digest::from_bytes([1; 16]);
    const NEW: Digest = Digest::from_bytes([2; 16]);

    fn queue() -> Queue {
        Queue::new(Pace { per_second: 10, window: 2 }, [])
    }

    fn tell(queue: &mut Queue, id: Id, now: u64) -> Telling {
        match queue.next(now) {
            Step::Tell(telling) if telling.id == id => telling,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stale_phone_is_told_at_once_and_leaves_when_it_has_come_back() {
        let mut queue = queue();
        queue.stale(A, OLD, 1000);
        let telling = tell(&mut queue, A, 1000);
        queue.ended(telling, End::Answered, 1500);
        queue.in_step(A);
        assert!(queue.is_empty());
        assert_eq!(queue.next(u64::MAX), Step::Wait);
    }

    #[test]
    fn a_phone_that_does_not_come_is_asked_again_after_5_15_and_60_minutes_and_then_left_alone() {
        let mut queue = queue();
        let mut now = 1000;
        queue.stale(A, OLD, now);
        let mut telling = tell(&mut queue, A, now);
        for wait in [5, 15, 60] {
            queue.ended(telling, End::Answered, now);
            now += wait * MINUTE;
            assert_eq!(queue.next(now - 1), Step::WaitUntil(now));
            telling = tell(&mut queue, A, now);
        }
        queue.ended(telling, End::Answered, now);
        assert_eq!(queue.next(u64::MAX), Step::Wait);
        assert_eq!(queue.len(), 1, "it still holds something old");
    }

    #[test]
    fn a_phone_that_registers_because_it_was_told_is_not_told_again_for_that() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.ended(telling, End::Answered, 100);
        queue.arrived(A, 200);
        assert_eq!(queue.next(200), Step::WaitUntil(100 + 5 * MINUTE));
    }

    #[test]
    fn a_phone_that_could_not_be_reached_is_told_as_soon_as_it_registers() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let lost = tell(&mut queue, A, 0);
        queue.arrived(A, 500);
        let telling = tell(&mut queue, A, 500);
        queue.ended(lost, End::Nowhere, 550);
        queue.ended(telling, End::Unanswered, 600);
        assert_eq!(
            queue.next(600),
            Step::WaitUntil(600 + 5 * MINUTE),
            "the end of the lost one says nothing"
        );
        queue.arrived(A, 700);
        tell(&mut queue, A, 700);
    }

    #[test]
    fn a_new_change_starts_the_count_again() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.ended(telling, End::Answered, 0);
        queue.stale(A, NEW, 1000);
        let telling = tell(&mut queue, A, 1000);
        queue.ended(telling, End::Answered, 1000);
        assert_eq!(queue.pending(A).unwrap().next, Some(1000 + 5 * MINUTE));
    }

    #[test]
    fn a_change_while_a_phone_is_being_told_is_not_overtaken_by_the_answer() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.stale(A, NEW, 200);
        assert_eq!(queue.next(200), Step::Wait, "one telling of a phone at a time");
        queue.ended(telling, End::Answered, 300);
        tell(&mut queue, A, 300);
    }

    #[test]
    fn a_change_that_changes_nothing_for_a_waiting_phone_does_not_tell_it_again() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.ended(telling, End::Answered, 0);
        queue.stale(A, OLD, 1000);
        assert_eq!(queue.next(1000), Step::WaitUntil(5 * MINUTE));
    }

    #[test]
    fn telling_keeps_to_the_pace_and_to_the_window() {
        let mut queue = queue();
        for phone in [A, B, C] {
            queue.stale(phone, OLD, 0);
        }
        let telling = tell(&mut queue, A, 0);
        assert_eq!(queue.next(0), Step::WaitUntil(100));
        tell(&mut queue, B, 100);
        assert_eq!(queue.next(5000), Step::Wait, "two are under way");
        queue.ended(telling, End::Needless, 5000);
        tell(&mut queue, C, 5000);
    }

    #[test]
    fn what_somebody_asked_for_is_sent_once_even_to_a_phone_in_step() {
        let mut queue = queue();
        queue.ask(A, Ask::Reboot, 0);
        queue.in_step(A);
        let telling = tell(&mut queue, A, 0);
        assert_eq!(telling.asked, Some(Ask::Reboot));
        queue.ended(telling, End::Needless, 10);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_somebody_asks_for_while_the_phone_is_being_told_is_sent_after_it() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.ask(A, Ask::Reboot, 100);
        queue.ended(telling, End::Needless, 200);
        assert_eq!(tell(&mut queue, A, 200).asked, Some(Ask::Reboot));
    }

    #[test]
    fn a_hiccup_frees_the_window_and_loses_nothing() {
        let mut queue = queue();
        queue.ask(A, Ask::Reboot, 0);
        let telling = tell(&mut queue, A, 0);
        queue.ended(telling, End::Hiccup, 0);
        assert_eq!(queue.next(0), Step::WaitUntil(HICCUP));
        assert_eq!(tell(&mut queue, A, HICCUP).asked, Some(Ask::Reboot));
        assert_eq!(queue.pending(A).unwrap().attempts, 0);
    }

    #[test]
    fn a_phone_that_is_nowhere_waits_until_it_registers() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.ended(telling, End::Nowhere, 10);
        assert_eq!(queue.next(u64::MAX - 1), Step::Wait);
        queue.arrived(A, 9000);
        tell(&mut queue, A, 9000);
    }

    #[test]
    fn a_phone_that_left_while_it_was_told_stays_away() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.remove(A);
        queue.ended(telling, End::Answered, 10);
        assert!(queue.is_empty());
        assert_eq!(queue.next(u64::MAX), Step::Wait);
    }

    #[test]
    fn a_restart_forgets_nobody() {
        let mut queue = queue();
        queue.stale(A, OLD, 0);
        let telling = tell(&mut queue, A, 0);
        queue.ended(telling, End::Answered, 0);
        let written = queue.pending(A).unwrap().clone();
        let mut queue = Queue::new(Pace { per_second: 10, window: 2 }, [(A, written)]);
        assert_eq!(queue.next(0), Step::WaitUntil(5 * MINUTE));
    }
}
