//! Which documents of a list are asked for: Kazoo's filters in the query, all of which must hold.
//!
//! A filter names a member by a dotted path of the stored document, to which the private members `pvt_created`,
//! `pvt_modified` (Gregorian seconds), `pvt_account_id` and `_rev` belong. Values are compared as text. A filter
//! that cannot be evaluated keeps nothing.

use serde_json::Value;

use super::intake::Intake;
use crate::device::Mac;
use crate::document::{Document, at, leads_into};
use crate::store::in_json;

/// The Gregorian second in which Unix time begins.
const GREGORIAN: u64 = 62_167_219_200;

/// One filter.
#[derive(Debug, PartialEq)]
struct Rule {
    path: String,
    test: Test,
}

#[derive(Debug, PartialEq)]
enum Test {
    Equals(Vec<String>),
    EqualsNone(Vec<String>),
    Present,
    Absent,
    Filled,
    Empty,
    From(Option<u64>),
    To(Option<u64>),
    HoldsAll(Vec<String>),
    HoldsAny(Vec<String>),
    HoldsNone(Vec<String>),
}

type Compare = fn(Vec<String>) -> Test;

/// The filters of a request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Filter(Vec<Rule>);

impl Filter {
    /// The filters of a query. Parameters that are none are left alone.
    pub(super) fn of(intake: &Intake) -> Self {
        Self(intake.query.iter().filter_map(|(name, value)| rule(name, value)).collect())
    }

    /// True when every filter holds of a document of this kind.
    pub(super) fn keeps(&self, kind: &str, document: &Document) -> bool {
        self.0.iter().all(|rule| rule.keeps(kind, document))
    }

    /// The one value that a member must have, if there is a filter that says so.
    pub(super) fn wanted(&self, path: &str) -> Option<&str> {
        self.0.iter().find_map(|rule| match &rule.test {
            Test::Equals(values) if rule.path == path && values.len() == 1 => Some(values[0].as_str()),
            _ => None,
        })
    }

    /// True when nothing else of the body decides than what is at these dotted paths.
    pub(super) fn reads_only(&self, members: &[&str]) -> bool {
        let is_read = |path: &str| members.iter().any(|member| leads_into(path, member));
        self.0.iter().all(|rule| !is_stored(&rule.path) || is_read(&rule.path))
    }

    /// A text that stands in the JSON of every document that is kept. Members that are not stored as they are
    /// compared are not looked for.
    pub(super) fn text(&self) -> Option<String> {
        let values = self.0.iter().filter_map(|rule| match &rule.test {
            Test::Equals(values) if values.len() == 1 && is_plain(&rule.path) => values.first(),
            _ => None,
        });
        let plain = values.filter(|value| !value.is_empty() && !value.starts_with(['{', '[']));
        let longest = plain.max_by_key(|value| value.len())?;
        Some(in_json(longest))
    }
}

/// False for members that are no part of the body.
fn is_stored(path: &str) -> bool {
    !path.starts_with("pvt_") && !path.starts_with('_') && path != "id"
}

/// False for members that are made up, or that are compared in another notation than they are written in.
fn is_plain(path: &str) -> bool {
    is_stored(path) && path != "mac_address"
}

fn rule(name: &str, value: &str) -> Option<Rule> {
    const PREFIXES: [(&str, Compare); 7] = [
        ("filter_array_intersect_all_", Test::HoldsAll),
        ("filter_array_intersect_any_", Test::HoldsAny),
        ("filter_array_intersect_none_", Test::HoldsNone),
        ("filter_not_", Test::EqualsNone),
        ("filter_none_", Test::EqualsNone),
        ("filter_any_", Test::Equals),
        ("filter_", Test::Equals),
    ];
    for (prefix, test) in PREFIXES {
        if let Some(path) = name.strip_prefix(prefix).filter(|path| !path.is_empty()) {
            return Some(Rule { path: path.to_owned(), test: test(values(value)) });
        }
    }
    let named = |test| Some(Rule { path: value.to_owned(), test });
    match name {
        "has_key" => named(Test::Present),
        "key_missing" | "missing_key" => named(Test::Absent),
        "has_value" => named(Test::Filled),
        "value_missing" | "missing_value" => named(Test::Empty),
        _ => range(name, value),
    }
}

fn range(name: &str, value: &str) -> Option<Rule> {
    let (path, end) = name.rsplit_once('_')?;
    let path = match path {
        "created" => "pvt_created",
        "modified" => "pvt_modified",
        _ => return None,
    };
    let second = value.parse().ok();
    let test = match end {
        "from" => Test::From(second),
        "to" => Test::To(second),
        _ => return None,
    };
    Some(Rule { path: path.to_owned(), test })
}

/// The value, or the values of a list of JSON.
fn values(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => items.iter().map(as_text).collect(),
        _ => vec![text.to_owned()],
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Rule {
    fn keeps(&self, kind: &str, document: &Document) -> bool {
        let found = member(kind, document, &self.path);
        let found = found.as_ref();
        match &self.test {
            Test::Equals(values) => found.is_some_and(|found| self.is_one_of(found, values)),
            Test::EqualsNone(values) => !found.is_some_and(|found| self.is_one_of(found, values)),
            Test::Present => found.is_some(),
            Test::Absent => found.is_none(),
            Test::Filled => found.is_some_and(|found| !is_void(found)),
            Test::Empty => found.is_none_or(is_void),
            Test::From(second) => {
                found.and_then(Value::as_u64).zip(*second).is_some_and(|(at, from)| at >= from)
            }
            Test::To(second) => found.and_then(Value::as_u64).zip(*second).is_some_and(|(at, to)| at <= to),
            Test::HoldsAll(values) => held(found).is_some_and(|held| values.iter().all(|v| held.contains(v))),
            Test::HoldsAny(values) => held(found).is_some_and(|held| values.iter().any(|v| held.contains(v))),
            Test::HoldsNone(values) => {
                held(found).is_some_and(|held| !values.iter().any(|v| held.contains(v)))
            }
        }
    }

    fn is_one_of(&self, found: &Value, values: &[String]) -> bool {
        let found = as_text(found);
        let same_mac = |value: &String| match (found.parse::<Mac>(), value.parse::<Mac>()) {
            (Ok(found), Ok(value)) => found == value,
            _ => false,
        };
        values.contains(&found) || (self.path == "mac_address" && values.iter().any(same_mac))
    }
}

fn held(found: Option<&Value>) -> Option<Vec<String>> {
    found?.as_array().map(|items| items.iter().map(as_text).collect())
}

/// The member of a document at a path. What recognises passwords is not to be seen.
fn member(kind: &str, document: &Document, path: &str) -> Option<Value> {
    match path {
        "id" | "_id" => Some(document.id.to_string().into()),
        "_rev" => Some(document.revision.to_string().into()),
        "pvt_type" => Some(kind.into()),
        "pvt_account_id" => Some(document.account.to_string().into()),
        "pvt_created" => Some((document.created + GREGORIAN).into()),
        "pvt_modified" => Some((document.modified + GREGORIAN).into()),
        path if path.starts_with("pvt_") => None,
        path => at(&document.body, path).cloned(),
    }
}

fn is_void(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::Id;

    fn filter(query: &[(&str, &str)]) -> Filter {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Filter::of(&Intake { query, ..Intake::default() })
    }

    fn document() -> Document {
        let body = json!({
            "name": "Desk \"1\"", "enabled": true, "sip": {"username": "alice", "expire_seconds": 300},
            "mac_address": "00:04:F2:AB:7E:FD", "flags": ["a", "b"], "ringtones": {}, "owner_id": "",
            "pvt_md5_auth": "secret",
        });
        let id = Id::from_bytes([7; 16]);
        Document {
            modified: 1_700_000_100,
            ..Document::new(id, id, body.as_object().unwrap().clone(), 1_700_000_000)
        }
    }

    fn keeps(name: &str, value: &str) -> bool {
        filter(&[(name, value)]).keeps("device", &document())
    }

    #[test]
    fn a_member_is_compared_as_text_at_any_depth() {
        assert!(keeps("filter_name", "Desk \"1\"") && keeps("filter_sip.username", "alice"));
        assert!(keeps("filter_enabled", "true") && keeps("filter_sip.expire_seconds", "300"));
        assert!(!keeps("filter_name", "desk") && !keeps("filter_none.such", "x"));
        assert!(
            keeps("filter_sip.username", "[\"bob\",\"alice\"]")
                && keeps("filter_any_sip.username", "[\"alice\"]")
        );
    }

    #[test]
    fn an_address_is_found_in_every_notation() {
        for mac in ["0004f2ab7efd", "00:04:f2:ab:7e:fd", "00-04-F2-AB-7E-FD", "0004.f2ab.7efd"] {
            assert!(keeps("filter_mac_address", mac) && !keeps("filter_not_mac_address", mac), "{mac}");
        }
    }

    #[test]
    fn what_is_not_so_may_be_asked_for_too() {
        assert!(keeps("filter_not_sip.username", "bob") && !keeps("filter_not_sip.username", "alice"));
        assert!(keeps("filter_not_none.such", "x"));
        assert!(!keeps("filter_none_enabled", "[\"true\",\"x\"]"));
    }

    #[test]
    fn members_are_there_or_missing_and_filled_or_empty() {
        assert!(keeps("has_key", "sip.username") && !keeps("has_key", "sip.route"));
        assert!(keeps("key_missing", "sip.route") && !keeps("key_missing", "name"));
        assert!(
            keeps("has_value", "name") && !keeps("has_value", "owner_id") && !keeps("has_value", "ringtones")
        );
        for name in ["value_missing", "missing_value"] {
            assert!(keeps(name, "owner_id") && keeps(name, "none") && !keeps(name, "flags"), "{name}");
        }
    }

    #[test]
    fn times_are_gregorian_seconds_and_both_ends_belong_to_a_range() {
        let (created, modified) = (63_867_219_200_u64, 63_867_219_300_u64);
        assert!(keeps("created_from", &created.to_string()) && keeps("created_to", &created.to_string()));
        assert!(!keeps("created_from", &(created + 1).to_string()));
        assert!(
            keeps("modified_from", &modified.to_string())
                && !keeps("modified_to", &(modified - 1).to_string())
        );
        assert!(!keeps("created_from", "yesterday"));
    }

    #[test]
    fn lists_may_hold_all_any_or_none_of_some_values() {
        assert!(keeps("filter_array_intersect_all_flags", "[\"a\",\"b\"]"));
        assert!(!keeps("filter_array_intersect_all_flags", "[\"a\",\"c\"]"));
        assert!(keeps("filter_array_intersect_any_flags", "[\"c\",\"a\"]"));
        assert!(keeps("filter_array_intersect_none_flags", "[\"c\"]"));
        assert!(!keeps("filter_array_intersect_any_name", "[\"a\"]"), "what is no list cannot be evaluated");
    }

    #[test]
    fn all_filters_must_hold_and_other_parameters_are_none() {
        let all = [("filter_name", "Desk \"1\""), ("has_key", "sip"), ("_", "123"), ("page_size", "5")];
        assert!(filter(&all).keeps("device", &document()));
        assert!(!filter(&[all[0], ("filter_sip.username", "bob")]).keeps("device", &document()));
        assert_eq!(filter(&[("_", "1"), ("filter_", "x"), ("created_by", "x")]), Filter::default());
    }

    #[test]
    fn what_recognises_a_password_cannot_be_asked_for() {
        assert!(!keeps("filter_pvt_md5_auth", "secret") && !keeps("has_key", "pvt_md5_auth"));
        assert!(keeps("filter_pvt_type", "device") && !keeps("filter_pvt_type", "user"));
        assert!(keeps("filter_pvt_account_id", &"07".repeat(16)) && keeps("filter_id", &"07".repeat(16)));
    }

    #[test]
    fn it_is_known_which_members_decide() {
        let reads = |name: &str| filter(&[(name, "x")]).reads_only(&["name", "sip"]);
        assert!(reads("filter_name") && reads("filter_not_sip.username") && reads("created_from"));
        assert!(!reads("filter_provision.endpoint_brand") && !reads("filter_names"));
        assert!(!filter(&[("has_key", "media")]).reads_only(&["name"]));
        let reads = |path: &str| filter(&[("has_key", path)]).reads_only(&["sip.username"]);
        assert!(reads("sip.username") && !reads("sip") && !reads("sip.realm"));
    }

    #[test]
    fn a_text_is_found_as_it_is_written_in_the_store() {
        let text = filter(&[("filter_name", "Desk \"1\""), ("filter_enabled", "true")]).text().unwrap();
        let stored = serde_json::to_string(&document()).unwrap();
        assert_eq!(text, "Desk \\\"1\\\"");
        assert!(stored.contains(&text));
        assert_eq!(filter(&[("filter_mac_address", "x"), ("filter_name", "[\"a\",\"b\"]")]).text(), None);
        assert_eq!(filter(&[("filter_name", "")]).text(), None);
    }
}
