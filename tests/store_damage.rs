//! Files are damaged or vanish: the store refuses to open and says what to do, or everything is there. It is
//! never a smaller fleet.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod store_common;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use checksync::device::Device;
use checksync::resync::Scope;
use checksync::store::{Options, SledStore, Span, Store, StoreError, check};
use serde_json::json;
use store_common::*;

#[tokio::test]
async fn a_flipped_bit_is_refused_or_harmless() {
    let made = Made::new(60, 1).await;
    let length = made.length();
    let refused = made.outcomes((0..48).map(|n| n * length / 48), |file, offset| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 1 << (offset % 8)], offset).unwrap();
    });
    assert!(refused.await > 12);
}

#[tokio::test]
async fn a_lost_tail_is_refused() {
    let made = Made::new(60, 1).await;
    let refused =
        made.outcomes((0..16).map(|n| n * made.length() / 16), |file, at| file.set_len(at).unwrap());
    assert!(refused.await > 8);
}

#[tokio::test]
async fn zeroes_in_a_large_database_are_refused_or_harmless() {
    let made = Made::new(200, 9).await;
    assert!(made.length() > 3 * 8 * 1024 * 1024, "{}", made.length());
    let offsets = (0..12).map(|n| n * made.length() / 12);
    let refused = made.outcomes(offsets, |file, offset| file.write_all_at(&[0; 4096], offset).unwrap());
    assert!(refused.await > 0);
}

#[tokio::test]
async fn a_segment_that_comes_back_in_an_older_version_is_refused() {
    let made = Made::new(60, 1).await;
    let older = fs::read(made.database()).unwrap();
    let made = made.revised().await;
    fs::write(made.database(), older).unwrap();
    assert!(is_refusal(&SledStore::open(Options::new(made.dir.path()))));
}

#[tokio::test]
async fn a_vanished_or_emptied_file_is_refused() {
    for name in ["sled/db", "sled", "checksync.json", "high-water"] {
        let made = Made::new(3, 1).await;
        let path = made.dir.path().join(name);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let opened = SledStore::open(Options::new(made.dir.path()));
        assert!(is_refusal(&opened), "{name}: {:?}", opened.err());
    }
    for name in ["sled/db", "checksync.json", "high-water"] {
        let made = Made::new(3, 1).await;
        fs::write(made.dir.path().join(name), "").unwrap();
        let opened = SledStore::open(Options::new(made.dir.path()));
        assert!(is_refusal(&opened), "{name}: {:?}", opened.err());
    }
}

#[tokio::test]
async fn the_files_of_another_database_are_refused() {
    let (made, other) = (Made::new(3, 1).await, Made::new(3, 1).await);
    fs::remove_dir_all(made.dir.path().join("sled")).unwrap();
    fs::rename(other.dir.path().join("sled"), made.dir.path().join("sled")).unwrap();
    assert!(is_refusal(&SledStore::open(Options::new(made.dir.path()))));
}

#[tokio::test]
async fn a_refusal_stays_a_refusal_and_says_what_to_do() {
    let made = Made::new(30, 1).await;
    let file = OpenOptions::new().write(true).open(made.database()).unwrap();
    file.set_len(made.length() / 2).unwrap();
    for _ in 0..3 {
        let refused = SledStore::open(Options::new(made.dir.path())).unwrap_err().to_string();
        assert!(refused.contains(made.dir.path().to_str().unwrap()), "{refused}");
        assert!(refused.contains("checksync import"), "{refused}");
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_left_alone_and_says_how_to_bring_it_along() {
    let made = Made::new(3, 1).await;
    let marker = made.dir.path().join("checksync.json");
    let text = fs::read_to_string(&marker).unwrap().replace("\"format\": 5", "\"format\": 1");
    fs::write(&marker, text).unwrap();
    let refused = SledStore::open(Options::new(made.dir.path())).unwrap_err().to_string();
    assert!(refused.contains("is of format 1, and this version reads 5"), "{refused}");
    assert!(refused.contains("`checksync export` of the version that made it"), "{refused}");
}

#[tokio::test]
async fn what_sled_can_do_without_is_no_damage() {
    let made = Made::new(30, 1).await;
    let sled = made.dir.path().join("sled");
    fs::write(sled.join("snap.0000000000000000.generating"), "half a snapshot").unwrap();
    fs::remove_file(sled.join("conf")).unwrap();
    made.is_complete(&SledStore::open(Options::new(made.dir.path())).unwrap()).await;
    for entry in fs::read_dir(&sled).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    made.is_complete(&SledStore::open(Options::new(made.dir.path())).unwrap()).await;
}

#[tokio::test]
async fn a_snapshot_that_is_cut_flipped_or_of_another_day_is_refused_or_harmless() {
    let made = Made::new(60, 2).await;
    let older = fs::read(made.snapshot()).unwrap();
    let made = made.revised().await;
    let own = fs::read(made.snapshot()).unwrap();
    let cut = own[..own.len() / 2].to_vec();
    let mut flipped = own.clone();
    flipped[own.len() / 2] ^= 1;
    for bytes in [older, cut, flipped, Vec::new()] {
        let copy = tempfile::tempdir().unwrap();
        copy_all(made.dir.path(), copy.path());
        fs::write(copy.path().join("sled").join(made.snapshot().file_name().unwrap()), bytes).unwrap();
        match SledStore::open(Options::new(copy.path())) {
            Ok(store) => made.is_complete(&store).await,
            Err(error) => assert!(matches!(error, StoreError::Damaged(_)), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_database_that_was_never_finished_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let marker = json!({"format": 4, "database": id(1).to_string(), "state": "new"});
    fs::write(dir.path().join("checksync.json"), marker.to_string()).unwrap();
    fs::create_dir(dir.path().join("sled")).unwrap();
    fs::write(dir.path().join("sled/db"), "half").unwrap();
    settle(&SledStore::open(Options::new(dir.path())).unwrap()).await;
}

#[tokio::test]
async fn damage_under_a_running_store_is_an_error_and_no_panic() {
    let made = Made::new(900, 1).await;
    let store = SledStore::open(Options { cache_bytes: 1024, ..Options::new(made.dir.path()) }).unwrap();
    for _ in 0..3 {
        made.is_complete(&store).await;
    }
    let file = OpenOptions::new().write(true).open(made.database()).unwrap();
    file.write_all_at(&vec![0; usize::try_from(made.length()).unwrap()], 0).unwrap();
    let mut errors = 0;
    for phone in &made.phones {
        match store.device_by_mac(phone.mac().unwrap()).await {
            Ok(found) => assert_eq!(found.as_ref(), Some(phone)),
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged(_)), "{error}");
                errors += 1;
            }
        }
    }
    assert!(errors > 0);
}

#[tokio::test]
async fn a_second_process_is_told_which_one_to_stop() {
    let made = Made::new(1, 1).await;
    let _store = SledStore::open(Options::new(made.dir.path())).unwrap();
    let refused = check(made.dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked(_)));
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
}

/// A database, closed, and what it holds.
struct Made {
    dir: tempfile::TempDir,
    phones: Vec<Device>,
}

impl Made {
    /// Phones that were changed so many times. Those never changed lie in a file of just the size they need.
    async fn new(phones: u64, rounds: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(Options::new(dir.path())).unwrap();
        settle(&store).await;
        let phones: Vec<Device> = (0..phones).map(|number| phone(number, CHILD)).collect();
        commit(&store, phones.iter().cloned().map(put)).await.unwrap();
        drop(store);
        let mut made = Self { dir, phones };
        for _ in 1..rounds {
            made = made.revised().await;
        }
        made
    }

    async fn revised(mut self) -> Self {
        let store = SledStore::open(Options::new(self.dir.path())).unwrap();
        for phone in &mut self.phones {
            let mut state = serde_json::Value::Object(phone.document.body.clone());
            let generation = state["generation"].as_u64().unwrap_or(0) + 1;
            state["generation"] = generation.into();
            state["padding"] = noise(generation, 20_000).into();
            let step = revise(phone, &state);
            phone.document = phone.document.revised(body(&state), 1_700_000_100);
            commit(&store, [step]).await.unwrap();
        }
        self
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("sled/db")
    }

    fn snapshot(&self) -> PathBuf {
        let mut paths =
            fs::read_dir(self.dir.path().join("sled")).unwrap().map(|entry| entry.unwrap().path());
        paths.find(|path| path.file_stem().unwrap() == "snap").unwrap()
    }

    fn length(&self) -> u64 {
        fs::metadata(self.database()).unwrap().len()
    }

    /// Damages a copy at every offset; returns how many copies were refused. The others held everything.
    async fn outcomes(&self, offsets: impl Iterator<Item = u64>, damage: impl Fn(&fs::File, u64)) -> usize {
        let mut refused = 0;
        for offset in offsets {
            let copy = tempfile::tempdir().unwrap();
            copy_all(self.dir.path(), copy.path());
            let file = OpenOptions::new().read(true).write(true).open(copy.path().join("sled/db")).unwrap();
            damage(&file, offset);
            let opened = SledStore::open(Options::new(copy.path()));
            match opened {
                Ok(store) => self.is_complete(&store).await,
                Err(error) => {
                    assert!(matches!(error, StoreError::Damaged(_)), "at {offset}: {error}");
                    refused += 1;
                }
            }
        }
        self.is_complete(&SledStore::open(Options::new(self.dir.path())).unwrap()).await;
        refused
    }

    async fn is_complete(&self, store: &SledStore) {
        assert_eq!(
            store.devices(&Scope::Everything, Span::ascending(None, 999)).await.unwrap().rows,
            self.phones
        );
        assert_eq!(store.accounts(None, Span::ascending(None, 9)).await.unwrap().rows.len(), 2);
        for phone in &self.phones {
            assert_eq!(store.device_by_mac(phone.mac().unwrap()).await.unwrap().as_ref(), Some(phone));
        }
    }
}

fn is_refusal(opened: &Result<SledStore, StoreError>) -> bool {
    matches!(opened, Err(StoreError::Damaged(_)))
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, beside) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_all(&path, &beside) } else { assert!(fs::copy(&path, &beside).is_ok()) }
    }
}
