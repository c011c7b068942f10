//! Quick calls at the administrators' door: what is answered, what is asked of the SIP side, and what is refused.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use std::time::Duration;

use api_common::{World, run};
use checksync::circle::{Order, Ring};
use checksync::id::Id;
use checksync::sip::call::places::SHARE;
use checksync::store::history;
use serde_json::{Value, json};

async fn shop(world: &World, device: Value) -> (String, String) {
    let said = world.send("PUT", "/v2/accounts", json!({"name": "Shop", "realm": "shop.example"})).await;
    assert_eq!(said.status, 201, "{said:?}");
    let path = world.device(&said.id(), device).await;
    (said.id(), path)
}

fn phone() -> Value {
    json!({"name": "Front desk", "sip": {"username": "front", "password": "hidden-word"}})
}

fn rung(world: &World) -> Ring {
    match world.ordered() {
        Some(Order::Call(ring)) => ring,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_quick_call_answers_the_documents_body_and_rings_the_device() {
    run(async {
        let world = World::new().await;
        let (account, path) = shop(&world, phone()).await;
        let said = world.get(&format!("{path}/quickcall/+4312345")).await;
        let ring = rung(&world);
        let device = ring.station.device.to_string();
        let expected = json!({
            "export_custom_channel_vars": ["Account-ID", "Retain-CID", "Authorizing-ID", "Authorizing-Type"],
            "custom_channel_vars": {
                "authorizing_id": device, "authorizing_type": "device", "inherit_codec": "false",
                "retain_cid": "true", "account_id": account,
            },
            "continue_on_fail": false,
            "dial_endpoint_method": "simultaneous",
            "outbound_callee_id_number": "front",
            "outbound_callee_id_name": "Front desk",
            "outbound_caller_id_number": "+4312345",
            "outbound_caller_id_name": "Device QuickCall",
            "media": "process",
            "ignore_early_media": true,
            "timeout": 30,
            "endpoints": [{
                "outbound_call_id": ring.call_id,
                "custom_channel_vars": {
                    "auto_answer": true, "authorizing_id": device, "account_id": account,
                    "media_encryption_enforce_security": false, "sip_invite_domain": "shop.example",
                },
                "custom_sip_headers": {"x_kazoo_aor": "sip:front@shop.example"},
                "presence_id": "front@shop.example",
                "codecs": ["PCMU"],
                "endpoint_id": device,
                "to_did": "+4312345",
                "to_realm": "shop.example",
                "to_username": "front",
                "to_user": "front",
                "invite_format": "contact",
            }],
            "application_data": {"route": "+4312345"},
            "application_name": "transfer",
        });
        assert_eq!((said.status, said.data()), (200, expected));
        assert!(ring.call_id.ends_with("-quickcall") && !said.text.contains("hidden-word"));
        assert_eq!(
            (&ring.number[..], ring.auto_answer, ring.patience),
            ("+4312345", true, Duration::from_secs(30))
        );
        assert!(world.ordered().is_none());
    });
}

#[test]
fn options_come_by_query_and_by_body_in_both_spellings() {
    run(async {
        let world = World::new().await;
        let (_, path) = shop(&world, phone()).await;
        let query = "cid-name=J%C3%BCrgen&cid_number=99&timeout=5&auto_answer=false&media=bypass&ignore-early-media=false";
        let said = world.get(&format!("{path}/quickcall/0043%20(1)?number_filter=true&{query}")).await.data();
        assert_eq!(
            (&said["outbound_caller_id_name"], &said["outbound_caller_id_number"]),
            (&json!("Jürgen"), &json!("99"))
        );
        assert_eq!(
            (&said["media"], &said["ignore_early_media"], &said["timeout"]),
            (&json!("bypass"), &json!(false), &json!(5))
        );
        assert_eq!(said["application_data"]["route"], "00431");
        let ring = rung(&world);
        assert_eq!(
            (&ring.caller.name[..], &ring.caller.number[..], ring.auto_answer),
            ("Jürgen", "99", false)
        );
        assert_eq!((&ring.number[..], ring.patience), ("00431", Duration::from_secs(5)));
        drop(ring);

        let data =
            json!({"cid_name": "Desk", "timeout": 7, "number_filter": "^00(\\d+)$", "auto_answer": false});
        let said = world.send("POST", &format!("{path}/quickcall/00431"), data).await.data();
        assert_eq!((&said["outbound_caller_id_name"], &said["timeout"]), (&json!("Desk"), &json!(7)));
        assert_eq!(rung(&world).number, "431");
    });
}

#[test]
fn a_plus_may_be_escaped() {
    run(async {
        let world = World::new().await;
        let (_, path) = shop(&world, phone()).await;
        world.get(&format!("{path}/quickcall/%2B431")).await;
        assert_eq!(rung(&world).number, "+431");
    });
}

#[test]
fn what_the_device_says_of_itself_is_in_the_answer() {
    run(async {
        let world = World::new().await;
        let owner = Id::from_bytes([5; 16]).to_string();
        let device = json!({
            "name": "Front desk",
            "owner_id": owner,
            "presence_id": "lamp",
            "caller_id": {"internal": {"number": "100", "name": "Reception"}},
            "media": {"audio": {"codecs": ["PCMA", "G722"]}, "encryption": {"enforce_security": true}},
            "sip": {"username": "front", "realm": "other.example", "invite_format": "username"},
        });
        let (_, path) = shop(&world, device).await;
        let said = world.get(&format!("{path}/quickcall/1")).await.data();
        let endpoint = &said["endpoints"][0];
        assert_eq!(
            (&said["outbound_callee_id_number"], &said["outbound_callee_id_name"]),
            (&json!("100"), &json!("Reception"))
        );
        assert_eq!(
            (&endpoint["codecs"], &endpoint["presence_id"]),
            (&json!(["PCMA", "G722"]), &json!("lamp@other.example"))
        );
        let vars = &endpoint["custom_channel_vars"];
        assert_eq!(
            (&vars["owner_id"], &vars["media_encryption_enforce_security"]),
            (&json!(owner), &json!(true))
        );
        assert_eq!(
            (&endpoint["to_realm"], &endpoint["invite_format"]),
            (&json!("other.example"), &json!("username"))
        );
    });
}

#[test]
fn every_wrong_option_is_told_and_nobody_is_rung() {
    run(async {
        let world = World::new().await;
        let (_, path) = shop(&world, phone()).await;
        let query = "auto_answer=perhaps&ignore-early-media=1&media=both&timeout=2&number_filter=(";
        let said = world.get(&format!("{path}/quickcall/1?{query}")).await;
        assert_eq!((said.status, &said.json()["message"]), (400, &json!("validation error")));
        let data = said.data();
        for (option, code) in [
            ("auto_answer", "type"),
            ("ignore-early-media", "type"),
            ("media", "enum"),
            ("timeout", "minimum"),
            ("number_filter", "invalid"),
        ] {
            assert!(data[option][code]["message"].is_string(), "{option}: {data}");
        }
        assert_eq!(
            world.get(&format!("{path}/quickcall/%20")).await.data()["number"]["invalid"]["value"],
            " "
        );
        assert!(world.ordered().is_none());
    });
}

#[test]
fn a_device_that_cannot_be_called_is_refused_and_says_why() {
    run(async {
        let world = World::new().await;
        let (account, path) = shop(&world, phone()).await;
        world.send("PATCH", &path, json!({"enabled": false})).await;
        let said = world.get(&format!("{path}/quickcall/1")).await;
        assert_eq!((said.status, said.data()["enabled"]["disabled"].is_object()), (400, true));
        let bare = world.device(&account, json!({"name": "No line"})).await;
        let said = world.get(&format!("{bare}/quickcall/1")).await;
        assert_eq!((said.status, said.data()["sip.username"]["required"].is_object()), (400, true));
        assert!(world.ordered().is_none());
    });
}

#[test]
fn a_call_asks_for_a_token_and_stays_within_reach() {
    run(async {
        let world = World::new().await;
        let (_, path) = shop(&world, phone()).await;
        assert_eq!(world.raw("GET", &format!("{path}/quickcall/1"), &[], "").await.status, 401);
        let (_, key) = world.account("Other").await;
        let other = world.log_in(&key).await;
        let said = world.raw("GET", &format!("{path}/quickcall/1"), &[("x-auth-token", &other)], "").await;
        assert_eq!(said.status, 403);
        let said = world.raw("GET", &format!("{path}/history"), &[("x-auth-token", &other)], "").await;
        assert_eq!(said.status, 403);
        assert_eq!(world.get(&path.replace("/devices/", "/devices/0")).await.status, 404);
        assert!(world.ordered().is_none());
    });
}

#[test]
fn a_head_rings_nobody() {
    run(async {
        let world = World::new().await;
        let (_, path) = shop(&world, phone()).await;
        let token = [("x-auth-token", &world.token[..])];
        assert_eq!(world.raw("HEAD", &format!("{path}/quickcall/1"), &token, "").await.status, 200);
        assert!(world.ordered().is_none());
    });
}

#[test]
fn a_device_has_one_call_at_a_time_and_the_second_is_told_so() {
    run(async {
        let world = World::new().await;
        let (account, path) = shop(&world, phone()).await;
        assert_eq!(world.get(&format!("{path}/quickcall/1")).await.status, 200);
        let under_way = rung(&world);
        for verb in ["GET", "POST"] {
            let said = world.send(verb, &format!("{path}/quickcall/1"), json!({})).await;
            assert_eq!((said.status, &said.json()["message"]), (429, &json!("too_many_requests")));
            let message = said.data()["message"].to_string();
            assert!(message.contains("called already"), "{message}");
        }
        assert!(world.ordered().is_none());
        let other = world.device(&account, json!({"name": "2", "sip": {"username": "back"}})).await;
        assert_eq!(world.get(&format!("{other}/quickcall/1")).await.status, 200);
        drop(under_way);
        assert_eq!(world.get(&format!("{path}/quickcall/1")).await.status, 200);
    });
}

#[test]
fn an_account_has_its_share_of_calls_and_leaves_others_theirs() {
    run(async {
        let world = World::new().await;
        let (account, path) = shop(&world, phone()).await;
        let mut under_way = Vec::new();
        for number in 0..SHARE {
            let sip = json!({"username": format!("u{number}")});
            let path = world.device(&account, json!({"name": number.to_string(), "sip": sip})).await;
            assert_eq!(world.get(&format!("{path}/quickcall/1")).await.status, 200);
            under_way.push(rung(&world));
        }
        let said = world.get(&format!("{path}/quickcall/1")).await;
        assert_eq!(said.status, 429);
        assert!(said.data()["message"].as_str().unwrap().contains("this account"), "{said:?}");
        let made =
            world.send("PUT", "/v2/accounts", json!({"name": "Other", "realm": "other.example"})).await;
        let other = world.device(&made.id(), phone()).await;
        assert_eq!(world.get(&format!("{other}/quickcall/1")).await.status, 200);
        rung(&world);
        under_way.pop();
        assert_eq!(world.get(&format!("{path}/quickcall/1")).await.status, 200);
    });
}

#[test]
fn a_call_is_never_the_same_as_before_and_cannot_be_tried() {
    run(async {
        let world = World::new().await;
        let (_, path) = shop(&world, phone()).await;
        let revision = world.get(&path).await.header("etag").to_owned();
        for known in [&*revision, "*"] {
            let headers = [("x-auth-token", &*world.token), ("if-none-match", known)];
            let said = world.raw("GET", &format!("{path}/quickcall/1"), &headers, "").await;
            assert_eq!((said.status, said.header("etag")), (200, ""));
            let body = said.json();
            assert_eq!(body["auth_token"], json!(world.token));
            assert_eq!(body["data"]["application_name"], "transfer");
            assert!(body["request_id"].is_string() && revision.contains(body["revision"].as_str().unwrap()));
            rung(&world);
        }
        let dry = world.get(&format!("{path}/quickcall/1?dry_run=true")).await;
        assert_eq!((dry.status, dry.data()["dry_run"]["invalid"].is_object()), (400, true));
        let headers = [("x-auth-token", &*world.token)];
        let envelope = json!({"data": {}, "dry_run": true}).to_string();
        let dry = world.raw("POST", &format!("{path}/quickcall/1"), &headers, &envelope).await;
        assert_eq!(dry.status, 400);
        assert!(world.ordered().is_none());
    });
}

#[test]
fn the_history_lists_what_became_of_calls_the_newest_first() {
    run(async {
        let world = World::new().await;
        let (_, path) = shop(&world, phone()).await;
        assert_eq!(world.get(&format!("{path}/history")).await.data(), json!([]));
        let mut entries = Vec::new();
        for number in ["1", "2"] {
            world.get(&format!("{path}/quickcall/{number}")).await;
            let ring = rung(&world);
            ring.caller.place.as_ref().unwrap().free_device();
            entries.push(ring);
            api_common::let_pass(1);
        }
        for ring in entries {
            let entry =
                json!({"at": ring.at, "what": "quickcall", "number": ring.number, "outcome": "no_answer"});
            history::write(&*world.store, ring.station.device, ring.entry, &entry).await.unwrap();
        }
        let said = world.get(&format!("{path}/history")).await.data();
        let expected =
            |number, at| json!({"at": at, "what": "quickcall", "number": number, "outcome": "no_answer"});
        assert_eq!(said, json!([expected("2", api_common::NOW + 1), expected("1", api_common::NOW)]));
    });
}
