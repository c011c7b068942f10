//! What stands where in a tag: brackets and what they hang on, and where values begin and end.

use super::super::token::Token;

/// Words that stand between or before values.
pub(super) const OPERATORS: [&str; 9] = ["and", "or", "not", "in", "is", "if", "else", "elif", "for"];

/// The names that a component's arguments have in it.
pub(super) fn arguments(inner: &[Token<'_>]) -> String {
    let (mut names, mut depth) = (Vec::new(), 0_usize);
    for pair in inner.windows(2) {
        match pair[0].text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = ["(", ",", "@", "..."].contains(&pair[0].text);
        if depth == 1 && begins && pair[1].is_name() {
            names.push(pair[1].text);
        }
    }
    names.join(", ")
}

/// True before the `in` of `[x for y in z]`.
pub(super) fn binds(before: &[Token<'_>]) -> bool {
    matches!(before, [.., word, _] | [.., word, _, _, _] if word.text == "for")
}

/// True where a `[` looks into what stands before it.
pub(crate) fn is_part(before: &[Token<'_>]) -> bool {
    before.last().is_some_and(|token| ends_operand(token) || token.text == "?")
}

/// What a `[` looks into.
pub(crate) enum Container<'a, 't> {
    /// A name, with its fields and parts.
    Path(&'a [Token<'t>]),
    /// What stands in brackets of its own.
    Group(&'a [Token<'t>]),
    /// What a function made, which pays for it, or a list that stands here.
    Made,
}

/// What a `[` looks into that stands behind these; `None` where it is anything else.
pub(crate) fn container<'a, 't>(before: &'a [Token<'t>]) -> Option<Container<'a, 't>> {
    if before.last()?.text == ")" {
        let opens =
            |at: &usize| before[*at].text == "(" && matched(&before[*at..]).len() == before.len() - at;
        let at = (0..before.len()).rev().find(opens)?;
        let called = at.checked_sub(1).map(|name| &before[name]).filter(|name| ends_operand(name));
        let piped = at.checked_sub(2).is_some_and(|sign| ["|", "is", "not"].contains(&before[sign].text));
        return match called {
            None => Some(Container::Group(&before[at + 1..before.len() - 1])),
            Some(name) if name.is_name() && !piped => Some(Container::Made),
            Some(_) => None,
        };
    }
    if before.last()?.text == "]" {
        let opens =
            |at: &usize| before[*at].text == "[" && matched(&before[*at..]).len() == before.len() - at;
        let at = (0..before.len()).rev().find(opens)?;
        if !is_part(&before[..at]) {
            return Some(Container::Made);
        }
    }
    let path = path(before)?;
    let root = before.iter().position(|token| token.at == path[0].at)?;
    let piped = before[..root].last().is_some_and(|sign| ["|", "is"].contains(&sign.text));
    (!piped).then_some(Container::Path(path))
}

fn path<'a, 't>(before: &'a [Token<'t>]) -> Option<&'a [Token<'t>]> {
    let mut at = before.len();
    loop {
        let last = before[..at].last()?;
        if last.text == "?" {
            at -= 1;
        } else if last.text == "]" {
            at = opening(&before[..at])?;
        } else if last.is_name() && !OPERATORS.contains(&last.text) {
            at -= 1;
            if !before[..at].last().is_some_and(|token| [".", "?."].contains(&token.text)) {
                let asks = before.iter().rev().take_while(|token| token.text == "?").count();
                return Some(&before[at..before.len() - asks]);
            }
            at -= 1;
        } else {
            return None;
        }
    }
}

/// Where the bracket opens that is closed here, if nothing that makes something stands in it.
fn opening(before: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in before.iter().enumerate().rev() {
        match token.text {
            "]" => depth += 1,
            "[" => depth -= 1,
            "." | "?." | "?" | "+" | "-" | ":" => {}
            _ if token.is_text() || token.is_number() => {}
            _ if token.is_name() && !OPERATORS.contains(&token.text) => {}
            _ => return None,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

pub(super) fn ends_operand(token: &Token<'_>) -> bool {
    let value = token.text.starts_with(|c: char| c.is_alphanumeric() || "_\"'`)]}".contains(c));
    value && !OPERATORS.contains(&token.text)
}

/// What begins with a bracket, up to the one that closes it.
pub(super) fn matched<'a, 't>(tokens: &'a [Token<'t>]) -> &'a [Token<'t>] {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return &tokens[..=at];
        }
    }
    tokens
}

/// Where a word stands that is in no bracket.
pub(super) fn outside(tokens: &[Token<'_>], word: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.text == word {
            return Some(at);
        }
        at += if ["(", "[", "{"].contains(&token.text) { matched(&tokens[at..]).len() } else { 1 };
    }
    None
}

/// The value that begins here, with the fields, parts and arguments that hang on it.
pub(super) fn primary<'a, 't>(tokens: &'a [Token<'t>]) -> &'a [Token<'t>] {
    let sign = tokens.iter().take_while(|token| ["-", "not"].contains(&token.text)).count();
    let mut at = sign;
    at += match tokens.get(at).map(|token| token.text) {
        None => return tokens,
        Some("(" | "[" | "{") => matched(&tokens[at..]).len(),
        Some("<") => tokens[at..].iter().position(|token| token.text == ">").map_or(1, |end| end + 1),
        Some(_) => 1,
    };
    loop {
        match tokens.get(at).map(|token| token.text) {
            Some("." | "?.") => at += 2,
            Some("(" | "[") => at += matched(&tokens[at..]).len(),
            Some("?") => at += 1,
            _ => return &tokens[..at.min(tokens.len())],
        }
    }
}
