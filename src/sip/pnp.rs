//! Plug and play: phones that ask everybody on their network where their configuration lies (RFC 6080, as phones do
//! it), and how they are told.
//!
//! A phone sends `SUBSCRIBE sip:MAC%3A<mac>@224.0.1.75` with `Event: ua-profile`; it is answered 200 and a NOTIFY with
//! nothing but an address in it. Whether it gets one is not decided here.

use std::time::Instant;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::address::{NameAddr, param};
use super::chance::Chance;
use super::command::{Command, ask, send};
use super::header::wire;
use super::hop::Hop;
use super::listeners::Listeners;
use super::message::{Message, Request};
use super::peer::{Peer, Transport};
use super::reader;
use super::transaction::{Clients, Due, Servers};

/// The most phones that are being told at a time; others must ask again.
pub const MAX_TOLD: usize = 1_024;
/// So many phones are known by what they asked, for when that comes again.
pub const MAX_KNOWN: usize = 4_096;

/// A phone that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Its MAC address as it writes it: what stands before the `@`, without `MAC:`.
    pub mac: String,
    /// `vendor`, `model` and `version` of its `Event`; empty where it says none.
    pub what: [String; 3],
    from: Peer,
    request: Request,
}

impl Asking {
    /// Reads a datagram that came from `from`; `None` where it is nothing of this kind.
    pub fn read(from: Peer, datagram: &[u8]) -> Option<Self> {
        let Ok(Message::Request(request)) = reader::read(datagram) else { return None };
        let event = request.headers.get("Event").unwrap_or_default();
        let (package, params) = event.split_at(event.find(';').unwrap_or(event.len()));
        if !request.is(rsip::Method::Subscribe) || !package.trim().eq_ignore_ascii_case("ua-profile") {
            return None;
        }
        let from_uri = request.headers.get("From").and_then(NameAddr::read).map(|from| from.uri);
        let mac = [Some(&request.uri[..]), from_uri].into_iter().flatten().find_map(mac);
        let mac = mac.or_else(|| param(params, "mac").map(str::to_owned))?;
        let what =
            ["vendor", "model", "version"].map(|name| param(params, name).unwrap_or_default().to_owned());
        Some(Self { mac, what, from, request })
    }

    /// Where the NOTIFY goes: where the phone listens, which must be where it sent from.
    fn back(&self) -> Peer {
        let contact = self.request.headers.get("Contact").and_then(NameAddr::read);
        let written = contact.and_then(|contact| Hop::read(contact.uri)?.peer(Transport::Udp));
        written.filter(|peer| peer.ip() == self.from.ip()).unwrap_or(self.from)
    }
}

/// The MAC address in the user part of a URI, if it begins as one does.
fn mac(uri: &str) -> Option<String> {
    let user = uri.split_once(':')?.1.rsplit_once('@')?.0;
    let user = percent_decode_str(user).decode_utf8().ok()?;
    let (scheme, mac) = user.split_once(':')?;
    scheme.eq_ignore_ascii_case("mac").then(|| mac.to_owned())
}

/// Tells phones, again and again until each has heard.
#[derive(Debug)]
pub struct Teller {
    listeners: Listeners,
    agent: String,
    chance: Chance,
    transactions: Clients<()>,
    asked: Servers,
}

impl Teller {
    /// Somebody who listens at `listeners` and is called `agent`.
    pub fn new(chance: Chance, listeners: Listeners, agent: &str) -> Self {
        let (transactions, asked) = (Clients::default(), Servers::of_at_most(MAX_KNOWN));
        Self { listeners, agent: agent.to_owned(), chance, transactions, asked }
    }

    /// Whether a phone asks the same again, since it has not heard that it was answered. Then it is answered as before,
    /// and what it is told comes again by itself.
    pub fn repeats(&self, asking: &Asking, out: &mut Vec<Command>) -> bool {
        let answered = self.asked.answered(Servers::key(&asking.request, asking.from));
        let Some((to, datagram)) = answered else { return false };
        out.push(send(to, datagram));
        true
    }

    /// Tells a phone where its configuration lies.
    pub fn tell(&mut self, now: Instant, asking: &Asking, url: &str, out: &mut Vec<Command>) {
        if self.transactions.waiting() >= MAX_TOLD {
            return;
        }
        let (request, to) = (&asking.request, asking.back());
        let tag = self.chance.stamp("pnp", &[request.headers.get("Call-ID").unwrap_or_default().as_bytes()]);
        let tag = &tag[..16];
        let accepted = request
            .answer(200, tag, asking.from.address)
            .with("Contact", self.listeners.contact(&to))
            .with("Expires", "0")
            .with("Server", wire(&self.agent));
        let (back, accepted, key) =
            (asking.from.back(request), accepted.to_bytes(), Servers::key(request, asking.from));
        self.asked.arrive(now, key);
        self.asked.answer(key, back, accepted.clone());
        out.push(send(back, accepted));
        let branch = format!("z9hG4bK{}", self.chance.token());
        let datagram = self.notify(request, (&to, &branch, tag), url);
        if self.transactions.start(now, (&branch, "NOTIFY"), (), (to, datagram.clone())) {
            out.push(ask(to, datagram, &branch));
        }
    }

    /// Takes what comes back.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        if let Ok(Message::Response(response)) = reader::read(datagram)
            && let Some(transaction) = response.transaction()
        {
            self.transactions.response(now, transaction, response.code);
        }
    }

    /// When [`Teller::wake`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.transactions.deadline().into_iter().chain(self.asked.deadline()).min()
    }

    /// Tells again whoever has not heard, and forgets who was told long ago.
    pub fn wake(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.asked.wake(now);
        while let Some(due) = self.transactions.due(now) {
            if let Due::Resend(branch, to, datagram) = due {
                out.push(ask(to, datagram, &branch));
            }
        }
    }

    fn notify(&self, asked: &Request, (to, branch, tag): (&Peer, &str, &str), url: &str) -> Bytes {
        let field = |name| asked.headers.get(name).unwrap_or_default();
        let contact = NameAddr::read(field("Contact")).map_or(&asked.uri[..], |contact| contact.uri);
        let mut notify = Request::new(rsip::Method::Notify, contact);
        let mut add = |name: &str, value: String| notify.headers.push(name, value);
        add("Via", self.listeners.via(to, branch));
        add("Max-Forwards", "70".to_owned());
        add("From", format!("{};tag={tag}", field("To")));
        add("To", field("From").to_owned());
        add("Call-ID", field("Call-ID").to_owned());
        add("CSeq", "1 NOTIFY".to_owned());
        add("Contact", self.listeners.contact(to));
        add("Event", "ua-profile;effective-by=0".to_owned());
        add("Subscription-State", "terminated;reason=timeout".to_owned());
        add("User-Agent", wire(&self.agent));
        add("Content-Type", "application/url".to_owned());
        notify.body = Bytes::copy_from_slice(url.as_bytes());
        notify.to_bytes()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    const ASKED: &str = "SUBSCRIBE sip:MAC%3A0004134F2A1B@224.0.1.75 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK-x;rport\r\n\
        From: <sip:MAC%3A0004134F2A1B@224.0.1.75>;tag=phone\r\nTo: <sip:MAC%3A0004134F2A1B@224.0.1.75>\r\n\
        Call-ID: c\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:10.0.0.7:5062>\r\n\
        Event: ua-profile;profile-type=\"device\";vendor=\"snom\";model=\"D785\";version=\"10.1.46.16\"\r\n\
        Accept: application/url\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n";

    fn read(text: &str) -> Option<Asking> {
        Asking::read("10.0.0.7:5060".parse().unwrap(), text.as_bytes())
    }

    fn teller() -> Teller {
        let here: SocketAddr = "192.0.2.1:40000".parse().unwrap();
        Teller::new(Chance::new([1; 32]), here.into(), "checksync")
    }

    #[test]
    fn a_phone_says_who_it_is() {
        let asking = read(ASKED).unwrap();
        assert_eq!(asking.mac, "0004134F2A1B");
        assert_eq!(asking.what, ["snom", "D785", "10.1.46.16"].map(str::to_owned));
        let in_from_only = ASKED.replacen("sip:MAC%3A0004134F2A1B@", "sip:", 1);
        assert_eq!(read(&in_from_only).unwrap().mac, "0004134F2A1B");
        let as_parameter =
            ASKED.replace("MAC%3A0004134F2A1B", "x").replace("vendor=", "mac=000413000001;vendor=");
        assert_eq!(read(&as_parameter).unwrap().mac, "000413000001");
    }

    #[test]
    fn anything_else_is_passed_over() {
        let others = [
            ASKED.replace("ua-profile", "presence"),
            ASKED.replace("SUBSCRIBE", "REGISTER"),
            ASKED.replace("MAC%3A", ""),
            ASKED.replace("MAC%3A", "MAC%FF%3A"),
            "SIP/2.0 200 OK\r\n\r\n".to_owned(),
            String::new(),
        ];
        assert!(others.iter().all(|other| read(other).is_none()));
    }

    #[test]
    fn it_is_told_an_address_where_it_listens_until_it_has_heard() {
        let (mut teller, now, mut out) = (teller(), Instant::now(), Vec::new());
        teller.tell(now, &read(ASKED).unwrap(), "http://prov.example/", &mut out);
        let [Command::Send { to: back, datagram: accepted, .. }, Command::Send { to, datagram, .. }] =
            &out[..]
        else {
            panic!("{out:?}")
        };
        assert_eq!([back, to].map(ToString::to_string), ["udp:10.0.0.7:5060", "udp:10.0.0.7:5062"]);
        assert!(accepted.0.starts_with(b"SIP/2.0 200"));
        let Ok(Message::Request(notify)) = reader::read(&datagram.0) else { panic!("no request") };
        let fields = ["Event", "Content-Type", "To", "Call-ID"].map(|name| notify.headers.get(name).unwrap());
        let to = "<sip:MAC%3A0004134F2A1B@224.0.1.75>;tag=phone";
        assert_eq!(fields, ["ua-profile;effective-by=0", "application/url", to, "c"]);
        assert_eq!((&notify.uri[..], &notify.body[..]), ("sip:10.0.0.7:5062", &b"http://prov.example/"[..]));
        out.clear();
        teller.wake(now + Duration::from_millis(500), &mut out);
        assert_eq!(out.len(), 1, "it may not have heard");
        teller.receive(now, &notify.answer(200, "", "192.0.2.1:40000".parse().unwrap()).to_bytes());
        out.clear();
        teller.wake(now + Duration::from_secs(4), &mut out);
        assert_eq!(out.len(), 0);
    }

    #[test]
    fn a_question_that_comes_again_is_answered_again_and_its_phone_told_once() {
        let (mut teller, now, mut out) = (teller(), Instant::now(), Vec::new());
        let asking = read(ASKED).unwrap();
        assert!(!teller.repeats(&asking, &mut out), "it is new");
        teller.tell(now, &asking, "http://prov.example/", &mut out);
        let accepted = out[0].clone();
        out.clear();
        assert!(teller.repeats(&asking, &mut out));
        assert_eq!((out.len(), &out[0]), (1, &accepted));
        for other in
            [ASKED.replace("z9hG4bK-x", "z9hG4bK-y"), ASKED.replace("10.0.0.7:5060;", "10.0.0.7:5061;")]
        {
            assert!(!teller.repeats(&read(&other).unwrap(), &mut out), "another question");
        }
        let later = now + crate::sip::transaction::TIMER_J;
        teller.wake(later, &mut out);
        assert!(!teller.repeats(&asking, &mut out), "it is forgotten");
    }

    #[test]
    fn what_phones_ask_does_not_fill_the_memory() {
        let (mut teller, now, mut out) = (teller(), Instant::now(), Vec::new());
        for n in 0..MAX_KNOWN + 9 {
            let asking = read(&ASKED.replace("z9hG4bK-x", &format!("z9hG4bK-{n}"))).unwrap();
            teller.tell(now, &asking, "http://prov.example/", &mut out);
            teller.transactions = Clients::default();
        }
        assert_eq!(teller.asked.len(), MAX_KNOWN);
    }

    #[test]
    fn nobody_can_have_us_send_to_somebody_else() {
        let asking = read(&ASKED.replace("<sip:10.0.0.7:5062>", "<sip:198.51.100.9:5060>")).unwrap();
        assert_eq!(asking.back().to_string(), "udp:10.0.0.7:5060");
    }
}
