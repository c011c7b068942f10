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

/// The most attributes of an element that are looked at, and the most elements of a file.
const ATTRIBUTES: usize = 100;
const ELEMENTS: usize = 20_000;

/// How many unknown parameters of a file are told, and of how many of them it is said what is spelled much like them.
const MANY: usize = 100;
const NEAREST: usize = 10;

/// Is told a parameter's line, from 1, and the ways in which a list may name it, the usual one first.
type Told<'t> = &'t mut dyn FnMut(usize, &[String]);

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
    let mut unknown: Vec<(usize, String)> = Vec::new();
    names(file.format, &text, &mut |line, names: &[String]| {
        let is_looked_at = unknown.len() < MANY && names[0].len() <= LONGEST;
        if is_looked_at && !names.iter().any(|name| is_listed(name, known)) {
            let name = numbered(&names[0]);
            unknown.extend(is_new(&name).then_some((line, name)));
        }
    });
    if unknown.is_empty() {
        return Vec::new();
    }
    let lines = set.origins(entry, file, settings).map(|(_, lines)| lines).unwrap_or_default();
    let finding = |(at, (line, name)): (usize, (usize, String))| {
        let says = says(entry, &name, known, at < NEAREST);
        written(set, (entry, file), &lines, line, says)
    };
    unknown.into_iter().enumerate().map(finding).collect()
}

fn says(entry: Entry<'_>, name: &str, known: &BTreeSet<&str>, with_nearest: bool) -> String {
    let brand = entry.brand_id;
    let known = known.iter().filter(|_| with_nearest);
    let near = known.map(|other| (strsim::osa_distance(name, other), other)).min();
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

fn names(format: Format, text: &str, tell: Told<'_>) {
    if format == Format::Xml {
        if let Ok(document) = Document::parse(text) {
            of_xml(&document, tell);
        }
        return;
    }
    for found in parameters(format, text) {
        tell(found.line, &[found.name]);
    }
}

/// Elements that say something, and attributes that are called like parameters.
fn of_xml(document: &Document<'_>, tell: Told<'_>) {
    let lines = Lines::of(document.input_text());
    for node in document.descendants().filter(Node::is_element).take(ELEMENTS) {
        let mut is_dotted = false;
        for attribute in node.attributes().filter(|attribute| attribute.name().contains('.')) {
            is_dotted = true;
            tell(lines.at(attribute.range().start), &[attribute.name().to_owned()]);
        }
        if !is_dotted && node.text().is_some_and(|text| !text.trim().is_empty()) {
            tell(lines.at(node.range().start), &of_element(node));
        }
    }
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

/// An element's tag and some of its attributes, as far as a name is looked at.
fn told(node: Node<'_, '_>, is_said: impl Fn(&str) -> bool) -> String {
    let mut name = node.tag_name().name().to_owned();
    for attribute in node
        .attributes()
        .take(ATTRIBUTES)
        .filter(|said| is_said(said.name()) && said.value().len() <= LONGEST)
    {
        if name.len() > LONGEST {
            break;
        }
        name = format!("{name} {}={}", attribute.name(), attribute.value());
    }
    name
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
        let mut found = Vec::new();
        names(Format::Xml, text, &mut |_, names: &[String]| found.push(names.to_vec()));
        let known = list("sip/line index={n}/User\nTtl\nreg.{n}.a\n");
        let unknown = found.iter().filter(|names| !names.iter().any(|name| is_listed(name, &known)));
        assert_eq!(found.len(), 3);
        assert_eq!(unknown.count(), 0);
        assert_eq!(found[0][1], "sip/line index=2/User");
        assert_eq!(found[1][3], "sip/line index=2/Ttl perm=R");
    }

    #[test]
    fn many_attributes_and_many_elements_cost_little() {
        let attributes = (0..1900).map(|n| format!(" a{n}=\"{n}\"")).collect::<Vec<_>>().concat();
        let text = format!("<r{attributes}>{}</r>", "<c>1</c>".repeat(60_000));
        let (mut count, mut longest) = (0, 0);
        names(Format::Xml, &text, &mut |_, names: &[String]| {
            count += 1;
            longest = longest.max(names.iter().map(String::len).max().unwrap_or_default());
        });
        assert!(count <= ELEMENTS && longest < 2 * LONGEST, "{count} {longest}");
    }
}
