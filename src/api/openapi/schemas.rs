//! The schemas of the document: those that documents are held to, and the shapes of answers.

use serde_json::{Map, Value, json};

use super::shapes;
use crate::schema::{Noun, Schema};

/// Ids of accounts, users and devices.
pub(super) const ID: &str = "^[0-9a-fA-F]{32}$";

/// The documents, under the names of their schemas.
const DOCUMENTS: [(&str, Noun); 6] = [
    ("accounts", Noun::Account),
    ("users", Noun::User),
    ("devices", Noun::Device),
    ("devices_notify", Noun::DeviceNotify),
    ("access_lists", Noun::AccessLists),
    ("rate_limits", Noun::RateLimits),
];

/// All schemas by name. Definitions lose their place and keep their names.
pub(super) fn all() -> Map<String, Value> {
    let mut found = Map::new();
    for (name, noun) in DOCUMENTS {
        let mut document = Schema::of(noun).json().clone();
        let definitions = document.as_object_mut().and_then(|document| document.remove("$defs"));
        if let Some(Value::Object(definitions)) = definitions {
            found.extend(definitions);
        }
        found.extend(both(name, document));
    }
    found.extend(shapes::all());
    found.values_mut().for_each(point_here);
    found
}

/// A document with the members it must have, and its members alone, of which a PATCH sends some.
fn both(name: &str, mut document: Value) -> Vec<(String, Value)> {
    let Some(members) = document.as_object_mut() else { return Vec::new() };
    members.remove("$schema");
    let Some(required) = members.remove("required") else { return vec![(name.to_owned(), document)] };
    let title = members.get("title").cloned().unwrap_or_default();
    let says = members.get("description").cloned().unwrap_or_default();
    members.insert("title".to_owned(), format!("{name}: the members").into());
    let reference = format!("#/components/schemas/{name}.members");
    let whole = json!({
        "title": title, "description": says, "allOf": [{"$ref": reference}], "required": required,
    });
    vec![(format!("{name}.members"), document), (name.to_owned(), whole)]
}

/// Makes references lead to where the schemas stand in the document.
fn point_here(node: &mut Value) {
    match node {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                *reference = reference.replace("#/$defs/", "#/components/schemas/");
            }
            members.values_mut().for_each(point_here);
        }
        Value::Array(items) => items.iter_mut().for_each(point_here),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_definition_takes_the_name_of_another() {
        let mut found = Map::new();
        for (name, noun) in DOCUMENTS {
            let definitions = Schema::of(noun).json()["$defs"].as_object().cloned().unwrap_or_default();
            for (name, definition) in definitions {
                let before = found.insert(name.clone(), definition.clone());
                assert!(before.is_none_or(|before| before == definition), "{name}");
            }
            assert!(!found.contains_key(name), "{name}");
        }
        for (name, _) in shapes::all() {
            assert!(
                !found.contains_key(&name) && DOCUMENTS.iter().all(|(known, _)| *known != name),
                "{name}"
            );
        }
    }

    #[test]
    fn a_patch_need_not_have_what_a_new_document_must_have() {
        let all = all();
        assert_eq!(all["devices"]["required"], json!(["name"]));
        assert_eq!(all["devices.members"].get("required"), None);
        assert!(all["devices.members"]["properties"]["sip"].is_object());
    }
}
