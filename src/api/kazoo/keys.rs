//! Programmable keys, as Kazoo pushes them: with each vendor's code for what the key does, and with label and value
//! as the phone shall have them.

use serde_json::{Map, Value, json};

use crate::device::KeyKind;
use crate::document::Body;

/// Which keys: each kind has codes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// `feature_keys`.
    Feature,
    /// `combo_keys`, which can also be line keys, and `line_keys`.
    Combo,
}

/// The keys of a document that these pushed ones make, by position. `null` clears a key, and so does one that does
/// nothing; what cannot be read goes into the document as it is, for the schema to refuse.
pub(super) fn keys(brand: &str, section: Section, pushed: &Body) -> Body {
    let positions = pushed.iter().filter_map(|(name, entry)| Some((position(name)?, entry)));
    positions.map(|(position, entry)| (position, key(brand, section, entry))).collect()
}

/// `line_keys` beyond the one that every phone has by itself: a line on the first key.
pub(super) fn line_keys(brand: &str, pushed: &Body) -> Body {
    let mut keys = keys(brand, Section::Combo, pushed);
    if keys.get("0") == Some(&json!({"type": "line"})) {
        keys.remove("0");
    }
    keys
}

/// The same number for `7` and `007`; `None` for what stands beside the keys, such as `account`.
fn position(name: &str) -> Option<String> {
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| name.parse::<u16>().ok())?.map(|number| number.to_string())
}

fn key(brand: &str, section: Section, entry: &Value) -> Value {
    match entry {
        Value::Object(entry) => match entry.get("key") {
            None | Some(Value::Null) => Value::Null,
            Some(Value::Object(key)) => meant(brand, section, key),
            Some(other) => other.clone(),
        },
        other => other.clone(),
    }
}

fn meant(brand: &str, section: Section, key: &Map<String, Value>) -> Value {
    let text = |name: &str| key.get(name).and_then(text).unwrap_or_default();
    let (label, value) = (text("label"), text("value"));
    match kind(&kinds(brand, section, &text("type")), &label, &value) {
        KeyKind::None => Value::Null,
        KeyKind::Line if label.is_empty() => json!({"type": "line"}),
        KeyKind::Line => json!({"type": "line", "label": label}),
        KeyKind::SpeedDial => json!({"type": "speed_dial", "value": {"label": label, "value": value}}),
        KeyKind::Parking => {
            json!({"type": "parking", "value": {"label": label, "value": slot(&value).unwrap_or_default()}})
        }
        // Kazoo has put the presence id in place of the user, who need not be known here.
        kind => json!({"type": kind.name(), "value": {"label": label, "value": value}, "resolved": true}),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A vendor's codes: presence, speed dial, parking and personal parking, and for combo keys a line.
struct Codes {
    brand: &'static str,
    feature: [&'static str; 4],
    combo: [&'static str; 5],
}

const KINDS: [KeyKind; 5] =
    [KeyKind::Presence, KeyKind::SpeedDial, KeyKind::Parking, KeyKind::PersonalParking, KeyKind::Line];

/// Kazoo's defaults. A cluster can be configured to send others: those are told apart by what they dial.
const CODES: &[Codes] = &[
    Codes { brand: "polycom", feature: ["normal", "normal", "automata", "automata"], combo: [""; 5] },
    Codes { brand: "yealink", feature: ["16", "13", "10", "10"], combo: ["16", "13", "10", "10", "15"] },
    Codes { brand: "grandstream", feature: ["1", "0", "9", "1"], combo: ["11", "10", "19", "11", "0"] },
    Codes {
        brand: "obihai",
        feature: ["busy lamp field", "speed dial", "call park monitor", "busy lamp field"],
        combo: ["busy lamp field", "speed dial", "call park monitor", "busy lamp field", "call appearance"],
    },
    Codes { brand: "vtech", feature: [""; 4], combo: ["presense", "speed", "blf", "blf", "line"] },
];

/// What the code may mean: several things where a vendor's code does, and anything where it says nothing.
fn kinds(brand: &str, section: Section, code: &str) -> Vec<KeyKind> {
    let code = code.to_lowercase();
    let known = CODES.iter().find(|codes| codes.brand == brand);
    let codes: &[&str] = match (known, section) {
        (None, _) => &[],
        (Some(known), Section::Feature) => &known.feature,
        (Some(known), Section::Combo) => &known.combo,
    };
    let coded = KINDS.iter().zip(codes).filter(|(_, known)| !code.is_empty() && **known == code);
    let named = KINDS.iter().filter(|kind| kind.name() == code);
    let found: Vec<KeyKind> = coded.map(|(kind, _)| *kind).chain(named.copied()).collect();
    match section {
        _ if !found.is_empty() => found,
        Section::Combo => KINDS.to_vec(),
        Section::Feature => KINDS.into_iter().filter(|kind| *kind != KeyKind::Line).collect(),
    }
}

/// The one of several kinds that this label and value are of. Kazoo labels a speed dial with its number unless it
/// has a label of its own; parking slots begin with `*3`.
fn kind(of: &[KeyKind], label: &str, value: &str) -> KeyKind {
    let among = |kind: KeyKind| of.contains(&kind).then_some(kind);
    if value.is_empty() {
        return among(KeyKind::Line).unwrap_or(KeyKind::None);
    }
    let parking = || slot(value).and_then(|_| among(KeyKind::Parking));
    let personal = || value.strip_prefix("*3").and_then(|_| among(KeyKind::PersonalParking));
    let number = || (label == value || label.is_empty()).then(|| among(KeyKind::SpeedDial))?;
    let rest = || among(KeyKind::Presence).or_else(|| among(KeyKind::SpeedDial));
    // A code for parking whose value is another cluster's feature code: watching it is what the phone would do.
    parking().or_else(personal).or_else(number).or_else(rest).unwrap_or(KeyKind::Presence)
}

/// The parking slot that a value dials: `3` of `*33`.
fn slot(value: &str) -> Option<&str> {
    let slot = value.strip_prefix("*3")?;
    let number: u8 = slot.parse().ok()?;
    ((1..=10).contains(&number) && !slot.starts_with(['0', '+'])).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(brand: &str, section: Section, code: &str, label: &str, value: &str) -> String {
        let pushed = json!({"4": {"key": {"label": label, "value": value, "type": code, "account": "1"}}});
        let made = keys(brand, section, pushed.as_object().unwrap());
        made["4"]["type"].as_str().unwrap_or("null").to_owned()
    }

    /// A key of each kind, as every brand is sent it.
    const SENT: [(&str, &str, &str); 5] = [
        ("presence", "Bob Nearby", "102"),
        ("speed_dial", "+43123", "+43123"),
        ("parking", "Park 3", "*33"),
        ("personal_parking", "Park Bob Nearby", "*3102"),
        ("line", "", ""),
    ];

    fn told_apart(brand: &str, section: Section, codes: &[&str]) {
        for ((kind, label, value), code) in SENT.into_iter().zip(codes) {
            assert_eq!(of(brand, section, code, label, value), kind, "{brand} {section:?} {code}");
        }
    }

    #[test]
    fn every_brands_codes_are_what_they_were_before_kazoo_translated_them() {
        use Section::{Combo, Feature};
        told_apart("polycom", Feature, &["normal", "normal", "automata", "automata"]);
        told_apart("yealink", Feature, &["16", "13", "10", "10"]);
        told_apart("yealink", Combo, &["16", "13", "10", "10", "15"]);
        told_apart("cisco", Feature, &["", "", "", ""]);
        told_apart("cisco", Combo, &["", "", "", "", ""]);
        told_apart("grandstream", Feature, &["1", "0", "9", "1"]);
        told_apart("grandstream", Combo, &["11", "10", "19", "11", "0"]);
        let obihai =
            ["Busy Lamp Field", "Speed Dial", "Call Park Monitor", "Busy Lamp Field", "Call Appearance"];
        told_apart("obihai", Feature, &obihai[..4]);
        told_apart("obihai", Combo, &obihai);
        told_apart("vtech", Combo, &["presense", "speed", "blf", "blf", "line"]);
    }

    #[test]
    fn a_brand_without_codes_and_a_code_that_nobody_knows_are_told_apart_by_what_they_dial() {
        told_apart("snom", Section::Combo, &["", "", "", "", ""]);
        told_apart("yealink", Section::Combo, &["99", "99", "99", "99", "99"]);
        told_apart("snom", Section::Feature, &["presence", "speed_dial", "parking", "personal_parking"]);
    }

    #[test]
    fn a_speed_dial_with_a_label_of_its_own_stays_one_where_its_code_says_so() {
        assert_eq!(of("yealink", Section::Combo, "13", "Mum", "+43123"), "speed_dial");
        assert_eq!(of("yealink", Section::Combo, "13", "Park 3", "*33"), "speed_dial");
        assert_eq!(of("polycom", Section::Feature, "normal", "Mum", "+43123"), "presence");
    }

    #[test]
    fn label_and_value_are_kept_as_they_came() {
        let pushed = json!({
            "1": {"key": {"label": "Bob", "value": "102", "type": "16", "account": "1"}},
            "2": {"key": {"label": "Slot", "value": "*310", "type": 10}},
            "3": {"key": {"label": "Park Bob", "value": "*3102", "type": "10"}},
            "account": "1",
        });
        assert_eq!(
            Value::Object(keys("yealink", Section::Combo, pushed.as_object().unwrap())),
            json!({
                "1": {"type": "presence", "value": {"label": "Bob", "value": "102"}, "resolved": true},
                "2": {"type": "parking", "value": {"label": "Slot", "value": "10"}},
                "3": {"type": "personal_parking", "value": {"label": "Park Bob", "value": "*3102"}, "resolved": true},
            })
        );
    }

    #[test]
    fn another_clusters_code_for_parking_is_watched_as_it_is() {
        let pushed = json!({"0": {"key": {"label": "Park 1", "value": "*41", "type": "10"}}});
        assert_eq!(
            keys("yealink", Section::Combo, pushed.as_object().unwrap())["0"],
            json!({"type": "presence", "value": {"label": "Park 1", "value": "*41"}, "resolved": true})
        );
    }

    #[test]
    fn a_key_that_is_null_or_does_nothing_is_cleared() {
        let pushed = json!({
            "0": null, "1": {"key": null}, "2": {}, "3": {"key": {"label": "x", "value": "", "type": "16"}},
            "04": null, "70000": null, "": null, "+5": null,
        });
        assert_eq!(
            Value::Object(keys("yealink", Section::Feature, pushed.as_object().unwrap())),
            json!({"0": null, "1": null, "2": null, "3": null, "4": null})
        );
    }

    #[test]
    fn the_line_key_that_every_phone_has_is_nothing_new() {
        let pushed = json!({"0": {"key": {"account": "1", "type": "15"}}, "1": {"key": {"type": "15"}}});
        let made = line_keys("yealink", pushed.as_object().unwrap());
        assert_eq!(Value::Object(made), json!({"1": {"type": "line"}}));
    }

    #[test]
    fn what_is_no_key_is_left_for_the_schema_to_refuse() {
        let pushed =
            json!({"0": "line", "1": {"key": ["line"]}, "2": {"key": {"type": {}, "value": [], "label": 4}}});
        let made = keys("yealink", Section::Combo, pushed.as_object().unwrap());
        assert_eq!(made["0"], "line");
        assert_eq!(made["1"], json!(["line"]));
        assert_eq!(made["2"], json!({"type": "line", "label": "4"}));
    }
}
