//! What a phone is to know of the site it stands at: where its files, its firmware and its log are, whom it can call.

use serde::Serialize;
use serde_json::Value;

use super::firmware::pinned;
use super::layers::Layers;
use super::line::{HostPort, host_port};
use super::roster::{Person, Roster};
use super::{Language, Parts};
use crate::id::Digest;

/// How the phone fetches its files.
#[derive(Clone, PartialEq, Serialize)]
pub struct Provisioning {
    /// Base URL with a slash at its end; empty when the site does not say where its phones reach it.
    pub url: String,
    /// `http` or `https`, or empty.
    pub scheme: String,
    /// The URL without scheme and without the slash at its end: `prov.example.com:8080`.
    pub address: String,
    /// What the phone says when it is asked who it is (RFC 7617, RFC 7616); empty where it is not asked.
    pub username: String,
    /// The password to that.
    pub password: String,
    /// When it looks for new files by itself.
    pub poll: Poll,
}

impl std::fmt::Debug for Provisioning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provisioning {}", self.url)
    }
}

/// When a phone looks for new files by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Poll {
    /// Every so many minutes; 0 is never.
    pub minutes: u32,
    /// For phones that do so at a time of day: its hour, 0 to 5. Always the same for a device, and spread over the night
    /// for many.
    pub hour: u16,
    /// The minute of that hour.
    pub minute: u16,
}

/// Tones of a country.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tones {
    /// ISO 3166-1, two upper-case letters, or empty.
    pub country: String,
}

/// An entry of the phonebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// Who it is.
    pub name: String,
    /// What is dialled.
    pub number: String,
}

/// Firmware.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Firmware {
    /// Where the file is; empty where the phone keeps what it has.
    pub url: String,
    /// What the vendor calls it; may be empty.
    pub version: String,
}

/// Minutes between two looks for new files, where nobody says otherwise: a day.
const POLL: u32 = 1440;

/// The minutes of a night over which phones are spread that look for new files at a time of day.
const NIGHT: u16 = 360;

/// How long a phonebook may be.
const MOST_CONTACTS: usize = 1000;

/// The port of syslog over UDP (RFC 5426 §3.3).
const SYSLOG: u16 = 514;

pub(super) fn provisioning(layers: &Layers<'_>, parts: Parts<'_>) -> Provisioning {
    let url = &parts.site.phones_url;
    let (scheme, address) = url.split_once("://").unwrap_or_default();
    let device = parts.device;
    let turn = device.mac().map_or_else(|| device.id().to_string(), |mac| mac.to_string());
    let digest = Digest::of(turn.as_bytes());
    let minute = u16::from_be_bytes([digest.as_bytes()[0], digest.as_bytes()[1]]) % NIGHT;
    Provisioning {
        url: url.clone(),
        scheme: scheme.to_owned(),
        address: address.trim_end_matches('/').to_owned(),
        username: layers.owned("provision.http_username"),
        password: layers.owned("provision.http_password"),
        poll: Poll {
            minutes: layers.number("provision.poll_minutes").unwrap_or(POLL),
            hour: minute / 60,
            minute: minute % 60,
        },
    }
}

/// `provision.tones`, else the country of the language.
pub(super) fn tones(layers: &Layers<'_>, language: &Language) -> Tones {
    let named = layers.text("provision.tones").unwrap_or(&language.region).to_uppercase();
    let is_country = named.len() == 2 && named.bytes().all(|letter| letter.is_ascii_uppercase());
    Tones { country: if is_country { named } else { String::new() } }
}

/// The entries of `provision.contacts` that have a name and a number; where it says `users`, the account's users by name,
/// but those that are excluded (`contact_list.exclude`).
pub(super) fn contacts(layers: &Layers<'_>, everybody: &Roster, warnings: &mut Vec<String>) -> Vec<Contact> {
    match layers.at("provision.contacts") {
        Some(Value::Array(entries)) => first(entries.iter().filter_map(contact), warnings),
        Some(Value::String(named)) if named == "users" => {
            let listed =
                everybody.people().iter().filter(|person| person.is_listed && !person.name.is_empty());
            first(listed, warnings).into_iter().map(person_contact).collect()
        }
        _ => Vec::new(),
    }
}

/// As many of them as a phonebook may have.
fn first<T>(mut entries: impl Iterator<Item = T>, warnings: &mut Vec<String>) -> Vec<T> {
    let kept = entries.by_ref().take(MOST_CONTACTS).collect();
    let left = entries.count();
    if left > 0 {
        warnings.push(format!("{left} contacts are left out: a phonebook has {MOST_CONTACTS} at most"));
    }
    kept
}

fn contact(entry: &Value) -> Option<Contact> {
    let text = |name: &str| entry.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty());
    Some(Contact { name: text("name")?.to_owned(), number: text("number")?.to_owned() })
}

fn person_contact(person: &Person) -> Contact {
    Contact { name: person.name.to_string(), number: person.presence_id.to_string() }
}

pub(super) fn syslog(layers: &Layers<'_>) -> HostPort {
    layers.text("provision.syslog_server").map(|text| host_port(text, SYSLOG)).unwrap_or_default()
}

/// A file that is pinned for the model is meant where no address is given.
pub(super) fn firmware(layers: &Layers<'_>, parts: Parts<'_>) -> Firmware {
    let given = layers.text("provision.firmware_url").map(str::to_owned);
    Firmware {
        url: given.or_else(|| pinned(layers, parts.entry, &parts.site.phones_url)).unwrap_or_default(),
        version: layers.owned("provision.firmware_version"),
    }
}
