//! How far a token reaches: switched-off accounts, rotated keys, and realms of others.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::World;
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
