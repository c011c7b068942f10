//! What of a document is secret: the one rule for everything that shows documents to somebody who need not see
//! their passwords.

use serde_json::{Map, Value};

use crate::document::Body;

/// Parts of names that say that what is under them is secret, in lower case.
const PARTS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "api_key",
    "apikey",
    "authorization",
];

/// True for the name of a member that is secret with everything below it: `password`, `admin_password`,
/// `webhook-token`, `pin`, but not `shipping`.
pub(super) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    PARTS.iter().any(|part| lower.contains(part)) || name.split(|c: char| !c.is_alphanumeric()).any(is_pin)
}

fn is_pin(word: &str) -> bool {
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    ["pin", "pins"].iter().any(|pin| word.eq_ignore_ascii_case(pin)) || word.ends_with("Pin")
}

/// Leaves out what is secret, at any depth. A boolean tells no secret, whatever its name.
pub(super) fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, value| tells_nothing(value) || !is_secret(name));
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Leaves out, of `{path: {code: problem}}` as a refusal has it, what would quote a secret.
pub(super) fn strip_errors(errors: &mut Value) {
    for (path, problems) in errors.as_object_mut().into_iter().flatten() {
        let secret = path.split('.').any(is_secret);
        for problem in problems.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if let (true, Some(problem)) = (secret, problem.as_object_mut()) {
                problem.retain(|name, _| !matches!(name.as_str(), "cause" | "value"));
            }
            problem.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(strip);
        }
    }
}

/// Takes over the secrets of `stored` that `body` says nothing of, so that a document that was shown without them
/// can come back and take the place of the one it was made from. A list gets its secrets back as long as nothing else
/// of it has changed.
pub(super) fn keep(stored: &Body, body: &mut Body) {
    for (name, value) in stored {
        if is_secret(name) && !tells_nothing(value) {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        } else if let Some(inner) = value.as_object().filter(|inner| has_secrets(inner)) {
            let below = body.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            below.as_object_mut().into_iter().for_each(|below| keep(inner, below));
        } else if let Some(shown) = body.get_mut(name).filter(|shown| shown.is_array() && *shown != value) {
            let mut stripped = value.clone();
            strip(&mut stripped);
            if stripped == *shown {
                *shown = value.clone();
            }
        }
    }
}

fn has_secrets(members: &Map<String, Value>) -> bool {
    members.iter().any(|(name, value)| {
        (is_secret(name) && !tells_nothing(value)) || value.as_object().is_some_and(has_secrets)
    })
}

fn tells_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(_))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_known_by_their_names_in_any_spelling() {
        for name in
            ["password", "admin_Password", "wifiPassword2", "x-auth-token", "pin", "PIN", "hotdesk_pin"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["clientSecret", "voicemailPin", "pin2", "api_key", "Proxy-Authorization"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["shipping", "spin", "pinned", "username", "endpoint_model", "keys", "passive"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_left_out_at_any_depth() {
        let mut device = json!({
            "name": "a", "sip": {"username": "u", "password": "p"}, "require_pin": true,
            "provision": {"admin_password": "p", "deep": [{"token": "t", "x": 1}], "secrets": {"a": "b"}},
        });
        strip(&mut device);
        let left = json!({
            "name": "a", "sip": {"username": "u"}, "require_pin": true, "provision": {"deep": [{"x": 1}]},
        });
        assert_eq!(device, left);
    }

    #[test]
    fn an_error_quotes_no_secret() {
        let mut errors = json!({
            "sip.password": {"minLength": {"message": "m", "cause": "s3cret", "value": "s3cret", "target": 5}},
            "sip": {"type": {"message": "m", "value": [{"password": "s3cret", "a": 1}]}},
        });
        strip_errors(&mut errors);
        let left = json!({
            "sip.password": {"minLength": {"message": "m", "target": 5}},
            "sip": {"type": {"message": "m", "value": [{"a": 1}]}},
        });
        assert_eq!(errors, left);
    }

    #[test]
    fn what_was_shown_without_secrets_gets_them_back() {
        let stored = json!({"name": "a", "sip": {"password": "p", "method": "password"}, "x": {"y": {"pin": 1}}, "l": [{"pin": 1}]});
        let stored = stored.as_object().unwrap();
        let mut shown = Value::Object(stored.clone());
        strip(&mut shown);
        keep(stored, shown.as_object_mut().unwrap());
        assert_eq!(shown, Value::Object(stored.clone()));
        let mut other = json!({"sip": {"password": "new"}, "x": "no object", "l": [{}, {}]});
        keep(stored, other.as_object_mut().unwrap());
        assert_eq!(other, json!({"sip": {"password": "new"}, "x": "no object", "l": [{}, {}]}));
    }
}
