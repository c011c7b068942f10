//! Settings of phones, as devices, users and accounts take them.

use serde_json::{Value, json};

use super::tests::{accepted, codes, refused};
use super::{Invalid, Map, Noun, Schema};

const WHO: [Noun; 3] = [Noun::Device, Noun::User, Noun::Account];

fn with(provision: &Value) -> Value {
    json!({ "name": "phone", "first_name": "Ada", "last_name": "Lovelace", "provision": provision })
}

/// The problems of a setting, the same for whoever says it: codes, and the message of the first.
fn wrong(name: &str, value: &Value) -> (Vec<String>, String) {
    let [device, user, account] = WHO.map(|noun| refused(noun, with(&json!({ name: value }))));
    assert_eq!([&device, &device], [&user, &account], "{name}");
    let path = format!("provision.{name}");
    let first = device[&path].as_object().and_then(|of| of.values().next()).cloned().unwrap_or_default();
    (codes(&device), first["message"].as_str().unwrap_or_default().to_owned())
}

fn kept(name: &str, value: &Value) -> Value {
    let [device, user, account] = WHO.map(|noun| accepted(noun, with(&json!({ name: value }))));
    assert_eq!([&device["provision"]; 2], [&user["provision"], &account["provision"]], "{name}");
    device["provision"][name].clone()
}

fn problems_of_device(provision: &Value) -> Value {
    refused(Noun::Device, with(provision))
}

#[test]
fn a_setting_that_cannot_be_is_refused_whoever_says_it() {
    let cases = [
        ("port", json!(99_999), "maximum"),
        ("port", json!("abc"), "type"),
        ("transport", json!("carrier"), "enum"),
        ("dtmf", json!("morse"), "enum"),
        ("ntp_server", json!(5), "type"),
        ("ntp_server", json!("pool.ntp.org:123"), "wrong_format"),
        ("hours24", json!("maybe"), "type"),
        ("voicemail", json!(1.5), "type"),
        ("voicemail", json!(-97), "minimum"),
        ("admin_password", json!(5), "type"),
        ("user_password", json!([]), "type"),
        ("http_password", json!(5), "type"),
        ("http_username", json!("a:b"), "wrong_format"),
        ("server", json!("pbx:abc"), "wrong_format"),
        ("server", json!("http://x/"), "wrong_format"),
        ("outbound_proxy", json!("x:y"), "wrong_format"),
        ("backup_server", json!("x:99999"), "wrong_format"),
        ("syslog_server", json!("log:70000"), "wrong_format"),
        ("firmware_url", json!("not a url"), "wrong_format"),
        ("profiles", json!(5), "type"),
        ("profile", json!(5), "not_one_schema_valid"),
        ("contacts", json!("all"), "not_one_schema_valid"),
        ("tones", json!("ZZZ"), "pattern"),
    ];
    for (name, value, code) in cases {
        assert_eq!(wrong(name, &value).0, [format!("provision.{name} {code}")], "{value}");
    }
}

#[test]
fn what_a_setting_may_be_is_said_in_words() {
    for (name, value, says) in [
        ("server", json!("a b"), "host:port"),
        ("ntp_server", json!("a b"), "without a port"),
        ("firmware_url", json!("x"), "tftp://"),
        ("http_username", json!("a:b"), "without a colon"),
        ("profile", json!(5), "the name of a profile"),
        ("contacts", json!("all"), "a name and a number"),
        ("tones", json!("Austria"), "two letters"),
    ] {
        let (_, message) = wrong(name, &value);
        assert!(message.contains(": it must be ") && message.contains(says), "{name}: {message}");
    }
}

#[test]
fn a_setting_that_suits_is_kept_as_it_is_written() {
    for (name, value) in [
        ("port", json!(65535)),
        ("transport", json!("TLS")),
        ("transport", json!("inherit")),
        ("ntp_server", json!("")),
        ("server", json!("sip:pbx:5070;transport=tcp")),
        ("outbound_proxy", json!("[2001:db8::1]:5061")),
        ("firmware_url", json!("tftp://192.0.2.1/fw.rom")),
        ("voicemail", json!("*97")),
        ("hours24", json!(false)),
        ("admin_password", json!("p;a#s")),
        ("nobody_knows_this", json!({ "port": 99_999 })),
    ] {
        assert_eq!(kept(name, &value), value, "{name}");
    }
    assert_eq!(kept("port", &json!("5070")), 5070);
    assert_eq!(kept("hours24", &json!("true")), true);
}

#[test]
fn a_voicemail_that_is_a_number_is_taken_as_its_digits() {
    for number in [json!(97), json!(97.0), json!("97")] {
        assert_eq!(kept("voicemail", &number), "97");
    }
}

#[test]
fn an_entry_of_the_phonebook_that_lacks_something_is_named() {
    let problems =
        problems_of_device(&json!({ "contacts": [{ "name": "a", "number": "1" }, { "name": "x" }] }));
    assert_eq!(
        codes(&problems),
        ["provision.contacts not_one_schema_valid", "provision.contacts.1.number required"]
    );
}

#[test]
fn a_key_stands_under_its_number() {
    let key = json!({ "type": "line" });
    let keys = json!({ "-1": key, "1a": key, "x": key, "0": key, "note": "kept" });
    let problems = problems_of_device(&json!({ "combo_keys": keys.clone(), "feature_keys": { "x": key } }));
    assert_eq!(
        codes(&problems),
        [
            "provision.combo_keys.-1 invalid",
            "provision.combo_keys.1a invalid",
            "provision.combo_keys.x invalid",
            "provision.feature_keys.x invalid",
        ]
    );
    assert!(
        problems["provision.combo_keys.x"]["invalid"]["message"].as_str().unwrap().contains("whole number")
    );
    let profiles = json!({ "profiles": { "desk": { "combo_keys": keys } } });
    assert_eq!(codes(&refused(Noun::Account, with(&profiles))).len(), 3);
}

#[test]
fn a_key_has_what_its_type_needs() {
    let keys = json!({
        "0": { "type": "custom" },
        "1": { "type": "custom", "code": "" },
        "2": { "type": "multicast", "value": "foo" },
        "3": { "type": "multicast", "value": { "label": "All", "value": "224.0.1.75" } },
        "4": { "type": "parking", "value": 77 },
        "5": { "type": "custom", "code": "50" },
        "6": { "type": "multicast", "value": { "label": "All", "value": "224.0.1.75:10000" } },
    });
    let problems = problems_of_device(&json!({ "combo_keys": keys }));
    assert_eq!(
        codes(&problems),
        [
            "provision.combo_keys.0.code required",
            "provision.combo_keys.1.code minLength",
            "provision.combo_keys.2.value not_one_schema_valid",
            "provision.combo_keys.3.value not_one_schema_valid",
            "provision.combo_keys.3.value.value wrong_format",
            "provision.combo_keys.4.value not_one_schema_valid",
        ]
    );
    let of =
        |number: u8| problems[format!("provision.combo_keys.{number}.value")]["not_one_schema_valid"].clone();
    assert!(of(2)["message"].as_str().unwrap().ends_with("such as 224.0.1.75:10000"));
    assert!(of(4)["message"].as_str().unwrap().contains("from 1 to 10"));
}

#[test]
fn a_further_line_is_checked_as_a_device_is() {
    let (one, sip) = ("0".repeat(32), json!({ "username": "ann", "password": "12345" }));
    let lines = json!([
        {},
        { "device_id": one, "sip": sip, "name": "x" },
        { "sip": { "username": "a", "password": "x", "realm": "a b c d" } },
        { "sip": sip, "bogus": 1, "provision": { "port": 0, "server": "a b", "more": 1 } },
        { "device_id": one },
        { "sip": sip, "name": "Ann", "provision": { "voicemail": 98 } },
    ]);
    let problems = problems_of_device(&json!({ "lines": lines }));
    assert_eq!(
        codes(&problems),
        [
            "provision.lines.0 not_one_schema_valid",
            "provision.lines.1.name additionalProperties",
            "provision.lines.1.sip additionalProperties",
            "provision.lines.2.sip.password minLength",
            "provision.lines.2.sip.realm pattern",
            "provision.lines.2.sip.username minLength",
            "provision.lines.3.bogus additionalProperties",
            "provision.lines.3.provision.port minimum",
            "provision.lines.3.provision.server wrong_format",
        ]
    );
    let message = |path: &str, code: &str| problems[path][code]["message"].as_str().unwrap().to_owned();
    assert!(message("provision.lines.0", "not_one_schema_valid").contains("sip.password"));
    assert!(message("provision.lines.1.sip", "additionalProperties").ends_with("says the rest"));
}

#[test]
fn the_firmware_of_a_model_is_a_file_of_ours() {
    let files = json!({ "yealink/t46s": "../../etc/passwd", "snom/d785": "snom/d785/a b.bin" });
    let problems = problems_of_device(&json!({ "firmware": files }));
    assert_eq!(codes(&problems), ["provision.firmware.yealink/t46s wrong_format"]);
}

#[test]
fn what_stands_in_a_document_already_may_stay_and_is_not_written_anew() {
    let change = |before: &Value, after: &Value| -> Result<Map<String, Value>, Invalid> {
        let map = |provision: &Value| with(provision).as_object().unwrap().clone();
        Schema::of(Noun::Device).accept_change(map(after), &map(before))
    };
    let old = json!({ "port": 99_999, "combo_keys": { "x": { "type": "line" } }, "dtmf": "info" });
    let mut new = old.clone();
    new["dtmf"] = json!("inband");
    let stored = change(&old, &new).unwrap();
    assert_eq!(
        (&stored["provision"]["port"], &stored["provision"]["dtmf"]),
        (&json!(99_999), &json!("inband"))
    );
    new["port"] = json!(99_998);
    let problems = serde_json::to_value(change(&old, &new).unwrap_err()).unwrap();
    assert_eq!(codes(&problems), ["provision.port maximum"]);
}
