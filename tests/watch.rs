//! A vendor edits a pack: real folders, a real watcher, and the phones that hear of it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod store_common;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use checksync::circle::{self, Circle, Means, Order};
use checksync::device::Mac;
use checksync::files::Files;
use checksync::id::Id;
use checksync::resync::{Pace, Scope};
use checksync::settings::Site;
use checksync::store::{Options, SledStore, Store, Table};
use checksync::template::Finding;
use checksync::watch::{self, LoadError};
use serde_json::json;
use store_common::*;
use tempfile::TempDir;
use tokio::sync::mpsc;

const CATALOG: &str = r#"
name = "Acme"
mac_prefixes = ["00acbe"]
user_agents = ["acme"]
events = { reread = "check-sync;reboot=false", reboot = "check-sync;reboot=true" }

[families.desk]
name = "Desk phones"
files = [{ name = "{mac}.cfg", template = "phone.cfg", format = "key-value", content_type = "text/plain" }]

[families.desk.models]
one = { name = "Acme One", lines = 1, keys = 3 }
"#;

const PHONE: Id = id(0xaa);
const OTHER: Id = id(0xbb);

fn write(pack: &Path, version: &str) {
    fs::create_dir_all(pack.join("catalog")).unwrap();
    fs::create_dir_all(pack.join("templates/acme/desk")).unwrap();
    fs::write(pack.join("catalog/acme.toml"), CATALOG).unwrap();
    fs::write(template(pack), body_of(version)).unwrap();
}

fn template(pack: &Path) -> PathBuf {
    pack.join("templates/acme/desk/phone.cfg")
}

fn body_of(version: &str) -> String {
    format!("version = {version}\nname = {{{{ device.name }}}}\n")
}

/// A daemon's middle: a store with a phone of the pack and one that is shipped, its files, circle and watcher.
struct House {
    folder: TempDir,
    files: Arc<Files>,
    store: Arc<dyn Store>,
    circle: Circle,
    orders: mpsc::Receiver<Order>,
    _data: TempDir,
}

impl House {
    async fn with_pack(make: impl Fn(&Path)) -> Self {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        make(folder.path());
        let pack = folder.path().join("pack");
        let store: Arc<dyn Store> = Arc::new(SledStore::open(Options::new(data.path())).unwrap());
        settle(&*store).await;
        let acme = json!({"name": "Counter", "mac_address": "00acbe000001", "sip": {"username": "counter", "password": "secret-1"}, "provision": {"endpoint_brand": "acme", "endpoint_model": "one"}});
        let snom = json!({"name": "Desk", "mac_address": "000413000001", "provision": {"endpoint_brand": "snom", "endpoint_model": "d785"}});
        let phones = [device(PHONE, CHILD, &acme), device(OTHER, CHILD, &snom)];
        commit(&*store, phones.map(put)).await.unwrap();
        let set = watch::compile(&watch::load(std::slice::from_ref(&pack)).unwrap()).unwrap();
        let files = Arc::new(Files::new(store.clone(), set, Site::default(), 1 << 20));
        let (orders, inbox) = mpsc::channel(8);
        let pace = Pace { per_second: 100, window: 8, proxied: false };
        let means = Means {
            store: store.clone(),
            files: files.clone(),
            orders,
            pace,
            clock: || 1_700_000_000_000,
            seed: 1,
        };
        let (circle, work) = circle::start(means).await.unwrap();
        tokio::spawn(work);
        watch::announce(&*store, &circle, &files.set(), None).await.unwrap();
        tokio::spawn(watch::run(vec![pack], files.clone(), store.clone(), circle.clone()));
        Self { folder, files, store, circle, orders: inbox, _data: data }
    }

    async fn new() -> Self {
        Self::with_pack(|folder| write(&folder.join("pack"), "1")).await
    }

    fn pack(&self) -> PathBuf {
        self.folder.path().join("pack")
    }

    async fn serves(&self, version: &str) -> bool {
        let given = self.files.by_mac(mac_of("00acbe000001")).await.unwrap();
        String::from_utf8_lossy(&given.files[0].rendered.body)
            == format!("version = {version}\nname = Counter\n")
    }

    async fn comes_to_serve(&self, version: &str) {
        for _ in 0..500 {
            if self.serves(version).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("version {version} was not served within ten seconds; findings: {:?}", self.files.refused());
    }

    async fn findings(&self, right: impl Fn(&[Finding]) -> bool) -> Arc<Vec<Finding>> {
        for _ in 0..500 {
            let refused = self.files.refused();
            if right(&refused) {
                return refused;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("within ten seconds, the findings were {:?}", self.files.refused());
    }

    /// Each phone holds what it would be given.
    async fn all_fetched(&self) {
        for phone in [PHONE, OTHER] {
            let device = self.store.device(phone).await.unwrap().unwrap();
            let given = self.files.of(&device).await.unwrap();
            for (name, digest) in given.announced() {
                self.circle.fetched(phone, &name, digest, 1_700_000_000_000);
            }
            while circle::held(&*self.store, phone).await.unwrap().is_stale(&given.announced())
                || self.store.note(Table::Held, phone.as_bytes()).await.unwrap().is_none()
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

fn mac_of(text: &str) -> Mac {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_place_is_served_and_told_to_whom_it_concerns() {
    let mut house = House::new().await;
    house.all_fetched().await;
    fs::write(template(&house.pack()), body_of("2")).unwrap();
    house.comes_to_serve("2").await;
    let order = tokio::time::timeout(Duration::from_secs(10), house.orders.recv()).await.unwrap().unwrap();
    let Order::Tell(told) = order else { panic!("{order:?}") };
    assert_eq!(told.station.device, PHONE);
    while !house.store.marks(1).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(circle::pending(&*house.store, OTHER).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_beside_and_renamed_is_seen_again_and_again() {
    let house = House::new().await;
    for version in ["2", "3", "4"] {
        let beside = template(&house.pack()).with_file_name(".phone.cfg.new");
        fs::write(&beside, body_of(version)).unwrap();
        fs::rename(&beside, template(&house.pack())).unwrap();
        house.comes_to_serve(version).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symlink_that_is_turned_to_another_folder_is_followed() {
    let house = House::with_pack(|folder| {
        write(&folder.join("v1"), "1");
        write(&folder.join("v2"), "2");
        symlink("v1", folder.join("pack")).unwrap();
    })
    .await;
    let beside = house.folder.path().join("next");
    symlink("v2", &beside).unwrap();
    fs::rename(&beside, house.pack()).unwrap();
    house.comes_to_serve("2").await;
    fs::write(template(&house.folder.path().join("v2")), body_of("3")).unwrap();
    house.comes_to_serve("3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mounted_config_map_is_followed_through_its_hidden_folder() {
    let house = House::with_pack(|folder| {
        for version in ["1", "2"] {
            write(&folder.join(format!("pack/..{version}")), version);
        }
        symlink("..1", folder.join("pack/..data")).unwrap();
        for name in ["catalog", "templates"] {
            symlink(format!("..data/{name}"), folder.join("pack").join(name)).unwrap();
        }
    })
    .await;
    let beside = house.pack().join("..data_tmp");
    symlink("..2", &beside).unwrap();
    fs::rename(&beside, house.pack().join("..data")).unwrap();
    house.comes_to_serve("2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_another_one_replaces_is_watched_on() {
    let house = House::new().await;
    let next = house.folder.path().join("next");
    write(&next, "2");
    fs::rename(house.pack(), house.folder.path().join("old")).unwrap();
    fs::rename(&next, house.pack()).unwrap();
    house.comes_to_serve("2").await;
    fs::write(template(&house.pack()), body_of("3")).unwrap();
    house.comes_to_serve("3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_template_is_shown_and_the_old_set_keeps_serving() {
    let house = House::new().await;
    fs::write(template(&house.pack()), "version = 2\nname = {{ device.nmae }}\n").unwrap();
    let found = house.findings(|found| !found.is_empty()).await;
    let Finding { file, line, column, message, .. } = &found[0];
    assert_eq!((file.as_str(), *line), ("acme/desk/phone.cfg", 2));
    assert!(*column > 0 && message.contains("nmae"), "{message}");
    assert!(house.serves("1").await);
    fs::write(template(&house.pack()), body_of("3")).unwrap();
    house.comes_to_serve("3").await;
    house.findings(<[_]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_an_editor_leaves_empty_or_with_control_characters_reaches_no_phone() {
    let house = House::new().await;
    for (text, says) in [("", "it is empty"), ("version = \0\n", "the control character")] {
        fs::write(template(&house.pack()), text).unwrap();
        let found = house.findings(|found| found.iter().any(|found| found.message.contains(says))).await;
        assert_eq!((found[0].file.as_str(), found[0].line), ("acme/desk/phone.cfg", 1));
        assert!(house.serves("1").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_template_refuses_a_phone_with_is_told_and_what_the_engine_says_is_not() {
    let house = House::new().await;
    let mac = mac_of("00acbe000001");
    for (fails, told) in [
        ("{{ throw(message=\"no \" ~ lines[0].password) }}", "5: no ********"),
        (
            "{% if lines[0].password == \"secret-1\" %}{{ throw(message=\"it is secret-1\") }}{% endif %}",
            "45 fails",
        ),
        ("{{ device.name | int }}", "19 fails"),
    ] {
        let only = "{% if device.mac == \"00acbe000001\" %}\n";
        fs::write(template(&house.pack()), format!("a = 1\n{only} {fails}{{% endif %}}\n")).unwrap();
        let told = format!("template acme/desk/phone.cfg:3:{told}");
        let mut said = String::new();
        for _ in 0..500 {
            said = house.files.by_mac(mac).await.err().map_or(said, |refusal| refusal.to_string());
            if said == told {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(said, told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_template_that_becomes_what_it_was_is_no_longer_shown() {
    let house = House::new().await;
    fs::write(template(&house.pack()), "{% if %}\n").unwrap();
    house.findings(|found| !found.is_empty()).await;
    fs::write(template(&house.pack()), body_of("1")).unwrap();
    house.findings(<[_]>::is_empty).await;
    assert!(house.serves("1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_away_takes_no_templates_with_it() {
    let house = House::new().await;
    fs::rename(house.pack(), house.folder.path().join("elsewhere")).unwrap();
    let found = house.findings(|found| !found.is_empty()).await;
    assert!(found[0].message.contains("cannot be read"), "{found:?}");
    assert!(house.serves("1").await);
    write(&house.pack(), "2");
    house.comes_to_serve("2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_editors_leave_behind_is_passed_over() {
    let house = House::new().await;
    for leftover in [".phone.cfg.swp", "phone.cfg~", "#phone.cfg#", "phone.tmp"] {
        fs::write(template(&house.pack()).with_file_name(leftover), "{% broken").unwrap();
    }
    fs::write(house.pack().join("catalog/.acme.toml"), "broken").unwrap();
    fs::write(house.pack().join("catalog/acme.toml~"), "broken").unwrap();
    fs::write(template(&house.pack()), body_of("2")).unwrap();
    house.comes_to_serve("2").await;
    assert!(house.files.refused().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_daemon_was_down_is_marked_at_start() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store: Arc<dyn Store> = Arc::new(SledStore::open(Options::new(data.path())).unwrap());
    let mut counts = Vec::new();
    for version in ["1", "1", "2"] {
        write(folder.path(), version);
        let set = watch::compile(&watch::load(&[folder.path().to_owned()]).unwrap()).unwrap();
        watch::announce(&*store, &idle_circle(&store).await, &set, None).await.unwrap();
        counts.push(store.marks(9).await.unwrap());
    }
    let model = Scope::Model { brand: "acme".into(), model: "one".into() };
    let marked: Vec<Scope> = counts[2].iter().map(|(_, scope)| scope.clone()).collect();
    assert_eq!((counts[0].len(), counts[1].len(), marked), (0, 0, vec![model]));
}

/// A circle that nobody runs: marks stay where they are.
async fn idle_circle(store: &Arc<dyn Store>) -> Circle {
    let set = watch::compile(&watch::load(&[]).unwrap()).unwrap();
    let files = Arc::new(Files::new(store.clone(), set, Site::default(), 1 << 20));
    let pace = Pace { per_second: 1, window: 1, proxied: false };
    let means = Means { store: store.clone(), files, orders: mpsc::channel(1).0, pace, clock: || 0, seed: 1 };
    circle::start(means).await.unwrap().0
}

#[test]
fn a_folder_that_is_no_pack_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let refused = watch::load(&[folder.path().to_owned()]).unwrap_err();
    assert!(refused.to_string().contains("neither a folder `catalog` nor"), "{refused}");
    let refused = watch::load(&[folder.path().join("absent")]).unwrap_err();
    assert!(matches!(&refused, LoadError::Folder { path, .. } if path.ends_with("absent")), "{refused}");
}

#[test]
fn files_that_cannot_be_read_as_text_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "1");
    let templates = folder.path().join("templates/acme");
    fs::write(templates.join("latin.cfg"), b"ok\nna\xefve\n").unwrap();
    fs::write(templates.join("long.cfg"), vec![b'#'; (1 << 20) + 1]).unwrap();
    let Err(LoadError::Files(found)) = watch::load(&[folder.path().to_owned()]) else {
        panic!("it was read")
    };
    let of = |name: &str| found.iter().find(|finding| finding.file.ends_with(name)).unwrap();
    assert!(of("acme/latin.cfg").message.contains("line 2 is not UTF-8"));
    assert!(of("acme/long.cfg").message.contains("too many"));
}

/// What is found in a pack that this was done to, by path in it.
fn found(change: impl Fn(&Path)) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    write(&pack, "1");
    change(&pack);
    let path = |file: &str| Path::new(file).strip_prefix(&pack).unwrap().display().to_string();
    match watch::load(std::slice::from_ref(&pack)) {
        Err(LoadError::Files(found)) => {
            found.iter().map(|one| (path(&one.file), one.message.clone())).collect()
        }
        read => panic!("{:?}", read.map(|pack| pack.catalogs["acme"].clone())),
    }
}

#[test]
fn no_link_in_a_pack_is_followed_wherever_it_leads() {
    let found = found(|pack| {
        fs::write(pack.join("../secret"), "the operator's").unwrap();
        let templates = pack.join("templates/acme");
        symlink("../../../secret", templates.join("out.cfg")).unwrap();
        symlink("desk/phone.cfg", templates.join("in.cfg")).unwrap();
        symlink("nowhere", templates.join("dangling.cfg")).unwrap();
        symlink("..", templates.join("round")).unwrap();
        symlink("/", templates.join("all")).unwrap();
        symlink("../../secret", pack.join("catalog/b.toml")).unwrap();
        symlink("/etc", pack.join("parameters")).unwrap();
        symlink("../..", templates.join("..data")).unwrap();
        symlink("..data/secret", templates.join("secret")).unwrap();
    });
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    let links = ["all", "dangling.cfg", "in.cfg", "out.cfg", "round", "secret"];
    let links: Vec<String> = links.iter().map(|name| format!("templates/acme/{name}")).collect();
    assert_eq!(
        paths,
        ["catalog/b.toml", &links[0], &links[1], &links[2], &links[3], &links[4], &links[5], "parameters"]
    );
    assert!(
        found.iter().all(|(_, message)| message.contains("put the file or folder itself in its place")),
        "{found:?}"
    );
}

#[test]
fn what_is_no_file_is_named_and_never_opened_to_wait_for_a_writer() {
    let found = found(|pack| {
        let pipe = pack.join("templates/acme/pipe.cfg");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::write(pack.join("parameters"), "").unwrap();
        fs::write(pack.join("templates").join(std::ffi::OsStr::from_bytes(b"na\xefve")), "").unwrap();
    });
    let of = |path: &str| found.iter().find(|(of, _)| of == path).unwrap().1.as_str();
    assert!(of("templates/acme/pipe.cfg").contains("put a file in its place"));
    assert!(of("parameters").contains("give the file another name"));
    assert!(of("templates/na\u{fffd}ve").contains("its name is not UTF-8"));
}

#[test]
fn a_pack_with_too_many_files_or_too_deep_is_told_so_and_not_read_to_its_end() {
    let deep = found(|pack| fs::create_dir_all(pack.join("templates/1/2/3/4/5/6/7/8/9")).unwrap());
    assert_eq!((deep.len(), deep[0].0.as_str()), (1, "templates/1/2/3/4/5/6/7/8"));
    assert!(deep[0].1.contains("put it higher up"), "{deep:?}");
    let many = found(|pack| {
        let much = pack.join("templates/much");
        fs::create_dir(&much).unwrap();
        for number in 0..10_001 {
            fs::write(much.join(number.to_string()), "").unwrap();
        }
    });
    assert_eq!((many.len(), many[0].0.as_str()), (1, "templates/much"));
    assert!(many[0].1.contains("take out what is none of a pack"), "{many:?}");
    let links = found(|pack| {
        for number in 0..500 {
            symlink("/", pack.join(format!("templates/{number}"))).unwrap();
        }
    });
    assert_eq!(links.len(), 101);
    assert!(links[100].1.starts_with("and 400 more from here on"), "{links:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_the_whole_system_is_a_finding_and_the_pack_is_watched_on() {
    let house = House::new().await;
    let link = house.pack().join("templates/acme/root");
    symlink("/", &link).unwrap();
    let found = house.findings(|found| !found.is_empty()).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].file.ends_with("templates/acme/root"), "{found:?}");
    assert!(house.serves("1").await);
    fs::remove_file(&link).unwrap();
    house.findings(<[_]>::is_empty).await;
    fs::write(template(&house.pack()), body_of("2")).unwrap();
    house.comes_to_serve("2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_are_made_later_are_watched_too() {
    let house = House::new().await;
    let own = house.pack().join("templates/acme/desk/one");
    fs::create_dir(&own).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    fs::write(own.join("phone.cfg"), body_of("2")).unwrap();
    house.comes_to_serve("2").await;
    fs::write(own.join("phone.cfg"), body_of("3")).unwrap();
    house.comes_to_serve("3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_may_be_mounted_as_one_of_the_folders() {
    let house = House::with_pack(|folder| {
        let pack = folder.join("pack");
        write(&pack, "0");
        let desk = pack.join("templates/acme/desk");
        for version in ["1", "2"] {
            fs::create_dir(desk.join(format!("..{version}"))).unwrap();
            fs::write(desk.join(format!("..{version}/phone.cfg")), body_of(version)).unwrap();
        }
        fs::remove_file(template(&pack)).unwrap();
        symlink("..1", desk.join("..data")).unwrap();
        symlink("..data/phone.cfg", template(&pack)).unwrap();
    })
    .await;
    assert!(house.serves("1").await);
    let desk = house.pack().join("templates/acme/desk");
    symlink("..2", desk.join("..data_tmp")).unwrap();
    fs::rename(desk.join("..data_tmp"), desk.join("..data")).unwrap();
    house.comes_to_serve("2").await;
}

#[test]
fn a_later_pack_lies_over_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let packs = ["a", "b"].map(|name| folder.path().join(name));
    write(&packs[0], "1");
    fs::create_dir_all(template(&packs[1]).parent().unwrap()).unwrap();
    fs::write(template(&packs[1]), body_of("2")).unwrap();
    let pack = watch::load(&packs).unwrap();
    assert_eq!(pack.templates["acme/desk/phone.cfg"].text, body_of("2"));
    assert!(pack.catalogs.contains_key("acme") && pack.catalogs.contains_key("snom"));
}

const ENDLESS: &str = "{% for a in range(end=9999) %}{% for b in range(end=9999) %}{% for c in range(end=9999) %}\
    {% if a == b %}{% endif %}{% endfor %}{% endfor %}{% endfor %}";

#[tokio::test(flavor = "multi_thread")]
async fn a_template_without_an_end_is_a_finding_and_phones_are_served_meanwhile() {
    let house = House::new().await;
    fs::write(template(&house.pack()), ENDLESS).unwrap();
    let mut served = 0;
    while house.files.refused().is_empty() {
        assert!(served < 3000, "nothing was found within a minute");
        assert!(house.serves("1").await);
        served += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let found = house.findings(|found| !found.is_empty()).await;
    assert!(found[0].message.contains("more work than a file may"), "{found:?}");
    assert!(house.serves("1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_shows_its_harm_to_one_phone_only_costs_that_phone_its_file() {
    let house = House::new().await;
    let grown = "{% set x = \"0123456789\" %}".to_owned() + &"{% set x = x ~ x %}".repeat(40);
    for harm in [ENDLESS, &grown] {
        let text = format!("version = 2\n{{% if device.mac == \"00acbe000001\" %}}{harm}{{% endif %}}");
        fs::write(template(&house.pack()), text).unwrap();
        let mut refusal = house.files.by_mac(mac_of("00acbe000001")).await.map(drop);
        for _ in 0..500 {
            if refusal.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            refusal = house.files.by_mac(mac_of("00acbe000001")).await.map(drop);
        }
        let refusal = refusal.unwrap_err().to_string();
        assert!(refusal.contains("template acme/desk/phone.cfg:2"), "{refusal}");
        assert!(house.files.by_mac(mac_of("000413000001")).await.is_ok());
        fs::write(template(&house.pack()), body_of("3")).unwrap();
        for _ in 0..500 {
            if house.files.by_mac(mac_of("00acbe000001")).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(house.serves("3").await);
    }
}
