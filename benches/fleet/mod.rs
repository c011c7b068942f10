//! A fleet of any size whose every document follows from its number: accounts of 1,000 devices and 100 users.

use std::fmt::Write as _;
use std::path::Path;

use checksync::account::Account;
use checksync::device::Device;
use checksync::document::{Body, Document};
use checksync::id::{Digest, Id};
use checksync::schema::{Noun, Schema};
use checksync::store::Entity;
use checksync::user::User;
use serde_json::{Value, json};

/// The API key of the master account.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const PER_ACCOUNT: u64 = 1_000;
const USERS: u64 = 100;
const UNIX: u64 = 1_700_000_000;

#[derive(Clone, Copy)]
pub(crate) struct Fleet {
    pub(crate) devices: u64,
}

impl Fleet {
    /// Documents in the order in which they can be stored, an account's at a time.
    pub(crate) fn batches(self) -> impl Iterator<Item = Vec<Entity>> {
        let accounts = self.devices.div_ceil(PER_ACCOUNT);
        std::iter::once(vec![Entity::Account(master())]).chain((0..accounts).map(move |own| {
            let phones = (own * PER_ACCOUNT..self.devices.min((own + 1) * PER_ACCOUNT)).map(phone);
            let users = (0..USERS).map(|number| user(own, number));
            let inside = users.map(Entity::User).chain(phones.map(Entity::Device));
            std::iter::once(Entity::Account(account(own))).chain(inside).collect()
        }))
    }

    /// Numbers all over the fleet, the same in every run.
    pub(crate) fn somewhere(self, turn: u64) -> u64 {
        turn.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) % self.devices
    }

    /// Lines of account, device, MAC, owner and name, for whoever asks over HTTP.
    pub(crate) fn write_targets(self, path: &Path) {
        let mut text = String::new();
        for number in (0..20_000).map(|turn| self.somewhere(turn)) {
            let (account, device, owner) = (account_of(number), id("device", number), owner_of(number));
            writeln!(text, "{account} {device} {} {owner} {}", mac(number), name(number)).unwrap();
        }
        std::fs::write(path, text).unwrap();
    }
}

/// A device, by its number.
pub(crate) fn phone(number: u64) -> Device {
    let neighbour = (number + 7) % PER_ACCOUNT % USERS;
    let body = json!({
        "name": name(number),
        "mac_address": mac(number),
        "owner_id": owner_of(number),
        "sip": {"username": format!("line{number}"), "password": format!("{number:020x}")},
        "media": {"audio": {"codecs": ["OPUS", "G722", "PCMA", "PCMU"]}},
        "provision": {
            "endpoint_brand": "yealink", "endpoint_family": "t4x", "endpoint_model": "t46s",
            "combo_keys": {
                "0": {"type": "line"},
                "1": {"type": "presence", "value": id("user", number / PER_ACCOUNT * USERS + neighbour)},
                "2": {"type": "speed_dial", "value": {"label": "Speaking clock", "value": "*60"}},
                "3": {"type": "parking", "value": 1},
            },
        },
    });
    let document =
        Document::new(id("device", number), account_of(number), accepted(Noun::Device, body), UNIX);
    Device { document }
}

pub(crate) fn account_of(number: u64) -> Id {
    id("account", number / PER_ACCOUNT)
}

pub(crate) fn owner_of(number: u64) -> Id {
    id("user", number / PER_ACCOUNT * USERS + number % USERS)
}

pub(crate) fn mac(number: u64) -> String {
    format!("805e{:08x}", (number * 2_654_435_761) % (1 << 32))
}

pub(crate) fn name(number: u64) -> String {
    format!("Desk-{number}-phone")
}

fn master() -> Account {
    let body = json!({"name": "master", "realm": "master.example", "provision": {"admin_password": "master-password"}});
    let own = id("master", 0);
    let document = Document::new(own, own, accepted(Noun::Account, body), UNIX);
    Account { document, tree: Vec::new(), api_key: Digest::of(KEY.as_bytes()) }
}

fn account(own: u64) -> Account {
    let number = id("account", own);
    let body = json!({"name": format!("Account {own}"), "realm": format!("a{own}.example"), "timezone": "Europe/Vienna"});
    let document = Document::new(number, number, accepted(Noun::Account, body), UNIX);
    Account { document, tree: vec![id("master", 0)], api_key: Digest::of(number.as_bytes()) }
}

fn user(account: u64, number: u64) -> User {
    let login = format!("user{number}");
    let body = json!({"first_name": "Ada", "last_name": format!("Number {number}"), "username": login, "presence_id": format!("{}", 2000 + number)});
    let own = id("user", account * USERS + number);
    User { document: Document::new(own, id("account", account), accepted(Noun::User, body), UNIX) }
}

/// As scattered as the ids that the daemon makes.
fn id(kind: &str, number: u64) -> Id {
    Id::from_bytes(*Digest::of(format!("{kind} {number}").as_bytes()).as_bytes())
}

fn accepted(noun: Noun, body: Value) -> Body {
    let Value::Object(body) = body else { return Body::new() };
    Schema::of(noun).accept(body).unwrap()
}
