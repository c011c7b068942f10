//! Requests and responses: what they hold, how a request is answered, how both go on the wire.
//! [`super::reader`] makes them from datagrams.

use std::net::SocketAddr;

use bytes::Bytes;

use super::address::{Aor, NameAddr, Via, list, number, pieces, trim};
use super::header::{Headers, encode};

/// The method of a request. Methods are case-sensitive (RFC 3261 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// One that rsip knows.
    Known(rsip::Method),
    /// Any other token, as it came.
    Other(String),
}

/// Every method rsip knows, with its token.
const METHODS: [(rsip::Method, &str); 14] = [
    (rsip::Method::Ack, "ACK"),
    (rsip::Method::Bye, "BYE"),
    (rsip::Method::Cancel, "CANCEL"),
    (rsip::Method::Info, "INFO"),
    (rsip::Method::Invite, "INVITE"),
    (rsip::Method::Message, "MESSAGE"),
    (rsip::Method::Notify, "NOTIFY"),
    (rsip::Method::Options, "OPTIONS"),
    (rsip::Method::PRack, "PRACK"),
    (rsip::Method::Publish, "PUBLISH"),
    (rsip::Method::Refer, "REFER"),
    (rsip::Method::Register, "REGISTER"),
    (rsip::Method::Subscribe, "SUBSCRIBE"),
    (rsip::Method::Update, "UPDATE"),
];

/// A SIP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The Request-URI as a wire text, exactly as it came or will be sent.
    pub uri: String,
    /// All header fields but Content-Length, which [`Request::to_bytes`] writes.
    pub headers: Headers,
    /// The body; may be binary.
    pub body: Bytes,
}

/// A SIP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub code: u16,
    /// The words after the code; only people read them.
    pub reason: String,
    /// All header fields but Content-Length.
    pub headers: Headers,
    /// The body; may be binary.
    pub body: Bytes,
}

/// What a datagram holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A phone asks.
    Request(Request),
    /// A phone answers.
    Response(Response),
}

impl Method {
    /// Reads a method's token.
    pub fn read(token: &str) -> Self {
        let known = METHODS.iter().find(|(_, name)| *name == token);
        known.map_or_else(|| Self::Other(token.to_owned()), |(method, _)| Self::Known(*method))
    }

    /// The token that stands on the request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(method) => {
                METHODS.iter().find(|(known, _)| known == method).map_or("", |(_, name)| name)
            }
            Self::Other(token) => token,
        }
    }
}

impl Request {
    /// A request with nothing in it yet.
    pub fn new(method: rsip::Method, uri: &str) -> Self {
        let uri = uri.to_owned();
        Self { method: Method::Known(method), uri, headers: Headers::default(), body: Bytes::new() }
    }

    /// Whether this is a request of that method.
    pub fn is(&self, method: rsip::Method) -> bool {
        self.method == Method::Known(method)
    }

    /// The number in the CSeq.
    pub fn cseq(&self) -> u32 {
        cseq(&self.headers).map_or(0, |(number, _)| number)
    }

    /// Whom the request is about: the address of record in its To. `None` if that names no user.
    pub fn to(&self) -> Option<Aor> {
        self.headers.get("To").and_then(NameAddr::read).and_then(|to| Aor::read(to.uri))
    }

    /// The datagram.
    pub fn to_bytes(&self) -> Bytes {
        let start = format!("{} {} SIP/2.0", self.method.as_str(), self.uri);
        datagram(&start, &self.headers, &self.body)
    }

    /// A response to this request, with the fields RFC 3261 §8.2.6 asks for, but none that it lacks itself.
    /// `to_tag` goes on the To unless it has a tag; `from` is noted in the topmost Via (RFC 3581 §4).
    pub fn answer(&self, code: u16, to_tag: &str, from: SocketAddr) -> Response {
        let mut headers = Headers::default();
        for (at, via) in self.headers.all("Via").enumerate() {
            headers.push("Via", if at == 0 { stamped(via, from) } else { via.to_owned() });
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let Some(value) = self.headers.get(name).filter(|value| !value.is_empty()) else { continue };
            let tagged = NameAddr::read(value).is_none_or(|a| a.param("tag").is_some());
            let tag = if name == "To" && !tagged { format!(";tag={to_tag}") } else { String::new() };
            headers.push(name, format!("{value}{tag}"));
        }
        Response { code, reason: reason(code).to_owned(), headers, body: Bytes::new() }
    }

    /// Where the sender listens if its request came from `from`: at the port it sent from if it asks for that
    /// (RFC 3581 §4), else at the port it says (RFC 3261 §18.2.2). Behind a NAT, where the address it gives
    /// is not the one it sent from, only the port it sent from can be reached.
    pub fn return_address(&self, from: SocketAddr) -> SocketAddr {
        match self.headers.get("Via").and_then(Via::read) {
            Some(via) if !via.wants_rport() && !via.is_behind_nat(from.ip()) && via.port != 0 => {
                SocketAddr::new(from.ip(), via.port)
            }
            _ => from,
        }
    }
}

impl Response {
    /// Adds a field, in the style of a builder.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The branch of the topmost Via and the method of the CSeq: whose answer this is (RFC 3261 §17.1.3).
    pub fn transaction(&self) -> Option<(&str, &str)> {
        let via = self.headers.get("Via").and_then(Via::read)?;
        Some((via.branch, cseq(&self.headers)?.1))
    }

    /// The datagram.
    pub fn to_bytes(&self) -> Bytes {
        datagram(&format!("SIP/2.0 {} {}", self.code, self.reason), &self.headers, &self.body)
    }
}

fn datagram(start: &str, headers: &Headers, body: &[u8]) -> Bytes {
    let mut wire = String::with_capacity(768);
    wire.extend([start, "\r\n"]);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Content-Length") {
        wire.extend([name, ": ", value, "\r\n"]);
    }
    wire.extend(["Content-Length: ", &body.len().to_string(), "\r\n\r\n"]);
    let mut bytes = encode(&wire);
    bytes.extend_from_slice(body);
    bytes.into()
}

fn stamped(via: &str, from: SocketAddr) -> String {
    let Some(top) = list(via).next() else { return via.to_owned() };
    let rest = trim(via).strip_prefix(top).unwrap_or_default();
    let Some(parsed) = Via::read(top) else { return via.to_owned() };
    let asks = parsed.wants_rport();
    let says = asks || !parsed.is_from(from.ip());
    let mut stamped = String::with_capacity(via.len() + 48);
    for (at, piece) in pieces(top, b';').enumerate() {
        let param = at > 0;
        if !(says && is_called(piece, "received")) {
            stamped.push_str(if param { ";" } else { "" });
            if param && asks && is_called(piece, "rport") {
                stamped.extend(["rport=", &from.port().to_string()]);
            } else {
                stamped.push_str(piece);
            }
        }
    }
    if says {
        stamped.extend([";received=", &from.ip().to_canonical().to_string()]);
    }
    stamped.push_str(rest);
    stamped
}

fn is_called(param: &str, name: &str) -> bool {
    param.split('=').next().is_some_and(|key| trim(key).eq_ignore_ascii_case(name))
}

pub(super) fn cseq(headers: &Headers) -> Option<(u32, &str)> {
    let (place, method) = headers.get("CSeq")?.split_once([' ', '\t'])?;
    Some((number(place)?, trim(method)))
}

/// The words RFC 3261 §21 gives for the codes we answer.
pub fn reason(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        483 => "Too Many Hops",
        489 => "Bad Event",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_that_rsip_knows_is_read() {
        for method in rsip::Method::all() {
            let token = method.to_string();
            assert_eq!(
                (Method::read(&token), Method::Known(method).as_str()),
                (Method::Known(method), &token[..])
            );
        }
    }

    fn request(via: &str) -> Request {
        let mut request = Request::new(rsip::Method::Options, "sip:h");
        for (name, value) in [("Via", via), ("Via", "SIP/2.0/UDP far"), ("From", "<sip:a@h>;tag=1")] {
            request.headers.push(name, value);
        }
        for (name, value) in [("To", "\"O; tag\" <sip:o@h;x=1>"), ("Call-ID", "c"), ("CSeq", "7 OPTIONS")] {
            request.headers.push(name, value);
        }
        request
    }

    fn from() -> SocketAddr {
        "192.0.2.7:40000".parse().unwrap()
    }

    #[test]
    fn a_response_carries_what_its_request_is_known_by() {
        let answer = request("SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa;rport").answer(200, "t", from());
        let vias: Vec<_> = answer.headers.all("Via").collect();
        assert_eq!(
            vias,
            ["SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa;rport=40000;received=192.0.2.7", "SIP/2.0/UDP far"]
        );
        assert_eq!(answer.headers.get("To"), Some("\"O; tag\" <sip:o@h;x=1>;tag=t"));
        assert_eq!(answer.headers.get("CSeq"), Some("7 OPTIONS"));
    }

    #[test]
    fn a_tag_that_is_there_stays_the_only_one() {
        let tagged = request("SIP/2.0/UDP a").answer(200, "t", from());
        let mut again = request("SIP/2.0/UDP a");
        again.headers = tagged.headers;
        assert_eq!(again.answer(200, "other", from()).headers.get("To").unwrap().matches("tag=").count(), 1);
    }

    #[test]
    fn where_a_request_came_from_is_said_once_whatever_it_claims() {
        let via = |via| request(via).answer(200, "t", from()).headers.get("Via").unwrap().to_owned();
        let claimed = via("SIP/2.0/UDP a;received=[::1];branch=z;Received = b");
        assert_eq!(claimed, "SIP/2.0/UDP a;branch=z;received=192.0.2.7");
        let quoted = via("SIP/2.0/UDP a;x=\";received=b;\"");
        assert_eq!(quoted, "SIP/2.0/UDP a;x=\";received=b;\";received=192.0.2.7");
    }

    #[test]
    fn what_a_request_lacks_its_answer_lacks_too() {
        let mut bare = Request::new(rsip::Method::Options, "sip:h");
        bare.headers.push("Via", "SIP/2.0/UDP a");
        bare.headers.push("Call-ID", "");
        let answer = bare.answer(400, "t", from());
        assert_eq!(answer.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["Via"]);
    }

    #[test]
    fn only_the_first_of_several_vias_in_one_field_is_stamped() {
        let answer = request("SIP/2.0/UDP 192.0.2.7:5062 , SIP/2.0/TCP b").answer(200, "t", from());
        assert_eq!(answer.headers.get("Via"), Some("SIP/2.0/UDP 192.0.2.7:5062 , SIP/2.0/TCP b"));
        let answer = request("SIP/2.0/UDP b;RPORT, SIP/2.0/TCP b").answer(200, "t", from());
        let stamped = "SIP/2.0/UDP b;rport=40000;received=192.0.2.7, SIP/2.0/TCP b";
        assert_eq!(answer.headers.get("Via"), Some(stamped));
    }

    #[test]
    fn a_response_goes_to_the_port_its_request_came_from_if_asked() {
        let back = |via| request(via).return_address(from()).to_string();
        assert_eq!(back("SIP/2.0/UDP 10.0.0.9:5062;rport"), "192.0.2.7:40000");
        assert_eq!(back("SIP/2.0/UDP 192.0.2.7:5062"), "192.0.2.7:5062");
        assert_eq!(back("SIP/2.0/UDP phone.example"), "192.0.2.7:5060");
        assert_eq!(back("SIP/2.0/UDP 192.0.2.7:0"), "192.0.2.7:40000");
    }

    #[test]
    fn a_response_goes_back_through_a_nat_even_unasked() {
        let back = |via| request(via).return_address(from()).to_string();
        assert_eq!(back("SIP/2.0/UDP 10.0.0.9:5062"), "192.0.2.7:40000");
        assert_eq!(back("SIP/2.0/UDP [2001:db8::1]"), "192.0.2.7:40000");
    }

    #[test]
    fn the_length_of_the_body_is_written_once() {
        let mut request = request("SIP/2.0/UDP a");
        request.headers.push("l", "99");
        request.body = Bytes::from_static(b"\xff\0");
        let bytes = request.to_bytes();
        assert!(bytes.starts_with(b"OPTIONS sip:h SIP/2.0\r\nVia: "));
        assert!(bytes.ends_with(b"CSeq: 7 OPTIONS\r\nContent-Length: 2\r\n\r\n\xff\0"));
    }
}
