//! What becomes of registrations when an account or an owner is switched off or deleted, or devices by an import.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "phones and people live in real time")]

mod house;
#[path = "journeys_farewell/left.rs"]
mod left;

use house::{Daemon, Phone, Shop, header, id};
use serde_json::{Value, json};

/// A device of an account with a phone that is registered and holds its files.
fn phone(daemon: &Daemon, shop: &Shop, number: usize) -> (String, Phone) {
    let (mac, line) = (format!("805ec01234{number:02x}"), format!("line{number}"));
    let device = shop.device(&mac, "yealink/t46s", &line);
    let mut phone = daemon.phone(&mac, &line);
    phone.register();
    phone.boot();
    shop.wait_for(&device, "its fetches are noted", |standing| standing["in_step"] == true);
    (device, phone)
}

/// Waits until nobody of this account is registered.
fn forgotten(shop: &Shop) {
    for path in ["/devices/status", "/registrations"] {
        let is_nobody = || shop.administrator.get(&shop.path(path)) == json!([]);
        let tries = std::iter::repeat_with(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            is_nobody()
        });
        assert!(tries.take(250).any(|done| done), "somebody is registered still");
    }
}

fn told_once(phones: &[&Phone]) {
    for phone in phones {
        assert_eq!(header(&phone.notified().expect("a farewell"), "Event"), "check-sync;reboot=false");
    }
    for phone in phones {
        phone.left_in_peace();
    }
}

fn delete(shop: &Shop, path: &str) {
    let (status, answer) = shop.administrator.call("DELETE", path, &json!({}));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn the_phones_of_an_account_that_is_switched_off_are_told_once_and_forgotten() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let (device, mut first) = phone(&daemon, &shop, 1);
    let (_, second) = phone(&daemon, &shop, 2);
    shop.administrator.patch(&shop.path(""), &json!({"enabled": false}));
    forgotten(&shop);
    told_once(&[&first, &second]);
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    first.left_in_peace();
    assert_eq!(first.register_with("correct horse"), 403);
    shop.administrator.patch(&shop.path(""), &json!({"enabled": true}));
    first.register();
}

#[test]
fn many_phones_are_told_some_at_a_time_and_none_is_left_out() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let registered = |number: u32| {
        let (mac, line) = (format!("805ec01234{number:02x}"), format!("line{number}"));
        shop.device(&mac, "yealink/t46s", &line);
        let mut phone = daemon.phone(&mac, &line);
        phone.register();
        phone
    };
    let phones: Vec<Phone> = (0..150).map(registered).collect();
    shop.administrator.patch(&shop.path(""), &json!({"enabled": false}));
    forgotten(&shop);
    for phone in &phones {
        assert!(phone.notified().is_some());
    }
}

#[test]
fn so_are_those_of_every_account_below_it_and_no_others() {
    let daemon = Daemon::start();
    let administrator = daemon.administrator();
    let reseller = administrator.create("/accounts", &json!({"name": "Reseller", "realm": "r.example"}));
    let below = administrator
        .create(&format!("/accounts/{}", id(&reseller)), &json!({"name": "Shop", "realm": "shop.example"}));
    let shop = Shop { administrator, account: id(&below) };
    let (_, phone) = phone(&daemon, &shop, 1);
    let reseller = format!("/accounts/{}", id(&reseller));
    shop.administrator.patch(&reseller, &json!({"name": "Other"}));
    phone.left_in_peace();
    shop.administrator.patch(&reseller, &json!({"enabled": false}));
    forgotten(&shop);
    told_once(&[&phone]);
}

#[test]
fn the_phones_of_an_owner_that_is_switched_off_or_deleted_are_told_once_and_forgotten() {
    for deletes in [false, true] {
        let daemon = Daemon::start();
        let shop = daemon.shop();
        let name = json!({"first_name": "Ann", "last_name": "Lee"});
        let ann = id(&shop.administrator.create(&shop.path("/users"), &name));
        let (device, mut own) = phone(&daemon, &shop, 1);
        let (_, other) = phone(&daemon, &shop, 2);
        shop.administrator.patch(&device, &json!({"owner_id": ann}));
        assert!(own.notified().is_some());
        own.boot();
        shop.wait_for(&device, "it is in step again", |standing| standing["in_step"] == true);
        own.register();
        let ann = shop.path(&format!("/users/{ann}"));
        if deletes {
            delete(&shop, &ann);
        } else {
            shop.administrator.patch(&ann, &json!({"enabled": false}));
        }
        told_once(&[&own]);
        other.left_in_peace();
        let registered = shop.administrator.get(&shop.path("/registrations"));
        assert_eq!(registered.as_array().unwrap().len(), 1, "{registered}");
        assert_eq!(own.register_with("correct horse"), if deletes { 200 } else { 403 });
    }
}

#[test]
fn the_phones_of_an_account_that_is_deleted_are_told_once_and_forgotten() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let (_, mut phone) = phone(&daemon, &shop, 1);
    delete(&shop, &shop.path(""));
    told_once(&[&phone]);
    assert_eq!(phone.register_with("correct horse"), 403);
}

#[test]
fn who_waits_for_a_sync_is_told_nothing_and_forgotten_when_the_account_is_switched_off() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let (_, phone) = phone(&daemon, &shop, 1);
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"auto_sync": false}}));
    shop.administrator.patch(&shop.path(""), &json!({"enabled": false}));
    forgotten(&shop);
    phone.left_in_peace();
}

#[test]
fn an_import_that_changes_lines_or_switches_devices_off_says_farewell_too() {
    for partial in [false, true] {
        let daemon = Daemon::start();
        let shop = daemon.shop();
        let phones = [1, 2, 3].map(|number| phone(&daemon, &shop, number));
        let row = |number: usize, changed: Value| {
            let mut row = shop.administrator.get(&phones[number].0);
            row["sip"]["password"] = json!("correct horse");
            row.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            row
        };
        let password = json!({"sip": {"username": "line1", "password": "battery staple"}});
        let rows = [row(0, password), row(1, json!({"enabled": false})), row(2, json!({"notes": "x"}))];
        let path = shop.path(&format!("/devices/import?mode=upsert&partial={partial}"));
        let (status, answer) = shop.administrator.call("POST", &path, &json!(rows));
        assert_eq!((status, &answer["data"]["updated"]), (200, &json!(3)), "{answer}");
        told_once(&[&phones[0].1, &phones[1].1]);
        phones[2].1.left_in_peace();
        let registered = shop.administrator.get(&shop.path("/registrations"));
        assert_eq!(registered.as_array().unwrap().len(), 1, "{registered}");
        assert_eq!(registered[0]["username"], "line3");
    }
}
