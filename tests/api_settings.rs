//! What administrators are told of settings that cannot be.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::World;
use checksync::document::put_at;
use checksync::store::{Change, Entity, Step};
use serde_json::{Value, json};

/// Stores a device whose setting nobody would store now, as an older version has.
async fn stored_before(world: &World, path: &str, setting: &str, value: Value) {
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let mut device = world.store.device(id).await.unwrap().unwrap();
    let before = device.document.revision;
    let mut body = device.document.body.clone();
    put_at(&mut body, setting, value);
    device.document = device.document.revised(body, api_common::NOW);
    let steps = vec![Step::Put { entity: Entity::Device(device), replaces: Some(before) }];
    world.store.commit(Change { steps }).await.unwrap();
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_not_stored_and_what_it_may_be_is_said() {
    let world = World::new().await;
    let own = format!("/v2/accounts/{}", world.master);
    let device = world.device(&world.master.to_string(), json!({"name": "phone"})).await;
    let said = world.send("PATCH", &own, json!({"provision": {"server": "http://x/"}})).await;
    assert_eq!((said.status, &said.json()["message"]), (400, &json!("validation error")));
    let problem = said.data()["provision.server"]["wrong_format"].clone();
    assert_eq!(problem["value"], "http://x/");
    assert!(problem["message"].as_str().unwrap().contains("host:port"), "{problem}");
    let said = world.send("PATCH", &device, json!({"provision": {"port": 99_999, "voicemail": 98}})).await;
    assert_eq!((said.status, &said.data()["provision.port"]["maximum"]["target"]), (400, &json!(65535)));
    let said = world.send("PATCH", &device, json!({"provision": {"port": 5070, "voicemail": 98}})).await;
    assert_eq!((said.status, &said.data()["provision"]["voicemail"]), (200, &json!("98")));
    let said = world.send("PATCH", &device, json!({"provision": {"contacts": [{"name": "x"}]}})).await;
    let data = said.data();
    assert!(data["provision.contacts.0.number"]["required"].is_object(), "{data}");
    let message = data["provision.contacts"]["not_one_schema_valid"]["message"].as_str().unwrap();
    assert!(message.starts_with("failed to validate: it must be users, or a list"), "{message}");
}

#[tokio::test]
async fn no_two_lines_of_a_phone_are_the_same_account() {
    let world = World::new().await;
    let account = world.master.to_string();
    let device = world.device(&account, json!({"name": "a"})).await;
    let other = world.device(&account, json!({"name": "b"})).await;
    let [own, other] = [&device, &other].map(|path| path.rsplit('/').next().unwrap().to_owned());
    let with = |ids: &[&str]| {
        let lines: Vec<Value> = ids.iter().map(|id| json!({"device_id": id})).collect();
        world.send("PATCH", &device, json!({"provision": {"lines": lines}}))
    };
    assert_eq!(with(&[&other]).await.status, 200);
    for (ids, path) in [
        ([&*other, &*other.to_uppercase()], "provision.lines.1.device_id"),
        ([&*own, &*other], "provision.lines.0.device_id"),
    ] {
        let said = with(&ids).await;
        let problem = &said.data()[path]["invalid"];
        assert!(said.status == 400 && problem["message"].is_string(), "{said:?}");
    }
}

#[tokio::test]
async fn a_document_with_a_setting_that_cannot_be_is_read_rendered_and_changed_elsewhere() {
    let world = World::new().await;
    let make = json!({"endpoint_brand": "yealink", "endpoint_model": "t46s"});
    let phone = json!({"name": "phone", "mac_address": "80:5e:c0:00:00:01", "provision": make});
    let device = world.device(&world.master.to_string(), phone).await;
    stored_before(&world, &device, "provision.port", json!(99_999)).await;
    assert_eq!(world.get(&device).await.data()["provision"]["port"], 99_999);
    assert!(world.given("805ec0000001").await.contains("5060"));
    let said = world.send("PATCH", &device, json!({"name": "desk"})).await;
    assert_eq!((said.status, &said.data()["provision"]["port"]), (200, &json!(99_999)), "{said:?}");
    let said = world.send("PATCH", &device, json!({"provision": {"port": 99_998}})).await;
    assert_eq!(said.status, 400);
    assert_eq!(world.send("PATCH", &device, json!({"provision": {"port": null}})).await.status, 200);
}

#[tokio::test]
async fn a_model_that_nobody_has_is_told_with_the_nearest_that_somebody_has() {
    let world = World::new().await;
    let make = json!({"endpoint_brand": "poly", "endpoint_model": "vvx450"});
    let phone = json!({"name": "phone", "mac_address": "80:5e:c0:00:00:01", "provision": make});
    let device = world.device(&world.master.to_string(), phone).await;
    let refusal = world.get(&format!("{device}/provisioning")).await.data()["refusal"].clone();
    let expected =
        "the catalog has no model poly/vvx450; did you mean polycom/vvx450? `checksync catalog` lists all";
    assert_eq!(refusal, expected);
}
