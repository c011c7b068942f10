//! The administrators' door from outside: what Kazoo's clients send, and what they must get.
#![allow(clippy::unwrap_used)]

mod api_common;

use api_common::{KEY, NOW, World, let_pass, run};
use checksync::id::Id;
use checksync::resync::Scope;
use serde_json::{Value, json};

const PHONE: &str = "00:04:f2:ab:7e:fd";

fn phone(mac: &str) -> Value {
    json!({
        "name": "desk", "mac_address": mac,
        "sip": {"username": "alice", "password": "s3cret-password"},
        "provision": {"endpoint_brand": "yealink", "endpoint_family": "t4x", "endpoint_model": "t46s"},
    })
}

fn id_at(path: &str) -> Id {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

#[test]
fn a_new_device_comes_back_with_the_defaults_of_the_table() {
    run(async {
        let world = World::new().await;
        let path = format!("/v2/accounts/{}/devices", world.master);
        let said = world.send("PUT", &path, json!({"name": "New Device"})).await;
        assert_eq!(said.status, 201);
        assert_eq!(said.header("location"), format!("{path}/{}", said.id()));
        let mut data = said.data();
        data.as_object_mut().unwrap().remove("id");
        assert_eq!(
            data,
            json!({
                "call_restriction": {}, "caller_id": {}, "contact_list": {}, "dial_plan": {}, "enabled": true,
                "exclude_from_queues": false,
                "media": {
                    "audio": {"codecs": ["PCMU"]},
                    "encryption": {"enforce_security": false, "methods": []},
                    "video": {"codecs": []},
                },
                "music_on_hold": {}, "mwi_unsolicitated_updates": true, "name": "New Device",
                "register_overwrite_notify": false, "ringtones": {},
                "sip": {"expire_seconds": 300, "invite_format": "contact", "method": "password"},
                "suppress_unregister_notifications": false,
            })
        );
        let envelope = said.json();
        assert_eq!(envelope["status"], "success");
        assert_eq!(envelope["auth_token"], world.token);
        assert!(envelope["revision"].as_str().unwrap().starts_with("1-"));
        assert_eq!(said.header("x-request-id"), envelope["request_id"].as_str().unwrap());
    });
}

#[test]
fn what_nobody_knows_comes_back_as_it_went_in_and_the_id_in_a_body_is_ignored() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), json!({"name": "a"})).await;
        let wish = json!({
            "name": "new device", "id": "4f3330e78e664bb57f8fb23fbaac2429", "_rev": world.get(&path).await.json()["revision"],
            "ui_metadata": {"version": "4.2-42", "list": [null, {"a": 1}]},
            "sip": {"invite_format": "username", "method": "password", "registration_expiration": 300},
        });
        let said = world.send("POST", &path, wish).await;
        assert_eq!((said.status, said.id()), (200, id_at(&path).to_string()), "{said:?}");
        let data = world.get(&path).await.data();
        assert_eq!(data, said.data());
        assert_eq!(data["ui_metadata"], json!({"version": "4.2-42", "list": [null, {"a": 1}]}));
        assert_eq!(data["sip"]["registration_expiration"], 300);
        assert_eq!(data.get("_rev"), None);
    });
}

#[test]
fn a_patch_is_read_whatever_its_content_type_and_null_deletes() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), phone(PHONE)).await;
        let form = [("x-auth-token", &*world.token), ("content-type", "application/x-www-form-urlencoded")];
        let said = world.raw("PATCH", &path, &form, r#"{"data":{"presence_id":"dis_my_device"}}"#).await;
        assert_eq!((said.status, &said.data()["presence_id"]), (200, &json!("dis_my_device")), "{said:?}");
        assert_eq!(said.data()["mac_address"], PHONE);
        let said = world.send("PATCH", &path, json!({"presence_id": null, "sip": {"username": null}})).await;
        assert_eq!(said.data().get("presence_id"), None);
        assert_eq!(said.data()["sip"].get("username"), None);
        assert_eq!(said.data()["sip"]["password"], "s3cret-password");
        let none =
            world.raw("PATCH", &path, &[("x-auth-token", &world.token)], r#"{"data":{"name":"x"}}"#).await;
        assert_eq!(none.data()["name"], "x");
    });
}

#[test]
fn a_deleted_device_is_shown_once_more_and_is_gone() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), phone(PHONE)).await;
        let said = world.send("DELETE", &path, json!({})).await;
        assert_eq!((said.status, said.id()), (200, id_at(&path).to_string()));
        let gone = world.get(&path).await;
        let id = id_at(&path).to_string();
        assert_eq!(gone.status, 404);
        assert_eq!(gone.data(), json!({"message": "bad identifier", "cause": id}));
        world.device(&world.master.to_string(), phone(PHONE)).await;
    });
}

#[test]
fn a_lost_update_is_refused() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), json!({"name": "a"})).await;
        let first = world.get(&path).await.json()["revision"].as_str().unwrap().to_owned();
        assert_eq!(world.send("PATCH", &path, json!({"name": "b"})).await.status, 200);
        let stale = world.send("PATCH", &path, json!({"name": "c", "_rev": first})).await;
        assert_eq!((stale.status, &stale.json()["message"]), (409, &json!("datastore_conflict")));
        assert_eq!(stale.json()["error"], "409");
        let envelope = json!({"data": {"name": "c"}, "revision": first, "auth_token": world.token});
        assert_eq!(world.with("POST", &path, &envelope).await.status, 409);
        let tag = format!("\"{first}\"");
        let headers = [("x-auth-token", &*world.token), ("if-match", &*tag)];
        assert_eq!(world.raw("POST", &path, &headers, r#"{"data":{"name":"c"}}"#).await.status, 412);
        assert_eq!(world.raw("DELETE", &path, &headers, "").await.status, 412);
        let now = world.get(&path).await;
        assert_eq!(now.data()["name"], "b");
        let headers = [("x-auth-token", &*world.token), ("if-match", now.header("etag"))];
        assert_eq!(world.raw("POST", &path, &headers, r#"{"data":{"name":"c"}}"#).await.status, 200);
    });
}

#[test]
fn patches_at_the_same_moment_both_count() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), json!({"name": "a"})).await;
        for round in 0..20 {
            let said = world
                .at_once(&["one", "two"].map(|name| ("PATCH", path.clone(), json!({name: round}))))
                .await;
            assert!(said.iter().all(|said| said.status == 200), "{said:?}");
            let data = world.get(&path).await.data();
            assert_eq!((&data["one"], &data["two"]), (&json!(round), &json!(round)));
        }
    });
}

#[test]
fn a_mac_address_is_unique_over_all_accounts_and_found_in_any_notation() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let (two, _) = world.account("two").await;
        let path = world.device(&one, phone(PHONE)).await;
        assert_eq!(world.get(&path).await.data()["mac_address"], PHONE);
        let taken = world.send("PUT", &format!("/v2/accounts/{two}/devices"), phone("0004F2-AB7EFD")).await;
        assert_eq!(taken.status, 400);
        assert_eq!(taken.json()["message"], "validation error");
        let problem = json!({"message": "MAC address already in use", "cause": "0004f2ab7efd"});
        assert_eq!(taken.data(), json!({"mac_address": {"unique": problem}}));
        let list = format!("/v2/accounts/{one}/devices?filter_mac_address=0004.F2ab.7eFD");
        assert_eq!(world.get(&list).await.data()[0]["id"], id_at(&path).to_string());
        let list = format!("/v2/accounts/{two}/devices?filter_mac_address=0004F2AB7EFD");
        assert_eq!(world.get(&list).await.data(), json!([]));
        assert_eq!(world.send("PATCH", &path, json!({"mac_address": "00-04-F2-AB-7E-FD"})).await.status, 200);
    });
}

#[test]
fn a_sip_username_is_unique_in_its_account() {
    run(async {
        let world = World::new().await;
        let master = world.master.to_string();
        world.device(&master, json!({"name": "a", "sip": {"username": "alice"}})).await;
        let devices = format!("/v2/accounts/{master}/devices");
        let taken = world.send("PUT", &devices, json!({"name": "b", "sip": {"username": "ALICE"}})).await;
        let problem = json!({"message": "SIP credentials already in use", "cause": "ALICE"});
        assert_eq!((taken.status, taken.data()), (400, json!({"sip.username": {"unique": problem}})));
    });
}

#[test]
fn an_address_logs_in_one_device_only_in_whatever_notation() {
    run(async {
        let world = World::new().await;
        let devices = format!("/v2/accounts/{}/devices", world.master);
        let by = |ip: &str| json!({"name": "trunk", "sip": {"method": "ip", "ip": ip}});
        assert_eq!(world.send("PUT", &devices, by("2001:db8::1")).await.status, 201);
        assert_eq!(world.send("PUT", &devices, by("192.0.2.1")).await.status, 201);
        for same in ["2001:0DB8:0::0:1", "::ffff:192.0.2.1"] {
            let taken = world.send("PUT", &devices, by(same)).await;
            let problem = json!({"message": "SIP IP already in use", "cause": same});
            assert_eq!((taken.status, taken.data()), (400, json!({"sip.ip": {"unique": problem}})));
        }
    });
}

#[test]
fn everything_that_is_wrong_with_a_device_is_said_at_once_and_without_secrets() {
    run(async {
        let world = World::new().await;
        let wish = json!({
            "enabled": [], "mac_address": "00:04:f2", "timezone": "Europe/Vienna2",
            "sip": {"password": "abc!", "method": "ip", "ip": "::g"},
        });
        let said = world.send("PUT", &format!("/v2/accounts/{}/devices", world.master), wish).await;
        assert_eq!(said.status, 400);
        let data = said.data();
        let paths: Vec<&String> = data.as_object().unwrap().keys().collect();
        assert_eq!(paths, ["enabled", "mac_address", "name", "sip.ip", "sip.password", "timezone"]);
        assert_eq!(
            data["sip.ip"]["type"]["message"],
            "Must be a valid IPv4 RFC 791 or IPv6 RFC 4291 address"
        );
        assert!(data["timezone"]["invalid"]["message"].as_str().unwrap().contains("Europe/Vienna"));
        assert!(!data.to_string().contains("abc!"), "{said:?}");
    });
}

#[test]
fn odd_members_are_refused_or_kept_but_never_trip_the_server() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), phone(PHONE)).await;
        for (member, value) in [
            ("mac_address", json!(5)),
            ("mac_address", json!(["00"])),
            ("mac_address", json!("")),
            ("sip", json!(null)),
            ("sip", json!("x")),
            ("provision", json!([])),
            ("timezone", json!(7)),
            ("timezone", json!("inherit")),
            ("provision", json!({"combo_keys": {"0": null, "x": 1}})),
            ("sync", json!({})),
            ("revision", json!({})),
            ("name", json!("\u{0}\n\"")),
            ("owner_id", json!("x".repeat(32))),
            ("deep", json!([[[[[[1]]]]]])),
        ] {
            for verb in ["PATCH", "POST"] {
                let said = world.send(verb, &path, json!({"name": "n", member: value})).await;
                assert!(matches!(said.status, 200 | 400), "{member} {value}: {said:?}");
            }
        }
    });
}

#[test]
fn what_is_nested_too_deep_to_be_read_again_is_refused() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), json!({"name": "a"})).await;
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(world.send("PATCH", &path, json!({"deep": nested(99)})).await.status, 200);
        assert_eq!(world.get(&path).await.data()["deep"], nested(99));
        for levels in [100, 125, 126, 127, 5000] {
            let said = world.send("PATCH", &path, json!({"deep": nested(levels)})).await;
            assert_eq!((said.status, &said.json()["message"]), (400, &json!("validation error")), "{levels}");
        }
        assert_eq!(world.get(&path).await.status, 200);
    });
}

#[test]
fn null_clears_a_key_of_the_phone() {
    run(async {
        let world = World::new().await;
        let key = json!({"type": "speed_dial", "value": "100"});
        let wish = json!({"name": "a", "provision": {"combo_keys": {"0": key, "1": null}}});
        let path = world.device(&world.master.to_string(), wish).await;
        assert_eq!(world.get(&path).await.data()["provision"]["combo_keys"], json!({"0": key}));
        let said =
            world.send("PATCH", &path, json!({"provision": {"combo_keys": {"0": null, "2": key}}})).await;
        assert_eq!(said.data()["provision"]["combo_keys"], json!({"2": key}));
    });
}

#[test]
fn the_realm_of_the_account_is_not_repeated_in_a_device() {
    run(async {
        let world = World::new().await;
        let said = world.send("PUT", "/v2/accounts", json!({"name": "x", "realm": "sip.Example.com"})).await;
        let account = said.id();
        let wish = |realm: &str| json!({"name": "a", "sip": {"realm": realm}});
        let same = world.device(&account, wish("SIP.example.com")).await;
        let other = world.device(&account, wish("other.example.com")).await;
        assert_eq!(world.get(&same).await.data()["sip"].get("realm"), None);
        assert_eq!(world.get(&other).await.data()["sip"]["realm"], "other.example.com");
    });
}

#[test]
fn a_change_leaves_a_mark_and_a_change_of_nothing_leaves_none() {
    run(async {
        let world = World::new().await;
        let (account, _) = world.account("one").await;
        let id: Id = account.parse().unwrap();
        assert_eq!(world.marks().await, [Scope::Account(id)]);
        world.forget_marks().await;
        let path = world.device(&account, phone(PHONE)).await;
        let device = Scope::Device(id_at(&path));
        assert_eq!(world.marks().await, std::slice::from_ref(&device));
        world.forget_marks().await;
        let before = world.get(&path).await;
        assert_eq!(world.send("PATCH", &path, json!({"name": "desk"})).await.status, 200);
        assert_eq!(world.send("POST", &path, before.data()).await.status, 200);
        assert_eq!(world.marks().await, []);
        assert_eq!(world.get(&path).await.json()["revision"], before.json()["revision"]);
        world.send("PATCH", &path, json!({"name": "other"})).await;
        world.send("DELETE", &path, json!({})).await;
        assert_eq!(world.marks().await, [device.clone(), device]);
        world.forget_marks().await;
        let users = format!("/v2/accounts/{account}/users");
        let user = world.send("PUT", &users, json!({"first_name": "Ada", "last_name": "L"})).await.id();
        assert_eq!(world.marks().await, [Scope::User(user.parse().unwrap()), Scope::Users(id)]);
        world.forget_marks().await;
        world.send("PATCH", &format!("/v2/accounts/{account}"), json!({"timezone": "Europe/Vienna"})).await;
        assert_eq!(world.marks().await, [Scope::Account(id)]);
    });
}

#[test]
fn nobody_reaches_beyond_the_accounts_below_its_own() {
    run(async {
        let world = World::new().await;
        let (one, key) = world.account("one").await;
        let (two, _) = world.account("two").await;
        let (token, master) = (world.log_in(&key).await, world.master);
        let below = world.as_token(&token, "PUT", "/v2/accounts", json!({"name": "below"})).await;
        let devices = |account: &str| format!("/v2/accounts/{account}/devices");
        let allowed = [devices(&one), devices(&below.id())];
        for path in allowed {
            assert_eq!(world.as_token(&token, "GET", &path, json!({})).await.status, 200);
        }
        for path in [devices(&two), devices(&master.to_string()), "/v2/templates".to_owned()] {
            let said = world.as_token(&token, "GET", &path, json!({})).await;
            assert_eq!((said.status, said.data()), (403, json!({"message": "forbidden"})), "{path}");
        }
        let path = world.device(&two, json!({"name": "theirs"})).await;
        let through = path.replace(&two, &one);
        assert_eq!(world.as_token(&token, "GET", &through, json!({})).await.status, 404);
        let deleted = world.as_token(&token, "DELETE", &format!("/v2/accounts/{two}"), json!({})).await;
        assert_eq!(deleted.status, 403);
    });
}

#[test]
fn requests_are_judged_in_the_order_that_clients_know() {
    run(async {
        let world = World::new().await;
        let good = ("x-auth-token", world.token.as_str());
        let bad = ("x-auth-token", "0123");
        let xml = ("content-type", "multipart/form-data; boundary=x");
        let own = format!("/v2/accounts/{}", world.master);
        let (devices, nobody) = (format!("{own}/devices"), format!("/v2/accounts/{}", "ab".repeat(16)));
        let device = format!("{devices}/{}", "cd".repeat(16));
        let none: &[(&str, &str)] = &[];
        for (verb, path, headers, body, status, message) in [
            ("PUT", &*devices, &[bad][..], "{", 400, "validation error"),
            ("PUT", "/v2/nothing", &[bad], "{}", 401, "invalid credentials"),
            ("GET", "/v2/nothing", none, "", 404, "not_found"),
            ("GET", "/nothing", none, "", 404, "not_found"),
            ("PATCH", &devices, none, "", 405, "invalid_method"),
            ("GET", &nobody, none, "", 404, "bad_identifier"),
            ("GET", "/v2/accounts/short", none, "", 404, "bad identifier"),
            ("GET", &devices, none, "", 401, "invalid_credentials"),
            ("PUT", &devices, &[good], "", 400, "validation error"),
            ("PUT", &devices, &[good], "[]", 400, "validation error"),
            ("PUT", &devices, &[good], r#"{"data":5}"#, 400, "validation error"),
            ("GET", &device, &[good], "", 404, "bad_identifier"),
            ("GET", &format!("{devices}/%FF%00"), &[good], "", 404, "bad_identifier"),
            ("GET", &format!("{devices}?page_size=0"), &[good], "", 404, "faulty_request"),
            ("GET", &format!("{devices}?page_size=x"), &[good], "", 404, "faulty_request"),
            ("GET", &format!("{devices}?start_key=x"), &[good], "", 404, "faulty_request"),
        ] {
            let said = world.raw(verb, path, headers, body).await;
            assert_eq!(
                (said.status, &said.json()["message"]),
                (status, &json!(message)),
                "{verb} {path} {body}"
            );
            assert_eq!(
                (&said.json()["error"], &said.json()["status"]),
                (&json!(status.to_string()), &json!("error"))
            );
        }
        let said = world.raw("PUT", &devices, &[good, xml], "--x--").await;
        assert_eq!((said.status, &*said.text), (415, ""));
    });
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    run(async {
        let world = World::new().await;
        let body = format!(r#"{{"data":{{"name":"{}"}}}}"#, "x".repeat(8_000_000));
        let path = format!("/v2/accounts/{}/devices", world.master);
        let said = world.raw("PUT", &path, &[("x-auth-token", &world.token)], &body).await;
        assert_eq!((said.status, &said.data()["file"]["maxSize"]["target"]), (400, &json!(8_000_000)));
        let large = world.send("PUT", &path, json!({"name": "a", "notes": "x".repeat(200_000)})).await;
        assert_eq!((large.status, &large.json()["message"]), (400, &json!("validation error")));
    });
}

#[test]
fn a_token_comes_by_four_ways_and_ends_after_an_hour() {
    run(async {
        let world = World::new().await;
        let path = format!("/v2/accounts/{}/devices", world.master);
        let bearer = format!("Bearer {}", world.token);
        assert_eq!(world.raw("GET", &path, &[("authorization", &bearer)], "").await.status, 200);
        assert_eq!(
            world.raw("GET", &format!("{path}?auth_token={}", world.token), &[], "").await.status,
            200
        );
        assert_eq!(world.with("GET", &path, &json!({"auth_token": world.token})).await.status, 200);
        let_pass(3599);
        assert_eq!(world.get(&path).await.status, 200);
        let_pass(1);
        let ended = world.get(&path).await;
        assert_eq!((ended.status, ended.data()), (401, json!({})));
        let tokens = world.store.notes(checksync::store::Table::Token, None, 10).await.unwrap();
        assert!(tokens.is_empty());
    });
}

#[test]
fn logging_in_says_whose_key_it_is() {
    run(async {
        let world = World::new().await;
        let log_in = async |data: Value| world.with("PUT", "/v2/api_auth", &json!({"data": data})).await;
        let said = log_in(json!({"api_key": KEY})).await;
        assert_eq!((said.status, &said.data()["account_id"]), (201, &json!(world.master.to_string())));
        assert_eq!((&said.data()["account_name"], &said.data()["apps"]), (&json!("master"), &json!([])));
        assert_eq!(said.data()["is_master_account"], true);
        let unknown = log_in(json!({"api_key": "f".repeat(64)})).await;
        assert_eq!((unknown.status, unknown.data()), (404, json!(["key"])));
        assert!(!unknown.text.contains("ffff"));
        assert_eq!(log_in(json!({"api_key": KEY.to_uppercase()})).await.status, 201);
        assert_eq!(log_in(json!({"api_key": "short"})).await.status, 400);
        assert_eq!(log_in(json!({})).await.data()["api_key"]["required"]["value"], "api_key");
    });
}

#[test]
fn a_new_account_gets_a_realm_a_key_and_a_password_for_its_phones() {
    run(async {
        let world = World::new().await;
        let said = world.send("PUT", "/v2/accounts", json!({"name": "one"})).await;
        let data = said.data();
        assert!(data["realm"].as_str().unwrap().ends_with(".sip.local"));
        assert_eq!(data["provision"]["admin_password"].as_str().unwrap().len(), 12);
        assert_eq!(data["api_key"].as_str().unwrap().len(), 64);
        let path = format!("/v2/accounts/{}", said.id());
        assert_eq!(world.get(&path).await.data().get("api_key"), None);
        let below = world.send("PUT", &path, json!({"name": "below", "realm": "a b.example.com"})).await;
        assert_eq!((&below.data()["realm"], below.data().get("provision")), (&json!("ab.example.com"), None));
        let replaced = world.send("POST", &path, json!({"name": "renamed"})).await;
        assert_eq!(replaced.data()["realm"], data["realm"]);
        let taken =
            world.send("PUT", "/v2/accounts", json!({"name": "two", "realm": "AB.example.com"})).await;
        assert_eq!((taken.status, taken.data()["realm"]["unique"].is_object()), (400, true));
        let names =
            |said: &Value| said.as_array().unwrap().iter().map(|row| row["name"].clone()).collect::<Vec<_>>();
        let master = format!("/v2/accounts/{}", world.master);
        assert_eq!(names(&world.get(&format!("{master}/children")).await.data()), ["renamed"]);
        assert_eq!(world.get(&format!("{master}/descendants")).await.data().as_array().unwrap().len(), 2);
        assert_eq!(world.send("DELETE", &path, json!({})).await.json()["message"], "account_has_descendants");
        assert_eq!(world.send("DELETE", &master, json!({})).await.status, 403);
        assert_eq!(
            world.send("DELETE", &format!("/v2/accounts/{}", below.id()), json!({})).await.status,
            200
        );
        assert_eq!(world.send("DELETE", &path, json!({})).await.status, 200);
    });
}

#[test]
fn a_new_api_key_ends_the_old_one() {
    run(async {
        let world = World::new().await;
        let (account, old) = world.account("one").await;
        let said = world.send("PUT", &format!("/v2/accounts/{account}/api_key"), json!({})).await;
        let new = said.data()["api_key"].as_str().unwrap().to_owned();
        let refused = world.with("PUT", "/v2/api_auth", &json!({"data": {"api_key": old}})).await;
        assert_eq!(refused.status, 404);
        world.log_in(&new).await;
    });
}

#[test]
fn a_users_password_never_comes_out_again() {
    run(async {
        let world = World::new().await;
        let users = format!("/v2/accounts/{}/users", world.master);
        let wish = json!({"first_name": "Ada", "last_name": "L", "username": "ada", "password": "s3cret"});
        let said = world.send("PUT", &users, wish).await;
        assert_eq!(said.status, 201, "{said:?}");
        let path = format!("{users}/{}", said.id());
        let stored = || async { world.store.user(id_at(&path)).await.unwrap().unwrap().document.body };
        let credentials = stored().await["pvt_md5_auth"].clone();
        let more = json!({"email": "ada@example.com", "pvt_md5_auth": "x"});
        let patched = world.send("PATCH", &path, more).await;
        assert_eq!(patched.data()["email"], "ada@example.com");
        assert_eq!(stored().await["pvt_md5_auth"], credentials);
        for said in [&said, &patched, &world.get(&users).await] {
            assert!(!said.text.contains("s3cret") && !said.text.contains("pvt_"), "{said:?}");
        }
        assert_eq!(world.send("DELETE", &path, json!({})).await.status, 200);
        assert_eq!(world.get(&path).await.status, 404);
    });
}

#[test]
fn lists_are_paged_newest_id_first() {
    run(async {
        let world = World::new().await;
        let master = world.master.to_string();
        let mut ids = Vec::new();
        for number in 0..5 {
            ids.push(id_at(&world.device(&master, json!({"name": number.to_string()})).await).to_string());
        }
        ids.sort();
        ids.reverse();
        let list =
            async |query: &str| world.get(&format!("/v2/accounts/{master}/devices?{query}")).await.json();
        let found = |page: &Value| {
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let first = list("page_size=2&_=123").await;
        assert_eq!((found(&first), &first["page_size"]), (ids[..2].to_vec(), &json!(2)));
        let next =
            |page: &Value| format!("page_size=2&start_key={}", page["next_start_key"].as_str().unwrap());
        let second = list(&next(&first)).await;
        assert_eq!(found(&second), ids[2..4]);
        let third = list(&next(&second)).await;
        assert_eq!((found(&third), third.get("next_start_key")), (ids[4..].to_vec(), None));
        let all = list("paginate=false").await;
        assert_eq!((found(&all), all.get("page_size")), (ids.clone(), None));
        ids.reverse();
        assert_eq!(found(&list("ascending=true&page_size=2").await), ids[..2]);
        assert_eq!(list("paginate=false").await["data"][0]["mac_address"], "");
    });
}

#[test]
fn a_users_devices_are_those_it_owns() {
    run(async {
        let world = World::new().await;
        let master = world.master.to_string();
        let users = format!("/v2/accounts/{master}/users");
        let user = world.send("PUT", &users, json!({"first_name": "Ada", "last_name": "L"})).await.id();
        let mine =
            world.device(&master, json!({"name": "mine", "owner_id": user, "sip": {"username": "me"}})).await;
        let key = json!({"0": {"type": "presence", "value": user}});
        world.device(&master, json!({"name": "shows", "provision": {"combo_keys": key}})).await;
        let rows = world.get(&format!("{users}/{user}/devices")).await.data();
        assert_eq!(
            rows,
            json!([{
                "id": id_at(&mine).to_string(), "name": "mine", "owner_id": user, "enabled": true,
                "mac_address": "", "device_type": "sip_device", "hotdesked": false,
            }])
        );
        let filtered =
            world.get(&format!("/v2/accounts/{master}/devices?filter_owner_id={user}")).await.data();
        assert_eq!((filtered.as_array().unwrap().len(), &filtered[0]["username"]), (1, &json!("me")));
    });
}

#[test]
fn status_lists_who_is_registered() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), phone(PHONE)).await;
        let status = format!("/v2/accounts/{}/devices/status", world.master);
        assert_eq!(world.get(&status).await.data(), json!([]));
        world.registrations.set(id_at(&path), 1);
        let row = json!({"device_id": id_at(&path).to_string(), "registered": true});
        assert_eq!(world.get(&status).await.data(), json!([row]));
    });
}

#[test]
fn sync_asks_for_the_phone_and_is_never_stored() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), phone(PHONE)).await;
        let said = world.send("PATCH", &path, json!({"sync": true, "name": "new"})).await;
        assert_eq!((said.status, said.data().get("sync")), (200, None));
        let said = world
            .raw("POST", &format!("{path}/sync?reboot=false"), &[("x-auth-token", &world.token)], "")
            .await;
        assert_eq!((said.status, said.data()), (200, json!("sync request sent")));
        let unclear = world
            .raw("POST", &format!("{path}/sync?reboot=maybe"), &[("x-auth-token", &world.token)], "")
            .await;
        assert_eq!((unclear.status, unclear.data().get("reboot").is_some()), (400, true));
        assert_eq!(world.get(&format!("{path}/sync")).await.status, 405);
        assert_eq!(world.get(&path).await.data().get("sync"), None);
        world.turn().await;
        let row = world.get(&format!("{path}/provisioning")).await.data();
        let waits = json!({
            "since": NOW, "attempts": 0, "next": NOW, "asked": "reread", "stage": "waiting", "campaign": null,
        });
        assert_eq!(row["pending"], waits, "{row}");
    });
}

#[test]
fn provisioning_says_what_a_phone_holds_and_what_it_would_be_given() {
    run(async {
        let world = World::new().await;
        let path = world.device(&world.master.to_string(), phone(PHONE)).await;
        let row = world.get(&format!("{path}/provisioning")).await.data();
        assert_eq!((&row["model"], &row["refusal"]), (&json!("yealink/t4x/t46s"), &Value::Null));
        assert_eq!((&row["in_step"], &row["auto_sync"]), (&json!(false), &json!(true)));
        let file =
            row["files"].as_array().unwrap().iter().find(|file| file["name"] == "0004f2ab7efd.cfg").unwrap();
        assert!(file["given"].is_string() && file["held"].is_null());
        let given: checksync::id::Digest = file["given"].as_str().unwrap().parse().unwrap();
        let mut held = checksync::resync::Held::default();
        held.fetch("0004f2ab7efd.cfg", given, NOW);
        let note = checksync::store::Note {
            table: checksync::store::Table::Held,
            key: id_at(&path).as_bytes().to_vec(),
            value: serde_json::to_vec(&held).ok(),
        };
        world.store.jot(vec![note]).await.unwrap();
        let list = world.get(&format!("/v2/accounts/{}/provisioning", world.master)).await;
        assert_eq!((&list.data()[0]["in_step"], &list.json()["page_size"]), (&json!(true), &json!(1)));
        let other = json!({"sip": {"password": "another-secret"}});
        assert_eq!(world.send("PATCH", &path, other).await.status, 200);
        let row = world.get(&format!("{path}/provisioning")).await;
        assert_eq!(row.data()["in_step"], false);
        assert!(!row.text.contains("another-secret"));
        let other = world.device(&world.master.to_string(), json!({"name": "soft"})).await;
        let row = world.get(&format!("{other}/provisioning")).await.data();
        assert_eq!(row["refusal"], "the device has no MAC address");
    });
}

#[test]
fn templates_are_shown_to_the_master_account() {
    run(async {
        let world = World::new().await;
        let data = world.get("/v2/templates").await.data();
        assert!(data["in_use"]["yealink"].is_string());
        assert!(data["models"].as_u64().unwrap() >= data["families"].as_u64().unwrap());
        assert_eq!(data["findings"], json!([]));
    });
}

#[test]
fn the_watchdog_needs_no_token_and_reading_works_without_a_body() {
    run(async {
        let world = World::new().await;
        let said = world.raw("GET", "/healthz", &[], "").await;
        assert_eq!((said.status, said.json()), (200, json!({"status": "ok"})));
        let path = world.device(&world.master.to_string(), json!({"name": "a"})).await;
        let head = world.raw("HEAD", &path, &[("x-auth-token", &world.token)], "").await;
        assert_eq!(head.status, 200);
        let known = [("x-auth-token", &*world.token), ("if-none-match", head.header("etag"))];
        assert_eq!(world.raw("GET", &path, &known, "").await.status, 304);
        let named = [("x-auth-token", &*world.token), ("x-request-id", "mine")];
        assert_eq!(world.raw("GET", &path, &named, "").await.json()["request_id"], "mine");
    });
}
