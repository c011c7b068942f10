//! Phones that do not answer, or not always, and what comes up while they are being told.

use super::campaigns::{A, NEW, OLD, PACE, REBOOT, SHOP, change, sync, told};
use super::*;
use crate::resync::{Action, Ask, Asked};

const REREAD: Asked = Asked { ask: Ask::Reread, now: false };

fn queue() -> Queue {
    Queue::new(PACE, 1, Campaigns::default(), [])
}

#[test]
fn a_phone_that_answered_once_and_is_nowhere_later_is_told_when_it_registers() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.ended(telling, End::Answered, Sign::Heard, 100);
    let telling = told(&mut queue, 100 + 5 * MINUTE).unwrap();
    queue.ended(telling, End::Nowhere, Sign::Nothing, 6 * MINUTE);
    queue.arrived(A, 7 * MINUTE);
    assert!(told(&mut queue, 7 * MINUTE).is_some());
}

#[test]
fn a_restart_that_waits_for_the_hours_does_not_go_at_once_because_something_before_it_did() {
    let mut queue = queue();
    queue.ask(A, Asked { now: true, ..REREAD }, None, 0);
    told(&mut queue, 0).unwrap();
    queue.ask(A, REBOOT, None, 10);
    queue.arrived(A, 20);
    let telling = told(&mut queue, 100).unwrap();
    assert_eq!((telling.asked, telling.at_once), (Some(Ask::Reboot), false));
}

#[test]
fn what_somebody_asked_for_is_not_lost_by_a_change_that_comes_up_while_it_is_sent() {
    for asked in [Asked { now: true, ..REBOOT }, REREAD] {
        for end in [End::Missed, End::Nowhere, End::Busy, End::Hiccup] {
            let mut queue = queue();
            queue.ask(A, asked, None, 0);
            let telling = told(&mut queue, 0).unwrap();
            queue.stale(A, NEW, None, 10);
            queue.ended(telling, end, Sign::Nothing, 20);
            queue.arrived(A, MINUTE);
            let telling = told(&mut queue, MINUTE).unwrap();
            assert_eq!((telling.asked, telling.at_once), (Some(asked.ask), asked.now), "{end:?}");
        }
    }
}

#[test]
fn what_somebody_asked_for_is_not_lost_by_a_change_of_nothing_while_it_is_sent() {
    for asked in [REBOOT, REREAD] {
        let mut queue = queue();
        queue.ask(A, asked, None, 0);
        let telling = told(&mut queue, 0).unwrap();
        queue.in_step(A, 10);
        queue.ended(telling, End::Missed, Sign::Lost, 20);
        assert_eq!(told(&mut queue, 6 * MINUTE).unwrap().asked, Some(asked.ask));
    }
}

#[test]
fn a_phone_that_restarts_anyway_is_not_told_of_a_change_as_well() {
    let mut queue = queue();
    queue.ask(A, REBOOT, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.stale(A, NEW, None, 10);
    queue.ended(telling, End::Answered, Sign::Heard, 20);
    assert_eq!(queue.next(1000), Step::WaitUntil(20 + 5 * MINUTE), "it fetches what is new when it starts");
    assert_eq!(told(&mut queue, 6 * MINUTE).unwrap().asked, None, "unless it does not");
}

#[test]
fn a_cancelled_restart_does_not_come_back_with_the_end_of_its_notify() {
    for end in [End::Missed, End::Nowhere] {
        let mut queue = queue();
        queue.stale(A, OLD, Some((&change(), SHOP)), 0);
        queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
        let telling = told(&mut queue, MINUTE).unwrap();
        queue.control(sync().campaign, Action::Cancel, MINUTE).unwrap();
        queue.ended(telling, end, Sign::Nothing, MINUTE);
        queue.arrived(A, 2 * MINUTE);
        assert_eq!(told(&mut queue, 2 * MINUTE).unwrap().asked, None, "{end:?}");
    }
}

#[test]
fn a_silent_phone_that_starts_again_and_again_is_not_restarted_for_ever() {
    for is_missed in [true, false] {
        let mut queue = queue();
        queue.ask(A, REBOOT, None, 0);
        let mut times = 0;
        for now in (0..50).map(|second| second * 1000) {
            if let Some(telling) = told(&mut queue, now) {
                assert_eq!(telling.asked, Some(Ask::Reboot));
                times += 1;
                if is_missed {
                    queue.ended(telling, End::Missed, Sign::Lost, now);
                }
            }
            queue.arrived(A, now);
        }
        assert_eq!(times, 2, "a phone that has registered anew since it was told has most likely restarted");
    }
}

#[test]
fn a_silent_phone_that_registers_anew_again_and_again_is_not_told_of_a_change_for_ever() {
    let mut queue = queue();
    queue.stale(A, OLD, None, 0);
    let mut times = 0;
    for now in (0..50).map(|second| second * 1000) {
        if let Some(telling) = told(&mut queue, now) {
            times += 1;
            queue.ended(telling, End::Missed, Sign::Lost, now);
        }
        queue.arrived(A, now);
    }
    assert!((2..=8).contains(&times), "{times}");
}

#[test]
fn a_phone_that_refreshes_does_not_shorten_what_a_server_asks_for() {
    let mut queue = queue();
    queue.ask(A, REREAD, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.ended(telling, End::Missed, Sign::Lost, 10);
    queue.refreshed(A, 1000);
    let telling = told(&mut queue, 1000).unwrap();
    queue.ended(telling, End::Busy, Sign::Overload(10 * MINUTE), 1100);
    queue.refreshed(A, 2000);
    assert_eq!(told(&mut queue, 10 * MINUTE), None);
    let telling = told(&mut queue, 30 * MINUTE).unwrap();
    queue.ended(telling, End::Missed, Sign::Lost, 30 * MINUTE);
    queue.refreshed(A, 31 * MINUTE);
    assert!(told(&mut queue, 31 * MINUTE).is_some());
}
