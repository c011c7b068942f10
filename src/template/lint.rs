//! Tries a set on sample documents: what fails here would have failed at a phone.

use std::collections::BTreeMap;

use serde::Deserialize;
use tera::Context;

use super::names::Contract;
use super::read_back::read_back;
use super::{Finding, Set};
use crate::account::Account;
use crate::catalog::{Entry, File};
use crate::device::Device;
use crate::document::{Body, Document};
use crate::id::{Digest, Id};
use crate::pack;
use crate::settings::{self, Assembled, Parts, SettingsError, Site};
use crate::user::User;

/// Sample documents, as `data/samples/<name>.json` holds them. Brand, family and model are filled in, and
/// `users` are known by their `id`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The account's document.
    pub account: Body,
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

const ACCOUNT: Id = Id::from_bytes([0xa0; 16]);
const DEVICE: Id = Id::from_bytes([0xd0; 16]);

impl Sample {
    /// The settings of a phone of this model that has the sample's documents.
    pub fn settings(&self, entry: Entry<'_>) -> Result<Assembled, SettingsError> {
        let mut device = self.device.clone();
        let provision = device.entry("provision").or_insert_with(|| Body::new().into());
        if let Some(provision) = provision.as_object_mut() {
            provision.insert("endpoint_brand".into(), entry.brand_id.into());
            provision.insert("endpoint_family".into(), entry.family_id.into());
            provision.insert("endpoint_model".into(), entry.model_id.into());
        }
        let account = Account {
            document: Document::new(ACCOUNT, ACCOUNT, self.account.clone(), 0),
            tree: Vec::new(),
            api_key: Digest::of(b""),
        };
        let site = Site { phones_url: self.phones_url.clone(), body: Body::new() };
        let device = Device { document: Document::new(DEVICE, ACCOUNT, device, 0) };
        let users = by_id(&self.users, |document| User { document });
        let others = by_id(&self.devices, |document| Device { document });
        let accounts = &[account];
        settings::assemble(Parts {
            site: &site,
            accounts,
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
    for entry in set.catalog().entries().filter(|entry| is_asked(entry.brand_id)) {
        for (name, sample) in samples {
            findings.extend(try_model(set, entry, name, sample));
        }
    }
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

fn try_model(set: &Set, entry: Entry<'_>, name: &str, sample: &Sample) -> Vec<Finding> {
    let context = match sample.settings(entry) {
        Ok(assembled) => Context::from_serialize(&assembled.settings).unwrap_or_default(),
        Err(error) => return vec![whole(name, &error.to_string())],
    };
    let tried = entry.files().filter_map(|file| try_file(set, entry, file, &context).err());
    tried.collect()
}

fn try_file(set: &Set, entry: Entry<'_>, file: &File, context: &Context) -> Result<(), Finding> {
    let body = set.render_in(entry, file, context)?;
    let text = std::str::from_utf8(&body).map_err(|error| whole(&file.template, &error.to_string()))?;
    read_back(file.format, text).map_err(|problem| {
        whole(&file.template, &format!("what it makes for {} is not right: {problem}", entry.path()))
    })
}

fn whole(file: &str, message: &str) -> Finding {
    Finding { file: file.to_owned(), line: 0, column: 0, message: message.to_owned() }
}
