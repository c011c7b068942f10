//! Files of devices: each is written beside its place, brought to the disk, and put there.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{MOST_OF_ONE, Refusal, Upload};
use crate::id::Id;

/// Removes what was being written. What cannot be removed stays, with a warning.
pub(super) fn tidy(folder: &Path) -> io::Result<()> {
    for device in devices(folder)? {
        let own = folder.join(device.to_string());
        if let Err(error) = tidy_one(&own) {
            tracing::warn!(%error, path = %own.display(), "uploads that are not whole stay there");
        }
    }
    Ok(())
}

fn tidy_one(own: &Path) -> io::Result<()> {
    for entry in fs::read_dir(own)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if !name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "something strange among the uploads stays there");
        }
    }
    Ok(())
}

/// The size of all that was sent, in bytes. What cannot be read counts for nothing, with a warning.
pub(super) fn used(folder: &Path) -> io::Result<u64> {
    let own = devices(folder)?.into_iter().map(|device| folder.join(device.to_string()));
    let size = |own: PathBuf| {
        let size = size(&own);
        let warn =
            |error: &io::Error| tracing::warn!(%error, path = %own.display(), "uploads cannot be counted");
        size.inspect_err(warn).unwrap_or_default()
    };
    Ok(own.map(size).sum())
}

fn size(own: &Path) -> io::Result<u64> {
    Ok(list(own)?.iter().map(|upload| upload.bytes).sum())
}

/// The devices that have sent something.
pub(super) fn devices(folder: &Path) -> io::Result<Vec<Id>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let entries = absent(fs::read_dir(folder)).map_err(named)?.into_iter().flatten().filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// Writes a file as `from` and puts it in the place of `to`. Gives the size of what was there.
pub(super) fn write(folder: &Path, (from, to): (&str, &str), body: &[u8]) -> Result<Option<u64>, Refusal> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let [from, to] = [from, to].map(|name| folder.join(name));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&from)?;
    let written = file.write_all(body).and_then(|()| file.sync_all());
    let put = written.map_err(Refusal::Disk).and_then(|()| put(folder, &from, &to));
    if put.is_err() {
        let _is_there_no_more = fs::remove_file(&from);
    }
    put
}

fn put(folder: &Path, from: &Path, to: &Path) -> Result<Option<u64>, Refusal> {
    let placing = placing();
    let before = absent(fs::metadata(to))?.map(|found| found.len());
    if before.is_none() && list(folder)?.len() >= MOST_OF_ONE {
        return Err(Refusal::TooMany);
    }
    fs::rename(from, to)?;
    drop(placing);
    sync(folder)?;
    folder.parent().map_or(Ok(()), sync)?;
    Ok(before)
}

/// Held by whoever puts something in the place of something else, so that its size is counted off once.
fn placing() -> MutexGuard<'static, ()> {
    static PLACING: Mutex<()> = Mutex::new(());
    PLACING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a device has sent, by name.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Upload>> {
    let mut found = Vec::new();
    for entry in absent(fs::read_dir(folder))?.into_iter().flatten().filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let about = absent(entry.metadata())?.filter(Metadata::is_file);
        if let (false, Some(about)) = (name.starts_with('.'), about) {
            found.push(Upload { name, bytes: about.len(), received: seconds(about.mtime()) });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The bytes of a file, and when they were taken, in Unix seconds.
pub(super) fn read(path: &Path) -> io::Result<Option<(Bytes, u64)>> {
    let Some(about) = file(path)? else { return Ok(None) };
    let body = absent(fs::read(path))?;
    Ok(body.map(|body| (body.into(), seconds(about.mtime()))))
}

/// Removes a file, and gives its size.
pub(super) fn remove(path: &Path) -> io::Result<Option<u64>> {
    let _alone = placing();
    let Some(about) = file(path)? else { return Ok(None) };
    let removed = absent(fs::remove_file(path))?.map(|()| about.len());
    path.parent().map_or(Ok(()), sync).map(|()| removed)
}

/// Removes all of a device, as far as that can be done, and gives the size of what is there no more.
pub(super) fn remove_folder(folder: &Path) -> u64 {
    let _alone = placing();
    let before = size(folder).unwrap_or_default();
    if let Err(error) = absent(fs::remove_dir_all(folder)) {
        tracing::warn!(%error, path = %folder.display(), "what a device has sent could not be removed");
    }
    before.saturating_sub(size(folder).unwrap_or_default())
}

/// What is known of a file, if it is one.
fn file(path: &Path) -> io::Result<Option<Metadata>> {
    Ok(absent(fs::symlink_metadata(path))?.filter(Metadata::is_file))
}

fn seconds(time: i64) -> u64 {
    u64::try_from(time).unwrap_or_default()
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What is not there is no error.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
