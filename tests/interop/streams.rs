//! Kamailio over TCP and over TLS: the phone is at Kamailio by UDP, and what we tell it goes there on a connection.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::booted;
use crate::house::{Daemon, Shop};
use crate::kamailio::Kamailio;
use crate::peers::has;
use crate::sipp::Sipp;

/// How Kamailio listens at its port by TCP, or by TLS, too.
const TCP: &str = "listen=tcp:127.0.0.1:@SIP@";
const TLS: &str = r#"enable_tls=yes
listen=tls:127.0.0.1:@SIP@
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "@FOLDER@/certificate.pem")
modparam("tls", "private_key", "@FOLDER@/key.pem")
"#;

/// What names the folder of Kamailio's certificate to a test that runs again with its own roots.
const IDENTITY: &str = "CHECKSYNC_TEST_IDENTITY";

/// A certificate for 127.0.0.1 that nobody trusts yet, and its key.
fn identity() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    folder
}

fn tls(folder: &Path) -> String {
    TLS.replace("@FOLDER@", folder.to_str().unwrap())
}

/// Runs a test of this file again, as a process that trusts this certificate: the roots are of the whole process.
fn again_trusting(test: &str, folder: &Path) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("streams::{test}"), "--nocapture"]);
    command.env(IDENTITY, folder).env("SSL_CERT_FILE", folder.join("certificate.pem"));
    assert!(command.status().unwrap().success(), "it failed, as is said above");
}

/// A device whose phone is in step, at a daemon whose proxy is this.
fn front(daemon: &Daemon) -> (Shop, String) {
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    shop.administrator.patch(&device, &json!({"sip": {"password": "correct"}}));
    booted(daemon, &shop, &device);
    (shop, device)
}

/// A phone at a Kamailio that listens so and challenges with this algorithm is told of a change through it.
fn is_told(streams: &str, algorithm: &str, proxy: impl Fn(SocketAddr) -> String) {
    let kamailio = Kamailio::that_listens(streams, algorithm, &[("front", "correct")]);
    let daemon = Daemon::behind_name(&proxy(kamailio.sip));
    let (shop, device) = front(&daemon);
    let sipp = Sipp::registered_at(kamailio.sip, "register_freely.xml");
    let mut told = sipp.plays("notified.xml");
    shop.administrator.patch(&device, &json!({"name": "Told on a connection"}));
    assert!(told.wait().unwrap().success(), "SIPp was not told as it expects");
    shop.wait_for(&device, "the answer is noted", |p| p["last_notify"]["code"] == json!(200));
}

#[test]
fn a_phone_at_kamailio_is_told_over_tcp_whatever_kamailio_challenges_with() {
    if !has("kamailio") || !has("sipp") {
        return;
    }
    for algorithm in ["MD5", "SHA-256"] {
        is_told(TCP, algorithm, |sip| format!("{sip};transport=tcp"));
    }
}

#[test]
fn a_phone_at_kamailio_is_told_over_tls_whatever_kamailio_challenges_with() {
    if !has("kamailio") || !has("sipp") {
        return;
    }
    let Some(folder) = std::env::var_os(IDENTITY).map(PathBuf::from) else {
        let name = "a_phone_at_kamailio_is_told_over_tls_whatever_kamailio_challenges_with";
        return again_trusting(name, identity().path());
    };
    is_told(&tls(&folder), "MD5", |sip| format!("{sip};transport=tls"));
    is_told(&tls(&folder), "SHA-256", |sip| format!("sips:{sip}"));
}

#[test]
fn a_kamailio_whose_certificate_nobody_trusts_is_told_nothing() {
    if !has("kamailio") {
        return;
    }
    let folder = identity();
    let kamailio = Kamailio::that_listens(&tls(folder.path()), "MD5", &[("front", "correct")]);
    let daemon = Daemon::behind_name(&format!("sips:{}", kamailio.sip));
    let (shop, device) = front(&daemon);
    shop.administrator.patch(&device, &json!({"name": "Told to nobody"}));
    shop.wait_for(&device, "that nobody is reached is noted", |p| {
        p["last_notify"]["outcome"] == json!("nobody answered")
    });
}
