//! Three TFTP clients in the place of a phone: curl, atftp (with windows) and tftp-hpa (with texts).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::house::Daemon;
use crate::peers::has;

const NAME: &str = "805ec0123456.cfg";

/// A daemon that speaks TFTP, with a firmware of this many bytes.
fn daemon(bytes: usize) -> (Daemon, Vec<u8>) {
    let daemon = Daemon::configured(|config, folder| {
        fs::create_dir_all(folder.join("files/yealink")).unwrap();
        config.files_dir = folder.join("files");
        "127.0.0.1:0".clone_into(&mut config.tftp);
    });
    let firmware: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251).to_le_bytes()[0]).collect();
    fs::write(daemon.folder().join("files/yealink/one.rom"), &firmware).unwrap();
    (daemon, firmware)
}

fn curl(daemon: &Daemon, name: &str, more: &[&str]) -> (Option<i32>, Vec<u8>) {
    let url = format!("tftp://{}/{name}", daemon.tftp());
    let ran = Command::new("curl").args(["-s", "-m", "30"]).args(more).arg(url).output().unwrap();
    (ran.status.code(), ran.stdout)
}

#[test]
fn curl_fetches_what_http_gives_and_that_is_noted() {
    if !has("curl") {
        return;
    }
    let (daemon, _) = daemon(1);
    let shop = daemon.shop();
    let device = shop.device("805ec0123456", "yealink/t46s", "front");
    for name in ["805ec0123456.boot", NAME] {
        let by_http = daemon.phone("805ec0123456", "front").fetch(&format!("/{name}")).body;
        assert_eq!(curl(&daemon, name, &[]), (Some(0), by_http.into_bytes()));
    }
    shop.administrator.patch(&device, &json!({"name": "Reception"}));
    shop.wait_for(&device, "the phone holds something old", |p| p["in_step"] == json!(false));
    for name in ["805ec0123456.boot", "any/folder/805EC0123456.CFG"] {
        assert_eq!(curl(&daemon, name, &["--tftp-blksize", "1428"]).0, Some(0));
    }
    shop.wait_for(&device, "what was fetched by TFTP is noted", |p| p["in_step"] == json!(true));
}

#[test]
fn curl_fetches_firmware_and_is_told_what_there_is_not() {
    if !has("curl") {
        return;
    }
    let (daemon, firmware) = daemon(1428 * 300);
    for block in ["8192", "1428", "512"] {
        let (code, body) = curl(&daemon, "yealink/one.rom", &["--tftp-blksize", block]);
        assert!(code == Some(0) && body == firmware, "{block}: {code:?}, {} bytes", body.len());
    }
    assert!(curl(&daemon, "yealink/one.rom", &["--tftp-no-options"]).1 == firmware);
    let not_found = Some(68);
    for name in ["nothing.rom", "../secret", "000000000000.cfg", "yealink"] {
        assert_eq!(curl(&daemon, name, &["--path-as-is"]), (not_found, Vec::new()), "{name}");
    }
    let own = daemon.folder().join("files/yealink/one.rom");
    let not_permitted = Some(69);
    assert_eq!(curl(&daemon, "new.rom", &["-T", own.to_str().unwrap()]).0, not_permitted);
}

#[test]
fn atftp_is_sent_windows_of_blocks() {
    if !has("atftp") {
        return;
    }
    let (daemon, firmware) = daemon(1_000_000);
    let to = daemon.folder().join("got");
    for window in ["windowsize 1", "windowsize 7", "windowsize 64"] {
        let options = ["--option", window, "--option", "blksize 1400", "--option", "tsize 0", "--get", "-r"];
        let mut command = Command::new("atftp");
        command.args(options).args(["yealink/one.rom", "-l"]).arg(&to);
        let ran = ran(command.arg("127.0.0.1").arg(daemon.tftp().port().to_string()));
        assert!(fs::read(&to).unwrap() == firmware, "{window}: {ran}");
    }
}

#[test]
fn tftp_hpa_fetches_a_text_as_a_text() {
    if !has("tftp") {
        return;
    }
    let (daemon, _) = daemon(100_000);
    let shop = daemon.shop();
    shop.device("805ec0123456", "yealink/t46s", "front");
    let served = daemon.phone("805ec0123456", "front").fetch(&format!("/{NAME}")).body;
    for mode in ["netascii", "octet"] {
        hpa(daemon.folder(), daemon.tftp(), mode, NAME);
        assert_eq!(fs::read_to_string(daemon.folder().join(NAME)).unwrap(), served, "{mode}");
    }
    let said = hpa(daemon.folder(), daemon.tftp(), "netascii", "yealink/one.rom");
    assert!(said.contains("ask for it in octet mode"), "{said}");
}

fn hpa(folder: &Path, at: SocketAddr, mode: &str, name: &str) -> String {
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    let mut command = Command::new("tftp");
    ran(command.current_dir(folder).args([&host, &port, "-m", mode, "-c", "get", name]))
}

fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
