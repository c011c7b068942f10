//! What the SIP side alone takes to tell phones: the loop, its sockets and its timers as in the daemon, without the circle
//! that decides whom to tell: `cargo bench --bench notify -- ADDRESS [phones] [window]`. Somebody at ADDRESS must answer;
//! the NOTIFYs go there as to an outbound proxy. `scripts/bench sip` has SIPp answer, and compares.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark that fails shall stop"
)]

#[allow(dead_code, reason = "others use the rest of it")]
mod fleet;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use checksync::circle::{self, Circle, Order, Station, Switchboard};
use checksync::files::Files;
use checksync::pack::Pack;
use checksync::registrations::Registrations;
use checksync::resync::Pace;
use checksync::settings::Site;
use checksync::sip::Outcome;
use checksync::store::{Change, Options, SledStore, Step, Store};
use checksync::template::Set;
use checksync::wire::{self, Listener, Source};
use fleet::Fleet;
use tokio::sync::mpsc;

const DEVICES: u64 = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    // Without an address, as when all benchmarks run, there is nobody to tell.
    let Some(to) = arguments.first() else { return };
    let number = |at: usize, otherwise| arguments.get(at).map_or(otherwise, |text| text.parse().unwrap());
    let (phones, window) = (number(1, 100_000), number(2, 500));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let temporary = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(Options::new(temporary.path())).unwrap());
        for entities in (Fleet { devices: DEVICES }).batches() {
            let steps = entities.into_iter().map(|entity| Step::Put { entity, replaces: None }).collect();
            store.commit(Change { steps }).await.unwrap();
        }
        let switchboard = start(&store, to.clone()).await;
        let devices = (0..DEVICES).map(|number| Station::from(&fleet::phone(number))).collect();
        tell(&switchboard, &devices, window, window).await;
        let (before, begun) = (processor_time(), Instant::now());
        let lost = tell(&switchboard, &devices, phones, window).await;
        let (took, used) = (begun.elapsed(), processor_time().saturating_sub(before));
        let rate = Duration::from_secs(phones).div_duration_f64(took);
        let each = used.div_duration_f64(Duration::from_micros(phones));
        println!("{rate:.0}/s, {each:.1} us of processor each, {lost} of {phones} not answered 200");
    });
}

/// The SIP side, with a circle that has nothing to do.
async fn start(store: &Arc<dyn Store>, proxy: String) -> Switchboard {
    let (orders, inbox) = mpsc::channel(1024);
    let means = wire::Means {
        store: store.clone(),
        circle: idle_circle(store).await,
        registrations: Arc::new(Registrations::default()),
        orders: inbox,
        source: Source::Own,
        outbound_proxy: Some(proxy),
        identity: None,
        secret: [7; 32],
        stop: Arc::default(),
    };
    let listeners = Listener::open_both("127.0.0.1:0".parse().unwrap()).unwrap();
    tokio::spawn(wire::start(listeners, means).await.unwrap());
    Switchboard::new(orders)
}

async fn idle_circle(store: &Arc<dyn Store>) -> Circle {
    let set = Set::compile(&Pack::shipped()).unwrap();
    let means = circle::Means {
        store: store.clone(),
        files: Arc::new(Files::new(store.clone(), set, Site::default(), 64 << 20)),
        orders: mpsc::channel::<Order>(1).0,
        pace: Pace { per_second: 1, window: 1, proxied: true },
        clock: || 0,
        seed: 1,
    };
    circle::start(means).await.unwrap().0
}

/// Tells so many phones, `window` at a time; gives how many of them did not answer 200.
async fn tell(switchboard: &Switchboard, devices: &Arc<[Station]>, phones: u64, window: u64) -> u64 {
    let next = Arc::new(AtomicU64::new(0));
    let tellers: Vec<_> = (0..window)
        .map(|_| {
            let (switchboard, next, devices) = (switchboard.clone(), next.clone(), devices.clone());
            tokio::spawn(async move {
                let mut lost = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= phones {
                        return lost;
                    }
                    let device = devices[usize::try_from(number % DEVICES).unwrap()].clone();
                    let event = "check-sync;reboot=false".to_owned();
                    let outcome = switchboard.tell(device, event, None).await;
                    lost += u64::from(outcome != Some(Outcome::Answered(200)));
                }
            })
        })
        .collect();
    let mut lost = 0;
    for teller in tellers {
        lost += teller.await.unwrap();
    }
    lost
}

/// What this process has had of the processors so far.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
