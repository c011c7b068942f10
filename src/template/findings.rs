//! What is told of a pack. However much is wrong with it, what is kept and told of that is bounded.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;

/// How many findings of one file are told.
const OF_FILE: usize = 20;
/// How many are told in all.
const IN_ALL: usize = 200;
/// The longest message, in bytes.
const LONGEST: usize = 2000;
/// How many places beyond those are counted.
const COUNTED: usize = 100_000;

type Place = (usize, usize);

/// Findings, one for each place; of several at one place the one whose message comes first. Those that stand first
/// are kept, the others are counted.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: BTreeMap<(String, Place), String>,
    left: BTreeMap<String, BTreeSet<Place>>,
    counted: usize,
}

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Takes up a finding.
    pub(super) fn add(&mut self, found: Finding) {
        let Finding { file, line, column, message, .. } = found;
        self.say(&file, (line, column), || message);
    }

    /// Takes up what is wrong at a place. What it says is only made where it is kept.
    pub(super) fn say(&mut self, file: &str, place: Place, message: impl FnOnce() -> String) {
        if self.left.get(file).is_some_and(|left| left.contains(&place)) {
            return;
        }
        let last = self.last_of(file).filter(|(count, last)| *count >= OF_FILE && place > *last);
        if last.is_some() {
            return self.leave(file.to_owned(), place);
        }
        let message = shortened(message());
        let there = self.kept.entry((file.to_owned(), place)).or_insert_with(|| message.clone());
        if message < *there {
            *there = message;
        }
        self.leave_what_is_too_much(file);
    }

    fn leave_what_is_too_much(&mut self, file: &str) {
        if let Some((_, last)) = self.last_of(file).filter(|(count, _)| *count > OF_FILE) {
            self.kept.remove(&(file.to_owned(), last));
            self.leave(file.to_owned(), last);
        }
        if self.kept.len() > IN_ALL
            && let Some(((file, place), _)) = self.kept.pop_last()
        {
            self.leave(file, place);
        }
    }

    /// How many findings of a file are kept, and where the last of them is.
    fn last_of(&self, file: &str) -> Option<(usize, Place)> {
        let of = (file.to_owned(), (0, 0))..=(file.to_owned(), (usize::MAX, usize::MAX));
        let mut places = self.kept.range(of).map(|((_, place), _)| *place);
        let last = places.next_back()?;
        Some((places.count() + 1, last))
    }

    fn leave(&mut self, file: String, place: Place) {
        if self.counted < COUNTED && self.left.entry(file).or_default().insert(place) {
            self.counted += 1;
        }
    }

    /// What is told, by file and place: behind the findings of a file, how many more it has, and behind all, how many
    /// more there are in other files.
    pub(super) fn told(mut self) -> Vec<Finding> {
        let mut told = Vec::new();
        let mut kept = self.kept.into_iter().peekable();
        while let Some(((file, (line, column)), message)) = kept.next() {
            let ends = kept.peek().is_none_or(|((next, _), _)| *next != file);
            let left = if ends { self.left.remove(&file) } else { None };
            let more = left.and_then(|left| more(&file, &left));
            told.push(Finding::new(&file, (line, column), message));
            told.extend(more);
        }
        told.extend(elsewhere(&self.left));
        told
    }
}

/// What is left of a file, where it begins.
fn more(file: &str, left: &BTreeSet<Place>) -> Option<Finding> {
    let message = format!("and {} more in this file: mend those that are told first", left.len());
    Some(Finding::new(file, *left.first()?, message))
}

/// What is left of files of which nothing is told.
fn elsewhere(left: &BTreeMap<String, BTreeSet<Place>>) -> Option<Finding> {
    let (first, count) = (left.iter().next()?, left.values().map(BTreeSet::len).sum::<usize>());
    let message = format!(
        "and {count} more from this file on, in {} files: mend those that are told first",
        left.len()
    );
    Some(Finding::new(first.0, *first.1.first()?, message))
}

fn shortened(mut message: String) -> String {
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: impl IntoIterator<Item = (&'static str, usize, &'static str)>) -> Vec<String> {
        let mut findings = Findings::default();
        for (file, line, message) in found {
            findings.say(file, (line, 1), || message.to_owned());
        }
        findings.told().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_place_has_one_finding_and_they_stand_in_the_order_of_files_and_lines() {
        let found = [("b", 1, "x"), ("a", 2, "y"), ("a", 1, "z"), ("a", 2, "x")];
        assert_eq!(told(found), ["a:1:1: z", "a:2:1: x", "b:1:1: x"]);
    }

    #[test]
    fn a_file_with_much_wrong_is_told_of_by_its_first_findings_and_how_many_more_there_are() {
        let said = told((1..=50).rev().chain(1..=50).map(|line| ("a", line, "x")));
        assert_eq!(said.len(), 21);
        assert_eq!(
            (said[19].as_str(), said[20].as_str()),
            ("a:20:1: x", "a:21:1: and 30 more in this file: mend those that are told first")
        );
    }

    #[test]
    fn files_beyond_all_that_is_told_are_counted_together() {
        let names: Vec<&'static str> = (100..150).map(|n| &*format!("{n}").leak()).collect();
        let said = told(names.into_iter().flat_map(|name| (1..=10).map(move |line| (name, line, "x"))));
        assert_eq!(said.len(), 201);
        assert_eq!(
            said[200],
            "120:1:1: and 300 more from this file on, in 30 files: mend those that are told first"
        );
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut findings = Findings::default();
        findings.say("a", (1, 1), || "ü".repeat(1 << 20));
        assert!(findings.told()[0].message.len() < LONGEST + 4);
    }
}
