//! What the shipped templates make of the shipped samples, as files in `tests/golden`.
//!
//! A changed file is a change that every phone of its family comes back for. `UPDATE_GOLDEN=1 cargo test --test
//! golden` writes the files anew; the diff shows what phones will see.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use checksync::catalog::Entry;
use checksync::pack::{Pack, shipped_samples};
use checksync::template::Set;
use checksync::template::lint::{Sample, lint};

/// One model of each family stands for it.
const MODELS: [&str; 5] = ["t46s", "t54w", "vvx450", "grp2614", "d785"];
const SAMPLES: [&str; 2] = ["plain", "full"];

fn set() -> Set {
    Set::compile(&Pack::shipped()).unwrap_or_else(|findings| panic!("{}", lines(&findings)))
}

fn samples() -> BTreeMap<String, Sample> {
    let parse = |(name, text): (String, String)| {
        let sample = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        (name, sample)
    };
    shipped_samples().into_iter().map(parse).collect()
}

fn lines<T: ToString>(findings: &[T]) -> String {
    findings.iter().map(|finding| format!("\n  {}", finding.to_string())).collect()
}

/// The files of a phone that has a sample's documents: their paths below `tests/golden`, and their texts.
fn rendered(set: &Set, entry: Entry<'_>, name: &str, sample: &Sample) -> Vec<(PathBuf, String)> {
    let settings = sample.settings(entry).unwrap().settings;
    let mac = settings.device.mac.parse().unwrap();
    let folder = Path::new(entry.brand_id).join(entry.family_id).join(entry.model_id).join(name);
    let render = |file| String::from_utf8(set.render(entry, file, &settings).unwrap()).unwrap();
    entry.files().map(|file| (folder.join(file.name.of(entry.model, mac)), render(file))).collect()
}

fn all_rendered() -> BTreeMap<PathBuf, String> {
    let (set, samples) = (set(), samples());
    let entries = set.catalog().entries().filter(|entry| MODELS.contains(&entry.model_id));
    let files = entries.flat_map(|entry| {
        SAMPLES.iter().flat_map(|name| rendered(&set, entry, name, &samples[*name])).collect::<Vec<_>>()
    });
    files.collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The first lines that differ, with what stood and what stands there.
fn difference(expected: &str, found: &str) -> String {
    let mut text = String::new();
    let (mut old, mut new) = (expected.lines(), found.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let _ = writeln!(text, "    {number:>4} - {}", a.unwrap_or("(end)"));
                let _ = writeln!(text, "    {number:>4} + {}", b.unwrap_or("(end)"));
            }
        }
    }
    text.lines().take(24).collect::<Vec<_>>().join("\n")
}

fn golden_files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            golden_files(&path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn every_family_gives_the_files_that_are_kept_as_golden() {
    let rendered = all_rendered();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = std::fs::remove_dir_all(folder());
        for (path, text) in &rendered {
            let path = folder().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
    let mut complaints = Vec::new();
    let mut left = BTreeSet::new();
    golden_files(&folder(), &mut left);
    for (path, text) in &rendered {
        let golden = folder().join(path);
        left.remove(&golden);
        match std::fs::read_to_string(&golden) {
            Ok(kept) if kept == *text => {}
            Ok(kept) => complaints.push(format!("{}\n{}", path.display(), difference(&kept, text))),
            Err(_) => complaints.push(format!("{} is not there yet", path.display())),
        }
    }
    complaints.extend(left.iter().map(|path| format!("{} is made by nothing", path.display())));
    assert!(
        complaints.is_empty(),
        "phones would be given other files than before:{}\nIf that is meant: UPDATE_GOLDEN=1 cargo test --test golden",
        lines(&complaints)
    );
}

#[test]
fn the_shipped_set_is_without_findings_for_every_model_and_sample() {
    let findings = lint(&set(), &samples());
    assert!(findings.is_empty(), "{}", lines(&findings));
}
