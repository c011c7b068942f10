//! What a template may consist of. What is bounded here cannot be bounded while it runs: how deep templates, blocks
//! and components stand in each other, and what is written where nobody counts it.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::advice::advised;
use super::findings::Findings;
use super::known::Known;
use super::meter::{Container, container, is_part};
use super::token::{Token, inside, tags, tokens};
use super::uses::{Unit, Use, Uses, bare, opens, resolve};
use crate::pack::Pack;

/// The longest template, in bytes.
const LONGEST: usize = 128 << 10;
/// The longest tag, in words and signs.
const WORDS: usize = 4096;
/// What templates of all families and models may take together when they are compiled, in bytes.
const COMPILED: usize = 256 << 20;
/// How many templates may stand in each other by `extends` and `include`.
const DEEPEST: usize = 5;
/// How many blocks may stand in each other.
const BLOCKS: usize = 2;
/// How many blocks a template may have.
const BLOCKS_IN_ALL: usize = 200;
/// How many tags may stand in each other.
const NESTED: usize = 60;
/// How many brackets may stand in each other in a tag.
const BRACKETS: usize = 40;
/// How many `[…]` may hang on a name.
const PARTS: usize = 4;

/// What each template uses, as far as it is what a template may be; what is not is a finding.
pub(super) fn uses<'t>(pack: &'t Pack, found: &mut Findings) -> Uses<'t> {
    let (mut uses, mut known) = (Uses::new(), Known::new());
    for (name, text) in &pack.templates {
        if text.text.len() > LONGEST {
            let message = "this template is longer than 128 KiB: put parts of it into templates of their own";
            found.add(finding(name, None, message));
            continue;
        }
        let tokens = tokens(&text.text);
        words(name, &tokens, found);
        known.check(name, &tokens, found);
        uses.insert(name.as_str(), Use::of(text.text.len(), &tokens));
    }
    uses
}

/// What is beyond the limits in templates that are compiled together: how deep they stand in each other, and how
/// much there is to compile.
pub(super) fn check(uses: &Uses<'_>, units: &[Unit<'_>], found: &mut Findings) {
    for unit in units {
        too_deep(uses, unit, found);
        missing(uses, unit, found);
    }
    if found.is_empty() {
        too_much(uses, units, found);
    }
}

fn finding(file: &str, at: Option<&Token<'_>>, message: &str) -> Finding {
    Finding::new(file, at.map_or((1, 1), |token| (token.line, token.column)), message)
}

/// What templates are not written with, tag by tag.
fn words(name: &str, tokens: &[Token<'_>], found: &mut Findings) {
    let mut nest = Nest::default();
    for tag in tags(tokens) {
        let inner = inside(tag);
        let statement = if tag[0].text == "{%" { statement(inner, &mut nest) } else { None };
        let wrong = statement.or_else(|| expression(tag, inner));
        if let Some((at, message)) = wrong {
            found.add(finding(name, Some(at), message));
        }
    }
}

type Wrong<'a, 't> = Option<(&'a Token<'t>, &'static str)>;

/// The tags that a tag stands in.
#[derive(Default)]
struct Nest {
    depth: usize,
    blocks: usize,
    blocks_in_all: usize,
    component: bool,
    /// Of each `if`, how deep it stands: each `elif` stands in the one before.
    ifs: Vec<usize>,
}

impl Nest {
    fn goes_on(&mut self, word: &str) {
        match word {
            "if" => self.ifs.push(self.depth),
            "block" => {
                self.blocks += 1;
                self.blocks_in_all += 1;
            }
            "endblock" => self.blocks = self.blocks.saturating_sub(1),
            "component" | "endcomponent" => self.component = word == "component",
            _ => {}
        }
        match word {
            "if" | "elif" | "for" | "block" | "component" => self.depth += 1,
            "endif" => self.depth = self.ifs.pop().unwrap_or(0),
            "endfor" | "endblock" | "endcomponent" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

fn statement<'a, 't>(inner: &'a [Token<'t>], nest: &mut Nest) -> Wrong<'a, 't> {
    let [word, rest @ ..] = inner else { return None };
    nest.goes_on(word.text);
    let message = match word.text {
        _ if nest.depth > NESTED => "tags stand in each other more than 60 deep: take them apart",
        "-" => "a tag has one `-` at its edge",
        "set" | "set_global" if rest.get(1).is_none_or(|sign| sign.text != "=") => {
            "`set` with a text of its own is not allowed: write `{% set name = … %}`, or a component"
        }
        "filter" => "`{% filter %}` is not allowed: write the filter behind each value",
        "raw" => "`{% raw %}` is not allowed: write `{{ \"{{\" }}` for what would begin a tag",
        "<" => "a component with a body is not allowed: hand it arguments, `{{ <name argument={value}/> }}`",
        "include" if nest.component => {
            "`include` is not allowed in a component: put it where the component is used"
        }
        "include" | "extends" if rest.first().is_some_and(|name| name.text.contains('\\')) => {
            "a template's name has no backslash in it: write it as its file is called"
        }
        "block" if nest.blocks > BLOCKS => {
            "blocks stand in each other more than 2 deep: put them beside each other"
        }
        "block" if nest.blocks_in_all > BLOCKS_IN_ALL => {
            "a template has no more than 200 blocks: put parts of it into templates of their own"
        }
        _ => return None,
    };
    Some((word, message))
}

/// What no value is made with.
fn expression<'a, 't>(tag: &'a [Token<'t>], inner: &'a [Token<'t>]) -> Wrong<'a, 't> {
    if tag.len() > WORDS {
        return Some((&tag[0], "this tag is too long: split it into several with `set`"));
    }
    let mut depth = 0_usize;
    for (at, token) in inner.iter().enumerate() {
        let before = &inner[..at];
        let alone = tag[0].text == "{{" && before.is_empty();
        depth = match token.text {
            "(" | "[" | "{" => depth + 1,
            ")" | "]" | "}" => depth.saturating_sub(1),
            _ => depth,
        };
        let message = match token.text {
            _ if depth > BRACKETS => {
                "brackets stand in each other too deep: split it into several with `set`"
            }
            "[" if is_part(before) && container(before).is_none_or(|of| parts(&of) >= PARTS) => {
                "`[…]` stands behind a name or brackets, four times at most: `set` what is before it first"
            }
            "super" if !alone && inner.get(at + 1).is_some_and(|next| next.text == "(") => ALONE,
            "super" if alone && inner.len() > 3 => ALONE,
            "<" if !alone && opens(before) => ALONE,
            "<" if alone && inner[inner.len() - 1].text != ">" => ALONE,
            name if name.starts_with("__tera") => {
                "names that begin with `__tera` are the engine's own: take another"
            }
            _ => continue,
        };
        return Some((token, message));
    }
    None
}

const ALONE: &str = "a component and `super()` stand alone in their tag: `{{ <name argument={value}/> }}`";

fn parts(of: &Container<'_, '_>) -> usize {
    let Container::Path(of) = of else { return 0 };
    of.iter().filter(|token| token.text == "[").count()
}

/// Templates that are included and components that are used, and are not there.
fn missing(uses: &Uses<'_>, unit: &Unit<'_>, found: &mut Findings) {
    let there = |name: &str| resolve(uses, &unit.folders, name).is_some_and(|name| unit.names.contains(name));
    let used = || unit.names.iter().filter_map(|name| Some((*name, uses.get(name)?)));
    let defined: BTreeSet<&str> = used().flat_map(|(_, used)| &used.defines).map(String::as_str).collect();
    for (file, used) in used() {
        for named in used.named.iter().filter(|named| !there(bare(named.text))) {
            let message = || advised(&format!("Unknown template `{}`", bare(named.text)));
            found.say(file, (named.line, named.column), message);
        }
        for (name, at) in used.calls.iter().filter(|(name, _)| !defined.contains(name.as_str())) {
            found.say(file, (at.line, at.column), || advised(&format!("Unknown component `{name}`")));
        }
    }
}

fn too_much(uses: &Uses<'_>, units: &[Unit<'_>], found: &mut Findings) {
    let (mut total, mut largest) = (0, (0, ""));
    for unit in units {
        let size = unit.names.iter().map(|name| compiled(uses, unit, name)).sum::<usize>();
        let named = unit.names.first().copied().unwrap_or_default();
        largest = largest.max((size, named));
        total += size;
    }
    let message = "families and models with templates of their own are so many, and templates so long, that they \
        cannot be compiled: let models share templates";

    if total > COMPILED {
        found.add(finding(largest.1, None, message));
    }
}

/// What a template takes when it is compiled, in bytes: itself, and what it extends.
fn compiled(uses: &Uses<'_>, unit: &Unit<'_>, name: &str) -> usize {
    let (mut size, mut next) = (0, Some(name));
    for _ in 0..=DEEPEST {
        let Some(used) = next.and_then(|name| uses.get(name)) else { break };
        size += used.size;
        next = used.parent.and_then(|parent| resolve(uses, &unit.folders, bare(parent)));
    }
    size
}

/// Where templates stand in each other too deep, or in themselves.
fn too_deep(uses: &Uses<'_>, unit: &Unit<'_>, found: &mut Findings) {
    let mut walk = Walk { uses, unit, depths: BTreeMap::new(), found };
    for name in &unit.names {
        walk.depth(name, DEEPEST);
    }
}

struct Walk<'u, 'w> {
    uses: &'u Uses<'u>,
    unit: &'w Unit<'u>,
    depths: BTreeMap<&'u str, usize>,
    found: &'w mut Findings,
}

impl<'u> Walk<'u, '_> {
    /// How many templates stand in each other from here on; `left` may.
    fn depth(&mut self, name: &'u str, left: usize) -> usize {
        if let Some(depth) = self.depths.get(name) {
            return *depth;
        }
        let mut deepest = 0;
        for named in self.uses.get(name).map_or(&[][..], |used| &used.named) {
            let Some(used) = self.resolve(named.text) else { continue };
            let depth = if left == 0 { 0 } else { self.depth(used, left - 1) };
            if left == 0 || depth + 1 > DEEPEST {
                let message = "templates extend and include each other more than 5 deep, or without an end: \
                    write out here what is included";
                self.found.add(finding(name, Some(named), message));
                break;
            }
            deepest = deepest.max(depth + 1);
        }
        self.depths.insert(name, deepest);
        deepest
    }

    fn resolve(&self, literal: &str) -> Option<&'u str> {
        resolve(self.uses, &self.unit.folders, bare(literal)).filter(|name| self.unit.names.contains(name))
    }
}
