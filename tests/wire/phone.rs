//! A phone on a connection of its own, by TCP or TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

use crate::house::{answer_to, authorization, header, status};

pub(crate) const LINE: &str = "front";

pub(crate) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// A phone on a connection of its own.
pub(crate) struct Phone {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) transport: &'static str,
    pub(crate) local: SocketAddr,
    pub(crate) contact: String,
    /// Parameters of its Contact, if it has any: `;reg-id=1`.
    pub(crate) params: String,
    cseq: u32,
    read: Vec<u8>,
}

impl Phone {
    pub(crate) fn tcp(sip: SocketAddr) -> Self {
        let stream = connect(sip);
        let local = stream.local_addr().unwrap();
        Self::on(Box::new(stream), "TCP", local)
    }

    pub(crate) fn tls(sip: SocketAddr, certificate: &Path) -> Self {
        let stream = connect(sip);
        let local = stream.local_addr().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::on(Box::new(StreamOwned::new(session, stream)), "TLS", local)
    }

    pub(crate) fn on(stream: Box<dyn Stream>, transport: &'static str, local: SocketAddr) -> Self {
        let contact = format!("sip:{LINE}@{local};transport={}", transport.to_lowercase());
        Self { stream, transport, local, contact, params: String::new(), cseq: 0, read: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    /// Whatever comes next: a message, or line ends before one. `None` when the connection is closed.
    pub(crate) fn receive(&mut self) -> Option<String> {
        loop {
            if let Some(end) = end(&self.read) {
                return Some(String::from_utf8(self.read.drain(..end).collect()).unwrap());
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(length) => self.read.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing comes"),
                Err(_) => return None,
            }
        }
    }

    pub(crate) fn register(&mut self) {
        let first = self.ask(&self.request_register(""));
        assert_eq!(status(&first), 401, "{first}");
        let second = self.ask(&self.request_register(&authorization(&first, LINE, "correct horse")));
        assert_eq!(status(&second), 200, "{second}");
    }

    pub(crate) fn ask(&mut self, request: &str) -> String {
        self.cseq += 1;
        self.send(request);
        self.receive().expect("an answer")
    }

    fn request_register(&self, authorization: &str) -> String {
        let Self { transport, local, contact, params, cseq, .. } = self;
        format!(
            "REGISTER sip:shop.example SIP/2.0\r\nVia: SIP/2.0/{transport} {local};rport;branch=z9hG4bKr{cseq}\r\n\
             From: <sip:{LINE}@shop.example>;tag={LINE}\r\nTo: <sip:{LINE}@shop.example>\r\n\
             Call-ID: {local}\r\nCSeq: {cseq} REGISTER\r\nContact: <{contact}>{params}\r\n\
             Supported: outbound\r\nMax-Forwards: 70\r\nExpires: 300\r\n{authorization}Content-Length: 0\r\n\r\n"
        )
    }

    pub(crate) fn options(&mut self) -> String {
        self.cseq += 1;
        let Self { transport, local, cseq, .. } = self;
        format!(
            "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bKo{cseq}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:us>\r\nCall-ID: o\r\nCSeq: {cseq} OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// Takes the NOTIFY that comes, answers it, and gives it.
    pub(crate) fn notified(&mut self) -> String {
        let notify = self.receive().expect("a NOTIFY");
        assert!(notify.starts_with("NOTIFY "), "{notify}");
        self.send(&answer_to(&notify, 200));
        notify
    }
}

pub(crate) fn connect(sip: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(sip).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Where the first message ends, or what comes before it.
fn end(read: &[u8]) -> Option<usize> {
    if read.starts_with(b"\r\n") {
        return Some(2);
    }
    let head = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head]).unwrap();
    let end = head + header(text, "Content-Length").parse::<usize>().unwrap();
    (read.len() >= end).then_some(end)
}
