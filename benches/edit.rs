//! A template edit in a fleet: `cargo bench --bench edit -- [devices]`. Phones of ten Yealink families all hold their
//! files; an edit of the template that they share changes those of one account, one in a hundred of them all. How long
//! is it until the daemon knows who is stale, and how long do phones wait meanwhile for a file?
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    dead_code,
    reason = "a benchmark that fails shall stop"
)]

mod fleet;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use checksync::device::Device;
use checksync::store::{Change, Entity, Options, SledStore, Step, Store};
use fleet::Fleet;
use serde_json::{Value, json};

/// One model of each of ten families.
const MODELS: [&str; 10] =
    ["t19p_e2", "t31p", "t46s", "t54w", "t74u", "t87w", "w60b", "w70b", "cp920", "vp59"];
/// What is added to the template that all of them use: only one account's files change by it.
const EDIT: &str = "{% if account.name == \"Account 7\" %}\nfeatures.edited = 1\n{% endif %}\n";
/// Phones that ask in a second, evenly spread, whatever the answers take.
const ASKED: u32 = 200;
const THREADS: u64 = 8;

fn main() {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let fleet = Fleet { devices: number.unwrap_or(100_000) };
    let work = tempfile::tempdir().unwrap();
    let (dir, pack) = (work.path().join("var"), work.path().join("pack"));
    timed("seed", || tokio::runtime::Runtime::new().unwrap().block_on(seed(fleet, &dir)));
    let shipped =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/yealink/base.cfg"));
    let (template, shipped) = (pack.join("templates/yealink/base.cfg"), shipped.unwrap());
    fs::create_dir_all(template.parent().unwrap()).unwrap();
    fs::create_dir_all(pack.join("catalog")).unwrap();
    fs::write(&template, &shipped).unwrap();
    let mut daemon = Daemon::start(&dir, &pack);
    timed("every phone fetches its file", || daemon.fetch_all(fleet));
    timed("all fetches are noted", || daemon.wait_until_noted(fleet));
    println!("served before: {}", Latencies::of(&daemon, fleet, || thread::sleep(Duration::from_secs(10))));
    let mut known = Duration::ZERO;
    let during = Latencies::of(&daemon, fleet, || {
        let campaign = daemon.newest();
        let begun = Instant::now();
        fs::write(&template, shipped.clone() + EDIT).unwrap();
        daemon.wait_for_stale(&campaign, fleet.devices / 100);
        known = begun.elapsed();
    });
    println!("who is stale is known: {known:?} after the edit");
    println!("served meanwhile: {during}");
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
}

async fn seed(fleet: Fleet, dir: &Path) {
    let store = SledStore::open(Options::new(dir)).unwrap();
    for (account, mut entities) in fleet.batches().enumerate() {
        let devices = entities.iter_mut().filter_map(|entity| match entity {
            Entity::Device(device) => Some(device),
            _ => None,
        });
        devices.enumerate().for_each(|(at, device)| set_model(device, MODELS[(account + at) % MODELS.len()]));
        let steps = entities.into_iter().map(|entity| Step::Put { entity, replaces: None }).collect();
        store.commit(Change { steps }).await.unwrap();
    }
    store.close().await.unwrap();
}

fn set_model(device: &mut Device, model: &str) {
    let provision = device.document.body.get_mut("provision").and_then(Value::as_object_mut).unwrap();
    provision.remove("endpoint_family");
    provision.insert("endpoint_model".into(), model.into());
}

struct Daemon {
    child: Child,
    phones: String,
    admin: String,
    token: String,
}

impl Daemon {
    fn start(dir: &Path, pack: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_checksync"))
            .args(["serve", "--phones", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sip", "127.0.0.1:0"])
            .args([Path::new("--data-dir"), dir, Path::new("--pack"), pack])
            .envs([("CHECKSYNC_WORKERS", "2"), ("CHECKSYNC_PHONES_URL", "http://prov.example.com/")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.take_while(|line| !line.starts_with("sip ")).collect();
        let address =
            |name: &str| said.iter().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let (phones, admin) = (address("phones "), address("admin "));
        let body = json!({"data": {"api_key": fleet::KEY}});
        let answer: Value = ureq::put(format!("{admin}/v2/api_auth"))
            .send_json(&body)
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap();
        let token = answer["auth_token"].as_str().unwrap().to_owned();
        Self { child, phones, admin, token }
    }

    fn fetch(&self, agent: &ureq::Agent, number: u64) {
        let file = format!("{}/{}.cfg", self.phones, fleet::mac(number));
        let body = agent.get(file).call().unwrap().body_mut().read_to_vec().unwrap();
        assert!(!body.is_empty());
    }

    fn fetch_all(&self, fleet: Fleet) {
        thread::scope(|scope| {
            for own in 0..THREADS {
                scope.spawn(move || {
                    let agent = ureq::agent();
                    (own..fleet.devices)
                        .step_by(usize::try_from(THREADS).unwrap())
                        .for_each(|number| self.fetch(&agent, number));
                });
            }
        });
    }

    fn ask(&self, path: &str) -> Value {
        let request = ureq::get(format!("{}/v2/{path}", self.admin)).header("X-Auth-Token", &self.token);
        request.call().unwrap().body_mut().read_json::<Value>().unwrap()["data"].take()
    }

    fn wait_until_noted(&self, fleet: Fleet) {
        for number in (fleet.devices - 200..fleet.devices).chain((0..200).map(|turn| fleet.somewhere(turn))) {
            let (account, device) = (fleet::account_of(number), fleet::phone(number).id());
            let path = format!("accounts/{account}/devices/{device}/provisioning");
            while self.ask(&path)["in_step"] != true {
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// The newest campaign.
    fn newest(&self) -> Value {
        self.ask("resync")[0]["id"].clone()
    }

    /// Waits for a campaign after this one that so many phones are in.
    fn wait_for_stale(&self, before: &Value, wanted: u64) {
        let begun = Instant::now();
        let concerned = |newest: &Value| newest["phones"]["concerned"].as_u64().unwrap_or(0);
        let is_known = |newest: &Value| newest["id"] != *before && concerned(newest) >= wanted;
        while !is_known(&self.ask("resync")[0]) {
            assert!(begun.elapsed() < Duration::from_mins(5), "{}", self.ask("resync"));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// How long phones waited, from the moment at which they were to ask.
struct Latencies(Vec<Duration>);

impl Latencies {
    /// Of phones all over the fleet that ask while something is done.
    fn of(daemon: &Daemon, fleet: Fleet, act: impl FnOnce()) -> Self {
        let (stop, turn) = (AtomicBool::new(false), AtomicU64::new(0));
        let begun = Instant::now();
        let (stop, turn) = (&stop, &turn);
        let mut all: Vec<Duration> = thread::scope(|scope| {
            let ask = move || {
                let (agent, mut times) = (ureq::agent(), Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let own = turn.fetch_add(1, Ordering::Relaxed);
                    let due = begun + Duration::from_secs(1) * u32::try_from(own).unwrap() / ASKED;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    daemon.fetch(&agent, fleet.somewhere(own + 1_000_000));
                    times.push(due.elapsed());
                }
                times
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
            act();
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all.sort_unstable();
        Self(all)
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share: usize| self.0[(self.0.len() - 1) * share / 100];
        write!(f, "{} files, p50 {:?}, p99 {:?}, most {:?}", self.0.len(), at(50), at(99), at(100))
    }
}

fn timed(what: &str, act: impl FnOnce()) {
    let begun = Instant::now();
    act();
    println!("{what}: {:?}", begun.elapsed());
}
