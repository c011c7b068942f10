//! What values of header fields are made of: lists, parameters, quotes, numbers (RFC 3261 §7.3.1, §25.1). All texts
//! are wire texts (see [`super::header`]).

use std::str::FromStr;

/// The members of a comma-separated list; commas in quotes and angle brackets do not separate.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    pieces(value, ',').map(trim).filter(|member| !member.is_empty())
}

/// The pieces of a text between separators that are neither in quotes nor in angle brackets.
pub fn pieces(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends: Vec<usize> = unquoted(value, separator).chain([value.len()]).collect();
    ends.into_iter().map(move |end| {
        let piece = &value[start..end];
        start = end + 1;
        piece
    })
}

/// The value of the first parameter called `name` in `;a=1;b;c="x"`: unquoted, and empty if it has none.
pub fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    pieces(params, ';').find_map(|piece| {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        trim(key).eq_ignore_ascii_case(name).then(|| unquote(trim(value)))
    })
}

/// Splits at the colon before a port; the colons of an IPv6 literal are none.
pub fn host_and_port(sent_by: &str) -> (&str, Option<&str>) {
    let after = sent_by.find(']').map_or(0, |bracket| bracket + 1);
    match sent_by[after..].find(':') {
        Some(colon) => (&sent_by[..after + colon], Some(&sent_by[after + colon + 1..])),
        None => (sent_by, None),
    }
}

/// Takes off the blanks around a text. Not `str::trim`, to which the byte 0x85 of a wire text is a blank too.
pub fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads a number of digits only. Not `str::parse` alone, which takes a plus sign too.
pub fn number<N: FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Takes the quotes off a quoted string; what is escaped in it stays escaped.
pub fn unquote(value: &str) -> &str {
    value.strip_prefix('"').map_or(value, |rest| rest.strip_suffix('"').unwrap_or(rest))
}

/// Where `wanted` stands outside of quotes and angle brackets.
pub(super) fn unquoted(value: &str, wanted: char) -> impl Iterator<Item = usize> {
    let mut within = Within::default();
    value.char_indices().filter_map(move |(at, c)| {
        let plain = within.nothing();
        within.step(c);
        (plain && c == wanted).then_some(at)
    })
}

/// Whether all quotes and angle brackets are closed at the end.
pub(super) fn is_closed(value: &str) -> bool {
    let mut within = Within::default();
    value.chars().for_each(|c| within.step(c));
    within.nothing()
}

/// What a place in a value is within.
#[derive(Default)]
struct Within {
    quotes: bool,
    escape: bool,
    brackets: bool,
}

impl Within {
    fn nothing(&self) -> bool {
        !self.quotes && !self.brackets
    }

    fn step(&mut self, c: char) {
        match c {
            _ if self.escape => self.escape = false,
            '\\' if self.quotes => self.escape = true,
            '"' if !self.brackets => self.quotes = !self.quotes,
            '<' if !self.quotes => self.brackets = true,
            '>' if !self.quotes => self.brackets = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_split_where_a_person_would_split_it() {
        let members: Vec<_> = list("<sip:a,b@c>;x=\"1,2\" , \"a\\\",\" <sip:d@e>,, *").collect();
        assert_eq!(members, ["<sip:a,b@c>;x=\"1,2\"", "\"a\\\",\" <sip:d@e>", "*"]);
    }

    #[test]
    fn a_parameter_is_found_in_any_case_and_without_its_quotes() {
        let params = ";Expires = 60;+sip.instance=\"<urn:uuid:1;2>\";ob";
        assert_eq!(param(params, "expires"), Some("60"));
        assert_eq!(param(params, "+sip.instance"), Some("<urn:uuid:1;2>"));
        assert_eq!(param(params, "ob"), Some(""));
        assert_eq!(param(params, "q"), None);
    }

    #[test]
    fn a_number_has_digits_only() {
        assert_eq!(
            ["7", "007", "+7", "-7", " 7", "", "256"].map(number::<u8>),
            [Some(7), Some(7), None, None, None, None, None]
        );
    }

    #[test]
    fn a_value_is_closed_when_its_quotes_and_brackets_are() {
        for open in ["\"", "<", "\"\\\"", "<\">\"", "\"<\"<"] {
            assert!(!is_closed(open), "{open}");
        }
        for closed in ["", "\"<\"", "<\">", "\"\\\"\"", ">", "\"\\\\\""] {
            assert!(is_closed(closed), "{closed}");
        }
    }
}
