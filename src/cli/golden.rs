//! What templates make of the samples, kept as files: a difference is a change that phones will come back for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalog::Entry;
use crate::template::lint::Sample;
use crate::template::{Finding, Set};

/// The samples whose files are kept.
pub const SAMPLES: [&str; 2] = ["plain", "full"];

/// One model of each family: the one with the most keys, but those named by `preferred` before all others.
pub fn standing_for_families<'s>(set: &'s Set, preferred: &[&str]) -> Vec<Entry<'s>> {
    let rank =
        |entry: Entry<'_>| (preferred.contains(&entry.model_id), all_keys(entry), entry.model_id.len());
    let mut standing = BTreeMap::<_, Entry<'_>>::new();
    for entry in set.catalog().entries() {
        let stands = standing.entry((entry.brand_id, entry.family_id)).or_insert(entry);
        if rank(entry) > rank(*stands) {
            *stands = entry;
        }
    }
    standing.into_values().collect()
}

fn all_keys(entry: Entry<'_>) -> u32 {
    entry.model.combo_keys() + u32::from(entry.model.feature_keys)
}

/// The files of a phone of this model that has a sample's documents, by their names.
pub fn files(set: &Set, entry: Entry<'_>, sample: &Sample) -> Result<Vec<(String, Vec<u8>)>, Finding> {
    let refused =
        |error: &dyn ToString| Finding { file: entry.path(), line: 0, column: 0, message: error.to_string() };
    let settings = sample.settings(entry).map_err(|error| refused(&error))?.settings;
    let (id, mac) = (settings.device.id, settings.device.mac.parse().ok());
    let mut made = Vec::new();
    for file in entry.files() {
        let name =
            file.name.of(entry.model, id, mac).ok_or_else(|| refused(&"the sample has no MAC address"))?;
        made.push((name, set.render(entry, file, &settings)?));
    }
    Ok(made)
}

/// What these models are given, by paths below the folder that keeps it.
pub fn rendered(
    set: &Set,
    entries: &[Entry<'_>],
    samples: &BTreeMap<String, Sample>,
) -> Result<BTreeMap<PathBuf, Vec<u8>>, Finding> {
    let mut all = BTreeMap::new();
    for entry in entries {
        for (name, sample) in samples.iter().filter(|(name, _)| SAMPLES.contains(&name.as_str())) {
            let folder = Path::new(entry.brand_id).join(entry.family_id).join(entry.model_id).join(name);
            let made = files(set, *entry, sample)?.into_iter();
            all.extend(made.map(|(file, body)| (folder.join(file), body)));
        }
    }
    Ok(all)
}

/// Says of every file what differs from the one that is kept in `folder`.
pub fn differences(folder: &Path, rendered: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let mut left = kept(folder);
    let mut found = Vec::new();
    for (path, body) in rendered {
        left.remove(path);
        match fs::read(folder.join(path)) {
            Ok(kept) if kept == *body => {}
            Ok(kept) => found.push(format!("{}\n{}", path.display(), difference(&kept, body))),
            Err(_) => found.push(format!("{} is not there yet", path.display())),
        }
    }
    found.extend(left.iter().map(|path| format!("{} is made by nothing", path.display())));
    found
}

/// Keeps these files in `folder`, and no others.
pub fn update(folder: &Path, rendered: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for path in kept(folder).iter().filter(|path| !rendered.contains_key(*path)) {
        fs::remove_file(folder.join(path))?;
    }
    for (path, body) in rendered {
        let path = folder.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, body)?;
    }
    Ok(())
}

fn kept(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(below).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(path) = path.strip_prefix(folder) {
                found.insert(path.to_owned());
            }
        }
    }
    found
}

/// The first lines that differ, with what stood and what stands there.
fn difference(kept: &[u8], made: &[u8]) -> String {
    let [old, new] = [kept, made].map(|text| String::from_utf8_lossy(text).into_owned());
    let mut text = String::new();
    let (mut old, mut new) = (old.lines(), new.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let (a, b) = (a.unwrap_or("(end)"), b.unwrap_or("(end)"));
                let _never = writeln!(text, "    {number:>4} - {a}\n    {number:>4} + {b}");
            }
        }
    }
    text.lines().take(24).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_compared_and_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let made = |text: &str| BTreeMap::from([(PathBuf::from("acme/a.cfg"), text.as_bytes().to_vec())]);
        assert_eq!(differences(folder.path(), &made("a\nb\n")), ["acme/a.cfg is not there yet"]);
        update(folder.path(), &made("a\nb\n")).unwrap();
        assert_eq!(differences(folder.path(), &made("a\nb\n")), [] as [String; 0]);
        let found = differences(folder.path(), &made("a\nc\n"));
        assert_eq!(found, ["acme/a.cfg\n       2 - b\n       2 + c"]);
        fs::write(folder.path().join("acme/old.cfg"), "").unwrap();
        assert_eq!(differences(folder.path(), &made("a\nb\n")), ["acme/old.cfg is made by nothing"]);
        update(folder.path(), &made("a\nc\n")).unwrap();
        assert_eq!(differences(folder.path(), &made("a\nc\n")), [] as [String; 0]);
    }
}
