//! A seal on the database of a store that was closed well: what its file held, byte for byte.
//!
//! Verifying every record takes seconds where there are many. A file that still is what it was when the store was
//! closed needs no verifying: it was verified when the store was opened, and every batch since then kept it right.
//! A seal that does not fit breaks nothing, since everything is verified then.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::folder::{self, Folder};
use super::{Result, StoreError};
use crate::id::Id;

/// What was sealed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seal {
    database: Id,
    batch: u64,
    length: u64,
    /// The CRC-32 of each part.
    checksums: Vec<u32>,
}

/// The name of the file beside the database.
pub(super) const SEAL: &str = "seal";

const PART: u64 = 8 << 20;
const STEP: usize = 256 << 10;

impl Seal {
    /// Seals the file of a database that nobody has open any more, after its last batch.
    pub(super) fn set(folder: &Folder, database: Id, batch: u64) -> Result<()> {
        let path = folder.sled().join("db");
        let file = File::open(&path).map_err(|error| folder::failed("open", &path, &error))?;
        let seal = file.sync_all().and_then(|()| Self::of(&file, database, batch));
        let seal = seal.map_err(|error| folder::failed("read", &path, &error))?;
        let bytes = serde_json::to_vec(&seal).map_err(|error| StoreError::Io(error.to_string()))?;
        folder.write(SEAL, &bytes)
    }

    /// The batch that the seal was set after; `None` when there is no seal, or the file is not what was sealed.
    /// `least` is a batch that must be in it.
    pub(super) fn kept(folder: &Folder, database: Id, least: u64) -> Option<u64> {
        let noted: Self = serde_json::from_slice(&fs::read(folder.path().join(SEAL)).ok()?).ok()?;
        let file = File::open(folder.sled().join("db")).ok()?;
        let plausible = noted.database == database
            && noted.batch >= least
            && file.metadata().is_ok_and(|file| file.len() == noted.length);
        (plausible && Self::of(&file, database, noted.batch).ok()? == noted).then_some(noted.batch)
    }

    fn of(file: &File, database: Id, batch: u64) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { database, batch, length, checksums: checksums(file, length)? })
    }
}

/// Reads with as many threads as there are cores.
fn checksums(file: &File, length: u64) -> io::Result<Vec<u32>> {
    let parts = length.div_ceil(PART);
    let next = AtomicU64::new(0);
    let work = || {
        let (mut buffer, mut done) = (vec![0; STEP], Vec::new());
        while let part = next.fetch_add(1, Ordering::Relaxed)
            && part < parts
        {
            done.push((part, checksum(file, part * PART, &mut buffer)?));
        }
        Ok::<_, io::Error>(done)
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let panicked = || io::Error::other("a thread that reads has panicked");
        let results = workers.into_iter().map(|worker| worker.join().map_err(|_| panicked())?);
        results.collect::<io::Result<Vec<_>>>()
    });
    let mut done: Vec<(u64, u32)> = done?.into_iter().flatten().collect();
    done.sort_unstable();
    Ok(done.into_iter().map(|(_, checksum)| checksum).collect())
}

fn checksum(file: &File, from: u64, buffer: &mut [u8]) -> io::Result<u32> {
    let (mut hasher, mut at) = (crc32fast::Hasher::new(), from);
    while at < from + PART {
        let read = file.read_at(buffer, at)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        at += read as u64;
    }
    Ok(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: Id = Id::from_bytes([3; 16]);

    fn sealed(bytes: &[u8]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        fs::create_dir(folder.sled()).unwrap();
        fs::write(folder.sled().join("db"), bytes).unwrap();
        Seal::set(&folder, DATABASE, 7).unwrap();
        (dir, folder)
    }

    #[test]
    fn a_seal_fits_the_file_it_was_set_on() {
        for length in [0, 1, STEP, 9 << 20] {
            let (_dir, folder) = sealed(&vec![5; length]);
            assert_eq!(Seal::kept(&folder, DATABASE, 7), Some(7), "{length}");
        }
    }

    #[test]
    fn a_seal_is_broken_by_any_change() {
        let bytes = vec![5; 9 << 20];
        let (_dir, folder) = sealed(&bytes);
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(folder.sled().join("db"), &changed).unwrap();
            assert_eq!(Seal::kept(&folder, DATABASE, 7), None, "{at}");
        }
        fs::write(folder.sled().join("db"), &bytes[1..]).unwrap();
        assert_eq!(Seal::kept(&folder, DATABASE, 7), None);
    }

    #[test]
    fn a_seal_of_another_database_or_of_an_older_day_does_not_count() {
        let (_dir, folder) = sealed(b"x");
        assert_eq!(Seal::kept(&folder, Id::from_bytes([4; 16]), 7), None);
        assert_eq!(Seal::kept(&folder, DATABASE, 8), None);
    }
}
