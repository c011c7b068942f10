//! Lists: which rows they have, in which order, and what each row says.
#![allow(clippy::unwrap_used)]

mod api_common;

use api_common::{NOW, World};
use serde_json::{Value, json};

fn names(world_said: &api_common::Said) -> Vec<String> {
    let mut names: Vec<String> = world_said
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    names
}

async fn office() -> (World, String) {
    let world = World::new().await;
    let path = format!("/v2/accounts/{}/devices", world.master);
    for device in [
        json!({"name": "Ann", "sip": {"username": "ann"}, "enabled": false, "mac_address": "00:04:f2:00:00:01"}),
        json!({"name": "Bob", "sip": {"username": "bob"}, "flags": ["lobby"], "device_type": "softphone"}),
        json!({"name": "Ann \"2\"", "presence_id": "ann", "device_type": "landline"}),
    ] {
        assert_eq!(world.send("PUT", &path, device).await.status, 201);
    }
    (world, path)
}

#[tokio::test]
async fn filters_choose_the_rows_of_a_list() {
    let (world, path) = office().await;
    let gregorian = NOW + 62_167_219_200;
    for (query, expected) in [
        ("filter_name=Ann".to_owned(), vec!["Ann"]),
        ("filter_name=Ann+%222%22".to_owned(), vec!["Ann \"2\""]),
        ("filter_enabled=true".to_owned(), vec!["Ann \"2\"", "Bob"]),
        ("filter_mac_address=0004F2000001".to_owned(), vec!["Ann"]),
        ("filter_sip.username=[\"ann\",\"bob\"]&filter_enabled=true".to_owned(), vec!["Bob"]),
        ("filter_not_name=Ann&has_key=flags".to_owned(), vec!["Bob"]),
        ("key_missing=sip.username".to_owned(), vec!["Ann \"2\""]),
        (format!("created_from={gregorian}&filter_name=Bob"), vec!["Bob"]),
        (format!("created_from={}", gregorian + 1), vec![]),
        ("filter_mac_address=nonsense".to_owned(), vec![]),
        ("_=1700000000&unknown=1&filter_name=Bob".to_owned(), vec!["Bob"]),
    ] {
        let query = query.replace('"', "%22").replace('[', "%5B").replace(']', "%5D");
        assert_eq!(names(&world.get(&format!("{path}?{query}")).await), expected, "{query}");
    }
}

#[tokio::test]
async fn a_filtered_list_fills_its_pages() {
    let (world, path) = office().await;
    let first = world.get(&format!("{path}?filter_enabled=true&page_size=1")).await;
    assert_eq!(first.json()["page_size"], 1);
    let next = first.json()["next_start_key"].as_str().unwrap().to_owned();
    let second = world.get(&format!("{path}?filter_enabled=true&page_size=1&start_key={next}")).await;
    assert_eq!(second.json().get("next_start_key"), None);
    let both = [names(&first), names(&second)].concat();
    assert!(both.contains(&"Bob".to_owned()) && both.contains(&"Ann \"2\"".to_owned()), "{both:?}");
}

#[tokio::test]
async fn rows_say_as_much_as_is_asked_for() {
    let (world, path) = office().await;
    let of_bob = async |query: &str| {
        let said = world.get(&format!("{path}?filter_name=Bob&{query}")).await;
        said.data()[0].clone()
    };
    let whole = of_bob("full_docs=true").await;
    assert_eq!((&whole["sip"]["method"], &whole["name"]), (&json!("password"), &json!("Bob")));
    let id = whole["id"].clone();
    assert_eq!(
        of_bob("fields=%5B%22sip.username%22%5D").await,
        json!({"id": id, "sip": {"username": "bob"}})
    );
    let status = of_bob("with_status=true").await;
    assert_eq!((&status["registrable"], &status["registered"]), (&json!(true), &json!(false)));
    let landline = world.get(&format!("{path}?with_status=true&filter_device_type=landline")).await;
    assert_eq!(
        (&landline.data()[0]["registrable"], landline.data()[0].get("registered")),
        (&json!(false), None)
    );
}

#[tokio::test]
async fn a_user_has_the_devices_it_owns_and_those_it_is_signed_in_to() {
    let (world, path) = office().await;
    let users = format!("/v2/accounts/{}/users", world.master);
    let user = |first: &str| json!({"first_name": first, "last_name": "X"});
    let ada = world.send("PUT", &users, user("Ada")).await.id();
    let list = world.get(&format!("{path}?filter_name=Bob")).await.data();
    let bobs = format!("{path}/{}", list[0]["id"].as_str().unwrap());
    let own = world.send("PUT", &path, json!({"name": "Own", "owner_id": ada})).await.id();
    let signing_in = json!({"hotdesk": {"users": {&ada: {}}}});
    assert_eq!(world.send("PATCH", &bobs, signing_in).await.status, 200);
    let devices = world.get(&format!("{users}/{ada}/devices")).await.data();
    let hotdesked: Vec<(&Value, &Value)> =
        devices.as_array().unwrap().iter().map(|row| (&row["id"], &row["hotdesked"])).collect();
    assert_eq!(hotdesked.len(), 2);
    assert!(hotdesked.contains(&(&json!(own), &json!(false))));
    assert!(hotdesked.contains(&(&list[0]["id"], &json!(true))));
    assert_eq!(devices[0].get("username").or(devices[1].get("username")), None);
    let signing_out = json!({"hotdesk": {"users": {&ada: null}}});
    assert_eq!(world.send("PATCH", &bobs, signing_out).await.status, 200);
    assert_eq!(world.get(&format!("{users}/{ada}/devices")).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_owners_devices_are_filtered_by_what_a_summary_has_and_by_what_it_lacks() {
    let (world, path) = office().await;
    let users = format!("/v2/accounts/{}/users", world.master);
    let ada = world.send("PUT", &users, json!({"first_name": "Ada", "last_name": "X"})).await.id();
    for (name, realm) in [("one", "a.example"), ("two", "b.example")] {
        let sip = json!({"username": name, "realm": realm, "password": "hidden-from-all"});
        let own = json!({"name": name, "owner_id": ada, "sip": sip, "flags": [name], "presence_id": name});
        assert_eq!(world.send("PUT", &path, own).await.status, 201);
    }
    for query in [
        "filter_name=two",
        "filter_sip.username=two",
        "filter_sip.realm=b.example",
        "filter_presence_id=two",
        "filter_array_intersect_any_flags=[\"two\"]",
        "filter_not_sip.realm=a.example",
    ] {
        let query = query.replace('"', "%22").replace('[', "%5B").replace(']', "%5D");
        for list in
            [format!("{path}?filter_owner_id={ada}&{query}"), format!("{users}/{ada}/devices?{query}")]
        {
            assert_eq!(names(&world.get(&list).await), ["two"], "{list}");
        }
    }
    let full = world.get(&format!("{path}?filter_owner_id={ada}&filter_name=one&full_docs=true")).await;
    assert_eq!(full.data()[0]["sip"]["realm"], "a.example");
    let row = world.get(&format!("{path}?filter_owner_id={ada}&filter_name=one")).await.data()[0].clone();
    let id = row["id"].clone();
    let expected = json!({"id": id, "name": "one", "owner_id": ada, "enabled": true, "flags": ["one"],
        "username": "one", "mac_address": "", "device_type": "sip_device"});
    assert_eq!(row, expected);
}

#[tokio::test]
async fn how_phones_stand_is_told_of_two_hundred_at_a_time() {
    let world = World::new().await;
    let own = format!("/v2/accounts/{}", world.master);
    let rows: Vec<Value> = (0..201).map(|number| json!({"name": number.to_string()})).collect();
    assert_eq!(world.send("POST", &format!("{own}/devices/import"), json!(rows)).await.status, 201);
    for query in ["paginate=false", "page_size=500"] {
        let page = world.get(&format!("{own}/provisioning?{query}")).await.json();
        assert_eq!(page["data"].as_array().unwrap().len(), 200, "{query}");
        let next = page["next_start_key"].as_str().unwrap();
        let rest = world.get(&format!("{own}/provisioning?{query}&start_key={next}")).await.json();
        assert_eq!((rest["data"].as_array().unwrap().len(), rest.get("next_start_key")), (1, None));
    }
    let all = world.get(&format!("{own}/devices?paginate=false")).await.data();
    assert_eq!(all.as_array().unwrap().len(), 201);
}
