//! A call from us to a line: its phones are rung, and the one that answers is asked to call a number.
//!
//! ```text
//! us ── INVITE (a session without media) ─▶ phone      RFC 3261, RFC 3725
//! us ◀─ 180, 200 ── phone;  ── ACK ─▶
//! us ── REFER (the number) ─▶ phone                    RFC 3515, RFC 3892, RFC 5359 §2.4
//! us ◀─ 202, NOTIFY (100, 180, 200) ── phone           what becomes of the phone's own call
//! us ── BYE ─▶ phone
//! ```
//!
//! [`calls`] has the calls under way, a [`talk`] is one of them, a [`leg`] rings one of its phones by way of the
//! transaction of an [`invite`], and a [`dialog`] is what an answer begins. A [`session`] is what we say of media.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::{Aor, Target};
use super::binding::Binding;
use super::digest::Credentials;
use super::peer::Peer;

pub mod calls;
pub mod dialog;
pub mod invite;
pub mod leg;
pub mod manners;
pub mod places;
pub mod refer;
pub mod sender;
pub mod session;
pub mod talk;

#[cfg(test)]
mod handset;
#[cfg(test)]
mod journeys;
#[cfg(test)]
mod transfers;

/// A call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its `Call-ID`, which no other call may have: letters, digits and dashes.
    pub call_id: String,
    /// The line that is rung.
    pub aor: Aor,
    /// All places where it is rung at once; the first that answers has the call.
    pub ways: Vec<Way>,
    /// Who the phone shows as calling.
    pub caller: Caller,
    /// The number to connect to, in the line's realm; unescaped.
    pub number: String,
    /// Whether the phone is asked to answer by itself.
    pub auto_answer: bool,
    /// How long it may ring.
    pub patience: Duration,
}

/// Who calls; the texts may hold anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name on the phone's display.
    pub name: String,
    /// The number, without a realm.
    pub number: String,
    /// The place that was taken for the call; none where nobody counts.
    pub place: Option<places::Place>,
}

/// A place where a line can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The Request-URI: the phone's Contact exactly, or the line's URI at a proxy.
    pub target: Target,
    /// Where the requests go: where the phone registered from, or the outbound proxy.
    pub to: Peer,
    /// Where they go if nobody is there: each in its turn (RFC 3263 §4.3).
    pub next: Vec<Peer>,
    /// The `Route` fields: the `Path` the phone registered with.
    pub route: Vec<String>,
    /// Whether `to` is a proxy that knows where the phone is.
    pub proxied: bool,
    /// What the line proves itself with if the phone or a proxy asks.
    pub credentials: Option<Credentials>,
}

impl Way {
    /// The way a phone's REGISTER came.
    pub fn to(binding: &Binding) -> Self {
        Self {
            target: binding.contact.clone(),
            to: binding.source,
            next: binding.next(),
            route: binding.path.clone(),
            proxied: false,
            credentials: binding.credentials.clone(),
        }
    }

    /// To wherever `proxy` knows the line to be.
    pub fn through(proxy: Peer, aor: &Aor, credentials: Option<Credentials>) -> Self {
        let (target, next, route) = (Target::from(aor), Vec::new(), Vec::new());
        Self { target, to: proxy, next, route, proxied: true, credentials }
    }
}

/// What became of a call. Codes are those of SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "status")]
pub enum Fate {
    /// The phone has reached the number (2xx).
    Connected(u16),
    /// The phone is busy (486, 600).
    Busy(u16),
    /// The phone, or a proxy before it, will not take the call.
    Refused(u16),
    /// It rang, and nobody took it in time.
    NoAnswer,
    /// Nobody knows where the line is.
    NotRegistered,
    /// The phone was answered, and put down before it was connected.
    HungUp,
    /// We gave the call up.
    Cancelled,
    /// The phone was answered, and did not reach the number; `None` if it never said why.
    TransferFailed(Option<u16>),
    /// The phone was not reached: a proxy says so (404, 408, 480, 503), or it was never heard of (`None`).
    Unreachable(Option<u16>),
    /// Too many calls are under way here.
    Overloaded,
}

impl Fate {
    /// Sorts the final response to an INVITE that was not taken.
    pub fn of(code: u16) -> Self {
        match code {
            486 | 600 => Self::Busy(code),
            404 | 408 | 480 | 503 => Self::Unreachable(Some(code)),
            _ => Self::Refused(code),
        }
    }

    /// What happened, in words for a person.
    pub fn words(&self) -> String {
        match self {
            Self::Connected(_) => "the phone was answered and connected to the number".to_owned(),
            Self::Busy(code) => format!("the phone is busy ({code})"),
            Self::Refused(401 | 407) => "the phone asked for a password and refused the line's".to_owned(),
            Self::Refused(code) => format!("the call was refused with {code}"),
            Self::NoAnswer => "the phone rang and nobody answered".to_owned(),
            Self::NotRegistered => "the device is not registered".to_owned(),
            Self::HungUp => "the phone was hung up before it was connected to the number".to_owned(),
            Self::Cancelled => "the call was given up here".to_owned(),
            Self::TransferFailed(None) => {
                "the phone was answered and never said that it reached the number".to_owned()
            }
            Self::TransferFailed(Some(code)) => {
                format!("the phone was answered and could not reach the number ({code})")
            }
            Self::Unreachable(None) => "the phone did not react".to_owned(),
            Self::Unreachable(Some(code)) => format!("the phone could not be reached ({code})"),
            Self::Overloaded => "too many calls are under way".to_owned(),
        }
    }

    /// How much it says about a line of which several phones did not answer.
    fn weight(self) -> u8 {
        match self {
            Self::Busy(_) => 4,
            Self::Refused(482) | Self::Unreachable(None) => 1,
            Self::Refused(_) => 3,
            _ => 2,
        }
    }

    /// The one of two that says more; the earlier of two that say as much.
    fn or(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_class_and_its_words() {
        for (code, fate) in [
            (486, Fate::Busy(486)),
            (600, Fate::Busy(600)),
            (603, Fate::Refused(603)),
            (302, Fate::Refused(302)),
            (404, Fate::Unreachable(Some(404))),
            (480, Fate::Unreachable(Some(480))),
        ] {
            assert_eq!(Fate::of(code), fate);
            assert!(fate.words().contains(&code.to_string()));
        }
        assert!(!Fate::Refused(401).words().contains("401"));
    }

    #[test]
    fn of_several_phones_that_did_not_answer_the_one_that_says_most_counts() {
        let (busy, gone, same) = (Fate::Busy(486), Fate::Unreachable(None), Fate::Refused(482));
        assert_eq!([gone.or(busy), busy.or(gone)], [busy, busy]);
        assert_eq!(same.or(Fate::of(480)).or(Fate::Refused(603)), Fate::Refused(603));
        assert_eq!(gone.or(same), gone);
    }

    #[test]
    fn a_fate_reads_back_from_what_is_written_down() {
        for fate in [Fate::Connected(200), Fate::NoAnswer, Fate::TransferFailed(None), Fate::Busy(486)] {
            let written = serde_json::to_string(&fate).unwrap();
            assert_eq!(serde_json::from_str::<Fate>(&written).unwrap(), fate, "{written}");
        }
        let busy = serde_json::json!(Fate::Busy(486));
        assert_eq!(busy, serde_json::json!({"outcome": "busy", "status": 486}));
    }
}
