//! What phones are told of the zones of the world: exactly what is so there, or the administrator hears of it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;

use checksync::catalog::Entry;
use checksync::cli::golden::standing_for_families;
use checksync::pack::{Pack, shipped_samples};
use checksync::template::lint::Sample;
use checksync::template::{Set, warnings};
use checksync::zone::{Change, Zone};
use serde_json::Value;

/// A family of whose zones only four have a spelling that is certain, which are those of most of its phones.
const FEW: &str = "obihai/ata/";

/// A zone for each rule that is in force somewhere. Palestine's days are a few hours from Beirut's, which some vendors'
/// notations cannot tell apart.
fn zones() -> impl Iterator<Item = &'static str> {
    let mut zones = BTreeMap::new();
    let plain =
        |change: Change| (change.month, change.first_day, change.last, change.weekday, change.seconds);
    let real = |name: &&str| {
        name.contains('/')
            && !name.starts_with("Etc/")
            && !name.ends_with("/Gaza")
            && !name.ends_with("/Hebron")
    };
    for name in Zone::names().filter(real) {
        let zone = Zone::find(name).unwrap();
        let dst = zone.dst.map(|dst| (dst.saving, plain(dst.start), plain(dst.end)));
        zones.entry((zone.offset, dst)).or_insert(name);
    }
    zones.into_values()
}

/// The files of a phone in a zone, and whether its administrator is told that its clock may be wrong.
fn files(set: &Set, entry: Entry<'_>, sample: &Value, zone: &str) -> (Vec<Vec<u8>>, bool) {
    let mut sample = sample.clone();
    sample["device"]["timezone"] = zone.into();
    let sample: Sample = serde_json::from_value(sample).unwrap();
    let settings = sample.settings(entry).unwrap().settings;
    let mut is_told = false;
    let mut file = |file| {
        let body = set.render(entry, file, &settings).unwrap();
        is_told |= warnings().iter().any(|warning| warning.starts_with("timezone: "));
        body
    };
    let files = entry.files().map(&mut file).collect();
    (files, is_told)
}

#[test]
fn of_zones_with_one_file_all_but_the_one_that_is_meant_are_told() {
    let set = Set::compile(&Pack::shipped()).unwrap();
    let samples: BTreeMap<String, String> = shipped_samples().into_iter().collect();
    let sample: Value = serde_json::from_str(&samples["plain"]).unwrap();
    let mut wrong = Vec::new();
    for entry in standing_for_families(&set, &[]) {
        let mut of_file = BTreeMap::<_, Vec<&str>>::new();
        let (mut told, mut count) = (0, 0);
        for zone in zones() {
            let (files, is_told) = files(&set, entry, &sample, zone);
            let zones = of_file.entry(files).or_default();
            count += 1;
            told += usize::from(is_told);
            zones.extend((!is_told).then_some(zone));
        }
        let knows_zones = of_file.len() > 1;
        let untold = of_file.into_values().filter(|zones| knows_zones && zones.len() > 1);
        wrong.extend(untold.map(|zones| format!("{}: {zones:?}", entry.path())));
        if knows_zones && told * 3 > count * 2 && !entry.path().starts_with(FEW) {
            wrong.push(format!("{}: {told} of {count} are told", entry.path()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
