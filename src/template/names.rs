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

    /// Finds the names in these templates that do not exist.
    pub(super) fn check<'t>(
        &self,
        templates: impl Iterator<Item = (&'t str, &'t str)> + Clone,
        found: &mut Findings,
    ) {
        let mut everywhere = BTreeSet::new();
        for (_, text) in templates.clone() {
            everywhere.extend(defined(&tokens(text)));
        }
        for (name, text) in templates {
            self.check_one(name, &tokens(text), &everywhere, found);
        }
    }

    fn check_one(
        &self,
        file: &str,
        tokens: &[Token<'_>],
        everywhere: &BTreeSet<String>,
        found: &mut Findings,
    ) {
        let mut locals = Locals::new();
        for at in 0..tokens.len() {
            unsafe_filter(file, &tokens[at..], found);
            if let Some((name, values)) = self.definition(&tokens[at..], &locals) {
                self.hidden(file, &tokens[at + 1], found);
                locals.insert(name, values);
            }
            if !begins_a_path(tokens, at) {
                continue;
            }
            let local = everywhere.contains(tokens[at].text) && !locals.contains_key(tokens[at].text);
            if local {
                continue;
            }
            if let Err(missing) = self.follow(&tokens[at..], &locals) {
                let place = (missing.name.line, missing.name.column);
                found.say(file, place, || missing.message());
            }
        }
    }

    /// Says that a local name takes the place of one of the contract, which would be read as if it were that.
    fn hidden(&self, file: &str, name: &Token<'_>, found: &mut Findings) {
        if self.shapes.iter().any(|shape| shape.get(name.text).is_some()) {
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

/// Every name that some template defines: set, looped over, or an argument of a component.
fn defined(tokens: &[Token<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let until = match token.text {
            "for" => "in",
            "set" | "set_global" => "=",
            "component" => "%}",
            _ => continue,
        };
        let rest = tokens[at + 1..].iter().take_while(|token| token.text != until);
        names.extend(rest.filter(|token| token.is_name()).map(|token| token.text.to_owned()));
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str) -> Vec<String> {
        let with = json!({"device": {"name": "n", "mac": "m"}, "keys": [{"type": "line", "value": ""}], "time": {"dst": {"start": 1}}});
        let without = json!({"device": {"name": "n", "mac": "m"}, "keys": [], "time": {"dst": null}});
        let mut found = Findings::default();
        Contract::of([with, without]).check([("a.cfg", text)].into_iter(), &mut found);
        found.told().iter().map(|f| format!("{}:{} {}", f.line, f.column, f.message)).collect()
    }

    #[test]
    fn a_misspelt_field_is_found_where_the_engine_would_not_mind() {
        assert_eq!(
            check("x\n{% if device.nmae %}y{% endif %}"),
            ["2:14 there is no `nmae` in `device`; there are: mac, name"]
        );
        assert_eq!(check("{{ device.nmae or 'x' }}").len(), 1);
        assert_eq!(check("{{ 'a' if device.mca else 'b' }}").len(), 1);
        assert_eq!(check("{{ devcie.name }}"), ["1:4 there is no `devcie`; there are: device, keys, time"]);
    }

    #[test]
    fn names_of_loops_and_sets_are_followed_to_what_they_stand_for() {
        assert_eq!(check("{% for key in keys %}{{ key.value }}{% endfor %}"), [] as [&str; 0]);
        assert_eq!(check("{% for key in keys %}{{ key.vlaue }}{% endfor %}").len(), 1);
        assert_eq!(check("{% set d = device %}{% if d.nmae %}{% endif %}").len(), 1);
        assert_eq!(check("{{ keys[0].type }}{{ keys[0].tpye }}").len(), 1);
    }

    #[test]
    fn a_local_name_that_hides_one_of_the_contract_is_found() {
        let told = ["1:8 `device` hides what every template sees under this name: take another"];
        assert_eq!(check("{% set device = {'a': 1} %}{% if device.key %}{% endif %}"), told);
        assert_eq!(check("{% for keys in [keys] %}{% endfor %}").len(), 1);
        assert_eq!(check("{% set own = device %}{% for key in keys %}{{ key.type }}{% endfor %}"), [""; 0]);
    }

    #[test]
    fn what_exists_in_any_sample_exists() {
        assert_eq!(check("{% if time.dst %}{{ time.dst.start }}{% endif %}"), [] as [&str; 0]);
        assert_eq!(check("{% if time.dst %}{{ time.dst.strat }}{% endif %}").len(), 1);
    }

    #[test]
    fn a_filter_that_switches_escaping_off_is_refused() {
        let found = check("{{ device.name | upper | safe }}");
        assert!(found[0].starts_with("1:26 the filter `safe` is not allowed"), "{found:?}");
    }

    #[test]
    fn filters_tests_functions_arguments_strings_and_text_are_left_alone() {
        for fine in [
            "device.nmae {# {{ device.nmae }} #}",
            "{{ device.name | replace(from=\"device.nmae\", to='') | upper }}",
            "{% if device.name is defined and not keys %}{% endif %}",
            "{% for i in range(end=3) %}{{ i }}{{ loop.index }}{% endfor %}",
            "{% block nmae %}{% endblock nmae %}{% extends \"base.cfg\" %}",
            "{% set map = {\"a\": 1} %}{{ map.a }}{{ map[device.name] }}",
            "{% if \"a\" in device.name %}{% endif %}{{ 1 + 2.5 }}",
        ] {
            assert_eq!(check(fine), [] as [&str; 0], "{fine}");
        }
    }
}
