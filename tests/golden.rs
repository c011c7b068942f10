//! What the shipped templates make of the shipped samples, as files in `tests/golden`.
//!
//! A changed file is a change that every phone of its family comes back for. `UPDATE_GOLDEN=1 cargo test --test
//! golden` writes the files anew; the diff shows what phones will see. What `templates/README.md` promises to
//! authors is tried here as well.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use checksync::catalog::Entry;
use checksync::pack::{Pack, Text, shipped_samples};
use checksync::template::Set;
use checksync::template::lint::{Sample, lint};
use serde_json::Value;

/// Models that stand for their families; for the others it is the one with the most keys.
const MODELS: [&str; 5] = ["t46s", "t54w", "vvx450", "grp2614", "d785"];
const SAMPLES: [&str; 2] = ["plain", "full"];

fn set() -> Set {
    Set::compile(&Pack::shipped()).unwrap_or_else(|findings| panic!("{}", lines(&findings)))
}

fn samples() -> BTreeMap<String, Sample> {
    let parse = |(name, text): (String, String)| {
        let sample = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        (name, sample)
    };
    shipped_samples().into_iter().map(parse).collect()
}

fn lines<T: ToString>(findings: &[T]) -> String {
    findings.iter().fold(String::new(), |text, finding| text + "\n  " + &finding.to_string())
}

/// One model of each family.
fn standing_for_families(set: &Set) -> Vec<Entry<'_>> {
    let mut standing = BTreeMap::<_, Entry<'_>>::new();
    let rank = |entry: Entry<'_>| (MODELS.contains(&entry.model_id), all_keys(entry), entry.model_id.len());
    for entry in set.catalog().entries() {
        let stands = standing.entry((entry.brand_id, entry.family_id)).or_insert(entry);
        if rank(entry) > rank(*stands) {
            *stands = entry;
        }
    }
    standing.into_values().collect()
}

fn all_keys(entry: Entry<'_>) -> u32 {
    let model = entry.model;
    let modules = u32::from(model.expansion_modules) * u32::from(model.expansion_keys);
    u32::from(model.keys) + u32::from(model.feature_keys) + modules
}

/// The files of a phone that has a sample's documents: their paths below `tests/golden`, and their texts.
fn rendered(set: &Set, entry: Entry<'_>, name: &str, sample: &Sample) -> Vec<(PathBuf, String)> {
    let settings = sample.settings(entry).unwrap().settings;
    let (id, mac) = (settings.device.id, settings.device.mac.parse().ok());
    let folder = Path::new(entry.brand_id).join(entry.family_id).join(entry.model_id).join(name);
    let render = |file| String::from_utf8(set.render(entry, file, &settings).unwrap()).unwrap();
    entry
        .files()
        .map(|file| (folder.join(file.name.of(entry.model, id, mac).unwrap()), render(file)))
        .collect()
}

fn all_rendered() -> BTreeMap<PathBuf, String> {
    let (set, samples) = (set(), samples());
    let files = standing_for_families(&set).into_iter().flat_map(|entry| {
        SAMPLES.iter().flat_map(|name| rendered(&set, entry, name, &samples[*name])).collect::<Vec<_>>()
    });
    files.collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The first lines that differ, with what stood and what stands there.
fn difference(expected: &str, found: &str) -> String {
    let mut text = String::new();
    let (mut old, mut new) = (expected.lines(), found.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let _ = writeln!(text, "    {number:>4} - {}", a.unwrap_or("(end)"));
                let _ = writeln!(text, "    {number:>4} + {}", b.unwrap_or("(end)"));
            }
        }
    }
    text.lines().take(24).collect::<Vec<_>>().join("\n")
}

fn golden_files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            golden_files(&path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn every_family_gives_the_files_that_are_kept_as_golden() {
    let rendered = all_rendered();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = std::fs::remove_dir_all(folder());
        for (path, text) in &rendered {
            let path = folder().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
    let mut complaints = Vec::new();
    let mut left = BTreeSet::new();
    golden_files(&folder(), &mut left);
    for (path, text) in &rendered {
        let golden = folder().join(path);
        left.remove(&golden);
        match std::fs::read_to_string(&golden) {
            Ok(kept) if kept == *text => {}
            Ok(kept) => complaints.push(format!("{}\n{}", path.display(), difference(&kept, text))),
            Err(_) => complaints.push(format!("{} is not there yet", path.display())),
        }
    }
    complaints.extend(left.iter().map(|path| format!("{} is made by nothing", path.display())));
    assert!(
        complaints.is_empty(),
        "phones would be given other files than before:{}\nIf that is meant: UPDATE_GOLDEN=1 cargo test --test golden",
        lines(&complaints)
    );
}

#[test]
fn the_shipped_set_is_without_findings_for_every_model_and_sample() {
    let findings = lint(&set(), &samples());
    assert!(findings.is_empty(), "{}", lines(&findings));
}

#[test]
fn the_readme_shows_the_phones_of_the_catalog() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- `checksync catalog --table` -->\n").unwrap();
    let (kept, after) = rest.split_once("<!-- end of the table -->\n").unwrap();
    let table = set().catalog().table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let now =
            [before, "<!-- `checksync catalog --table` -->\n", &table, "<!-- end of the table -->\n", after];
        std::fs::write(&path, now.concat()).unwrap();
        return;
    }
    assert_eq!(kept, table, "UPDATE_GOLDEN=1 cargo test --test golden brings README.md up to date");
}

/// All files of a model for a sample, one after the other.
fn text_of(model: &str, sample: &str) -> String {
    let (set, samples) = (set(), samples());
    let entry = set.catalog().entries().find(|entry| entry.model_id == model).unwrap();
    rendered(&set, entry, sample, &samples[sample]).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_line_whose_owner_is_switched_off_is_switched_off_in_every_syntax() {
    for (model, off) in [
        ("t46s", "account.1.enable = 0\n"),
        ("t54w", "account.1.enable = 0\n"),
        ("vvx450", "reg.1.address=\"\""),
        ("grp2614", "<item name=\"account.1.enable\">No</item>"),
        ("d785", "<user_active idx=\"1\" perm=\"\">off</user_active>"),
    ] {
        assert!(text_of(model, "south").contains(off), "{model}");
        assert!(!text_of(model, "full").contains(off), "{model}");
    }
}

#[test]
fn half_an_hour_and_summer_in_january_come_out_right_in_every_syntax() {
    for (model, zone) in [
        ("t46s", ["time_zone = +9:30\n", "start_time = 10/1/7/2\n", "end_time = 4/1/7/3\n"]),
        ("vvx450", ["gmtOffset=\"34200\"", "start.month=\"10\"", "stop.month=\"4\""]),
        ("grp2614", [">ACST-9:30ACDT-10:30,", ",M10.1.0/02:00:00,", ",M4.1.0/03:00:00<"]),
        ("d785", [">+34200<", ">3600 10.01.07 02:00:00 ", " 04.01.07 03:00:00<"]),
    ] {
        let text = text_of(model, "south");
        for part in zone {
            assert!(text.contains(part), "{model}: {part}");
        }
    }
}

#[test]
fn a_registrar_that_is_not_the_realm_leaves_the_realm_in_the_address() {
    for (model, realm, registrar) in [
        (
            "t46s",
            "sip_server.1.address = own.example.com\n",
            "outbound_proxy.1.address = registrar.example.com\n",
        ),
        ("vvx450", "reg.1.auth.userId=\"south\"", "reg.1.server.1.address=\"registrar.example.com\""),
        ("grp2614", ">own.example.com:5070<", "outboundProxy.1.address\">registrar.example.com:5070<"),
        ("d785", ">own.example.com<", ">registrar.example.com:5070;transport=tcp<"),
    ] {
        let text = text_of(model, "south");
        assert!(text.contains(realm) && text.contains(registrar), "{model}");
    }
}

#[test]
fn a_usual_yealink_file_is_short() {
    for sample in SAMPLES {
        let length = text_of("t46s", sample).len();
        assert!(length <= 8192, "{sample}: {length} bytes");
    }
}

fn guide() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/README.md")).unwrap()
}

/// The names of everything in `value` that is no map, as the guide writes them: `keys[].label`.
fn names(value: &Value, name: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let below = |key: &String| if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            map.iter().for_each(|(key, value)| names(value, &below(key), found));
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for value in list {
                names(value, &format!("{name}[]"), found);
            }
        }
        _ => drop(found.insert(name.to_owned())),
    }
}

fn names_of_settings() -> BTreeSet<String> {
    let (set, samples) = (set(), samples());
    let entry = set.catalog().entries().find(|entry| entry.model_id == "t46s").unwrap();
    let mut found = BTreeSet::new();
    names(&serde_json::to_value(samples["full"].settings(entry).unwrap().settings).unwrap(), "", &mut found);
    found.retain(|name| !name.starts_with("expansion_keys[]."));
    found
}

#[test]
fn the_guide_describes_every_name_that_a_template_sees() {
    let guide = guide();
    let told = |name: &str| guide.contains(&format!("`{name}`"));
    let untold: Vec<_> = names_of_settings().into_iter().filter(|name| !told(name)).collect();
    assert!(untold.is_empty(), "templates/README.md says nothing about{}", lines(&untold));
}

#[test]
fn the_guide_describes_no_name_that_is_not_there() {
    let guide = guide();
    let settings = names_of_settings();
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let variables = rows.filter(|(name, rest)| name.contains('.') && rest.matches('|').count() == 4);
    let there =
        |name: &str| settings.iter().any(|known| known == name || known.starts_with(&format!("{name}.")));
    let wrong: Vec<_> = variables.map(|(name, _)| name).filter(|name| !there(name)).collect();
    assert!(wrong.is_empty(), "templates/README.md tells of{}", lines(&wrong));
}

/// What stands in the tags of a template, without the texts in quotes.
fn code(template: &str) -> String {
    let tags = [("{%", "%}"), ("{{", "}}")].map(|(open, close)| {
        let inside =
            template.split(open).skip(1).map(move |rest| rest.split(close).next().unwrap_or_default());
        inside.flat_map(|tag| tag.split('"').step_by(2)).collect::<Vec<_>>().join(" ")
    });
    tags.join(" ")
}

/// Every dotted name in a template, with `line` and `key` for what their loops run over.
fn dotted_names(template: &str) -> BTreeSet<String> {
    let code = code(template);
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
    let dotted = words.map(|word| word.trim_start_matches('.')).filter_map(|word| word.split_once('.'));
    let full = dotted.map(|(root, rest)| match root {
        "line" | "key" => format!("{root}s[].{rest}"),
        _ => format!("{root}.{rest}"),
    });
    full.collect()
}

#[test]
fn shipped_templates_name_only_what_is_there_even_where_tera_would_not_mind() {
    let settings = names_of_settings();
    let roots: BTreeSet<_> = settings.iter().map(|name| name.split('.').next().unwrap()).collect();
    let there =
        |name: &str| settings.iter().any(|known| known == name || known.starts_with(&format!("{name}.")));
    let mut wrong = Vec::new();
    let mut right = 0;
    for (file, text) in Pack::shipped().templates {
        for name in dotted_names(&text.text) {
            if roots.contains(name.split('.').next().unwrap()) {
                right += usize::from(there(&name));
                wrong.extend((!there(&name)).then(|| format!("{file}: {name}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", lines(&wrong));
    assert!(right > 100, "only {right} names were found: are they still read?");
}

/// The fenced text that follows a line of the guide with `name` in it.
fn fenced<'g>(guide: &'g str, name: &str) -> &'g str {
    let after = guide.split_once(&format!("`{name}`")).unwrap().1;
    let block = after.split_once("```").unwrap().1.split_once("```").unwrap().0;
    block.split_once('\n').unwrap().1
}

#[test]
fn the_guides_first_pack_makes_the_file_that_the_guide_shows() {
    let guide = guide();
    let text = |name: &str| Text { text: fenced(&guide, name).to_owned(), origin: "the guide".to_owned() };
    let mut pack = Pack::default();
    pack.catalogs.insert("acme".to_owned(), text("catalog/acme.toml"));
    for name in ["acme/base.cfg", "acme/desk/phone.cfg"] {
        pack.templates.insert(name.to_owned(), text(&format!("templates/{name}")));
    }
    let set = Set::compile(&pack).unwrap();
    assert_eq!(lint(&set, &samples()), []);
    let entry = set.catalog().entries().find(|entry| entry.model_id == "one").unwrap();
    let file = &rendered(&set, entry, "plain", &samples()["plain"])[0];
    assert_eq!(file.0.file_name().unwrap(), "02005e005301.cfg");
    assert_eq!(file.1, fenced(&guide, "02005e005301.cfg"));
}
