//! Phones that ask by multicast, on loopback.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use checksync::app::{App, AppError};
use checksync::config::Config;
use house::{Daemon, header};
use serde_json::json;
use socket2::{Domain, Socket, Type};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 75);

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A phone that sends its multicast by loopback.
fn phone() -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.into()
}

fn asks(phone: &UdpSocket, port: u16, mac: &str) {
    let at = phone.local_addr().unwrap();
    let asked = format!(
        "SUBSCRIBE sip:MAC%3A{mac}@224.0.1.75 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{mac};rport\r\n\
         From: <sip:MAC%3A{mac}@224.0.1.75>;tag=1\r\nTo: <sip:MAC%3A{mac}@224.0.1.75>\r\nCall-ID: {mac}\r\n\
         CSeq: 1 SUBSCRIBE\r\nContact: <sip:{at}>\r\nMax-Forwards: 70\r\nExpires: 0\r\nAccept: application/url\r\n\
         Event: ua-profile;profile-type=\"device\";vendor=\"Yealink\";model=\"SIP-T46S\";version=\"66.84.0.10\"\r\n\
         Content-Length: 0\r\n\r\n"
    );
    phone.send_to(asked.as_bytes(), (GROUP, port)).unwrap();
}

fn hears(phone: &UdpSocket) -> String {
    let mut datagram = [0; 4096];
    let (length, _) = phone.recv_from(&mut datagram).expect("somebody answers");
    String::from_utf8_lossy(&datagram[..length]).into_owned()
}

#[test]
fn a_known_phone_is_told_where_its_configuration_lies_and_a_stranger_is_not() {
    let port = free_port();
    let daemon = Daemon::configured(move |config, _| config.pnp = format!("127.0.0.1:{port}"));
    let shop = daemon.shop();
    shop.device("805ec0123456", "yealink/t46s", "front");
    let (known, stranger) = (phone(), phone());
    asks(&stranger, port, "805EC0999999");
    asks(&known, port, "805EC0123456");
    assert!(hears(&known).starts_with("SIP/2.0 200"));
    let notify = hears(&known);
    assert_eq!(header(&notify, "Content-Type"), "application/url");
    let (_, url) = notify.split_once("\r\n\r\n").unwrap();
    assert_eq!(url, format!("http://{}/", daemon.phones()));
    assert_eq!(daemon.phone("805ec0123456", "front").boot().status, 200, "and there it is");
    stranger.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(stranger.recv_from(&mut [0; 4096]).is_err(), "a stranger is told nothing");
}

#[test]
fn any_phone_is_told_and_seen_while_an_administrator_opens_the_door() {
    let port = free_port();
    let daemon = Daemon::configured(move |config, _| config.pnp = format!("127.0.0.1:{port}"));
    let administrator = daemon.administrator();
    assert_eq!(administrator.get("/sightings"), json!({"open_until": null, "phones": []}));
    let wrong = administrator.call("PUT", "/sightings", &json!({"seconds": 0}));
    assert_eq!(wrong.0, 400, "{}", wrong.1);
    let tried = administrator.call("PUT", "/sightings?dry_run=true", &json!({"seconds": 60}));
    assert_eq!(
        (tried.0, administrator.get("/sightings")["open_until"].is_null()),
        (400, true),
        "{}",
        tried.1
    );
    let (status, opened) = administrator.call("PUT", "/sightings", &json!({"seconds": 60}));
    assert!(status == 200 && opened["data"]["open_until"].is_u64(), "{opened}");
    let stranger = phone();
    asks(&stranger, port, "805EC0999999");
    assert!(hears(&stranger).starts_with("SIP/2.0 200"));
    assert!(hears(&stranger).ends_with(&format!("http://{}/", daemon.phones())));
    let seen = &administrator.get("/sightings")["phones"][0];
    let said = ["mac_address", "vendor", "model", "version", "ip"].map(|name| seen[name].as_str().unwrap());
    assert_eq!(said, ["805ec0999999", "Yealink", "SIP-T46S", "66.84.0.10", "127.0.0.1"]);
    assert_eq!(administrator.call("DELETE", "/sightings", &json!({})).0, 200);
    assert_eq!(administrator.get("/sightings"), json!({"open_until": null, "phones": []}));
}

#[test]
fn a_phone_that_has_not_heard_is_told_again() {
    let port = free_port();
    let daemon = Daemon::configured(move |config, _| config.pnp = format!("127.0.0.1:{port}"));
    daemon.shop().device("805ec0123456", "yealink/t46s", "front");
    let phone = phone();
    asks(&phone, port, "805ec0123456");
    let (_, first, again) = (hears(&phone), hears(&phone), hears(&phone));
    assert!(first.starts_with("NOTIFY ") && first == again);
}

#[test]
fn a_phone_that_asks_the_same_again_is_answered_again_and_told_once() {
    let port = free_port();
    let daemon = Daemon::configured(move |config, _| config.pnp = format!("127.0.0.1:{port}"));
    daemon.shop().device("805ec0123456", "yealink/t46s", "front");
    let phone = phone();
    asks(&phone, port, "805ec0123456");
    let (accepted, told) = (hears(&phone), hears(&phone));
    for _ in 0..3 {
        asks(&phone, port, "805ec0123456");
    }
    let (answers, notifies): (Vec<_>, Vec<_>) =
        (0..6).map(|_| hears(&phone)).partition(|heard| heard.starts_with("SIP/2.0"));
    assert_eq!(answers, [&accepted; 3].map(String::clone));
    assert!(notifies.iter().all(|notify| *notify == told), "there is one NOTIFY: {notifies:#?}");
}

#[test]
fn an_interface_that_is_not_there_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let config = Config {
        data_dir: folder.path().to_owned(),
        phones: anywhere,
        admin: anywhere,
        sip: anywhere,
        pnp: format!("192.0.2.250:{}", free_port()),
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(App::start(config)).err().unwrap();
    assert!(matches!(error, AppError::Pnp(_)) && error.to_string().contains("192.0.2.250"), "{error}");
}
