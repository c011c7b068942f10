//! What templates make of the samples, kept as files: a difference is a change that phones will come back for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

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
    let refused = |error: &dyn ToString| Finding::whole(&entry.path(), error.to_string());
    let settings = sample.settings(entry).map_err(|error| refused(&error))?.settings;
    let (id, mac) = (settings.device.id, settings.device.mac.parse().ok());
    let mut made = Vec::new();
    for file in entry.files() {
        let name = file
            .name
            .of(entry.model, id, mac)
            .ok_or_else(|| refused(&"the device has no MAC address: state its `mac_address`"))?;
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
        let kept =
            left.remove(path).map(|is_file| is_file.then(|| fs::read(folder.join(path)).ok()).flatten());
        match kept {
            Some(Some(kept)) if kept == *body => {}
            Some(Some(kept)) => found.push(format!("{}\n{}", path.display(), difference(&kept, body))),
            Some(None) => found.push(no_file(path)),
            None => found.push(format!("{} is not there yet", path.display())),
        }
    }
    found.extend(left.into_iter().map(|(path, is_file)| {
        if is_file { format!("{} is made by nothing", path.display()) } else { no_file(&path) }
    }));
    found
}

fn no_file(path: &Path) -> String {
    format!("{} is a symbolic link or no file that can be read: take it away", path.display())
}

/// Keeps these files in `folder`, and no others. Nothing outside it is touched: where a symbolic link, or anything else that
/// is neither folder nor file, lies in it, nothing is done.
pub fn update(folder: &Path, rendered: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    let kept = kept(folder);
    if let Some((path, _)) = kept.iter().find(|(_, is_file)| !**is_file) {
        return Err(io::Error::other(no_file(&folder.join(path))));
    }
    fs::create_dir_all(folder)?;
    let within = Dir::open_ambient_dir(folder, ambient_authority())?;
    for path in kept.keys().filter(|path| !rendered.contains_key(*path)) {
        within.remove_file(path)?;
    }
    for (path, body) in rendered {
        path.parent().map_or(Ok(()), |above| within.create_dir_all(above))?;
        within.write(path, body)?;
    }
    Ok(())
}

/// What lies in a folder, and whether it is a plain file. Links are not followed, nor is the folder where it is one.
fn kept(folder: &Path) -> BTreeMap<PathBuf, bool> {
    if folder.is_symlink() {
        return BTreeMap::from([(PathBuf::from("."), false)]);
    }
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(below).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().ok());
            if kind.is_some_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Ok(path) = path.strip_prefix(folder) {
                found.insert(path.to_owned(), kind.is_some_and(|kind| kind.is_file()));
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
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_written_or_removed_through_a_link_nor_outside_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let [victim, golden] = ["victim", "pack/golden"].map(|name| place.path().join(name));
        let made = BTreeMap::from([(PathBuf::from("acme/a.cfg"), b"a\n".to_vec())]);
        for (link, to) in [
            ("pack/golden/link", "../../victim"),
            ("pack/golden/acme", "../../victim"),
            ("pack/golden/acme/a.cfg", "../../../victim/kept"),
            ("pack/golden", "../victim"),
        ] {
            let _none = [fs::remove_dir_all(place.path().join("pack")), fs::remove_dir_all(&victim)];
            fs::create_dir_all(&victim).unwrap();
            fs::write(victim.join("kept"), "kept").unwrap();
            let link = place.path().join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(to, &link).unwrap();
            let refused = update(&golden, &made).unwrap_err().to_string();
            assert!(refused.contains("is a symbolic link"), "{refused}");
            assert_eq!(fs::read_to_string(victim.join("kept")).unwrap(), "kept");
            assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);
            let found = differences(&golden, &made).join("\n");
            assert!(found.contains("symbolic link") && !found.contains("- kept"), "{found}");
        }
        let _none = fs::remove_file(&golden);
        for outside in ["../out.cfg", "/tmp/checksync-out.cfg", "acme/../../out.cfg"] {
            assert!(
                update(&golden, &BTreeMap::from([(PathBuf::from(outside), Vec::new())])).is_err(),
                "{outside}"
            );
        }
        assert!(!place.path().join("pack/out.cfg").exists());
    }

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
