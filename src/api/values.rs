//! What no schema can say of a document's values.

use crate::document::Body;
use crate::schema::{Invalid, Problem};
use crate::settings::check_shared;
use crate::store::Noun;
use crate::zone::Zone;

/// Adds what is wrong with them. A device's key of encryption is tried with its own phone; one that phones share must
/// suit them all.
pub(super) fn check(noun: Noun, body: &Body, invalid: &mut Invalid) {
    check_zone(body, invalid);
    if let (Noun::Account | Noun::User, Err(error)) = (noun, check_shared(body)) {
        invalid.add("provision.encryption.password", "invalid", Problem::new(error.to_string()));
    }
}

fn check_zone(body: &Body, invalid: &mut Invalid) {
    let Some(name) = body.get("timezone").and_then(|name| name.as_str()) else { return };
    if matches!(name.trim(), "" | "inherit") {
        return;
    }
    if let Err(error) = Zone::find(name.trim()) {
        invalid.add("timezone", "invalid", Problem::new(error.to_string()).value(name));
    }
}
