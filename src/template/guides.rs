//! Parameters that no guide of their vendor has: most of them are misspelt.
//!
//! `parameters/<brand>.txt` lists what a vendor's guides and own files name, a name a line; `{n}` in it stands for a
//! number. Brands without a list are left alone.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node};

use super::lint::{Sample, written};
use super::parameters::{Lines, parameters};
use super::{Finding, Set};
use crate::catalog::{Entry, File, Format};
use crate::pack::Pack;
use crate::settings::Settings;

/// The longest name that is looked at, in bytes, and the most elements around it.
const LONGEST: usize = 200;
const DEEPEST: usize = 20;

/// The most numbers in a name that are tried as `{n}`.
const NUMBERS: u32 = 5;

/// A parameter's line, from 1, and the ways in which a list may name it, the usual one first.
type Named = (usize, Vec<String>);

/// The parameters that models of these brands are given and that no list of theirs has, at the places in the templates
/// that write them.
pub fn unknown(
    set: &Set,
    pack: &Pack,
    samples: &BTreeMap<String, Sample>,
    is_asked: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let lists = pack.parameters.iter().filter(|(brand, _)| is_asked(brand));
    let lists: BTreeMap<&str, BTreeSet<&str>> =
        lists.map(|(brand, text)| (brand.as_str(), list(&text.text))).collect();
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for entry in set.catalog().entries() {
        let Some(known) = lists.get(entry.brand_id) else { continue };
        for settings in samples.values().filter_map(|sample| sample.settings(entry).ok()) {
            for file in entry.files().filter(|file| !file.optional) {
                let mut is_new = |name: &str| seen.insert((entry.brand_id, name.to_owned()));
                found.extend(unknown_in(set, (entry, file), &settings.settings, known, &mut is_new));
            }
        }
    }
    found.sort();
    found
}

fn list(text: &str) -> BTreeSet<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn unknown_in(
    set: &Set,
    (entry, file): (Entry<'_>, &File),
    settings: &Settings,
    known: &BTreeSet<&str>,
    is_new: &mut dyn FnMut(&str) -> bool,
) -> Vec<Finding> {
    let Ok(body) = set.render(entry, file, settings) else { return Vec::new() };
    let text = String::from_utf8_lossy(&body);
    let is_unknown =
        |(_, names): &Named| names[0].len() <= LONGEST && !names.iter().any(|name| is_listed(name, known));
    let unknown = names(file.format, &text).into_iter().filter(is_unknown);
    let unknown = unknown.map(|(line, names)| (line, numbered(&names[0])));
    let unknown: Vec<(usize, String)> = unknown.filter(|(_, name)| is_new(name)).collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    let lines = set.origins(entry, file, settings).map(|(_, lines)| lines).unwrap_or_default();
    let finding =
        |(line, name): (usize, String)| written(set, (entry, file), &lines, line, says(entry, &name, known));
    unknown.into_iter().map(finding).collect()
}

fn says(entry: Entry<'_>, name: &str, known: &BTreeSet<&str>) -> String {
    let brand = entry.brand_id;
    let near = known.iter().map(|other| (strsim::osa_distance(name, other), other)).min();
    let near = near.filter(|(distance, _)| distance * 5 <= name.len());
    let near = near.map_or(String::new(), |(_, near)| format!(", but `{near}`"));
    format!(
        "no guide of {} that is known here has a parameter `{name}`{near}: mend it, or add it to parameters/{brand}.txt of \
         your pack",
        entry.brand.name
    )
}

/// Whether a name is in a list, with any of its numbers as `{n}`.
fn is_listed(name: &str, known: &BTreeSet<&str>) -> bool {
    let numbers = u32::try_from(runs(name).filter(|(_, is_number)| *is_number).count()).unwrap_or(u32::MAX);
    (0..1_u32 << numbers.min(NUMBERS)).any(|kept| known.contains(with_numbers(name, kept).as_str()))
}

/// The name with `{n}` for each of its numbers.
fn numbered(name: &str) -> String {
    with_numbers(name, 0)
}

/// The name with `{n}` for its numbers but those whose bit is set.
fn with_numbers(name: &str, kept: u32) -> String {
    let (mut made, mut at) = (String::with_capacity(name.len()), 0);
    for (run, is_number) in runs(name) {
        let is_kept = !is_number || kept.checked_shr(at).is_some_and(|bits| bits & 1 == 1);
        made.push_str(if is_kept { run } else { "{n}" });
        at += u32::from(is_number);
    }
    made
}

/// A name in pieces, and whether each is a number.
fn runs(name: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        (!run.is_empty()).then_some((run, is_number))
    })
}

fn names(format: Format, text: &str) -> Vec<Named> {
    match format {
        Format::Xml => Document::parse(text).map(|document| of_xml(&document)).unwrap_or_default(),
        _ => parameters(format, text).into_iter().map(|found| (found.line, vec![found.name])).collect(),
    }
}

/// Elements that say something, and attributes that are called like parameters.
fn of_xml(document: &Document<'_>) -> Vec<Named> {
    let lines = Lines::of(document.input_text());
    let mut found = Vec::new();
    for node in document.descendants().filter(Node::is_element) {
        let dotted = node.attributes().filter(|attribute| attribute.name().contains('.'));
        let before = found.len();
        found.extend(
            dotted.map(|attribute| (lines.at(attribute.range().start), vec![attribute.name().to_owned()])),
        );
        if found.len() == before && node.text().is_some_and(|text| !text.trim().is_empty()) {
            found.push((lines.at(node.range().start), of_element(node)));
        }
    }
    found
}

/// By its own name, or by that and those around it, without the outermost or with it; each with the attributes that
/// tell an element from its neighbours, or with all, or with none.
fn of_element(node: Node<'_, '_>) -> Vec<String> {
    let telling = ["id", "idx", "index", "key", "context", "name"];
    let ways: [&dyn Fn(&str) -> bool; 3] = [&|name| telling.contains(&name), &|_| true, &|_| false];
    let mut names = vec![told(node, ways[0])];
    for way in ways {
        let mut path: Vec<String> =
            node.ancestors().take(DEEPEST).filter(Node::is_element).map(|node| told(node, way)).collect();
        path.reverse();
        names.extend([path.get(1..).unwrap_or_default().join("/"), path.join("/")]);
    }
    names
}

/// An element's tag and some of its attributes.
fn told(node: Node<'_, '_>, is_said: impl Fn(&str) -> bool) -> String {
    let attributes = node.attributes().filter(|attribute| is_said(attribute.name()));
    attributes.fold(node.tag_name().name().to_owned(), |name, attribute| {
        format!("{name} {}={}", attribute.name(), attribute.value())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_name_may_be_any_or_this_one() {
        let known = list("# numbers\naccount.{n}.label\ncodec.g722.{n}\nP271\n");
        for (name, is_known) in [
            ("account.12.label", true),
            ("codec.g722.3", true),
            ("codec.g723.3", false),
            ("P271", true),
            ("P272", false),
            ("acount.1.label", false),
        ] {
            assert_eq!(is_listed(name, &known), is_known, "{name}");
        }
    }

    #[test]
    fn an_element_is_known_by_itself_or_with_those_around_it() {
        let text = "<all><sip><line index=\"2\"><User>a</User><Ttl perm=\"R\">1</Ttl></line></sip><reg reg.1.a=\"1\"/></all>";
        let found = names(Format::Xml, text);
        let known = list("sip/line index={n}/User\nTtl\nreg.{n}.a\n");
        let unknown = found.iter().filter(|(_, names)| !names.iter().any(|name| is_listed(name, &known)));
        assert_eq!(found.len(), 3);
        assert_eq!(unknown.count(), 0);
        assert_eq!(found[0].1[1], "sip/line index=2/User");
        assert_eq!(found[1].1[3], "sip/line index=2/Ttl perm=R");
    }
}
