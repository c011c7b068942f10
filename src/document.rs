//! What accounts, users and devices have in common: a JSON body kept whole, under a revision.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{Id, Revision};

/// A JSON object as an administrator wrote it. Keys that nobody here knows are kept as they came.
pub type Body = Map<String, Value>;

/// A stored document.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its name, for ever.
    pub id: Id,
    /// The account it belongs to; an account belongs to itself.
    pub account: Id,
    /// Changes with every write; a write that names another is refused.
    pub revision: Revision,
    /// When it was first stored, in Unix seconds.
    pub created: u64,
    /// When it was last stored, in Unix seconds.
    pub modified: u64,
    /// What the administrator sees and edits.
    pub body: Body,
}

/// The body may hold passwords: it is not shown.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document {} {}", self.id, self.revision)
    }
}

impl Document {
    /// The first revision of a new document.
    pub fn new(id: Id, account: Id, body: Body, unix: u64) -> Self {
        let revision = Revision::after(None, &bytes(&body));
        Self { id, account, revision, created: unix, modified: unix, body }
    }

    /// The same document with another body, one revision further.
    #[must_use]
    pub fn revised(&self, body: Body, unix: u64) -> Self {
        let revision = Revision::after(Some(self.revision), &bytes(&body));
        Self { revision, modified: unix, body, ..*self }
    }

    /// The value at a dotted path (`sip.username`); `None` where the path leads nowhere or to null.
    pub fn at(&self, path: &str) -> Option<&Value> {
        at(&self.body, path)
    }

    /// The non-empty string at a dotted path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// The same document with nothing in its body but what is at these dotted paths.
    #[must_use]
    pub fn only(&self, paths: &[&str]) -> Self {
        let mut body = Body::new();
        for path in paths {
            if let Some(value) = self.at(path) {
                put_at(&mut body, path, value.clone());
            }
        }
        Self { body, ..*self }
    }

    /// The boolean at a dotted path.
    pub fn flag(&self, path: &str) -> Option<bool> {
        self.at(path)?.as_bool()
    }
}

/// The value at a dotted path of `body`; `None` where the path leads nowhere or to null.
pub fn at<'b>(body: &'b Body, path: &str) -> Option<&'b Value> {
    let mut parts = path.split('.');
    let first = body.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part)).filter(|value| !value.is_null())
}

/// Sets the value at a dotted path of `body`, and makes the objects on the way there; a value in the way stays.
pub fn put_at(body: &mut Body, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(body.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let below = body.entry(first.to_owned()).or_insert_with(|| Body::new().into());
            if let Some(below) = below.as_object_mut() {
                put_at(below, rest, value);
            }
        }
    }
}

/// True when `path` leads to, or into, what is at the path `above`.
pub fn leads_into(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn bytes(body: &Body) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(body: &Value) -> Document {
        let id = Id::from_bytes([7; 16]);
        Document::new(id, id, body.as_object().unwrap().clone(), 1_700_000_000)
    }

    #[test]
    fn a_dotted_path_finds_what_is_there_and_nothing_else() {
        let document =
            document(&json!({"sip": {"username": "alice", "ip": "", "route": null}, "enabled": false}));
        assert_eq!(document.text("sip.username"), Some("alice"));
        assert_eq!(document.text("sip.ip"), None);
        assert_eq!(document.at("sip.route"), None);
        assert_eq!(document.at("sip.username.first"), None);
        assert_eq!(document.flag("enabled"), Some(false));
    }

    #[test]
    fn a_document_can_be_cut_down_to_a_few_paths() {
        let whole =
            document(&json!({"name": "n", "sip": {"username": "u", "password": "p", "ip": null}, "x": 1}));
        let cut = whole.only(&["name", "sip.username", "sip.ip", "name.first", "none.at.all"]);
        assert_eq!(cut, Document { body: cut.body.clone(), ..whole });
        assert_eq!(Value::Object(cut.body), json!({"name": "n", "sip": {"username": "u"}}));
    }

    #[test]
    fn a_path_leads_into_itself_and_those_above_it_and_not_into_like_names() {
        assert!(leads_into("sip", "sip") && leads_into("sip.username", "sip"));
        assert!(!leads_into("sip", "sip.username") && !leads_into("sips.x", "sip"));
    }

    #[test]
    fn debugging_shows_which_document_it_is_and_nothing_of_its_body() {
        use crate::{account::Account, device::Device, user::User};
        let document = document(&json!({"sip": {"password": "hidden"}}));
        let which = format!("{} {}", document.id, document.revision);
        assert_eq!(format!("{document:?}"), format!("Document {which}"));
        assert_eq!(format!("{:?}", Device { document: document.clone() }), format!("Device {which}"));
        assert_eq!(format!("{:?}", User { document: document.clone() }), format!("User {which}"));
        let account = Account { document, tree: Vec::new(), api_key: crate::id::Digest::of(b"key") };
        assert_eq!(format!("{account:?}"), format!("Account {which}"));
    }

    #[test]
    fn a_revised_document_keeps_its_name_and_its_birthday() {
        let first = document(&json!({"name": "a"}));
        let second = first.revised(json!({"name": "b"}).as_object().unwrap().clone(), 1_700_000_060);
        assert_eq!((second.id, second.created, second.modified), (first.id, first.created, 1_700_000_060));
        assert_ne!(second.revision, first.revision);
    }
}
