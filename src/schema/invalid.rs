//! Everything that is wrong with one request, in the shape Kazoo's clients know.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// What is wrong with a document: dotted path → code → problem, which is what serde writes as the `data` of a
/// 400 `validation error`. Sorted by path and code. Holds no secret: see [`Invalid::add`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Invalid {
    problems: BTreeMap<String, BTreeMap<&'static str, Problem>>,
}

impl Invalid {
    /// Notes a problem of the member at `path`: its names joined by dots, array items by their index, a dot
    /// inside a name written `%2E`. Of two problems with the same path and code the first stays. The cause and
    /// value of a password, PIN or API key are dropped here, and so are such members of objects among them.
    pub fn add(&mut self, path: impl Into<String>, code: &'static str, problem: Problem) {
        let path = path.into();
        // Where something is missing there is nothing to hide.
        let hides = code != "required" && path.split('.').any(is_secret);
        let problem = problem.without_secrets(hides);
        self.problems.entry(path).or_default().entry(code).or_insert(problem);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn members(&self) -> usize {
        self.problems.len()
    }

    /// Keeps the problems of those members whose path `keep` is true of.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.problems.retain(|path, _| keep(path));
    }

    /// Takes over the problems of `other`; where both know one, the own stays.
    pub fn merge(&mut self, other: Self) {
        for (path, problems) in other.problems {
            let own = self.problems.entry(path).or_default();
            for (code, problem) in problems {
                own.entry(code).or_insert(problem);
            }
        }
    }
}

/// One line for the log, whatever a stranger put into the names: at most eight problems are spelt out.
impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let all =
            || self.problems.iter().flat_map(|(path, of)| of.values().map(move |problem| (path, problem)));
        for (at, (path, problem)) in all().take(SHOWN).enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", Name(path), problem.message)?;
        }
        match all().count().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Invalid {}

/// What is wrong with one member: a sentence for people, and what a form needs to explain it.
#[derive(Clone, PartialEq, Serialize)]
pub struct Problem {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl Problem {
    /// A problem that says only `message`, which is shown and logged: no secrets in it.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), target: None, cause: None, value: None }
    }

    /// Adds what would have been right: a limit, a type, a list of values.
    #[must_use]
    pub fn target(self, target: impl Into<Value>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    /// Adds what was found, as the rule that failed saw it.
    #[must_use]
    pub fn cause(self, cause: impl Into<Value>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Adds what the request said.
    #[must_use]
    pub fn value(self, value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), ..self }
    }

    fn without_secrets(mut self, is_secret: bool) -> Self {
        if is_secret {
            return Self { cause: None, value: None, ..self };
        }
        self.cause.iter_mut().chain(self.value.iter_mut()).for_each(redact);
        self
    }
}

/// The message only: a problem may still hold a secret before it is added.
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem").field("message", &self.message).finish_non_exhaustive()
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => redact_members(members),
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

fn redact_members(members: &mut Map<String, Value>) {
    members.retain(|name, _| !is_secret(name));
    members.values_mut().for_each(redact);
}

fn is_secret(name: &str) -> bool {
    name.ends_with("password") || matches!(name, "pin" | "api_key")
}

/// A path on one line, cut after 80 characters.
struct Name<'p>(&'p str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        let cut = self.0.char_indices().nth(SHOWN).map(|(at, _)| at);
        write!(f, "{}", self.0[..cut.unwrap_or(self.0.len())].escape_debug())?;
        if cut.is_some() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken() -> Problem {
        Problem::new("SIP credentials already in use").cause("alice")
    }

    fn written(invalid: &Invalid) -> Value {
        serde_json::to_value(invalid).unwrap()
    }

    #[test]
    fn problems_are_written_as_path_code_and_what_is_known() {
        let mut invalid = Invalid::default();
        assert!(invalid.is_empty());
        invalid.add("sip.username", "unique", taken());
        assert!(!invalid.is_empty());
        assert_eq!(
            written(&invalid),
            json!({ "sip.username": { "unique": {
                "message": "SIP credentials already in use",
                "cause": "alice",
            } } })
        );
    }

    #[test]
    fn a_secret_is_never_echoed() {
        for path in ["password", "sip.password", "hotdesk.pin", "api_key", "list.0.pin", "password.0"] {
            let mut invalid = Invalid::default();
            invalid.add(
                path,
                "type",
                Problem::new("no").target("string").cause("s3cret").value(json!(["s3cret"])),
            );
            assert_eq!(
                written(&invalid),
                json!({ path: { "type": { "message": "no", "target": "string" } } })
            );
            assert!(!format!("{invalid} {invalid:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_secret_inside_an_echoed_object_is_left_out_of_it() {
        let mut invalid = Invalid::default();
        let echoed = json!([{ "sip": { "password": "s3cret", "username": "alice" }, "pin": 1 }]);
        invalid.add("provision", "type", Problem::new("no").cause(echoed.clone()).value(echoed));
        let kept = json!([{ "sip": { "username": "alice" } }]);
        assert_eq!(
            written(&invalid),
            json!({ "provision": { "type": { "message": "no", "cause": kept, "value": kept } } })
        );
    }

    #[test]
    fn a_problem_on_its_way_shows_nobody_its_value() {
        assert!(!format!("{:?}", Problem::new("no").cause("s3cret").value("s3cret")).contains("s3cret"));
    }

    #[test]
    fn the_line_for_the_log_is_sorted_and_says_every_message() {
        let mut invalid = Invalid::default();
        invalid.add("sip.username", "unique", taken());
        invalid.add("name", "required", Problem::new("Field is required but missing"));
        assert_eq!(
            invalid.to_string(),
            "name: Field is required but missing; sip.username: SIP credentials already in use"
        );
    }

    #[test]
    fn the_line_for_the_log_stays_one_short_line() {
        let mut invalid = Invalid::default();
        invalid.add("\n\u{1b}[31m", "type", Problem::new("no"));
        invalid.add("é".repeat(1000), "type", Problem::new("no"));
        (0..20).for_each(|n| invalid.add(format!("key{n}"), "type", Problem::new("no")));
        let line = invalid.to_string();
        assert!(line.starts_with("\\n\\u{1b}[31m: no; key0: no; "), "{line}");
        assert!(line.ends_with("; and 14 more"), "{line}");
        let mut long = Invalid::default();
        long.add("é".repeat(1000), "type", Problem::new("no"));
        assert_eq!(long.to_string(), format!("{}…: no", "é".repeat(80)));
    }

    #[test]
    fn merging_keeps_what_was_there_and_adds_the_rest() {
        let mut invalid = Invalid::default();
        invalid.add("a", "type", Problem::new("first"));
        let mut other = Invalid::default();
        other.add("a", "type", Problem::new("second"));
        other.add("a", "enum", Problem::new("third"));
        other.add("b", "type", Problem::new("fourth"));
        invalid.merge(other);
        assert_eq!(
            written(&invalid),
            json!({
                "a": { "enum": { "message": "third" }, "type": { "message": "first" } },
                "b": { "type": { "message": "fourth" } },
            })
        );
    }
}
