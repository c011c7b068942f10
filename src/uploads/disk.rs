//! Files of devices: each is written beside its place, brought to the disk, and put there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{MOST_OF_ONE, Refusal, Upload};
use crate::id::Id;

/// Removes what was being written, and gives the size of the rest, in bytes.
pub(super) fn tidy(folder: &Path) -> io::Result<u64> {
    let mut used = 0;
    for device in devices(folder)? {
        let own = folder.join(device.to_string());
        for entry in fs::read_dir(own)?.filter_map(Result::ok) {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                fs::remove_file(entry.path())?;
            } else {
                used += entry.metadata()?.len();
            }
        }
    }
    Ok(used)
}

/// The devices that have sent something.
pub(super) fn devices(folder: &Path) -> io::Result<Vec<Id>> {
    let entries = absent(fs::read_dir(folder))?;
    let names = entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
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
        if let (false, Some(about)) = (name.starts_with('.'), absent(entry.metadata())?) {
            found.push(Upload { name, bytes: about.len(), received: seconds(about.mtime()) });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The bytes of a file, and when they were taken, in Unix seconds.
pub(super) fn read(path: &Path) -> io::Result<Option<(Bytes, u64)>> {
    let Some(body) = absent(fs::read(path))? else { return Ok(None) };
    let received = absent(fs::metadata(path))?.map_or(0, |about| seconds(about.mtime()));
    Ok(Some((body.into(), received)))
}

/// Removes a file, and gives its size.
pub(super) fn remove(path: &Path) -> io::Result<Option<u64>> {
    let _alone = placing();
    let Some(about) = absent(fs::metadata(path))? else { return Ok(None) };
    let removed = absent(fs::remove_file(path))?.map(|()| about.len());
    path.parent().map_or(Ok(()), sync).map(|()| removed)
}

/// Removes all of a device, and gives its size.
pub(super) fn remove_folder(folder: &Path) -> io::Result<u64> {
    let _alone = placing();
    let bytes = list(folder)?.iter().map(|upload| upload.bytes).sum();
    absent(fs::remove_dir_all(folder)).map(|_| bytes)
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
