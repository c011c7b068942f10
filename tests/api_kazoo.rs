//! A Kazoo cluster and its web page, with their provisioner here.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::{Said, World, run};
use checksync::id::Id;
use checksync::resync::Scope;
use serde_json::{Value, json};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
const MAC: &str = "805ec0123456";
const KAZOOS_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl";

/// As a server of the cluster does it: from its network, with a token that means nothing here.
async fn kazoo(world: &World, verb: &str, path: &str, body: &Value) -> Said {
    let headers = [("x-auth-token", KAZOOS_TOKEN), ("content-type", "application/json")];
    world.raw_from("198.51.100.7:40000", verb, path, &headers, &body.to_string()).await
}

fn account_push(realm: &str, zone: &str) -> Value {
    let settings = json!({"lines": [{"sip": {"realm": realm}}], "datetime": {"time": {"timezone": zone}}});
    json!({"create_if_missing": true, "merge": true, "reseller_id": "f".repeat(32), "data": {"settings": settings}})
}

fn envelope(data: &Value) -> Value {
    json!({"create_if_missing": true, "generate": true, "merge": true, "data": data})
}

/// What Kazoo pushes for a Yealink, all members that it sends.
fn yealink() -> Value {
    json!({
        "brand": "yealink", "family": "t4x", "model": "t46s", "name": "Front desk",
        "settings": {
            "lines": {"0": {
                "basic": {"display_name": "Front desk", "enable": true, "enabled": true},
                "sip": {"username": "user_front", "password": "s3cret-front", "realm": "shop.example.com"},
                "advanced": {"expire": 360, "srtp": true},
            }},
            "codecs": {"0": {
                "audio": {
                    "primary_codec": "G722", "secondary_codec": "PCMA", "tertiary_codec": null,
                    "quaternary_codec": null,
                },
                "video": {
                    "primary_codec": null, "secondary_codec": null, "tertiary_codec": null,
                    "quaternary_codec": null,
                },
            }},
            "datetime": {"time": {"timezone": "Europe/Vienna"}},
            "feature_keys": {"account": "1"},
            "combo_keys": {
                "1": {"key": {"label": "Bob Nearby", "value": "102", "type": "16", "account": "1"}},
                "2": {"key": {"label": "Mum", "value": "+43123", "type": "13", "account": "1"}},
                "3": {"key": {"label": "Park 4", "value": "*34", "type": "10", "account": "1"}},
                "4": {"key": {"label": "Park Bob", "value": "*3102", "type": "10", "account": "1"}},
                "5": {"key": {"label": "", "value": "", "type": "15", "account": "1"}},
                "6": null,
                "account": "1",
            },
            "line_keys": {"0": {"key": {"account": "1", "type": "15"}}},
        },
    })
}

fn device_path(mac: &str) -> String {
    format!("/devices/{ACCOUNT}/{mac}")
}

/// A cluster that has pushed its account and one phone.
async fn cluster() -> World {
    let world = World::new().await;
    let body = account_push("shop.example.com", "America/New_York");
    let pushed = kazoo(&world, "POST", &format!("/accounts/{ACCOUNT}"), &body).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    let pushed = kazoo(&world, "POST", &device_path(MAC), &envelope(&yealink())).await;
    assert_eq!(pushed.status, 200, "{pushed:?}");
    assert_eq!(pushed.json()["status"], "success");
    world
}

async fn push(world: &World, data: &Value) -> Said {
    kazoo(world, "POST", &device_path(MAC), &envelope(data)).await
}

/// The device's document, by our own API.
async fn device(world: &World, mac: &str) -> Option<Value> {
    let list = world.get(&format!("/v2/accounts/{ACCOUNT}/devices?filter_mac_address={mac}")).await.data();
    let id = list.get(0)?["id"].as_str()?.to_owned();
    Some(world.get(&format!("/v2/accounts/{ACCOUNT}/devices/{id}")).await.data())
}

async fn account(world: &World) -> Value {
    world.get(&format!("/v2/accounts/{ACCOUNT}")).await.data()
}

fn has_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} is not in {text}");
    }
}

#[test]
fn a_pushed_phone_is_given_what_kazoo_said() {
    run(async {
        let world = cluster().await;
        let text = world.given(MAC).await;
        has_lines(
            &text,
            &[
                "account.1.enable = 1",
                "account.1.display_name = Front desk",
                "account.1.user_name = user_front",
                "account.1.password = s3cret-front",
                "account.1.sip_server.1.address = shop.example.com",
                "account.1.sip_server.1.expires = 360",
                "account.1.srtp_encryption = 1",
                "account.1.codec.g722.priority = 1",
                "account.1.codec.pcma.priority = 2",
                "account.1.codec.pcmu.enable = 0",
                "local_time.time_zone = +1",
                "linekey.1.type = 15",
                "linekey.2.type = 16",
                "linekey.2.value = 102",
                "linekey.2.label = Bob Nearby",
                "linekey.3.type = 13",
                "linekey.3.value = +43123",
                "linekey.3.label = Mum",
                "linekey.4.value = *34",
                "linekey.4.label = Park 4",
                "linekey.5.value = *3102",
                "linekey.5.label = Park Bob",
                "linekey.6.type = 15",
                "linekey.7.type = 0",
            ],
        );
    });
}

#[test]
fn a_pushed_device_is_a_document_like_any_other() {
    run(async {
        let world = cluster().await;
        let device = device(&world, MAC).await.unwrap();
        assert_eq!(device["mac_address"], "80:5e:c0:12:34:56");
        assert_eq!(device["sip"]["username"], "user_front");
        assert_eq!(device["sip"]["realm"], Value::Null, "it is the account's");
        assert_eq!(device["media"]["encryption"]["methods"], json!(["srtp"]));
        assert_eq!(device["provision"]["combo_keys"]["3"]["type"], "parking");
        assert!(device.get("pvt_pushed_by").is_none());
        let path = format!("/v2/accounts/{ACCOUNT}/devices/{}", device["id"].as_str().unwrap());
        let said = world.send("PATCH", &path, json!({"name": "Reception"})).await;
        assert_eq!(said.status, 200);
        has_lines(&world.given(MAC).await, &["account.1.display_name = Reception", "linekey.2.value = 102"]);
        let said = kazoo(&world, "DELETE", &format!("/accounts/{ACCOUNT}"), &json!({})).await;
        assert_eq!(said.status, 200, "it is still one that Kazoo has pushed");
    });
}

#[test]
fn the_same_push_again_writes_nothing_and_another_marks_the_device() {
    run(async {
        let world = cluster().await;
        let before = world.store.device_by_mac(MAC.parse().unwrap()).await.unwrap().unwrap();
        world.forget_marks().await;
        let again = account_push("shop.example.com", "America/New_York");
        assert_eq!(kazoo(&world, "POST", &format!("/accounts/{ACCOUNT}"), &again).await.status, 200);
        assert_eq!(push(&world, &yealink()).await.status, 200);
        assert_eq!(world.marks().await, []);
        let mut changed = yealink();
        changed["settings"]["lines"]["0"]["sip"]["password"] = json!("another-s3cret");
        assert_eq!(push(&world, &changed).await.status, 200);
        assert_eq!(world.marks().await, [Scope::Device(before.id())]);
        has_lines(&world.given(MAC).await, &["account.1.password = another-s3cret"]);
    });
}

#[test]
fn pushes_of_one_device_at_the_same_moment_make_one_device_and_all_succeed() {
    run(async {
        let world = World::new().await;
        let pushes: Vec<Value> = (0..4)
            .map(|number| {
                let mut data = yealink();
                data["settings"]["lines"]["0"]["advanced"]["expire"] = json!(300 + number);
                data
            })
            .collect();
        let under_way = pushes.iter().map(|data| push(&world, data));
        for said in futures_util::future::join_all(under_way).await {
            assert_eq!(said.status, 200, "{said:?}");
        }
        let listed = world.get(&format!("/v2/accounts/{ACCOUNT}/devices")).await.data();
        assert_eq!(listed.as_array().unwrap().len(), 1);
    });
}

#[test]
fn null_clears_a_key_and_a_key_that_is_not_mentioned_stays() {
    run(async {
        let world = cluster().await;
        let said = push(&world, &json!({"brand": "yealink", "settings": {"combo_keys": {"1": null}}})).await;
        assert_eq!(said.status, 200);
        has_lines(&world.given(MAC).await, &["linekey.2.type = 0", "linekey.3.value = +43123"]);
        assert!(device(&world, MAC).await.unwrap()["provision"]["combo_keys"].get("1").is_none());
    });
}

#[test]
fn the_keys_of_other_brands_reach_their_phones() {
    run(async {
        let world = cluster().await;
        let key = |code: &str, label: &str, value: &str| json!({"key": {"type": code, "label": label, "value": value}});
        let phones = [
            ("0004f2000001", "polycom", "vvx", "vvx411", ["normal", "automata"]),
            ("000b82000001", "grandstream", "grp26xx", "grp2614", ["1", "9"]),
            ("000413000001", "snom", "d7xx", "d785", ["", ""]),
        ];
        for (mac, brand, family, model, [presence, parking]) in phones {
            let keys = json!({"1": key(presence, "Bob Nearby", "102"), "2": key(parking, "Park 4", "*34")});
            let line = json!({"sip": {"username": brand, "password": "s3cret-front"}});
            let settings = json!({"lines": {"0": line}, "feature_keys": keys});
            let data = json!({"brand": brand, "family": family, "model": model, "name": brand, "settings": settings});
            let said = kazoo(&world, "POST", &device_path(mac), &envelope(&data)).await;
            assert_eq!(said.status, 200, "{said:?}");
            let text = world.given(mac).await;
            assert!(["Bob Nearby", "102", "Park 4", "*34"].iter().all(|part| text.contains(part)), "{text}");
            let stored = device(&world, mac).await.unwrap()["provision"]["feature_keys"].clone();
            assert_eq!((&stored["1"]["type"], &stored["2"]["type"]), (&json!("presence"), &json!("parking")));
        }
    });
}

#[test]
fn a_phone_that_is_exchanged_is_deleted_and_pushed_again() {
    run(async {
        let world = cluster().await;
        let old = world.store.device_by_mac(MAC.parse().unwrap()).await.unwrap().unwrap().id();
        world.forget_marks().await;
        assert_eq!(kazoo(&world, "DELETE", &device_path(MAC), &json!({})).await.status, 200);
        assert_eq!(world.marks().await, [Scope::Device(old)]);
        let new = "805ec0123457";
        assert_eq!(kazoo(&world, "POST", &device_path(new), &envelope(&yealink())).await.status, 200);
        assert!(device(&world, MAC).await.is_none());
        assert_eq!(device(&world, new).await.unwrap()["sip"]["username"], "user_front");
        let again = kazoo(&world, "DELETE", &device_path(MAC), &json!({})).await;
        assert_eq!(again.status, 200, "what is gone needs no deleting");
    });
}

#[test]
fn an_account_is_made_under_kazoos_own_id_and_follows_its_pushes() {
    run(async {
        let world = cluster().await;
        let made = account(&world).await;
        assert_eq!(
            (&made["id"], &made["realm"], &made["timezone"], &made["name"]),
            (&json!(ACCOUNT), &json!("shop.example.com"), &json!("America/New_York"), &json!(ACCOUNT))
        );
        let stored = world.store.account(ACCOUNT.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(stored.parent(), Some(world.master));
        world.forget_marks().await;
        let path = format!("/accounts/{ACCOUNT}");
        let said = kazoo(&world, "POST", &path, &account_push("shop2.example.com", "Europe/Berlin")).await;
        assert_eq!(said.status, 200);
        assert_eq!(world.marks().await, [Scope::Account(ACCOUNT.parse::<Id>().unwrap())]);
        has_lines(&world.given(MAC).await, &["account.1.sip_server.1.address = shop2.example.com"]);
    });
}

#[test]
fn an_account_stands_below_its_reseller_where_that_is_known() {
    run(async {
        let world = cluster().await;
        let mut pushed = account_push("below.example.com", "Europe/Berlin");
        pushed["reseller_id"] = json!(ACCOUNT);
        pushed["data"]["name"] = json!("Below");
        let id = "1".repeat(32);
        assert_eq!(kazoo(&world, "POST", &format!("/accounts/{id}"), &pushed).await.status, 200);
        let stored = world.store.account(id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(stored.parent(), Some(ACCOUNT.parse().unwrap()));
        assert_eq!(stored.document.text("name"), Some("Below"));
    });
}

#[test]
fn nothing_is_made_that_was_not_asked_for() {
    run(async {
        let world = World::new().await;
        let mut pushed = account_push("shop.example.com", "Europe/Vienna");
        pushed["create_if_missing"] = json!(false);
        assert_eq!(kazoo(&world, "POST", &format!("/accounts/{ACCOUNT}"), &pushed).await.status, 404);
        let device = json!({"merge": true, "data": yealink()});
        assert_eq!(kazoo(&world, "POST", &device_path(MAC), &device).await.status, 404);
        pushed["create_if_missing"] = json!(true);
        assert_eq!(kazoo(&world, "POST", &format!("/accounts/{ACCOUNT}"), &pushed).await.status, 200);
        assert_eq!(kazoo(&world, "POST", &device_path(MAC), &device).await.status, 404);
        assert_eq!(kazoo(&world, "POST", "/accounts/shop", &pushed).await.status, 404);
        assert_eq!(push(&world, &yealink()).await.status, 200);
    });
}

#[test]
fn a_device_brings_its_account_when_the_accounts_own_push_was_lost() {
    run(async {
        let world = World::new().await;
        assert_eq!(push(&world, &yealink()).await.status, 200);
        assert_eq!(account(&world).await["realm"], "shop.example.com");
        has_lines(&world.given(MAC).await, &["account.1.sip_server.1.address = shop.example.com"]);
    });
}

#[test]
fn a_push_without_merge_takes_the_place_of_what_was_there() {
    run(async {
        let world = cluster().await;
        let mut pushed = envelope(&json!({"brand": "yealink", "model": "t46s"}));
        pushed["merge"] = json!(false);
        assert_eq!(kazoo(&world, "POST", &device_path(MAC), &pushed).await.status, 200);
        let device = device(&world, MAC).await.unwrap();
        assert_eq!((&device["name"], &device["sip"]["username"]), (&json!("Front desk"), &Value::Null));
        assert_eq!(device["provision"]["endpoint_family"], "t4x");
    });
}

#[test]
fn a_mac_address_belongs_to_one_account_only() {
    run(async {
        let world = cluster().await;
        let other = "2".repeat(32);
        let push = account_push("other.example.com", "Europe/Vienna");
        assert_eq!(kazoo(&world, "POST", &format!("/accounts/{other}"), &push).await.status, 200);
        let mut data = yealink();
        data["settings"]["lines"]["0"]["sip"]["realm"] = json!("other.example.com");
        let said = kazoo(&world, "POST", &format!("/devices/{other}/{MAC}"), &envelope(&data)).await;
        assert_eq!(said.status, 400);
        assert!(said.data()["mac_address"]["unique"].is_object(), "{said:?}");
        let said = kazoo(&world, "DELETE", &format!("/devices/{other}/{MAC}"), &json!({})).await;
        assert_eq!(said.status, 200);
        assert!(device(&world, MAC).await.is_some(), "it is not the other's to delete");
    });
}

#[test]
fn a_search_says_whose_a_phone_is() {
    run(async {
        let world = cluster().await;
        let paths = [
            "/devices/search/805ec0123456",
            "/api/devices/search/80:5E:C0:12:34:56",
            "//devices/search/805ec0123456",
            "/api//devices/search/805ec0123456",
        ];
        for path in paths {
            let said = kazoo(&world, "GET", path, &json!({})).await;
            assert_eq!((said.status, &said.data()["account_id"]), (200, &json!(ACCOUNT)));
        }
        for path in ["/devices/search/805ec0999999", "/devices/search/none"] {
            assert_eq!(kazoo(&world, "GET", path, &json!({})).await.status, 404);
        }
        let (_, key) = world.account("beside").await;
        let token = world.log_in(&key).await;
        let said = world.as_token(&token, "GET", "/devices/search/805ec0123456", json!({})).await;
        assert_eq!(said.status, 403, "taken, but by whom is not said");
    });
}

#[test]
fn an_account_goes_with_its_pushed_devices_but_not_with_what_was_made_here() {
    run(async {
        let world = cluster().await;
        let path = format!("/accounts/{ACCOUNT}");
        let own = world.device(ACCOUNT, json!({"name": "made here"})).await;
        assert_eq!(kazoo(&world, "DELETE", &path, &json!({})).await.status, 400);
        assert!(device(&world, MAC).await.is_some(), "nothing was deleted");
        assert_eq!(world.send("DELETE", &own, json!({})).await.status, 200);
        let user = json!({"first_name": "Ann", "last_name": "Owner"});
        let user = world.send("PUT", &format!("/v2/accounts/{ACCOUNT}/users"), user).await.id();
        assert_eq!(kazoo(&world, "DELETE", &path, &json!({})).await.status, 400);
        world.send("DELETE", &format!("/v2/accounts/{ACCOUNT}/users/{user}"), json!({})).await;
        assert_eq!(kazoo(&world, "DELETE", &path, &json!({})).await.status, 200);
        assert!(world.store.account(ACCOUNT.parse().unwrap()).await.unwrap().is_none());
        assert!(world.store.device_by_mac(MAC.parse().unwrap()).await.unwrap().is_none());
        assert_eq!(kazoo(&world, "DELETE", &path, &json!({})).await.status, 200);
        let master = kazoo(&world, "DELETE", &format!("/accounts/{}", world.master), &json!({})).await;
        assert_eq!(master.status, 403);
    });
}

#[test]
fn kazoos_token_is_taken_from_its_own_network_only() {
    run(async {
        let world = cluster().await;
        let body = envelope(&yealink()).to_string();
        let path = device_path(MAC);
        let from = async |peer: &str, headers: &[(&str, &str)]| {
            world.raw_from(peer, "POST", &path, headers, &body).await.status
        };
        let token = ("x-auth-token", KAZOOS_TOKEN);
        assert_eq!(from("198.51.100.200:1", &[token]).await, 200);
        assert_eq!(from("[::ffff:198.51.100.200]:1", &[]).await, 200);
        assert_eq!(from("203.0.113.9:1", &[token]).await, 401);
        assert_eq!(from("203.0.113.9:1", &[]).await, 401);
        let forwarded = ("x-forwarded-for", "198.51.100.7");
        assert_eq!(from("203.0.113.9:1", &[token, forwarded, ("forwarded", "for=198.51.100.7")]).await, 401);
        let v2 = format!("/v2/accounts/{ACCOUNT}");
        let said = world.raw_from("198.51.100.7:1", "GET", &v2, &[token], "").await;
        assert_eq!(said.status, 401, "the network opens no other door");
    });
}

#[test]
fn our_own_tokens_reach_as_far_as_they_do_elsewhere() {
    run(async {
        let world = World::new().await;
        let (own, key) = world.account("own").await;
        let (other, _) = world.account("other").await;
        let token = world.log_in(&key).await;
        let headers = [("x-auth-token", token.as_str())];
        let mut data = yealink();
        data["settings"]["lines"]["0"]["sip"]["realm"] = Value::Null;
        let body = envelope(&data).to_string();
        let status = async |path: String| world.raw("POST", &path, &headers, &body).await.status;
        assert_eq!(status(format!("/devices/{other}/{MAC}")).await, 403);
        assert_eq!(status(format!("/api/devices/{own}/{MAC}")).await, 200);
        assert_eq!(status(format!("/accounts/{other}")).await, 403);
        assert_eq!(status(format!("/accounts/{}", "3".repeat(32))).await, 200);
        let made = world.store.account("3".repeat(32).parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(made.parent(), Some(own.parse().unwrap()));
        let realm = world.get(&format!("/v2/accounts/{other}")).await.data()["realm"].clone();
        data["settings"]["lines"]["0"]["sip"]["realm"] = realm;
        let path = format!("/devices/{own}/{MAC}");
        assert_eq!(world.raw("POST", &path, &headers, &envelope(&data).to_string()).await.status, 400);
    });
}

#[test]
fn the_page_sees_every_phone_without_a_token_of_ours() {
    run(async {
        let world = World::new().await;
        let headers = [("x-auth-token", KAZOOS_TOKEN)];
        let ask = async |path: &str| world.raw("GET", path, &headers, "").await;
        let all = ask("/api/phones").await;
        assert_eq!(all.status, 200);
        let model = all.data()["yealink"]["families"]["t4x"]["models"]["t46s"].clone();
        assert_eq!(model, json!({"id": "yealink_t4x_t46s", "name": "T46S"}));
        for path in ["/phones", "/phones/", "/api/phones/?_=1700000000"] {
            assert_eq!(ask(path).await.data(), all.data(), "{path}");
        }
        assert_eq!(ask("/api/phones/yealink").await.data(), all.data()["yealink"]);
        let family = ask("/api/phones/yealink/t4x").await.data();
        assert_eq!(family["models"]["t46s"], model);
        assert_eq!(ask("/api/phones/Yealink/T4x/T46S").await.data(), model);
        assert_eq!(ask("/api/phones/yealink/t9x").await.status, 404);
        let ui = ask("/api/ui/yealink/t4x/t46s").await;
        let keys = json!({"combo_keys": {"iterate": 267}, "feature_keys": {"iterate": 0}});
        assert_eq!((ui.status, ui.data()), (200, json!({"template": keys})));
        assert_eq!(ask("/api/ui/yealink/t4x/t99").await.status, 404);
    });
}

#[test]
fn a_lock_is_lifted_where_there_is_a_device() {
    run(async {
        let world = cluster().await;
        let unlock = async |path: &str| kazoo(&world, "DELETE", path, &json!({"data": {}})).await.status;
        assert_eq!(unlock(&format!("/api/locks/{ACCOUNT}/{MAC}")).await, 200);
        assert_eq!(unlock(&format!("/locks/{ACCOUNT}/805ec0999999")).await, 404);
        assert_eq!(unlock(&format!("/locks/{}/{MAC}", "9".repeat(32))).await, 404);
        let said = world.raw("DELETE", &format!("/api/locks/{ACCOUNT}/{MAC}"), &[], "").await;
        assert_eq!(said.status, 401);
    });
}

#[test]
fn paths_and_verbs_that_nobody_has_are_refused_in_json() {
    run(async {
        let world = World::new().await;
        for (verb, path, status) in [
            ("PUT", "/devices/a/b", 405),
            ("POST", "/phones", 405),
            ("GET", "/accounts", 404),
            ("GET", "/api", 404),
            ("GET", "/apiphones", 404),
            ("GET", "/devices", 404),
        ] {
            let said = world.raw(verb, path, &[], "").await;
            assert_eq!((said.status, &said.json()["status"]), (status, &json!("error")), "{verb} {path}");
        }
        assert_eq!(world.raw("GET", "/healthz", &[], "").await.status, 200);
    });
}

/// Every member of a push in turn, replaced by values of every type.
#[test]
fn no_push_whatever_it_says_brings_the_daemon_down() {
    run(async {
        let world = cluster().await;
        let wrong = [
            json!(null),
            json!(true),
            json!(-1.5e300),
            json!(""),
            json!("\u{0}\r\n"),
            json!("x".repeat(300)),
            json!([]),
            json!([[1]]),
            json!({}),
            json!({"0": {"key": {"type": [], "value": {}}}}),
        ];
        let push = envelope(&yealink());
        for path in pointers(&push, "") {
            for value in &wrong {
                let mut push = push.clone();
                *push.pointer_mut(&path).unwrap() = value.clone();
                let said = kazoo(&world, "POST", &device_path(MAC), &push).await;
                assert!(said.status < 500, "{path} {value}: {said:?}");
                let said = kazoo(&world, "POST", &format!("/accounts/{ACCOUNT}"), &push).await;
                assert!(said.status < 500, "{path} {value}: {said:?}");
            }
        }
        for body in ["", "{", "[]", "null", "{\"data\":7}", "\u{feff}{}"] {
            for path in [
                device_path(MAC),
                device_path("none"),
                format!("/accounts/{ACCOUNT}"),
                "/accounts/%00".into(),
            ] {
                let said = world.raw_from("198.51.100.7:1", "POST", &path, &[], body).await;
                assert!(said.status < 500, "{path} {body}: {said:?}");
            }
        }
    });
}

fn pointers(value: &Value, at: &str) -> Vec<String> {
    let Value::Object(members) = value else { return Vec::new() };
    let below = members.iter().flat_map(|(name, value)| {
        let at = format!("{at}/{name}");
        let mut found = pointers(value, &at);
        found.push(at);
        found
    });
    below.collect()
}
