//! What phones answer to our requests, and how they prove themselves to us.

use std::net::SocketAddr;

use crate::script::Manner;
use crate::sip::digest::{Asked, Challenge, Credentials, Password};
use crate::sip::message::{Message, Method, Request};
use crate::sip::reader::read;
use crate::strict::Sent;

/// The answers to a request of ours, in their order.
pub fn answers(datagram: &[u8], manner: Manner, challenge: &[u8], here: SocketAddr) -> Vec<Vec<u8>> {
    let Ok(Message::Request(request)) = read(datagram) else { return Vec::new() };
    let field = |code| if code == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    let codes: Vec<u16> = match manner {
        _ if request.is(rsip::Method::Ack) => Vec::new(),
        Manner::Silent => Vec::new(),
        Manner::Code(code) if request.is(rsip::Method::Invite) => vec![180, code],
        Manner::Code(code) | Manner::Challenge(code) => vec![code],
    };
    let text: String = challenge.iter().copied().map(char::from).collect();
    let answer = |code: u16| {
        let answer = request.answer(code, "phone", here).with("Contact", "<sip:phone@192.0.2.9>");
        match manner {
            Manner::Challenge(_) => answer.with(field(code), text.clone()),
            _ => answer,
        }
    };
    codes.into_iter().map(|code| answer(code).to_bytes().to_vec()).collect()
}

/// What a phone asks by itself after it has answered: one that takes a number says how it goes there, in the scene's
/// words, and one that answers 200 to that, and not 202, hangs up.
pub fn asks(datagram: &[u8], manner: Manner, words: &[u8]) -> Vec<Vec<u8>> {
    let Ok(Message::Request(request)) = read(datagram) else { return Vec::new() };
    let methods: &[rsip::Method] = match manner {
        _ if !request.is(rsip::Method::Refer) => &[],
        Manner::Code(200) => &[rsip::Method::Notify, rsip::Method::Bye],
        Manner::Code(202) => &[rsip::Method::Notify],
        _ => &[],
    };
    methods.iter().zip(1..).map(|(method, cseq)| back(&request, *method, cseq, words)).collect()
}

/// A request in the dialog of this one, from the other side.
fn back(request: &Request, method: rsip::Method, cseq: u32, body: &[u8]) -> Vec<u8> {
    let field = |name| request.headers.get(name).unwrap_or_default();
    let mut back = Request::new(method, "sip:192.0.2.1");
    let via = format!("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{cseq}{}", field("CSeq").len());
    for (name, value) in [("Via", via.as_str()), ("From", field("To")), ("To", field("From"))] {
        back.headers.push(name, value);
    }
    back.headers.push("Call-ID", field("Call-ID"));
    back.headers.push("CSeq", format!("{cseq} {method}"));
    back.headers.push("Event", "refer");
    back.headers.push("Content-Type", "message/sipfrag");
    back.body = body.to_vec().into();
    back.to_bytes().to_vec()
}

/// The REGISTER once more, with the answer to the challenges in `answer`. `None` if there is none.
pub fn prove(register: &Request, answer: &Sent, password: &str, turn: usize) -> Option<Request> {
    let user = register.to()?.user;
    let challenge = Challenge::strongest(answer.all("WWW-Authenticate").into_iter())?;
    let who = Credentials { user, password: Password::new(password) };
    let asked = Asked { method: "REGISTER", uri: &register.uri, body: &register.body };
    let mut again = Request { headers: crate::sip::header::Headers::default(), ..register.clone() };
    again.headers.push("Via", format!("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKagain{turn};rport"));
    for (name, value) in register.headers.iter().filter(|(name, _)| !["Via", "Authorization"].contains(name))
    {
        again.headers.push(name, value);
    }
    again.headers.push("Authorization", challenge.answer(&who, asked, "c", 1));
    Some(again)
}

/// The request in a datagram, if it is one that gets a final response at once or after a lookup.
pub fn asked(datagram: &[u8]) -> Option<Request> {
    let Ok(Message::Request(request)) = read(datagram) else { return None };
    matches!(request.method, Method::Known(rsip::Method::Register | rsip::Method::Options)).then_some(request)
}
