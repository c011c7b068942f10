//! What templates use of each other: by `extends`, by `include`, and by the components that they call. Names are
//! literal, so what the files of a place can come to is known before anything is compiled.

use std::collections::{BTreeMap, BTreeSet};

use super::token::{Token, inside, tags};
use super::{Format, Places, folders};
use crate::pack;

/// What a word or a sign in a tag takes when it is compiled, in bytes, with what is woven in for it.
fn weight(word: &str) -> usize {
    match word {
        "~" => 2500,
        "|" | "(" | "[" => 2000,
        "for" | "set" | "set_global" | "block" | "component" | "==" | "!=" | "<" | ">" | "<=" | ">="
        | "in" | "is" | "..." => 1200,
        _ => 60,
    }
}

/// What a template uses, and what it has for others.
#[derive(Debug, Default)]
pub(super) struct Use<'t> {
    /// What it takes when it is compiled, in bytes, or somewhat less.
    pub(super) size: usize,
    /// The name behind `extends`.
    pub(super) parent: Option<&'t str>,
    /// The names behind `extends` and `include`, in quotes, where they stand.
    pub(super) named: Vec<Token<'t>>,
    /// Components that it calls, and where.
    pub(super) calls: Vec<(String, Token<'t>)>,
    /// Components that it defines.
    pub(super) defines: BTreeSet<String>,
}

impl<'t> Use<'t> {
    /// What a template of this length uses, by its tokens.
    pub(super) fn of(length: usize, tokens: &[Token<'t>]) -> Self {
        let words: usize = tokens.iter().map(|token| weight(token.text)).sum();
        let mut made = Self { size: length + words, ..Self::default() };
        for tag in tags(tokens) {
            let inner = inside(tag);
            if tag[0].text == "{%" {
                made.statement(inner);
            }
            let calls = (0..inner.len()).filter(|at| inner[*at].text == "<" && opens(&inner[..*at]));
            made.calls.extend(calls.filter_map(|at| Some((component(&inner[at + 1..])?, inner[at]))));
        }
        made
    }

    fn statement(&mut self, inner: &[Token<'t>]) {
        let [word, name, ..] = inner else { return };
        match word.text {
            "extends" => {
                self.parent = Some(name.text);
                self.named.push(*name);
            }
            "include" => self.named.push(*name),
            "component" => self.defines.extend(component(&inner[1..])),
            _ => {}
        }
    }
}

/// The name of a component, which may have dots in it.
fn component(tokens: &[Token<'_>]) -> Option<String> {
    let mut name = tokens.first().filter(|token| token.is_name())?.text.to_owned();
    for pair in tokens[1..].chunks_exact(2).take_while(|pair| pair[0].text == "." && pair[1].is_name()) {
        name = name + "." + pair[1].text;
    }
    Some(name)
}

/// True where a value begins, so that `<` begins a component.
pub(super) fn opens(before: &[Token<'_>]) -> bool {
    let value = |token: &Token<'_>| token.is_name() || token.is_text() || token.is_number();
    before.last().is_none_or(|last| {
        ["and", "or", "not", "in", "if", "else", "elif"].contains(&last.text)
            || !(value(last) || [")", "]", "}"].contains(&last.text))
    })
}

/// All templates of a pack by name, with what each uses.
pub(super) type Uses<'t> = BTreeMap<&'t str, Use<'t>>;

/// Templates that are compiled together.
#[derive(Debug)]
pub(super) struct Unit<'u> {
    /// Whose files are made of them; of templates that no file comes to, `None`.
    pub(super) place: Option<(String, Format)>,
    /// Where names are looked up, in this order.
    pub(super) folders: Vec<String>,
    /// Their names.
    pub(super) names: BTreeSet<&'u str>,
}

/// What is to be compiled for each place: what its files come to. What no file of any place comes to is compiled as
/// well, once, so that it is known to be right.
pub(super) fn units<'u>(uses: &'u Uses<'_>, places: Places) -> Vec<Unit<'u>> {
    let definers = definers(uses);
    let mut left: BTreeSet<&str> = uses.keys().copied().collect();
    let brands: BTreeSet<String> = places.keys().map(|(place, _)| brand(place).to_owned()).collect();
    let mut units = Vec::new();
    for (place, roots) in places {
        let view = View { uses, definers: &definers, brand: brand(&place.0), folders: folders(&place.0) };
        let roots = roots.into_iter().filter_map(|root| view.resolve(root));
        let names = view.reached(roots.collect());
        left.retain(|name| !names.contains(name));
        units.push(Unit { folders: view.folders, names, place: Some(place) });
    }
    left.retain(|name| brand(name) == "shared" && !brands.is_empty() || brands.contains(brand(name)));
    units.extend(unused(uses, &definers, &left));
    units
}

/// Templates that no file comes to, those of a folder together.
fn unused<'u>(uses: &'u Uses<'_>, definers: &Definers<'u>, left: &BTreeSet<&'u str>) -> Vec<Unit<'u>> {
    let mut by_folder: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in left {
        by_folder.entry(name.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default().push(name);
    }
    let unit = |(folder, names)| {
        let view = View { uses, definers, brand: brand(folder), folders: folders(folder) };
        let names = view.reached(names);
        Unit { place: None, folders: view.folders, names }
    };
    by_folder.into_iter().map(unit).collect()
}

fn brand(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// By component, the templates that define it.
type Definers<'u> = BTreeMap<&'u str, Vec<&'u str>>;

fn definers<'u>(uses: &'u Uses<'_>) -> Definers<'u> {
    let mut definers = Definers::new();
    for (name, used) in uses {
        for component in &used.defines {
            definers.entry(component).or_default().push(name);
        }
    }
    definers
}

/// Templates as they are seen from a place.
struct View<'u, 'v> {
    uses: &'u Uses<'u>,
    definers: &'v Definers<'u>,
    brand: &'v str,
    folders: Vec<String>,
}

impl<'u> View<'u, '_> {
    fn resolve(&self, name: &str) -> Option<&'u str> {
        resolve(self.uses, &self.folders, name).filter(|name| pack::is_seen_by(self.brand, name))
    }

    /// These templates, what they use, what that uses, and so on.
    fn reached(&self, mut next: Vec<&'u str>) -> BTreeSet<&'u str> {
        let mut reached = BTreeSet::new();
        while let Some(name) = next.pop() {
            let Some(used) = self.uses.get(name).filter(|_| reached.insert(name)) else { continue };
            next.extend(used.named.iter().filter_map(|named| self.resolve(bare(named.text))));
            let definers =
                used.calls.iter().filter_map(|(call, _)| self.definers.get(call.as_str())).flatten();
            next.extend(definers.filter(|name| pack::is_seen_by(self.brand, name)));
        }
        reached
    }
}

/// The template of a name, as an engine finds it that looks in these folders.
pub(super) fn resolve<'u>(uses: &'u Uses<'_>, folders: &[String], name: &str) -> Option<&'u str> {
    let whole = |name: &str| uses.get_key_value(name).map(|(name, _)| *name);
    whole(name).or_else(|| folders.iter().find_map(|folder| whole(&format!("{folder}{name}"))))
}

/// A string without its quotes.
pub(super) fn bare(literal: &str) -> &str {
    let mut inner = literal.chars();
    inner.next();
    inner.next_back();
    inner.as_str()
}
