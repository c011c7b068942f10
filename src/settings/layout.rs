//! Key layouts: what the keys of a phone are where its own document leaves them open.
//!
//! `provision.combo_keys`, `.feature_keys` and `.fill` may stand in a device, in its owner, in an account, or in a profile
//! (`provision.profiles`) of an account that `provision.profile` names. The nearest that says something of a position
//! counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::account::Account;
use crate::device::keys::keys_in;
use crate::device::{Device, Key, KeyKind};
use crate::document::{Body, at};
use crate::id::Id;
use crate::user::User;

/// The members of `provision` that lay out keys, or show users, in a document that is no device's.
const MEMBERS: [&str; 4] = ["profiles", "combo_keys", "feature_keys", "fill"];

/// The keys of a phone, and a rule for those that nobody names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    /// Keys that can also be line keys, by position.
    pub combo: Vec<Key>,
    /// The others, by position.
    pub feature: Vec<Key>,
    /// What combo keys are that are left.
    pub fill: Option<Fill>,
    /// Names of profiles that no account has.
    pub missing: Vec<String>,
    /// Whether the device or its owner names profiles, and all of them are for other models.
    pub for_others: bool,
}

/// A rule: a key for each user of the account, sorted by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// `presence` or `personal_parking`.
    pub kind: KeyKind,
    /// Whether the phone's owner has one too.
    pub owner_too: bool,
    /// The first position that may be used.
    pub from: u16,
}

/// True for a `provision` that says how keys of other documents are laid out, or that shows all users.
pub fn lays_out(body: &Body) -> bool {
    provision(body).is_some_and(|provision| {
        MEMBERS.iter().any(|name| provision.get(*name).is_some_and(|value| !is_empty(value)))
            || shows_everybody(provision)
    })
}

/// True for a body that itself shows all users of its account.
pub fn shows_users(body: &Body) -> bool {
    provision(body).is_some_and(shows_everybody)
}

/// True for a `provision` whose phonebook or rule has every user of the account.
fn shows_everybody(provision: &Body) -> bool {
    provision.get("contacts").is_some_and(|value| value == "users") || fill(provision).is_some()
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Body::is_empty)
}

impl Layout {
    /// The layout of a device. A profile counts where `is_meant` says so of the models that it names.
    pub fn of(
        device: &Device,
        owner: Option<&User>,
        accounts: &[Account],
        is_meant: impl Fn(&[&str]) -> bool,
    ) -> Self {
        let mut missing = Vec::new();
        let profiles = profiles(device, owner, accounts, &mut missing);
        let is_own =
            near(device, owner).filter_map(|source| source.get("profile")).any(|named| !is_unset(named));
        let is_any = !profiles.is_empty();
        let profile = profiles.into_iter().find(|profile| is_meant(&models(profile)));
        let for_others = is_own && is_any && profile.is_none();
        let sources: Vec<&Body> = near(device, owner).chain(profile).chain(far(accounts)).collect();
        let keys = |name: &str| {
            let mut keys = BTreeMap::new();
            for key in sources.iter().flat_map(|source| keys_in(source, name)) {
                keys.entry(key.position).or_insert(key);
            }
            keys.into_values().collect()
        };
        let (combo, feature) = (keys("combo_keys"), keys("feature_keys"));
        Self { combo, feature, fill: rule(&sources), missing, for_others }
    }
}

fn provision(body: &Body) -> Option<&Body> {
    at(body, "provision").and_then(Value::as_object)
}

/// What the device and its owner say, the nearer first.
fn near<'a>(device: &'a Device, owner: Option<&'a User>) -> impl Iterator<Item = &'a Body> {
    let owner = owner.map(|owner| &owner.document.body);
    [Some(&device.document.body), owner].into_iter().flatten().filter_map(provision)
}

/// What the accounts say, the nearest first.
fn far(accounts: &[Account]) -> impl Iterator<Item = &Body> {
    accounts.iter().filter_map(|account| provision(&account.document.body))
}

/// The profiles that the nearest document names, in its order, as the nearest account has them.
fn profiles<'a>(
    device: &'a Device,
    owner: Option<&'a User>,
    accounts: &'a [Account],
    missing: &mut Vec<String>,
) -> Vec<&'a Body> {
    let sources = near(device, owner).chain(far(accounts));
    let named = sources.filter_map(|source| source.get("profile")).find(|named| !is_unset(named));
    let names: Vec<&str> = match named {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for name in names {
        let own = |source: &'a Body| source.get("profiles")?.get(name).and_then(Value::as_object);
        match far(accounts).find_map(own) {
            Some(profile) => found.push(profile),
            None => missing.push(name.to_owned()),
        }
    }
    found
}

fn is_unset(named: &Value) -> bool {
    named.is_null() || named.as_str().is_some_and(|name| matches!(name.trim(), "" | "inherit"))
}

/// The models that a profile is for; none where it is for all.
fn models(profile: &Body) -> Vec<&str> {
    let models = profile.get("models").and_then(Value::as_array);
    models.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The nearest rule; one of the type `none` says that there is none.
fn rule(sources: &[&Body]) -> Option<Fill> {
    let nearest = sources.iter().find(|source| source.get("fill").is_some_and(Value::is_object))?;
    fill(nearest)
}

fn fill(source: &Body) -> Option<Fill> {
    let rule = source.get("fill")?.as_object()?;
    let text = |name: &str| rule.get(name).and_then(Value::as_str);
    let kind = match text("type") {
        Some("personal_parking") => KeyKind::PersonalParking,
        Some("none") => return None,
        _ => KeyKind::Presence,
    };
    let from = rule.get("from").and_then(Value::as_u64).and_then(|from| from.try_into().ok()).unwrap_or(0);
    Some(Fill { kind, owner_too: text("users") == Some("all"), from })
}

/// The users that keys may show which a device has or inherits, whatever its model and whichever of them count.
pub fn named_users(device: &Device, owner: Option<&User>, accounts: &[Account]) -> BTreeSet<Id> {
    let profiles = profiles(device, owner, accounts, &mut Vec::new());
    let sources = near(device, owner).chain(far(accounts)).chain(profiles);
    let keys = sources.flat_map(|source| ["combo_keys", "feature_keys"].map(|name| keys_in(source, name)));
    keys.flatten().filter_map(|key| key.user()).collect()
}

/// True for a device that shows every user of its account: by a rule for its keys, or in its phonebook.
pub fn shows_all_users(device: &Device, owner: Option<&User>, accounts: &[Account]) -> bool {
    near(device, owner).chain(far(accounts)).any(shows_everybody)
        || profiles(device, owner, accounts, &mut Vec::new())
            .into_iter()
            .any(|profile| fill(profile).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::Document;
    use crate::id::Digest;

    fn document(body: &Value) -> Document {
        let id = Id::from_bytes([7; 16]);
        Document::new(id, id, json!({"provision": body}).as_object().unwrap().clone(), 0)
    }

    fn account(body: &Value) -> Account {
        Account { document: document(body), tree: Vec::new(), api_key: Digest::of(b"") }
    }

    fn shown(layout: &Layout) -> Vec<String> {
        layout.combo.iter().map(|key| format!("{} {}", key.position, key.value)).collect()
    }

    fn key(value: &str) -> Value {
        json!({"type": "speed_dial", "value": value})
    }

    #[test]
    fn the_nearest_that_says_something_of_a_position_counts() {
        let device =
            Device { document: document(&json!({"combo_keys": {"0": key("device")}, "profile": "desk"})) };
        let owner =
            User { document: document(&json!({"combo_keys": {"0": key("owner"), "1": key("owner")}})) };
        let keys = |who: &str, last: usize| -> Value {
            (0..last).map(|at| (at.to_string(), key(who))).collect::<Body>().into()
        };
        let accounts = [
            account(&json!({"combo_keys": keys("account", 4)})),
            account(
                &json!({"combo_keys": keys("parent", 5), "profiles": {"desk": {"combo_keys": keys("profile", 3)}}}),
            ),
        ];
        let layout = Layout::of(&device, Some(&owner), &accounts, |_| true);
        assert_eq!(shown(&layout), ["0 device", "1 owner", "2 profile", "3 account", "4 parent"]);
        assert_eq!(layout.missing, [] as [&str; 0]);
    }

    #[test]
    fn of_several_profiles_the_first_for_the_model_counts() {
        let device = Device { document: document(&json!({"profile": ["big", "lost", "small"]})) };
        let profile = |model: &str| json!({"models": [model], "combo_keys": {"1": key(model)}});
        let profiles = json!({"profiles": {"big": profile("acme/big"), "small": profile("acme/small")}});
        let layout = Layout::of(&device, None, &[account(&profiles)], |models| models == ["acme/small"]);
        assert_eq!(
            (shown(&layout), layout.missing),
            (vec!["1 acme/small".to_owned()], vec!["lost".to_owned()])
        );
    }

    #[test]
    fn whoever_may_be_shown_is_named_whatever_the_model() {
        let ids = [1, 2, 3].map(|n| Id::from_bytes([n; 16]));
        let key = |id: Id| json!({"type": "presence", "value": id});
        let device = Device { document: document(&json!({"profile": ["small", "big"]})) };
        let profiles = json!({
            "combo_keys": {"1": key(ids[0])},
            "profiles": {
                "small": {"models": ["acme/small"], "combo_keys": {"1": key(ids[1])}},
                "big": {"models": ["acme/big"], "combo_keys": {"1": key(ids[2])}},
            },
        });
        assert_eq!(named_users(&device, None, &[account(&profiles)]), ids.into());
    }

    #[test]
    fn an_account_lays_out_keys_only_where_it_says_something_of_them() {
        assert!(!lays_out(&account(&json!({"server": "a", "profiles": {}, "contacts": []})).document.body));
        for body in
            [json!({"profiles": {"a": {}}}), json!({"contacts": "users"}), json!({"fill": {"users": "all"}})]
        {
            assert!(lays_out(&account(&body).document.body), "{body}");
        }
    }

    #[test]
    fn a_rule_may_be_switched_off_nearer_by() {
        let device = |body: &Value| Device { document: document(body) };
        let accounts = [account(&json!({"fill": {"users": "all", "from": 3}}))];
        let fill = |body: &Value| Layout::of(&device(body), None, &accounts, |_| true).fill;
        let expected = Fill { kind: KeyKind::Presence, owner_too: true, from: 3 };
        assert_eq!(fill(&json!({})), Some(expected));
        let own = Fill { kind: KeyKind::PersonalParking, owner_too: false, from: 0 };
        assert_eq!(fill(&json!({"fill": {"type": "personal_parking"}})), Some(own));
        assert_eq!(fill(&json!({"fill": {"type": "none"}})), None);
    }
}
