//! What a template may consist of. What is bounded here cannot be bounded while it runs: how deep templates, blocks
//! and components stand in each other, and what is written where nobody counts it.

use std::collections::BTreeMap;

use super::token::{Token, inside, tags, tokens};
use super::{Finding, Places, folders};
use crate::pack::{self, Pack};

/// The longest template, in bytes.
const LONGEST: usize = 128 << 10;
/// The longest tag, in words and signs.
const WORDS: usize = 4096;
/// The most that is compiled for all families and models together, in bytes.
const COMPILED: usize = 128 << 20;
/// How many templates may stand in each other by `extends` and `include`.
const DEEPEST: usize = 5;
/// How many blocks may stand in each other.
const BLOCKS: usize = 2;

/// Everything in a pack that is beyond what templates may be.
pub(super) fn broken(pack: &Pack, places: &Places) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut uses = BTreeMap::new();
    for (name, text) in &pack.templates {
        if text.text.len() > LONGEST {
            let message = "this template is longer than 128 KiB: put parts of it into templates of their own";
            found.push(finding(name, None, message));
            continue;
        }
        let tokens = tokens(&text.text);
        found.extend(words(name, &tokens));
        uses.insert(name.as_str(), used(&tokens));
    }
    found.extend(too_much(pack, places));
    for (place, _) in places {
        found.extend(too_deep(&uses, place));
    }
    found.sort();
    found.dedup();
    found
}

fn finding(file: &str, at: Option<&Token<'_>>, message: &str) -> Finding {
    let (line, column) = at.map_or((0, 0), |token| (token.line, token.column));
    Finding { file: file.to_owned(), line, column, message: message.to_owned() }
}

/// What templates are not written with, tag by tag.
fn words(name: &str, tokens: &[Token<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(tag) = tags(tokens).find(|tag| tag.len() > WORDS) {
        found.push(finding(name, tag.first(), "this tag is too long: split it into several with `set`"));
    }
    let (mut blocks, mut component) = (0_usize, false);
    for tag in tags(tokens).filter(|tag| tag[0].text == "{%") {
        let [word, rest @ ..] = inside(tag) else { continue };
        match word.text {
            "block" => blocks += 1,
            "endblock" => blocks = blocks.saturating_sub(1),
            "component" => component = true,
            "endcomponent" => component = false,
            _ => {}
        }
        let message = match word.text {
            "set" | "set_global" if rest.get(1).is_none_or(|sign| sign.text != "=") => {
                "`set` with a text of its own is not allowed: write `{% set name = … %}`, or a component"
            }
            "filter" => "`{% filter %}` is not allowed: write the filter behind each value",
            "raw" => "`{% raw %}` is not allowed: write `{{ \"{{\" }}` for what would begin a tag",
            "<" => {
                "a component with a body is not allowed: hand it arguments, `{{ <name argument={value}/> }}`"
            }
            "include" if component => {
                "`include` is not allowed in a component: put it where the component is used"
            }
            "include" | "extends" if rest.first().is_some_and(|name| name.text.contains('\\')) => {
                "a template's name has no backslash in it: write it as its file is called"
            }
            "block" if blocks > BLOCKS => {
                "blocks stand in each other more than 2 deep: put them beside each other"
            }
            _ => continue,
        };
        found.push(finding(name, Some(word), message));
    }
    found
}

/// The names that a template extends and includes, and where it does.
fn used<'t>(tokens: &[Token<'t>]) -> Vec<Token<'t>> {
    let statements = tags(tokens).filter(|tag| tag[0].text == "{%");
    let named = statements.filter_map(|tag| match inside(tag) {
        [word, name, ..] if ["extends", "include"].contains(&word.text) => Some(*name),
        _ => None,
    });
    named.collect()
}

fn too_much(pack: &Pack, places: &Places) -> Option<Finding> {
    let brand = |place: &str| place.split('/').next().unwrap_or_default().to_owned();
    let mut sizes = BTreeMap::new();
    for brand in places.iter().map(|(place, _)| brand(place)) {
        let size = || pack.templates_of(&brand).map(|(_, text)| text.len()).sum::<usize>();
        sizes.entry(brand.clone()).or_insert_with(size);
    }
    let total: usize = places.iter().filter_map(|(place, _)| sizes.get(&brand(place))).sum();
    let largest = sizes.iter().max_by_key(|(_, size)| **size).map(|(brand, _)| brand.as_str());
    let message = "families and models with templates of their own are so many, and templates so long, that they \
        cannot be compiled: let models share templates";
    (total > COMPILED).then(|| finding(&format!("{}.toml", largest.unwrap_or_default()), None, message))
}

type Uses<'t> = BTreeMap<&'t str, Vec<Token<'t>>>;

/// Where templates that a place sees stand in each other too deep, or in themselves.
fn too_deep(uses: &Uses<'_>, place: &str) -> Vec<Finding> {
    let brand = place.split('/').next().unwrap_or_default();
    let mut walk = Walk { uses, folders: folders(place), depths: BTreeMap::new(), found: Vec::new() };
    for name in uses.keys().filter(|name| pack::is_seen_by(brand, name)) {
        walk.depth(name, DEEPEST);
    }
    walk.found
}

struct Walk<'u> {
    uses: &'u Uses<'u>,
    folders: Vec<String>,
    depths: BTreeMap<&'u str, usize>,
    found: Vec<Finding>,
}

impl<'u> Walk<'u> {
    /// How many templates stand in each other from here on; `left` may.
    fn depth(&mut self, name: &'u str, left: usize) -> usize {
        if let Some(depth) = self.depths.get(name) {
            return *depth;
        }
        let mut deepest = 0;
        for named in self.uses.get(name).into_iter().flatten() {
            let Some(used) = self.resolve(named.text) else { continue };
            let depth = if left == 0 { 0 } else { self.depth(used, left - 1) };
            if left == 0 || depth + 1 > DEEPEST {
                let message = "templates extend and include each other more than 5 deep, or without an end: \
                    write out here what is included";
                self.found.push(finding(name, Some(named), message));
                break;
            }
            deepest = deepest.max(depth + 1);
        }
        self.depths.insert(name, deepest);
        deepest
    }

    /// The template of a name, as the engine finds it.
    fn resolve(&self, literal: &str) -> Option<&'u str> {
        let name = literal.trim_matches(['"', '\'', '`']);
        let whole = |name: &str| self.uses.get_key_value(name).map(|(name, _)| *name);
        whole(name).or_else(|| self.folders.iter().find_map(|folder| whole(&format!("{folder}{name}"))))
    }
}
