//! How far a token reaches: switched-off accounts, rotated keys, and realms of others.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::{World, let_pass};
use md5::{Digest as _, Md5};
use serde_json::json;

fn run(journey: impl Future<Output = ()>) {
    actix_web::rt::System::new().block_on(journey);
}

fn account(id: &str) -> String {
    format!("/v2/accounts/{id}")
}

#[test]
fn an_account_that_is_switched_off_from_above_can_do_nothing_until_it_is_switched_on_from_above() {
    run(async {
        let world = World::new().await;
        let (one, key) = world.account("one").await;
        let token = world.log_in(&key).await;
        let itself = world.as_token(&token, "PATCH", &account(&one), json!({"enabled": false})).await;
        assert_eq!(itself.status, 403, "nobody switches himself");
        let made = world.as_token(&token, "PUT", "/v2/accounts", json!({"name": "below"})).await;
        let (below, below_key) = (made.id(), made.data()["api_key"].as_str().unwrap().to_owned());
        let below_token = world.log_in(&below_key).await;
        assert_eq!(world.send("PATCH", &account(&one), json!({"enabled": false})).await.status, 200);
        for (token, id) in [(&token, &one), (&below_token, &below)] {
            assert_eq!(world.as_token(token, "GET", &account(id), json!({})).await.status, 401);
        }
        let login = world.with("PUT", "/v2/api_auth", &json!({"data": {"api_key": below_key}})).await;
        assert_eq!(login.status, 400);
        assert_eq!(world.send("PATCH", &account(&one), json!({"enabled": true})).await.status, 200);
        assert_eq!(world.as_token(&token, "GET", &account(&one), json!({})).await.status, 200);
    });
}

#[test]
fn a_rotated_key_ends_the_tokens_made_with_the_old_one() {
    run(async {
        let world = World::new().await;
        let (one, key) = world.account("one").await;
        let token = world.log_in(&key).await;
        assert_eq!(world.send("PUT", &format!("{}/api_key", account(&one)), json!({})).await.status, 200);
        assert_eq!(world.as_token(&token, "GET", &account(&one), json!({})).await.status, 401);
    });
}

#[test]
fn a_device_cannot_name_the_realm_of_an_account_out_of_reach() {
    run(async {
        let world = World::new().await;
        let (one, key) = world.account("one").await;
        let (two, _) = world.account("two").await;
        let token = world.log_in(&key).await;
        let taken = world.get(&account(&two)).await.data()["realm"].as_str().unwrap().to_uppercase();
        let devices = format!("{}/devices", account(&one));
        let device = world.device(&one, json!({"name": "d"})).await;
        for (verb, path, done) in [("PUT", &devices, 201), ("POST", &device, 200), ("PATCH", &device, 200)] {
            for (realm, status) in [(taken.as_str(), 400), ("nobody.example", done)] {
                let body = json!({"name": "x", "sip": {"realm": realm}});
                let said = world.as_token(&token, verb, path, body).await;
                assert_eq!(said.status, status, "{verb} {realm} {said:?}");
            }
        }
    });
}

/// A user of an account that has a few devices, and who is no administrator.
struct Person {
    account: String,
    user: String,
    token: String,
    own: String,
    guest: String,
    other: String,
}

impl Person {
    async fn of(world: &World, level: &str) -> Self {
        let (id, _) = world.account("acme").await;
        let (account, user) = (account(&id), user(world, &id, "ada", level).await);
        let owner = user.rsplit('/').next().unwrap();
        let device = async |data: serde_json::Value| world.device(&id, data).await;
        let own = device(json!({"name": "own", "owner_id": owner})).await;
        let guest = device(
            json!({"name": "guest", "sip": {"password": "s3cret"}, "hotdesk": {"users": {owner: {}}}}),
        )
        .await;
        let other = device(json!({"name": "other", "sip": {"password": "s3cret"}})).await;
        let token = token(world, "ada").await;
        Self { account, user, token, own, guest, other }
    }

    async fn status(&self, world: &World, verb: &str, path: &str, data: serde_json::Value) -> u16 {
        world.as_token(&self.token, verb, path, data).await.status
    }
}

async fn user(world: &World, account: &str, name: &str, level: &str) -> String {
    let data = json!({
        "first_name": name, "last_name": "x", "username": name, "password": "pw", "priv_level": level,
    });
    let path = format!("/v2/accounts/{account}/users");
    let said = world.send("PUT", &path, data).await;
    assert_eq!(said.status, 201, "{said:?}");
    format!("{path}/{}", said.id())
}

async fn token(world: &World, name: &str) -> String {
    let credentials = checksync::id::hex(&Md5::digest(format!("{name}:pw")));
    let login = json!({"data": {"credentials": credentials, "account_name": "acme"}});
    let said = world.with("PUT", "/v2/user_auth", &login).await;
    said.json()["auth_token"].as_str().unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

#[test]
fn a_person_sees_his_devices_and_changes_those_that_he_owns() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        for (path, verb, data, status) in [
            (&me.own, "GET", json!({}), 200),
            (&me.own, "PATCH", json!({"name": "mine"}), 200),
            (&me.own, "DELETE", json!({}), 403),
            (&me.guest, "GET", json!({}), 200),
            (&me.guest, "PATCH", json!({"name": "mine"}), 403),
            (&me.guest, "POST", json!({"name": "mine"}), 403),
            (&me.guest, "DELETE", json!({}), 403),
            (&me.other, "GET", json!({}), 403),
            (&me.other, "PATCH", json!({"name": "mine"}), 403),
            (&me.other, "POST", json!({"name": "mine"}), 403),
            (&me.other, "DELETE", json!({}), 403),
        ] {
            assert_eq!(me.status(&world, verb, path, data).await, status, "{verb} {path}");
        }
        for (path, status) in [(&me.own, 200), (&me.guest, 403), (&me.other, 403)] {
            assert_eq!(me.status(&world, "POST", &format!("{path}/sync"), json!({})).await, status, "{path}");
        }
        for path in [&me.guest, &me.other] {
            assert_eq!(
                me.status(&world, "GET", &format!("{path}/quickcall/100"), json!({})).await,
                403,
                "{path}"
            );
        }
        assert_ne!(me.status(&world, "GET", &format!("{}/quickcall/100", me.own), json!({})).await, 403);
        for (path, status) in [(&me.own, 200), (&me.guest, 200), (&me.other, 403)] {
            assert_eq!(me.status(&world, "GET", &format!("{path}/provisioning"), json!({})).await, status);
        }
        let guest = world.as_token(&me.token, "GET", &me.guest, json!({})).await;
        assert!(guest.text.contains("expire_seconds") && !guest.text.contains("s3cret"), "{guest:?}");
        let devices = format!("{}/devices", me.account);
        assert_eq!(me.status(&world, "PUT", &devices, json!({"name": "new"})).await, 403);
        assert_eq!(world.get(&me.other).await.data()["name"], "other");
    });
}

#[test]
fn a_person_does_not_give_his_device_away_nor_let_others_in_nor_lift_what_it_must_not_call() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        let before = world.get(&me.own).await.data();
        let someone = "a".repeat(32);
        for change in [
            json!({"owner_id": someone}),
            json!({"owner_id": null}),
            json!({"hotdesk": {"users": {&someone: {}}}}),
            json!({"call_restriction": {"closed_groups": {"action": "deny"}}}),
            json!({"provision": {"lines": [{"device_id": someone}]}}),
            json!({"provision": {"contacts": "users"}}),
            json!({"provision": {"fill": {"users": "all"}}}),
            json!({"provision": {"profile": "boss"}}),
        ] {
            let said = world.as_token(&me.token, "PATCH", &me.own, change).await;
            assert_eq!(said.status, 403, "{said:?}");
            assert!(said.data()["cause"].is_string());
        }
        assert_eq!(me.status(&world, "POST", &me.own, json!({"name": "without an owner"})).await, 403);
        assert_eq!(world.get(&me.own).await.data(), before);
        let mut whole = before.clone();
        whole["name"] = json!("whole");
        assert_eq!(me.status(&world, "POST", &me.own, whole).await, 200);
    });
}

#[test]
fn a_person_changes_of_himself_what_no_administrator_decides() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        assert_eq!(me.status(&world, "GET", &me.user, json!({})).await, 200);
        for change in [
            json!({"priv_level": "admin"}),
            json!({"enabled": false}),
            json!({"username": "root", "password": "pw"}),
            json!({"presence_id": "100"}),
            json!({"call_restriction": {"tollfree": {"action": "inherit"}}}),
            json!({"provision": {"fill": {"users": "all"}}}),
            json!({"provision": {"contacts": "users"}}),
            json!({"provision": {"profile": "boss"}}),
        ] {
            assert_eq!(me.status(&world, "PATCH", &me.user, change.clone()).await, 403, "{change}");
        }
        assert_eq!(
            me.status(&world, "PATCH", &me.user, json!({"pvt_x": 1, "email": "a@b.example"})).await,
            200
        );
        assert_eq!(me.status(&world, "DELETE", &me.user, json!({})).await, 403);
        assert_eq!(me.status(&world, "PATCH", &me.user, json!({"password": "new"})).await, 200);
        assert_eq!(me.status(&world, "GET", &me.user, json!({})).await, 401, "he logs in again");
    });
}

#[test]
fn a_person_finds_his_own_in_a_list_of_devices_and_is_shown_no_other_list() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        let names = async |path: String| {
            let said = world.as_token(&me.token, "GET", &path, json!({})).await;
            assert_eq!(said.status, 200, "{said:?}");
            let rows = said.data().as_array().unwrap().clone();
            let mut names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(names(format!("{}/devices", me.account)).await, ["guest", "own"]);
        assert_eq!(names(format!("{}/devices?paginate=false", me.account)).await, ["guest", "own"]);
        assert!(names(format!("{}/devices", me.user)).await.contains(&"own".to_owned()));
        assert_eq!(names("/v2/account/devices".to_owned()).await, ["guest", "own"]);
        let other = user(&world, me.account.rsplit('/').next().unwrap(), "eve", "user").await;
        for path in [
            me.account.clone(),
            format!("{}/users", me.account),
            format!("{}/children", me.account),
            format!("{}/descendants", me.account),
            format!("{}/devices/status", me.account),
            format!("{}/api_key", me.account),
            format!("{other}/devices"),
            other,
            "/v2/templates".to_owned(),
        ] {
            assert_eq!(me.status(&world, "GET", &path, json!({})).await, 403, "{path}");
        }
        for (verb, path) in [
            ("PUT", "/v2/accounts".to_owned()),
            ("PUT", me.account.clone()),
            ("PATCH", me.account.clone()),
            ("POST", me.account.clone()),
            ("DELETE", me.account.clone()),
            ("PUT", format!("{}/users", me.account)),
            ("PUT", format!("{}/api_key", me.account)),
        ] {
            let said = me
                .status(&world, verb, &path, json!({"name": "x", "first_name": "x", "last_name": "x"}))
                .await;
            assert_eq!(said, 403, "{verb} {path}");
        }
    });
}

#[test]
fn a_person_reaches_no_account_below_his_own_and_an_administrator_among_the_users_does() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        let below = world.send("PUT", &me.account, json!({"name": "below"})).await.id();
        let devices = format!("{}/devices", account(&below));
        assert_eq!(me.status(&world, "GET", &devices, json!({})).await, 403);
        user(&world, me.account.rsplit('/').next().unwrap(), "boss", "admin").await;
        let boss = token(&world, "boss").await;
        for path in [&devices, &account(&below), &me.account, &me.other, &me.user] {
            assert_eq!(world.as_token(&boss, "GET", path, json!({})).await.status, 200, "{path}");
        }
        let made = world.as_token(&boss, "PUT", &devices, json!({"name": "new"})).await;
        assert_eq!(made.status, 201, "{made:?}");
        let master = account(&world.master.to_string());
        assert_eq!(world.as_token(&boss, "GET", &master, json!({})).await.status, 403);
        assert_eq!(world.as_token(&boss, "PATCH", &me.account, json!({"enabled": false})).await.status, 403);
    });
}

#[test]
fn who_is_made_an_administrator_is_one_at_once_and_no_longer_when_he_is_none() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        for (level, status) in [("admin", 200), ("user", 403)] {
            assert_eq!(world.send("PATCH", &me.user, json!({"priv_level": level})).await.status, 200);
            assert_eq!(me.status(&world, "GET", &me.other, json!({})).await, status);
        }
    });
}

#[test]
fn whoever_is_only_signed_in_to_a_device_gets_its_password_in_no_way() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        let (devices, own) = (format!("{}/devices", me.account), format!("{}/devices", me.user));
        for path in [
            me.guest.clone(),
            format!("{devices}?full_docs=true"),
            format!("{own}?full_docs=true"),
            format!("{devices}?fields=[\"sip.password\"]"),
            format!("{}/config", me.guest),
        ] {
            let said = world.as_token(&me.token, "GET", &path.replace('"', "%22"), json!({})).await;
            assert!(!said.text.contains("s3cret"), "{said:?}");
        }
        for filter in ["filter_sip.password=s3cret", "has_key=sip.password"] {
            for path in [&devices, &own] {
                let said = world.as_token(&me.token, "GET", &format!("{path}?{filter}"), json!({})).await;
                assert_eq!(said.data(), json!([]), "{path}?{filter}");
            }
        }
        let all = world.get(&format!("{devices}?filter_sip.password=s3cret")).await;
        assert_eq!(all.data().as_array().unwrap().len(), 2, "the administrator finds them");
    });
}

#[test]
fn a_person_tries_out_changes_and_sees_the_files_of_his_own_phones_only_and_masked() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        assert_eq!(world.send("PATCH", &me.user, json!({"presence_id": "101"})).await.status, 200);
        let owner = me.user.rsplit('/').next().unwrap();
        let phone = |name: &str, mac: &str, owner: serde_json::Value| {
            json!({
                "name": name, "mac_address": mac, "owner_id": owner,
                "sip": {"username": name, "password": "s3cret-word"},
                "provision": {
                    "endpoint_brand": "yealink", "endpoint_family": "t4x", "endpoint_model": "t46s",
                    "combo_keys": {"1": {"type": "presence", "value": me.user.rsplit('/').next().unwrap()}},
                },
            })
        };
        let id = me.account.rsplit('/').next().unwrap();
        let mine = world.device(id, phone("mine", "805ec0000001", json!(owner))).await;
        world.device(id, phone("theirs", "805ec0000002", json!("f".repeat(32)))).await;
        let plan = format!("{}?dry_run=true", me.user);
        let name = json!({"first_name": "Augusta"});
        let said = world.as_token(&me.token, "PATCH", &plan, name.clone()).await;
        assert_eq!(said.status, 200, "{said:?}");
        assert!(said.text.contains("mine") && !said.text.contains("theirs"), "{said:?}");
        assert!(
            world.send("PATCH", &plan, name).await.text.contains("theirs"),
            "the administrator sees both"
        );
        let files = world.as_token(&me.token, "GET", &format!("{mine}/config"), json!({})).await;
        let file = files.data()[0]["name"].as_str().unwrap().to_owned();
        let file = format!("{mine}/config/{file}");
        assert_eq!(me.status(&world, "GET", &file, json!({})).await, 200);
        assert_eq!(me.status(&world, "GET", &format!("{file}?secrets=true"), json!({})).await, 403);
        assert_eq!(world.get(&format!("{file}?secrets=true")).await.status, 200);
    });
}

#[test]
fn the_trail_names_the_user_who_changed_something() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        let_pass(1);
        assert_eq!(me.status(&world, "PATCH", &me.user, json!({"password": "new"})).await, 200);
        let trail = world.get(&format!("{}/audit", me.account)).await.data();
        let by = json!({
            "account_id": me.account.rsplit('/').next(), "user_id": me.user.rsplit('/').next(), "is_master": false,
        });
        assert_eq!((&trail[0]["by"], &trail[0]["paths"]), (&by, &json!(["password"])));
        assert_eq!(me.status(&world, "GET", &format!("{}/audit", me.account), json!({})).await, 401);
    });
}

#[test]
fn a_person_signs_himself_out_of_a_device_but_into_none_of_others_and_sets_no_limits() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        let desk = |device: &str| format!("{device}/hotdesks/{}", me.user.rsplit('/').next().unwrap());
        assert_eq!(me.status(&world, "PUT", &desk(&me.other), json!({})).await, 403);
        assert_eq!(me.status(&world, "PUT", &desk(&me.own), json!({})).await, 200);
        let other = user(&world, me.account.rsplit('/').next().unwrap(), "eve", "user").await;
        let her = format!("{}/hotdesks/{}", me.own, other.rsplit('/').next().unwrap());
        assert_eq!(me.status(&world, "PUT", &her, json!({})).await, 403);
        assert_eq!(me.status(&world, "GET", &me.guest, json!({})).await, 200);
        assert_eq!(me.status(&world, "DELETE", &desk(&me.guest), json!({})).await, 200);
        assert_eq!(me.status(&world, "GET", &me.guest, json!({})).await, 403, "he has left");
        assert_eq!(world.get(&me.guest).await.data()["sip"]["password"], "s3cret", "and taken nothing");
        let limits = format!("{}/rate_limits", me.own);
        assert_eq!(me.status(&world, "GET", &limits, json!({})).await, 200);
        assert_eq!(me.status(&world, "POST", &limits, json!({})).await, 403);
        assert_eq!(me.status(&world, "DELETE", &format!("{}/access_lists", me.own), json!({})).await, 403);
        for list in
            ["hotdesks", "registrations", "registrations/count", "contact_list", "siblings", "rate_limits"]
        {
            assert_eq!(
                me.status(&world, "GET", &format!("{}/{list}", me.account), json!({})).await,
                403,
                "{list}"
            );
        }
    });
}

#[test]
fn a_person_is_no_provisioner() {
    run(async {
        let world = World::new().await;
        let me = Person::of(&world, "user").await;
        let id = me.account.rsplit('/').next().unwrap();
        for (verb, path) in [
            ("POST", format!("/api/accounts/{id}")),
            ("POST", format!("/api/devices/{id}/805ec0000001")),
            ("DELETE", format!("/api/devices/{id}/805ec0000001")),
            ("DELETE", format!("/api/locks/{id}/805ec0000001")),
            ("GET", "/api/devices/search/805ec0000001".to_owned()),
        ] {
            assert_eq!(me.status(&world, verb, &path, json!({})).await, 403, "{verb} {path}");
        }
    });
}
