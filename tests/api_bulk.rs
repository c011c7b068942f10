//! Many devices at once: what an import takes, refuses and takes back, and what an export gives.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::{Said, World, run};
use checksync::resync::Scope;
use checksync::store::Span;
use serde_json::{Value, json};

fn path(account: &str, rest: &str) -> String {
    format!("/v2/accounts/{account}/devices/{rest}")
}

async fn import(world: &World, account: &str, query: &str, kind: &str, body: &str) -> Said {
    let headers = [("x-auth-token", &*world.token), ("content-type", kind)];
    world.raw("POST", &path(account, &format!("import{query}")), &headers, body).await
}

async fn lines(world: &World, account: &str, query: &str, rows: &[Value]) -> Said {
    let body: Vec<String> = rows.iter().map(Value::to_string).collect();
    import(world, account, query, "application/x-ndjson", &body.join("\n")).await
}

async fn count(world: &World, account: &str) -> usize {
    let scope = Scope::Account(account.parse().unwrap());
    world.store.devices(&scope, Span::ascending(None, 10_000)).await.unwrap().rows.len()
}

/// The numbers of a report: total, created, updated, unchanged, failed.
fn counts(said: &Said) -> [u64; 5] {
    let data = said.data();
    ["total", "created", "updated", "unchanged", "failed"].map(|name| data[name].as_u64().unwrap())
}

fn phone(number: u32) -> Value {
    json!({
        "name": format!("Phone {number}"), "mac_address": format!("805ec0{number:06x}"),
        "sip": {"username": format!("u{number}"), "password": format!("s3cret{number}")},
        "provision": {"endpoint_brand": "yealink", "endpoint_family": "t4x", "endpoint_model": "t46s"},
    })
}

#[test]
fn devices_come_as_json_lines_as_a_table_and_in_an_envelope() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let many: Vec<Value> = (0..600).map(phone).collect();
        let said = lines(&world, &one, "", &many).await;
        assert_eq!((said.status, counts(&said)), (201, [600, 600, 0, 0, 0]), "{said:?}");
        assert_eq!((&said.data()["applied"], count(&world, &one).await), (&json!(true), 600));
        let table = "name,sip.username,sip.expire_seconds,enabled,provision.combo_keys.1.type,x\r\n\
                     A,aa,60,false,line,\"[1,2]\"\r\n\r\n\"B \"\"b\"\"\",bb,,,,7\r\n";
        let said = import(&world, &one, "", "text/csv; charset=utf-8", table).await;
        assert_eq!((said.status, counts(&said)), (201, [2, 2, 0, 0, 0]), "{said:?}");
        let found = world.get(&format!("/v2/accounts/{one}/devices?paginate=false")).await;
        let id = found.data().as_array().into_iter().flatten().find(|row| row["name"] == "A").unwrap()["id"]
            .clone();
        let device = world.get(&path(&one, id.as_str().unwrap())).await.data();
        assert_eq!((&device["sip"]["expire_seconds"], &device["enabled"]), (&json!(60), &json!(false)));
        assert_eq!(
            (&device["provision"]["combo_keys"]["1"], &device["x"]),
            (&json!({"type": "line"}), &json!([1, 2]))
        );
        let said = world.send("POST", &path(&one, "import"), json!([{"name": "C"}, {"name": "D"}])).await;
        assert_eq!((said.status, counts(&said)), (201, [2, 2, 0, 0, 0]));
        assert_eq!(count(&world, &one).await, 604);
    });
}

#[test]
fn nothing_is_stored_when_a_row_is_wrong_and_every_wrong_row_is_named() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        world.device(&one, phone(1)).await;
        let mut twice = phone(3);
        twice["name"] = json!("again");
        let rows = [
            phone(2),
            phone(1),
            json!({"sip": {"password": "s3"}}),
            phone(3),
            twice,
            json!({"name": "z", "timezone": "Nowhere/None", "sip": {"username": "U2"}}),
            json!(["s3cret"]),
        ];
        let said = lines(&world, &one, "", &rows).await;
        assert_eq!((said.status, counts(&said)), (400, [7, 0, 0, 0, 5]), "{said:?}");
        assert_eq!(
            (&said.json()["message"], &said.data()["applied"]),
            (&json!("validation error"), &json!(false))
        );
        let errors = said.data()["errors"].clone();
        let rows: Vec<u64> =
            errors.as_array().unwrap().iter().map(|error| error["row"].as_u64().unwrap()).collect();
        assert_eq!(rows, [2, 3, 5, 6, 7]);
        assert!(!said.text.contains("s3"), "{said:?}");
        assert_eq!(count(&world, &one).await, 1);
    });
}

#[test]
fn with_partial_the_good_rows_are_stored_and_a_dry_run_stores_none() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let rows = [phone(1), json!({"name": ""}), phone(2)];
        for (query, status) in [("?dry_run=true", 400), ("?dry_run=true&partial=true", 200)] {
            let said = lines(&world, &one, query, &rows).await;
            assert_eq!((said.status, count(&world, &one).await), (status, 0), "{said:?}");
        }
        let said = lines(&world, &one, "?partial=true", &rows).await;
        assert_eq!((said.status, counts(&said)), (201, [3, 2, 0, 0, 1]), "{said:?}");
        assert_eq!((&said.data()["errors"][0]["row"], count(&world, &one).await), (&json!(2), 2));
        let said = lines(&world, &one, "?partial=true", &rows).await;
        assert_eq!((said.status, counts(&said)), (400, [3, 0, 0, 0, 3]), "{said:?}");
    });
}

#[test]
fn a_row_with_an_id_replaces_that_device_only_when_it_is_asked_to() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let (two, _) = world.account("two").await;
        let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let first = id(&world.device(&one, phone(1)).await);
        let second = id(&world.device(&one, phone(2)).await);
        let foreign = id(&world.device(&two, phone(3)).await);
        world.forget_marks().await;
        let mut changed = phone(1);
        changed["id"] = json!(first);
        changed["name"] = json!("Changed");
        changed["sip"].as_object_mut().unwrap().remove("password");
        let mut same = world.get(&path(&one, &second)).await.data();
        same["id"] = json!(second);
        let rows = [changed, same, json!({"name": "New", "id": foreign})];
        let said = lines(&world, &one, "", &rows).await;
        assert_eq!((said.status, counts(&said)), (400, [3, 0, 0, 0, 2]), "{said:?}");
        let said = lines(&world, &one, "?mode=upsert", &rows).await;
        assert_eq!((said.status, counts(&said)), (201, [3, 1, 1, 1, 0]), "{said:?}");
        let device = world.get(&path(&one, &first)).await;
        assert_eq!(
            (&device.data()["name"], &device.data()["sip"]["password"]),
            (&json!("Changed"), &json!("s3cret1"))
        );
        assert_eq!(world.marks().await, [Scope::Device(first.parse().unwrap())]);
        assert_eq!(world.get(&path(&two, &foreign)).await.data()["name"], "Phone 3");
        let rows = [json!({"id": first, "name": "a"}), json!({"id": first, "name": "b"})];
        let said = lines(&world, &one, "?mode=upsert", &rows).await;
        assert_eq!((said.status, &said.data()["errors"][0]["row"]), (400, &json!(2)), "{said:?}");
        assert_eq!(lines(&world, &one, "?mode=x", &rows).await.status, 400);
    });
}

#[test]
fn what_is_no_import_is_refused_with_a_reason() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let cases = [
            ("application/x-ndjson", "", 400),
            ("text/csv", "name,name\na,b\n", 400),
            ("text/csv", "name\n", 400),
            ("application/json", "{}", 400),
            ("application/json", r#"{"data":{"name":"a"}}"#, 400),
            ("application/x-ndjson", "{\"name\":", 400),
            ("image/png", "x", 415),
        ];
        for (kind, body, status) in cases {
            let said = import(&world, &one, "", kind, body).await;
            assert_eq!(said.status, status, "{kind} {body} {said:?}");
        }
        let deep = format!("{{\"name\":\"a\",\"x\":{}1{}}}\n", "[".repeat(110), "]".repeat(110));
        let said = import(&world, &one, "", "application/jsonl", &deep).await;
        assert!(said.status == 400 && said.text.contains("maxDepth"), "{said:?}");
        let wide = json!({"name": "a", "provision": {"endpoint_brand": "b".repeat(600)}});
        assert!(lines(&world, &one, "", &[wide]).await.text.contains("maxSize"));
        let large = format!("{{\"name\":\"a\",\"x\":\"{}\"}}\n", "x".repeat(100_000));
        let said = import(&world, &one, "", "application/x-ndjson", &large).await;
        assert!(said.status == 400 && said.text.contains("maxSize"), "{}", said.status);
        let headers = [("content-type", "text/csv")];
        assert_eq!(world.raw("POST", &path(&one, "import"), &headers, "name\na\n").await.status, 401);
        let headers = [("x-auth-token", &*world.token), headers[0]];
        let devices = format!("/v2/accounts/{one}/devices");
        assert_eq!(world.raw("PUT", &devices, &headers, "name\na\n").await.status, 415);
        assert_eq!(count(&world, &one).await, 0);
    });
}

#[test]
fn imports_can_be_watched_and_need_not_be_waited_for() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let body: Vec<String> = (0..300).map(|number| phone(number).to_string()).collect();
        let body = body.join("\n");
        let headers = [
            ("x-auth-token", &*world.token),
            ("content-type", "application/x-ndjson"),
            ("prefer", "respond-async, wait=1"),
        ];
        let said = world.raw("POST", &path(&one, "import"), &headers, &body).await;
        assert_eq!(said.status, 202, "{said:?}");
        let job = said.header("location").to_owned();
        assert_eq!(job, path(&one, &format!("import/{}", said.data()["job"].as_str().unwrap())));
        let mut waited = 0;
        let done = loop {
            let job = world.get(&job).await.data();
            if job["state"] == "done" {
                break job;
            }
            waited += 1;
            assert!(waited < 1000, "{job}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        assert_eq!((&done["rows"], &done["good"], &done["applied"]), (&json!(300), &json!(300), &json!(300)));
        assert_eq!((&done["result"]["created"], count(&world, &one).await), (&json!(300), 300));
        let listed = world.get(&path(&one, "import")).await.data();
        assert_eq!((&listed[0]["job"], listed[0].get("result")), (&done["job"], None));
        let (two, _) = world.account("two").await;
        assert_eq!(world.get(&path(&two, "import")).await.data(), json!([]));
        assert_eq!(world.get(&job.replace(&one, &two)).await.status, 404);
    });
}

#[test]
fn an_export_has_every_device_and_secrets_only_when_they_are_asked_for() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let many: Vec<Value> = (0..1200).map(phone).collect();
        assert_eq!(lines(&world, &one, "", &many).await.status, 201);
        let export = async |query: &str| world.get(&path(&one, &format!("export{query}"))).await;
        let all = export("").await;
        assert_eq!((all.status, all.text.lines().count()), (200, 1200));
        assert_eq!(all.header("content-type"), "application/x-ndjson");
        assert!(!all.text.contains("s3cret") && all.text.contains("\"id\":"));
        let some = export("?filter_name=Phone%207&secrets=true&ids=false").await.text;
        assert!(some.lines().count() == 1 && some.contains("s3cret7") && !some.contains("\"id\":"), "{some}");
        let table = export("?format=csv").await;
        assert_eq!(
            (table.text.lines().count(), table.header("content-type")),
            (1201, "text/csv; charset=utf-8")
        );
        assert!(
            table.text.starts_with("id,name,") && !table.text.contains("s3cret"),
            "{}",
            &table.text[..200]
        );
        assert_eq!(export("?format=xml").await.status, 400);
        assert_eq!(world.raw("GET", &path(&one, "export"), &[], "").await.status, 401);
    });
}

#[test]
fn what_is_exported_can_be_imported_elsewhere_and_is_the_same() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        let odd = json!({
            "name": " \"a\",\r\nb ", "x": null, "empty": "", "truth": true, "number": -1.5, "text": "[1]",
            "a.b": {"c%2Ed": {"": 7}}, "list": [null, {"password": "s"}], "none": {}, ":json": 1, "": "x",
            "call_forward": {"enabled": true, "number": "+43"}, "sip": {"password": "12345", "expire_seconds": 60},
        });
        let plain: Vec<Value> =
            (0..3).map(|n| json!({"name": format!("n{n}"), "provision": {"k": n}})).collect();
        assert_eq!(lines(&world, &one, "", &[&[odd][..], &plain[..]].concat()).await.status, 201);
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let bare = "export?secrets=true&ids=false";
        let before = sorted(&world.get(&path(&one, bare)).await.text);
        for (format, kind) in [("jsonl", "application/jsonl"), ("csv", "text/csv")] {
            let (other, _) = world.account(&format!("other {format}")).await;
            let file = world.get(&path(&one, &format!("export?secrets=true&format={format}"))).await.text;
            let said = import(&world, &other, "", kind, &file).await;
            assert_eq!((said.status, counts(&said)), (201, [4, 4, 0, 0, 0]), "{said:?}");
            assert_eq!(sorted(&world.get(&path(&other, bare)).await.text), before, "{format}");
            let file = world.get(&path(&one, &format!("export?format={format}"))).await.text;
            let again = import(&world, &one, "?mode=upsert", kind, &file).await;
            assert_eq!((again.status, counts(&again)[1]), (200, 0), "{again:?}");
        }
    });
}

#[test]
fn the_trail_names_imports_and_exports_of_secrets() {
    run(async {
        let world = World::new().await;
        let (one, _) = world.account("one").await;
        assert_eq!(lines(&world, &one, "?dry_run=true", &[phone(1)]).await.status, 200);
        assert_eq!(lines(&world, &one, "", &[phone(1)]).await.status, 201);
        world.get(&path(&one, "export")).await;
        world.get(&path(&one, "export?secrets=true")).await;
        let trail = world.get(&format!("/v2/accounts/{one}/audit")).await.data();
        let mut whats: Vec<&str> =
            trail.as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect();
        whats.sort_unstable();
        assert_eq!(whats, ["devices imported", "secrets exported"], "{trail}");
    });
}

#[test]
fn a_row_may_ask_for_credentials_and_is_bound_by_what_its_caller_may_do() {
    run(async {
        let world = World::new().await;
        let (one, key) = world.account("one").await;
        let (_, other_key) = world.account("two").await;
        let table = "name,generate\r\nA,\"[\"\"sip.username\"\",\"\"sip.password\"\"]\"\r\n";
        assert_eq!(import(&world, &one, "", "text/csv", table).await.status, 201);
        let made = world.get(&path(&one, "export?secrets=true")).await.text;
        let device: Value = serde_json::from_str(&made).unwrap();
        assert!(device["sip"]["password"].as_str().unwrap().len() >= 20 && device.get("generate").is_none());
        let token = world.log_in(&key).await;
        let row = json!({"id": device["id"], "name": "A", "device_type": "cellphone"}).to_string();
        let post = async |token: &str, row: &str| {
            let headers = [("x-auth-token", token), ("content-type", "application/x-ndjson")];
            world.raw("POST", &path(&one, "import?mode=upsert"), &headers, row).await
        };
        let typed = json!({"id": device["id"], "name": "A", "device_type": "sip_device"}).to_string();
        assert_eq!(post(&token, &typed).await.status, 200);
        let refused = post(&token, &row).await;
        assert!(refused.status == 400 && refused.text.contains("device_type"), "{refused:?}");
        let realm = world.get(&format!("/v2/accounts/{}", world.master)).await.data()["realm"].clone();
        let foreign = json!({"name": "B", "sip": {"realm": realm, "username": "abc"}}).to_string();
        assert!(post(&token, &foreign).await.text.contains("sip.realm"));
        let stranger = world.log_in(&other_key).await;
        assert_eq!(post(&stranger, &typed).await.status, 403);
    });
}
