//! Reads every rendered file back as a phone would, and finds in it what the phone must know: each account's user,
//! password, server and expiry, and each key with its code, value and label.
//!
//! Under which names a phone looks is written down in `facts/<brand>.toml`, from the vendors' guides and from what
//! is public of their phones, not from the templates: a parameter that a template misspells is missed here. Each
//! table names its source. See `table.rs` for the form.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use checksync::catalog::Entry;
use checksync::pack::Pack;
use checksync::settings::{KeySetting, Settings};
use checksync::template::Set;
use checksync::template::lint::{Sample, shipped_samples};

mod formats;
mod pattern;
mod table;
mod words;

use formats::Values;
use pattern::Words;
use table::{KeyFacts, Table};

/// The samples whose files are read.
const SAMPLES: [&str; 3] = ["plain", "full", "south"];

fn set() -> Set {
    Set::compile(&Pack::shipped()).unwrap()
}

/// The sample's settings, with every account switched on: what is switched off may be left out of a file.
fn settings(sample: &Sample, entry: Entry<'_>) -> Settings {
    let mut settings = sample.settings(entry).unwrap().settings;
    settings.lines.iter_mut().for_each(|line| line.enabled = true);
    settings
}

/// All that stands in the phone's files. `change` may spoil their text.
fn read(set: &Set, entry: Entry<'_>, settings: &Settings, change: impl Fn(String) -> String) -> Values {
    let mut values = Values::default();
    for file in entry.files() {
        let text = String::from_utf8(set.render(entry, file, settings).unwrap()).unwrap();
        values.add(file.format, &change(text));
    }
    values
}

/// A sentence for everything that the phone would not find.
fn missed(table: &Table, settings: &Settings, values: &Values) -> Vec<String> {
    let mut missed = Vec::new();
    for line in settings.lines.iter().filter(|line| !line.username.is_empty()) {
        let words = words::of_line(settings, line);
        for (what, facts) in table.of_account() {
            let found = facts.missed(values, &words);
            missed.extend(found.into_iter().map(|why| format!("account {}, {what}: {why}", line.number)));
        }
    }
    let groups = [
        ("key", &table.keys, &settings.keys),
        ("feature key", &table.feature_keys, &settings.feature_keys),
        ("expansion key", &table.expansion_keys, &settings.expansion_keys),
    ];
    for (what, facts, keys) in groups {
        missed.extend(keys.iter().flat_map(|key| missed_key(what, facts, settings, key, values)));
    }
    missed
}

fn missed_key(
    what: &str,
    facts: &KeyFacts,
    settings: &Settings,
    key: &KeySetting,
    values: &Values,
) -> Vec<String> {
    if key.kind == "none" {
        return Vec::new();
    }
    let name = format!("{what} {}.{} ({} {})", key.module, key.number, key.kind, key.value);
    match facts {
        KeyFacts::None(reason) => vec![format!("{name}: the table has no such keys ({reason})")],
        KeyFacts::Some(facts) => {
            let words: Words = words::of_key(settings, key, facts.codes.get(key.kind));
            let found = facts.of(key.kind).missed(values, &words);
            found.into_iter().map(|why| format!("{name}: {why}")).collect()
        }
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |text, line| text + "\n  " + line)
}

#[test]
fn every_account_and_key_is_found_where_the_vendor_says_that_phones_look() {
    let (set, samples, tables) = (set(), shipped_samples(), table::all());
    let mut wrong = Vec::new();
    for (entry, table) in set.catalog().entries().filter_map(|entry| Some((entry, tables.of(entry)?))) {
        for name in SAMPLES {
            let settings = settings(&samples[name], entry);
            let found = missed(table, &settings, &read(&set, entry, &settings, |text| text));
            wrong.extend(found.into_iter().map(|why| format!("{} {name}: {why}", entry.path())));
        }
    }
    assert!(wrong.is_empty(), "phones would not find all they need:{}", text(&wrong));
}

#[test]
fn every_family_has_a_table_of_facts() {
    let (set, tables) = (set(), table::all());
    let without: BTreeSet<_> = set
        .catalog()
        .entries()
        .filter(|entry| tables.of(*entry).is_none())
        .map(|entry| format!("{}/{}", entry.brand_id, entry.family_id))
        .collect();
    assert!(
        without.is_empty(),
        "write into tests/decoders/facts/<brand>.toml by which names these families read an account's user, auth, \
         password, server, expires and label, and their keys, from the vendor's guide or what is public of the \
         phone, not from the template: {without:?}"
    );
}

#[test]
fn every_table_is_that_of_a_family_or_model() {
    let (set, tables) = (set(), table::all());
    for [brand, family, model] in tables.names() {
        let mut entries = set.catalog().entries();
        let is_it = |entry: Entry<'_>| {
            entry.brand_id == brand
                && (if model.is_empty() { entry.family_id == family } else { entry.model_id == model })
        };
        assert!(entries.any(is_it), "{brand}.toml tells of {family} {model}, which is not in the catalog");
    }
}

#[test]
fn a_phone_that_reads_an_empty_file_finds_nothing() {
    let (set, samples, tables) = (set(), shipped_samples(), table::all());
    let nothing = Values::default();
    for (entry, table) in set.catalog().entries().filter_map(|entry| Some((entry, tables.of(entry)?))) {
        let settings = settings(&samples["full"], entry);
        let found = missed(table, &settings, &nothing);
        for (what, _) in table.of_account().into_iter().filter(|(_, facts)| !facts.are_none()) {
            let about = format!("account 1, {what}: ");
            assert!(found.iter().any(|why| why.starts_with(&about)), "{}: {about}", entry.path());
        }
        let keys = settings.keys.iter().chain(&settings.feature_keys).chain(&settings.expansion_keys);
        let lost = found.iter().any(|why| why.contains("key "));
        assert!(
            lost || keys.filter(|key| key.kind != "none" && key.kind != "line").count() == 0,
            "{}",
            entry.path()
        );
    }
}

#[test]
fn a_misspelt_parameter_is_missed() {
    let (set, samples, tables) = (set(), shipped_samples(), table::all());
    for (model, right, wrong, what) in [
        ("t46s", ".user_name = ", ".username = ", "user"),
        ("t46s", "linekey.3.type = 16", "linekey.3.type = 13", "key"),
        ("vvx450", "reg.1.auth.password", "reg.1.password", "password"),
        ("grp2614", "registerExpiration", "registrationExpiration", "expires"),
        ("d785", "<user_name", "<username", "user"),
        ("ip286", "PickupValue = *8102", "PickupValue = *8", "key"),
        ("xp0120p", "account.AuthName", "account.AuthenticationName", "auth"),
        ("es620", "approveName", "ApproveName", "auth"),
        ("siptone5", "<registertimer", "<registerTimer", "expires"),
        ("440hd", "proxy_timeout", "register_timeout", "expires"),
        ("lip6830", "_type dss", "_type shared", "key"),
    ] {
        let entry = set.catalog().entries().find(|entry| entry.model_id == model).unwrap();
        let table = tables.of(entry).unwrap();
        let settings = settings(&samples["full"], entry);
        let values = read(&set, entry, &settings, |text| {
            let tag = |word: &str| word.replace('<', "</");
            text.replace(&tag(right), &tag(wrong)).replace(right, wrong)
        });
        let found = missed(table, &settings, &values);
        assert!(found.iter().any(|why| why.contains(what)), "{model} {right}: {found:?}");
    }
}
