//! What holds of every device, tried on many.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::{World, run};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

const CASES: usize = 48;

/// Changes that a client may send, alone and together.
fn changes() -> Vec<Value> {
    vec![
        json!({ "enabled": "false", "presence_id": "reception" }),
        json!({ "sip": { "username": "alice", "password": "s3cret", "expire_seconds": "60" } }),
        json!({ "sip": { "username": null, "realm": "other.example" }, "presence_id": null }),
        json!({ "sip": { "custom_sip_headers": { "X-One": "1", "in": { "X-Two": "2" } } } }),
        json!({ "sip": {} , "media": { "audio": { "codecs": ["PCMA", "G722"] } } }),
        json!({ "media": { "bypass_media": "true", "encryption": { "methods": ["srtp"] } } }),
        json!({ "mwi_unsolicited_updates": false }),
        json!({ "mwi_unsolicitated_updates": false }),
        json!({ "outbound_flags": [" fax ", "fax"], "flags": ["a"] }),
        json!({ "provision": { "combo_keys": { "1": { "type": "line" }, "2": null } } }),
        json!({ "provision": { "combo_keys": { "1": null }, "endpoint_model": 450 } }),
        json!({ "formatters": { "to": [{ "strip": "true" }], "from": { "prefix": "+" } } }),
        json!({ "metaflows": { "numbers": { "1": { "module": "m", "children": { "a": { "module": "n" } } } } } }),
        json!({ "call_forward": { "enabled": true, "number": "100" }, "ringtones": null }),
        json!({ "ui_metadata": { "version": "4.2", "list": [null, 1.5, { "a": null }] }, "x": { "y": null } }),
        json!({ "_private": 1, "pvt_type": "x", "id": "0".repeat(32), "timezone": "Europe/Vienna" }),
        json!({ "call_recording": { "any": { "onnet": { "time_limit": "60", "enabled": "true" } } } }),
    ]
}

/// Some of the changes in any order, then a name.
fn patches() -> impl Strategy<Value = (Vec<Value>, String)> {
    let all = changes();
    let number = all.len();
    (subsequence(all, 1..number).prop_shuffle(), "[a-zA-Z0-9 äß\u{1F4DE}./]{1,40}")
}

/// What a strategy comes up with, the same at every run.
fn drawn<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// A device's document and the revision that it is at.
async fn read(world: &World, path: &str) -> (Value, Value) {
    let said = world.get(path).await;
    assert_eq!(said.status, 200, "{said:?}");
    (said.data(), said.json()["revision"].clone())
}

#[test]
fn a_patch_that_is_sent_twice_changes_nothing_the_second_time() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), json!({ "name": "phone" })).await;
        for (patches, name) in drawn(&patches()) {
            for patch in patches.into_iter().chain([json!({ "name": name })]) {
                let once = world.send("PATCH", &path, patch.clone()).await;
                assert_eq!(once.status, 200, "{patch}: {once:?}");
                let twice = world.send("PATCH", &path, patch.clone()).await;
                assert_eq!(once.data(), twice.data(), "{patch}");
                assert_eq!(once.json()["revision"], twice.json()["revision"], "{patch}");
            }
        }
    });
}

#[test]
fn what_was_read_can_be_sent_back_and_is_the_same_revision() {
    run(async {
        let world = World::new().await;
        for (patches, name) in drawn(&patches()) {
            let path = world.device(&world.master.to_string(), json!({ "name": name })).await;
            for patch in patches {
                assert_eq!(world.send("PATCH", &path, patch).await.status, 200);
            }
            let (document, revision) = read(&world, &path).await;
            let said = world.send("POST", &path, document.clone()).await;
            assert_eq!(said.status, 200, "{document}: {said:?}");
            assert_eq!((said.data(), said.json()["revision"].clone()), (document.clone(), revision.clone()));
            assert_eq!(read(&world, &path).await, (document, revision));
            assert_eq!(world.send("DELETE", &path, json!({})).await.status, 200);
        }
    });
}

#[test]
fn users_and_accounts_can_be_sent_back_as_well() {
    run(async {
        let world = World::new().await;
        let (account, _) = world.account("Engines").await;
        let user = json!({
            "first_name": "Ada", "last_name": "Lovelace", "username": "ada", "password": "s3cret", "verified": "true",
            "hotdesk": { "pin": "1234" }, "call_forward": {}, "ui_metadata": { "version": "4.2" },
        });
        let said = world.send("PUT", &format!("/v2/accounts/{account}/users"), user).await;
        assert_eq!(said.status, 201, "{said:?}");
        for path in [format!("/v2/accounts/{account}"), format!("/v2/accounts/{account}/users/{}", said.id())]
        {
            let (document, revision) = read(&world, &path).await;
            let said = world.send("POST", &path, document.clone()).await;
            assert_eq!((said.data(), said.json()["revision"].clone()), (document, revision), "{path}");
        }
    });
}

#[test]
fn a_document_that_is_created_from_another_is_the_same_but_for_its_id() {
    run(async {
        let world = World::new().await;
        let (account, _) = world.account("Copies").await;
        for (patches, name) in drawn(&patches()) {
            let path = world.device(&world.master.to_string(), json!({ "name": name })).await;
            for patch in patches {
                assert_eq!(world.send("PATCH", &path, patch).await.status, 200);
            }
            let (document, _) = read(&world, &path).await;
            assert_eq!(world.send("DELETE", &path, json!({})).await.status, 200);
            let copy = world.device(&account, document.clone()).await;
            let (copied, _) = read(&world, &copy).await;
            assert_eq!(without_id(copied), without_id(document));
            assert_eq!(world.send("DELETE", &copy, json!({})).await.status, 200);
        }
    });
}

fn without_id(document: Value) -> Map<String, Value> {
    let Value::Object(mut document) = document else { panic!("{document} is not an object") };
    document.remove("id");
    document
}

/// A MAC address with a separator between every so many digits, and in upper case or not.
#[derive(Debug, Clone)]
struct Notation {
    digits: u64,
    separator: (&'static str, usize),
    upper: bool,
}

impl Notation {
    fn text(&self) -> String {
        let digits = format!("{:012x}", self.digits);
        let (separator, every) = self.separator;
        let groups: Vec<&str> = (0..12).step_by(every).map(|at| &digits[at..at + every]).collect();
        let text = groups.join(separator);
        if self.upper { text.to_uppercase() } else { text }
    }
}

const SEPARATORS: [(&str, usize); 6] = [("", 12), (":", 2), ("-", 2), (".", 4), (".", 2), (" ", 2)];

fn notations() -> impl Strategy<Value = [Notation; 2]> {
    let one = || (select(SEPARATORS.to_vec()), any::<bool>());
    (1..0x0100_0000_0000_u64, one(), one()).prop_map(|(low, (one, up), (two, upper))| {
        let digits = 0x0004_0000_0000 | (low & 0x00ff_ffff_ffff);
        [Notation { digits, separator: one, upper: up }, Notation { digits, separator: two, upper }]
    })
}

#[test]
fn a_mac_address_finds_its_device_in_every_notation() {
    run(async {
        let world = World::new().await;
        let list = format!("/v2/accounts/{}/devices", world.master);
        for [stored, asked] in drawn(&notations()) {
            let (stored, asked) = (stored.text(), asked.text());
            let device = json!({ "name": "phone", "mac_address": stored });
            let path = world.device(&world.master.to_string(), device).await;
            let query = asked.replace(' ', "%20");
            let found = world.get(&format!("{list}?filter_mac_address={query}")).await.data();
            assert_eq!(found[0]["mac_address"], stored, "stored as {stored}, asked for as {asked}");
            assert_eq!(found.as_array().unwrap().len(), 1);
            assert_eq!(path.rsplit('/').next(), found[0]["id"].as_str());
            assert_eq!(world.send("DELETE", &path, json!({})).await.status, 200);
        }
    });
}
