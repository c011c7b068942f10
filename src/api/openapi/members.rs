//! A schema as a person reads it: what a value is, in a few words and links, and the members that it has.

use serde::Serialize;
use serde_json::Value;

/// What a value is: words, some of which lead to a schema.
pub(super) type Kind<'d> = Vec<Word<'d>>;

/// A word, and the name of the schema that it leads to, if it does.
#[derive(Debug, Serialize, PartialEq)]
pub(super) struct Word<'d> {
    text: String,
    to: Option<&'d str>,
}

/// A member at any depth.
#[derive(Debug, Serialize)]
pub(super) struct Member<'d> {
    path: String,
    kind: Kind<'d>,
    says: &'d str,
}

const SCHEMAS: &str = "#/components/schemas/";

/// What limits a value, and how that is said.
const LIMITS: [(&str, &str); 10] = [
    ("minimum", "at least"),
    ("maximum", "at most"),
    ("exclusiveMinimum", "more than"),
    ("minLength", "at least this long:"),
    ("maxLength", "at most this long:"),
    ("minItems", "at least so many:"),
    ("maxItems", "at most so many:"),
    ("pattern", "like"),
    ("format", "format"),
    ("default", "default"),
];

/// What `node` refers to, or itself when it refers to nothing.
pub(super) fn resolve<'d>(document: &'d Value, node: &'d Value) -> &'d Value {
    let reference = node["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(node)
}

/// What a value is that this schema describes, and which members it must have.
pub(super) fn kind(schema: &Value) -> Kind<'_> {
    let mut words = what(schema);
    let needed = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let needed: Vec<_> = needed.collect();
    if !needed.is_empty() {
        words.extend(plain(format!(", must have {}", needed.join(", "))));
    }
    words
}

fn what(schema: &Value) -> Kind<'_> {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(SCHEMAS)) {
        return vec![Word { text: name.to_owned(), to: Some(name) }];
    }
    for (name, between) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")] {
        if let Some(some) = schema[name].as_array() {
            return joined(some, between);
        }
    }
    let mut words = match &schema["items"] {
        Value::Null => plain(basic(schema)),
        items => plain("list of ".to_owned()).into_iter().chain(kind(items)).collect(),
    };
    let limits = LIMITS.iter().filter_map(|(name, says)| Some(format!(", {says} {}", schema.get(*name)?)));
    words.extend(limits.flat_map(plain));
    words
}

fn joined<'d>(some: &'d [Value], between: &str) -> Kind<'d> {
    let mut words = Vec::new();
    for (place, one) in some.iter().enumerate() {
        if place > 0 {
            words.extend(plain(between.to_owned()));
        }
        words.extend(kind(one));
    }
    words
}

fn plain<'d>(text: String) -> Kind<'d> {
    vec![Word { text, to: None }]
}

fn basic(schema: &Value) -> String {
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}

/// The members of what this schema describes, at any depth that is not a schema of its own.
pub(super) fn members(schema: &Value) -> Vec<Member<'_>> {
    let mut found = Vec::new();
    gather("", schema, &mut found);
    found
}

fn gather<'d>(above: &str, schema: &'d Value, found: &mut Vec<Member<'d>>) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        gather(above, part, found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        add(format!("{above}{name}"), member, found);
    }
    for (pattern, member) in schema["patternProperties"].as_object().into_iter().flatten() {
        add(format!("{above}{{{pattern}}}"), member, found);
    }
    if let Some(member) = schema.get("additionalProperties").filter(|member| member.is_object()) {
        add(format!("{above}{{name}}"), member, found);
    }
}

fn add<'d>(path: String, member: &'d Value, found: &mut Vec<Member<'d>>) {
    let says = member["description"].as_str().unwrap_or_default();
    let below = match &member["items"] {
        Value::Null => format!("{path}."),
        _ => format!("{path}[]."),
    };
    found.push(Member { path, kind: kind(member), says });
    gather(&below, member, found);
    gather(&below, &member["items"], found);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(schema: &Value) -> String {
        kind(schema).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn what_a_value_is_is_said_in_a_few_words() {
        assert_eq!(said(&json!({"type": ["string", "null"]})), "string or null");
        assert_eq!(said(&json!({"enum": ["a", 1]})), "\"a\" or 1");
        assert_eq!(
            said(&json!({"type": "array", "items": {"type": "integer", "minimum": 2}})),
            "list of integer, at least 2"
        );
        assert_eq!(said(&json!({})), "anything");
        let needs = json!({"type": "object", "required": ["name", "id"]});
        assert_eq!(said(&needs), "object, must have name, id");
    }

    #[test]
    fn a_reference_is_a_link() {
        let schema = json!({"anyOf": [{"$ref": "#/components/schemas/device"}, {"type": "null"}]});
        assert_eq!(kind(&schema)[0], Word { text: "device".into(), to: Some("device") });
        assert_eq!(said(&schema), "device or null");
    }

    #[test]
    fn members_are_listed_at_any_depth() {
        let schema = json!({"allOf": [{"properties": {
            "a": {"properties": {"b": {}}},
            "c": {"items": {"properties": {"d": {}}}},
        }, "additionalProperties": {"properties": {"e": {}}}}]});
        let paths: Vec<_> = members(&schema).into_iter().map(|member| member.path).collect();
        assert_eq!(paths, ["a", "a.b", "c", "c[].d", "{name}", "{name}.e"]);
    }

    #[test]
    fn what_leads_nowhere_is_itself() {
        let document = json!({"x": {"y": 1}});
        let (good, bad) = (json!({"$ref": "#/x"}), json!({"$ref": "#/z"}));
        assert_eq!(resolve(&document, &good)["y"], 1);
        assert_eq!(resolve(&document, &bad), &bad);
    }
}
