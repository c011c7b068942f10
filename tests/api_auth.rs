//! Logging in and out, and what is made of it: keys, passwords, tokens, and who is slowed down.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::{KEY, NOW, Said, World, let_pass, run};
use checksync::auth::TOKEN_SECONDS;
use checksync::store::{self, Table};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha1::Sha1;

const PASSWORD: &str = "correct horse";

fn digits(bytes: &[u8]) -> String {
    checksync::id::hex(bytes)
}

fn md5(username: &str, password: &str) -> String {
    digits(&Md5::digest(format!("{username}:{password}")))
}

fn sha1(username: &str, password: &str) -> String {
    digits(&Sha1::digest(format!("{username}:{password}")))
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quartet = |chunk: &[u8]| {
        let bits = (0..3).fold(0_usize, |bits, n| bits << 8 | usize::from(*chunk.get(n).unwrap_or(&0)));
        (0..=chunk.len()).map(|n| char::from(DIGITS[bits >> (18 - 6 * n) & 63])).collect::<String>()
    };
    text.as_bytes().chunks(3).map(quartet).collect()
}

/// An account called Acme, its id, and the path of its user Ada.
async fn acme(world: &World) -> (String, String) {
    let (account, _) = world.account("Acme, Inc.").await;
    let ada = json!({"first_name": "Ada", "last_name": "L", "username": " Ada@x ", "password": PASSWORD});
    let said = world.send("PUT", &format!("/v2/accounts/{account}/users"), ada).await;
    assert_eq!(said.status, 201, "{said:?}");
    (account.clone(), format!("/v2/accounts/{account}/users/{}", said.id()))
}

async fn log_in(world: &World, data: Value) -> Said {
    world.with("PUT", "/v2/user_auth", &json!({"data": data})).await
}

fn as_ada(password: &str) -> Value {
    json!({"credentials": md5("ada@x", password), "account_name": "acme inc"})
}

async fn token_of_ada(world: &World) -> String {
    let said = log_in(world, as_ada(PASSWORD)).await;
    assert_eq!(said.status, 201, "{said:?}");
    said.json()["auth_token"].as_str().unwrap().to_owned()
}

async fn status_of(world: &World, token: &str, path: &str) -> u16 {
    world.as_token(token, "GET", path, json!({})).await.status
}

#[test]
fn a_key_is_answered_with_a_token_and_what_clients_read_beside_it() {
    run(async {
        let world = World::new().await;
        let (account, key) = world.account("one").await;
        let said = world.with("PUT", "/v2/api_auth", &json!({"data": {"api_key": key.to_uppercase()}})).await;
        assert_eq!(said.status, 201);
        assert_eq!(said.json()["auth_token"].as_str().unwrap().len(), 64);
        let mut data = said.data();
        assert_eq!(data["cluster_id"].as_str().unwrap().len(), 32);
        data.as_object_mut().unwrap().remove("cluster_id");
        let expected = json!({
            "account_id": account, "account_name": "one", "apps": [], "capabilities": {}, "is_master_account": false,
            "is_reseller": false, "language": "en-us", "reseller_id": world.master,
            "ui_config": {"api": {"provisioner": {"url": "http://localhost:8080/api/"}}},
        });
        assert_eq!(data, expected);
    });
}

#[test]
fn a_key_that_is_none_is_named_so_and_one_that_cannot_be_is_invalid() {
    run(async {
        let world = World::new().await;
        let said = async |data: Value| world.with("PUT", "/v2/api_auth", &json!({"data": data})).await;
        let unknown = said(json!({"api_key": "0".repeat(64)})).await;
        assert_eq!((unknown.status, &unknown.json()["message"]), (404, &json!("bad identifier")));
        assert_eq!(unknown.data(), json!(["key"]));
        for (data, path, code) in [
            (json!({"api_key": "abc"}), "api_key", "minLength"),
            (json!({"api_key": "a".repeat(65)}), "api_key", "maxLength"),
            (json!({"api_key": 7}), "api_key", "type"),
            (json!({}), "api_key", "required"),
            (json!({"api_key": KEY, "x": 1}), "x", "additionalProperties"),
        ] {
            let wrong = said(data).await;
            assert_eq!(wrong.status, 400);
            assert!(wrong.data()[path][code].is_object(), "{wrong:?}");
        }
    });
}

#[test]
fn a_user_logs_in_by_the_name_the_realm_or_a_number_of_the_account_with_either_digest() {
    run(async {
        let world = World::new().await;
        let (account, user) = acme(&world).await;
        let path = format!("/v2/accounts/{account}");
        let number =
            json!({"realm": "acme.example", "caller_id": {"external": {"number": "+1 415 555 0100"}}});
        assert_eq!(world.send("PATCH", &path, number).await.status, 200);
        for (name, value) in [
            ("account_name", "ACME inc"),
            ("account_realm", "Acme.Example"),
            ("realm", "acme.example"),
            ("phone_number", "+14155550100"),
        ] {
            let mut data = json!({"credentials": md5("ada@x", PASSWORD), name: value});
            let said = log_in(&world, data.clone()).await;
            assert_eq!(said.status, 201, "{name} {said:?}");
            assert_eq!(said.data()["owner_id"], user.rsplit('/').next().unwrap());
            data["method"] = json!("sha");
            data["credentials"] = json!(sha1("ada@x", PASSWORD).to_uppercase());
            assert_eq!(log_in(&world, data).await.status, 201, "{name} by SHA-1");
        }
        let many = json!({
            "credentials": md5("ada@x", PASSWORD), "phone_number": "none", "realm": "nobody.example",
            "account_name": "acme inc",
        });
        assert_eq!(log_in(&world, many).await.status, 201, "what finds nothing is passed over");
    });
}

#[test]
fn a_wrong_password_and_a_wrong_account_are_answered_alike() {
    run(async {
        let world = World::new().await;
        acme(&world).await;
        let mut said = Vec::new();
        for (name, password) in [("acme inc", "wrong"), ("nobody", PASSWORD), ("master", PASSWORD)] {
            let data = json!({"credentials": md5("ada@x", password), "account_name": name});
            let mut answer = log_in(&world, data).await.json();
            answer.as_object_mut().unwrap().remove("request_id");
            said.push(answer);
        }
        assert_eq!(said[0]["error"], "401");
        assert_eq!(said[0]["message"], "invalid_credentials");
        assert!(said[1] == said[0] && said[2] == said[0], "{said:?}");
        let short = log_in(&world, json!({"credentials": "abc", "account_name": "acme inc"})).await;
        assert_eq!((short.status, &short.data()["credentials"]["minLength"]["target"]), (400, &json!(32)));
    });
}

#[test]
fn a_token_is_taken_from_every_place_that_clients_put_it() {
    run(async {
        let world = World::new().await;
        let (account, _) = acme(&world).await;
        let (path, token) = (format!("/v2/accounts/{}", world.master), world.token.clone());
        let bearer = format!("Bearer {token}");
        assert_eq!(world.raw("GET", &path, &[("x-auth-token", &token)], "").await.status, 200);
        assert_eq!(world.raw("GET", &path, &[("authorization", &bearer)], "").await.status, 200);
        assert_eq!(world.raw("GET", &format!("{path}?auth_token={token}"), &[], "").await.status, 200);
        assert_eq!(world.with("GET", &path, &json!({"auth_token": token})).await.status, 200);
        let credentials = format!("{account}:{}", md5("ada@x", PASSWORD));
        let basic = format!("Basic {}", base64(&credentials));
        let devices = format!("/v2/accounts/{account}/devices");
        assert_eq!(world.raw("GET", &devices, &[("authorization", &basic)], "").await.status, 200);
        assert_eq!(world.raw("GET", &path, &[("authorization", &basic)], "").await.status, 403);
        assert_eq!(world.raw("GET", &path, &[("authorization", "Basic !")], "").await.status, 401);
        assert_eq!(world.raw("GET", &path, &[("authorization", "Digest x")], "").await.status, 401);
    });
}

#[test]
fn credentials_with_every_request_end_with_the_password_and_the_user() {
    run(async {
        let world = World::new().await;
        let (account, user) = acme(&world).await;
        let devices = format!("/v2/accounts/{account}/devices");
        let status = async |password: &str| {
            let basic = format!("Basic {}", base64(&format!("{account}:{}", md5("ada@x", password))));
            world.raw("GET", &devices, &[("authorization", &basic)], "").await.status
        };
        for _ in 0..30 {
            assert_eq!(status(PASSWORD).await, 200);
        }
        assert_eq!(world.send("PATCH", &user, json!({"password": "another"})).await.status, 200);
        assert_eq!((status(PASSWORD).await, status("another").await), (401, 200));
        let_pass(61);
        assert_eq!(status("another").await, 200, "looked at again after a minute");
        assert_eq!(world.send("PATCH", &user, json!({"enabled": false})).await.status, 200);
        assert_eq!(status("another").await, 401);
    });
}

#[test]
fn a_token_says_whom_it_stands_for_until_it_is_logged_out() {
    run(async {
        let world = World::new().await;
        acme(&world).await;
        let login = log_in(&world, as_ada(PASSWORD)).await;
        let token = login.json()["auth_token"].as_str().unwrap().to_owned();
        let own = world.as_token(&token, "GET", "/v2/token_auth", json!({})).await;
        let named = world.raw("GET", &format!("/v2/user_auth/{token}"), &[], "").await;
        for said in [&own, &named] {
            assert_eq!((said.status, said.data()), (200, login.data()));
            assert_eq!(said.json()["auth_token"], token);
        }
        let out = world.as_token(&token, "DELETE", "/v2/token_auth", json!({})).await;
        assert_eq!(out.status, 200, "{out:?}");
        assert_eq!(status_of(&world, &token, "/v2/token_auth").await, 401);
        assert_eq!(world.raw("GET", &format!("/v2/user_auth/{token}"), &[], "").await.status, 401);
        assert_eq!(world.raw("GET", "/v2/token_auth", &[], "").await.status, 401);
        assert_eq!(world.raw("DELETE", "/v2/token_auth", &[], "").await.status, 401);
        assert_eq!(world.get("/v2/token_auth").await.data()["account_id"], world.master.to_string());
    });
}

#[test]
fn a_token_ends_after_an_hour_and_outlives_the_daemon() {
    run(async {
        let world = World::new().await;
        let (_, user) = acme(&world).await;
        let token = token_of_ada(&world).await;
        let world = world.restarted().await;
        assert_eq!(status_of(&world, &token, &user).await, 200);
        assert_eq!(log_in(&world, as_ada(PASSWORD)).await.status, 201, "the salt is the same");
        let_pass(TOKEN_SECONDS - 1);
        assert_eq!(status_of(&world, &token, &user).await, 200);
        let_pass(1);
        assert_eq!(status_of(&world, &token, &user).await, 401, "use has not prolonged it");
    });
}

#[test]
fn keys_and_passwords_are_good_after_an_export_and_an_import() {
    run(async {
        let world = World::new().await;
        acme(&world).await;
        let (old, new) = (world.closed().await, tempfile::tempdir().unwrap());
        let mut export = Vec::new();
        store::export(&old.path().join("var"), &mut export).unwrap();
        store::import(&new.path().join("var"), export.as_slice()).unwrap();
        let world = World::on(new).await;
        world.log_in(KEY).await;
        assert_eq!(log_in(&world, as_ada(PASSWORD)).await.status, 201);
    });
}

#[test]
fn a_users_tokens_end_with_his_password_his_right_to_log_in_and_himself() {
    run(async {
        let world = World::new().await;
        let (account, user) = acme(&world).await;
        let token = token_of_ada(&world).await;
        assert_eq!(world.send("PATCH", &user, json!({"email": "a@b.example"})).await.status, 200);
        assert_eq!(status_of(&world, &token, &user).await, 200, "other changes are no matter");
        world.send("PATCH", &user, json!({"enabled": false})).await;
        assert_eq!(status_of(&world, &token, &user).await, 401);
        assert_eq!(log_in(&world, as_ada(PASSWORD)).await.status, 401);
        world.send("PATCH", &user, json!({"enabled": true})).await;
        assert_eq!(status_of(&world, &token, &user).await, 200);
        world.send("PATCH", &user, json!({"password": "another"})).await;
        assert_eq!(status_of(&world, &token, &user).await, 401);
        let token = log_in(&world, as_ada("another")).await.json()["auth_token"].as_str().unwrap().to_owned();
        world.send("PATCH", &format!("/v2/accounts/{account}"), json!({"enabled": false})).await;
        let off = log_in(&world, as_ada("another")).await;
        assert_eq!(off.status, 400);
        assert!(off.data()["account"]["disabled"].is_object(), "{off:?}");
        assert_eq!(status_of(&world, &token, &user).await, 401);
        world.send("PATCH", &format!("/v2/accounts/{account}"), json!({"enabled": true})).await;
        assert_eq!(world.send("DELETE", &user, json!({})).await.status, 200);
        assert_eq!(status_of(&world, &token, &user).await, 401);
        assert_eq!(log_in(&world, as_ada("another")).await.status, 401);
    });
}

#[test]
fn a_username_is_not_changed_without_the_password_that_goes_with_it() {
    run(async {
        let world = World::new().await;
        let (_, user) = acme(&world).await;
        let refused = world.send("PATCH", &user, json!({"username": "Bob"})).await;
        assert_eq!(refused.status, 400);
        let message = "The password must be provided when updating the user name";
        assert_eq!(refused.data(), json!({"password": {"required": {"message": message, "value": "Bob"}}}));
        assert_eq!(
            world.send("PATCH", &user, json!({"username": "ADA@X"})).await.status,
            200,
            "case is none"
        );
        assert_eq!(log_in(&world, as_ada(PASSWORD)).await.status, 201);
        let both = json!({"username": "Bob", "password": PASSWORD});
        assert_eq!(world.send("PATCH", &user, both).await.status, 200);
        let bob = json!({"credentials": md5("bob", PASSWORD), "account_name": "acme inc"});
        assert_eq!(log_in(&world, bob.clone()).await.status, 201);
        assert_eq!(log_in(&world, as_ada(PASSWORD)).await.status, 401);
        assert_eq!(world.send("PATCH", &user, json!({"username": null})).await.status, 200);
        assert_eq!(log_in(&world, bob).await.status, 401, "without a name nobody logs in");
    });
}

#[test]
fn who_has_no_password_cannot_log_in_and_an_empty_one_is_none() {
    run(async {
        let world = World::new().await;
        let (account, _) = acme(&world).await;
        for (name, password) in [("eve", Value::Null), ("mal", json!(""))] {
            let mut user =
                json!({"first_name": "E", "last_name": "E", "username": name, "password": password});
            if password.is_null() {
                user.as_object_mut().unwrap().remove("password");
            }
            let made = world.send("PUT", &format!("/v2/accounts/{account}/users"), user).await;
            assert_eq!(made.status, 201, "{made:?}");
            let data = json!({"credentials": md5(name, ""), "account_name": "acme inc"});
            assert_eq!(log_in(&world, data).await.status, 401);
        }
        let taken = json!({"first_name": "E", "last_name": "E", "username": "EVE", "password": "x"});
        let taken = world.send("PUT", &format!("/v2/accounts/{account}/users"), taken).await;
        assert!(taken.data()["username"]["unique"].is_object(), "{taken:?}");
    });
}

#[test]
fn neither_answers_nor_the_database_reveal_a_password_or_a_key() {
    run(async {
        let world = World::new().await;
        let (account, user) = acme(&world).await;
        let token = token_of_ada(&world).await;
        let shown = world.get(&user).await.text + &world.get(&format!("/v2/accounts/{account}")).await.text;
        assert!(!shown.contains("pvt_") && !shown.contains(PASSWORD), "{shown}");
        let folder = world.closed().await;
        let mut export = Vec::new();
        store::export(&folder.path().join("var"), &mut export).unwrap();
        let export = String::from_utf8(export).unwrap();
        let digest = |text: &str| checksync::auth::digest(text).to_string();
        for secret in [
            PASSWORD,
            KEY,
            &token,
            &md5("ada@x", PASSWORD),
            &sha1("ada@x", PASSWORD),
            &digest(KEY),
            &digest(&md5("ada@x", PASSWORD)),
            &digest(&sha1("ada@x", PASSWORD)),
            &digits(KEY.as_bytes()),
        ] {
            assert!(!export.contains(secret), "{secret}");
        }
        assert!(export.contains("pvt_md5_auth") && export.contains("pvt_sha1_auth"));
    });
}

#[test]
fn a_key_is_rotated_and_cannot_be_read() {
    run(async {
        let world = World::new().await;
        let (account, key) = world.account("one").await;
        let path = format!("/v2/accounts/{account}/api_key");
        let read = world.get(&path).await;
        assert_eq!(read.status, 400);
        assert!(read.data()["message"].as_str().unwrap().contains("cannot be shown"), "{read:?}");
        let new = world.send("PUT", &path, json!({})).await.data()["api_key"].as_str().unwrap().to_owned();
        world.log_in(&new).await;
        let old = world.with("PUT", "/v2/api_auth", &json!({"data": {"api_key": key}})).await;
        assert_eq!(old.status, 404);
    });
}

#[test]
fn a_key_that_was_kept_as_a_plain_digest_is_good_once_more_and_kept_as_a_hash_from_then_on() {
    run(async {
        let world = World::new().await;
        let account = world.store.account(world.master).await.unwrap().unwrap();
        let older = checksync::account::Account {
            document: account.document.revised(account.document.body.clone(), NOW),
            api_key: checksync::auth::digest(KEY),
            ..account.clone()
        };
        let entity = store::Entity::Account(older);
        let put = store::Step::Put { entity, replaces: Some(account.document.revision) };
        world.store.commit(store::Change { steps: vec![put] }).await.unwrap();
        for _ in 0..2 {
            world.log_in(KEY).await;
            let now = world.store.account(world.master).await.unwrap().unwrap();
            assert_eq!(now.api_key, account.api_key);
        }
    });
}

#[test]
fn old_tokens_are_swept_by_new_ones() {
    run(async {
        let world = World::new().await;
        for _ in 0..10 {
            world.log_in(KEY).await;
        }
        let_pass(TOKEN_SECONDS);
        for _ in 0..20 {
            world.log_in(KEY).await;
        }
        let left = world.store.notes(Table::Token, None, 100).await.unwrap().len();
        assert!((20..=23).contains(&left), "{left}");
    });
}

async fn guess(world: &World, peer: &str, password: &str) -> Said {
    let body = json!({"data": as_ada(password)}).to_string();
    world.raw_from(&format!("{peer}:4711"), "PUT", "/v2/user_auth", &[], &body).await
}

#[test]
fn a_source_that_guesses_is_refused_for_a_while_and_nobody_else_is() {
    run(async {
        let world = World::new().await;
        let (_, user) = acme(&world).await;
        let token = token_of_ada(&world).await;
        for number in 0..20 {
            assert_eq!(guess(&world, "192.0.2.1", &number.to_string()).await.status, 401);
        }
        let refused = guess(&world, "192.0.2.1", PASSWORD).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "30"));
        assert_eq!(refused.json()["message"], "too_many_requests");
        assert!(refused.data()["message"].as_str().unwrap().contains("30 seconds"), "{refused:?}");
        let key = json!({"data": {"api_key": KEY}}).to_string();
        assert_eq!(world.raw_from("192.0.2.1:4711", "PUT", "/v2/api_auth", &[], &key).await.status, 429);
        let forwarded = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(
            world.raw_from("192.0.2.1:4711", "PUT", "/v2/api_auth", &forwarded, &key).await.status,
            429
        );
        let header = [("x-auth-token", &*token)];
        assert_eq!(
            world.raw_from("192.0.2.1:4711", "GET", &user, &header, "").await.status,
            200,
            "tokens are good"
        );
        assert_eq!(guess(&world, "192.0.2.2", PASSWORD).await.status, 201, "the account is not locked");
        let_pass(30);
        assert_eq!(guess(&world, "192.0.2.1", PASSWORD).await.status, 201);
    });
}

#[test]
fn guesses_at_keys_and_with_every_request_count_and_tokens_that_are_none_never_do() {
    run(async {
        let world = World::new().await;
        let (account, _) = acme(&world).await;
        let key = json!({"data": {"api_key": "0".repeat(64)}}).to_string();
        let path = format!("/v2/accounts/{account}/devices");
        let basic = format!("Basic {}", base64(&format!("{account}:{}", md5("ada@x", "wrong"))));
        for _ in 0..10 {
            assert_eq!(world.raw_from("192.0.2.1:4711", "PUT", "/v2/api_auth", &[], &key).await.status, 404);
            let header = [("authorization", &*basic)];
            assert_eq!(world.raw_from("192.0.2.1:4711", "GET", &path, &header, "").await.status, 401);
        }
        let made_up = [("x-auth-token", "made up")];
        assert_eq!(world.raw_from("192.0.2.1:4711", "PUT", "/v2/api_auth", &[], &key).await.status, 429);
        assert_eq!(world.raw_from("192.0.2.1:4711", "GET", &path, &made_up, "").await.status, 401);
        for _ in 0..300 {
            assert_eq!(world.raw_from("192.0.2.2:4711", "GET", &path, &made_up, "").await.status, 401);
        }
        assert_eq!(guess(&world, "192.0.2.2", PASSWORD).await.status, 201, "a new token can be had");
    });
}

#[test]
fn credentials_that_were_remembered_and_hold_no_more_are_looked_at_again() {
    run(async {
        let world = World::new().await;
        let (account, user) = acme(&world).await;
        let basic = format!("Basic {}", base64(&format!("{account}:{}", md5("ada@x", PASSWORD))));
        let header = [("authorization", &*basic)];
        assert_eq!(world.raw("GET", &user, &header, "").await.status, 200);
        let changed = world.send("PATCH", &user, json!({"password": "another"})).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(world.raw("GET", &user, &header, "").await.status, 401, "and found wrong");
        let changed = world.send("PATCH", &user, json!({"password": PASSWORD})).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(world.raw("GET", &user, &header, "").await.status, 200, "or right");
        world.send("PATCH", &user, json!({"last_name": "Lovelace", "password": PASSWORD})).await;
        assert_eq!(world.raw("GET", &user, &header, "").await.status, 200, "whatever was remembered");
    });
}

#[test]
fn a_network_that_guesses_from_many_addresses_is_refused_and_the_next_one_is_not() {
    run(async {
        let world = World::new().await;
        acme(&world).await;
        for last in 0..160 {
            assert_eq!(guess(&world, &format!("192.0.2.{last}"), "wrong").await.status, 401);
        }
        let refused = guess(&world, "192.0.2.200", PASSWORD).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "4"));
        assert_eq!(guess(&world, "192.0.3.1", PASSWORD).await.status, 201);
    });
}

#[test]
fn to_log_out_cannot_be_tried() {
    run(async {
        let world = World::new().await;
        let said = world.send("DELETE", "/v2/token_auth?dry_run=true", json!({})).await;
        assert_eq!((said.status, said.data()["dry_run"]["invalid"].is_object()), (400, true));
        assert_eq!(world.get("/v2/token_auth").await.status, 200);
    });
}

#[test]
fn a_person_cannot_switch_a_device_on_that_an_administrator_switched_off() {
    run(async {
        let world = World::new().await;
        let (account, user) = acme(&world).await;
        let owner = user.rsplit('/').next().unwrap();
        let path = world.device(&account, json!({"name": "Desk", "owner_id": owner, "enabled": false})).await;
        let token = token_of_ada(&world).await;
        let said = world.as_token(&token, "PATCH", &path, json!({"enabled": true})).await;
        assert_eq!((said.status, said.data()["cause"].as_str()), (403, Some("enabled")));
        assert_eq!(world.as_token(&token, "PATCH", &path, json!({"name": "Mine"})).await.status, 200);
        assert_eq!(world.send("PATCH", &path, json!({"enabled": true})).await.status, 200);
    });
}

/// The order of Kazoo: what the body is, who is calling, whether the account is there, whether it is his, then the
/// document and the data.
#[test]
fn a_request_that_is_wrong_in_many_ways_is_told_the_first() {
    run(async {
        let world = World::new().await;
        let (account, key) = world.account("one").await;
        let own = world.log_in(&key).await;
        let (nobody, master) = ("f".repeat(32), world.master.to_string());
        let user = "e".repeat(32);
        let path = |account: &str| format!("/v2/accounts/{account}/users/{user}");
        let send = async |token: Option<&str>, path: &str, body: &str| {
            let token = token.map(|token| ("x-auth-token", token));
            let said = world.raw("POST", path, token.as_slice(), body).await;
            (said.status, said.json()["message"].as_str().unwrap().to_owned())
        };
        let said = |status, message: &str| (status, message.to_owned());
        assert_eq!(send(Some("bad"), &path(&nobody), "{").await, said(400, "validation error"));
        assert_eq!(send(Some("bad"), &path(&nobody), "{}").await, said(401, "invalid credentials"));
        assert_eq!(send(None, &path(&nobody), "{}").await, said(404, "bad_identifier"));
        assert_eq!(send(None, &path("x"), "{}").await, said(404, "bad identifier"));
        assert_eq!(send(None, &path(&master), "{}").await, said(401, "invalid_credentials"));
        assert_eq!(send(Some(&own), &path(&master), "{}").await, said(403, "forbidden"));
        assert_eq!(send(Some(&own), &path(&account), "{}").await, said(404, "bad_identifier"));
        let users = format!("/v2/accounts/{account}/users");
        assert_eq!(send(Some(&own), &users, "{}").await, said(405, "invalid_method"));
        let created = world.raw("PUT", &users, &[("x-auth-token", &own)], "{}").await;
        assert!(created.data()["data"]["required"].is_object(), "{created:?}");
        assert_eq!(send(None, "/v2/nothing", "{}").await, said(404, "not_found"));
    });
}
