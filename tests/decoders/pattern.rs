//! Patterns of names and values: text with words in braces, `*` for anything, and `{n}` for something that is the
//! same in all facts of a list.
//!
//! `{user}` is a word of `words.rs`; `{label~}` is one in which anything may stand in the place of blanks and
//! signs, as phones take them out; `{23000+5*key}` is a number; `{line:271,401,501}` is the first, second or third
//! of a list.

use std::collections::BTreeMap;

/// What words in braces stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    texts: BTreeMap<&'static str, String>,
    numbers: BTreeMap<String, i64>,
}

impl Words {
    /// Adds a word.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        self.texts.insert(name, value.to_owned());
    }

    /// Adds a number that counts from 1, and by its name with a 0 one that counts from 0.
    pub(crate) fn number(&mut self, name: &str, value: i64) {
        self.numbers.insert(name.to_owned(), value);
        self.numbers.insert(format!("{name}0"), value - 1);
    }

    /// The fact, if it says something: that it is about this account or key, and names no word that is empty.
    pub(crate) fn said<'f>(&self, fact: &'f str) -> Option<&'f str> {
        let about = fact.split_once(": ").and_then(|(about, fact)| Some((self.is_within(about)?, fact)));
        let (is_about, fact) = about.unwrap_or((true, fact));
        (is_about && !self.leave_empty(fact)).then_some(fact)
    }

    /// Whether a number is within a range, such as `key 5-36` or `key beyond-36`; None where this is no range.
    fn is_within(&self, about: &str) -> Option<bool> {
        let (name, range) = about.split_once(' ')?;
        let (first, last) = range.split_once('-')?;
        let number = self.numbers.get(name)?;
        Some((self.number_of(first)?..=self.number_of(last)?).contains(number))
    }

    /// True when the fact names a word that is empty; what picks up may be missing beside others.
    fn leave_empty(&self, fact: &str) -> bool {
        let is_named = |name: &str| match name {
            "pickup" => fact.ends_with("= {pickup}"),
            name => fact.contains(&format!("{{{name}}}")) || fact.contains(&format!("{{{name}~}}")),
        };
        self.texts.iter().any(|(name, value)| value.is_empty() && is_named(name))
    }

    fn number_of(&self, name: &str) -> Option<i64> {
        let name = name.trim();
        name.parse().ok().or_else(|| self.numbers.get(name).copied())
    }

    fn sum(&self, terms: &str) -> Option<i64> {
        terms.split('+').try_fold(0, |sum, term| {
            let product = term.split('*').try_fold(1, |product, name| Some(product * self.number_of(name)?));
            Some(sum + product?)
        })
    }

    fn pick<'w>(&self, name: &str, list: &'w str) -> Option<&'w str> {
        list.split(',').map(str::trim).nth(usize::try_from(self.number_of(name)? - 1).ok()?)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Anything,
    Same,
}

/// A pattern whose words are filled in.
#[derive(Debug, Clone)]
pub(crate) struct Filled(Vec<Part>);

impl Filled {
    /// Fills in the words, and `same` for `{n}` where it is known. None where a list is too short for a number.
    pub(crate) fn of(pattern: &str, words: &Words, same: Option<&str>) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(at) = rest.find(['{', '*']) {
            parts.push(Part::Text(rest[..at].to_owned()));
            if rest[at..].starts_with('*') {
                parts.push(Part::Anything);
                rest = &rest[at + 1..];
            } else {
                let (word, behind) = rest[at + 1..].split_once('}').expect("a brace is closed");
                fill(word, words, same, &mut parts)?;
                rest = behind;
            }
        }
        parts.push(Part::Text(rest.to_owned()));
        Some(Self(parts))
    }

    /// The text, where nothing in it is open.
    pub(crate) fn exact(&self) -> Option<String> {
        let text = |part: &Part| if let Part::Text(text) = part { Some(text.clone()) } else { None };
        self.0.iter().map(text).collect()
    }

    /// The text that all its texts begin with.
    pub(crate) fn start(&self) -> &str {
        if let Some(Part::Text(start)) = self.0.first() { start } else { "" }
    }

    /// What `{n}` can be so that this is the text; one empty text where it is, and there is no `{n}`.
    pub(crate) fn ways(&self, text: &str) -> Vec<String> {
        let mut ways = Vec::new();
        go(&self.0, text, "", &mut ways);
        ways
    }
}

fn fill(word: &str, words: &Words, same: Option<&str>, parts: &mut Vec<Part>) -> Option<()> {
    if word == "n" {
        parts.push(same.map_or(Part::Same, |same| Part::Text(same.to_owned())));
    } else if let Some(value) = word.strip_suffix('~').and_then(|word| words.texts.get(word)) {
        for (number, piece) in value.split(|c: char| !c.is_alphanumeric()).enumerate() {
            parts.extend((number > 0).then_some(Part::Anything));
            parts.push(Part::Text(piece.to_owned()));
        }
    } else if let Some(value) = words.texts.get(word) {
        parts.push(Part::Text(value.clone()));
    } else if let Some((name, list)) = word.split_once(':') {
        parts.push(Part::Text(words.pick(name, list)?.to_owned()));
    } else {
        let sum = words.sum(word).unwrap_or_else(|| panic!("nobody knows what {{{word}}} is"));
        parts.push(Part::Text(sum.to_string()));
    }
    Some(())
}

fn go(parts: &[Part], text: &str, same: &str, ways: &mut Vec<String>) {
    let ends = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    match parts.split_first() {
        None if text.is_empty() => ways.push(same.to_owned()),
        None => {}
        Some((Part::Text(start), rest)) => {
            if let Some(text) = text.strip_prefix(start.as_str()) {
                go(rest, text, same, ways);
            }
        }
        Some((Part::Anything, rest)) => ends().for_each(|at| go(rest, &text[at..], same, ways)),
        Some((Part::Same, rest)) => ends().skip(1).for_each(|at| go(rest, &text[at..], &text[..at], ways)),
    }
}

#[test]
fn words_numbers_and_lists_are_filled_in() {
    let mut words = Words::default();
    words.number("key", 3);
    words.text("label", "Taxi & Co");
    let is = |pattern: &str, text: &str| !Filled::of(pattern, &words, None).unwrap().ways(text).is_empty();
    assert!(is("P{23000+5*key0}", "P23010") && !is("P{23000+5*key0}", "P23015"));
    assert!(is("P{key:270,401,501}", "P501") && Filled::of("{key:1,2}", &words, None).is_none());
    assert!(is("nme={label~};*", "nme=Taxi Co;vid=1") && !is("nme={label};*", "nme=Taxi Co;vid=1"));
    assert_eq!(Filled::of("a.{n}.b", &words, None).unwrap().ways("a.17.b"), ["17"]);
}
