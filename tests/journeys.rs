//! The circle from outside: a phone asks, an administrator changes, a vendor edits, and a restart in the middle
//! of each.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::fs;
use std::path::Path;
use std::time::Duration;

use house::{Daemon, Phone, Shop, header};
use serde_json::{Value, json};

const MAC: &str = "805ec0123456";

/// A shop with one registered phone that holds its files.
fn phone_in_step(daemon: &Daemon) -> (Shop, String, Phone) {
    let shop = daemon.shop();
    let device = shop.device("80:5E:C0:12:34:56", "yealink/t46s", "front");
    let mut phone = daemon.phone(MAC, "front");
    phone.register();
    phone.boot();
    shop.wait_for(&device, "the phone's fetches are noted", in_step);
    (shop, device, phone)
}

fn second_in_step(daemon: &Daemon, shop: &Shop) -> (String, Phone) {
    let other = shop.device("805ec0123499", "yealink/t54w", "other");
    let mut second = daemon.phone("805ec0123499", "other");
    second.register();
    second.boot();
    shop.wait_for(&other, "the second phone's fetches are noted", in_step);
    (other, second)
}

fn in_step(provisioning: &Value) -> bool {
    let files = provisioning["files"].as_array().unwrap();
    let must = |file: &&Value| file["optional"] == false;
    provisioning["pending"].is_null()
        && files.iter().filter(must).all(|file| file["held"] == file["given"] && !file["held"].is_null())
}

#[test]
fn a_phone_asks_and_gets_its_file_in_any_spelling_of_its_name() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    shop.device("80-5e-c0-12-34-56", "yealink/t46s", "front");
    let phone = daemon.phone(MAC, "front");
    let first = phone.fetch("/805ec0123456.cfg");
    assert_eq!(first.status, 200);
    assert!(first.body.contains("account.1.password = correct horse\n"), "{}", first.body);
    assert!(first.body.contains("account.1.sip_server.1.expires = 300\n"), "{}", first.body);
    assert_eq!(first.headers["content-length"], first.body.len().to_string());
    assert!(first.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    for path in ["/805EC0123456.cfg", "/prefix/of/folders/805ec0123456.CFG"] {
        assert_eq!(phone.fetch(path).body, first.body, "{path}");
    }
    let same = phone.ask("GET", "/805ec0123456.cfg", &[("If-None-Match", &first.etag)]);
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    let head = phone.ask("HEAD", "/805ec0123456.cfg", &[]);
    assert_eq!((head.status, head.body.as_str(), head.etag), (200, "", first.etag));
    assert_eq!(head.headers["content-length"], first.body.len().to_string());
}

#[test]
fn whatever_is_refused_is_refused_alike() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    shop.device("805ec0123456", "yealink/t46s", "front");
    let off = shop.device("805ec0123457", "yealink/t46s", "back");
    shop.administrator.patch(&off, &json!({"enabled": false}));
    let phone = daemon.phone(MAC, "front");
    let other = ("User-Agent", "Yealink SIP-T46S 66.86.0.15 80:5e:c0:12:34:99");
    let own = ("User-Agent", "Yealink SIP-T46S 66.86.0.15 80:5e:c0:12:34:56");
    assert_eq!(phone.ask("GET", "/805ec0123456.cfg", &[own]).status, 200);
    let refused = [
        phone.ask("GET", "/805ec0123456.cfg", &[other]),
        phone.fetch("/805ec0123457.cfg"),
        phone.fetch("/805ec0999999.cfg"),
        phone.fetch("/cfg805ec0123456.xml"),
        phone.fetch("/000000000000.cfg"),
        phone.fetch("/etc/passwd"),
        phone.fetch("/%2e%2e/%00%ff.cfg"),
        phone.ask("POST", "/805ec0123456.cfg", &[]),
    ];
    let strip = |answer: &house::Fetched| {
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.status, answer.body.clone(), names)
    };
    for answer in &refused {
        assert_eq!(strip(answer), strip(&refused[0]));
        assert_eq!((answer.status, answer.body.as_str()), (404, ""));
    }
}

#[test]
fn a_change_brings_the_phone_back_and_then_it_is_left_in_peace() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    let notify = phone.notified().expect("a NOTIFY");
    assert_eq!(header(&notify, "Event"), "check-sync;reboot=false");
    assert_eq!(header(&notify, "X-KAZOO-AOR"), "sip:front@shop.example");
    assert!(notify.starts_with("NOTIFY sip:front@127.0.0.1:"), "{notify}");
    assert!(notify.lines().next().unwrap().contains(";line=x"), "the contact is used to the byte");
    shop.wait_for(&device, "the outcome is noted", |p| !p["last_notify"].is_null());
    assert!(!in_step(&shop.provisioning(&device)), "an answer is not a fetch");
    assert!(phone.boot().body.contains("account.1.display_name = Reception\n"));
    shop.wait_for(&device, "the phone is back in step", in_step);
    phone.left_in_peace();
}

#[test]
fn a_change_is_told_even_where_the_connection_of_whoever_made_it_breaks() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    for (number, delay) in (0..9).zip([300, 600, 1000, 1500, 2000, 3000, 4000, 6000, 8000]) {
        let name = format!("Number {number}");
        shop.administrator.patch_and_break(&device, &json!({"name": name}), Duration::from_micros(delay));
        std::thread::sleep(Duration::from_millis(200));
        if shop.administrator.get(&device)["name"] == name.as_str() {
            phone.notified().expect("what is stored is told");
            phone.boot();
            shop.wait_for(&device, "the phone is back in step", in_step);
        }
    }
}

#[test]
fn a_change_that_changes_no_byte_tells_nobody() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    shop.administrator
        .patch(&device, &json!({"ui_metadata": {"origin": "somewhere"}, "mwi_unsolicitated_updates": false}));
    shop.administrator.patch(&shop.path(""), &json!({"notes": "paid"}));
    phone.left_in_peace();
    assert!(in_step(&shop.provisioning(&device)));
}

#[test]
fn a_change_at_the_very_moment_of_a_fetch_is_told() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let phones: Vec<(String, Phone)> = (10..26)
        .map(|number| {
            let (mac, line) = (format!("805ec01234{number}"), format!("line{number}"));
            let device = shop.device(&mac, "yealink/t46s", &line);
            let mut phone = daemon.phone(&mac, &line);
            phone.register();
            (device, phone)
        })
        .collect();
    std::thread::scope(|scope| {
        for (device, phone) in &phones {
            let shop = &shop;
            scope.spawn(move || {
                phone.boot();
                shop.administrator.patch(device, &json!({"name": "Other"}));
                assert!(phone.notified().is_some(), "{}", shop.provisioning(device));
            });
        }
    });
}

#[test]
fn only_the_phones_that_a_change_concerns_are_told() {
    let daemon = Daemon::start();
    let (shop, _, phone) = phone_in_step(&daemon);
    let (other, second) = second_in_step(&daemon, &shop);
    shop.administrator.patch(&other, &json!({"name": "Only this one"}));
    assert!(second.notified().is_some());
    phone.left_in_peace();
    shop.administrator.patch(&shop.path(""), &json!({"timezone": "America/New_York"}));
    assert!(phone.notified().is_some() && second.notified().is_some());
}

#[test]
fn nobody_is_told_of_a_phonebook_that_the_phone_looks_for_by_itself() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    let contacts = |name: &str| json!({"provision": {"contacts": [{"name": name, "number": "101"}]}});
    shop.administrator.patch(&device, &contacts("Ann"));
    phone.notified().expect("a phonebook for the first time");
    assert!(phone.boot().body.contains(&format!("{MAC}-phonebook.xml")));
    assert!(phone.fetch(&format!("/{MAC}-phonebook.xml")).body.contains("Ann"));
    shop.wait_for(&device, "the phone is back in step", in_step);
    shop.administrator.patch(&device, &contacts("Bob"));
    phone.left_in_peace();
    assert!(phone.fetch(&format!("/{MAC}-phonebook.xml")).body.contains("Bob"));
}

#[test]
fn a_phone_with_another_devices_line_is_told_when_that_device_changes() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    let door = shop.device("805ec0123499", "yealink/t54w", "door");
    let id = door.rsplit('/').next().unwrap();
    shop.administrator.patch(&device, &json!({"provision": {"lines": [{"device_id": id}]}}));
    phone.notified().expect("a second line");
    assert!(phone.boot().body.contains("account.2.user_name = door\n"));
    shop.wait_for(&device, "the phone is back in step", in_step);
    shop.administrator.patch(&door, &json!({"sip": {"password": "another-door-secret"}}));
    phone.notified().expect("a new password of the second line");
    assert!(phone.boot().body.contains("account.2.password = another-door-secret\n"));
    shop.wait_for(&device, "the phone is in step again", in_step);
    shop.administrator.patch(&device, &json!({"provision": {"lines": []}}));
    phone.notified().expect("no second line any more");
    assert!(phone.boot().body.contains("account.2.enable = 0\n"));
    shop.wait_for(&device, "the phone is in step without it", in_step);
    shop.administrator.patch(&door, &json!({"sip": {"password": "a-third-door-secret"}}));
    phone.left_in_peace();
}

#[test]
fn an_explicit_sync_always_sends() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    let (status, answer) = shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    assert_eq!((status, &answer["data"]), (200, &json!("sync request sent")));
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=true");
    shop.administrator.call("POST", &format!("{device}/sync?reboot=false"), &json!({}));
    assert_eq!(header(&phone.notified().unwrap(), "Event"), "check-sync;reboot=false");
    shop.administrator.patch(&device, &json!({"sync": true}));
    assert!(phone.notified().is_some());
    assert!(shop.administrator.get(&device).get("sync").is_none(), "sync is asked for, not stored");
}

#[test]
fn an_account_or_a_device_may_turn_the_automatic_part_off() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"auto_sync": false}}));
    shop.administrator.patch(&device, &json!({"name": "Quietly renamed"}));
    phone.left_in_peace();
    assert!(!in_step(&shop.provisioning(&device)));
    shop.administrator.patch(&device, &json!({"provision": {"auto_sync": true}}));
    assert!(phone.notified().is_some());
}

#[test]
fn a_user_that_is_renamed_changes_the_keys_that_show_the_user_and_only_those() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    let bob = json!({"first_name": "Bob", "last_name": "Near", "presence_id": "102"});
    let bob = house::id(&shop.administrator.create(&shop.path("/users"), &bob));
    let user = shop.path(&format!("/users/{bob}"));
    shop.administrator.patch(&user, &json!({"last_name": "Nearby"}));
    phone.left_in_peace();
    let keys = json!({"1": {"type": "presence", "value": bob}});
    shop.administrator.patch(&device, &json!({"provision": {"combo_keys": keys}}));
    phone.notified().expect("a new key");
    assert!(phone.boot().body.contains("Bob Nearby"));
    shop.wait_for(&device, "the phone is back in step", in_step);
    shop.administrator.patch(&user, &json!({"last_name": "Faraway"}));
    phone.notified().expect("a new label");
    assert!(phone.boot().body.contains("Bob Faraway"));
}

#[test]
fn a_layout_of_the_account_follows_its_users_and_only_phones_that_show_them_are_told() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    let (_, second) = second_in_step(&daemon, &shop);
    let profiles = json!({"desk": {"models": ["yealink"], "fill": {"users": "others", "from": 1}}});
    shop.administrator.patch(&shop.path(""), &json!({"provision": {"profiles": profiles}}));
    shop.administrator.patch(&device, &json!({"provision": {"profile": "desk"}}));
    let bob = json!({"first_name": "Bob", "last_name": "Near", "presence_id": "102"});
    let bob = house::id(&shop.administrator.create(&shop.path("/users"), &bob));
    phone.notified().expect("a user who is new");
    assert!(phone.boot().body.contains("linekey.2.label = Bob Near\n"));
    shop.wait_for(&device, "the phone is in step", in_step);
    let user = shop.path(&format!("/users/{bob}"));
    shop.administrator.patch(&user, &json!({"last_name": "Faraway"}));
    phone.notified().expect("another name");
    assert!(phone.boot().body.contains("linekey.2.label = Bob Faraway\n"));
    shop.wait_for(&device, "the phone is in step again", in_step);
    shop.administrator.call("DELETE", &user, &json!({}));
    phone.notified().expect("a user who is gone");
    assert!(!phone.boot().body.contains("Faraway"));
    second.left_in_peace();
}

#[test]
fn a_restart_after_a_change_forgets_neither_mark_nor_note_nor_registration() {
    let mut daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    drop(phone);
    shop.administrator.patch(&device, &json!({"name": "Changed while away"}));
    daemon.restart();
    let mut phone = daemon.phone(MAC, "front");
    phone.register();
    assert!(phone.notified().is_some(), "it registered anew and still holds the old file");
    phone.boot();
    let shop = Shop { administrator: daemon.administrator(), account: shop.account };
    shop.wait_for(&device, "the phone is back in step", in_step);
    let status = shop.administrator.get(&shop.path("/devices/status"));
    assert_eq!(status[0]["registered"], true);
}

#[test]
fn a_restart_tells_nobody_who_is_in_step() {
    let mut daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    daemon.restart();
    phone.left_in_peace();
    let shop = Shop { administrator: daemon.administrator(), account: shop.account };
    assert!(in_step(&shop.provisioning(&device)));
    assert_eq!(shop.administrator.get(&shop.path("/devices/status"))[0]["registered"], true);
    shop.administrator.patch(&device, &json!({"name": "After the restart"}));
    assert!(phone.notified().is_some(), "where the phone is was not forgotten");
}

#[test]
fn a_phone_with_a_wrong_password_is_not_registered() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    shop.device("805ec0123456", "yealink/t46s", "front");
    assert_eq!(daemon.phone(MAC, "front").register_with("wrong"), 403);
    assert_eq!(daemon.phone(MAC, "nobody").register_with("wrong"), 403);
    assert_eq!(shop.administrator.get(&shop.path("/devices/status")), json!([]));
}

#[test]
fn behind_a_proxy_the_notify_goes_there_for_the_line_and_not_for_a_contact() {
    let proxy = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let daemon = Daemon::behind(proxy.local_addr().unwrap());
    let shop = daemon.shop();
    let device = shop.device(MAC, "yealink/t46s", "front");
    let phone = daemon.phone(MAC, "front");
    phone.boot();
    shop.wait_for(&device, "the phone's fetches are noted", in_step);
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    proxy.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let mut datagram = [0; 4096];
    let (length, _) = proxy.recv_from(&mut datagram).unwrap();
    let notify = std::str::from_utf8(&datagram[..length]).unwrap();
    assert!(notify.starts_with("NOTIFY sip:front@shop.example SIP/2.0\r\n"), "{notify}");
    phone.boot();
    shop.wait_for(&device, "the phone is back in step", in_step);
}

#[test]
fn a_revert_before_the_phone_came_needs_nobody_to_come() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    assert!(phone.notified().is_some());
    shop.administrator.patch(&device, &json!({"name": "Front desk"}));
    shop.wait_for(&device, "nothing is pending any more", in_step);
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    assert!(phone.notified().is_some(), "the change is there again, and so is the reason to tell");
}

#[test]
fn what_cannot_be_rendered_is_not_stored() {
    let daemon = Daemon::start();
    let (shop, device, phone) = phone_in_step(&daemon);
    let (status, answer) = shop.administrator.call("PATCH", &device, &json!({"timezone": "Europe/Wien"}));
    assert_eq!(status, 400, "{answer}");
    assert!(answer["data"]["timezone"].is_object(), "{answer}");
    phone.left_in_peace();
}

fn write_pack(root: &Path, text: &str) {
    let folder = root.join("templates/yealink/t4x");
    fs::create_dir_all(&folder).unwrap();
    let beside = folder.join(".phone.cfg.new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, folder.join("phone.cfg")).unwrap();
}

#[test]
fn a_vendor_edits_a_template_and_exactly_the_phones_whose_bytes_change_are_told() {
    let pack = tempfile::tempdir().unwrap();
    let text = "#!version:1.0.0.1\naccount.1.label = {{ lines[0].label }}\n";
    write_pack(pack.path(), text);
    let mut daemon = Daemon::with_packs(vec![pack.path().to_owned()]);
    let (shop, device, phone) = phone_in_step(&daemon);
    let (_, second) = second_in_step(&daemon, &shop);

    write_pack(pack.path(), "#!version:1.0.0.1\naccount.1.label = {{ lines[0].lable }}\n");
    let mut findings = Value::Null;
    for _ in 0..100 {
        findings = shop_master(&daemon).get("/templates")["findings"].clone();
        if findings.as_array().is_some_and(|found| !found.is_empty()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(
        (&findings[0]["file"], &findings[0]["line"]),
        (&json!("yealink/t4x/phone.cfg"), &json!(2)),
        "{findings}"
    );
    phone.left_in_peace();

    write_pack(pack.path(), &format!("{text}account.1.auto_answer = 0\n"));
    assert!(phone.notified().is_some(), "its file has a new line");
    second.left_in_peace();
    assert!(phone.boot().body.contains("auto_answer = 0\n"));
    shop.wait_for(&device, "the phone is back in step", in_step);

    daemon.stop();
    write_pack(pack.path(), text);
    daemon.resume();
    assert!(phone.notified().is_some(), "the template changed while the daemon was down");
    assert!(!phone.boot().body.contains("auto_answer"));
}

fn shop_master(daemon: &Daemon) -> house::Administrator {
    daemon.administrator()
}
