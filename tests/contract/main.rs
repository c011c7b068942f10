//! The contract, row by row: what each row of the document's tables says of a device holds here.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "what fails here fails the test, and what it tells of is made on the spot"
)]

#[path = "../api_common/mod.rs"]
mod api_common;
mod beside;
mod rows;
mod samples;

use api_common::{World, run};
use checksync::schema::{Noun, Schema};
use rows::{Kind, Row, Step, rows, tables};
use samples::{at, device, names, path, place, text, valid};
use serde_json::{Value, json};

fn accept(device: Value) -> Result<Value, Value> {
    let Value::Object(device) = device else { panic!("{device} is not an object") };
    let accepted = Schema::of(Noun::Device).accept(device);
    accepted.map(Value::Object).map_err(|invalid| serde_json::to_value(invalid).unwrap())
}

fn accepted(device: Value) -> Value {
    accept(device.clone()).unwrap_or_else(|problems| panic!("{device}: {problems}"))
}

/// The problem with `value` at the place of a row, under `code`.
fn problem(row: &Row, value: Value, code: &str) -> Value {
    let problems = accept(device(&path(row), value.clone())).expect_err(&format!("{row:?} takes {value}"));
    told(row, &problems, code)
}

/// What the problems of a document say of a row. What is wrong with one of alternatives is said of them all.
fn told(row: &Row, problems: &Value, code: &str) -> Value {
    if row.table.starts_with("formatters") {
        let whole = path(row)[..2].join(".");
        assert_eq!(problems[&whole]["not_one_schema_valid"]["message"], "failed to validate", "{row:?}");
        return Value::Null;
    }
    let problem = &problems[path(row).join(".")][code];
    assert!(problem["message"].is_string(), "{row:?} {code}: {problems}");
    problem.clone()
}

/// Some newer members stand beside those of the table.
fn types(row: &Row) -> String {
    if row.key == "outbound_flags" { "array, object".to_owned() } else { row.type_names() }
}

fn choices(row: &Row, table: &[&str]) -> Value {
    let newer: &[&str] = if row.key == "sip.invite_format" { &["strip_plus"] } else { &[] };
    match row.key {
        "media.bypass_media" => json!([true, false, "true", "false", "auto"]),
        _ => table.iter().chain(newer).copied().collect(),
    }
}

#[test]
fn the_tables_are_complete() {
    let documented = [
        ("devices", 79),
        ("call_recording", 3),
        ("call_recording.parameters", 6),
        ("call_recording.source", 3),
        ("call_waiting", 1),
        ("caller_id", 9),
        ("custom_sip_headers", 1),
        ("dialplans", 2),
        ("formatters", 1),
        ("formatters.format_options", 7),
        ("metaflow", 4),
        ("metaflows", 7),
    ];
    assert_eq!(tables(), documented);
    for (table, count) in documented {
        let rows = rows();
        let keys: std::collections::BTreeSet<_> =
            rows.iter().filter(|row| row.table == table).map(|row| row.key).collect();
        assert_eq!(keys.len(), count, "{table}");
    }
}

#[test]
fn every_row_has_its_default_and_no_other() {
    for row in rows().iter().filter(|row| row.steps().iter().all(|step| matches!(step, Step::Name(_)))) {
        let path = path(row);
        let (last, above) = path.split_last().unwrap();
        let mut without = if above.is_empty() { json!({}) } else { device(above, json!({})) };
        without["name"] = json!("phone");
        if row.table == "metaflow" {
            without["metaflows"]["numbers"]["7"] = json!({ "module": "m" });
        }
        if row.required {
            continue;
        }
        let given = accepted(without);
        assert_eq!(at(&given, above).unwrap().get(last), default(row).as_ref(), "{row:?}");
    }
}

/// The default of a row, filled with the defaults of the rows below it.
fn default(row: &Row) -> Option<Value> {
    let mut value = row.default.clone()?;
    for below in rows().iter().filter(|below| below.table == row.table) {
        let name = below.key.strip_prefix(row.key).and_then(|rest| rest.strip_prefix('.'));
        let Some(name) = name.filter(|name| !name.contains('.')) else { continue };
        if let Some(default) = default(below) {
            value[name] = default;
        }
    }
    Some(value)
}

#[test]
fn what_is_required_is_missed() {
    let required: Vec<Row> = rows().into_iter().filter(|row| row.required).collect();
    assert_eq!(required.iter().map(|row| row.key).collect::<Vec<_>>(), ["name", "module"]);
    for row in required {
        let mut without = device(
            place(row.table).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().as_slice(),
            json!({}),
        );
        if row.table == "devices" {
            without = json!({});
        }
        let problem = told(&row, &accept(without).unwrap_err(), "required");
        assert_eq!(problem, json!({ "message": "Field is required but missing", "value": row.key }));
    }
}

#[test]
fn every_row_takes_each_of_its_values_and_keeps_it() {
    for row in rows() {
        for value in valid(&row) {
            let given = accepted(device(&path(&row), value.clone()));
            let kept = at(&given, &path(&row)).unwrap();
            let filled = value.is_object() && kept.is_object();
            assert!(kept == &value || filled, "{row:?}: {value} became {kept}");
        }
    }
}

#[test]
fn every_row_is_stored_and_given_back() {
    run(async {
        let world = World::new().await;
        let stored = world.device(&world.master.to_string(), json!({ "name": "phone" })).await;
        for row in rows() {
            let value = valid(&row).into_iter().find(|value| value != "");
            let wish = device(&path(&row), value.unwrap());
            let said = world.send("POST", &stored, wish.clone()).await;
            assert_eq!(said.status, 200, "{row:?}: {said:?}");
            let given = world.get(&stored).await.data();
            assert_eq!(said.data(), given);
            let expected = accepted(wish);
            assert_eq!(at(&given, &path(&row)), at(&expected, &path(&row)), "{row:?}");
        }
    });
}

#[test]
fn every_row_refuses_another_type_by_its_path() {
    run(async {
        let world = World::new().await;
        let stored = world.device(&world.master.to_string(), json!({ "name": "phone" })).await;
        for row in rows() {
            let wrong = [json!(7.5), Value::Null];
            for value in
                wrong.into_iter().filter(|value| !value.is_null() || !row.kinds.contains(&Kind::Null))
            {
                let said = world.send("POST", &stored, device(&path(&row), value.clone())).await;
                assert_eq!(
                    (said.status, &said.json()["message"]),
                    (400, &json!("validation error")),
                    "{row:?}"
                );
                let problem = told(&row, &said.data(), "type");
                if problem.is_null() {
                    continue;
                }
                let types = types(&row);
                assert_eq!(problem["message"], format!("Value did not match type(s): {types}"), "{row:?}");
                assert_eq!(problem["target"], types, "{row:?}");
                if row.key != "sip.password" {
                    assert_eq!(problem["value"], value);
                }
            }
        }
    });
}

#[test]
fn text_becomes_what_a_row_wants() {
    for row in rows() {
        let (text, value) = match row.kinds[..] {
            [Kind::Boolean] => ("false", json!(false)),
            [Kind::Integer] => ("300", json!(300)),
            _ => continue,
        };
        let given = accepted(device(&path(&row), json!(text)));
        assert_eq!(at(&given, &path(&row)), Some(&value), "{row:?}");
        problem(&row, json!("yes"), "type");
    }
}

#[test]
fn every_length_is_counted_in_characters() {
    for row in rows() {
        let [Kind::Text(Some((least, most)))] = row.kinds[..] else { continue };
        let long = problem(&row, text(most + 1), "maxLength");
        assert_eq!(long["target"], most, "{row:?}");
        assert_eq!(long["message"], format!("String must not be more than {most} characters"));
        if least > 0 {
            let short = problem(&row, text(least - 1), "minLength");
            assert_eq!(short["target"], least, "{row:?}");
            assert_eq!(short["message"], format!("String must be at least {least} characters"));
        }
        if row.key != "sip.password" {
            assert_eq!(long["value"], text(most + 1));
            assert_eq!(long["cause"], long["value"]);
        }
    }
}

#[test]
fn every_choice_is_one_of_the_list() {
    for row in rows() {
        for kind in &row.kinds {
            let (value, list, item) = match kind {
                Kind::Choice(list) => (json!("nothing of the kind"), list, false),
                Kind::List(kind) => match &**kind {
                    Kind::Choice(list) => (json!(["nothing of the kind"]), list, true),
                    _ => continue,
                },
                _ => continue,
            };
            let problem = if item { of_item(&row, value, "enum") } else { problem(&row, value, "enum") };
            if problem.is_null() {
                continue;
            }
            assert_eq!(problem["target"], choices(&row, list), "{row:?}");
            let message = match row.key {
                "sip.method" => "SIP authentication method is invalid",
                _ => "Value not found in enumerated list of values",
            };
            assert_eq!(problem["message"], message, "{row:?}");
        }
    }
}

/// The problem with the first item of a list.
fn of_item(row: &Row, list: Value, code: &str) -> Value {
    let problems = accept(device(&path(row), list)).unwrap_err();
    let problem = problems[format!("{}.0", path(row).join("."))][code].clone();
    assert!(problem.is_object(), "{row:?}: {problems}");
    problem
}

#[test]
fn every_list_takes_only_its_kind_of_items() {
    for row in rows().iter().filter(|row| matches!(row.kinds[..], [Kind::List(_)])) {
        assert_eq!(of_item(row, json!([7]), "type")["target"], "string", "{row:?}");
    }
    for key in ["media.audio.codecs", "media.encryption.methods", "media.video.codecs"] {
        let rows = rows();
        let row = rows.iter().find(|row| row.key == key).unwrap();
        let first = valid(row)[0][0].clone();
        let twice = problem(row, json!([first, first]), "uniqueItems");
        assert_eq!(twice["message"], "List of items is not unique");
    }
}

/// Where a name that the pattern does not take is refused; elsewhere it is a member that nobody knows, and stays.
const STRICT: [&str; 4] =
    ["sip.custom_sip_headers", "sip.custom_sip_headers.out", "metaflows.numbers", "metaflows.patterns"];

#[test]
fn every_pattern_of_names_says_what_becomes_of_other_names() {
    for row in rows() {
        let Some(Step::Pattern(pattern)) = row.steps().last().copied() else { continue };
        let mut path = path(&row);
        path.pop();
        let above = path.join(".");
        path.push(names(pattern).1.to_owned());
        let answer = accept(device(&path, json!(7.5)));
        if STRICT.contains(&above.as_str()) {
            let problems = answer.unwrap_err();
            let message = "Strict checking of data is enabled; only include schema-defined properties";
            assert_eq!(problems[path.join(".")]["additionalProperties"]["message"], message, "{row:?}");
        } else {
            assert_eq!(at(&answer.unwrap(), &path), Some(&json!(7.5)), "{row:?}");
        }
    }
}

#[test]
fn what_the_tables_do_not_say_is_held_to_as_well() {
    let cases = [
        (json!({ "sip": { "realm": "a b c d" } }), "sip.realm", "pattern"),
        (
            json!({ "call_recording": { "any": { "any": { "time_limit": 4 } } } }),
            "call_recording.any.any.time_limit",
            "minimum",
        ),
        (
            json!({ "call_recording": { "any": { "any": { "time_limit": 10801 } } } }),
            "call_recording.any.any.time_limit",
            "maximum",
        ),
        (
            json!({ "call_recording": { "any": { "any": { "url": "a b" } } } }),
            "call_recording.any.any.url",
            "wrong_format",
        ),
        (json!({ "call_recording": { "some": {} } }), "call_recording.some", "additionalProperties"),
        (
            json!({ "call_restriction": { "did_us": { "action": "allow" } } }),
            "call_restriction.did_us.action",
            "enum",
        ),
        (
            json!({ "provision": { "combo_keys": { "1": { "type": "x" } } } }),
            "provision.combo_keys.1.type",
            "enum",
        ),
        (
            json!({ "provision": { "feature_keys": { "1": {} } } }),
            "provision.feature_keys.1.type",
            "required",
        ),
        (json!({ "metaflows": { "numbers": { "1": {} } } }), "metaflows.numbers.1.module", "required"),
    ];
    for (mut device, path, code) in cases {
        device["name"] = json!("phone");
        let problems = accept(device).unwrap_err();
        assert!(problems[path][code]["message"].is_string(), "{path} {code}: {problems}");
        assert_eq!(problems.as_object().unwrap().len(), 1, "{problems}");
    }
    accepted(json!({ "name": "phone", "call_forward": { "enabled": true } }));
}

#[test]
fn schemas_are_shown_to_everybody() {
    run(async {
        let world = World::new().await;
        let list = world.raw("GET", "/v2/schemas", &[], "").await;
        assert_eq!(list.status, 200, "{list:?}");
        let names: Vec<String> = serde_json::from_value(list.data()).unwrap();
        for name in
            ["devices", "users", "accounts"].into_iter().chain(tables().into_iter().map(|(name, _)| name))
        {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        for name in names {
            let said = world.raw("GET", &format!("/v2/schemas/{name}"), &[], "").await;
            assert_eq!((said.status, &said.data()["id"]), (200, &json!(name)));
        }
        let none = world.raw("GET", "/v2/schemas/nothing", &[], "").await;
        assert_eq!((none.status, &none.data()["cause"]), (404, &json!("nothing")));
        assert_eq!(world.raw("PUT", "/v2/schemas", &[], "").await.status, 405);
    });
}
