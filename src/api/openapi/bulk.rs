//! The operations on many devices at once.

use super::op::{FILTERED, Gives, Op, Tag, Takes, change, read};

pub(in crate::api) const EXPORT: Op = read(
    Tag::Bulk,
    "exportDevices",
    "Every device of an account as lines of JSON or as a table",
    Gives::Plain(&["application/x-ndjson", "text/csv"]),
)
.asks(&[FILTERED, &["secrets", "ids", "format"]]);
pub(in crate::api) const IMPORT: Op =
    change(Tag::Bulk, "importDevices", "Adds many devices, all or none", Gives::Data("import_report"))
        .sends(Takes::Rows("devices"))
        .asks(&[&["mode", "partial", "dry_run", "Prefer"]])
        .also(&[
            (201, "Devices were added", "import_report"),
            (202, "The work goes on: Location says where to ask about it", "import"),
        ])
        .fails(&[400, 401, 403, 404, 405, 415, 429, 503]);
pub(in crate::api) const IMPORTS: Op =
    read(Tag::Bulk, "listImports", "The imports that run or have ended lately", Gives::Rows("import"));
pub(in crate::api) const IMPORT_GET: Op =
    read(Tag::Bulk, "getImport", "One import, and what came of it", Gives::Data("import"));
