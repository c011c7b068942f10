//! Strangers at the phones' door: what they cannot take, and whom they cannot pass for.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use house::{Daemon, Phone, Shop};
use serde_json::json;
use socket2::{Domain, Socket, Type};

const MAC: &str = "0004f2123456";

/// A shop with a Poly phone that is not registered, and the device's path.
fn poly(daemon: &Daemon) -> (Shop, String, Phone) {
    daemon.shop_with(MAC, "polycom/vvx410")
}

/// A connection from another address of this machine, 127.0.0.`last`, over which this is sent.
fn says(daemon: &Daemon, last: u8, request: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, last], 0)).into()).unwrap();
    socket.connect(&daemon.phones().into()).unwrap();
    let mut stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// The status of the answer that comes over a connection.
fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    std::str::from_utf8(&answer).unwrap().strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
}

/// Somebody begins to send something in the phone's name, and does not go on.
fn begins(daemon: &Daemon, last: u8) -> TcpStream {
    says(daemon, last, &format!("PUT /{MAC}-app.log HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"))
}

#[test]
fn a_stranger_who_sends_slowly_takes_no_turn_of_the_phone() {
    let daemon = Daemon::start();
    let (_, _, phone) = poly(&daemon);
    let mut slow: Vec<_> = (0..9).map(|_| begins(&daemon, 9)).collect();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(phone.send("PUT", &format!("/{MAC}-app.log"), &[], b"text").status, 201);
    assert!(slow.iter_mut().all(|stream| status(stream) == 404));
}

#[test]
fn strangers_who_take_every_turn_of_theirs_leave_those_of_phones_at_home() {
    let daemon = Daemon::start();
    let (_, _, mut phone) = poly(&daemon);
    phone.register();
    let slow: Vec<_> = (0..80).map(|number| begins(&daemon, 100 + number / 4)).collect();
    std::thread::sleep(Duration::from_millis(700));
    let whole = format!("PUT /{MAC}-app.log HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\ntext");
    assert_eq!(status(&mut says(&daemon, 200, &whole)), 404, "strangers have no more");
    for name in ["app.log", "phone.cfg"] {
        assert_eq!(phone.send("PUT", &format!("/{MAC}-{name}"), &[], b"text").status, 201, "{name}");
    }
    drop(slow);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(status(&mut says(&daemon, 200, &whole)), 204, "what they held is free again");
}

#[test]
fn a_phone_behind_a_sip_proxy_that_writes_no_path_has_no_address_of_its_own() {
    let daemon = Daemon::start();
    let (_, _, mut phone) = poly(&daemon);
    let path = format!("/{MAC}-phone.cfg");
    phone.register();
    assert_eq!(phone.send("PUT", &path, &[], b"<mine/>").status, 201);
    phone.is_behind_a_proxy = true;
    phone.register();
    assert_eq!(phone.send("PUT", &path, &[], b"<evil/>").status, 404);
    assert_eq!(phone.fetch(&path).status, 404);
    phone.is_behind_a_proxy = false;
    phone.register();
    assert_eq!(phone.fetch(&path).body, "<mine/>");
}

#[test]
fn a_request_that_came_by_an_http_proxy_comes_from_nobodys_home() {
    let daemon = Daemon::start();
    let (shop, device, mut phone) = poly(&daemon);
    phone.register();
    let path = format!("/{MAC}-phone.cfg");
    let headers = [
        ("Forwarded", "for=198.51.100.66"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Via", "1.1 proxy"),
    ];
    for header in headers {
        assert_eq!(phone.send("PUT", &path, &[header], b"<evil/>").status, 404, "{header:?}");
    }
    assert_eq!(shop.administrator.get(&format!("{device}/uploads")), json!([]));
    assert_eq!(phone.send("PUT", &path, &[], b"<mine/>").status, 201);
    for header in headers {
        assert_eq!(phone.ask("GET", &path, &[header]).status, 404, "{header:?}");
    }
    assert_eq!(phone.fetch(&path).body, "<mine/>");
}

/// A daemon with static files: firmware, a logo, a text, a long text, and TFTP.
fn with_files() -> Daemon {
    let daemon = Daemon::configured(|config, folder| {
        fs::create_dir_all(folder.join("files")).unwrap();
        config.files_dir = folder.join("files");
        "127.0.0.1:0".clone_into(&mut config.tftp);
    });
    let files = daemon.folder().join("files");
    fs::File::create(files.join("fw.rom")).unwrap().set_len(16 << 20).unwrap();
    fs::write(files.join("logo.png"), "a logo").unwrap();
    fs::write(files.join("dialplan.xml"), "<a>\n\r<b/>\n</a>\n").unwrap();
    fs::write(files.join("most.txt"), "a\n".repeat(1 << 19)).unwrap();
    fs::write(files.join("long.txt"), "a\n".repeat((1 << 19) + 1)).unwrap();
    daemon
}

/// How many of these are sent the firmware, who read nothing of it but the first line.
fn fetching(daemon: &Daemon, last: u8, count: usize) -> (Vec<TcpStream>, usize) {
    let request = "GET /fw.rom HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut streams: Vec<_> = (0..count).map(|_| says(daemon, last, request)).collect();
    let statuses: Vec<u16> = streams.iter_mut().map(status).collect();
    assert!(statuses.iter().all(|status| [200, 404].contains(status)), "{statuses:?}");
    let served = statuses.iter().filter(|status| **status == 200).count();
    (streams, served)
}

#[test]
fn whoever_fetches_firmware_and_does_not_read_it_leaves_some_for_others() {
    let daemon = with_files();
    let (greedy, served) = fetching(&daemon, 9, 140);
    assert_eq!(served, 128, "half of all");
    let (others, served) = fetching(&daemon, 10, 20);
    assert_eq!(served, 16, "what everybody has");
    let phone = daemon.phone(MAC, "front");
    assert_eq!(phone.fetch("/logo.png").body, "a logo", "what is short needs no place");
    assert_eq!(phone.ask("HEAD", "/fw.rom", &[]).status, 200);
    assert_eq!(phone.ask("GET", "/fw.rom", &[("Range", "bytes=5-9")]).status, 206);
    drop(others);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(fetching(&daemon, 10, 20).1, 16, "those are free again");
    drop(greedy);
}

/// What is sent by TFTP to whoever asks in a mode, to its end or its error, as it comes.
fn by_tftp(daemon: &Daemon, name: &str, mode: &str) -> Result<Vec<u8>, String> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(format!("\0\x01{name}\0{mode}\0").as_bytes(), daemon.tftp()).unwrap();
    let (mut text, mut datagram) = (Vec::new(), [0; 1024]);
    loop {
        let (length, from) = socket.recv_from(&mut datagram).unwrap();
        if datagram[1] == 5 {
            return Err(String::from_utf8_lossy(&datagram[4..length - 1]).into_owned());
        }
        text.extend(&datagram[4..length]);
        socket.send_to(&[0, 4, datagram[2], datagram[3]], from).unwrap();
        if length < 516 {
            return Ok(text);
        }
    }
}

#[test]
fn a_static_text_is_sent_by_tftp_as_a_text() {
    let daemon = with_files();
    let sent = by_tftp(&daemon, "dialplan.xml", "netascii").unwrap();
    assert_eq!(String::from_utf8(sent).unwrap(), "<a>\r\n\r\0<b/>\r\n</a>\r\n");
    assert_eq!(by_tftp(&daemon, "dialplan.xml", "octet").unwrap(), b"<a>\n\r<b/>\n</a>\n");
    assert_eq!(by_tftp(&daemon, "most.txt", "netascii").unwrap(), "a\r\n".repeat(1 << 19).as_bytes());
    for name in ["fw.rom", "logo.png", "long.txt"] {
        let said = by_tftp(&daemon, name, "netascii").unwrap_err();
        assert_eq!(said, "this file is no text: ask for it in octet mode", "{name}");
    }
    assert_eq!(by_tftp(&daemon, "logo.png", "octet").unwrap(), b"a logo");
}
