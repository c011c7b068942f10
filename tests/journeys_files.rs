//! What phones fetch beside their own files: firmware and the like, from a folder of the operator's.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::symlink;
use std::time::Duration;

use house::{Daemon, Phone};
use serde_json::json;

const MAC: &str = "805ec0123456";

/// Of `0123456789`, by coreutils.
const DIGITS: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/// A daemon with a folder of static files, and a secret beside it.
fn daemon() -> Daemon {
    let daemon = Daemon::configured(|config, folder| {
        let files = folder.join("files");
        for below in ["yealink/t4x", "accounts/a0", ".git"] {
            fs::create_dir_all(files.join(below)).unwrap();
        }
        config.files_dir = files;
    });
    let files = daemon.folder().join("files");
    fs::write(daemon.folder().join("secret"), "secret").unwrap();
    for name in ["yealink/one.rom", "accounts/a0/logo.png", ".git/config"] {
        fs::write(files.join(name), "0123456789").unwrap();
    }
    fs::write(files.join("yealink/t4x/two.rom"), "of the family").unwrap();
    fs::write(files.join("805ec0123456.cfg"), "what no phone should get").unwrap();
    symlink("../secret", files.join("up.rom")).unwrap();
    symlink("..", files.join("parent")).unwrap();
    daemon
}

fn firmware(phone: &Phone, headers: &[(&str, &str)]) -> (u16, String, String) {
    let got = phone.ask("GET", "/yealink/one.rom", headers);
    let range = got.headers.get("content-range").map_or("", |range| range.to_str().unwrap()).to_owned();
    (got.status, got.body, range)
}

#[test]
fn a_phone_fetches_firmware_whole_in_parts_and_only_when_it_is_another() {
    let daemon = daemon();
    let phone = daemon.phone(MAC, "front");
    let whole = phone.fetch("/yealink/one.rom");
    assert_eq!((whole.status, whole.body.as_str(), whole.etag), (200, "0123456789", format!("\"{DIGITS}\"")));
    assert_eq!(whole.headers["content-length"], "10");
    assert_eq!(whole.headers["content-type"], "application/octet-stream");
    assert_eq!(whole.headers["accept-ranges"], "bytes");
    let tag = format!("\"{DIGITS}\"");
    let part = (206, "2345".to_owned(), "bytes 2-5/10".to_owned());
    assert_eq!(firmware(&phone, &[("Range", "bytes=2-5")]), part);
    assert_eq!(firmware(&phone, &[("Range", "bytes=2-5"), ("If-Range", &tag)]), part);
    let all = (200, "0123456789".to_owned(), String::new());
    assert_eq!(firmware(&phone, &[("Range", "bytes=2-5"), ("If-Range", "\"older\"")]), all);
    assert_eq!(firmware(&phone, &[("Range", "bytes=10-")]), (416, String::new(), "bytes */10".to_owned()));
    assert_eq!(firmware(&phone, &[("If-None-Match", &tag)]).0, 304);
    let head = phone.ask("HEAD", "/yealink/one.rom", &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.headers["content-length"], "10");
    let head = phone.ask("HEAD", "/yealink/one.rom", &[("Range", "bytes=2-5")]);
    assert_eq!((head.status, &head.headers["content-length"]), (200, &"10".parse().unwrap()));
    assert_eq!(phone.fetch("/accounts/a0/logo.png").headers["content-type"], "image/png");
}

#[test]
fn a_phone_that_says_what_it_is_finds_the_files_of_its_make() {
    let daemon = daemon();
    let mut phone = daemon.phone(MAC, "front");
    assert_eq!(phone.fetch("/two.rom").status, 404);
    let agent = ("User-Agent", "Yealink SIP-T46S 66.86.0.15 80:5e:c0:12:34:56");
    assert_eq!(phone.ask("GET", "/two.rom", &[agent]).body, "of the family");
    assert_eq!(phone.ask("GET", "/one.rom", &[agent]).body, "0123456789");
    let shop = daemon.shop();
    shop.device(MAC, "yealink/t46s", "front");
    phone.register();
    assert!(phone.boot().body.contains("account.1.password"), "its own file comes before a static one");
}

/// Sends a path as it stands, and gives the whole answer without its date.
fn raw(daemon: &Daemon, path: &str) -> String {
    let mut stream = TcpStream::connect(daemon.phones()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_path_that_leads_out_of_the_folder_is_refused_like_any_other() {
    let daemon = daemon();
    let usual = raw(&daemon, "/805ec0999999.cfg");
    assert!(usual.starts_with("HTTP/1.1 404"), "{usual}");
    for hostile in [
        "/../secret",
        "/yealink/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/yealink/%2e%2e/%2e%2e/secret",
        "/..%5csecret",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/up.rom",
        "/parent/secret",
        "/.git/config",
        "/yealink",
        "/yealink/",
        "/yealink/one.rom%00",
        "/%ff",
        "/nothing.rom",
    ] {
        assert_eq!(raw(&daemon, hostile), usual, "{hostile}");
    }
    assert!(raw(&daemon, "/yealink/./one.rom").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_large_file_is_sent_in_pieces() {
    const BYTES: u64 = 64 << 20;
    let daemon = daemon();
    let path = daemon.folder().join("files/large.bin");
    fs::File::create(&path).unwrap().set_len(BYTES).unwrap();
    let mut stream = TcpStream::connect(daemon.phones()).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    write!(stream, "GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = vec![0; 1 << 16];
    let mut count = 0;
    loop {
        match stream.read(&mut answer).unwrap() {
            0 => break,
            read => count += read as u64,
        }
    }
    assert!((BYTES..BYTES + 1024).contains(&count), "{count}");
    let last = daemon.phone(MAC, "front").ask("GET", "/large.bin", &[("Range", "bytes=-2")]);
    assert_eq!((last.status, last.body.as_str()), (206, "\0\0"));
}

#[test]
fn an_administrator_of_the_site_sees_every_static_file() {
    let daemon = daemon();
    let shop = daemon.shop();
    let files = shop.administrator.get("/files");
    let one = files.as_array().unwrap().iter().find(|file| file["name"] == "yealink/one.rom").unwrap();
    assert_eq!(one["url"], format!("http://{}/yealink/one.rom", daemon.phones()));
    assert_eq!(
        [&one["brand"], &one["sha256"], &one["bytes"]],
        [&json!("yealink"), &json!(DIGITS), &json!(10)]
    );
    let named = |name: &str| files.as_array().unwrap().iter().find(|file| file["name"] == name).cloned();
    assert_eq!(named("yealink/t4x/two.rom").unwrap()["family"], "t4x");
    assert_eq!(named("accounts/a0/logo.png").unwrap()["account_id"], "a0");
    assert!(named(".git/config").is_none() && named("up.rom").is_none());
    let other = daemon.administrator_of(&shop.administrator, &shop.account);
    assert_eq!(other.call("GET", "/files", &json!({})).0, 403);
}

#[test]
fn a_folder_that_is_not_there_is_said_at_the_start() {
    let refused = Daemon::refused(|config, folder| config.files_dir = folder.join("nowhere"));
    assert!(refused.contains("nowhere") && refused.contains("--files-dir"), "{refused}");
}

/// A phone that asks by TFTP, and acknowledges when it is told to.
struct OldPhone {
    socket: UdpSocket,
}

impl OldPhone {
    fn asks(daemon: &Daemon, request: &[u8]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send_to(request, daemon.tftp()).unwrap();
        Self { socket }
    }

    fn hears(&self) -> (Vec<u8>, SocketAddr) {
        let mut datagram = [0; 2048];
        let (length, from) = self.socket.recv_from(&mut datagram).unwrap();
        (datagram[..length].to_vec(), from)
    }
}

#[test]
fn a_file_by_tftp_is_held_when_its_last_block_is_acknowledged() {
    let daemon = Daemon::configured(|config, _| "127.0.0.1:0".clone_into(&mut config.tftp));
    let shop = daemon.shop();
    let device = shop.device(MAC, "yealink/t46s", "front");
    let boot = |standing: &serde_json::Value| standing["files"][0]["held"].clone();
    let phone = OldPhone::asks(&daemon, b"\0\x01805ec0123456.boot\0octet\0");
    let (block, from) = phone.hears();
    assert_eq!(block[..4], [0, 3, 0, 1]);
    assert_ne!(from, daemon.tftp(), "each transfer has a port of its own");
    std::thread::sleep(Duration::from_millis(300));
    assert!(boot(&shop.provisioning(&device)).is_null(), "nobody knows whether it has arrived");
    assert_eq!(phone.hears().0, block, "what is not acknowledged is sent again");
    phone.socket.send_to(&[0, 4, 0, 1], from).unwrap();
    shop.wait_for(&device, "the fetch is noted", |standing| !boot(standing).is_null());
}

#[test]
fn what_is_refused_by_tftp_is_refused_alike() {
    let daemon = Daemon::configured(|config, _| "127.0.0.1:0".clone_into(&mut config.tftp));
    let shop = daemon.shop();
    shop.device(MAC, "yealink/t46s", "front");
    let off = shop.device("805ec0123457", "yealink/t46s", "back");
    shop.administrator.patch(&off, &json!({"enabled": false}));
    let asked = |name: &str| OldPhone::asks(&daemon, format!("\0\x01{name}\0octet\0").as_bytes()).hears().0;
    for name in ["805ec0123457.cfg", "805ec0999999.cfg", "nothing", "../etc/passwd", ""] {
        assert_eq!(asked(name), b"\0\x05\0\x01not found\0", "{name}");
    }
    assert_eq!(OldPhone::asks(&daemon, b"\0\x02a\0octet\0").hears().0[..4], [0, 5, 0, 2]);
    assert_eq!(asked("805ec0123456.boot")[..4], [0, 3, 0, 1]);
}

#[test]
fn an_encrypted_file_is_sent_by_tftp_where_the_phone_can_undo_it() {
    let daemon = Daemon::configured(|config, _| "127.0.0.1:0".clone_into(&mut config.tftp));
    let shop = daemon.shop();
    for (mac, model, method) in
        [("8843e1123456", "cisco/8851", "aes128gcm"), (MAC, "yealink/t46s", "aes-128-ecb")]
    {
        let device = shop.device(mac, model, mac);
        let encryption = json!({"enabled": true, "password": "0123456789abcdef", "method": method});
        shop.administrator.patch(&device, &json!({"provision": {"encryption": encryption}}));
    }
    let asked =
        |name: &str, mode| OldPhone::asks(&daemon, format!("\0\x01{name}\0{mode}\0").as_bytes()).hears().0;
    assert_eq!(
        asked("8843e1123456.xml", "octet"),
        b"\0\x05\0\x01not found\0",
        "it would be told by a header"
    );
    assert_eq!(asked("805ec0123456.cfg", "octet")[..4], [0, 3, 0, 1]);
    assert_eq!(asked("805ec0123456.cfg", "netascii")[..4], [0, 5, 0, 0], "it is no text");
    assert_eq!(asked("805ec0123456.boot", "netascii")[..4], [0, 3, 0, 1]);
}

/// A pack of a brand whose file says where its firmware is.
fn pack(folder: &std::path::Path) -> std::path::PathBuf {
    let pack = folder.join("acme");
    fs::create_dir_all(pack.join("catalog")).unwrap();
    fs::create_dir_all(pack.join("templates/acme/desk")).unwrap();
    let catalog = "name = \"Acme\"\nmac_prefixes = []\nuser_agents = [\"acme\"]\n\
        events = { reread = \"a\", reboot = \"b\" }\n[families.desk]\nname = \"Desk\"\nfiles = [\n\
        { name = \"{mac}.cfg\", template = \"a.cfg\", format = \"key-value\", content_type = \"text/plain\" },\n]\n\
        models.one = { name = \"One\", lines = 1, keys = 1 }\n";
    fs::write(pack.join("catalog/acme.toml"), catalog).unwrap();
    fs::write(pack.join("templates/acme/desk/a.cfg"), "firmware = {{ firmware.url }}\n").unwrap();
    pack
}

#[test]
fn a_phone_is_told_of_the_firmware_that_is_pinned_for_its_model_and_fetches_it() {
    let daemon = Daemon::configured(|config, folder| {
        fs::create_dir_all(folder.join("files/acme")).unwrap();
        fs::write(folder.join("files/acme/one 2.0.rom"), "second").unwrap();
        config.files_dir = folder.join("files");
        config.packs = vec![pack(folder)];
    });
    let shop = daemon.shop();
    let device = shop.device(MAC, "acme/one", "front");
    let mut phone = daemon.phone(MAC, "front");
    phone.register();
    assert_eq!(phone.fetch("/805ec0123456.cfg").body, "firmware = \n");
    shop.wait_for(&device, "the fetch is noted", |standing| standing["in_step"] == json!(true));
    let pins = json!({"provision": {"firmware": {"acme/one": "one 2.0.rom"}}});
    shop.administrator.patch(&shop.path(""), &pins);
    phone.notified().expect("a pin is told");
    let body = phone.fetch("/805ec0123456.cfg").body;
    let url = body.trim().strip_prefix("firmware = ").unwrap();
    assert_eq!(url, format!("http://{}/acme/one%202.0.rom", daemon.phones()));
    assert_eq!(phone.fetch(url.strip_prefix(&format!("http://{}", daemon.phones())).unwrap()).body, "second");
    let wrong = json!({"provision": {"firmware": {"acme/one": 2}}});
    assert_eq!(shop.administrator.call("PATCH", &shop.path(""), &wrong).0, 400);
}

#[test]
fn a_file_whose_name_all_phones_share_is_told_apart_by_its_folder() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device(MAC, "grandstream/grp2614", "front");
    let contacts = json!({"provision": {"contacts": [{"name": "Ann & Co", "number": "101"}]}});
    shop.administrator.patch(&shop.path(""), &contacts);
    let phone = daemon.phone(MAC, "front");
    for path in ["/805ec0123456/phonebook.xml", "/phones/805EC0123456/phonebook.xml"] {
        let book = phone.fetch(path);
        assert!(book.status == 200 && book.body.contains("Ann &amp; Co"), "{path}: {}", book.body);
    }
    for path in ["/phonebook.xml", "/805ec0123457/phonebook.xml", "/805ec0123456/phonebook.xml/"] {
        assert_eq!(phone.fetch(path).status, 404, "{path}");
    }
    let seen = shop.administrator.get(&format!("{device}/config/805ec0123456%2Fphonebook.xml"));
    assert!(seen["body"].as_str().unwrap().contains("Ann &amp; Co"), "{seen}");
}

#[test]
fn what_a_phone_cannot_be_told_is_a_warning_and_what_it_can_stands_in_its_file() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device(MAC, "yealink/t46s", "front");
    let other = shop.device("805ec0123499", "panasonic/kx-hdv230", "back");
    let calls = json!({"kept_by": "phone", "forward_busy": "102"});
    let change = json!({"provision": {"calls": calls}, "call_forward": {"enabled": true, "number": "101"}});
    for device in [&device, &other] {
        shop.administrator.patch(device, &change);
    }
    let warnings = |device: &str| shop.provisioning(device)["warnings"].clone();
    assert_eq!(warnings(&device), json!([]));
    let told = warnings(&other);
    let told: Vec<&str> = told.as_array().unwrap().iter().filter_map(|told| told.as_str()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("call_forward is not told to it: ") && told[1].contains("forward_busy"),
        "{told:?}"
    );
    let file = daemon.phone(MAC, "front").fetch("/805ec0123456.cfg").body;
    for line in ["account.1.always_fwd.target = 101\n", "account.1.busy_fwd.target = 102\n"] {
        assert!(file.contains(line), "{line} is missing in\n{file}");
    }
}

#[test]
fn a_file_that_is_asked_for_with_a_form_is_given_and_noted_as_by_get() {
    let daemon = Daemon::configured(|config, folder| {
        let pack = pack(folder);
        let catalog = fs::read_to_string(pack.join("catalog/acme.toml")).unwrap();
        let plain = "content_type = \"text/plain\" }";
        let posted = catalog.replace(plain, "content_type = \"text/plain\", posted = true }");
        fs::write(pack.join("catalog/acme.toml"), posted).unwrap();
        config.packs = vec![pack];
    });
    let shop = daemon.shop();
    let device = shop.device(MAC, "acme/one", "front");
    let phone = daemon.phone(MAC, "front");
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let post = |name: &str, form: &str| {
        let url = format!("http://{}/{name}", daemon.phones());
        let mut got = agent.post(url).header("if-none-match", "*").send(form).unwrap();
        (got.status().as_u16(), got.body_mut().read_to_string().unwrap())
    };
    assert_eq!(shop.provisioning(&device)["in_step"], json!(false));
    assert_eq!(post("805ec0123456.cfg", "Username=a&Password=b"), (200, "firmware = \n".to_owned()));
    shop.wait_for(&device, "the fetch is noted", |standing| standing["in_step"] == json!(true));
    assert_eq!(post("805ec0123456.cfg", "").0, 200, "a form may be empty");
    assert_eq!(post("805ec0123456.cfg", &"a".repeat(20_000)).0, 404, "a form is short");
    assert_eq!(post("805ec0123457.cfg", "").0, 404, "nobody has this MAC address");
    assert_eq!(phone.fetch("/805ec0123456.cfg").status, 200);
    shop.device("805ec0123499", "yealink/t46s", "back");
    assert_eq!(post("805ec0123499.cfg", "").0, 404, "this one is not asked for so");
}

#[test]
fn what_templates_and_the_engine_say_is_told_without_secrets() {
    let daemon = Daemon::configured(|config, folder| {
        let pack = pack(folder);
        let catalog = fs::read_to_string(pack.join("catalog/acme.toml")).unwrap();
        let more = "files = [\n{ name = \"{mac}-b.cfg\", template = \"b.cfg\", format = \"key-value\", \
            content_type = \"text/plain\", secret = true, optional = true },";
        fs::write(pack.join("catalog/acme.toml"), catalog.replace("files = [", more)).unwrap();
        let text = "{% if lines[0].label == \"Odd\" %}{{ lines[0].password | int }}{% endif %}";
        fs::write(pack.join("templates/acme/desk/b.cfg"), text).unwrap();
        let telling = "a = 1{{ warn(message=\"PIN \" ~ lines[0].password) }}\n";
        fs::write(pack.join("templates/acme/desk/a.cfg"), telling).unwrap();
        config.packs = vec![pack];
    });
    let shop = daemon.shop();
    let device = shop.device(MAC, "acme/one", "front");
    shop.administrator.patch(&device, &json!({"name": "Odd", "sip": {"password": "s3cretpw"}}));
    let said = shop.provisioning(&device)["warnings"].to_string();
    assert!(said.contains("b.cfg:1") && said.contains("PIN *") && !said.contains("s3cretpw"), "{said}");
}
