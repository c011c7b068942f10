//! Members that come in more than one spelling.

use serde_json::{Map, Value};

/// Two names of one thing: the contract's, which is the one that is filled in, and a newer one.
const PAIRS: [(&str, &str); 1] = [("mwi_unsolicitated_updates", "mwi_unsolicited_updates")];

/// Whether an object says something under `name`, or under the other name of the same thing.
pub(super) fn names(object: &Map<String, Value>, name: &str) -> bool {
    object.contains_key(name) || other(name).is_some_and(|other| object.contains_key(other))
}

/// Removes from `base` what `patch` says under its other name, so that the document does not contradict itself.
/// A patch that gives both names is taken at its word.
pub(super) fn make_way(base: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (one, two) in PAIRS {
        for (given, old) in [(one, two), (two, one)] {
            if patch.contains_key(given) && !patch.contains_key(old) {
                base.remove(old);
            }
        }
    }
}

/// Trims the flags of outbound calls, whether they are a list or lists under names.
pub(super) fn trim_flags(document: &mut Map<String, Value>) {
    if let Some(flags) = document.get_mut("outbound_flags") {
        trim(flags);
    }
}

fn trim(flags: &mut Value) {
    match flags {
        Value::Array(flags) => flags.iter_mut().for_each(trim),
        Value::Object(lists) => lists.values_mut().filter(|list| list.is_array()).for_each(trim),
        Value::String(flag) if flag.trim().len() < flag.len() => *flag = flag.trim().to_owned(),
        _ => {}
    }
}

fn other(name: &str) -> Option<&'static str> {
    PAIRS.iter().find_map(|(one, two)| match name {
        _ if name == *one => Some(*two),
        _ if name == *two => Some(*one),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value} is not an object") };
        map
    }

    #[test]
    fn both_names_name_the_same() {
        for given in ["mwi_unsolicitated_updates", "mwi_unsolicited_updates"] {
            let object = map(json!({ given: false }));
            assert!(names(&object, "mwi_unsolicitated_updates") && names(&object, "mwi_unsolicited_updates"));
            assert!(!names(&object, "name"));
        }
    }

    #[test]
    fn a_patch_under_one_name_takes_the_place_of_the_other() {
        for (given, old) in [PAIRS[0], (PAIRS[0].1, PAIRS[0].0)] {
            let mut base = map(json!({ old: true, "name": "a" }));
            make_way(&mut base, &map(json!({ given: false })));
            assert_eq!(base, map(json!({ "name": "a" })));
        }
        let mut base = map(json!({ "mwi_unsolicitated_updates": true }));
        make_way(&mut base, &map(json!({ "name": "b" })));
        make_way(&mut base, &map(json!({ "mwi_unsolicitated_updates": 1, "mwi_unsolicited_updates": 2 })));
        assert_eq!(base, map(json!({ "mwi_unsolicitated_updates": true })));
    }

    #[test]
    fn flags_are_trimmed_in_lists_only() {
        let mut document =
            map(json!({ "outbound_flags": { "static": [" a ", 1], "dynamic": ["b"], "x": " c " } }));
        trim_flags(&mut document);
        assert_eq!(document["outbound_flags"], json!({ "static": ["a", 1], "dynamic": ["b"], "x": " c " }));
        let mut document = map(json!({ "outbound_flags": ["\tfax ", "fax"] }));
        trim_flags(&mut document);
        assert_eq!(document["outbound_flags"], json!(["fax", "fax"]));
    }
}
