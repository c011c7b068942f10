//! The operations on phones: who is registered, what they hold, and what they are told.

use serde_json::{Value, json};

use super::op::{FILTERED, Gives, Op, PAGED, Tag, Takes, change, read};
use super::shapes::{record, text, whole};

const CALLED: &[&str] =
    &["auto_answer", "cid-name", "cid-number", "ignore-early-media", "media", "number_filter", "timeout"];

pub(in crate::api) const REGISTRATIONS: Op = read(
    Tag::Phones,
    "listRegistrations",
    "Who is registered where, one row for each contact",
    Gives::Rows("registration"),
);
pub(in crate::api) const REGISTRATION_COUNT: Op = read(
    Tag::Phones,
    "countRegistrations",
    "How many contacts are registered",
    Gives::Data("registration_count"),
);

pub(in crate::api) const SIGHTINGS: Op = read(
    Tag::Phones,
    "listSightings",
    "Phones that asked by SIP PnP, belong to no device and were told where to go, and until when more are",
    Gives::Data("sightings"),
);
pub(in crate::api) const SIGHTINGS_OPEN: Op = change(
    Tag::Phones,
    "openToSightings",
    "For a while phones that belong to no device are told by SIP PnP where to go, too",
    Gives::Data("sightings"),
)
.takes("sightings_open");
pub(in crate::api) const SIGHTINGS_CLOSE: Op = change(
    Tag::Phones,
    "closeToSightings",
    "Phones that belong to no device are told nothing any more, and forgotten",
    Gives::Data("sightings"),
);

pub(in crate::api) const SYNC: Op = change(
    Tag::Phones,
    "syncDevice",
    "Tells a phone to restart, or to read its files again, whatever it holds",
    Gives::Data("sentence"),
)
.asks(&[&["reboot", "now"]]);
pub(in crate::api) const FILES: Op =
    read(Tag::Phones, "listFiles", "The files that a device's phone would get", Gives::Rows("file"));
pub(in crate::api) const FILE: Op = read(
    Tag::Phones,
    "getFile",
    "One file as it would be served, its secrets masked unless they are asked for",
    Gives::Data("file_body"),
)
.asks(&[&["secrets", "explain"]]);
pub(in crate::api) const FILE_DIFF: Op = read(
    Tag::Phones,
    "diffFile",
    "What would change for the phone if it came for the file now",
    Gives::Data("file_diff"),
);
pub(in crate::api) const UPLOADS: Op =
    read(Tag::Phones, "listUploads", "What a device's phone has sent", Gives::Rows("upload"));
pub(in crate::api) const UPLOAD: Op =
    read(Tag::Phones, "getUpload", "Something that a device's phone has sent", Gives::Data("upload_body"));
pub(in crate::api) const UPLOAD_DROP: Op = change(
    Tag::Phones,
    "dropUpload",
    "Removes something that a device's phone has sent, which it is given no more",
    Gives::Data("upload"),
);
pub(in crate::api) const STANDING: Op = read(
    Tag::Phones,
    "getProvisioning",
    "What a phone holds, what it would be given, and what it was told",
    Gives::Data("provisioning"),
);
pub(in crate::api) const STANDINGS: Op =
    read(Tag::Phones, "listProvisioning", "How the phones of an account stand", Gives::Rows("provisioning"))
        .asks(&[PAGED, FILTERED]);

pub(in crate::api) const FLUSH: Op = change(
    Tag::Phones,
    "flushRegistrations",
    "Forgets where every phone of an account is",
    Gives::Data("sentence"),
);
pub(in crate::api) const FLUSH_ONE: Op = change(
    Tag::Phones,
    "flushRegistration",
    "Tells the phones of a line to read their files again, and forgets where they are",
    Gives::Data("sentence"),
);
pub(in crate::api) const NOTIFY: Op =
    change(Tag::Phones, "notifyDevice", "Sends a NOTIFY to a device's phone", Gives::Data("sentence"))
        .sends(Takes::Whole("notify"))
        .creates();
pub(in crate::api) const RING: Op = read(
    Tag::Phones,
    "quickCall",
    "Rings a device, and connects it to a number when it is answered",
    Gives::Data("quickcall"),
)
.asks(&[CALLED]);
pub(in crate::api) const RING_BY_POST: Op =
    change(Tag::Phones, "quickCallByPost", RING.summary, RING.gives).asks(&[CALLED]);
pub(in crate::api) const HISTORY: Op = read(
    Tag::Phones,
    "listHistory",
    "What became of calls and NOTIFYs, the newest first",
    Gives::Rows("event"),
);

/// What answers about files look like.
pub(super) fn shapes() -> Value {
    json!({
        "upload": record(&["name", "bytes", "received"], json!({
            "name": text(), "bytes": whole("Its size"), "received": whole("Unix seconds"),
        })),
        "upload_body": record(&["name", "bytes", "received", "sha256", "body"], json!({
            "name": text(), "bytes": whole("Its size"), "received": whole("Unix seconds"),
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "body": {"type": "string", "description": "What it says; bytes that are no UTF-8 are replaced"},
        })),
        "static_file": record(&["name", "url", "bytes", "sha256", "modified"], json!({
            "name": {"type": "string", "description": "Its path in the folder"},
            "url": {"type": "string", "description": "Where phones fetch it"},
            "brand": text(), "family": text(), "account_id": text(),
            "bytes": whole("Its size"), "modified": whole("Unix seconds"),
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        })),
    })
}
