//! Whatever stands in a text of a document, it changes values in the phone's files and nothing else.
//!
//! Every text of every shipped sample is replaced in turn, once by a harmless word and once by something hostile.
//! Both files are read as a phone reads them: they must hold the same keys, elements and attributes in the same
//! order, and whatever did not show the harmless word must be the same.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use checksync::catalog::{Entry, File, Format};
use checksync::cli::golden::standing_for_families;
use checksync::pack::{Pack, shipped_samples};
use checksync::template::Set;
use checksync::template::lint::Sample;
use proptest::prelude::*;
use serde_json::Value;

const HARMLESS: &str = "harmless";

/// What a hostile text is made of.
const PIECES: [&str; 34] = [
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\0",
    "\u{7}",
    "\u{1b}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{fffe}",
    "\"",
    "'",
    "<",
    ">",
    "&",
    "=",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "?>",
    "|",
    ";",
    ",",
    "@",
    ":",
    "%NULL%",
    "#",
    "{{ device.id }}",
    "&#10;",
    "\naccount.1.password = stolen\n",
    "\" stolen=\"1\" x=\"",
    "</settings><settings>",
];

/// All of it at once.
static WORST: LazyLock<String> = LazyLock::new(|| PIECES.concat() + "end");
static SET: LazyLock<Set> = LazyLock::new(|| Set::compile(&Pack::shipped()).unwrap());
static SAMPLES: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let parse = |(name, text): (String, String)| (name, serde_json::from_str(&text).unwrap());
    shipped_samples().into_iter().map(parse).collect()
});

/// Sample and JSON pointer of every text that an administrator can choose freely. A MAC address, a time zone,
/// an id and a key of encryption are none: a phone whose documents have a wrong one gets no file.
static FIELDS: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let mut fields = Vec::new();
    for (name, sample) in SAMPLES.iter() {
        let mut pointers = Vec::new();
        texts(sample, "", &mut pointers);
        fields.extend(pointers.into_iter().map(|pointer| (name.as_str(), pointer)));
    }
    let fixed = ["/mac_address", "/timezone", "/id", "/encryption/password"];
    fields.retain(|(_, field)| !fixed.iter().any(|end| field.ends_with(end)));
    fields
});

fn texts(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(pointer.to_owned()),
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| texts(value, &format!("{pointer}/{name}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| texts(value, &format!("{pointer}/{at}"), found));
        }
        _ => {}
    }
}

/// The files of a model, when the text at `pointer` of a sample is another.
fn files(entry: Entry<'_>, (name, pointer): &(&str, String), text: &str) -> Vec<(String, Content)> {
    let mut sample = SAMPLES[*name].clone();
    *sample.pointer_mut(pointer).unwrap() = text.into();
    let sample: Sample = serde_json::from_value(sample).unwrap();
    let settings = sample.settings(entry).unwrap().settings;
    let read = |file: &File| {
        let text = String::from_utf8(SET.render(entry, file, &settings).unwrap()).unwrap();
        (file.template.clone(), Content::read(file.format, &text))
    };
    entry.files().map(read).collect()
}

/// What a phone reads in a file: names and their values, in order.
#[derive(Debug, Default)]
struct Content {
    names: Vec<String>,
    values: Vec<String>,
}

impl Content {
    fn read(format: Format, text: &str) -> Self {
        let mut content = Self::default();
        match format {
            Format::KeyValue | Format::Properties => content.lines(text, "=", false),
            Format::Quoted => content.lines(&text.replace("\r\n", "\n"), "=", true),
            Format::Colon => content.lines(text, ":", true),
            Format::Set => content.lines(text, " \"", true),
            Format::Csv => content.records(text),
            Format::Vcard => content.lines(text, ":", false),
            Format::Lines => content.words(text),
            Format::Json => content.json(&serde_json::from_str(text).unwrap(), ""),
            Format::Xml => content.xml(well_formed(text).root(), ""),
        }
        content
    }

    fn push(&mut self, name: impl Into<String>, value: &str) {
        self.names.push(name.into());
        self.values.push(value.to_owned());
    }

    /// Fields by their column.
    fn records(&mut self, text: &str) {
        for record in text.lines() {
            let (mut fields, mut inside) = (vec![String::new()], false);
            for c in record.chars() {
                inside ^= c == '"';
                match c {
                    ',' if !inside => fields.push(String::new()),
                    _ => fields.last_mut().unwrap().push(c),
                }
            }
            fields.iter().enumerate().for_each(|(at, field)| self.push(at.to_string(), field));
        }
    }

    /// Lines of a name and its value, which stands behind the first of these signs.
    fn lines(&mut self, text: &str, sign: &str, quoted: bool) {
        for line in text.split('\n') {
            assert!(!line.contains(breaks), "some phone may see a line's end in {line:?}");
            let (name, value) = line.split_once(sign).unwrap_or((line, ""));
            assert!(!quoted || value.matches('"').count() <= 2, "{line:?}");
            self.push(name, value);
        }
    }

    /// A name, or a command, and its value, which stands between quotes or runs to the end of the line.
    fn words(&mut self, text: &str) {
        for line in text.split('\n') {
            assert!(!line.contains(breaks), "some phone may see a line's end in {line:?}");
            let quoted = line.split_once(" \"");
            let (name, value) = quoted.or(line.split_once([' ', ','])).unwrap_or((line, ""));
            self.push(name, value);
        }
    }

    fn json(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| self.json(value, &format!("{path}/{name}")));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| self.json(item, &format!("{path}/{at}")));
            }
            Value::String(text) => self.push(path, text),
            other => self.push(path, &other.to_string()),
        }
    }

    /// Elements are told apart by what names them: `name` and `idx`.
    fn xml(&mut self, node: roxmltree::Node<'_, '_>, above: &str) {
        let named = node.attribute("name").or(node.attribute("idx")).unwrap_or_default();
        let path = format!("{above}/{}[{named}]", node.tag_name().name());
        let text: String =
            node.children().filter_map(|child| child.is_text().then(|| child.text())?).collect();
        self.push(format!("{path} {:?}", node.node_type()), &text);
        for attribute in node.attributes() {
            self.push(format!("{path}@{}", attribute.name()), attribute.value());
        }
        node.children().filter(|child| !child.is_text()).for_each(|child| self.xml(child, &path));
    }
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn well_formed(text: &str) -> roxmltree::Document<'_> {
    roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// An address may bring a port, and may be the same as another or not: that shows in more than one value.
fn is_address(pointer: &str) -> bool {
    ["/realm", "/proxy", "server", "/phones_url"].iter().any(|end| pointer.ends_with(end))
}

/// A number that stands for all of the file, by which some phones see that it is another.
const SERIALS: [&str; 1] = ["config_sn"];

/// An address without the sum at its end by which some phones see that what lies there is another.
fn unmarked(value: &str) -> &str {
    let mark = value.rsplit_once("?v=").filter(|(_, sum)| sum.bytes().all(|digit| digit.is_ascii_digit()));
    mark.map_or(value, |(address, _)| address)
}

fn only_values_change(entry: Entry<'_>, field: &(&str, String), hostile: &str) -> Result<(), TestCaseError> {
    // An address that has no host is none, and then a file may have no line for it.
    let hostile = &if is_address(&field.1) { format!("h{hostile}") } else { hostile.to_owned() };
    let before = files(entry, field, HARMLESS);
    for ((file, harmless), (_, hostile)) in before.iter().zip(files(entry, field, hostile)) {
        let place = format!("{} of {}, {field:?}", file, entry.path());
        let differs = harmless.names.iter().zip(&hostile.names).find(|(a, b)| a != b);
        prop_assert!(differs.is_none(), "{place}: {differs:?}");
        prop_assert_eq!(harmless.names.len(), hostile.names.len(), "{}", place);
        for ((name, value), other) in harmless.names.iter().zip(&harmless.values).zip(&hostile.values) {
            let shown = value.contains(HARMLESS) || is_address(&field.1) || SERIALS.contains(&name.as_str());
            prop_assert!(
                shown || unmarked(value) == unmarked(other),
                "{place}: {name} was {value:?} and is {other:?}"
            );
        }
    }
    Ok(())
}

fn hostile_text() -> impl Strategy<Value = String> {
    let pieces = || prop::collection::vec(prop::sample::select(&PIECES[..]), 0..6);
    (pieces(), "[a-zA-Z0-9 ]{0,4}x", pieces()).prop_map(|(a, word, b)| a.concat() + &word + &b.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_text_of_a_document_changes_values_only(
        model in any::<prop::sample::Index>(),
        field in any::<prop::sample::Index>(),
        hostile in hostile_text(),
    ) {
        let entries: Vec<_> = SET.catalog().entries().collect();
        only_values_change(entries[model.index(entries.len())], &FIELDS[field.index(FIELDS.len())], &hostile)?;
    }
}

#[test]
fn the_worst_text_in_any_field_of_any_family_changes_values_only() {
    let mut wrong = Vec::new();
    for entry in standing_for_families(&SET, &[]) {
        let tried = FIELDS.iter().filter_map(|field| only_values_change(entry, field, &WORST).err());
        wrong.extend(tried.map(|error| error.to_string()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_fields_that_matter_are_among_those_that_are_tried() {
    let tried = |pointer: &str| FIELDS.iter().any(|(_, field)| field == pointer);
    for pointer in [
        "/account/name",
        "/account/realm",
        "/account/language",
        "/account/ringtones/internal",
        "/account/provision/ntp_server",
        "/account/provision/voicemail",
        "/users/0/first_name",
        "/users/1/presence_id",
        "/device/name",
        "/device/caller_id/internal/number",
        "/device/sip/username",
        "/device/sip/password",
        "/device/sip/realm",
        "/device/sip/proxy",
        "/device/sip/transport",
        "/device/provision/server",
        "/device/provision/admin_password",
        "/device/provision/user_password",
        "/device/provision/feature_keys/1/value/label",
        "/device/provision/combo_keys/3/value/label",
        "/device/provision/combo_keys/4/value/value",
        "/device/media/audio/codecs/0",
        "/phones_url",
    ] {
        assert!(tried(pointer), "{pointer}");
    }
}

#[test]
fn a_watched_number_brings_neither_a_pick_up_code_nor_a_parameter_to_a_snom_key() {
    let entry = SET.catalog().entries().find(|entry| entry.model_id == "d785").unwrap();
    for pointer in ["/users/1/presence_id", "/device/provision/combo_keys/4/value/value"] {
        let files = files(entry, &("full", pointer.to_owned()), "7|*8;user=phone");
        let keys: Vec<_> = files[0].1.values.iter().filter(|value| value.contains("7*8user=phone")).collect();
        assert!(!keys.is_empty(), "{pointer}");
        let codes = keys.iter().filter_map(|value| value.split_once('|'));
        assert!(codes.map(|(_, code)| code).all(|code| code == "*8"), "{pointer}: the account's code is *8");
    }
}
