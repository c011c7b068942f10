//! What no schema can say of a document's values.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::{Body, Document, at};
use crate::id::Id;
use crate::schema::{Invalid, Problem};
use crate::settings::{check_shared, check_zone};
use crate::store::Noun;

/// Adds what is wrong with them. A device's key of encryption is tried with its own phone; one that phones share must
/// suit them all. Lines that are as they were in `stored` are not looked at.
pub(super) fn check(noun: Noun, stored: Option<&Document>, body: &Body, invalid: &mut Invalid) {
    if let Err(error) = check_zone(body) {
        let name = body.get("timezone").cloned().unwrap_or_default();
        invalid.add("timezone", "invalid", Problem::new(error.to_string()).value(name));
    }
    if let (Noun::Account | Noun::User, Err(error)) = (noun, check_shared(body)) {
        invalid.add("provision.encryption.password", "invalid", Problem::new(error.to_string()));
    }
    if noun == Noun::Device && lines(body) != stored.and_then(|stored| lines(&stored.body)) {
        check_lines(stored.map(|stored| stored.id), body, invalid);
    }
}

fn lines(body: &Body) -> Option<&Vec<Value>> {
    at(body, "provision.lines")?.as_array()
}

/// No two lines of a phone are the same account: neither of them the device's own, and no other device's twice.
fn check_lines(own: Option<Id>, body: &Body, invalid: &mut Invalid) {
    let mut seen = BTreeSet::new();
    for (number, line) in lines(body).into_iter().flatten().enumerate() {
        let Some(named) = line.get("device_id").and_then(Value::as_str) else { continue };
        let Ok(id) = named.parse::<Id>() else { continue };
        let wrong = match id {
            _ if Some(id) == own => "This is the device itself, whose account is the first line anyway",
            _ if !seen.insert(id) => "Another line is the account of the same device",
            _ => continue,
        };
        invalid.add(
            format!("provision.lines.{number}.device_id"),
            "invalid",
            Problem::new(wrong).value(named),
        );
    }
}
