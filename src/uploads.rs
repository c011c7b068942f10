//! What phones send: logs, and what people have set on the phones themselves. One folder a device, one file a name, beside
//! the database.
//!
//! They may hold passwords and say who called whom: only administrators see them, and the phone that sent them. Each is
//! whole or not there, and on the disk when the phone is told that it was taken. A folder goes with its device.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedRwLockReadGuard, RwLock, Semaphore};

use crate::id::Id;
use crate::store::{Store, StoreError};

mod disk;
mod pace;

use pace::Pace;

/// The longest that is taken, in bytes.
pub const MAX_UPLOAD: usize = 1 << 20;

/// The longest name, in bytes: that of a file system.
const LONGEST_NAME: usize = 255;

/// The most of one device.
pub const MOST_OF_ONE: usize = 32;

/// How many are written at a time.
const AT_ONCE: usize = 8;

/// Something that a phone has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was taken, in Unix seconds.
    pub received: u64,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is longer than [`MAX_UPLOAD`].
    #[error("it is too long")]
    TooLong,
    /// The device has [`MOST_OF_ONE`] already.
    #[error("the device sends too much")]
    TooMany,
    /// There is no room for what phones send (`uploads_mib`).
    #[error("there is no more room for uploads")]
    Full,
    /// The disk refused it.
    #[error("the disk refuses it: {0}")]
    Disk(#[from] io::Error),
}

/// What all phones have sent.
#[derive(Debug)]
pub struct Uploads {
    folder: PathBuf,
    room: Arc<Room>,
    pace: Mutex<Pace>,
    /// Turns to write something.
    writing: Arc<Semaphore>,
    /// Shared by whoever changes something on the disk, and held alone by whoever counts what is there.
    changing: Arc<RwLock<()>>,
    /// What the next file is called while it is written.
    next: AtomicU64,
}

impl Uploads {
    /// What lies in a folder, which is made when something comes; all of it together at most `most` bytes. What was being
    /// written when the last process ended is removed. Reads the disk; fails where the folder itself cannot be read.
    pub fn open(folder: &Path, most: u64) -> io::Result<Self> {
        disk::tidy(folder)?;
        let room = Arc::new(Room { most, used: Mutex::new(disk::used(folder)?) });
        let (writing, changing, next) =
            (Arc::new(Semaphore::new(AT_ONCE)), Arc::default(), AtomicU64::new(0));
        Ok(Self { folder: folder.to_owned(), room, pace: Mutex::default(), writing, changing, next })
    }

    /// Whether a device may send something from an address at `unix` seconds; that it does is counted. Another address
    /// counts by itself, so that a stranger does not silence a phone.
    pub fn may_send(&self, device: Id, from: Option<IpAddr>, unix: u64) -> bool {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).admits((device, from), unix)
    }

    /// Takes what a device has sent, in the place of what has this name. True when nothing had. It is on the disk when
    /// this returns.
    pub async fn take(&self, device: Id, name: &str, body: Bytes) -> Result<bool, Refusal> {
        let (folder, to) = (self.of(device), name.to_owned());
        let from = format!(".{}", self.next.fetch_add(1, Ordering::Relaxed));
        let new = body.len() as u64;
        if body.len() > MAX_UPLOAD {
            return Err(Refusal::TooLong);
        }
        let turn = self.writing.clone().acquire_owned().await;
        let (changes, room) = (self.changes().await, self.room.clone());
        room.reserve(new)?;
        let write = move || {
            let _until_it_is_written = (turn, changes);
            let before = disk::write(&folder, (&from, &to), &body);
            room.release(before.as_ref().map_or(new, |before| before.unwrap_or_default()));
            before.map(|before| before.is_none())
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.unwrap_or_else(|error| Err(io::Error::other(error).into()))
    }

    /// What a device has sent, by name.
    pub async fn list(&self, device: Id) -> io::Result<Vec<Upload>> {
        let folder = self.of(device);
        blocking(move || disk::list(&folder)).await
    }

    /// What a device has sent under this name, and when, in Unix seconds.
    pub async fn read(&self, device: Id, name: &str) -> io::Result<Option<(Bytes, u64)>> {
        let Some(path) = self.path(device, name) else { return Ok(None) };
        blocking(move || disk::read(&path)).await
    }

    /// Removes it. True when it was there.
    pub async fn remove(&self, device: Id, name: &str) -> io::Result<bool> {
        let Some(path) = self.path(device, name) else { return Ok(false) };
        self.removing(move || disk::remove(&path)).await.map(|removed| removed.is_some())
    }

    /// Removes all that these devices have sent; what cannot be removed stays, with a warning.
    pub async fn forget(&self, devices: &[Id]) {
        let folders: Vec<_> = devices.iter().map(|device| self.of(*device)).collect();
        let remove = move || Ok(Some(folders.iter().map(|folder| disk::remove_folder(folder)).sum()));
        let _removed = self.removing(remove).await;
    }

    /// Does something that makes so much room, to its end even if nobody waits for it any more.
    async fn removing(
        &self,
        work: impl FnOnce() -> io::Result<Option<u64>> + Send + 'static,
    ) -> io::Result<Option<u64>> {
        let (changes, room) = (self.changes().await, self.room.clone());
        blocking(move || {
            let _until_it_is_removed = changes;
            let removed = work()?;
            room.release(removed.unwrap_or_default());
            Ok(removed)
        })
        .await
    }

    /// Removes all that was sent by devices that are there no more, and counts anew what is left.
    pub async fn sweep(&self, store: &dyn Store) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        let mut gone = Vec::new();
        for device in blocking(move || disk::devices(&folder)).await.unwrap_or_default() {
            gone.extend(store.device(device).await?.is_none().then_some(device));
        }
        self.forget(&gone).await;
        if let Err(error) = self.count().await {
            tracing::warn!(%error, "uploads cannot be counted");
        }
        Ok(())
    }

    /// Sets what is used to what is there.
    async fn count(&self) -> io::Result<()> {
        let nothing_changes = self.changing.clone().write_owned().await;
        let (folder, room) = (self.folder.clone(), self.room.clone());
        blocking(move || {
            let _until_it_is_counted = nothing_changes;
            *room.used() = disk::used(&folder)?;
            Ok(())
        })
        .await
    }

    async fn changes(&self) -> OwnedRwLockReadGuard<()> {
        self.changing.clone().read_owned().await
    }

    fn of(&self, device: Id) -> PathBuf {
        self.folder.join(device.to_string())
    }

    /// Nothing but what was taken has a path.
    fn path(&self, device: Id, name: &str) -> Option<PathBuf> {
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        let is_plain = is_plain && name.len() <= LONGEST_NAME;
        is_plain.then(|| self.of(device).join(name))
    }
}

/// How much room there is for all of it.
#[derive(Debug)]
struct Room {
    /// The most that all may take, and what they take, in bytes.
    most: u64,
    used: Mutex<u64>,
}

impl Room {
    fn reserve(&self, bytes: u64) -> Result<(), Refusal> {
        let mut used = self.used();
        if *used + bytes > self.most {
            return Err(Refusal::Full);
        }
        *used += bytes;
        Ok(())
    }

    fn release(&self, bytes: u64) {
        let mut used = self.used();
        *used = used.saturating_sub(bytes);
    }

    fn used(&self) -> MutexGuard<'_, u64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
