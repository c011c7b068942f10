//! The SIP events that make phones act: what a NOTIFY says in its `Event`, and in its body where it has one.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The longest body of an event, in bytes: the whole NOTIFY must fit a datagram (RFC 3261 §18.1.1).
pub const MAX_EVENT_BODY: usize = 800;

/// How phones are told to act.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Makes the phone read its files again, without a reboot where it can.
    pub reread: Event,
    /// Makes the phone restart.
    pub reboot: Event,
}

/// What one NOTIFY says; written as a string, or as a table where it has a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `Event` header, exactly as it is sent: `check-sync;reboot=false` without blanks.
    pub name: String,
    /// The body, for the events that have one.
    pub content: Option<Content>,
}

/// The body of an event, such as the `action=restart` of `service-control`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its `Content-Type`.
    pub kind: String,
    /// Its text, exactly as it is sent; at most [`MAX_EVENT_BODY`] bytes.
    pub body: String,
}

impl Event {
    /// An event without a body.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), content: None }
    }

    fn checked(self) -> Result<Self, String> {
        let name = &self.name;
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(format!(
                "events: {name:?} is not an event package with parameters, in ASCII and without blanks"
            ));
        }
        self.content.as_ref().map_or(Ok(()), Content::check)?;
        Ok(self)
    }
}

impl Content {
    fn check(&self) -> Result<(), String> {
        if !is_media_type(&self.kind) {
            return Err(format!("events: content_type {:?} is no media type such as text/plain", self.kind));
        }
        match self.body.len() {
            0 => Err("events: body is empty; leave body and content_type out".to_owned()),
            length if length > MAX_EVENT_BODY => Err(format!(
                "events: body has {length} bytes, and {MAX_EVENT_BODY} at most fit the datagram of a NOTIFY"
            )),
            _ => Ok(()),
        }
    }
}

/// `type/subtype`, perhaps with parameters (RFC 3261 §25.1, `media-type`).
fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&c))
    };
    let (range, parameters) = text.split_once(';').unwrap_or((text, ""));
    let named = range.trim_end().split_once('/').is_some_and(|(of, kind)| token(of) && token(kind));
    named && parameters.bytes().all(|c| c == b' ' || c.is_ascii_graphic())
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

/// An event that has a body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    event: String,
    content_type: String,
    body: String,
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event such as \"check-sync\", or a table of event, content_type and body")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Event, E> {
        Event::named(name).checked().map_err(E::custom)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Event, M::Error> {
        let Table { event, content_type, body } = Table::deserialize(MapAccessDeserializer::new(map))?;
        let content = Some(Content { kind: content_type, body });
        Event { name: event, content }.checked().map_err(M::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reread: &str) -> Result<Events, String> {
        toml::from_str(&format!("reread = {reread}\nreboot = \"reboot\"")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_event_is_a_string_or_a_table_with_a_body() {
        assert_eq!(read("\"resync\"").unwrap().reread, Event::named("resync"));
        let table = r#"{ event = "service-control", content_type = "text/plain; charset=utf-8", body = "action=restart\r\nRegisterCallId={}\r\n" }"#;
        let event = read(table).unwrap().reread;
        let content = event.content.unwrap();
        assert_eq!((&event.name[..], &content.kind[..]), ("service-control", "text/plain; charset=utf-8"));
        assert_eq!(content.body, "action=restart\r\nRegisterCallId={}\r\n");
    }

    #[test]
    fn an_event_that_cannot_be_sent_is_refused_with_what_is_wrong_and_where() {
        let table = |kind: &str, body: &str| {
            format!("{{ event = \"service-control\", content_type = \"{kind}\", body = \"{body}\" }}")
        };
        let long = "x".repeat(MAX_EVENT_BODY + 1);
        for (written, expected) in [
            ("\"check-sync; reboot\"".to_owned(), "without blanks"),
            ("\"\"".to_owned(), "without blanks"),
            ("\"check-sync\\r\\nEvil: 1\"".to_owned(), "without blanks"),
            ("\"chéck\"".to_owned(), "in ASCII"),
            ("7".to_owned(), "or a table of event, content_type and body"),
            (table("text", "a"), "no media type"),
            (table("text/", "a"), "no media type"),
            (table("text/plain\\r\\nEvil: 1", "a"), "no media type"),
            (table("text/plain;\\r\\nEvil: 1", "a"), "no media type"),
            (table("text/plain", ""), "leave body and content_type out"),
            (table("text/plain", &long), "801 bytes, and 800 at most"),
            ("{ event = \"a\", body = \"b\" }".to_owned(), "content_type"),
            ("{ event = \"a\", content_type = \"a/b\" }".to_owned(), "body"),
            ("{ event = \"a\", content_type = \"a/b\", body = \"c\", bdy = \"d\" }".to_owned(), "bdy"),
        ] {
            let said = read(&written).unwrap_err();
            assert!(said.contains(expected) && said.contains("line 1"), "{written}: {said}");
        }
        assert!(read(&table("text/plain", &long[1..])).is_ok());
    }
}
