//! What compiling the shipped templates takes, and what it would take if each place had an engine of every template
//! that it can see instead of those that its files come to: `cargo bench --bench compile`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark that fails shall stop"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use checksync::catalog::Format;
use checksync::pack::Pack;
use checksync::template::Set;
use tera::Tera;

const ROUNDS: usize = 15;

fn main() {
    let pack = Pack::shipped();
    let set = Set::compile(&pack).unwrap();
    let entries = set.catalog().entries();
    let places = entries.flat_map(|entry| {
        let place = format!("{}/{}", entry.brand_id, entry.family_id);
        entry.files().map(move |file| (entry.brand_id, place.clone(), file.format))
    });
    let places: BTreeSet<(&str, String, Format)> = places.collect();
    let (mut reached, mut seen) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        reached.push(timed(|| drop(Set::compile(&pack).unwrap())));
        seen.push(timed(|| places.iter().for_each(|(brand, place, _)| drop(engine(&pack, brand, place)))));
    }
    let [reached, seen] = [reached, seen].map(median);
    let share = seen.as_secs_f64() / reached.as_secs_f64();
    println!("the shipped set, of what files come to: {reached:?}");
    println!("{} engines alone, of what places see: {seen:?}, {share:.1} times as long", places.len());
}

/// The templates of a brand and the shared ones, as they are written, with nothing that counts in them.
fn engine(pack: &Pack, brand: &str, place: &str) -> Tera {
    let mut tera = Tera::new();
    let folders = [format!("{place}/"), format!("{brand}/"), "shared/".to_owned()];
    tera.set_fallback_prefixes(folders).unwrap();
    tera.add_raw_templates(pack.templates_of(brand)).unwrap();
    tera
}

fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
