//! One place where a line is rung: its INVITE, sent again with the answer to a challenge, and its CANCEL.

use std::time::Instant;

use super::invite::{Due, Heard, Invite};
use super::manners::ALLOW;
use super::sender::{Errand, Sender};
use super::session::session;
use super::{Call, Fate, Way};
use crate::sip::command::{CallId, Command};
use crate::sip::header::wire;
use crate::sip::login::Login;
use crate::sip::message::{Request, Response};

/// A phone that is rung.
#[derive(Debug)]
pub struct Leg {
    /// Where it is.
    way: Way,
    /// Its INVITEs, the current one last; those before it were challenged.
    invites: Vec<Invite>,
    login: Login,
    cseq: u32,
    rang: bool,
    cancelled: Option<Stop>,
    lost: Option<Fate>,
}

/// Why a phone is to ring no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nobody wants the call any more.
    GivenUp,
    /// Another phone was answered: this one need not list a call that was missed (RFC 3326).
    Elsewhere,
}

/// What a leg has come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing that its call must know.
    Nothing,
    /// It was answered, perhaps not for the first time.
    Answered,
    /// It will not be answered.
    Lost(Fate),
    /// It will not, and its owner wants no other phone to ring either (6xx).
    Declined(Fate),
}

impl Leg {
    /// Rings.
    pub fn ring(way: Way, call: &Call, tag: &str, sender: &mut Sender<'_>) -> Self {
        let login = Login::new(way.credentials.clone());
        let (invites, lost) = (Vec::new(), None);
        let mut leg = Self { way, invites, login, cseq: 0, rang: false, cancelled: None, lost };
        leg.invite(call, tag, sender);
        leg
    }

    /// Takes a response to one of its INVITEs.
    pub fn response(
        &mut self,
        at: usize,
        response: &Response,
        call: (&Call, &str),
        sender: &mut Sender<'_>,
    ) -> Turn {
        match self.invites[at].response(sender.now, response) {
            Heard::Nothing => Turn::Nothing,
            Heard::Provisional => {
                self.rang |= response.code > 100;
                Turn::Nothing
            }
            Heard::Accepted => Turn::Answered,
            Heard::Again(ack) => {
                sender.send(self.invites[at].to, ack);
                Turn::Nothing
            }
            Heard::Refused(ack) => {
                sender.send(self.invites[at].to, ack);
                self.refused(response, call, sender)
            }
        }
    }

    /// Which of its INVITEs has this branch.
    pub fn find(&self, branch: &str) -> Option<usize> {
        self.invites.iter().position(|invite| invite.branch == branch)
    }

    /// The INVITE at this place.
    pub fn request(&self, at: usize) -> &Request {
        &self.invites[at].request
    }

    /// The way that INVITE went.
    pub fn way(&self, at: usize) -> Way {
        Way { to: self.invites[at].to, ..self.way.clone() }
    }

    /// Stops the ringing, for the reason that was given first. A phone that has not reacted yet is told as soon as it
    /// does.
    pub fn cancel(&mut self, stop: Stop, id: CallId, sender: &mut Sender<'_>) {
        let stop = *self.cancelled.get_or_insert(stop);
        if let Some(invite) = self.invites.last_mut().filter(|invite| invite.can_be_cancelled()) {
            let (mut cancel, branch, to) = (invite.cancel(sender.now), invite.branch.clone(), invite.to);
            if stop == Stop::Elsewhere {
                cancel.headers.push("Reason", "SIP;cause=200;text=\"Call completed elsewhere\"");
            }
            sender.ask((id, Errand::Cancel), to, &cancel, &branch);
        }
    }

    /// Why it must be cancelled as soon as that is possible, if it must.
    pub fn cancelled(&self) -> Option<Stop> {
        self.cancelled
    }

    /// Whether it may still be answered.
    pub fn is_open(&self) -> bool {
        self.invites.last().is_some_and(Invite::is_open)
    }

    /// Whether its phone has said that it rings, or anything like it.
    pub fn rang(&self) -> bool {
        self.rang
    }

    /// Why it was not answered; `None` while it may be.
    pub fn lost(&self) -> Option<Fate> {
        self.lost
    }

    /// Whether nothing can come any more.
    pub fn has_ended(&self) -> bool {
        self.invites.iter().all(Invite::has_ended)
    }

    /// When [`Leg::wake`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.invites.iter().filter_map(Invite::deadline).min()
    }

    /// Does what is due.
    pub fn wake(&mut self, call: (&Call, &str), sender: &mut Sender<'_>) -> Turn {
        let mut silent = false;
        for invite in &mut self.invites {
            match invite.due(sender.now) {
                Some(Due::Resend(datagram)) => sender.invite(invite.to, datagram, &invite.branch),
                Some(Due::TimedOut) => silent = true,
                None => {}
            }
        }
        if silent { self.nobody(call, sender) } else { Turn::Nothing }
    }

    /// Takes note that one of its INVITEs could not be sent.
    pub fn undeliverable(&mut self, at: usize, call: (&Call, &str), sender: &mut Sender<'_>) -> Turn {
        if self.invites[at].undeliverable() { self.nobody(call, sender) } else { Turn::Nothing }
    }

    /// Nobody is where it rang: it rings at the next place, or is lost.
    fn nobody(&mut self, call: (&Call, &str), sender: &mut Sender<'_>) -> Turn {
        if self.rings_elsewhere(call, sender) {
            return Turn::Nothing;
        }
        self.note(Turn::Lost(Fate::Unreachable(None)))
    }

    fn rings_elsewhere(&mut self, (call, tag): (&Call, &str), sender: &mut Sender<'_>) -> bool {
        if self.cancelled.is_some() || self.rang || self.way.next.is_empty() {
            return false;
        }
        sender.out.push(Command::Lost(self.way.to));
        self.way.to = self.way.next.remove(0);
        self.invite(call, tag, sender);
        true
    }

    fn refused(&mut self, response: &Response, (call, tag): (&Call, &str), sender: &mut Sender<'_>) -> Turn {
        if self.cancelled.is_none() && self.login.is_answered(response) {
            self.invite(call, tag, sender);
            return Turn::Nothing;
        }
        if response.code == 503 && self.rings_elsewhere((call, tag), sender) {
            return Turn::Nothing;
        }
        let fate = Fate::of(response.code);
        self.note(if response.code >= 600 { Turn::Declined(fate) } else { Turn::Lost(fate) })
    }

    fn note(&mut self, turn: Turn) -> Turn {
        if let Turn::Lost(fate) | Turn::Declined(fate) = turn {
            self.lost = Some(fate);
        }
        turn
    }

    fn invite(&mut self, call: &Call, tag: &str, sender: &mut Sender<'_>) {
        self.cseq += 1;
        let branch = sender.branch();
        let what = (rsip::Method::Invite, self.way.target.as_str());
        let mut request = sender.begin(what, &self.way.to, &branch, &self.way.route);
        request.headers.push("From", from(call, tag));
        request.headers.push("To", format!("<{}>", call.aor.uri()));
        request.headers.push("Call-ID", call.call_id.clone());
        request.headers.push("CSeq", format!("{} INVITE", self.cseq));
        sender.sign(&mut request, &self.way.to);
        request.headers.push("Allow", ALLOW);
        request.headers.push("X-KAZOO-AOR", call.aor.uri());
        if call.auto_answer {
            ask_to_answer(&mut request, &call.aor.realm);
        }
        request.headers.push("Content-Type", "application/sdp");
        request.body = session(sender.listeners.local(&self.way.to), 1).into();
        self.login.authorize(&mut request, sender.chance);
        let invite = Invite::start(sender.now, request, branch, self.way.to);
        sender.invite(invite.to, invite.datagram(), &invite.branch);
        self.invites.push(invite);
    }
}

fn from(call: &Call, tag: &str) -> String {
    let mut caller = call.aor.clone();
    caller.user.clone_from(&call.caller.number);
    let name: String = call.caller.name.chars().filter(|c| !c.is_control()).collect();
    let name = wire(&name.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{name}\" <{}>;tag={tag}", caller.uri())
}

/// There are three ways to say it, and phones know one or the other: Broadsoft's, that of most desk phones, and
/// RFC 5373.
fn ask_to_answer(request: &mut Request, realm: &str) {
    let realm: String =
        realm.chars().filter(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(*c)).collect();
    request.headers.push("Call-Info", format!("<sip:{realm}>;answer-after=0"));
    request.headers.push("Alert-Info", format!("<http://{realm}>;info=alert-autoanswer"));
    request.headers.push("Answer-Mode", "Auto");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sip::address::{Aor, NameAddr};
    use crate::sip::call::Caller;

    fn call(name: &str, number: &str) -> Call {
        Call {
            call_id: "c".into(),
            aor: Aor::new("u1", "pbx"),
            ways: Vec::new(),
            caller: Caller { name: name.into(), number: number.into(), place: None },
            number: "1".into(),
            auto_answer: true,
            patience: Duration::from_secs(30),
        }
    }

    #[test]
    fn a_caller_cannot_leave_the_field_it_is_written_into() {
        for (name, number, written) in [
            ("Desk", "+431", "\"Desk\" <sip:+431@pbx>;tag=t"),
            ("a\" <sip:x@y>;tag=z", "1", "\"a\\\" <sip:x@y>;tag=z\" <sip:1@pbx>;tag=t"),
            ("end\\", "1", "\"end\\\\\" <sip:1@pbx>;tag=t"),
            ("a\r\nVia: b", "1\r\n@x>", "\"aVia: b\" <sip:1%0D%0A%40x%3E@pbx>;tag=t"),
        ] {
            let from = from(&call(name, number), "t");
            assert_eq!(from, written);
            assert_eq!(NameAddr::read(&from).unwrap().param("tag"), Some("t"));
        }
    }

    #[test]
    fn a_name_in_any_language_is_sent_as_utf8() {
        let from = from(&call("Müller 🙂", "1"), "t");
        assert_eq!(crate::sip::header::text(&from), "\"Müller 🙂\" <sip:1@pbx>;tag=t");
    }

    #[test]
    fn a_realm_cannot_leave_the_fields_that_ask_to_answer() {
        let mut request = Request::new(rsip::Method::Invite, "sip:u");
        ask_to_answer(&mut request, "pbx>\r\n;x");
        assert_eq!(request.headers.get("Call-Info"), Some("<sip:pbxx>;answer-after=0"));
        assert_eq!(request.headers.get("Alert-Info"), Some("<http://pbxx>;info=alert-autoanswer"));
    }
}
