//! What phones send: who may, how much, who sees it, and when it goes.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use house::{Daemon, Phone, Shop, id};
use serde_json::{Value, json};

const MAC: &str = "0004f2123456";

/// A shop with a Poly phone, and the device's path.
fn poly(daemon: &Daemon) -> (Shop, String, Phone) {
    daemon.shop_with(MAC, "polycom/vvx410")
}

fn names(uploads: &Value) -> Vec<&str> {
    uploads.as_array().unwrap().iter().map(|upload| upload["name"].as_str().unwrap()).collect()
}

#[test]
fn a_poly_phone_sends_its_log_and_fetches_what_was_set_on_it() {
    let mut daemon = Daemon::start();
    let (shop, device, mut phone) = poly(&daemon);
    phone.register();
    let put =
        |name: &str, text: &str| phone.send("PUT", &format!("/{MAC}-{name}"), &[], text.as_bytes()).status;
    assert_eq!(phone.fetch(&format!("/{MAC}-phone.cfg")).status, 404, "nothing was set on it");
    assert_eq!([put("app.log", "one"), put("app.log", "two"), put("phone.cfg", "<set/>")], [201, 204, 201]);
    let upper = phone.send("POST", &format!("/logs/{}-BOOT.LOG", MAC.to_uppercase()), &[], b"boot").status;
    assert_eq!(upper, 201);
    assert_eq!(phone.fetch(&format!("/{MAC}-app.log")).status, 404, "a log is given back to nobody");
    let back = phone.fetch(&format!("/{MAC}-phone.cfg"));
    assert_eq!(
        (back.status, back.body.as_str(), &back.headers["content-length"]),
        (200, "<set/>", &"6".parse().unwrap())
    );
    let uploads = shop.administrator.get(&format!("{device}/uploads"));
    assert_eq!(names(&uploads), ["0004f2123456-app.log", "0004f2123456-boot.log", "0004f2123456-phone.cfg"]);
    let log = shop.administrator.get(&format!("{device}/uploads/{MAC}-app.log"));
    assert_eq!([&log["body"], &log["bytes"]], [&json!("two"), &json!(3)]);
    assert!(log["received"].as_u64().unwrap() > 1_600_000_000 && log["sha256"].as_str().unwrap().len() == 64);
    daemon.restart();
    let (administrator, phone) = (daemon.administrator(), daemon.phone(MAC, "front"));
    assert_eq!(phone.fetch(&format!("/{MAC}-phone.cfg")).body, "<set/>");
    assert_eq!(administrator.call("DELETE", &format!("{device}/uploads/{MAC}-phone.cfg"), &json!({})).0, 200);
    assert_eq!(phone.fetch(&format!("/{MAC}-phone.cfg")).status, 404);
    assert_eq!(administrator.call("GET", &format!("{device}/uploads/{MAC}-phone.cfg"), &json!({})).0, 404);
}

#[test]
fn a_yealink_phone_sends_what_was_set_on_it() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    shop.device("805ec0123456", "yealink/t46s", "front");
    let mut phone = daemon.phone("805ec0123456", "front");
    phone.register();
    assert_eq!(phone.send("POST", "/805ec0123456-local.cfg", &[], b"#!version").status, 201);
    assert_eq!(phone.fetch("/805ec0123456-local.cfg").body, "#!version");
}

/// The first line of what is answered to a request that comes from another address than the phone's.
fn from_elsewhere(daemon: &Daemon, request: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(daemon.phones()).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

/// What is answered by TFTP to whoever asks from this address.
fn by_tftp(daemon: &Daemon, from: &str, name: &str) -> Vec<u8> {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(format!("\0\x01{name}\0octet\0").as_bytes(), daemon.tftp()).unwrap();
    let mut answer = [0; 1024];
    let length = socket.recv(&mut answer).unwrap();
    answer[..length].to_vec()
}

#[test]
fn what_was_set_on_a_phone_is_between_it_and_the_address_it_is_registered_from() {
    let daemon = Daemon::configured(|config, _| "127.0.0.1:0".clone_into(&mut config.tftp));
    let (shop, device, mut phone) = poly(&daemon);
    let path = format!("/{MAC}-web.cfg");
    assert_eq!(phone.send("PUT", &path, &[], b"<mine/>").status, 404, "it is registered nowhere");
    phone.register();
    let strange = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n<evil/>");
    assert_eq!(from_elsewhere(&daemon, &strange), "HTTP/1.1 404");
    assert_eq!(shop.administrator.get(&format!("{device}/uploads")), json!([]));
    assert_eq!(phone.send("PUT", &path, &[], b"<mine/>").status, 201);
    let fetch = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(from_elsewhere(&daemon, &fetch), "HTTP/1.1 404");
    assert_eq!(by_tftp(&daemon, "127.0.0.2", &path), b"\0\x05\0\x01not found\0");
    assert_eq!(by_tftp(&daemon, "127.0.0.1", &path), b"\0\x03\0\x01<mine/>");
    phone.unregister();
    assert_eq!(phone.fetch(&path).status, 404);
}

#[test]
fn what_is_empty_a_part_or_encoded_is_not_taken() {
    let daemon = Daemon::start();
    let (shop, device, phone) = poly(&daemon);
    let path = format!("/{MAC}-app.log");
    let put = |headers: &[(&str, &str)], body: &[u8]| phone.send("PUT", &path, headers, body).status;
    assert_eq!([put(&[], b""), put(&[("Content-Range", "bytes 0-3/8")], b"text")], [404; 2]);
    assert_eq!(put(&[("Content-Encoding", "gzip")], b"text"), 404);
    assert_eq!(begun(&daemon, "Content-Length: 0", b""), "HTTP/1.1 404");
    assert_eq!(begun(&daemon, "X-Length: none", b""), "HTTP/1.1 404");
    assert_eq!(shop.administrator.get(&format!("{device}/uploads")), json!([]));
    assert_eq!(put(&[], b"text"), 201);
}

#[test]
fn whoever_begins_to_send_and_does_not_go_on_holds_nobody_up() {
    let daemon = Daemon::start();
    let (shop, _, phone) = poly(&daemon);
    shop.device("0004f2123457", "polycom/vvx410", "back");
    let stalled = || {
        let mut stream = TcpStream::connect(daemon.phones()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "PUT /{MAC}-app.log HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx").unwrap();
        stream
    };
    let mut stalled: Vec<_> = (0..40).map(|_| stalled()).collect();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(phone.send("PUT", "/0004f2123457-app.log", &[], b"text").status, 201);
    for stream in &mut stalled {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
    }
    assert_eq!(phone.send("PUT", &format!("/{MAC}-app.log"), &[], b"text").status, 201);
}

#[test]
fn what_a_phone_has_sent_never_takes_the_place_of_what_it_is_given() {
    let daemon = Daemon::start();
    let (_, _, phone) = poly(&daemon);
    let directory = format!("/{MAC}-directory.xml");
    let given = phone.fetch(&directory).body;
    assert_eq!(phone.send("PUT", &directory, &[], b"<mine/>").status, 201);
    assert_eq!(phone.fetch(&directory).body, given);
}

#[test]
fn whoever_may_send_nothing_is_refused_like_any_other() {
    let daemon = Daemon::start();
    let (shop, device, phone) = poly(&daemon);
    let off = shop.device("0004f2123457", "polycom/vvx410", "back");
    shop.administrator.patch(&off, &json!({"enabled": false}));
    shop.device("805ec0123456", "yealink/t46s", "third");
    let send = |path: &str, headers: &[(&str, &str)]| {
        let answer = phone.send("PUT", path, headers, b"text");
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.status, answer.body, names)
    };
    let usual = send("/nothing", &[]);
    assert_eq!((usual.0, usual.1.as_str()), (404, ""));
    for path in [
        "/0004f2999999-app.log",
        "/0004f2123457-app.log",
        "/0004f2123456.cfg",
        "/0004f2123456-lines.cfg",
        "/0004f2123456-other.log",
        "/0004f2123456-local.cfg",
        "/805ec0123456-app.log",
        "/805ec0123456.cfg",
        "/..%2f0004f2123456-app.log",
    ] {
        assert_eq!(send(path, &[]), usual, "{path}");
    }
    let another = (
        "User-Agent",
        "FileTransport PolycomVVX-VVX_410-UA/5.9.0 (SN:0004f2123499) Type/Application 0004f2123499",
    );
    assert_eq!(send("/0004f2123456-app.log", &[another]), usual);
    assert_eq!(phone.ask("DELETE", "/0004f2123456-app.log", &[]).status, 404);
    assert_eq!(shop.administrator.get(&format!("{device}/uploads")), json!([]));
}

/// What is answered to a request whose body does not come, or does not end.
fn begun(daemon: &Daemon, header: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(daemon.phones()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "PUT /{MAC}-app.log HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n").unwrap();
    for piece in body.chunks(1 << 16) {
        let _refused_meanwhile = write!(stream, "{:x}\r\n", piece.len());
        let _refused_meanwhile = stream.write_all(piece).and_then(|()| stream.write_all(b"\r\n"));
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[test]
fn what_is_too_long_is_refused_whether_it_says_so_or_not() {
    let daemon = Daemon::start();
    let (shop, device, phone) = poly(&daemon);
    assert_eq!(begun(&daemon, "Content-Length: 1048577", b""), "HTTP/1.1 404");
    assert_eq!(begun(&daemon, "Transfer-Encoding: chunked", &vec![b'x'; (1 << 20) + 1]), "HTTP/1.1 404");
    assert_eq!(shop.administrator.get(&format!("{device}/uploads")), json!([]));
    let most = vec![b'x'; 1 << 20];
    assert_eq!(phone.send("PUT", &format!("/{MAC}-app.log"), &[], &most).status, 201);
}

#[test]
fn a_phone_that_sends_without_end_is_stopped() {
    let daemon = Daemon::start();
    let (_, _, phone) = poly(&daemon);
    let put = || phone.send("PUT", &format!("/{MAC}-app.log"), &[], b"again").status;
    let statuses: Vec<u16> = (0..65).map(|_| put()).collect();
    assert_eq!(statuses.iter().filter(|status| **status != 404).count(), 60);
    assert_eq!(statuses[60..], [404; 5]);
}

#[test]
fn nothing_is_taken_where_there_is_no_room_for_it() {
    let daemon = Daemon::configured(|config, _| config.uploads_mib = 0);
    let (_, _, phone) = poly(&daemon);
    assert_eq!(phone.send("PUT", &format!("/{MAC}-app.log"), &[], b"text").status, 404);
}

#[test]
fn only_administrators_see_what_a_phone_has_sent_and_the_trail_says_who_did() {
    let daemon = Daemon::start();
    let (shop, device, phone) = poly(&daemon);
    let ann =
        json!({"first_name": "Ann", "last_name": "Lee", "username": "ann", "password": "a-long-password"});
    let ann = id(&shop.administrator.create(&shop.path("/users"), &ann));
    shop.administrator.patch(&device, &json!({"owner_id": ann}));
    phone.send("PUT", &format!("/{MAC}-calls.xml"), &[], b"<calls/>");
    let user = daemon.user(&shop.account, "ann", "a-long-password");
    assert_eq!(user.call("GET", &device, &json!({})).0, 200);
    let call = format!("{device}/uploads/{MAC}-calls.xml");
    for (verb, path) in
        [("GET", format!("{device}/uploads")), ("GET", call.clone()), ("DELETE", call.clone())]
    {
        assert_eq!(user.call(verb, &path, &json!({})).0, 403, "{verb} {path}");
    }
    shop.administrator.get(&call);
    let trail = shop.administrator.get(&shop.path("/audit")).to_string();
    assert!(trail.contains("upload read") && !trail.contains("<calls/>"), "{trail}");
}

#[test]
fn what_a_phone_has_sent_goes_with_its_device() {
    let daemon = Daemon::start();
    let (shop, device, phone) = poly(&daemon);
    let folder = daemon.folder().join("var/uploads");
    let count = || fs::read_dir(&folder).map_or(0, Iterator::count);
    phone.send("PUT", &format!("/{MAC}-app.log"), &[], b"text");
    assert_eq!(count(), 1);
    shop.administrator.call("DELETE", &device, &json!({}));
    assert_eq!(count(), 0);
    shop.device(MAC, "polycom/vvx410", "front");
    phone.send("PUT", &format!("/{MAC}-app.log"), &[], b"text");
    assert_eq!(count(), 1);
    shop.administrator.call("DELETE", &shop.path(""), &json!({}));
    assert_eq!(count(), 0);
}

#[test]
fn what_nobody_has_any_more_goes_at_the_next_start() {
    let mut daemon = Daemon::start();
    let left = daemon.folder().join("var/uploads").join("d0".repeat(16));
    daemon.stop();
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("old.log"), "text").unwrap();
    daemon.resume();
    for _ in 0..100 {
        if !left.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it is still there");
}
