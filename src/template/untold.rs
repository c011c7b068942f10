//! What documents ask for and a phone is not told, because its templates write nothing of it.
//!
//! Nothing of this is declared anywhere: what is asked for is taken away, and where the phone's files stay as they are,
//! it is not told. What was found is remembered for the model.

use std::collections::HashMap;
use std::sync::RwLock;

use serde_json::Value;

use super::{Finding, Set, meter};
use crate::account::Account;
use crate::catalog::Row;
use crate::device::KeyKind;
use crate::document::{Body, at};
use crate::settings::{KeySetting, Parts, Settings, assemble};

/// What every phone is to be told, whoever says it.
const FOR_ALL: [&str; 19] = [
    "call_forward",
    "do_not_disturb",
    "media.encryption",
    "provision.backup_server",
    "provision.calls.forward_busy",
    "provision.calls.forward_no_answer",
    "provision.contacts",
    "provision.dtmf",
    "provision.firmware_url",
    "provision.http_username",
    "provision.outbound_proxy",
    "provision.pickup_code",
    "provision.poll_minutes",
    "provision.syslog_server",
    "provision.tones",
    "provision.transport",
    "sip.expire_seconds",
    "sip.proxy",
    "sip.transport",
];

/// What only a document of the device or of its owner asks for: others say it for phones that have it.
const FOR_ONE: [&str; 9] = [
    "language",
    "provision.admin_password",
    "provision.hours24",
    "provision.ntp_server",
    "provision.user_password",
    "provision.voicemail",
    "ringtones.external",
    "ringtones.internal",
    "timezone",
];

/// The most that the files of a phone may cost to render for this to be tried with them.
const DEAR: u64 = meter::MOST / 40;

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    /// By a path of the documents; and, where there are few, the value.
    Path(&'static str, String),
    /// By a key.
    Key { row: usize, module: u16, number: u16, kind: &'static str },
}

/// Of each model, what of it is told.
#[derive(Debug, Default)]
pub(super) struct Memory(RwLock<HashMap<String, HashMap<Asked, bool>>>);

impl Memory {
    fn of(&self, model: &str, asked: &Asked) -> Option<bool> {
        self.0.read().ok()?.get(model)?.get(asked).copied()
    }

    fn note(&self, model: &str, asked: Asked, is_told: bool) {
        if let Ok(mut known) = self.0.write() {
            known.entry(model.to_owned()).or_default().insert(asked, is_told);
        }
    }
}

/// A phone, what its documents make, and its files, which are rendered when they are first needed.
struct Tried<'a> {
    set: &'a Set,
    parts: Parts<'a>,
    settings: &'a Settings,
    files: Option<Vec<Vec<u8>>>,
}

impl Set {
    /// A sentence for each thing that the documents of a phone ask for and its templates write nothing of. `settings`
    /// are what the documents make.
    pub fn untold(&self, parts: Parts<'_>, settings: &Settings) -> Vec<String> {
        let mut tried = Tried { set: self, parts, settings, files: None };
        let name = &parts.entry.model.name;
        let paths = tried.paths().into_iter().map(|path| {
            format!("{path} is not told to it: nothing is known by which a {name} could be told")
        });
        let keys = tried.keys().into_iter().map(|key| {
            let place = if key.module > 0 { format!(" of module {}", key.module) } else { String::new() };
            let kind = key.kind;
            format!("key {}{place} stays as it is: a {name} cannot be told of a {kind} key there", key.number)
        });
        paths.chain(keys).collect()
    }
}

impl Tried<'_> {
    fn paths(&mut self) -> Vec<&'static str> {
        let own =
            [Some(&self.parts.device.document.body), self.parts.owner().map(|user| &user.document.body)];
        let is_own = |path: &str| own.iter().flatten().any(|body| at(body, path).is_some());
        let mut paths = FOR_ALL.to_vec();
        paths.extend(FOR_ONE.iter().filter(|path| is_own(path)));
        paths.retain(|path| says(self.parts, path));
        paths.retain(|path| !self.is_path_told(path));
        paths
    }

    /// What changes nothing of the settings is as good as not asked for.
    fn is_path_told(&mut self, path: &'static str) -> bool {
        let asked = Asked::Path(path, word(self.settings, path));
        let model = self.parts.entry.path();
        let known = self.set.untold.of(&model, &asked);
        if known == Some(true) {
            return true;
        }
        let Some(without) = without(self.parts, path).filter(|without| without != self.settings) else {
            return true;
        };
        known.unwrap_or_else(|| self.differs(&without, asked))
    }

    fn keys(&mut self) -> Vec<KeySetting> {
        let settings = self.settings;
        let rows = [&settings.keys, &settings.feature_keys, &settings.expansion_keys];
        let mut untold = Vec::new();
        for (row, keys) in rows.into_iter().enumerate() {
            let asked = keys.iter().enumerate().filter(|(_, key)| is_asked(key));
            untold.extend(
                asked.filter(|(at, key)| !self.is_key_told(row, *at, key)).map(|(_, key)| key.clone()),
            );
        }
        untold
    }

    fn is_key_told(&mut self, row: usize, at: usize, key: &KeySetting) -> bool {
        let asked = Asked::Key { row, module: key.module, number: key.number, kind: key.kind };
        if let Some(known) = self.set.untold.of(&self.parts.entry.path(), &asked) {
            return known;
        }
        let mut without = self.settings.clone();
        let rows = [
            (&mut without.keys, Row::Own),
            (&mut without.feature_keys, Row::Feature),
            (&mut without.expansion_keys, Row::Expansion),
        ];
        for (keys, kind) in rows.into_iter().skip(row).take(1) {
            let none = self.parts.entry.key_code(kind, KeyKind::None).unwrap_or_default();
            keys[at] = key.cleared(none);
        }
        self.differs(&without, asked)
    }

    /// Whether the phone's files would be others with these settings. Where that cannot be tried, they would.
    fn differs(&mut self, without: &Settings, asked: Asked) -> bool {
        if self.files.is_none() {
            self.files = self.render(self.settings).ok();
        }
        let Some(files) = self.files.as_ref().filter(|files| !files.is_empty()) else { return true };
        let differs = self.render(without).map_or(true, |other| other != *files);
        self.set.untold.note(&self.parts.entry.path(), asked, differs);
        differs
    }

    /// No files where they cost much.
    fn render(&self, settings: &Settings) -> Result<Vec<Vec<u8>>, Finding> {
        let mut files = Vec::new();
        for file in self.parts.entry.files() {
            files.push(self.set.render(self.parts.entry, file, settings)?);
            if meter::spent() > DEAR {
                return Ok(Vec::new());
            }
        }
        Ok(files)
    }
}

/// A key of its own account in its own place is what a phone has without being told.
fn is_asked(key: &KeySetting) -> bool {
    let is_usual = key.kind == KeyKind::Line.name() && key.module == 0 && key.number == key.line;
    key.kind != KeyKind::None.name() && !is_usual
}

/// What is asked for by a path with few values: phones may know some of them.
fn word(settings: &Settings, path: &str) -> String {
    let line = settings.lines.first();
    let word = match path {
        "sip.transport" | "provision.transport" => line.map(|line| &line.transport),
        "media.encryption" => line.map(|line| &line.srtp),
        "provision.dtmf" => line.map(|line| &line.dtmf),
        _ => None,
    };
    word.cloned().unwrap_or_default()
}

fn bodies(parts: Parts<'_>) -> impl Iterator<Item = &Body> {
    let owner = parts.owner().map(|user| &user.document.body);
    let accounts = parts.accounts.iter().map(|account| &account.document.body);
    [&parts.device.document.body].into_iter().chain(owner).chain(accounts).chain([&parts.site.body])
}

fn says(parts: Parts<'_>, path: &str) -> bool {
    let is_empty = |value: &Value| match value {
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    };
    bodies(parts).filter_map(|body| at(body, path)).any(|value| !is_empty(value))
}

/// The settings if no document said anything at a path; `None` where there would be none.
fn without(parts: Parts<'_>, path: &str) -> Option<Settings> {
    let mut device = parts.device.clone();
    remove(&mut device.document.body, path);
    let mut site = parts.site.clone();
    remove(&mut site.body, path);
    let mut accounts: Vec<Account> = parts.accounts.to_vec();
    for account in &mut accounts {
        remove(&mut account.document.body, path);
    }
    let mut users = parts.users.clone();
    if let Some(owner) = device.owner().and_then(|id| users.get_mut(&id)) {
        remove(&mut owner.document.body, path);
    }
    let parts = Parts { device: &device, site: &site, accounts: &accounts, users: &users, ..parts };
    Some(assemble(parts).ok()?.settings)
}

/// Takes away what stands at a dotted path.
fn remove(body: &mut Body, path: &str) {
    match path.split_once('.') {
        None => drop(body.remove(path)),
        Some((first, rest)) => {
            if let Some(Value::Object(inner)) = body.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::lint::{Sample, shipped_samples};
    use super::*;
    use crate::catalog::Entry;
    use crate::pack::{Pack, Text};

    /// A pack whose phones are told what `template` writes.
    fn set(template: &str) -> Set {
        let catalog = r#"
            name = "Acme"
            mac_prefixes = []
            user_agents = []
            events = { reread = "check-sync", reboot = "check-sync" }
            families.a.name = "A"
            families.a.files = [{ name = "{mac}.cfg", template = "a.cfg", format = "key-value", content_type = "text/plain" }]
            families.a.models.one = { name = "One", lines = 2, keys = 4 }
        "#;
        let text = |text: &str| Text { text: text.to_owned(), origin: "here".to_owned() };
        let mut pack = Pack::default();
        pack.catalogs.insert("acme".to_owned(), text(catalog));
        pack.templates.insert("acme/a.cfg".to_owned(), text(template));
        Set::compile(&pack).unwrap()
    }

    fn untold(set: &Set, sample: &Sample) -> Vec<String> {
        let entry: Entry<'_> = set.catalog().entries().next().unwrap();
        sample.with(entry, |parts| set.untold(parts, &assemble(parts).unwrap().settings))
    }

    fn sample(device: Value) -> Sample {
        let mut sample = shipped_samples().remove("plain").unwrap();
        if let Value::Object(device) = device {
            sample.device.extend(device);
        }
        sample
    }

    #[test]
    fn what_no_template_writes_is_told_to_the_administrator() {
        let sample = sample(json!({"provision": {"tones": "at", "syslog_server": "log.example"}}));
        let told = untold(&set("tones = {{ tones.country }}\n"), &sample);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("provision.syslog_server is not told to it: "), "{told:?}");
        assert_eq!(untold(&set("{{ tones.country }} = {{ syslog.host }}\n"), &sample), [""; 0]);
    }

    #[test]
    fn a_phone_may_know_one_word_and_not_another() {
        let set = set("tls = {{ lines[0].transport == \"tls\" }}\nport = {{ lines[0].expires }}\n");
        let with = |transport: &str| untold(&set, &sample(json!({"sip": {"transport": transport}})));
        for _ in 0..2 {
            assert_eq!(with("tls"), [""; 0]);
            assert!(with("tcp")[0].starts_with("sip.transport is not told"), "{:?}", with("tcp"));
            assert_eq!(with("udp"), [""; 0], "that is what it has without being told");
        }
    }

    #[test]
    fn a_key_that_its_template_leaves_out_is_named() {
        let set = set(
            "{% for key in keys %}{% if key.number < 3 %}k{{ key.number }} = {{ key.value }}\n{% endif %}{% endfor %}",
        );
        let dial = json!({"type": "speed_dial", "value": {"label": "x", "value": "1"}});
        let keys = json!({"provision": {"combo_keys": {"1": dial, "3": dial}}});
        let told = untold(&set, &sample(keys));
        assert_eq!(told, ["key 4 stays as it is: a One cannot be told of a speed_dial key there"]);
    }

    #[test]
    fn what_cannot_be_rendered_is_not_complained_of_here() {
        let sample = sample(json!({"provision": {"tones": "at"}}));
        assert_eq!(untold(&set("{{ [1][tones.country | length] }}\n"), &sample), [""; 0]);
    }
}
