//! Header fields on rsip's model.
//!
//! SIP is bytes, and phones send bytes that are no UTF-8. So a value is held as a *wire text*: one character
//! per byte, U+0000 to U+00FF. What a phone sent goes back byte for byte (Via, From, Call-ID, Contact), and
//! nothing a stranger sends can fail to be text. [`wire`] makes one of our texts a wire text, [`text`] makes
//! a wire text one for people.

use std::borrow::Cow;
use std::fmt;

use rsip::Header;
use rsip::prelude::UntypedHeader as _;

use super::address::trim;

macro_rules! known {
    ($($variant:ident $name:literal $compact:literal,)*) => {
        /// The names rsip knows, each with its compact form (`-` where there is none).
        const KNOWN: &[(&str, char)] = &[$(($name, $compact)),*];

        fn build(name: &str, value: String) -> Header {
            match name {
                $($name => Header::$variant(rsip::headers::$variant::new(value)),)*
                other => Header::Other(other.to_owned(), value),
            }
        }

        fn parts(header: &Header) -> (&str, &str) {
            match header {
                $(Header::$variant(field) => ($name, field.value()),)*
                Header::Other(name, value) => (name, value),
            }
        }
    };
}

known! {
    Via "Via" 'v', From "From" 'f', To "To" 't', CallId "Call-ID" 'i', CSeq "CSeq" '-',
    Contact "Contact" 'm', MaxForwards "Max-Forwards" '-', ContentLength "Content-Length" 'l',
    ContentType "Content-Type" 'c', Expires "Expires" '-', UserAgent "User-Agent" '-',
    Authorization "Authorization" '-', WwwAuthenticate "WWW-Authenticate" '-',
    ProxyAuthenticate "Proxy-Authenticate" '-', ProxyAuthorization "Proxy-Authorization" '-',
    AuthenticationInfo "Authentication-Info" '-', Event "Event" 'o', Allow "Allow" '-', Accept "Accept" '-',
    AcceptEncoding "Accept-Encoding" '-', AcceptLanguage "Accept-Language" '-', AlertInfo "Alert-Info" '-',
    CallInfo "Call-Info" '-', ContentDisposition "Content-Disposition" '-',
    ContentEncoding "Content-Encoding" 'e', ContentLanguage "Content-Language" '-', Date "Date" '-',
    ErrorInfo "Error-Info" '-', InReplyTo "In-Reply-To" '-', MimeVersion "MIME-Version" '-',
    MinExpires "Min-Expires" '-', Organization "Organization" '-', Priority "Priority" '-',
    ProxyRequire "Proxy-Require" '-', RecordRoute "Record-Route" '-', ReplyTo "Reply-To" '-',
    Require "Require" '-', RetryAfter "Retry-After" '-', Route "Route" '-', Server "Server" '-',
    Subject "Subject" 's', SubscriptionState "Subscription-State" '-', Supported "Supported" 'k',
    Timestamp "Timestamp" '-', Unsupported "Unsupported" '-', Warning "Warning" '-',
}

/// Names that have a compact form and that rsip does not know.
const COMPACT: &[(&str, char)] = &[
    ("Accept-Contact", 'a'),
    ("Allow-Events", 'u'),
    ("Identity", 'y'),
    ("Refer-To", 'r'),
    ("Referred-By", 'b'),
    ("Reject-Contact", 'j'),
    ("Request-Disposition", 'd'),
    ("Session-Expires", 'x'),
];

/// The header fields of one message, in the order they came or will be sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(rsip::Headers);

impl Headers {
    /// Adds a field. `value` is a wire text; control characters in it become blanks, so that no value can
    /// start a line of its own. Only after a backslash they may stand (`quoted-pair`, RFC 3261 §25.1), but for
    /// line ends, which never may.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        let given: String = value.into();
        let sound = !given.bytes().fold(false, |found, byte| found | byte.is_ascii_control());
        let value = if sound { given } else { trim(&without_controls(&given)).to_owned() };
        self.0.push(build(canonical(name), value));
    }

    /// The value of the first field of this name (any case, never a compact form).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields of this name, top first. One value may still hold a list.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Name and value of every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(parts)
    }
}

/// Names only: a value may hold the answer to a digest challenge.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// The wire text that puts exactly the bytes of `text` on the wire.
pub fn wire(text: &str) -> String {
    decode(text.as_bytes()).into_owned()
}

/// What a person reads in a wire text: UTF-8 where the bytes are UTF-8, Latin-1 where they are not.
pub fn text(wire: &str) -> String {
    if wire.is_ascii() {
        return wire.to_owned();
    }
    String::from_utf8(encode(wire)).unwrap_or_else(|_| wire.to_owned())
}

/// The wire text of some received bytes.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => bytes.iter().copied().map(char::from).collect(),
    }
}

/// The bytes of a wire text; a character that is none (above U+00FF) becomes `?`.
pub(crate) fn encode(wire: &str) -> Vec<u8> {
    if wire.is_ascii() {
        return wire.as_bytes().to_vec();
    }
    wire.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

fn without_controls(value: &str) -> String {
    let mut escaped = false;
    let plain = value.chars().map(|c| {
        let kept = !c.is_ascii_control() || escaped && c != '\r' && c != '\n';
        escaped = c == '\\' && !escaped;
        if kept { c } else { ' ' }
    });
    plain.collect()
}

fn canonical(name: &str) -> &str {
    let same = |(known, compact): &&(&str, char)| {
        known.eq_ignore_ascii_case(name)
            || (name.len() == 1
                && *compact != '-'
                && name.starts_with([*compact, compact.to_ascii_uppercase()]))
    };
    KNOWN.iter().chain(COMPACT).find(same).map_or(name, |(known, _)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_reads_back_from_rsip() {
        for (name, compact) in KNOWN {
            let mut headers = Headers::default();
            headers.push(&name.to_lowercase(), "a");
            headers.push(&compact.to_string(), "b");
            assert_eq!(headers.iter().next(), Some((*name, "a")));
            assert!(!matches!(headers.0.iter().next(), Some(Header::Other(..))), "{name} is none of rsip's");
            assert_eq!(headers.all(name).count(), if *compact == '-' { 1 } else { 2 });
        }
    }

    #[test]
    fn a_name_nobody_knows_keeps_its_spelling() {
        let mut headers = Headers::default();
        headers.push("X-KAZOO-AOR", "sip:a@b");
        assert_eq!(headers.iter().next(), Some(("X-KAZOO-AOR", "sip:a@b")));
        assert_eq!(headers.get("x-kazoo-aor"), Some("sip:a@b"));
    }

    #[test]
    fn a_value_cannot_start_a_line_of_its_own() {
        let mut headers = Headers::default();
        headers.push("Event", "check-sync\r\nVia: evil");
        assert_eq!(headers.get("Event"), Some("check-sync  Via: evil"));
    }

    #[test]
    fn a_control_character_stands_only_where_it_is_escaped_and_a_line_end_never() {
        let mut headers = Headers::default();
        headers.push("To", "\"\\\x07\\\\\x07\x00\\\r\\\n\" <sip:a@b>");
        assert_eq!(headers.get("To"), Some("\"\\\x07\\\\  \\ \\ \" <sip:a@b>"));
    }

    #[test]
    fn compact_names_are_expanded_whether_rsip_knows_them_or_not() {
        let mut headers = Headers::default();
        for (name, value) in [("r", "<sip:a@b>"), ("B", "<sip:c@d>"), ("x", "90"), ("o", "refer"), ("z", "?")]
        {
            headers.push(name, value);
        }
        let names = ["Refer-To", "Referred-By", "Session-Expires", "Event", "z"];
        assert_eq!(headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn bytes_that_are_no_utf8_come_back_as_they_were() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(encode(&decode(&all)), all);
        assert_eq!(text(&decode(b"M\xfcller")), "Müller");
        assert_eq!(text(&wire("Müller")), "Müller");
    }

    #[test]
    fn debug_output_names_the_fields_and_hides_the_values() {
        let mut headers = Headers::default();
        headers.push("Authorization", "Digest response=secret");
        assert_eq!(format!("{headers:?}"), r#"["Authorization"]"#);
    }
}
