//! Real software in the place of a phone: SIP, and TFTP.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;
#[path = "interop/baresip.rs"]
mod baresip;
#[path = "interop/hostile.rs"]
mod hostile;
#[path = "interop/kamailio.rs"]
mod kamailio;
#[path = "interop/linphone.rs"]
mod linphone;
#[path = "interop/peers.rs"]
mod peers;
#[path = "interop/ports.rs"]
mod ports;
#[path = "interop/sipp.rs"]
mod sipp;
#[path = "interop/streams.rs"]
mod streams;
#[path = "interop/tftp.rs"]
mod tftp;

use std::time::Duration;

use house::{Daemon, Shop};
use peers::has;
use serde_json::{Value, json};
use sipp::Sipp;

/// A shop whose device `front` has SIPp as its phone; gives the device's path too.
fn front(daemon: &Daemon) -> (Shop, String, Sipp) {
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    shop.administrator.patch(&device, &json!({"sip": {"password": "correct"}}));
    booted(daemon, &shop, &device);
    let sipp = Sipp::registered(daemon);
    (shop, device, sipp)
}

/// The phone of the device fetches its files, and that is noted: nobody has to tell it anything now.
fn booted(daemon: &Daemon, shop: &Shop, device: &str) {
    daemon.phone("805ec0123456", "front").boot();
    shop.wait_for(device, "the phone's fetches are noted", |p| p["in_step"] == json!(true));
}

/// What the history says of the one call that was made, once it says it.
fn became(shop: &Shop, device: &str) -> Value {
    for _ in 0..100 {
        let history = shop.administrator.get(&format!("{device}/history"));
        if history != json!([]) {
            return history[0].clone();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the history says nothing of the call");
}

#[test]
fn sipp_registers_is_told_of_a_change_and_answers() {
    if !has("sipp") {
        return;
    }
    let daemon = Daemon::start();
    let (shop, device, sipp) = front(&daemon);
    assert_ne!(shop.administrator.get(&shop.path("/devices/status")), json!([]));
    let mut told = sipp.plays("notified.xml");
    shop.administrator.patch(&device, &json!({"name": "Told by a NOTIFY"}));
    assert!(told.wait().unwrap().success(), "SIPp was not told as it expects");
    shop.wait_for(&device, "the answer is noted", |p| p["last_notify"]["outcome"] != Value::Null);
}

#[test]
fn sipp_is_rung_and_connected_to_a_number() {
    if !has("sipp") {
        return;
    }
    let daemon = Daemon::start();
    let (shop, device, sipp) = front(&daemon);
    let mut phone = sipp.plays("rung.xml");
    let body = shop.administrator.get(&format!("{device}/quickcall/+43123?cid-name=Front%20call"));
    assert!(phone.wait().unwrap().success(), "SIPp was not called as it expects");
    let entry = became(&shop, &device);
    assert_eq!(
        (&entry["outcome"], &entry["status"], &entry["number"]),
        (&json!("connected"), &json!(200), &json!("+43123"))
    );
    assert_eq!(entry["call_id"], body["endpoints"][0]["outbound_call_id"]);
}

#[test]
fn sipp_is_busy() {
    if !has("sipp") {
        return;
    }
    let daemon = Daemon::start();
    let (shop, device, sipp) = front(&daemon);
    let mut phone = sipp.plays("busy.xml");
    shop.administrator.get(&format!("{device}/quickcall/+43123"));
    assert!(phone.wait().unwrap().success(), "SIPp was not called as it expects");
    assert_eq!(became(&shop, &device)["outcome"], "busy");
}

#[test]
fn a_device_that_is_not_registered_is_answered_all_the_same() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    let body = shop.administrator.get(&format!("{device}/quickcall/+43123"));
    assert_eq!(body["application_name"], "transfer");
    assert_eq!(became(&shop, &device)["outcome"], "not_registered");
    shop.administrator.call("DELETE", &device, &json!({}));
}
