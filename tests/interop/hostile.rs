//! SIPp as a peer that means no good, or knows no better: the daemon stays up, says what came of each NOTIFY, and is
//! done with it in bounded time.
#![allow(clippy::disallowed_methods, reason = "how long something takes is what is asked")]

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{Daemon, Shop};
use crate::peers::{has, wait_until};
use crate::{booted, front, sipp::Sipp};

/// Timer F of RFC 3261, and what a busy machine needs on top.
const TIMER_F: Duration = Duration::from_secs(32);
const SLACK: Duration = Duration::from_secs(8);

/// Has the device of SIPp told something, and SIPp answer it as a scenario says.
fn told(shop: &Shop, device: &str, sipp: &Sipp, scenario: &str) -> Child {
    let playing = sipp.plays(scenario);
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    playing
}

/// What is noted of the last NOTIFY, once it is: its class and code.
fn noted(shop: &Shop, device: &str) -> [Value; 2] {
    let mut last = Value::Null;
    wait_until("what came of it is noted", || {
        last = shop.provisioning(device)["last_notify"].clone();
        last != Value::Null
    });
    ["class", "code"].map(|name| last[name].clone())
}

/// How a phone of that scenario is classed.
fn classed(scenario: &str) -> [Value; 2] {
    let daemon = Daemon::start();
    let (shop, device, sipp) = front(&daemon);
    let mut playing = told(&shop, &device, &sipp, scenario);
    let classed = noted(&shop, &device);
    assert!(playing.wait().unwrap().success(), "SIPp was not told as it expects");
    classed
}

#[test]
fn a_phone_that_sends_what_is_broken_oversized_late_and_twice_is_registered_once() {
    if !has("sipp") {
        return;
    }
    let daemon = Daemon::start();
    let (shop, device, sipp) = front(&daemon);
    let played = sipp.plays("hostile/register.xml").wait().unwrap();
    assert!(played.success(), "SIPp was not answered as it expects");
    assert_eq!(shop.administrator.get(&shop.path("/registrations/count"))["count"], 1);
    assert_eq!(noted_of_a_sound_phone(&shop, &device, &sipp), [json!("answered"), json!(200)]);
}

/// The phone is told and answers: whatever came before has broken nothing.
fn noted_of_a_sound_phone(shop: &Shop, device: &str, sipp: &Sipp) -> [Value; 2] {
    let mut playing = sipp.plays("notified.xml");
    shop.administrator.call("POST", &format!("{device}/sync?reboot=false"), &json!({}));
    assert!(playing.wait().unwrap().success(), "SIPp was not told as it expects");
    noted(shop, device)
}

#[test]
fn answers_that_are_garbage_or_to_another_request_are_none_and_the_right_one_counts() {
    if has("sipp") {
        assert_eq!(classed("hostile/garbage.xml"), [json!("not_supported"), json!(489)]);
    }
}

#[test]
fn a_phone_that_challenges_for_ever_is_answered_once_and_then_refuses() {
    if has("sipp") {
        assert_eq!(classed("hostile/challenges.xml"), [json!("refused"), json!(401)]);
    }
}

#[test]
fn a_phone_that_works_on_it_for_ever_is_given_up_after_timer_f() {
    if !has("sipp") {
        return;
    }
    let daemon = Daemon::start();
    let (shop, device, sipp) = front(&daemon);
    let begun = Instant::now();
    let mut playing = told(&shop, &device, &sipp, "hostile/trying.xml");
    assert!(playing.wait().unwrap().success(), "SIPp was not told as it expects");
    assert_eq!(noted(&shop, &device), [json!("unreachable"), Value::Null]);
    let took = begun.elapsed();
    assert!(took >= TIMER_F && took < TIMER_F + SLACK, "{took:?}");
}

#[test]
fn a_proxy_that_is_busy_is_asked_again_when_it_wants_to_be() {
    if !has("sipp") {
        return;
    }
    // Only to have SIPp at a port that is known.
    let elsewhere = Daemon::start();
    let (_, _, proxy) = front(&elsewhere);
    let daemon = Daemon::behind(proxy.address());
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    booted(&daemon, &shop, &device);
    let mut busy = proxy.plays("hostile/busy_proxy.xml");
    shop.administrator.patch(&device, &json!({"name": "Told when there is time"}));
    assert!(busy.wait().unwrap().success(), "SIPp was not asked as it expects");
    assert_eq!(noted(&shop, &device), [json!("busy"), json!(503)]);
    let since = Instant::now();
    let again = proxy.plays("notified.xml").wait().unwrap();
    assert!(again.success(), "SIPp was not asked again");
    assert!(since.elapsed() >= Duration::from_secs(1), "{:?}", since.elapsed());
}
