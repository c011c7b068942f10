//! An import is all or nothing, whoever interferes and whenever the daemon dies.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use checksync::store::{Options, SledStore, Store as _, Table};
use house::{Administrator, KEY, id};
use serde_json::{Value, json};

/// A daemon as a process of its own.
struct Process {
    child: Child,
    admin: String,
}

impl Process {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_checksync"));
        command.env("CHECKSYNC_DATA_DIR", dir.join("var")).env("CHECKSYNC_API_KEY", KEY).current_dir(dir);
        command.args(["serve", "--phones", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sip", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said = lines.find_map(|line| line.strip_prefix("admin ").map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, admin: said.expect("the daemon says where it listens") }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The token of the master account, for requests that are no JSON.
    fn token(&self) -> String {
        let body = json!({"data": {"api_key": KEY}}).to_string();
        let request = ureq::put(format!("{}/v2/api_auth", self.admin)).content_type("application/json");
        let answer: Value =
            serde_json::from_str(&request.send(body).unwrap().body_mut().read_to_string().unwrap()).unwrap();
        answer["auth_token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Sends rows; the status and the answer, or `None` where none came.
fn import(admin: &str, token: &str, path: &str, rows: &[Value]) -> Option<(u16, Value)> {
    let body: Vec<String> = rows.iter().map(Value::to_string).collect();
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let request = ureq::Agent::new_with_config(config).post(format!("{admin}/v2{path}/import?mode=upsert"));
    let request = request.header("x-auth-token", token).content_type("application/x-ndjson");
    let mut answer = request.send(body.join("\n")).ok()?;
    let text = answer.body_mut().read_to_string().ok()?;
    Some((answer.status().as_u16(), serde_json::from_str(&text).unwrap()))
}

fn phone(number: u32) -> Value {
    let name = format!("u{number}");
    json!({"name": name, "mac_address": format!("805ec1{number:06x}"), "sip": {"username": name}})
}

/// Every device of the account as it is, in the order of their ids.
fn devices(administrator: &Administrator, path: &str) -> Vec<Value> {
    let (status, text) = administrator.call("GET", &format!("{path}/export?secrets=true"), &json!({}));
    assert_eq!(status, 200);
    match text {
        Value::String(lines) => lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        only => vec![only],
    }
}

/// The newest import, as soon as it has stored something.
fn wait_until_it_stores(administrator: &Administrator, path: &str) -> Value {
    for _ in 0..3000 {
        let jobs = administrator.get(&format!("{path}/import"));
        if jobs[0]["applied"].as_u64() > Some(0) {
            return jobs[0].clone();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("nothing was stored: {}", administrator.get(&format!("{path}/import")));
}

fn shop(administrator: &Administrator, known: u32) -> (String, Vec<Value>) {
    let account = id(&administrator.create("/accounts", &json!({"name": "Shop", "realm": "shop.example"})));
    let path = format!("/accounts/{account}/devices");
    let before = (0..known).map(|number| administrator.create(&path, &phone(number))).collect();
    (path, before)
}

/// Rows that replace what is there, and then many new ones.
fn rows(before: &[Value], new: u32) -> Vec<Value> {
    let changed = before.iter().map(|device| {
        let mut device = device.clone();
        device["name"] = json!("changed");
        device["sip"]["username"] = json!(format!("new-{}", device["sip"]["username"].as_str().unwrap()));
        device
    });
    let count = u32::try_from(before.len()).unwrap();
    changed.chain((count..count + new).map(phone)).collect()
}

#[test]
fn an_import_that_the_daemon_did_not_survive_is_taken_back_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Process::start(dir.path());
    let (path, before) = shop(&Administrator::at(&daemon.admin), 50);
    let rows = rows(&before, 6000);
    for wait in [0, 60] {
        let administrator = Administrator::at(&daemon.admin);
        let before = devices(&administrator, &path);
        std::thread::scope(|scope| {
            let (admin, token) = (daemon.admin.clone(), daemon.token());
            let sending = scope.spawn(|| import(&{ admin }, &{ token }, &path, &rows));
            wait_until_it_stores(&administrator, &path);
            std::thread::sleep(Duration::from_millis(wait));
            assert!(devices(&administrator, &path).len() > 50, "it was killed before it stored anything");
            daemon.kill();
            assert_eq!(sending.join().unwrap(), None, "it was killed too late");
        });
        daemon = Process::start(dir.path());
        let administrator = Administrator::at(&daemon.admin);
        assert_eq!(devices(&administrator, &path), before);
        let job = administrator.get(&format!("{path}/import"))[0].clone();
        assert_eq!((&job["state"], &job["total"]), (&json!("failed"), &json!(6050)));
    }
    let (status, answer) = import(&daemon.admin, &daemon.token(), &path, &rows).unwrap();
    assert_eq!(
        (status, &answer["data"]["created"], &answer["data"]["updated"]),
        (201, &json!(6000), &json!(50))
    );
    daemon.kill();
    let daemon = Process::start(dir.path());
    assert_eq!(devices(&Administrator::at(&daemon.admin), &path).len(), 6050, "what was acknowledged stays");
    daemon.kill();
    let data = dir.path().join("var");
    assert_eq!(checksync::store::check(&data).unwrap().problems, Vec::<String>::new());
    assert_eq!(left_notes(&data), Vec::<String>::new());
}

/// The names of the notes that imports have left.
fn left_notes(data: &Path) -> Vec<String> {
    let store = SledStore::open(Options::new(data)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let notes = runtime.block_on(store.notes(Table::Daemon, None, 1000)).unwrap();
    let names = notes.into_iter().map(|(name, _)| String::from_utf8(name).unwrap());
    names.filter(|name| name.starts_with("import")).collect()
}

#[test]
fn an_import_is_taken_back_when_somebody_takes_what_one_of_its_rows_wants() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Process::start(dir.path());
    let administrator = Administrator::at(&daemon.admin);
    let (path, before) = shop(&administrator, 20);
    let before_all = devices(&administrator, &path);
    let rows = rows(&before, 6000);
    let taken = phone(6019);
    let (mine, theirs) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| import(&daemon.admin, &daemon.token(), &path, &rows).unwrap());
        wait_until_it_stores(&administrator, &path);
        let theirs = administrator.create(&path, &taken);
        (sending.join().unwrap(), theirs)
    });
    let (status, answer) = mine;
    assert_eq!((status, &answer["data"]["applied"]), (400, &json!(false)), "{answer}");
    let errors = &answer["data"]["errors"];
    assert_eq!((&errors[0]["row"], errors.as_array().unwrap().len()), (&json!(6020), 1), "{answer}");
    let mut left = devices(&administrator, &path);
    left.retain(|device| device["id"] != theirs["id"]);
    assert_eq!(left, before_all);
}
