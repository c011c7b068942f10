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
    said(|out| Render { dir, phone }.run(out))
}

#[test]
fn the_first_pack_is_the_one_of_the_guide_and_has_no_findings() {
    let guide = include_str!("../../../templates/README.md");
    for (name, text) in FIRST {
        assert!(guide.contains(text), "templates/README.md shows another {name}");
    }
    let pack = first_pack();
    assert_eq!(linted(pack.path(), false), Ok("nothing to complain of: 2 models, 4 samples\n".to_owned()));
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
    let document = r#"{"name": "Hall", "mac_address": "80:5e:c0:00:00:01", "sip": {"username": "hall", "password": "x"},
        "provision": {"endpoint_brand": "yealink", "endpoint_model": "t54w"}}"#;
    fs::write(&file, document).unwrap();
    let shown = rendered(None, Some(file.clone()), None).unwrap();
    assert!(shown.contains("==> yealink/t5x/t54w: 805ec0000001.cfg <=="), "{shown}");
    assert!(shown.contains("account.1.user_name = hall\n"));
    fs::write(&file, "[").unwrap();
    assert!(rendered(None, Some(file), None).unwrap_err().contains("device.json: "));
}
