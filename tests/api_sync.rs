//! A sync of all phones of an account: whom it means, and when it is answered. And who opened the door to strangers.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use std::time::Duration;

use api_common::{World, let_pass};
use checksync::circle;
use serde_json::{Value, json};

fn device(mac: Option<&str>, model: &str, enabled: bool) -> Value {
    let (brand, model) = model.split_once('/').unwrap();
    let provision = json!({"endpoint_brand": brand, "endpoint_model": model});
    let mut body = json!({"name": "Desk", "enabled": enabled, "provision": provision});
    if let Some(mac) = mac {
        body["mac_address"] = json!(mac);
    }
    body
}

async fn syncs(world: &World, account: &str) -> Value {
    let said = world.send("POST", &format!("/v2/accounts/{account}/devices/sync"), json!({})).await;
    assert_eq!(said.status, 200, "{said:?}");
    said.data()
}

#[tokio::test(flavor = "current_thread")]
async fn a_sync_means_phones_without_a_mac_where_their_files_go_by_their_ids() {
    let local = tokio::task::LocalSet::new();
    let test = async {
        let world = World::new().await;
        let (account, _) = world.account("one").await;
        for device in [
            device(None, "linphone/softphone", true),
            device(Some("805ec0000001"), "yealink/t46s", true),
            device(None, "yealink/t46s", true),
            device(None, "linphone/softphone", false),
            device(None, "nobody/knows", true),
        ] {
            world.device(&account, device).await;
        }
        world.set_going();
        assert_eq!(syncs(&world, &account).await, json!({"phones": 2}));
    };
    local.run_until(test).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_sync_is_answered_only_once_every_phone_of_it_is_written_down() {
    let local = tokio::task::LocalSet::new();
    let test = async {
        let world = World::new().await;
        let (account, _) = world.account("one").await;
        let mut devices = Vec::new();
        for number in 0..300 {
            let mac = format!("805ec0{number:06x}");
            devices.push(world.device(&account, device(Some(&mac), "yealink/t46s", true)).await);
        }
        let early = tokio::time::timeout(Duration::from_millis(200), syncs(&world, &account)).await;
        assert!(early.is_err(), "nobody has written anything down yet");
        world.set_going();
        assert_eq!(syncs(&world, &account).await, json!({"phones": 300}));
        for device in devices {
            let id = device.rsplit('/').next().unwrap().parse().unwrap();
            assert!(circle::pending(&*world.store, id).await.unwrap().is_some());
        }
    };
    local.run_until(test).await;
}

#[tokio::test]
async fn the_trail_says_who_opened_and_shut_the_door_to_strangers() {
    let world = World::new().await;
    let seconds = json!({"seconds": 60});
    assert_eq!(world.send("PUT", "/v2/sightings?dry_run=true", seconds.clone()).await.status, 400);
    assert_eq!(world.send("PUT", "/v2/sightings", seconds).await.status, 200);
    let_pass(1);
    assert_eq!(world.send("DELETE", "/v2/sightings", json!({})).await.status, 200);
    let trail = world.get(&format!("/v2/accounts/{}/audit", world.master)).await.data();
    let deeds: Vec<&Value> = trail.as_array().unwrap().iter().map(|deed| &deed["what"]).collect();
    assert_eq!(deeds[..2], ["sightings closed", "sightings opened"], "{trail}");
    assert_eq!(trail[0]["type"], "sightings", "{trail}");
}
