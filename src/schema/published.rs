//! Schemas for those who ask: each one a document of its own, with every definition that it needs and no other.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Noun, Schema};

/// Kinds of document, by the names that Kazoo's clients ask for.
const DOCUMENTS: [(&str, Noun); 6] = [
    ("access_lists", Noun::AccessLists),
    ("accounts", Noun::Account),
    ("devices", Noun::Device),
    ("devices_notify", Noun::DeviceNotify),
    ("rate_limits", Noun::RateLimits),
    ("users", Noun::User),
];

/// Parts of documents, and the names of their definitions.
const PARTS: [(&str, &str); 12] = [
    ("call_recording", "call_recording"),
    ("call_recording.parameters", "call_recording.parameters"),
    ("call_recording.source", "call_recording.source"),
    ("call_waiting", "call_waiting"),
    ("caller_id", "caller_id"),
    ("custom_sip_headers", "custom_sip_headers"),
    ("devices.combo_key", "provision.key"),
    ("dialplans", "dialplans"),
    ("formatters", "formatters"),
    ("formatters.format_options", "formatters.format_options"),
    ("metaflow", "metaflow"),
    ("metaflows", "metaflows"),
];

/// The names of all schemas, in alphabetical order.
pub fn names() -> Vec<&'static str> {
    let documents = DOCUMENTS.iter().map(|(name, _)| *name);
    let names: BTreeSet<_> = documents.chain(PARTS.iter().map(|(name, _)| *name)).collect();
    names.into_iter().collect()
}

/// The schema of this name as a document that stands alone: every `$ref` leads to a definition in it. `None` for a
/// name that is not among [`names`].
pub fn published(name: &str) -> Option<Value> {
    let whole = DOCUMENTS.iter().find(|(known, _)| *known == name).map(|(_, noun)| Schema::of(*noun).json());
    let part = || {
        let (_, definition) = PARTS.iter().find(|(known, _)| *known == name)?;
        Schema::of(Noun::Device).json().get("$defs")?.get(definition)
    };
    let (schema, root) = match whole {
        Some(schema) => (schema, schema),
        None => (part()?, Schema::of(Noun::Device).json()),
    };
    Some(alone(name, schema, root))
}

fn alone(name: &str, schema: &Value, root: &Value) -> Value {
    let mut document = schema.as_object().cloned().unwrap_or_default();
    document.remove("$defs");
    let needed = needed(&Value::Object(document.clone()), root);
    document.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    document.insert("id".to_owned(), name.into());
    document.insert("title".to_owned(), name.into());
    document.insert("$defs".to_owned(), Value::Object(needed));
    Value::Object(document)
}

/// The definitions that `schema` refers to, those that these refer to, and so on.
fn needed(schema: &Value, root: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    let mut open = references(schema);
    while let Some(name) = open.pop() {
        if found.contains_key(name) {
            continue;
        }
        if let Some(definition) = root.get("$defs").and_then(|definitions| definitions.get(name)) {
            open.extend(references(definition));
            found.insert(name.to_owned(), definition.clone());
        }
    }
    found
}

fn references(node: &Value) -> Vec<&str> {
    match node {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            let own = own.and_then(|reference| reference.strip_prefix("#/$defs/"));
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schema_stands_alone() {
        for name in names() {
            let schema = published(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(schema["id"], name);
            let definitions = schema["$defs"].as_object().unwrap();
            for reference in references(&schema) {
                assert!(definitions.contains_key(reference), "{name}: {reference}");
            }
            let formats = jsonschema::draft202012::options().should_validate_formats(false);
            assert!(formats.build(&schema).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_schema_has_no_definition_that_it_does_not_need() {
        assert_eq!(published("call_waiting").unwrap()["$defs"], Value::Object(Map::new()));
        let metaflows = published("metaflows").unwrap();
        let needed: Vec<_> = metaflows["$defs"].as_object().unwrap().keys().collect();
        assert_eq!(needed, ["metaflow", "whole_number"]);
        assert!(published("rate_limits").unwrap()["$defs"].get("provision.key").is_none());
    }

    #[test]
    fn other_names_have_none() {
        assert!(published("").or(published("whole_number")).or(published("Devices")).is_none());
        assert_eq!(names().len(), DOCUMENTS.len() + PARTS.len());
    }
}
