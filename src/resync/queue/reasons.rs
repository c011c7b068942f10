//! Phones that stand in the queue for more than one reason, and what becomes of them when one of these is gone.

use super::campaigns::{A, B, NEW, OLD, PACE, REBOOT, SHOP, change, counts, queue, sync, told};
use super::*;
use crate::resync::{Action, Ask, Cause, Origin};

#[test]
fn a_change_of_one_phone_alone_takes_it_out_of_its_campaign_and_is_told_at_once() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    for phone in 1..=200 {
        queue.stale(Id::from_bytes([phone; 16]), OLD, Some((&change(), SHOP)), 0);
    }
    queue.control(change().campaign, Action::Pause, 0).unwrap();
    queue.stale(A, NEW, None, 10);
    let phone = queue.pending(A).unwrap();
    assert_eq!((phone.member, phone.next), (None, Some(10)));
    assert_eq!(
        (counts(&queue, &change()).left, told(&mut queue, 10).map(|telling| telling.id)),
        (1, Some(A))
    );
}

#[test]
fn a_change_of_one_phone_brings_no_restart_that_is_held_back() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
    queue.control(sync().campaign, Action::Pause, 0).unwrap();
    queue.stale(A, NEW, None, 10);
    assert_eq!(told(&mut queue, 10).map(|telling| telling.asked), Some(None));
}

#[test]
fn a_cancelled_sync_leaves_who_holds_something_old() {
    let mut queue = queue();
    queue.ask(A, REBOOT, Some((&sync(), SHOP)), 10);
    queue.ask(Id::from_bytes([3; 16]), REBOOT, Some((&sync(), SHOP)), 10);
    queue.control(sync().campaign, Action::Cancel, 20).unwrap();
    let phone = *queue.pending(A).unwrap();
    assert_eq!((phone.given, phone.asked, phone.member, phone.next), (Some(OLD), None, None, Some(20)));
    assert_eq!((queue.len(), counts(&queue, &sync()).left), (2, 2));
}

#[test]
fn a_cancelled_change_leaves_who_was_asked_for_by_name() {
    let mut queue = queue();
    queue.control(change().campaign, Action::Pause, 0).unwrap();
    queue.ask(A, REBOOT, None, 10);
    queue.control(change().campaign, Action::Cancel, 20).unwrap();
    let phone = *queue.pending(A).unwrap();
    assert_eq!((phone.given, phone.asked, phone.member), (None, Some(Ask::Reboot), None));
    assert_eq!((queue.len(), told(&mut queue, 20).map(|telling| telling.id)), (1, Some(A)));
}

#[test]
fn a_cancelled_campaign_leaves_who_was_changed_by_itself_before() {
    let mut queue = queue();
    let third = Id::from_bytes([3; 16]);
    queue.stale(third, OLD, None, 0);
    let later = Origin::of(Cause::Site, b"2");
    for phone in [A, third] {
        queue.stale(phone, NEW, Some((&later, SHOP)), 10);
    }
    let written = serde_json::to_vec(&queue.record(third)).unwrap();
    let read: Pending = serde_json::from_slice(&written).unwrap();
    assert!(read.alone);
    queue.control(later.campaign, Action::Cancel, 20).unwrap();
    assert_eq!((queue.pending(A), queue.pending(third).and_then(|phone| phone.given)), (None, Some(NEW)));
}

#[test]
fn a_phone_that_was_off_when_somebody_asked_and_has_started_is_not_restarted_again() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    for phone in [A, B] {
        queue.ask(phone, REBOOT, None, 0);
        let telling = told(&mut queue, 100).unwrap();
        if phone == A {
            queue.ended(telling, End::Nowhere, Sign::Nothing, 100);
        } else {
            queue.ended(telling, End::Hiccup, Sign::Nothing, 100);
        }
        queue.started(phone, 200);
        queue.arrived(phone, 300);
    }
    assert_eq!((queue.pending(A), queue.pending(B).is_some()), (None, true));
}

#[test]
fn a_phone_that_has_declined_is_there_and_registering_does_not_tell_it_again() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.stale(A, OLD, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.ended(telling, End::Declined, Sign::Heard, 10);
    queue.arrived(A, 20);
    assert_eq!(queue.next(20), Step::WaitUntil(10 + 5 * MINUTE));
}

#[test]
fn a_cancelled_sync_tells_nobody_again_who_was_told_and_is_expected() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.stale(A, OLD, Some((&change(), SHOP)), 0);
    queue.ask(A, REBOOT, Some((&sync(), SHOP)), 10);
    let telling = told(&mut queue, 1000).unwrap();
    queue.ended(telling, End::Answered, Sign::Heard, 1100);
    let next = queue.pending(A).unwrap().next;
    queue.control(sync().campaign, Action::Cancel, 1200).unwrap();
    let phone = queue.pending(A).unwrap();
    assert_eq!((phone.next, phone.stage, phone.member), (next, Stage::Answered, None));
}

#[test]
fn a_change_of_one_phone_alone_leaves_its_restart_with_the_sync_that_it_came_of() {
    for action in [Action::Cancel, Action::Pause] {
        let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
        queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
        let telling = told(&mut queue, MINUTE).unwrap();
        queue.ended(telling, End::Closed(100 * MINUTE), Sign::Nothing, MINUTE);
        queue.stale(A, OLD, None, 2 * MINUTE);
        let telling = told(&mut queue, 2 * MINUTE).unwrap();
        queue.ended(telling, End::Closed(100 * MINUTE), Sign::Nothing, 2 * MINUTE);
        let telling = told(&mut queue, 2 * MINUTE + 100).unwrap();
        assert_eq!(telling.asked, None, "the change does not wait");
        queue.ended(telling, End::Answered, Sign::Heard, 2 * MINUTE);
        queue.control(sync().campaign, action, 3 * MINUTE).unwrap();
        queue.came_back(A, 4 * MINUTE);
        assert_eq!(told(&mut queue, 102 * MINUTE), None, "{action:?}");
        assert_eq!(queue.len(), usize::from(action == Action::Pause));
    }
}

#[test]
fn a_change_of_one_phone_alone_goes_out_while_its_sync_is_held_and_its_restart_when_that_goes_on() {
    for is_sent in [false, true] {
        let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
        queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
        let sent = is_sent.then(|| told(&mut queue, MINUTE).unwrap());
        queue.control(sync().campaign, Action::Pause, MINUTE).unwrap();
        queue.stale(A, NEW, None, MINUTE);
        if let Some(telling) = sent {
            queue.ended(telling, End::Missed, Sign::Lost, MINUTE);
            assert_eq!(told(&mut queue, 90 * MINUTE), None, "it is for the sync to say when it restarts");
        } else {
            let telling = told(&mut queue, MINUTE + 1000).unwrap();
            assert_eq!(telling.asked, None);
            queue.ended(telling, End::Answered, Sign::Heard, 2 * MINUTE);
            queue.came_back(A, 3 * MINUTE);
            assert_eq!(told(&mut queue, 90 * MINUTE), None);
        }
        queue.control(sync().campaign, Action::Resume, 100 * MINUTE).unwrap();
        assert_eq!(told(&mut queue, 100 * MINUTE).unwrap().asked, Some(Ask::Reboot), "{is_sent}");
    }
}

#[test]
fn a_cancelled_sync_takes_back_a_restart_that_a_change_of_one_phone_alone_has_overtaken() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
    let telling = told(&mut queue, MINUTE).unwrap();
    queue.stale(A, NEW, None, MINUTE);
    queue.ended(telling, End::Missed, Sign::Lost, MINUTE);
    queue.control(sync().campaign, Action::Cancel, MINUTE).unwrap();
    assert_eq!(told(&mut queue, 2 * MINUTE).unwrap().asked, None);
}
