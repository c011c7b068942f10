//! Where a setting comes from, and what is said when it is wrong.
#![allow(clippy::unwrap_used, clippy::unnecessary_wraps, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use checksync::config::{self, Config, ConfigError, Effective, Flags, LogFormat, Origin, SETTINGS};
use checksync::wire::Source;
use serde_json::json;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

fn file(text: &str) -> Option<(PathBuf, String)> {
    Some((PathBuf::from("checksync.toml"), text.to_owned()))
}

fn flags(values: &[(&'static str, &[&str])]) -> Flags {
    let values = values.iter().map(|(name, texts)| (*name, texts.iter().map(ToString::to_string).collect()));
    Flags { config: None, values: values.collect() }
}

fn from_file(text: &str) -> Result<Effective, ConfigError> {
    config::layer(file(text), |_| None, &Flags::default())
}

fn from_env(name: &str, value: &str) -> Result<Effective, ConfigError> {
    config::layer(None, |asked| (asked == name).then(|| value.to_owned()), &Flags::default())
}

fn refused(text: &str) -> String {
    from_file(text).unwrap_err().to_string()
}

#[test]
fn each_layer_lies_over_the_one_before() {
    let text = "phones = \"10.0.0.1:1\"\nadmin = \"10.0.0.1:2\"\nsip = \"10.0.0.1:3\"\n";
    let env = BTreeMap::from([("CHECKSYNC_ADMIN", "10.0.0.2:2"), ("CHECKSYNC_SIP", "10.0.0.2:3")]);
    let env = |name: &str| env.get(name).map(ToString::to_string);
    let Effective { config, origins } =
        config::layer(file(text), env, &flags(&[("sip", &["10.0.0.3:3"])])).unwrap();
    assert_eq!(config.phones.to_string(), "10.0.0.1:1");
    assert_eq!(config.admin.to_string(), "10.0.0.2:2");
    assert_eq!(config.sip.to_string(), "10.0.0.3:3");
    assert_eq!(config.data_dir, PathBuf::from("./var"));
    assert_eq!(origins["phones"], Origin::File("checksync.toml".into(), 1));
    assert_eq!(origins["admin"], Origin::Env("CHECKSYNC_ADMIN"));
    assert_eq!(origins["sip"], Origin::Flag("--sip"));
}

#[test]
fn nothing_set_is_the_defaults() {
    assert_eq!(from_file("").unwrap().config, Config::default());
}

#[test]
fn packs_are_repeated_listed_or_joined() {
    let expected = ["a", "b/c"].map(PathBuf::from);
    let given = config::layer(None, |_| None, &flags(&[("pack", &["a", "b/c"])])).unwrap();
    assert_eq!(given.config.packs, expected);
    assert_eq!(from_file("pack = [\"a\", \"b/c\"]").unwrap().config.packs, expected);
    assert_eq!(from_env("CHECKSYNC_PACK", "a:b/c").unwrap().config.packs, expected);
}

#[test]
fn kazoos_networks_stand_in_a_table_of_their_own_or_under_one_name() {
    let expected = ["192.0.2.0/24", "2001:db8::/32"].map(|text| text.parse().unwrap());
    let list = "[\"192.0.2.0/24\", \"2001:db8::/32\"]";
    assert_eq!(from_file(&format!("[kazoo]\nfrom = {list}")).unwrap().config.kazoo_from, expected);
    assert_eq!(from_file(&format!("kazoo_from = {list}")).unwrap().config.kazoo_from, expected);
    let env = from_env("CHECKSYNC_KAZOO_FROM", "192.0.2.0/24, 2001:db8::/32").unwrap();
    assert_eq!(env.config.kazoo_from, expected);
    assert!(from_env("CHECKSYNC_KAZOO_FROM", "").unwrap().config.kazoo_from.is_empty());
    let given = config::layer(None, |_| None, &flags(&[("kazoo_from", &["192.0.2.0/24", "2001:db8::/32"])]));
    assert_eq!(given.unwrap().config.kazoo_from, expected);
    assert!(
        refused("\n[kazoo]\nfrom = [\"192.0.2.0/40\"]\n").starts_with("checksync.toml:2: kazoo_from is ")
    );
    assert!(refused("[kazoo]\nform = []\n").contains("did you mean \"kazoo_from\""));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_what_it_may_have_meant() {
    assert_eq!(
        refused("# first\n\nfiles_mib = 1\nnotfy_window = 3\n"),
        "checksync.toml:4: there is no setting \"notfy_window\"; did you mean \"notify_window\"? \
         `checksync config` lists all"
    );
    assert!(refused("[sites]\nlanguage = \"de\"\n").contains("did you mean \"site\""));
}

#[test]
fn a_wrong_value_is_named_with_what_is_expected() {
    assert_eq!(
        refused("log = \"info\"\nphones = \"0.0.0.0:80800\"\n"),
        "checksync.toml:2: phones is \"0.0.0.0:80800\", and should be an address and a port, such as 0.0.0.0:8080"
    );
    assert_eq!(
        refused("notify_window = \"32\""),
        "checksync.toml:1: notify_window is \"32\", and should be a whole number from 1 to 10000"
    );
    assert!(refused("workers = -1").contains("workers is \"-1\""));
    assert!(refused("pack = \"a\"").contains("should be folders"));
    assert!(refused("site = 3").contains("should be a table"));
}

#[test]
fn a_wrong_variable_or_flag_is_called_by_its_own_name() {
    let refused = from_env("CHECKSYNC_WORKERS", "many").unwrap_err().to_string();
    assert!(refused.starts_with("CHECKSYNC_WORKERS: workers is \"many\""), "{refused}");
    let refused =
        config::layer(None, |_| None, &flags(&[("admin", &["localhost"])])).unwrap_err().to_string();
    assert!(refused.starts_with("--admin: admin is \"localhost\""), "{refused}");
}

#[test]
fn what_is_no_toml_is_shown_with_its_line() {
    let refused = refused("log = \"info\"\nphones == 3\n");
    assert!(refused.starts_with("checksync.toml:2: this is not TOML: "), "{refused}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let flags = Flags { config: Some("/nowhere/checksync.toml".into()), values: BTreeMap::new() };
    let refused = config::read(&flags).unwrap_err().to_string();
    assert!(refused.contains("/nowhere/checksync.toml cannot be read"), "{refused}");
}

#[test]
fn the_site_is_an_account_document_and_nothing_is_filled_in() {
    let text = "[site]\ntimezone = \"Europe/Vienna\"\n[site.provision]\nntp_server = \"ntp.example.com\"\nauto_sync = \"false\"\n";
    let config = from_file(text).unwrap().config;
    let expected = json!({
        "timezone": "Europe/Vienna",
        "provision": {"ntp_server": "ntp.example.com", "auto_sync": false},
    });
    assert_eq!(serde_json::Value::Object(config.site), expected);
    let refused = refused("log = \"info\"\n[site.provision]\nauto_sync = \"perhaps\"\n");
    assert!(refused.contains("checksync.toml:2") && refused.contains("provision.auto_sync"), "{refused}");
}

#[test]
fn the_api_key_stands_in_the_environment_alone_and_is_never_shown() {
    let effective = from_env("CHECKSYNC_API_KEY", KEY).unwrap();
    let key = effective.config.api_key.clone().unwrap();
    assert_eq!(key.as_str(), KEY.to_lowercase());
    let shown = format!("{}{effective:?}", config::show(&effective));
    assert!(!shown.to_lowercase().contains(&KEY.to_lowercase()));
    let refused = from_env("CHECKSYNC_API_KEY", "hunter2").unwrap_err().to_string();
    assert!(refused.contains("64 hexadecimal digits") && !refused.contains("hunter2"), "{refused}");
    assert!(refused.starts_with("CHECKSYNC_API_KEY"));
    assert!(from_file(&format!("api_key = \"{KEY}\"")).is_err());
}

#[test]
fn what_is_shown_explains_everything_and_can_be_read_back() {
    let text = "log_format = \"json\"\npack = [\"a\\\\b\"]\n[site]\nlanguage = \"de\"\n[site.provision]\nadmin_password = \"hush\"\n";
    let effective = from_file(text).unwrap();
    let shown = config::show(&effective);
    for setting in SETTINGS {
        assert!(shown.contains(setting.meaning) && shown.contains(setting.env), "{}", setting.name);
    }
    assert!(shown.contains("Default: \"text\". From: checksync.toml:1.\nlog_format = \"json\""), "{shown}");
    assert!(shown.contains("# provision.admin_password is set, and not shown."), "{shown}");
    assert!(!shown.contains("hush"));
    let again = from_file(&shown).unwrap().config;
    let mut expected = effective.config;
    expected.site["provision"] = json!({});
    assert_eq!(again, expected);
    assert_eq!(again.log_format, LogFormat::Json);
}

#[test]
fn phones_are_sent_to_an_address_that_they_can_reach() {
    let config = Config::default();
    assert_eq!(config.site("192.0.2.7:81".parse().unwrap()).phones_url, "http://192.0.2.7:81/");
    let derived = config.site("0.0.0.0:8080".parse().unwrap()).phones_url;
    assert!(derived.ends_with(":8080/") && !derived.contains("0.0.0.0"), "{derived}");
    let chosen = from_env("CHECKSYNC_PHONES_URL", "https://prov.example.com/p").unwrap().config;
    assert_eq!(chosen.site("0.0.0.0:8080".parse().unwrap()).phones_url, "https://prov.example.com/p/");
}

#[test]
fn registrations_from_elsewhere_need_to_know_where() {
    let proxy = "outbound_proxy = \"pbx.example.com:5060\"\n";
    let kamailio = "registrations_from = \"kamailio\"\n";
    let rpc = "kamailio_rpc = \"http://127.0.0.1:8090/RPC\"\n";
    assert!(refused(kamailio).contains("needs outbound_proxy"));
    assert!(refused(&format!("{proxy}{kamailio}")).contains("needs kamailio_rpc"));
    assert!(refused("registrations_from = \"reg-event\"").contains("needs outbound_proxy"));
    let source = from_file(&format!("{proxy}{kamailio}{rpc}")).unwrap().config.source();
    let every = std::time::Duration::from_secs(30);
    assert_eq!(source, Source::Kamailio { rpc: "http://127.0.0.1:8090/RPC".to_owned(), every });
}

#[test]
fn hours_of_the_site_that_are_none_are_refused() {
    let site = |from, to| format!("[site.provision.reboot_window]\nfrom = \"{from}\"\nto = \"{to}\"\n");
    assert!(from_file(&site("22:00", "05:00")).is_ok());
    for (from, to) in [("05:00", "05:00"), ("24:00", "05:00")] {
        let why = refused(&site(from, to));
        assert!(why.contains("[site]") && why.contains("reboot_window"), "{why}");
    }
}

#[test]
fn a_key_of_the_site_that_some_phone_would_not_take_is_refused_and_not_shown() {
    let site = |key| format!("[site.provision.encryption]\nenabled = true\npassword = \"{key}\"\n");
    assert!(from_file(&site("Sixteen-Letters1")).is_ok());
    let why = refused(&site("Seventeen-Letters"));
    assert!(why.contains("[site]") && why.contains("has 17 characters"), "{why}");
    assert!(!why.contains("Seventeen-Letters"), "{why}");
}

#[test]
fn a_site_whose_zone_does_not_exist_or_whose_settings_cannot_be_is_refused() {
    let why = refused("[site]\ntimezone = \"Mars/X\"\n");
    assert!(why.contains("[site]") && why.contains("timezone") && why.contains("Mars/X"), "{why}");
    let why = refused("[site.provision]\nport = 99999\nserver = \"pbx:abc\"\nhours24 = \"maybe\"\n");
    for says in ["provision.port: Value must be at most 65535", "provision.hours24", "host:port"] {
        assert!(why.contains(says), "{why}");
    }
    let site =
        from_file("[site]\ntimezone = \"inherit\"\n[site.provision]\nvoicemail = 98\n").unwrap().config.site;
    assert_eq!(site["provision"]["voicemail"], "98");
}
