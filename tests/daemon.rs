//! The program itself, as whoever operates it sees it: started, killed, stopped, started twice.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use house::{Administrator, KEY, Phone, id};
use serde_json::json;

fn checksync(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_checksync"));
    command.env("CHECKSYNC_DATA_DIR", dir.join("var")).env("CHECKSYNC_API_KEY", KEY).current_dir(dir);
    command
}

fn serve(dir: &Path) -> Command {
    let mut command = checksync(dir);
    command.args(["serve", "--phones", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sip", "127.0.0.1:0"]);
    command
}

fn refused(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(!status.success(), "{text}");
    text
}

/// A daemon that runs as a process of its own.
struct Process {
    child: Child,
    phones: String,
    admin: String,
    said: String,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut said, mut ready) = (String::new(), false);
        while !ready {
            let line = lines.next().expect("the daemon says where it listens").unwrap();
            ready = line.starts_with("sip udp:");
            said += &(line + "\n");
        }
        let word = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let (phones, admin) = (word("phones "), word("admin "));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, phones, admin, said }
    }

    fn signal(&mut self, name: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
        for _ in 0..1500 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the daemon did not end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[test]
fn listeners_of_sip_are_told_after_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = serve(dir.path());
    command
        .env("CHECKSYNC_SIP_LISTEN", "tcp:127.0.0.1:0,udp:[::]:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<String> = lines.filter(|line| line.starts_with("sip ")).take(3).collect();
    let begins = ["sip udp:127.0.0.1:", "sip tcp:127.0.0.1:", "sip udp:[::1]:"];
    assert!(begins.iter().zip(&told).all(|(begin, line)| line.starts_with(begin)), "{told:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn tftp_is_told_last_and_a_port_of_it_that_is_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = serve(dir.path());
    let mut child =
        command.args(["--tftp", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<String> = lines.skip_while(|line| !line.starts_with("sip ")).take(2).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told[1].starts_with("tftp udp:127.0.0.1:") && !told[1].ends_with(":0"), "{told:?}");
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let said = refused(serve(dir.path()).args(["--tftp", &taken.local_addr().unwrap().to_string()]));
    assert!(said.contains("for tftp") && said.contains("--tftp"), "{said}");
}

#[test]
fn it_says_where_it_listens_and_both_listeners_are_healthy() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Process::start(&mut serve(dir.path()));
    for listener in [&daemon.phones, &daemon.admin] {
        let mut answer = ureq::get(format!("{listener}/healthz")).call().unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.body_mut().read_to_string().unwrap().contains("ok"));
    }
    assert!(!daemon.said.contains(KEY), "a key that was given is not printed");
}

#[test]
fn whatever_was_acknowledged_is_there_after_it_was_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut account, mut written) = (String::new(), Vec::new());
    for round in 0..6_u32 {
        let mut daemon = Process::start(&mut serve(dir.path()));
        let administrator = Administrator::at(&daemon.admin);
        if account.is_empty() {
            account =
                id(&administrator.create("/accounts", &json!({"name": "Shop", "realm": "shop.example"})));
        }
        let path = format!("/accounts/{account}/devices");
        for device in &written {
            let (status, answer) = administrator.call("GET", &format!("{path}/{device}"), &json!({}));
            assert_eq!(status, 200, "acknowledged and lost: {answer}");
        }
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4_u32)
                .map(|writer| {
                    let (administrator, path) = (&administrator, &path);
                    scope.spawn(move || write_until_it_dies(administrator, path, round * 4 + writer))
                })
                .collect();
            std::thread::sleep(Duration::from_millis(150 + u64::from(round) * 40));
            let _killed = daemon.child.kill();
            written.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
        });
    }
    assert!(written.len() > 20, "only {} writes were acknowledged", written.len());
    let report = checksync::store::check(&dir.path().join("var")).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

#[test]
fn who_had_registered_is_registered_still_after_the_daemon_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Process::start(&mut serve(dir.path()));
    let administrator = Administrator::at(&daemon.admin);
    let account = id(&administrator.create("/accounts", &json!({"name": "Shop", "realm": "shop.example"})));
    let device = json!({"name": "Front", "sip": {"username": "front", "password": "correct horse"}});
    administrator.create(&format!("/accounts/{account}/devices"), &device);
    let sip = daemon.said.lines().find_map(|line| line.strip_prefix("sip udp:")).unwrap().trim();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut phone = Phone::on(socket, ("", "front"), String::new(), sip.parse().unwrap());
    phone.register();
    let count = |administrator: &Administrator| {
        administrator.get(&format!("/accounts/{account}/registrations/count"))["count"].clone()
    };
    while count(&administrator) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    // It is counted at once, and written down a moment later.
    std::thread::sleep(Duration::from_secs(1));
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    let daemon = Process::start(&mut serve(dir.path()));
    assert_eq!(count(&Administrator::at(&daemon.admin)), 1);
}

/// Creates devices as fast as they are acknowledged; gives the ids of those that were.
fn write_until_it_dies(administrator: &Administrator, path: &str, writer: u32) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0..10_000_u32 {
        let name = format!("{writer}-{number}");
        let device = json!({"name": name, "mac_address": format!("80{writer:02x}{number:08x}"), "sip": {"username": name}});
        match administrator.try_call("PUT", path, &device) {
            Some((201, answer)) => acknowledged.push(id(&answer["data"])),
            Some((status, answer)) => panic!("{status} {answer}"),
            None => break,
        }
    }
    acknowledged
}

#[test]
fn a_signal_ends_it_in_order() {
    for name in ["TERM", "INT"] {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = Process::start(&mut serve(dir.path()));
        Administrator::at(&daemon.admin).create("/accounts", &json!({"name": "Shop"}));
        assert!(daemon.signal(name).success(), "{name}");
        assert_eq!(checksync::store::check(&dir.path().join("var")).unwrap().counts.accounts, 2);
    }
}

#[test]
fn a_second_start_on_the_same_data_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Process::start(&mut serve(dir.path()));
    let text = refused(&mut serve(dir.path()));
    assert!(text.contains("in use") && text.contains(&daemon.child.id().to_string()), "{text}");
    let text = refused(checksync(dir.path()).arg("export"));
    assert!(text.contains("in use"), "{text}");
}

#[test]
fn a_port_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let mut command = checksync(dir.path());
    command.args(["serve", "--admin", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--phones", &taken.to_string()]);
    let text = refused(&mut command);
    assert!(text.contains(&taken.port().to_string()) && text.contains("--phones"), "{text}");
}

#[test]
fn a_first_start_that_fails_keeps_the_key_for_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let serve = |more: &[&str]| {
        let mut command = serve(dir.path());
        command.env_remove("CHECKSYNC_API_KEY").args(more);
        command
    };
    for option in ["--pack", "--files-dir"] {
        let text = refused(&mut serve(&[option, "no-such-folder"]));
        assert!(text.contains("no-such-folder") && !text.contains("api key"), "{text}");
    }
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    refused(&mut serve(&["--tftp", &holder.local_addr().unwrap().to_string()]));
    let daemon = Process::start(&mut serve(&[]));
    let key = daemon.said.lines().find_map(|line| line.strip_prefix("api key ")).unwrap();
    assert_eq!(key.split(' ').next().unwrap().len(), 64, "{key}");
}

#[test]
fn a_large_file_that_is_being_read_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::File::create(files.join("large.rom")).unwrap().set_len(400 << 30).unwrap();
    let mut daemon = Process::start(serve(dir.path()).arg("--files-dir").arg(files));
    std::thread::sleep(Duration::from_millis(300));
    assert!(daemon.signal("TERM").success());
}

#[test]
fn a_damaged_database_is_a_refusal_that_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    Process::start(&mut serve(dir.path())).signal("TERM");
    std::fs::remove_file(dir.path().join("var/sled/db")).unwrap();
    let text = refused(&mut serve(dir.path()));
    assert!(text.contains("import"), "{text}");
}

#[test]
fn everything_can_be_carried_to_another_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Process::start(serve(dir.path()).arg("--demo"));
    assert!(daemon.said.contains("api key") || !daemon.said.is_empty());
    assert!(daemon.signal("TERM").success());
    let backup = dir.path().join("backup.jsonl");
    let status = checksync(dir.path()).args(["export", "--to"]).arg(&backup).status().unwrap();
    assert!(status.success());
    let other = dir.path().join("other");
    let mut import = checksync(dir.path());
    let status =
        import.env("CHECKSYNC_DATA_DIR", &other).args(["import", "--from"]).arg(&backup).status().unwrap();
    assert!(status.success());
    let again = dir.path().join("again.jsonl");
    let mut export = checksync(dir.path());
    assert!(
        export
            .env("CHECKSYNC_DATA_DIR", &other)
            .args(["export", "--to"])
            .arg(&again)
            .status()
            .unwrap()
            .success()
    );
    let read = |path: &Path| {
        let mut text = String::new();
        std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(read(&again), read(&backup));
    assert!(read(&backup).contains("yealink"));
    let status = checksync(dir.path()).arg("check").status().unwrap();
    assert!(status.success());
}
