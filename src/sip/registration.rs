//! What a REGISTER asks for (RFC 3261 §10.2), read whole before anybody is asked whether it may.

use super::address::{Aor, NameAddr, Target, list, trim};
use super::fingerprint::Fingerprint;
use super::header::text;
use super::message::Request;
use super::peer::Peer;

/// The most contacts of one line, and in one request.
pub const MAX_CONTACTS: usize = 10;

/// What a REGISTER asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The line.
    pub aor: Aor,
    /// What its bindings are found by.
    pub line: Fingerprint,
    /// What shall become of its bindings.
    pub wish: Wish,
    /// Where the phone, or the last proxy before us, listens.
    pub source: Peer,
    /// The proxies it came by, nearest to us first (RFC 3327).
    pub path: Vec<String>,
    /// Whether the phone sent it to us itself: no proxy has put its `Via` before the phone's, or its `Path` there.
    pub direct: bool,
    /// Whether the phone keeps a flow open that we are to use (RFC 5626): it says that it can, names itself and the
    /// flow, and came straight by a connection or by a proxy that keeps flows (§6).
    pub outbound: bool,
    /// The phone's name for itself; empty if it gave none.
    pub user_agent: String,
    /// With `cseq`: which of two requests of one phone is the later.
    pub call_id: String,
    /// Grows with every request of one `call_id`.
    pub cseq: u32,
}

/// What shall become of a line's bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Nothing, only tell them: the request has no Contact.
    Fetch,
    /// All shall go: `Contact: *` with `Expires: 0`.
    RemoveAll,
    /// These shall be bound or, with 0 seconds, go.
    Bind(Vec<Contact>),
}

/// One Contact of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Where the phone is.
    pub target: Target,
    /// For how many seconds; `None` if neither the Contact nor the request says.
    pub expires: Option<u32>,
    /// Its preference in thousandths.
    pub q: u16,
    /// Which phone it is (RFC 5626).
    pub instance: Option<String>,
    /// Which of its flows (`reg-id`, RFC 5626).
    pub flow: Option<u32>,
}

impl Registration {
    /// Reads a REGISTER that came from `from`. The error is the reason to answer 400 with.
    pub fn read(request: &Request, from: Peer) -> Result<Self, &'static str> {
        let field = |name| request.headers.get(name).unwrap_or_default();
        let path: Vec<String> = request.headers.all("Path").flat_map(list).map(str::to_owned).collect();
        let wish = Wish::read(request)?;
        let direct = path.is_empty() && request.headers.all("Via").flat_map(list).count() == 1;
        let kept = path.last().map_or(direct && from.is_reliable(), |nearest| keeps_flows(nearest));
        let aor = request.to().ok_or("To names no line")?;
        Ok(Self {
            line: (&aor).into(),
            aor,
            outbound: kept && knows(request, "outbound") && wish.names_flow(),
            wish,
            source: from.back(request),
            path,
            direct,
            user_agent: text(field("User-Agent")),
            call_id: field("Call-ID").to_owned(),
            cseq: request.cseq(),
        })
    }
}

/// Whether a phone knows an extension: it names it in `Supported` or `Require`.
fn knows(request: &Request, tag: &str) -> bool {
    let tags = ["Supported", "Require"].map(|name| request.headers.all(name).flat_map(list));
    tags.into_iter().flatten().any(|known| known.eq_ignore_ascii_case(tag))
}

/// Whether the proxy next to the phone says in its `Path` that it keeps flows (`ob`, RFC 5626 §5.1).
fn keeps_flows(proxy: &str) -> bool {
    let uri = NameAddr::read(proxy).map_or("", |proxy| proxy.uri);
    uri.split(';').skip(1).any(|param| param.eq_ignore_ascii_case("ob"))
}

impl Wish {
    fn names_flow(&self) -> bool {
        let Self::Bind(contacts) = self else { return false };
        contacts.iter().any(Contact::names_flow)
    }

    fn read(request: &Request) -> Result<Self, &'static str> {
        let contacts: Vec<&str> = request.headers.all("Contact").flat_map(list).collect();
        let expires = request.headers.get("Expires").and_then(seconds);
        match contacts[..] {
            [] => Ok(Self::Fetch),
            ["*"] if expires == Some(0) => Ok(Self::RemoveAll),
            _ if contacts.contains(&"*") => Err("Contact: * stands alone, with Expires: 0"),
            _ if contacts.len() > MAX_CONTACTS => Err("Too many Contacts"),
            _ => {
                let read = contacts.into_iter().map(|contact| Contact::read(contact, expires));
                read.collect::<Option<_>>().map(Self::Bind).ok_or("Contact is no usable SIP URI")
            }
        }
    }
}

impl Contact {
    /// Whether it says which phone it is, and which of its flows.
    pub fn names_flow(&self) -> bool {
        self.instance.is_some() && self.flow.is_some()
    }

    fn read(value: &str, expires: Option<u32>) -> Option<Self> {
        let address = NameAddr::read(value)?;
        Some(Self {
            target: Target::new(address.uri)?,
            expires: address.param("expires").and_then(seconds).or(expires),
            q: address.param("q").map_or(1000, thousandths),
            instance: address.param("+sip.instance").filter(|id| !id.is_empty()).map(str::to_owned),
            flow: address.param("reg-id").and_then(|id| id.parse().ok()),
        })
    }
}

/// Seconds as phones write them; what is no number counts as not said (RFC 3261 §20.19).
fn seconds(value: &str) -> Option<u32> {
    let value = trim(value);
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u32::MAX))
}

fn thousandths(q: &str) -> u16 {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let value = format!("{whole}{digits}").parse().unwrap_or(1000);
    u16::min(value, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contacts: &[&str], expires: &str) -> Result<Wish, &'static str> {
        let mut request = Request::new(rsip::Method::Register, "sip:pbx");
        for contact in contacts {
            request.headers.push("Contact", *contact);
        }
        if !expires.is_empty() {
            request.headers.push("Expires", expires);
        }
        Wish::read(&request)
    }

    fn expiries(wish: Result<Wish, &'static str>) -> Vec<Option<u32>> {
        let Ok(Wish::Bind(contacts)) = wish else { panic!("{wish:?}") };
        contacts.iter().map(|contact| contact.expires).collect()
    }

    #[test]
    fn a_contact_says_for_how_long_or_the_request_does() {
        let wish = read(&["<sip:a@b>;expires=5, sip:c@d;q=0.5", "\"E, F\" <sip:e@f>;expires=soon"], "60");
        assert_eq!(expiries(wish), [Some(5), Some(60), Some(60)]);
        assert_eq!(expiries(read(&["sip:a@b"], "-1")), [None]);
        assert_eq!(expiries(read(&["sip:a@b"], "99999999999")), [Some(u32::MAX)]);
    }

    #[test]
    fn a_phone_and_its_flow_are_read() {
        let Ok(Wish::Bind(contacts)) = read(&["<sip:a@b>;reg-id=1;+sip.instance=\"<urn:uuid:1>\""], "")
        else {
            panic!("no contact")
        };
        assert_eq!((contacts[0].instance.as_deref(), contacts[0].flow), (Some("<urn:uuid:1>"), Some(1)));
    }

    #[test]
    fn a_phone_that_listens_elsewhere_is_told_there() {
        let from: Peer = "10.0.0.1:50321".parse().unwrap();
        let source = |via: &str| {
            let mut request = Request::new(rsip::Method::Register, "sip:pbx");
            request.headers.push("To", "<sip:u1@pbx>");
            request.headers.push("Via", via);
            Registration::read(&request, from).unwrap().source.port()
        };
        assert_eq!(source("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1"), 5060);
        assert_eq!(source("SIP/2.0/UDP 192.168.0.1:5060;branch=z9hG4bK1;rport"), 50321);
    }

    /// A REGISTER of a flow with these fields, from a phone at the other end of a connection or by UDP.
    fn flow(fields: &[(&str, &str)], from: &str) -> bool {
        let mut request = Request::new(rsip::Method::Register, "sip:pbx");
        request.headers.push("To", "<sip:u1@pbx>");
        request.headers.push("Via", "SIP/2.0/TCP a;branch=z9hG4bK1");
        request.headers.push("Contact", "<sip:u1@a>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"");
        for (name, value) in fields {
            request.headers.push(name, *value);
        }
        Registration::read(&request, from.parse().unwrap()).unwrap().outbound
    }

    #[test]
    fn a_flow_is_used_where_the_phone_and_the_hop_next_to_it_keep_one() {
        let (tcp, udp) = ("tcp:10.0.0.1:5060", "udp:10.0.0.1:5060");
        let supported = ("Supported", "replaces, Outbound, path");
        let path = |uri| ("Path", uri);
        assert!(flow(&[supported], tcp) && flow(&[("Require", "outbound")], tcp));
        assert!(!flow(&[], tcp) && !flow(&[supported], udp));
        assert!(flow(&[supported, path("<sip:core;lr>, <sip:edge;lr;ob>")], udp));
        assert!(!flow(&[supported, path("<sip:core;lr;ob>, <sip:edge;lr>")], tcp));
        assert!(!flow(&[supported, ("Via", "SIP/2.0/TCP b")], tcp), "a proxy has it that does not say so");
    }

    #[test]
    fn a_proxy_is_seen_by_its_path_or_its_via() {
        let direct = |fields: &[(&str, &str)]| {
            let mut request = Request::new(rsip::Method::Register, "sip:pbx");
            request.headers.push("To", "<sip:u1@pbx>");
            for (name, value) in fields {
                request.headers.push(name, *value);
            }
            Registration::read(&request, "10.0.0.1:5060".parse().unwrap()).unwrap().direct
        };
        let (via, proxy) = (("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), ("Via", "SIP/2.0/UDP b"));
        assert!(direct(&[via]));
        assert!(!direct(&[proxy, via]) && !direct(&[("Via", "SIP/2.0/UDP b, SIP/2.0/UDP a")]));
        assert!(!direct(&[via, ("Path", "<sip:edge;lr>")]));
    }

    #[test]
    fn a_star_stands_alone_and_with_expires_zero() {
        assert_eq!((read(&[], "0"), read(&["*"], "0")), (Ok(Wish::Fetch), Ok(Wish::RemoveAll)));
        for (contacts, expires) in [(&["*"][..], "60"), (&["*"], ""), (&["*", "<sip:u1@a>"], "0")] {
            assert_eq!(read(contacts, expires), Err("Contact: * stands alone, with Expires: 0"));
        }
    }

    #[test]
    fn a_contact_we_could_not_call_is_refused() {
        for contact in ["<tel:+431>", "<sip:a b@c>", "<sip:u1@a", "sip:"] {
            assert_eq!(read(&[contact], ""), Err("Contact is no usable SIP URI"), "{contact}");
        }
        assert_eq!(read(&["<sip:u1@x>"; MAX_CONTACTS + 1], ""), Err("Too many Contacts"));
    }

    #[test]
    fn a_preference_is_read_in_thousandths() {
        let read = ["1", "0.5", "0", "0.123456", "1.5", "x", "0."].map(thousandths);
        assert_eq!(read, [1000, 500, 0, 123, 1000, 1000, 0]);
    }
}
