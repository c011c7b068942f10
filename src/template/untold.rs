//! What documents ask for and a phone is not told, because its templates write nothing of it.
//!
//! Nothing of this is declared anywhere. A plain phone of the model is given a setting in clearly different ways, and a key
//! is taken away: where the files stay as they are, the phone cannot be told. What was found is remembered for the model.

use std::collections::{BTreeSet, HashMap};
use std::sync::RwLock;

use super::{Finding, Set, meter};
use crate::catalog::{Entry, Row};
use crate::device::KeyKind;
use crate::settings::{KeySetting, Parts, Settings};

mod wish;

use wish::WISHES;

/// The most that the files of a phone may cost to render for this to be tried with them.
const DEAR: u64 = meter::MOST / 10;

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    /// The place of a wish in the list.
    Wish(usize),
    /// By a key.
    Key { row: usize, module: u16, number: u16, kind: &'static str },
}

/// Of each model, what of it is told.
#[derive(Debug, Default)]
pub(super) struct Memory(RwLock<HashMap<String, HashMap<Asked, bool>>>);

impl Memory {
    /// What is remembered, else what is found out now.
    fn of(&self, entry: Entry<'_>, asked: Asked, find_out: impl FnOnce() -> bool) -> bool {
        let model = entry.path();
        let known = self.0.read().ok().and_then(|known| known.get(&model)?.get(&asked).copied());
        known.unwrap_or_else(|| {
            let is_told = find_out();
            if let Ok(mut known) = self.0.write() {
                known.entry(model).or_default().insert(asked, is_told);
            }
            is_told
        })
    }
}

impl Set {
    /// A sentence for each thing that the documents of a phone ask for and its templates write nothing of. `settings`
    /// are what the documents make.
    pub fn untold(&self, parts: Parts<'_>, settings: &Settings) -> Vec<String> {
        let entry = parts.entry;
        let name = &entry.model.name;
        let asked = WISHES.iter().enumerate().filter(|(_, wish)| wish.is_asked(parts, settings));
        let untold = asked.filter(|(at, wish)| {
            !self.untold.of(entry, Asked::Wish(*at), || self.makes_a_difference(entry, &wish.settings(entry)))
        });
        let mut said: Vec<String> = untold
            .map(|(_, wish)| {
                let word = if wish.word.is_empty() { String::new() } else { format!(" ({})", wish.word) };
                format!(
                    "{}{word} is not told to it: nothing is known by which a {name} could be told",
                    wish.path
                )
            })
            .collect();
        said.extend(self.untold_keys(entry, settings).into_iter().map(|key| {
            let place = if key.module > 0 { format!(" of module {}", key.module) } else { String::new() };
            let (number, kind) = (key.number, key.kind);
            format!("key {number}{place} stays as it is: a {name} cannot be told of a {kind} key there")
        }));
        said
    }

    fn untold_keys<'s>(&self, entry: Entry<'_>, settings: &'s Settings) -> Vec<&'s KeySetting> {
        let mut untold = Vec::new();
        let mut with = None;
        for (row, kind) in [Row::Own, Row::Feature, Row::Expansion].into_iter().enumerate() {
            let none = entry.key_code(kind, KeyKind::None).unwrap_or_default();
            for (at, key) in keys(settings, kind).iter().enumerate().filter(|(_, key)| is_asked(key)) {
                let asked = Asked::Key { row, module: key.module, number: key.number, kind: key.kind };
                let is_told = self.untold.of(entry, asked, || {
                    let mut without = settings.clone();
                    keys_mut(&mut without, kind)[at] = key.cleared(none);
                    let with = with.get_or_insert_with(|| self.files(entry, settings).ok());
                    with.is_none() || self.files(entry, &without).ok() != *with
                });
                untold.extend((!is_told).then_some(key));
            }
        }
        untold
    }

    /// Whether these settings make different files. Where that cannot be tried, they do.
    fn makes_a_difference(&self, entry: Entry<'_>, tried: &[Settings]) -> bool {
        let made: Result<BTreeSet<_>, _> = tried.iter().map(|settings| self.files(entry, settings)).collect();
        made.map_or(true, |made| made.len() != 1)
    }

    /// No files where they cost too much; those of others are none either.
    fn files(&self, entry: Entry<'_>, settings: &Settings) -> Result<Vec<Vec<u8>>, Option<Finding>> {
        let file = |file| {
            let body = self.render(entry, file, settings)?;
            if meter::spent() > DEAR { Err(None) } else { Ok(body) }
        };
        entry.files().map(file).collect()
    }
}

fn keys(settings: &Settings, row: Row) -> &[KeySetting] {
    match row {
        Row::Own => &settings.keys,
        Row::Feature => &settings.feature_keys,
        Row::Expansion => &settings.expansion_keys,
    }
}

fn keys_mut(settings: &mut Settings, row: Row) -> &mut [KeySetting] {
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
    fn what_cannot_be_rendered_is_not_complained_of_here() {
        let sample = sample(json!({"provision": {"tones": "at"}}));
        assert_eq!(untold(&set("{{ [1][tones.country | length] }}\n"), &sample), [""; 0]);
    }
}
