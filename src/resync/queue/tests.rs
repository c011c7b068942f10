//! The queue, phone by phone.

use super::*;
use crate::id::Digest;
use crate::resync::{Ask, Asked};

const A: Id = Id::from_bytes([1; 16]);
const B: Id = Id::from_bytes([2; 16]);
const C: Id = Id::from_bytes([3; 16]);
const OLD: Digest = Digest::from_bytes([1; 16]);
const NEW: Digest = Digest::from_bytes([2; 16]);

const REBOOT: Asked = Asked { ask: Ask::Reboot, now: false };
const PACE: Pace = Pace { per_second: 10, window: 2, proxied: false };

fn queue() -> Queue {
    Queue::new(PACE, 1, Campaigns::default(), [])
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
    queue.stale(A, OLD, None, 1000);
    let telling = tell(&mut queue, A, 1000);
    queue.ended(telling, End::Answered, Sign::Heard, 1500);
    queue.in_step(A, 0);
    assert!(queue.is_empty());
    assert_eq!(queue.next(u64::MAX), Step::Wait);
}

#[test]
fn a_phone_that_does_not_come_is_asked_again_after_5_15_and_60_minutes_and_then_left_alone() {
    let mut queue = queue();
    let mut now = 1000;
    queue.stale(A, OLD, None, now);
    let mut telling = tell(&mut queue, A, now);
    for wait in [5, 15, 60] {
        queue.ended(telling, End::Answered, Sign::Heard, now);
        now += wait * MINUTE;
        assert_eq!(queue.next(now - 1), Step::WaitUntil(now));
        telling = tell(&mut queue, A, now);
    }
    queue.ended(telling, End::Answered, Sign::Heard, now);
    assert_eq!(queue.next(u64::MAX), Step::Wait);
    assert_eq!(queue.len(), 1, "it still holds something old");
}

#[test]
fn a_phone_that_registers_because_it_was_told_is_not_told_again_for_that() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.ended(telling, End::Answered, Sign::Heard, 100);
    queue.arrived(A, 200);
    assert_eq!(queue.next(200), Step::WaitUntil(100 + 5 * MINUTE));
}

#[test]
fn a_phone_that_could_not_be_reached_is_told_as_soon_as_it_registers() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let lost = tell(&mut queue, A, 0);
    queue.arrived(A, 500);
    let telling = tell(&mut queue, A, 500);
    queue.ended(lost, End::Nowhere, Sign::Nothing, 550);
    queue.ended(telling, End::Missed, Sign::Lost, 600);
    assert_eq!(queue.next(600), Step::WaitUntil(600 + 5 * MINUTE), "the end of the lost one says nothing");
    queue.arrived(A, 700);
    tell(&mut queue, A, 700);
}

#[test]
fn a_new_change_starts_the_count_again() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.ended(telling, End::Answered, Sign::Heard, 0);
    queue.stale(A, NEW, None, 1000);
    let telling = tell(&mut queue, A, 1000);
    queue.ended(telling, End::Answered, Sign::Heard, 1000);
    assert_eq!(queue.pending(A).unwrap().next, Some(1000 + 5 * MINUTE));
}

#[test]
fn a_change_while_a_phone_is_being_told_is_not_overtaken_by_the_answer() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.stale(A, NEW, None, 200);
    assert_eq!(queue.next(200), Step::Wait, "one telling of a phone at a time");
    queue.ended(telling, End::Answered, Sign::Heard, 300);
    tell(&mut queue, A, 300);
}

#[test]
fn a_change_that_changes_nothing_for_a_waiting_phone_does_not_tell_it_again() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.ended(telling, End::Answered, Sign::Heard, 0);
    queue.stale(A, OLD, None, 1000);
    assert_eq!(queue.next(1000), Step::WaitUntil(5 * MINUTE));
}

#[test]
fn telling_keeps_to_the_pace_and_to_the_window() {
    let mut queue = queue();
    for phone in [A, B, C] {
        queue.stale(phone, OLD, None, 0);
    }
    let telling = tell(&mut queue, A, 0);
    assert_eq!(queue.next(0), Step::WaitUntil(100));
    tell(&mut queue, B, 100);
    assert_eq!(queue.next(300), Step::WaitUntil(1000), "two are under way");
    queue.ended(telling, End::Answered, Sign::Heard, 300);
    tell(&mut queue, C, 300);
}

#[test]
fn what_somebody_asked_for_is_sent_once_even_to_a_phone_in_step() {
    let mut queue = queue();
    queue.ask(A, REBOOT, None, 0);
    queue.in_step(A, 0);
    let telling = tell(&mut queue, A, 0);
    assert_eq!(telling.asked, Some(Ask::Reboot));
    queue.ended(telling, End::Needless, Sign::Nothing, 10);
    assert!(queue.is_empty());
}

#[test]
fn what_somebody_asks_for_while_the_phone_is_being_told_is_sent_after_it() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.ask(A, REBOOT, None, 100);
    queue.ended(telling, End::Needless, Sign::Nothing, 200);
    assert_eq!(tell(&mut queue, A, 200).asked, Some(Ask::Reboot));
}

#[test]
fn a_hiccup_frees_the_window_and_loses_nothing() {
    let mut queue = queue();
    queue.ask(A, REBOOT, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.ended(telling, End::Hiccup, Sign::Nothing, 0);
    assert_eq!(queue.next(0), Step::WaitUntil(HICCUP));
    assert_eq!(tell(&mut queue, A, HICCUP).asked, Some(Ask::Reboot));
    assert_eq!(queue.pending(A).unwrap().attempts, 0);
}

#[test]
fn a_phone_that_is_nowhere_waits_until_it_registers() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.ended(telling, End::Nowhere, Sign::Nothing, 10);
    assert_eq!(queue.next(u64::MAX - 1), Step::Wait);
    queue.arrived(A, 9000);
    tell(&mut queue, A, 9000);
}

#[test]
fn a_phone_that_left_while_it_was_told_stays_away() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.remove(A, 0);
    queue.ended(telling, End::Answered, Sign::Heard, 10);
    assert!(queue.is_empty());
    assert_eq!(queue.next(u64::MAX), Step::Wait);
}

#[test]
fn a_restart_forgets_nobody() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = tell(&mut queue, A, 0);
    queue.ended(telling, End::Answered, Sign::Heard, 0);
    let written = *queue.pending(A).unwrap();
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), [(A, written)]);
    assert_eq!(queue.next(0), Step::WaitUntil(5 * MINUTE));
}
