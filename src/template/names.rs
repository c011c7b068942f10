//! Finds misspelt names that an engine would take for "not set", as in `{% if device.nmae %}`.
//!
//! A scan over the text of templates: every dotted path that begins with a name of the contract is followed
//! through the settings of the samples. It understands `for` and `set`, and leaves alone what it does not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::findings::Findings;
use super::token::{Token, tokens};

/// Names that mean something to the engine, or are no names at all.
const WORDS: &[&str] = &[
    "and",
    "as",
    "block",
    "break",
    "component",
    "continue",
    "else",
    "elif",
    "endblock",
    "endcomponent",
    "endfilter",
    "endfor",
    "endif",
    "endraw",
    "endset",
    "extends",
    "false",
    "filter",
    "for",
    "if",
    "in",
    "include",
    "is",
    "loop",
    "none",
    "not",
    "null",
    "or",
    "raw",
    "self",
    "set",
    "set_global",
    "super",
    "true",
];

/// What paths may lead to, as the samples show it.
pub(super) struct Contract {
    shapes: Vec<Value>,
}

/// What a local name stands for: the elements or the value at paths of the contract.
type Locals<'c> = BTreeMap<String, Vec<&'c Value>>;

impl Contract {
    /// A contract from the settings of samples.
    pub(super) fn of(settings: impl IntoIterator<Item = Value>) -> Self {
        Self { shapes: settings.into_iter().collect() }
    }

    /// Finds the names that do not exist in those of these templates whose owner is asked for. Others may include them.
    pub(super) fn check<'t>(
        &self,
        templates: impl Iterator<Item = (&'t str, &'t str)> + Clone,
        is_asked: impl Fn(&str) -> bool,
        found: &mut Findings,
    ) {
        let mut of_owners = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (name, text) in templates.clone() {
            let names = defined(&tokens(text)).into_iter().map(|token| token.text);
            of_owners.entry(owner(name)).or_default().extend(names);
        }
        let all: BTreeSet<&str> = of_owners.values().flatten().copied().collect();
        let is_of = |owner: &str, name: &str| of_owners.get(owner).is_some_and(|names| names.contains(name));
        for (file, text) in templates.filter(|(file, _)| is_asked(owner(file))) {
            let tokens = tokens(text);
            for local in defined(&tokens) {
                self.hidden(file, &local, found);
            }
            let owner = owner(file);
            let is_local = |name: &str| match owner {
                SHARED => all.contains(name),
                brand => is_of(brand, name) || is_of(SHARED, name),
            };
            self.check_one(file, &tokens, &is_local, found);
        }
    }

    /// `is_local` knows the names that are defined in some template that this one may include, or be included by.
    fn check_one(
        &self,
        file: &str,
        tokens: &[Token<'_>],
        is_local: &dyn Fn(&str) -> bool,
        found: &mut Findings,
    ) {
        let mut locals = Locals::new();
        for at in 0..tokens.len() {
            unsafe_filter(file, &tokens[at..], found);
            if let Some((name, values)) = self.definition(&tokens[at..], &locals) {
                locals.insert(name, values);
            }
            if !begins_a_path(tokens, at) {
                continue;
            }
            let name = tokens[at].text;
            if is_local(name) && !locals.contains_key(name) && !self.has(name) {
                continue;
            }
            if let Err(missing) = self.follow(&tokens[at..], &locals) {
                let place = (missing.name.line, missing.name.column);
                found.say(file, place, || missing.message());
            }
        }
    }

    /// True for a name that every template sees.
    fn has(&self, name: &str) -> bool {
        self.shapes.iter().any(|shape| shape.get(name).is_some())
    }

    /// Says that a local name takes the place of one of the contract, which would be read as if it were that.
    fn hidden(&self, file: &str, name: &Token<'_>, found: &mut Findings) {
        if self.has(name.text) {
            found.say(file, (name.line, name.column), || {
                format!("`{}` hides what every template sees under this name: take another", name.text)
            });
        }
    }

    /// `for x in path` and `set x = path` say what `x` stands for.
    fn definition<'c>(
        &'c self,
        tokens: &[Token<'_>],
        locals: &Locals<'c>,
    ) -> Option<(String, Vec<&'c Value>)> {
        let [word, name, link, ..] = tokens else { return None };
        let looped = word.text == "for" && link.text == "in";
        let set = word.text.starts_with("set") && link.text == "=";
        if !(looped || set) || !name.is_name() {
            return None;
        }
        let values = self.values(tokens.get(3..)?, locals).unwrap_or_default();
        let elements = |value: &'c Value| value.as_array().into_iter().flatten();
        let values = if looped { values.into_iter().flat_map(elements).collect() } else { values };
        Some((name.text.to_owned(), values))
    }

    /// The values of a path that ends its expression; `None` where more than a path stands there.
    fn values<'c>(&'c self, tokens: &[Token<'_>], locals: &Locals<'c>) -> Option<Vec<&'c Value>> {
        let length = path_length(tokens);
        let ends = tokens.get(length).is_none_or(Token::is_end);
        let mut values = self.roots(tokens.first()?.text, locals)?;
        for part in parts(&tokens[..length]) {
            values = step(&values, part.text);
        }
        ends.then_some(values)
    }

    fn roots<'c>(&'c self, name: &str, locals: &Locals<'c>) -> Option<Vec<&'c Value>> {
        if let Some(values) = locals.get(name) {
            return Some(values.clone());
        }
        let roots: Vec<&Value> = self.shapes.iter().filter_map(|shape| shape.get(name)).collect();
        (!roots.is_empty()).then_some(roots)
    }

    /// Follows a path; says where it leads nowhere.
    fn follow<'c, 't>(&'c self, tokens: &[Token<'t>], locals: &Locals<'c>) -> Result<(), Missing<'c, 't>> {
        let name = tokens[0];
        let Some(mut values) = self.roots(name.text, locals) else {
            return Err(Missing { name, path: Vec::new(), values: self.shapes.iter().collect() });
        };
        let mut path = vec![name.text];
        for part in parts(&tokens[..path_length(tokens)]) {
            let next = step(&values, part.text);
            let named = |value: &&Value| value.as_object().is_some_and(|object| !object.is_empty());
            if part.is_name() && next.is_empty() && values.iter().any(named) {
                return Err(Missing { name: *part, path, values });
            }
            values = next;
            path.extend(part.is_name().then_some(part.text));
        }
        Ok(())
    }
}

/// A name that is not in what its path led to.
struct Missing<'c, 't> {
    name: Token<'t>,
    path: Vec<&'t str>,
    values: Vec<&'c Value>,
}

impl Missing<'_, '_> {
    fn message(&self) -> String {
        let path = self.path.join(".");
        let place = if path.is_empty() { path } else { format!(" in `{path}`") };
        let names = Vec::from_iter(names_of(&self.values)).join(", ");
        format!("there is no `{}`{place}; there are: {names}", self.name.text)
    }
}

fn names_of(values: &[&Value]) -> BTreeSet<String> {
    values.iter().filter_map(|value| value.as_object()).flat_map(|object| object.keys().cloned()).collect()
}

/// Goes one part further: into a field, or into the elements of a list.
fn step<'c>(values: &[&'c Value], part: &str) -> Vec<&'c Value> {
    let within = |value: &&'c Value| match value {
        Value::Object(object) => object.get(part).into_iter().collect(),
        Value::Array(elements) if part == "[" => elements.iter().collect(),
        _ => Vec::new(),
    };
    values.iter().flat_map(within).collect()
}

/// Filters that mark their result as escaped already would let a value break out of its format.
fn unsafe_filter(file: &str, tokens: &[Token<'_>], found: &mut Findings) {
    let [pipe, filter, ..] = tokens else { return };
    let marks = ["safe", "escape", "escape_html", "escape_xml", "newlines_to_br"].contains(&filter.text);
    if pipe.text == "|" && marks {
        let says = "is not allowed: values are escaped as the file's format wants it";
        found.say(file, (filter.line, filter.column), || format!("the filter `{}` {says}", filter.text));
    }
}

/// True for a name that stands for a value: no word of the language, no field, filter, test, function or
/// argument.
fn begins_a_path(tokens: &[Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before)).map_or("", |token| token.text);
    let after = tokens.get(at + 1).map_or("", |token| token.text);
    let tag = ["{%", "<", "block", "endblock", "component", "endcomponent"].contains(&before);
    let used = [".", "?.", "|", "is", "for", "set", "set_global", "filter"].contains(&before);
    let loop_value = before == "," && after == "in";
    let not_a_test = before == "not" && at >= 2 && tokens[at - 2].text == "is";
    let otherwise = tag || used || loop_value || not_a_test || ["(", "=", ":"].contains(&after);
    tokens[at].is_name() && !WORDS.contains(&tokens[at].text) && !otherwise
}

/// How many tokens a path has: a name and what hangs on it.
fn path_length(tokens: &[Token<'_>]) -> usize {
    let mut length = 1;
    loop {
        match tokens.get(length).map(|token| token.text) {
            Some("." | "?.") => length += 2,
            Some("[") => match tokens[length..].iter().position(|token| token.text == "]") {
                Some(closed) => length += closed + 1,
                None => return length,
            },
            _ => return length.min(tokens.len()),
        }
    }
}

/// The fields and the `[` of a path, without what stands in brackets.
fn parts<'p, 't>(path: &'p [Token<'t>]) -> impl Iterator<Item = &'p Token<'t>> {
    let mut depth = 0;
    path.iter().skip(1).filter(move |token| {
        let outside = depth == 0;
        match token.text {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        outside && (token.text == "[" || token.is_name())
    })
}

/// The templates that all brands see.
const SHARED: &str = "shared";

/// Whose a template is: a brand's, or `shared`.
fn owner(template: &str) -> &str {
    template.split('/').next().unwrap_or_default()
}

/// Every name that a template defines: set, looped over, or an argument of a component.
fn defined<'t>(tokens: &[Token<'t>]) -> Vec<Token<'t>> {
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let rest = &tokens[at + 1..];
        let begins_a_tag = tokens[..at].last().is_some_and(|before| ["{%", "-"].contains(&before.text));
        match token.text {
            "for" => names.extend(rest.iter().take(3).take_while(|token| token.text != "in")),
            "set" | "set_global" if begins_a_tag => names.extend(rest.first()),
            "component" if begins_a_tag => names.extend(arguments(rest)),
            _ => {}
        }
    }
    names.retain(Token::is_name);
    names
}

/// The arguments in the head of a component: `row(key, name: string = "", ...rest)`.
fn arguments<'a, 't>(head: &'a [Token<'t>]) -> impl Iterator<Item = &'a Token<'t>> {
    let head = head.iter().position(Token::is_end).map_or(head, |end| &head[..end]);
    let begins = |before: &Token<'_>| ["(", ",", "..."].contains(&before.text);
    head.windows(2).filter(move |pair| begins(&pair[0])).map(|pair| &pair[1])
}

#[cfg(test)]
mod tests;
