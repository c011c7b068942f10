//! Documents read as far as a list needs them: what is left out is skipped over in the text, and costs nothing more.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::account::Account;
use crate::device::Device;
use crate::document::{Body, Document};
use crate::id::{Id, Revision};
use crate::user::User;

/// A document as it is stored.
pub(super) trait Stored: DeserializeOwned {
    /// Reads it with these members of its body only, or with more of them.
    fn slim(json: &[u8], members: &[&str]) -> serde_json::Result<Self>;
}

impl Stored for Account {
    fn slim(json: &[u8], _: &[&str]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

impl Stored for User {
    fn slim(json: &[u8], members: &[&str]) -> serde_json::Result<Self> {
        document(json, members).map(|document| Self { document })
    }
}

impl Stored for Device {
    fn slim(json: &[u8], members: &[&str]) -> serde_json::Result<Self> {
        document(json, members).map(|document| Self { document })
    }
}

#[derive(Deserialize)]
struct Outer<'j> {
    #[serde(borrow)]
    document: Inner<'j>,
}

#[derive(Deserialize)]
struct Inner<'j> {
    id: Id,
    account: Id,
    revision: Revision,
    created: u64,
    modified: u64,
    #[serde(borrow)]
    body: &'j RawValue,
}

fn document(json: &[u8], members: &[&str]) -> serde_json::Result<Document> {
    let Inner { id, account, revision, created, modified, body } =
        serde_json::from_slice::<Outer<'_>>(json)?.document;
    let body = Members(members).deserialize(&mut serde_json::Deserializer::from_str(body.get()))?;
    Ok(Document { id, account, revision, created, modified, body })
}

struct Members<'m>(&'m [&'m str]);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Body;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Body, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let mut body = Body::new();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if self.0.contains(&&*name) {
                body.insert(name.into_owned(), map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slim_document_has_the_members_asked_for_and_all_that_is_not_its_body() {
        let body = json!({"name": "Desk", "sip": {"username": "u"}, "provision": {"keys": [1, {"a": 2}]}, "n\"q": 1});
        let id = Id::from_bytes([7; 16]);
        let whole = Device { document: Document::new(id, id, body.as_object().unwrap().clone(), 5) };
        let json = serde_json::to_vec(&whole).unwrap();
        let slim = Device::slim(&json, &["name", "sip", "n\"q", "none"]).unwrap().document;
        let mut expected = whole.document.clone();
        expected.body.remove("provision");
        assert_eq!(slim, expected);
        assert!(Device::slim(b"{}", &[]).is_err());
    }
}
