//! Exports and imports as files.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::store::{self, Counts};

const STANDARD: &str = "-";

/// Writes an export to a file, or to `out` where `to` is `-`. The file appears under its name when it is whole.
pub(super) fn export(dir: &Path, to: &Path, out: &mut dyn Write) -> Result<Counts, Failure> {
    if to == Path::new(STANDARD) {
        return Ok(store::export(dir, out)?);
    }
    let beside = beside(to)?;
    let written = write(dir, &beside).and_then(|counts| {
        fs::rename(&beside, to).map_err(|error| unwritten(to, &error))?;
        sync_folder(to).map(|()| counts)
    });
    if written.is_err() {
        let _not_there = fs::remove_file(&beside);
    }
    written
}

/// Reads an export from a file, or from the standard input where `from` is `-`.
pub(super) fn import(dir: &Path, from: &Path) -> Result<Counts, Failure> {
    if from == Path::new(STANDARD) {
        return Ok(store::import(dir, io::stdin().lock())?);
    }
    let file = File::open(from).map_err(|error| format!("{} cannot be read: {error}", from.display()))?;
    Ok(store::import(dir, BufReader::new(file))?)
}

fn write(dir: &Path, path: &Path) -> Result<Counts, Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = opened.map_err(|error| unwritten(path, &error))?;
    let counts = store::export(dir, BufWriter::new(&file))?;
    file.sync_all().map_err(|error| unwritten(path, &error))?;
    Ok(counts)
}

fn beside(to: &Path) -> Result<PathBuf, Failure> {
    let name = to.file_name().ok_or_else(|| format!("{} is not the name of a file", to.display()))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    Ok(to.with_file_name(hidden))
}

fn sync_folder(of: &Path) -> Result<(), Failure> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| unwritten(of, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    format!("{} cannot be written: {error}", path.display()).into()
}
