//! What Kazoo pushes, as members of our documents. Pure: whether they are right, the schema says.
//!
//! Values go over as they came, of whatever type. An empty text or `null` takes away what was set; what a push does
//! not mention is not in its patch.

use serde_json::{Map, Value};

use super::keys::{Section, keys, line_keys};
use crate::document::Body;

const ZONE: &[&str] = &["settings", "datetime", "time", "timezone"];

/// The patch of a device's document that the `data` of its push makes. The MAC address is not in it.
pub(super) fn device(data: &Body) -> Body {
    let mut patch = Body::new();
    make_and_name(&mut patch, data);
    line(&mut patch, first_line(data));
    codecs(&mut patch, data);
    lay(&mut patch, "timezone", get(data, ZONE));
    programmable(&mut patch, data);
    patch
}

/// The patch of an account's document that the `data` of its push makes. It takes nothing away.
pub(super) fn account(data: &Body) -> Body {
    let mut patch = Body::new();
    lay(&mut patch, "name", data.get("name"));
    lay(&mut patch, "realm", realm(data));
    lay(&mut patch, "timezone", get(data, ZONE));
    patch.retain(|_, value| !value.is_null());
    patch
}

/// The realm of the first line.
pub(super) fn realm(data: &Body) -> Option<&Value> {
    first_line(data)?.get("sip")?.get("realm")
}

/// A text, also where it was written as a number; empty for everything else.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// True for `true` in any of the ways in which Kazoo's clients write it.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == true || *value == "true")
}

fn make_and_name(patch: &mut Body, data: &Body) {
    for (path, name) in [
        ("provision.endpoint_brand", "brand"),
        ("provision.endpoint_family", "family"),
        ("provision.endpoint_model", "model"),
    ] {
        lay(patch, path, data.get(name));
    }
    let shown = first_line(data).and_then(|line| line.get("basic")?.get("display_name"));
    let mut names = [data.get("name"), shown].into_iter().flatten();
    lay(patch, "name", names.find(|name| !is_nothing(name)));
}

fn line(patch: &mut Body, line: Option<&Value>) {
    let Some(line) = line else { return };
    let part = |part: &str, name: &str| line.get(part).and_then(|part| part.get(name));
    lay(patch, "enabled", part("basic", "enable").or_else(|| part("basic", "enabled")));
    for name in ["username", "password", "realm"] {
        lay(patch, &format!("sip.{name}"), part("sip", name));
    }
    lay(patch, "sip.expire_seconds", part("advanced", "expire"));
    if line.get("advanced").is_some_and(Value::is_object) {
        let methods = ["srtp", "zrtp"].into_iter().filter(|method| is_true(part("advanced", method)));
        lay(patch, "media.encryption.methods", Some(&methods.collect()));
    }
}

/// Both lists are pushed whole, so that a codec which is not named is one that was taken away.
fn codecs(patch: &mut Body, data: &Body) {
    let all = get(data, &["settings", "codecs"]).and_then(first);
    for kind in ["audio", "video"] {
        let Some(Value::Object(named)) = all.and_then(|all| all.get(kind)) else { continue };
        let ranks = ["primary_codec", "secondary_codec", "tertiary_codec", "quaternary_codec"];
        let codecs = ranks.iter().filter_map(|rank| named.get(*rank)).filter(|codec| !is_nothing(codec));
        lay(patch, &format!("media.{kind}.codecs"), Some(&codecs.cloned().collect()));
    }
}

fn programmable(patch: &mut Body, data: &Body) {
    let brand = text(data.get("brand")).to_lowercase();
    let section = |name: &str| get(data, &["settings", name]).and_then(Value::as_object);
    let mut combo = section("line_keys").map(|keys| line_keys(&brand, keys)).unwrap_or_default();
    combo
        .extend(section("combo_keys").map(|pushed| keys(&brand, Section::Combo, pushed)).unwrap_or_default());
    let feature = section("feature_keys").map(|pushed| keys(&brand, Section::Feature, pushed));
    for (path, keys) in
        [("provision.combo_keys", combo), ("provision.feature_keys", feature.unwrap_or_default())]
    {
        if !keys.is_empty() {
            set(patch, path, keys.into());
        }
    }
}

fn first_line(data: &Body) -> Option<&Value> {
    first(get(data, &["settings", "lines"])?)
}

/// What an account's push has in a list, a device's has in an object under `0`.
fn first(of: &Value) -> Option<&Value> {
    of.get("0").or_else(|| of.get(0))
}

fn get<'b>(data: &'b Body, path: &[&str]) -> Option<&'b Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(data.get(*first)?, |value, part| value.get(part))
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn lay(patch: &mut Body, path: &str, value: Option<&Value>) {
    if let Some(value) = value {
        set(patch, path, if is_nothing(value) { Value::Null } else { value.clone() });
    }
}

/// Sets the member at a dotted path, whose upper parts are all of the patch's own making.
fn set(patch: &mut Body, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            patch.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = patch.entry(first).or_insert_with(|| Map::new().into());
            if let Some(inner) = inner.as_object_mut() {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(data: Value) -> Value {
        let Value::Object(data) = data else { panic!("{data} is no object") };
        Value::Object(device(&data))
    }

    fn of_account(data: Value) -> Value {
        let Value::Object(data) = data else { panic!("{data} is no object") };
        Value::Object(account(&data))
    }

    fn of_line(line: &Value) -> Value {
        of(json!({"settings": {"lines": {"0": line}}}))
    }

    #[test]
    fn a_whole_push_becomes_a_device() {
        let data = json!({
            "brand": "yealink", "family": "t4x", "model": "t46s", "name": "Front desk",
            "settings": {
                "lines": {"0": {
                    "basic": {"display_name": "Front desk", "enable": true, "enabled": true},
                    "sip": {"username": "front", "password": "s3cret", "realm": "shop.example"},
                    "advanced": {"expire": 360, "srtp": true},
                }},
                "codecs": {"0": {
                    "audio": {"primary_codec": "G722", "secondary_codec": "PCMA", "tertiary_codec": null},
                    "video": {"primary_codec": null},
                }},
                "datetime": {"time": {"timezone": "Europe/Vienna"}},
                "feature_keys": {"account": "1"},
                "combo_keys": {"1": {"key": {"label": "Mum", "value": "+43123", "type": "13", "account": "1"}}, "2": null},
                "line_keys": {"0": {"key": {"account": "1", "type": "15"}}},
            },
        });
        assert_eq!(
            of(data),
            json!({
                "name": "Front desk", "enabled": true, "timezone": "Europe/Vienna",
                "provision": {
                    "endpoint_brand": "yealink", "endpoint_family": "t4x", "endpoint_model": "t46s",
                    "combo_keys": {
                        "1": {"type": "speed_dial", "value": {"label": "Mum", "value": "+43123"}},
                        "2": null,
                    },
                },
                "sip": {"username": "front", "password": "s3cret", "realm": "shop.example", "expire_seconds": 360},
                "media": {
                    "encryption": {"methods": ["srtp"]},
                    "audio": {"codecs": ["G722", "PCMA"]}, "video": {"codecs": []},
                },
            })
        );
    }

    #[test]
    fn a_device_without_a_name_has_the_one_that_its_line_shows() {
        let data =
            json!({"name": "", "settings": {"lines": {"0": {"basic": {"display_name": "Ann Owner"}}}}});
        assert_eq!(of(data)["name"], "Ann Owner");
        assert_eq!(of(json!({"name": null})), json!({}));
    }

    #[test]
    fn a_line_is_enabled_only_when_device_user_and_account_are() {
        assert_eq!(of_line(&json!({"basic": {"enable": false, "enabled": true}}))["enabled"], false);
        assert_eq!(of_line(&json!({"basic": {"enabled": true}}))["enabled"], true);
    }

    #[test]
    fn encryption_that_is_no_longer_named_is_switched_off() {
        let methods = |advanced: &Value| {
            of_line(&json!({"advanced": advanced}))["media"]["encryption"]["methods"].clone()
        };
        assert_eq!(methods(&json!({"expire": 300, "zrtp": "true", "srtp": true})), json!(["srtp", "zrtp"]));
        assert_eq!(methods(&json!({"expire": 300, "srtp": false})), json!([]));
        assert_eq!(methods(&Value::Null), Value::Null);
    }

    #[test]
    fn empty_and_null_take_away_and_what_is_not_mentioned_stays() {
        assert_eq!(
            of_line(&json!({"sip": {"username": "", "realm": null}})),
            json!({"sip": {"username": null, "realm": null}})
        );
        assert_eq!(of(json!({"settings": {"feature_keys": {}, "codecs": {}, "lines": {}}})), json!({}));
    }

    #[test]
    fn an_account_has_its_lines_in_a_list_and_nothing_is_taken_from_it() {
        let settings = json!({
            "lines": [{"sip": {"realm": "shop.example"}}],
            "datetime": {"time": {"timezone": "Europe/Vienna"}},
        });
        assert_eq!(
            of_account(json!({"settings": settings})),
            json!({"realm": "shop.example", "timezone": "Europe/Vienna"})
        );
        let nothing = json!({"lines": [{"sip": {"realm": ""}}], "datetime": {"time": {"timezone": null}}});
        assert_eq!(of_account(json!({"settings": nothing, "name": ""})), json!({}));
    }

    #[test]
    fn lines_keys_beyond_the_usual_one_lie_under_the_combo_keys() {
        let settings = json!({
            "line_keys": {"0": {"key": {"type": "15"}}, "1": {"key": {"type": "15"}}, "2": {"key": {"type": "15"}}},
            "combo_keys": {"2": null},
        });
        assert_eq!(
            of(json!({"brand": "Yealink", "settings": settings}))["provision"],
            json!({"endpoint_brand": "Yealink", "combo_keys": {"1": {"type": "line"}, "2": null}})
        );
    }

    #[test]
    fn values_of_any_type_are_carried_over_and_none_does_harm() {
        for wrong in [
            json!(5),
            json!([]),
            json!([[{}]]),
            json!("x"),
            json!({"0": []}),
            json!({"0": {"0": 1}}),
            json!(true),
        ] {
            for place in ["lines", "codecs", "datetime", "feature_keys", "combo_keys", "line_keys"] {
                of(json!({"settings": {place: wrong}}));
                of_account(json!({"settings": {place: wrong}}));
            }
            of(json!({"settings": wrong, "brand": wrong, "name": wrong}));
            of_line(&json!({"basic": wrong, "sip": wrong, "advanced": wrong}));
        }
        assert_eq!(of_line(&json!({"sip": {"username": [1]}}))["sip"]["username"], json!([1]));
    }
}
