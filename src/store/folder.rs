//! The data directory: who has it, what it is, and how far it had come when last seen.
//!
//! Beside sled's own files lie four of ours, since sled opens a missing or emptied file as an empty database:
//! `lock` (held while the daemon runs), `checksync.json` (the marker: there is a database here, and which),
//! `high-water` (the last batch known to be on disk) and `seal` (what sled's files were when it was closed).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::directory;
use super::seal::SEAL;
use super::{Result, StoreError, envelope, meta};
use crate::id::Id;

/// What the marker says of the database beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It is being made; nothing was ever acknowledged, and it may be thrown away.
    New,
    /// An import was begun and has not ended.
    Importing,
    /// It holds what was acknowledged.
    Ready,
}

/// The marker beside the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    pub(super) format: u32,
    pub(super) database: Id,
    pub(super) state: State,
}

/// A data directory that belongs to this process until it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the directory if need be, and takes it for this process.
    pub(super) fn take(path: &Path) -> Result<Self> {
        directory::make(path).map_err(|error| failed("make the directory", path, &error))?;
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The data directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where sled keeps its files.
    pub(super) fn sled(&self) -> PathBuf {
        self.path.join("sled")
    }

    /// True when there is no trace of a database, so that a new one may be made. Other files do not matter.
    pub(super) fn is_untouched(&self) -> bool {
        !["sled", MARKER, HIGH_WATER].iter().any(|name| self.path.join(name).exists())
    }

    /// The marker; `None` when there is none.
    pub(super) fn marker(&self) -> Result<Option<Marker>> {
        let path = self.path.join(MARKER);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path, &error)),
        };
        let marker = serde_json::from_slice(&bytes);
        marker.map(Some).map_err(|_| self.damaged(&format!("{MARKER} cannot be understood")))
    }

    /// Writes the marker, whole or not at all; it is on disk when this returns.
    pub(super) fn set_marker(&self, database: Id, state: State) -> Result<()> {
        let marker = Marker { format: meta::FORMAT, database, state };
        let bytes = serde_json::to_vec_pretty(&marker).map_err(|error| StoreError::Io(error.to_string()))?;
        self.write(MARKER, &bytes)
    }

    /// Writes a file of the directory, whole or not at all; it is on disk when this returns.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        self.replace(&path, bytes).map_err(|error| failed("write", &path, &error))
    }

    /// Removes a file of the directory, if it is there, for good.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let removed = absent_is_fine(fs::remove_file(&path)).and_then(|()| sync_directory(&self.path));
        removed.map_err(|error| failed("remove", &path, &error))
    }

    /// Throws away whatever a database left here; the marker goes last.
    pub(super) fn wipe(&self) -> Result<()> {
        let wiped = absent_is_fine(fs::remove_dir_all(self.sled()))
            .and_then(|()| absent_is_fine(fs::remove_file(self.path.join(HIGH_WATER))))
            .and_then(|()| absent_is_fine(fs::remove_file(self.path.join(SEAL))))
            .and_then(|()| absent_is_fine(fs::remove_file(self.path.join(MARKER))))
            .and_then(|()| sync_directory(&self.path));
        wiped.map_err(|error| failed("empty", &self.path, &error))
    }

    /// Makes the names of sled's files durable.
    pub(super) fn sync_names(&self) -> Result<()> {
        let sled = self.sled();
        let synced = sync_directory(&sled).and_then(|()| sync_directory(&self.path));
        synced.map_err(|error| failed("sync", &sled, &error))
    }

    /// How many bytes an ordinary process may still write here.
    pub(super) fn available(&self) -> Result<u64> {
        let room = rustix::fs::statvfs(&self.path)
            .map_err(|error| failed("ask the free space of", &self.path, &error.into()))?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }

    /// The error for a database that is not what it was, with what to do about it.
    pub(super) fn damaged(&self, what: &str) -> StoreError {
        damaged(&self.path, what)
    }

    /// The error for a database that another version wrote, with what to do about it.
    pub(super) fn unknown_format(&self, format: u32) -> StoreError {
        let (path, own) = (self.path.display(), meta::FORMAT);
        StoreError::Damaged(format!(
            "the database in {path} is of format {format}, and this version reads {own}. Write it out with \
             `checksync export` of the version that made it, move {path} away, then read that into a new directory \
             with `checksync import` of this one"
        ))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = path.with_extension("json.new");
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_directory(&self.path)
    }
}

const MARKER: &str = "checksync.json";
const HIGH_WATER: &str = "high-water";

/// The last batch known to be on disk. It is written after the batch is durable and without an fsync of its
/// own: it costs nothing and may lag, but it is never ahead.
#[derive(Debug)]
pub(super) struct HighWater {
    file: File,
    database: Id,
    path: PathBuf,
}

impl HighWater {
    /// Two slots in two sectors are written in turn, so that a torn write leaves the other one.
    const SLOT: u64 = 512;

    /// Makes the file, durable, with nothing counted.
    pub(super) fn create(folder: &Folder, database: Id) -> Result<Self> {
        let path = folder.path.join(HIGH_WATER);
        let file = File::create(&path).map_err(|error| failed("make", &path, &error))?;
        let made = Self { file, database, path };
        made.note(0)?;
        made.note(1)?;
        made.sync()?;
        sync_directory(&folder.path).map_err(|error| failed("sync", &folder.path, &error))?;
        Ok(made)
    }

    /// Opens the file; the highest batch noted comes with it.
    pub(super) fn open(folder: &Folder, database: Id) -> Result<(Self, u64)> {
        let path = folder.path.join(HIGH_WATER);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file =
            file.map_err(|error| folder.damaged(&format!("{HIGH_WATER} cannot be opened ({error})")))?;
        let opened = Self { file, database, path };
        let batch = [0, 1].iter().filter_map(|slot| opened.slot(*slot)).max();
        let batch = batch.ok_or_else(|| folder.damaged(&format!("{HIGH_WATER} cannot be understood")))?;
        Ok((opened, batch))
    }

    /// Notes a batch that is on disk.
    pub(super) fn note(&self, batch: u64) -> Result<()> {
        let value = envelope::wrap(self.database.as_bytes(), &batch.to_be_bytes());
        let written = self.file.write_all_at(&value, batch % 2 * Self::SLOT);
        written.map_err(|error| failed("write", &self.path, &error))
    }

    /// Makes the note itself durable.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| failed("sync", &self.path, &error))
    }

    fn slot(&self, slot: u64) -> Option<u64> {
        let mut value = [0; 13];
        self.file.read_exact_at(&mut value, slot * Self::SLOT).ok()?;
        let (payload, _) = envelope::unwrap(self.database.as_bytes(), &value)?;
        (*payload).try_into().ok().map(u64::from_be_bytes)
    }
}

/// The error for a database that is not what it was, with what to do about it.
pub(super) fn damaged(path: &Path, what: &str) -> StoreError {
    let path = path.display();
    StoreError::Damaged(format!(
        "the database in {path} is damaged: {what}. Move {path} away, then restore the last export into a new \
         directory with `checksync import`, or start with an empty one"
    ))
}

/// An input or output error as the caller must see it: a full disk is told apart.
pub(super) fn failed(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    let text = format!("could not {doing} {}: {error}", path.display());
    if is_full(error.kind()) { StoreError::Full(text) } else { StoreError::Io(text) }
}

/// True for the errors that go away when somebody makes room.
pub(super) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn lock(path: &Path) -> Result<File> {
    let name = path.join("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name);
    let file = file.map_err(|error| failed("open", &name, &error))?;
    match patiently(&file) {
        Ok(()) => sign(file).map_err(|error| failed("write", &name, &error)),
        Err(TryLockError::WouldBlock) => Err(held(path, file)),
        Err(TryLockError::Error(error)) => Err(failed("lock", &name, &error)),
    }
}

/// A lock outlives its process for a moment, and even its file when somebody forks just then.
fn patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..10 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(25)),
            done => return done,
        }
    }
    file.try_lock()
}

fn sign(mut file: File) -> io::Result<File> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

fn held(path: &Path, mut file: File) -> StoreError {
    let mut holder = String::new();
    let read = file.read_to_string(&mut holder);
    let who = match holder.trim() {
        number if read.is_ok() && !number.is_empty() => format!("process {number}"),
        _ => "another process".to_owned(),
    };
    StoreError::Locked(format!(
        "the data directory {} is in use by {who}: stop that daemon first",
        path.display()
    ))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: Id = Id::from_bytes([3; 16]);

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        (dir, folder)
    }

    #[test]
    fn a_second_taker_is_told_who_has_the_directory() {
        let (dir, _folder) = folder();
        let refused = Folder::take(dir.path()).unwrap_err().to_string();
        let expected = format!("is in use by process {}: stop that daemon first", std::process::id());
        assert!(refused.contains(&expected), "{refused}");
    }

    #[test]
    fn a_directory_with_other_peoples_files_is_untouched_until_there_is_a_marker() {
        let (dir, folder) = folder();
        fs::create_dir(dir.path().join("lost+found")).unwrap();
        assert!(folder.is_untouched());
        folder.set_marker(DATABASE, State::Ready).unwrap();
        assert!(!folder.is_untouched());
        assert_eq!(folder.marker().unwrap().unwrap().state, State::Ready);
        folder.wipe().unwrap();
        assert!(folder.is_untouched());
    }

    #[test]
    fn the_high_water_survives_a_torn_slot() {
        let (dir, folder) = folder();
        let high = HighWater::create(&folder, DATABASE).unwrap();
        high.note(8).unwrap();
        high.note(9).unwrap();
        assert_eq!(HighWater::open(&folder, DATABASE).unwrap().1, 9);
        let file = OpenOptions::new().write(true).open(dir.path().join(HIGH_WATER)).unwrap();
        file.write_all_at(&[0; 13], HighWater::SLOT).unwrap();
        assert_eq!(HighWater::open(&folder, DATABASE).unwrap().1, 8);
    }

    #[test]
    fn the_high_water_of_another_database_is_refused() {
        let (_dir, folder) = folder();
        HighWater::create(&folder, DATABASE).unwrap();
        let refused = HighWater::open(&folder, Id::from_bytes([4; 16])).unwrap_err();
        assert!(matches!(refused, StoreError::Damaged(_)));
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(failed("write", Path::new("x"), &full), StoreError::Full(_)));
    }
}
