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
    let list = shop.administrator.get(&path);
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

fn is_nobody(shop: &Shop) -> bool {
    shop.administrator.get(&shop.path("/registrations")) == json!([])
}

fn forgotten(shop: &Shop) {
    eventually("the end of the registration", || is_nobody(shop).then_some(()));
}

#[test]
fn a_device_that_is_switched_off_is_told_once_and_forgotten() {
    let daemon = Daemon::start();
    let (shop, device, phone) = registered(&daemon);
    phone.boot();
    shop.wait_for(&device, "its fetches are noted", |standing| standing["in_step"] == true);
    shop.administrator.patch(&device, &json!({"enabled": false}));
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=false");
    forgotten(&shop);
    assert_eq!(shop.administrator.get(&shop.path("/devices/status")), json!([]));
    phone.left_in_peace();
}

#[test]
fn a_phone_hears_once_of_a_new_password_and_comes_back_with_it() {
    let daemon = Daemon::start();
    let (shop, device, mut phone) = registered(&daemon);
    phone.boot();
    shop.wait_for(&device, "its fetches are noted", |standing| standing["in_step"] == true);
    shop.administrator.patch(&device, &json!({"sip": {"password": "battery staple"}}));
    assert!(phone.notified().is_some());
    forgotten(&shop);
    assert!(phone.boot().body.contains("battery staple"));
    shop.wait_for(&device, "it is in step again", |standing| standing["in_step"] == true);
    assert_eq!(phone.register_with("battery staple"), 200);
    phone.left_in_peace();
    assert!(!is_nobody(&shop), "whoever came back stays");
}

#[test]
fn the_line_before_is_forgotten_when_the_username_or_the_owner_changes() {
    let daemon = Daemon::start();
    let (shop, device, mut phone) = registered(&daemon);
    let owner =
        shop.administrator.create(&shop.path("/users"), &json!({"first_name": "A", "last_name": "L"}));
    for patch in [json!({"owner_id": owner["id"]}), json!({"sip": {"username": "reception"}})] {
        phone.register();
        shop.administrator.patch(&device, &patch);
        assert!(phone.notified().is_some(), "{patch}");
        forgotten(&shop);
    }
    assert_eq!(phone.register_with("correct horse"), 403, "nobody is called that any more");
}

#[test]
fn other_changes_and_those_that_wait_for_a_sync_leave_a_registration_alone() {
    let daemon = Daemon::start();
    let (shop, device, phone) = registered(&daemon);
    shop.administrator.patch(&device, &json!({"name": "Lobby"}));
    shop.administrator.patch(&device, &json!({"provision": {"auto_sync": false}}));
    shop.administrator.patch(&device, &json!({"sip": {"password": "battery staple"}}));
    phone.left_in_peace();
    assert!(!is_nobody(&shop), "it must be there to be told when somebody asks");
    shop.administrator.patch(&device, &json!({"enabled": false}));
    forgotten(&shop);
    phone.left_in_peace();
}

#[test]
fn a_phone_that_registers_again_while_it_is_told_stays_registered() {
    let daemon = Daemon::start();
    let (shop, _, mut phone) = registered(&daemon);
    let path = shop.path("/registrations/front");
    assert_eq!(shop.administrator.call("DELETE", &path, &json!({})).0, 200);
    forgotten(&shop);
    phone.register();
    assert!(phone.notified().is_some(), "it answers only now");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!is_nobody(&shop));
}

#[test]
fn a_line_is_found_by_a_number_with_a_plus() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    shop.device("80:5E:C0:12:34:56", "yealink/t46s", "+431");
    let mut phone = daemon.phone("805ec0123456", "+431");
    phone.register();
    let flush = |name: &str| {
        let path = shop.path(&format!("/registrations/{name}"));
        shop.administrator.call("DELETE", &path, &json!({})).0
    };
    assert_eq!((flush("%2b432"), flush("%2B431")), (404, 200));
    assert!(phone.notified().is_some());
    forgotten(&shop);
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

#[test]
fn a_device_that_is_deleted_is_told_once_and_forgotten() {
    let daemon = Daemon::start();
    let (shop, device, phone) = registered(&daemon);
    assert_eq!(shop.administrator.call("DELETE", &device, &json!({})).0, 200);
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=false");
    phone.left_in_peace();
    assert_eq!(shop.administrator.get(&shop.path("/registrations")), json!([]));
}

/// What the device's history says, the newest first, once it says so much.
fn history(shop: &Shop, device: &str, entries: usize) -> Vec<Value> {
    eventually("an entry of the history", || {
        let history = shop.administrator.get(&format!("{device}/history"));
        history.as_array().filter(|history| history.len() >= entries).cloned()
    })
}

#[test]
fn both_phones_are_told_when_one_takes_the_place_of_another() {
    let daemon = Daemon::start();
    let (shop, device, first) = registered(&daemon);
    shop.administrator.patch(&device, &json!({"register_overwrite_notify": true}));
    let mut second = daemon.phone("805ec0123456", "front");
    second.register();
    for (phone, body) in [
        (&first, format!("Replaced-By:{}", second.contact())),
        (&second, format!("Overwrote:{}", first.contact())),
    ] {
        let notify = phone.notified().unwrap();
        assert_eq!(header(&notify, "Event"), "registration-overwrite");
        assert_eq!(header(&notify, "Content-Type"), "text/plain");
        assert!(notify.ends_with(&format!("\r\n\r\n{body}")), "{notify}");
    }
    let entry = &history(&shop, &device, 1)[0];
    assert_eq!((&entry["what"], &entry["replaced_by"]), (&json!("overwritten"), &json!(second.contact())));
    let only = eventually("one row", || {
        let rows = shop.administrator.get(&shop.path("/registrations"));
        rows.as_array().filter(|rows| rows.len() == 1).map(|rows| rows[0]["contact"].clone())
    });
    assert_eq!(only, second.contact());
    second.register();
    second.left_in_peace();
}

#[test]
fn two_phones_of_one_line_live_side_by_side_where_nobody_wants_to_be_told() {
    let daemon = Daemon::start();
    let (shop, _, first) = registered(&daemon);
    daemon.phone("805ec0123456", "front").register();
    first.left_in_peace();
    let count = || shop.administrator.get(&shop.path("/registrations/count")) == json!({"count": 2});
    eventually("both rows", || count().then_some(()));
}

#[test]
fn the_end_of_a_registration_is_in_the_history_unless_that_is_suppressed() {
    let daemon = Daemon::start();
    let (shop, device, mut phone) = registered(&daemon);
    let silent = shop.device("80:5E:C0:12:34:57", "yealink/t46s", "silent");
    shop.administrator.patch(&silent, &json!({"suppress_unregister_notifications": true}));
    let mut second = daemon.phone("805ec0123457", "silent");
    second.register();
    for phone in [&mut second, &mut phone] {
        phone.expires = 0;
        phone.register();
    }
    let entry = &history(&shop, &device, 1)[0];
    assert_eq!((&entry["what"], &entry["reason"]), (&json!("unregistered"), &json!("removed")));
    assert_eq!(entry["contact"], phone.contact());
    assert_eq!(shop.administrator.get(&format!("{silent}/history")), json!([]), "it went before the other");
}

#[test]
fn what_a_phone_says_of_itself_is_noted_and_what_contradicts_the_device_is_said() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device("80:5E:C0:12:34:56", "yealink/t46s", "front");
    let mut phone = daemon.phone("805ec0123456", "front");
    phone.user_agent = "Yealink SIP-T48S 66.86.0.15 80:5e:c0:12:34:57".into();
    phone.register();
    let path = shop.path("/registrations");
    let row = eventually("a row", || shop.administrator.get(&path).get(0).cloned());
    let said =
        |row: &Value| [&row["brand"], &row["model"], &row["firmware"], &row["mac_address"]].map(Clone::clone);
    let expected = ["yealink", "t48s", "66.86.0.15", "805ec0123457"].map(Value::from);
    assert_eq!((said(&row), row["warnings"].as_array().unwrap().len()), (expected.clone(), 2));
    phone.ask(
        "GET",
        "/805ec0123456.boot",
        &[("User-Agent", "Yealink SIP-T46S 66.86.0.20 80:5e:c0:12:34:56")],
    );
    let revision = shop.administrator.get(&device);
    let seen = eventually("both names", || {
        let seen = shop.provisioning(&device)["seen"].as_array().cloned();
        seen.filter(|seen| seen.len() == 2)
    });
    assert_eq!((&seen[0]["by"], said(&seen[0])), (&json!("sip"), expected));
    assert_eq!((&seen[1]["by"], &seen[1]["warnings"]), (&json!("http"), &json!([])));
    assert_eq!(seen[1]["firmware"], "66.86.0.20");
    phone.expires = 0;
    phone.register();
    forgotten(&shop);
    assert_eq!(shop.provisioning(&device)["seen"][0], seen[0], "it is known of who is gone");
    assert_eq!(shop.administrator.get(&device), revision, "the document says nothing of it");
}

#[test]
fn a_path_is_kept_also_for_a_phone_that_does_not_say_that_it_knows_of_it() {
    let daemon = Daemon::start();
    let (shop, _, mut phone) = registered(&daemon);
    phone.expires = 0;
    phone.register();
    phone.expires = 300;
    phone.user_agent = "Fake/1.0\r\nPath: <sip:127.0.0.1:9;lr>".into();
    assert_eq!(phone.register_with("correct horse"), 200);
    eventually("a row", || (!is_nobody(&shop)).then_some(()));
}

#[test]
fn who_guesses_passwords_is_refused_for_that_line_and_the_phones_beside_it_are_not() {
    let daemon = Daemon::start();
    let (shop, _, mut phone) = registered(&daemon);
    shop.device("80:5E:C0:12:34:57", "yealink/t46s", "back");
    shop.device("80:5E:C0:12:34:58", "yealink/t46s", "side");
    let [mut guesser, mut beside] = ["back", "side"].map(|line| daemon.phone("805ec0123457", line));
    for _ in 0..checksync::sip::guesses::TRIES {
        assert_eq!(guesser.register_with("guess"), 403);
        assert_eq!(phone.register_with("guess"), 403);
    }
    assert_eq!(guesser.register_with("correct horse"), 403, "nobody looks at what it says");
    beside.register();
    phone.register();
}

#[test]
fn who_has_registered_is_listed_and_counted_at_once_and_who_has_gone_is_not() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let path = shop.path("/registrations");
    let seen = || {
        let rows = shop.administrator.get(&path).as_array().unwrap().len();
        (
            rows,
            shop.administrator.get(&format!("{path}/count")),
            shop.administrator.get(&shop.path("/devices/status")),
        )
    };
    for number in 1..=5 {
        let (mac, line) = (format!("805ec012340{number}"), format!("line{number}"));
        shop.device(&mac, "yealink/t46s", &line);
        let mut phone = daemon.phone(&mac, &line);
        for expected in [number, number - 1, number] {
            if expected == number {
                phone.register();
            } else {
                phone.unregister();
            }
            let (rows, count, status) = seen();
            assert_eq!((rows, count), (expected, json!({"count": expected})));
            assert_eq!(status.as_array().unwrap().len(), expected);
        }
    }
}
