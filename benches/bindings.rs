//! What registrations cost in memory and time: `cargo bench --bench bindings -- [phones]`. Each phone registers over the
//! whole digest exchange, as fast as one core can; nothing is sent and nothing stored.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark that fails shall stop"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use checksync::sip::digest::{Asked, Challenge};
use checksync::sip::message::Message;
use checksync::sip::{Command, Credentials, Endpoint, Line, Listeners, Password, Proof, Transport, reader};

const UNIX: u64 = 1_700_000_000;
const REALM: &str = "customer-0042.pbx.example.com";

fn main() {
    let number = std::env::args().skip(1).find(|argument| argument != "--bench");
    let phones: u32 = number.map_or(100_000, |number| number.parse().unwrap());
    let here = (Transport::Udp, "192.0.2.1:5060".parse().unwrap());
    let mut endpoint = Endpoint::new([7; 32], &Listeners::new([here]), "checksync/0.1");
    let (before, begun) = (resident(), Instant::now());
    for phone in 0..phones {
        register(&mut endpoint, phone, begun);
    }
    let took = begun.elapsed();
    let each = took / phones;
    println!("{phones} phones registered in {took:.1?}, {each:.1?} each with their digests computed");
    say("held at once, with the transactions of the last 32 s", before, phones);
    endpoint.wake(begun + Duration::from_mins(1) + took, UNIX + 60, &mut Vec::new());
    say("held a minute later", before, phones);
    let registered = (0..phones).filter(|phone| endpoint.bindings(&device(*phone)).count() == 1).count();
    assert_eq!(registered, phones as usize);
}

/// A phone registers; a second time with the answer to the challenge.
fn register(endpoint: &mut Endpoint, phone: u32, now: Instant) {
    let challenge = answered(endpoint, phone, now, &request(phone, 1, ""));
    assert_eq!(challenge.code, 401);
    let challenge = Challenge::strongest(challenge.headers.all("WWW-Authenticate")).unwrap();
    let asked = Asked { method: "REGISTER", uri: &format!("sip:{REALM}"), body: b"" };
    let credentials = Credentials { user: user(phone), password: password(phone) };
    let answer = challenge.answer(&credentials, asked, "0a4f113b0a4f113b", 1);
    let answered =
        answered(endpoint, phone, now, &request(phone, 2, &format!("Authorization: {answer}\r\n")));
    assert_eq!(answered.code, 200);
}

fn answered(
    endpoint: &mut Endpoint,
    phone: u32,
    now: Instant,
    request: &str,
) -> checksync::sip::message::Response {
    let mut out = Vec::new();
    endpoint.receive(now, UNIX, source(phone).into(), request.as_bytes(), &mut out);
    let Some(Command::FindLine { ticket, .. }) = out.pop() else { panic!("no line is asked for") };
    let line = Line {
        device: device(phone),
        proof: Proof::Password(password(phone)),
        enabled: true,
        expires: 3600,
        tells_overwrites: false,
    };
    endpoint.line(now, UNIX, ticket, Some(&line), &mut out);
    let Some(Command::Send { datagram, .. }) = out.pop() else { panic!("no answer") };
    let Ok(Message::Response(response)) = reader::read(&datagram.0) else { panic!("no response") };
    response
}

/// A REGISTER as a Yealink phone writes it.
fn request(phone: u32, cseq: u32, authorization: &str) -> String {
    let (user, at) = (user(phone), source(phone));
    format!(
        "REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{phone:010}{cseq};rport\r\n\
         From: \"{user}\" <sip:{user}@{REALM}>;tag={phone:010}\r\nTo: \"{user}\" <sip:{user}@{REALM}>\r\n\
         Call-ID: 0_{phone:010}@{ip}\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:{user}@{at};transport=udp>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-{phone:012x}>\"\r\n\
         {authorization}Max-Forwards: 70\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nExpires: 3600\r\n\
         Content-Length: 0\r\n\r\n",
        ip = at.ip(),
    )
}

fn user(phone: u32) -> String {
    format!("user_{phone:010}")
}

fn password(phone: u32) -> Password {
    Password::new(format!("generated-{phone:012}"))
}

fn device(phone: u32) -> String {
    format!("{phone:032x}")
}

fn source(phone: u32) -> SocketAddr {
    (IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + phone)), 5060).into()
}

fn say(what: &str, before: u64, phones: u32) {
    let held = resident().saturating_sub(before);
    println!("{what}: {} MiB, {} bytes a phone", held >> 20, held / u64::from(phones));
}

/// The resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
