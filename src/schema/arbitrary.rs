//! What holds of every document, tried on arbitrary ones.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::{Noun, Schema, merge, prune_null_keys};

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value} is not an object") };
    map
}

/// Every name the schema of devices knows, so that arbitrary documents reach its corners.
fn vocabulary() -> Vec<String> {
    fn names(node: &Value, into: &mut Vec<String>) {
        if let Some(properties) = node.get("properties").and_then(Value::as_object) {
            into.extend(properties.keys().cloned());
        }
        let below = node.as_object().into_iter().flat_map(Map::values);
        below.chain(node.as_array().into_iter().flatten()).for_each(|node| names(node, into));
    }
    let mut all = ["1", "a.b", "_x", "pvt_x", "", "first_name", "hotdesk", "/~"].map(str::to_owned).to_vec();
    names(Schema::of(Noun::Device).json(), &mut all);
    all
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = select(vec!["true", "300", "PCMU", "contact", "presence", "a b", "\u{0}\u{2028}"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let name = prop_oneof![4 => select(vocabulary()), 1 => any::<String>()];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Changes that leave a device valid, in any combination.
fn valid_device() -> impl Strategy<Value = Map<String, Value>> {
    let changes = vec![
        json!({ "enabled": "false", "_rev": "1-a", "metaflows": {}, "call_forward": { "enabled": true } }),
        json!({ "sip": { "expire_seconds": 60.0, "password": "12345" }, "unknown": [null, 1.0] }),
        json!({ "media": { "audio": {}, "bypass_media": "true", "progress_timeout": "3" } }),
        json!({ "provision": { "combo_keys": { "1": { "type": "line" } }, "auto_sync": "true" } }),
        json!({ "formatters": { "to": [{ "strip": true }] }, "contact_list": { "exclude": "true" } }),
    ];
    let number = changes.len();
    subsequence(changes, 0..=number).prop_map(|changes| {
        changes.into_iter().fold(map(json!({ "name": "phone" })), |device, change| merge(device, map(change)))
    })
}

proptest! {
    #[test]
    fn no_document_is_a_reason_to_panic(document in any_json(), patch in any_json()) {
        let wrapped = |value: Value| match value {
            Value::Object(members) => members,
            other => map(json!({ "sip": other.clone(), "provision": { "combo_keys": { "1": other } } })),
        };
        let document = prune_null_keys(merge(wrapped(document), wrapped(patch)));
        for noun in [Noun::Device, Noun::User, Noun::Account] {
            match Schema::of(noun).accept(document.clone()) {
                Ok(once) => prop_assert_eq!(Schema::of(noun).accept(once.clone()).unwrap(), once),
                Err(invalid) => prop_assert!(!invalid.to_string().contains('\n')),
            }
        }
    }

    #[test]
    fn an_accepted_document_is_accepted_again_unchanged(document in valid_device()) {
        let once = Schema::of(Noun::Device).accept(document).unwrap();
        prop_assert_eq!(Schema::of(Noun::Device).accept(once.clone()).unwrap(), once);
    }
}
