//! What it costs to make a phone's file: `cargo bench --bench render`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that fails shall stop")]

use std::collections::BTreeMap;
use std::hint::black_box;

use checksync::catalog::Entry;
use checksync::pack::{Pack, shipped_samples};
use checksync::render::render;
use checksync::template::Set;
use checksync::template::lint::Sample;
use criterion::{Criterion, criterion_group, criterion_main};

fn model<'s>(set: &'s Set, id: &str) -> Entry<'s> {
    set.catalog().entries().find(|entry| entry.model_id == id).unwrap()
}

fn fresh(c: &mut Criterion) {
    let set = Set::compile(&Pack::shipped()).unwrap();
    let samples: BTreeMap<String, Sample> = shipped_samples()
        .into_iter()
        .map(|(name, text)| (name, serde_json::from_str(&text).unwrap()))
        .collect();
    for id in ["t46s", "vvx450", "grp2614", "d785"] {
        let entry = model(&set, id);
        let settings = samples["full"].settings(entry).unwrap().settings;
        let file = entry.files().filter(|file| file.secret).last().unwrap();
        let length = render(&set, entry, file, &settings).unwrap().body.len();
        c.bench_function(&format!("render {id} full, {length} bytes"), |b| {
            b.iter(|| render(&set, entry, file, black_box(&settings)).unwrap());
        });
    }
    let entry = model(&set, "t46s");
    c.bench_function("settings of a t46s from its documents", |b| {
        b.iter(|| samples["full"].settings(black_box(entry)).unwrap());
    });
    c.bench_function("compile the shipped set", |b| b.iter(|| Set::compile(&Pack::shipped()).unwrap()));
}

fn identify(c: &mut Criterion) {
    let set = Set::compile(&Pack::shipped()).unwrap();
    let catalog = set.catalog();
    c.bench_function("find the MAC in a file name", |b| {
        b.iter(|| catalog.asker(black_box("snomD785-000413ABCDEF.htm")));
    });
    let agent = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:00:00:01";
    c.bench_function("find the MAC in a User-Agent", |b| {
        b.iter(|| catalog.mac_in_user_agent(black_box(agent)));
    });
}

criterion_group!(benches, fresh, identify);
criterion_main!(benches);
