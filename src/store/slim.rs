//! Documents read as far as a list needs them: what is left out is skipped over in the text, and costs nothing more.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor,
};

use crate::account::Account;
use crate::device::Device;
use crate::document::{Body, Document, leads_into};
use crate::user::User;

/// A document as it is stored.
pub(super) trait Stored: DeserializeOwned {
    /// Reads it with what is at these dotted paths of its body only, or with more of it.
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

/// The members of the object that is stored, and of the document in it: `body` is read as far as it is asked for, the
/// rest as it stands.
fn document(json: &[u8], members: &[&str]) -> serde_json::Result<Document> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let document = Outer(members).deserialize(&mut deserializer)?;
    deserializer.end().map(|()| document)
}

struct Outer<'m>(&'m [&'m str]);

impl<'de> DeserializeSeed<'de> for Outer<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outer<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what a document is stored in")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            match &*name {
                "document" => found = Some(map.next_value_seed(Inner(self.0))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        found.ok_or_else(|| A::Error::missing_field("document"))
    }
}

struct Inner<'m>(&'m [&'m str]);

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// The names of a document's members, in the order in which `#[derive(Deserialize)]` would read them.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Id,
    Account,
    Revision,
    Created,
    Modified,
    Body,
    #[serde(other)]
    Other,
}

impl<'de> Visitor<'de> for Inner<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let (mut id, mut account, mut revision) = (None, None, None);
        let (mut created, mut modified, mut body) = (None, None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Id => id = Some(map.next_value()?),
                Field::Account => account = Some(map.next_value()?),
                Field::Revision => revision = Some(map.next_value()?),
                Field::Created => created = Some(map.next_value()?),
                Field::Modified => modified = Some(map.next_value()?),
                Field::Body => body = Some(map.next_value_seed(Members(self.0))?),
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let missing = A::Error::missing_field;
        Ok(Document {
            id: id.ok_or_else(|| missing("id"))?,
            account: account.ok_or_else(|| missing("account"))?,
            revision: revision.ok_or_else(|| missing("revision"))?,
            created: created.ok_or_else(|| missing("created"))?,
            modified: modified.ok_or_else(|| missing("modified"))?,
            body: body.ok_or_else(|| missing("body"))?,
        })
    }
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
            if self.0.iter().any(|path| leads_into(path, &name)) {
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
    use crate::id::Id;

    #[test]
    fn a_slim_document_has_the_members_asked_for_and_all_that_is_not_its_body() {
        let body = json!({"name": "Desk", "sip": {"username": "u"}, "provision": {"keys": [1, {"a": 2}]}, "n\"q": 1});
        let id = Id::from_bytes([7; 16]);
        let whole = Device { document: Document::new(id, id, body.as_object().unwrap().clone(), 5) };
        let json = serde_json::to_vec(&whole).unwrap();
        let slim = Device::slim(&json, &["name", "sip.username", "n\"q", "none"]).unwrap().document;
        let mut expected = whole.document.clone();
        expected.body.remove("provision");
        assert_eq!(slim, expected);
        assert!(Device::slim(b"{}", &[]).is_err());
    }
}
