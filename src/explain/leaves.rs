//! The single values of a JSON value, and what else they could be.

use serde_json::{Value, json};

/// A value that holds no other, and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    /// As RFC 6901 writes it.
    pub(super) pointer: String,
    /// As templates write it.
    pub(super) name: String,
    pub(super) value: Value,
}

impl Leaf {
    /// The last part of its name: `type` of `keys[0].type`.
    pub(super) fn field(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// Other values of its type: a longer text and none, a greater number and none, the other truth.
    pub(super) fn others(&self) -> Vec<Value> {
        let others = match &self.value {
            Value::Bool(truth) => vec![json!(!truth)],
            Value::Number(number) => {
                let next = number.as_u64().map(|number| json!(number.saturating_add(1)));
                vec![
                    next.or_else(|| number.as_i64().map(|number| json!(number + 1))).unwrap_or_default(),
                    json!(0),
                ]
            }
            Value::String(text) => vec![json!(format!("{text}~")), json!("")],
            Value::Null | Value::Array(_) | Value::Object(_) => Vec::new(),
        };
        others.into_iter().filter(|other| *other != self.value && !other.is_null()).collect()
    }
}

/// Every leaf of a value, in the order in which they stand in it.
pub(super) fn leaves(value: &Value) -> Vec<Leaf> {
    let mut found = Vec::new();
    gather(value, String::new(), String::new(), &mut found);
    found
}

fn gather(value: &Value, pointer: String, name: String, found: &mut Vec<Leaf>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let dot = if name.is_empty() { "" } else { "." };
                let step = key.replace('~', "~0").replace('/', "~1");
                gather(value, format!("{pointer}/{step}"), format!("{name}{dot}{key}"), found);
            }
        }
        Value::Array(elements) => {
            for (at, value) in elements.iter().enumerate() {
                gather(value, format!("{pointer}/{at}"), format!("{name}[{at}]"), found);
            }
        }
        _ => found.push(Leaf { pointer, name, value: value.clone() }),
    }
}

/// Puts another value where a pointer leads.
pub(super) fn put(value: &mut Value, pointer: &str, other: Value) {
    if let Some(there) = value.pointer_mut(pointer) {
        *there = other;
    }
}

/// Takes away what a pointer leads to.
pub(super) fn remove(value: &mut Value, pointer: &str) {
    let Some((around, last)) = pointer.rsplit_once('/') else { return };
    match value.pointer_mut(around) {
        Some(Value::Object(object)) => drop(object.remove(&last.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(elements)) => {
            if let Some(at) = last.parse().ok().filter(|at| *at < elements.len()) {
                elements.remove(at);
            }
        }
        _ => {}
    }
}
