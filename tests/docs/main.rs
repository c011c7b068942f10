//! `docs/api.md` is true: every request in it is sent to the daemon as it stands there, and answered as it says.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "the guide is true today")]

mod guide;
#[path = "../house/mod.rs"]
mod house;
mod stage;

use std::time::Duration;

use guide::{Example, Request, alike, examples};
use house::{Daemon, KEY};
use serde_json::{Value, json};
use stage::Stage;

/// The requests of Kazoo's page on devices, in its order.
const CONTRACT: [(&str, &str); 11] = [
    ("GET", "/devices"),
    ("PUT", "/devices"),
    ("DELETE", "/devices/{DEVICE_ID}"),
    ("GET", "/devices/{DEVICE_ID}"),
    ("POST", "/devices/{DEVICE_ID}"),
    ("PATCH", "/devices/{DEVICE_ID}"),
    ("GET", "/devices/status"),
    ("POST", "/devices/{DEVICE_ID}/sync"),
    ("GET", "/devices/{DEVICE_ID}/quickcall/{PHONE_NUMBER}"),
    ("GET", "/users/{USER_ID}/devices"),
    ("PUT", "/devices"),
];

#[test]
fn every_request_of_the_guide_is_answered_as_it_says() {
    let daemon = Daemon::start();
    let sign_in = r#"{"data":{"api_key":"{API_KEY}"}}"#.replace("{API_KEY}", KEY);
    let base = format!("http://{}", daemon.admin());
    let (_, answer) = send(&Request::new("PUT", &format!("{base}/v2/api_auth"), &sign_in));
    let token = answer["auth_token"].as_str().unwrap();
    for example in examples() {
        let stage = Stage::of(&daemon, token, &example);
        let (status, answer) = send(&example.request.with(|text| stage.fill(text)));
        let place = format!("docs/api.md:{}: {}", example.line, example.request.method);
        assert_eq!(status, expected(&example), "{place}: {answer:#}");
        if let Err(difference) = alike(&stage.filled(&example.answer), &answer, "answer") {
            panic!("{place}: {difference}\n{answer:#}");
        }
        for path in nulls(&example.request.data()) {
            assert_eq!(answer["data"].pointer(&path), None, "{place}: {path} is still there");
        }
        stage.clear();
    }
}

fn expected(example: &Example) -> u16 {
    let error = example.answer["error"].as_str().map(|code| code.parse().unwrap());
    error.unwrap_or(if example.request.method == "PUT" { 201 } else { 200 })
}

/// Where a request says `null`.
fn nulls(data: &Value) -> Vec<String> {
    match data {
        Value::Null => vec![String::new()],
        Value::Object(members) => {
            let below = members
                .iter()
                .flat_map(|(name, value)| nulls(value).into_iter().map(move |path| format!("/{name}{path}")));
            below.collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn the_guide_has_every_request_of_the_page() {
    let examples = examples();
    let mut left: Vec<_> = examples
        .iter()
        .map(|example| {
            let path = example.request.url.split("/accounts/{ACCOUNT_ID}").nth(1).unwrap_or_default();
            (example.request.method.as_str(), path)
        })
        .collect();
    for wanted in CONTRACT {
        let at = left.iter().position(|request| *request == wanted);
        left.remove(at.unwrap_or_else(|| panic!("{wanted:?} is missing")));
    }
}

#[test]
fn the_guide_has_every_member_of_the_pages_tables() {
    let guide = include_str!("../../docs/api.md");
    let (_, tables) = guide.split_once("## Every member of a device").unwrap();
    let mut lines = tables.lines();
    for row in include_str!("../contract/rows.txt").lines().filter(|line| line.contains(" :: ")) {
        let key = row.split(" :: ").next().unwrap();
        let begin = format!("| `{key}` |");
        assert!(lines.any(|line| line.starts_with(&begin)), "{key} is missing, or not in its place");
    }
}

#[test]
fn what_kazoos_page_shows_of_other_defaults_is_not_in_the_guide() {
    for example in examples().iter().filter(|example| example.request.method == "PUT") {
        let sip = &example.answer["data"]["sip"];
        let asked = &example.request.data()["sip"];
        assert_eq!(sip.get("registration_expiration"), None);
        if sip.is_object() && asked.get("invite_format").is_none() {
            assert_eq!((&sip["invite_format"], &sip["expire_seconds"]), (&json!("contact"), &json!(300)));
        }
    }
}

/// Sends a request as curl does.
fn send(request: &Request) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut built = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    let answer = match &request.body {
        Some(body) => agent.run(built.body(body.clone()).unwrap()),
        None => agent.run(built.body(()).unwrap()),
    };
    let mut answer = answer.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
