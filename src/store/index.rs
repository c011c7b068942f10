//! What finds a document: the records that lie in the tree beside it, made from the document alone.

use std::collections::BTreeSet;

use super::layout::{
    Key, below, by_credentials, by_ip, by_key, by_login, by_mac, by_name, by_number, by_realm, every, joined,
    laying_out, line, named, of_model, own_line, shown_by,
};
use super::{Entity, Noun, listing};
use crate::account::Account;
use crate::device::Device;
use crate::document::Document;
use crate::id::Id;
use crate::settings::layout::{lays_out, shows_users};
use crate::user::User;

/// The records that must find this document: keys, and what lies there.
pub(super) fn indexes(entity: &Entity) -> Vec<(Key, Vec<u8>)> {
    match entity {
        Entity::Account(account) => account_indexes(account),
        Entity::User(user) => user_indexes(user),
        Entity::Device(device) => device_indexes(device),
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
    found.extend(lays_out(&own.body).then(|| list(laying_out(account), own)));
    found.extend(user.credentials().into_iter().map(|digest| list(by_credentials(account, digest), own)));
    found
}

fn device_indexes(device: &Device) -> Vec<(Key, Vec<u8>)> {
    let (own, make) = (&device.document, device.make());
    let mut found = vec![list(every(Noun::Device), own), list(of_model(&make.brand, &make.model), own)];
    found.extend(device.plain_name().map(|name| list(named(device.account(), &name), own)));
    let everybody = shows_users(&own.body).then(|| device.account());
    let users = device.users().into_iter().chain(device.hotdesked()).chain(everybody);
    let all: BTreeSet<Id> = users.chain(device.line_devices()).collect();
    found.extend(all.into_iter().map(|id| shown(id, device)));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::layout::letter;
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
}
