//! Which key of the phone does what.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Parts;
use super::layers::Layers;
use super::layout::{Fill, Layout};
use super::line::Line;
use super::roster::{Person, Roster};
use super::words::counted;
use crate::catalog::{Entry, Model, Row};
use crate::device::{Key, KeyKind};
use crate::id::Id;
use crate::user::User;

/// A key as a template sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeySetting {
    /// From 1, on the phone or on its module.
    pub number: u16,
    /// The expansion module from 1; 0 on the phone itself.
    pub module: u16,
    /// What it does, by the name of its [`KeyKind`].
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The vendor's code for what it does, from the catalog; of a `custom` key the document's.
    pub code: String,
    /// What stands beside the key.
    pub label: String,
    /// What it dials, watches, sends or opens, without realm; empty where nothing is needed.
    pub value: String,
    /// What picks up a call that rings at the watched extension; empty where nothing does.
    pub pickup: String,
    /// The code of that alone, for phones that put the extension behind it themselves.
    pub pickup_code: String,
    /// The SIP account it uses, from 1.
    pub line: u16,
}

impl KeySetting {
    /// Which key it is, in words: `key 3 of module 1`.
    pub fn spoken(&self) -> String {
        let place = if self.module > 0 { format!(" of module {}", self.module) } else { String::new() };
        format!("key {}{place}", self.number)
    }

    /// The same key with nothing on it, and the vendor's code for that.
    #[must_use]
    pub fn cleared(&self, code: &str) -> Self {
        let (_, none) = nothing();
        Self { number: self.number, module: self.module, code: code.to_owned(), ..none }
    }
}

/// All keys of a phone, placed.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) own: Vec<KeySetting>,
    pub(super) feature: Vec<KeySetting>,
    pub(super) expansion: Vec<KeySetting>,
}

/// What the keys of a device mean.
struct Meaning<'a> {
    users: &'a BTreeMap<Id, User>,
    everybody: &'a Roster,
    lines: &'a [Line],
    /// What is dialled before an extension to pick up what rings there; empty where nothing is.
    pickup: &'a str,
}

/// The keys of a phone.
pub(super) fn of(
    parts: Parts<'_>,
    lines: &[Line],
    layers: &Layers<'_>,
    warnings: &mut Vec<String>,
) -> Placed {
    let pickup = layers.text("provision.pickup_code").unwrap_or_default();
    let meaning = Meaning { users: parts.users, everybody: parts.everybody, lines, pickup };
    let entry = parts.entry;
    let layout = Layout::of(parts.device, parts.owner(), parts.accounts, |models| entry.is_one_of(models));
    warnings.extend(layout.missing.iter().map(|name| format!("there is no profile {name:?}")));
    if layout.for_others {
        warnings.push("the profiles that are named for it are for other models".to_owned());
    }
    let Layout { combo, feature, fill, .. } = layout;
    for (name, key) in
        combo.iter().map(|key| ("combo", key)).chain(feature.iter().map(|key| ("feature", key)))
    {
        if let Some(line) = key.line.filter(|line| !meaning.has(*line)) {
            let position = key.position;
            warnings.push(format!("provision.{name}_keys.{position} uses line 1: there is no line {line}"));
        }
        let empty = |why| format!("provision.{name}_keys.{} stays empty: {why}", key.position);
        warnings.extend(meaning.lacks(key).map(empty));
    }
    let fill = fill.map(|fill| (fill, parts.device.owner()));
    place((&combo, &feature), fill, &meaning, parts.entry, warnings)
}

/// A key whose meaning is known.
type Meant = (KeyKind, KeySetting);

/// Places combo keys on the keys that can be line keys and on from there over the expansion modules; feature
/// keys on keys of their own, or, where all keys are alike, on those that the combo keys leave free. Keys with
/// nothing to do are there too, so that a file clears what was on them; the first are line keys by themselves, one for
/// each account that has none.
fn place(
    (combo, feature): (&[Key], &[Key]),
    fill: Option<(Fill, Option<Id>)>,
    meaning: &Meaning<'_>,
    entry: Entry<'_>,
    warnings: &mut Vec<String>,
) -> Placed {
    let model = entry.model;
    let mean = |keys: &[Key]| -> BTreeMap<u16, Meant> {
        keys.iter().map(|key| (key.position, meaning.of(key))).collect()
    };
    let (mut combo, mut feature) = (mean(combo), mean(feature));
    meaning.line_keys(&mut combo, entry);
    if model.feature_keys == 0 {
        share(&mut combo, std::mem::take(&mut feature));
    }
    if let Some((fill, owner)) = fill {
        let left = meaning.fill(&mut combo, (fill, owner), model.combo_keys());
        if left > 0 && model.combo_keys() > 0 {
            let (users, name) = (counted(left, "user has", "users have"), &model.name);
            let room = counted(model.combo_keys(), "combo key", "combo keys");
            warnings.push(format!("{users} no key: the {name} has {room}"));
        }
    }
    let mut fit = |row, keys: Vec<Meant>| fit(entry, row, keys, warnings);
    let own = fit(Row::Own, row(&mut combo, model.keys, 0, 0));
    let expansion = fit(Row::Expansion, expansion(&mut combo, model));
    let feature_row = fit(Row::Feature, row(&mut feature, model.feature_keys, 0, 0));
    let left = combo.values().chain(feature.values()).filter(|(kind, _)| *kind != KeyKind::None).count();
    if left > 0 {
        let (left, name) = (counted(left, "key has", "keys have"), &model.name);
        let (room, others) = (counted(model.combo_keys(), "combo key", "combo keys"), model.feature_keys);
        warnings.push(format!("{left} no place: the {name} has {room} and {others} others"));
    }
    Placed { own, feature: feature_row, expansion }
}

/// Gives keys the vendor's codes. One that the phone does not have is cleared.
fn fit(entry: Entry<'_>, row: Row, keys: Vec<Meant>, warnings: &mut Vec<String>) -> Vec<KeySetting> {
    let code = |kind| entry.key_code(row, kind).map(str::to_owned);
    let fitted = keys.into_iter().map(|(kind, key)| match code(kind) {
        Some(_) if kind == KeyKind::Custom => key,
        Some(code) => KeySetting { code, ..key },
        None => {
            let (key, name) = (&key, &entry.model.name);
            warnings.push(format!("{} stays empty: the {name} has no {} keys", key.spoken(), kind.name()));
            key.cleared(&code(KeyKind::None).unwrap_or_default())
        }
    });
    fitted.collect()
}

/// Gives each feature key the next position that no combo key takes.
fn share(combo: &mut BTreeMap<u16, Meant>, feature: BTreeMap<u16, Meant>) {
    let mut free = 0..=u16::MAX;
    for key in feature.into_values() {
        if let Some(position) = free.find(|position| !combo.contains_key(position)) {
            combo.insert(position, key);
        }
    }
}

/// Takes `count` keys from position `first` on out of `keys`, with nothing on those that are not there; none is at
/// a position beyond 65535.
fn row(keys: &mut BTreeMap<u16, Meant>, count: u16, first: u32, module: u16) -> Vec<Meant> {
    let mut at = |position: u32| keys.remove(&u16::try_from(position).ok()?);
    (1..=count)
        .map(|number| {
            let (kind, key) = at(first + u32::from(number) - 1).unwrap_or_else(nothing);
            (kind, KeySetting { number, module, ..key })
        })
        .collect()
}

fn expansion(keys: &mut BTreeMap<u16, Meant>, model: &Model) -> Vec<Meant> {
    let mut placed = Vec::new();
    for module in 1..=model.expansion_modules {
        let rest = keys.range(model.keys..).next().is_some();
        if !rest || model.expansion_keys == 0 {
            break;
        }
        let first = u32::from(model.keys) + u32::from(module - 1) * u32::from(model.expansion_keys);
        placed.append(&mut row(keys, model.expansion_keys, first, module));
    }
    placed
}

fn nothing() -> Meant {
    setting(KeyKind::None, String::new(), String::new())
}

fn setting(kind: KeyKind, label: String, value: String) -> Meant {
    let (code, pickup, pickup_code) = (String::new(), String::new(), String::new());
    let (number, module, line) = (0, 0, 1);
    (kind, KeySetting { number, module, kind: kind.name(), code, label, value, pickup, pickup_code, line })
}

/// A key that shows a user of this name and presence id.
fn shown(key: &Key, name: &str, presence: &str) -> Meant {
    let named = |usual: String| key.label.clone().unwrap_or(usual);
    match key.kind {
        KeyKind::PersonalParking => setting(key.kind, named(format!("Park {name}")), format!("*3{presence}")),
        kind => setting(kind, named(name.to_owned()), presence.to_owned()),
    }
}

impl Meaning<'_> {
    /// A line key for each account that has none, where its key would be expected and nothing else is. That key stays
    /// empty on a phone that has no line keys.
    fn line_keys(&self, combo: &mut BTreeMap<u16, Meant>, entry: Entry<'_>) {
        let room = entry.model.combo_keys();
        for line in self.lines.iter().map(|line| line.number).filter(|line| u32::from(*line) <= room) {
            let has_one = |(kind, key): &Meant| *kind == KeyKind::Line && key.line == line;
            if line == 1 || !combo.values().any(has_one) {
                let row = if line <= entry.model.keys { Row::Own } else { Row::Expansion };
                let has_code = entry.key_code(row, KeyKind::Line).is_some();
                let kind = if has_code { KeyKind::Line } else { KeyKind::None };
                let (kind, key) = setting(kind, String::new(), String::new());
                combo.entry(line - 1).or_insert((kind, KeySetting { line, ..key }));
            }
        }
    }

    /// Gives each user the next position that nothing takes, in the order of their names, while the phone has one; says for
    /// how many it has none.
    fn fill(&self, combo: &mut BTreeMap<u16, Meant>, (fill, owner): (Fill, Option<Id>), room: u32) -> usize {
        let has_key = |person: &&Person| fill.owner_too || Some(person.id) != owner;
        let mut people = self.everybody.people().iter().filter(has_key);
        let last = u16::try_from(room).unwrap_or(u16::MAX);
        let free: Vec<u16> = (fill.from..last).filter(|position| !combo.contains_key(position)).collect();
        for (position, person) in free.into_iter().zip(people.by_ref()) {
            let key = Key::of_user(fill.kind, person.id);
            let shown = shown(&key, &person.name, &person.presence_id);
            combo.insert(position, self.on_its_line(&key, shown));
        }
        people.count()
    }

    fn has(&self, line: u16) -> bool {
        self.lines.iter().any(|has| has.number == line)
    }

    /// Why a key does nothing, where it does.
    fn lacks(&self, key: &Key) -> Option<&'static str> {
        if key.kind.names_a_user() && !key.resolved && !key.value.is_empty() {
            let user = key.user().and_then(|id| self.users.get(&id));
            return match user {
                None => Some("its value is the id of no user of the account"),
                Some(user) => user.presence_id().is_none().then_some("its user has no presence id"),
            };
        }
        let needs_one = key.kind.names_a_user() || key.kind.needs_a_value();
        (needs_one && key.value.is_empty()).then_some("it has no value")
    }

    /// What a key means, on the line it uses.
    fn of(&self, key: &Key) -> Meant {
        self.on_its_line(key, self.resolve(key))
    }

    fn on_its_line(&self, key: &Key, (kind, made): Meant) -> Meant {
        let line = key.line.filter(|line| self.has(*line)).unwrap_or(1);
        let code = key.pickup.as_deref().unwrap_or(self.pickup);
        let picks_up = kind.picks_up() && !code.is_empty();
        let (pickup, pickup_code) =
            if picks_up { (format!("{code}{}", made.value), code.to_owned()) } else { Default::default() };
        (kind, KeySetting { pickup, pickup_code, line, ..made })
    }

    /// Kazoo's rules: a presence key watches the user's presence id, a parking slot N is `*3N`. A key whose user is
    /// gone or has no presence id does nothing, nor does one without the value it needs.
    fn resolve(&self, key: &Key) -> Meant {
        let user = key.user().and_then(|id| self.users.get(&id));
        let watched = user.and_then(User::presence_id);
        let named = |usual: String| key.label.clone().unwrap_or(usual);
        let value = || key.value.clone();
        match (key.kind, watched) {
            (kind, _) if key.resolved && kind.names_a_user() && !key.value.is_empty() => {
                setting(kind, named(String::new()), value())
            }
            (kind, Some(presence)) if kind.names_a_user() => {
                shown(key, &user.map(User::full_name).unwrap_or_default(), presence)
            }
            (kind, _) if kind.names_a_user() || kind.needs_a_value() && key.value.is_empty() => nothing(),
            (kind @ KeyKind::Parking, _) => {
                setting(kind, named(format!("Park {}", key.value)), format!("*3{}", key.value))
            }
            (kind @ KeyKind::Voicemail, _) if key.value.is_empty() => {
                let number = self.lines.first().map(|line| line.voicemail.clone()).unwrap_or_default();
                setting(kind, named(String::new()), number)
            }
            (kind @ KeyKind::Custom, _) => {
                let (kind, made) = setting(kind, named(String::new()), value());
                (kind, KeySetting { code: key.code.clone(), ..made })
            }
            (kind, _) if kind.needs_a_value() => setting(kind, named(value()), value()),
            (kind @ (KeyKind::Transfer | KeyKind::Forward | KeyKind::Voicemail), _) => {
                setting(kind, named(String::new()), value())
            }
            (kind, _) => setting(kind, named(String::new()), String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_position_is_beyond_the_last_one_and_no_key_is_taken_twice() {
        let line = || setting(KeyKind::Line, String::new(), String::new());
        let mut keys = BTreeMap::from([(0, line()), (u16::MAX, line())]);
        let mut lines = |first| -> Vec<u16> {
            let row = row(&mut keys, 9, first, 1).into_iter();
            row.filter(|(kind, _)| *kind == KeyKind::Line).map(|(_, key)| key.number).collect()
        };
        assert_eq!([65_536, 65_530, 65_530].map(&mut lines), [vec![], vec![6], vec![]]);
        assert_eq!(keys.len(), 1);
    }
}
