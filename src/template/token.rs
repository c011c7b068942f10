//! The words of a template's tags, with their places.

/// A word, a sign, or the edge of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    /// Where it begins in the template, in bytes.
    pub(super) at: usize,
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

    /// True for a string.
    pub(super) fn is_text(&self) -> bool {
        self.text.starts_with(['"', '\'', '`'])
    }

    /// True for a number.
    pub(super) fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
    }

    /// True for the end of a tag.
    pub(super) fn is_end(&self) -> bool {
        ["%}", "}}"].contains(&self.text)
    }

    /// Where it ends in the template, in bytes.
    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// The tokens of all tags of a template. Comments and the text between tags give none; strings give one.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut reader = Reader { text, at: 0, line: 1, column: 1, found: Vec::new() };
    while let Some(begin) = text[reader.at..].find('{').map(|offset| reader.at + offset) {
        let close = match text[begin..].get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            Some("{#") => {
                let end = text[begin + 2..].find("#}").map_or(text.len(), |end| begin + end + 4);
                reader.advance(end);
                continue;
            }
            _ => {
                reader.advance(begin + 1);
                continue;
            }
        };
        reader.tag(begin, close);
    }
    reader.found
}

/// The tags of a template: the tokens of each, with its edges.
pub(super) fn tags<'a, 't>(tokens: &'a [Token<'t>]) -> impl Iterator<Item = &'a [Token<'t>]> {
    tokens.split_inclusive(Token::is_end)
}

/// What stands in a tag between its edges and the signs that trim what is before or after it.
pub(super) fn inside<'a, 't>(tag: &'a [Token<'t>]) -> &'a [Token<'t>] {
    let [open, rest @ ..] = tag else { return &[] };
    let rest = match rest {
        [trim, rest @ ..] if trim.text == "-" && trim.at == open.end() => rest,
        _ => rest,
    };
    match rest {
        [inner @ .., trim, close] if trim.text == "-" && trim.end() == close.at => inner,
        [inner @ .., _] => inner,
        [] => &[],
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
    found: Vec<Token<'t>>,
}

impl Reader<'_> {
    /// Goes on to `to`, counting lines and columns.
    fn advance(&mut self, to: usize) {
        let passed = &self.text[self.at..to];
        match passed.rfind('\n') {
            Some(last) => {
                self.line += passed.matches('\n').count();
                self.column = passed[last + 1..].chars().count() + 1;
            }
            None => self.column += passed.chars().count(),
        }
        self.at = to;
    }

    fn take(&mut self, length: usize) {
        let (at, line, column) = (self.at, self.line, self.column);
        self.found.push(Token { text: &self.text[at..at + length], at, line, column });
        self.advance(at + length);
    }

    /// Reads one tag.
    fn tag(&mut self, begin: usize, close: &str) {
        self.advance(begin);
        self.take(2);
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            if rest.starts_with(close) {
                return self.take(2);
            }
            let length = length(rest);
            if rest.starts_with(|c: char| c.is_whitespace()) {
                self.advance(self.at + length);
            } else {
                self.take(length);
            }
        }
    }
}

/// How long the word or sign is that begins here.
fn length(rest: &str) -> usize {
    let Some(first) = rest.chars().next() else { return 0 };
    let run = |inside: fn(char) -> bool| rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
    match first {
        '"' | '\'' | '`' => string(rest, first),
        c if c.is_alphabetic() || c == '_' => run(|c| c.is_alphanumeric() || c == '_'),
        c if c.is_ascii_digit() => run(|c| c.is_ascii_digit() || c == '.'),
        '.' if rest.starts_with("...") => 3,
        '?' if rest.starts_with("?.") => 2,
        '=' | '!' | '<' | '>' if rest[1..].starts_with('=') => 2,
        c => c.len_utf8(),
    }
}

/// How long a string is with its quotes. A backslash takes what follows it into the string.
fn string(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    let ends = |c: char| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    rest[1..].find(ends).map_or(rest.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_behind_a_backslash_does_not_end_its_string() {
        let texts: Vec<&str> = tokens(r#"{{ "a\"}}" ~ 'b\\' }}"#).iter().map(|token| token.text).collect();
        assert_eq!(texts, ["{{", r#""a\"}}""#, "~", r"'b\\'", "}}"]);
    }

    #[test]
    fn a_token_knows_its_line_and_its_column() {
        let found = tokens("ä{# {{ no }}\n #}\nü {%- if a -%}\n{{ ...b }}");
        let placed: Vec<_> = found.iter().map(|token| (token.text, token.line, token.column)).collect();
        assert_eq!(placed[0], ("{%", 3, 3));
        assert_eq!(placed[2..4], [("if", 3, 7), ("a", 3, 10)]);
        assert_eq!(placed[6..], [("{{", 4, 1), ("...", 4, 4), ("b", 4, 7), ("}}", 4, 9)]);
        let inner: Vec<Vec<&str>> =
            tags(&found).map(|tag| inside(tag).iter().map(|token| token.text).collect()).collect();
        assert_eq!(inner, [vec!["if", "a"], vec!["...", "b"]]);
    }
}
