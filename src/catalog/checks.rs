//! What the catalog of a pack from anywhere may say: what makes sense, ids that are folders, names that are files, and bounded numbers.

use std::collections::BTreeSet;

use super::name::Pattern;
use super::{Brand, Family, LONGEST_NAME, Model, Range, codes};
use crate::device::Mac;
use crate::id::Id;

/// The most ranges that all families of a brand together may state.
const RANGES_OF_BRAND: usize = 4000;
/// The most that one family may.
const RANGES: usize = 1000;
/// The longest name of a parameter in a range, in bytes.
const LONGEST_RANGE: usize = 200;
/// The longest name of a model, in characters.
const LONGEST_MODEL: usize = 64;
/// The most files that a family's phones may ask for, and the most names of what they send.
const FILES: usize = 100;

/// Where something is wrong, as `families.t4x.models.t46s`, and what.
pub(super) type Wrong = (String, String);

/// Says what is wrong with a brand of this id.
pub(super) fn check(id: &str, brand: &Brand) -> Result<(), Wrong> {
    check_sense(brand)?;
    check_id(id).map_err(|says| (String::new(), format!("the file's name {id:?} {says}")))?;
    if let Some(at) = brand.user_agents.iter().position(|agent| agent.trim().is_empty()) {
        let says = "user_agents: an empty text would claim the phones of all brands: take it out";
        return Err((format!("user_agents.{at}"), says.to_owned()));
    }
    check_count("uploads", brand.uploads.len(), FILES)?;
    check_count("overrides", brand.overrides.len(), FILES)?;
    brand.families.iter().try_for_each(|(id, family)| check_family(brand, id, family))?;
    let ranges: usize = brand.families.values().map(|family| family.ranges.len()).sum();
    if ranges > RANGES_OF_BRAND {
        let says =
            format!("its families state {ranges} ranges, and may state {RANGES_OF_BRAND}: take some out");
        return Err(("families".to_owned(), says));
    }
    Ok(())
}

/// What a brand says that its phones could make nothing of.
fn check_sense(brand: &Brand) -> Result<(), Wrong> {
    if let Some(at) = brand.mac_prefixes.iter().position(|oui| !is_oui(oui)) {
        let wrong = &brand.mac_prefixes[at];
        let says = format!("mac_prefixes: {wrong:?} is not six lower-case hexadecimal digits: write it so");
        return Err((format!("mac_prefixes.{at}"), says));
    }
    for (id, family) in &brand.families {
        if family.files.is_empty() {
            let says =
                format!("families.{id}.files is empty: name what its phones fetch, or leave the family out");
            return Err((format!("families.{id}.files"), says));
        }
        let sent =
            [&brand.uploads, &brand.overrides].into_iter().chain(&family.uploads).chain(&family.overrides);
        if sent.flatten().any(Pattern::is_in_folder) {
            let says = format!("families.{id}: what phones send has a name without a folder: leave it out");
            return Err((format!("families.{id}"), says));
        }
        let counted = |(_, range): &(&String, &Range)| matches!(range, Range::Count(_));
        if let Some((name, _)) = family.ranges.iter().filter(counted).find(|(name, _)| !name.contains("{n}"))
        {
            let says = format!(
                "families.{id}.ranges: {name:?} has no {{n}} that could be counted: write where it stands"
            );
            return Err((format!("families.{id}.ranges"), says));
        }
        codes::check(brand, family).map_err(|says| (format!("families.{id}"), says))?;
    }
    Ok(())
}

fn is_oui(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

fn check_family(brand: &Brand, id: &str, family: &Family) -> Result<(), Wrong> {
    let path = format!("families.{id}");
    check_id(id).map_err(|says| (path.clone(), format!("the family's id {id:?} {says}")))?;
    check_count(&format!("{path}.files"), family.files.len(), FILES)?;
    check_count(&format!("{path}.uploads"), family.uploads.as_ref().map_or(0, Vec::len), FILES)?;
    check_count(&format!("{path}.overrides"), family.overrides.as_ref().map_or(0, Vec::len), FILES)?;
    check_count(&format!("{path}.ranges"), family.ranges.len(), RANGES)?;
    if let Some(name) = family.ranges.keys().find(|name| name.len() > LONGEST_RANGE) {
        let says = format!(
            "{path}.ranges: {name:?} is longer than {LONGEST_RANGE} bytes: write `*` for a part of it"
        );
        return Err((format!("{path}.ranges"), says));
    }
    for (id, model) in &family.models {
        let path = format!("{path}.models.{id}");
        check_id(id).map_err(|says| (path.clone(), format!("the model's id {id:?} {says}")))?;
        check_model(model).map_err(|says| (path, format!("the model {id:?}: {says}")))?;
    }
    check_names(brand, family).map_err(|says| (format!("{path}.files"), format!("{path}: {says}")))
}

fn check_count(path: &str, count: usize, most: usize) -> Result<(), Wrong> {
    let says = || format!("{path}: {count} are too many, of which there may be {most}: take some out");
    if count > most { Err((path.to_owned(), says())) } else { Ok(()) }
}

/// Documents name phones in lower case, and packs have folders of these names.
fn check_id(id: &str) -> Result<(), &'static str> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    if id.chars().any(char::is_uppercase) {
        return Err("is not found in upper case: write it in lower case");
    }
    if id.is_empty() || id.starts_with('.') || !id.chars().all(fits) {
        return Err("is no id: take lower-case letters, digits, `-`, `_` and `.`, and begin with no dot");
    }
    Ok(())
}

fn check_model(model: &Model) -> Result<(), String> {
    let name = &model.name;
    let is_part = |c: char| !c.is_control() && c != '/' && c != '\\';
    if name.starts_with('.') || !name.chars().all(is_part) || name.chars().count() > LONGEST_MODEL {
        return Err(format!(
            "its name is a part of file names: write it without slashes, backslashes and control characters, with no dot at \
             its beginning, and in {LONGEST_MODEL} characters at most"
        ));
    }
    let numbers = [
        ("lines", model.lines, 1000),
        ("keys", model.keys, 1000),
        ("feature_keys", model.feature_keys, 1000),
        ("expansion_modules", model.expansion_modules, 100),
        ("expansion_keys", model.expansion_keys, 200),
    ];
    match numbers.iter().find(|(_, number, most)| number > most) {
        Some((name, number, most)) => {
            Err(format!("{name} is {number}, and may be {most} at most: write what it has"))
        }
        None => Ok(()),
    }
}

/// Each name of a family's files is one that its phones can ask for, and no other file's. Models matter to that only by
/// their names, and only where a name has one in it.
fn check_names(brand: &Brand, family: &Family) -> Result<(), String> {
    let sent = [&brand.uploads, &brand.overrides].into_iter().chain(&family.uploads).chain(&family.overrides);
    let sent: Vec<&Pattern> = sent.flatten().collect();
    let names = || family.files.iter().map(|file| &file.name);
    let of_models = names().chain(sent.iter().copied()).any(Pattern::has_model);
    for model in family.models.values().take(if of_models { usize::MAX } else { 1 }) {
        let mut known = BTreeSet::new();
        for name in names().map(|name| written(name, model)) {
            check_name(&name)?;
            if !known.insert(name.to_ascii_lowercase()) {
                return Err(format!(
                    "two of its files have the name {name:?} for a {}, and phones may ask in any case: give one another name",
                    model.name
                ));
            }
        }
        sent.iter().try_for_each(|name| check_name(&written(name, model)))?;
    }
    Ok(())
}

/// The name for some phone.
fn written(name: &Pattern, model: &Model) -> String {
    let mac = Mac::from_digits(b"02005e0053ab");
    name.of(model, Id::from_bytes([0xd0; 16]), mac).unwrap_or_default()
}

fn check_name(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_NAME {
        return Err(format!(
            "the file name {name:?} is longer than {LONGEST_NAME} bytes, and never asked for: shorten it"
        ));
    }
    let is_part = |part: &str| {
        !["", ".", ".."].contains(&part) && !part.contains('\\') && !part.contains(char::is_control)
    };
    if !name.split('/').all(is_part) {
        return Err(format!(
            "the file name {name:?} has a backslash, a control character or `..` in it: take it out"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;

    const ACME: &str = r#"
        name = "Acme"
        mac_prefixes = []
        user_agents = ["acme"]
        events = { reread = "a", reboot = "b" }
        [families.desk]
        name = "Desk phones"
        files = [
            { name = "{mac}.cfg", template = "a", format = "key-value", content_type = "text/plain" },
            { name = "{model}-{mac}.xml", template = "a", format = "key-value", content_type = "text/plain" },
        ]
        [families.desk.models]
        one = { name = "One", lines = 1, keys = 3 }
        two = { name = "Two", lines = 1, keys = 3 }
    "#;

    fn said_of(id: &str, text: &str) -> String {
        Catalog::parse([(id, text)]).map_or_else(|error| error.to_string(), |_| String::new())
    }

    fn said(from: &str, to: &str) -> String {
        assert!(ACME.contains(from));
        said_of("acme", &ACME.replace(from, to))
    }

    #[test]
    fn an_id_in_upper_case_that_no_document_could_name_is_refused() {
        let of_brand = said_of("Acme", ACME);
        for says in [
            of_brand,
            said("families.desk", "families.Desk"),
            said("one =", "One ="),
            said("one =", "\"ö\" ="),
        ] {
            assert!(says.contains("lower case") || says.contains("lower-case"), "{says}");
        }
        assert_eq!(said_of("a.c_m-3", &ACME.replace("one =", "\"1.5-a_b\" =")), "");
    }

    #[test]
    fn ids_and_names_of_models_lead_to_no_other_folder() {
        for id in ["\"/tmp/x\"", "\"..\"", "\".x\"", "\"a/b\"", "\"a b\"", "\"\""] {
            assert!(said("one =", &format!("{id} =")).contains("is no id"), "{id}");
            assert!(said("[families.desk", &format!("[families.{id}")).contains("is no id"), "{id}");
        }
        assert!(said_of("..", ACME).contains("is no id"));
        let long = "x".repeat(65);
        for name in ["../../etc/", "a/b", "a\\\\b", ".hidden", "a\\u0000b", "a\\nb", &long] {
            let says = said("\"One\"", &format!("\"{name}\""));
            assert!(says.contains("its name is a part of file names"), "{name}: {says}");
        }
        assert_eq!(said("\"One\"", "\"IP Phone 8845 (3PCC)\""), "");
        assert!(said("{mac}.cfg", "{mac}/..").contains("`..`"));
    }

    #[test]
    fn a_model_has_no_more_than_a_phone_could_have() {
        for (number, most) in [
            ("feature_keys", 1000),
            ("expansion_modules", 100),
            ("expansion_keys", 200),
            ("lines", 1000),
            ("keys", 1000),
        ] {
            let with = |count: u16| {
                let row = format!("one = {{ name = \"One\", lines = 1, keys = 3, {number} = {count} }}");
                let own = row.replace("lines = 1, keys = 3, lines", "keys = 3, lines");
                let own = own.replace("keys = 3, keys", "keys");
                said("one = { name = \"One\", lines = 1, keys = 3 }", &own)
            };
            assert_eq!(with(most), "");
            assert!(with(most + 1).contains(&format!("{number} is {}, and may be {most} at most", most + 1)));
        }
    }

    #[test]
    fn a_user_agent_that_would_claim_every_phone_is_refused() {
        for blank in ["[\"\"]", "[\"acme\", \" \"]"] {
            assert!(said("[\"acme\"]", blank).contains("claim the phones of all brands"), "{blank}");
        }
    }

    #[test]
    fn a_file_that_no_phone_could_ever_ask_for_is_refused() {
        for same in ["{MAC}.CFG", "{mac}.cfg"] {
            assert!(said("{model}-{mac}.xml", same).contains("two of its files have the name"), "{same}");
        }
        let says = said("{mac}.cfg", "TWO-{MAC}.xml");
        assert!(says.contains("for a Two"), "{says}");
        assert_eq!(said("{model}-{mac}.xml", "{mac-}.cfg"), "");
        let name = |length: usize| format!("{{mac}}{}.cfg", "x".repeat(length - 16));
        assert_eq!(said("{mac}.cfg", &name(128)), "");
        assert!(said("{mac}.cfg", &name(129)).contains("shorten it"));
        let long = "x".repeat(64);
        let grown = ACME.replace("{model}-", &format!("{}{{model}}-", "y".repeat(60)));
        assert_eq!(said_of("acme", &grown), "");
        assert!(said_of("acme", &grown.replace("\"Two\"", &format!("\"{long}\""))).contains("shorten it"));
    }

    #[test]
    fn ranges_are_few_and_short() {
        let ranges = |names: &[String]| {
            let rows: Vec<String> = names.iter().map(|name| format!("\"{name}\" = [0, 1]\n")).collect();
            said_of("acme", &format!("{ACME}\n[families.desk.ranges]\n{}", rows.concat()))
        };
        assert_eq!(ranges(&["x".repeat(200)]), "");
        assert!(ranges(&["x".repeat(201)]).contains("longer than 200 bytes"));
        let many: Vec<String> = (0..1001).map(|number| format!("a{number}*")).collect();
        assert_eq!(ranges(&many[..1000]), "");
        assert!(ranges(&many).contains("1001 are too many"));
        let family = &ACME[ACME.find("[families.desk]").unwrap()..];
        let rows: Vec<String> = (0..900).map(|number| format!("a{number} = [0, 1]\n")).collect();
        let ranges = format!("[families.desk.ranges]\n{}", rows.concat());
        let families =
            (1..5).map(|number| (family.to_owned() + &ranges).replace(".desk", &format!(".desk{number}")));
        let says = said_of("acme", &format!("{ACME}\n{ranges}{}", families.collect::<String>()));
        assert!(says.contains("state 4500 ranges, and may state 4000"), "{says}");
    }
}
