use serde_json::{Value, json};

use super::*;
use crate::catalog::Catalog;
use crate::document::Document;
use crate::id::Digest;

const ACCOUNT: Id = Id::from_bytes([1; 16]);
const PARENT: Id = Id::from_bytes([2; 16]);
const OWNER: Id = Id::from_bytes([3; 16]);
const COLLEAGUE: Id = Id::from_bytes([4; 16]);

const CATALOG: &str = r#"
    name = "Acme"
    mac_prefixes = ["00acbe"]
    user_agents = ["acme"]
    events = { reread = "resync", reboot = "reboot" }
    [families.a]
    name = "A"
    encryption = ["openssl-aes-256-cbc-md5", "aes128gcm"]
    files = [{ name = "{mac}.cfg", template = "a.cfg", format = "key-value", content_type = "text/plain" }]
    models.alike = { name = "Alike", lines = 1, keys = 3, expansion_modules = 2, expansion_keys = 2 }
    models.many = { name = "Many", lines = 3, keys = 9 }
    models.apart = { name = "Apart", lines = 1, keys = 2, feature_keys = 2 }
"#;

struct Fixture {
    site: Site,
    accounts: Vec<Account>,
    users: BTreeMap<Id, User>,
    others: BTreeMap<Id, Device>,
    catalog: Catalog,
}

fn document(id: Id, body: &Value) -> Document {
    Document::new(id, ACCOUNT, body.as_object().unwrap().clone(), 0)
}

fn account(id: Id, body: &Value) -> Account {
    Account { document: document(id, body), tree: Vec::new(), api_key: Digest::of(b"") }
}

fn user(id: Id, body: &Value) -> (Id, User) {
    (id, User { document: document(id, body) })
}

fn fixture() -> Fixture {
    let body = json!({"provision": {"ntp_server": "ntp.site.example"}, "timezone": "Asia/Kolkata"});
    Fixture {
        site: Site { phones_url: "http://prov.example:8080/".into(), body: body.as_object().unwrap().clone() },
        accounts: vec![
            account(ACCOUNT, &json!({"name": "Shop", "realm": "Shop.Example", "timezone": "inherit"})),
            account(PARENT, &json!({"name": "Reseller", "timezone": "Europe/Vienna"})),
        ],
        users: [
            user(OWNER, &json!({"first_name": "Ann", "last_name": "Owner", "presence_id": "101", "language": "de-AT"})),
            user(COLLEAGUE, &json!({"first_name": "Bob", "last_name": "Nearby", "presence_id": "102"})),
        ]
        .into(),
        others: BTreeMap::new(),
        catalog: Catalog::parse([("acme", CATALOG)]).unwrap(),
    }
}

impl Fixture {
    fn assemble(&self, body: &Value) -> Result<Assembled, SettingsError> {
        let mut body = body.clone();
        body["mac_address"] = json!("00:AC:BE:00:00:01");
        let device = Device { document: document(Id::from_bytes([9; 16]), &body) };
        let mut make = device.make();
        make.brand = "acme".into();
        let entry = self.catalog.find(&make).unwrap();
        let Self { site, accounts, users, others, .. } = self;
        let everybody = &users.values().collect();
        assemble(Parts { site, accounts, device: &device, users, everybody, others, entry })
    }

    fn alike(&self, mut body: Value) -> Assembled {
        body["provision"]["endpoint_model"] = json!("alike");
        self.assemble(&body).unwrap()
    }
}

fn summary(keys: &[KeySetting]) -> Vec<String> {
    keys.iter().map(|k| format!("{}.{} {} {} {}", k.module, k.number, k.kind, k.label, k.value)).collect()
}

#[test]
fn the_nearest_layer_wins_and_inherit_leaves_it_to_the_next() {
    let settings =
        fixture().alike(json!({"name": "Desk", "owner_id": OWNER, "sip": {"username": "u1"}})).settings;
    assert_eq!(settings.time.zone.name, "Europe/Vienna");
    assert_eq!(settings.time.ntp_server, "ntp.site.example");
    assert_eq!(
        settings.language,
        Language { tag: "de-AT".into(), primary: "de".into(), region: "AT".into() }
    );
    assert_eq!(settings.user.name, "Ann Owner");
}

#[test]
fn a_line_has_the_accounts_realm_unless_it_has_its_own() {
    let fixture = fixture();
    let line = &fixture.alike(json!({"name": "Desk", "sip": {"username": "u1"}})).settings.lines[0];
    assert_eq!(
        (line.realm.as_str(), line.server.host.as_str(), line.server.port),
        ("shop.example", "shop.example", 5060)
    );
    let body = json!({"sip": {"realm": "own.example", "transport": "TLS", "expire_seconds": 90}});
    let line = &fixture.alike(body).settings.lines[0];
    assert_eq!(
        (line.realm.as_str(), line.server.port, line.transport.as_str()),
        ("own.example", 5061, "tls")
    );
    assert_eq!((line.expires, line.expires_minutes), (90, 2));
}

#[test]
fn the_display_name_is_the_devices_else_the_owners_else_the_accounts() {
    let fixture = fixture();
    let name = |body| fixture.alike(body).settings.lines[0].display_name.clone();
    assert_eq!(name(json!({"name": "Desk", "owner_id": OWNER})), "Desk");
    assert_eq!(name(json!({"owner_id": OWNER})), "Ann Owner");
    assert_eq!(name(json!({})), "Shop");
}

#[test]
fn a_line_is_on_only_while_device_owner_and_account_are() {
    let mut fixture = fixture();
    assert!(fixture.alike(json!({"owner_id": OWNER})).settings.lines[0].enabled);
    assert!(!fixture.alike(json!({"enabled": false})).settings.lines[0].enabled);
    let off = json!({"enabled": false});
    fixture.users.extend([user(OWNER, &off)]);
    assert!(!fixture.alike(json!({"owner_id": OWNER})).settings.lines[0].enabled);
}

#[test]
fn encryption_is_off_optional_or_required() {
    let fixture = fixture();
    let srtp = |encryption: Value| {
        fixture.alike(json!({"media": {"encryption": encryption}})).settings.lines[0].srtp.clone()
    };
    assert_eq!(srtp(json!({"methods": []})), "off");
    assert_eq!(srtp(json!({"methods": ["srtp"]})), "optional");
    assert_eq!(srtp(json!({"methods": ["srtp"], "enforce_security": true})), "required");
}

#[test]
fn codecs_keep_their_order_and_lose_their_spellings() {
    let codecs = json!(["OPUS", "G722", "G7221@32000h", "speex@16000h", "Speex", "PCMA"]);
    let settings = fixture().alike(json!({"media": {"audio": {"codecs": codecs}}})).settings;
    assert_eq!(settings.codecs, ["opus", "g722", "g7221_32", "speex", "pcma"]);
    assert_eq!(fixture().alike(json!({})).settings.codecs, ["pcmu"]);
}

#[test]
fn keys_mean_what_kazoo_means_by_them() {
    let keys = json!({
        "0": {"type": "line"},
        "1": {"type": "presence", "value": COLLEAGUE},
        "2": {"type": "speed_dial", "value": {"label": "Mum", "value": "+43123"}},
        "3": {"type": "parking", "value": 4},
        "4": {"type": "personal_parking", "value": COLLEAGUE},
        "5": {"type": "presence", "value": PARENT},
    });
    let assembled = fixture().alike(json!({"provision": {"combo_keys": keys}}));
    assert_eq!(
        summary(&assembled.settings.keys),
        ["0.1 line  ", "0.2 presence Bob Nearby 102", "0.3 speed_dial Mum +43123"]
    );
    assert_eq!(
        summary(&assembled.settings.expansion_keys),
        ["1.1 parking Park 4 *34", "1.2 personal_parking Park Bob Nearby *3102", "2.1 none  ", "2.2 none  "]
    );
    let gone = "provision.combo_keys.5 stays empty: its value is the id of no user of the account";
    assert_eq!(assembled.warnings, [gone]);
}

#[test]
fn a_key_whose_user_is_looked_up_already_shows_and_watches_what_it_says() {
    let keys = json!({
        "0": {"type": "presence", "value": {"label": "Bob", "value": "102"}, "resolved": true},
        "1": {"type": "personal_parking", "value": {"label": "", "value": "*3102"}, "resolved": true},
        "2": {"type": "parking", "value": 4, "resolved": true},
        "3": {"type": "presence", "value": {"label": "Bob", "value": "102"}},
    });
    let settings = fixture().alike(json!({"provision": {"combo_keys": keys}})).settings;
    assert_eq!(
        summary(&settings.keys),
        ["0.1 presence Bob 102", "0.2 personal_parking  *3102", "0.3 parking Park 4 *34"]
    );
    assert_eq!(summary(&settings.expansion_keys), ["1.1 none  ", "1.2 none  "]);
}

#[test]
fn where_all_keys_are_alike_feature_keys_take_what_is_free() {
    let provision = json!({
        "combo_keys": {"1": {"type": "speed_dial", "value": "7"}},
        "feature_keys": {"0": {"type": "parking", "value": "1"}},
    });
    let settings = fixture().alike(json!({"provision": provision})).settings;
    assert_eq!(summary(&settings.keys), ["0.1 line  ", "0.2 speed_dial 7 7", "0.3 parking Park 1 *31"]);
    assert_eq!(settings.feature_keys, []);
}

#[test]
fn keys_that_have_no_place_are_told_and_not_dropped_in_silence() {
    let keys = json!({"2": {"type": "line"}, "60000": {"type": "speed_dial", "value": "1"}});
    let body = json!({"provision": {"endpoint_model": "apart", "combo_keys": keys, "feature_keys": {"1": {"type": "parking", "value": "1"}}}});
    let assembled = fixture().assemble(&body).unwrap();
    assert_eq!(summary(&assembled.settings.feature_keys), ["0.1 none  ", "0.2 parking Park 1 *31"]);
    assert_eq!(assembled.warnings, ["2 keys have no place: the Apart has 2 combo keys and 2 others"]);
}

#[test]
fn nobody_is_told_of_a_line_key_that_nobody_asked_for() {
    let without = [
        ("keys = 9", "keys = 0", ""),
        ("[families.a]", "[key_codes]\nnone = 0\nblf = 16\n[families.a]", "0.1 none  "),
    ];
    for (before, after, first) in without {
        let mut fixture = fixture();
        fixture.catalog = Catalog::parse([("acme", CATALOG.replacen(before, after, 1).as_str())]).unwrap();
        let assembled = fixture.assemble(&json!({"provision": {"endpoint_model": "many"}})).unwrap();
        assert_eq!(assembled.warnings, [""; 0]);
        assert_eq!(summary(&assembled.settings.keys).first().map_or("", String::as_str), first);
    }
}

const CODES: &str = r"
    [key_codes]
    none = 0
    line = 15
    presence = 16
    blf = 16
    dnd = 5
    voicemail = 99
    forward = 2
    custom = ''
";

#[test]
fn a_key_has_the_vendors_code_and_one_that_the_phone_lacks_is_told_and_cleared() {
    let mut fixture = fixture();
    let text = CATALOG.replace("    [families.a]", &format!("{CODES}    [families.a]"));
    fixture.catalog = Catalog::parse([("acme", text.as_str())]).unwrap();
    let keys = json!({
        "1": {"type": "dnd", "value": "what"}, "2": {"type": "custom", "code": 50, "value": "x"},
        "3": {"type": "record"}, "4": {"type": "voicemail"}, "5": {"type": "forward"}, "6": {"type": "blf"},
    });
    let body = json!({"provision": {"endpoint_model": "many", "combo_keys": keys}});
    let assembled = fixture.assemble(&body).unwrap();
    let keys = assembled.settings.keys.iter();
    let keys: Vec<String> = keys.map(|key| format!("{} {} {}", key.kind, key.code, key.value)).collect();
    let none = "none 0 ";
    let expected =
        ["line 15 ", "dnd 5 ", "custom 50 x", none, "voicemail 99 *97", "forward 2 ", none, none, none];
    assert_eq!(keys, expected);
    assert_eq!(
        assembled.warnings,
        [
            "provision.combo_keys.6 stays empty: it has no value",
            "key 4 stays empty: the Many has no record keys"
        ]
    );
}

#[test]
fn what_rings_at_a_watched_extension_is_picked_up_by_the_accounts_code_or_the_keys_own() {
    let mut fixture = fixture();
    let body = json!({"provision": {"pickup_code": "*8"}});
    fixture.accounts[1] = account(PARENT, &body);
    let keys = json!({
        "1": {"type": "presence", "value": COLLEAGUE}, "2": {"type": "speed_dial", "value": "7"},
    });
    let pickups = |keys: &Value| -> Vec<String> {
        let body = json!({"provision": {"endpoint_model": "many", "combo_keys": keys}});
        let keys = fixture.assemble(&body).unwrap().settings.keys.into_iter();
        keys.map(|key| key.pickup).take(3).collect()
    };
    assert_eq!(pickups(&keys), ["", "*8102", ""]);
    let own = json!({"1": {"type": "presence", "value": COLLEAGUE, "pickup": "**"}});
    assert_eq!(pickups(&own), ["", "**102", ""]);
}

const OTHER: Id = Id::from_bytes([8; 16]);

fn with_other() -> Fixture {
    let mut fixture = fixture();
    let body = json!({"name": "Door", "sip": {"username": "door", "password": "p2", "transport": "tcp"}});
    fixture.others.insert(OTHER, Device { document: document(OTHER, &body) });
    fixture
}

#[test]
fn a_phone_can_have_the_account_of_another_device_and_one_that_is_only_described() {
    let here = json!({"sip": {"username": "far", "password": "p3", "realm": "Far.Example"}, "provision": {"server": "sip.far.example:5080"}});
    let body = json!({
        "name": "Desk", "owner_id": OWNER, "sip": {"username": "desk", "realm": "own.example"},
        "provision": {"endpoint_model": "many", "lines": [{"device_id": OTHER}, here]},
    });
    let assembled = with_other().assemble(&body).unwrap();
    let lines = assembled.settings.lines.iter();
    let lines: Vec<String> = lines
        .map(|line| {
            format!("{} {} {} {} {}", line.number, line.username, line.realm, line.transport, line.label)
        })
        .collect();
    assert_eq!(
        lines,
        ["1 desk own.example udp Desk", "2 door shop.example tcp Door", "3 far far.example udp Shop"]
    );
    assert_eq!(assembled.settings.lines[2].server, HostPort { host: "sip.far.example".into(), port: 5080 });
    let keys = assembled.settings.keys.iter().map(|key| (key.kind, key.line)).take(4).collect::<Vec<_>>();
    assert_eq!(keys, [("line", 1), ("line", 2), ("line", 3), ("none", 1)]);
    assert_eq!(assembled.warnings, [] as [String; 0]);
}

#[test]
fn who_registers_elsewhere_has_no_use_for_the_accounts_second_registrar() {
    let mut fixture = fixture();
    fixture.accounts[0] = account(ACCOUNT, &json!({"provision": {"backup_server": "b.example:5070"}}));
    let backup = |body: Value| {
        let HostPort { host, port } = fixture.alike(body).settings.lines[0].backup.clone();
        format!("{host} {port}")
    };
    assert_eq!(backup(json!({})), "b.example 5070");
    assert_eq!(backup(json!({"sip": {"realm": "own.example"}})), " 0");
    assert_eq!(backup(json!({"provision": {"server": "a.example"}})), " 0");
    assert_eq!(
        backup(json!({"provision": {"server": "a.example", "backup_server": "c.example"}})),
        "c.example 5060"
    );
}

#[test]
fn a_line_key_that_stands_somewhere_is_not_made_again() {
    let body = json!({"provision": {
        "endpoint_model": "many", "lines": [{"device_id": OTHER}],
        "combo_keys": {"1": {"type": "speed_dial", "value": "7"}, "5": {"type": "line", "line": 2}},
    }});
    let keys = with_other().assemble(&body).unwrap().settings.keys;
    let lines: Vec<_> =
        keys.iter().filter(|key| key.kind == "line").map(|key| (key.number, key.line)).collect();
    assert_eq!(lines, [(1, 1), (6, 2)]);
}

#[test]
fn lines_that_cannot_be_are_told() {
    let lines = json!([{"device_id": PARENT}, {"device_id": OTHER}, {"device_id": OTHER}]);
    let keys = json!({"3": {"type": "line", "line": 7}});
    let body = json!({"provision": {"endpoint_model": "many", "lines": lines, "combo_keys": keys}});
    let assembled = with_other().assemble(&body).unwrap();
    let lines = assembled.settings.lines.iter();
    let lines: Vec<_> = lines.map(|line| (line.number, line.enabled, line.username.as_str())).collect();
    assert_eq!(lines, [(1, true, ""), (2, false, ""), (3, true, "door")]);
    assert_eq!(
        assembled.warnings,
        [
            "line 2 is empty: its device_id names no device of the account",
            "1 line has no place: the Many has 3 SIP accounts",
            "provision.combo_keys.3 uses line 1: there is no line 7",
        ]
    );
}

#[test]
fn a_line_of_another_device_is_off_while_that_device_or_this_phone_is() {
    let mut fixture = with_other();
    let body = |enabled: bool| json!({"enabled": enabled, "provision": {"endpoint_model": "many", "lines": [{"device_id": OTHER}]}});
    let on = |fixture: &Fixture, enabled| fixture.assemble(&body(enabled)).unwrap().settings.lines[1].enabled;
    assert!(on(&fixture, true));
    assert!(!on(&fixture, false));
    let off = json!({"enabled": false, "sip": {"username": "door"}});
    fixture.others.insert(OTHER, Device { document: document(OTHER, &off) });
    assert!(!on(&fixture, true));
}

#[test]
fn phones_look_for_new_files_at_a_time_of_their_own_that_never_changes() {
    let fixture = fixture();
    let poll = |mac: &str| {
        let body = json!({"mac_address": mac, "provision": {"endpoint_model": "alike"}});
        let device = Device { document: document(Id::from_bytes([9; 16]), &body) };
        let entry = fixture.catalog.entries().next().unwrap();
        let Fixture { site, accounts, users, others, .. } = &fixture;
        let everybody = &Roster::default();
        let parts = Parts { site, accounts, device: &device, users, everybody, others, entry };
        let made = assemble(parts).unwrap();
        made.settings.provisioning.poll
    };
    let times: std::collections::BTreeSet<_> = (0..600)
        .map(|n| poll(&format!("00acbe{n:06x}")))
        .inspect(|poll| assert!(poll.minutes == 1440 && poll.hour < 6 && poll.minute < 60))
        .map(|poll| (poll.hour, poll.minute))
        .collect();
    assert!(times.len() > 250, "{} times for 600 phones", times.len());
    assert_eq!(poll("00acbe000001"), poll("00:ac:be:00:00:01"));
}

#[test]
fn a_profile_counts_for_the_models_it_names() {
    let mut fixture = fixture();
    let profile =
        |models: Value| json!({"models": models, "combo_keys": {"1": {"type": "speed_dial", "value": "7"}}});
    let second = |fixture: &Fixture| fixture.alike(json!({})).settings.keys[1].value.clone();
    for (models, value) in [
        (json!([]), "7"),
        (json!(["acme"]), "7"),
        (json!(["acme/a"]), "7"),
        (json!(["acme/alike"]), "7"),
        (json!(["acme/a/alike"]), "7"),
        (json!(["acme/a/ali", "acm"]), ""),
    ] {
        let body = json!({"provision": {"profile": "desk", "profiles": {"desk": profile(models.clone())}}});
        fixture.accounts[1] = account(PARENT, &body);
        assert_eq!(second(&fixture), value, "{models}");
    }
    let assembled = fixture.alike(json!({"provision": {"profile": "desk"}}));
    assert_eq!(assembled.warnings, ["the profiles that are named for it are for other models"]);
    let assembled = fixture.alike(json!({"provision": {"profile": "dsek"}}));
    assert_eq!(assembled.warnings, ["there is no profile \"dsek\""]);
}

#[test]
fn a_rule_gives_every_other_user_a_key_by_name_where_nothing_else_is() {
    let mut fixture = fixture();
    fixture.users.extend([
        user(
            Id::from_bytes([5; 16]),
            &json!({"first_name": "adam", "last_name": "Early", "presence_id": "103"}),
        ),
        user(Id::from_bytes([6; 16]), &json!({"first_name": "No", "last_name": "Extension"})),
        user(Id::from_bytes([7; 16]), &json!({"first_name": "Gone", "presence_id": "105", "enabled": false})),
    ]);
    let keys = json!({"2": {"type": "speed_dial", "value": "9"}, "4": {"type": "none"}});
    fixture.accounts[0] = account(ACCOUNT, &json!({"provision": {"combo_keys": keys, "fill": {"from": 1}}}));
    let keys = |body: Value| summary(&fixture.alike(body).settings.keys);
    let modules = |body: Value| summary(&fixture.alike(body).settings.expansion_keys);
    let desk = || json!({"owner_id": OWNER});
    assert_eq!(keys(desk()), ["0.1 line  ", "0.2 presence adam Early 103", "0.3 speed_dial 9 9"]);
    assert_eq!(modules(desk()), ["1.1 presence Bob Nearby 102", "1.2 none  "]);
    let all =
        || json!({"owner_id": OWNER, "provision": {"fill": {"users": "all", "type": "personal_parking"}}});
    assert_eq!(keys(all())[1], "0.2 personal_parking Park adam Early *3103");
    assert_eq!(modules(all())[0], "1.1 personal_parking Park Ann Owner *3101");
    assert_eq!(modules(all())[2], "2.1 personal_parking Park Bob Nearby *3102");
}

#[test]
fn a_rule_stops_at_the_last_key_and_a_phonebook_at_its_thousandth_entry() {
    let mut fixture = fixture();
    let many = (0..1100_u16).map(|at| {
        let body = json!({"first_name": format!("U{at:04}"), "presence_id": at.to_string()});
        user(
            Id::from_bytes([
                (at >> 8) as u8 + 20,
                (at & 255) as u8,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
                1,
            ]),
            &body,
        )
    });
    fixture.users = many.collect();
    let assembled = fixture.alike(json!({"provision": {"fill": {"users": "all"}, "contacts": "users"}}));
    let filled = assembled.settings.expansion_keys.iter().filter(|key| key.kind == "presence").count();
    assert_eq!((filled, assembled.settings.contacts.len()), (4, 1000));
    let keys = "1094 users have no key: the Alike has 7 combo keys";
    assert_eq!(assembled.warnings, [keys, "100 contacts are left out: a phonebook has 1000 at most"]);
}

#[test]
fn the_phonebook_may_be_the_accounts_users_but_those_that_are_excluded() {
    let mut fixture = fixture();
    let hidden = json!({"first_name": "Hid", "presence_id": "104", "contact_list": {"exclude": true}});
    fixture.users.extend([user(Id::from_bytes([5; 16]), &hidden)]);
    let contacts = fixture.alike(json!({"provision": {"contacts": "users"}})).settings.contacts;
    let shown: Vec<_> =
        contacts.iter().map(|contact| format!("{} {}", contact.name, contact.number)).collect();
    assert_eq!(shown, ["Ann Owner 101", "Bob Nearby 102"]);
}

#[test]
fn the_phonebook_has_whoever_has_a_name_and_a_number() {
    let contacts =
        json!([{"name": " Ann ", "number": "101"}, {"name": "", "number": "1"}, {"name": "Bob"}, 7]);
    let settings = fixture().alike(json!({"provision": {"contacts": contacts}})).settings;
    assert_eq!(settings.contacts, [Contact { name: "Ann".into(), number: "101".into() }]);
}

#[test]
fn tones_are_those_of_a_country_or_of_none() {
    let country = |body: Value| fixture().alike(body).settings.tones.country;
    assert_eq!(country(json!({"language": "de-AT"})), "AT");
    assert_eq!(country(json!({"language": "de-AT", "provision": {"tones": "gb"}})), "GB");
    assert_eq!(country(json!({"language": "zh-Hans"})), "");
}

#[test]
fn a_zone_that_does_not_exist_is_an_error_and_not_utc() {
    let body = json!({"timezone": "Europe/Wien", "provision": {"endpoint_model": "alike"}});
    assert!(matches!(fixture().assemble(&body), Err(SettingsError::Zone(_))));
}

fn encryption(made: &Assembled) -> (bool, &str, &str) {
    let made = &made.settings.encryption;
    (made.enabled, made.method.map_or("", crate::catalog::Encryption::name), &made.key)
}

#[test]
fn encryption_comes_from_the_layers_one_member_at_a_time() {
    let mut fixture = fixture();
    assert_eq!(encryption(&fixture.alike(json!({}))), (false, "openssl-aes-256-cbc-md5", ""));
    let body = json!({"provision": {"encryption": {"password": "of-the-account-1", "method": "aes128gcm"}}});
    fixture.accounts[1] = account(PARENT, &body);
    assert_eq!(encryption(&fixture.alike(json!({}))), (false, "aes128gcm", "of-the-account-1"));
    let own = json!({"provision": {"encryption": {"enabled": true, "method": "aes-128-ecb", "password": "own-key8"}}});
    let made = fixture.alike(own);
    assert_eq!(encryption(&made), (true, "openssl-aes-256-cbc-md5", "own-key8"));
    assert_eq!(made.warnings, Vec::<String>::new());
}

#[test]
fn a_key_that_the_phone_does_not_take_makes_no_settings() {
    let fixture = fixture();
    for (encryption, what) in [
        (json!({"enabled": true}), "set provision.encryption.password"),
        (json!({"password": "short"}), "has 5 characters"),
    ] {
        let body = json!({"provision": {"endpoint_model": "alike", "encryption": encryption}});
        let error = fixture.assemble(&body).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn a_method_that_does_not_take_the_key_leaves_it_to_one_that_does_and_that_is_said() {
    let own = json!({"enabled": true, "password": "fifteen-letters", "method": "aes128gcm"});
    let made = fixture().alike(json!({"provision": {"encryption": own}}));
    assert_eq!(encryption(&made), (true, "openssl-aes-256-cbc-md5", "fifteen-letters"));
    let told = "its files are encrypted by openssl-aes-256-cbc-md5: aes128gcm does not take its key";
    assert_eq!(made.warnings, [told]);
}

#[test]
fn a_phone_without_encryption_is_given_plain_files_and_that_is_said() {
    let mut fixture = fixture();
    let plain: Vec<&str> = CATALOG.lines().filter(|line| !line.contains("encryption")).collect();
    fixture.catalog = Catalog::parse([("acme", plain.join("\n").as_str())]).unwrap();
    let made = fixture.alike(json!({"provision": {"encryption": {"enabled": true, "password": "x"}}}));
    assert_eq!(encryption(&made), (false, "", ""));
    assert!(made.warnings[0].contains("not encrypted"), "{:?}", made.warnings);
}

#[test]
fn a_key_that_phones_share_suits_them_all() {
    let said = |encryption: Value| {
        let body = json!({"provision": {"encryption": encryption}});
        check_shared(body.as_object().unwrap()).map_err(|error| error.to_string())
    };
    for right in
        [json!({}), json!({"enabled": false, "password": ""}), json!({"password": "sixteen-letters1"})]
    {
        assert_eq!(said(right.clone()), Ok(()), "{right}");
    }
    for wrong in [
        json!({"enabled": true}),
        json!({"enabled": true, "password": "inherit"}),
        json!({"password": "seventeen-letters"}),
        json!({"password": "sixteen letters!"}),
    ] {
        assert!(said(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn masked_settings_show_no_key() {
    let mut made = fixture().alike(json!({"provision": {"encryption": {"password": "own-key8"}}}));
    assert!(!format!("{:?}", made.settings).contains("own-key8"));
    made.settings.mask();
    assert_eq!(made.settings.encryption.key, MASK);
}
