//! The client transaction of an INVITE (RFC 3261 §17.1.1, with the Accepted state of RFC 6026).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::dialog::answerer;
use crate::sip::message::{Request, Response, cseq};
use crate::sip::peer::Peer;
use crate::sip::transaction::T1;

/// Timer B: how long nobody may react at all.
pub const TIMER_B: Duration = Duration::from_secs(32);
/// Timer D: how long a refusal that comes again is acknowledged again; over a reliable transport none does.
pub const TIMER_D: Duration = Duration::from_secs(32);
/// Timer M: how long further answers may come, again or from other phones behind a proxy.
pub const TIMER_M: Duration = Duration::from_secs(32);
/// How long a request that was cancelled may stay without a final response (RFC 3261 §9.1).
pub const CANCELLED: Duration = Duration::from_secs(32);

/// An INVITE that was sent.
#[derive(Debug)]
pub struct Invite {
    /// The request as it was sent.
    pub request: Request,
    /// Its name.
    pub branch: String,
    /// Where it went.
    pub to: Peer,
    datagram: Bytes,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Timer A sends it `again`, after twice as long every time, `until` timer B ends; by UDP only.
    Calling {
        again: Instant,
        pause: Duration,
        until: Instant,
    },
    /// Somebody works on it; since it was cancelled, only `until` then.
    Proceeding {
        until: Option<Instant>,
    },
    Completed {
        until: Instant,
        ack: Bytes,
    },
    Accepted {
        until: Instant,
    },
    Ended,
}

/// What a response means.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing new.
    Nothing,
    /// Somebody works on it.
    Provisional,
    /// A 2xx, perhaps again, perhaps of another phone: its dialog must be acknowledged each time.
    Accepted,
    /// The first other final response; this ACK goes back.
    Refused(Bytes),
    /// That response came again; the same ACK goes back.
    Again(Bytes),
}

/// What its timers ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Timer A: send this again.
    Resend(Bytes),
    /// Nobody has reacted, or not to its CANCEL.
    TimedOut,
}

impl Invite {
    /// Begins with a request that is sent now; its datagram is [`Invite::datagram`].
    pub fn start(now: Instant, request: Request, branch: String, to: Peer) -> Self {
        let again = now + if to.is_reliable() { TIMER_B } else { T1 };
        let state = State::Calling { again, pause: T1, until: now + TIMER_B };
        Self { datagram: request.to_bytes(), request, branch, to, state }
    }

    /// The bytes that are sent.
    pub fn datagram(&self) -> Bytes {
        self.datagram.clone()
    }

    /// Takes a response with this branch.
    pub fn response(&mut self, now: Instant, response: &Response) -> Heard {
        match (&self.state, response.code) {
            (State::Calling { .. }, 100..200) => {
                self.state = State::Proceeding { until: None };
                Heard::Provisional
            }
            (State::Proceeding { .. }, 100..200) => Heard::Provisional,
            (State::Calling { .. } | State::Proceeding { .. }, 200..300) => {
                self.state = State::Accepted { until: now + TIMER_M };
                Heard::Accepted
            }
            (State::Calling { .. } | State::Proceeding { .. }, _) => {
                let ack = self.beside(rsip::Method::Ack, answerer(&self.request, response)).to_bytes();
                self.state = self.completed(now, &ack);
                Heard::Refused(ack)
            }
            (State::Completed { ack, .. }, 300..) => Heard::Again(ack.clone()),
            (State::Accepted { .. }, 200..300) => Heard::Accepted,
            _ => Heard::Nothing,
        }
    }

    /// Takes note that it could not be sent; true if that ends it. One that was heard may be answered otherwise.
    pub fn undeliverable(&mut self) -> bool {
        let ends = matches!(self.state, State::Calling { .. });
        if ends {
            self.state = State::Ended;
        }
        ends
    }

    fn completed(&self, now: Instant, ack: &Bytes) -> State {
        if self.to.is_reliable() {
            return State::Ended;
        }
        State::Completed { until: now + TIMER_D, ack: ack.clone() }
    }

    /// Whether a CANCEL may be sent: only to somebody who has reacted (RFC 3261 §9.1).
    pub fn can_be_cancelled(&self) -> bool {
        matches!(self.state, State::Proceeding { until: None })
    }

    /// The CANCEL, to where the INVITE went. From now on it need not be answered for ever.
    pub fn cancel(&mut self, now: Instant) -> Request {
        if self.can_be_cancelled() {
            self.state = State::Proceeding { until: Some(now + CANCELLED) };
        }
        self.beside(rsip::Method::Cancel, self.request.headers.get("To").unwrap_or_default())
    }

    /// Whether no final response has come yet.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding { .. })
    }

    /// Whether it can be forgotten.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// When [`Invite::due`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Calling { again, until, .. } => Some(*again.min(until)),
            State::Proceeding { until } => *until,
            State::Completed { until, .. } | State::Accepted { until } => Some(*until),
            State::Ended => None,
        }
    }

    /// Does what is due.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        self.deadline().filter(|at| *at <= now)?;
        match &mut self.state {
            State::Calling { again, pause, until } if *until > now => {
                *pause *= 2;
                *again = now + *pause;
                Some(Due::Resend(self.datagram.clone()))
            }
            State::Calling { .. } | State::Proceeding { .. } => {
                self.state = State::Ended;
                Some(Due::TimedOut)
            }
            _ => {
                self.state = State::Ended;
                None
            }
        }
    }

    /// A request that goes the same way hop by hop, under the same branch (RFC 3261 §9.1 and §17.1.1.3).
    fn beside(&self, method: rsip::Method, to: &str) -> Request {
        let headers = &self.request.headers;
        let number = cseq(headers).map_or(1, |(number, _)| number);
        let mut request = Request::new(method, &self.request.uri);
        for name in ["Via", "Max-Forwards", "Route", "From"] {
            for value in headers.all(name) {
                request.headers.push(name, value);
            }
        }
        request.headers.push("To", to);
        request.headers.push("Call-ID", headers.get("Call-ID").unwrap_or_default());
        request.headers.push("CSeq", format!("{number} {method}"));
        request
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::sip::message::Message;
    use crate::sip::reader;

    fn invite(now: Instant) -> Invite {
        invite_to(now, "udp:10.0.0.1:5062")
    }

    fn invite_to(now: Instant, to: &str) -> Invite {
        let mut request = Request::new(rsip::Method::Invite, "sip:u1@10.0.0.1:5062;line=\"x\"");
        for (name, value) in [
            ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKi;rport"),
            ("Max-Forwards", "70"),
            ("Route", "<sip:edge;lr>"),
            ("Route", "<sip:core;lr>"),
            ("From", "<sip:a@pbx>;tag=1"),
            ("To", "<sip:u1@pbx>"),
            ("Call-ID", "c"),
            ("CSeq", "7 INVITE"),
            ("Authorization", "Digest x"),
        ] {
            request.headers.push(name, value);
        }
        Invite::start(now, request, "z9hG4bKi".into(), to.parse().unwrap())
    }

    fn answer(invite: &Invite, code: u16) -> Response {
        invite.request.answer(code, "phone", "10.0.0.1:5062".parse().unwrap())
    }

    /// Lets time pass from deadline to deadline, and notes what happened at which millisecond.
    fn run(invite: &mut Invite, start: Instant) -> Vec<(u128, bool)> {
        let mut seen = Vec::new();
        while let Some(now) = invite.deadline() {
            let due = invite.due(now);
            seen.extend(due.map(|due| ((now - start).as_millis(), due == Due::TimedOut)));
        }
        seen
    }

    #[test]
    fn an_invite_nobody_reacts_to_is_sent_seven_times_in_32_seconds() {
        let start = Instant::now();
        let seen = run(&mut invite(start), start);
        let times: Vec<_> = seen.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [500, 1500, 3500, 7500, 15500, 31500, 32000]);
        assert_eq!(seen.iter().filter(|(_, timed_out)| *timed_out).count(), 1);
    }

    #[test]
    fn over_a_stream_an_invite_is_sent_once_and_its_refusal_comes_once() {
        let start = Instant::now();
        assert_eq!(run(&mut invite_to(start, "tcp:10.0.0.1:5062"), start), [(32000, true)]);
        let mut invite = invite_to(start, "tls:10.0.0.1:5062");
        let busy = answer(&invite, 486);
        assert!(matches!(invite.response(start, &busy), Heard::Refused(_)));
        assert_eq!((invite.has_ended(), invite.undeliverable()), (true, false));
    }

    #[test]
    fn a_phone_that_rings_is_not_asked_again_and_may_ring_for_ever() {
        let start = Instant::now();
        let mut invite = invite(start);
        assert!(!invite.can_be_cancelled());
        let ringing = answer(&invite, 180);
        assert_eq!(invite.response(start, &ringing), Heard::Provisional);
        assert_eq!((invite.deadline(), invite.can_be_cancelled()), (None, true));
    }

    #[test]
    fn a_refusal_is_acknowledged_each_time_for_32_seconds() {
        let start = Instant::now();
        let mut invite = invite(start);
        let busy = answer(&invite, 486);
        let Heard::Refused(ack) = invite.response(start, &busy) else { panic!("not refused") };
        assert_eq!(invite.response(start, &busy), Heard::Again(ack.clone()));
        let late = answer(&invite, 200);
        assert_eq!(invite.response(start, &late), Heard::Nothing);
        assert_eq!((run(&mut invite, start), invite.has_ended()), (vec![], true));
        assert_eq!(invite.response(start, &busy), Heard::Nothing);
        let Ok(Message::Request(ack)) = reader::read(&ack) else { panic!("no request") };
        assert_eq!((&ack.uri, ack.headers.get("CSeq")), (&invite.request.uri, Some("7 ACK")));
        assert_eq!(ack.headers.get("To"), Some("<sip:u1@pbx>;tag=phone"));
        assert_eq!(ack.headers.get("Via"), invite.request.headers.get("Via"));
        assert_eq!((ack.headers.all("Route").count(), ack.headers.get("Authorization")), (2, None));
    }

    #[test]
    fn an_answer_that_comes_again_is_heard_again_until_timer_m() {
        let start = Instant::now();
        let mut invite = invite(start);
        let (ok, ringing) = (answer(&invite, 200), answer(&invite, 180));
        assert_eq!(
            [invite.response(start, &ok), invite.response(start, &ok)],
            [Heard::Accepted, Heard::Accepted]
        );
        assert_eq!(invite.response(start, &ringing), Heard::Nothing);
        assert_eq!((invite.is_open(), invite.deadline()), (false, Some(start + TIMER_M)));
        assert_eq!((invite.due(start + TIMER_M), invite.has_ended()), (None, true));
    }

    #[test]
    fn what_comes_again_puts_off_neither_timer_d_nor_timer_m_and_a_stream_has_m_too() {
        let start = Instant::now();
        let (late, end) = (start + Duration::from_millis(31_999), start + Duration::from_secs(32));
        for (to, code) in [("udp", 486), ("udp", 200), ("tcp", 200), ("tls", 299)] {
            let mut invite = invite_to(start, &format!("{to}:10.0.0.1:5062"));
            let answer = answer(&invite, code);
            assert!(matches!(invite.response(start, &answer), Heard::Refused(_) | Heard::Accepted));
            assert!(
                matches!(invite.response(late, &answer), Heard::Again(_) | Heard::Accepted),
                "{to} {code}"
            );
            assert_eq!((invite.due(late), invite.has_ended(), invite.deadline()), (None, false, Some(end)));
            assert_eq!((invite.due(end), invite.has_ended(), invite.deadline()), (None, true, None));
            assert_eq!(invite.response(end, &answer), Heard::Nothing);
        }
    }

    #[test]
    fn a_cancelled_invite_is_given_up_when_nothing_more_is_heard() {
        let start = Instant::now();
        let mut invite = invite(start);
        let ringing = answer(&invite, 180);
        invite.response(start, &ringing);
        let cancel = invite.cancel(start);
        assert_eq!(cancel.headers.get("Via"), invite.request.headers.get("Via"));
        assert_eq!(
            (cancel.headers.get("CSeq"), cancel.headers.get("To")),
            (Some("7 CANCEL"), Some("<sip:u1@pbx>"))
        );
        assert!(!invite.can_be_cancelled() && invite.is_open());
        invite.response(start, &ringing);
        assert_eq!(run(&mut invite, start), [(32000, true)]);
    }
}
