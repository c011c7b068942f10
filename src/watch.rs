//! The pack folders: they are read, watched, and what changed in them is put to use once it is known to be
//! right. A burst of changes becomes one reading; what is wrong with it is shown, and the old set keeps serving.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::catalog::Catalog;
use crate::circle::Circle;
use crate::files::Files;
use crate::pack::Pack;
use crate::resync::Scope;
use crate::store::{Change, Note, Step, Store, StoreError, Table, every_note};
use crate::template::lint;
use crate::template::{Finding, Set};

mod eyes;
mod folder;
mod walk;

pub use folder::{LoadError, load};

use eyes::Eyes;

/// Folders are read again this often even when nothing was seen: NFS and bind-mounted files tell nobody.
const RESCAN: Duration = Duration::from_mins(1);

/// And this often while they cannot be watched, perhaps because one was just being replaced.
const BLIND: Duration = Duration::from_secs(2);

/// A reading that takes longer, of a file system that does not answer, is told of.
const SLOW: Duration = Duration::from_secs(30);

/// Compiles a pack and tries every template on the shipped samples, but for those of brands that are as they were
/// shipped: they were tried before they were.
pub fn compile(pack: &Pack) -> Result<Set, Vec<Finding>> {
    let set = Set::compile(pack)?;
    let changed = pack.brands_unlike(&Pack::shipped());
    let found = lint::lint_brands(&set, &lint::shipped_samples(), |brand| changed.contains(brand));
    if found.is_empty() { Ok(set) } else { Err(found) }
}

/// Watches the folders for as long as it is polled. Whatever changes in them is compiled beside the set in use,
/// and takes its place or is refused with findings. Without folders it waits for ever.
pub async fn run(packs: Vec<PathBuf>, files: Arc<Files>, store: Arc<dyn Store>, circle: Circle) {
    if packs.is_empty() {
        return std::future::pending().await;
    }
    let (sender, mut ticks) = mpsc::channel(1);
    let mut watcher = Watcher { packs, files, store, circle, last: None, sender, eyes: None };
    loop {
        watcher.look().await;
        let patience = if watcher.eyes.is_some() { RESCAN } else { BLIND };
        let _rescan = tokio::time::timeout(patience, ticks.recv()).await;
    }
}

/// Puts a set to use, and marks whom that may concern.
pub async fn adopt(files: &Files, store: &dyn Store, circle: &Circle, set: Set) -> Result<(), StoreError> {
    let before = files.swap(set);
    announce(store, circle, &files.set(), Some(&before)).await
}

/// Compares a set in use with the sources last announced, and marks every model of a brand that differs; of
/// models that went away, those of `before`. Where nothing was ever announced there is nobody to tell. At
/// start-up this finds what changed while the daemon was down.
pub async fn announce(
    store: &dyn Store,
    circle: &Circle,
    set: &Set,
    before: Option<&Set>,
) -> Result<(), StoreError> {
    let announced = noted(store).await?;
    let now = set.digests().iter().map(|(brand, digest)| (brand.clone(), digest.to_string())).collect();
    let differing = differing(&announced, &now);
    if differing.is_empty() {
        return Ok(());
    }
    let catalogs = before.into_iter().chain([set]).map(Set::catalog);
    let marks = if announced.is_empty() { BTreeSet::new() } else { models(catalogs, &differing) };
    info!(brands = ?differing, models = marks.len(), "catalog and templates in use are new");
    let marks = marks.into_iter().map(|(brand, model)| Step::Mark(Scope::Model { brand, model }));
    let notes = differing.iter().map(|brand| Step::Set(source(brand, now.get(*brand))));
    store.commit(Change { steps: marks.chain(notes).collect() }).await?;
    circle.marked();
    Ok(())
}

type Sources = BTreeMap<String, String>;

fn differing<'s>(noted: &'s Sources, now: &'s Sources) -> BTreeSet<&'s str> {
    let brands = noted.keys().chain(now.keys());
    brands.filter(|brand| noted.get(*brand) != now.get(*brand)).map(String::as_str).collect()
}

fn models<'c>(
    catalogs: impl Iterator<Item = &'c Catalog>,
    brands: &BTreeSet<&str>,
) -> BTreeSet<(String, String)> {
    let entries = catalogs.flat_map(Catalog::entries).filter(|entry| brands.contains(entry.brand_id));
    entries.map(|entry| (entry.brand_id.to_owned(), entry.model_id.to_owned())).collect()
}

fn source(brand: &str, digest: Option<&String>) -> Note {
    let value = digest.map(|digest| digest.clone().into_bytes());
    Note { table: Table::Source, key: brand.as_bytes().to_vec(), value }
}

async fn noted(store: &dyn Store) -> Result<Sources, StoreError> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let notes = every_note(store, Table::Source).await?;
    Ok(notes.into_iter().map(|(brand, digest)| (text(brand), text(digest))).collect())
}

struct Watcher {
    packs: Vec<PathBuf>,
    files: Arc<Files>,
    store: Arc<dyn Store>,
    circle: Circle,
    last: Option<Result<Pack, Vec<Finding>>>,
    sender: mpsc::Sender<()>,
    eyes: Option<Eyes>,
}

impl Watcher {
    /// Watches first and reads then, so that nothing that happens in between is missed; anew each time, because
    /// a folder may have been replaced by another one of its name.
    async fn look(&mut self) {
        let (packs, sender) = (self.packs.clone(), self.sender.clone());
        let mut looking = tokio::task::spawn_blocking(move || (Eyes::open(&packs, &sender), load(&packs)));
        let looked = loop {
            if let Ok(looked) = tokio::time::timeout(SLOW, &mut looking).await {
                break looked;
            }
            warn!("the pack folders are still being read: does their file system answer?");
        };
        let Ok((eyes, read)) = looked else { return };
        if let (Err(error), true) = (&eyes, self.eyes.is_some() || self.last.is_none()) {
            warn!(%error, "pack folders cannot be watched and are read every two seconds");
        }
        self.eyes = eyes.ok();
        let read = read.map_err(LoadError::findings);
        if self.last.as_ref() != Some(&read) {
            self.last = Some(read.clone());
            self.consider(read).await;
        }
    }

    async fn consider(&mut self, read: Result<Pack, Vec<Finding>>) {
        let compiled = match read {
            Ok(pack) if self.is_in_use(&pack) => {
                self.files.refuse(Vec::new());
                let set = self.files.set();
                let announced = announce(&*self.store, &self.circle, &set, None).await;
                return self.told(announced);
            }
            Ok(pack) => tokio::task::spawn_blocking(move || compile(&pack)).await,
            Err(found) => Ok(Err(found)),
        };
        match compiled {
            Ok(Ok(set)) => {
                let adopted = adopt(&self.files, &*self.store, &self.circle, set).await;
                self.told(adopted);
            }
            Ok(Err(found)) => self.refuse(found),
            Err(error) => warn!(%error, "the templates could not be compiled"),
        }
    }

    fn is_in_use(&self, pack: &Pack) -> bool {
        let set = self.files.set();
        set.digests().keys().eq(pack.catalogs.keys())
            && set.digests().iter().all(|(brand, digest)| pack.digest_of(brand) == *digest)
    }

    /// What could not be announced is announced with the next reading.
    fn told(&mut self, announced: Result<(), StoreError>) {
        if let Err(error) = announced {
            warn!(%error, "new templates are in use; their phones are told later");
            self.last = None;
        }
    }

    fn refuse(&self, found: Vec<Finding>) {
        for Finding { file, line, column, message, .. } in &found {
            warn!(file, line, column, "{message}");
        }
        warn!(findings = found.len(), "the catalog and templates in use stay as they were");
        self.files.refuse(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Text;

    #[test]
    fn what_is_shipped_can_be_put_to_use() {
        let set = compile(&Pack::shipped()).unwrap();
        assert_eq!(lint::lint(&set, &lint::shipped_samples()), []);
    }

    #[test]
    fn a_catalog_that_is_wrong_is_found_with_line_and_column() {
        let text = "name = \"Acme\"\nmac_prefixes = 3\n".to_owned();
        let catalogs = BTreeMap::from([("acme".to_owned(), Text { text, origin: "test".to_owned() })]);
        let found = compile(&Pack { catalogs, ..Pack::default() }).unwrap_err();
        assert_eq!((found[0].file.as_str(), found[0].line, found[0].column), ("acme.toml", 2, 16));
    }

    #[test]
    fn brands_that_came_went_or_moved_differ() {
        let sources = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(brand, digest)| ((*brand).to_owned(), (*digest).to_owned()))
                .collect::<Sources>()
        };
        let noted = sources(&[("gone", "1"), ("moved", "1"), ("same", "1")]);
        let now = sources(&[("came", "1"), ("moved", "2"), ("same", "1")]);
        assert_eq!(differing(&noted, &now), BTreeSet::from(["came", "gone", "moved"]));
    }
}
