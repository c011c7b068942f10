//! The words of a template's tags, with their places.

/// A word, a sign, or the edge of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
}

impl Token<'_> {
    /// True for an identifier.
    pub(super) fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }

    /// True for the end of a tag.
    pub(super) fn is_end(&self) -> bool {
        ["%}", "}}"].contains(&self.text)
    }
}

/// The tokens of all tags of a template. Comments and the text between tags give none; strings give one.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find('{').map(|offset| at + offset) {
        let close = match text[begin..].get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            Some("{#") => {
                at = text[begin..].find("#}").map_or(text.len(), |end| begin + end + 2);
                continue;
            }
            _ => {
                at = begin + 1;
                continue;
            }
        };
        at = tag(text, begin, close, &mut found);
    }
    found
}

/// Reads one tag; gives the place behind it.
fn tag<'t>(text: &'t str, begin: usize, close: &str, found: &mut Vec<Token<'t>>) -> usize {
    found.push(token(text, begin, 2));
    let mut at = begin + 2;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(close) {
            found.push(token(text, at, 2));
            return at + 2;
        }
        let length = length(rest);
        if !rest.starts_with(|c: char| c.is_whitespace()) {
            found.push(token(text, at, length));
        }
        at += length;
    }
    at
}

/// How long the word or sign is that begins here.
fn length(rest: &str) -> usize {
    let Some(first) = rest.chars().next() else { return 0 };
    let run = |inside: fn(char) -> bool| rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
    match first {
        '"' | '\'' | '`' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
        c if c.is_alphabetic() || c == '_' => run(|c| c.is_alphanumeric() || c == '_'),
        c if c.is_ascii_digit() => run(|c| c.is_ascii_digit() || c == '.'),
        '?' if rest.starts_with("?.") => 2,
        '=' | '!' | '<' | '>' if rest[1..].starts_with('=') => 2,
        c => c.len_utf8(),
    }
}

fn token(text: &str, at: usize, length: usize) -> Token<'_> {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() + 1;
    Token { text: &text[at..at + length], line, column: text[line_start..at].chars().count() + 1 }
}
