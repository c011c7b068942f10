//! Phones that show all users of their account: in their phonebooks, and on keys that a rule fills.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod store_common;

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use checksync::explain::Source;
use checksync::files::{Files, Given, Instead, Sight};
use checksync::pack::Pack;
use checksync::resync::Scope;
use checksync::settings::Site;
use checksync::store::{Entity, Options, SledStore, Step, Store};
use checksync::template::Set;
use checksync::user::User;
use serde_json::json;
use store_common::*;
use tempfile::TempDir;

const PHONES: u64 = 6;

/// More than are read at a time.
const USERS: u128 = 300;

struct House {
    store: Arc<dyn Store>,
    files: Arc<Files>,
    _data: TempDir,
}

fn person(number: u128, name: &str) -> User {
    let body =
        json!({"first_name": name, "last_name": format!("{number:04}"), "presence_id": format!("{number}")});
    user(id(1000 + number), CHILD, &body)
}

fn marks() -> [Step; 1] {
    [Step::Mark(Scope::Users(CHILD))]
}

impl House {
    /// An account whose phones have its users in their phonebooks, and a key for each of those who come first.
    async fn of(users: u128) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(Options::new(data.path())).unwrap());
        let body = json!({"name": "child", "realm": "child.example", "provision": {"contacts": "users", "fill": {"users": "all"}}});
        let accounts = [account(MASTER, &[], &json!({"name": "master"})), account(CHILD, &[MASTER], &body)];
        commit(&*store, accounts.map(put)).await.unwrap();
        commit(&*store, (0..users).map(|number| put(person(number, "Ann")))).await.unwrap();
        commit(&*store, (0..PHONES).map(|number| put(phone(number, CHILD)))).await.unwrap();
        let set = Set::compile(&Pack::shipped()).unwrap();
        let files = Arc::new(Files::new(store.clone(), set, Site::default(), 16 << 20));
        Self { store, files, _data: data }
    }

    /// Gives the first of the users another name.
    async fn rename(&self, name: &str) {
        let before = self.store.user(id(1000)).await.unwrap().unwrap();
        let document = before.document.revised(person(0, name).document.body, 1_700_000_100);
        let entity = Entity::User(User { document });
        let put = Step::Put { entity, replaces: Some(before.document.revision) };
        commit(&*self.store, [put].into_iter().chain(marks())).await.unwrap();
    }

    /// True for a phone that is given this name.
    async fn shows(&self, number: u64, name: &str) -> bool {
        let given = self.files.by_mac(mac(number)).await.unwrap();
        has(&bytes(&given), &format!("{name} 0000"))
    }
}

/// All that a phone is given.
fn bytes(given: &Given) -> Vec<u8> {
    given.files.iter().flat_map(|file| file.rendered.body.iter().copied()).collect()
}

fn has(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(body).contains(text)
}

/// True when a future that is asked once lets others go on before it has its answer.
async fn lets_others_go_on(work: impl Future) -> bool {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        _ = &mut work => false,
        () = ready(()) => true,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_phone_that_comes_right_after_a_change_of_a_user_is_given_the_change_whoever_else_is_reading() {
    let house = Arc::new(House::of(USERS).await);
    let is_over = Arc::new(AtomicBool::new(false));
    let busy = (0..2).map(|number| {
        let (house, is_over) = (house.clone(), is_over.clone());
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                house.files.by_mac(mac(number)).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    });
    let busy: Vec<_> = busy.collect();
    for turn in 0..8 {
        let name = format!("Turn{turn}");
        house.rename(&name).await;
        let phones = (0..PHONES).map(|number| {
            let (house, name) = (house.clone(), name.clone());
            tokio::spawn(async move { house.shows(number, &name).await })
        });
        for phone in phones.collect::<Vec<_>>() {
            assert!(phone.await.unwrap(), "{name}");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for phone in busy {
        phone.await.unwrap();
    }
}

#[tokio::test]
async fn reading_all_users_lets_others_be_served_meanwhile() {
    let house = House::of(USERS).await;
    assert!(lets_others_go_on(house.files.by_mac(mac(0))).await);
    house.files.by_mac(mac(0)).await.unwrap();
    assert!(!lets_others_go_on(house.files.by_mac(mac(1))).await, "they are remembered");
}

#[tokio::test]
async fn what_would_be_if_a_user_were_otherwise_or_gone_changes_phonebooks_and_nothing_that_is_stored() {
    let house = House::of(USERS).await;
    let device = house.store.device_by_mac(mac(0)).await.unwrap().unwrap();
    let supposed = async |instead: &Instead| {
        let given = house.files.supposed(&device, instead, Sight::Whole).await.unwrap();
        bytes(&given)
    };
    let now = supposed(&Instead::Nothing).await;
    assert!(has(&now, "Ann 0000"));
    let other = supposed(&Instead::Put(Entity::User(person(0, "Zoe")))).await;
    assert!(has(&other, "Zoe 0000") && !has(&other, "Ann 0000"));
    let gone = supposed(&Instead::NoUser(id(1000))).await;
    assert!(!has(&gone, "Ann 0000") && has(&gone, "Ann 0001"));
    let elsewhere = user(id(1000), MASTER, &json!({"first_name": "Far", "presence_id": "1"}));
    assert_eq!(supposed(&Instead::Put(Entity::User(elsewhere))).await, now);
    assert_eq!(supposed(&Instead::Nothing).await, now);
}

#[tokio::test]
async fn a_key_that_names_a_user_shows_him_where_a_rule_shows_all_the_others() {
    let house = House::of(USERS).await;
    let keys = json!({"3": {"type": "presence", "value": id(1200).to_string()}});
    let profiles = json!({"desk": {"combo_keys": keys}});
    let child = house.store.account(CHILD).await.unwrap().unwrap();
    let provision = json!({"fill": {"users": "all"}, "profiles": profiles, "profile": "desk"});
    let body = json!({"name": "child", "realm": "child.example", "provision": provision});
    commit(&*house.store, [revise_account(&child, &body)]).await.unwrap();
    let given = house.files.by_mac(mac(0)).await.unwrap();
    let body = &bytes(&given);
    assert!(has(body, "linekey.4.label = Ann 0200\n"), "{}", String::from_utf8_lossy(body));
    assert!(has(body, "linekey.3.label = Ann 0001\n") && has(body, "linekey.5.label = Ann 0002\n"));
}

#[tokio::test]
async fn a_key_that_a_rule_fills_is_explained_by_the_user_it_shows() {
    let house = House::of(3).await;
    let child = house.store.account(CHILD).await.unwrap().unwrap();
    let body = json!({"name": "child", "realm": "child.example", "provision": {"fill": {"users": "all"}}});
    commit(&*house.store, [revise_account(&child, &body)]).await.unwrap();
    let device = house.store.device_by_mac(mac(0)).await.unwrap().unwrap();
    let name = format!("{}.cfg", mac(0));
    let explained = house.files.explained(&device, &name).await.unwrap().unwrap();
    let line = explained.lines.iter().find(|line| line.text.starts_with("linekey.2.label")).unwrap();
    let sources: Vec<_> = line.shaped.iter().flat_map(|shape| &shape.sources).collect();
    let names = |source: &&&Source| source.whose == "user Ann 0000" && source.path == "first_name";
    assert!(sources.iter().any(|source| names(&source)), "{sources:?}");
}
