//! Who holds the open database and its files: writes batches, makes them durable, and when writing fails gives
//! the database up and opens it again as it is on the disk.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::engine::Engine;
use super::folder::{Folder, HighWater};
use super::layout;
use super::meta::Meta;
use super::opened::Opened;
use super::overlay::Pending;
use super::seal::Seal;
use super::sled_store::Options;
use super::{Changes, Result, StoreError, envelope};
use crate::resync::Scope;

/// What readers and the committer share. Readers hold the lock while they ask, the committer while a batch is
/// applied: so nobody sees half a batch. An error says why the database is not open.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: RwLock<Result<Engine>>,
    pub(super) changes: Changes,
}

impl Shared {
    /// The database, for reading.
    pub(super) fn engine(&self) -> RwLockReadGuard<'_, Result<Engine>> {
        self.engine.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self, engine: Result<Engine>) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }
}

/// The holder. Nobody else writes.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    /// What the tree holds, and what was given out.
    pub(super) meta: Meta,
    folder: Folder,
    high_water: HighWater,
    options: Options,
    /// Since when there is something that only the kernel has.
    unsynced: Option<Instant>,
    /// Since when the high-water has moved without an fsync.
    unnoted: Option<Instant>,
    /// When the database was last opened again.
    tried: Option<Instant>,
    /// True while the database is the one that was verified, and every batch since then went well: only such a one
    /// may be sealed.
    trusted: bool,
    /// Set when this process must not touch the database any more.
    fatal: bool,
}

const SYNC_AFTER: Duration = Duration::from_millis(500);
const NOTE_AFTER: Duration = Duration::from_secs(5);
const TRY_AFTER: Duration = Duration::from_millis(200);

impl Keeper {
    /// Takes over a database that was just opened.
    pub(super) fn new(folder: Folder, opened: Opened, options: Options) -> Self {
        let Opened { engine, high_water, meta } = opened;
        let changes = Changes::default();
        changes.publish(meta.sequence, []);
        let shared = Arc::new(Shared { engine: RwLock::new(Ok(engine)), changes });
        let (unsynced, unnoted, tried, trusted, fatal) = (None, None, None, true, false);
        Self { shared, meta, folder, high_water, options, unsynced, unnoted, tried, trusted, fatal }
    }

    /// Refuses a write of about so many bytes when there is not enough room for it.
    pub(super) fn room(&self, bytes: u64) -> Result<()> {
        if self.options.reserve_bytes == 0 {
            return Ok(());
        }
        let need = self.options.reserve_bytes.saturating_add(bytes.saturating_mul(4));
        let there = self.folder.available()?;
        if there >= need {
            return Ok(());
        }
        let path = self.folder.path().display();
        Err(StoreError::Full(format!("{path} has {there} bytes left, and a write needs {need}")))
    }

    /// True when everything acknowledged is on the disk, and not only in the kernel.
    pub(super) fn is_synced(&self) -> bool {
        self.unsynced.is_none()
    }

    /// Writes a batch, whole or not at all, after which the tree holds what `meta` says. It survives the death of
    /// the process when this returns, and that of the machine when `sync` is asked for.
    pub(super) fn store(&mut self, pending: &Pending, meta: Meta, sync: bool) -> Result<()> {
        self.write(pending, &meta, sync).or_else(|error| self.recover(&meta, error))?;
        self.meta = meta;
        if sync {
            self.note();
        }
        Ok(())
    }

    /// Opens the database again if it was given up, and that may help.
    pub(super) fn reopen(&mut self) -> Result<()> {
        let shut = self.shared.engine().as_ref().err().cloned();
        let soon = self.tried.is_some_and(|tried| tried.elapsed() < TRY_AFTER);
        match shut {
            None => Ok(()),
            Some(error) if self.fatal || soon => Err(error),
            Some(_) => self.open().map(drop),
        }
    }

    /// How long to wait for work before [`catch_up`](Self::catch_up) has something to do; `None` is for ever.
    pub(super) fn patience(&self) -> Option<Duration> {
        (self.unsynced.is_some() || self.unnoted.is_some()).then_some(SYNC_AFTER)
    }

    /// Does what is due.
    pub(super) fn catch_up(&mut self) {
        if let Err(error) = self.settle(false) {
            self.give_up(&error);
        }
    }

    /// Writes everything down and lets go of the database. One that was given up has nothing to write.
    pub(super) fn finish(&mut self) -> Result<()> {
        let open = self.shared.engine().is_ok();
        let done = if open { self.flush().and_then(|()| self.settle(true)) } else { Ok(()) };
        self.shared.exchange(Err(StoreError::Io("the database is closed".to_owned())));
        if open && self.trusted && !self.fatal && done.is_ok() {
            Seal::set(&self.folder, self.meta.database, self.meta.batch);
        }
        self.fatal = true;
        done
    }

    fn write(&mut self, pending: &Pending, meta: &Meta, sync: bool) -> Result<()> {
        self.apply(batch(pending, meta)?)?;
        self.flush()?;
        self.unsynced.get_or_insert_with(now);
        if sync { self.sync() } else { Ok(()) }
    }

    /// A batch that could not be applied for another reason than a full disk may be half there in sled's memory
    /// and half on its way to the disk: this process must not open it again. The next start verifies it all.
    fn apply(&mut self, batch: sled::Batch) -> Result<()> {
        let engine = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner);
        let applied = engine.as_ref().map_err(Clone::clone)?.apply(batch);
        self.fatal |= applied.as_ref().is_err_and(|error| !matches!(error, StoreError::Full(_)));
        applied
    }

    fn flush(&self) -> Result<()> {
        self.shared.engine().as_ref().map_err(Clone::clone)?.flush()
    }

    /// An fsync that failed cannot be repeated: the kernel may have dropped what it could not write. Nothing is
    /// acknowledged by this process after that.
    fn sync(&mut self) -> Result<()> {
        if self.options.sync {
            let synced = self.shared.engine().as_ref().map_err(Clone::clone)?.sync();
            self.fatal |= synced.is_err();
            synced.map_err(|error| StoreError::Io(format!("{error}; nothing is written until a restart")))?;
        }
        self.unsynced = None;
        Ok(())
    }

    fn note(&mut self) {
        match self.high_water.note(self.meta.batch) {
            Ok(()) => drop(self.unnoted.get_or_insert_with(now)),
            Err(error) => tracing::warn!(%error, "how far the database has come could not be noted"),
        }
    }

    fn settle(&mut self, all: bool) -> Result<()> {
        let due = |since: Option<Instant>, after| since.is_some_and(|since| all || since.elapsed() >= after);
        if due(self.unsynced, SYNC_AFTER) {
            self.sync()?;
            self.note();
        }
        if due(self.unnoted, NOTE_AFTER) {
            self.unnoted = None;
            self.high_water.sync()?;
        }
        Ok(())
    }

    /// Writing failed: sled's memory and its file differ now, and the file decides. If the batch is in it after
    /// all it is kept, else it never was.
    fn recover(&mut self, meta: &Meta, error: StoreError) -> Result<()> {
        self.give_up(&error);
        let found = if self.fatal { Err(error.clone()) } else { self.open() };
        match found {
            Ok(batch) if batch == meta.batch => self.sync(),
            _ => {
                self.publish_loss();
                Err(error)
            }
        }
    }

    fn give_up(&mut self, error: &StoreError) {
        tracing::error!(%error, "the database is closed until it can be written again");
        self.fatal |= matches!(error, StoreError::Damaged(_));
        self.unsynced = None;
        self.shared.exchange(Err(error.clone()));
    }

    /// What was written but is not there any more may have been read meanwhile: whatever was made from it must
    /// be made again. One sequence is left out for this.
    fn publish_loss(&mut self) {
        self.meta.sequence += 1;
        self.shared.changes.publish(self.meta.sequence, [&Scope::Everything]);
    }

    /// Opens the database again, and makes sure that it is as far as was acknowledged. Returns its last batch.
    fn open(&mut self) -> Result<u64> {
        self.tried = Some(now());
        self.trusted = false;
        let engine = Engine::open(self.folder.path(), &self.folder.sled(), self.options.cache_bytes)?;
        let meta = engine.meta()?.ok_or_else(|| self.folder.damaged("it is empty"))?;
        if meta.database != self.meta.database || meta.batch < self.meta.batch {
            self.fatal = true;
            return Err(self.folder.damaged("what was acknowledged is not there any more"));
        }
        let (batch, sequence) = (meta.batch, meta.sequence.max(self.meta.sequence));
        self.meta = Meta { sequence, ..meta };
        self.shared.exchange(Ok(engine));
        tracing::info!("the database is open again");
        Ok(batch)
    }
}

/// One batch of everything pending and the record that counts it.
pub(super) fn batch(pending: &Pending, meta: &Meta) -> Result<sled::Batch> {
    let mut batch = sled::Batch::default();
    for (key, payload) in pending {
        match payload {
            Some(payload) => batch.insert(&key[..], envelope::wrap(key, payload)),
            None => batch.remove(&key[..]),
        }
    }
    let noted = serde_json::to_vec(meta).map_err(|error| StoreError::Io(error.to_string()))?;
    batch.insert(layout::META, envelope::wrap(layout::META, &noted));
    Ok(batch)
}

#[expect(clippy::disallowed_methods, reason = "only how long ago something was, never what is written")]
fn now() -> Instant {
    Instant::now()
}
