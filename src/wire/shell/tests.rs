use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::account::Account;
use crate::circle::{Ring, Station};
use crate::device::Device;
use crate::document::Document;
use crate::id::{Digest, Id};
use crate::sip::Ticket;
use crate::sip::call::Caller;
use crate::sip::{Aor, Binding, End, Flow, Listeners, Target};
use crate::store::{Change, Entity, Note, Options, SledStore, Step, Table, history};
use crate::wire::lines;
use crate::wire::lookups::Lookup;
use crate::wire::{Source, start};

const ACCOUNT: Id = Id::from_bytes([1; 16]);
const DEVICE: Id = Id::from_bytes([2; 16]);

fn device() -> Device {
    let body = json!({"sip": {"username": "front"}}).as_object().unwrap().clone();
    Device { document: Document::new(DEVICE, ACCOUNT, body, 0) }
}

/// A store with one device.
async fn store(folder: &Path) -> Arc<dyn Store> {
    let options = Options { reserve_bytes: 0, ..Options::new(folder) };
    let store = SledStore::open(options).unwrap();
    let document = Document::new(ACCOUNT, ACCOUNT, serde_json::Map::new(), 0);
    let account = Account { document, tree: Vec::new(), api_key: Digest::of(&[1]) };
    for entity in [Entity::Account(account), Entity::Device(device())] {
        store.commit(Change { steps: vec![Step::Put { entity, replaces: None }] }).await.unwrap();
    }
    Arc::new(store)
}

fn means(store: &Arc<dyn Store>) -> (Means, mpsc::Sender<Order>) {
    let (orders, taken) = mpsc::channel(8);
    let means = Means {
        store: store.clone(),
        circle: Circle::deaf(),
        registrations: Arc::default(),
        orders: taken,
        source: Source::Own,
        outbound_proxy: None,
        identity: None,
        secret: [1; 32],
        stop: Arc::default(),
    };
    (means, orders)
}

fn ring(number: u8) -> Order {
    Order::Call(Ring {
        station: Station::from(&device()),
        call_id: "c".into(),
        number: number.to_string(),
        caller: Caller { name: String::new(), number: String::new(), place: None },
        auto_answer: false,
        patience: Duration::from_secs(20),
        entry: history::key(DEVICE, 1, [number; 4]),
        at: 1,
    })
}

fn binding(expires_at: u64) -> Binding {
    Binding {
        aor: Aor::new("front", "shop"),
        contact: Target::new("sip:front@10.0.0.1").unwrap(),
        device: DEVICE.to_string(),
        credentials: None,
        source: ([10, 0, 0, 1], 5060).into(),
        path: Vec::new(),
        direct: true,
        user_agent: String::new(),
        instance: None,
        flow: None,
        outbound: false,
        call_id: "c".into(),
        cseq: 1,
        q: 1000,
        expires_at,
    }
}

async fn note_binding(store: &dyn Store, expires_at: u64) {
    let value = serde_json::to_vec(&binding(expires_at)).ok();
    let which = format!("{}\n{}", binding(0).aor.uri(), binding(0).contact.as_str());
    let key = [DEVICE.as_bytes().as_slice(), Digest::of(which.as_bytes()).as_bytes()].concat();
    store.jot(vec![Note { table: Table::Binding, key, value }]).await.unwrap();
}

async fn notes(store: &dyn Store) -> usize {
    store.notes(Table::Binding, None, 10).await.unwrap().len()
}

async fn outcomes(store: &dyn Store) -> Vec<(Value, Value)> {
    let entries = history::entries(store, DEVICE).await.unwrap();
    entries.iter().map(|entry| (entry["number"].clone(), entry["outcome"].clone())).collect()
}

#[tokio::test]
async fn calls_that_were_not_begun_are_cancelled_when_the_daemon_stops() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let (means, orders) = means(&store);
    let endpoint = Endpoint::new([1; 32], &Listeners::new([]), "t");
    let mut shell = Shell::new(Vec::new(), endpoint, means).unwrap();
    assert!(shell.waiting.pass(ring(1), Hop::read("slow").into_iter().collect(), Ok(None)).is_err());
    orders.send(ring(2)).await.unwrap();
    shell.end().await;
    let cancelled = |number: &str| (json!(number), json!("cancelled"));
    assert_eq!(outcomes(&*store).await, [cancelled("2"), cancelled("1")]);
}

#[tokio::test]
async fn who_is_to_be_forgotten_is_forgotten_even_when_the_daemon_stops() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    note_binding(&*store, u64::MAX / 2).await;
    let (means, orders) = means(&store);
    let mut endpoint = Endpoint::new([1; 32], &Listeners::new([]), "t");
    let (now, unix) = clock();
    endpoint.restore(now, unix, [binding(u64::MAX / 2)]);
    let shell = Shell::new(Vec::new(), endpoint, means).unwrap();
    orders.send(Order::Forget(DEVICE)).await.unwrap();
    shell.end().await;
    assert_eq!(notes(&*store).await, 0);
}

#[tokio::test]
async fn bindings_that_ended_while_the_daemon_was_down_are_dropped_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    for (expires_at, left) in [(1, 0), (clock().1 + 600, 1)] {
        note_binding(&*store, expires_at).await;
        let (means, orders) = means(&store);
        let registrations = means.registrations.clone();
        let running = start(Vec::new(), means).await.unwrap();
        assert_eq!(registrations.contains(DEVICE), left == 1);
        let (outcome, told) = tokio::sync::oneshot::channel();
        let (station, event) = (Station::from(&device()), "x".to_owned());
        let tell = crate::circle::Tell { station, event, content: None, outcome };
        orders.send(Order::Tell(tell)).await.unwrap();
        let stop = async {
            let _unreachable = told.await;
            drop(orders);
        };
        tokio::join!(running, stop);
        assert_eq!((notes(&*store).await, outcomes(&*store).await), (left, Vec::new()));
    }
}

#[tokio::test]
async fn a_registration_that_is_granted_when_its_flow_has_ended_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let (means, _orders) = means(&store);
    let source = Peer { flow: Some(Flow(9)), ..Peer::new(Transport::Tcp, ([10, 0, 0, 1], 5060).into()) };
    let granted = Binding { source, outbound: true, ..binding(u64::MAX / 2) };
    let mut endpoint = Endpoint::new([1; 32], &Listeners::new([]), "t");
    let (now, unix) = clock();
    endpoint.restore(now, unix, [granted.clone()]);
    let mut shell = Shell::new(Vec::new(), endpoint, means).unwrap();
    let mut out = Vec::new();
    shell.bound(Box::new(granted.clone()), (true, true), &mut out);
    assert!(matches!(&out[..], [Command::Unbound { end: End::Disconnected, .. }]), "{out:?}");
    shell.carry_out(out).await;
    assert_eq!(shell.endpoint.bindings(&DEVICE.to_string()).count(), 0);
}

#[tokio::test]
async fn orders_of_a_device_go_on_in_their_order_once_its_line_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let (means, _orders) = means(&store);
    let endpoint = Endpoint::new([1; 32], &Listeners::new([]), "t");
    let mut shell = Shell::new(Vec::new(), endpoint, means).unwrap();
    let mut out = Vec::new();
    for number in 1..=3 {
        shell.order(ring(number), &mut out);
    }
    let mut looked_up = Vec::new();
    for _ in 1..=3 {
        looked_up.push(shell.inbox.events.recv().await.unwrap());
    }
    looked_up.reverse();
    for event in looked_up {
        shell.event(event, &mut out);
    }
    shell.end().await;
    let not_registered = |number: &str| (json!(number), json!("not_registered"));
    assert_eq!(outcomes(&*store).await, ["3", "2", "1"].map(not_registered), "nobody has a line");
}

#[tokio::test]
async fn each_of_many_datagrams_that_come_at_once_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let (means, orders) = means(&store);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let here = socket.local_addr().unwrap();
    let endpoint = Endpoint::new([1; 32], &here.into(), "t");
    let shell = Shell::new(Vec::new(), endpoint, means).unwrap();
    let mut shell = Shell { sockets: Sockets::new(vec![(socket, here)]), ..shell };
    shell.open().unwrap();
    let phone = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let many = 2 * AT_A_TIME + 1;
    for number in 0..many {
        let message = format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{number};rport\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:h@h>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        phone.send_to(message.as_bytes(), here).await.unwrap();
    }
    let answers = async {
        for _ in 0..many {
            let answer = tokio::time::timeout(Duration::from_secs(5), phone.recv(&mut [0; 2048])).await;
            answer.expect("one is not answered").unwrap();
        }
        drop(orders);
    };
    tokio::join!(shell.run(tokio::time::sleep(Duration::ZERO)), answers);
}

#[tokio::test]
async fn a_line_that_is_switched_off_while_it_is_looked_up_is_looked_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let body = |enabled: bool| {
        let sip = json!({"username": "front", "password": "secret", "realm": "shop"});
        json!({"enabled": enabled, "sip": sip}).as_object().unwrap().clone()
    };
    let put = async |enabled: bool| {
        let before = store.device(DEVICE).await.unwrap().unwrap().document;
        let (document, replaces) = (before.revised(body(enabled), 0), Some(before.revision));
        let entity = Entity::Device(Device { document });
        let mark = Step::Mark(crate::resync::Scope::Device(DEVICE));
        store.commit(Change { steps: vec![Step::Put { entity, replaces }, mark] }).await.unwrap();
    };
    put(true).await;
    let (means, _orders) = means(&store);
    let endpoint = Endpoint::new([1; 32], &Listeners::new([]), "t");
    let mut shell = Shell::new(Vec::new(), endpoint, means).unwrap();
    let aor = Aor::new("front", "shop");
    let known = lines::find(&*store, &aor).await.unwrap();
    put(false).await;
    let found = Found { ticket: Ticket(1), aor: aor.clone(), at: clock().0, known: Ok(Lookup::Found(known)) };
    shell.found_line(found, &mut Vec::new());
    assert_eq!(shell.lines.known(store.changes(), &aor), None, "what is old is not remembered");
    let again = shell.inbox.lookups.recv().await.unwrap();
    shell.found_line(again, &mut Vec::new());
    assert!(!shell.lines.known(store.changes(), &aor).unwrap().enabled);
}
