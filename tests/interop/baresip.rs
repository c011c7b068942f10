//! baresip as a phone that calls and is called.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use crate::became;
use crate::house::{Daemon, Shop, id};
use crate::kamailio::Kamailio;
use crate::peers::{Peer, at_ports, has, wait_until};
use crate::ports::Ports;

const CONFIGURATION: &str = "\
sip_listen 127.0.0.1:@PORT@
audio_source aubridge,none
audio_player aubridge,none
rtp_ports 10000-19998
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_app account.so
module_app menu.so
";

/// baresip, for one line, which answers every call.
struct Baresip {
    _running: Peer,
    _ports: Ports,
    _home: tempfile::TempDir,
}

impl Baresip {
    fn of(user: &str, registrar: SocketAddr) -> Self {
        at_ports(|ports| Self::at(ports, user, registrar))
    }

    /// It takes the first port by UDP and TCP, and the second by TLS.
    fn at(ports: Ports, user: &str, registrar: SocketAddr) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(home.path().join(name), text).unwrap();
        write("config", CONFIGURATION.replace("@PORT@", &ports.first().to_string()));
        write(
            "accounts",
            format!(
                "<sip:{user}@shop.example>;auth_user={user};auth_pass=correct;outbound=\"sip:{registrar}\";\
                 regint=60;answermode=auto;audio_codecs=pcmu\n"
            ),
        );
        let mut command = Command::new("baresip");
        command.arg("-f").arg(home.path()).arg("-s").env("HOME", home.path());
        let log = home.path().join("log");
        let running = Peer::start(&mut command, &log).up(&log, |said| said.contains("baresip is ready"))?;
        Some(Self { _running: running, _ports: ports, _home: home })
    }
}

/// A device for the line `front`; gives its path.
fn front(shop: &Shop) -> String {
    let body = json!({"name": "Front", "sip": {"username": "front", "password": "correct"}});
    let device = shop.administrator.create(&shop.path("/devices"), &body);
    shop.path(&format!("/devices/{}", id(&device)))
}

#[test]
fn baresip_registers_is_called_and_says_how_the_call_went() {
    if !has("baresip") {
        return;
    }
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = front(&shop);
    let _phone = Baresip::of("front", daemon.sip());
    wait_until("baresip is registered", || {
        shop.administrator.get(&shop.path("/registrations/count"))["count"] == 1
    });
    shop.administrator.get(&format!("{device}/quickcall/+43123"));
    // It calls the number at its outbound proxy: here, where there is no such number.
    let entry = became(&shop, &device);
    assert_eq!((&entry["outcome"], &entry["status"]), (&json!("transfer_failed"), &json!(405)));
}

#[test]
fn baresip_is_called_through_kamailio_and_connected_to_another() {
    if !has("baresip") || !has("kamailio") {
        return;
    }
    let kamailio = Kamailio::start("MD5", &[("front", "correct"), ("+43123", "correct")]);
    let daemon = Daemon::behind(kamailio.sip);
    let shop = daemon.shop();
    let device = front(&shop);
    let _phones = ["front", "+43123"].map(|user| Baresip::of(user, kamailio.sip));
    wait_until("both are registered", || kamailio.registered().len() == 2);
    shop.administrator.get(&format!("{device}/quickcall/+43123"));
    let entry = became(&shop, &device);
    assert_eq!((&entry["outcome"], &entry["status"]), (&json!("connected"), &json!(200)));
}

#[test]
fn baresip_does_not_know_a_check_sync_and_that_is_said() {
    if !has("baresip") {
        return;
    }
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = front(&shop);
    let _phone = Baresip::of("front", daemon.sip());
    wait_until("baresip is registered", || {
        shop.administrator.get(&shop.path("/registrations/count"))["count"] == 1
    });
    shop.administrator.call("POST", &format!("{device}/sync"), &json!({}));
    let mut last = Value::Null;
    wait_until("its answer is noted", || {
        last = shop.provisioning(&device)["last_notify"].clone();
        last["outcome"] != Value::Null
    });
    assert_eq!(last["outcome"], "the phone says it does not know this event (481)");
}
