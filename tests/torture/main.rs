//! The torture messages of RFC 4475 and RFC 5118, byte for byte, and what each demands of a registrar.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "what fails here fails the test")]

mod cases;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use checksync::sip::message::{Message, Request};
use checksync::sip::reader::{Malformed, read};
use checksync::sip::{Aor, Command, Endpoint, Line, Notify, Password, Peer, Proof, Transport};

use cases::{Case, Due, INVALID, IPV6, MEANT, VALID};

const UNIX: u64 = 1_000_000;

/// We, and what came of what was sent to us.
struct Scene {
    endpoint: Endpoint,
    now: Instant,
    from: SocketAddr,
    said: Vec<Command>,
}

impl Scene {
    fn new(from: &str) -> Self {
        let local: SocketAddr = "198.51.100.1:5060".parse().unwrap();
        let endpoint = Endpoint::new([7; 32], &local.into(), "checksync");
        Self { endpoint, now: Instant::now(), from: from.parse().unwrap(), said: Vec::new() }
    }

    fn receive(&mut self, datagram: &[u8]) {
        self.endpoint.receive(self.now, UNIX, Peer::new(Transport::Udp, self.from), datagram, &mut self.said);
    }

    /// Answers the one lookup there must be.
    fn look_up(&mut self, user: &str, realm: &str, proof: Proof) {
        let [Command::FindLine { ticket, user: asked, realm: at }] = &self.said[..] else {
            panic!("{:?}", self.said)
        };
        assert_eq!((asked.as_str(), at.as_str()), (user, realm));
        let (ticket, line) = (
            *ticket,
            Line { device: "d".into(), proof, enabled: true, expires: 300, tells_overwrites: false },
        );
        self.said.clear();
        self.endpoint.line(self.now, UNIX, ticket, Some(&line), &mut self.said);
    }

    /// The one message we sent, as a wire text.
    fn sent(&self) -> String {
        let sent: Vec<String> = self.said.iter().filter_map(text_of).collect();
        assert_eq!(sent.len(), 1, "{:?}", self.said);
        sent[0].clone()
    }

    fn notify(&mut self) -> String {
        let proxy: SocketAddr = "198.51.100.2:5060".parse().unwrap();
        let notify =
            Notify::through(Peer::new(Transport::Udp, proxy), Aor::new("u", "pbx"), "check-sync", None);
        self.endpoint.notify(self.now, notify, &mut self.said);
        let sent = self.sent();
        self.said.clear();
        sent
    }
}

fn text_of(command: &Command) -> Option<String> {
    let Command::Send { datagram, .. } = command else { return None };
    Some(datagram.0.iter().copied().map(char::from).collect())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture")
}

fn message(folder_name: &str, name: &str) -> Vec<u8> {
    fs::read(folder().join(folder_name).join(name).with_extension("sip")).unwrap()
}

fn whence(folder_name: &str) -> &'static str {
    if folder_name == "rfc5118" { "[2001:db8::77]:5060" } else { "203.0.113.77:5060" }
}

fn hold(cases: &[Case]) {
    for (folder_name, name, due, why) in cases {
        println!("{folder_name} {name}: {why}");
        let (mut scene, datagram) = (Scene::new(whence(folder_name)), message(folder_name, name));
        match due {
            Due::Bound(user, realm, contacts) => bound(&mut scene, &datagram, (user, realm), contacts),
            Due::Challenged(user, realm) => challenged(&mut scene, &datagram, (user, realm)),
            Due::Answered(code) => answered(&mut scene, &datagram, *code),
            response => responded(&mut scene, &datagram, response),
        }
    }
}

fn bound(scene: &mut Scene, datagram: &[u8], (user, realm): (&str, &str), contacts: &[&str]) {
    let here: IpAddr = scene.from.ip();
    scene.receive(datagram);
    scene.look_up(user, realm, Proof::Address(here));
    let mut kept: Vec<&str> = scene.endpoint.bindings("d").map(|binding| binding.contact.as_str()).collect();
    let mut wanted = contacts.to_vec();
    kept.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(kept, wanted);
    let answer = scene.sent();
    for contact in contacts {
        assert!(answer.contains(&format!("\r\nContact: <{contact}>;expires=300\r\n")), "{answer}");
    }
    is_answer(&answer, 200, datagram);
}

fn challenged(scene: &mut Scene, datagram: &[u8], (user, realm): (&str, &str)) {
    scene.receive(datagram);
    scene.look_up(user, realm, Proof::Password(Password::new("p")));
    is_answer(&scene.sent(), 401, datagram);
    assert_eq!(scene.endpoint.bindings("d").count(), 0);
}

fn answered(scene: &mut Scene, datagram: &[u8], code: u16) {
    scene.receive(datagram);
    assert_eq!(scene.said.len(), 1, "{:?}", scene.said);
    is_answer(&scene.sent(), code, datagram);
}

/// Gives a response the name of a transaction of ours, and looks at what becomes of that.
fn responded(scene: &mut Scene, datagram: &[u8], due: &Due) {
    let notify = scene.notify();
    let branch = notify.split("branch=").nth(1).unwrap().split([';', '\r']).next().unwrap();
    scene.receive(&renamed(datagram, branch));
    let outcomes: Vec<_> = scene.said.drain(..).collect();
    match (due, &outcomes[..]) {
        (Due::Over(wanted), [Command::Notified { outcome, .. }]) => assert_eq!(outcome, wanted),
        (Due::Provisional | Due::Discarded, []) => {
            assert_eq!(scene.endpoint.waiting(), 1);
            let seconds = if matches!(due, Due::Provisional) { 4 } else { 1 };
            assert_eq!(pause(scene), Duration::from_secs(seconds));
        }
        other => panic!("{other:?}"),
    }
}

/// How long after the first repetition of a request the second one is due.
fn pause(scene: &mut Scene) -> Duration {
    let first = scene.endpoint.deadline().unwrap();
    scene.endpoint.wake(first, UNIX, &mut scene.said);
    scene.endpoint.deadline().unwrap() - first
}

fn renamed(datagram: &[u8], branch: &str) -> Vec<u8> {
    let text: String = datagram.iter().copied().map(char::from).collect();
    let (before, rest) = text.split_once("branch=").unwrap();
    let after = &rest[rest.find([';', '\r']).unwrap()..];
    let text = format!("{before}branch={branch}{after}").replace(" INVITE\r\n", " NOTIFY\r\n");
    let text = text.replace(" OPTIONS\r\n", " NOTIFY\r\n");
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

/// Whether a message is the answer with this code to that request, as the RFC wants it.
fn is_answer(answer: &str, code: u16, request: &[u8]) {
    assert!(answer.starts_with(&format!("SIP/2.0 {code} ")) && !answer.contains("Unknown"), "{answer}");
    assert!(answer.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{answer}");
    let must = [(401, "WWW-Authenticate"), (405, "Allow"), (415, "Accept"), (420, "Unsupported")];
    for (_, name) in must.iter().filter(|(of, _)| *of == code) {
        assert!(answer.contains(&format!("\r\n{name}: ")), "{answer}");
    }
    let request = readable(request);
    for name in ["From", "Call-ID", "CSeq"] {
        let value = request.headers.get(name).map(|value| format!("\r\n{name}: {value}\r\n"));
        assert!(value.is_none_or(|value| answer.contains(&value)), "{name}: {answer}");
    }
    let vias: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("Via: ")).collect();
    let came: Vec<&str> = request.headers.all("Via").collect();
    assert_eq!((vias.len(), &vias[1..]), (came.len(), &came[1..]), "all but the first as they came");
    let to = answer.lines().find_map(|line| line.strip_prefix("To: "));
    assert!(code == 400 || to.is_some_and(|to| to.contains("tag")), "{answer}");
}

fn readable(datagram: &[u8]) -> Request {
    match read(datagram) {
        Ok(Message::Request(request)) => request,
        Err(Malformed::Answerable { request, .. }) => *request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn valid_messages_are_understood() {
    hold(VALID);
}

#[test]
fn invalid_messages_are_answered_400_or_taken_as_they_are_meant() {
    hold(INVALID);
}

#[test]
fn what_a_message_means_is_found_by_the_rules_of_transactions_and_of_a_registrar() {
    hold(MEANT);
}

#[test]
fn messages_about_ipv6_are_understood() {
    hold(IPV6);
}

#[test]
fn there_is_a_demand_for_each_message_and_a_message_for_each_demand() {
    let cases = [VALID, INVALID, MEANT, IPV6].concat();
    let mut stand = BTreeSet::new();
    for rfc in ["rfc4475", "rfc5118"] {
        for entry in fs::read_dir(folder().join(rfc)).unwrap() {
            let path = entry.unwrap().path();
            stand.insert(format!("{rfc}/{}", path.file_stem().unwrap().to_str().unwrap()));
        }
    }
    let told: BTreeSet<String> = cases.iter().map(|(rfc, name, ..)| format!("{rfc}/{name}")).collect();
    assert_eq!(told, stand);
    let of = |rfc: &str| told.iter().filter(|name| name.starts_with(rfc)).count();
    assert_eq!((cases.len(), of("rfc4475"), of("rfc5118")), (61, 49, 12));
}
