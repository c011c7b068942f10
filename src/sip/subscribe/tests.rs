//! Lines are watched at a server that is played here.
#![allow(clippy::disallowed_methods)]

use std::net::SocketAddr;

use super::reginfo::tests::{active, document};
use super::subscription::{EXPIRES, LONGEST_PAUSE, SHORTEST_PAUSE};
use super::*;
use crate::sip::digest::Password;
use crate::sip::message::Message;
use crate::sip::reader;

/// Our side, and the time.
struct Stage {
    us: Subscriptions,
    now: Instant,
    out: Vec<Command>,
}

fn server() -> Peer {
    "10.0.0.5:5060".parse().unwrap()
}

fn line(user: &str) -> Aor {
    Aor::new(user, "example.com")
}

impl Stage {
    fn new() -> Self {
        let here: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let mut us = Subscriptions::new(Chance::new([1; 32]), here.into(), "checksync");
        us.through(server());
        Self { us, now: Instant::now(), out: Vec::new() }
    }

    /// One that has sent its first SUBSCRIBE for joe.
    fn asking() -> (Self, Request) {
        let mut stage = Self::new();
        let credentials = Credentials { user: "joe".into(), password: Password::new("p") };
        assert!(stage.us.watch(stage.now, line("joe"), Some(credentials)));
        let request = stage.asked_after(Duration::ZERO).unwrap();
        (stage, request)
    }

    /// One whose first SUBSCRIBE was granted for an hour.
    fn watching() -> (Self, Request) {
        let (mut stage, request) = Self::asking();
        stage.answer(&request, 200, &[("Expires", "3600"), ("Contact", "<sip:server@10.0.0.5>")]);
        assert_eq!(stage.out, []);
        (stage, request)
    }

    /// The SUBSCRIBE that goes out when this time has passed.
    fn asked_after(&mut self, time: Duration) -> Option<Request> {
        self.now += time;
        self.us.wake(self.now, &mut self.out);
        self.sent()
    }

    fn sent(&mut self) -> Option<Request> {
        let at =
            self.out.iter().position(|command| matches!(command, Command::Send { branch: Some(_), .. }))?;
        let Command::Send { datagram, .. } = self.out.remove(at) else { return None };
        match reader::read(&datagram.0) {
            Ok(Message::Request(request)) => Some(request),
            _ => None,
        }
    }

    fn answer(&mut self, request: &Request, code: u16, fields: &[(&str, &str)]) {
        let answer = request.answer(code, "them", server().address);
        let answer = fields.iter().fold(answer, |answer, (name, value)| answer.with(name, *value));
        self.us.response(self.now, &answer, &mut self.out);
    }

    /// Sends a NOTIFY in the dialog of a SUBSCRIBE; gives the code of the answer, and the contacts that are told.
    fn notify(
        &mut self,
        asked: &Request,
        number: u32,
        state: &str,
        body: &str,
    ) -> (u16, Option<Vec<String>>) {
        let field = |name| asked.headers.get(name).unwrap_or_default();
        let mut notify = Request::new(rsip::Method::Notify, "sip:192.0.2.1");
        let kind = if body.is_empty() { "text/none" } else { "application/reginfo+xml" };
        for (name, value) in [
            ("Via", format!("SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKn{number}")),
            ("From", "<sip:joe@example.com>;tag=them".to_owned()),
            ("To", field("From").to_owned()),
            ("Call-ID", field("Call-ID").to_owned()),
            ("CSeq", format!("{number} NOTIFY")),
            ("Event", "reg".to_owned()),
            ("Subscription-State", state.to_owned()),
            ("Content-Type", kind.to_owned()),
        ] {
            notify.headers.push(name, value);
        }
        notify.body = body.to_owned().into();
        assert!(self.us.request(self.now, server(), &notify, &mut self.out), "it is ours");
        self.heard()
    }

    fn heard(&mut self) -> (u16, Option<Vec<String>>) {
        let (mut code, mut told) = (0, None);
        for command in self.out.drain(..) {
            match command {
                Command::Send { datagram, branch: None, .. } => {
                    let Ok(Message::Response(answer)) = reader::read(&datagram.0) else {
                        panic!("no answer")
                    };
                    code = answer.code;
                }
                Command::Registered { contacts, .. } => {
                    told = Some(contacts.iter().map(|one| one.uri.as_str().to_owned()).collect());
                }
                _ => {}
            }
        }
        (code, told)
    }
}

fn field<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap_or_default()
}

const ACTIVE: &str = "active;expires=3600";

#[test]
fn a_line_asks_for_itself_and_hears_where_its_phones_are() {
    let (mut stage, asked) = Stage::asking();
    assert_eq!(asked.uri, "sip:joe@example.com");
    let fields = ["Event", "Accept", "Expires"].map(|name| field(&asked, name));
    assert_eq!(fields, ["reg", "application/reginfo+xml", "3600"]);
    let full = document(0, "full", &active("1", "sip:joe@10.0.0.1"));
    let told = Some(vec!["sip:joe@10.0.0.1".to_owned()]);
    assert_eq!(stage.notify(&asked, 7, ACTIVE, &full), (200, told), "it may come before the answer");
    stage.answer(&asked, 200, &[("Expires", "3600")]);
    assert_eq!(stage.notify(&asked, 7, ACTIVE, &full), (200, None), "the same again");
    assert_eq!(stage.notify(&asked, 6, ACTIVE, &full), (500, None), "out of order");
    assert_eq!(stage.notify(&asked, 8, ACTIVE, ""), (200, Some(Vec::new())));
    assert_eq!(stage.notify(&asked, 9, "pending", ""), (200, None));
    assert_eq!(stage.notify(&asked, 10, ACTIVE, "<what/>"), (400, None));
}

#[test]
fn a_challenge_is_answered_with_the_lines_password() {
    let (mut stage, asked) = Stage::asking();
    let challenge = "Digest realm=\"example.com\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    stage.answer(&asked, 407, &[("Proxy-Authenticate", challenge)]);
    let again = stage.sent().unwrap();
    assert!(field(&again, "Proxy-Authorization").contains("username=\"joe\""));
    assert_eq!(
        [field(&again, "Call-ID"), field(&again, "From")],
        [field(&asked, "Call-ID"), field(&asked, "From")]
    );
    assert_eq!(again.cseq(), asked.cseq() + 1);
    stage.answer(&again, 407, &[("Proxy-Authenticate", challenge)]);
    assert_eq!(stage.out, [Command::Unwatched { aor: line("joe"), code: Some(407) }]);
}

#[test]
fn a_server_that_wants_longer_subscriptions_gets_them_but_not_for_ever() {
    let (mut stage, asked) = Stage::asking();
    stage.answer(&asked, 423, &[("Min-Expires", "7200")]);
    let again = stage.sent().unwrap();
    assert_eq!(field(&again, "Expires"), "7200");
    stage.answer(&again, 423, &[("Min-Expires", "99999999")]);
    assert_eq!(stage.out, [Command::Unwatched { aor: line("joe"), code: Some(423) }]);
}

#[test]
fn it_is_refreshed_in_its_dialog_before_it_ends() {
    let (mut stage, asked) = Stage::watching();
    assert!(stage.asked_after(Duration::from_secs(3200)).is_none());
    let again = stage.asked_after(Duration::from_secs(200)).unwrap();
    assert_eq!((&again.uri[..], field(&again, "Call-ID")), ("sip:server@10.0.0.5", field(&asked, "Call-ID")));
    assert!(field(&again, "To").ends_with(";tag=them"));
    stage.answer(&again, 200, &[("Expires", "60")]);
    assert!(stage.asked_after(Duration::from_secs(44)).is_none());
    assert!(stage.asked_after(Duration::from_secs(2)).is_some(), "a server may grant less");
}

#[test]
fn a_subscription_that_the_server_lost_is_begun_anew() {
    let (mut stage, asked) = Stage::watching();
    let again = stage.asked_after(Duration::from_hours(1)).unwrap();
    stage.answer(&again, 481, &[]);
    assert_eq!(stage.out, [Command::Unwatched { aor: line("joe"), code: Some(481) }]);
    let new = stage.asked_after(Duration::from_secs(2)).unwrap();
    assert_eq!(field(&new, "To"), "<sip:joe@example.com>");
    assert_ne!(field(&new, "From"), field(&asked, "From"), "another dialog");
}

#[test]
fn one_that_the_server_ends_is_begun_again_when_it_says() {
    for (state, shortest, longest) in [
        ("terminated;reason=deactivated", 1, 2),
        ("terminated;reason=timeout", 1, 2),
        ("terminated;reason=giveup;retry-after=600", 600, 750),
        ("terminated;reason=probation", 30, 38),
        ("terminated;reason=noresource", 3600, 4500),
        ("terminated", 30, 38),
    ] {
        let (mut stage, asked) = Stage::watching();
        assert_eq!(stage.notify(&asked, 1, state, "").0, 200);
        let early = stage.asked_after(Duration::from_millis(shortest * 1000 - 1));
        assert!(early.is_none(), "{state}: too early");
        let again = stage.asked_after(Duration::from_secs(longest - shortest));
        assert!(again.is_some(), "{state}: too late");
    }
}

#[test]
fn pauses_grow_while_nobody_answers() {
    let (mut stage, _) = Stage::asking();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        stage.now += super::super::transaction::TIMER_F;
        stage.us.wake(stage.now, &mut stage.out);
        let due = stage.us.timers.next().unwrap();
        pauses.push(due - stage.now);
        stage.out.clear();
        assert!(stage.asked_after(due - stage.now).is_some());
    }
    assert!(pauses[0] >= SHORTEST_PAUSE && pauses[0] <= SHORTEST_PAUSE * 5 / 4);
    assert!(pauses.windows(2).take(6).all(|two| two[1] > two[0]), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE * 5 / 4));
}

#[test]
fn a_lost_document_makes_us_ask_for_all_of_it() {
    let (mut stage, asked) = Stage::watching();
    stage.notify(&asked, 1, ACTIVE, &document(0, "full", &active("1", "sip:joe@10.0.0.1")));
    let late = document(2, "partial", &active("2", "sip:joe@10.0.0.2"));
    assert_eq!(stage.notify(&asked, 3, ACTIVE, &late), (200, None));
    assert!(stage.asked_after(Duration::ZERO).is_some());
}

#[test]
fn lines_are_asked_for_at_a_pace() {
    let mut stage = Stage::new();
    for n in 0..100 {
        assert!(stage.us.watch(stage.now, line(&format!("u{n}")), None));
    }
    stage.us.wake(stage.now, &mut stage.out);
    assert_eq!(stage.out.len(), 1);
    stage.us.wake(stage.now + PACE * 10, &mut stage.out);
    assert_eq!(stage.out.len(), 11);
}

#[test]
fn a_line_that_is_watched_no_more_is_given_back() {
    let (mut stage, asked) = Stage::watching();
    stage.us.unwatch(&line("joe"), &mut stage.out);
    let [Command::Send { datagram, branch: None, .. }] = &stage.out[..] else { panic!("{:?}", stage.out) };
    let Ok(Message::Request(last)) = reader::read(&datagram.0) else { panic!("no request") };
    assert_eq!((field(&last, "Expires"), field(&last, "Call-ID")), ("0", field(&asked, "Call-ID")));
    assert!(
        stage.us.is_empty() && stage.us.deadline().is_none_or(|at| at <= stage.now + Duration::from_secs(5))
    );
}

#[test]
fn an_answer_to_a_dialog_that_ended_meanwhile_means_nothing() {
    let (mut stage, asked) = Stage::asking();
    stage.notify(&asked, 1, "terminated;reason=giveup", "");
    stage.answer(&asked, 200, &[("Expires", "3600")]);
    assert!(stage.asked_after(SHORTEST_PAUSE * 5 / 4).is_some());
    assert_eq!(EXPIRES, 3600);
}

#[test]
fn a_stranger_who_does_not_know_the_tag_is_not_heard() {
    let (mut stage, asked) = Stage::watching();
    let mut notify = Request::new(rsip::Method::Notify, "sip:192.0.2.1");
    notify.headers.push("Call-ID", field(&asked, "Call-ID"));
    notify.headers.push("To", "<sip:joe@example.com>;tag=guessed");
    notify.headers.push("From", "<sip:joe@example.com>;tag=them");
    assert!(!stage.us.request(stage.now, server(), &notify, &mut stage.out));
}
