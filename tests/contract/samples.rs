//! Documents made for a row: where its table stands in a device, and values that it takes.

use serde_json::{Map, Value, json};

use super::rows::{Kind, Row, Step};

/// Where the object that a table describes stands in a device.
pub(crate) fn place(table: &str) -> &'static [&'static str] {
    match table {
        "devices" => &[],
        "call_recording" => &["call_recording"],
        "call_recording.source" => &["call_recording", "any"],
        "call_recording.parameters" => &["call_recording", "any", "onnet"],
        "call_waiting" => &["call_waiting"],
        "caller_id" => &["caller_id"],
        "custom_sip_headers" => &["sip", "custom_sip_headers", "out"],
        "dialplans" => &["dial_plan"],
        "formatters" => &["formatters"],
        "formatters.format_options" => &["formatters", "to"],
        "metaflow" => &["metaflows", "numbers", "7"],
        "metaflows" => &["metaflows"],
        _ => panic!("nobody knows where {table} stands"),
    }
}

/// A name that a pattern takes, and one that it does not.
pub(crate) fn names(pattern: &str) -> (&'static str, &'static str) {
    match pattern {
        "^[0-9]+$" => ("7", "seven"),
        ".+" => ("any", ""),
        "^[a-zA-z0-9_\\-]+$" => ("X-Some_1", "a b"),
        "^[[:alnum:]_]+$" => ("to_user", "to-user"),
        _ => panic!("nobody knows what {pattern} takes"),
    }
}

/// The path of a row's value in a device, as errors name it.
pub(crate) fn path(row: &Row) -> Vec<String> {
    let below = row.steps().into_iter().map(|step| match step {
        Step::Name(name) => name,
        Step::Pattern(pattern) => names(pattern).0,
        Step::Item => "0",
    });
    place(row.table).iter().copied().chain(below).map(str::to_owned).collect()
}

/// A device that has, besides what it needs, `value` at `path`.
pub(crate) fn device(path: &[String], value: Value) -> Value {
    let mut device = json!({ "name": "phone" });
    if path.starts_with(&["metaflows".to_owned(), "numbers".to_owned(), "7".to_owned()]) && path.len() > 3 {
        put(&mut device, &path[..3], json!({ "module": "m" }));
    }
    put(&mut device, path, value);
    device
}

fn put(node: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    if first == "0" {
        *node = json!([null]);
        return put(&mut node[0], rest, value);
    }
    if !node.is_object() {
        *node = Value::Object(Map::new());
    }
    put(&mut node[first.as_str()], rest, value);
}

/// What stands at `path`.
pub(crate) fn at<'v>(device: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(device, |node, name| match node {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => node.get(name),
    })
}

/// Values that a row takes, with both ends of each range and every choice among them.
pub(crate) fn valid(row: &Row) -> Vec<Value> {
    match row.key {
        "timezone" => vec![json!("Europe/Vienna")],
        "sip.realm" => vec![json!("a.-_"), json!("a".repeat(253))],
        "url" => vec![json!("https://example.com/store")],
        "time_limit" => vec![json!(5), json!(10800)],
        "media.audio.codecs.[]" => vec![json!("PCMU")],
        "media.video.codecs.[]" => vec![json!("VP8")],
        "media.encryption.methods.[]" => vec![json!("srtp")],
        "provision.combo_keys./^[0-9]+$/" => vec![json!({ "type": "line" }), Value::Null],
        "provision.feature_keys./^[0-9]+$/" => {
            vec![json!({ "type": "speed_dial", "value": "100" }), Value::Null]
        }
        _ => row.kinds.iter().flat_map(of_kind).collect(),
    }
}

fn of_kind(kind: &Kind) -> Vec<Value> {
    match kind {
        Kind::Boolean => vec![json!(true), json!(false)],
        Kind::Integer => vec![json!(60), json!(0)],
        Kind::Null => vec![Value::Null],
        Kind::Text(None) => vec![json!("text"), json!("")],
        Kind::Text(Some((least, most))) => vec![text(*least), text(*most)],
        Kind::Choice(choices) => choices.iter().map(|choice| json!(choice)).collect(),
        Kind::List(kind) => vec![of_kind(kind).into(), json!([])],
        Kind::Definition("metaflow") => vec![json!({ "module": "m" })],
        Kind::Object | Kind::Definition(_) => vec![json!({})],
    }
}

/// A text of this many characters, each of which is two bytes.
pub(crate) fn text(length: usize) -> Value {
    "é".repeat(length).into()
}
