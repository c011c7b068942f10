//! Files that are encrypted for phones, undone by software that is not ours: OpenSSL's command line, and ring for
//! RFC 8188.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod house;

use std::io::Write as _;
use std::process::{Command, Stdio};

use checksync::id::{Digest, hex};
use checksync::settings::MASK;
use house::{Daemon, Shop, has};
use serde_json::{Value, json};

const KEY: &str = "Sixteen-Letters1";
const MAC: &str = "805ec0123456";

/// What a phone is answered, bytes as they come.
struct Got {
    status: u16,
    header: Box<dyn Fn(&str) -> String>,
    body: Vec<u8>,
}

fn fetch(daemon: &Daemon, file: &str) -> Got {
    fetch_unless(daemon, file, "\"another\"")
}

fn fetch_unless(daemon: &Daemon, file: &str, etag: &str) -> Got {
    let mut answer =
        ureq::get(format!("http://{}/{file}", daemon.phones())).header("If-None-Match", etag).call().unwrap();
    let headers = answer.headers().clone();
    let header = move |name: &str| {
        headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let body = answer.body_mut().read_to_vec().unwrap();
    Got { status: answer.status().as_u16(), header: Box::new(header), body }
}

/// What OpenSSL makes of these bytes.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut running = Command::new("openssl")
        .arg("enc")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = running.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = running.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "openssl enc {arguments:?}: {}", output.status);
    output.stdout
}

/// What ring makes of a body in the coding `aes128gcm` (RFC 8188, section 2).
fn undo_aes128gcm(ikm: &[u8], body: &[u8]) -> Vec<u8> {
    use ring::{aead, hkdf};
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let (salt, rest) = body.split_at(16);
    let record = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
    let sealed = &rest[5 + usize::from(rest[4])..];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(ikm);
    let derive =
        |info: &[u8], made: &mut [u8]| prk.expand(&[info], Length(made.len())).unwrap().fill(made).unwrap();
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(b"Content-Encoding: aes128gcm\0", &mut key);
    derive(b"Content-Encoding: nonce\0", &mut nonce);
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
    let (mut plain, records) = (Vec::new(), sealed.chunks(record));
    let last = records.len() - 1;
    for (number, sealed) in records.enumerate() {
        let mut nonce = nonce;
        for (to, from) in nonce[4..].iter_mut().zip((number as u64).to_be_bytes()) {
            *to ^= from;
        }
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let mut sealed = sealed.to_owned();
        let text = key.open_in_place(nonce, aead::Aad::empty(), &mut sealed).unwrap();
        assert_eq!(text.last(), Some(if number == last { &2 } else { &1 }));
        plain.extend_from_slice(&text[..text.len() - 1]);
    }
    plain
}

/// A shop with a phone of this model.
fn phone(daemon: &Daemon, model: &str) -> (Shop, String) {
    let shop = daemon.shop();
    let device = shop.device(MAC, model, "front");
    (shop, device)
}

/// Encrypts the files of a device, and gives what they are made of.
fn encrypted(shop: &Shop, device: &str, file: &str, more: &Value) -> String {
    let mut encryption = json!({"enabled": true, "password": KEY});
    encryption.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shop.administrator.patch(device, &json!({"provision": {"encryption": encryption}}));
    plain(shop, device, file)
}

/// What is in a file, as an administrator sees it.
fn plain(shop: &Shop, device: &str, file: &str) -> String {
    let shown = shop.administrator.get(&format!("{device}/config/{file}?secrets=true"));
    shown["body"].as_str().unwrap().to_owned()
}

#[test]
fn openssl_undoes_what_a_yealink_phone_is_given_with_and_without_padding() {
    if !has("openssl") {
        return;
    }
    let daemon = Daemon::start();
    let (shop, device) = phone(&daemon, "yealink/t46s");
    let before = fetch(&daemon, "805ec0123456.cfg");
    let text = encrypted(&shop, &device, "805ec0123456.cfg", &json!({}));
    assert!(text.contains("correct horse"));
    let got = fetch(&daemon, "805ec0123456.cfg");
    assert_ne!((before.header)("etag"), (got.header)("etag"));
    let key = hex(KEY.as_bytes());
    let undone = openssl(&["-d", "-aes-128-ecb", "-K", &key], &got.body);
    assert_eq!(String::from_utf8(undone).unwrap().trim_end(), text.trim_end());
    let undone = openssl(&["-d", "-aes-128-ecb", "-nopad", "-K", &key], &got.body);
    assert_eq!(String::from_utf8(undone).unwrap().trim_end(), text.trim_end());
}

#[test]
fn openssl_undoes_what_grandstream_and_cisco_phones_are_given() {
    if !has("openssl") {
        return;
    }
    let daemon = Daemon::start();
    let shop = daemon.shop();
    for (mac, model, file, method, digest) in [
        ("c074ad123456", "grandstream/grp2614", "cfgc074ad123456.xml", "openssl-aes-256-cbc-md5", "md5"),
        ("c074ad123457", "grandstream/ht802", "cfgc074ad123457.xml", "openssl-aes-256-cbc-sha256", "sha256"),
        ("002155123456", "cisco/spa504g", "002155123456.xml", "", "md5"),
        ("000e08123456", "linksys/spa942", "000e08123456.xml", "", "md5"),
        ("8843e1123456", "cisco/8851", "8843e1123456.xml", "", "md5"),
    ] {
        let device = shop.device(mac, model, &format!("line{mac}"));
        let method = if method.is_empty() { json!({}) } else { json!({"method": method}) };
        let text = encrypted(&shop, &device, file, &method);
        let got = fetch(&daemon, file);
        assert_eq!((got.header)("content-type"), "application/octet-stream", "{model}");
        assert!(got.body.starts_with(b"Salted__"), "{model}");
        let undone = openssl(&["-d", "-aes-256-cbc", "-md", digest, "-k", KEY], &got.body);
        assert_eq!(String::from_utf8(undone).unwrap(), text, "{model}");
    }
}

#[test]
fn ring_undoes_the_content_coding_that_a_multiplatform_phone_is_given() {
    let daemon = Daemon::start();
    let shop = daemon.shop();
    let device = shop.device("8843e1123456", "cisco/8851", "front");
    let text = encrypted(&shop, &device, "8843e1123456.xml", &json!({"method": "aes128gcm"}));
    let got = fetch(&daemon, "8843e1123456.xml");
    assert_eq!((got.header)("content-encoding"), "aes128gcm");
    assert!((got.header)("content-type").starts_with("text/xml"));
    assert!(text.len() > 4096, "several records are tried");
    assert_eq!(undo_aes128gcm(KEY.as_bytes(), &got.body), text.as_bytes());
}

#[test]
fn the_etag_stands_for_what_is_served_and_the_file_of_no_secrets_stays_plain() {
    let daemon = Daemon::start();
    let (shop, device) = phone(&daemon, "yealink/t46s");
    encrypted(&shop, &device, "805ec0123456.cfg", &json!({}));
    let got = fetch(&daemon, "805ec0123456.cfg");
    let etag = (got.header)("etag");
    assert_eq!(etag, format!("\"{}\"", Digest::of(&got.body)));
    assert_eq!(fetch_unless(&daemon, "805ec0123456.cfg", &etag).status, 304);
    let rows = shop.administrator.get(&format!("{device}/config"));
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(row("805ec0123456.cfg")["digest"], etag.trim_matches('"'));
    assert_eq!(row("805ec0123456.cfg")["encryption"], "aes-128-ecb");
    assert_eq!(row("805ec0123456.cfg")["bytes"], got.body.len());
    assert_eq!(row("805ec0123456.boot")["encryption"], Value::Null);
    assert!(String::from_utf8(fetch(&daemon, "805ec0123456.boot").body).unwrap().contains("include:"));
}

#[test]
fn whoever_looks_at_a_file_sees_its_text_and_no_secret() {
    let daemon = Daemon::start();
    let (shop, device) = phone(&daemon, "yealink/t46s");
    encrypted(&shop, &device, "805ec0123456.cfg", &json!({}));
    let shown = shop.administrator.get(&format!("{device}/config/805ec0123456.cfg"));
    let text = shown["body"].as_str().unwrap();
    assert!(text.contains(&format!("= {MASK}")) && !text.contains("correct horse") && !text.contains(KEY));
    assert_eq!(shown["encryption"], "aes-128-ecb");
    fetch(&daemon, "805ec0123456.boot");
    fetch(&daemon, "805ec0123456.cfg");
    shop.wait_for(&device, "the phone's fetches are noted", |p| p["in_step"] == json!(true));
    shop.administrator.patch(&device, &json!({"caller_id": {"internal": {"number": "1234"}}}));
    let diff = shop.administrator.get(&format!("{device}/config/805ec0123456.cfg/diff"));
    assert_eq!(diff["in_step"], json!(false));
    let diff = diff["diff"].as_str().unwrap();
    assert!(diff.contains("+account.1.label = 1234"), "{diff}");
}

#[test]
fn a_key_that_the_phone_does_not_take_is_refused_and_not_stored() {
    let daemon = Daemon::start();
    let (shop, device) = phone(&daemon, "yealink/t46s");
    let user = json!({"first_name": "Ann", "last_name": "Owner", "email": "ann@shop.example"});
    let user = house::id(&shop.administrator.create(&shop.path("/users"), &user));
    let places = [device.clone(), shop.path(""), shop.path(&format!("/users/{user}"))];
    for place in &places {
        for encryption in [json!({"enabled": true}), json!({"password": "Seventeen-Letters"})] {
            let wish = json!({"provision": {"encryption": encryption}});
            let (status, answer) = shop.administrator.call("PATCH", place, &wish);
            assert_eq!(status, 400, "{place} {encryption}: {answer}");
            let said =
                answer["data"]["provision.encryption.password"]["invalid"]["message"].as_str().unwrap();
            assert!(said.contains("set provision.encryption.password"), "{said}");
            assert!(!answer.to_string().contains("Seventeen-Letters"), "{answer}");
        }
        assert_eq!(shop.administrator.get(place)["provision"]["encryption"], Value::Null, "{place}");
    }
}

#[test]
fn an_account_encrypts_the_files_of_all_its_phones_that_can_undo_it() {
    let daemon = Daemon::start();
    let (shop, device) = phone(&daemon, "yealink/t46s");
    let snom = shop.device("000413123456", "snom/d785", "back");
    let encryption = json!({"provision": {"encryption": {"enabled": true, "password": KEY}}});
    shop.administrator.patch(&shop.path(""), &encryption);
    let encryption = |device: &str| {
        let rows = shop.administrator.get(&format!("{device}/config"));
        let rows = rows.as_array().unwrap().clone();
        rows.iter().find(|row| row["secret"] == json!(true)).unwrap().clone()
    };
    assert_eq!(encryption(&device)["encryption"], "aes-128-ecb");
    let plain = encryption(&snom);
    assert_eq!(plain["encryption"], Value::Null);
    let file = shop.administrator.get(&format!("{snom}/config/{}", plain["name"].as_str().unwrap()));
    assert!(file["warnings"].to_string().contains("not encrypted"), "{file}");
}

#[test]
fn a_phone_whose_files_are_to_be_encrypted_is_told_of_them() {
    let daemon = Daemon::start();
    let (shop, device) = phone(&daemon, "yealink/t46s");
    let mut phone = daemon.phone(MAC, "front");
    phone.boot();
    phone.register();
    shop.wait_for(&device, "the phone's fetches are noted", |p| p["in_step"] == json!(true));
    encrypted(&shop, &device, "805ec0123456.cfg", &json!({}));
    assert!(phone.notified().is_some());
    fetch(&daemon, "805ec0123456.boot");
    fetch(&daemon, "805ec0123456.cfg");
    shop.wait_for(&device, "the phone holds its encrypted file", |p| p["in_step"] == json!(true));
}
