//! Static files: firmware, ringtones, logos and languages, from a folder of the operator's.
//!
//! `<folder>/<brand>/…` and `<folder>/<brand>/<family>/…` are for phones of one make, `<folder>/accounts/<account id>/…` for
//! those of one account, and what lies in the folder itself is for all. Nothing outside the folder is ever opened, and
//! nothing whose name begins with a dot: the system is asked to find names below the folder only, so that no symlink and no
//! race leads out of it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

mod digest;
mod name;
mod walk;

pub use name::Name;

use digest::{Identity, sha256};

/// A static file that was opened.
#[derive(Debug)]
pub struct StaticFile {
    /// Its path in the folder.
    pub name: Name,
    /// Its bytes.
    pub file: File,
    /// How many they are.
    pub bytes: u64,
    /// Their SHA-256, as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// A static file in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path in the folder.
    pub name: Name,
    /// Its size.
    pub bytes: u64,
    /// When it was last written, in Unix seconds.
    pub modified: u64,
    /// The SHA-256 of its bytes, as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// The static files of all phones.
#[derive(Debug, Clone, Default)]
pub struct Statics(Option<Arc<Shelf>>);

#[derive(Debug)]
struct Shelf {
    folder: PathBuf,
    /// What was found to be the digest of each file, while it is the same file.
    known: Mutex<HashMap<Name, (Identity, String)>>,
    /// Held by whoever reads a file for its digest, so that phones that ask at once wait for one reading.
    reading: Mutex<()>,
}

impl Statics {
    /// The files of a folder, which must be there. Another may take its place later.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.to_owned();
        let shelf = Shelf { folder, known: Mutex::default(), reading: Mutex::default() };
        shelf.folder().map(|_| Self(Some(Arc::new(shelf))))
    }

    /// The first of these names that is a file. A file that is being written just now is none.
    pub async fn find(&self, names: Vec<Name>) -> Option<StaticFile> {
        let shelf = self.0.clone()?;
        let found = tokio::task::spawn_blocking(move || shelf.find(names));
        found.await.ok().flatten()
    }

    /// All files by name; at most 10,000.
    pub async fn list(&self) -> Vec<Listed> {
        let Some(shelf) = self.0.clone() else { return Vec::new() };
        tokio::task::spawn_blocking(move || shelf.list()).await.unwrap_or_default()
    }
}

impl Shelf {
    /// The folder as it stands there now.
    fn folder(&self) -> io::Result<Dir> {
        Dir::open_ambient_dir(&self.folder, ambient_authority())
    }

    fn find(&self, names: Vec<Name>) -> Option<StaticFile> {
        let folder =
            self.folder().inspect_err(|error| tracing::warn!(%error, "static files are not there")).ok()?;
        names.into_iter().find_map(|name| {
            let file = file(&folder, &name)?;
            self.read(name, file)
                .inspect_err(|error| tracing::warn!(%error, "a static file is not served"))
                .ok()
        })
    }

    fn read(&self, name: Name, file: File) -> io::Result<StaticFile> {
        let identity = Identity::of(&file)?;
        let sha256 = self.digest(&name, &file, identity)?;
        Ok(StaticFile { name, file, bytes: identity.bytes, sha256 })
    }

    fn digest(&self, name: &Name, file: &File, identity: Identity) -> io::Result<String> {
        if let Some(known) = self.recall(name, identity) {
            return Ok(known);
        }
        let _one_reads = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.recall(name, identity) {
            return Ok(known);
        }
        let digest = sha256(file, identity)?;
        self.known().insert(name.clone(), (identity, digest.clone()));
        Ok(digest)
    }

    fn recall(&self, name: &Name, identity: Identity) -> Option<String> {
        let known = self.known();
        known.get(name).filter(|(of, _)| *of == identity).map(|(_, digest)| digest.clone())
    }

    fn list(&self) -> Vec<Listed> {
        let names = self.folder().map(|folder| walk::names(&folder)).unwrap_or_default();
        self.known().retain(|name, _| names.binary_search(name).is_ok());
        names.into_iter().filter_map(|name| self.listed(name)).collect()
    }

    fn listed(&self, name: Name) -> Option<Listed> {
        let found = self.find(vec![name])?;
        let modified = Identity::of(&found.file).ok()?.modified();
        Some(Listed { name: found.name, bytes: found.bytes, modified, sha256: found.sha256 })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Name, (Identity, String)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file of this name. Whoever opens a pipe for reading waits for a writer, so what is no file is not opened.
fn file(folder: &Dir, name: &Name) -> Option<File> {
    folder.metadata(name.as_str()).ok().filter(cap_std::fs::Metadata::is_file)?;
    Some(folder.open(name.as_str()).ok()?.into_std())
}

#[cfg(test)]
mod tests;
