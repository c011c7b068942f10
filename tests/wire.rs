//! Phones that speak SIP over TCP, TLS and IPv6, those that are gone, and strangers on a stream.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "wire/flows.rs"]
mod flows;
mod house;
#[path = "wire/phone.rs"]
mod phone;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use checksync::config::Config;
use house::{Daemon, Shop, header, status};
use phone::{LINE, Phone, connect};
use serde_json::{Value, json};

fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let tries = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(20));
        ask()
    });
    tries.take(500).flatten().next().unwrap_or_else(|| panic!("{what} did not happen"))
}

/// A shop with one device.
fn shop(daemon: &Daemon) -> (Shop, String) {
    let shop = daemon.shop();
    let device = shop.device("80:5E:C0:12:34:56", "yealink/t46s", LINE);
    (shop, device)
}

/// Has the device told something.
fn tell(shop: &Shop, device: &str) {
    let envelope = json!({"action": "notify", "data": {"event": "x-lamp"}});
    let (status, said) = shop.administrator.call("PUT", device, &envelope);
    assert_eq!(status, 201, "{said}");
}

/// What the history says of the first thing that the device was told.
fn outcome(shop: &Shop, device: &str) -> String {
    let entry: Value = eventually("an entry", || {
        let history = shop.administrator.get(&format!("{device}/history"));
        history.as_array().unwrap().first().cloned()
    });
    entry["message"].as_str().unwrap().to_owned()
}

fn any_port(transport: &str, ip: &str) -> checksync::wire::Listen {
    format!("{transport}:{ip}:0").parse().unwrap()
}

/// TLS with a certificate made for the occasion.
fn secure(config: &mut Config, folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    config.sip_listen = vec![any_port("tls", "127.0.0.1")];
    config.sip_tls_certificate = folder.join("certificate.pem");
    config.sip_tls_key = folder.join("key.pem");
    std::fs::write(&config.sip_tls_certificate, made.cert.pem()).unwrap();
    std::fs::write(&config.sip_tls_key, made.signing_key.serialize_pem()).unwrap();
}

#[test]
fn a_phone_registers_over_tcp_and_is_told_inside_its_connection() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    let mut phone = Phone::tcp(daemon.sip());
    phone.register();
    tell(&shop, &device);
    let notify = phone.notified();
    assert!(header(&notify, "Via").starts_with(&format!("SIP/2.0/TCP {};", daemon.sip())), "{notify}");
    assert_eq!(header(&notify, "Contact"), format!("<sip:{};transport=tcp>", daemon.sip()));
    assert_eq!(outcome(&shop, &device), "the phone answered 200");
}

#[test]
fn a_phone_registers_over_tls_and_is_told_inside_its_connection() {
    let daemon = Daemon::configured(secure);
    let (shop, device) = shop(&daemon);
    let sip = daemon.sip_also()[0];
    let mut phone = Phone::tls(sip, &daemon.folder().join("certificate.pem"));
    phone.register();
    tell(&shop, &device);
    let notify = phone.notified();
    assert!(header(&notify, "Via").starts_with(&format!("SIP/2.0/TLS {sip};")), "{notify}");
    assert_eq!(outcome(&shop, &device), "the phone answered 200");
    let mut stranger = connect(sip);
    stranger.write_all(b"OPTIONS sip:us SIP/2.0\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _alert_or_reset = stranger.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"SIP"), "who does not encrypt is not answered");
}

#[test]
fn a_phone_registers_over_ipv6_and_is_told_from_there() {
    let daemon = Daemon::configured(|config, _| {
        config.sip_listen = vec![any_port("udp", "[::1]"), any_port("tcp", "[::1]")];
    });
    let (shop, device) = shop(&daemon);
    let [udp, tcp] = daemon.sip_also()[..] else { panic!("two listeners") };
    let mut phone = Phone::tcp(tcp);
    phone.register();
    tell(&shop, &device);
    assert_eq!(header(&phone.notified(), "Contact"), format!("<sip:{tcp};transport=tcp>"));
    assert_eq!(outcome(&shop, &device), "the phone answered 200");
    let socket = std::net::UdpSocket::bind("[::1]:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let local = socket.local_addr().unwrap();
    (phone.transport, phone.local) = ("UDP", local);
    socket.send_to(phone.options().as_bytes(), udp).unwrap();
    let mut answer = [0; 4096];
    let (length, from) = socket.recv_from(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"SIP/2.0 200") && from == udp);
}

#[test]
fn a_phone_whose_connection_is_gone_is_called_back_where_it_listens() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listens = listener.local_addr().unwrap();
    let mut phone = Phone::tcp(daemon.sip());
    phone.contact = format!("sip:{LINE}@{listens};transport=tcp");
    phone.register();
    drop(phone);
    tell(&shop, &device);
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut back = Phone::on(Box::new(stream), "TCP", listens);
    assert!(back.notified().starts_with(&format!("NOTIFY sip:{LINE}@{listens};transport=tcp SIP/2.0\r\n")));
    assert_eq!(outcome(&shop, &device), "the phone answered 200");
}

#[test]
fn a_phone_that_is_gone_altogether_is_known_to_be_at_once() {
    let daemon = Daemon::start();
    let (shop, device) = shop(&daemon);
    let mut phone = Phone::tcp(daemon.sip());
    phone.register();
    drop(phone);
    tell(&shop, &device);
    assert_eq!(outcome(&shop, &device), "nobody answered");
}

#[test]
fn a_proxy_that_has_a_name_is_found_and_spoken_to_over_tcp() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = proxy.local_addr().unwrap();
    let daemon = Daemon::behind_name(&format!("localhost:{};transport=tcp", at.port()));
    let (shop, device) = shop(&daemon);
    tell(&shop, &device);
    let (stream, _) = proxy.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut proxy = Phone::on(Box::new(stream), "TCP", at);
    assert!(proxy.notified().starts_with(&format!("NOTIFY sip:{LINE}@shop.example SIP/2.0\r\n")));
    assert_eq!(outcome(&shop, &device), "the phone answered 200");
}

#[test]
fn messages_are_understood_in_pieces_and_in_one() {
    let daemon = Daemon::start();
    let mut phone = Phone::tcp(daemon.sip());
    for byte in phone.options().chars() {
        phone.send(&byte.to_string());
    }
    assert_eq!(status(&phone.receive().unwrap()), 200);
    let two = phone.options() + &phone.options();
    phone.send(&two);
    assert_eq!([status(&phone.receive().unwrap()), status(&phone.receive().unwrap())], [200, 200]);
    phone.send("\r\n\r\n");
    assert_eq!(phone.receive().unwrap(), "\r\n");
}

#[test]
fn a_bad_message_is_answered_and_the_stream_goes_on() {
    let daemon = Daemon::start();
    let mut phone = Phone::tcp(daemon.sip());
    let broken = phone.options().replace("Call-ID: o\r\n", "");
    assert_eq!(status(&phone.ask(&broken)), 400);
    let large = phone.options().replace("Content-Length: 0", "Content-Length: 70000") + &"x".repeat(70_000);
    assert_eq!(status(&phone.ask(&large)), 513);
    phone.send("GET / HTTP/1.1\r\nHost: us\r\n\r\n");
    let options = phone.options();
    assert_eq!(status(&phone.ask(&options)), 200);
}

#[test]
fn a_stream_that_cannot_go_on_is_answered_as_far_as_that_can_be_done_and_closed() {
    let daemon = Daemon::start();
    let head = |change: fn(String) -> String| {
        let mut phone = Phone::tcp(daemon.sip());
        let text = change(phone.options());
        phone.send(&text);
        let answer = phone.receive().map(|answer| status(&answer));
        (answer, if answer.is_some() { phone.receive() } else { None })
    };
    assert_eq!(head(|text| text.replace("Content-Length: 0", "Content-Length: -1")), (Some(400), None));
    let endless =
        |text: String| text.replace("Content-Length: 0\r\n\r\n", &format!("X: {}", "x".repeat(40_000)));
    assert_eq!(head(endless), (Some(513), None));
    assert_eq!(head(|_| "\0\u{1}\0\0!\u{12}\u{a4}B".to_owned()), (None, None));
}

#[test]
fn listeners_that_cannot_be_opened_say_what_to_do() {
    let said = Daemon::refused(|config, _| config.sip_listen = vec![any_port("tls", "127.0.0.1")]);
    assert!(said.contains("sip_tls_certificate is not set"), "{said}");
    let said = Daemon::refused(|config, folder| {
        secure(config, folder);
        config.sip_tls_key = folder.join("nowhere.pem");
    });
    assert!(said.contains("sip_tls_key = ") && said.contains("nowhere.pem cannot be read"), "{said}");
    let said = Daemon::refused(|config, _| config.sip_listen = vec![any_port("tcp", "192.0.2.1")]);
    assert!(said.contains("for sip_listen") && said.contains("with `sip_listen`"), "{said}");
}
