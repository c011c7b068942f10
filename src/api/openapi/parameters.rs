//! What may stand in a path, in a query and in the headers of a request.

use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::{Object, Required, Schema};

use super::schemas::ID;

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
}

/// What its values are.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Count,
    Second,
    /// How long a phone rings.
    Seconds,
    /// What this expression matches.
    Like(&'static str),
    OneOf(&'static [&'static str]),
    /// A list written as JSON.
    List,
    /// Parameters whose names say what they filter by.
    Filters,
}

use Kind::{Count, Filters, Flag, Like, List, OneOf, Second, Seconds, Text};
use Place::{Header, Path, Query};

#[rustfmt::skip]
const ALL: &[(&str, Place, Kind, &str)] = &[
    ("account", Path, Like(ID), "The id of an account"),
    ("user", Path, Like(ID), "The id of a user"),
    ("device", Path, Like(ID), "The id of a device"),
    ("file", Path, Like("^[A-Za-z0-9._-]+$"), "The name of a file, as the phone asks for it"),
    ("name", Path, Like("^[A-Za-z0-9._-]+$"), "The name of a part of the call server"),
    ("schema", Path, Like("^[a-z_.]+$"), "The name of a schema"),
    ("job", Path, Like(ID), "The id of an import"),
    ("campaign", Path, Like(ID), "The id of a campaign"),
    ("token", Path, Like("^[0-9a-f]{64}$"), "A token"),
    ("username", Path, Text, "The SIP username of a line"),
    ("number", Path, Like("^[0-9+*#]+$"), "A number to be dialled"),
    ("mac", Path, Like("^[0-9a-fA-F]{12}$"), "A MAC address"),
    ("brand", Path, Like("^[a-z0-9]+$"), "A brand of the catalog"),
    ("family", Path, Like("^[a-z0-9]+$"), "A family of the brand"),
    ("model", Path, Like("^[a-z0-9]+$"), "A model of the family"),

    ("page_size", Query, Count, "How many rows a page has; 50 unless given"),
    ("start_key", Query, Text, "The next_start_key of the page before"),
    ("paginate", Query, Flag, "false: all rows at once"),
    ("ascending", Query, Flag, "true: the oldest first"),
    ("filters", Query, Filters, "filter_name=x and the like: only rows in whose documents the member at this path has \
        this value, or one of a list of JSON; filter_not_ turns it round. All filters must hold"),
    ("has_key", Query, Text, "Only rows whose documents have a member at this path"),
    ("key_missing", Query, Text, "Only rows whose documents have none"),
    ("has_value", Query, Text, "Only rows in whose documents it is not empty"),
    ("value_missing", Query, Text, "Only rows in whose documents it is empty or missing"),
    ("created_from", Query, Second, "Only what was made then or later, in Gregorian seconds"),
    ("created_to", Query, Second, "Only what was made then or before"),
    ("modified_from", Query, Second, "Only what was changed last then or later"),
    ("modified_to", Query, Second, "Only what was changed last then or before"),
    ("fields", Query, List, "These members, by their paths, in place of the summary"),
    ("full_docs", Query, Flag, "true: whole documents in place of summaries"),
    ("with_status", Query, Flag, "true: says of each device whether it is registered"),
    ("filter_id", Query, Text, "Only what was done to the document of this id"),
    ("filter_type", Query, OneOf(&["account", "user", "device", "campaign"]), "Only what was done to such documents"),
    ("filter_what", Query, Text, "Only deeds of this name"),
    ("accept", Query, OneOf(&["csv", "json"]), "csv: a table, as with Accept: text/csv"),

    ("dry_run", Query, Flag, "true: nothing is stored; the answer says what would be, and what would change in the \
        files of which phones"),
    ("should_soft_delete", Query, Flag, "false: nothing is kept for those who ask later"),
    ("reboot", Query, Flag, "false: the phone reads its files again and does not restart"),
    ("now", Query, Flag, "true: a restart does not wait for the hours at which the account allows it"),
    ("secrets", Query, Flag, "true: secrets are shown, which the audit trail then says"),
    ("explain", Query, Flag, "true: which templates, settings and documents made each line, in place of the file"),
    ("ids", Query, Flag, "false: ids are left out"),
    ("format", Query, OneOf(&["jsonl", "csv"]), "Lines of JSON or a table; as with Accept"),
    ("mode", Query, OneOf(&["create", "upsert"]), "upsert: a row with the id of a device takes its place"),
    ("partial", Query, Flag, "true: rows that are right are stored whatever the others are"),
    ("Prefer", Header, OneOf(&["respond-async"]), "The answer comes when all rows have arrived"),

    ("auto_answer", Query, Flag, "false: somebody must take the call; true unless given"),
    ("cid-name", Query, Text, "What the phone shows as calling"),
    ("cid-number", Query, Text, "The number that the phone shows as calling"),
    ("ignore-early-media", Query, Flag, "true unless given"),
    ("media", Query, OneOf(&["process", "bypass"]), "What is done with the call's media"),
    ("number_filter", Query, Text, "true: only letters and digits of the number count; or an expression, whose first \
        group is the number"),
    ("timeout", Query, Seconds, "How many seconds it rings; 30 unless given"),

    ("If-None-Match", Header, Text, "A revision: 304 while it is still that one"),
    ("If-Match", Header, Text, "A revision: 412 when it is no longer that one"),
];

/// All parameters with the names that they have as components of the document.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Parameter)> {
    ALL.iter().map(|(name, place, kind, says)| (*name, parameter(name, *place, *kind, says)))
}

/// True for a parameter that is described here.
#[cfg(test)]
pub(super) fn is_known(name: &str) -> bool {
    ALL.iter().any(|(known, ..)| *known == name)
}

fn parameter(name: &str, place: Place, kind: Kind, says: &str) -> Parameter {
    let (place, required) = match place {
        Path => (ParameterIn::Path, Required::True),
        Query => (ParameterIn::Query, Required::False),
        Header => (ParameterIn::Header, Required::False),
    };
    let one = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    let one = one.description(Some(says)).schema(schema(kind));
    match kind {
        Filters => one.style(Some(ParameterStyle::Form)).explode(Some(true)).build(),
        _ => one.build(),
    }
}

fn schema(kind: Kind) -> Option<Schema> {
    let json = match kind {
        Text => json!({"type": "string"}),
        Flag => json!({"type": "boolean"}),
        Count => json!({"type": "integer", "minimum": 1}),
        Second => json!({"type": "integer", "minimum": 0}),
        Seconds => json!({"type": "integer", "minimum": 3, "maximum": 300}),
        Like(pattern) => json!({"type": "string", "pattern": pattern}),
        OneOf(values) => json!({"type": "string", "enum": values}),
        List => json!({"type": "string", "contentMediaType": "application/json"}),
        Filters => json!({
            "type": "object",
            "propertyNames": {"type": "string", "pattern": "^filter_[a-z_.]+$"},
            "additionalProperties": {"type": "string"},
        }),
    };
    object(json).map(Schema::Object)
}

/// What utoipa reads of a schema.
fn object(json: Value) -> Option<Object> {
    serde_json::from_value(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_a_name_of_its_own_and_a_schema() {
        let mut names: Vec<_> = all().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(all().all(|(_, parameter)| parameter.schema.is_some()));
    }

    #[test]
    fn a_name_in_a_path_has_a_pattern_where_it_must_be_an_id() {
        let account = all().find(|(name, _)| *name == "account").map(|(_, account)| account);
        assert_eq!(serde_json::to_value(account).unwrap()["schema"]["pattern"], ID);
        assert!(is_known("page_size") && !is_known("size"));
    }
}
