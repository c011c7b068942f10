//! The lenient reader in front of [`super::message`].
//!
//! It takes what phones really send: compact names, folded lines, blanks before the colon, bare line feeds,
//! unknown methods, bytes that are no UTF-8. What it hands on is sound: a [`Request`] has a Via, a From, a
//! To, a Call-ID and a CSeq that can be read, and a body as long as it says. A broken request that can still
//! be answered comes back as [`Malformed::Answerable`] with the code to answer.

use std::borrow::Cow;

use super::address::{NameAddr, Via, list, number, trim};
use super::header::{Headers, decode};
use super::message::{Message, Method, Request, Response, cseq};
use super::uri;

/// The longest datagram read; UDP carries no longer one.
pub const MAX_DATAGRAM: usize = 65_535;
/// The one version of SIP there is (RFC 3261 §7.1).
const VERSION: &str = "SIP/2.0";
/// The most header fields read in one message.
pub const MAX_HEADERS: usize = 128;

/// Why a datagram is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Only line ends: a phone keeps its NAT binding open (RFC 5626 §3.5.1).
    #[error("a keep-alive")]
    KeepAlive,
    /// Not SIP, or too broken to tell whom to answer.
    #[error("no SIP message: {0}")]
    Noise(&'static str),
    /// A broken request whose sender can be told so.
    #[error("a malformed {} request: {reason}", request.method.as_str())]
    Answerable {
        /// What could be read of it.
        request: Box<Request>,
        /// The code to answer: 400 or 505.
        code: u16,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Reads one datagram; whatever it holds, this does not panic.
pub fn read(datagram: &[u8]) -> Result<Message, Malformed> {
    if datagram.len() > MAX_DATAGRAM {
        return Err(Malformed::Noise("longer than a datagram can be"));
    }
    let mut lines = Lines { rest: datagram };
    let blank = |line: &&[u8]| !line.iter().all(|byte| matches!(byte, b' ' | b'\t' | 0));
    let start = decode(lines.find(blank).ok_or(Malformed::KeepAlive)?);
    if start.get(..4).is_some_and(|four| four.eq_ignore_ascii_case("SIP/")) {
        read_response(&start, lines).map(Message::Response)
    } else {
        read_request(&start, lines).map(Message::Request)
    }
}

fn read_request(start: &str, lines: Lines<'_>) -> Result<Request, Malformed> {
    let (method, rest) = trim(start).split_once([' ', '\t']).ok_or(Malformed::Noise("no request line"))?;
    if !method.bytes().all(is_token) {
        return Err(Malformed::Noise("no method"));
    }
    let (uri, version) = trim(rest).rsplit_once([' ', '\t']).unwrap_or((rest, ""));
    let (headers, body, fault) = read_rest(lines);
    let request =
        Request { method: Method::read(method), uri: trim(uri).to_owned(), headers, body: body.into() };
    let answerable = || request.headers.get("Via").is_some_and(|via| Via::read(via).is_some());
    let fault = if version.eq_ignore_ascii_case(VERSION) {
        fault.or_else(|| wrong(&request)).map(|reason| (400, reason))
    } else {
        Some((505, "SIP/2.0 only"))
    };
    match fault {
        None => Ok(request),
        Some((code, reason)) if answerable() && version.get(..4) == Some("SIP/") => {
            Err(Malformed::Answerable { request: Box::new(request), code, reason })
        }
        Some((_, reason)) => Err(Malformed::Noise(reason)),
    }
}

/// What is wrong with a request: a field that it must have, and once, is missing, unreadable or there twice.
fn wrong(request: &Request) -> Option<&'static str> {
    let headers = &request.headers;
    let lacks = |name| headers.get(name).and_then(NameAddr::read).is_none();
    let mut vias = headers.all("Via").flat_map(list).peekable();
    match () {
        () if !uri::is_sound(&request.uri) => Some("No Request-URI that can be read"),
        () if vias.peek().is_none() => Some("No Via"),
        () if vias.any(|via| Via::read(via).is_none()) => Some("Via cannot be read"),
        () if lacks("From") => Some("No From"),
        () if lacks("To") => Some("No To"),
        () if headers.get("Call-ID").is_none_or(str::is_empty) => Some("No Call-ID"),
        () if ["From", "To", "Call-ID", "CSeq"].iter().any(|name| headers.all(name).nth(1).is_some()) => {
            Some("From, To, Call-ID or CSeq stands twice")
        }
        () => match cseq(headers) {
            Some((_, method)) if method == request.method.as_str() => None,
            _ => Some("CSeq does not fit"),
        },
    }
}

fn read_response(start: &str, lines: Lines<'_>) -> Result<Response, Malformed> {
    let (version, rest) = start.split_once([' ', '\t']).unwrap_or((start, ""));
    let rest = trim(rest);
    let (code, reason) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let code = number(code).filter(|code| (100..700).contains(code));
    let code = code.filter(|_| version.eq_ignore_ascii_case(VERSION));
    let code = code.ok_or(Malformed::Noise("no status line"))?;
    let (headers, body, fault) = read_rest(lines);
    let response = Response { code, reason: trim(reason).to_owned(), headers, body: body.into() };
    let for_us = response.headers.all("Via").flat_map(list).count() == 1;
    match fault {
        None if for_us && response.transaction().is_some() => Ok(response),
        _ => Err(Malformed::Noise("a response to nothing of ours")),
    }
}

/// Header fields, body, and what is wrong with them.
fn read_rest(mut lines: Lines<'_>) -> (Headers, Vec<u8>, Option<&'static str>) {
    let mut fields = Fields::default();
    let mut last: Option<Cow<'_, str>> = None;
    let (mut seen, mut fault) = (0, None);
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some(last) = &mut last {
                last.to_mut().extend([" ", trim(&decode(line))]);
            }
            continue;
        }
        if seen == MAX_HEADERS {
            fault = Some("Too many header fields");
            break;
        }
        seen += 1;
        fields.take(last.replace(decode(line)).as_deref());
    }
    fields.take(last.as_deref());
    let (body, short) = cut(lines.rest, &fields.lengths);
    (fields.headers, body.to_vec(), fault.or(short))
}

/// The header fields so far, those apart that say how long the body is.
#[derive(Default)]
struct Fields {
    headers: Headers,
    lengths: Vec<String>,
}

impl Fields {
    /// Takes a line that is whole, if there is one.
    fn take(&mut self, line: Option<&str>) {
        match line.and_then(field) {
            Some((name, value)) if is_length(name) => self.lengths.push(value.to_owned()),
            Some((name, value)) => self.headers.push(name, value),
            None => {}
        }
    }
}

/// A line that is no header field is passed over, as phones do send such.
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = trim(name);
    let sound = !name.is_empty() && name.bytes().all(is_token);
    sound.then(|| (name, trim(value)))
}

fn is_length(name: &str) -> bool {
    name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l")
}

/// The body: as long as it says, or all there is.
fn cut<'a>(rest: &'a [u8], lengths: &[String]) -> (&'a [u8], Option<&'static str>) {
    let mut lengths = lengths.iter().map(|length| number::<usize>(length));
    let Some(first) = lengths.next() else { return (rest, None) };
    match first.map(|length| rest.get(..length)) {
        _ if lengths.any(|other| other != first) => (rest, Some("Several Content-Lengths")),
        Some(Some(body)) => (body, None),
        Some(None) => (rest, Some("Body shorter than Content-Length")),
        None => (rest, Some("Content-Length is no number")),
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];
    /// The next line without its end, which is LF or CR LF; the last one may have none.
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let line = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORTURE: &[u8] = b"\r\n\r\nREGISTER  sip:pbx.example.org   SIP/2.0\r\n\
        v: SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa\r\n\
        V : SIP/2.0/UDP 10.0.0.8\n\
        f: \"M\xfcller\" <sip:u1@pbx.example.org>\r\n\t;tag=1\r\n\
        TO\t:<sip:u1@pbx.example.org>\r\n\
        i: abc\r\n\
        no field at all\r\n\
        CSEQ: 1    REGISTER\r\n\
        m: <sip:u1@10.0.0.9:5062;line=\"x\">;+sip.instance=\"<urn:uuid:1>\",\r\n <sip:u1@[::1]>\r\n\
        l: 3\r\n\r\na\x00\xffjunk";

    fn request(datagram: &[u8]) -> Request {
        match read(datagram) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(from: &str, to: &str) -> Malformed {
        let text = String::from_utf8(simple().to_vec()).unwrap();
        assert!(text.contains(from), "{from}");
        read(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    }

    fn simple() -> &'static [u8] {
        b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKb\r\nFrom: <sip:a@h>;tag=1\r\n\
          To: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\nContent-Length: 2\r\n\r\nab"
    }

    #[test]
    fn what_phones_really_send_is_read() {
        let request = request(TORTURE);
        assert!(request.is(rsip::Method::Register) && request.uri == "sip:pbx.example.org");
        assert_eq!(request.headers.all("Via").count(), 2);
        assert_eq!(request.headers.get("From"), Some("\"M\u{fc}ller\" <sip:u1@pbx.example.org> ;tag=1"));
        assert_eq!(request.to().unwrap().user, "u1");
        assert_eq!(request.cseq(), 1);
        assert!(request.headers.get("Contact").unwrap().ends_with("\", <sip:u1@[::1]>"));
        assert_eq!(&request.body[..], b"a\x00\xff");
    }

    #[test]
    fn what_was_read_is_written_back_to_the_byte() {
        let bytes = request(TORTURE).to_bytes();
        let from = b"From: \"M\xfcller\" <sip:u1@pbx.example.org> ;tag=1\r\n";
        assert!(bytes.windows(from.len()).any(|window| window == from));
        assert!(bytes.ends_with(b"Content-Length: 3\r\n\r\na\x00\xff"));
        assert_eq!(request(&bytes), request(TORTURE));
    }

    #[test]
    fn an_unknown_or_misspelt_method_is_kept_as_it_is() {
        for method in ["KDMQ", "register", "PRACK"] {
            let text = String::from_utf8(simple().to_vec()).unwrap().replace("OPTIONS", method);
            assert_eq!(request(text.as_bytes()).method.as_str(), method);
        }
        assert_eq!(Method::read("register"), Method::Other("register".into()));
    }

    #[test]
    fn line_ends_alone_keep_a_nat_open() {
        for alive in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b" \n"] {
            assert_eq!(read(alive), Err(Malformed::KeepAlive));
        }
    }

    #[test]
    fn what_is_missing_is_named_to_whom_can_be_told() {
        let cases = [
            ("From: <sip:a@h>;tag=1", "X: y", 400, "No From"),
            ("To: <sip:a@h>", "To: <sip:a@h", 400, "No To"),
            ("Call-ID: c", "Call-ID:", 400, "No Call-ID"),
            ("7 OPTIONS", "7 INVITE", 400, "CSeq does not fit"),
            ("7 OPTIONS", "99999999999 OPTIONS", 400, "CSeq does not fit"),
            ("Length: 2", "Length: 3", 400, "Body shorter than Content-Length"),
            ("Length: 2", "Length: -1", 400, "Content-Length is no number"),
            ("Length: 2", "Length: +2", 400, "Content-Length is no number"),
            ("Length: 2", "Length: 2\r\nl: 1", 400, "Several Content-Lengths"),
            ("Call-ID: c", "Call-ID: c\r\ni: d", 400, "From, To, Call-ID or CSeq stands twice"),
            ("\r\nFrom", ", ;;\r\nFrom", 400, "Via cannot be read"),
            ("sip:h", "sip:h; lr", 400, "No Request-URI that can be read"),
            ("SIP/2.0\r\n", "SIP/3.0\r\n", 505, "SIP/2.0 only"),
        ];
        for (from, to, expected, why) in cases {
            match refusal(from, to) {
                Malformed::Answerable { code, reason, .. } => assert_eq!((code, reason), (expected, why)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_nobody_can_be_told_is_noise() {
        for (from, to) in
            [("Via: ", "X: "), ("SIP/2.0\r\n", "HTTP/1.1\r\n"), ("OPTIONS sip:h SIP/2.0", "OPTIONS")]
        {
            assert!(matches!(refusal(from, to), Malformed::Noise(_)), "{from}");
        }
        assert!(matches!(read(&[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42]), Err(Malformed::Noise(_))));
        assert!(matches!(read(&vec![b'a'; MAX_DATAGRAM + 1]), Err(Malformed::Noise(_))));
    }

    #[test]
    fn too_many_header_fields_are_refused_and_folded_lines_are_no_fields() {
        let many = |field: &str| {
            let text = String::from_utf8(simple().to_vec()).unwrap();
            read(
                text.replacen("Call-ID: c\r\n", &format!("Call-ID: c\r\n{}", field.repeat(200)), 1)
                    .as_bytes(),
            )
        };
        assert!(matches!(many("X: y\r\n"), Err(Malformed::Answerable { .. } | Malformed::Noise(_))));
        assert!(many(" y\r\n").is_ok());
    }

    #[test]
    fn a_response_is_read_by_its_code_and_transaction() {
        let text = b"SIP/2.0 489 \r\nVia: SIP/2.0/UDP a;branch=z9hG4bKb\r\nCSeq: 2 NOTIFY\r\n";
        let Ok(Message::Response(response)) = read(text) else { panic!("no response") };
        assert_eq!((response.code, response.transaction()), (489, Some(("z9hG4bKb", "NOTIFY"))));
        let lines = "Via: SIP/2.0/UDP a;branch=z9hG4bKb\r\nCSeq: 2 NOTIFY\r\n";
        assert!(read(format!("sip/2.0 \t200\r\n{lines}").as_bytes()).is_ok());
        for bad in ["SIP/2.0 99 x", "SIP/2.0 ", "SIP/2.0", "SIP/3.0 200 OK", "SIP/2.0 +200 OK"] {
            assert!(
                matches!(read(format!("{bad}\r\n{lines}").as_bytes()), Err(Malformed::Noise(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_response_that_does_not_name_one_transaction_of_ours_is_noise() {
        let response = |fields: &str| read(format!("SIP/2.0 200 OK\r\n{fields}\r\n").as_bytes());
        let (via, cseq) = ("v: SIP/2.0/UDP a;branch=z9hG4bKb\r\n", "CSeq: 2 NOTIFY\r\n");
        assert!(response(&format!("{via}{cseq}")).is_ok());
        let others = via.replace("bKb", "bKb, SIP/2.0/UDP b");
        let cases =
            [cseq, via, &format!("{via}{via}{cseq}"), &(others + cseq), &format!("{via}CSeq: 99999999999 A")];
        for fields in cases {
            assert!(matches!(response(fields), Err(Malformed::Noise(_))), "{fields}");
        }
    }
}
