//! Documents, and the ways to put them into a store, for the tests of stores.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its own part of it")]

use std::path::PathBuf;
use std::process::Command;

use checksync::account::Account;
use checksync::device::{Device, Mac};
use checksync::document::{Body, Document};
use checksync::id::{Digest, Id};
use checksync::store::{Change, Entity, Note, Result, Sequence, Step, Store, StoreError, Table, Unique};
use checksync::user::User;
use serde_json::{Value, json};

pub(crate) const MASTER: Id = id(1);
pub(crate) const CHILD: Id = id(2);

pub(crate) const fn id(number: u128) -> Id {
    Id::from_bytes(number.to_be_bytes())
}

pub(crate) fn body(value: &Value) -> Body {
    value.as_object().unwrap().clone()
}

pub(crate) fn account(own: Id, tree: &[Id], value: &Value) -> Account {
    let document = Document::new(own, own, body(value), 1_700_000_000);
    Account { document, tree: tree.to_vec(), api_key: Digest::of(own.as_bytes()) }
}

pub(crate) fn user(own: Id, account: Id, value: &Value) -> User {
    User { document: Document::new(own, account, body(value), 1_700_000_000) }
}

pub(crate) fn device(own: Id, account: Id, value: &Value) -> Device {
    Device { document: Document::new(own, account, body(value), 1_700_000_000) }
}

/// A device whose MAC, line, owner and model all follow from its number.
pub(crate) fn phone(number: u64, account: Id) -> Device {
    device(id(0x1000_0000 + u128::from(number)), account, &phone_body(number))
}

pub(crate) fn phone_body(number: u64) -> Value {
    json!({
        "name": format!("phone {number}"),
        "mac_address": mac(number).to_string(),
        "owner_id": id(50 + u128::from(number % 7)).to_string(),
        "sip": {"username": format!("User{number}"), "password": "secret"},
        "provision": {"endpoint_brand": "yealink", "endpoint_model": "t46s", "padding": noise(number, 600)},
    })
}

/// Text that cannot be packed, another for every `seed`.
pub(crate) fn noise(seed: u64, length: usize) -> String {
    let lines = (0..).map(|line: u64| Digest::of(format!("{seed} {line}").as_bytes()).to_string());
    lines.flat_map(String::into_bytes).map(char::from).take(length).collect()
}

pub(crate) fn mac(number: u64) -> Mac {
    format!("805e{number:08x}").parse().unwrap()
}

pub(crate) fn put(entity: impl Into<Anything>) -> Step {
    Step::Put { entity: entity.into().0, replaces: None }
}

/// The same document with another body, as a step.
pub(crate) fn revise(device: &Device, value: &Value) -> Step {
    let document = device.document.revised(body(value), 1_700_000_100);
    let replaces = Some(device.document.revision);
    Step::Put { entity: Entity::Device(Device { document }), replaces }
}

pub(crate) fn revise_account(account: &Account, value: &Value) -> Step {
    let document = account.document.revised(body(value), 1_700_000_100);
    let replaces = Some(account.document.revision);
    Step::Put { entity: Entity::Account(Account { document, ..account.clone() }), replaces }
}

pub(crate) fn delete(entity: impl Into<Anything>) -> Step {
    let entity = entity.into().0;
    let document = entity.document();
    Step::Delete { noun: entity.noun(), id: document.id, replaces: document.revision }
}

pub(crate) fn note(table: Table, key: &[u8], value: &str) -> Note {
    Note { table, key: key.to_vec(), value: Some(value.as_bytes().to_vec()) }
}

pub(crate) fn change(steps: impl IntoIterator<Item = Step>) -> Change {
    Change { steps: steps.into_iter().collect() }
}

/// The master account and one below it.
pub(crate) async fn settle(store: &dyn Store) {
    let master = account(MASTER, &[], &json!({"name": "master", "realm": "master.example"}));
    let child = account(CHILD, &[MASTER], &json!({"name": "child", "realm": "Child.Example"}));
    store.commit(change([put(master), put(child)])).await.unwrap();
}

pub(crate) async fn commit(store: &dyn Store, steps: impl IntoIterator<Item = Step>) -> Result<Sequence> {
    store.commit(change(steps)).await
}

pub(crate) fn is_conflict<T>(result: &Result<T>) -> bool {
    matches!(result, Err(StoreError::Conflict(_)))
}

pub(crate) fn taken<T>(result: &Result<T>) -> Option<(Unique, Id)> {
    match result {
        Err(StoreError::Taken { field, by }) => Some((*field, *by)),
        _ => None,
    }
}

pub(crate) struct Anything(Entity);

impl From<Account> for Anything {
    fn from(account: Account) -> Self {
        Self(Entity::Account(account))
    }
}

impl From<User> for Anything {
    fn from(user: User) -> Self {
        Self(Entity::User(user))
    }
}

impl From<Device> for Anything {
    fn from(device: Device) -> Self {
        Self(Entity::Device(device))
    }
}

/// The library of `tests/power_loss`; `None`, said plainly, where there is no C compiler.
pub(crate) fn preload() -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power_loss/fsyncs.c");
    let library = tempfile::Builder::new().suffix(".so").tempfile().unwrap().into_temp_path().keep().unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status();
    match built {
        Ok(status) => assert!(status.success(), "tests/power_loss/fsyncs.c does not compile"),
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "there is no C compiler: {error}");
            println!("NOT RUN: this test needs a C compiler ({error})");
            return None;
        }
    }
    Some(library)
}
