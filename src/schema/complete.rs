//! Coercion and defaults: what a schema adds to a document before it is validated.
//!
//! Every member that the schema describes is completed, by name, by the pattern of its name or as one of the
//! others, and the items of lists. Of alternatives (`oneOf`, `anyOf`) the first that takes a value of this type is
//! the one that was meant.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Map, Number, Value, json};

use super::spelling;

/// A schema, ready to complete documents.
#[derive(Debug)]
pub(super) struct Completion {
    root: Value,
    /// The patterns of names, each as a schema that takes a name.
    patterns: BTreeMap<String, Validator>,
}

impl Completion {
    /// Compiles the patterns of a schema, which must be expressions that the validator takes.
    pub(super) fn of(root: Value) -> Self {
        let mut patterns = BTreeMap::new();
        collect(&root, &mut patterns);
        Self { root, patterns }
    }

    /// The schema.
    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// Coerces and fills in `document` and everything below it.
    pub(super) fn complete(&self, document: &mut Map<String, Value>) {
        self.object(&self.root, document);
    }

    fn object(&self, node: &Value, object: &mut Map<String, Value>) {
        for (key, member) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if let Some(default) = member.get("default")
                && !spelling::names(object, key)
            {
                object.insert(key.clone(), default.clone());
            }
        }
        for (key, member) in object {
            if let Some(node) = self.member(node, key) {
                self.element(node, member);
            }
        }
    }

    /// What the schema says of the member `key` of an object.
    fn member<'s>(&'s self, node: &'s Value, key: &str) -> Option<&'s Value> {
        let by_name = node.get("properties").and_then(|properties| properties.get(key));
        let by_pattern = || {
            let patterns = node.get("patternProperties")?.as_object()?;
            patterns.iter().find(|(pattern, _)| self.matches(pattern, key)).map(|(_, node)| node)
        };
        let node = by_name.or_else(by_pattern).or_else(|| node.get("additionalProperties"));
        node.map(|node| self.resolve(node))
    }

    fn matches(&self, pattern: &str, key: &str) -> bool {
        self.patterns.get(pattern).is_some_and(|pattern| pattern.is_valid(&json!(key)))
    }

    fn element(&self, node: &Value, value: &mut Value) {
        let node = self.meant(node, value);
        coerce(node, value);
        match value {
            Value::Object(members) => self.object(node, members),
            Value::Array(items) => {
                let node = node.get("items").map_or(&Value::Null, |node| self.resolve(node));
                for item in items {
                    self.element(node, item);
                }
            }
            _ => {}
        }
    }

    /// The alternative that takes a value of this type, or the node itself where there are none.
    fn meant<'s>(&'s self, node: &'s Value, value: &Value) -> &'s Value {
        let alternatives = ["oneOf", "anyOf"].iter().find_map(|kind| node.get(kind)?.as_array());
        let mut alternatives = alternatives.into_iter().flatten().map(|node| self.resolve(node));
        alternatives.find(|node| allows(node, kind(value))).unwrap_or(node)
    }

    /// Follows one `$ref` to a definition. Definitions do not refer on.
    fn resolve<'s>(&'s self, node: &'s Value) -> &'s Value {
        resolve(&self.root, node)
    }
}

/// Follows one `$ref` of a node of the schema `root` to its definition; a node without one is its own.
pub fn resolve<'s>(root: &'s Value, node: &'s Value) -> &'s Value {
    let target = node.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(node)
}

fn collect(node: &Value, patterns: &mut BTreeMap<String, Validator>) {
    if let Some(named) = node.get("patternProperties").and_then(Value::as_object) {
        for pattern in named.keys() {
            let validator = jsonschema::draft202012::new(&json!({ "pattern": pattern }));
            patterns.extend(validator.ok().map(|validator| (pattern.clone(), validator)));
        }
    }
    match node {
        Value::Object(members) => members.values().for_each(|node| collect(node, patterns)),
        Value::Array(items) => items.iter().for_each(|node| collect(node, patterns)),
        _ => {}
    }
}

/// The name of a value's type, as schemas write it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a schema says of a text for which a whole number may be written, from 0.
const AS_TEXT: &str = "x-text";

fn coerce(node: &Value, value: &mut Value) {
    let coerced = match value {
        Value::String(text) if !allows(node, "string") => from_text(node, text),
        Value::Number(number) if node.get(AS_TEXT).is_some() => digits(number),
        Value::Number(number) if number.is_f64() && allows(node, "integer") => whole(number),
        _ => None,
    };
    if let Some(coerced) = coerced {
        *value = coerced;
    }
}

fn from_text(node: &Value, text: &str) -> Option<Value> {
    match text {
        "true" | "false" if allows(node, "boolean") => Some(Value::Bool(text == "true")),
        _ if allows(node, "integer") => text.parse::<i64>().ok().map(Value::from),
        _ if allows(node, "number") => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        _ => None,
    }
}

fn digits(number: &Number) -> Option<Value> {
    let whole = if number.is_f64() { whole(number)?.as_u64() } else { number.as_u64() };
    whole.map(|whole| whole.to_string().into())
}

/// `300.0` is an integer to JSON Schema; whoever reads the document later gets `300`.
fn whole(number: &Number) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    let number = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= EXACT)?;
    format!("{number:.0}").parse::<i64>().ok().map(Value::from)
}

/// True when a node of a schema names this type among those that it takes.
pub fn allows(node: &Value, kind: &str) -> bool {
    match node.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coerced(kind: &Value, mut value: Value) -> Value {
        coerce(&json!({ "type": kind }), &mut value);
        value
    }

    #[test]
    fn text_becomes_what_the_schema_wants() {
        assert_eq!(coerced(&json!("boolean"), json!("true")), json!(true));
        assert_eq!(coerced(&json!("boolean"), json!("false")), json!(false));
        assert_eq!(coerced(&json!("integer"), json!("-300")), json!(-300));
        assert_eq!(coerced(&json!("number"), json!("1.5")), json!(1.5));
        assert_eq!(coerced(&json!(["null", "integer"]), json!("7")), json!(7));
    }

    #[test]
    fn nothing_else_is_coerced() {
        for kept in
            [json!("yes"), json!("TRUE"), json!(""), json!("1.5"), json!(1), json!(null), json!(["true"])]
        {
            assert_eq!(coerced(&json!("boolean"), kept.clone()), kept);
        }
        for kept in [json!("true"), json!("1.5"), json!(" 300"), json!("99999999999999999999"), json!(true)] {
            assert_eq!(coerced(&json!("integer"), kept.clone()), kept);
        }
        for kept in [json!("inf"), json!("NaN"), json!("one")] {
            assert_eq!(coerced(&json!("number"), kept.clone()), kept);
        }
    }

    #[test]
    fn text_stays_text_where_text_is_welcome() {
        assert_eq!(coerced(&json!(["string", "integer"]), json!("450")), json!("450"));
        assert_eq!(coerced(&json!(["boolean", "string"]), json!("true")), json!("true"));
        assert_eq!(coerced(&json!(null), json!("true")), json!("true"));
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_was_written() {
        assert_eq!(coerced(&json!("integer"), json!(300.0)).to_string(), "300");
        assert_eq!(coerced(&json!("integer"), json!(-0.0)).to_string(), "0");
        for kept in [json!(0.5), json!(1e300)] {
            assert_eq!(coerced(&json!("integer"), kept.clone()), kept);
        }
    }

    fn completed(schema: &Value, document: Value) -> Value {
        let Value::Object(mut document) = document else { unreachable!() };
        Completion::of(schema.clone()).complete(&mut document);
        Value::Object(document)
    }

    #[test]
    fn defaults_are_filled_at_every_depth_and_overwrite_nothing() {
        let schema = json!({
            "properties": {
                "a": { "default": {}, "$ref": "#/$defs/inner" },
                "b": { "properties": { "c": { "default": 1 } } },
                "d": { "default": true },
                "list": { "items": { "$ref": "#/$defs/inner" } },
            },
            "$defs": { "inner": { "properties": { "x": { "default": [] } } } },
        });
        assert_eq!(completed(&schema, json!({})), json!({ "a": { "x": [] }, "d": true }));
        assert_eq!(
            completed(&schema, json!({ "a": { "x": 1 }, "b": {}, "d": null, "list": [{}], "other": {} })),
            json!({ "a": { "x": 1 }, "b": { "c": 1 }, "d": null, "list": [{ "x": [] }], "other": {} })
        );
    }

    #[test]
    fn members_are_completed_by_their_name_its_pattern_or_as_one_of_the_others() {
        let flag = json!({ "type": "boolean" });
        let schema = json!({
            "properties": { "1": { "type": "integer" } },
            "patternProperties": { "^[0-9]+$": flag },
            "additionalProperties": { "properties": { "x": flag } },
        });
        assert_eq!(
            completed(&schema, json!({ "1": "7", "2": "true", "a": { "x": "true" }, "b": "true" })),
            json!({ "1": 7, "2": true, "a": { "x": true }, "b": "true" })
        );
    }

    #[test]
    fn of_alternatives_the_first_of_the_type_is_meant() {
        let options = json!({ "type": "object", "properties": { "strip": { "type": "boolean" } } });
        let schema = json!({
            "patternProperties": { "^[a-z]+$": { "oneOf": [
                { "type": "array", "items": { "$ref": "#/$defs/options" } },
                { "$ref": "#/$defs/options" },
            ] } },
            "$defs": { "options": options },
        });
        assert_eq!(
            completed(
                &schema,
                json!({ "to": [{ "strip": "true" }], "from": { "strip": "false" }, "x": "true" })
            ),
            json!({ "to": [{ "strip": true }], "from": { "strip": false }, "x": "true" })
        );
        let schema =
            json!({ "properties": { "a": { "anyOf": [{ "type": "string" }, { "type": "integer" }] } } });
        assert_eq!(completed(&schema, json!({ "a": "7" })), json!({ "a": "7" }));
    }
}
