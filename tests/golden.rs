//! What the shipped templates make of the shipped samples, as files in `tests/golden`.
//!
//! A changed file is a change that every phone of its family comes back for. `UPDATE_GOLDEN=1 cargo test --test
//! golden` writes the files anew; the diff shows what phones will see. What `templates/README.md` promises to
//! authors is tried here as well.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use checksync::catalog::Entry;
use checksync::cli::golden;
use checksync::pack::{Pack, Text};
use checksync::template::lint::{Sample, lint, shipped_samples as samples};
use checksync::template::{Set, guides};
use serde_json::Value;

/// Models that stand for their families; for the others it is the one with the most keys.
const MODELS: [&str; 5] = ["t46s", "t54w", "vvx450", "grp2614", "d785"];

fn set() -> Set {
    Set::compile(&Pack::shipped()).unwrap_or_else(|findings| panic!("{}", lines(&findings)))
}

fn lines<T: ToString>(findings: &[T]) -> String {
    findings.iter().fold(String::new(), |text, finding| text + "\n  " + &finding.to_string())
}

/// The files of a phone that has a sample's documents, by their names.
fn rendered(set: &Set, entry: Entry<'_>, sample: &Sample) -> Vec<(String, String)> {
    let files = golden::files(set, entry, sample).unwrap().into_iter();
    files.map(|(name, body)| (name, String::from_utf8(body).unwrap())).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn every_family_gives_the_files_that_are_kept_as_golden() {
    let (set, samples) = (set(), samples());
    let rendered = golden::rendered(&set, &golden::standing_for_families(&set, &MODELS), &samples).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        golden::update(&folder(), &rendered).unwrap();
    }
    let complaints = golden::differences(&folder(), &rendered);
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
fn every_parameter_is_one_that_a_list_of_its_vendor_has() {
    let findings = guides::unknown(&set(), &Pack::shipped(), &samples(), |_| true);
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
    rendered(&set, entry, &samples[sample]).into_iter().map(|(_, text)| text).collect()
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
fn a_usual_yealink_file_is_short_and_one_with_everything_is_not_long() {
    for (sample, most) in [("plain", 8192), ("full", 16_384)] {
        let length = text_of("t46s", sample).len();
        assert!(length <= most, "{sample}: {length} bytes");
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
    let file = &rendered(&set, entry, &samples()["plain"])[0];
    assert_eq!(file.0, "02005e005301.cfg");
    assert_eq!(file.1, fenced(&guide, "02005e005301.cfg"));
}
