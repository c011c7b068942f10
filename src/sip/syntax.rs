//! What values of header fields are made of: lists, parameters, quotes, numbers (RFC 3261 §7.3.1, §25.1). All texts
//! are wire texts (see [`super::header`]).

use std::str::FromStr;

/// The members of a comma-separated list; commas in quotes and angle brackets do not separate.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    pieces(value, b',').map(trim).filter(|member| !member.is_empty())
}

/// The pieces of a text between separators that are neither in quotes nor in angle brackets.
pub fn pieces(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = unquoted(text, separator);
        rest = end.map(|end| &text[end + 1..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

/// The value of the first parameter called `name` in `;a=1;b;c="x"`: unquoted, and empty if it has none.
pub fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    pieces(params, b';').find_map(|piece| {
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
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let (mut bytes, mut start) = (text.as_bytes(), 0);
    while let [first, rest @ ..] = bytes
        && blank(first)
    {
        (bytes, start) = (rest, start + 1);
    }
    while let [rest @ .., last] = bytes
        && blank(last)
    {
        bytes = rest;
    }
    &text[start..start + bytes.len()]
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

/// Where `wanted`, an ASCII character, first stands outside of quotes and angle brackets.
pub(super) fn unquoted(value: &str, wanted: u8) -> Option<usize> {
    match search(value, wanted) {
        Search::At(place) => Some(place),
        Search::Nowhere | Search::Open => None,
    }
}

/// Whether all quotes and angle brackets are closed at the end.
pub(super) fn is_closed(value: &str) -> bool {
    search(value, NOTHING) == Search::Nowhere
}

/// A byte that is in no text.
const NOTHING: u8 = 0xff;

#[derive(PartialEq, Eq)]
enum Search {
    At(usize),
    Nowhere,
    /// A quote or an angle bracket is never closed.
    Open,
}

fn search(value: &str, wanted: u8) -> Search {
    let bytes = value.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let closed = match byte {
            byte if *byte == wanted => return Search::At(at),
            b'"' => behind_quotes(bytes, at + 1),
            b'<' => behind_bracket(bytes, at + 1),
            _ => Some(at + 1),
        };
        let Some(next) = closed else { return Search::Open };
        at = next;
    }
    Search::Nowhere
}

/// Behind the quote that closes what `start` is within.
fn behind_quotes(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Behind the bracket that closes what `start` is within; quotes say nothing there.
fn behind_bracket(bytes: &[u8], start: usize) -> Option<usize> {
    Some(start + bytes.get(start..)?.iter().position(|byte| *byte == b'>')? + 1)
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
