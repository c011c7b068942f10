//! sled, held at arm's length: what it leaves out is added here, and what it does wrong is caught here.
//!
//! sled 0.34.7 was measured and read before it was trusted with this much and no more:
//! - its `flush` is no `fsync` on Linux, so the file is opened a second time and synced by us;
//! - damage shows as a panic, so every call is caught and becomes an error;
//! - a write that failed may leave its waiters asleep for ever, so they are woken ([`Nudge`]);
//! - a snapshot that was being written when the process died blocks it for ever, so such a file is deleted;
//! - a page beyond a quarter of a segment goes into a file that is never synced, so segments are large enough
//!   for a page of the largest records ([`MAX_VALUE`](super::MAX_VALUE)), and no such file is ever made.

use std::any::Any;
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layout::{self, Key};
use super::meta::Meta;
use super::nudge::Nudge;
use super::query::{Part, View};
use super::{Result, StoreError, envelope, folder};

/// A page has at most 20 records; a quarter of this holds 20 of the largest.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;

/// An open tree.
#[derive(Debug)]
pub(super) struct Engine {
    db: Option<sled::Db>,
    nudge: Option<Nudge>,
    file: File,
    dir: PathBuf,
}

impl Engine {
    /// Opens sled's files in `sled`, which may be absent; `dir` is named in errors.
    pub(super) fn open(dir: &Path, sled: &Path, cache_bytes: u64) -> Result<Self> {
        tidy(sled).map_err(|error| folder::failed("tidy", sled, &error))?;
        let config = sled::Config::new()
            .path(sled)
            .cache_capacity(cache_bytes)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(Some(500));
        let db = start(dir, &config)?;
        let path = sled.join("db");
        let file = File::open(&path).map_err(|error| folder::failed("open", &path, &error))?;
        let nudge = Nudge::start(db.clone()).map_err(|error| folder::failed("watch", sled, &error))?;
        Ok(Self { db: Some(db), nudge: Some(nudge), file, dir: dir.to_owned() })
    }

    /// The record that counts the others; `None` in a tree that was never written.
    pub(super) fn meta(&self) -> Result<Option<Meta>> {
        let payload = self.get(layout::META)?;
        payload.map(|payload| serde_json::from_slice(&payload)).transpose().map_err(|error| {
            self.damage(&format!("the record that counts all others cannot be understood ({error})"))
        })
    }

    /// Applies a batch, whole or not at all; it can be read, but is nowhere safe yet.
    pub(super) fn apply(&self, batch: sled::Batch) -> Result<()> {
        self.guarded(|db| db.apply_batch(batch))
    }

    /// Hands everything to the kernel: it survives the death of the process.
    pub(super) fn flush(&self) -> Result<()> {
        self.guarded(|db| db.flush().map(|_| ()))
    }

    /// Puts what was flushed on the disk: it survives the death of the machine.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| folder::failed("sync", &self.dir, &error))
    }

    /// Walks over the records from one key to below another as they lie there, checksum and all.
    pub(super) fn walk(&self, from: &[u8], to: &[u8], mut each: impl FnMut(&[u8], &[u8])) -> Result<()> {
        self.guarded(|db| {
            db.range(from..to).try_for_each(|record| {
                let (key, value) = record?;
                each(&key, &value);
                Ok(())
            })
        })
    }

    fn guarded<T>(&self, call: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T> {
        let db = self.db.as_ref().ok_or_else(|| StoreError::Io("the database is closed".to_owned()))?;
        match catch_unwind(AssertUnwindSafe(|| call(db))) {
            Ok(done) => done.map_err(|error| translate(&self.dir, &error)),
            Err(panic) => Err(self.damage(&message(&*panic))),
        }
    }

    fn payload(&self, key: &[u8], value: &[u8]) -> Result<Vec<u8>> {
        let (payload, _) = envelope::unwrap(key, value)
            .ok_or_else(|| self.damage(&format!("record {} fails its checksum", crate::id::hex(key))))?;
        Ok(payload.into_owned())
    }
}

impl Drop for Engine {
    /// sled writes what it still has as it goes; what it panics about then concerns nobody any more.
    fn drop(&mut self) {
        drop(self.nudge.take());
        let db = self.db.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(db)));
    }
}

impl View for Engine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let value = self.guarded(|db| db.get(key))?;
        value.map(|value| self.payload(key, &value)).transpose()
    }

    fn scan(&self, part: Part<'_>) -> Result<Vec<(Key, Vec<u8>)>> {
        let found: Vec<_> = self.guarded(|db| {
            let range = db.range(bounds(part));
            if part.descending {
                range.rev().take(part.limit).collect()
            } else {
                range.take(part.limit).collect()
            }
        })?;
        let behind = part.prefix.len();
        let opened = found.iter().map(|(key, value)| Ok((key[behind..].to_vec(), self.payload(key, value)?)));
        opened.collect()
    }

    fn damage(&self, what: &str) -> StoreError {
        folder::damaged(&self.dir, what)
    }
}

/// The keys of a part, from the lowest to the highest.
fn bounds(part: Part<'_>) -> (Bound<Key>, Bound<Key>) {
    let (first, end) = (Bound::Included(part.prefix.to_vec()), beyond(part.prefix));
    match part.after.map(|after| Bound::Excluded([part.prefix, after].concat())) {
        None => (first, end),
        Some(before) if part.descending => (first, before),
        Some(after) => (after, end),
    }
}

/// The lowest key above all that begin with `prefix`.
fn beyond(prefix: &[u8]) -> Bound<Key> {
    let counts = prefix.iter().rposition(|byte| *byte < u8::MAX);
    let raised = counts.map(|last| [&prefix[..last], &[prefix[last] + 1]].concat());
    raised.map_or(Bound::Unbounded, Bound::Excluded)
}

/// Deletes unfinished snapshots, and puts on disk what a killed process had left to the kernel: sled is about to
/// write a snapshot that relies on it.
fn tidy(sled: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(sled) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path)?;
        }
    }
    match File::open(sled.join("db")) {
        Ok(file) => file.sync_all(),
        Err(_) => Ok(()),
    }
}

/// The files of an instance that was just dropped may stay locked for a moment; nobody else can have them, since
/// the data directory is ours.
fn start(dir: &Path, config: &sled::Config) -> Result<sled::Db> {
    let mut patience = 100;
    loop {
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) if is_locked(&error) && patience > 0 => patience -= 1,
            Ok(Err(error)) => return Err(translate(dir, &error)),
            Err(panic) => return Err(folder::damaged(dir, &message(&*panic))),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn translate(dir: &Path, error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            folder::damaged(dir, "a file ends too early")
        }
        sled::Error::Io(error) => folder::failed("read or write", dir, error),
        other => folder::damaged(dir, &other.to_string()),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let line = text.unwrap_or("reading it failed").lines().next().unwrap_or_default();
    line.chars().take(160).collect()
}
