//! What large databases cost. The measurement is run by hand:
//! `cargo test --config profile.dev.opt-level=3 --test store_cost -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod store_common;

use std::io::Cursor;
use std::time::{Duration, Instant};

use checksync::resync::Scope;
use checksync::store::{Options, SledStore, Span, Step, Store, check, export, import};
use store_common::*;

/// Everything that one batch touches is far beyond the cache: pages that the batch itself has changed are
/// evicted and read again before it is written.
#[tokio::test]
async fn an_account_with_thousands_of_devices_goes_in_one_change() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(Options { cache_bytes: 256, ..Options::new(dir.path()) }).unwrap();
    settle(&store).await;
    commit(&store, (0..2000).map(|number| put(phone(number, CHILD)))).await.unwrap();
    let child = store.account(CHILD).await.unwrap().unwrap();
    commit(&store, [delete(child)]).await.unwrap();
    assert_eq!(store.devices(&Scope::Everything, Span::ascending(None, 9)).await.unwrap().rows, []);
    store.close().await.unwrap();
    let report = check(dir.path()).unwrap();
    assert_eq!((report.problems.len(), report.counts.accounts, report.counts.devices), (0, 1, 0));
}

#[tokio::test]
#[ignore = "a measurement, and it takes minutes"]
async fn what_a_fleet_costs() {
    for fleet in [1_000, 100_000] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = timed("open, empty", || SledStore::open(Options::new(dir.path())).unwrap());
        settle(&store).await;
        drop(store);
        let text = grown(dir.path(), fleet);
        let copy = tempfile::tempdir().unwrap();
        timed(&format!("import, {fleet}"), || import(copy.path(), Cursor::new(text)).unwrap());
        timed(&format!("open with its scan, {fleet}"), || {
            drop(SledStore::open(Options::new(copy.path())).unwrap());
        });
        let (store, _) = timed("open again", || SledStore::open(Options::new(copy.path())).unwrap());
        let (one, all) = changes(&store, fleet).await;
        println!("a change, one writer: {one:?}; 16 writers, per change: {all:?}");
        let child = store.account(CHILD).await.unwrap().unwrap();
        let begun = now();
        commit(&store, [delete(child)]).await.unwrap();
        println!("delete the account with {fleet}: {:?}", begun.elapsed());
    }
}

/// An export of that many phones, made without writing them one by one.
fn grown(dir: &std::path::Path, fleet: u64) -> Vec<u8> {
    let mut text = Vec::new();
    export(dir, &mut text).unwrap();
    let lines: Vec<String> = String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
    let (end, begin) = lines.split_last().unwrap();
    let mut grown = begin.join("\n");
    for number in 0..fleet {
        grown.push_str("\n{\"device\":");
        grown.push_str(&serde_json::to_string(&phone(number, CHILD)).unwrap());
        grown.push('}');
    }
    grown.push('\n');
    grown.push_str(&end.replace("\"devices\":0", &format!("\"devices\":{fleet}")));
    grown.into_bytes()
}

async fn changes(store: &SledStore, fleet: u64) -> (Duration, Duration) {
    let phones: Vec<_> = (0..1600).map(|n| phone(n * 61 % fleet, CHILD)).collect();
    let changed = |phone: &checksync::device::Device, number: u64| {
        let mut state = serde_json::Value::Object(phone.document.body.clone());
        state["name"] = format!("renamed {number}").into();
        [revise(phone, &state), Step::Mark(Scope::Device(phone.id()))]
    };
    let begun = now();
    for phone in &phones[..200] {
        commit(store, changed(phone, 1)).await.unwrap();
    }
    let one = begun.elapsed() / 200;
    let begun = now();
    for chunk in phones[200..1000].chunks(16) {
        let writes = chunk.iter().map(|phone| commit(store, changed(phone, 2)));
        futures_util::future::join_all(writes)
            .await
            .into_iter()
            .for_each(|done| assert!(done.is_ok(), "{done:?}"));
    }
    (one, begun.elapsed() / 800)
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = now();
    let done = act();
    println!("{what}: {:?}", begun.elapsed());
    (done, begun.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "this measures")]
fn now() -> Instant {
    Instant::now()
}
