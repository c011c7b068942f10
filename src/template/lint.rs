//! Tries a set on sample documents: what fails here would have failed at a phone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tera::Context;

use super::faults::{Fault, faults};
use super::marks::{Marked, Place};
use super::names::Contract;
use super::{Finding, Set, meter};
use crate::account::Account;
use crate::catalog::{Entry, File};
use crate::device::Device;
use crate::document::{Body, Document};
use crate::id::{Digest, Id};
use crate::pack;
use crate::settings::{self, Assembled, MASK, Parts, Settings, SettingsError, Site};
use crate::user::User;

/// Sample documents, as `data/samples/<name>.json` holds them. Brand, family and model are filled in, and
/// `users` are known by their `id`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The account's document.
    pub account: Body,
    /// Documents of the accounts above it, the nearest first.
    #[serde(default)]
    pub above: Vec<Body>,
    /// What the site says for all accounts, in the form of an account's document.
    #[serde(default)]
    pub site: Body,
    /// Documents of users, each with its `id`.
    pub users: Vec<Body>,
    /// The device's document.
    pub device: Body,
    /// Documents of other devices, each with its `id`.
    #[serde(default)]
    pub devices: Vec<Body>,
    /// Where the phones of the sample's site reach it.
    #[serde(default)]
    pub phones_url: String,
}

/// What trying a whole set may cost: a minute, or little more, in the worst of packs.
const MOST: u64 = 100 * meter::MOST;

/// How many faults of one file are told.
const MANY: usize = 20;

const ACCOUNT: Id = Id::from_bytes([0xa0; 16]);
const DEVICE: Id = Id::from_bytes([0xd0; 16]);

impl Sample {
    /// The settings of a phone of this model that has the sample's documents.
    pub fn settings(&self, entry: Entry<'_>) -> Result<Assembled, SettingsError> {
        self.with(entry, settings::assemble)
    }

    /// Hands on the documents of a phone of this model.
    pub fn with<T>(&self, entry: Entry<'_>, then: impl FnOnce(Parts<'_>) -> T) -> T {
        let mut device = self.device.clone();
        let provision = device.entry("provision").or_insert_with(|| Body::new().into());
        if let Some(provision) = provision.as_object_mut() {
            provision.insert("endpoint_brand".into(), entry.brand_id.into());
            provision.insert("endpoint_family".into(), entry.family_id.into());
            provision.insert("endpoint_model".into(), entry.model_id.into());
        }
        let account = |body: &Body| Account {
            document: Document::new(ACCOUNT, ACCOUNT, body.clone(), 0),
            tree: Vec::new(),
            api_key: Digest::of(b""),
        };
        let accounts: Vec<Account> = [&self.account].into_iter().chain(&self.above).map(account).collect();
        let site = Site { phones_url: self.phones_url.clone(), body: self.site.clone() };
        let device = Device { document: Document::new(DEVICE, ACCOUNT, device, 0) };
        let users = by_id(&self.users, |document| User { document });
        let others = by_id(&self.devices, |document| Device { document });
        then(Parts {
            site: &site,
            accounts: &accounts,
            device: &device,
            users: &users,
            others: &others,
            entry,
        })
    }
}

/// Documents by their `id`.
fn by_id<T>(bodies: &[Body], made: impl Fn(Document) -> T) -> BTreeMap<Id, T> {
    let one = |body: &Body| {
        let id = body.get("id")?.as_str()?.parse().ok()?;
        Some((id, made(Document::new(id, ACCOUNT, body.clone(), 0))))
    };
    bodies.iter().filter_map(one).collect()
}

/// The sample documents that are shipped, by name.
pub fn shipped_samples() -> BTreeMap<String, Sample> {
    let parse = |(name, text): (String, String)| Some((name, serde_json::from_str(&text).ok()?));
    pack::shipped_samples().into_iter().filter_map(parse).collect()
}

/// Renders every file of every model with every sample and reads the result back. A set without findings can
/// be put to use.
pub fn lint(set: &Set, samples: &BTreeMap<String, Sample>) -> Vec<Finding> {
    lint_brands(set, samples, |_| true)
}

/// The same for some brands only.
pub fn lint_brands(
    set: &Set,
    samples: &BTreeMap<String, Sample>,
    is_asked: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let mut findings = misspelt(set, samples, &is_asked);
    let mut tried = Tried::default();
    for entry in set.catalog().entries().filter(|entry| is_asked(entry.brand_id)) {
        for (name, sample) in samples {
            match sample.settings(entry) {
                Ok(assembled) => tried.model(set, entry, &assembled.settings),
                Err(error) => findings.push(whole(name, &error.to_string())),
            }
        }
    }
    findings.append(&mut tried.findings);
    findings.extend(tried.faults.into_iter().map(|((_, fault), seen)| seen.finding(set, &fault)));
    findings.sort();
    findings.dedup_by(|a, b| (&a.file, a.line, a.column) == (&b.file, b.line, b.column));
    findings
}

fn misspelt(set: &Set, samples: &BTreeMap<String, Sample>, is_asked: impl Fn(&str) -> bool) -> Vec<Finding> {
    let Some(entry) = set.catalog().entries().next() else { return Vec::new() };
    let settings = samples.values().filter_map(|sample| sample.settings(entry).ok());
    let contract = Contract::of(settings.filter_map(|made| serde_json::to_value(made.settings).ok()));
    let is_asked = |brand: &str| brand == "shared" || is_asked(brand);
    let texts = set.texts.iter().filter(|(name, _)| name.split('/').next().is_some_and(is_asked));
    contract.check(texts.map(|(name, text)| (name.as_str(), text.as_str())))
}

/// What has been tried of a set, and what came of it.
#[derive(Default)]
struct Tried<'s> {
    findings: Vec<Finding>,
    /// By template and by what is wrong, where it was first seen.
    faults: BTreeMap<Known<'s>, Seen<'s>>,
    spent: u64,
    /// Files of families that fail only after much work: once is enough.
    dear: BTreeSet<(&'s str, &'s str, &'s str)>,
}

/// A file that has a fault.
struct Seen<'s> {
    entry: Entry<'s>,
    file: &'s File,
    context: Context,
    body: Vec<u8>,
    line: usize,
}

impl<'s> Tried<'s> {
    fn model(&mut self, set: &'s Set, entry: Entry<'s>, settings: &Settings) {
        let mut masked = settings.clone();
        masked.mask();
        let [context, masked] = [settings, &masked].map(Context::from_serialize);
        let (Ok(context), Ok(masked)) = (context, masked) else { return };
        for file in entry.files() {
            if self.spent > MOST {
                let message =
                    "to try all of its models takes more work than a pack may: let templates do less";
                self.findings.push(whole(&format!("{}.toml", entry.brand_id), message));
                return;
            }
            let place = (entry.brand_id, entry.family_id, file.template.as_str());
            if self.dear.contains(&place) {
                continue;
            }
            match self.file(set, (entry, file), &context, &masked) {
                Ok(found) => self.faults.extend(found),
                Err(finding) => {
                    self.findings.push(finding);
                    self.dear.extend((meter::spent() > meter::MOST / 2).then_some(place));
                }
            }
        }
    }

    fn render(&mut self, set: &Set, (entry, file): Named<'_>, context: &Context) -> Result<Vec<u8>, Finding> {
        let body = set.render_in(entry, file, context);
        self.spent += meter::spent();
        body
    }

    fn file(
        &mut self,
        set: &'s Set,
        named: Named<'s>,
        context: &Context,
        masked: &Context,
    ) -> Result<Vec<(Known<'s>, Seen<'s>)>, Finding> {
        let (entry, file) = named;
        let body = self.render(set, named, context)?;
        let text = std::str::from_utf8(&body).map_err(|error| whole(&file.template, &error.to_string()))?;
        let mut found = faults(entry, file, text);
        if self.render(set, named, context)? != body {
            found.push(Fault { line: 0, says: "the same settings give another file each time".to_owned() });
        }
        if !file.secret {
            found.extend(told(&self.render(set, named, masked)?));
        }
        let (template, faults) = (file.template.as_str(), &self.faults);
        let new = found.into_iter().map(|fault| ((template, fault.says), fault.line));
        let new = new.filter(|(key, _)| !faults.contains_key(key)).take(MANY);
        let seen = |line| Seen { entry, file, context: context.clone(), body: body.clone(), line };
        Ok(new.map(|(key, line)| (key, seen(line))).collect())
    }
}

/// A secret in a file that says it has none, where the settings hold none either.
fn told(body: &[u8]) -> Option<Fault> {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().position(|line| line.contains(MASK))? + 1;
    let says = "a password is written into a file that is not marked so: state `secret = true` for it in the catalog";
    Some(Fault { line, says: says.to_owned() })
}

type Named<'s> = (Entry<'s>, &'s File);
type Known<'s> = (&'s str, String);

impl Seen<'_> {
    /// Says where in the templates the line was written.
    fn finding(&self, set: &Set, fault: &str) -> Finding {
        let marked = Marked::of(set, self.entry, self.file.format).ok();
        let lines =
            marked.map(|marked| marked.origins(self.file, &self.context, &self.body)).unwrap_or_default();
        let written = self.line.checked_sub(1).and_then(|line| lines.get(line));
        let message = format!("what it makes for {} is not right: {fault}", self.entry.path());
        match written.and_then(|places| places.first()) {
            Some(Place { file, line, column }) => {
                Finding { file: file.clone(), line: *line, column: *column, message }
            }
            None => whole(&set.resolved(self.entry, &self.file.template), &message),
        }
    }
}

fn whole(file: &str, message: &str) -> Finding {
    Finding { file: file.to_owned(), line: 0, column: 0, message: message.to_owned() }
}
