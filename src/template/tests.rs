use serde_json::json;

use super::lint::{Sample, lint};
use super::*;
use crate::pack::Text;

const CATALOG: &str = r#"
    name = "Acme"
    mac_prefixes = ["00acbe"]
    user_agents = ["acme"]
    events = { reread = "resync", reboot = "reboot" }
    [families.a]
    name = "A"
    files = [
        { name = "{mac}.cfg", template = "phone.cfg", format = "key-value", content_type = "text/plain" },
        { name = "{mac}.xml", template = "phone.xml", format = "xml", content_type = "text/xml" },
    ]
    models.one = { name = "One", lines = 1, keys = 3 }
    models.two = { name = "Two", lines = 1, keys = 2 }
"#;

const GOOD: [(&str, &str); 4] = [
    ("acme/base.cfg", "family = brand\n{% block line %}{% endblock %}"),
    (
        "acme/a/phone.cfg",
        "{% extends \"base.cfg\" %}{% block line %}name = {{ lines[0].display_name }}\n{% endblock %}",
    ),
    ("acme/a/phone.xml", "<a b=\"{{ device.name }}\"/>\n"),
    ("acme/a/two/base.cfg", "family = model two\n{% block line %}{% endblock %}"),
];

fn pack(changes: &[(&str, &str)]) -> Pack {
    let text = |text: &str| Text { text: text.to_owned(), origin: "test".to_owned() };
    let mut pack = Pack::default();
    pack.catalogs.insert("acme".to_owned(), text(CATALOG));
    let templates = GOOD.iter().chain(changes).map(|(name, body)| ((*name).to_owned(), text(body)));
    pack.templates.extend(templates);
    pack
}

fn sample(name: &str) -> Sample {
    serde_json::from_value(json!({
        "account": {"name": "Shop", "realm": "shop.example"},
        "users": [],
        "device": {"name": name, "mac_address": "00acbe000001"},
    }))
    .unwrap()
}

fn rendered(set: &Set, model: &str, file: usize, name: &str) -> Result<String, Finding> {
    let entry = set.catalog().entries().find(|entry| entry.model_id == model).unwrap();
    let settings = sample(name).settings(entry).unwrap().settings;
    let body = set.render(entry, entry.files().nth(file).unwrap(), &settings)?;
    Ok(String::from_utf8(body).unwrap())
}

/// Why a phone's template cannot be rendered.
pub(super) fn failed(template: &str) -> Finding {
    rendered(&Set::compile(&pack(&[("acme/a/phone.cfg", template)])).unwrap(), "one", 0, "Desk").unwrap_err()
}

pub(super) fn findings(changes: &[(&str, &str)]) -> Vec<Finding> {
    match Set::compile(&pack(changes)) {
        Ok(set) => lint(&set, &[("plain".to_owned(), sample("Desk"))].into()),
        Err(findings) => findings,
    }
}

#[test]
fn lookup_goes_from_the_model_to_the_family_to_the_brand() {
    let set = Set::compile(&pack(&[])).unwrap();
    assert_eq!(rendered(&set, "one", 0, "Desk").unwrap(), "family = brand\nname = Desk\n");
    assert_eq!(rendered(&set, "two", 0, "Desk").unwrap(), "family = model two\nname = Desk\n");
}

#[test]
fn a_value_changes_itself_only_in_either_format() {
    let set = Set::compile(&pack(&[])).unwrap();
    let hostile = "x\naccount.1.password = stolen\"<&>";
    let text = rendered(&set, "one", 0, hostile).unwrap();
    assert_eq!(text.lines().count(), 2);
    let text = rendered(&set, "one", 1, hostile).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    assert_eq!(document.root_element().attribute("b"), Some(hostile));
}

#[test]
fn a_misspelt_variable_is_named_with_its_place_and_with_the_names_that_exist() {
    let found = findings(&[("acme/a/phone.xml", "<a>\n{{ device.nmae }}</a>")]);
    assert_eq!((found[0].file.as_str(), found[0].line, found[0].column), ("acme/a/phone.xml", 2, 11));
    assert!(found[0].message.contains("nmae") && found[0].message.contains("mac_colons"), "{found:?}");
}

#[test]
fn a_syntax_error_and_an_unknown_filter_are_found_when_the_set_is_compiled() {
    let found = findings(&[("acme/a/phone.xml", "<a>{% if %}</a>")]);
    assert_eq!((found[0].file.as_str(), found[0].line), ("acme/a/phone.xml", 1));
    let found = findings(&[("acme/a/phone.xml", "<a>\n\n{{ device.name | shout }}</a>")]);
    assert_eq!((found[0].file.as_str(), found[0].line), ("acme/a/phone.xml", 3));
    assert!(found[0].message.contains("shout"), "{found:?}");
}

#[test]
fn a_template_that_is_not_there_is_a_finding() {
    let mut pack = pack(&[]);
    pack.templates.remove("acme/a/phone.xml");
    let set = Set::compile(&pack).unwrap();
    let found = lint(&set, &[("plain".to_owned(), sample("Desk"))].into());
    let told = found[0].to_string();
    assert!(told.starts_with("acme.toml:10:31: there is no template `phone.xml` in the folder"), "{told}");
}

#[test]
fn an_empty_file_is_found_unless_the_catalog_says_that_it_may_be_so() {
    for template in ["", "\n \n", "{% if device.name == \"x\" %}a = 1{% endif %}\n"] {
        let found = said(CATALOG, template);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("acme/a/phone.cfg:1:") && found[0].contains(": it is empty: "),
            "{found:?}"
        );
        for right in ["optional", "may_be_empty"] {
            let catalog = CATALOG.replace("\"text/plain\"", &format!("\"text/plain\", {right} = true"));
            assert_eq!(said(&catalog, template), [""; 0]);
        }
    }
}

#[test]
fn a_control_character_is_found_where_the_template_writes_it() {
    let found = said(CATALOG, "a = 1\r\n\tb = \u{0}1\n");
    assert_eq!(found.len(), 1, "{found:?}");
    let says = "acme/a/phone.cfg:2:2: what it makes for acme/a/one is not right: it has the control character \"\\0\": take it";
    assert!(found[0].starts_with(says), "{found:?}");
    assert_eq!(said(CATALOG, "a = 1\r\n\tb = 2\n"), [""; 0]);
}

#[test]
fn a_component_that_two_templates_define_is_named_in_the_second() {
    let component = "{% component c() %}{% endcomponent %}";
    let both = [("acme/one.cfg", component), ("acme/two.cfg", &*format!("a\n{component}"))];
    let found = findings(&[both[0], both[1], ("acme/a/phone.cfg", "{{ <c/> }}")]);
    assert_eq!((found[0].file.as_str(), found[0].line, found[0].column), ("acme/two.cfg", 2, 1));
    assert!(found[0].message.ends_with("take out one of both, or give it another name"), "{found:?}");
}

#[test]
fn what_is_wrong_with_a_catalog_is_named_where_it_stands() {
    for (before, after, says) in [
        ("lines = 1", "lnies = 1", "12:"),
        (
            "mac_prefixes = [\"00acbe\"]",
            "mac_prefixes = [\"ACBE\"]",
            "3:21: mac_prefixes: \"ACBE\" is not six",
        ),
        ("name = \"A\"\n", "name = \"A\"\n    ranges = { a = \"keys\" }\n", "8:5: families.a.ranges: "),
        ("name = \"A\"\n", "name = \"A\"\n    nmae = 1\n", "8:5: unknown field `nmae`, expected "),
    ] {
        let told = said(&CATALOG.replace(before, after), "a = 1\n");
        assert!(told[0].starts_with(&format!("acme.toml:{says}")) && told[0].contains(": "), "{told:?}");
    }
}

#[test]
fn output_that_its_phone_could_not_read_is_a_finding() {
    let found = findings(&[("acme/a/phone.xml", "<a>{{ device.name }}</b>")]);
    assert!(found[0].message.contains("acme/a/one"), "{found:?}");
}

#[test]
fn lines_of_the_quoted_format_end_with_carriage_return_and_line_feed() {
    let mut pack = pack(&[("acme/a/phone.xml", "A=\"{{ device.name }}\"\r\nB=\"\"\n")]);
    let catalog = pack.catalogs.get_mut("acme").unwrap();
    catalog.text = catalog.text.replace("\"xml\"", "\"quoted\"");
    let set = Set::compile(&pack).unwrap();
    assert_eq!(rendered(&set, "one", 1, "a\"b").unwrap(), "A=\"a'b\"\r\nB=\"\"\r\n");
}

#[test]
fn a_template_without_an_end_is_stopped() {
    let endless =
        "{% for a in range(end=90000) %}{% for b in range(end=90000) %}0123456789{% endfor %}{% endfor %}";
    let found = findings(&[("acme/a/phone.xml", endless)]);
    assert_eq!(found.len(), 1);
}

#[test]
fn the_same_documents_give_the_same_bytes() {
    let first = Set::compile(&pack(&[])).unwrap();
    let second = Set::compile(&pack(&[])).unwrap();
    for file in 0..2 {
        assert_eq!(
            rendered(&first, "one", file, "Desk").unwrap(),
            rendered(&second, "one", file, "Desk").unwrap()
        );
    }
}

/// What is said of a phone's template with this catalog, for a device that has a password.
fn said(catalog: &str, template: &str) -> Vec<String> {
    let mut pack = pack(&[("acme/a/phone.cfg", template)]);
    pack.catalogs.insert("acme".to_owned(), Text { text: catalog.to_owned(), origin: "test".to_owned() });
    let mut sample = sample("Desk");
    sample.device.insert("sip".to_owned(), json!({"username": "desk", "password": "very secret"}));
    let found = Set::compile(&pack).map(|set| lint(&set, &[("plain".to_owned(), sample)].into()));
    found.unwrap_or_else(|found| found).iter().map(ToString::to_string).collect()
}

#[test]
fn a_parameter_that_is_there_twice_is_named_where_the_template_writes_it_again() {
    let found = said(CATALOG, "a = 1\nb = 2\n{% if phone.keys %}\n  a = {{ phone.keys }}\n{% endif %}\n");
    let says = "acme/a/phone.cfg:4:3: what it makes for acme/a/one is not right: `a` is there twice, first in line 1: say it once";
    assert_eq!(found, [says]);
    let repeated = CATALOG.replace("name = \"Acme\"", "name = \"Acme\"\nrepeated = [\"a\"]");
    assert_eq!(said(&repeated, "a = 1\na = 2\n"), [] as [&str; 0]);
}

#[test]
fn a_password_in_a_file_that_is_not_marked_secret_is_found() {
    let template = "name = x\nword = {{ lines[0].password }}\n";
    let found = said(CATALOG, template);
    assert!(found[0].starts_with("acme/a/phone.cfg:2:1: "), "{found:?}");
    assert!(found[0].contains("`secret = true`") && !found[0].contains("very secret"), "{found:?}");
    let marked =
        CATALOG.replace("content_type = \"text/plain\"", "content_type = \"text/plain\", secret = true");
    assert_eq!(said(&marked, template), [] as [&str; 0]);
}

#[test]
fn a_file_without_the_first_line_that_its_phones_need_is_found() {
    let catalog = CATALOG.replace(
        "content_type = \"text/plain\"",
        "content_type = \"text/plain\", first_line = \"#!version:1\"",
    );
    assert_eq!(said(&catalog, "#!version:1\na = 1\n"), [] as [&str; 0]);
    let found = said(&catalog, "{# a note #}\n#!version:1\na = 1\n");
    assert!(found[0].contains("does not begin with the line `#!version:1`"), "{found:?}");
}

#[test]
fn numbers_beyond_what_the_catalog_says_are_found() {
    let ranges = "name = \"A\"\nranges = { \"key{n}.*\" = \"keys\", \"expires\" = [60, 3600] }";
    let catalog = CATALOG.replace("name = \"A\"\n", &format!("{ranges}\n"));
    assert_eq!(said(&catalog, "key2.type = 1\nexpires = 60\nexpires.x = 9\n"), [] as [&str; 0]);
    let found = said(
        &catalog,
        "key1.type = 1\n{% for key in keys %}\nkey{{ key.number + 1 }}.kind = 1\n{% endfor %}\n",
    );
    assert!(found[0].starts_with("acme/a/phone.cfg:3:1: "), "{found:?}");
    assert!(found[0].contains("`key4.kind` is beyond what a One has, which is 3"), "{found:?}");
    let found = said(&catalog, "a = 1\nexpires = 59\n");
    assert!(found[0].contains("phone.cfg:2:1: ") && found[0].contains("may be 60 to 3600"), "{found:?}");
    assert!(said(&catalog.replace("key{n}.*", "key.*"), "a = 1\n")[0].contains("{n}"));
}

#[test]
fn many_ranges_of_many_parameters_are_a_finding_and_not_compared() {
    let ranges: Vec<String> = (0..1000).map(|number| format!("\"key{number}.*\" = [0, 9]")).collect();
    let ranges = format!("name = \"A\"\nranges = {{ {} }}\n", ranges.join(", "));
    let catalog = CATALOG.replace("name = \"A\"\n", &ranges);
    assert_eq!(said(&catalog, "key1.a = 1\n"), [] as [&str; 0]);
    let text = "{% for a in range(end=25000) %}k{{ a }} = 1\n{% endfor %}";
    let found = said(&catalog, text);
    assert!(found.iter().any(|found| found.contains("state fewer ranges")), "{found:?}");
    assert_eq!(said(CATALOG, text), [] as [&str; 0]);
}

#[test]
fn many_models_with_all_the_keys_there_can_be_are_more_than_a_pack_may_have() {
    let most =
        "lines = 1000, keys = 1000, feature_keys = 1000, expansion_modules = 100, expansion_keys = 200";
    let models = |count: usize| {
        let rows = (0..count).map(|number| format!("models.m{number} = {{ name = \"M\", {most} }}\n"));
        said(&format!("{CATALOG}{}", rows.collect::<String>()), "a = 1\n")
    };
    assert_eq!(models(1), [] as [&str; 0]);
    let found = models(60);
    assert!(found[0].contains("more work than a pack may"), "{found:?}");
}

#[test]
fn what_cannot_be_read_back_is_named_where_the_template_writes_it() {
    let found = said(CATALOG, "a = 1\n{% if phone.keys %}loose\n{% endif %}\n");
    assert!(found[0].starts_with("acme/a/phone.cfg:2:20: "), "{found:?}");
}

#[test]
fn groups_stand_in_the_order_of_their_elements() {
    let template = "{% for name, group in [{\"a\": \"z\", \"n\": 1}, {\"a\": \"b\", \"n\": 2}, {\"a\": \"z\", \"n\": 3}, {\"a\": \"c\", \"n\": 4}] | group_by(attribute=\"a\") -%}\n\
        {{ name }} = {% for one in group %}{{ one.n }}{% endfor %}\n{% endfor %}";
    let set = Set::compile(&pack(&[("acme/a/phone.cfg", template)])).unwrap();
    for _ in 0..20 {
        assert_eq!(rendered(&set, "one", 0, "Desk").unwrap(), "z = 13\nb = 2\nc = 4\n");
    }
}

#[test]
fn a_template_that_no_file_comes_to_is_found_to_be_wrong_once_and_is_no_part_of_what_files_are_made_of() {
    let found = findings(&[("acme/b/lost.cfg", "x\n{% if %}"), ("shared/lost.cfg", "{{ 1 | shout }}")]);
    let places: Vec<_> = found.iter().map(|found| (found.file.as_str(), found.line)).collect();
    assert_eq!(places, [("shared/lost.cfg", 1)]);
    let found = findings(&[("acme/b/lost.cfg", "x\n{% if %}"), ("shared/lost.cfg", "{{ 1 + }}")]);
    let places: Vec<_> = found.iter().map(|found| (found.file.as_str(), found.line)).collect();
    assert_eq!(places, [("acme/b/lost.cfg", 2), ("shared/lost.cfg", 1)]);
    assert_eq!(findings(&[("nobody/lost.cfg", "{% if %}"), ("shared/fine.cfg", "{{ 1 }}")]), []);
}

#[test]
fn a_file_comes_to_what_its_template_extends_includes_and_calls_in_any_quotes() {
    let set = Set::compile(&pack(&[
        (
            "acme/a/phone.cfg",
            "{%- extends 'base.cfg' -%}{% block line %}{% include `lines.cfg` %}{% endblock %}",
        ),
        ("acme/lines.cfg", "{{ <row.one n={1}/> }}\n"),
        ("shared/rows.cfg", "{% component row.one(n) %}row = {{ n }}{% endcomponent %}"),
        ("shared/other.cfg", "{{ 1 }}"),
    ]))
    .unwrap();
    assert_eq!(rendered(&set, "one", 0, "Desk").unwrap(), "family = brand\nrow = 1\n");
    let names = |model: &str, format| {
        let engine = &set.engines[&(model.to_owned(), format)];
        let mut names: Vec<&str> = engine.get_template_names().collect();
        names.sort_unstable();
        names
    };
    let all = ["acme/a/phone.cfg", "acme/base.cfg", "acme/lines.cfg", "shared/rows.cfg"];
    assert_eq!(names("acme/a", Format::KeyValue), all);
    assert_eq!(names("acme/a/two", Format::KeyValue)[1], "acme/a/two/base.cfg");
    assert_eq!(names("acme/a", Format::Xml), ["acme/a/phone.xml"]);
}

#[test]
fn a_component_or_an_included_template_that_is_not_there_is_named_where_it_is_used() {
    let found = findings(&[("acme/a/phone.xml", "<a>{% include \"no.cfg\" %}{{ <no/> }}</a>")]);
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    let places: Vec<&str> =
        told.iter().filter_map(|told| told.split_once(": mend")).map(|(at, _)| at).collect();
    assert_eq!(
        places,
        ["acme/a/phone.xml:1:15: Unknown template `no.cfg`", "acme/a/phone.xml:1:29: Unknown component `no`"]
    );
}

#[test]
fn indent_and_replace_are_those_of_the_engine() {
    let shown = |expression: &str| {
        let set = Set::compile(&pack(&[("acme/a/phone.cfg", expression)])).unwrap();
        rendered(&set, "one", 0, "Desk").unwrap()
    };
    let plain = |expression: &str| tera::Tera::new().render_str(expression, &Context::new(), false).unwrap();
    for arguments in
        ["", "(width=2)", "(first=true)", "(blank=true, indentation=\"·\")", "(width=0, blank=true)"]
    {
        for text in ["", "a", "a\\nb", "a\\n\\n b\\n", "\\n\\n"] {
            let expression =
                format!("{{{{ \"{text}\" | indent{arguments} | replace(from=\"\\n\", to=\"/\") }}}}");
            assert_eq!(shown(&expression), plain(&expression), "{expression}");
        }
    }
}
