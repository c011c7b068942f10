//! The operations on what is the daemon's own, and on limits.

use super::op::{Gives, Op, Tag, change, read};

/// Access lists, of an account or of a device.
pub(in crate::api) struct Attached {
    pub(in crate::api) get: Op,
    pub(in crate::api) put: Op,
    pub(in crate::api) delete: Op,
}

const fn access_lists(ids: [&'static str; 3]) -> Attached {
    const DATA: Gives = Gives::Data("access_lists");
    Attached {
        get: read(Tag::Limits, ids[0], "From where devices may register", DATA),
        put: change(Tag::Limits, ids[1], "Says from where devices may register", DATA).takes("access_lists"),
        delete: change(Tag::Limits, ids[2], "Lets devices register from anywhere", DATA),
    }
}

const fn rate_limits(ids: [&'static str; 3]) -> Attached {
    const DATA: Gives = Gives::Data("rate_limits");
    Attached {
        get: read(Tag::Limits, ids[0], "How much may be sent", DATA),
        put: change(Tag::Limits, ids[1], "Says how much may be sent", DATA).takes("rate_limits"),
        delete: change(Tag::Limits, ids[2], "Removes the limits on what may be sent", DATA),
    }
}

pub(in crate::api) const ACCOUNT_ACCESS: Attached =
    access_lists(["getAccessListsOfAccount", "setAccessListsOfAccount", "dropAccessListsOfAccount"]);
pub(in crate::api) const DEVICE_ACCESS: Attached =
    access_lists(["getAccessListsOfDevice", "setAccessListsOfDevice", "dropAccessListsOfDevice"]);
pub(in crate::api) const ACCOUNT_RATES: Attached =
    rate_limits(["getRateLimitsOfAccount", "setRateLimitsOfAccount", "dropRateLimitsOfAccount"]);
pub(in crate::api) const DEVICE_RATES: Attached =
    rate_limits(["getRateLimitsOfDevice", "setRateLimitsOfDevice", "dropRateLimitsOfDevice"]);

pub(in crate::api) const SCHEMAS: Op =
    read(Tag::Site, "listSchemas", "The names of all schemas", Gives::Rows("name")).open();
pub(in crate::api) const SCHEMA: Op =
    read(Tag::Site, "getSchema", "One schema, with every definition that it needs", Gives::Data("schema"))
        .open();
pub(in crate::api) const TEMPLATES: Op = read(
    Tag::Site,
    "getTemplates",
    "The catalog and templates in use, and what is wrong with newer ones",
    Gives::Data("templates"),
);
pub(in crate::api) const FILES: Op = read(
    Tag::Site,
    "listStaticFiles",
    "Firmware, ringtones, logos and languages that phones may fetch",
    Gives::Rows("static_file"),
);
pub(in crate::api) const DOCUMENT: Op =
    read(Tag::Site, "getOpenApi", "This document", Gives::Plain(&["application/json"])).open();
pub(in crate::api) const PAGE: Op =
    read(Tag::Site, "getDocs", "This document as a page to read", Gives::Plain(&["text/html"])).open();
pub(in crate::api) const HEALTH: Op =
    read(Tag::Site, "getHealth", "Whether the database answers", Gives::Plain(&["application/json"]))
        .open()
        .fails(&[503]);
