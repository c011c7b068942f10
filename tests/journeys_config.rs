//! What an administrator sees of a phone's files, and what a pack says of how phones are told.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::fs;

use house::{Daemon, header};
use serde_json::json;

const FILE: &str = "805ec0123456.cfg";

#[test]
fn an_administrator_sees_the_files_of_a_phone_and_what_would_change() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device("80:5E:C0:12:34:56", "yealink/t46s", "front");
    let config = format!("{device}/config");
    let files = shop.administrator.get(&config);
    assert_eq!(
        (&files[1]["name"], &files[1]["held"], &files[1]["secret"]),
        (&json!(FILE), &json!(null), &json!(true))
    );
    let new = shop.administrator.get(&format!("{config}/{FILE}/diff"));
    assert!(new["diff"].as_str().unwrap().contains("+account.1.label"), "{new}");
    let phone = daemon.phone("805ec0123456", "front");
    let body = phone.fetch(&format!("/{FILE}")).body;
    let fetched = shop.administrator.get(&format!("{config}/{FILE}/diff"));
    assert_eq!((&fetched["in_step"], &fetched["diff"]), (&json!(true), &json!("")));
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    let changed = shop.administrator.get(&format!("{config}/{FILE}/diff"));
    let diff = changed["diff"].as_str().unwrap();
    assert!(diff.contains("+account.1.display_name = Reception\n"), "{diff}");
    assert!(!diff.contains("+account.1.sip_server"), "only what differs: {diff}");
    shop.administrator.patch(&device, &json!({"name": "Front desk", "sip": {"password": "another secret"}}));
    let secrets = shop.administrator.get(&format!("{config}/{FILE}/diff"));
    assert_eq!((&secrets["in_step"], &secrets["only_secrets"]), (&json!(false), &json!(true)), "{secrets}");
    assert!(body.contains("account.1.password = correct horse\n"));
}

#[test]
fn secrets_are_masked_unless_asked_for_and_then_the_trail_says_so() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device("80:5E:C0:12:34:56", "yealink/t46s", "front");
    let path = format!("{device}/config/{FILE}");
    let masked = shop.administrator.get(&path);
    let body = masked["body"].as_str().unwrap();
    assert!(body.contains("account.1.password = ********\n") && !body.contains("correct horse"), "{body}");
    let whole = shop.administrator.get(&format!("{path}?secrets=true"));
    assert!(whole["body"].as_str().unwrap().contains("account.1.password = correct horse\n"));
    assert_eq!(whole["digest"], masked["digest"]);
    let trail = shop.administrator.get(&shop.path("/audit"));
    let reads = trail.as_array().unwrap().iter().filter(|row| row["what"] == "secrets read").count();
    assert_eq!(reads, 1);
    assert_eq!(shop.administrator.call("GET", &format!("{device}/config/none.cfg"), &json!({})).0, 404);
}

#[test]
fn an_administrator_is_told_what_made_each_line_of_a_file() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device("80:5E:C0:12:34:56", "yealink/t46s", "front");
    let explained = shop.administrator.get(&format!("{device}/config/{FILE}?explain=true"));
    let lines = explained["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["text"] == "account.1.user_name = front").unwrap();
    assert_eq!(line["written"][0]["file"], "yealink/base.cfg", "{line}");
    let shape = line["shaped"].as_array().unwrap().iter().find(|shape| shape["value"] == "front").unwrap();
    assert_eq!(shape["setting"], "lines[0].username");
    assert_eq!(shape["sources"], json!([{"whose": "device", "path": "sip.username"}]));
    assert!(!explained.to_string().contains("correct horse"), "secrets are masked");
}

const CATALOG: &str = r#"
name = "Acme"
mac_prefixes = ["00acbe"]
user_agents = ["acme"]
events = { reread = "check-sync;reboot=false", reboot = "check-sync;reboot=true" }

[families.desk]
name = "Desk phones"
files = [{ name = "{mac}.cfg", template = "phone.cfg", format = "key-value", content_type = "text/plain" }]
models.one = { name = "One", lines = 1, keys = 3 }

[families.desk.events]
reread = { event = "service-control", content_type = "text/plain", body = "action=check-version\r\nRegisterCallId={}\r\n" }
reboot = { event = "service-control", content_type = "text/plain", body = "action=restart\r\n" }
"#;

/// A pack whose phones are told by an event with a body.
fn pack(catalog: &str) -> tempfile::TempDir {
    let pack = tempfile::tempdir().unwrap();
    let templates = pack.path().join("templates/acme/desk");
    fs::create_dir_all(&templates).unwrap();
    fs::create_dir(pack.path().join("catalog")).unwrap();
    fs::write(pack.path().join("catalog/acme.toml"), catalog).unwrap();
    fs::write(templates.join("phone.cfg"), "name = {{ device.name }}\n").unwrap();
    pack
}

#[test]
fn a_family_whose_event_has_a_body_is_told_with_it() {
    let pack = pack(CATALOG);
    let daemon = Daemon::with_packs(vec![pack.path().to_owned()]);
    let shop = daemon.shop();
    let device = shop.device("00acbe123456", "acme/one", "front");
    let mut phone = daemon.phone("00acbe123456", "front");
    phone.register();
    assert_eq!(phone.fetch("/00acbe123456.cfg").status, 200);
    let told = |body: &str| {
        let notify = phone.notified().expect("a NOTIFY");
        let said = ["Event", "Content-Type", "Content-Length"].map(|name| header(&notify, name));
        assert_eq!(said, ["service-control", "text/plain", &body.len().to_string()]);
        assert_eq!(notify.split_once("\r\n\r\n").unwrap().1, body);
    };
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    told("action=check-version\r\nRegisterCallId={}\r\n");
    assert_eq!(phone.fetch("/00acbe123456.cfg").status, 200);
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    told("action=restart\r\n");
    shop.administrator.call("DELETE", &device, &json!({}));
    told("action=check-version\r\nRegisterCallId={}\r\n");
}

#[test]
fn a_device_that_names_its_own_event_is_told_that_without_a_body() {
    let pack = pack(CATALOG);
    let daemon = Daemon::with_packs(vec![pack.path().to_owned()]);
    let shop = daemon.shop();
    let device = shop.device("00acbe123456", "acme/one", "front");
    let mut phone = daemon.phone("00acbe123456", "front");
    phone.register();
    shop.administrator.patch(&device, &json!({"provision": {"check_sync_event": "resync"}}));
    shop.administrator.call("POST", &format!("{device}/sync?reboot=false"), &json!({}));
    let notify = phone.notified().expect("a NOTIFY");
    assert_eq!((header(&notify, "Event"), header(&notify, "Content-Type")), ("resync;reboot=false", ""));
}

#[test]
fn a_daemon_does_not_start_with_an_event_that_cannot_be_sent() {
    let pack = pack(
        &CATALOG.replace("\"text/plain\", body = \"action=restart", "\"text\", body = \"action=restart"),
    );
    let packs = vec![pack.path().to_owned()];
    let said = Daemon::refused(move |config, _| config.packs.clone_from(&packs));
    assert!(said.contains("acme.toml") && said.contains("content_type \"text\" is no media type"), "{said}");
}
