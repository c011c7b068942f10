//! Phones that are told because of the same thing: held back, let go, let off, and never lost.

use super::*;
use crate::id::Digest;
use crate::resync::{Action, Ask, Asked, Cause, ControlError, Counts, Origin, State};

pub(super) const A: Id = Id::from_bytes([1; 16]);
pub(super) const B: Id = Id::from_bytes([2; 16]);
pub(super) const SHOP: Id = Id::from_bytes([8; 16]);
pub(super) const OLD: Digest = Digest::from_bytes([1; 16]);
pub(super) const NEW: Digest = Digest::from_bytes([2; 16]);
pub(super) const PACE: Pace = Pace { per_second: 100, window: 8, proxied: false };
pub(super) const REBOOT: Asked = Asked { ask: Ask::Reboot, now: false };

pub(super) fn change() -> Origin {
    Origin::of(Cause::Account { account: SHOP }, b"1")
}

pub(super) fn sync() -> Origin {
    Origin::of(Cause::Sync { account: SHOP, ask: Ask::Reboot }, b"1")
}

/// A queue with a campaign of two phones.
pub(super) fn queue() -> Queue {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    for phone in [A, B] {
        queue.stale(phone, OLD, Some((&change(), SHOP)), 0);
    }
    queue
}

pub(super) fn told(queue: &mut Queue, now: u64) -> Option<Telling> {
    match queue.next(now) {
        Step::Tell(telling) => {
            queue.sent(telling, now);
            Some(telling)
        }
        _ => None,
    }
}

pub(super) fn counts(queue: &Queue, origin: &Origin) -> Counts {
    let all = queue.progress(0);
    all.iter().find(|progress| progress.id == origin.campaign).unwrap().counts[&SHOP]
}

fn state(queue: &Queue) -> State {
    queue.progress(0)[0].campaign.state
}

#[test]
fn a_paused_campaign_tells_nobody_and_a_phone_that_comes_by_itself_is_counted() {
    let mut queue = queue();
    queue.control(change().campaign, Action::Pause, 0).unwrap();
    queue.stale(Id::from_bytes([3; 16]), OLD, Some((&change(), SHOP)), 5);
    assert_eq!((queue.next(1000), state(&queue)), (Step::Wait, State::Paused));
    queue.came_back(A, 1000);
    queue.arrived(B, 1000);
    assert_eq!((counts(&queue, &change()).came_back, queue.next(1000)), (1, Step::Wait));
    queue.control(change().campaign, Action::Resume, 2000).unwrap();
    assert!(told(&mut queue, 2000).is_some());
}

#[test]
fn a_phone_that_is_asked_for_by_name_is_told_although_its_campaign_is_paused() {
    let mut queue = queue();
    queue.control(change().campaign, Action::Pause, 0).unwrap();
    queue.ask(A, REBOOT, None, 10);
    assert_eq!(told(&mut queue, 10).map(|telling| telling.id), Some(A));
    queue.ask(A, REBOOT, Some((&sync(), SHOP)), 20);
    queue.control(sync().campaign, Action::Pause, 20).unwrap();
    assert_eq!(queue.next(30), Step::Wait, "those of a campaign are held back with it");
}

#[test]
fn what_is_cancelled_leaves_the_queue_and_comes_back_only_with_another_change() {
    let mut queue = queue();
    let telling = told(&mut queue, 0).unwrap();
    let mut left = queue.control(change().campaign, Action::Cancel, 10).unwrap();
    left.sort();
    assert_eq!((left, queue.len(), state(&queue)), (vec![A, B], 0, State::Cancelled));
    queue.ended(telling, End::Answered, Sign::Heard, 20);
    queue.stale(A, OLD, Some((&change(), SHOP)), 30);
    queue.arrived(A, 30);
    assert!(queue.is_empty(), "the same mark, judged again, is not a change");
    let later = Origin::of(Cause::Account { account: SHOP }, b"2");
    queue.stale(A, NEW, Some((&later, SHOP)), 40);
    assert!(told(&mut queue, 1000).is_some());
    assert_eq!(queue.control(change().campaign, Action::Resume, 50), Err(ControlError::Over));
    assert_eq!(counts(&queue, &change()).left, 2);
}

#[test]
fn a_later_campaign_takes_a_phone_over_and_one_with_the_same_files_does_not() {
    let mut queue = queue();
    let later = Origin::of(Cause::Site, b"2");
    queue.stale(A, OLD, Some((&later, SHOP)), 10);
    assert_eq!(counts(&queue, &change()).at(Stage::Waiting), 2);
    queue.stale(A, NEW, Some((&later, SHOP)), 20);
    let (before, after) = (counts(&queue, &change()), counts(&queue, &later));
    assert_eq!((before.at(Stage::Waiting), before.left), (1, 1));
    assert_eq!((after.concerned, after.at(Stage::Waiting)), (1, 1));
}

#[test]
fn a_campaign_is_done_when_nobody_is_to_be_told_or_expected_any_more() {
    let mut queue = queue();
    let now = 100;
    for end in [End::Answered, End::Nowhere] {
        let telling = told(&mut queue, now).unwrap();
        queue.ended(telling, end, Sign::Heard, now);
    }
    assert_eq!(state(&queue), State::Running);
    for phone in [A, B] {
        if queue.pending(phone).unwrap().reached {
            queue.came_back(phone, now);
        }
    }
    let counts = counts(&queue, &change());
    assert_eq!((counts.came_back, counts.at(Stage::Nowhere), counts.told), (1, 1, 2));
    assert_eq!(state(&queue), State::Done);
}

#[test]
fn a_phone_that_would_restart_waits_for_its_hour_and_keeps_what_was_asked() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, Asked { ask: Ask::Reboot, now: false }, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.ended(telling, End::Closed(1_000_000), Sign::Nothing, 0);
    let pending = *queue.pending(A).unwrap();
    assert_eq!((pending.stage, pending.asked, pending.attempts), (Stage::RebootWindow, Some(Ask::Reboot), 0));
    queue.arrived(A, 500);
    assert!((1_000_000..1_000_000 + OPENING).contains(&pending.next.unwrap()));
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), [(A, pending)]);
    assert!(matches!(queue.next(500), Step::WaitUntil(at) if at >= 1_000_000), "a restart forgets no hour");
    queue.in_step(A, 600);
    assert_eq!(
        told(&mut queue, 600).and_then(|telling| telling.asked),
        Some(Ask::Reboot),
        "the hours may have changed"
    );
}

#[test]
fn a_phone_that_did_what_was_asked_is_expected_for_a_while_and_then_given_up() {
    for comes in [true, false] {
        let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
        queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
        let telling = told(&mut queue, 0).unwrap();
        queue.ended(telling, End::Obeyed, Sign::Heard, 10);
        queue.in_step(A, 20);
        assert_eq!(counts(&queue, &sync()).at(Stage::Answered), 1, "that its files are right says nothing");
        if comes {
            queue.came_back(A, 3000);
        } else {
            let telling = told(&mut queue, 6 * MINUTE).unwrap();
            queue.ended(telling, End::Needless, Sign::Nothing, 6 * MINUTE);
        }
        let counts = counts(&queue, &sync());
        assert_eq!((counts.came_back, counts.gave_up), (u64::from(comes), u64::from(!comes)));
        assert!(queue.is_empty());
    }
}

#[test]
fn who_was_asked_for_and_is_nowhere_is_told_when_he_registers() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, Asked { now: true, ..REBOOT }, None, 0);
    let telling = told(&mut queue, 0).unwrap();
    queue.ended(telling, End::Nowhere, Sign::Nothing, 10);
    for now in [5000, 6000] {
        queue.arrived(A, now);
        let telling = told(&mut queue, now).unwrap();
        assert_eq!(
            (telling.asked, telling.at_once),
            (Some(Ask::Reboot), true),
            "also when the one before is lost"
        );
    }
}

#[test]
fn a_phone_is_put_off_longer_and_longer_as_a_server_asks_and_then_counted_as_not_reached() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, REBOOT, None, 0);
    let (mut now, mut waits) = (0, Vec::new());
    for _ in 0..MAX_DEFERRED {
        let telling = told(&mut queue, now).unwrap();
        assert_eq!(telling.asked, Some(Ask::Reboot));
        queue.ended(telling, End::Busy, Sign::Overload(3000), now);
        let next = queue.pending(A).unwrap().next.unwrap();
        waits.push(next - now);
        now = next;
    }
    assert!(waits[0] >= 3000 && waits[0] < 6000, "{waits:?}");
    assert!(waits[7] >= LONGEST_DEFERRAL && waits[7] < 2 * LONGEST_DEFERRAL, "{waits:?}");
    let telling = told(&mut queue, now).unwrap();
    queue.ended(telling, End::Busy, Sign::Overload(0), now);
    assert_eq!(queue.pending(A).unwrap().stage, Stage::Unanswered);
}

#[test]
fn a_phone_that_was_being_told_is_told_again_after_a_restart() {
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), []);
    queue.ask(A, Asked { now: true, ..REBOOT }, None, 50);
    told(&mut queue, 50).unwrap();
    let written = queue.record(A).unwrap();
    let mut queue = Queue::new(PACE, 1, Campaigns::default(), [(A, written)]);
    let telling = told(&mut queue, 60).unwrap();
    assert_eq!((telling.asked, telling.at_once), (Some(Ask::Reboot), true));
}

#[test]
fn a_restart_forgets_no_campaign() {
    let mut queue = queue();
    queue.came_back(A, 10);
    queue.control(change().campaign, Action::Pause, 20).unwrap();
    let written = queue.campaigns().take_changed();
    let value = |written| queue.campaigns.value(written).unwrap();
    let campaign = serde_json::from_slice(&value((change().campaign, None))).unwrap();
    let counted = serde_json::from_slice(&value((change().campaign, Some(SHOP)))).unwrap();
    assert_eq!(written.len(), 2);
    let restored =
        Campaigns::restored([(change().campaign, campaign)], [((change().campaign, SHOP), counted)]);
    let phone = *queue.pending(B).unwrap();
    let mut again = Queue::new(PACE, 1, restored, [(B, phone)]);
    assert_eq!((again.next(1000), state(&again)), (Step::Wait, State::Paused));
    assert_eq!(counts(&again, &change()), counts(&queue, &change()));
}

#[test]
fn a_paused_campaign_whose_phones_are_nowhere_can_go_on_and_holds_nobody_for_ever() {
    let mut queue = queue();
    for now in [100, 200] {
        let telling = told(&mut queue, now).unwrap();
        queue.ended(telling, End::Nowhere, Sign::Nothing, now);
    }
    assert_eq!(state(&queue), State::Done);
    queue.control(change().campaign, Action::Pause, 300).unwrap();
    queue.arrived(A, 400);
    assert_eq!((queue.next(400), state(&queue)), (Step::Wait, State::Paused));
    queue.control(change().campaign, Action::Resume, 500).unwrap();
    assert_eq!(told(&mut queue, 500).map(|telling| telling.id), Some(A));
    queue.control(change().campaign, Action::Cancel, 600).unwrap();
    queue.arrived(B, 700);
    assert!(queue.is_empty());
}

#[test]
fn a_campaign_goes_on_while_a_phone_that_has_not_answered_is_told_again() {
    let mut queue = queue();
    queue.came_back(A, 0);
    let mut now = 0;
    for _ in WAITS {
        now += 2 * 60 * MINUTE;
        let telling = told(&mut queue, now).unwrap();
        queue.ended(telling, End::Missed, Sign::Lost, now);
        assert_eq!(state(&queue), State::Running, "{now}");
    }
    let telling = told(&mut queue, 2 * now).unwrap();
    queue.ended(telling, End::Missed, Sign::Lost, 2 * now);
    assert_eq!(state(&queue), State::Done);
}

#[test]
fn a_campaign_goes_on_while_a_restart_of_it_waits_for_its_hour_beside_the_rest() {
    let (mut queue, opens) = (Queue::new(PACE, 1, Campaigns::default(), []), 200 * MINUTE);
    queue.stale(A, OLD, None, 0);
    queue.ask(A, REBOOT, Some((&sync(), SHOP)), 0);
    let telling = told(&mut queue, MINUTE).unwrap();
    queue.ended(telling, End::Closed(opens), Sign::Nothing, MINUTE);
    for now in [2, 10, 30, 100] {
        let telling = told(&mut queue, now * MINUTE).unwrap();
        assert_eq!(telling.asked, None);
        queue.ended(telling, End::Answered, Sign::Heard, now * MINUTE);
    }
    assert_eq!(queue.pending(A).unwrap().stage, Stage::GivenUp);
    let progress = queue.progress(110 * MINUTE).remove(0);
    assert_eq!(progress.campaign.state, State::Running);
    assert!(progress.ends.is_some_and(|ends| ends >= opens), "{progress:?}");
    let telling = told(&mut queue, opens + OPENING).unwrap();
    assert_eq!(telling.asked, Some(Ask::Reboot));
    queue.ended(telling, End::Obeyed, Sign::Heard, opens + OPENING);
    queue.came_back(A, opens + MINUTE);
    assert_eq!(state(&queue), State::Done);
}
