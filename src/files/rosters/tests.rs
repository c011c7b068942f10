use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use super::*;
use crate::document::Document;
use crate::user::User;

const ACCOUNT: Id = Id::from_bytes([1; 16]);
const SOON: Duration = Duration::from_secs(20);

/// A store of one name, whose reads wait until they are let through.
struct World {
    rosters: Rosters,
    changes: Changes,
    name: std::sync::Mutex<String>,
    gate: Semaphore,
    begun: AtomicUsize,
}

fn world(memory: u64) -> Arc<World> {
    Arc::new(World {
        rosters: Rosters::new(memory),
        changes: Changes::default(),
        name: std::sync::Mutex::new("before".into()),
        gate: Semaphore::new(0),
        begun: AtomicUsize::new(0),
    })
}

fn roster(name: &str) -> Roster {
    let body = json!({"first_name": name, "presence_id": "1"});
    let user = User { document: Document::new(ACCOUNT, ACCOUNT, body.as_object().unwrap().clone(), 0) };
    [&user].into_iter().collect()
}

impl World {
    async fn read(&self, fails: bool) -> Result<Roster, StoreError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let name = self.name.lock().unwrap().clone();
        self.gate.acquire().await.unwrap().forget();
        if fails { Err(StoreError::Io("gone".into())) } else { Ok(roster(&name)) }
    }

    /// A phone that comes, and the name that it is given.
    fn phone(self: &Arc<Self>, fails: bool) -> JoinHandle<Result<String, StoreError>> {
        let world = self.clone();
        tokio::spawn(async move {
            let found = world.rosters.of(&world.changes, ACCOUNT, world.read(fails)).await?;
            Ok(found.people()[0].name.to_string())
        })
    }

    /// Commits another name.
    fn rename(&self, sequence: Sequence, name: &str) {
        *self.name.lock().unwrap() = name.to_owned();
        self.changes.publish(sequence, [&Scope::Users(ACCOUNT)]);
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

/// Lets everybody go as far as he can.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

async fn given(phone: JoinHandle<Result<String, StoreError>>) -> Result<String, StoreError> {
    timeout(SOON, phone).await.expect("nobody waits for ever").unwrap()
}

#[tokio::test]
async fn of_many_phones_that_come_at_once_one_reads_and_the_next_that_comes_reads_nothing() {
    let world = world(1 << 20);
    let phones: Vec<_> = (0..30).map(|_| world.phone(false)).collect();
    settle().await;
    world.gate.add_permits(1);
    for phone in phones {
        assert_eq!(given(phone).await.unwrap(), "before");
    }
    assert_eq!(given(world.phone(false)).await.unwrap(), "before");
    assert_eq!(world.begun(), 1);
}

#[tokio::test]
async fn a_phone_that_comes_after_a_change_is_not_given_what_was_being_read_before_it() {
    let world = world(1 << 20);
    let early: Vec<_> = (0..5).map(|_| world.phone(false)).collect();
    settle().await;
    world.rename(1, "after");
    let late: Vec<_> = (0..5).map(|_| world.phone(false)).collect();
    settle().await;
    world.gate.add_permits(2);
    for phone in late {
        assert_eq!(given(phone).await.unwrap(), "after");
    }
    for phone in early {
        given(phone).await.unwrap();
    }
    assert_eq!(world.begun(), 2, "five that came late have one reading together");
    world.rename(2, "last");
    world.gate.add_permits(1);
    assert_eq!(given(world.phone(false)).await.unwrap(), "last");
}

#[tokio::test]
async fn what_changes_again_and_again_is_read_once_more_for_those_who_wait_and_not_for_each() {
    let world = world(1 << 20);
    let first = world.phone(false);
    settle().await;
    world.rename(1, "second");
    let late: Vec<_> = (0..5).map(|_| world.phone(false)).collect();
    settle().await;
    world.gate.add_permits(1);
    settle().await;
    world.rename(2, "third");
    world.gate.add_permits(1);
    for phone in late {
        assert_eq!(given(phone).await.unwrap(), "second", "read after they came");
    }
    given(first).await.unwrap();
    assert_eq!(world.begun(), 2);
}

#[tokio::test]
async fn a_change_elsewhere_costs_no_reading() {
    let world = world(1 << 20);
    world.gate.add_permits(1);
    given(world.phone(false)).await.unwrap();
    world.changes.publish(1, [&Scope::Users(Id::from_bytes([2; 16])), &Scope::User(ACCOUNT)]);
    assert_eq!(given(world.phone(false)).await.unwrap(), "before");
    assert_eq!(world.begun(), 1);
}

#[tokio::test]
async fn where_the_reader_goes_away_or_fails_the_next_one_reads() {
    for is_dropped in [true, false] {
        let world = world(1 << 20);
        let reader = world.phone(true);
        settle().await;
        let phones: Vec<_> = (0..3).map(|_| world.phone(false)).collect();
        settle().await;
        assert_eq!(world.begun(), 1);
        if is_dropped {
            reader.abort();
            settle().await;
            world.gate.add_permits(1);
        } else {
            world.gate.add_permits(2);
            assert!(given(reader).await.is_err());
        }
        for phone in phones {
            assert_eq!(given(phone).await.unwrap(), "before");
        }
        assert_eq!(world.begun(), 2);
    }
}

#[tokio::test]
async fn one_who_waits_and_goes_away_holds_up_nobody() {
    let world = world(1 << 20);
    let reader = world.phone(true);
    settle().await;
    let (waits, stays) = (world.phone(false), world.phone(false));
    settle().await;
    reader.abort();
    waits.abort();
    settle().await;
    world.gate.add_permits(1);
    assert_eq!(given(stays).await.unwrap(), "before");
}

#[tokio::test]
async fn what_is_remembered_is_bounded_by_its_weight_and_one_that_is_too_large_is_given_all_the_same() {
    const MEMORY: u64 = 100_000;
    let (rosters, changes) = (Rosters::new(MEMORY), Changes::default());
    let large = |name: usize| async move { Ok(roster(&"x".repeat(name))) };
    for number in 0..100 {
        let account = Id::from_bytes([number; 16]);
        rosters.of(&changes, account, large(10_000)).await.unwrap();
        assert!(rosters.0.weight() <= MEMORY, "{number}: {}", rosters.0.weight());
    }
    assert!((5..10).contains(&rosters.0.len()), "{} are remembered", rosters.0.len());
    let found = rosters.of(&changes, Id::from_bytes([200; 16]), large(200_000)).await.unwrap();
    assert_eq!(found.people()[0].name.len(), 200_000);
    assert!(rosters.0.weight() <= MEMORY);
}

#[tokio::test]
async fn those_who_wait_for_one_that_is_too_large_have_it_from_the_one_who_reads() {
    let world = world(1000);
    *world.name.lock().unwrap() = "x".repeat(2000);
    let phones: Vec<_> = (0..5).map(|_| world.phone(false)).collect();
    settle().await;
    world.gate.add_permits(1);
    for phone in phones {
        assert_eq!(given(phone).await.unwrap().len(), 2000);
    }
    assert_eq!(world.begun(), 1);
}
