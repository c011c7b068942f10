//! A NOTIFY out of any dialog: what it says, how it answers challenges, and what became of it.
//!
//! An answer says only that the phone has heard, never that it has done anything: some phones answer 200 and
//! do nothing, others 481 and obey. Whether a phone follows shows in what it asks for next.

use bytes::Bytes;

use super::address::{Aor, Target};
use super::chance::Chance;
use super::digest::Credentials;
use super::header::wire;
use super::listeners::Listeners;
use super::login::Login;
use super::message::{Request, Response};
use super::outcome::Outcome;
use super::peer::Peer;

/// What to tell a phone, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The line it is from and to; many phones drop what is from anybody else.
    pub aor: Aor,
    /// The Request-URI: the phone's Contact exactly, or the line's URI at a proxy.
    pub target: Target,
    /// Where it goes: where the phone registered from, or the outbound proxy.
    pub to: Peer,
    /// Where it goes if nobody is there: each in its turn (RFC 3263 §4.3).
    pub next: Vec<Peer>,
    /// The `Route` fields: the `Path` the phone registered with.
    pub route: Vec<String>,
    /// The `Event`, exactly: `check-sync;reboot=false` without blanks.
    pub event: String,
    /// The `Subscription-State`; left out unless a phone needs it.
    pub state: Option<String>,
    /// The `Content-Type` and the body, for the events that have one.
    pub content: Option<(String, Bytes)>,
    /// What the line proves itself with if the phone or a proxy asks.
    pub credentials: Option<Credentials>,
}

impl Notify {
    /// A NOTIFY of `event` to wherever `proxy` knows the line to be.
    pub fn through(proxy: Peer, aor: Aor, event: &str, credentials: Option<Credentials>) -> Self {
        let (target, event, next, route) = (Target::from(&aor), event.to_owned(), Vec::new(), Vec::new());
        Self { aor, target, to: proxy, next, route, event, state: None, content: None, credentials }
    }
}

/// A NOTIFY under way: the same Call-ID and tag through all its challenges.
#[derive(Debug)]
pub struct Exchange {
    notify: Notify,
    call_id: String,
    tag: String,
    cseq: u32,
    login: Login,
    /// How many of the places it may go to are tried.
    tried: usize,
}

/// What to do after a final response.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Send the next request, which answers the challenge.
    Again,
    /// It is over.
    Finished(Outcome),
}

impl Exchange {
    /// Begins; nothing is sent yet.
    pub fn new(notify: Notify, chance: &mut Chance) -> Self {
        let (call_id, tag) = (chance.token(), chance.token());
        let login = Login::new(notify.credentials.clone());
        Self { notify, call_id, tag, cseq: 0, login, tried: 0 }
    }

    /// Where the requests go now.
    pub fn to(&self) -> Peer {
        self.notify.to
    }

    /// Goes on at the next place, since nobody is at this one; false if there is none.
    pub fn goes_on(&mut self) -> bool {
        let Some(next) = self.notify.next.get(self.tried) else { return false };
        self.notify.to = *next;
        self.tried += 1;
        true
    }

    /// The next request, with the answers to all challenges so far.
    pub fn request(
        &mut self,
        branch: &str,
        (listeners, agent): (&Listeners, &str),
        chance: &mut Chance,
    ) -> Request {
        self.cseq += 1;
        let notify = &self.notify;
        let mut request = Request::new(rsip::Method::Notify, notify.target.as_str());
        let mut add = |name: &str, value: String| request.headers.push(name, value);
        add("Via", listeners.via(&notify.to, branch));
        add("Max-Forwards", "70".to_owned());
        notify.route.iter().for_each(|route| add("Route", route.clone()));
        let line = notify.aor.uri();
        add("From", format!("<{line}>;tag={}", self.tag));
        add("To", format!("<{line}>"));
        add("Call-ID", self.call_id.clone());
        add("CSeq", format!("{} NOTIFY", self.cseq));
        add("Contact", listeners.contact(&notify.to));
        add("Event", wire(&notify.event));
        notify.state.iter().for_each(|state| add("Subscription-State", wire(state)));
        add("User-Agent", wire(agent));
        add("X-KAZOO-AOR", line);
        if let Some((kind, body)) = &notify.content {
            add("Content-Type", wire(kind));
            request.body = body.clone();
        }
        self.login.authorize(&mut request, chance);
        request
    }

    /// Takes a final response. Each kind of challenge is answered once, and one more if a nonce was stale; of several
    /// places one that is out of service (503) is as good as none.
    pub fn response(&mut self, response: &Response) -> Next {
        if self.login.is_answered(response) || (response.code == 503 && self.goes_on()) {
            return Next::Again;
        }
        Next::Finished(Outcome::of_response(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::digest::{Params, Password};

    fn at(text: &str) -> Peer {
        text.parse().unwrap()
    }

    fn notify() -> Notify {
        let credentials = Credentials { user: "u1".into(), password: Password::new("p") };
        let mut notify = Notify::through(
            at("10.0.0.1:5062"),
            Aor::new("u1", "pbx"),
            "check-sync;reboot=false",
            Some(credentials),
        );
        notify.target = Target::new("sip:u1@10.0.0.1:5062;line=\"x\"").unwrap();
        notify
    }

    struct Talk {
        exchange: Exchange,
        chance: Chance,
    }

    impl Talk {
        fn about(notify: Notify) -> Self {
            let mut chance = Chance::new([3; 32]);
            Self { exchange: Exchange::new(notify, &mut chance), chance }
        }

        fn request(&mut self) -> Request {
            let listeners = at("192.0.2.1:5060").address.into();
            let me = (&listeners, "checksync/0.1");
            self.exchange.request("z9hG4bKx", me, &mut self.chance)
        }

        fn answer(&mut self, code: u16, challenge: &str) -> Next {
            let field = if code == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
            let response =
                self.request().answer(code, "t", at("10.0.0.1:5062").address).with(field, challenge);
            self.exchange.response(&response)
        }
    }

    const CHALLENGE: &str = "Digest realm=\"phone\", nonce=\"n1\", qop=\"auth\"";
    const STALE: &str = "Digest realm=\"phone\", nonce=\"n2\", qop=\"auth\", stale=TRUE";

    #[test]
    fn a_notify_says_what_phones_expect() {
        let bytes = Talk::about(notify()).request().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, tail) = text.split_once("\r\nCall-ID: ").unwrap();
        let tag = head.split("tag=").nth(1).unwrap().split('\r').next().unwrap();
        assert_eq!(
            head,
            format!(
                "NOTIFY sip:u1@10.0.0.1:5062;line=\"x\" SIP/2.0\r\n\
                 Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:u1@pbx>;tag={tag}\r\nTo: <sip:u1@pbx>"
            )
        );
        assert!(tail.ends_with(
            "\r\nCSeq: 1 NOTIFY\r\nContact: <sip:192.0.2.1:5060>\r\nEvent: check-sync;reboot=false\r\n\
             User-Agent: checksync/0.1\r\nX-KAZOO-AOR: sip:u1@pbx\r\nContent-Length: 0\r\n\r\n"
        ));
    }

    #[test]
    fn a_body_a_state_and_a_route_are_sent_where_they_are_wanted() {
        let content = Some(("text/plain".to_owned(), Bytes::from_static(b"a=b")));
        let route = vec!["<sip:edge;lr>".to_owned(), "<sip:core;lr>".to_owned()];
        let request =
            Talk::about(Notify { content, route, state: Some("terminated".into()), ..notify() }).request();
        assert_eq!(request.headers.all("Route").collect::<Vec<_>>(), ["<sip:edge;lr>", "<sip:core;lr>"]);
        assert_eq!(request.headers.get("Subscription-State"), Some("terminated"));
        assert_eq!(
            (request.headers.get("Content-Type"), &request.body[..]),
            (Some("text/plain"), &b"a=b"[..])
        );
    }

    #[test]
    fn each_kind_of_challenge_is_answered_once() {
        let mut talk = Talk::about(notify());
        assert_eq!(talk.answer(407, CHALLENGE), Next::Again);
        assert_eq!(talk.answer(401, CHALLENGE), Next::Again);
        let request = talk.request();
        let count = |name| Params::read(request.headers.get(name).unwrap())[0].get("nc").unwrap().to_owned();
        assert_eq!([count("Authorization"), count("Proxy-Authorization")], ["00000001", "00000002"]);
        assert_eq!(request.headers.get("CSeq"), Some("3 NOTIFY"));
        assert_eq!(talk.answer(407, CHALLENGE), Next::Finished(Outcome::Refused(407)));
    }

    #[test]
    fn a_stale_nonce_is_answered_once_more() {
        let mut talk = Talk::about(notify());
        assert_eq!([talk.answer(401, STALE), talk.answer(401, STALE)], [Next::Again, Next::Again]);
        assert_eq!(talk.answer(401, STALE), Next::Finished(Outcome::Refused(401)));
    }

    #[test]
    fn a_challenge_we_cannot_answer_is_a_refusal() {
        let unknown = Talk::about(notify()).answer(401, "Digest realm=\"a\", nonce=\"n\", algorithm=X");
        assert_eq!(unknown, Next::Finished(Outcome::Refused(401)));
        let without = Talk::about(Notify { credentials: None, ..notify() }).answer(407, CHALLENGE);
        assert_eq!(without, Next::Finished(Outcome::Refused(407)));
    }

    #[test]
    fn a_busy_server_says_when_to_come_again() {
        for (written, seconds) in
            [("120", 120), (" 5;duration=3600 (in a meeting)", 5), ("soon", 0), ("99999999999", u32::MAX)]
        {
            let answer = Talk::about(notify()).request().answer(503, "t", at("10.0.0.1:5062").address);
            let next = Talk::about(notify()).exchange.response(&answer.with("Retry-After", written));
            assert_eq!(next, Next::Finished(Outcome::Busy { code: 503, retry_after: seconds }), "{written}");
        }
        assert!(Outcome::Busy { code: 503, retry_after: 7 }.words().ends_with("in 7 s"));
    }
}
