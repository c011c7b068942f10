//! A scene for tests: an endpoint that makes a call, phones that say what the test tells them to, and the time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::sip::address::Aor;
use crate::sip::call::{Call, Caller, Fate, Way};
use crate::sip::command::{CallId, Command};
use crate::sip::digest::{Credentials, Password};
use crate::sip::endpoint::Endpoint;
use crate::sip::message::{Message, Request, Response, cseq};
use crate::sip::reader;

const UNIX: u64 = 1_000_000;

/// The endpoint, what it sent to phones, and what it told.
pub(super) struct Scene {
    pub(super) endpoint: Endpoint,
    pub(super) now: Instant,
    pub(super) fates: Vec<(CallId, Fate)>,
    sent: Vec<(SocketAddr, Message)>,
    asked: u32,
}

fn here() -> SocketAddr {
    "192.0.2.1:5060".parse().unwrap()
}

/// Where the phone number `last` is.
pub(super) fn at(last: u8) -> SocketAddr {
    ([10, 0, 0, last], 5062).into()
}

pub(super) fn way(last: u8) -> Way {
    let credentials = Credentials { user: "u1".into(), password: Password::new("right") };
    let way = Way::through(at(last).into(), &Aor::new("u1", "pbx"), Some(credentials));
    let target = crate::sip::Target::new(&format!("sip:u1@{};line=\"x\"", at(last))).unwrap();
    Way { target, proxied: false, ..way }
}

pub(super) fn call(ways: Vec<Way>) -> Call {
    Call {
        call_id: "c-quickcall".into(),
        aor: Aor::new("u1", "pbx"),
        ways,
        caller: Caller { name: "Device QuickCall".into(), number: "+431".into(), place: None },
        number: "+431".into(),
        auto_answer: false,
        patience: Duration::from_secs(30),
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let endpoint = Endpoint::new([9; 32], &here().into(), "checksync/0.1");
        Self { endpoint, now, fates: Vec::new(), sent: Vec::new(), asked: 0 }
    }

    /// A call to these phones, and the INVITE that each got.
    pub(super) fn calling(phones: &[u8]) -> (Self, Vec<Request>) {
        let mut scene = Self::new();
        scene.call(call(phones.iter().copied().map(way).collect()));
        let invites = phones.iter().map(|phone| scene.heard(*phone, "INVITE")).collect();
        (scene, invites)
    }

    pub(super) fn call(&mut self, call: Call) -> CallId {
        let mut out = Vec::new();
        let id = self.endpoint.call(self.now, call, &mut out);
        self.carry_out(out);
        id
    }

    pub(super) fn give_up(&mut self) {
        let mut out = Vec::new();
        self.endpoint.give_up_calls(self.now, &mut out);
        self.carry_out(out);
    }

    /// The one request that a phone has heard since it was last asked.
    pub(super) fn heard(&mut self, phone: u8, method: &str) -> Request {
        let all = self.all(phone);
        let methods: Vec<_> = all.iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, [method], "phone {phone}");
        all.into_iter().next().unwrap()
    }

    /// The methods of all requests that a phone has heard since it was last asked.
    pub(super) fn methods(&mut self, phone: u8) -> Vec<String> {
        self.all(phone).iter().map(|request| request.method.as_str().to_owned()).collect()
    }

    pub(super) fn all(&mut self, phone: u8) -> Vec<Request> {
        let (mine, others) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|(to, message)| *to == at(phone) && matches!(message, Message::Request(_)));
        self.sent = others;
        let request = |(_, message)| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        };
        Vec::into_iter(mine).filter_map(request).collect()
    }

    /// A phone answers a request; its tag is its number.
    pub(super) fn reply(&mut self, phone: u8, request: &Request, code: u16) {
        self.reply_as(phone, &format!("phone{phone}"), request, code);
    }

    pub(super) fn reply_as(&mut self, phone: u8, tag: &str, request: &Request, code: u16) {
        let contact = format!("<sip:u1@{};line=\"x\">", at(phone));
        let response = request.answer(code, tag, here());
        self.respond(phone, &response.with("Contact", contact));
    }

    /// A phone, or a proxy, asks who is there.
    pub(super) fn challenge(&mut self, phone: u8, request: &Request, code: u16, nonce: &str) {
        let field = if code == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        let challenge = format!("Digest realm=\"pbx\", nonce=\"{nonce}\", qop=\"auth\"");
        let response = request.answer(code, &format!("phone{phone}"), here());
        self.respond(phone, &response.with(field, challenge));
    }

    fn respond(&mut self, phone: u8, response: &Response) {
        let datagram = response.to_bytes();
        self.receive(phone, &datagram);
    }

    /// A phone rings and is answered; the ACK is heard.
    pub(super) fn answer(&mut self, phone: u8, invite: &Request) {
        self.reply(phone, invite, 180);
        self.reply(phone, invite, 200);
    }

    /// A phone that was answered takes the number.
    pub(super) fn referred(phones: &[u8]) -> (Self, Request) {
        let (mut scene, invites) = Self::calling(phones);
        scene.answer(phones[0], &invites[0]);
        let all = scene.all(phones[0]);
        let [ack, refer] = &all[..] else { panic!("{all:?}") };
        assert_eq!([ack.method.as_str(), refer.method.as_str()], ["ACK", "REFER"]);
        scene.reply(phones[0], refer, 202);
        (scene, invites.into_iter().next().unwrap())
    }

    /// A phone asks for something in the dialog that began with this INVITE. Gives the code it is answered.
    pub(super) fn ask(
        &mut self,
        phone: u8,
        invite: &Request,
        method: rsip::Method,
        rest: (&[(&str, &str)], &str),
    ) -> u16 {
        let request = self.phone_request(phone, invite, method, rest);
        self.send_request(phone, &request).code
    }

    pub(super) fn phone_request(
        &mut self,
        phone: u8,
        invite: &Request,
        method: rsip::Method,
        (fields, body): (&[(&str, &str)], &str),
    ) -> Request {
        self.asked += 1;
        let mut request = Request::new(method, "sip:192.0.2.1:5060");
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bKp{}", at(phone), self.asked);
        request.headers.push("Via", via);
        request.headers.push("From", format!("<sip:u1@pbx>;tag=phone{phone}"));
        request.headers.push("To", invite.headers.get("From").unwrap());
        request.headers.push("Call-ID", invite.headers.get("Call-ID").unwrap());
        request.headers.push("CSeq", format!("{} {method}", self.asked));
        for (name, value) in fields {
            request.headers.push(name, *value);
        }
        request.body = body.to_owned().into();
        request
    }

    /// Gives what a phone's request is answered.
    pub(super) fn send_request(&mut self, phone: u8, request: &Request) -> Response {
        self.receive(phone, &request.to_bytes());
        let wanted = cseq(&request.headers);
        let found = self.sent.iter().rposition(|(to, message)| {
            matches!(message, Message::Response(response) if *to == at(phone) && cseq(&response.headers) == wanted)
        });
        match self.sent.remove(found.expect("an answer")) {
            (_, Message::Response(response)) => response,
            (_, Message::Request(request)) => panic!("{request:?}"),
        }
    }

    /// A phone says how its own call goes.
    pub(super) fn news(&mut self, phone: u8, invite: &Request, state: &str, line: &str) {
        let fields = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag")];
        assert_eq!(self.ask(phone, invite, rsip::Method::Notify, (&fields, line)), 200);
    }

    pub(super) fn fate(&self) -> Option<Fate> {
        assert!(self.fates.len() < 2, "{:?}", self.fates);
        self.fates.first().map(|(_, fate)| *fate)
    }

    /// Lets time pass from deadline to deadline, and checks that each leads on.
    pub(super) fn sleep(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(next) = self.endpoint.deadline().filter(|next| *next <= until) {
            let mut out = Vec::new();
            self.now = self.now.max(next);
            self.endpoint.wake(self.now, UNIX, &mut out);
            assert!(self.endpoint.deadline().is_none_or(|after| after > self.now), "a deadline that stays");
            self.carry_out(out);
        }
        self.now = until;
    }

    /// Lets all timers run out, and checks that nothing is left.
    pub(super) fn ends(&mut self) {
        self.sleep(200);
        assert_eq!((self.endpoint.calls(), self.endpoint.deadline()), (0, None));
        assert_eq!(self.fates.len(), 1, "{:?}", self.fates);
    }

    /// A request of ours could not be sent.
    pub(super) fn undeliverable(&mut self, request: &Request) {
        let via = request.headers.get("Via").and_then(crate::sip::address::Via::read).unwrap();
        let mut out = Vec::new();
        self.endpoint.undeliverable(self.now, via.branch, &mut out);
        self.carry_out(out);
    }

    /// A datagram comes from where a phone is.
    pub(super) fn receive(&mut self, phone: u8, datagram: &[u8]) {
        let mut out = Vec::new();
        self.endpoint.receive(self.now, UNIX, at(phone).into(), datagram, &mut out);
        self.carry_out(out);
    }

    /// What we ask can be read, unless a phone calls itself what nobody can read; what a broken request is answered
    /// need not be.
    fn carry_out(&mut self, out: Vec<Command>) {
        for command in out {
            match command {
                Command::Send { to, datagram, .. } => match reader::read(&datagram.0) {
                    Ok(message) => self.sent.push((to.address, message)),
                    Err(reader::Malformed::Answerable {
                        reason: "No Request-URI that can be read", ..
                    }) => {}
                    Err(error) => assert!(datagram.0.starts_with(b"SIP/2.0 4"), "{error}"),
                },
                Command::Called { id, fate } => self.fates.push((id, fate)),
                _ => {}
            }
        }
    }
}
