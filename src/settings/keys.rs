//! Which key of the phone does what.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::catalog::Model;
use crate::device::{Device, Key, KeyKind};
use crate::id::Id;
use crate::user::User;

/// A key as a template sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeySetting {
    /// From 1, on the phone or on its module.
    pub number: u16,
    /// The expansion module from 1; 0 on the phone itself.
    pub module: u16,
    /// `none`, `line`, `presence`, `speed_dial`, `parking` or `personal_parking`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What stands beside the key.
    pub label: String,
    /// What it dials or watches, without realm; empty for `none` and `line`.
    pub value: String,
    /// The SIP account it uses, from 1.
    pub line: u16,
}

/// All keys of a phone, placed.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) own: Vec<KeySetting>,
    pub(super) feature: Vec<KeySetting>,
    pub(super) expansion: Vec<KeySetting>,
}

/// Places combo keys on the keys that can be line keys and on from there over the expansion modules; feature
/// keys on keys of their own, or, where all keys are alike, on those that the combo keys leave free. Keys with
/// nothing to do are there too, so that a file clears what was on them; the first is a line key by itself.
pub(super) fn place(
    device: &Device,
    users: &BTreeMap<Id, User>,
    model: &Model,
    warnings: &mut Vec<String>,
) -> Placed {
    let resolve = |key: &Key| resolve(key, users);
    let mut combo: BTreeMap<u16, KeySetting> =
        device.combo_keys().iter().map(|key| (key.position, resolve(key))).collect();
    combo.entry(0).or_insert_with(|| setting(KeyKind::Line, String::new(), String::new()));
    let mut feature: BTreeMap<u16, KeySetting> =
        device.feature_keys().iter().map(|key| (key.position, resolve(key))).collect();
    if model.feature_keys == 0 {
        share(&mut combo, std::mem::take(&mut feature));
    }
    let own = row(&mut combo, model.keys, 0, 0);
    let expansion = expansion(&mut combo, model);
    let feature_row = row(&mut feature, model.feature_keys, 0, 0);
    let left = combo.values().chain(feature.values()).filter(|key| key.kind != KeyKind::None.name()).count();
    if left > 0 {
        let room =
            u32::from(model.keys) + u32::from(model.expansion_modules) * u32::from(model.expansion_keys);
        warnings.push(format!(
            "{left} keys have no place: a {} has {room} combo keys and {} others",
            model.name, model.feature_keys
        ));
    }
    Placed { own, feature: feature_row, expansion }
}

/// Gives each feature key the next position that no combo key takes.
fn share(combo: &mut BTreeMap<u16, KeySetting>, feature: BTreeMap<u16, KeySetting>) {
    let mut free = 0..=u16::MAX;
    for key in feature.into_values() {
        if let Some(position) = free.find(|position| !combo.contains_key(position)) {
            combo.insert(position, key);
        }
    }
}

/// Takes `count` keys from position `first` on out of `keys`, with nothing on those that are not there; none is at
/// a position beyond 65535.
fn row(keys: &mut BTreeMap<u16, KeySetting>, count: u16, first: u32, module: u16) -> Vec<KeySetting> {
    let none = || setting(KeyKind::None, String::new(), String::new());
    let mut at = |position: u32| keys.remove(&u16::try_from(position).ok()?);
    (1..=count)
        .map(|number| {
            let key = at(first + u32::from(number) - 1).unwrap_or_else(none);
            KeySetting { number, module, ..key }
        })
        .collect()
}

fn expansion(keys: &mut BTreeMap<u16, KeySetting>, model: &Model) -> Vec<KeySetting> {
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

fn setting(kind: KeyKind, label: String, value: String) -> KeySetting {
    KeySetting { number: 0, module: 0, kind: kind.name(), label, value, line: 1 }
}

/// What a key means (Kazoo's rules): a presence key watches the user's presence id, a parking slot N is `*3N`.
/// A key whose user is gone or has no presence id does nothing.
fn resolve(key: &Key, users: &BTreeMap<Id, User>) -> KeySetting {
    let user = key.user().and_then(|id| users.get(&id));
    let watched = user.and_then(User::presence_id);
    let named = |usual: String| key.label.clone().unwrap_or(usual);
    match (key.kind, watched) {
        (kind, _) if key.resolved && kind.names_a_user() && !key.value.is_empty() => {
            setting(kind, named(String::new()), key.value.clone())
        }
        (KeyKind::Presence, Some(presence)) => {
            setting(key.kind, named(user.map(User::full_name).unwrap_or_default()), presence.to_owned())
        }
        (KeyKind::PersonalParking, Some(presence)) => {
            let name = user.map(User::full_name).unwrap_or_default();
            setting(key.kind, named(format!("Park {name}")), format!("*3{presence}"))
        }
        (KeyKind::SpeedDial, _) if !key.value.is_empty() => {
            setting(key.kind, named(key.value.clone()), key.value.clone())
        }
        (KeyKind::Parking, _) if !key.value.is_empty() => {
            setting(key.kind, named(format!("Park {}", key.value)), format!("*3{}", key.value))
        }
        (KeyKind::Line, _) => setting(key.kind, named(String::new()), String::new()),
        _ => setting(KeyKind::None, String::new(), String::new()),
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
            row.filter(|key| key.kind == KeyKind::Line.name()).map(|key| key.number).collect()
        };
        assert_eq!([65_536, 65_530, 65_530].map(&mut lines), [vec![], vec![6], vec![]]);
        assert_eq!(keys.len(), 1);
    }
}
