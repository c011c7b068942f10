//! Schemathesis sends the daemon what the API's own document allows, and much that it does not: no answer may be a
//! failure of the daemon, or one that the document does not know.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::path::Path;
use std::process::{Command, Output};

use house::{Administrator, Daemon, Shop, id};
use serde_json::json;

/// What must hold of every answer.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// How long requests are made up and sent, in seconds.
const SECONDS: &str = "75";

/// True when both programs are installed. Without them a test says so, and fails where everything must be there.
fn installed() -> bool {
    let is_there = |program: &str| Command::new(program).arg("--help").output().is_ok();
    let found = ["schemathesis", "openapi-spec-validator"].into_iter().all(is_there);
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "Schemathesis is missing: scripts/test --install installs it"
        );
        eprintln!("NOT RUN: Schemathesis is missing; scripts/test --install installs it");
    }
    found
}

/// What stands in the place of ids that nobody has, so that requests reach something. What is deleted, or gets a new
/// key, is used by nothing else; `leaving` is who signs out. An `If-Match` that always holds lets changes happen.
fn configuration(shop: &Shop, leaving: &Administrator) -> String {
    let user = |name: &str| {
        let names = json!({"first_name": "Ann", "last_name": "Lee", "username": name});
        id(&shop.administrator.create(&shop.path("/users"), &names))
    };
    let account = |name: &str| id(&shop.administrator.create("/accounts", &json!({"name": name})));
    let device = |mac: &str| shop.device(mac, "yealink/t46s", mac).rsplit('/').next().unwrap().to_owned();
    let everywhere = [
        ("path.account", shop.account.clone()),
        ("path.user", user("ann")),
        ("path.device", device("805ec0000001")),
        ("path.file", "805ec0000001.cfg".to_owned()),
        ("path.schema", "devices".to_owned()),
        ("path.mac", "805ec0000001".to_owned()),
        ("path.number", "2000".to_owned()),
        ("path.token", shop.administrator.token().to_owned()),
        ("path.brand", "yealink".to_owned()),
        ("path.family", "t4x".to_owned()),
        ("path.model", "t46s".to_owned()),
        ("header.If-Match", "*".to_owned()),
        ("header.Prefer", "wait".to_owned()),
    ];
    let once = [
        ("deleteDevice", "path.device", device("805ec0000002")),
        ("deleteUser", "path.user", user("bea")),
        ("deleteAccount", "path.account", account("Gone")),
        ("unpushDevice", "path.mac", "805ec0000003".to_owned()),
        ("unpushAccount", "path.account", account("Left")),
        ("rotateApiKey", "path.account", account("Rekeyed")),
    ];
    device("805ec0000003");
    let token = |of: &Administrator| format!("headers = {{ X-Auth-Token = \"{}\" }}\n", of.token());
    let operation = |name: &str| format!("[[operations]]\ninclude-operation-id = \"{name}\"\n");
    let mut text = token(&shop.administrator) + "[parameters]\n";
    text.extend(everywhere.map(|(name, value)| format!("\"{name}\" = \"{value}\"\n")));
    text.extend(once.map(|(operation_id, name, value)| {
        operation(operation_id) + &format!("parameters = {{ \"{name}\" = \"{value}\" }}\n")
    }));
    text + &operation("logOut") + &token(leaving)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn schemathesis(daemon: &Daemon, work: &Path) -> Command {
    let mut command = Command::new("schemathesis");
    command.arg("run").arg(format!("http://{}/v2/openapi.json", daemon.admin())).current_dir(work);
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-time", SECONDS]);
    command.args(["--max-examples", "10", "--generation-deterministic", "--no-shrink"]);
    command.args(["--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "20"]);
    command.args(["--continue-on-failure", "--no-color"]);
    command
}

#[test]
fn the_document_is_valid_and_no_answer_is_unknown_to_it() {
    if !installed() {
        return;
    }
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let work = tempfile::tempdir().unwrap();
    std::fs::write(work.path().join("schemathesis.toml"), configuration(&shop, &daemon.administrator()))
        .unwrap();

    let mut answer = ureq::get(format!("http://{}/v2/openapi.json", daemon.admin())).call().unwrap();
    let document = work.path().join("openapi.json");
    std::fs::write(&document, answer.body_mut().read_to_string().unwrap()).unwrap();
    let valid =
        Command::new("openapi-spec-validator").args(["--schema", "3.1.0"]).arg(&document).output().unwrap();
    assert!(valid.status.success(), "{}", said(&valid));

    let output = schemathesis(&daemon, work.path()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
