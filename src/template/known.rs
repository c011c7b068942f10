//! Filters, tests and functions that there are not. The engine would say so as well, but once for each place and each
//! time with the whole line, however long both are.

use std::collections::BTreeMap;

use tera::Tera;

use super::findings::Findings;
use super::token::{Token, inside, tags};
use super::{advice, meter, stopped, warnings};

/// What an engine knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Filter,
    Test,
    Function,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Test => "test",
            Self::Function => "function",
        }
    }

    fn used(self, name: &str) -> String {
        match self {
            Self::Filter => format!("{{{{ 1 | {name} }}}}"),
            Self::Test => format!("{{{{ 1 is {name} }}}}"),
            Self::Function => format!("{{{{ {name}() }}}}"),
        }
    }
}

/// Asks an engine that has no templates, once for each name.
pub(super) struct Known<'t> {
    engine: Tera,
    asked: BTreeMap<(Kind, &'t str), bool>,
}

impl<'t> Known<'t> {
    pub(super) fn new() -> Self {
        let mut engine = Tera::new();
        meter::equip(&mut engine);
        warnings::equip(&mut engine);
        stopped::equip(&mut engine);
        Self { engine, asked: BTreeMap::new() }
    }

    /// Finds the names in a template that nobody knows.
    pub(super) fn check(&mut self, file: &str, tokens: &[Token<'t>], found: &mut Findings) {
        for tag in tags(tokens) {
            let inner = inside(tag);
            for (at, token) in inner.iter().enumerate() {
                let Some(kind) = kind(&inner[..at], token, inner.get(at + 1)) else { continue };
                if !self.is_known(kind, token.text) {
                    let message = || advice::advised(&format!("Unknown {} `{}`", kind.word(), token.text));
                    found.say(file, (token.line, token.column), message);
                }
            }
        }
    }

    fn is_known(&mut self, kind: Kind, name: &'t str) -> bool {
        let ask = || {
            let used = self.engine.add_raw_template("", &kind.used(name));
            used.err().is_none_or(|error| !error.to_string().contains("Unknown "))
        };
        *self.asked.entry((kind, name)).or_insert_with(ask)
    }
}

/// What a name stands for that stands between these.
fn kind(before: &[Token<'_>], token: &Token<'_>, after: Option<&Token<'_>>) -> Option<Kind> {
    const WORDS: [&str; 9] = ["and", "or", "not", "in", "is", "if", "else", "elif", "super"];
    if !token.is_name() || WORDS.contains(&token.text) {
        return None;
    }
    let behind: Vec<&str> = before.iter().rev().take(3).map(|token| token.text).collect();
    match behind[..] {
        ["|", ..] => Some(Kind::Filter),
        ["is", ".", ..] | ["not", "is", "."] | ["." | "component", ..] => None,
        ["is", ..] | ["not", "is", ..] => Some(Kind::Test),
        _ => after.filter(|after| after.text == "(").map(|_| Kind::Function),
    }
}
