//! Making a database, and opening one: how it is known to be what it was.

use std::path::Path;

use super::ahead;
use super::audit::{self, Report};
use super::engine::Engine;
use super::folder::{Folder, HighWater, State};
use super::keeper;
use super::meta::{self, Meta};
use super::overlay::Pending;
use super::seal::Seal;
use super::{Result, StoreError};
use crate::id::Id;

/// A database that was made or verified, before anybody uses it.
pub(super) struct Opened {
    pub(super) engine: Engine,
    pub(super) high_water: HighWater,
    pub(super) meta: Meta,
}

impl Opened {
    /// Makes a database where there is none. It counts as begun until everything about it is on the disk, and
    /// then as `state`.
    pub(super) fn create(folder: &Folder, cache_bytes: u64, state: State) -> Result<Self> {
        let database = fresh_id()?;
        let begun = if state == State::Ready { State::New } else { state };
        folder.set_marker(database, begun)?;
        let engine = Engine::open(folder.path(), &folder.sled(), cache_bytes)?;
        let meta = Meta { batch: 1, ..Meta::new(database) };
        engine.apply(keeper::batch(&Pending::new(), &meta)?)?;
        engine.flush()?;
        engine.sync()?;
        folder.sync_names()?;
        let high_water = HighWater::create(folder, database)?;
        high_water.note(meta.batch)?;
        folder.set_marker(database, state)?;
        Ok(Self { engine, high_water, meta })
    }

    /// Opens a database that is what it was when it was closed, or of which all is verified.
    pub(super) fn trusted(folder: &Folder, cache_bytes: u64) -> Result<Self> {
        let (opened, sealed) = Self::found(folder, cache_bytes)?;
        if !sealed {
            tracing::info!("the database was not closed well, or changed since then: all of it is verified");
            opened.sound(folder)?;
        }
        Ok(opened)
    }

    /// Opens a database and refuses it when anything is wrong with it.
    pub(super) fn verified(folder: &Folder, cache_bytes: u64) -> Result<(Self, Report)> {
        let (opened, _) = Self::found(folder, cache_bytes)?;
        let report = opened.sound(folder)?;
        Ok((opened, report))
    }

    /// Opens a database as far as it can be opened, and says what is wrong with it.
    pub(super) fn examined(folder: &Folder, cache_bytes: u64) -> Result<(Self, Report)> {
        let (opened, _) = Self::found(folder, cache_bytes)?;
        let report = opened.audit(folder);
        Ok((opened, report))
    }

    /// Lets go of a database in which all is well, so that the next one to open it knows.
    pub(super) fn close(self, folder: &Folder) {
        let Self { engine, meta, .. } = self;
        drop(engine);
        Seal::set(folder, meta.database, meta.batch);
    }

    fn sound(&self, folder: &Folder) -> Result<Report> {
        let report = self.audit(folder);
        match &report.problems[..] {
            [] => Ok(report),
            [only] => Err(folder.damaged(only)),
            [first, rest @ ..] => Err(folder.damaged(&format!("{first} (and {} more)", rest.len()))),
        }
    }

    /// Whoever opens it after problems were found must find them too, whatever was sealed.
    fn audit(&self, folder: &Folder) -> Report {
        ahead::read(&folder.sled());
        let report = audit::audit(&self.engine, &self.meta);
        if !report.problems.is_empty() {
            Seal::remove(folder);
        }
        report
    }

    /// Opens a database as far as it can be opened. True when it is what it was when it was closed.
    fn found(folder: &Folder, cache_bytes: u64) -> Result<(Self, bool)> {
        let marker = folder.marker()?.ok_or_else(|| missing(folder.path()))?;
        if marker.format != meta::FORMAT {
            return Err(folder.unknown_format(marker.format));
        }
        if marker.state != State::Ready {
            return Err(folder.damaged("it was being imported, and that was cut short: import again"));
        }
        check_file(folder)?;
        let (high_water, batch) = HighWater::open(folder, marker.database)?;
        let sealed = Seal::kept(folder, marker.database, batch);
        let engine = Engine::open(folder.path(), &folder.sled(), cache_bytes)?;
        let meta =
            engine.meta()?.ok_or_else(|| folder.damaged("the record that counts all others is gone"))?;
        if meta.database != marker.database {
            return Err(folder.damaged("sled's files are those of another database"));
        }
        if meta.batch < batch {
            return Err(folder
                .damaged(&format!("it ends at batch {}, and batch {batch} was acknowledged", meta.batch)));
        }
        let sealed = sealed == Some(meta.batch);
        Ok((Self { engine, high_water, meta }, sealed))
    }
}

fn check_file(folder: &Folder) -> Result<()> {
    match std::fs::metadata(folder.sled().join("db")) {
        Ok(file) if file.len() > 0 => Ok(()),
        Ok(_) => Err(folder.damaged("the file sled/db is empty")),
        Err(error) => Err(folder.damaged(&format!("the file sled/db cannot be found ({error})"))),
    }
}

/// The error for a directory in which there is no database, where one was expected.
pub(super) fn missing(path: &Path) -> StoreError {
    StoreError::Io(format!("there is no database in {}", path.display()))
}

fn fresh_id() -> Result<Id> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io(format!("no random numbers: {error}")))?;
    Ok(Id::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    const CACHE_BYTES: u64 = 1 << 20;

    /// A database that counts a record more than it has, and was sealed all the same.
    fn wrong_but_sealed() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        let mut opened = Opened::create(&folder, CACHE_BYTES, State::Ready).unwrap();
        opened.meta.tally.add(b"d1", 1);
        opened.engine.apply(keeper::batch(&Pending::new(), &opened.meta).unwrap()).unwrap();
        opened.engine.flush().unwrap();
        opened.close(&folder);
        (dir, folder)
    }

    fn is_refused(folder: &Folder) -> bool {
        let refused = Opened::trusted(folder, CACHE_BYTES).err().map(|error| error.to_string());
        refused.is_some_and(|refused| refused.contains("and there should be 1"))
    }

    #[test]
    fn a_database_is_verified_unless_all_of_its_files_are_those_that_were_sealed() {
        for change in [
            |sled: &Path| fs::remove_file(sled.join("conf")).unwrap(),
            |sled: &Path| fs::write(sled.join("blobs/7"), "").unwrap(),
            |sled: &Path| {
                let mut names = fs::read_dir(sled).unwrap().map(|entry| entry.unwrap().path());
                let is_snapshot = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "snap");
                fs::remove_file(names.find(is_snapshot).unwrap()).unwrap();
            },
        ] {
            let (_dir, folder) = wrong_but_sealed();
            Opened::trusted(&folder, CACHE_BYTES).unwrap().close(&folder);
            change(&folder.sled());
            assert!(is_refused(&folder));
        }
    }

    #[test]
    fn a_database_that_another_version_sealed_is_verified() {
        let (_dir, folder) = wrong_but_sealed();
        let seal = fs::read_to_string(folder.path().join("seal")).unwrap();
        let other = seal.replacen(env!("CARGO_PKG_VERSION"), "0.0.0-other", 1);
        fs::write(folder.path().join("seal"), other).unwrap();
        assert!(is_refused(&folder));
    }

    #[test]
    fn what_an_examination_finds_keeps_the_next_start_from_trusting_the_seal() {
        for examine in [
            |folder: &Folder| drop(Opened::examined(folder, CACHE_BYTES)),
            |folder: &Folder| {
                drop(Opened::verified(folder, CACHE_BYTES));
            },
        ] {
            let (_dir, folder) = wrong_but_sealed();
            examine(&folder);
            assert!(is_refused(&folder));
        }
    }
}
