//! What is wrong with a file that came of a template.

use regex::Regex;

use super::parameters::{Parameter, contradictions, parameters};
use super::read_back::read_back;
use crate::catalog::{Entry, File, Model, Range};

/// How many parameters are told that are there twice.
const MANY: usize = 100;

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// From 1; 0 where it is no single line.
    pub(super) line: usize,
    pub(super) says: String,
}

/// Everything that is wrong with a file of a model, as far as its text shows it.
pub(super) fn faults(entry: Entry<'_>, file: &File, text: &str) -> Vec<Fault> {
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
    for (name, range) in &entry.family.ranges {
        found.extend(beyond(name, range, entry.model, &parameters));
    }
    found
}

fn first_line(file: &File, text: &str) -> Option<Fault> {
    let wanted = file.first_line.as_deref()?;
    let is_there = text.lines().next() == Some(wanted);
    let says = format!(
        "it does not begin with the line `{wanted}`, without which its phones ignore it: write it first"
    );
    (!is_there).then_some(Fault { line: 1, says })
}

/// The first parameter of a name that says more than it may.
fn beyond(name: &str, range: &Range, model: &Model, parameters: &[Parameter]) -> Option<Fault> {
    let pattern = regex::escape(name).replace("\\{n\\}", "([0-9]+)").replace("\\*", ".*");
    let pattern = Regex::new(&format!("^{pattern}$")).ok()?;
    parameters.iter().find_map(|parameter| {
        let found = pattern.captures(&parameter.name)?;
        let says = match range {
            Range::Count(count) => {
                let (most, number) = (model.count(*count), found.get(1)?.as_str());
                let beyond = number.parse::<u64>().map_or(true, |number| number > u64::from(most));
                beyond.then(|| {
                    format!(
                        "`{}` is beyond what a {} has, which is {most}: leave it out",
                        parameter.name, model.name
                    )
                })
            }
            Range::Between([least, most]) => {
                let value = parameter.value.trim_matches('"').parse::<i64>().ok()?;
                let beyond = !(*least..=*most).contains(&value);
                beyond.then(|| {
                    format!(
                        "`{}` is {value}, and may be {least} to {most}: bring it into that range",
                        parameter.name
                    )
                })
            }
        };
        says.map(|says| Fault { line: parameter.line, says })
    })
}
