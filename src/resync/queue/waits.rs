//! Phones that wait: for the hours at which they may restart, and for a sign that they are there again.

use super::campaigns::{A, NEW, OLD, PACE, REBOOT, SHOP, change, counts, sync, told};
use super::*;
use crate::resync::{Action, Ask, Asked, Cause, Origin};

const OPENS: u64 = 100 * MINUTE;

const REREAD: Asked = Asked { ask: Ask::Reread, now: false };

/// A queue with one phone whose restart waits for its hour.
fn closed(of: Option<(&Origin, Id)>) -> Queue {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, REBOOT, of, 0);
    let telling = told(&mut queue, MINUTE).unwrap();
    queue.ended(telling, End::Closed(OPENS), Sign::Nothing, MINUTE);
    assert_eq!(queue.pending(A).unwrap().stage, Stage::RebootWindow);
    queue
}

/// Finds the hour closed, and gives what the phone is told instead.
fn told_meanwhile(queue: &mut Queue, now: u64) -> Option<Telling> {
    let telling = looked(queue, now);
    assert_eq!(telling.asked, Some(Ask::Reboot), "it might be allowed by now");
    queue.ended(telling, End::Closed(OPENS), Sign::Nothing, now);
    let telling = told(queue, now + 100)?;
    assert_eq!(telling.asked, None);
    Some(telling)
}

/// A phone's turn, when nothing is sent yet.
fn looked(queue: &mut Queue, now: u64) -> Telling {
    match queue.next(now) {
        Step::Tell(telling) => telling,
        other => panic!("{other:?}"),
    }
}

/// What is sent when the hour has come.
fn told_at_last(queue: &mut Queue) -> Option<Ask> {
    assert_eq!(told(queue, OPENS - 1), None);
    told(queue, OPENS + OPENING)?.asked
}

#[test]
fn a_change_is_told_at_once_while_a_restart_waits_for_its_hour() {
    let mut queue = closed(None);
    queue.stale(A, OLD, None, 2 * MINUTE);
    let telling = told_meanwhile(&mut queue, 2 * MINUTE).unwrap();
    queue.ended(telling, End::Answered, Sign::Heard, 2 * MINUTE);
    queue.came_back(A, 3 * MINUTE);
    let phone = queue.pending(A).unwrap();
    assert_eq!((phone.stage, phone.asked), (Stage::RebootWindow, Some(Ask::Reboot)));
    assert_eq!(told_at_last(&mut queue), Some(Ask::Reboot));
}

#[test]
fn a_phone_that_does_not_come_while_its_restart_waits_is_asked_again_as_ever() {
    let mut queue = closed(None);
    queue.stale(A, OLD, None, 2 * MINUTE);
    let mut telling = told_meanwhile(&mut queue, 2 * MINUTE).unwrap();
    let mut now = 2 * MINUTE;
    for wait in [5, 15, 60] {
        queue.ended(telling, End::Answered, Sign::Heard, now);
        queue.stale(A, OLD, None, now);
        let again = looked(&mut queue, now + 200);
        queue.ended(again, End::Closed(OPENS), Sign::Nothing, now);
        now += wait * MINUTE;
        assert_eq!(told(&mut queue, now - 1), None, "the same files are no reason to tell it again");
        telling = told(&mut queue, now).unwrap();
        assert_eq!(telling.asked, None);
    }
    queue.ended(telling, End::Answered, Sign::Heard, now);
    assert_eq!(queue.pending(A).unwrap().stage, Stage::GivenUp);
    assert_eq!(told_at_last(&mut queue), Some(Ask::Reboot));
}

#[test]
fn a_restart_that_finds_its_hour_closed_changes_nothing_of_how_often_a_phone_is_told_of_a_change() {
    let mut queue = closed(None);
    queue.stale(A, OLD, None, 2 * MINUTE);
    let mut telling = told_meanwhile(&mut queue, 2 * MINUTE).unwrap();
    queue.ended(telling, End::Answered, Sign::Heard, 2 * MINUTE);
    queue.stale(A, OLD, None, 4 * MINUTE);
    let early = looked(&mut queue, 4 * MINUTE);
    queue.ended(early, End::Closed(OPENS), Sign::Nothing, 4 * MINUTE);
    assert_eq!(
        queue.pending(A).unwrap().next,
        Some(7 * MINUTE),
        "the same files are no reason to wait longer"
    );
    for now in [7, 22, 82] {
        telling = told(&mut queue, now * MINUTE).unwrap();
        queue.ended(telling, End::Answered, Sign::Heard, now * MINUTE);
    }
    let late = looked(&mut queue, OPENS + OPENING);
    queue.ended(late, End::Closed(2 * OPENS), Sign::Nothing, OPENS + OPENING);
    assert_eq!(told(&mut queue, 2 * OPENS - 1), None, "it was told often enough");
    assert_eq!(told(&mut queue, 2 * OPENS + OPENING).unwrap().asked, Some(Ask::Reboot));
}

#[test]
fn a_re_read_that_somebody_asked_for_outlasts_a_restart_that_finds_its_hour_closed() {
    let mut queue = closed(None);
    queue.ask(A, REREAD, None, OPENS - MINUTE);
    let telling = told(&mut queue, OPENS - MINUTE).unwrap();
    queue.ended(telling, End::Missed, Sign::Lost, OPENS - MINUTE);
    let late = looked(&mut queue, OPENS + OPENING);
    assert_eq!(late.asked, Some(Ask::Reboot));
    queue.ended(late, End::Closed(2 * OPENS), Sign::Nothing, OPENS + OPENING);
    assert_eq!(told(&mut queue, OPENS + 4 * MINUTE).unwrap().asked, Some(Ask::Reread));
}

#[test]
fn a_phone_that_was_nowhere_for_a_change_is_told_when_it_registers_and_its_restart_waits() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.stale(A, OLD, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.ended(telling, End::Nowhere, Sign::Nothing, 0);
    queue.ask(A, REBOOT, None, MINUTE);
    let telling = told_meanwhile(&mut queue, MINUTE).unwrap();
    queue.ended(telling, End::Nowhere, Sign::Nothing, MINUTE);
    queue.arrived(A, 2 * MINUTE);
    let telling = told(&mut queue, 2 * MINUTE).unwrap();
    assert_eq!(telling.asked, None);
    queue.ended(telling, End::Needless, Sign::Nothing, 2 * MINUTE);
    let written = serde_json::to_vec(&queue.record(A)).unwrap();
    let read: Pending = serde_json::from_slice(&written).unwrap();
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), [(A, read)]);
    assert_eq!(told_at_last(&mut queue), Some(Ask::Reboot));
}

#[test]
fn a_restart_goes_on_waiting_when_somebody_asks_for_a_re_read() {
    let mut queue = closed(None);
    queue.ask(A, REREAD, None, 2 * MINUTE);
    let telling = told(&mut queue, 2 * MINUTE).unwrap();
    assert_eq!(telling.asked, Some(Ask::Reread));
    let after_a_crash = queue.record(A).unwrap();
    assert_eq!((after_a_crash.asked, after_a_crash.restart.is_some()), (Some(Ask::Reread), true));
    queue.ended(telling, End::Obeyed, Sign::Heard, 2 * MINUTE);
    assert_eq!(told_at_last(&mut queue), Some(Ask::Reboot));
}

#[test]
fn a_phone_that_may_restart_with_every_change_is_told_once_when_the_hour_has_come() {
    let mut queue = closed(None);
    queue.stale(A, OLD, None, 2 * MINUTE);
    let telling = told_meanwhile(&mut queue, 2 * MINUTE).unwrap();
    queue.ended(telling, End::Closed(OPENS), Sign::Nothing, 2 * MINUTE);
    assert_eq!(told_at_last(&mut queue), Some(Ask::Reboot));
    assert_eq!(told(&mut queue, u64::MAX / 2), None);
}

#[test]
fn a_cancelled_sync_takes_its_waiting_restart_with_it_and_leaves_the_change() {
    for comes in [true, false] {
        let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
        queue.stale(A, OLD, None, 0);
        queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
        let telling = told_meanwhile(&mut queue, MINUTE).unwrap();
        queue.sent(telling, MINUTE);
        assert_eq!(counts(&queue, &sync()).told, 0, "it was not told to restart");
        queue.ended(telling, End::Answered, Sign::Heard, MINUTE);
        if comes {
            queue.came_back(A, 2 * MINUTE);
            assert_eq!(counts(&queue, &sync()).at(Stage::RebootWindow), 1);
        }
        queue.control(sync().campaign, Action::Cancel, 3 * MINUTE).unwrap();
        assert_eq!(
            queue.pending(A).map(|phone| (phone.given, phone.restart)),
            (!comes).then_some((Some(OLD), None))
        );
        assert_eq!(counts(&queue, &sync()).left, 1);
    }
}

#[test]
fn a_restart_that_somebody_asked_for_by_name_outlasts_a_campaign_that_is_held_or_cancelled() {
    let rereads = Origin::of(Cause::Sync { account: SHOP, ask: Ask::Reread }, b"2");
    for action in [Action::Pause, Action::Cancel] {
        for origin in [change(), rereads.clone()] {
            let mut queue = closed(None);
            let telling = if origin == rereads {
                queue.ask(A, REREAD, Some((&origin, SHOP)), 2 * MINUTE);
                told(&mut queue, 3 * MINUTE).unwrap()
            } else {
                queue.stale(A, NEW, Some((&origin, SHOP)), 2 * MINUTE);
                told_meanwhile(&mut queue, 3 * MINUTE).unwrap()
            };
            queue.ended(telling, End::Missed, Sign::Lost, 3 * MINUTE);
            queue.control(origin.campaign, action, 4 * MINUTE).unwrap();
            assert_eq!(told_at_last(&mut queue), Some(Ask::Reboot), "{action:?} {origin:?}");
        }
    }
}

#[test]
fn who_was_asked_for_and_is_silent_is_asked_again_after_5_15_and_60_minutes() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, Asked { now: true, ..REBOOT }, None, 0);
    let mut now = 0;
    for wait in [5, 15, 60] {
        let telling = told(&mut queue, now).unwrap();
        assert_eq!((telling.asked, telling.at_once), (Some(Ask::Reboot), true));
        queue.ended(telling, End::Missed, Sign::Lost, now);
        now += wait * MINUTE;
        assert_eq!(queue.next(now - 1), Step::WaitUntil(now));
    }
    let telling = told(&mut queue, now).unwrap();
    queue.ended(telling, End::Missed, Sign::Lost, now);
    assert_eq!(queue.next(u64::MAX / 2), Step::Wait, "that was the last time");
    queue.arrived(A, 2 * now);
    assert_eq!(told(&mut queue, 2 * now).unwrap().asked, Some(Ask::Reboot), "until it registers");
}

#[test]
fn a_silent_phone_is_told_when_it_refreshes_and_one_that_has_answered_is_not() {
    for asked in [None, Some(Ask::Reboot)] {
        let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
        match asked {
            None => queue.stale(A, OLD, None, 0),
            Some(_) => queue.ask(A, REBOOT, None, 0),
        }
        let telling = told(&mut queue, 0).unwrap();
        queue.refreshed(A, 10);
        assert_eq!(queue.next(10), Step::Wait, "it is being told");
        queue.ended(telling, End::Missed, Sign::Lost, 20);
        queue.refreshed(A, 200);
        let telling = told(&mut queue, 200).unwrap();
        assert_eq!(telling.asked, asked);
        queue.ended(telling, End::Answered, Sign::Heard, 300);
        queue.refreshed(A, 400);
        assert!(queue.pending(A).unwrap().next > Some(MINUTE), "it is there, and up to it to come");
    }
}

#[test]
fn a_phone_that_refreshes_and_cannot_be_reached_is_not_told_for_ever() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.stale(A, OLD, None, 0);
    let mut times = 0;
    for now in (0..60).map(|minute| minute * MINUTE) {
        queue.refreshed(A, now);
        while let Some(telling) = told(&mut queue, now) {
            times += 1;
            queue.ended(telling, End::Missed, Sign::Lost, now);
        }
    }
    assert!((4..=12).contains(&times), "{times}");
    assert!(!queue.pending(A).unwrap().awaits_refresh());
    queue.stale(A, NEW, None, 60 * MINUTE);
    let telling = told(&mut queue, 60 * MINUTE).unwrap();
    queue.ended(telling, End::Missed, Sign::Lost, 60 * MINUTE);
    assert!(queue.pending(A).unwrap().awaits_refresh(), "a new change is a new reason");
}

#[test]
fn a_silent_phone_that_has_started_meanwhile_is_not_restarted() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, REBOOT, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.ended(telling, End::Missed, Sign::Lost, 100);
    queue.started(A, 200);
    assert!(queue.is_empty());
}
