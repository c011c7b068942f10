//! The disk fills up: the write fails with a clear error, nothing acknowledged is lost, and writing works again
//! as soon as there is room. Each test runs on a small file system of its own, in a mount namespace of its own.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod store_common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use checksync::device::Device;
use checksync::store::{Options, SledStore, Store, StoreError, check};
use store_common::*;

#[test]
fn a_nearly_full_disk_refuses_writes_before_sled_finds_it_full() {
    on_a_small_disk("careful", 80);
}

#[test]
fn a_full_disk_that_sled_finds_first_loses_nothing() {
    on_a_small_disk("careless", 48);
}

#[test]
fn a_write_that_fails_where_sled_tells_nobody_is_answered_all_the_same() {
    with_tricks("silent");
}

#[test]
fn a_failed_fsync_acknowledges_nothing_until_a_restart() {
    with_tricks("broken");
}

#[test]
fn writers_that_come_together_share_an_fsync() {
    with_tricks("crowd");
}

/// What each trick of the preloaded library is switched by, or notes in.
const TRICKS: [(&str, &str); 4] =
    [("FULL_WHEN", "full"), ("FAIL_WHEN", "broken"), ("SLOW_WHEN", "slow"), ("FSYNC_LOG", "fsyncs")];

/// What runs on the small disk; elsewhere it does nothing.
#[tokio::test]
async fn child() {
    let Ok(role) = std::env::var("STORE_DISK_ROLE") else { return };
    let dir = PathBuf::from(std::env::var("STORE_DISK_DIR").unwrap());
    match &role[..] {
        "careful" => careful(&dir).await,
        "silent" => silent(&dir).await,
        "broken" => broken(&dir).await,
        "crowd" => crowd(&dir).await,
        _ => careless(&dir).await,
    }
    println!("FINISHED");
}

async fn careful(disk: &Path) {
    let store = SledStore::open(Options::new(disk.join("data"))).unwrap();
    settle(&store).await;
    fill(disk, 40);
    let (mut written, error) = write_until_refused(&store, 0).await;
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert!(error.to_string().contains("Make room"), "{error}");
    assert!(!written.is_empty());
    assert!(free(disk) > 20 << 20, "the reserve was written into");
    all_there(&store, &written).await;
    empty(disk);
    written.push(write(&store, 9_000).await.unwrap());
    all_there(&store, &written).await;
    finish(store, disk).await;
}

async fn careless(disk: &Path) {
    let store = SledStore::open(Options { reserve_bytes: 0, ..Options::new(disk.join("data")) }).unwrap();
    settle(&store).await;
    let mut written = Vec::new();
    for round in 1..=3 {
        fill(disk, 6);
        let (more, error) = write_until_refused(&store, round * 10_000).await;
        assert!(matches!(error, StoreError::Full(_)), "{error}");
        written.extend(more);
        let refused = write(&store, round * 10_000 + 9_000).await;
        assert!(refused.is_err());
        empty(disk);
        written.push(patiently(&store, round * 10_000 + 9_001).await);
        all_there(&store, &written).await;
    }
    finish_unsealed(store, disk).await;
}

async fn silent(disk: &Path) {
    let store = SledStore::open(Options::new(disk.join("data"))).unwrap();
    settle(&store).await;
    let mut written = vec![write(&store, 1).await.unwrap()];
    for round in 0..3 {
        fs::write(disk.join("full"), "").unwrap();
        let refused = tokio::time::timeout(Duration::from_secs(20), write(&store, 1000 + round)).await;
        let Ok(refused) = refused else {
            eprintln!("a write was never answered");
            std::process::exit(1);
        };
        assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
        fs::remove_file(disk.join("full")).unwrap();
        written.push(patiently(&store, 2000 + round).await);
        all_there(&store, &written).await;
    }
    finish_unsealed(store, disk).await;
}

async fn broken(disk: &Path) {
    let store = SledStore::open(Options::new(disk.join("data"))).unwrap();
    settle(&store).await;
    let written = vec![write(&store, 1).await.unwrap()];
    fs::write(disk.join("broken"), "").unwrap();
    let refused = write(&store, 2).await.unwrap_err().to_string();
    assert!(refused.contains("until a restart"), "{refused}");
    fs::remove_file(disk.join("broken")).unwrap();
    assert!(write(&store, 3).await.is_err());
    assert!(store.device(written[0].id()).await.is_err());
    store.close().await.unwrap();
    let store = SledStore::open(Options::new(disk.join("data"))).unwrap();
    all_there(&store, &written).await;
    finish(store, disk).await;
}

async fn crowd(disk: &Path) {
    let store = SledStore::open(Options::new(disk.join("data"))).unwrap();
    settle(&store).await;
    let fsyncs = || fs::read_to_string(disk.join("fsyncs")).unwrap().lines().count();
    fs::write(disk.join("slow"), "").unwrap();
    let before = fsyncs();
    for round in 0..4 {
        let writers = (0..64).map(|number| write(&store, round * 64 + number));
        assert!(futures_util::future::join_all(writers).await.iter().all(Result::is_ok));
    }
    assert!((4..64).contains(&(fsyncs() - before)), "{} fsyncs for 256 writes", fsyncs() - before);
    finish(store, disk).await;
}

/// What was opened again after a write that failed was not verified since: the next start must do that.
async fn finish_unsealed(store: SledStore, disk: &Path) {
    store.close().await.unwrap();
    assert!(!disk.join("data/seal").exists());
    assert_eq!(check(&disk.join("data")).unwrap().problems, [""; 0]);
}

async fn finish(store: SledStore, disk: &Path) {
    store.close().await.unwrap();
    assert!(disk.join("data/seal").exists());
    assert_eq!(check(&disk.join("data")).unwrap().problems, [""; 0]);
}

async fn write_until_refused(store: &SledStore, first: u64) -> (Vec<Device>, StoreError) {
    let mut written = Vec::new();
    for number in first.. {
        match write(store, number).await {
            Ok(device) => written.push(device),
            Err(error) => return (written, error),
        }
    }
    unreachable!("the disk never filled up")
}

async fn write(store: &SledStore, number: u64) -> Result<Device, StoreError> {
    let mut state = phone_body(number);
    state["padding"] = noise(number, 40_000).into();
    let device = device(phone(number, CHILD).id(), CHILD, &state);
    commit(store, [put(device.clone())]).await.map(|_| device)
}

/// A store that had given up tries again a little later, not at every call.
async fn patiently(store: &SledStore, number: u64) -> Device {
    for _ in 0..50 {
        match write(store, number).await {
            Ok(device) => return device,
            Err(error) => assert!(!matches!(error, StoreError::Damaged(_)), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("there is room, and nothing can be written");
}

async fn all_there(store: &SledStore, written: &[Device]) {
    for device in written {
        assert_eq!(store.device_by_mac(device.mac().unwrap()).await.unwrap().as_ref(), Some(device));
    }
}

/// Leaves this many MiB free.
fn fill(disk: &Path, left: u64) {
    let bytes = free(disk).saturating_sub(left << 20);
    fs::write(disk.join("filler"), vec![1; usize::try_from(bytes).unwrap()]).unwrap();
}

fn empty(disk: &Path) {
    fs::remove_file(disk.join("filler")).unwrap();
}

fn free(disk: &Path) -> u64 {
    let room = rustix::fs::statvfs(disk).unwrap();
    room.f_bavail * room.f_frsize
}

fn on_a_small_disk(role: &str, mebibytes: u64) {
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size={mebibytes}m tmpfs \"$STORE_DISK_DIR\" && exec \"$0\" --exact child --nocapture"
    );
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
    command.env("STORE_DISK_ROLE", role).env("STORE_DISK_DIR", dir.path());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return not_run(&error.to_string()),
    };
    let complained = String::from_utf8_lossy(&output.stderr);
    if complained.contains("unshare:") || complained.contains("mount:") {
        return not_run(&complained);
    }
    expect_finished(&output);
}

fn with_tricks(role: &str) {
    let Some(library) = preload() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env("LD_PRELOAD", library);
    for (trick, file) in TRICKS {
        command.env(trick, dir.path().join(file));
    }
    command.env("STORE_DISK_ROLE", role).env("STORE_DISK_DIR", dir.path());
    expect_finished(&command.output().unwrap());
}

fn expect_finished(output: &Output) {
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success() && said.contains("FINISHED"), "{said}\n{complained}");
}

fn not_run(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no small disk can be mounted: {why}");
    println!("NOT RUN: the full-disk tests need a mount namespace ({})", why.trim());
}
