//! To whom no farewell is said, or not by a NOTIFY of its own.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use serde_json::json;

use crate::house::{Daemon, Phone, Shop, answer_to, header, id};
use crate::{delete, forgotten, phone};

const MAC: &str = "0004f2123456";

/// A phone that may restart when it is told to read its files, and whose account does not allow that now.
fn closed(daemon: &Daemon, shop: &Shop) -> (String, Phone) {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let hour = |later: u64| format!("{:02}:00", (unix.as_secs() / 3600 + later) % 24);
    let hours = json!({"from": hour(12), "to": hour(13)});
    let closed = json!({"provision": {"reboot_window": hours}});
    shop.administrator.patch(&shop.path(""), &closed);
    let device = shop.device(MAC, "polycom/vvx411", "front");
    let mut phone = daemon.phone(MAC, "front");
    phone.register();
    (device, phone)
}

fn registered(shop: &Shop) -> usize {
    shop.administrator.get(&shop.path("/registrations")).as_array().unwrap().len()
}

#[test]
fn a_phone_that_would_restart_outside_its_hours_stays_until_the_hour_comes() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let (device, phone) = closed(&daemon, &shop);
    let name = json!({"first_name": "Ann", "last_name": "Lee"});
    let ann = id(&shop.administrator.create(&shop.path("/users"), &name));
    shop.administrator.patch(&device, &json!({"owner_id": ann}));
    delete(&shop, &shop.path(&format!("/users/{ann}")));
    shop.administrator.patch(&device, &json!({"sip": {"password": "battery staple"}}));
    phone.left_in_peace();
    assert_eq!(registered(&shop), 1, "it is there to be told");
}

#[test]
fn a_phone_that_would_restart_outside_its_hours_is_told_nothing_when_it_is_switched_off() {
    for of_account in [false, true] {
        let daemon = Daemon::start();
        let shop = daemon.shop();
        let (device, phone) = closed(&daemon, &shop);
        let off = if of_account { shop.path("") } else { device };
        shop.administrator.patch(&off, &json!({"enabled": false}));
        forgotten(&shop);
        phone.left_in_peace();
    }
}

#[test]
fn a_user_of_another_account_is_no_owner() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let other = shop.administrator.create("/accounts", &json!({"name": "Other", "realm": "other.example"}));
    let users = format!("/accounts/{}/users", id(&other));
    let (device, mut own) = phone(&daemon, &shop, 1);
    for deletes in [false, true] {
        let name = json!({"first_name": "Ann", "last_name": "Lee"});
        let ann = id(&shop.administrator.create(&users, &name));
        shop.administrator.patch(&device, &json!({"owner_id": ann}));
        assert!(own.notified().is_some());
        own.register();
        let ann = format!("{users}/{ann}");
        if deletes {
            delete(&shop, &ann);
        } else {
            shop.administrator.patch(&ann, &json!({"enabled": false}));
        }
        own.left_in_peace();
        assert_eq!(registered(&shop), 1);
    }
}

#[test]
fn behind_a_proxy_a_phone_that_stays_is_told_once() {
    let proxy = UdpSocket::bind("127.0.0.1:0").unwrap();
    let daemon = Daemon::behind(proxy.local_addr().unwrap());
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    daemon.phone("805ec0123456", "front").boot();
    shop.wait_for(&device, "its fetches are noted", |standing| standing["in_step"] == true);
    shop.administrator.patch(&device, &json!({"sip": {"password": "battery staple"}}));
    proxy.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let (mut calls, mut datagram) = (BTreeSet::new(), [0; 4096]);
    while let Ok((length, from)) = proxy.recv_from(&mut datagram) {
        let notify = std::str::from_utf8(&datagram[..length]).unwrap();
        proxy.send_to(answer_to(notify, 200).as_bytes(), from).unwrap();
        calls.insert(header(notify, "Call-ID").to_owned());
    }
    assert_eq!(calls.len(), 1);
}

#[test]
fn a_farewell_to_many_ends_when_their_account_is_switched_on_again() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let registered_as = |number: u32| {
        let (mac, line) = (format!("805ec01234{number:02x}"), format!("line{number}"));
        shop.device(&mac, "yealink/t46s", &line);
        let mut phone = daemon.phone(&mac, &line);
        phone.register();
        phone
    };
    let phones: Vec<Phone> = (0..150).map(registered_as).collect();
    shop.administrator.patch(&shop.path(""), &json!({"enabled": false}));
    shop.administrator.patch(&shop.path(""), &json!({"enabled": true}));
    std::thread::sleep(Duration::from_secs(4));
    assert!(registered(&shop) >= 22, "nobody has a reason to forget the last of them");
    drop(phones);
}
