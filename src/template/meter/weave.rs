//! Puts calls that count into the text of a template, where they change nothing that it makes.
//!
//! Counted are: each template, block and component when it is entered, each loop by its rounds and by what stands in
//! it, each value that is kept, and each that an operator or a filter is given. What is put in has no line break, so
//! that lines stay what they are, and columns can be told from where it stands.

use std::collections::BTreeMap;

use super::super::token::{Token, inside, tags, tokens};
use super::shape::{
    Container, OPERATORS, arguments, binds, container, ends_operand, is_part, matched, outside, primary,
};

/// What a byte of a template costs each time it is passed, and what looking into a list or a text does.
const BYTE: u64 = 10;
const LOOK: u64 = 1000;

/// A template with what counts in it.
#[derive(Debug, Default)]
pub(crate) struct Woven {
    /// The text to compile.
    pub(crate) text: String,
    /// Line, column and length of what was put in, in characters, as they stand in that text.
    put: Vec<(usize, usize, usize)>,
}

impl Woven {
    /// The column of the author's text that stands at this line and column of the woven one, both from 1.
    pub(crate) fn column(&self, line: usize, column: usize) -> usize {
        let before = self.put.iter().filter(|put| put.0 == line && put.1 < column);
        let put: usize = before.map(|(_, at, length)| (*length).min(column - at)).sum();
        column.saturating_sub(put).max(1)
    }
}

/// Puts what counts into a template.
pub(crate) fn weave(text: &str) -> Woven {
    let tokens = tokens(text);
    let mut weaver = Weaver { text, edits: BTreeMap::new() };
    let tags: Vec<&[Token<'_>]> = tags(&tokens).collect();
    if !tags.iter().any(|tag| is(tag, "extends")) {
        weaver.put(0, Rank::Whole, format!("{{{{ entered(cost={}) }}}}", cost(text)));
    }
    for (at, tag) in tags.iter().enumerate() {
        weaver.tag(tag, &tags[at + 1..]);
    }
    weaver.woven()
}

/// True for `{% word … %}`.
fn is(tag: &[Token<'_>], word: &str) -> bool {
    let statement = tag.first().is_some_and(|open| open.text == "{%");
    statement && inside(tag).first().is_some_and(|token| token.text == word)
}

fn cost(text: &str) -> u64 {
    BYTE * text.len() as u64 + LOOK * text.matches('[').count() as u64
}

/// What is put in at one place stands in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Value,
    Close,
    Open,
    Whole,
}

struct Weaver<'t> {
    text: &'t str,
    edits: BTreeMap<(usize, Rank), String>,
}

impl<'t> Weaver<'t> {
    fn put(&mut self, at: usize, rank: Rank, text: String) {
        let there = self.edits.entry((at, rank)).or_default();
        match rank {
            Rank::Value if there.len() >= text.len() => {}
            Rank::Value => *there = text,
            _ => there.push_str(&text),
        }
    }

    fn wrap(&mut self, expression: &[Token<'_>], with: &str) {
        if let [first, ..] = expression {
            let end = expression.last().map_or(first.end(), Token::end);
            self.put(first.at, Rank::Open, "(".to_owned());
            self.put(end, Rank::Close, format!(") | {with}"));
        }
    }

    fn tag(&mut self, tag: &[Token<'t>], after: &[&[Token<'t>]]) {
        match inside(tag) {
            _ if is(tag, "component") => self.enter(tag, "endcomponent", after),
            _ if is(tag, "block") => self.enter(tag, "endblock", after),
            [_, _, _, value @ ..] if is(tag, "set") || is(tag, "set_global") => {
                self.wrap(value, "metered");
                self.expression(value);
            }
            [_, rest @ ..] if is(tag, "for") => self.each(tag, rest, after),
            inner => {
                if tag[0].text == "{{" && makes(inner) {
                    self.wrap(inner, "metered");
                }
                self.expression(inner);
            }
        }
    }

    /// `for x in …`: what stands up to its end is paid for by the round.
    fn each(&mut self, tag: &[Token<'t>], rest: &[Token<'t>], after: &[&[Token<'t>]]) {
        let Some(at) = rest.iter().position(|token| token.text == "in") else { return };
        let body = self.body(tag, ["for", "endfor"], after);
        self.wrap(&rest[at + 1..], &format!("looped(cost={})", cost(body)));
        self.expression(&rest[at + 1..]);
    }

    /// A block or a component is paid for behind the tag that begins it.
    fn enter(&mut self, tag: &[Token<'t>], end: &str, after: &[&[Token<'t>]]) {
        let inner = inside(tag);
        let body = self.body(tag, [inner[0].text, end], after);
        let with = if is(tag, "component") { arguments(inner) } else { String::new() };
        let trims = inner
            .last()
            .zip(tag.last())
            .is_some_and(|(last, close)| self.text[last.end()..close.at].contains('-'));
        let trim = if trims { "-" } else { "" };
        let call = format!("{{{{ entered(cost={}, with=[{with}]) {trim}}}}}", cost(body));
        self.put(tag.last().map_or(0, Token::end), Rank::Whole, call);
    }

    /// The text between a tag and the one that ends it.
    fn body(&self, tag: &[Token<'t>], [begin, end]: [&str; 2], after: &[&[Token<'t>]]) -> &'t str {
        let mut depth = 1;
        let from = tag.last().map_or(0, Token::end);
        for tag in after {
            depth += usize::from(is(tag, begin));
            depth -= usize::from(is(tag, end));
            if depth == 0 {
                return &self.text[from..tag[0].at];
            }
        }
        &self.text[from..]
    }

    /// Pays for what operators and filters are given, and for what functions, spreads and parts of lists give.
    fn expression(&mut self, inner: &[Token<'t>]) {
        let joined = inner.iter().filter(|token| token.text == "~").count().max(1);
        for (at, token) in inner.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &inner[before]);
            let operand = before.filter(|token| ends_operand(token));
            match token.text {
                "~" => {
                    let with = format!(" | metered(times={joined})");
                    self.value(operand, &with);
                    self.value(primary(&inner[at + 1..]).last(), &with);
                }
                "|" => self.value(operand, filtered(inner.get(at + 1))),
                "==" | "!=" | "<" | ">" | "<=" | ">=" | "is" => self.value(operand, " | metered"),
                "in" if !binds(&inner[..at]) => {
                    let denied = before.is_some_and(|token| token.text == "not");
                    let sought = if denied { at.checked_sub(2).map(|at| &inner[at]) } else { operand };
                    self.value(sought, " | metered");
                    self.value(primary(&inner[at + 1..]).last(), " | metered");
                }
                "..." => self.value(primary(&inner[at + 1..]).last(), " | metered(times=4)"),
                "[" if is_part(&inner[..at]) => self.part(&inner[..at], &inner[at..]),
                "[" => self.list(&inner[at..]),
                "(" if before.is_some_and(Token::is_name) => self.call(&inner[..at], &inner[at..]),
                _ => {}
            }
        }
    }

    fn value(&mut self, last: Option<&Token<'_>>, with: &str) {
        if let Some(last) = last {
            self.put(last.end(), Rank::Value, with.to_owned());
        }
    }

    /// `a[b]` looks through a text from its beginning, and at the whole of a text that it looks for in a map;
    /// `a[from:to]` gives a list as long as it likes.
    fn part(&mut self, before: &[Token<'_>], from: &[Token<'_>]) {
        let part = matched(from);
        let [open, within @ .., _] = part else { return };
        let sliced = outside(within, ":");
        let first = &within[..sliced.unwrap_or(within.len())];
        let mut looked = "looked".to_owned();
        match container(before) {
            Some(Container::Path(of)) => {
                let of = self.text.get(of[0].at..of[of.len() - 1].end()).unwrap_or_default();
                looked = format!("looked(of={of})");
            }
            Some(Container::Group(group)) => self.wrap(group, "looked"),
            Some(Container::Made) | None => {}
        }
        match first {
            [] => self.put(open.end(), Rank::Open, format!("none | {looked}")),
            [only] if sliced.is_none() && only.is_text() => {}
            _ => self.wrap(first, &looked),
        }
        if sliced.is_some() {
            self.value(part.last(), " | metered(times=4)");
        }
    }

    /// `[x for y in z if w]` is a loop; each element is paid for as well.
    fn list(&mut self, from: &[Token<'_>]) {
        let list = matched(from);
        let [_, within @ .., _] = list else { return };
        let Some(each) = outside(within, "for") else { return };
        let Some(of) = outside(&within[each..], "in").map(|of| each + of + 1) else { return };
        let until = outside(&within[of..], "if").map_or(within.len(), |until| of + until);
        let text = self.text.get(list[0].at..list[list.len() - 1].end()).unwrap_or_default();
        self.wrap(&within[..each], "metered");
        self.wrap(&within[of..until], &format!("looped(cost={})", CALL_OF_ELEMENT + cost(text)));
    }

    /// What a filter, a test or a function is told besides its value.
    fn told(&mut self, from: &[Token<'_>]) {
        let [_, within @ .., _] = matched(from) else { return };
        let mut left = within;
        while !left.is_empty() {
            let end = outside(left, ",").unwrap_or(left.len());
            match &left[..end] {
                [name, sign, value @ ..] if sign.text == "=" && name.text == "attribute" => {
                    self.wrap(value, "path");
                }
                [_, sign, only] if sign.text == "=" && (only.is_text() || only.is_number()) => {}
                [_, sign, value @ ..] if sign.text == "=" => self.wrap(value, "metered"),
                _ => {}
            }
            left = left.get(end + 1..).unwrap_or_default();
        }
    }

    /// What is told it; and a function's result, but not a filter's or a test's, which stand behind their value.
    fn call(&mut self, before: &[Token<'_>], from: &[Token<'_>]) {
        self.told(from);
        let behind = before.len().checked_sub(2).map_or("", |at| before[at].text);
        let negated = behind == "not" && before.len() > 2 && before[before.len() - 3].text == "is";
        let word = before.last().is_some_and(|token| OPERATORS.contains(&token.text));
        if !(["|", "is"].contains(&behind) || negated || word) {
            self.value(matched(from).last(), made_by(before.last()));
        }
    }

    fn woven(self) -> Woven {
        let mut woven = Woven::default();
        let (mut from, mut line, mut column) = (0, 1, 1);
        for ((at, _), text) in &self.edits {
            let passed = &self.text[from..*at];
            line += passed.matches('\n').count();
            let last = passed.rfind('\n').map(|last| &passed[last + 1..]);
            column = last.map_or(column, |_| 1) + last.unwrap_or(passed).chars().count();
            woven.text.push_str(passed);
            woven.text.push_str(text);
            let length = text.chars().count();
            woven.put.push((line, column, length));
            column += length;
            from = *at;
        }
        woven.text.push_str(&self.text[from..]);
        woven
    }
}

/// True for what writes a list or a map that stands in it.
fn makes(inner: &[Token<'_>]) -> bool {
    let opens = |at: usize| match inner[at].text {
        "{" => true,
        "[" => !is_part(&inner[..at]),
        _ => false,
    };
    inner.first().is_some_and(|first| first.text != "<") && (0..inner.len()).any(opens)
}

/// What an element of a list costs beside its text.
const CALL_OF_ELEMENT: u64 = 200;

/// What a filter pays for its value: nothing but for a text where it only looks at it, and more where it does more
/// with it.
fn filtered(filter: Option<&Token<'_>>) -> &'static str {
    match filter.map_or("", |filter| filter.text) {
        "abs" | "default" | "first" | "float" | "get" | "int" | "last" | "length" | "nth" | "pluralize"
        | "round" => " | looked",
        "split" | "sort" | "title" | "reverse" | "group_by" => " | metered(times=30)",
        "unique" => " | metered(squared=true)",
        _ => " | metered(times=4)",
    }
}

/// What is paid for what a function made: what a block wrote goes on to be written.
fn made_by(function: Option<&Token<'_>>) -> &'static str {
    let is_super = function.is_some_and(|function| function.text == "super");
    if is_super { " | metered(times=50)" } else { " | metered(times=4)" }
}
