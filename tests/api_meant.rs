//! What is only tried does nothing, what was made for a revision is done to that one, and what many change at once is
//! changed by each of them.
#![allow(clippy::unwrap_used)]

mod api_common;

use api_common::{Said, World};
use checksync::circle::Order;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

const KAZOO: &str = "198.51.100.7:40000";

async fn world() -> (World, String) {
    let world = World::new().await;
    let own = format!("/v2/accounts/{}", world.master);
    (world, own)
}

async fn pushes(world: &World, verb: &str, path: &str, headers: &[(&str, &str)]) -> Said {
    world.raw_from(KAZOO, verb, path, headers, r#"{"create_if_missing": true, "data": {}}"#).await
}

/// Whether the SIP side was asked to forget a device.
fn is_forgotten(world: &World) -> bool {
    std::iter::from_fn(|| world.ordered()).any(|order| matches!(order, Order::Forget(_)))
}

#[tokio::test]
async fn a_dry_run_is_asked_for_in_the_query_or_the_envelope_in_any_case_and_nowhere_else() {
    let (world, own) = world().await;
    let devices = format!("{own}/devices");
    let token = [("x-auth-token", &*world.token)];
    for query in ["?dry_run=true", "?dry_run=TRUE", "?dry_run=True"] {
        let tried = world.send("PUT", &format!("{devices}{query}"), json!({"name": "a"})).await;
        assert_eq!((tried.status, &tried.data()["complete"]), (200, &json!(true)), "{query}");
    }
    for dry in [json!(true), json!("True")] {
        let body = json!({"dry_run": dry, "data": {"name": "a"}}).to_string();
        assert_eq!(world.raw("PUT", &devices, &token, &body).await.status, 200, "{dry}");
    }
    for query in ["?dry_run=1", "?dry_run=yes", "?dry_run", "?dry_run="] {
        let refused = world.send("PUT", &format!("{devices}{query}"), json!({"name": "a"})).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.data()["dry_run"]["type"].is_object(), "{refused:?}");
        assert_eq!(world.send("POST", &format!("{own}/devices/import{query}"), json!({})).await.status, 400);
    }
    let wrong = json!({"dry_run": 1, "data": {"name": "a"}}).to_string();
    assert_eq!(world.raw("PUT", &devices, &token, &wrong).await.status, 400);
    assert_eq!(world.get(&devices).await.data(), json!([]));
    for (name, query) in [("b", "?dry_run=False"), ("c", "")] {
        let data = json!({"name": name, "dry_run": true});
        assert_eq!(world.send("PUT", &format!("{devices}{query}"), data).await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn trying_to_delete_an_account_takes_no_phone_out_of_the_circle() {
    let (world, _) = world().await;
    let (shop, _) = world.account("shop").await;
    let device = world.device(&shop, json!({"name": "d"})).await;
    let path = format!("/v2/accounts/{shop}");
    assert_eq!(world.send("DELETE", &format!("{path}?dry_run=true"), json!({})).await.status, 200);
    assert_eq!(world.get(&device).await.status, 200);
    world.turn().await;
    assert!(!is_forgotten(&world), "its phones stay where they are");
    assert_eq!(world.send("DELETE", &path, json!({})).await.status, 200);
}

#[tokio::test]
async fn deleting_an_account_takes_its_phones_out_of_the_circle() {
    let (world, _) = world().await;
    let (shop, _) = world.account("shop").await;
    world.device(&shop, json!({"name": "d"})).await;
    assert_eq!(world.send("DELETE", &format!("/v2/accounts/{shop}"), json!({})).await.status, 200);
    world.turn().await;
    assert!(is_forgotten(&world));
}

#[tokio::test]
async fn what_kazoo_pushes_cannot_be_tried() {
    let (world, _) = world().await;
    let path = format!("/accounts/{}", "a".repeat(32));
    for query in ["?dry_run=true", "?dry_run=perhaps"] {
        assert_eq!(pushes(&world, "POST", &format!("{path}{query}"), &[]).await.status, 400, "{query}");
    }
    assert_eq!(world.get(&format!("/v2{path}")).await.status, 404);
}

#[tokio::test]
async fn a_page_in_the_cluster_s_network_cannot_forge_a_push() {
    let (world, _) = world().await;
    let path = format!("/accounts/{}", "a".repeat(32));
    for header in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")] {
        assert_eq!(pushes(&world, "POST", &path, &[header]).await.status, 403, "{header:?}");
    }
    assert_eq!(pushes(&world, "POST", &path, &[("sec-fetch-site", "none")]).await.status, 200);
    let tunnels = [("?verb=delete", vec![]), ("", vec![("x-http-method-override", "DELETE")])];
    for (query, headers) in tunnels {
        for prefix in ["", "/api"] {
            let said = pushes(&world, "POST", &format!("{prefix}{path}{query}"), &headers).await;
            assert_eq!(said.status, 403, "{said:?}");
        }
    }
    assert_eq!(world.get(&format!("/v2{path}")).await.status, 200);
    assert_eq!(pushes(&world, "DELETE", &path, &[]).await.status, 200);
    assert_eq!(world.get(&format!("/v2{path}")).await.status, 404);
}

#[tokio::test]
async fn signing_in_and_attached_documents_honour_the_revision_that_is_named() {
    let (world, own) = world().await;
    let ada = world.send("PUT", &format!("{own}/users"), json!({"first_name": "A", "last_name": "L"})).await;
    let device = world.device(&world.master.to_string(), json!({"name": "desk"})).await;
    let token = ("x-auth-token", &*world.token);
    let desk = format!("{device}/hotdesks/{}", ada.id());
    for (verb, path) in [("PUT", &desk), ("DELETE", &desk), ("POST", &format!("{device}/access_lists"))] {
        let stale = world.raw(verb, path, &[token, ("if-match", "\"7-00\"")], r#"{"data": {}}"#).await;
        assert_eq!(stale.status, 412, "{verb} {path}");
        let current = world.get(&device).await.header("etag").to_owned();
        let said = world.raw(verb, path, &[token, ("if-match", &current)], r#"{"data": {}}"#).await;
        assert_eq!(said.status, 200, "{verb} {path}: {said:?}");
    }
}

#[tokio::test]
async fn a_person_at_a_hot_desk_finds_only_himself() {
    let (world, own) = world().await;
    let mut people = Vec::new();
    for name in ["ada", "bob"] {
        let body = json!({"first_name": name, "last_name": "L", "username": name, "password": "opensesame1"});
        people.push(world.send("PUT", &format!("{own}/users"), body).await.id());
    }
    let device = world.device(&world.master.to_string(), json!({"name": "d", "owner_id": people[0]})).await;
    for id in &people {
        assert_eq!(world.send("PUT", &format!("{device}/hotdesks/{id}"), json!({})).await.status, 200);
    }
    assert_eq!(world.get(&format!("{device}/hotdesks")).await.data().as_array().unwrap().len(), 2);
    let credentials = checksync::id::hex(&Md5::digest("ada:opensesame1"));
    let login = json!({"data": {"credentials": credentials, "account_name": "master"}});
    let token = world.with("PUT", "/v2/user_auth", &login).await.json()["auth_token"].clone();
    let token = token.as_str().unwrap().to_owned();
    let seen = world.as_token(&token, "GET", &format!("{device}/hotdesks"), json!({})).await.data();
    let ids: Vec<&Value> = seen.as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&json!(people[0])]);
}

#[tokio::test]
async fn many_patches_and_sign_ins_at_once_are_all_done() {
    let (world, own) = world().await;
    let device = world.device(&world.master.to_string(), json!({"name": "desk"})).await;
    let mut requests = Vec::new();
    for number in 0..4 {
        let body = json!({"first_name": "U", "last_name": number.to_string()});
        let user = world.send("PUT", &format!("{own}/users"), body).await.id();
        requests.push(("PUT", format!("{device}/hotdesks/{user}"), json!({})));
        requests.push(("PATCH", device.clone(), json!({"ui_metadata": {format!("m{number}"): number}})));
    }
    for said in world.at_once(&requests).await {
        assert_eq!(said.status, 200, "{said:?}");
    }
    let now = world.get(&device).await.data();
    assert_eq!(now["ui_metadata"], json!({"m0": 0, "m1": 1, "m2": 2, "m3": 3}));
    assert_eq!(now["hotdesk"]["users"].as_object().unwrap().len(), 4);
}
