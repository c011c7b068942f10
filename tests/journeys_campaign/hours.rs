//! Hours at which nobody may restart phones.

use serde_json::{Value, json};

use crate::house::{Daemon, header};
use crate::{campaign, mac, phones};

/// The hours that it is not now, by the clock of Vienna: tomorrow, for an hour.
fn closed() -> Value {
    opening(12)
}

/// An hour of the clock of Vienna that begins so many hours after this one.
fn opening(hours: u64) -> Value {
    let hours = i64::try_from(hours).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let vienna = checksync::zone::Clock::of("Europe/Vienna").unwrap();
    let unix = i64::try_from(now).unwrap();
    let hour = (unix + i64::from(vienna.offset(unix))).rem_euclid(86_400) / 3600;
    let [from, to] = [hours, hours + 1].map(|later| format!("{:02}:00", (hour + later) % 24));
    json!({"from": from, "to": to})
}

#[test]
fn a_restart_waits_for_its_hour_and_is_seen_waiting_unless_it_is_meant_now() {
    let mut daemon = Daemon::start();
    let (mut shop, phones) = phones(&daemon, 1);
    let (device, phone) = &phones[0];
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"reboot_window": closed()}}));
    phone.left_in_peace();
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    let waits = |provisioning: &Value| provisioning["pending"]["stage"] == "reboot_window";
    shop.wait_for(device, "the restart waits", waits);
    shop.administrator.call("POST", &format!("{device}/sync?reboot=false"), &json!({}));
    let notify = phone.notified().expect("to read its files is no restart");
    assert_eq!(header(&notify, "Event"), "check-sync;reboot=false");
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    shop.wait_for(device, "the restart waits", waits);
    daemon.restart();
    shop.administrator = daemon.administrator();
    shop.wait_for(device, "a restart of the daemon forgets nothing", waits);
    assert_eq!(shop.provisioning(device)["pending"]["asked"], "reboot");
    shop.administrator.call("POST", &format!("{device}/sync?now=true"), &json!({}));
    let mut phone = daemon.phone(&mac(0), "line0");
    phone.register();
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=true");
}

#[test]
fn a_change_is_told_at_once_while_a_restart_waits_for_its_hour() {
    let daemon = Daemon::start();
    let (shop, phones) = phones(&daemon, 1);
    let (device, phone) = &phones[0];
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"reboot_window": closed()}}));
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    let waits = |p: &Value| p["pending"]["stage"] == "reboot_window" && p["pending"]["asked"] == "reboot";
    shop.wait_for(device, "the restart waits", waits);
    shop.administrator.patch(device, &json!({"name": "Reception"}));
    let notify = phone.notified().expect("to read its files is no restart");
    assert_eq!(header(&notify, "Event"), "check-sync;reboot=false");
    shop.wait_for(device, "it must come now", |p| p["pending"]["stage"] == "answered");
    assert!(shop.provisioning(device)["pending"]["restart"].is_u64());
    assert!(phone.boot().body.contains("Reception"));
    shop.wait_for(device, "the restart still waits", |p| waits(p) && p["in_step"] == true);
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"reboot_window": null}}));
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=true");
}

#[test]
fn the_end_of_a_campaign_is_estimated_by_the_hours_as_they_are_now() {
    let daemon = Daemon::start();
    let (shop, _phones) = phones(&daemon, 2);
    let ends = |late: u64| {
        let window = json!({"provision": {"reboot_window": opening(late)}});
        shop.administrator.patch(&shop.path(""), &window);
        if late == 16 {
            shop.administrator.call("POST", &shop.path("/devices/sync"), &json!({}));
        }
        let within = |end: u64| (late - 1) * 3600 < end && end < (late + 1) * 3600;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        campaign(&shop.administrator, "both wait for that hour", |campaign| {
            let end = campaign["estimated_end"].as_u64().unwrap_or(0);
            campaign["phones"]["waiting_for_window"] == 2 && within(end.saturating_sub(now))
        });
    };
    ends(16);
    ends(8);
}

#[test]
fn a_window_that_is_lifted_lets_those_go_that_wait_for_it() {
    let daemon = Daemon::start();
    let (shop, phones) = phones(&daemon, 1);
    let (device, phone) = &phones[0];
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"reboot_window": closed()}}));
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    shop.wait_for(device, "the restart waits", |p| p["pending"]["stage"] == "reboot_window");
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"reboot_window": null}}));
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=true");
}

#[test]
fn a_window_that_makes_no_sense_is_refused_with_what_is_wrong() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    for (window, path, code) in [
        (json!({"from": "22:00"}), "provision.reboot_window.to", "required"),
        (json!({"from": "22", "to": "05:00"}), "provision.reboot_window.from", "pattern"),
        (json!({"from": "05:00", "to": "05:00"}), "provision.reboot_window", "invalid"),
        (
            json!({"from": "22:00", "to": "05:00", "days": ["monday"]}),
            "provision.reboot_window.days.0",
            "enum",
        ),
        (
            json!({"from": "22:00", "to": "05:00", "day": "mon"}),
            "provision.reboot_window.day",
            "additionalProperties",
        ),
        (json!("night"), "provision.reboot_window", "type"),
    ] {
        let data = json!({"provision": {"reboot_window": window}});
        let (status, answer) = shop.administrator.call("PATCH", &shop.path(""), &data);
        assert_eq!(status, 400, "{answer}");
        assert!(answer["data"][path][code].is_object(), "{path} {code}: {answer}");
    }
}

#[test]
fn a_phone_that_may_restart_with_every_change_waits_with_every_change() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"reboot_window": closed()}}));
    let device = shop.device("0004f2012345", "polycom/vvx201", "front");
    let mut phone = daemon.phone("0004f2012345", "front");
    phone.register();
    assert_eq!(phone.fetch("/0004f2012345-lines.cfg").status, 200);
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    shop.wait_for(&device, "the change waits", |p| p["pending"]["stage"] == "reboot_window");
    assert_eq!(shop.provisioning(&device)["last_notify"], Value::Null);
    assert_eq!(phone.fetch("/0004f2012345-lines.cfg").status, 200);
    shop.wait_for(&device, "who comes by himself gets his file", |p| p["pending"].is_null());
}
