//! What hangs on devices, users and accounts: access lists, rate limits, hot desks, contacts, neighbours.
#![allow(clippy::unwrap_used)]

mod api_common;

use api_common::World;
use serde_json::{Value, json};

async fn world() -> (World, String) {
    let world = World::new().await;
    let own = format!("/v2/accounts/{}", world.master);
    (world, own)
}

#[tokio::test]
async fn access_lists_and_rate_limits_live_with_their_device() {
    let (world, own) = world().await;
    let device = format!(
        "{own}/devices/{}",
        world.send("PUT", &format!("{own}/devices"), json!({"name": "d"})).await.id()
    );
    let lists = json!({"order": "allow,deny", "cidrs": ["192.0.2.0/24"], "user_agent": "^Yealink"});
    let limits = json!({"per_minute": {"registrations": 5}});
    for (path, document) in [("access_lists", &lists), ("rate_limits", &limits)] {
        for above in [&device, &own] {
            let path = format!("{above}/{path}");
            assert_eq!(world.get(&path).await.data(), json!({}));
            assert_eq!(world.send("POST", &path, document.clone()).await.data(), *document);
            assert_eq!(
                world.send("POST", &path, json!({"cidrs": 5, "per_minute": 5})).await.status,
                400,
                "{path}"
            );
            assert_eq!(world.get(&path).await.data(), *document);
        }
    }
    let said = world.send("POST", &device, json!({"name": "renamed"})).await;
    assert!(!said.text.contains("192.0.2.0"), "it is no part of the device's document");
    assert_eq!(world.get(&format!("{device}/access_lists")).await.data(), lists);
    assert_eq!(world.send("DELETE", &format!("{device}/access_lists"), json!({})).await.data(), json!({}));
    assert_eq!(world.get(&format!("{device}/access_lists")).await.data(), json!({}));
    assert_eq!(world.get(&format!("{device}/rate_limits")).await.data(), limits);
}

#[tokio::test]
async fn a_user_signs_in_to_a_device_and_out_of_it() {
    let (world, own) = world().await;
    let user = json!({"first_name": "Ada", "last_name": "Lovelace"});
    let ada = world.send("PUT", &format!("{own}/users"), user).await.id();
    let device = world.send("PUT", &format!("{own}/devices"), json!({"name": "desk"})).await.id();
    let desks = format!("{own}/devices/{device}/hotdesks");
    let signed_in = world.send("PUT", &format!("{desks}/{ada}"), json!({})).await;
    assert_eq!((signed_in.status, &signed_in.data()[0]["first_name"]), (200, &json!("Ada")));
    assert_eq!(world.get(&desks).await.data()[0]["id"], ada);
    let row = json!({"device_id": device, "device_name": "desk"});
    assert_eq!(world.get(&format!("{own}/users/{ada}/hotdesks")).await.data(), json!([row]));
    assert_eq!(world.get(&format!("{own}/hotdesks")).await.data()[0]["owner_id"], ada);
    assert_eq!(world.send("DELETE", &format!("{desks}/{ada}"), json!({})).await.data(), json!([]));
    assert_eq!(world.get(&format!("{own}/hotdesks")).await.data(), json!([]));
    assert_eq!(world.send("PUT", &format!("{desks}/{device}"), json!({})).await.status, 404, "no user");
}

#[tokio::test]
async fn everybody_with_a_number_is_a_contact_unless_left_out() {
    let (world, own) = world().await;
    let with = |first: &str, exclude: bool| {
        json!({
            "first_name": first, "last_name": "X", "contact_list": {"exclude": exclude},
            "caller_id": {"internal": {"number": "1001"}, "external": {"number": "+4930123"}},
        })
    };
    for user in [with("Ada", false), with("Bob", true), json!({"first_name": "C", "last_name": "D"})] {
        assert_eq!(world.send("PUT", &format!("{own}/users"), user).await.status, 201);
    }
    let device = json!({"name": "Lobby", "presence_id": "1002"});
    world.send("PUT", &format!("{own}/devices"), device).await;
    assert_eq!(
        world.get(&format!("{own}/contact_list")).await.data(),
        json!([
            {"name": "Ada X", "external_number": "+4930123", "internal_number": "1001"},
            {"name": "Lobby", "internal_number": "1002"},
        ])
    );
}

#[tokio::test]
async fn neighbours_are_seen_from_above_only() {
    let (world, _) = world().await;
    let (one, key) = world.account("one").await;
    let (two, _) = world.account("two").await;
    let path = format!("/v2/accounts/{one}/siblings");
    let seen: Vec<Value> = world.get(&path).await.data().as_array().unwrap().clone();
    assert_eq!(seen.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), [json!(two)]);
    let token = world.log_in(&key).await;
    assert_eq!(world.as_token(&token, "GET", &path, json!({})).await.data(), json!([]));
}

#[tokio::test]
async fn screens_of_kazoo_come_up_though_numbers_and_limits_are_kept_elsewhere() {
    let (world, own) = world().await;
    for path in ["phone_numbers/classifiers", "limits", "configs/kazoo_endpoint"] {
        assert_eq!(world.get(&format!("{own}/{path}")).await.data(), json!({}), "{path}");
    }
    assert_eq!(world.get(&format!("{own}/phone_numbers")).await.data(), json!({"numbers": {}}));
    assert_eq!(world.raw("GET", &format!("{own}/limits"), &[], "").await.status, 401);
}

#[tokio::test]
async fn a_device_made_below_a_user_belongs_to_the_user() {
    let (world, own) = world().await;
    let user = json!({"first_name": "Ada", "last_name": "Lovelace"});
    let ada = world.send("PUT", &format!("{own}/users"), user).await.id();
    let made = world.send("PUT", &format!("{own}/users/{ada}/devices"), json!({"name": "desk"})).await;
    assert_eq!((made.status, made.data()["owner_id"].as_str()), (201, Some(&*ada)));
    let none = format!("{own}/users/{}/devices", made.id());
    assert_eq!(world.send("PUT", &none, json!({"name": "desk"})).await.status, 404);
}
