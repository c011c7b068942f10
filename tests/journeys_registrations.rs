//! What an administrator sees and does of phones that are registered.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use house::{Daemon, Phone, Shop, header};
use serde_json::{Value, json};

fn registered(daemon: &Daemon) -> (Shop, String, Phone) {
    let shop = daemon.shop();
    let device = shop.device("80:5E:C0:12:34:56", "yealink/t46s", "front");
    let mut phone = daemon.phone("805ec0123456", "front");
    phone.register();
    (shop, device, phone)
}

fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let tries = std::iter::repeat_with(|| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        ask()
    });
    tries.take(250).flatten().next().unwrap_or_else(|| panic!("{what} did not happen"))
}

#[test]
fn the_registrations_of_an_account_are_listed_counted_and_flushed() {
    let daemon = Daemon::start();
    let (shop, device, phone) = registered(&daemon);
    let path = shop.path("/registrations");
    let list = eventually("a row", || Some(shop.administrator.get(&path)).filter(|list| list[0].is_object()));
    assert_eq!((&list[0]["username"], &list[0]["realm"]), (&json!("front"), &json!("shop.example")));
    assert!(device.ends_with(list[0]["authorizing_id"].as_str().unwrap()));
    assert!((1..=300).contains(&list[0]["expires"].as_u64().unwrap()), "{list}");
    assert!(!list.to_string().contains("correct horse"));
    assert_eq!(shop.administrator.get(&format!("{path}/count")), json!({"count": 1}));
    let flush = |name: &str| shop.administrator.call("DELETE", &format!("{path}/{name}"), &json!({})).0;
    assert_eq!(flush("nobody"), 404);
    assert_eq!(flush("FRONT"), 200);
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=false");
    let status = shop.path("/devices/status");
    eventually("the end of the registration", || {
        (shop.administrator.get(&status) == json!([])).then_some(())
    });
    assert_eq!(shop.administrator.call("DELETE", &path, &json!({})).0, 200);
}

#[test]
fn an_administrator_sends_a_phone_any_event_and_reads_what_came_of_it() {
    let daemon = Daemon::start();
    let (shop, device, phone) = registered(&daemon);
    let body = json!({"event": "x-lamp", "body": {"content_type": "text/plain", "data": "on\r\n"}});
    let envelope = json!({"action": "notify", "data": body});
    let (status, said) = shop.administrator.call("PUT", &device, &envelope);
    assert_eq!((status, &said["data"]), (201, &json!("NOTIFY sent")), "{said}");
    let notify = phone.notified().unwrap();
    assert_eq!((header(&notify, "Event"), header(&notify, "Content-Type")), ("x-lamp", "text/plain"));
    assert!(notify.ends_with("\r\n\r\non\r\n"), "{notify}");
    let entry: Value = eventually("an entry", || {
        let history = shop.administrator.get(&format!("{device}/history"));
        history.as_array().unwrap().first().cloned()
    });
    assert_eq!((&entry["what"], &entry["message"]), (&json!("notify"), &json!("the phone answered 200")));
    for (wrong, message) in [
        (json!({"event": "x"}), "action required"),
        (json!({"action": "dance"}), "invalid action"),
        (json!({"action": "notify", "data": {"event": "a\r\nX: y"}}), "validation error"),
    ] {
        let (status, said) = shop.administrator.call("PUT", &device, &wrong);
        assert_eq!((status, said["message"].as_str().unwrap()), (400, message), "{wrong}");
    }
}

#[test]
fn a_device_may_name_the_event_its_phone_understands() {
    let daemon = Daemon::start();
    let (shop, device, phone) = registered(&daemon);
    let own = json!({"provision": {"check_sync_event": "resync", "check_sync_reboot": ";now"}});
    shop.administrator.patch(&device, &own);
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "resync;now");
    shop.administrator.call("POST", &format!("{device}/sync?reboot=false"), &json!({}));
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "resync;reboot=false");
}
