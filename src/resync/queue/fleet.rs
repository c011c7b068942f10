//! Whole campaigns in virtual time: ten thousand phones, some of them dead, and proxies that have too much to do.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::id::Digest;
use crate::resync::{Cause, Origin};

const SHOP: Id = Id::from_bytes([9; 16]);
const OLD: Digest = Digest::from_bytes([1; 16]);
const PHONES: u64 = 10_000;

/// When a NOTIFY that nobody answers is sent again, in milliseconds after the first time (timer E).
const RESENT: [u64; 10] = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];

/// What is between us and the phones.
#[derive(Clone, Copy)]
enum Way {
    Direct,
    /// A proxy that does so many a second; from a backlog of a quarter of a second on it says 503.
    Refusing(u64),
    /// A proxy that does so many a second; what comes after a backlog of a second is lost.
    Drowning(u64),
    /// A proxy that has memory for so many, keeps each for five seconds, and is silent while it has none: Kamailio.
    Forgetting(usize),
}

/// What happens at its time.
#[derive(Clone, Copy)]
enum Event {
    Ended(Telling, End, Sign),
    Resent(Telling),
    Fetched(Id),
}

struct World {
    queue: Queue,
    way: Way,
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    number: u64,
    /// When the proxy will have done all that it has to do, in microseconds.
    busy_until: u64,
    /// When the proxy forgets those that it still keeps in mind, in milliseconds.
    kept: VecDeque<u64>,
    unanswered: BTreeMap<u64, Telling>,
    sent: u64,
    resent: u64,
    refused: u64,
    /// How many fetched in each second.
    fetched: BTreeMap<u64, u64>,
    /// Of ten phones, how many are dead.
    dead: u64,
}

fn id(number: u64) -> Id {
    Id::from_bytes([number.to_be_bytes(), [0; 8]].concat().try_into().unwrap())
}

fn number(id: Id) -> u64 {
    u64::from_be_bytes(id.as_bytes()[..8].try_into().unwrap())
}

impl World {
    fn new(pace: Pace, way: Way, dead: u64) -> Self {
        let origin = Origin::of(Cause::Site, b"1");
        let mut queue = Queue::new(pace, 7, Campaigns::default(), []);
        for phone in 0..PHONES {
            queue.stale(id(phone), OLD, Some((&origin, SHOP)), 0);
        }
        Self {
            queue,
            way,
            now: 0,
            events: BTreeMap::new(),
            number: 0,
            busy_until: 0,
            kept: VecDeque::new(),
            unanswered: BTreeMap::new(),
            sent: 0,
            resent: 0,
            refused: 0,
            fetched: BTreeMap::new(),
            dead,
        }
    }

    fn later(&mut self, at: u64, event: Event) {
        self.number += 1;
        self.events.insert((at, self.number), event);
    }

    fn is_dead(&self, id: Id) -> bool {
        number(id) % 10 < self.dead
    }

    /// Lets time pass until so many phones have come back; gives when that was, in milliseconds.
    fn until_back(&mut self, wanted: u64) -> u64 {
        while self.fetched.values().sum::<u64>() < wanted {
            assert!(self.now < 4 * 3_600_000, "only {} came back", self.fetched.values().sum::<u64>());
            self.step();
        }
        self.now
    }

    fn step(&mut self) {
        let next = match self.queue.next(self.now) {
            Step::Tell(telling) => return self.tell(telling),
            Step::WaitUntil(at) => at,
            Step::Wait => u64::MAX,
        };
        match self.events.first_key_value().map(|(key, _)| *key) {
            Some(key) if key.0 <= next => {
                self.now = self.now.max(key.0);
                let event = self.events.remove(&key).unwrap();
                self.happen(event);
            }
            _ => self.now = next,
        }
    }

    fn tell(&mut self, telling: Telling) {
        self.sent += 1;
        self.queue.sent(telling, self.now);
        self.unanswered.insert(telling.number, telling);
        for wait in RESENT {
            self.later(self.now + wait, Event::Resent(telling));
        }
        self.later(self.now + 32_000, Event::Ended(telling, End::Missed, Sign::Lost));
        self.arrive(telling);
    }

    /// A request arrives at the proxy, or at the phone.
    fn arrive(&mut self, telling: Telling) {
        if let Way::Forgetting(places) = self.way {
            let now = self.now;
            self.kept.retain(|until| *until > now);
            if self.kept.len() < places {
                self.kept.push_back(now + 5_000);
                self.answer(telling, now);
            }
            return;
        }
        let now = self.now * 1000;
        let backlog = self.busy_until.saturating_sub(now);
        let (Way::Refusing(capacity) | Way::Drowning(capacity)) = self.way else {
            return self.answer(telling, self.now);
        };
        let work = 1_000_000 / capacity;
        let is_full = backlog > if let Way::Drowning(_) = self.way { 1_000_000 } else { 250_000 };
        self.busy_until = self.busy_until.max(now) + if is_full { work / 4 } else { work };
        match self.way {
            Way::Refusing(_) if is_full => {
                self.refused += 1;
                self.later(self.now + 5, Event::Ended(telling, End::Busy, Sign::Overload(0)));
            }
            Way::Drowning(_) if is_full => {}
            _ => self.answer(telling, self.busy_until / 1000),
        }
    }

    /// The phone answers 20 ms later and fetches after half a second.
    fn answer(&mut self, telling: Telling, at: u64) {
        if !self.is_dead(telling.id) {
            self.later(at + 20, Event::Ended(telling, End::Answered, Sign::Heard));
            self.later(at + 520, Event::Fetched(telling.id));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Ended(telling, end, sign) => {
                if self.unanswered.remove(&telling.number).is_some() {
                    self.queue.ended(telling, end, sign, self.now);
                }
            }
            Event::Resent(telling) if self.unanswered.contains_key(&telling.number) => {
                self.resent += 1;
                self.arrive(telling);
            }
            Event::Fetched(id) if self.queue.pending(id).is_some() => {
                self.queue.came_back(id, self.now);
                *self.fetched.entry(self.now / 1000).or_default() += 1;
            }
            Event::Resent(_) | Event::Fetched(_) => {}
        }
    }

    fn counts(&self) -> crate::resync::Counts {
        self.queue.progress(self.now)[0].counts[&SHOP]
    }
}

const PACE: Pace = Pace { per_second: 500, window: 64, proxied: false };

#[test]
fn ten_thousand_phones_are_told_at_the_rate_that_is_allowed_each_once_and_in_no_order() {
    let mut world = World::new(PACE, Way::Direct, 0);
    let end = world.until_back(PHONES);
    assert!((20_000..21_500).contains(&end), "{end} ms");
    assert_eq!((world.sent, world.resent, world.queue.len()), (PHONES, 0, 0));
    let most = world.fetched.values().max().unwrap();
    assert!(*most <= 520, "{most} in one second");
    let counts = world.counts();
    assert_eq!((counts.concerned, counts.told, counts.came_back), (PHONES, PHONES, PHONES));
    assert!(!counts.is_active());
}

#[test]
fn a_dead_tenth_does_not_slow_the_others_down() {
    for (proxied, seconds) in [(false, 26), (true, 28)] {
        let mut world = World::new(Pace { proxied, ..PACE }, Way::Direct, 1);
        let end = world.until_back(PHONES * 9 / 10);
        assert!(end < seconds * 1000, "proxied {proxied}: {end} ms");
        assert_eq!(world.counts().told, PHONES);
    }
}

#[test]
fn the_dead_are_asked_again_three_times_and_then_wait_until_they_register() {
    let mut world = World::new(PACE, Way::Direct, 1);
    world.until_back(PHONES * 9 / 10);
    while world.now < 3 * 3_600_000 {
        world.step();
    }
    assert_eq!(world.sent, PHONES * 9 / 10 + PHONES / 10 * 4);
    let counts = world.counts();
    assert_eq!((counts.at(Stage::Unanswered), counts.is_active()), (PHONES / 10, false));
}

#[test]
fn a_proxy_that_refuses_what_is_too_much_is_not_stormed_and_everybody_is_told() {
    let pace = Pace { per_second: 5000, window: 256, proxied: true };
    let mut world = World::new(pace, Way::Refusing(200), 0);
    let end = world.until_back(PHONES);
    let ideal = PHONES * 1000 / 200;
    assert!(end < ideal * 2, "{end} ms, refused {}, resent {}", world.refused, world.resent);
    assert!(world.refused < PHONES / 10 && world.resent < PHONES / 100, "{} {}", world.refused, world.resent);
    assert_eq!(world.queue.len(), 0);
}

#[test]
fn a_proxy_that_drowns_in_silence_is_given_less_to_do() {
    let pace = Pace { per_second: 5000, window: 256, proxied: true };
    let mut world = World::new(pace, Way::Drowning(200), 0);
    let end = world.until_back(PHONES);
    let ideal = PHONES * 1000 / 200;
    assert!(end < ideal * 2, "{end} ms, sent {}, resent {}", world.sent, world.resent);
    assert!(world.resent < PHONES / 10, "resent {}", world.resent);
}

/// A Kamailio of 64 MiB keeps 3,700 NOTIFYs, which is 740 a second.
#[test]
fn a_proxy_of_little_memory_is_not_stormed() {
    let pace = Pace { per_second: 10_000, window: 500, proxied: true };
    for (places, most_resent, seconds) in [(3_700, 0, 30), (1_000, PHONES * 3 / 100, 75)] {
        let mut world = World::new(pace, Way::Forgetting(places), 0);
        let end = world.until_back(PHONES);
        assert!(world.resent <= most_resent, "{places}: resent {}, {end} ms", world.resent);
        assert!(end < seconds * 1000, "{places}: {end} ms");
        assert_eq!((world.sent, world.counts().told), (PHONES, PHONES));
    }
}

#[test]
fn what_a_quick_proxy_can_take_it_is_given() {
    let pace = Pace { per_second: 5000, window: 256, proxied: true };
    let mut world = World::new(pace, Way::Refusing(6000), 0);
    let end = world.until_back(PHONES);
    assert!(end < 25_000, "{end} ms");
    assert_eq!((world.refused, world.resent), (0, 0));
}
