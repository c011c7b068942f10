//! Which lines of which templates, which settings, and which lines of which documents made each line of a file.
//!
//! Nothing is told from the texts: each setting is given another value, and the lines that change are those that it
//! shaped; each line of a document is taken away or changed, and the settings that change came from it. So what is
//! said is so. What is not said may be so all the same: a line that stays as it is with every value that was tried.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::catalog::File;
use crate::settings::{Parts, SettingsError, assemble};
use crate::template::{Finding, Place, Set};

mod leaves;
mod sources;

use leaves::{Leaf, leaves, put};
pub use sources::Source;

/// How a file came to be what it is. Secrets are masked in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What the catalog says of the file and of the model.
    pub catalog: Vec<Row>,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A row of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The catalog's name, such as `yealink.toml`.
    pub file: String,
    /// From 1; 0 where it cannot be told.
    pub line: usize,
    /// What stands there, such as `families.t4x.models.t46s`.
    pub path: String,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What stands in it.
    pub text: String,
    /// Where in templates it was written; empty for an empty line, and where that cannot be told.
    pub written: Vec<Place>,
    /// The settings that shaped it, by name.
    pub shaped: Vec<Shape>,
}

/// A setting that shaped a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Its name, as templates call it: `lines[0].label`.
    pub setting: String,
    /// Its value; a secret is masked.
    pub value: Value,
    /// Where that came from; empty where nothing says it, so that it is what it is by default.
    pub sources: Vec<Source>,
}

/// Why a file cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There are no settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no file.
    #[error(transparent)]
    Template(#[from] Finding),
}

/// Explains a file of a phone.
pub fn explain(set: &Set, parts: Parts<'_>, file: &File) -> Result<Explanation, ExplainError> {
    let mut settings = assemble(parts)?.settings;
    let all = serde_json::to_value(&settings).unwrap_or_default();
    settings.mask();
    let masked = serde_json::to_value(&settings).unwrap_or_default();
    let (body, origins) = set.origins(parts.entry, file, &settings)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let shapes = shapes(set, parts, file, (&masked, &text));
    let sources = sources::of(parts, &all);
    let known = leaves(&masked);
    let shape = |leaf: &&Leaf| Shape {
        setting: leaf.name.clone(),
        value: masked.pointer(&leaf.pointer).cloned().unwrap_or_default(),
        sources: sources.get(&leaf.pointer).into_iter().flatten().cloned().collect(),
    };
    let lines = text.lines().enumerate().map(|(at, text)| Line {
        text: text.to_owned(),
        written: origins.get(at).cloned().unwrap_or_default(),
        shaped: known.iter().filter(|leaf| is_shaped(&shapes, leaf, at)).map(|leaf| shape(&leaf)).collect(),
    });
    Ok(Explanation { catalog: rows(set, parts, file), lines: lines.collect() })
}

/// By setting, the lines that it shapes.
type Shapes = BTreeMap<String, BTreeSet<usize>>;

fn is_shaped(shapes: &Shapes, leaf: &Leaf, line: usize) -> bool {
    shapes.get(&leaf.pointer).is_some_and(|lines| lines.contains(&line))
}

/// Gives each setting other values, and looks which lines change. A value that the templates refuse says nothing.
fn shapes(set: &Set, parts: Parts<'_>, file: &File, (settings, text): (&Value, &str)) -> Shapes {
    let mut shapes = Shapes::new();
    let all = leaves(settings);
    let words = words(&all);
    for leaf in &all {
        let said = words.get(leaf.field()).into_iter().flatten().filter(|word| **word != &leaf.value);
        for other in leaf.others().into_iter().chain(said.map(|word| (*word).clone())) {
            let mut changed = settings.clone();
            put(&mut changed, &leaf.pointer, other);
            if let Ok(made) = set.render_value(parts.entry, file, &changed) {
                let lines = changed_lines(text, &String::from_utf8_lossy(&made));
                shapes.entry(leaf.pointer.clone()).or_default().extend(lines);
            }
        }
    }
    shapes
}

/// The texts that fields of one name hold, where they are few: those are the words that the field knows.
fn words(all: &[Leaf]) -> BTreeMap<&str, Vec<&Value>> {
    let mut words = BTreeMap::<_, Vec<&Value>>::new();
    for leaf in all.iter().filter(|leaf| leaf.value.is_string()) {
        let known = words.entry(leaf.field()).or_default();
        if !known.contains(&&leaf.value) {
            known.push(&leaf.value);
        }
    }
    words.retain(|_, known| known.len() <= 8);
    words
}

/// The lines of `before`, from 0, that are not there or otherwise in `after`.
fn changed_lines(before: &str, after: &str) -> Vec<usize> {
    if before == after {
        return Vec::new();
    }
    let [before, after] = [before, after].map(|text| text.lines().collect::<Vec<_>>());
    let gone = |op: DiffOp| match op {
        DiffOp::Delete { old_index, old_len, .. } | DiffOp::Replace { old_index, old_len, .. } => {
            old_index..old_index + old_len
        }
        DiffOp::Equal { .. } | DiffOp::Insert { .. } => 0..0,
    };
    capture_diff_slices(Algorithm::Myers, &before, &after).into_iter().flat_map(gone).collect()
}

fn rows(set: &Set, parts: Parts<'_>, file: &File) -> Vec<Row> {
    let entry = parts.entry;
    let at = entry.files().position(|other| other.name == file.name).unwrap_or_default();
    let family = format!("families.{}", entry.family_id);
    let paths = [format!("{family}.files.{at}"), format!("{family}.models.{}", entry.model_id)];
    let row = |path: String| {
        let line = set.catalog_line(entry.brand_id, &path).unwrap_or_default();
        Row { file: format!("{}.toml", entry.brand_id), line, path }
    };
    paths.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests;
