//! What a large fleet costs the store, in accounts of 1,000 devices:
//! `cargo bench --bench million -- [devices] [directory]`. A directory without a database is filled first, and
//! keeps the fleet; `scripts/bench million` goes on from there over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark that fails shall stop"
)]

mod fleet;

use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use checksync::device::Device;
use checksync::resync::Scope;
use checksync::store::{Change, Entity, Options, SledStore, Span, Step, Store, export, import};
use fleet::Fleet;

const ASKED: u64 = 5_000;
const WRITERS: u64 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let devices = arguments.first().map_or(100_000, |number| number.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let dir = arguments.get(1).map_or(temporary.path().join("var"), Into::into);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let fleet = Fleet { devices };
        if !dir.join("checksync.json").exists() {
            seed(&fleet, &dir).await;
        }
        fleet.write_targets(&dir.join("targets"));
        let store = Arc::new(timed("open", || SledStore::open(Options::new(&dir)).unwrap()));
        say_memory();
        questions(&*store, &fleet).await;
        say_memory();
        patches(&store, &fleet).await;
        say_memory();
        let begun = Instant::now();
        store.close().await.unwrap();
        println!("close: {:?}", begun.elapsed());
    });
    if devices <= 100_000 {
        transfer(&dir);
    }
}

async fn seed(fleet: &Fleet, dir: &Path) {
    let begun = Instant::now();
    let store = SledStore::open(Options::new(dir)).unwrap();
    for entities in fleet.batches() {
        let steps = entities.into_iter().map(|entity| Step::Put { entity, replaces: None }).collect();
        store.commit(Change { steps }).await.unwrap();
    }
    store.close().await.unwrap();
    println!("seed {} devices: {:?}", fleet.devices, begun.elapsed());
    say_memory();
}

async fn questions(store: &dyn Store, fleet: &Fleet) {
    ask(
        "device by id",
        async |n| store.device(fleet::phone(n).id()).await.unwrap().into_iter().collect(),
        fleet,
    )
    .await;
    let by_mac = async |n: u64| store.device_by_mac(fleet::mac(n).parse().unwrap()).await.unwrap();
    ask("device by MAC", async |n| by_mac(n).await.into_iter().collect(), fleet).await;
    let page = async |n, span| store.devices(&Scope::Account(fleet::account_of(n)), span).await.unwrap().rows;
    ask("first page", async |n| page(n, Span::descending(None, 51)).await, fleet).await;
    let next = async |n| page(n, Span::descending(Some(fleet::phone(n).id()), 51)).await;
    ask("a next page", next, fleet).await;
    let owned = async |n| {
        let scope = Scope::User(fleet::owner_of(n));
        store.devices(&scope, Span::descending(None, 51)).await.unwrap().rows
    };
    ask("filter_owner_id", owned, fleet).await;
    let named = async |n| {
        let span = Span::descending(None, 51);
        store.devices_named(fleet::account_of(n), &fleet::name(n), span).await.unwrap().rows
    };
    ask("filter_name", named, fleet).await;
    let named = async |n| page(n, Span::descending(None, 1000).mentioning(&fleet::name(n))).await;
    ask("any filter over 1,000", named, fleet).await;
}

/// Puts a question about devices all over the fleet, one after the other.
async fn ask(what: &str, question: impl AsyncFn(u64) -> Vec<Device>, fleet: &Fleet) {
    let (mut times, mut used) = (Vec::new(), Vec::new());
    for turn in 0..ASKED.min(fleet.devices) {
        let number = fleet.somewhere(turn);
        let (begun, before) = (Instant::now(), processor_time());
        let found = question(number).await;
        times.push(begun.elapsed());
        used.push(processor_time().saturating_sub(before));
        assert!(!found.is_empty() || what.contains("page"), "{what} of {number}");
    }
    let [times, used] = [times, used].map(|mut times| {
        times.sort_unstable();
        format!("p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100])
    });
    println!("{what}: {times}; of the processor {used}");
}

/// What this thread has had of a processor so far: on a machine that others use, the figure to trust.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Durable changes of devices all over the fleet, each with its mark, by writers that wait for nobody.
async fn patches(store: &Arc<SledStore>, fleet: &Fleet) {
    let (begun, until) = (Instant::now(), Duration::from_secs(5));
    let writers = (0..WRITERS).map(|own| {
        let (store, fleet) = (store.clone(), *fleet);
        tokio::spawn(async move {
            let mut done = 0;
            while begun.elapsed() < until {
                patch(&*store, fleet::phone(fleet.somewhere(done * WRITERS + own)).id(), done).await;
                done += 1;
            }
            done
        })
    });
    let mut done = 0;
    for writer in writers.collect::<Vec<_>>() {
        done += writer.await.unwrap();
    }
    println!(
        "patches, {WRITERS} writers: {:.0} a second",
        f64::from(u32::try_from(done).unwrap()) / begun.elapsed().as_secs_f64()
    );
}

async fn patch(store: &dyn Store, id: checksync::id::Id, round: u64) {
    let device = store.device(id).await.unwrap().unwrap();
    let mut body = device.document.body.clone();
    body.insert("round".into(), round.into());
    let revised = Device { document: device.document.revised(body, 1) };
    let put = Step::Put { entity: Entity::Device(revised), replaces: Some(device.document.revision) };
    let sequence = store.commit(Change { steps: vec![put, Step::Mark(Scope::Device(id))] }).await.unwrap();
    store.unmark(vec![sequence], Vec::new()).await.unwrap();
}

fn transfer(dir: &Path) {
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("export");
    timed("export", || export(dir, std::io::BufWriter::new(std::fs::File::create(&file).unwrap())).unwrap());
    let text = BufReader::new(std::fs::File::open(&file).unwrap());
    timed("import", || import(&copy.path().join("var"), text).unwrap());
    say_memory();
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = act();
    println!("{what}: {:?}", begun.elapsed());
    done
}

fn say_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    println!("memory: {}", lines.map(|line| line.replace('\t', " ")).collect::<Vec<_>>().join(", "));
}
