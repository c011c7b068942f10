//! What each phone would be given now: loaded, rendered once, and remembered until something moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::account::Account;
use crate::catalog::{Asker, Catalog, Entry, Event, Events, File};
use crate::device::{Device, Mac, Make};
use crate::id::{Digest, Id};
use crate::render::{Rendered, add_warnings, render, render_sealed};
use crate::settings::{self, Settings, SettingsError, Site};
use crate::store::{Stamp, Store, StoreError};
use crate::template::{Finding, Set};

mod documents;
mod explained;
mod rosters;
mod spoken;

pub use documents::Instead;

use documents::Documents;
use rosters::Rosters;

/// One file for one phone.
#[derive(Debug, Clone)]
pub struct GivenFile {
    /// Its name, in the vendor's case.
    pub name: String,
    /// Its bytes.
    pub rendered: Rendered,
    /// `"<digest>"`, as the `ETag` header has it.
    pub etag: String,
    /// True when it holds credentials.
    pub secret: bool,
    /// True when no phone is told because it is old.
    pub optional: bool,
    /// True when the phone asks for it by POST.
    pub posted: bool,
}

/// Everything a phone would be given now.
#[derive(Debug, Clone)]
pub struct Given {
    /// Whose files these are.
    pub device: Id,
    /// Its account.
    pub account: Id,
    /// Where its model stands in the catalog: `brand/family/model`.
    pub model: String,
    /// How it is told to resync.
    pub events: Events,
    /// The files, in the order they are asked for.
    pub files: Vec<GivenFile>,
    /// False when changes wait until somebody asks for a sync.
    pub auto_sync: bool,
    /// What of its documents the phone cannot do.
    pub warnings: Vec<String>,
    stamp: Stamp,
}

/// Why a phone is given nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// No device has this MAC address.
    #[error("no device has this MAC address or id")]
    Unknown,
    /// The device or its account is switched off.
    #[error("the device or its account is switched off")]
    Disabled,
    /// The catalog has no such brand and model.
    #[error("the catalog has no model {0}")]
    NoModel(String),
    /// The documents do not make settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A template failed. What the engine says of it may quote a password, so only its place is told.
    #[error("template {}", spoken::failure(.0))]
    Template(Finding),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Given {
    /// The file of this name, in any case.
    pub fn file(&self, name: &str) -> Option<&GivenFile> {
        self.files.iter().find(|file| file.name.eq_ignore_ascii_case(name))
    }

    /// The digest, by name, of each file that a phone is told of.
    pub fn announced(&self) -> BTreeMap<String, Digest> {
        let files = self.files.iter().filter(|file| !file.optional);
        files.map(|file| (file.name.clone(), file.rendered.digest)).collect()
    }

    /// One digest for all that the phone is told of.
    pub fn digest(&self) -> Digest {
        let told = self.files.iter().filter(|file| !file.optional);
        Digest::of(&told.flat_map(|file| *file.rendered.digest.as_bytes()).collect::<Vec<_>>())
    }
}

/// How much of a file is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All of it, as the phone gets it.
    Whole,
    /// All of it, before it is encrypted. Where it is encrypted, digests are not those of the phone's files.
    Plain,
    /// With [`MASK`](settings::MASK) in the place of every secret, and never encrypted. Digests are not those of the
    /// phone's files.
    Masked,
}

/// The files of all phones.
pub struct Files {
    store: Arc<dyn Store>,
    set: ArcSwap<Set>,
    refused: ArcSwap<Vec<Finding>>,
    site: Site,
    remembered: Cache<Asker, Arc<Given>, Bytes>,
    rosters: Rosters,
    explaining: Arc<tokio::sync::Semaphore>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Asker, Arc<Given>> for Bytes {
    fn weight(&self, _: &Asker, given: &Arc<Given>) -> u64 {
        1024 + given.files.iter().map(|file| file.rendered.body.len() as u64).sum::<u64>()
    }
}

impl Files {
    /// Files from `store` by the templates of `set`. At most `memory` bytes are remembered: of files, and an eighth of that
    /// of users that phones show.
    pub fn new(store: Arc<dyn Store>, set: Set, site: Site, memory: u64) -> Self {
        let (rosters, memory) = (Rosters::new(memory / 8), memory - memory / 8);
        let phones = usize::try_from(memory / 8192).unwrap_or(usize::MAX).max(16);
        let remembered = Cache::with_weighter(phones, memory.max(1 << 20), Bytes);
        let explaining = Arc::new(tokio::sync::Semaphore::new(1));
        Self {
            store,
            set: ArcSwap::from_pointee(set),
            refused: ArcSwap::default(),
            site,
            remembered,
            rosters,
            explaining,
        }
    }

    /// The set in use.
    pub fn set(&self) -> Arc<Set> {
        self.set.load_full()
    }

    /// What the operator has set for all accounts, in the form of an account document.
    pub fn site(&self) -> &crate::document::Body {
        &self.site.body
    }

    /// Where phones reach us, with a slash at the end; empty when unknown.
    pub fn phones_url(&self) -> &str {
        &self.site.phones_url
    }

    /// Puts another set to use, and gives back the one before. Whom that concerns is for the caller to mark.
    pub fn swap(&self, set: Set) -> Arc<Set> {
        self.refused.store(Arc::default());
        let before = self.set.swap(Arc::new(set));
        self.remembered.clear();
        before
    }

    /// Keeps the set in use, because of what is wrong with the one that should have taken its place.
    pub fn refuse(&self, findings: Vec<Finding>) {
        self.refused.store(Arc::new(findings));
    }

    /// What is wrong with the catalog and templates as they lie there now; empty while they are in use.
    pub fn refused(&self) -> Arc<Vec<Finding>> {
        self.refused.load_full()
    }

    /// What the phone with this MAC address would be given; from memory while nothing moved.
    pub async fn by_mac(&self, mac: Mac) -> Result<Arc<Given>, Refusal> {
        self.for_asker(Asker::Mac(mac)).await
    }

    /// What the phone that asks so would be given; from memory while nothing moved.
    pub async fn for_asker(&self, asker: Asker) -> Result<Arc<Given>, Refusal> {
        match self.remembered.get(&asker) {
            Some(given) if self.store.changes().is_current(&given.stamp) => Ok(given),
            _ => {
                let sequence = self.store.changes().latest();
                let device = match asker {
                    Asker::Mac(mac) => self.store.device_by_mac(mac).await?,
                    Asker::Device(id) => self.store.device(id).await?,
                };
                self.make(asker, &device.ok_or(Refusal::Unknown)?, sequence).await
            }
        }
    }

    /// What this device would be given, as it is stored now. Its MAC address may have gone to another device.
    pub async fn of(&self, device: &Device) -> Result<Arc<Given>, Refusal> {
        let given = self.for_asker(device.mac().map_or(Asker::Device(device.id()), Asker::Mac)).await?;
        if given.device == device.id() { Ok(given) } else { Err(Refusal::Unknown) }
    }

    /// What this device would be given if it were stored: for trying a change before it is made.
    pub async fn trial(&self, device: &Device) -> Result<Given, Refusal> {
        let sequence = self.store.changes().latest();
        let documents = self.documents(device, &Instead::Nothing).await?;
        self.give(device, &documents, sequence, Sight::Whole)
    }

    /// What this device would be given if `instead` were so, switched off or not found as the phone itself would.
    pub async fn supposed(&self, device: &Device, instead: &Instead, sight: Sight) -> Result<Given, Refusal> {
        let sequence = self.store.changes().latest();
        let device = instead.device(device);
        let documents = self.documents(device, instead).await?;
        if !device.enabled() || !documents.accounts.iter().all(Account::enabled) {
            return Err(Refusal::Disabled);
        }
        self.give(device, &documents, sequence, sight)
    }

    /// The event by which a device is told to read its files again, and whether it is told so without anybody asking;
    /// `None` where it has no files. Nothing is rendered for this, and of its own document only owner, MAC address and
    /// `provision` count.
    pub async fn reread(&self, device: &Device) -> Result<Option<(Event, bool)>, StoreError> {
        let set = self.set();
        let Ok(entry) = entry(set.catalog(), device) else { return Ok(None) };
        let mut documents = Documents::bare(&*self.store, device).await?;
        documents.add_users(&*self.store, device, device.owner().into_iter().collect()).await?;
        let auto_sync = documents.parts(&self.site, device, entry).auto_sync();
        Ok(Some((events(device, entry).reread, auto_sync)))
    }

    async fn documents(&self, device: &Device, instead: &Instead) -> Result<Documents, StoreError> {
        Documents::load(&*self.store, &self.rosters, device, instead).await
    }

    async fn make(&self, asker: Asker, device: &Device, sequence: u64) -> Result<Arc<Given>, Refusal> {
        let documents = self.documents(device, &Instead::Nothing).await?;
        if !device.enabled() || !documents.accounts.iter().all(Account::enabled) {
            return Err(Refusal::Disabled);
        }
        let given = Arc::new(self.give(device, &documents, sequence, Sight::Whole)?);
        self.remembered.insert(asker, given.clone());
        Ok(given)
    }

    fn give(
        &self,
        device: &Device,
        documents: &Documents,
        sequence: u64,
        sight: Sight,
    ) -> Result<Given, Refusal> {
        let set = self.set.load();
        let entry = entry(set.catalog(), device)?;
        let parts = documents.parts(&self.site, device, entry);
        let mut assembled = settings::assemble(parts)?;
        assembled.warnings.extend(set.untold(parts, &assembled.settings));
        if sight == Sight::Masked {
            assembled.settings.mask();
        }
        let mut files = Vec::new();
        for file in entry.files() {
            match give_file(&set, (device, entry, file), &assembled.settings, sight) {
                Err(refusal @ Refusal::Template(_)) if file.optional => {
                    tracing::warn!(device = %device.id(), %refusal, "an optional file could not be made");
                    assembled.warnings.push(format!("it is given no {}: {refusal}", file.template));
                }
                made => {
                    let made = made?;
                    if !made.rendered.warnings.is_empty() {
                        add_warnings(&set, (entry, file), &assembled.settings, &mut assembled.warnings);
                    }
                    files.push(made);
                }
            }
        }
        Ok(Given {
            device: device.id(),
            account: device.account(),
            model: entry.path(),
            events: events(device, entry),
            files,
            auto_sync: assembled.auto_sync,
            warnings: assembled.warnings,
            stamp: Stamp { sequence, scopes: documents.scopes(device, entry) },
        })
    }
}

fn give_file(
    set: &Set,
    (device, entry, file): (&Device, Entry<'_>, &File),
    settings: &Settings,
    sight: Sight,
) -> Result<GivenFile, Refusal> {
    let name = file.name.of(entry.model, device.id(), device.mac()).ok_or(SettingsError::NoMac)?;
    let render = if sight == Sight::Whole { render_sealed } else { render };
    let failed = |found| Refusal::Template(spoken::unsecret(set, (entry, file), settings, found));
    let rendered = render(set, entry, file, settings).map_err(failed)?;
    let etag = format!("\"{}\"", rendered.digest);
    let File { secret, optional, posted, .. } = *file;
    Ok(GivenFile { name, rendered, etag, secret, optional, posted })
}

/// The family's events, unless the device names its own: what the event is called, and what follows for either.
fn events(device: &Device, entry: Entry<'_>) -> Events {
    let own = |name: &str| device.document.text(name);
    let event = own("provision.check_sync_event");
    let (reload, reboot) = (own("provision.check_sync_reload"), own("provision.check_sync_reboot"));
    if event.or(reload).or(reboot).is_none() {
        return entry.events().clone();
    }
    let event = event.unwrap_or("check-sync");
    let with =
        |parameter: Option<&str>, usual| Event::named(&format!("{event}{}", parameter.unwrap_or(usual)));
    Events { reread: with(reload, ";reboot=false"), reboot: with(reboot, ";reboot=true") }
}

fn entry<'c>(catalog: &'c Catalog, device: &Device) -> Result<Entry<'c>, Refusal> {
    let make = device.make();
    if make == Make::default() && device.mac().is_none() {
        return Err(SettingsError::NoMac.into());
    }
    catalog.find(&make).ok_or_else(|| Refusal::NoModel(catalog.unknown(&make)))
}
