//! `facts/<brand>.toml`: by which names the phones of a family read what they must know.
//!
//! A fact is `name = value`, both patterns (see `pattern.rs`); ` or ` divides values of which one is enough. Facts
//! in a list hold together; a list within it holds when one of its facts does. What is said of several types of
//! keys stands once, by all their names. `none: …` says why a phone keeps nothing of the kind. `line 1-2: …` is a
//! fact about accounts 1 and 2 only, and `key 5-36: …` one about such keys. A fact about a value or label that is
//! empty says nothing.

use std::collections::BTreeMap;
use std::path::Path;

use checksync::catalog::Entry;
use serde::Deserialize;

use crate::formats::Values;
use crate::pattern::{Filled, Words};

/// Facts that hold together, or why there are none.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Facts {
    /// One, or the reason.
    One(String),
    /// Several.
    All(Vec<Item>),
}

/// A fact, or several of which one is enough.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Item {
    /// One fact.
    Fact(String),
    /// One of these is enough.
    Any(Vec<String>),
}

/// Facts about keys of one sort.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum KeyFacts {
    /// Why there are no such keys.
    None(String),
    /// There are.
    Some(Box<Keys>),
}

impl Default for KeyFacts {
    fn default() -> Self {
        Self::None("none: there are none".to_owned())
    }
}

/// By which names a key is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// Facts about keys of every type.
    each: Facts,
    /// Facts about keys of a type, in the place of those.
    #[serde(default)]
    types: BTreeMap<String, Facts>,
    /// The vendor's codes; the catalog's for types that are not here.
    #[serde(default)]
    pub(crate) codes: BTreeMap<String, String>,
}

impl Keys {
    /// The facts about keys of a type.
    pub(crate) fn of(&self, kind: &str) -> &Facts {
        self.types.get(kind).unwrap_or(&self.each)
    }
}

/// Facts about families that read the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    families: Vec<String>,
    /// Models that read otherwise than the rest of their families; all others where it is empty.
    #[serde(default)]
    models: Vec<String>,
    user: Facts,
    auth: Facts,
    password: Facts,
    server: Facts,
    expires: Facts,
    label: Facts,
    /// Facts about the keys that can be line keys.
    #[serde(default)]
    pub(crate) keys: KeyFacts,
    /// Facts about the other keys.
    #[serde(default)]
    pub(crate) feature_keys: KeyFacts,
    /// Facts about the keys of modules.
    #[serde(default)]
    pub(crate) expansion_keys: KeyFacts,
}

impl Table {
    /// Facts about an account, by what they are about.
    pub(crate) fn of_account(&self) -> [(&'static str, &Facts); 6] {
        [
            ("user", &self.user),
            ("auth", &self.auth),
            ("password", &self.password),
            ("server", &self.server),
            ("expires", &self.expires),
            ("label", &self.label),
        ]
    }
}

/// What a brand's file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Brand {
    #[serde(default)]
    codes: BTreeMap<String, String>,
    facts: Vec<Table>,
}

/// All tables, by brand, family, and model where it has one of its own.
#[derive(Debug, Default)]
pub(crate) struct Tables(BTreeMap<[String; 3], Table>);

impl Tables {
    /// The table that a model's files are read by.
    pub(crate) fn of(&self, entry: Entry<'_>) -> Option<&Table> {
        let named = |model: &str| self.0.get(&[entry.brand_id, entry.family_id, model].map(str::to_owned));
        named(entry.model_id).or_else(|| named(""))
    }

    /// Brand, family, and model or nothing, of each.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[String; 3]> {
        self.0.keys()
    }

    fn add(&mut self, brand: &str, table: &Table) {
        let all = vec![String::new()];
        for family in &table.families {
            for model in if table.models.is_empty() { &all } else { &table.models } {
                let name = [brand, family, model].map(str::to_owned);
                let before = self.0.insert(name, table.clone());
                assert!(before.is_none(), "{brand} says twice how {family} {model} is read");
            }
        }
    }
}

/// Reads all tables.
pub(crate) fn all() -> Tables {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoders/facts");
    let mut tables = Tables::default();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let brand: Brand = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let codes = each_by_itself(&brand.codes);
        for mut table in brand.facts {
            share(&codes, [&mut table.keys, &mut table.feature_keys, &mut table.expansion_keys]);
            tables.add(&name, &table);
        }
    }
    tables
}

/// Gives the brand's codes to keys that have none of their own.
fn share(codes: &BTreeMap<String, String>, keys: [&mut KeyFacts; 3]) {
    for facts in keys {
        if let KeyFacts::Some(facts) = facts {
            facts.codes = codes.clone().into_iter().chain(each_by_itself(&facts.codes)).collect();
            facts.types = each_by_itself(&facts.types);
        }
    }
}

/// What is said of several types at once, of each.
fn each_by_itself<T: Clone>(said: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    let each =
        said.iter().flat_map(|(types, said)| types.split(' ').map(|kind| (kind.to_owned(), said.clone())));
    each.collect()
}

impl Facts {
    /// Whether a phone keeps nothing of the kind.
    pub(crate) fn are_none(&self) -> bool {
        matches!(self, Self::One(reason) if reason.starts_with("none: "))
    }

    /// A sentence for what does not hold.
    pub(crate) fn missed(&self, values: &Values, words: &Words) -> Vec<String> {
        let items: Vec<Vec<&str>> = match self {
            Self::One(_) if self.are_none() => Vec::new(),
            Self::One(fact) => vec![vec![fact]],
            Self::All(items) => items.iter().map(Item::facts).collect(),
        };
        let said = items.into_iter().filter_map(|any| {
            let said: Vec<_> = any.into_iter().filter_map(|fact| words.said(fact)).collect();
            (!said.is_empty()).then_some(said)
        });
        let (open, closed): (Vec<_>, Vec<_>) =
            said.partition(|any| any.iter().any(|fact| fact.contains("{n}")));
        let mut missed: Vec<_> = closed
            .iter()
            .filter(|any| !any.iter().any(|fact| !ways(fact, values, words, None).is_empty()))
            .map(|any| complaint(any, values, words))
            .collect();
        let open: Vec<&str> = open.into_iter().flatten().collect();
        if let Some(first) = open.first() {
            let holds =
                |same: &String| open.iter().all(|fact| !ways(fact, values, words, Some(same)).is_empty());
            if !ways(first, values, words, None).iter().any(holds) {
                missed.push(complaint(&open, values, words));
            }
        }
        missed
    }
}

impl Item {
    fn facts(&self) -> Vec<&str> {
        match self {
            Self::Fact(fact) => vec![fact],
            Self::Any(facts) => facts.iter().map(String::as_str).collect(),
        }
    }
}

fn parts(fact: &str) -> (&str, Vec<&str>) {
    let (name, value) = fact.split_once(" = ").unwrap_or_else(|| panic!("{fact:?} is not `name = value`"));
    (name, value.split(" or ").collect())
}

/// What `{n}` can be so that the fact holds; something where it holds, and has none.
fn ways(fact: &str, values: &Values, words: &Words, same: Option<&str>) -> Vec<String> {
    let (name, wanted) = parts(fact);
    let Some(name) = Filled::of(name, words, same) else { return Vec::new() };
    let mut ways = Vec::new();
    for (named, value) in values.named(&name) {
        let same = Some(named.as_str()).filter(|named| !named.is_empty()).or(same);
        let wanted = wanted.iter().filter_map(|wanted| Filled::of(wanted, words, same));
        let found = wanted.flat_map(|wanted| wanted.ways(value));
        ways.extend(found.map(|valued| if valued.is_empty() { named.clone() } else { valued }));
    }
    ways
}

fn complaint(facts: &[&str], values: &Values, words: &Words) -> String {
    let tell = |fact: &&str| {
        let (name, wanted) = parts(fact);
        let name =
            Filled::of(name, words, None).and_then(|name| name.exact()).unwrap_or_else(|| name.to_owned());
        let show = |wanted: &&str| {
            Filled::of(wanted, words, None)
                .and_then(|filled| filled.exact())
                .unwrap_or_else(|| (*wanted).to_owned())
        };
        let wanted: Vec<_> = wanted.iter().map(show).collect();
        format!("{name} is {:?}, not {:?}", values.of(&name), wanted.join(" or "))
    };
    facts.iter().map(tell).collect::<Vec<_>>().join("; ")
}
