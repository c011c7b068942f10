//! Which line of which template wrote a line of a file.
//!
//! A mark, one private character, is put before each text and each value of every template; the file is made once
//! with and once without them. Where it is the same but for the marks, they say what stands where.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tera::{Context, Tera};

use super::token::{Token, inside, tags, tokens};
use super::uses::Unit;
use super::{Finding, Set, engine, folders, meter, run};
use crate::catalog::{Entry, File, Format};

/// The first of the characters that nobody has given a meaning (Unicode, Supplementary Private Use Area-A).
const FIRST: u32 = 0xF_0000;
/// How many of them there are.
const MARKS: usize = 65_534;

/// A place in a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The template's name.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Templates with marks, compiled as the files of one model need them.
pub(super) struct Marked {
    engine: Tera,
    places: Vec<Place>,
    format: Format,
}

impl Marked {
    /// Puts marks into every template that a model's files can use.
    pub(super) fn of(set: &Set, entry: Entry<'_>, format: Format) -> Result<Self, Finding> {
        let mut places = Vec::new();
        let mut texts = BTreeMap::new();
        let place = set.place_of(entry, format);
        let names = set.engines.get(&(place.clone(), format)).into_iter().flat_map(Tera::get_template_names);
        let names: BTreeSet<&str> = names.collect();
        for (name, text) in names.iter().filter_map(|name| set.texts.get_key_value(*name)) {
            texts.insert(name.clone(), meter::weave(&marked(name, text, &mut places)));
        }
        let unit = Unit { folders: folders(&place), place: Some((place, format)), names };
        let engine = engine(&texts, &unit).map_err(|mut found| found.swap_remove(0))?;
        Ok(Self { engine, places, format })
    }

    /// For each line of a file, the places that wrote something of it, in the order in which it stands there. Empty
    /// where the marks would change the file: where a template looks at what another one wrote.
    pub(super) fn origins(&self, file: &File, context: &Context, body: &[u8]) -> Vec<Vec<Place>> {
        debug_assert_eq!(file.format, self.format);
        let made = run(&self.engine, file, context).ok().and_then(|made| String::from_utf8(made).ok());
        let (mut text, mut lines) = (String::new(), vec![Vec::new()]);
        for c in made.unwrap_or_default().chars() {
            if let Some(place) = self.meant(c) {
                lines.last_mut().into_iter().for_each(|line| line.push(place.clone()));
                continue;
            }
            text.push(c);
            if c == '\n' {
                lines.push(Vec::new());
            }
        }
        lines.iter_mut().for_each(Vec::dedup);
        if text.as_bytes() == body { lines } else { Vec::new() }
    }

    fn meant(&self, mark: char) -> Option<&Place> {
        self.places.get(usize::try_from(u32::from(mark).checked_sub(FIRST)?).ok()?)
    }
}

/// A template with a mark before each piece of text in a line, and before each value.
fn marked(name: &str, text: &str, places: &mut Vec<Place>) -> String {
    let tokens = tokens(text);
    let mut marker = Marker { name, text, places, made: String::new(), from: 0, line: 1, column: 1 };
    for tag in tags(&tokens) {
        let (Some(first), Some(last)) = (tag.first(), tag.last()) else { continue };
        marker.texts(first.at);
        if first.text == "{{" && is_value(inside(tag)) {
            marker.value(first);
        }
        marker.copy(last.end());
    }
    marker.texts(text.len());
    marker.made
}

/// Blocks and components have marks of their own.
fn is_value(inner: &[Token<'_>]) -> bool {
    inner.first().is_some_and(|token| !["<", "super", "throw"].contains(&token.text))
}

struct Marker<'t> {
    name: &'t str,
    text: &'t str,
    places: &'t mut Vec<Place>,
    made: String,
    from: usize,
    line: usize,
    column: usize,
}

impl Marker<'_> {
    /// Takes over what stands up to `to`, counting lines and columns.
    fn copy(&mut self, to: usize) {
        let passed = &self.text[self.from..to];
        self.made.push_str(passed);
        self.line += passed.matches('\n').count();
        let last = passed.rfind('\n').map(|last| &passed[last + 1..]);
        self.column = last.map_or(self.column, |_| 1) + last.unwrap_or(passed).chars().count();
        self.from = to;
    }

    fn mark(&mut self) -> Option<char> {
        let number = self.places.len();
        let mark = char::from_u32(FIRST + u32::try_from(number).ok()?).filter(|_| number < MARKS)?;
        self.places.push(Place { file: self.name.to_owned(), line: self.line, column: self.column });
        Some(mark)
    }

    /// A tag of its own before the value's; it takes over the sign that trims what stands before.
    fn value(&mut self, open: &Token<'_>) {
        let trims = self.text[open.end()..].starts_with('-');
        if let Some(mark) = self.mark() {
            self.made.push_str(if trims { "{{- \"" } else { "{{ \"" });
            self.made.push(mark);
            self.made.push_str("\" }}");
        }
    }

    /// Marks the text up to `to`, line by line, before what is no blank; comments are passed over.
    fn texts(&mut self, to: usize) {
        while self.from < to {
            let rest = &self.text[self.from..to];
            if let Some(comment) = rest.strip_prefix("{#") {
                let end = comment.find("#}").map_or(to, |end| self.from + end + 4);
                self.copy(end.min(to));
                continue;
            }
            let end = [rest.find('\n').map(|at| at + 1), rest.find("{#")];
            let end = end.into_iter().flatten().min().unwrap_or(rest.len());
            let piece = &rest[..end];
            let blanks = piece.len() - piece.trim_start().len();
            let begin = self.from;
            if blanks < piece.len() {
                self.copy(begin + blanks);
                let mark = self.mark();
                self.made.extend(mark);
            }
            self.copy(begin + end);
        }
    }
}
