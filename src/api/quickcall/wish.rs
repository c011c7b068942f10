//! The options of a quick call, each under the name that Kazoo's document gives it or with `_` for its `-`. Everything
//! that is wrong with them is said at once.

use percent_encoding::percent_decode_str;
use regex::RegexBuilder;

use super::super::error::Failure;
use super::super::request::Call;
use crate::schema::{Invalid, Problem};

/// The shortest ringing, in seconds.
const SHORTEST: u64 = 3;
/// The longest ringing, in seconds.
const LONGEST: u64 = 300;
/// How long it rings if nobody says, in seconds.
const USUAL: u64 = 30;
/// The longest number, name and pattern, in characters.
const MOST: usize = 128;
/// How large a pattern may become, in bytes.
const PATTERN: usize = 1 << 17;

/// How a device is to be called.
#[derive(Debug, PartialEq)]
pub(super) struct Wish {
    /// The number to connect to, after the filter.
    pub(super) number: String,
    /// What the phone shows as calling.
    pub(super) cid_name: String,
    pub(super) cid_number: String,
    pub(super) auto_answer: bool,
    pub(super) ignore_early_media: bool,
    pub(super) media: String,
    /// How long it rings, in seconds.
    pub(super) timeout: u64,
}

impl Wish {
    /// Reads the options and the number of a request.
    pub(super) fn read(call: &Call) -> Result<Self, Failure> {
        let number = percent_decode_str(call.named("number")).decode_utf8_lossy().into_owned();
        let option = |name: &str| call.option(name).or_else(|| call.option(&name.replace('-', "_")));
        Self::of(&number, option).map_err(|invalid| Failure::invalid(&invalid))
    }

    fn of(number: &str, option: impl Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader { option, invalid: Invalid::default() };
        let number = reader.number(number);
        let wish = Self {
            cid_name: reader.text("cid-name").unwrap_or_else(|| "Device QuickCall".to_owned()),
            cid_number: reader.text("cid-number").unwrap_or_else(|| number.clone()),
            number,
            auto_answer: reader.flag("auto_answer", true),
            ignore_early_media: reader.flag("ignore-early-media", true),
            media: reader.media(),
            timeout: reader.timeout(),
        };
        if reader.invalid.is_empty() { Ok(wish) } else { Err(reader.invalid) }
    }
}

struct Reader<O> {
    option: O,
    invalid: Invalid,
}

impl<O: Fn(&str) -> Option<String>> Reader<O> {
    fn flag(&mut self, name: &str, usual: bool) -> bool {
        let Some(value) = (self.option)(name) else { return usual };
        flag(&value).unwrap_or_else(|| {
            let problem = Problem::new("Value did not match type(s): boolean").target("boolean");
            self.invalid.add(name, "type", problem.value(value));
            usual
        })
    }

    /// What is empty is not said.
    fn text(&mut self, name: &str) -> Option<String> {
        let value = (self.option)(name).filter(|value| !value.is_empty())?;
        if value.chars().count() > MOST {
            let message = format!("String must not be more than {MOST} characters");
            self.invalid.add(name, "maxLength", Problem::new(message).target(MOST));
        }
        if value.contains(char::is_control) {
            let problem = Problem::new("Control characters cannot be shown by a phone");
            self.invalid.add(name, "pattern", problem.value(value.clone()));
        }
        Some(value)
    }

    fn media(&mut self) -> String {
        let value = (self.option)("media").unwrap_or_else(|| "process".to_owned());
        if !matches!(value.as_str(), "bypass" | "process") {
            let problem =
                Problem::new("Value not found in enumerated list of values").target("bypass, process");
            self.invalid.add("media", "enum", problem.value(value.clone()));
        }
        value
    }

    fn timeout(&mut self) -> u64 {
        let Some(value) = (self.option)("timeout") else { return USUAL };
        let (code, message, target) = match value.parse::<i64>().map(u64::try_from) {
            Ok(Ok(seconds)) if (SHORTEST..=LONGEST).contains(&seconds) => return seconds,
            Ok(Ok(seconds)) if seconds > LONGEST => {
                ("maximum", format!("Value must be at most {LONGEST}"), LONGEST)
            }
            Ok(_) => ("minimum", format!("Value must be at least {SHORTEST}"), SHORTEST),
            Err(_) => {
                let problem = Problem::new("Value did not match type(s): integer").target("integer");
                self.invalid.add("timeout", "type", problem.value(value));
                return USUAL;
            }
        };
        self.invalid.add("timeout", code, Problem::new(message).target(target).value(value));
        USUAL
    }

    /// The number to dial: filtered if that is wanted, and one that a phone can dial.
    fn number(&mut self, given: &str) -> String {
        let number = match (self.option)("number_filter").or_else(|| (self.option)("number-filter")) {
            None => given.to_owned(),
            Some(filter) => match filtered(&filter, given) {
                Ok(number) => number,
                Err(problem) => {
                    self.invalid.add("number_filter", "invalid", problem.value(filter));
                    return String::new();
                }
            },
        };
        if !can_be_dialled(&number) {
            let problem = Problem::new("This is no number that a phone can dial").cause(number.clone());
            self.invalid.add("number", "invalid", problem.value(given));
        }
        number
    }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn filtered(filter: &str, number: &str) -> Result<String, Problem> {
    match flag(filter) {
        Some(true) => Ok(number.chars().filter(char::is_ascii_alphanumeric).collect()),
        Some(false) => Ok(number.to_owned()),
        None => captured(filter, number),
    }
}

/// The first group of what the pattern finds. Patterns are searched for in linear time, whatever they are.
fn captured(pattern: &str, number: &str) -> Result<String, Problem> {
    if pattern.chars().count() > MOST {
        return Err(Problem::new(format!("The pattern must not be more than {MOST} characters")).target(MOST));
    }
    let built = RegexBuilder::new(pattern).size_limit(PATTERN).dfa_size_limit(PATTERN).nest_limit(20).build();
    let regex =
        built.map_err(|_| Problem::new("The filter is neither a boolean nor a regular expression"))?;
    if regex.captures_len() < 2 {
        return Err(Problem::new("The pattern has no group that says which part is the number"));
    }
    let found = regex.captures(number).and_then(|captures| Some(captures.get(1)?.as_str().to_owned()));
    found.ok_or_else(|| Problem::new("The pattern does not match the number").cause(number))
}

/// A user part of a URI that is dialled: digits, letters (of extensions with names) and signs, something of it to dial.
fn can_be_dialled(number: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || "+*#-._()".contains(c);
    let dials = |c: char| c.is_ascii_alphanumeric() || "*#".contains(c);
    number.len() <= MOST && number.chars().all(sign) && number.contains(dials)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wish(number: &str, options: &[(&str, &str)]) -> Result<Wish, Value> {
        let option =
            |name: &str| options.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Wish::of(number, option).map_err(|invalid| json!(invalid))
    }

    fn dialled(number: &str, filter: &str) -> Result<String, Value> {
        wish(number, &[("number_filter", filter)]).map(|wish| wish.number)
    }

    #[test]
    fn without_options_it_is_as_the_document_says() {
        let expected = Wish {
            number: "+431".into(),
            cid_name: "Device QuickCall".into(),
            cid_number: "+431".into(),
            auto_answer: true,
            ignore_early_media: true,
            media: "process".into(),
            timeout: 30,
        };
        assert_eq!(wish("+431", &[]), Ok(expected));
    }

    #[test]
    fn every_option_is_taken() {
        let options = [
            ("cid-name", "Müller"),
            ("cid-number", "99"),
            ("auto_answer", "false"),
            ("ignore-early-media", "false"),
            ("media", "bypass"),
            ("timeout", "3"),
        ];
        let wish = wish("1", &options).unwrap();
        assert_eq!((&wish.cid_name[..], &wish.cid_number[..], wish.timeout), ("Müller", "99", 3));
        assert_eq!((wish.auto_answer, wish.ignore_early_media, &wish.media[..]), (false, false, "bypass"));
    }

    #[test]
    fn a_filter_leaves_what_is_to_be_dialled() {
        assert_eq!(dialled("+43 (1) 234-5", "true"), Ok("4312345".into()));
        assert_eq!(dialled("+431", "false"), Ok("+431".into()));
        assert_eq!(dialled("0043123", "^00(\\d+)$"), Ok("43123".into()));
        assert_eq!(dialled("tel:+431;x", "(?:tel:)?(\\+\\d+)(;)?"), Ok("+431".into()));
    }

    #[test]
    fn a_filter_that_leaves_no_number_is_refused() {
        let said = |number, filter| {
            dialled(number, filter).unwrap_err()["number_filter"]["invalid"]["message"].clone()
        };
        assert_eq!(said("123", "^00(\\d+)$"), "The pattern does not match the number");
        assert_eq!(said("123", "\\d+"), "The pattern has no group that says which part is the number");
        assert_eq!(said("123", "1|(9)"), "The pattern does not match the number");
        let deep = "(".repeat(100);
        for pattern in ["(", "(\\w{1000}){1000}", "(a)\\1", &deep] {
            assert_eq!(said("123", pattern), "The filter is neither a boolean nor a regular expression");
        }
        assert_eq!(said("1", &"(a)".repeat(50)), "The pattern must not be more than 128 characters");
        assert!(dialled("+-", "true").unwrap_err()["number"]["invalid"].is_object());
    }

    #[test]
    fn a_pattern_that_is_hard_for_others_is_easy() {
        let number = "a".repeat(100);
        assert!(dialled(&number, "^(a+)+$").is_ok());
        assert!(dialled(&(number + "!"), "^((a+)+)+$").is_err());
    }

    #[test]
    fn a_number_that_cannot_be_dialled_is_refused() {
        for number in ["", " ", "+", "1 2", "1@x", "1;x", "1>", "1\r\n", "\u{661}", &"1".repeat(129)] {
            assert!(wish(number, &[]).unwrap_err()["number"]["invalid"].is_object(), "{number}");
        }
        for number in ["1", "+431", "*98", "#", "alice", "(01) 2".replace(' ', "").as_str()] {
            assert!(wish(number, &[]).is_ok(), "{number}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let options = [
            ("auto_answer", "yes"),
            ("ignore-early-media", ""),
            ("media", "both"),
            ("timeout", "2"),
            ("cid-name", "a\nb"),
            ("cid-number", &"1".repeat(129)),
        ];
        let said = wish("", &options).unwrap_err();
        let codes = [
            ("auto_answer", "type"),
            ("ignore-early-media", "type"),
            ("media", "enum"),
            ("timeout", "minimum"),
            ("cid-name", "pattern"),
            ("cid-number", "maxLength"),
            ("number", "invalid"),
        ];
        assert_eq!(said.as_object().unwrap().len(), codes.len());
        for (path, code) in codes {
            assert!(said[path][code]["message"].is_string(), "{path}: {said}");
        }
    }

    #[test]
    fn a_timeout_is_a_whole_number_of_seconds_within_limits() {
        let said = |timeout| wish("1", &[("timeout", timeout)]).map(|wish| wish.timeout);
        assert_eq!((said("3"), said("300")), (Ok(3), Ok(300)));
        for (timeout, code) in
            [("301", "maximum"), ("-5", "minimum"), ("3.5", "type"), ("", "type"), ("x", "type")]
        {
            assert!(said(timeout).unwrap_err()["timeout"][code].is_object(), "{timeout}");
        }
    }
}
