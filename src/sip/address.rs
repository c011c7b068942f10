//! Addresses as phones write them: name-addrs, URIs, Vias. Tolerant readers that borrow, and the two
//! parsed values the other rooms trust, [`Aor`] and [`Target`]. All texts are wire texts (see
//! [`super::header`]).

use std::fmt;
use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::header::{encode, text};
pub use super::syntax::{host_and_port, list, number, param, pieces, trim, unquote};
use super::syntax::{is_closed, unquoted};

/// An address of record: who a line is, apart from where its phone is (RFC 3261 §6).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Aor {
    /// The user part, unescaped.
    pub user: String,
    /// The host part in lower case, without a port.
    pub realm: String,
}

/// What may stand unescaped in the user part of a URI (RFC 3261 §25.1, `user-unreserved` and `mark`).
const USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',');

impl Aor {
    /// The line `user` at `realm`, as the administrator wrote both.
    pub fn new(user: &str, realm: &str) -> Self {
        Self { user: user.to_owned(), realm: realm.to_ascii_lowercase() }
    }

    /// Reads `sip:user@host`, whatever port, parameters, password or case it has. `None` without a user or
    /// with a host that cannot be one.
    pub fn read(uri: &str) -> Option<Self> {
        let (user, host) = user_and_host(uri)?;
        let user = user.split(':').next().filter(|user| !user.is_empty())?;
        let realm = host_and_port(host).0;
        let hostlike = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if realm.is_empty() || realm.len() > 255 || !realm.chars().all(hostlike) {
            return None;
        }
        let user = percent_decode(&encode(user)).decode_utf8().map_or_else(|_| text(user), Into::into);
        Some(Self::new(&user, realm))
    }

    /// The URI `sip:user@realm`, escaped where the user or the realm needs it.
    pub fn uri(&self) -> String {
        let realm: String = self.realm.chars().filter(char::is_ascii_graphic).collect();
        format!("sip:{}@{}", utf8_percent_encode(&self.user, USER), realm.replace(['<', '>', '"'], ""))
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri())
    }
}

/// A SIP URI that goes on a request line exactly as it is: a phone's Contact is used byte for byte, since
/// phones compare it with what they sent. Holds no blank, no control character and no angle bracket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(String);

impl Target {
    /// `None` unless `uri` is a `sip:` or `sips:` URI that fits on a request line.
    pub fn new(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        let sip = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
        let fits = |c: char| c > ' ' && c != '\u{7f}' && c != '<' && c != '>' && c <= '\u{ff}';
        (sip && !rest.is_empty() && rest.chars().all(fits)).then(|| Self(uri.to_owned()))
    }

    /// The URI as a wire text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both name the same place: equal but for the case of scheme, host and parameters. Stricter than
    /// RFC 3261 §19.1.4 about ports and the order of parameters, as phones repeat their own Contact.
    pub fn same_place(&self, other: &Self) -> bool {
        match (self.0.split_once('@'), other.0.split_once('@')) {
            (Some((a, x)), Some((b, y))) => unschemed(a) == unschemed(b) && x.eq_ignore_ascii_case(y),
            (None, None) => self.0.eq_ignore_ascii_case(&other.0),
            _ => false,
        }
    }
}

impl From<&Aor> for Target {
    fn from(aor: &Aor) -> Self {
        Self(aor.uri())
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.0
    }
}

impl TryFrom<String> for Target {
    type Error = &'static str;
    fn try_from(uri: String) -> Result<Self, Self::Error> {
        Self::new(&uri).ok_or("a target is a sip: or sips: URI without blanks")
    }
}

/// `"Display" <uri>;params` or `uri;params`, as in From, To, Contact and Route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The URI, without angle brackets.
    pub uri: &'a str,
    /// The parameters of the header field, not those of the URI; starts with `;` or is empty.
    pub params: &'a str,
}

impl<'a> NameAddr<'a> {
    /// `None` if there is no URI in it, a bracket or a quote is never closed, or a URI with header fields stands
    /// without brackets, when nobody knows what belongs to it. What follows the first semicolon of a URI without
    /// brackets is the header field's, whatever it holds (RFC 3261 §20).
    pub fn read(value: &'a str) -> Option<Self> {
        let open = unquoted(value, b'<');
        if !is_closed(value) {
            return None;
        }
        let (uri, params) = match open {
            Some(open) => value[open + 1..].split_once('>')?,
            None => unbracketed(value)?,
        };
        let uri = trim(uri);
        uri.contains(':').then_some(Self { uri, params: trim(params) })
    }

    /// The value of a parameter of the header field.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        param(self.params, name)
    }
}

/// The topmost Via of a message: where a response to it goes (RFC 3261 §18.2.2, RFC 3581 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// The host a sender claims to be; brackets around an IPv6 literal stay.
    pub host: &'a str,
    /// The port it claims to listen on; if it says none, the usual one of its transport.
    pub port: u16,
    /// The transaction's name at the sender; empty from senders older than RFC 3261.
    pub branch: &'a str,
    params: &'a str,
}

impl<'a> Via<'a> {
    /// Reads the first of the Vias in `value`.
    pub fn read(value: &'a str) -> Option<Self> {
        let top = list(value).next().filter(|top| is_closed(top))?;
        let (head, params) = top.split_at(top.find(';').unwrap_or(top.len()));
        // What is quoted before the parameters would be closed among them only.
        if head.contains(['"', '<', '>']) {
            return None;
        }
        let (protocol, sent_by) = trim(head.rsplit_once('/')?.1).split_once([' ', '\t'])?;
        let (host, port) = host_and_port(trim(sent_by));
        let secure = protocol.len().checked_sub(3).and_then(|at| protocol.get(at..));
        let usual = if secure.is_some_and(|end| end.eq_ignore_ascii_case("TLS")) { 5061 } else { 5060 };
        let (host, port) = (trim(host), port.and_then(|port| number(trim(port))).unwrap_or(usual));
        if host.is_empty() || host.bytes().any(|byte| matches!(byte, b' ' | b'\t')) {
            return None;
        }
        Some(Self { host, port, branch: param(params, "branch").unwrap_or(""), params })
    }

    /// Whether the sender asks for the response at the port it sent from (RFC 3581).
    pub fn wants_rport(&self) -> bool {
        param(self.params, "rport").is_some()
    }

    /// Whether the sender is where it claims to be.
    pub fn is_from(&self, ip: IpAddr) -> bool {
        self.address().is_some_and(|claimed| claimed == ip.to_canonical())
    }

    /// Whether the sender claims another address than it has; a name claims none.
    pub fn is_behind_nat(&self, ip: IpAddr) -> bool {
        self.address().is_some_and(|claimed| claimed != ip.to_canonical())
    }

    fn address(&self) -> Option<IpAddr> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.parse().ok().map(|address: IpAddr| address.to_canonical())
    }
}

/// A bare URI, and its parameters, which are the header field's: all of them follow the first semicolon.
fn unbracketed(value: &str) -> Option<(&str, &str)> {
    let (uri, params) = value.split_at(value.find(';').unwrap_or(value.len()));
    (!uri.contains(['"', '<', '?'])).then_some((uri, params))
}

fn user_and_host(uri: &str) -> Option<(&str, &str)> {
    let (user, rest) = unschemed_uri(uri)?.split_once('@')?;
    Some((user, rest.split([';', '?']).next().unwrap_or(rest)))
}

fn unschemed_uri(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    (scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")).then_some(rest)
}

fn unschemed(uri: &str) -> (bool, &str) {
    let (scheme, user) = uri.split_once(':').unwrap_or(("", uri));
    (scheme.eq_ignore_ascii_case("sips"), user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_record_is_read_from_any_uri_a_phone_writes() {
        let aor = Aor::new("u_1", "pbx.example.org");
        for uri in [
            "sip:u_1@pbx.example.org",
            "SIP:u_1@PBX.example.org:5060",
            "sips:u_1:pw@pbx.example.org;transport=tls?x=y@z",
            "sip:%75_1@pbx.example.org;lr",
        ] {
            assert_eq!(Aor::read(uri), Some(aor.clone()), "{uri}");
        }
    }

    #[test]
    fn what_names_no_line_is_refused() {
        for uri in
            ["", "sip:", "sip:pbx.example.org", "tel:+431", "sip:@h", "sip:u@", "sip:u@a\"b", "sip:u@a b"]
        {
            assert_eq!(Aor::read(uri), None, "{uri}");
        }
    }

    #[test]
    fn an_address_of_record_is_escaped_in_its_uri() {
        assert_eq!(Aor::new("a b@c;d", "PBX").uri(), "sip:a%20b%40c%3Bd@pbx");
        assert_eq!(Aor::read(&Aor::new("jürgen#1", "pbx").uri()), Some(Aor::new("jürgen#1", "pbx")));
        assert_eq!(Aor::new("a", "pbx>\r\nX: y").uri(), "sip:a@pbxx:y");
    }

    #[test]
    fn an_ipv6_realm_keeps_its_brackets_and_loses_its_port() {
        assert_eq!(Aor::read("sip:u@[2001:DB8::1]:5060").map(|aor| aor.realm), Some("[2001:db8::1]".into()));
    }

    #[test]
    fn a_target_is_kept_to_the_byte() {
        let odd = "sip:u@10.0.0.1:5062;transport=UDP;line=\"x\";ob?H=v&%41=b";
        assert_eq!(Target::new(odd).unwrap().as_str(), odd);
        for bad in ["sip:", "tel:+431", "sip:a b@c", "sip:a@b\r\nVia: x", "sip:a@b>", "sip:a@\u{1F600}"] {
            assert_eq!(Target::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn targets_differ_by_user_and_not_by_the_case_of_the_host() {
        let target = |uri| Target::new(uri).unwrap();
        assert!(target("sip:a@H;x").same_place(&target("SIP:a@h;X")));
        assert!(!target("sip:a@h").same_place(&target("sip:A@h")));
        assert!(!target("sip:a@h").same_place(&target("sips:a@h")));
        assert!(!target("sip:h").same_place(&target("sip:a@h")));
    }

    #[test]
    fn a_name_addr_is_read_with_and_without_brackets() {
        let read = |value| NameAddr::read(value).map(|a| (a.uri, a.params));
        assert_eq!(read("\"A <x>, B\" <sip:a@b;lr>;tag=1"), Some(("sip:a@b;lr", ";tag=1")));
        assert_eq!(read("sip:a@b;tag=1"), Some(("sip:a@b", ";tag=1")));
        assert_eq!(read("Bob<sip:a@b>"), Some(("sip:a@b", "")));
        assert_eq!(read("<sip:a@b"), None);
        assert_eq!(read("\"open <sip:a@b>"), None);
        assert_eq!(read("<sip:a@b>;x=\"open"), None);
        assert_eq!(read("sip:a@b?Route=x"), None);
        assert_eq!(read("<sip:a@b?Route=x>"), Some(("sip:a@b?Route=x", "")));
        assert_eq!(read("<sip:a@b;line=\"x\">;q=1"), Some(("sip:a@b;line=\"x\"", ";q=1")));
    }

    #[test]
    fn parameters_behind_an_addr_spec_are_the_header_field_s_whatever_is_quoted_in_them() {
        for value in [
            "sip:u@10.0.0.1;+sip.instance=\"<urn:uuid:1>\";q=1",
            "sip:u@10.0.0.1;q=1;+sip.instance=\"<urn:uuid:1>\"",
        ] {
            let address = NameAddr::read(value).unwrap();
            assert_eq!(address.uri, "sip:u@10.0.0.1");
            assert_eq!(
                (address.param("+sip.instance"), address.param("q")),
                (Some("<urn:uuid:1>"), Some("1"))
            );
        }
    }

    #[test]
    fn a_via_says_where_its_sender_claims_to_be() {
        let via = Via::read("SIP/2.0/UDP [::1]:5070;rport;branch=z9hG4bKa, SIP/2.0/UDP b").unwrap();
        assert_eq!((via.host, via.port, via.branch), ("[::1]", 5070, "z9hG4bKa"));
        assert!(via.wants_rport() && via.is_from("::1".parse().unwrap()));
        let bare = Via::read("SIP / 2.0 / UDP phone.example").unwrap();
        assert_eq!((bare.host, bare.port, bare.branch), ("phone.example", 5060, ""));
        assert!(!bare.wants_rport());
        let blanks = Via::read("SIP/2.0/UDP 192.0.2.1 : 5070 ;branch = z9hG4bKa").unwrap();
        assert_eq!((blanks.host, blanks.port, blanks.branch), ("192.0.2.1", 5070, "z9hG4bKa"));
        for bad in [
            "nonsense",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=z",
            "SIP/2.0/UDP :5060",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP a;x=\"",
            "SIP/2.\"/UDP a;x=\"b",
            "SIP/2.</UDP a;x>b",
        ] {
            assert_eq!(Via::read(bad), None, "{bad}");
        }
    }
}
