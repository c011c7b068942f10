//! Kamailio as registrar and proxy: phones register there, and what we tell them goes through it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::booted;
use crate::house::{Daemon, Shop};
use crate::peers::{Peer, at_ports, has, wait_until};
use crate::ports::Ports;
use crate::sipp::Sipp;

/// How Kamailio takes what it publishes itself, and whoever subscribes to it.
const SUBSCRIBE: &str = r#"
    if (is_method("PUBLISH")) {
        if (t_newtran()) { handle_publish(); t_release(); }
        exit;
    }
    if (is_method("SUBSCRIBE")) {
        if ($au == $null || !pv_proxy_authenticate("$fd", "$sht(password=>$au)", "0")) {
            proxy_challenge("$fd", "1");
            exit;
        }
        if (t_newtran()) { handle_subscribe(); t_release(); }
        exit;
    }
"#;

/// A Kamailio with a configuration of its own.
pub(crate) struct Kamailio {
    pub(crate) sip: SocketAddr,
    pub(crate) rpc: String,
    _running: Peer,
    _ports: Ports,
    _home: tempfile::TempDir,
}

impl Kamailio {
    /// One that challenges with this algorithm, and knows these users' passwords.
    pub(crate) fn start(algorithm: &str, passwords: &[(&str, &str)]) -> Self {
        Self::configured(include_str!("kamailio.cfg"), algorithm, passwords)
    }

    /// The same, which tells whoever subscribes to it who is registered.
    pub(crate) fn that_tells(algorithm: &str, passwords: &[(&str, &str)]) -> Self {
        let configuration = include_str!("kamailio.cfg")
            .replace("#@REGINFO@", include_str!("reginfo.cfg"))
            .replace("#@SUBSCRIBE@", SUBSCRIBE);
        Self::configured(&configuration, algorithm, passwords)
    }

    /// The same as [`Kamailio::start`], which listens as these lines say besides.
    pub(crate) fn that_listens(streams: &str, algorithm: &str, passwords: &[(&str, &str)]) -> Self {
        let configuration = include_str!("kamailio.cfg").replace("#@STREAMS@", streams);
        Self::configured(&configuration, algorithm, passwords)
    }

    fn configured(configuration: &str, algorithm: &str, passwords: &[(&str, &str)]) -> Self {
        let known = passwords.iter().fold(String::new(), |mut known, (user, password)| {
            let _ = writeln!(known, "$sht(password=>{user}) = \"{password}\";");
            known
        });
        let configuration = configuration.replace("@ALGORITHM@", algorithm).replace("@PASSWORDS@", &known);
        at_ports(|ports| Self::at(ports, &configuration))
    }

    /// It speaks SIP at the first port, by UDP, and JSON-RPC at the second.
    fn at(ports: Ports, configuration: &str) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let (sip, http) = (ports.first(), ports.second());
        let configuration = configuration
            .replace("@RUN@", home.path().to_str().unwrap())
            .replace("@SIP@", &sip.to_string())
            .replace("@HTTP@", &http.to_string());
        tables(&home.path().join("db"));
        let file = home.path().join("kamailio.cfg");
        std::fs::write(&file, configuration).unwrap();
        let (sip, rpc) = (SocketAddr::from(([127, 0, 0, 1], sip)), format!("http://127.0.0.1:{http}/RPC"));
        let log = home.path().join("log");
        let running = Peer::start_with_children(&mut command(home.path(), &file), &log);
        let running = running.up(&log, |_| asked(&rpc, "core.version").is_some())?;
        Some(Self { sip, rpc, _running: running, _ports: ports, _home: home })
    }

    /// The lines that are registered there.
    pub(crate) fn registered(&self) -> Vec<String> {
        let dump = asked(&self.rpc, "ul.dump").unwrap_or_default();
        let domains = dump["result"]["Domains"].as_array().cloned().unwrap_or_default();
        let lines = domains.iter().filter_map(|domain| domain["Domain"]["AoRs"].as_array().cloned());
        lines.flatten().filter_map(|line| Some(line["Info"]["AoR"].as_str()?.to_owned())).collect()
    }
}

/// How it is run in a folder, in the foreground.
fn command(home: &Path, configuration: &Path) -> Command {
    let mut command = Command::new("kamailio");
    command.args(["-DD", "-E", "-m", "64", "-M", "8", "-f"]).arg(configuration);
    command.arg("-P").arg(home.join("pid")).arg("-Y").arg(home).arg("-w").arg(home);
    command
}

/// What a Kamailio answers to a JSON-RPC request.
fn asked(rpc: &str, method: &str) -> Option<Value> {
    let request = json!({"jsonrpc": "2.0", "method": method, "id": 1}).to_string();
    let mut answer = ureq::post(rpc).send(request).ok()?;
    serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
}

/// Text tables, without which the presence modules do not start.
fn tables(folder: &Path) {
    let shipped = Path::new("/usr/share/kamailio/dbtext/kamailio");
    std::fs::create_dir(folder).unwrap();
    for table in ["version", "presentity", "active_watchers", "watchers", "pua", "xcap"] {
        std::fs::copy(shipped.join(table), folder.join(table)).unwrap();
    }
}

/// A phone at Kamailio, which challenges with this algorithm, is told of a change by us.
fn is_told_through_kamailio(algorithm: &str) {
    if !has("kamailio") || !has("sipp") {
        return;
    }
    let kamailio = Kamailio::start(algorithm, &[("front", "correct")]);
    let daemon = Daemon::behind(kamailio.sip);
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    shop.administrator.patch(&device, &json!({"sip": {"password": "correct"}}));
    booted(&daemon, &shop, &device);
    let sipp = Sipp::registered_at(kamailio.sip, "register_freely.xml");
    assert_eq!(kamailio.registered(), ["front@shop.example"]);
    let mut told = sipp.plays("notified.xml");
    shop.administrator.patch(&device, &json!({"name": "Told through a proxy"}));
    assert!(told.wait().unwrap().success(), "SIPp was not told as it expects");
    shop.wait_for(&device, "the answer is noted", |p| {
        p["last_notify"]["outcome"].as_str().is_some_and(|words| words.contains("200"))
    });
}

#[test]
fn a_phone_at_kamailio_is_told_although_kamailio_challenges_with_md5() {
    is_told_through_kamailio("MD5");
}

#[test]
fn a_phone_at_kamailio_is_told_although_kamailio_challenges_with_sha_256() {
    is_told_through_kamailio("SHA-256");
}

#[test]
fn a_password_that_kamailio_does_not_take_is_said() {
    if !has("kamailio") {
        return;
    }
    let kamailio = Kamailio::start("SHA-256", &[("front", "correct")]);
    let daemon = Daemon::behind(kamailio.sip);
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    booted(&daemon, &shop, &device);
    shop.administrator.patch(&device, &json!({"sip": {"password": "another"}}));
    shop.wait_for(&device, "the refusal is noted", |p| {
        p["last_notify"]["outcome"].as_str().is_some_and(|words| words.contains("refused"))
    });
}

/// A daemon that asks Kamailio every second who is registered.
fn daemon_that_asks(kamailio: &Kamailio) -> Daemon {
    let (proxy, rpc) = (kamailio.sip.to_string(), kamailio.rpc.clone());
    Daemon::configured(move |config, _| {
        config.outbound_proxy.clone_from(&proxy);
        config.kamailio_rpc.clone_from(&rpc);
        "kamailio".clone_into(&mut config.registrations_from);
        config.kamailio_seconds = 1;
    })
}

/// Whether a device is registered, in all the ways in which the API says so; `None` while they differ, as in the
/// middle of a change.
pub(crate) fn registered(shop: &Shop, device: &str) -> Option<bool> {
    let get = |path: &str| shop.administrator.get(&shop.path(path));
    let id = device.rsplit('/').next().unwrap();
    let listed = get("/registrations");
    let all = [
        get("/devices?with_status=true")[0]["registered"] == json!(true),
        get("/devices/status") == json!([{"device_id": id, "registered": true}]),
        listed[0]["authorizing_id"] == json!(id) && listed[0]["username"] == json!("front"),
        get("/registrations/count")["count"] == json!(1),
    ];
    all.iter().all(|one| *one == all[0]).then_some(all[0])
}

#[test]
fn who_is_registered_at_kamailio_is_known_by_its_rpc() {
    if !has("kamailio") || !has("sipp") {
        return;
    }
    let kamailio = Kamailio::start("MD5", &[("front", "correct")]);
    let mut daemon = daemon_that_asks(&kamailio);
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    assert_eq!(registered(&shop, &device), Some(false));
    let sipp = Sipp::registered_at(kamailio.sip, "register_freely.xml");
    wait_until("the phone is seen", || registered(&shop, &device) == Some(true));
    daemon.restart();
    let shop = Shop { administrator: daemon.administrator(), account: shop.account };
    assert_eq!(registered(&shop, &device), Some(true), "what was seen last holds over a restart");
    sipp.leaves();
    wait_until("the phone is gone", || registered(&shop, &device) == Some(false));
}

#[test]
fn a_phone_that_appears_at_kamailio_is_told_what_it_has_missed() {
    if !has("kamailio") || !has("sipp") {
        return;
    }
    let kamailio = Kamailio::start("SHA-256", &[("front", "correct")]);
    let daemon = daemon_that_asks(&kamailio);
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    shop.administrator.patch(&device, &json!({"sip": {"password": "correct"}}));
    booted(&daemon, &shop, &device);
    shop.administrator.patch(&device, &json!({"name": "Nobody was there"}));
    shop.wait_for(&device, "nobody is there", |p| {
        p["last_notify"]["outcome"].as_str().is_some_and(|words| words.contains("404"))
    });
    let sipp = Sipp::registered_at(kamailio.sip, "register_freely.xml");
    let told = sipp.plays("notified.xml").wait().unwrap();
    assert!(told.success(), "SIPp was not told as it expects");
}

#[test]
fn who_is_registered_at_kamailio_is_known_by_its_reg_events() {
    if !has("kamailio") || !has("sipp") {
        return;
    }
    let kamailio = Kamailio::that_tells("SHA-256", &[("front", "correct"), ("later", "another")]);
    let proxy = kamailio.sip.to_string();
    let daemon = Daemon::configured(move |config, _| {
        config.outbound_proxy.clone_from(&proxy);
        "reg-event".clone_into(&mut config.registrations_from);
    });
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    shop.administrator.patch(&device, &json!({"sip": {"password": "correct"}}));
    let sipp = Sipp::registered_at(kamailio.sip, "register_freely.xml");
    wait_until("the phone is seen", || registered(&shop, &device) == Some(true));
    sipp.leaves();
    wait_until("the phone is gone", || registered(&shop, &device) == Some(false));
    let back = sipp.plays("register_freely.xml").wait().unwrap();
    assert!(back.success(), "SIPp could not come back");
    wait_until("the phone is seen again", || registered(&shop, &device) == Some(true));
}
