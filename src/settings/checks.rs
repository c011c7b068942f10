//! What is checked of documents where they are written, beside what their schemas say.

use serde_json::Value;

use crate::document::Body;
use crate::zone::{UnknownZone, Zone};

/// Checks that the time zone of a document exists. An empty one and `inherit` leave it to whoever says it next.
///
/// # Errors
/// The zone's name, and zones that are spelled much like it.
pub fn check_zone(body: &Body) -> Result<(), UnknownZone> {
    match body.get("timezone").and_then(Value::as_str).map_or("", str::trim) {
        "" | "inherit" => Ok(()),
        name => Zone::find(name).map(drop),
    }
}
