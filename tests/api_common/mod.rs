//! The administrators' door in a process of its own: a database in a folder that goes away, and a client.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::sync::Arc;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::{App, test, web};
use checksync::api::{self, Desk, Doorman};
use checksync::auth::{Cost, Patience};
use checksync::circle::{Circle, Means, Order, Switchboard, start};
use checksync::files::Files;
use checksync::id::Id;
use checksync::pack::Pack;
use checksync::registrations::Registrations;
use checksync::resync::{Pace, Scope};
use checksync::settings::Site;
use checksync::statics::Statics;
use checksync::store::{Options, SledStore, Span, Store};
use checksync::template::Set;
use checksync::uploads::Uploads;
use serde_json::{Value, json};

pub(crate) const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// Where Kazoo's servers are.
pub(crate) const KAZOO: &str = "198.51.100.0/24";
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

thread_local! {
    /// Each test has a thread, and a clock, of its own.
    static CLOCK: std::cell::Cell<u64> = const { std::cell::Cell::new(NOW * 1000) };
}

pub(crate) fn let_pass(seconds: u64) {
    CLOCK.set(CLOCK.get() + seconds * 1000);
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    pub(crate) fn id(&self) -> String {
        self.data()["id"].as_str().unwrap_or_else(|| panic!("no id: {self:?}")).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The door, and what stands behind it.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registrations: Arc<Registrations>,
    pub(crate) master: Id,
    pub(crate) token: String,
    ordered: std::cell::RefCell<tokio::sync::mpsc::Receiver<Order>>,
    desk: web::Data<Desk>,
    stopped: std::cell::RefCell<Option<std::pin::Pin<Box<dyn Future<Output = ()>>>>>,
    folder: tempfile::TempDir,
}

impl World {
    /// A world with a master account, and a token of it. The circle stands still until [`Self::turn`], so that marks
    /// stay where they can be counted.
    pub(crate) async fn new() -> Self {
        let mut world = Self::on(tempfile::tempdir().unwrap()).await;
        world.forget_marks().await;
        world.token = world.log_in(KEY).await;
        world
    }

    /// The world after a restart of the daemon, with the token from before.
    pub(crate) async fn restarted(self) -> Self {
        let token = self.token.clone();
        Self { token, ..Self::on(self.closed().await).await }
    }

    /// What stays of the world when the daemon has stopped: the folder in which its database lies under `var`.
    pub(crate) async fn closed(self) -> tempfile::TempDir {
        self.store.close().await.unwrap();
        let Self { folder, store, desk, stopped, .. } = self;
        drop((store, desk, stopped));
        folder
    }

    /// The world of the database under `var`, which is made where there is none. It has no token yet.
    pub(crate) async fn on(folder: tempfile::TempDir) -> Self {
        let options = Options { reserve_bytes: 0, ..Options::new(folder.path().join("var")) };
        let store: Arc<dyn Store> = Arc::new(SledStore::open(options).unwrap());
        let doorman = Doorman::open(&*store, at_the_door()).await.unwrap();
        let key = api::bootstrap(&*store, &doorman, Some(KEY), random, NOW).await.unwrap();
        assert!(key.is_none_or(|key| key == KEY));
        let (orders, ordered) = tokio::sync::mpsc::channel(64);
        let (circle, running) = circle(&store, orders.clone()).await;
        let registrations = Arc::new(Registrations::default());
        let desk = web::Data::new(Desk {
            store: store.clone(),
            files: files(&store),
            circle,
            switchboard: Switchboard::new(orders),
            registrations: registrations.clone(),
            sightings: Arc::default(),
            statics: statics(folder.path()),
            uploads: Arc::new(Uploads::open(&folder.path().join("uploads"), 1 << 20).unwrap()),
            doorman,
            imports: api::Imports::default(),
            kazoo_from: vec![KAZOO.parse().unwrap()],
            clock: || CLOCK.get(),
            random,
        });
        let accounts = store.accounts(None, Span::ascending(None, 1000)).await.unwrap().rows;
        let master = accounts.iter().find(|account| account.tree.is_empty()).unwrap().id();
        let stopped = std::cell::RefCell::new(Some(running));
        let (ordered, token) = (std::cell::RefCell::new(ordered), String::new());
        Self { store, registrations, master, token, ordered, desk, stopped, folder }
    }

    /// Something that a device's phone has sent.
    pub(crate) fn sent(&self, device: &str, name: &str) {
        let folder = self.folder.path().join("uploads").join(device);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), "text").unwrap();
    }

    pub(crate) async fn log_in(&self, key: &str) -> String {
        let said = self.with("PUT", "/v2/api_auth", &json!({"data": {"api_key": key}})).await;
        assert_eq!(said.status, 201, "{said:?}");
        said.json()["auth_token"].as_str().unwrap().to_owned()
    }

    /// Sends `data` in an envelope, as the master account.
    pub(crate) async fn send(&self, verb: &str, path: &str, data: Value) -> Said {
        self.as_token(&self.token, verb, path, data).await
    }

    pub(crate) async fn as_token(&self, token: &str, verb: &str, path: &str, data: Value) -> Said {
        let body = json!({"data": data}).to_string();
        self.raw(verb, path, &[("x-auth-token", token), ("content-type", "application/json")], &body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        self.raw("GET", path, &[("x-auth-token", &self.token)], "").await
    }

    /// Sends an envelope without a token.
    pub(crate) async fn with(&self, verb: &str, path: &str, envelope: &Value) -> Said {
        self.raw(verb, path, &[], &envelope.to_string()).await
    }

    pub(crate) async fn raw(&self, verb: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Said {
        self.raw_from("203.0.113.1:4711", verb, path, headers, body).await
    }

    /// Sends a request over a connection from this address.
    pub(crate) async fn raw_from(
        &self,
        peer: &str,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Said {
        let app = test::init_service(App::new().configure(api::configure(self.desk.clone()))).await;
        let method = Method::from_bytes(verb.as_bytes()).unwrap();
        let peer = peer.parse().unwrap();
        let mut request = test::TestRequest::default().method(method).uri(path).peer_addr(peer);
        for header in headers {
            request = request.insert_header(*header);
        }
        said(app.call(request.set_payload(body.to_owned()).to_request()).await.unwrap()).await
    }

    /// Sends requests that are under way at the same time: verb, path and data.
    pub(crate) async fn at_once(&self, requests: &[(&str, String, Value)]) -> Vec<Said> {
        let app = test::init_service(App::new().configure(api::configure(self.desk.clone()))).await;
        let call = |(verb, path, data): &(&str, String, Value)| {
            let method = Method::from_bytes(verb.as_bytes()).unwrap();
            let request = test::TestRequest::default().method(method).uri(path);
            let request = request.insert_header(("x-auth-token", &*self.token));
            app.call(request.set_payload(json!({"data": data}).to_string()).to_request())
        };
        let mut all = Vec::new();
        for response in futures_util::future::join_all(requests.iter().map(call)).await {
            all.push(said(response.unwrap()).await);
        }
        all
    }

    /// A new account below the master account: its id and API key.
    pub(crate) async fn account(&self, name: &str) -> (String, String) {
        let said = self.send("PUT", "/v2/accounts", json!({"name": name})).await;
        assert_eq!(said.status, 201, "{said:?}");
        (said.id(), said.data()["api_key"].as_str().unwrap().to_owned())
    }

    /// A new device of an account: its path.
    pub(crate) async fn device(&self, account: &str, data: Value) -> String {
        let said = self.send("PUT", &format!("/v2/accounts/{account}/devices"), data).await;
        assert_eq!(said.status, 201, "{said:?}");
        format!("/v2/accounts/{account}/devices/{}", said.id())
    }

    /// What the phone with this MAC address would be given, all files in one text.
    pub(crate) async fn given(&self, mac: &str) -> String {
        let given = self.desk.files.by_mac(mac.parse().unwrap()).await.unwrap();
        let texts = given.files.iter().map(|file| String::from_utf8_lossy(&file.rendered.body).into_owned());
        texts.collect()
    }

    pub(crate) async fn marks(&self) -> Vec<Scope> {
        self.store.marks(1000).await.unwrap().into_iter().map(|(_, scope)| scope).collect()
    }

    pub(crate) async fn forget_marks(&self) {
        let marks = self.store.marks(1000).await.unwrap().into_iter().map(|(sequence, _)| sequence).collect();
        self.store.unmark(marks, Vec::new()).await.unwrap();
    }

    /// What the SIP side was asked to do, the first that was not asked for yet.
    pub(crate) fn ordered(&self) -> Option<Order> {
        self.ordered.borrow_mut().try_recv().ok()
    }

    /// Lets the circle work from now on.
    pub(crate) fn set_going(&self) {
        let running = self.stopped.borrow_mut().take().unwrap();
        actix_web::rt::spawn(running);
    }

    /// Lets the circle work for a moment.
    pub(crate) async fn turn(&self) {
        let running = self.stopped.borrow_mut().take().unwrap();
        let left = tokio::time::timeout(std::time::Duration::from_millis(300), running).await;
        assert!(left.is_err(), "the circle ended");
    }
}

async fn said(response: ServiceResponse<impl MessageBody + 'static>) -> Said {
    let response = response.map_into_boxed_body();
    let (status, headers) = (response.status(), response.headers().clone());
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let body = to_bytes(response.into_body()).await.unwrap();
    Said { status: status.as_u16(), headers, text: String::from_utf8(body.to_vec()).unwrap() }
}

/// Hashes that cost nothing, and answers to failures that are only a little slow.
fn at_the_door() -> api::Means {
    let patience = Patience { longest: std::time::Duration::from_millis(2), ..Patience::USUAL };
    api::Means { cost: Cost::NEXT_TO_NOTHING, patience, clock: || CLOCK.get(), random }
}

async fn circle(
    store: &Arc<dyn Store>,
    orders: tokio::sync::mpsc::Sender<Order>,
) -> (Circle, std::pin::Pin<Box<dyn Future<Output = ()>>>) {
    let means = Means {
        store: store.clone(),
        files: files(store),
        orders,
        pace: Pace { per_second: 10, window: 10, proxied: false },
        clock: || CLOCK.get(),
        seed: 1,
    };
    let (circle, running) = start(means).await.unwrap();
    (circle, Box::pin(running))
}

fn files(store: &Arc<dyn Store>) -> Arc<Files> {
    let set = Set::compile(&Pack::shipped()).unwrap();
    Arc::new(Files::new(store.clone(), set, Site::default(), 1 << 20))
}

/// Runs a test to its end, on a thread of its own.
pub(crate) fn run(test: impl Future<Output = ()>) {
    actix_web::rt::System::new().block_on(test);
}

/// A folder of static files with one firmware.
fn statics(folder: &std::path::Path) -> Statics {
    let files = folder.join("files");
    std::fs::create_dir_all(files.join("yealink/t4x")).unwrap();
    std::fs::write(files.join("yealink/t4x/a b.rom"), "x").unwrap();
    Statics::open(&files).unwrap()
}
