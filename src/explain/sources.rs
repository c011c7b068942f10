//! Where settings came from: what of the documents and of the catalog changes them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::leaves::{leaves, put, remove};
use crate::account::Account;
use crate::catalog::{Entry, Model};
use crate::device::Device;
use crate::document::{Body, Document};
use crate::id::Id;
use crate::settings::roster::MEMBERS;
use crate::settings::{Parts, Site, assemble};
use crate::user::User;

/// What a setting came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// `device`, `device` and the name of another, `owner`, `user` and its name, `account`, `account above` and its name, `site` or `catalog`.
    pub whose: String,
    /// Where in it: `caller_id.internal.number`.
    pub path: String,
}

/// By the pointers of settings, what they came from.
pub(super) type Sources = BTreeMap<String, BTreeSet<Source>>;

/// Where each of the settings came from that these documents make.
pub(super) fn of(parts: Parts<'_>, settings: &Value) -> Sources {
    let mut finder = Finder { settings, found: Sources::new() };
    finder.device(parts);
    finder.users(parts);
    finder.others(parts);
    finder.accounts(parts);
    finder.site(parts);
    finder.catalog(parts);
    finder.found
}

struct Finder<'s> {
    settings: &'s Value,
    found: Sources,
}

impl Finder<'_> {
    fn note(&mut self, pointer: &str, whose: &str, path: &str) {
        let source = Source { whose: whose.to_owned(), path: path.to_owned() };
        self.found.entry(pointer.to_owned()).or_default().insert(source);
    }

    /// Notes the settings that are others with these parts; whether there are any.
    fn compare(&mut self, parts: Parts<'_>, whose: &str, path: &str) -> bool {
        let made = assemble(parts).ok().and_then(|made| serde_json::to_value(made.settings).ok());
        let Some(made) = made else { return false };
        let differ =
            leaves(self.settings).into_iter().filter(|leaf| made.pointer(&leaf.pointer) != Some(&leaf.value));
        let differ: Vec<String> = differ.map(|leaf| leaf.pointer).collect();
        for pointer in &differ {
            self.note(pointer, whose, path);
        }
        !differ.is_empty()
    }

    /// Takes each value of a body away; where that changes nothing, because others would say the same, changes it.
    fn body(&mut self, body: &Body, with: &mut dyn FnMut(&mut Self, Body, &str) -> bool) {
        let whole = Value::Object(body.clone());
        for leaf in leaves(&whole) {
            let mut without = whole.clone();
            remove(&mut without, &leaf.pointer);
            let mut tried = vec![without];
            tried.extend(leaf.others().into_iter().map(|other| {
                let mut changed = whole.clone();
                put(&mut changed, &leaf.pointer, other);
                changed
            }));
            tried.into_iter().any(|tried| match tried {
                Value::Object(body) => with(self, body, &leaf.name),
                _ => false,
            });
        }
    }

    fn device(&mut self, parts: Parts<'_>) {
        self.note("/device/id", "device", "id");
        for part in ["brand", "family", "model"] {
            self.note(&format!("/device/{part}"), "device", &format!("provision.endpoint_{part}"));
        }
        self.body(&parts.device.document.body, &mut |finder, body, path| {
            let mut device = Device { document: parts.device.document.clone() };
            device.document.body = body;
            finder.compare(Parts { device: &device, ..parts }, "device", path)
        });
    }

    fn users(&mut self, parts: Parts<'_>) {
        let owner = parts.device.owner();
        for (id, user) in parts.users {
            let whose =
                if Some(*id) == owner { "owner".to_owned() } else { format!("user {}", user.full_name()) };
            self.body(&user.document.body, &mut |finder, body, path| {
                let changed = User { document: Document { body, ..user.document.clone() } };
                let is_shown = MEMBERS.contains(&path);
                let with = is_shown.then(|| parts.everybody.with(&changed));
                let everybody = with.as_ref().unwrap_or(parts.everybody);
                let mut users: BTreeMap<Id, User> = parts.users.clone();
                users.insert(*id, changed);
                finder.compare(Parts { users: &users, everybody, ..parts }, &whose, path)
            });
        }
    }

    fn others(&mut self, parts: Parts<'_>) {
        for (id, other) in parts.others {
            let whose = format!("device {}", other.document.text("name").unwrap_or_default());
            self.body(&other.document.body, &mut |finder, body, path| {
                let mut others: BTreeMap<Id, Device> = parts.others.clone();
                if let Some(other) = others.get_mut(id) {
                    other.document.body = body;
                }
                finder.compare(Parts { others: &others, ..parts }, &whose, path)
            });
        }
    }

    fn accounts(&mut self, parts: Parts<'_>) {
        self.note("/account/id", "account", "id");
        for (at, account) in parts.accounts.iter().enumerate() {
            let name = account.document.text("name").unwrap_or_default();
            let whose = if at == 0 { "account".to_owned() } else { format!("account above {name}") };
            self.body(&account.document.body, &mut |finder, body, path| {
                let mut accounts: Vec<Account> = parts.accounts.to_vec();
                accounts[at].document.body = body;
                finder.compare(Parts { accounts: &accounts, ..parts }, &whose, path)
            });
        }
    }

    fn site(&mut self, parts: Parts<'_>) {
        let site = Site { phones_url: format!("{}~/", parts.site.phones_url), ..parts.site.clone() };
        if !parts.site.phones_url.is_empty() {
            self.compare(Parts { site: &site, ..parts }, "site", "phones_url");
        }
        self.body(&parts.site.body, &mut |finder, body, path| {
            let site = Site { body, ..parts.site.clone() };
            finder.compare(Parts { site: &site, ..parts }, "site", path)
        });
    }

    fn catalog(&mut self, parts: Parts<'_>) {
        let entry = parts.entry;
        let model = entry.model;
        let one_more = |count: u16| count.saturating_add(1);
        let changes = [
            ("name", Model { name: format!("{}~", model.name), ..model.clone() }),
            ("lines", Model { lines: one_more(model.lines), ..model.clone() }),
            ("keys", Model { keys: one_more(model.keys), ..model.clone() }),
            ("feature_keys", Model { feature_keys: one_more(model.feature_keys), ..model.clone() }),
            (
                "expansion_modules",
                Model { expansion_modules: one_more(model.expansion_modules), ..model.clone() },
            ),
            ("expansion_keys", Model { expansion_keys: one_more(model.expansion_keys), ..model.clone() }),
        ];
        for (name, model) in changes {
            let path = format!("families.{}.models.{}.{name}", entry.family_id, entry.model_id);
            self.compare(Parts { entry: Entry { model: &model, ..entry }, ..parts }, "catalog", &path);
        }
    }
}
