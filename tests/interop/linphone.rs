//! linphonec as a phone that is really provisioned: HTTP client, XML reader and SIP stack are its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::house::{Daemon, Shop, id};
use crate::kamailio::Kamailio;
use crate::peers::{Peer, at_ports, has, wait_until, written};
use crate::ports::Ports;

/// linphonec in a home of its own, which knows nothing but where its configuration lies.
struct Linphone {
    home: tempfile::TempDir,
    running: Option<Peer>,
    _ports: Ports,
}

impl Linphone {
    /// Starts it for the first time.
    fn provisioned(url: &str) -> Self {
        at_ports(|ports| Self::at(ports, url))
    }

    fn at(ports: Ports, url: &str) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".local/share/linphone")).unwrap();
        let port = ports.first();
        let configuration = format!(
            "[misc]\nconfig-uri={url}\n[sip]\nsip_port={port}\nsip_tcp_port=0\nsip_tls_port=0\nbind_address=127.0.0.1\n"
        );
        std::fs::write(home.path().join("user.rc"), configuration).unwrap();
        let mut phone = Self { home, running: None, _ports: ports };
        phone.start().then_some(phone)
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("phone.log")
    }

    /// Starts it anew: only then does it fetch its configuration. False when its port is in use.
    fn start(&mut self) -> bool {
        self.running = None;
        let _none_yet = std::fs::remove_file(self.log());
        let home = self.home.path();
        let mut command = Command::new("linphonec");
        command.env("HOME", home).env_remove("DISPLAY").current_dir(home);
        command.arg("-c").arg(home.join("user.rc")).args(["-d", "6", "-l"]).arg(self.log());
        let running = Peer::start(&mut command, &home.join("out"));
        self.running = running.up(&self.log(), is_listening);
        self.running.is_some()
    }

    /// Waits for a NOTIFY with check-sync, and starts anew: what the firmware of a desk phone does.
    fn obeys_a_check_sync(&mut self) {
        let log = self.log();
        wait_until("a check-sync came", || written(&log).contains("Event: check-sync"));
        assert!(self.start(), "nobody else is given its port");
    }
}

/// Whether linphonec's log tells of more than the attempt to listen.
fn is_listening(log: &str) -> bool {
    log.split_once("Creating listening point").is_some_and(|(_, after)| after.lines().count() > 1)
}

/// A softphone's device whose line is `user`, registering at `registrar`; gives its path.
fn softphone(shop: &Shop, user: &str, registrar: SocketAddr) -> String {
    let device = shop.administrator.create(
        &shop.path("/devices"),
        &json!({
            "name": "Softphone",
            "sip": {"username": user, "password": format!("secret of {user}")},
            "provision": {
                "endpoint_brand": "linphone", "endpoint_model": "softphone",
                "server": registrar.ip(), "port": registrar.port(),
            },
        }),
    );
    shop.path(&format!("/devices/{}", id(&device)))
}

fn file_of(daemon: &Daemon, device: &str) -> String {
    let id = Path::new(device).file_name().unwrap().to_str().unwrap();
    format!("http://{}/{id}.xml", daemon.phones())
}

/// Who is registered for the shop, as the administrator sees it.
fn registered(shop: &Shop) -> Vec<String> {
    let rows = shop.administrator.get(&shop.path("/registrations"));
    rows.as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn linphone_is_provisioned_told_of_a_change_and_provisioned_again() {
    if !has("linphonec") {
        return;
    }
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = softphone(&shop, "alice", daemon.sip());
    let mut phone = Linphone::provisioned(&file_of(&daemon, &device));
    wait_until("alice is registered", || registered(&shop) == ["alice"]);
    shop.wait_for(&device, "it holds its file", |p| p["in_step"] == json!(true));

    shop.administrator.patch(&device, &json!({"sip": {"username": "bob", "password": "another"}}));
    phone.obeys_a_check_sync();
    wait_until("bob is registered", || registered(&shop) == ["bob"]);
    shop.wait_for(&device, "it holds its new file", |p| {
        p["in_step"] == json!(true) && p["pending"] == Value::Null
    });
}

#[test]
fn linphone_at_kamailio_is_provisioned_told_of_a_change_and_provisioned_again() {
    if !has("linphonec") || !has("kamailio") {
        return;
    }
    let kamailio = Kamailio::start("SHA-256", &[("alice", "secret of alice"), ("bob", "another")]);
    let daemon = Daemon::behind(kamailio.sip);
    let shop = daemon.shop();
    let device = softphone(&shop, "alice", kamailio.sip);
    let mut phone = Linphone::provisioned(&file_of(&daemon, &device));
    wait_until("alice is registered", || kamailio.registered() == ["alice@shop.example"]);
    shop.wait_for(&device, "it holds its file", |p| p["in_step"] == json!(true));

    shop.administrator.patch(&device, &json!({"sip": {"username": "bob", "password": "another"}}));
    phone.obeys_a_check_sync();
    wait_until("bob is registered", || kamailio.registered().contains(&"bob@shop.example".to_owned()));
    shop.wait_for(&device, "it holds its new file", |p| p["in_step"] == json!(true));
}
