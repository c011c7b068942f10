//! The validator's findings in Kazoo's words: a path, a code and a problem for each.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::complete::{allows, kind, resolve};
use super::{Invalid, Problem};

/// What the validator of the schema `root` finds wrong with `document`: everything, up to about a thousand
/// members, so that the answer to a long list of nonsense stays shorter than the list.
pub(super) fn problems(root: &Value, validator: &Validator, document: &Value) -> Invalid {
    let mut invalid = Invalid::default();
    for error in validator.iter_errors(document) {
        if invalid.members() >= MOST {
            break;
        }
        add(&mut invalid, root, &error);
    }
    invalid
}

const MOST: usize = 1000;

fn add(invalid: &mut Invalid, root: &Value, error: &ValidationError<'_>) {
    let path = dotted(error.instance_path().as_str());
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            invalid.add(join(&path, name), "required", Problem::new(REQUIRED).value(name));
        }
        Kind::AdditionalProperties { unexpected } => {
            let message = with_words(STRICT, ": ", words(root, error, "x-names"));
            for name in unexpected.iter().take(MOST) {
                invalid.add(join(&path, name), "additionalProperties", Problem::new(message.as_str()));
            }
        }
        Kind::Enum { options } if path == "sip.method" => {
            let problem = Problem::new(METHOD).target(options.as_ref().clone());
            invalid.add(path, "enum", problem.cause(error.instance().as_ref().clone()));
        }
        kind => {
            let (code, problem) = of_value(root, error, kind);
            invalid.add(path, code, problem.value(error.instance().as_ref().clone()));
            let is_below = |nested: &&ValidationError<'_>| nested.instance_path() != error.instance_path();
            for nested in of_meant(root, error).iter().filter(is_below).take(MOST) {
                add(invalid, root, nested);
            }
        }
    }
}

/// What is wrong within the alternative that takes a value of this type, where the schema says what alternatives mean.
fn of_meant<'e>(root: &Value, error: &'e ValidationError<'_>) -> &'e [ValidationError<'static>] {
    let (Kind::OneOfNotValid { context } | Kind::AnyOf { context }) = error.kind() else { return &[] };
    let alternatives = root.pointer(error.schema_path().as_str()).and_then(Value::as_array);
    let takes = |node: &Value| allows(resolve(root, node), kind(error.instance()));
    let meant = alternatives.and_then(|nodes| nodes.iter().position(takes));
    let is_told = words(root, error, EXPECTED).is_some();
    meant.filter(|_| is_told).and_then(|at| context.get(at)).map_or(&[], Vec::as_slice)
}

/// What the schema that an error is of says under this name.
fn words<'s>(root: &'s Value, error: &ValidationError<'_>, name: &str) -> Option<&'s str> {
    let (node, _) = error.schema_path().as_str().rsplit_once('/')?;
    root.pointer(node)?.get(name)?.as_str()
}

fn with_words(message: &str, before: &str, words: Option<&str>) -> String {
    words.map_or_else(|| message.to_owned(), |words| format!("{message}{before}{words}"))
}

/// Where a schema says in words what a value must be.
const EXPECTED: &str = "x-expected";

const REQUIRED: &str = "Field is required but missing";
const METHOD: &str = "SIP authentication method is invalid";
const STRICT: &str = "Strict checking of data is enabled; only include schema-defined properties";

fn of_value(root: &Value, error: &ValidationError<'_>, kind: &Kind) -> (&'static str, Problem) {
    if let Some((code, message, limit)) = limit(kind) {
        let problem = Problem::new(message).target(limit);
        let quoted = matches!(code, "minLength" | "maxLength");
        return (code, if quoted { problem.cause(error.instance().as_ref().clone()) } else { problem });
    }
    let told = |message| Problem::new(with_words(message, ": it must be ", words(root, error, EXPECTED)));
    match kind {
        Kind::Type { .. } => ("type", of_type(root, error)),
        Kind::Enum { options } => {
            let options = options.as_ref().clone();
            ("enum", Problem::new("Value not found in enumerated list of values").target(options))
        }
        Kind::Pattern { pattern } => {
            let message = format!("Failed to match pattern '{pattern}'");
            ("pattern", told(&message).target(pattern.as_str()))
        }
        Kind::UniqueItems => ("uniqueItems", Problem::new("List of items is not unique")),
        Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. } | Kind::AnyOf { .. } => {
            ("not_one_schema_valid", told("failed to validate"))
        }
        Kind::Format { .. } => ("wrong_format", told("Field is not in the correct format")),
        _ => ("invalid", told("failed to validate")),
    }
}

/// The code and message of a value that is too small, too large, too short or too long, and the limit.
fn limit(kind: &Kind) -> Option<(&'static str, String, Value)> {
    let (code, before, limit, after) = match kind {
        Kind::MinLength { limit } => ("minLength", "String must be at least", (*limit).into(), " characters"),
        Kind::MaxLength { limit } => {
            ("maxLength", "String must not be more than", (*limit).into(), " characters")
        }
        Kind::Minimum { limit } => ("minimum", "Value must be at least", limit.clone(), ""),
        Kind::Maximum { limit } => ("maximum", "Value must be at most", limit.clone(), ""),
        Kind::MinItems { limit } => ("minItems", "The list must have at least", (*limit).into(), " items"),
        Kind::MaxItems { limit } => ("maxItems", "The list is more than", (*limit).into(), " items"),
        Kind::MinProperties { limit } => {
            ("minProperties", "The object must have at least", (*limit).into(), " keys")
        }
        _ => return None,
    };
    Some((code, format!("{before} {limit}{after}"), limit))
}

/// Names the types in the order in which the schema names them.
fn of_type(root: &Value, error: &ValidationError<'_>) -> Problem {
    let types = match root.pointer(error.schema_path().as_str()) {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    };
    Problem::new(format!("Value did not match type(s): {types}")).target(types)
}

/// A JSON pointer as a dotted path.
fn dotted(pointer: &str) -> String {
    let parts = pointer.split('/').skip(1);
    parts.map(|part| escape(&part.replace("~1", "/").replace("~0", "~"))).collect::<Vec<_>>().join(".")
}

fn join(path: &str, name: &str) -> String {
    let name = escape(name);
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

fn escape(name: &str) -> String {
    name.replace('.', "%2E")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(schema: &Value, document: &Value) -> Value {
        let validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap();
        serde_json::to_value(problems(schema, &validator, document)).unwrap()
    }

    fn of_member(schema: &Value, value: &Value) -> Value {
        found(&json!({ "properties": { "a": schema } }), &json!({ "a": value }))["a"].take()
    }

    #[test]
    fn a_missing_member_is_named_by_its_whole_path() {
        let schema = json!({ "properties": { "a": { "required": ["b"] } }, "required": ["c"] });
        assert_eq!(
            found(&schema, &json!({ "a": {} })),
            json!({
                "a.b": { "required": { "message": "Field is required but missing", "value": "b" } },
                "c": { "required": { "message": "Field is required but missing", "value": "c" } },
            })
        );
    }

    #[test]
    fn types_are_named_in_the_order_of_the_schema() {
        let schema = json!({
            "properties": { "a": { "$ref": "#/$defs/d" } },
            "$defs": { "d": { "type": ["string", "integer"] } },
        });
        assert_eq!(
            found(&schema, &json!({ "a": [] })),
            json!({ "a": { "type": {
                "message": "Value did not match type(s): string, integer",
                "target": "string, integer",
                "value": [],
            } } })
        );
    }

    #[test]
    fn lengths_count_characters_and_quote_what_was_found() {
        assert_eq!(
            of_member(&json!({ "minLength": 5 }), &json!("éé")),
            json!({ "minLength": {
                "message": "String must be at least 5 characters",
                "target": 5, "cause": "éé", "value": "éé",
            } })
        );
        assert_eq!(
            of_member(&json!({ "maxLength": 1 }), &json!("éé")),
            json!({ "maxLength": {
                "message": "String must not be more than 1 characters",
                "target": 1, "cause": "éé", "value": "éé",
            } })
        );
    }

    #[test]
    fn limits_say_the_limit() {
        assert_eq!(
            of_member(&json!({ "minimum": 5, "maximum": 9 }), &json!(4)),
            json!({ "minimum": { "message": "Value must be at least 5", "target": 5, "value": 4 } })
        );
        assert_eq!(
            of_member(&json!({ "minimum": 5, "maximum": 9 }), &json!(10)),
            json!({ "maximum": { "message": "Value must be at most 9", "target": 9, "value": 10 } })
        );
    }

    #[test]
    fn lists_say_what_is_wrong_with_their_items() {
        assert_eq!(
            of_member(&json!({ "uniqueItems": true, "maxItems": 1 }), &json!([1, 1])),
            json!({
                "maxItems": { "message": "The list is more than 1 items", "target": 1, "value": [1, 1] },
                "uniqueItems": { "message": "List of items is not unique", "value": [1, 1] },
            })
        );
        assert_eq!(
            of_member(&json!({ "minItems": 1 }), &json!([])),
            json!({ "minItems": {
                "message": "The list must have at least 1 items",
                "target": 1, "value": [],
            } })
        );
        assert_eq!(
            of_member(&json!({ "minProperties": 1 }), &json!({})),
            json!({ "minProperties": {
                "message": "The object must have at least 1 keys",
                "target": 1, "value": {},
            } })
        );
    }

    #[test]
    fn choices_patterns_formats_and_alternatives_have_kazoos_codes() {
        assert_eq!(
            of_member(&json!({ "enum": ["a", "b"] }), &json!("x")),
            json!({ "enum": {
                "message": "Value not found in enumerated list of values",
                "target": ["a", "b"], "value": "x",
            } })
        );
        assert_eq!(
            of_member(&json!({ "pattern": "^[.\\w_-]+$" }), &json!("a b")),
            json!({ "pattern": {
                "message": "Failed to match pattern '^[.\\w_-]+$'",
                "target": "^[.\\w_-]+$", "value": "a b",
            } })
        );
        assert_eq!(
            of_member(&json!({ "format": "email" }), &json!("x")),
            json!({ "wrong_format": { "message": "Field is not in the correct format", "value": "x" } })
        );
        assert_eq!(
            of_member(&json!({ "oneOf": [{ "type": "null" }, { "type": "string" }] }), &json!(1)),
            json!({ "not_one_schema_valid": { "message": "failed to validate", "value": 1 } })
        );
    }

    #[test]
    fn an_unexpected_member_is_named_by_its_own_path() {
        let schema =
            json!({ "properties": { "a": { "properties": { "d": {} }, "additionalProperties": false } } });
        let strict = json!({ "additionalProperties": { "message": STRICT } });
        assert_eq!(
            found(&schema, &json!({ "a": { "b": 1, "c": 2 } })),
            json!({ "a.b": strict.clone(), "a.c": strict })
        );
    }

    #[test]
    fn a_flood_of_findings_is_cut() {
        let count = |schema, document| found(&schema, &document).as_object().unwrap().len();
        assert_eq!(count(json!({ "items": { "enum": ["a"] } }), json!(vec!["x"; 5000])), MOST);
        let strict = json!({ "properties": { "a": {} }, "additionalProperties": false });
        let strange = (0..5000).map(|n| (n.to_string(), json!(n)));
        assert_eq!(count(strict, Value::Object(strange.collect())), MOST);
    }

    #[test]
    fn paths_count_items_and_escape_dots_in_names() {
        let schema = json!({ "additionalProperties": { "items": { "type": "string" } } });
        let paths = found(&schema, &json!({ "a.b/c~d": ["x", 1], "": [2], "007": [3] }));
        assert_eq!(paths.as_object().unwrap().keys().collect::<Vec<_>>(), [".0", "007.0", "a%2Eb/c~d.1"]);
    }
}
