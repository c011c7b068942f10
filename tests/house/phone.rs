//! A fake phone, which registers over real UDP, fetches over real HTTP and takes NOTIFYs.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use md5::{Digest as _, Md5};

use super::agent;

/// What a phone was answered.
pub struct Fetched {
    pub status: u16,
    pub etag: String,
    pub body: String,
    pub headers: ureq::http::HeaderMap,
}

/// A fake phone.
pub struct Phone {
    socket: UdpSocket,
    mac: String,
    line: String,
    base: String,
    sip: SocketAddr,
    cseq: u32,
    /// How long it registers for, in seconds.
    pub expires: u32,
    /// What it calls itself.
    pub user_agent: String,
    /// Whether a SIP proxy stands before it that writes its `Via` and no `Path`.
    pub is_behind_a_proxy: bool,
}

impl Phone {
    /// A phone of a daemon that fetches files below `base` and speaks SIP at `sip`.
    pub fn on(socket: UdpSocket, (mac, line): (&str, &str), base: String, sip: SocketAddr) -> Self {
        let (mac, line, user_agent) = (mac.to_owned(), line.to_owned(), "Fake/1.0".to_owned());
        let (cseq, expires, is_behind_a_proxy) = (0, 300, false);
        Self { socket, mac, line, base, sip, cseq, expires, user_agent, is_behind_a_proxy }
    }

    /// Where it is.
    pub fn contact(&self) -> String {
        format!("sip:{}@{};line=x", self.line, self.socket.local_addr().unwrap())
    }

    pub fn fetch(&self, path: &str) -> Fetched {
        self.ask("GET", path, &[])
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Fetched {
        self.send(method, path, headers, &[])
    }

    /// The same with a body.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Fetched {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let run = |request: ureq::http::request::Builder| match body {
            [] => agent().run(request.body(()).unwrap()),
            body => agent().run(request.body(body).unwrap()),
        };
        let mut answer = run(request).unwrap();
        let etag =
            answer.headers().get("etag").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let body = answer.body_mut().read_to_string().unwrap();
        Fetched { status: answer.status().as_u16(), etag, body, headers: answer.headers().clone() }
    }

    /// Fetches its configuration as a Yealink phone does: the boot file, then the one it lists.
    pub fn boot(&self) -> Fetched {
        assert_eq!(self.fetch(&format!("/{}.boot", self.mac)).status, 200);
        let fetched = self.fetch(&format!("/{}.cfg", self.mac));
        assert_eq!(fetched.status, 200);
        fetched
    }

    pub fn register(&mut self) {
        assert_eq!(self.register_with("correct horse"), 200);
    }

    /// Registers as `line@shop.example`; answers one challenge. Gives the last status.
    pub fn register_with(&mut self, password: &str) -> u16 {
        let first = self.request_register("");
        if !first.starts_with("SIP/2.0 401") {
            return status(&first);
        }
        status(&self.request_register(&authorization(&first, &self.line, password)))
    }

    /// Ends its registration.
    pub fn unregister(&mut self) {
        self.expires = 0;
        self.register();
        self.expires = 300;
    }

    fn request_register(&mut self, authorization: &str) -> String {
        self.cseq += 1;
        let (line, cseq, contact) = (&self.line, self.cseq, self.socket.local_addr().unwrap());
        let (uri, agent, expires) = (self.contact(), &self.user_agent, self.expires);
        let own = if self.is_behind_a_proxy { "Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKown\r\n" } else { "" };
        let message = format!(
            "REGISTER sip:shop.example SIP/2.0\r\nVia: SIP/2.0/UDP {contact};rport;branch=z9hG4bK{line}{cseq}\r\n\
             {own}From: <sip:{line}@shop.example>;tag={line}\r\nTo: <sip:{line}@shop.example>\r\n\
             Call-ID: {line}-{contact}\r\nCSeq: {cseq} REGISTER\r\nContact: <{uri}>\r\nUser-Agent: {agent}\r\n\
             Max-Forwards: 70\r\nExpires: {expires}\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(message.as_bytes(), self.sip).unwrap();
        loop {
            let datagram = self.receive(Duration::from_secs(5)).expect("an answer to REGISTER");
            if datagram.starts_with("SIP/2.0") {
                return datagram;
            }
        }
    }

    fn receive(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut datagram = [0; 4096];
        let (length, _) = self.socket.recv_from(&mut datagram).ok()?;
        Some(String::from_utf8(datagram[..length].to_vec()).unwrap())
    }

    /// Waits for a NOTIFY, answers 200, and gives its text.
    pub fn notified(&self) -> Option<String> {
        self.notified_within(Duration::from_secs(5))
    }

    /// Makes sure that no NOTIFY comes.
    pub fn left_in_peace(&self) {
        let notify = self.notified_within(Duration::from_millis(700));
        assert_eq!(notify, None, "nobody should have told this phone");
    }

    fn notified_within(&self, patience: Duration) -> Option<String> {
        self.answers(patience, 200)
    }

    /// Waits for a NOTIFY, answers with this status, and gives its text.
    pub fn notified_answering(&self, status: u16) -> Option<String> {
        self.answers(Duration::from_secs(5), status)
    }

    fn answers(&self, patience: Duration, status: u16) -> Option<String> {
        loop {
            let datagram = self.receive(patience)?;
            if datagram.starts_with("NOTIFY ") {
                self.socket.send_to(answer_to(&datagram, status).as_bytes(), self.sip).unwrap();
                return Some(datagram);
            }
        }
    }
}

/// What a line answers to the challenge of its REGISTER, as a header.
pub fn authorization(challenge: &str, line: &str, password: &str) -> String {
    let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let hash = |text: String| checksync::id::hex(&Md5::digest(text));
    let secret = hash(format!("{line}:shop.example:{password}"));
    let what = hash("REGISTER:sip:shop.example".to_owned());
    let response = hash(format!("{secret}:{nonce}:00000001:abc:auth:{what}"));
    format!(
        "Authorization: Digest username=\"{line}\", realm=\"shop.example\", nonce=\"{nonce}\", \
         uri=\"sip:shop.example\", response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"abc\"\r\n"
    )
}

pub fn status(response: &str) -> u16 {
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

pub fn answer_to(request: &str, status: u16) -> String {
    let kept = ["Via:", "From:", "Call-ID:", "CSeq:"];
    let mut answer = vec![format!("SIP/2.0 {status} Said")];
    for line in request.lines() {
        if kept.iter().any(|name| line.starts_with(name)) {
            answer.push(line.to_owned());
        } else if line.starts_with("To:") {
            answer.push(format!("{line};tag=phone"));
        }
    }
    answer.push("Content-Length: 0\r\n\r\n".to_owned());
    answer.join("\r\n")
}

/// A header of a SIP message.
pub fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let line = message
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with(&format!("{}:", name.to_ascii_lowercase())));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}
