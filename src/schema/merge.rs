//! Patching: how a change is laid over a document, and where a null means "clear this".

use serde_json::{Map, Value};

use super::spelling;

/// Lays `patch` over `base`: object over object is merged, anything else replaces what was there, `null`
/// deletes the member at any depth, and an empty object empties what it is laid over. An empty patch changes
/// nothing. Nulls inside arrays are values like any other. A member that has two names is replaced under whichever
/// it has.
pub fn merge(mut base: Map<String, Value>, patch: Map<String, Value>) -> Map<String, Value> {
    spelling::make_way(&mut base, &patch);
    merge_members(base, patch)
}

fn merge_members(mut base: Map<String, Value>, patch: Map<String, Value>) -> Map<String, Value> {
    for (key, change) in patch {
        let old = base.remove(&key);
        if let Some(new) = changed(old, change) {
            base.insert(key, new);
        }
    }
    base
}

fn changed(old: Option<Value>, change: Value) -> Option<Value> {
    match (old, change) {
        (_, Value::Null) => None,
        (Some(Value::Object(old)), Value::Object(change)) if !change.is_empty() => {
            Some(Value::Object(merge_members(old, change)))
        }
        (_, Value::Object(change)) => Some(Value::Object(merge_members(Map::new(), change))),
        (_, change) => Some(change),
    }
}

/// Removes the phone's keys that are null: in a request they are legal and clear that key on the phone, in a
/// stored device they mean nothing. Every other null stays.
pub fn prune_null_keys(mut device: Map<String, Value>) -> Map<String, Value> {
    for field in ["combo_keys", "feature_keys"] {
        let keys = device.get_mut("provision").and_then(|provision| provision.get_mut(field));
        if let Some(keys) = keys.and_then(Value::as_object_mut) {
            keys.retain(|_, key| !key.is_null());
        }
    }
    device
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value} is not an object") };
        map
    }

    fn merged(base: Value, patch: Value) -> Value {
        Value::Object(merge(map(base), map(patch)))
    }

    #[test]
    fn objects_are_merged_and_everything_else_is_replaced() {
        assert_eq!(
            merged(
                json!({ "a": { "b": 1, "c": { "d": 2 } }, "list": [1, 2], "s": "x", "o": {} }),
                json!({ "a": { "c": { "e": 3 } }, "list": [3], "s": { "t": 1 }, "o": 5, "new": true })
            ),
            json!({ "a": { "b": 1, "c": { "d": 2, "e": 3 } }, "list": [3], "s": { "t": 1 }, "o": 5, "new": true })
        );
    }

    #[test]
    fn a_patch_under_the_other_name_replaces_too() {
        assert_eq!(
            merged(json!({ "mwi_unsolicitated_updates": true }), json!({ "mwi_unsolicited_updates": false })),
            json!({ "mwi_unsolicited_updates": false })
        );
    }

    #[test]
    fn null_deletes_at_any_depth() {
        assert_eq!(
            merged(
                json!({ "a": { "b": { "c": 1, "d": 2 } }, "gone": [1] }),
                json!({ "a": { "b": { "c": null } }, "gone": null, "never": null })
            ),
            json!({ "a": { "b": { "d": 2 } } })
        );
    }

    #[test]
    fn null_deletes_even_where_there_was_nothing_to_merge_with() {
        assert_eq!(
            merged(json!({ "s": 1 }), json!({ "s": { "x": null }, "new": { "y": { "z": null } } })),
            json!({ "s": {}, "new": { "y": {} } })
        );
    }

    #[test]
    fn null_in_a_list_is_a_value() {
        assert_eq!(
            merged(json!({}), json!({ "list": [null, { "a": null }] })),
            json!({ "list": [null, { "a": null }] })
        );
    }

    #[test]
    fn an_empty_object_empties_but_an_empty_patch_changes_nothing() {
        assert_eq!(
            merged(json!({ "a": { "b": 1 }, "c": 2 }), json!({ "a": {} })),
            json!({ "a": {}, "c": 2 })
        );
        assert_eq!(merged(json!({ "a": { "b": 1 } }), json!({})), json!({ "a": { "b": 1 } }));
    }

    #[test]
    fn only_null_keys_of_the_phone_are_pruned() {
        let device = json!({
            "other": null,
            "provision": {
                "combo_keys": { "0": null, "1": { "type": "line", "value": null } },
                "feature_keys": { "2": null },
                "more": { "3": null },
            },
        });
        assert_eq!(
            Value::Object(prune_null_keys(map(device))),
            json!({
                "other": null,
                "provision": {
                    "combo_keys": { "1": { "type": "line", "value": null } },
                    "feature_keys": {},
                    "more": { "3": null },
                },
            })
        );
    }

    #[test]
    fn pruning_leaves_odd_shapes_alone() {
        for odd in [json!({}), json!({ "provision": 1 }), json!({ "provision": { "combo_keys": [null] } })] {
            assert_eq!(Value::Object(prune_null_keys(map(odd.clone()))), odd);
        }
    }
}
