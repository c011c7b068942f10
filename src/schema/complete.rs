//! Coercion and defaults: what a schema adds to a document before it is validated.
//!
//! Only members that the schema calls by name are completed, and the items of their arrays. Nothing is below
//! key patterns (`patternProperties`), where the shipped schemas have no defaults, nor below alternatives
//! (`oneOf`), where nobody can say which one was meant.

use serde_json::{Map, Number, Value};

/// Completes `object`, which `node` of the schema `root` describes, and everything below it.
pub(super) fn object(root: &Value, node: &Value, object: &mut Map<String, Value>) {
    let properties = node.get("properties").and_then(Value::as_object);
    for (key, node) in properties.into_iter().flatten() {
        if let Some(default) = node.get("default")
            && !object.contains_key(key)
        {
            object.insert(key.clone(), default.clone());
        }
        if let Some(member) = object.get_mut(key) {
            element(root, resolve(root, node), member);
        }
    }
}

fn element(root: &Value, node: &Value, value: &mut Value) {
    coerce(node, value);
    match value {
        Value::Object(members) => object(root, node, members),
        Value::Array(items) => {
            let node = node.get("items").map_or(&Value::Null, |node| resolve(root, node));
            for item in items {
                element(root, node, item);
            }
        }
        _ => {}
    }
}

/// Follows one `$ref` to a definition. Definitions do not refer on.
fn resolve<'s>(root: &'s Value, node: &'s Value) -> &'s Value {
    let target = node.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(node)
}

fn coerce(node: &Value, value: &mut Value) {
    let coerced = match value {
        Value::String(text) if !allows(node, "string") => from_text(node, text),
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

/// `300.0` is an integer to JSON Schema; whoever reads the document later gets `300`.
fn whole(number: &Number) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    let number = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= EXACT)?;
    format!("{number:.0}").parse::<i64>().ok().map(Value::from)
}

fn allows(node: &Value, kind: &str) -> bool {
    match node.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let mut document = Map::new();
        object(&schema, &schema, &mut document);
        assert_eq!(Value::Object(document), json!({ "a": { "x": [] }, "d": true }));
        let Value::Object(mut document) =
            json!({ "a": { "x": 1 }, "b": {}, "d": null, "list": [{}], "other": {} })
        else {
            unreachable!()
        };
        object(&schema, &schema, &mut document);
        assert_eq!(
            Value::Object(document),
            json!({ "a": { "x": 1 }, "b": { "c": 1 }, "d": null, "list": [{ "x": [] }], "other": {} })
        );
    }
}
