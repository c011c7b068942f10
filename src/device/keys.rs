//! Feature keys and combo keys, as the document writes them.
//!
//! `provision.combo_keys` are the keys that can also be line keys, `provision.feature_keys` the others; both
//! are objects whose names are positions from 0. An entry's `value` is a plain value or `{label, value}`.

use serde::Deserialize;
use serde_json::Value;

use crate::document::{Body, at};
use crate::id::Id;

/// What a key does (the document's `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Nothing: what was there is cleared.
    None,
    /// A call appearance of a line.
    Line,
    /// Watches a user's presence and calls it.
    Presence,
    /// Watches an extension and calls it (busy lamp field, RFC 4235).
    Blf,
    /// Dials a number.
    SpeedDial,
    /// Watches and uses a parking slot, 1 to 10.
    Parking,
    /// Watches and uses a user's own parking slot.
    PersonalParking,
    /// Watches and dials an orbit, as the document writes it.
    ParkOrbit,
    /// Calls an extension that answers by itself.
    Intercom,
    /// Sends digits in a call.
    Dtmf,
    /// Transfers the call, to a number where there is one.
    Transfer,
    /// Calls the voicemail.
    Voicemail,
    /// Do not disturb.
    Dnd,
    /// Forwards calls, to a number where there is one.
    Forward,
    /// Puts two calls together.
    Conference,
    /// Records the call.
    Record,
    /// Opens an address.
    Url,
    /// Speaks to a multicast group, `address:port`.
    Multicast,
    /// Opens the phone's own phonebook.
    Phonebook,
    /// Opens the LDAP phonebook.
    Ldap,
    /// Whatever the vendor's code says that the document names.
    Custom,
}

/// Every kind, with the name that documents, catalogs and templates use.
const NAMES: [(KeyKind, &str); 21] = [
    (KeyKind::None, "none"),
    (KeyKind::Line, "line"),
    (KeyKind::Presence, "presence"),
    (KeyKind::Blf, "blf"),
    (KeyKind::SpeedDial, "speed_dial"),
    (KeyKind::Parking, "parking"),
    (KeyKind::PersonalParking, "personal_parking"),
    (KeyKind::ParkOrbit, "park_orbit"),
    (KeyKind::Intercom, "intercom"),
    (KeyKind::Dtmf, "dtmf"),
    (KeyKind::Transfer, "transfer"),
    (KeyKind::Voicemail, "voicemail"),
    (KeyKind::Dnd, "dnd"),
    (KeyKind::Forward, "forward"),
    (KeyKind::Conference, "conference"),
    (KeyKind::Record, "record"),
    (KeyKind::Url, "url"),
    (KeyKind::Multicast, "multicast"),
    (KeyKind::Phonebook, "phonebook"),
    (KeyKind::Ldap, "ldap"),
    (KeyKind::Custom, "custom"),
];

impl KeyKind {
    /// Every kind, in the order of this list.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(kind, _)| *kind)
    }

    /// The name that documents and templates use.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == self).map_or("none", |(_, name)| name)
    }

    fn named(name: &str) -> Self {
        NAMES.iter().find(|(_, known)| *known == name).map_or(Self::None, |(kind, _)| *kind)
    }

    /// True when the value names a user.
    pub const fn names_a_user(self) -> bool {
        matches!(self, Self::Presence | Self::PersonalParking)
    }

    /// True when it does nothing without a value.
    pub const fn needs_a_value(self) -> bool {
        matches!(
            self,
            Self::Blf
                | Self::SpeedDial
                | Self::Parking
                | Self::ParkOrbit
                | Self::Intercom
                | Self::Dtmf
                | Self::Url
                | Self::Multicast
        )
    }

    /// True when it watches a phone whose ringing call can be picked up.
    pub const fn picks_up(self) -> bool {
        matches!(self, Self::Presence | Self::Blf)
    }
}

/// One key of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its position, from 0.
    pub position: u16,
    /// What it does.
    pub kind: KeyKind,
    /// A number, a slot, or a user's id, as the kind wants it; empty when the document gives none.
    pub value: String,
    /// A label that the document gives in place of the usual one.
    pub label: Option<String>,
    /// The line it uses, from 1; none where the document leaves it to the first.
    pub line: Option<u16>,
    /// The vendor's code of a [`KeyKind::Custom`] key; empty when the document gives none.
    pub code: String,
    /// A code that picks up what rings at the watched extension, in the place of the account's.
    pub pickup: Option<String>,
    /// True where a key that names a user has instead what such a key shows and dials: whoever wrote the document
    /// has looked the user up already, who need not be known here.
    pub resolved: bool,
}

impl Key {
    /// A key that shows a user, on the first line.
    pub fn of_user(kind: KeyKind, user: Id) -> Self {
        let (value, code) = (user.to_string(), String::new());
        Self { position: 0, kind, value, label: None, line: None, code, pickup: None, resolved: false }
    }

    /// The user whose presence or parking slot the key shows.
    pub fn user(&self) -> Option<Id> {
        (self.kind.names_a_user() && !self.resolved).then(|| self.value.parse().ok())?
    }
}

/// The keys at `path` of a body (`provision.combo_keys`), by position. Entries that are null, or whose
/// name is no position, are left out.
pub fn keys_in(body: &Body, path: &str) -> Vec<Key> {
    let entries = at(body, path).and_then(Value::as_object);
    let mut keys: Vec<Key> =
        entries.into_iter().flatten().filter_map(|(name, entry)| key(name, entry)).collect();
    keys.sort_by_key(|key| key.position);
    keys.dedup_by_key(|key| key.position);
    keys
}

fn key(name: &str, entry: &Value) -> Option<Key> {
    let position = name.parse().ok()?;
    let kind = KeyKind::named(entry.as_object()?.get("type")?.as_str()?);
    let (label, value) = match entry.get("value") {
        Some(Value::Object(pair)) => (pair.get("label").and_then(Value::as_str), pair.get("value")),
        value => (entry.get("label").and_then(Value::as_str), value),
    };
    let label = label.filter(|label| !label.is_empty()).map(str::to_owned);
    let resolved = entry.get("resolved").is_some_and(|resolved| *resolved == true);
    let line = entry.get("line").and_then(Value::as_u64).and_then(|line| line.try_into().ok());
    let [value, code] = [value, entry.get("code")].map(|value| value.map(plain).unwrap_or_default());
    let pickup = entry.get("pickup").map(plain);
    Some(Key { position, kind, value, label, line, code, pickup, resolved })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(combo: &Value) -> Vec<Key> {
        keys_in(json!({"provision": {"combo_keys": combo}}).as_object().unwrap(), "provision.combo_keys")
    }

    #[test]
    fn keys_come_by_position_and_not_by_the_spelling_of_their_names() {
        let found = keys(&json!({"10": {"type": "line"}, "9": {"type": "line"}}));
        assert_eq!(found.iter().map(|key| key.position).collect::<Vec<_>>(), [9, 10]);
    }

    #[test]
    fn a_value_may_bring_its_own_label() {
        let found =
            keys(&json!({"0": {"type": "speed_dial", "value": {"label": "Mum", "value": "+431234"}}}));
        assert_eq!((found[0].label.as_deref(), found[0].value.as_str()), (Some("Mum"), "+431234"));
        let found = keys(&json!({"0": {"type": "parking", "value": 3}}));
        assert_eq!((found[0].label.as_deref(), found[0].value.as_str()), (None, "3"));
    }

    #[test]
    fn every_kind_has_one_name_and_is_read_by_it() {
        for (kind, name) in NAMES {
            assert_eq!((KeyKind::named(name), kind.name()), (kind, name));
            assert_eq!(serde_json::from_value::<KeyKind>(json!(name)).unwrap(), kind);
        }
        assert_eq!(KeyKind::named("disco"), KeyKind::None);
    }

    #[test]
    fn null_entries_and_strange_names_are_left_out() {
        assert_eq!(keys(&json!({"0": null, "first": {"type": "line"}, "70000": {"type": "line"}})), []);
        assert_eq!(keys(&json!("all of them")), []);
    }

    #[test]
    fn only_keys_that_show_a_user_name_one() {
        let id = "0123456789abcdef0123456789abcdef";
        let found =
            keys(&json!({"0": {"type": "presence", "value": id}, "1": {"type": "speed_dial", "value": id}}));
        assert_eq!(found[0].user(), id.parse().ok());
        assert_eq!(found[1].user(), None);
        let found = keys(&json!({"0": {"type": "presence", "value": id, "resolved": true}}));
        assert_eq!((found[0].user(), found[0].resolved), (None, true));
    }
}
