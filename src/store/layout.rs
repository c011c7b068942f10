//! Where each record lies in the one tree: a letter for its kind, then the bytes it is found by.
//!
//! Everything is in one tree because one batch on one tree is what survives a crash whole. Small letters hold
//! documents and notes, capitals hold what finds them. Parts of unequal length carry their length in front, so
//! that no name can be mistaken for a longer one.

use std::net::IpAddr;

use super::{Entity, Noun, Table, Unique, listing};
use crate::account::Account;
use crate::device::{Device, Mac};
use crate::document::Document;
use crate::id::{Digest, Id};
use crate::user::User;

/// A full key.
pub(super) type Key = Vec<u8>;

/// The key of the record that counts the others.
pub(super) const META: &[u8] = b"m";
/// The letter of marks.
pub(super) const MARK: char = 'k';
/// The letter of accounts.
pub(super) const ACCOUNT: char = 'a';
/// The letter of users.
pub(super) const USER: char = 'u';
/// The letter of devices.
pub(super) const DEVICE: char = 'd';

/// The tables of notes, in the order of an export.
pub(super) const TABLES: [Table; 11] = [
    Table::Held,
    Table::Stale,
    Table::Binding,
    Table::Source,
    Table::Token,
    Table::Daemon,
    Table::Audit,
    Table::Trash,
    Table::Copy,
    Table::History,
    Table::Agent,
];

/// The letter that a key begins with; NUL for the empty key, which is never used.
pub(super) fn letter(key: &[u8]) -> char {
    key.first().map_or('\0', |byte| char::from(*byte))
}

/// True for the letters of records that only find other records.
pub(super) fn is_index(letter: char) -> bool {
    letter.is_ascii_uppercase()
}

/// The letter of a kind of document.
pub(super) fn noun(noun: Noun) -> char {
    match noun {
        Noun::Account => ACCOUNT,
        Noun::User => USER,
        Noun::Device => DEVICE,
    }
}

/// The letter of a table.
pub(super) fn table(table: Table) -> char {
    match table {
        Table::Held => 'h',
        Table::Stale => 's',
        Table::Binding => 'b',
        Table::Source => 'c',
        Table::Token => 't',
        Table::Daemon => 'o',
        Table::Audit => 'j',
        Table::Trash => 'g',
        Table::Copy => 'f',
        Table::History => 'y',
        Table::Agent => 'w',
    }
}

/// A document's key. Users and devices lie beside the others of their account, so that a list is read from one
/// place.
pub(super) fn document(kind: Noun, account: Id, id: Id) -> Key {
    match kind {
        Noun::Account => key(ACCOUNT, &[id.as_bytes()]),
        Noun::User | Noun::Device => joined(inside(kind, account), id.as_bytes()),
    }
}

/// Begins the keys of an account's users or devices.
pub(super) fn inside(kind: Noun, account: Id) -> Key {
    key(noun(kind), &[account.as_bytes()])
}

/// Finds the account of a user or a device.
pub(super) fn account_of(kind: Noun, id: Id) -> Key {
    joined(every(kind), id.as_bytes())
}

/// Begins the keys that list all documents of a kind, by id.
pub(super) fn every(kind: Noun) -> Key {
    match kind {
        Noun::Account => key(ACCOUNT, &[]),
        Noun::User => key('U', &[]),
        Noun::Device => key('D', &[]),
    }
}

/// A note's key.
pub(super) fn note(of: Table, name: &[u8]) -> Key {
    key(table(of), &[name])
}

/// A mark's key.
pub(super) fn mark(sequence: u64) -> Key {
    key(MARK, &[&sequence.to_be_bytes()])
}

/// Finds a device by its address.
pub(super) fn by_mac(mac: Mac) -> Key {
    key('M', &[mac.as_bytes()])
}

/// Finds an account by its realm, which must be in lower case.
pub(super) fn by_realm(realm: &str) -> Key {
    key('R', &[realm.as_bytes()])
}

/// Finds an account by the digest of its API key.
pub(super) fn by_key(digest: Digest) -> Key {
    key('K', &[digest.as_bytes()])
}

/// Finds an account by its [`plain name`](Account::plain_name).
pub(super) fn by_name(plain: &str) -> Key {
    key('A', &[plain.as_bytes()])
}

/// Begins the keys that list the accounts with a number, which must be digits.
pub(super) fn by_number(digits: &str) -> Key {
    key('N', &[&length(digits), digits.as_bytes()])
}

/// Finds a user by account and name to log in with.
pub(super) fn by_login(account: Id, username: &str) -> Key {
    key('I', &[account.as_bytes(), username.to_lowercase().as_bytes()])
}

/// Begins the keys that list an account's users with these credentials.
pub(super) fn by_credentials(account: Id, credentials: Digest) -> Key {
    key('C', &[account.as_bytes(), credentials.as_bytes()])
}

/// Finds a device by the address that it is recognised by.
pub(super) fn by_ip(ip: IpAddr) -> Key {
    match ip.to_canonical() {
        IpAddr::V4(ip) => key('P', &[&ip.octets()]),
        IpAddr::V6(ip) => key('P', &[&ip.octets()]),
    }
}

/// Begins the keys that list the accounts below one.
pub(super) fn below(account: Id) -> Key {
    key('B', &[account.as_bytes()])
}

/// Begins the keys that list an account's devices of a name, which must be in lower case. Eight bytes of its
/// digest stand for it.
pub(super) fn named(account: Id, name: &str) -> Key {
    let digest = Digest::of(name.as_bytes());
    key('E', &[account.as_bytes(), &digest.as_bytes()[..8]])
}

/// Begins the keys that list the devices that a user owns, is shown on, or is hotdesked into. What lies there for the
/// owner [covers](listing::covering) what a list asks for; there is one owner, so nothing is kept more than twice.
pub(super) fn shown_by(user: Id) -> Key {
    key('O', &[user.as_bytes()])
}

/// Begins the keys that list the devices of a model, both names in lower case.
pub(super) fn of_model(brand: &str, model: &str) -> Key {
    key('Y', &[&length(brand), brand.as_bytes(), &length(model), model.as_bytes()])
}

/// Finds a device by its username among those that use their account's realm. The account's id stands for the
/// realm, so that a realm can change without touching the devices.
pub(super) fn line(account: Id, username: &str) -> Key {
    key('L', &[account.as_bytes(), username.to_lowercase().as_bytes()])
}

/// Begins the keys that find, by username, the devices that name this realm themselves.
pub(super) fn own_lines(realm: &str) -> Key {
    key('V', &[&length(realm), realm.as_bytes()])
}

/// Finds a device by its username in a realm that it names itself; the realm must be in lower case.
pub(super) fn own_line(realm: &str, username: &str) -> Key {
    joined(own_lines(realm), username.to_lowercase().as_bytes())
}

/// The records that must find this document: keys, and what lies there.
pub(super) fn indexes(entity: &Entity) -> Vec<(Key, Vec<u8>)> {
    match entity {
        Entity::Account(account) => account_indexes(account),
        Entity::User(user) => user_indexes(user),
        Entity::Device(device) => device_indexes(device),
    }
}

/// The field that must be unique for a key to be free; `None` where the key merely lists.
pub(super) fn unique(key: &[u8]) -> Option<Unique> {
    match letter(key) {
        'M' => Some(Unique::Mac),
        'R' => Some(Unique::Realm),
        'K' => Some(Unique::ApiKey),
        'L' | 'V' => Some(Unique::Username),
        'A' => Some(Unique::Name),
        'I' => Some(Unique::Login),
        'P' => Some(Unique::Ip),
        _ => None,
    }
}

fn account_indexes(account: &Account) -> Vec<(Key, Vec<u8>)> {
    let own = &account.document;
    let mut found = vec![one(by_key(account.api_key), own)];
    found.extend(account.realm().map(|realm| one(by_realm(&realm), own)));
    found.extend(account.plain_name().map(|name| one(by_name(&name), own)));
    found.extend(account.numbers().iter().map(|digits| list(by_number(digits), own)));
    found.extend(account.tree.iter().map(|above| list(below(*above), own)));
    found
}

fn user_indexes(user: &User) -> Vec<(Key, Vec<u8>)> {
    let (own, account) = (&user.document, user.document.account);
    let mut found = vec![list(every(Noun::User), own)];
    found.extend(user.login().map(|username| one(by_login(account, username), own)));
    found.extend(user.credentials().into_iter().map(|digest| list(by_credentials(account, digest), own)));
    found
}

fn device_indexes(device: &Device) -> Vec<(Key, Vec<u8>)> {
    let (own, make) = (&device.document, device.make());
    let mut found = vec![list(every(Noun::Device), own), list(of_model(&make.brand, &make.model), own)];
    found.extend(device.plain_name().map(|name| list(named(device.account(), &name), own)));
    found.extend(device.users().union(&device.hotdesked()).map(|user| shown(*user, device)));
    found.extend(device.mac().map(|mac| one(by_mac(mac), own)));
    found.extend(device.username().map(|username| one(device_line(device, username), own)));
    found.extend(device.ip().map(|ip| one(by_ip(ip), own)));
    found
}

/// A record that lists a document among others: its id ends the key, and its account, without which it cannot be
/// read, is what lies there.
fn list(begin: Key, document: &Document) -> (Key, Vec<u8>) {
    (joined(begin, document.id.as_bytes()), listing::bare(document.account))
}

fn shown(user: Id, device: &Device) -> (Key, Vec<u8>) {
    let (key, listing) = list(shown_by(user), &device.document);
    let is_his = device.owner() == Some(user);
    (key, if is_his { listing::covering(device) } else { listing })
}

/// A record that finds the one document of a unique value: its id and its account lie there.
fn one(key: Key, document: &Document) -> (Key, Vec<u8>) {
    (key, [&document.id.as_bytes()[..], document.account.as_bytes()].concat())
}

fn device_line(device: &Device, username: &str) -> Key {
    match device.realm() {
        Some(realm) => own_line(&realm, username),
        None => line(device.account(), username),
    }
}

fn key(letter: char, parts: &[&[u8]]) -> Key {
    let mut key = vec![u8::try_from(letter).unwrap_or_default()];
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

fn joined(mut begin: Key, end: &[u8]) -> Key {
    begin.extend_from_slice(end);
    begin
}

/// Longer names wrap around here; they are refused where keys are written.
#[expect(clippy::cast_possible_truncation, reason = "names of 64 KiB are refused anyway")]
fn length(text: &str) -> [u8; 2] {
    (text.len() as u16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn device(body: &serde_json::Value) -> Entity {
        let (id, account) = (Id::from_bytes([7; 16]), Id::from_bytes([9; 16]));
        let document = Document::new(id, account, body.as_object().unwrap().clone(), 1);
        Entity::Device(Device { document })
    }

    fn letters(entity: &Entity) -> String {
        let mut letters: Vec<char> = indexes(entity).iter().map(|(key, _)| letter(key)).collect();
        letters.sort_unstable();
        letters.into_iter().collect()
    }

    #[test]
    fn a_bare_device_is_found_by_its_id_and_its_model() {
        assert_eq!(letters(&device(&json!({}))), "DY");
    }

    #[test]
    fn a_full_device_is_found_by_everything_it_names() {
        let owner = Id::from_bytes([1; 16]).to_string();
        let body = json!({"name": "n", "mac_address": "80:5e:c0:00:00:01", "owner_id": owner, "sip": {"username": "u1"}});
        assert_eq!(letters(&device(&body)), "DELMOY");
    }

    #[test]
    fn of_all_users_that_a_device_is_shown_by_its_owner_alone_has_its_summary() {
        let [owner, guest, watched] = [1, 2, 3].map(|number| Id::from_bytes([number; 16]));
        let keys = json!({"combo_keys": {"0": {"type": "presence", "value": watched.to_string()}}});
        let guests = json!({"users": {guest.to_string(): {}, owner.to_string(): {}}});
        let entity = device(&json!({"owner_id": owner.to_string(), "hotdesk": guests, "provision": keys}));
        let found = indexes(&entity);
        let listing = |user| found.iter().find(|(key, _)| key.starts_with(&shown_by(user)));
        let covers = |user| listing(user).map(|(_, payload)| payload.len() > 16);
        assert_eq!([owner, guest, watched].map(covers), [Some(true), Some(false), Some(false)]);
    }

    #[test]
    fn a_realm_of_its_own_moves_the_line_to_that_realm() {
        let body = json!({"sip": {"username": "U1", "realm": "Other.example"}});
        let expected = own_line("other.example", "u1");
        assert!(indexes(&device(&body)).iter().any(|(key, _)| *key == expected));
    }

    #[test]
    fn no_pair_of_names_is_taken_for_another_pair() {
        assert_ne!(own_line("a", "bc"), own_line("ab", "c"));
        assert_ne!(of_model("a", "bc"), of_model("ab", "c"));
        assert!(!own_line("ab", "c").starts_with(&own_lines("a")));
    }
}
