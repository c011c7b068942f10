//! What an administrator sees of a phone's files.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use house::Daemon;
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
