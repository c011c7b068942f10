use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::pack::{Pack, Text};
use crate::template::lint::Sample;

const CATALOG: &str = r#"name = "Acme"
mac_prefixes = ["00acbe"]
user_agents = ["acme"]
events = { reread = "resync", reboot = "reboot" }
[families.a]
name = "A"
files = [
    { name = "{mac}.cfg", template = "phone.cfg", format = "key-value", content_type = "text/plain", secret = true },
]
[families.a.models]
one = { name = "One", lines = 1, keys = 2 }
"#;

const BASE: &str = "{#- a note -#}\nbegin = 1\n{%- for line in lines %}\nname = {{ line.display_name }}\n\
    password = {{ line.password }}\nserver = {{ line.server.host }}:{{ line.server.port }}\n{%- endfor %}\n\
    {% block rest %}{% endblock %}";
const PHONE: &str = "{% extends \"base.cfg\" %}{% block rest %}{% for key in keys %}key{{ key.number }} = \
    {{ \"blf\" if key.type == \"presence\" else \"none\" }} {{ key.label }}\n{% endfor %}\
    zone = {{ time.zone.name }}\nurl = {{ provisioning.url }}\nntp = {{ time.ntp_server }}\n{% endblock %}";

fn explained() -> Explanation {
    let text = |text: &str| Text { text: text.to_owned(), origin: "test".to_owned() };
    let mut pack = Pack::default();
    pack.catalogs.insert("acme".to_owned(), text(CATALOG));
    pack.templates.insert("acme/base.cfg".to_owned(), text(BASE));
    pack.templates.insert("acme/a/phone.cfg".to_owned(), text(PHONE));
    let set = Set::compile(&pack).unwrap();
    let owner = "0b5e0000000000000000000000000001";
    let sample: Sample = serde_json::from_value(json!({
        "account": {"name": "Shop", "realm": "shop.example"},
        "above": [{"name": "Chain", "timezone": "Europe/Vienna"}],
        "site": {"provision": {"ntp_server": "ntp.example"}},
        "users": [{"id": owner, "first_name": "Ann", "last_name": "Owner", "presence_id": "101"}],
        "device": {
            "mac_address": "00acbe000001", "owner_id": owner, "sip": {"password": "very secret"},
            "provision": {"combo_keys": {"1": {"type": "presence", "value": owner}}},
        },
        "phones_url": "http://prov.example/",
    }))
    .unwrap();
    let entry = set.catalog().entries().next().unwrap();
    sample.with(entry, |parts| explain(&set, parts, entry.files().next().unwrap())).unwrap()
}

/// What is said of the line that begins so: where it was written, and each setting with its sources.
fn of(explanation: &Explanation, begin: &str) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let line = explanation.lines.iter().find(|line| line.text.starts_with(begin)).unwrap();
    let written = line.written.iter().map(|place| format!("{}:{}", place.file, place.line)).collect();
    let sources = |shape: &Shape| {
        shape.sources.iter().map(|source| format!("{}: {}", source.whose, source.path)).collect()
    };
    (written, line.shaped.iter().map(|shape| (shape.setting.clone(), sources(shape))).collect())
}

#[test]
fn a_line_names_the_line_of_the_template_that_wrote_it() {
    let explanation = explained();
    assert_eq!(of(&explanation, "begin").0, ["acme/base.cfg:2"]);
    assert_eq!(of(&explanation, "name").0, ["acme/base.cfg:4", "acme/base.cfg:4"]);
    assert_eq!(of(&explanation, "zone").0, ["acme/a/phone.cfg:2", "acme/a/phone.cfg:2"]);
}

#[test]
fn a_setting_names_whose_document_it_came_from() {
    let explanation = explained();
    for (line, setting, sources) in [
        ("name", "lines[0].display_name", vec!["device: owner_id", "owner: first_name", "owner: last_name"]),
        ("server", "lines[0].server.host", vec!["account: realm"]),
        ("server", "lines[0].server.port", vec![]),
        ("zone", "time.zone.name", vec!["account above Chain: timezone"]),
        ("ntp", "time.ntp_server", vec!["site: provision.ntp_server"]),
        ("url", "provisioning.url", vec!["site: phones_url"]),
        ("password", "lines[0].password", vec!["device: sip.password"]),
    ] {
        assert_eq!(
            of(&explanation, line).1.get(setting),
            Some(&sources.into_iter().map(str::to_owned).collect()),
            "{line}"
        );
    }
    assert_eq!(of(&explanation, "begin").1, BTreeMap::new());
}

#[test]
fn what_decides_a_line_without_standing_in_it_is_named_too() {
    let (_, shaped) = of(&explained(), "key2");
    assert!(shaped["keys[1].type"].contains(&"device: provision.combo_keys.1.type".to_owned()), "{shaped:?}");
    assert!(shaped["keys[1].label"].contains(&"owner: first_name".to_owned()), "{shaped:?}");
    let (_, none) = of(&explained(), "key1");
    assert!(none.contains_key("keys[0].type"), "it would be another one as `presence`: {none:?}");
}

#[test]
fn the_rows_of_the_catalog_are_named_with_their_lines() {
    let rows: Vec<String> =
        explained().catalog.iter().map(|row| format!("{}:{} {}", row.file, row.line, row.path)).collect();
    assert_eq!(rows, ["acme.toml:8 families.a.files.0", "acme.toml:11 families.a.models.one"]);
}

#[test]
fn no_secret_is_in_an_explanation() {
    assert!(!format!("{:?}", explained()).contains("very secret"));
}
