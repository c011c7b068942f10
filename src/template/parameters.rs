//! The parameters of a file, as its phone reads them.

use std::collections::BTreeMap;

use crate::catalog::Format;

/// A parameter of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    /// From 1.
    pub(super) line: usize,
    /// What it stands in: the line of a section, which may be there again, or where the element around it begins.
    pub(super) within: usize,
    pub(super) name: String,
    pub(super) value: String,
}

/// What a file says, in its order. Of XML these are the elements that an attribute or a number in their name tells
/// from others, and attributes that are called like parameters (`reg.1.address`); of one that cannot be read, none. JSON, cards, lines
/// of commands and of records have none that could be told apart.
pub(super) fn parameters(format: Format, text: &str) -> Vec<Parameter> {
    match format {
        Format::Xml => {
            roxmltree::Document::parse(text).map(|document| elements(&document)).unwrap_or_default()
        }
        Format::KeyValue | Format::Quoted | Format::Properties => assigned(text, '='),
        Format::Colon => assigned(text, ':'),
        Format::Json | Format::Csv | Format::Vcard | Format::Lines => Vec::new(),
        Format::Set => {
            let lines = numbered(text).filter_map(|(line, text)| Some((line, text.strip_prefix("SET ")?)));
            lines.filter_map(|(line, text)| parameter(line, 0, text.trim_start().split_once(' ')?)).collect()
        }
    }
}

/// Parameters that are there twice with different values in one place: the later of both, with the line of the other.
pub(super) fn contradictions(parameters: &[Parameter]) -> Vec<(&Parameter, usize)> {
    let mut first = BTreeMap::new();
    let mut found = Vec::new();
    for parameter in parameters {
        let before = first.entry((&parameter.within, &parameter.name)).or_insert(parameter);
        if before.value != parameter.value {
            found.push((parameter, before.line));
        }
    }
    found
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.starts_with('#'))
}

fn parameter(line: usize, within: usize, (name, value): (&str, &str)) -> Option<Parameter> {
    let text = |text: &str| text.trim().to_owned();
    let name = text(name);
    (!name.is_empty()).then(|| Parameter { line, within, name, value: text(value) })
}

fn assigned(text: &str, sign: char) -> Vec<Parameter> {
    let mut section = 0;
    let mut found = Vec::new();
    for (line, text) in numbered(text) {
        if text.starts_with('[') {
            section = line;
        } else if !["include:", "exclude:"].iter().any(|word| text.starts_with(word)) {
            found.extend(text.split_once(sign).and_then(|pair| parameter(line, section, pair)));
        }
    }
    found
}

/// Where each line of a text ends, in bytes.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

fn elements(document: &roxmltree::Document<'_>) -> Vec<Parameter> {
    let mut found = Vec::new();
    let lines = Lines::of(document.input_text());
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let line = lines.at(node.range().start);
        let around = node.parent().map_or(0, |parent| parent.range().start);
        found.extend(leaf(node, line, around));
        let dotted = node.attributes().filter(|attribute| attribute.name().contains('.'));
        found.extend(dotted.map(|attribute| Parameter {
            line: lines.at(attribute.range().start),
            within: usize::MAX,
            name: attribute.name().to_owned(),
            value: attribute.value().to_owned(),
        }));
    }
    found
}

/// An element without others in it, named by its tag and what tells it from its neighbours.
fn leaf(node: roxmltree::Node<'_, '_>, line: usize, around: usize) -> Option<Parameter> {
    if node.children().any(|child| child.is_element()) {
        return None;
    }
    let tag = node.tag_name().name();
    let told = node.attributes().any(is_told_by);
    if !told && !tag.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let others = node.attributes().filter(|attribute| attribute.name() != "value");
    let others = others.map(|attribute| format!(" {}={}", attribute.name(), attribute.value()));
    let name = others.fold(tag.to_owned(), |name, other| name + &other);
    let value = node.attribute("value").or(node.text()).unwrap_or_default().to_owned();
    Some(Parameter { line, within: around, name, value })
}

/// True for an attribute that numbers or names a parameter. What is called by a free text may be there again.
fn is_told_by(attribute: roxmltree::Attribute<'_, '_>) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match attribute.name() {
        "id" | "idx" | "index" | "key" | "context" => attribute.value().chars().all(plain),
        "name" => attribute.value().chars().all(plain) && attribute.value().contains(['.', '_']),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contradicted(format: Format, text: &str) -> Vec<(String, usize, usize)> {
        let parameters = parameters(format, text);
        let found = contradictions(&parameters).into_iter();
        found.map(|(parameter, before)| (parameter.name.clone(), parameter.line, before)).collect()
    }

    #[test]
    fn a_parameter_that_is_there_with_two_values_contradicts_itself() {
        for (format, text, name, lines) in [
            (Format::KeyValue, "# a = 0\na = 1\nb = 1\na = 2\n", "a", (4, 2)),
            (Format::KeyValue, "[x]\na = 1\n[y]\na = 2\na = 3\n", "a", (5, 4)),
            (Format::Colon, "sip proxy ip: \"a\"\nsip proxy ip: \"b\"\n", "sip proxy ip", (2, 1)),
            (Format::Quoted, "NTP=\"a\"\r\nNTP=\"b\"\r\n", "NTP", (2, 1)),
            (Format::Set, "SET A \"1\"\nSET A \"2\"\n", "A", (2, 1)),
            (Format::Xml, "<a>\n<P270>1</P270>\n<P270>2</P270></a>", "P270", (3, 2)),
            (Format::Xml, "<a>\n<k idx=\"1\">x</k>\n<k idx=\"1\">y</k></a>", "k idx=1", (3, 2)),
            (Format::Xml, "<a>\n<x b.c=\"1\"/>\n<y b.c=\"2\"/></a>", "b.c", (3, 2)),
        ] {
            assert_eq!(contradicted(format, text), [(name.to_owned(), lines.0, lines.1)], "{text}");
        }
    }

    #[test]
    fn what_may_stand_there_more_than_once_is_left_alone() {
        for (format, text) in [
            (Format::KeyValue, "[x]\na = 1\n[x]\na = 2\n"),
            (Format::KeyValue, "a = 1\na = 1\ninclude:config \"x=1\"\ninclude:config \"x=2\"\n"),
            (Format::Xml, "<a><e name=\"Ann\">101</e><e name=\"Ann\">102</e></a>"),
            (Format::Xml, "<a><codec>pcmu</codec><codec>pcma</codec></a>"),
            (Format::Xml, "<a><l><k idx=\"1\">x</k></l><l><k idx=\"1\">y</k></l></a>"),
            (Format::Xml, "<a><line2><x/></line2><line2><y/></line2></a>"),
        ] {
            assert_eq!(contradicted(format, text), [], "{text}");
        }
    }
}
