//! What is wrong with a file that came of a template.

use super::parameters::{Parameter, contradictions, parameters};
use super::read_back::read_back;
use crate::catalog::{Bound, Count, Entry, File, Model, Said};

/// How many parameters are told that are there twice.
const MANY: usize = 100;

/// How many parameters and ranges are compared with each other, at most.
const COMPARED: usize = 20_000_000;

/// What comparing a parameter with a range costs.
const COMPARING: u64 = 20;

const TOO_MANY: &str =
    "its parameters and the ranges of its family are too many to be compared: state fewer ranges";

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// From 1; 0 where it is no single line.
    pub(super) line: usize,
    pub(super) says: String,
}

/// Everything that is wrong with a file of a model, as far as its text shows it.
pub(super) fn faults(entry: Entry<'_>, file: &File, text: &str) -> Vec<Fault> {
    if let Some(fault) = nothing(file, text).or_else(|| control(text)) {
        return vec![fault];
    }
    if let Err((line, says)) = read_back(file.format, text) {
        return vec![Fault { line, says }];
    }
    let parameters = parameters(file.format, text);
    let mut found: Vec<Fault> = first_line(file, text).into_iter().collect();
    let twice = contradictions(&parameters).into_iter();
    let twice = twice.filter(|(parameter, _)| !entry.brand.repeated.contains(&parameter.name));
    found.extend(twice.take(MANY).map(|(parameter, before)| Fault {
        line: parameter.line,
        says: format!("`{}` is there twice, first in line {before}: say it once", parameter.name),
    }));
    let bounds = entry.family.bounds();
    if bounds.len().saturating_mul(parameters.len()) > COMPARED {
        found.push(Fault { line: 0, says: TOO_MANY.to_owned() });
        return found;
    }
    found.extend(bounds.iter().filter_map(|bound| beyond(bound, entry.model, &parameters)));
    found
}

/// What comparing the parameters of a file with the ranges of its family costs.
pub(super) fn cost(entry: Entry<'_>, text: &str) -> u64 {
    let lines = text.bytes().filter(|byte| b"\n<,;".contains(byte)).count() + 1;
    (lines as u64).saturating_mul(COMPARING * entry.family.bounds().len() as u64)
}

/// A phone that is given nothing may forget all that it was told.
fn nothing(file: &File, text: &str) -> Option<Fault> {
    let says = "it is empty: write what the phone must know, or state `may_be_empty = true` for a list in the catalog";
    (!file.optional && !file.may_be_empty && text.trim().is_empty())
        .then(|| Fault { line: 1, says: says.to_owned() })
}

/// What no format has in it, and what may end a text for its phone.
fn control(text: &str) -> Option<Fault> {
    let is_control = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\r' | '\n');
    let at = text.find(is_control)?;
    let says = format!("it has the control character {:?}: take it out of the template", &text[at..=at]);
    Some(Fault { line: text[..at].matches('\n').count() + 1, says })
}

fn first_line(file: &File, text: &str) -> Option<Fault> {
    let wanted = file.first_line.as_deref()?;
    let is_there = text.lines().next() == Some(wanted);
    let says = format!(
        "it does not begin with the line `{wanted}`, without which its phones ignore it: write it first"
    );
    (!is_there).then_some(Fault { line: 1, says })
}

/// The first parameter that says more than it may.
fn beyond(bound: &Bound, model: &Model, parameters: &[Parameter]) -> Option<Fault> {
    parameters.iter().find_map(|parameter| {
        let says = match bound.of(&parameter.name)? {
            Said::Numbered(count, number) => beyond_count(parameter, model, (count, number)),
            Said::Between(range) => beyond_range(parameter, range),
        };
        says.map(|says| Fault { line: parameter.line, says })
    })
}

fn beyond_count(parameter: &Parameter, model: &Model, (count, number): (Count, &str)) -> Option<String> {
    let most = model.count(count);
    let is_beyond = number.parse::<u64>().map_or(true, |number| number > u64::from(most));
    let name = &parameter.name;
    is_beyond.then(|| format!("`{name}` is beyond what a {} has, which is {most}: leave it out", model.name))
}

fn beyond_range(parameter: &Parameter, [least, most]: [i64; 2]) -> Option<String> {
    let value = parameter.value.trim_matches('"').parse::<i64>().ok()?;
    let is_beyond = !(least..=most).contains(&value);
    let name = &parameter.name;
    is_beyond.then(|| format!("`{name}` is {value}, and may be {least} to {most}: bring it into that range"))
}
