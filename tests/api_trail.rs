//! What a change would do, who made it, and what is kept of what is deleted.
#![allow(clippy::unwrap_used)]

mod api_common;

use api_common::{World, let_pass};
use checksync::store::Table;
use serde_json::{Value, json};

const MAC: &str = "00:15:65:00:00:01";

fn phone() -> Value {
    json!({
        "name": "Desk", "mac_address": MAC, "sip": {"username": "alice", "password": "first-password"},
        "provision": {"endpoint_brand": "yealink", "endpoint_family": "t4x", "endpoint_model": "t46s"},
    })
}

async fn world() -> (World, String) {
    let world = World::new().await;
    let devices = format!("/v2/accounts/{}/devices", world.master);
    (world, devices)
}

#[tokio::test]
async fn a_dry_run_shows_what_a_change_would_do_and_does_nothing() {
    let (world, devices) = world().await;
    let made = world.send("PUT", &format!("{devices}?dry_run=true"), phone()).await;
    assert_eq!((made.status, &made.data()["files"][0]["change"]), (200, &json!("added")), "{made:?}");
    assert_eq!(world.get(&devices).await.data(), json!([]));
    let path = format!("{devices}/{}", world.send("PUT", &devices, phone()).await.id());
    let before = world.get(&path).await.text;
    let tried = world.send("PATCH", &format!("{path}?dry_run=true"), json!({"name": "Lobby"})).await;
    assert_eq!(tried.data()["document"]["name"], "Lobby");
    let diff = tried.data()["files"][0]["diff"].as_str().unwrap().to_owned();
    assert!(
        diff.contains("-account.1.label = Desk\n") && diff.contains("+account.1.label = Lobby\n"),
        "{diff}"
    );
    assert!(!tried.data()["files"].to_string().contains("first-password"));
    assert_eq!(
        world.get(&path).await.json()["data"],
        serde_json::from_str::<Value>(&before).unwrap()["data"]
    );
}

#[tokio::test]
async fn a_dry_run_says_that_only_secrets_differ_and_shows_none() {
    let (world, devices) = world().await;
    let path = format!("{devices}/{}?dry_run=true", world.send("PUT", &devices, phone()).await.id());
    let tried = world.send("PATCH", &path, json!({"sip": {"password": "second-password"}})).await;
    let files = tried.data()["files"].clone();
    assert_eq!((&files[0]["only_secrets"], &files[0]["diff"]), (&json!(true), &json!("")));
    assert!(!files.to_string().contains("-password"), "{files}");
    let unchanged = world.send("PATCH", &path, json!({"presence_id": "nobody-shows-it"})).await;
    assert_eq!(unchanged.data()["files"], json!([]));
    let gone = world.send("DELETE", &path, json!({})).await;
    assert_eq!(gone.data()["files"][0]["change"], "removed");
    assert_eq!(world.send("POST", &path.replace('?', "/sync?"), json!({})).await.status, 400);
}

#[tokio::test]
async fn a_dry_run_of_an_account_names_the_phones_it_would_change() {
    let (world, devices) = world().await;
    let id = world.send("PUT", &devices, phone()).await.id();
    let account = format!("/v2/accounts/{}?dry_run=true", world.master);
    let tried = world.send("PATCH", &account, json!({"timezone": "Asia/Kolkata"})).await;
    assert_eq!(
        (&tried.data()["files"][0]["device_id"], &tried.data()["complete"]),
        (&json!(id), &json!(true))
    );
}

#[tokio::test]
async fn a_dry_run_finds_what_is_taken() {
    let (world, devices) = world().await;
    world.send("PUT", &devices, phone()).await;
    let tried = world.send("PUT", &format!("{devices}?dry_run=true"), phone()).await;
    assert_eq!((tried.status, tried.data().get("mac_address").is_some()), (400, true), "{tried:?}");
}

#[tokio::test]
async fn the_trail_names_who_changed_what_but_no_values() {
    let (world, devices) = world().await;
    let path = format!("{devices}/{}", world.send("PUT", &devices, phone()).await.id());
    let_pass(60);
    world.send("PATCH", &path, json!({"sip": {"password": "second-password"}, "name": "Lobby"})).await;
    let_pass(60);
    world.send("DELETE", &path, json!({})).await;
    let trail = format!("/v2/accounts/{}/audit", world.master);
    let said = world.get(&trail).await;
    let deeds: Vec<Value> = said.data().as_array().unwrap().iter().map(|row| row["what"].clone()).collect();
    assert_eq!(deeds, ["deleted", "changed", "created"]);
    let changed = said.data()[1].clone();
    assert_eq!(changed["paths"], json!(["name", "sip.password"]));
    assert_eq!(changed["by"]["account_id"], world.master.to_string());
    assert_eq!(changed["type"], "device");
    assert!(!said.text.contains("second-password"));
    let first = world.get(&format!("{trail}?page_size=2")).await;
    let next = first.json()["next_start_key"].as_str().unwrap().to_owned();
    let rest = world.get(&format!("{trail}?page_size=2&start_key={next}")).await;
    assert_eq!((&rest.data()[0]["what"], rest.json().get("next_start_key")), (&json!("created"), None));
    assert_eq!(world.get(&format!("{trail}?filter_what=changed")).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_deleted_is_kept_unless_somebody_says_otherwise() {
    let (world, devices) = world().await;
    let kept = world.send("PUT", &devices, phone()).await.id();
    assert_eq!(world.send("DELETE", &format!("{devices}/{kept}"), json!({})).await.status, 200);
    let again = world.send("PUT", &devices, phone()).await;
    assert_eq!(again.status, 201, "the address and the username are free");
    let gone = format!("{devices}/{}?should_soft_delete=false", again.id());
    assert_eq!(world.send("DELETE", &gone, json!({})).await.status, 200);
    let trash = world.store.notes(Table::Trash, None, 9).await.unwrap();
    assert_eq!(trash.len(), 1);
    assert!(String::from_utf8(trash[0].1.clone()).unwrap().contains(&kept));
}

#[tokio::test]
async fn credentials_are_made_up_for_those_who_ask() {
    let (world, devices) = world().await;
    let wanted = json!({"name": "Desk", "generate": ["sip.username", "sip.password"]});
    let made = world.send("PUT", &devices, wanted).await.data();
    let username = made["sip"]["username"].as_str().unwrap();
    let password = made["sip"]["password"].as_str().unwrap();
    assert!(username.starts_with("user_") && username.len() == 15, "{username}");
    assert_eq!((password.len(), made.get("generate")), (20, None));
    let path = format!("{devices}/{}", made["id"].as_str().unwrap());
    let again = world.send("PATCH", &path, json!({"generate": ["sip.password"]})).await.data();
    assert_eq!(again["sip"]["username"], username);
    assert_ne!(again["sip"]["password"], password);
    let wrong = world.send("PATCH", &path, json!({"generate": ["name"]})).await;
    assert_eq!((wrong.status, wrong.data().get("generate").is_some()), (400, true));
}

#[tokio::test]
async fn only_the_site_may_change_what_a_device_is() {
    let (world, _) = world().await;
    let child = world.send("PUT", "/v2/accounts", json!({"name": "child"})).await;
    let token = world.log_in(child.data()["api_key"].as_str().unwrap()).await;
    let devices = format!("/v2/accounts/{}/devices", child.id());
    let made =
        world.as_token(&token, "PUT", &devices, json!({"name": "d", "device_type": "softphone"})).await;
    let path = format!("{devices}/{}", made.id());
    let change = json!({"device_type": "landline"});
    let refused = world.as_token(&token, "PATCH", &path, change.clone()).await;
    let problem =
        json!({"invalid": {"message": "Not authorized to change type of device", "cause": "landline"}});
    assert_eq!((refused.status, &refused.data()["device_type"]), (400, &problem));
    assert_eq!(world.send("PATCH", &path, change).await.status, 200);
}

#[tokio::test]
async fn a_dry_run_of_a_user_looks_at_no_device_of_another_account() {
    let (world, devices) = world().await;
    let users = format!("/v2/accounts/{}/users", world.master);
    let ada = world.send("PUT", &users, json!({"first_name": "Ada", "last_name": "L"})).await.id();
    let (other, _) = world.account("other").await;
    let owned = |mac: &str, line: &str| {
        let mut phone = phone();
        (phone["mac_address"], phone["sip"]["username"]) = (json!(mac), json!(line));
        phone["owner_id"] = json!(ada);
        phone
    };
    let own = world.send("PUT", &devices, owned("805ec0000001", "ann")).await.id();
    world.device(&other, owned("805ec0000002", "bob")).await;
    for (verb, data) in [("PATCH", json!({"timezone": "Asia/Tokyo"})), ("DELETE", json!({}))] {
        let tried = world.send(verb, &format!("{users}/{ada}?dry_run=true"), data).await;
        let files = tried.data()["files"].as_array().unwrap().clone();
        assert!(files.iter().all(|file| file["device_id"] == own), "{verb}: {files:?}");
        assert_eq!((tried.data()["complete"].clone(), files.is_empty()), (json!(true), verb == "DELETE"));
    }
}

#[tokio::test]
async fn a_dry_run_of_an_account_looks_below_however_many_accounts_there_are() {
    let (world, _) = world().await;
    let mut accounts = Vec::new();
    for number in 0..205 {
        accounts.push(world.account(&format!("shop {number}")).await.0);
    }
    world.device(accounts.iter().max().unwrap(), phone()).await;
    let path = format!("/v2/accounts/{}?dry_run=true", world.master);
    let tried = world.send("PATCH", &path, json!({"timezone": "Asia/Tokyo"})).await;
    assert_eq!(tried.data()["complete"], true);
    assert_eq!(tried.data()["files"][0]["change"], "changed", "{tried:?}");
}

#[tokio::test]
async fn a_document_as_large_as_can_be_stored_can_be_deleted() {
    let (world, devices) = world().await;
    let (mut fits, mut not) = (80 * 1024, 96 * 1024);
    let put = async |bytes: usize| {
        let body = json!({"name": "large", "ui_metadata": {"note": "x".repeat(bytes)}});
        world.send("PUT", &devices, body).await
    };
    let mut largest = put(fits).await.id();
    while not - fits > 1 {
        let bytes = fits.midpoint(not);
        let said = put(bytes).await;
        if said.status == 201 {
            (fits, largest) = (bytes, said.id());
        } else {
            not = bytes;
        }
    }
    let said = world.send("DELETE", &format!("{devices}/{largest}"), json!({})).await;
    assert_eq!(said.status, 200, "{said:?}");
}

#[tokio::test]
async fn a_device_that_is_not_there_is_said_before_a_realm_that_is_another_s() {
    let (world, _) = world().await;
    let (shop, key) = world.account("shop").await;
    let realm = json!({"sip": {"realm": realm_of(&world).await}});
    let token = world.log_in(&key).await;
    let nobody = format!("/v2/accounts/{shop}/devices/{}", "a".repeat(32));
    let device = world.device(&shop, json!({"name": "d"})).await;
    for (path, status) in [(&nobody, 404), (&device, 400)] {
        for verb in ["PATCH", "POST"] {
            let mut data = realm.clone();
            data["name"] = json!("d");
            let said = world.as_token(&token, verb, path, data).await;
            assert_eq!(said.status, status, "{verb} {path}: {said:?}");
        }
    }
}

async fn realm_of(world: &World) -> Value {
    world.get(&format!("/v2/accounts/{}", world.master)).await.data()["realm"].clone()
}
