//! What a login says: an API key, or credentials and whose account they are for.

use serde_json::Value;

use crate::document::{Body, at};
use crate::schema::{Invalid, Problem};

/// An API key has this many characters.
const KEY_LENGTH: usize = 64;

/// The data of `PUT /v2/api_auth`: nothing but the key.
pub(super) fn api_key(data: &Body) -> Result<String, Invalid> {
    let mut invalid = Invalid::default();
    for name in data.keys().filter(|name| *name != "api_key") {
        let message = "Strict checking of data is enabled; only include schema-defined properties";
        invalid.add(name, "additionalProperties", Problem::new(message));
    }
    let key = exactly(data, "api_key", KEY_LENGTH, &mut invalid).map(str::to_owned);
    key.filter(|_| invalid.is_empty()).ok_or(invalid)
}

/// The data of `PUT /v2/user_auth`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    /// `username:password`, digested and in hexadecimal digits.
    pub(super) credentials: Hidden,
    /// What may find the account, the first that does: a phone number, a realm or a name.
    pub(super) names: Vec<Named>,
}

/// How an account is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// A number that it is known by.
    Number(String),
    /// Its realm.
    Realm(String),
    /// Its name, of which only letters and digits count.
    Name(String),
}

/// A text that is not shown.
#[derive(PartialEq, Eq)]
pub(super) struct Hidden(pub(super) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

impl Login {
    /// Reads the data, or says everything that is wrong with it. No answer repeats the credentials.
    pub(super) fn of(data: &Body) -> Result<Self, Invalid> {
        let mut invalid = Invalid::default();
        let length = method(data, &mut invalid);
        let credentials = exactly(data, "credentials", length, &mut invalid).map(str::to_owned);
        let names = names(data, &mut invalid);
        match credentials {
            Some(credentials) if invalid.is_empty() => Ok(Self { credentials: Hidden(credentials), names }),
            _ => Err(invalid),
        }
    }
}

/// How long the credentials are with the method named: an MD5 has 32 digits, a SHA-1 has 40.
fn method(data: &Body, invalid: &mut Invalid) -> usize {
    match at(data, "method") {
        None => 32,
        Some(method) if method == "md5" => 32,
        Some(method) if method == "sha" => 40,
        Some(method) => {
            let problem = Problem::new("Value not found in enumerated list of values");
            let problem = problem.target(serde_json::json!(["md5", "sha"])).value(method.clone());
            invalid.add("method", "enum", problem);
            32
        }
    }
}

fn names(data: &Body, invalid: &mut Invalid) -> Vec<Named> {
    let mut names = Vec::new();
    for field in ["phone_number", "account_realm", "realm", "account_name"] {
        match at(data, field) {
            None => {}
            Some(Value::String(text)) => names.extend(Named::by(field, text.trim())),
            Some(_) => invalid.add(field, "type", no_text()),
        }
    }
    if names.is_empty() && invalid.is_empty() {
        invalid.add("account_name", "required", missing("account_name"));
    }
    names
}

impl Named {
    fn by(field: &str, text: &str) -> Option<Self> {
        let text = Some(text.to_owned()).filter(|text| !text.is_empty())?;
        Some(match field {
            "phone_number" => Self::Number(text),
            "account_name" => Self::Name(text),
            _ => Self::Realm(text),
        })
    }
}

/// The text of this length; what came instead is not repeated, since it may be most of a secret.
fn exactly<'d>(data: &'d Body, name: &str, length: usize, invalid: &mut Invalid) -> Option<&'d str> {
    let problem = |message: String| Problem::new(message).target(length);
    let (code, problem) = match at(data, name) {
        None => ("required", missing(name)),
        Some(Value::String(text)) => match text.chars().count() {
            found if found < length => {
                ("minLength", problem(format!("String must be at least {length} characters")))
            }
            found if found > length => {
                ("maxLength", problem(format!("String must not be more than {length} characters")))
            }
            _ => return Some(text),
        },
        Some(_) => ("type", no_text()),
    };
    invalid.add(name, code, problem);
    None
}

fn missing(name: &str) -> Problem {
    Problem::new("Field is required but missing").value(name)
}

fn no_text() -> Problem {
    Problem::new("Value did not match type(s): string").target("string")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: &Value) -> Body {
        value.as_object().unwrap().clone()
    }

    fn md5() -> String {
        "0123456789abcdef".repeat(2)
    }

    fn refused(data: &Value) -> Value {
        json!(Login::of(&body(data)).unwrap_err())
    }

    #[test]
    fn the_account_is_sought_by_number_then_realm_then_name() {
        let data = json!({
            "credentials": md5(), "account_name": " Acme ", "realm": "a.example", "account_realm": "b.example",
            "phone_number": "+1 415", "ui_metadata": {},
        });
        let login = Login::of(&body(&data)).unwrap();
        let text = str::to_owned;
        assert_eq!(
            login.names,
            [
                Named::Number(text("+1 415")),
                Named::Realm(text("b.example")),
                Named::Realm(text("a.example")),
                Named::Name(text("Acme"))
            ]
        );
        assert_eq!(login.credentials, Hidden(md5()));
    }

    #[test]
    fn the_method_says_how_long_the_credentials_are() {
        let login = |method: Value, length: usize| {
            let data = json!({"credentials": "a".repeat(length), "account_name": "x", "method": method});
            Login::of(&body(&data)).map(drop)
        };
        assert!(
            login(json!("md5"), 32).is_ok()
                && login(Value::Null, 32).is_ok()
                && login(json!("sha"), 40).is_ok()
        );
        assert!(login(json!("md5"), 40).is_err() && login(json!("sha"), 32).is_err());
        assert_eq!(
            json!(login(json!("crypt"), 32).unwrap_err())["method"]["enum"]["target"],
            json!(["md5", "sha"])
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let wrong = refused(&json!({"realm": 7, "method": 1}));
        let said: Vec<&String> = wrong.as_object().unwrap().keys().collect();
        assert_eq!(said, ["credentials", "method", "realm"]);
        assert_eq!(
            refused(&json!({"credentials": md5()}))["account_name"]["required"]["value"],
            "account_name"
        );
        assert_eq!(
            refused(&json!({"credentials": md5(), "realm": " "})),
            refused(&json!({"credentials": md5()}))
        );
    }

    #[test]
    fn no_error_and_no_debug_text_repeats_a_secret() {
        let secret = "s3cret".repeat(11);
        let wrong = refused(&json!({"credentials": secret, "account_name": "x"})).to_string();
        let key = json!(api_key(&body(&json!({"api_key": secret}))).unwrap_err()).to_string();
        let login = Login { credentials: Hidden(secret), names: Vec::new() };
        for said in [wrong, key, format!("{login:?}")] {
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn an_api_key_has_64_characters_and_stands_alone() {
        let key = "a".repeat(64);
        assert_eq!(api_key(&body(&json!({"api_key": key}))).unwrap(), key);
        let codes = |data: Value| json!(api_key(&body(&data)).unwrap_err());
        assert!(codes(json!({"api_key": key, "more": 1}))["more"]["additionalProperties"].is_object());
        assert_eq!(codes(json!({"api_key": "a"}))["api_key"]["minLength"]["target"], 64);
        assert_eq!(codes(json!({"api_key": "a".repeat(65)}))["api_key"]["maxLength"]["target"], 64);
        assert!(codes(json!({"api_key": 1}))["api_key"]["type"].is_object());
        assert_eq!(codes(json!({}))["api_key"]["required"]["value"], "api_key");
    }
}
