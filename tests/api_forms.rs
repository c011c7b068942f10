//! The forms that a request and its answer may have, as Kazoo's clients use them.
#![allow(clippy::unwrap_used)]

mod api_common;

use api_common::World;
use serde_json::json;

#[tokio::test]
async fn a_post_may_stand_for_another_verb() {
    let world = World::new().await;
    let own = format!("/v2/accounts/{}/devices", world.master);
    let made = world.send("POST", &format!("{own}?verb=PUT"), json!({"name": "Desk"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("{own}/{}", made.id());
    let headers = [("x-auth-token", &*world.token)];
    let envelope = json!({"verb": "patch", "data": {"presence_id": "p"}}).to_string();
    assert_eq!(world.raw("POST", &path, &headers, &envelope).await.data()["presence_id"], "p");
    assert_eq!(world.get(&path).await.data()["name"], "Desk");
    let overriding = [headers[0], ("x-http-method-override", "DELETE")];
    assert_eq!(world.raw("POST", &path, &overriding, "").await.status, 200);
    assert_eq!(world.raw("GET", &format!("{path}?verb=DELETE"), &headers, "").await.status, 404);
    assert_eq!(world.raw("POST", &format!("{path}?verb=DANCE"), &headers, "").await.status, 405);
}

#[tokio::test]
async fn the_account_of_the_token_need_not_be_named() {
    let world = World::new().await;
    let made = world.send("PUT", "/v2/account/devices", json!({"name": "Desk"})).await;
    assert_eq!(made.header("location"), format!("/v2/accounts/{}/devices/{}", world.master, made.id()));
    assert_eq!(world.get("/v2/account").await.id(), world.master.to_string());
    assert_eq!(world.get("/v2/account/devices?paginate=false").await.data()[0]["id"], made.id());
    assert_eq!(world.raw("GET", "/v2/account/devices", &[], "").await.status, 401);
    assert_eq!(world.get("/v2/accountants").await.status, 404);
}

#[tokio::test]
async fn browsers_of_other_origins_may_ask_and_read() {
    let world = World::new().await;
    let origin = [("origin", "https://ui.example")];
    let preflight = world.raw("OPTIONS", "/v2/accounts/x/devices", &origin, "").await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("allow"), "GET, HEAD, PUT, OPTIONS");
    assert_eq!(preflight.header("access-control-max-age"), "86400");
    assert!(preflight.header("access-control-allow-headers").contains("x-auth-token"));
    let refused = world.raw("GET", "/v2/accounts", &origin, "").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (405, "*"));
    let own = world.get(&format!("/v2/accounts/{}", world.master)).await;
    assert_eq!(own.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn an_answer_comes_in_the_form_that_is_asked_for() {
    let world = World::new().await;
    let own = format!("/v2/accounts/{}/devices", world.master);
    let id = world.send("PUT", &own, json!({"name": "A, \"B\""})).await.id();
    let token = ("x-auth-token", &*world.token);
    let pretty = world.raw("GET", &own, &[token, ("x-pretty-print", "true")], "").await;
    assert!(pretty.text.contains("{\n  \"auth_token\""), "{}", pretty.text);
    let wrapped = world.get(&format!("{own}?jsonp=cb.f")).await;
    assert!(wrapped.text.starts_with("cb.f({") && wrapped.text.ends_with("});"), "{}", wrapped.text);
    assert_eq!(wrapped.header("content-type"), "application/javascript");
    let table = world.raw("GET", &own, &[token, ("accept", "text/csv")], "").await;
    let rows =
        format!("id,name,device_type,enabled,mac_address\r\n{id},\"A, \"\"B\"\"\",sip_device,true,\r\n");
    assert_eq!(
        (table.text, table.headers.get("content-type").unwrap().to_str().unwrap()),
        (rows, "text/csv; charset=utf-8")
    );
}

#[tokio::test]
async fn a_path_says_which_verbs_it_has() {
    let world = World::new().await;
    let refused = world.send("DELETE", &format!("/v2/accounts/{}/devices", world.master), json!({})).await;
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD, PUT, OPTIONS"));
    assert_eq!(refused.json()["message"], "invalid_method");
}

#[tokio::test]
async fn what_could_not_be_stored_is_refused_before_it_is_looked_at() {
    let world = World::new().await;
    let devices = format!("/v2/accounts/{}/devices", world.master);
    let large: serde_json::Map<String, serde_json::Value> =
        (0..100_000).map(|n| (format!("k{n}"), json!(n))).collect();
    let refused = world.send("PUT", &devices, large.into()).await;
    assert_eq!((refused.status, refused.data()["data"]["maxSize"]["target"].as_u64()), (400, Some(98_304)));
    let refused = world.send("PUT", &devices, json!({"name": "a", "k".repeat(513): {"below": 1}})).await;
    assert_eq!((refused.status, refused.data()["data"]["maxLength"]["target"].as_u64()), (400, Some(512)));
    let padded = format!("{{\"data\":{{\"name\":\"a\"}}{}}}", " ".repeat(200_000));
    let stored = world.raw("PUT", &devices, &[("x-auth-token", &world.token)], &padded).await;
    assert_eq!(stored.status, 201, "blanks are not stored");
    let key = json!({"data": {"api_key": "0".repeat(70_000)}});
    assert!(world.with("PUT", "/v2/api_auth", &key).await.data()["file"]["maxSize"].is_object());
}

#[tokio::test]
async fn an_error_repeats_the_token_that_was_good_and_no_other() {
    let world = World::new().await;
    let path = format!("/v2/accounts/{}/devices/{}", world.master, "0".repeat(32));
    let unknown = world.get(&path).await;
    assert_eq!((unknown.status, unknown.json()["auth_token"].as_str()), (404, Some(&*world.token)));
    let strange = world.raw("GET", &path, &[("x-auth-token", "wrong")], "").await;
    assert_eq!((strange.status, strange.json().get("auth_token")), (401, None));
}

#[tokio::test]
async fn plain_text_is_not_read_since_any_page_may_send_it() {
    let world = World::new().await;
    let devices = format!("/v2/accounts/{}/devices", world.master);
    let headers = [("x-auth-token", &*world.token), ("content-type", "text/plain")];
    assert_eq!(world.raw("PUT", &devices, &headers, r#"{"data":{"name":"a"}}"#).await.status, 415);
}
