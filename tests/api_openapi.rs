//! The document that describes the API, and the page made of it: whether they say what is so.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use std::collections::BTreeMap;

use api_common::{KEY, World, run};
use serde_json::{Value, json};

async fn document(world: &World) -> Value {
    let said = world.raw("GET", "/v2/openapi.json", &[], "").await;
    assert_eq!((said.status, said.header("content-type")), (200, "application/json"));
    said.json()
}

/// Path, verb and operation of each.
fn operations(document: &Value) -> Vec<(&str, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let verbs = |(path, verbs)| {
        let verbs: &serde_json::Map<String, Value> = Value::as_object(verbs).unwrap();
        verbs.iter().map(move |(verb, one)| (String::as_str(path), verb.to_uppercase(), one))
    };
    paths.iter().flat_map(verbs).collect()
}

fn references(node: &Value) -> Vec<&str> {
    match node {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// The path with these names filled in, and every other with what is not there.
fn filled(path: &str, names: &BTreeMap<&str, String>) -> String {
    let parts = path.split('/').map(|part| {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        name.map_or(part, |name| names.get(name).map_or("nothing", String::as_str))
    });
    parts.collect::<Vec<_>>().join("/")
}

fn models() -> BTreeMap<&'static str, String> {
    let names = [("brand", "yealink"), ("family", "t4x"), ("model", "t46s"), ("number", "200")];
    names.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// A campaign of the phones of an account, which begins in a moment.
async fn campaign(world: &World, account: &str) -> String {
    world.set_going();
    let asked = world.send("POST", &format!("/v2/accounts/{account}/devices/sync"), json!({})).await;
    assert_eq!(asked.data(), json!({"phones": 1}));
    loop {
        if let Some(id) = world.get("/v2/resync").await.data()[0]["id"].as_str() {
            return id.to_owned();
        }
        actix_web::rt::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// An account with a user, who owns a phone that is known.
async fn shop(world: &World) -> BTreeMap<&'static str, String> {
    let (account, _) = world.account("Shop").await;
    let users = format!("/v2/accounts/{account}/users");
    let names = json!({"first_name": "Ann", "last_name": "Lee", "username": "ann"});
    let user = world.send("PUT", &users, names).await.id();
    let device = json!({
        "name": "Front desk", "mac_address": "805ec0123456", "owner_id": user,
        "sip": {"username": "front", "password": "secret"},
        "provision": {"endpoint_brand": "yealink", "endpoint_family": "t4x", "endpoint_model": "t46s"},
    });
    let device = world.device(&account, device).await;
    let files = world.get(&format!("{device}/config")).await.data();
    let file = files[0]["name"].as_str().unwrap_or_else(|| panic!("{files}")).to_owned();
    let device = device.rsplit('/').next().unwrap().to_owned();
    world.sent(&device, &file);
    let import = format!("/v2/accounts/{account}/devices/import");
    let job = world.send("POST", &import, json!([{"name": "One of many"}])).await.data()["job"]
        .as_str()
        .unwrap()
        .to_owned();
    let schema = "devices".to_owned();
    let own = [
        ("account", account),
        ("user", user),
        ("device", device),
        ("file", file),
        ("schema", schema),
        ("job", job),
    ];
    own.into_iter().chain([("mac", "805ec0123456".to_owned())]).chain(models()).collect()
}

#[test]
fn the_document_is_there_for_everybody_and_need_not_be_read_twice() {
    run(async {
        let world = World::new().await;
        let said = world.raw("GET", "/v2/openapi.json", &[], "").await;
        assert_eq!(said.json()["openapi"], "3.1.0");
        let etag = said.header("etag").to_owned();
        let again = world.raw("GET", "/v2/openapi.json", &[("if-none-match", &etag)], "").await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        assert_eq!(world.raw("POST", "/v2/openapi.json", &[], "").await.status, 405);
    });
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    run(async {
        let document = document(&World::new().await).await;
        let found = references(&document);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        let spare = ["devices_notify"];
        for (kind, some) in document["components"].as_object().unwrap() {
            for name in some.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(&&*reference) || spare.contains(&&**name), "nobody uses {reference}");
            }
        }
    });
}

#[test]
fn every_operation_of_the_document_is_answered() {
    run(async {
        let world = World::new().await;
        let document = document(&world).await;
        let mut names = models();
        names.insert("account", world.master.to_string());
        for (path, verb, one) in operations(&document) {
            let said = world.raw(&verb, &filled(path, &names), &[], "").await;
            let no_path = said.status == 404 && said.text.contains("\"not_found\"");
            assert!(said.status != 405 && !no_path, "{verb} {path}: {said:?}");
            assert!(one["responses"][said.status.to_string()].is_object(), "{verb} {path}: {said:?}");
            assert_eq!(one["security"].is_array(), said.status == 401, "{verb} {path}: {said:?}");
        }
    });
}

#[test]
fn every_verb_of_a_path_is_in_the_document() {
    run(async {
        let world = World::new().await;
        let document = document(&world).await;
        for (path, verbs) in
            document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.matches('/').count() > 1)
        {
            let said = world.raw("OPTIONS", &filled(path, &BTreeMap::new()), &[], "").await;
            let mut allowed: Vec<_> = said.header("allow").split(", ").map(str::to_lowercase).collect();
            allowed.retain(|verb| verb != "head" && verb != "options");
            allowed.sort_unstable();
            assert_eq!(allowed, verbs.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), "{path}");
        }
    });
}

#[test]
fn what_is_read_looks_as_the_document_says() {
    run(async {
        let world = World::new().await;
        let document = document(&world).await;
        let mut names = shop(&world).await;
        names.insert("token", world.token.clone());
        names.insert("campaign", campaign(&world, &names["account"]).await);
        let reads =
            |(_, verb, one): &(&str, String, &Value)| verb == "GET" && one["responses"]["200"].is_object();
        for (path, verb, one) in operations(&document).into_iter().filter(reads) {
            let path = filled(path, &names);
            let said = world.get(&path).await;
            assert_eq!(said.status, 200, "{verb} {path}: {said:?}");
            let schema = &one["responses"]["200"]["content"]["application/json"]["schema"];
            if schema.is_object() {
                check(&document, schema, &said.json(), &path);
            }
        }
    });
}

#[test]
fn what_is_changed_looks_as_the_document_says() {
    run(async {
        let world = World::new().await;
        let document = document(&world).await;
        let names = shop(&world).await;
        world.set_going();
        let device = "/v2/accounts/{account}/devices/{device}";
        let cases = [
            ("PUT", "/v2/api_auth", json!({"api_key": KEY})),
            ("PATCH", device, json!({"name": "Back desk"})),
            ("PUT", "/v2/accounts/{account}/devices", json!({"name": "Another"})),
            ("POST", "/v2/accounts/{account}/devices/{device}/sync", json!({})),
            ("POST", "/v2/accounts/{account}/devices/sync", json!({})),
            ("DELETE", "/v2/accounts/{account}/devices/{device}/uploads/{file}", json!({})),
            ("POST", "/v2/resync", json!({"action": "cancel"})),
            ("POST", "/v2/resync", json!({"action": "stop"})),
            (
                "POST",
                "/v2/accounts/{account}/devices/{device}/rate_limits",
                json!({"per_minute": {"invites": 3}}),
            ),
            ("PUT", "/v2/accounts/{account}/devices/{device}/hotdesks/{user}", json!({})),
            ("POST", "/v2/accounts/{account}/devices/import", json!([{"name": "A"}, {"name": "B"}])),
            ("POST", "/v2/accounts/{account}/devices/import", json!([{"name": 3}])),
            ("PUT", "/v2/accounts/{account}", json!({"name": "Below"})),
            ("PUT", "/v2/accounts/{account}/api_key", json!({})),
            ("PATCH", "/v2/accounts/{account}/users/{user}", json!({"first_name": "Bea"})),
            ("DELETE", device, json!({})),
        ];
        for (verb, path, data) in cases {
            for query in ["?dry_run=true", ""] {
                let said = world.send(verb, &format!("{}{query}", filled(path, &names)), data.clone()).await;
                let answer =
                    &document["paths"][path][verb.to_lowercase()]["responses"][said.status.to_string()];
                let answer = match answer["$ref"].as_str() {
                    Some(reference) => document.pointer(&reference[1..]).unwrap(),
                    None => answer,
                };
                let schema = &answer["content"]["application/json"]["schema"];
                assert!(schema.is_object(), "{verb} {path}{query}: {said:?}");
                check(&document, schema, &said.json(), &format!("{verb} {path}{query}"));
            }
        }
    });
}

fn check(document: &Value, schema: &Value, said: &Value, what: &str) {
    let mut whole = schema.as_object().unwrap().clone();
    whole.insert("components".to_owned(), document["components"].clone());
    let options = jsonschema::draft202012::options().should_validate_formats(false);
    let validator = options.build(&Value::Object(whole)).unwrap();
    let wrong: Vec<_> =
        validator.iter_errors(said).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{said:#}");
}

#[test]
fn the_page_holds_every_operation_and_needs_nothing_from_elsewhere() {
    run(async {
        let world = World::new().await;
        let document = document(&world).await;
        let page = world.raw("GET", "/docs", &[], "").await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
        for (path, _, one) in operations(&document) {
            let id = one["operationId"].as_str().unwrap();
            assert!(page.text.contains(&format!("<details id=\"{id}\">")), "{id}");
            assert!(page.text.contains(&format!("<span class=\"path\">{path}</span>")), "{path}");
        }
        for from_elsewhere in ["<script", "src=", "@import", "url(", "href=\"http"] {
            assert!(!page.text.contains(from_elsewhere), "{from_elsewhere}");
        }
    });
}

#[test]
fn every_link_of_the_page_leads_to_a_place_on_it() {
    run(async {
        let page = World::new().await.raw("GET", "/docs", &[], "").await.text;
        let links: Vec<&str> =
            page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(links.len() > 100);
        for link in links {
            assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
        }
    });
}
