//! The process is killed, or the machine loses its power, in the middle of many writes, again and again: every
//! acknowledged write is there afterwards, and whatever finds a document finds it.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod store_common;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use checksync::device::Device;
use checksync::resync::Scope;
use checksync::store::{Entity, Options, SledStore, Step, Store, StoreError, Table};
use serde_json::Value;
use store_common::*;

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Expected::default();
    for round in 0..12 {
        let spoken = Writer::new(dir.path(), round).killed_after(pause());
        assert!(expected.hear(&spoken) > 0, "round {round} wrote nothing");
        expected.verify(dir.path(), true).unwrap_or_else(|wrong| panic!("round {round}: {wrong}"));
    }
}

#[test]
fn a_power_cut_loses_nothing_acknowledged() {
    let Some(preload) = preload() else { return };
    for trial in 0..12 {
        let cut = PowerCut::prepare(&preload);
        let mut expected = Expected::default();
        for round in 0..2 {
            let spoken = cut.writer(round).killed_after(pause());
            assert!(expected.hear(&spoken) > 0, "trial {trial} wrote nothing");
            cut.strike();
        }
        expected.verify(&cut.data(), false).unwrap_or_else(|wrong| panic!("trial {trial}: {wrong}"));
    }
}

/// Shows that the test above can fail, and that what is lost is never lost in silence.
#[test]
fn a_power_cut_without_our_fsync_loses_writes_and_the_loss_is_noticed() {
    let Some(preload) = preload() else { return };
    let lost = (0..12).any(|_| {
        let cut = PowerCut::prepare(&preload);
        let mut expected = Expected::default();
        expected.hear(&Writer { sync: false, ..cut.writer(0) }.killed_after(Duration::from_millis(300)));
        cut.strike();
        match expected.verify(&cut.data(), false) {
            Ok(()) => false,
            Err(Wrong::Refused(StoreError::Damaged(_))) => true,
            Err(wrong) => panic!("lost in silence: {wrong}"),
        }
    });
    assert!(lost, "twelve power cuts without an fsync lost nothing: the test would not notice anything");
}

/// The process that is killed: this very test, started with a directory to write to. Elsewhere it does nothing.
#[test]
fn child() {
    let Ok(dir) = std::env::var("STORE_CHILD_DIR") else { return };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (round, sync) = (number("STORE_CHILD_ROUND"), number("STORE_CHILD_SYNC") == 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SledStore::open(Options { sync, ..Options::new(dir) }).unwrap());
        if store.account(MASTER).await.unwrap().is_none() {
            settle(&*store).await;
        }
        let tasks: Vec<_> =
            (0..WRITERS).map(|own| tokio::spawn(write_for_ever(store.clone(), round, own))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

const WRITERS: u64 = 6;

/// Creates, changes and deletes phones of its own; says what it is about to do, and when it is acknowledged.
async fn write_for_ever(store: Arc<SledStore>, round: u64, own: u64) {
    let mut held: Vec<(u64, u64, Device)> = Vec::new();
    for turn in 0.. {
        let number = (round * WRITERS + own) * 10_000 + turn;
        let fresh = device(phone(number, CHILD).id(), CHILD, &state(number, 0));
        say(&format!("begin {own} {number} 0"));
        let mark = Step::Mark(Scope::Device(fresh.id()));
        commit(&*store, [put(fresh.clone()), mark]).await.unwrap();
        say(&format!("done {own}"));
        held.push((number, 0, fresh));
        let chosen = usize::try_from(random()).unwrap() % held.len();
        if turn % 7 == 6 {
            let (number, _, device) = held.swap_remove(chosen);
            say(&format!("begin {own} {number} gone"));
            commit(&*store, [delete(device)]).await.unwrap();
        } else if turn % 3 == 2 {
            let (number, generation, device) = &mut held[chosen];
            *generation += 1;
            say(&format!("begin {own} {number} {generation}"));
            let step = revise(device, &state(*number, *generation));
            if let Step::Put { entity: Entity::Device(revised), .. } = &step {
                *device = revised.clone();
            }
            commit(&*store, [step]).await.unwrap();
        } else {
            say(&format!("begin {own} jot {turn}"));
            store.jot(vec![note(Table::Token, &own.to_be_bytes(), &turn.to_string())]).await.unwrap();
        }
        say(&format!("done {own}"));
    }
}

/// The body of a phone in a generation: its line moves with every one.
fn state(number: u64, generation: u64) -> Value {
    let mut state = phone_body(number);
    state["sip"]["username"] = format!("{number}g{generation}").into();
    state["generation"] = generation.into();
    state["padding"] = noise(generation, 6_000).into();
    state
}

/// One line in one write: a killed process leaves no half of it.
fn say(line: &str) {
    std::io::stdout().write_all(format!("\nSAID {line}\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

struct Writer {
    dir: PathBuf,
    round: u64,
    sync: bool,
    preload: Option<(PathBuf, PathBuf)>,
}

impl Writer {
    fn new(dir: &Path, round: u64) -> Self {
        Self { dir: dir.to_owned(), round, sync: true, preload: None }
    }

    /// What it said until it was killed, that long after its first acknowledged write.
    fn killed_after(&self, pause: Duration) -> Vec<String> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).stdout(Stdio::piped());
        command.env("STORE_CHILD_DIR", &self.dir).env("STORE_CHILD_ROUND", self.round.to_string());
        command.env("STORE_CHILD_SYNC", u8::from(self.sync).to_string());
        if let Some((library, log)) = &self.preload {
            command.env("LD_PRELOAD", library).env("FSYNC_LOG", log);
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said =
            lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("SAID ")?.to_owned()));
        let mut heard: Vec<String> = Vec::new();
        for line in said.by_ref() {
            heard.push(line);
            if heard.last().is_some_and(|line| line.starts_with("done")) {
                break;
            }
        }
        std::thread::scope(|scope| {
            let rest = scope.spawn(|| said.collect::<Vec<_>>());
            std::thread::sleep(pause);
            child.kill().unwrap();
            child.wait().unwrap();
            heard.extend(rest.join().unwrap());
        });
        heard
    }
}

/// What must be there: for every phone its last acknowledged generation, and what was being tried besides.
#[derive(Default)]
struct Expected {
    phones: BTreeMap<u64, Option<u64>>,
    jots: BTreeMap<u64, u64>,
    trying: HashMap<u64, Attempt>,
    /// What was being tried when the process died, in any round: it may be there or not.
    unsure: BTreeMap<u64, Option<u64>>,
}

#[derive(Clone, Copy)]
enum Attempt {
    Phone(u64, Option<u64>),
    Jot(u64),
}

#[derive(Debug)]
enum Wrong {
    Refused(StoreError),
    Problems(Vec<String>),
    Lost(String),
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Problems(problems) => write!(f, "problems: {problems:?}"),
            Self::Lost(what) => write!(f, "lost: {what}"),
        }
    }
}

impl Expected {
    /// Takes in what a writer said; returns how many writes were acknowledged.
    fn hear(&mut self, said: &[String]) -> usize {
        self.jots.clear();
        self.trying.clear();
        let mut acknowledged = 0;
        for line in said {
            let words: Vec<&str> = line.split(' ').collect();
            let own = words[1].parse().unwrap();
            match words[..] {
                ["begin", _, "jot", turn] => {
                    self.trying.insert(own, Attempt::Jot(turn.parse().unwrap()));
                }
                ["begin", _, number, state] => {
                    let attempt = Attempt::Phone(number.parse().unwrap(), state.parse().ok());
                    self.trying.insert(own, attempt);
                }
                _ => {
                    acknowledged += 1;
                    match self.trying.remove(&own).unwrap() {
                        Attempt::Phone(number, state) => {
                            self.phones.insert(number, state);
                        }
                        Attempt::Jot(turn) => {
                            self.jots.insert(own, turn);
                        }
                    }
                }
            }
        }
        for attempt in self.trying.values() {
            if let Attempt::Phone(number, state) = attempt {
                self.unsure.insert(*number, *state);
            }
        }
        acknowledged
    }

    fn verify(&mut self, dir: &Path, jots: bool) -> Result<(), Wrong> {
        let report = checksync::store::check(dir).map_err(Wrong::Refused)?;
        if !report.problems.is_empty() {
            return Err(Wrong::Problems(report.problems));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = SledStore::open(Options::new(dir)).map_err(Wrong::Refused)?;
            self.verify_phones(&store).await?;
            if jots { self.verify_jots(&store).await } else { Ok(()) }
        })
    }

    async fn verify_phones(&mut self, store: &SledStore) -> Result<(), Wrong> {
        for (number, acknowledged) in &mut self.phones {
            let found = store.device_by_mac(mac(*number)).await.map_err(Wrong::Refused)?;
            let state = found.as_ref().map(|device| device.document.body["generation"].as_u64().unwrap());
            if state != *acknowledged && self.unsure.get(number) != Some(&state) {
                return Err(Wrong::Lost(format!("phone {number} is {state:?} instead of {acknowledged:?}")));
            }
            if let Some(device) = found {
                let line = store.device_by_line(device.username().unwrap(), "child.example").await;
                assert_eq!(line.unwrap().as_ref(), Some(&device));
            }
            *acknowledged = state;
        }
        Ok(())
    }

    async fn verify_jots(&self, store: &SledStore) -> Result<(), Wrong> {
        for (own, turn) in &self.jots {
            let held = store.note(Table::Token, &own.to_be_bytes()).await.map_err(Wrong::Refused)?;
            let found = held.and_then(|held| String::from_utf8(held).ok()?.parse::<u64>().ok());
            let tried = matches!(self.trying.get(own), Some(Attempt::Jot(next)) if found == Some(*next));
            if found != Some(*turn) && !tried {
                return Err(Wrong::Lost(format!("note {own} is {found:?} instead of {turn}")));
            }
        }
        Ok(())
    }
}

/// A data directory of which we know what every completed fsync had made safe.
struct PowerCut {
    dir: tempfile::TempDir,
    preload: PathBuf,
}

impl PowerCut {
    fn prepare(preload: &Path) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), preload: preload.to_owned() }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("fsyncs")
    }

    fn writer(&self, round: u64) -> Writer {
        Writer { preload: Some((self.preload.clone(), self.log())), ..Writer::new(&self.data(), round) }
    }

    /// Cuts every file back to its size at its last completed fsync; a file that never saw one is gone.
    fn strike(&self) {
        let log = fs::read_to_string(self.log()).unwrap();
        let mut safe: HashMap<(u64, u64), u64> = HashMap::new();
        for line in log.lines() {
            let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            safe.insert((numbers[0], numbers[1]), numbers[2]);
        }
        let mut database = 0;
        for path in files(&self.data()) {
            let now = fs::metadata(&path).unwrap();
            match safe.get(&(now.dev(), now.ino())) {
                None => fs::remove_file(&path).unwrap(),
                Some(size) => {
                    let file = OpenOptions::new().write(true).open(&path).unwrap();
                    file.set_len(now.len().min(*size)).unwrap();
                    database += u64::from(path.ends_with("sled/db"));
                }
            }
        }
        assert_eq!(database, 1, "no fsync of the database was seen: is the library preloaded?");
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn pause() -> Duration {
    Duration::from_millis(20 + random() % 250)
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
