//! What of a document is as it was before a change: nobody is held to account for what he leaves alone.

use serde_json::{Map, Value};

/// Whether a problem at `path` (as [`super::Invalid::add`] takes it) is of a setting below `provision` that `before` and
/// `after` say alike. A setting is a member of `provision`, or the innermost object that has the member at the path; a list
/// counts as a whole.
pub(super) fn is_as_before(path: &str, before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let names: Vec<String> = path.split('.').map(|name| name.replace("%2E", ".")).collect();
    let ["provision", ..] = names.iter().map(String::as_str).collect::<Vec<_>>()[..] else { return false };
    let setting = if names.len() > 2 { &names[..names.len() - 1] } else { &names[..] };
    let found = at(after, setting);
    found.is_some() && found == at(before, setting)
}

/// What these names lead to, or the first list on the way there.
fn at<'d>(document: &'d Map<String, Value>, names: &[String]) -> Option<&'d Value> {
    let (first, rest) = names.split_first()?;
    rest.iter().try_fold(document.get(first)?, |node, name| match node {
        Value::Array(_) => Some(node),
        node => node.get(name),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stays(path: &str, before: &Value, after: &Value) -> bool {
        let document = |value: &Value| json!({ "provision": value }).as_object().unwrap().clone();
        is_as_before(path, &document(before), &document(after))
    }

    #[test]
    fn a_setting_that_nobody_touched_is_as_before() {
        let (before, after) = (json!({ "port": 0, "a.b": 1 }), json!({ "port": 0, "a.b": 1, "dtmf": "x" }));
        assert!(stays("provision.port", &before, &after) && stays("provision.a%2Eb", &before, &after));
        assert!(!stays("provision.dtmf", &before, &after) && !stays("name", &before, &after));
        assert!(!stays("provision.nothing", &before, &after));
    }

    #[test]
    fn a_key_and_a_list_count_as_a_whole() {
        let key = |kind: &str, code: &str| json!({ "combo_keys": { "0": { "type": kind, "code": code } } });
        let path = "provision.combo_keys.0.code";
        assert!(stays(path, &key("custom", ""), &key("custom", "")));
        assert!(!stays(path, &key("line", ""), &key("custom", "")));
        let lines = |last: &str| json!({ "lines": [{ "device_id": "a" }, { "device_id": last }] });
        assert!(stays("provision.lines.1.device_id", &lines("b"), &lines("b")));
        assert!(!stays("provision.lines.0.device_id", &lines("b"), &lines("c")));
    }
}
