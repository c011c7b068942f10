//! Tries a set on sample documents: what fails here would have failed at a phone.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Deserialize;
use tera::Context;

use super::faults::{self, Fault, faults};
use super::findings::Findings;
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

/// What trying a whole set may cost: so much, and more for each file that is tried, but half a minute or little more in
/// the worst of packs. What is shipped costs a third of what it may for each file.
const MOST: [u64; 3] = [20 * meter::MOST, meter::MOST / 100, 150 * meter::MOST];

/// What bringing the settings of a model together costs, and what each of its lines and keys does.
const ASSEMBLED: u64 = 200_000;
const ASSEMBLED_OF_EACH: u64 = 2_000;

/// What reading a byte of a file back costs.
const READ: u64 = 20;

/// How many faults of one file are told.
const MANY: usize = 20;

const ALIKE: &str =
    "the same settings give another file each time: write nothing that depends on chance or time";

/// How many faults are told apart.
const KNOWN: usize = 20_000;

/// How often it is looked where in a template faults were written, and how often in all, once for each aside.
const PLACED: usize = 8;
const PLACED_IN_ALL: usize = 200;

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
            everybody: &users.values().collect(),
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
    let mut tried = Tried::default();
    misspelt(set, samples, &is_asked, &mut tried.findings);
    let asked = || set.catalog().entries().filter(|entry| is_asked(entry.brand_id));
    let files: usize = asked().map(|entry| entry.files().count() * samples.len()).sum();
    tried.may = MOST[2].min(MOST[0] + MOST[1].saturating_mul(files as u64));
    for (entry, (name, sample)) in asked().flat_map(|entry| samples.iter().map(move |sample| (entry, sample)))
    {
        tried.spent += ASSEMBLED + ASSEMBLED_OF_EACH * entry.model.rows();
        match sample.settings(entry) {
            Ok(assembled) => tried.model(set, entry, &assembled.settings),
            Err(error) => tried.findings.add(unmade(set, entry, &format!("of the sample {name}: {error}"))),
        }
        if tried.spent > tried.may {
            let says = "to try all of its models takes more work than a pack may: let templates do less";
            tried.findings.add(Finding::whole(&format!("{}.toml", entry.brand_id), says));
            break;
        }
    }
    tried.findings.told()
}

fn misspelt(
    set: &Set,
    samples: &BTreeMap<String, Sample>,
    is_asked: impl Fn(&str) -> bool,
    found: &mut Findings,
) {
    let Some(entry) = set.catalog().entries().next() else { return };
    let settings = samples.values().filter_map(|sample| sample.settings(entry).ok());
    let contract = Contract::of(settings.filter_map(|made| serde_json::to_value(made.settings).ok()));
    let is_asked = |brand: &str| brand == "shared" || is_asked(brand);
    let texts = set.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    contract.check(texts, is_asked, found);
}

/// What has been tried of a set, and what came of it.
#[derive(Default)]
struct Tried<'s> {
    findings: Findings,
    /// Faults that were seen before: by template, and the hash of what is wrong.
    known: BTreeSet<(Template<'s>, u64)>,
    /// How often it was looked where in a template faults were written.
    placed: BTreeMap<Template<'s>, usize>,
    spent: u64,
    /// What may be spent.
    may: u64,
    /// Files of families that fail only after much work: once is enough.
    dear: BTreeSet<Template<'s>>,
}

impl<'s> Tried<'s> {
    fn model(&mut self, set: &Set, entry: Entry<'s>, settings: &Settings) {
        let mut masked = settings.clone();
        masked.mask();
        let [context, masked] = [settings, &masked].map(Context::from_serialize);
        let (Ok(context), Ok(masked)) = (context, masked) else { return };
        for file in entry.files() {
            if self.spent > self.may {
                return;
            }
            let place = template((entry, file));
            if self.dear.contains(&place) {
                continue;
            }
            if let Err(finding) = self.file(set, (entry, file), &context, &masked) {
                self.findings.add(finding);
                self.dear.extend((meter::spent() > meter::MOST / 2).then_some(place));
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
        set: &Set,
        named: Named<'s>,
        context: &Context,
        masked: &Context,
    ) -> Result<(), Finding> {
        let (entry, file) = named;
        let body = self.render(set, named, context)?;
        self.spent += READ * body.len() as u64;
        let text = std::str::from_utf8(&body).map_err(|error| {
            let says = format!("what it makes is not UTF-8, {error}: save it in that encoding");
            Finding::whole(&set.resolved(entry, &file.template), says)
        })?;
        self.spent += faults::cost(entry, text);
        let mut found = faults(entry, file, text);
        if self.render(set, named, context)? != body {
            found.push(Fault { line: 0, says: ALIKE.to_owned() });
        }
        if !file.secret {
            found.extend(told(&self.render(set, named, masked)?));
        }
        let new = self.unknown(template(named), found);
        if let Some(lines) = (!new.is_empty()).then(|| self.lines(set, named, context, &body)).flatten() {
            for fault in new {
                let message = format!("what it makes for {} is not right: {}", entry.path(), fault.says);
                self.findings.add(written(set, named, &lines, fault.line, message));
            }
        }
        Ok(())
    }

    /// The faults of a template that were not seen before.
    fn unknown(&mut self, template: Template<'s>, found: Vec<Fault>) -> Vec<Fault> {
        let is_new = |fault: &Fault| {
            let mut hasher = DefaultHasher::new();
            fault.says.hash(&mut hasher);
            self.known.len() < KNOWN && self.known.insert((template, hasher.finish()))
        };
        found.into_iter().filter(is_new).take(MANY).collect()
    }

    /// Which places of templates wrote the lines of a file; `None` where that was asked too often.
    fn lines(
        &mut self,
        set: &Set,
        (entry, file): Named<'s>,
        context: &Context,
        body: &[u8],
    ) -> Option<Vec<Vec<Place>>> {
        let all: usize = self.placed.values().sum();
        let times = self.placed.entry(template((entry, file))).or_default();
        if *times >= PLACED || (all >= PLACED_IN_ALL && *times > 0) {
            return None;
        }
        *times += 1;
        let marked = Marked::of(set, entry, file.format).ok();
        let lines = marked.map(|marked| marked.origins(file, context, body)).unwrap_or_default();
        self.spent += meter::spent();
        Some(lines)
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

/// Brand, family and name of a template.
type Template<'s> = (&'s str, &'s str, &'s str);

fn template((entry, file): Named<'_>) -> Template<'_> {
    (entry.brand_id, entry.family_id, file.template.as_str())
}

/// A finding where in the templates a line of a file, from 1, was written.
pub(super) fn written(
    set: &Set,
    (entry, file): Named<'_>,
    lines: &[Vec<Place>],
    line: usize,
    message: String,
) -> Finding {
    let written = line.checked_sub(1).and_then(|line| lines.get(line));
    match written.and_then(|places| places.first()) {
        Some(Place { file, line, column }) => Finding::new(file, (*line, *column), message),
        None => Finding::new(&set.resolved(entry, &file.template), (1, 1), message),
    }
}

/// What is wrong with a model.
fn unmade(set: &Set, entry: Entry<'_>, message: &str) -> Finding {
    let row = format!("families.{}.models.{}", entry.family_id, entry.model_id);
    set.in_catalog(entry.brand_id, &row, message.to_owned())
}
