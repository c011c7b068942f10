//! A seal on the database of a store that was closed well: what the files below `sled/` held, byte for byte.
//!
//! Verifying every record takes seconds where there are many. Files that still are what they were when the store was
//! closed need no verifying: they were verified when the store was opened, and every batch since then kept them right.
//! A seal that does not fit breaks nothing, since everything is verified then. What is right is for the code to say,
//! so a seal counts only for the version that set it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{self, Folder};
use super::{Result, StoreError, abreast, meta};
use crate::id::Id;

/// What was sealed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seal {
    /// [`meta::FORMAT`] when it was set.
    format: u32,
    /// The version of the program that set it.
    version: String,
    database: Id,
    batch: u64,
    files: Vec<Sealed>,
}

/// A file of sled's.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    /// Below `sled/`.
    name: PathBuf,
    length: u64,
    /// The CRC-32 of each part.
    checksums: Vec<u32>,
}

/// The name of the file beside the database.
pub(super) const SEAL: &str = "seal";

const VERSION: &str = env!("CARGO_PKG_VERSION");
const PART: u64 = 8 << 20;
const STEP: usize = 256 << 10;

impl Seal {
    /// Seals the files of a database that nobody has open any more, after its last batch; all of them, and their
    /// names, are on the disk then. A database that cannot be sealed is none the worse, so that is only logged.
    pub(super) fn set(folder: &Folder, database: Id, batch: u64) {
        if let Err(error) = Self::try_set(folder, database, batch) {
            tracing::warn!(%error, "the database could not be sealed: the next start verifies all of it");
        }
    }

    /// Takes the seal off, so that the next start verifies everything.
    pub(super) fn remove(folder: &Folder) {
        if let Err(error) = folder.remove(SEAL) {
            tracing::warn!(%error, "the seal of a damaged database could not be removed");
        }
    }

    /// The batch that the seal was set after; `None` when there is no seal, another version set it, or the files
    /// are not what was sealed. `least` is a batch that must be in it.
    pub(super) fn kept(folder: &Folder, database: Id, least: u64) -> Option<u64> {
        let noted: Self = serde_json::from_slice(&fs::read(folder.path().join(SEAL)).ok()?).ok()?;
        let is_ours = noted.format == meta::FORMAT && noted.version == VERSION;
        let is_this = noted.database == database && noted.batch >= least;
        let fits = is_ours && is_this && noted.fits(&folder.sled()).unwrap_or(false);
        fits.then_some(noted.batch)
    }

    fn try_set(folder: &Folder, database: Id, batch: u64) -> Result<()> {
        let sled = folder.sled();
        let files = sync(&sled).and_then(|()| Sealed::all(&sled));
        let files = files.map_err(|error| folder::failed("read", &sled, &error))?;
        folder.sync_names()?;
        let seal = Self { format: meta::FORMAT, version: VERSION.to_owned(), database, batch, files };
        let bytes = serde_json::to_vec(&seal).map_err(|error| StoreError::Io(error.to_string()))?;
        folder.write(SEAL, &bytes)
    }

    /// Nothing is read where names and lengths differ.
    fn fits(&self, sled: &Path) -> io::Result<bool> {
        let noted = self.files.iter().map(|file| (&file.name, file.length));
        let found = listed(sled)?;
        let are_alike = noted.eq(found.iter().map(|(name, length)| (name, *length)));
        Ok(are_alike && Sealed::all(sled)? == self.files)
    }
}

impl Sealed {
    fn all(sled: &Path) -> io::Result<Vec<Self>> {
        let sealed = |(name, length)| {
            let checksums = checksums(&File::open(sled.join(&name))?, length)?;
            Ok(Self { name, length, checksums })
        };
        listed(sled)?.into_iter().map(sealed).collect()
    }
}

/// How long the files below `sled` are together, in bytes.
pub(super) fn length(sled: &Path) -> io::Result<u64> {
    listed(sled).map(|files| files.iter().map(|(_, length)| length).sum())
}

/// Reads every byte below `sled`, with all cores.
pub(super) fn read(sled: &Path) -> io::Result<()> {
    Sealed::all(sled).map(drop)
}

/// All files below a folder and in the folders in it, by name, with their lengths.
fn listed(sled: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(sled.join(&folder))? {
            let entry = entry?;
            let (name, about) = (folder.join(entry.file_name()), entry.metadata()?);
            if about.is_dir() { folders.push(name) } else { files.push((name, about.len())) }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Puts all files of a folder, and the names in the folders in it, on the disk.
fn sync(sled: &Path) -> io::Result<()> {
    for (name, _) in listed(sled)? {
        let path = sled.join(name);
        File::open(&path)?.sync_all()?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
    }
    Ok(())
}

fn checksums(file: &File, length: u64) -> io::Result<Vec<u32>> {
    let parts = usize::try_from(length.div_ceil(PART)).map_err(io::Error::other)?;
    let done = abreast::each(parts, |part| checksum(file, part as u64 * PART));
    if done.len() < parts {
        return Err(io::Error::other("a thread that reads has panicked"));
    }
    done.into_iter().collect()
}

fn checksum(file: &File, from: u64) -> io::Result<u32> {
    let (mut hasher, mut at, mut buffer) = (crc32fast::Hasher::new(), from, vec![0; STEP]);
    while at < from + PART {
        let read = file.read_at(&mut buffer, at)?;
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
        Seal::set(&folder, DATABASE, 7);
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
    fn a_seal_is_broken_by_any_file_that_comes_goes_or_changes() {
        let (_dir, folder) = sealed(b"x");
        let beside = [folder.sled().join("conf"), folder.sled().join("blobs/1")];
        fs::create_dir(folder.sled().join("blobs")).unwrap();
        for file in &beside {
            fs::write(file, "ab").unwrap();
            assert_eq!(Seal::kept(&folder, DATABASE, 7), None, "{file:?} is new");
            Seal::set(&folder, DATABASE, 7);
            assert_eq!(Seal::kept(&folder, DATABASE, 7), Some(7));
            fs::write(file, "ac").unwrap();
            assert_eq!(Seal::kept(&folder, DATABASE, 7), None, "{file:?} was changed");
            fs::rename(file, file.with_extension("x")).unwrap();
            assert_eq!(Seal::kept(&folder, DATABASE, 7), None, "{file:?} has another name");
            fs::remove_file(file.with_extension("x")).unwrap();
            assert_eq!(Seal::kept(&folder, DATABASE, 7), None, "{file:?} is gone");
            fs::write(file, "ab").unwrap();
            assert_eq!(Seal::kept(&folder, DATABASE, 7), Some(7));
        }
    }

    #[test]
    fn a_seal_of_another_version_does_not_count() {
        let (_dir, folder) = sealed(b"x");
        let path = folder.path().join(SEAL);
        let own = fs::read_to_string(&path).unwrap();
        let format = format!("\"format\":{}", meta::FORMAT);
        for (ours, other) in [(format.as_str(), "\"format\":1"), (VERSION, "0.0.0-other")] {
            fs::write(&path, own.replacen(ours, other, 1)).unwrap();
            assert_eq!(Seal::kept(&folder, DATABASE, 7), None, "{other}");
        }
        fs::write(&path, own).unwrap();
        assert_eq!(Seal::kept(&folder, DATABASE, 7), Some(7));
    }

    #[test]
    fn a_seal_that_was_removed_does_not_count() {
        let (_dir, folder) = sealed(b"x");
        for _ in 0..2 {
            Seal::remove(&folder);
            assert_eq!(Seal::kept(&folder, DATABASE, 7), None);
        }
    }

    #[test]
    fn a_seal_of_another_database_or_of_an_older_day_does_not_count() {
        let (_dir, folder) = sealed(b"x");
        assert_eq!(Seal::kept(&folder, Id::from_bytes([4; 16]), 7), None);
        assert_eq!(Seal::kept(&folder, DATABASE, 8), None);
    }
}
