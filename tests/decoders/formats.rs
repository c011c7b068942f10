//! A decoder for each format: what a file says, as values by their names.
//!
//! In XML a name is the path to an element or attribute: `sip/line[1]/Port`, `fkey[0]@label`. What stands in
//! brackets is the element's own number or name (`idx`, `index`, `id`, `button`, `name`, or a child `Name` or `N`),
//! else, where several are called the same, which of them it is, from 1. Each path is also known by its ends:
//! `line[1]/Port`, `@label`.

use std::collections::BTreeMap;

use checksync::catalog::Format;
use roxmltree::Node;
use serde_json::Value;

use crate::pattern::Filled;

/// Attributes that tell elements of one name apart.
const TELLING: [&str; 6] = ["idx", "index", "id", "ID", "button", "name"];

/// What files say: values by names, of which one may come several times.
#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<String, Vec<String>>);

impl Values {
    /// Adds what a file says.
    pub(crate) fn add(&mut self, format: Format, text: &str) {
        match format {
            Format::Xml => self.element(roxmltree::Document::parse(text).unwrap().root_element(), ""),
            Format::Json => self.json(&serde_json::from_str(text).unwrap(), ""),
            Format::Vcard => self.lines(text, |line| line.split_once(':')),
            Format::Csv => self.lines(text, |line| line.split_once(',')),
            Format::KeyValue => self.lines(text, |line| line.split_once('=')),
            Format::Colon => self.lines(text, |line| line.split_once(':')),
            Format::Quoted => self.lines(text, |line| line.split_once('=')),
            Format::Properties => {
                for (name, value) in java_properties::read(text.as_bytes()).unwrap() {
                    self.put(&name, &value);
                }
            }
            Format::Set => self.lines(text, |line| line.strip_prefix("SET ")?.split_once(' ')),
            Format::Lines => self.words(text),
        }
    }

    /// The values of a name.
    pub(crate) fn of(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// What `{n}` is in the name, and the value, for all names that are so.
    pub(crate) fn named(&self, name: &Filled) -> Vec<(String, &String)> {
        if let Some(name) = name.exact() {
            return self.of(&name).iter().map(|value| (String::new(), value)).collect();
        }
        let mut all = Vec::new();
        for (found, values) in self.0.range(name.start().to_owned()..) {
            if !found.starts_with(name.start()) {
                break;
            }
            for way in name.ways(found) {
                all.extend(values.iter().map(|value| (way.clone(), value)));
            }
        }
        all
    }

    fn put(&mut self, name: &str, value: &str) {
        self.0.entry(name.to_owned()).or_default().push(value.to_owned());
    }

    /// Lines of a name and a value, which may stand in quotes; a head in brackets stands before the names below it
    /// as well, and so does a `path` that follows the head.
    fn lines(&mut self, text: &str, split: impl Fn(&str) -> Option<(&str, &str)>) {
        let mut head = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name.trim().clone_into(&mut head);
            } else if let Some((name, value)) = split(line) {
                let (name, value) = (name.trim(), value.trim());
                let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                self.put(name, inside.unwrap_or(value));
                self.put(&format!("[{head}]{name}"), inside.unwrap_or(value));
                if name == "path" {
                    head = format!("{head} {value}");
                }
            }
        }
    }

    /// Words as a command line reads them: the first is the name, or all before a colon; and whole lines, by the
    /// name `line`.
    fn words(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let line = line.replace('"', "");
            self.put("line", &line);
            let (first, rest) = line.split_once(' ').unwrap_or((&line, ""));
            self.put(first, rest);
            if let Some((name, value)) = line.split_once(':') {
                self.put(name.trim(), value.trim());
            }
        }
    }

    fn json(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(name, value)| self.json(value, &format!("{path}/{name}")));
            }
            Value::Array(list) => {
                (1..).zip(list).for_each(|(number, value)| self.json(value, &format!("{path}[{number}]")));
            }
            Value::String(text) => self.ends(path, text),
            other => self.ends(path, &other.to_string()),
        }
    }

    fn element(&mut self, node: Node<'_, '_>, path: &str) {
        for attribute in node.attributes() {
            self.ends(&format!("{path}@{}", attribute.name()), attribute.value());
        }
        let mut several = BTreeMap::<&str, (usize, usize)>::new();
        for child in node.children().filter(Node::is_element) {
            several.entry(child.tag_name().name()).or_default().1 += 1;
        }
        for child in node.children().filter(Node::is_element) {
            let count = several.get_mut(child.tag_name().name()).unwrap();
            count.0 += 1;
            let number = (count.1 > 1).then(|| count.0.to_string());
            let place = telling(child).or(number).map(|place| format!("[{place}]")).unwrap_or_default();
            self.element(child, &format!("{path}/{}{place}", child.tag_name().name()));
        }
        if !node.children().any(|child| child.is_element()) {
            self.ends(path, node.text().unwrap_or_default().trim());
        }
    }

    /// Puts a value under its path and under every end of it.
    fn ends(&mut self, path: &str, value: &str) {
        let mut rest = path;
        while let Some(at) = rest.find('/') {
            let inside = rest[..at].matches('[').count() > rest[..at].matches(']').count();
            rest = &rest[at + 1..];
            if !inside {
                self.put(rest, value);
            }
        }
        if let Some((_, attribute)) = path.rsplit_once('@').filter(|(_, name)| !name.contains(']')) {
            self.put(&format!("@{attribute}"), value);
        }
    }
}

/// The number or name that an element says of itself.
fn telling(node: Node<'_, '_>) -> Option<String> {
    let attribute = TELLING.iter().find_map(|name| node.attribute(*name)).map(str::to_owned);
    let child =
        |name: &str| node.children().find(|child| child.has_tag_name(name)).and_then(|child| child.text());
    attribute.or_else(|| child("Name").or_else(|| child("N")).map(str::to_owned))
}

#[test]
fn each_format_is_decoded() {
    let of = |format, text: &str, name: &str| {
        let mut values = Values::default();
        values.add(format, text);
        values.of(name).to_vec()
    };
    assert_eq!(of(Format::KeyValue, "# a = c\na = b = c\n", "a"), ["b = c"]);
    assert_eq!(of(Format::KeyValue, "[ x ]\na = 1\n[y]\na = 2\n", "[y]a"), ["2"]);
    assert_eq!(of(Format::Colon, "sip proxy ip: \"a:b\"\n", "sip proxy ip"), ["a:b"]);
    assert_eq!(of(Format::Quoted, "NTP_ADDR=\"a\"\r\n", "NTP_ADDR"), ["a"]);
    assert_eq!(of(Format::Set, "SET SIPDOMAIN \"a b\"\n", "SIPDOMAIN"), ["a b"]);
    assert_eq!(of(Format::Lines, "cli\n  user \"a b\" c\n", "line"), ["cli", "user a b c"]);
    assert_eq!(of(Format::Json, r#"{"a":{"b":[1,"x"]}}"#, "b[2]"), ["x"]);
}

#[test]
fn elements_are_told_apart_by_what_they_say_of_themselves() {
    let mut values = Values::default();
    values.add(
        Format::Xml,
        r#"<r><l idx="2" perm="">a&amp;b</l><i name="a.1">x</i><k/><k>y</k><o><Name>a.</Name><v z="1"/></o></r>"#,
    );
    for (name, value) in [("l[2]", "a&b"), ("i[a.1]", "x"), ("k[2]", "y"), ("o[a.]/v@z", "1"), ("@z", "1")] {
        assert_eq!(values.of(name), [value], "{name}");
    }
}
