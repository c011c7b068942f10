//! What documents ask for and a phone is not told, because its templates write nothing of it.
//!
//! Nothing of this is declared anywhere. A plain phone of the model is given a setting in clearly different ways, or a
//! key: where the files stay as they are, the phone cannot be told. What was found is remembered for the model.

use std::collections::{BTreeSet, HashMap};
use std::sync::RwLock;

use super::{Set, meter};
use crate::catalog::{Entry, Row};
use crate::device::KeyKind;
use crate::settings::{KeySetting, Parts, Settings};

mod held;
mod wish;

use wish::WISHES;

/// What the trials for one phone may cost together. What is beyond is tried with the next phone of its model.
const MOST: u64 = meter::MOST;

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    /// The place of a wish in the list.
    Wish(usize),
    /// By a key, with a value or without.
    Key { row: usize, module: u16, number: u16, kind: &'static str, has_value: bool },
}

/// Of each model, what of it is told.
#[derive(Debug, Default)]
pub(super) struct Memory(RwLock<HashMap<String, HashMap<Asked, bool>>>);

/// The trials for one phone.
struct Trials<'s> {
    set: &'s Set,
    entry: Entry<'s>,
    model: String,
    spent: u64,
}

impl Set {
    /// A sentence for each thing that the documents of a phone ask for and its templates write nothing of. `settings`
    /// are what the documents make.
    pub fn untold(&self, parts: Parts<'_>, settings: &Settings) -> Vec<String> {
        let entry = parts.entry;
        let name = &entry.model.name;
        let mut trials = Trials { set: self, entry, model: entry.path(), spent: 0 };
        let asked = WISHES.iter().enumerate().filter(|(_, wish)| wish.is_asked(parts, settings));
        let untold = asked.filter(|(at, wish)| {
            !trials.is_told(Asked::Wish(*at), |trials| trials.differ(&wish.settings(entry)))
        });
        let mut said: Vec<String> = untold
            .map(|(_, wish)| {
                let word = if wish.word.is_empty() { String::new() } else { format!(" ({})", wish.word) };
                format!(
                    "{}{word} is not told to it: nothing is known by which the {name} could be told",
                    wish.path
                )
            })
            .collect();
        said.extend(held::cut(entry, settings));
        said.extend(trials.keys(settings).into_iter().map(|key| {
            format!("{} stays as it is: the {name} cannot be told of a {} key there", key.spoken(), key.kind)
        }));
        said
    }
}

impl Trials<'_> {
    /// What is remembered, else what is found out now. What cannot be found out counts as told, and is not remembered.
    fn is_told(&mut self, asked: Asked, find_out: impl FnOnce(&mut Self) -> Option<bool>) -> bool {
        let memory = &self.set.untold.0;
        let known = memory.read().ok().and_then(|known| known.get(&self.model)?.get(&asked).copied());
        if let Some(known) = known {
            return known;
        }
        let Some(is_told) = find_out(self) else { return true };
        if let Ok(mut known) = memory.write() {
            known.entry(self.model.clone()).or_default().insert(asked, is_told);
        }
        is_told
    }

    /// Whether these settings make different files.
    fn differ(&mut self, tried: &[Settings]) -> Option<bool> {
        let made: Option<BTreeSet<_>> = tried.iter().map(|settings| self.files(settings)).collect();
        Some(made?.len() != 1)
    }

    fn keys<'k>(&mut self, settings: &'k Settings) -> Vec<&'k KeySetting> {
        let mut untold = Vec::new();
        for (row, of) in [Row::Own, Row::Feature, Row::Expansion].into_iter().enumerate() {
            let keys = keys(settings, of);
            let mut bare = None;
            for (at, key) in keys.iter().enumerate().filter(|(_, key)| is_asked(key)) {
                let (module, number, kind) = (key.module, key.number, key.kind);
                let asked = Asked::Key { row, module, number, kind, has_value: !key.value.is_empty() };
                let is_told = self.is_told(asked, |trials| {
                    let (without, files) = bare.get_or_insert_with(|| trials.bare(keys, of)).as_ref()?;
                    let mut with = without.clone();
                    keys_mut(&mut with, of)[at] = such_as(key);
                    Some(trials.files(&with)? != *files)
                });
                untold.extend((!is_told).then_some(key));
            }
        }
        untold
    }

    /// A plain phone of the model with nothing on the keys of a row, and its files.
    fn bare(&mut self, keys: &[KeySetting], row: Row) -> Option<(Settings, Vec<Vec<u8>>)> {
        let mut bare = wish::plain(self.entry)?;
        let none = self.entry.key_code(row, KeyKind::None).unwrap_or_default();
        *keys_mut(&mut bare, row) = keys.iter().map(|key| key.cleared(none)).collect();
        let files = self.files(&bare)?;
        Some((bare, files))
    }

    /// The phone's files; none where they cannot be made, or cost more than is left. One that need not be there is empty
    /// where it cannot be made.
    fn files(&mut self, settings: &Settings) -> Option<Vec<Vec<u8>>> {
        let mut files = Vec::new();
        for file in self.entry.files() {
            if self.spent > MOST {
                return None;
            }
            let body = self.set.render(self.entry, file, settings);
            self.spent += meter::spent();
            files.push(if file.optional { body.unwrap_or_default() } else { body.ok()? });
        }
        Some(files)
    }
}

/// A key in the same place that does the same, for another.
fn such_as(key: &KeySetting) -> KeySetting {
    let value = match key.kind {
        _ if key.value.is_empty() => "",
        "url" => "http://one.example/",
        "multicast" => "224.0.1.75:10000",
        _ => "7358",
    };
    let code = if key.kind == KeyKind::Custom.name() { "1" } else { &key.code };
    KeySetting { kind: key.kind, value: value.into(), label: "Zulu".into(), ..key.cleared(code) }
}

fn keys(settings: &Settings, row: Row) -> &[KeySetting] {
    match row {
        Row::Own => &settings.keys,
        Row::Feature => &settings.feature_keys,
        Row::Expansion => &settings.expansion_keys,
    }
}

fn keys_mut(settings: &mut Settings, row: Row) -> &mut Vec<KeySetting> {
    match row {
        Row::Own => &mut settings.keys,
        Row::Feature => &mut settings.feature_keys,
        Row::Expansion => &mut settings.expansion_keys,
    }
}

/// A key of its own account in its own place is what a phone has without being told.
fn is_asked(key: &KeySetting) -> bool {
    let is_usual = key.kind == KeyKind::Line.name() && key.module == 0 && key.number == key.line;
    key.kind != KeyKind::None.name() && !is_usual
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::lint::{Sample, shipped_samples};
    use super::*;
    use crate::pack::{Pack, Text};
    use crate::settings::assemble;

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
        let sample = self::sample(json!({"provision": {"syslog_server": "log.example:1514"}}));
        let told = untold(&set("log = {{ syslog.host }}\n"), &sample);
        assert!(told[0].starts_with("provision.syslog_server (port) is not told"), "{told:?}");
        assert_eq!(untold(&set("log = {{ syslog.host }}:{{ syslog.port }}\n"), &sample), [""; 0]);
    }

    #[test]
    fn a_phone_may_know_one_word_and_not_another() {
        let set = set("tls = {{ lines[0].transport == \"tls\" }}\nport = {{ lines[0].expires }}\n");
        let with = |transport: &str| untold(&set, &sample(json!({"sip": {"transport": transport}})));
        for _ in 0..2 {
            assert_eq!(with("tls"), [""; 0]);
            assert!(with("tcp")[0].starts_with("sip.transport (tcp) is not told"), "{:?}", with("tcp"));
            assert_eq!(with("udp"), [""; 0], "that is what it has without being told");
        }
    }

    #[test]
    fn a_port_that_follows_the_transport_does_not_tell_it() {
        let set = set("port = {{ lines[0].server.port }}\nregion = {{ tones.country }}\n");
        let told = untold(&set, &sample(json!({"sip": {"transport": "tls"}, "language": "de-DE"})));
        assert!(told[0].starts_with("sip.transport (tls) is not told"), "{told:?}");
        assert!(told[1].starts_with("language is not told"), "{told:?}");
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_password_may_be_of_digits_only_and_a_phone_may_look_once_a_day_at_most() {
        let set =
            set("{% if passwords.admin in [\"1234\", \"5678\"] %}pin = {{ passwords.admin }}\n{% endif %}\
             poll = {{ provisioning.poll.minutes // 1440 or 1 }}\n");
        let with = |provision: Value| untold(&set, &sample(json!({"provision": provision})));
        assert_eq!(with(json!({"admin_password": "12345", "poll_minutes": 2880})), [""; 0]);
        let told = with(json!({"admin_password": "12ab", "poll_minutes": 30}));
        assert!(told[1].starts_with("provision.admin_password (other than digits) is not told"), "{told:?}");
        assert!(told[0].starts_with("provision.poll_minutes (less than a day) is not told"), "{told:?}");
    }

    #[test]
    fn a_codec_or_a_pinned_firmware_that_no_template_writes_is_told() {
        let set = set(
            "codecs = {% for codec in codecs %}{% if codec != \"opus\" %}{{ codec }} {% endif %}{% endfor %}\n",
        );
        let codecs = json!({"media": {"audio": {"codecs": ["OPUS", "G722", "PCMU"]}}});
        let told = untold(&set, &sample(codecs));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("media.audio.codecs (opus) is not told"), "{told:?}");
        let mut sample = sample(json!({}));
        sample.account.insert("provision".into(), json!({"firmware": {"acme/one": "acme/one.rom"}}));
        sample.phones_url = "http://prov.example.com/".to_owned();
        let told = untold(&set, &sample);
        assert!(told.iter().any(|told| told.starts_with("provision.firmware_url is not told")), "{told:?}");
    }

    #[test]
    fn a_key_that_its_template_leaves_out_is_named() {
        let set = set(
            "{% for key in keys %}{% if key.number < 3 %}k{{ key.number }} = {{ key.value }}\n{% endif %}{% endfor %}",
        );
        let dial = json!({"type": "speed_dial", "value": {"label": "x", "value": "1"}});
        let keys = json!({"provision": {"combo_keys": {"1": dial, "3": dial}}});
        let told = untold(&set, &sample(keys));
        assert_eq!(told, ["key 4 stays as it is: the One cannot be told of a speed_dial key there"]);
    }

    #[test]
    fn a_value_that_makes_the_same_file_is_told_where_another_makes_another() {
        let set =
            set("zone = {{ time.zone.offset }}\nlanguage = {{ 1 if language.primary == \"de\" else 0 }}\n");
        let device = json!({"timezone": "Europe/Vienna", "language": "en-GB"});
        assert_eq!(untold(&set, &sample(device)), [""; 0]);
        let set = self::set("nothing = 1\n");
        let told = untold(&set, &sample(json!({"timezone": "UTC"})));
        assert!(told[0].starts_with("timezone is not told"), "{told:?}");
    }

    #[test]
    fn whether_a_key_is_told_depends_on_its_place_and_not_on_the_phone_that_came_first() {
        let set = set(
            "{% for key in keys %}{% if lines | length < 2 or key.number > 2 %}k{{ key.number }} = {{ key.value }}\n{% endif %}{% endfor %}",
        );
        let dial = json!({"type": "speed_dial", "value": "1"});
        let lines = json!([{"sip": {"username": "b"}, "name": "B"}]);
        let two = json!({"provision": {"combo_keys": {"1": dial}, "lines": lines}});
        let one = json!({"provision": {"combo_keys": {"1": dial}}});
        assert_eq!(untold(&set, &sample(two)), [""; 0]);
        assert_eq!(untold(&set, &sample(one)), [""; 0]);
    }

    #[test]
    fn what_cannot_be_rendered_is_not_complained_of_here() {
        let sample = sample(json!({"provision": {"tones": "at"}}));
        assert_eq!(untold(&set("{{ [1][tones.country | length] }}\n"), &sample), [""; 0]);
    }
}
