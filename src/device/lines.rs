//! SIP accounts beside the device's own, as `provision.lines` lists them.

use serde_json::Value;

use crate::document::{Body, Document};
use crate::id::Id;

/// Where a further SIP account of a phone is described.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Further<'d> {
    /// In the document of this device (`device_id`), as it stands there.
    Device(Id),
    /// Here, in the form of a device document.
    Here(&'d Body),
}

/// The entries of `provision.lines`, in their order. What is no object is left out.
pub(super) fn further(document: &Document) -> Vec<Further<'_>> {
    let entries = document.at("provision.lines").and_then(Value::as_array).into_iter().flatten();
    let entries = entries.filter_map(Value::as_object);
    entries.map(|entry| named(entry).map_or(Further::Here(entry), Further::Device)).collect()
}

fn named(entry: &Body) -> Option<Id> {
    entry.get("device_id")?.as_str()?.parse().ok()
}
