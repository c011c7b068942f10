use super::*;

/// What a command printed, or how it failed.
fn said(run: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<String, String> {
    let mut out = Vec::new();
    run(&mut out).map_err(|failure| failure.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

/// A first pack in a folder of its own.
fn first_pack() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FIRST {
        let path = folder.path().join(name.replace('@', "acme"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn linted(dir: &Path, update: bool) -> Result<String, String> {
    said(|out| Lint { dir: Some(dir.to_owned()), update }.run(out))
}

fn rendered(dir: Option<&Path>, device: Option<PathBuf>, model: Option<&str>) -> Result<String, String> {
    let (dir, sample) = (dir.map(Path::to_owned), "plain".to_owned());
    let phone = Phone { sample, device, model: model.map(str::to_owned) };
    said(|out| Render { dir, phone }.run(out, &mut std::io::sink()))
}

/// What is said beside the files of this device's document, or why there are none.
fn beside(document: &Value) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hall.json");
    fs::write(&file, document.to_string()).unwrap();
    let phone = Phone { sample: "plain".to_owned(), device: Some(file), model: None };
    let render = Render { dir: None, phone };
    said(|beside| render.run(&mut std::io::sink(), beside))
}

#[test]
fn the_first_pack_is_the_one_of_the_guide_and_has_no_findings() {
    let guide = include_str!("../../../templates/README.md");
    for (name, text) in FIRST {
        assert!(guide.contains(text), "templates/README.md shows another {name}");
    }
    let pack = first_pack();
    let said = linted(pack.path(), false).unwrap();
    assert!(said.ends_with("\nnothing to complain of: 2 models, 4 samples\n"), "{said}");
    let note =
        "provision.syslog_server is not told to it: nothing is known by which the Acme Two could be told";
    assert!(said.starts_with("acme/desk/two, with the sample full:\n") && said.contains(note), "{said}");
}

#[test]
fn a_parameter_that_no_guide_has_is_found_until_the_pack_lists_it() {
    let pack = tempfile::tempdir().unwrap();
    let shipped = include_str!("../../../templates/yealink/phonebook.cfg");
    let write = |name: &str, text: &str| {
        let path = pack.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("templates/yealink/phonebook.cfg", &format!("{shipped}\nacount.1.label = x\n"));
    let found = linted(pack.path(), false).unwrap_err();
    assert!(found.contains("yealink/phonebook.cfg:"), "{found}");
    assert!(
        found.contains("has a parameter `acount.{n}.label`, but `account.{n}.label`: mend it"),
        "{found}"
    );
    write("parameters/yealink.txt", "# ours\nacount.{n}.label\n");
    assert!(linted(pack.path(), false).is_ok());
}

#[test]
fn a_brand_that_is_none_is_refused() {
    for brand in ["", "Acme", "../acme", "a b", "src"] {
        let refused = said(|out| NewPack { brand: brand.to_owned() }.run(out)).unwrap_err();
        assert!(refused.contains("take small letters") || refused.contains("already"), "{brand}: {refused}");
    }
}

#[test]
fn what_is_wrong_is_said_with_file_line_and_column() {
    let pack = first_pack();
    fs::write(pack.path().join("templates/acme/desk/phone.cfg"), "name = {{ device.nmae }}\n").unwrap();
    let found = linted(pack.path(), false).unwrap_err();
    assert!(found.contains("acme/desk/phone.cfg:1:"), "{found}");
    let catalog = pack.path().join("catalog/acme.toml");
    let text = fs::read_to_string(&catalog).unwrap();
    fs::write(&catalog, format!("nmae = 1\n{text}")).unwrap();
    let found = linted(pack.path(), false).unwrap_err();
    assert!(found.starts_with("acme.toml:1:1: unknown field `nmae`, expected "), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn what_a_pack_makes_is_kept_and_compared_on_request() {
    let pack = first_pack();
    linted(pack.path(), true).unwrap();
    assert!(pack.path().join("golden/acme/desk/two/plain/02005e005301.cfg").is_file());
    assert!(linted(pack.path(), false).is_ok());
    let base = pack.path().join("templates/acme/base.cfg");
    fs::write(&base, fs::read_to_string(&base).unwrap() + "more = 1\n").unwrap();
    let found = linted(pack.path(), false).unwrap_err();
    assert!(found.contains("+ more = 1") && found.contains("lint --update"), "{found}");
}

#[test]
fn the_files_of_a_phone_are_printed() {
    let pack = first_pack();
    let shown = rendered(Some(pack.path()), None, None).unwrap();
    assert!(shown.starts_with("==> acme/desk/two: 02005e005301.cfg <==\nline1.on = 1\n"), "{shown}");
    let shown = rendered(None, None, Some("yealink/t46s")).unwrap();
    assert!(shown.contains("==> yealink/t4x/t46s: 02005e005301.boot <=="), "{shown}");
    assert!(rendered(None, None, Some("yealink/t99")).unwrap_err().contains("checksync catalog"));
}

#[test]
fn a_devices_own_document_is_rendered_for_the_model_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("device.json");
    let document = r#"{"name": "Hall", "mac_address": "80:5e:c0:00:00:01", "sip": {"username": "hall", "password": "hall-1"},
        "provision": {"endpoint_brand": "yealink", "endpoint_model": "t54w"}}"#;
    fs::write(&file, document).unwrap();
    let shown = rendered(None, Some(file.clone()), None).unwrap();
    assert!(shown.contains("==> yealink/t5x/t54w: 805ec0000001.cfg <=="), "{shown}");
    assert!(shown.contains("account.1.user_name = hall\n"));
    fs::write(&file, "[").unwrap();
    assert!(rendered(None, Some(file), None).unwrap_err().contains("device.json: "));
}

fn hall() -> Value {
    serde_json::json!({"name": "Hall", "mac_address": "80:5e:c0:00:00:01", "sip": {"username": "hall", "password": "secret-1"},
        "provision": {"endpoint_brand": "yealink", "endpoint_model": "t46s"}})
}

#[test]
fn what_a_phone_cannot_do_of_a_devices_own_document_is_said_beside_its_files() {
    assert_eq!(beside(&hall()), Ok(String::new()));
    let mut many = hall();
    many["provision"]["combo_keys"] = serde_json::json!({"300": {"type": "speed_dial", "value": "1"}});
    let told = beside(&many).unwrap();
    assert!(told.starts_with("checksync: yealink/t4x/t46s: ") && told.contains("no place"), "{told}");
}

#[test]
fn a_document_that_the_api_refuses_is_refused_with_its_file_and_all_that_is_wrong() {
    let mut wrong = hall();
    wrong["mac_address"] = "zz".into();
    wrong["provision"]["combo_keys"] = serde_json::json!({"0": {"type": "magic"}});
    let refused = beside(&wrong).unwrap_err();
    assert!(refused.contains("hall.json: mac_address: this is no MAC address"), "{refused}");
    assert!(refused.contains("; provision.combo_keys.0") && !refused.contains("the sample"), "{refused}");
    let mut none = hall();
    none.as_object_mut().unwrap().remove("mac_address");
    let refused = beside(&none).unwrap_err();
    assert!(refused.contains("hall.json: ") && refused.contains("no MAC address: state"), "{refused}");
}

/// What an author who has read the guide makes of a first pack for a vendor that nobody has listed.
const OTHER: [(&str, &str); 3] = [
    (
        "catalog/@.toml",
        r##"name = "Other"
mac_prefixes = ["0c383e"]
user_agents = ["other"]
events = { reread = "check-sync;reboot=false", reboot = "check-sync;reboot=true" }

[families.i]
name = "I series"
files = [
    { name = "cfg{MAC}.txt", template = "phone.txt", format = "quoted", content_type = "text/plain", secret = true, first_line = "# OTHER 1" },
    { name = "{mac}-book.xml", template = "book.xml", format = "xml", content_type = "text/xml" },
]
models.i10 = { name = "I10", lines = 2, keys = 4, expansion_modules = 1, expansion_keys = 20 }

[families.i.ranges]
"LINE{n}_*" = "lines"
"KEY{n}_*" = "keys"
"LINE{n}_EXPIRES" = [60, 86400]
"##,
    ),
    (
        "templates/@/i/phone.txt",
        r#"# OTHER 1
{% for line in lines -%}
LINE{{ line.number }}_USER="{{ line.username }}"
LINE{{ line.number }}_PASSWORD="{{ line.password }}"
LINE{{ line.number }}_SERVER="{{ line.server.host }}"
LINE{{ line.number }}_EXPIRES="{{ line.expires }}"
{% endfor -%}
{% for number in range(start=lines | length + 1, end=phone.lines + 1) -%}
LINE{{ number }}_USER=""
{% endfor -%}
{% set types = {"line": 1, "presence": 2, "speed_dial": 3, "parking": 2, "personal_parking": 2} -%}
{% for key in keys -%}
KEY{{ key.number }}_TYPE="{{ types[key.type] or 0 }}"
KEY{{ key.number }}_VALUE="{{ key.value }}"
{% endfor -%}
{% for key in expansion_keys -%}
MODULE{{ key.module }}_{{ key.number }}="{{ types[key.type] or 0 }} {{ key.value }}"
{% endfor -%}
"#,
    ),
    (
        "templates/@/i/book.xml",
        r#"<book>
{%- for key in [k for k in [...keys, ...expansion_keys] if k.type == "speed_dial"] %}
  <entry name="{{ key.label }}">{{ key.value }}</entry>
{%- endfor %}
</book>
"#,
    ),
];

#[test]
fn a_vendor_that_is_in_no_list_is_taught_by_what_the_guide_says() {
    let pack = tempfile::tempdir().unwrap();
    for (name, text) in OTHER {
        let path = pack.path().join(name.replace('@', "other"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert!(linted(pack.path(), false).unwrap().ends_with("nothing to complain of: 1 models, 4 samples\n"));
    let shown = rendered(Some(pack.path()), None, Some("other/i10")).unwrap();
    assert!(shown.contains("cfg02005E005301.txt <==\n# OTHER 1\r\nLINE1_USER=\"counter\"\r\n"), "{shown}");
    assert!(shown.contains("LINE2_USER=\"\"\r\n") && shown.contains("KEY1_TYPE=\"1\"\r\n"), "{shown}");
    let template = pack.path().join("templates/other/i/phone.txt");
    let text = fs::read_to_string(&template).unwrap();
    fs::write(&template, text.replace("phone.lines + 1", "phone.lines + 2")).unwrap();
    let found = linted(pack.path(), false).unwrap_err();
    assert!(found.contains("other/i/phone.txt:9:1: ") && found.contains("`LINE3_USER` is beyond"), "{found}");
}
