//! The tables of Kazoo's document on devices, as data: `rows.txt` has one line for each row, in the document's
//! order and words, without the descriptions: `key :: type :: default :: required`.

use serde_json::Value;

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The heading of its table: `devices`, or the name of a definition.
    pub(crate) table: &'static str,
    pub(crate) key: &'static str,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) default: Option<Value>,
    pub(crate) required: bool,
}

/// One of the types that a row names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Boolean,
    Integer,
    Object,
    Null,
    Text(Option<(usize, usize)>),
    Choice(Vec<&'static str>),
    List(Box<Kind>),
    Definition(&'static str),
}

/// A step of a key: into an object under a name, under any name that a pattern takes, or into a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Name(&'static str),
    Pattern(&'static str),
    Item,
}

const TABLES: &str = include_str!("rows.txt");

/// The heading of each table, with the number of rows that the document has under it.
pub(crate) fn tables() -> Vec<(&'static str, usize)> {
    let headings = TABLES.lines().filter_map(|line| line.strip_prefix('['));
    headings
        .map(|line| line.split_once("] ").unwrap())
        .map(|(name, rows)| (name, rows.parse().unwrap()))
        .collect()
}

/// Every row of every table.
pub(crate) fn rows() -> Vec<Row> {
    let mut table = "";
    let mut rows = Vec::new();
    for line in TABLES.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix('[') {
            Some(heading) => table = heading.split(']').next().unwrap(),
            None => rows.push(row(table, line)),
        }
    }
    rows
}

fn row(table: &'static str, line: &'static str) -> Row {
    let columns: Vec<&str> = line.split("::").map(str::trim).collect();
    let [key, kinds, default, required] = columns[..] else { panic!("{line}") };
    let value = || serde_json::from_str(default).unwrap_or_else(|_| default.into());
    let default = (!default.is_empty()).then(value);
    Row { table, key, kinds: alternatives(kinds), default, required: required == "true" }
}

/// The types of a column: those between bars that do not stand in parentheses.
fn alternatives(text: &'static str) -> Vec<Kind> {
    let mut depth = 0;
    let outside = text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == '|' && depth == 0
    });
    outside.map(|kind| of_kind(kind.trim())).collect()
}

fn of_kind(text: &'static str) -> Kind {
    if let Some(name) = text.strip_prefix("#/definitions/") {
        return Kind::Definition(name);
    }
    let (name, inside) = text.strip_suffix(')').unwrap().split_once('(').unwrap();
    match name {
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        "object" => Kind::Object,
        "null" => Kind::Null,
        "array" => Kind::List(Box::new(of_kind(inside))),
        "string" => of_text(inside),
        _ => panic!("{text}"),
    }
}

fn of_text(inside: &'static str) -> Kind {
    if inside.starts_with('\'') {
        return Kind::Choice(inside.split('|').map(|choice| choice.trim().trim_matches('\'')).collect());
    }
    let limits = match inside.split_once("..") {
        Some((least, most)) => Some((least.parse().unwrap(), most.parse().unwrap())),
        None => inside.parse().ok().map(|length| (length, length)),
    };
    Kind::Text(limits)
}

impl Row {
    /// The steps of its key, from the object that its table describes.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut rest = self.key;
        while !rest.is_empty() {
            let (step, more) = first_step(rest);
            steps.push(step);
            rest = more.strip_prefix('.').unwrap_or(more);
        }
        steps
    }

    /// The name of its types as an error tells them.
    pub(crate) fn type_names(&self) -> String {
        let mut names: Vec<&str> = self.kinds.iter().map(Kind::type_name).collect();
        names.dedup();
        names.join(", ")
    }
}

fn first_step(text: &'static str) -> (Step, &'static str) {
    if let Some(rest) = text.strip_prefix("[]") {
        return (Step::Item, rest);
    }
    if let Some(rest) = text.strip_prefix('/') {
        let (pattern, rest) = rest.split_once('/').unwrap();
        return (Step::Pattern(pattern), rest);
    }
    let end = if text.starts_with('^') { text.find('$').map(|at| at + 1) } else { text.find('.') };
    let (step, rest) = text.split_at(end.unwrap_or(text.len()));
    (if step.starts_with('^') { Step::Pattern(step) } else { Step::Name(step) }, rest)
}

impl Kind {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Object | Self::Definition(_) => "object",
            Self::Null => "null",
            Self::Text(_) | Self::Choice(_) => "string",
            Self::List(_) => "array",
        }
    }
}
