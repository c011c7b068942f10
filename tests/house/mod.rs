//! The daemon as a value on port 0, an administrator, and a fake phone that registers over real UDP, fetches
//! over real HTTP and takes NOTIFYs.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses its own part, and what fails fails the test"
)]

mod phone;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use checksync::app::App;
use checksync::config::Config;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

pub use phone::*;

/// What changes the settings of a daemon, given its folder.
type Setter = Box<dyn Fn(&mut Config, &Path)>;

/// A running daemon; stopped, and its database checked, when it is dropped.
pub struct Daemon {
    app: Option<App>,
    runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
    set: Setter,
}

pub const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

impl Daemon {
    pub fn start() -> Self {
        Self::configured(|_, _| {})
    }

    pub fn with_packs(packs: Vec<PathBuf>) -> Self {
        Self::configured(move |config, _| config.packs.clone_from(&packs))
    }

    /// A daemon whose NOTIFYs go to a proxy.
    pub fn behind(proxy: SocketAddr) -> Self {
        Self::behind_name(&proxy.to_string())
    }

    /// A daemon whose NOTIFYs go to a proxy that is looked up.
    pub fn behind_name(proxy: &str) -> Self {
        let proxy = proxy.to_owned();
        Self::configured(move |config, _| config.outbound_proxy.clone_from(&proxy))
    }

    /// A daemon with settings of its own, which may name files in a folder that is there before it starts.
    pub fn configured(set: impl Fn(&mut Config, &Path) + 'static) -> Self {
        let mut daemon = Self::unstarted(Box::new(set));
        daemon.resume();
        daemon
    }

    /// Why a daemon with such settings does not start.
    pub fn refused(set: impl Fn(&mut Config, &Path) + 'static) -> String {
        let mut daemon = Self::unstarted(Box::new(set));
        let started = daemon.runtime.block_on(App::start(daemon.config()));
        daemon.set = Box::new(|_, _| ());
        started.err().expect("it should not start").to_string()
    }

    fn unstarted(set: Setter) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { app: None, runtime, dir: tempfile::tempdir().unwrap(), set }
    }

    fn config(&self) -> Config {
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let mut config = Config {
            data_dir: self.dir.path().join("var"),
            phones: anywhere,
            admin: anywhere,
            sip: anywhere,
            api_key: Some(KEY.parse().unwrap()),
            notify_per_second: 1000,
            workers: 1,
            ..Config::default()
        };
        (self.set)(&mut config, self.dir.path());
        config
    }

    pub fn stop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(app.stop()).unwrap();
        }
    }

    pub fn resume(&mut self) {
        let config = self.config();
        self.app = Some(self.runtime.block_on(App::start(config)).unwrap());
    }

    pub fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    pub fn admin(&self) -> SocketAddr {
        self.app().admin
    }

    pub fn phones(&self) -> SocketAddr {
        self.app().phones
    }

    pub fn sip(&self) -> SocketAddr {
        self.app().sip
    }

    /// Where it speaks TFTP.
    pub fn tftp(&self) -> SocketAddr {
        self.app().tftp.unwrap()
    }

    /// The listeners that `sip_listen` lists.
    pub fn sip_also(&self) -> Vec<SocketAddr> {
        self.app().sip_also.iter().map(|listen| listen.address).collect()
    }

    /// The folder in which its settings may name files.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Signs in with the master key.
    pub fn administrator(&self) -> Administrator {
        let mut administrator =
            Administrator { base: format!("http://{}/v2", self.app().admin), token: String::new() };
        let (status, answer) = administrator.call("PUT", "/api_auth", &json!({"api_key": KEY}));
        assert_eq!(status, 201, "{answer}");
        answer["auth_token"].as_str().unwrap().clone_into(&mut administrator.token);
        administrator
    }

    /// Signs in as an administrator of an account, whose key is made anew by one who may.
    pub fn administrator_of(&self, by: &Administrator, account: &str) -> Administrator {
        let (_, answer) = by.call("PUT", &format!("/accounts/{account}/api_key"), &json!({}));
        let key = &answer["data"]["api_key"];
        self.signed_in("/api_auth", &json!({"api_key": key}))
    }

    /// Signs in as a user of an account.
    pub fn user(&self, account: &str, name: &str, password: &str) -> Administrator {
        let account = self.administrator().get(&format!("/accounts/{account}"));
        let credentials = checksync::id::hex(&Md5::digest(format!("{name}:{password}")));
        let data = json!({"credentials": credentials, "account_name": account["name"]});
        self.signed_in("/user_auth", &data)
    }

    fn signed_in(&self, path: &str, data: &Value) -> Administrator {
        let mut administrator =
            Administrator { base: format!("http://{}/v2", self.app().admin), token: String::new() };
        let (status, answer) = administrator.call("PUT", path, data);
        assert_eq!(status, 201, "{answer}");
        answer["auth_token"].as_str().unwrap().clone_into(&mut administrator.token);
        administrator
    }

    /// A shop with one owner, as an administrator makes it.
    pub fn shop(&self) -> Shop {
        let administrator = self.administrator();
        let body = json!({"name": "Shop", "realm": "shop.example", "timezone": "Europe/Vienna"});
        let account = administrator.create("/accounts", &body);
        Shop { administrator, account: id(&account) }
    }

    /// A shop with one phone of a model, which is not registered, and the device's path.
    pub fn shop_with(&self, mac: &str, model: &str) -> (Shop, String, Phone) {
        let shop = self.shop();
        let device = shop.device(mac, model, "front");
        (shop, device, self.phone(mac, "front"))
    }

    /// A phone with a MAC address, not yet registered.
    pub fn phone(&self, mac: &str, line: &str) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", self.app().phones);
        Phone::on(socket, (mac, line), base, self.sip())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.stop();
        let check = |daemon: &Self| checksync::store::check(&daemon.dir.path().join("var")).unwrap();
        let mut report = check(self);
        if report.counts.marks > 0 {
            // It was stopped in the middle; the next start has to end the work.
            self.resume();
            std::thread::sleep(Duration::from_millis(500));
            self.stop();
            report = check(self);
        }
        assert_eq!(report.problems, Vec::<String>::new());
        assert_eq!(report.counts.marks, 0, "a change was marked and never judged");
    }
}

/// True when a peer is installed. Without it a test says so, and fails where everything must be there.
pub fn has(peer: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {peer}")]).stdout(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{peer} is missing: scripts/test --install installs it");
        eprintln!("NOT RUN: {peer} is missing; scripts/test --install installs it");
    }
    found
}

pub fn id(document: &Value) -> String {
    document["id"].as_str().unwrap().to_owned()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)));
    config.allow_non_standard_methods(true).build().into()
}

/// Who works at the API.
pub struct Administrator {
    base: String,
    token: String,
}

impl Administrator {
    /// Signs in with the master key at the admin listener of a daemon.
    pub fn at(admin: &str) -> Self {
        let mut administrator = Self { base: format!("{admin}/v2"), token: String::new() };
        let (status, answer) = administrator.call("PUT", "/api_auth", &json!({"api_key": KEY}));
        assert_eq!(status, 201, "{answer}");
        answer["auth_token"].as_str().unwrap().clone_into(&mut administrator.token);
        administrator
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends, and gives `None` where no answer came.
    pub fn try_call(&self, method: &str, path: &str, data: &Value) -> Option<(u16, Value)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Content-Type", "application/json")
            .header("X-Auth-Token", &self.token);
        let mut answer = agent().run(request.body(json!({"data": data}).to_string()).unwrap()).ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Sends `data` in an envelope; gives the status and the whole answer.
    pub fn call(&self, method: &str, path: &str, data: &Value) -> (u16, Value) {
        self.try_call(method, path, data).expect("an answer")
    }

    pub fn create(&self, path: &str, data: &Value) -> Value {
        let (status, answer) = self.call("PUT", path, data);
        assert_eq!(status, 201, "{answer}");
        answer["data"].clone()
    }

    pub fn patch(&self, path: &str, data: &Value) -> Value {
        let (status, answer) = self.call("PATCH", path, data);
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }

    /// Sends a PATCH, and breaks the connection some time later.
    pub fn patch_and_break(&self, path: &str, data: &Value, after: Duration) {
        let address = self.base.trim_start_matches("http://").trim_end_matches("/v2");
        let body = json!({"data": data}).to_string();
        let head = format!("PATCH /v2{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
        let more = format!("X-Auth-Token: {}\r\nContent-Length: {}\r\n\r\n", self.token, body.len());
        let mut stream = TcpStream::connect(address).unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        stream.write_all((head + &more + &body).as_bytes()).unwrap();
        std::thread::sleep(after);
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, &json!({}));
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }
}

/// An account and who looks after it.
pub struct Shop {
    pub administrator: Administrator,
    pub account: String,
}

impl Shop {
    pub fn path(&self, rest: &str) -> String {
        format!("/accounts/{}{rest}", self.account)
    }

    /// A device with credentials, of a model given as `brand/model`; gives its path.
    pub fn device(&self, mac: &str, model: &str, line: &str) -> String {
        let (brand, model) = model.split_once('/').unwrap();
        let device = self.administrator.create(
            &self.path("/devices"),
            &json!({
                "name": "Front desk",
                "mac_address": mac,
                "sip": {"username": line, "password": "correct horse"},
                "provision": {"endpoint_brand": brand, "endpoint_model": model},
            }),
        );
        self.path(&format!("/devices/{}", id(&device)))
    }

    pub fn provisioning(&self, device: &str) -> Value {
        self.administrator.get(&format!("{device}/provisioning"))
    }

    /// Waits until a device's state is as wanted.
    pub fn wait_for(&self, device: &str, what: &str, wanted: impl Fn(&Value) -> bool) {
        let mut last = Value::Null;
        for _ in 0..100 {
            last = self.provisioning(device);
            if wanted(&last) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{what}: {last:#}");
    }
}
