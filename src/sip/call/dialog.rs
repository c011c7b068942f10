//! A dialog (RFC 3261 §12): what a 2xx begins, and how requests find their way in it.

use bytes::Bytes;

use super::Way;
use super::sender::Sender;
use crate::sip::address::{NameAddr, Target, list};
use crate::sip::hop::Hop;
use crate::sip::message::{Request, Response, cseq};
use crate::sip::peer::{Peer, Transport};

/// Our side of a dialog with one phone.
#[derive(Debug)]
pub struct Dialog {
    /// The phone's tag; empty from phones older than RFC 3261.
    pub tag: String,
    /// Where requests go.
    pub to: Peer,
    /// The ACK, which goes out for every 2xx that comes.
    pub ack: Bytes,
    call_id: String,
    local: String,
    remote: String,
    target: Target,
    route: Vec<String>,
    cseq: u32,
}

impl Dialog {
    /// What a 2xx to `invite` begins.
    pub fn begin(invite: &Request, way: &Way, response: &Response, sender: &mut Sender<'_>) -> Self {
        let remote = answerer(invite, response);
        let contact = response.headers.all("Contact").flat_map(list).find_map(contact);
        let mut route: Vec<String> =
            response.headers.all("Record-Route").flat_map(list).map(str::to_owned).collect();
        route.reverse();
        let mut dialog = Self {
            tag: tag(remote).to_owned(),
            to: next_hop(way, contact.as_ref(), &route),
            ack: Bytes::new(),
            call_id: invite.headers.get("Call-ID").unwrap_or_default().to_owned(),
            local: invite.headers.get("From").unwrap_or_default().to_owned(),
            remote: remote.to_owned(),
            target: contact.unwrap_or_else(|| way.target.clone()),
            route,
            cseq: cseq(&invite.headers).map_or(1, |(number, _)| number),
        };
        dialog.ack = dialog.acknowledge(invite, sender).to_bytes();
        dialog
    }

    /// The next request of the dialog.
    pub fn request(&mut self, method: rsip::Method, branch: &str, sender: &Sender<'_>) -> Request {
        self.cseq += 1;
        let mut request = self.numbered(method, branch, sender);
        sender.sign(&mut request, &self.to);
        request
    }

    /// The ACK is a transaction of its own with the number, and the credentials, of its INVITE (§13.2.2.4, §22.1).
    fn acknowledge(&self, invite: &Request, sender: &mut Sender<'_>) -> Request {
        let branch = sender.branch();
        let mut ack = self.numbered(rsip::Method::Ack, &branch, sender);
        for name in ["Authorization", "Proxy-Authorization"] {
            for value in invite.headers.all(name) {
                ack.headers.push(name, value);
            }
        }
        ack
    }

    fn numbered(&self, method: rsip::Method, branch: &str, sender: &Sender<'_>) -> Request {
        let (uri, route) = self.path();
        let mut request = sender.begin((method, &uri), &self.to, branch, &route);
        request.headers.push("From", self.local.clone());
        request.headers.push("To", self.remote.clone());
        request.headers.push("Call-ID", self.call_id.clone());
        request.headers.push("CSeq", format!("{} {method}", self.cseq));
        request
    }

    /// The Request-URI and the `Route` fields. A first proxy that is no loose router (it is older than RFC 3261)
    /// gets its own URI as Request-URI, and the phone's at the end of the route (§12.2.1.1).
    fn path(&self) -> (String, Vec<String>) {
        let target = self.target.as_str();
        let first = self.route.first().and_then(|first| NameAddr::read(first)).map(|first| first.uri);
        match first.filter(|uri| !is_loose(uri)).and_then(Target::new) {
            Some(strict) => {
                let last = format!("<{target}>");
                (String::from(strict), self.route.iter().skip(1).cloned().chain([last]).collect())
            }
            None => (target.to_owned(), self.route.clone()),
        }
    }
}

/// Who answered, as the `To` of a response says; of one that cannot be read, whoever was asked.
pub fn answerer<'a>(invite: &'a Request, response: &'a Response) -> &'a str {
    let readable = |to: &&str| NameAddr::read(to).is_some();
    let asked = || invite.headers.get("To").unwrap_or_default();
    response.headers.get("To").filter(readable).unwrap_or_else(asked)
}

/// The tag in the value of a From or To; empty if there is none.
pub fn tag(value: &str) -> &str {
    NameAddr::read(value).and_then(|address| address.param("tag")).unwrap_or_default()
}

fn contact(value: &str) -> Option<Target> {
    Target::new(NameAddr::read(value)?.uri)
}

fn is_loose(uri: &str) -> bool {
    uri.split(';')
        .skip(1)
        .any(|param| param.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("lr")))
}

/// Back to where the INVITE went: to the phone, whose Contact is of no use behind a NAT, or to the proxy. Only a
/// proxy that does not stay in the path leaves us alone with the phone's address.
fn next_hop(way: &Way, contact: Option<&Target>, route: &[String]) -> Peer {
    if !way.proxied || !route.is_empty() {
        return way.to;
    }
    let written = contact.and_then(|contact| Hop::read(contact.as_str()));
    written.and_then(|hop| hop.peer(Transport::Udp)).unwrap_or(way.to)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use super::*;
    use crate::sip::address::Aor;
    use crate::sip::chance::Chance;
    use crate::sip::transaction::Clients;

    fn invite() -> Request {
        let mut request = Request::new(rsip::Method::Invite, "sip:u1@10.0.0.1:5062");
        for (name, value) in [
            ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKi"),
            ("From", "\"Desk\" <sip:+431@pbx>;tag=us"),
            ("To", "<sip:u1@pbx>"),
            ("Call-ID", "c"),
            ("CSeq", "2 INVITE"),
            ("Authorization", "Digest x"),
        ] {
            request.headers.push(name, value);
        }
        request
    }

    fn phone() -> Peer {
        "203.0.113.9:40000".parse().unwrap()
    }

    fn way(proxied: bool) -> Way {
        Way { proxied, ..Way::through(phone(), &Aor::new("u1", "pbx"), None) }
    }

    /// The dialog that this answer begins, and a BYE in it.
    fn begun(way: &Way, fields: &[(&str, &str)]) -> (Dialog, Request) {
        let answer = invite().answer(200, "them", phone().address);
        let answer = fields.iter().fold(answer, |answer, (name, value)| answer.with(name, *value));
        let (mut chance, mut transactions, mut out) = (Chance::new([1; 32]), Clients::default(), Vec::new());
        let here: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let mut sender = Sender {
            now: Instant::now(),
            listeners: &here.into(),
            agent: "checksync",
            chance: &mut chance,
            transactions: &mut transactions,
            out: &mut out,
        };
        let mut dialog = Dialog::begin(&invite(), way, &answer, &mut sender);
        let bye = dialog.request(rsip::Method::Bye, "z9hG4bKb", &sender);
        (dialog, bye)
    }

    fn field<'a>(request: &'a Request, name: &str) -> &'a str {
        request.headers.get(name).unwrap()
    }

    #[test]
    fn a_request_goes_to_the_phones_contact_by_the_way_of_the_invite() {
        let (dialog, bye) =
            begun(&way(false), &[("Contact", "\"u\" <sip:u1@10.0.0.1:5062;line=\"x\">;expires=9")]);
        assert_eq!((&bye.uri[..], dialog.to), ("sip:u1@10.0.0.1:5062;line=\"x\"", phone()));
        assert_eq!(
            [field(&bye, "From"), field(&bye, "To")],
            ["\"Desk\" <sip:+431@pbx>;tag=us", "<sip:u1@pbx>;tag=them"]
        );
        assert_eq!([field(&bye, "CSeq"), field(&bye, "Call-ID"), &dialog.tag], ["3 BYE", "c", "them"]);
        let ack = String::from_utf8(dialog.ack.to_vec()).unwrap();
        assert!(ack.starts_with("ACK sip:u1@10.0.0.1:5062;line=\"x\" SIP/2.0\r\n"), "{ack}");
        assert!(ack.contains("CSeq: 2 ACK\r\n") && ack.contains("Authorization: Digest x\r\n"), "{ack}");
        assert!(!ack.contains("z9hG4bKi"), "{ack}");
    }

    #[test]
    fn a_route_is_the_way_the_answer_came_backwards() {
        let proxies =
            [("Record-Route", "<sip:far;lr>, <sip:mid;x=1;LR=on>"), ("Record-Route", "<sip:near;lr>")];
        let contact = ("Contact", "<sip:u1@10.0.0.1>");
        let (dialog, bye) = begun(&way(true), &[proxies[0], proxies[1], contact]);
        let route: Vec<_> = bye.headers.all("Route").collect();
        assert_eq!(route, ["<sip:near;lr>", "<sip:mid;x=1;LR=on>", "<sip:far;lr>"]);
        assert_eq!((&bye.uri[..], dialog.to), ("sip:u1@10.0.0.1", phone()));
    }

    #[test]
    fn a_strict_router_gets_what_it_expects() {
        let (_, bye) =
            begun(&way(true), &[("Record-Route", "<sip:far;lr>, <sip:near>"), ("Contact", "<sip:u1@h>")]);
        let route: Vec<_> = bye.headers.all("Route").collect();
        assert_eq!((&bye.uri[..], route), ("sip:near", vec!["<sip:far;lr>", "<sip:u1@h>"]));
    }

    #[test]
    fn a_proxy_that_left_the_path_is_not_asked_again() {
        let to = |contact| begun(&way(true), &[("Contact", contact)]).0.to.address.to_string();
        assert_eq!(to("<sip:u1@10.0.0.7:5070;ob>"), "10.0.0.7:5070");
        assert_eq!(to("<sip:u1@[2001:db8::1]>"), "[2001:db8::1]:5060");
        assert_eq!(to("<sip:u1@phone.example>"), phone().address.to_string());
        assert_eq!(to("<sip:u1@10.0.0.7:99999>"), phone().address.to_string());
    }

    #[test]
    fn an_answer_without_a_usable_contact_is_taken_all_the_same() {
        let (dialog, bye) = begun(&way(false), &[("Contact", "<tel:+431>")]);
        assert_eq!((&bye.uri[..], dialog.to), ("sip:u1@pbx", phone()));
    }
}
