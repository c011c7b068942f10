//! One datagram: what we read and write again reads the same, and what we answer is strict.

use std::net::SocketAddr;

use crate::sip::address::{Aor, NameAddr, Target, Via, list};
use crate::sip::digest::{Asked, Challenge, Credentials, Password};
use crate::sip::message::{Message, Request, Response};
use crate::sip::reader::{MAX_DATAGRAM, Malformed, read};
use crate::sip::registration::{MAX_CONTACTS, Registration, Wish};
use crate::sip::{Peer, Transport};
use crate::strict::Sent;

/// Reads a datagram and holds all that follows from it against the rules.
pub fn check(datagram: &[u8]) {
    match read(datagram) {
        Ok(Message::Request(request)) => {
            reads_again(request.to_bytes().as_ref(), &Message::Request(request.clone()));
            answers(&request, 200);
            addresses(&request);
            registers(&request);
        }
        Ok(Message::Response(response)) => {
            reads_again(response.to_bytes().as_ref(), &Message::Response(response.clone()));
            challenged(&response);
        }
        Err(Malformed::Answerable { request, code, reason }) => {
            assert!(code == 400 || code == 505);
            let response = Response { reason: reason.to_owned(), ..request.answer(code, "t", phone()) };
            assert_eq!(Sent::read(&response.to_bytes()).code(), Some(code));
        }
        Err(Malformed::KeepAlive | Malformed::Noise(_)) => {}
    }
}

fn phone() -> SocketAddr {
    ([192, 0, 2, 7], 5062).into()
}

fn reads_again(written: &[u8], message: &Message) {
    if written.len() <= MAX_DATAGRAM {
        assert_eq!(read(written).as_ref(), Ok(message), "{}", String::from_utf8_lossy(written));
    }
}

/// The answer is strict, belongs to its request, and has one tag.
fn answers(request: &Request, code: u16) {
    let answer = request.answer(code, "t", phone());
    let sent = Sent::read(&answer.to_bytes());
    assert_eq!(sent.code(), Some(code));
    for name in ["From", "Call-ID", "CSeq"] {
        assert_eq!(sent.all(name), [request.headers.get(name).expect("a sound request has it")]);
    }
    let vias: Vec<&str> = request.headers.all("Via").collect();
    assert_eq!(sent.all("Via")[1..], vias[1..]);
    assert_eq!(Via::read(sent.all("Via")[0]).map(|via| via.branch), Via::read(vias[0]).map(|via| via.branch));
    assert!(NameAddr::read(sent.all("To")[0]).expect("still an address").param("tag").is_some());
}

/// An address of record is the same after it was written, a target the same to the byte.
fn addresses(request: &Request) {
    let fields = ["From", "To", "Contact"].into_iter().flat_map(|name| request.headers.all(name));
    for address in fields.flat_map(list).filter_map(NameAddr::read) {
        if let Some(aor) = Aor::read(address.uri) {
            assert_eq!(Aor::read(&aor.uri()), Some(aor));
        }
        if let Some(target) = Target::new(address.uri) {
            assert!(target.as_str() == address.uri && target.same_place(&target));
        }
    }
}

fn registers(request: &Request) {
    if let Ok(Registration { wish: Wish::Bind(contacts), .. }) =
        Registration::read(request, Peer::new(Transport::Udp, phone()))
    {
        assert!(
            (1..=MAX_CONTACTS).contains(&contacts.len()) && contacts.iter().all(|contact| contact.q <= 1000)
        );
    }
}

/// The answer to a challenge fits into a header field, whatever was asked.
fn challenged(response: &Response) {
    let who = Credentials { user: "u\"1".into(), password: Password::new("p") };
    for name in ["WWW-Authenticate", "Proxy-Authenticate"] {
        let Some(challenge) = Challenge::strongest(response.headers.all(name)) else { continue };
        let asked = Asked { method: "NOTIFY", uri: "sip:h", body: b"" };
        let mut request = Request::new(rsip::Method::Notify, "sip:h");
        request.headers.push("Authorization", challenge.answer(&who, asked, "c", 1));
        Sent::read(&request.to_bytes());
    }
}
