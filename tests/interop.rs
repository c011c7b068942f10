//! Real SIP software in the place of a phone.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::net::UdpSocket;
use std::process::{Command, Stdio};

use house::Daemon;
use serde_json::{Value, json};

/// True when a peer is installed. Without it a test says so, and fails where everything must be there.
fn has(peer: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {peer}")]).stdout(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{peer} is missing: scripts/test --install installs it");
        eprintln!("NOT RUN: {peer} is missing; scripts/test --install installs it");
    }
    found
}

#[test]
fn sipp_registers_is_told_of_a_change_and_answers() {
    if !has("sipp") {
        return;
    }
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    shop.administrator.patch(&device, &json!({"sip": {"password": "correct"}}));
    daemon.phone("805ec0123456", "front").boot();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let work = tempfile::tempdir().unwrap();
    let sipp = |scenario: &str| {
        let scenario = format!("{}/tests/interop/{scenario}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("sipp");
        command.args([
            "-sf",
            &scenario,
            "-i",
            "127.0.0.1",
            "-p",
            &port,
            "-m",
            "1",
            "-nostdin",
            "-timeout",
            "20s",
        ]);
        command.arg(daemon.sip().to_string()).current_dir(work.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    assert!(sipp("register.xml").wait().unwrap().success(), "SIPp could not register");
    assert_ne!(shop.administrator.get(&shop.path("/devices/status")), json!([]));
    let mut told = sipp("notified.xml");
    shop.administrator.patch(&device, &json!({"name": "Told by a NOTIFY"}));
    assert!(told.wait().unwrap().success(), "SIPp was not told as it expects");
    shop.wait_for(&device, "the answer is noted", |p| p["last_notify"]["outcome"] != Value::Null);
}
