//! Who may register for a line, without telling strangers which lines there are.

use std::net::{IpAddr, SocketAddr};

use super::address::Aor;
use super::digest::{Asked, Credentials, Password};
use super::fingerprint::Fingerprint;
use super::guard::{self, Expected, Guard, Verdict};
use super::guesses::Guesses;
use super::message::Request;

/// What the administrator says about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The id of its device; comes back in the bindings.
    pub device: String,
    /// How its phone proves itself.
    pub proof: Proof,
    /// Whether it may register at all.
    pub enabled: bool,
    /// The longest registration, in seconds, and the usual one.
    pub expires: u32,
    /// Whether it is at one phone at a time, and phones are told when another takes the place of one
    /// (`registration-overwrite`).
    pub tells_overwrites: bool,
}

/// How a phone proves that it is the line's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It knows the password.
    Password(Password),
    /// It sends from this address.
    Address(IpAddr),
}

/// Whether a phone may register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may; with what it proved itself, unless it was by its address.
    Admitted(Option<Credentials>),
    /// It has to answer a challenge first.
    Challenged {
        /// Whether only its nonce was too old.
        stale: bool,
    },
    /// It may not: the password is wrong, or there is no such line, or the line is disabled; it is not told
    /// which.
    Forbidden,
}

/// Lets phones in.
#[derive(Debug)]
pub struct Gate {
    /// Challenges them and judges their answers.
    pub guard: Guard,
    /// Knows whose answers are not looked at.
    pub guesses: Guesses,
}

impl Gate {
    /// A gate at which nobody has been.
    pub fn new(guard: Guard) -> Self {
        Self { guard, guesses: Guesses::default() }
    }

    /// Judges a REGISTER for `aor`. A line that does not exist goes the same way, at the same cost, as a wrong
    /// password; one that is disabled shows itself only to who knows the password.
    pub fn admit(
        &mut self,
        line: Option<&Line>,
        (request, aor): (&Request, &Aor),
        (from, unix): (SocketAddr, u64),
    ) -> Admission {
        if let Some(Line { proof: Proof::Address(allowed), enabled, .. }) = line
            && allowed.to_canonical() == from.ip().to_canonical()
        {
            return if *enabled { Admission::Admitted(None) } else { Admission::Forbidden };
        }
        let password = line.and_then(|line| line.proof.password());
        match (self.verdict(password, (request, aor), (from.ip(), unix)), line, password) {
            (Verdict::Right(user), Some(Line { enabled: true, .. }), Some(password)) => {
                Admission::Admitted(Some(Credentials { user, password: password.clone() }))
            }
            (Verdict::Right(_) | Verdict::Wrong, ..) => Admission::Forbidden,
            (Verdict::Stale, ..) => Admission::Challenged { stale: true },
            (Verdict::Unproven, ..) => Admission::Challenged { stale: false },
        }
    }

    /// What to think of a phone that should know this password; who has guessed too often is wrong unseen.
    fn verdict(
        &mut self,
        password: Option<&Password>,
        (request, aor): (&Request, &Aor),
        (from, unix): (IpAddr, u64),
    ) -> Verdict {
        let (fields, name) = (request.headers.all("Authorization"), Fingerprint::from(aor));
        let fields: Vec<&str> = fields.collect();
        if self.guesses.refuses(from, name, unix) && guard::is_answer(fields.iter().copied(), &aor.realm) {
            return Verdict::Wrong;
        }
        let expected = Expected { user: &aor.user, realm: &aor.realm, password };
        let asked = Asked { method: "REGISTER", uri: &request.uri, body: &request.body };
        let verdict = self.guard.judge(fields.into_iter(), expected, asked, (from, unix));
        match verdict {
            Verdict::Right(_) => self.guesses.right(from, name, unix),
            Verdict::Wrong => self.guesses.wrong(from, name, unix),
            Verdict::Stale | Verdict::Unproven => {}
        }
        verdict
    }
}

impl Proof {
    fn password(&self) -> Option<&Password> {
        match self {
            Self::Password(password) => Some(password),
            Self::Address(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::chance::Chance;
    use crate::sip::digest::Challenge;
    use crate::sip::guesses::TRIES;

    fn gate() -> Gate {
        Gate::new(Guard::new(Chance::new([7; 32])))
    }

    fn from() -> SocketAddr {
        "[::ffff:10.0.0.1]:5060".parse().unwrap()
    }

    fn line(proof: Proof, enabled: bool) -> Line {
        Line { device: "d".into(), proof, enabled, expires: 300, tells_overwrites: false }
    }

    fn judged(line: Option<&Line>, password: Option<&str>) -> Admission {
        tried(&mut gate(), line, password, from())
    }

    /// What becomes of a phone that answers a challenge with this password, or answers none.
    fn tried(gate: &mut Gate, line: Option<&Line>, password: Option<&str>, from: SocketAddr) -> Admission {
        let mut request = Request::new(rsip::Method::Register, "sip:pbx");
        if let Some(password) = password {
            let challenges = gate.guard.challenges("pbx", from.ip(), 1000, false);
            let who = Credentials { user: "u1".into(), password: Password::new(password) };
            let asked = Asked { method: "REGISTER", uri: "sip:pbx", body: b"" };
            let challenge = Challenge::strongest(challenges.iter().map(String::as_str)).unwrap();
            request.headers.push("Authorization", challenge.answer(&who, asked, "c", 1));
        }
        gate.admit(line, (&request, &Aor::new("u1", "pbx")), (from, 1000))
    }

    #[test]
    fn a_phone_that_knows_the_password_is_admitted_with_it() {
        let line = line(Proof::Password(Password::new("p")), true);
        assert_eq!(judged(Some(&line), None), Admission::Challenged { stale: false });
        let credentials = Credentials { user: "u1".into(), password: Password::new("p") };
        assert_eq!(judged(Some(&line), Some("p")), Admission::Admitted(Some(credentials)));
    }

    #[test]
    fn a_line_that_does_not_exist_looks_like_a_wrong_password() {
        let line = line(Proof::Password(Password::new("p")), true);
        for attempt in [None, Some("wrong"), Some("")] {
            assert_eq!(judged(None, attempt), judged(Some(&line), attempt), "{attempt:?}");
        }
        assert_eq!(judged(None, Some("wrong")), Admission::Forbidden);
    }

    #[test]
    fn a_disabled_line_is_refused_and_shows_itself_to_nobody_else() {
        let off = line(Proof::Password(Password::new("p")), false);
        assert_eq!(judged(Some(&off), Some("p")), Admission::Forbidden);
        for attempt in [None, Some("wrong")] {
            assert_eq!(judged(Some(&off), attempt), judged(None, attempt));
        }
    }

    #[test]
    fn a_phone_can_be_let_in_by_its_address_alone() {
        let at = |last, enabled| line(Proof::Address([10, 0, 0, last].into()), enabled);
        assert_eq!(judged(Some(&at(1, true)), None), Admission::Admitted(None));
        assert_eq!(judged(Some(&at(1, false)), None), Admission::Forbidden);
        assert_eq!(judged(Some(&at(2, true)), None), Admission::Challenged { stale: false });
        assert_eq!(judged(Some(&at(2, true)), Some("")), Admission::Forbidden);
    }

    #[test]
    fn a_phone_can_be_let_in_by_an_address_of_ipv6() {
        let line = line(Proof::Address("2001:db8::7".parse().unwrap()), true);
        let from = |address: &str| format!("[{address}]:5060").parse().unwrap();
        assert_eq!(tried(&mut gate(), Some(&line), None, from("2001:db8::7")), Admission::Admitted(None));
        let challenged = Admission::Challenged { stale: false };
        assert_eq!(tried(&mut gate(), Some(&line), None, from("2001:db8::8")), challenged);
    }

    #[test]
    fn who_has_guessed_too_often_is_refused_with_the_right_password_too() {
        let line = line(Proof::Password(Password::new("p")), true);
        let [mut known, mut lost] = [gate(), gate()];
        assert!(matches!(tried(&mut known, Some(&line), Some("p"), from()), Admission::Admitted(_)));
        for gate in [&mut known, &mut lost] {
            for _ in 0..TRIES {
                assert_eq!(tried(gate, Some(&line), Some("wrong"), from()), Admission::Forbidden);
            }
        }
        assert_eq!(tried(&mut lost, Some(&line), Some("p"), from()), Admission::Forbidden);
        assert_eq!(tried(&mut lost, None, Some("p"), from()), Admission::Forbidden);
        let challenged = Admission::Challenged { stale: false };
        assert_eq!(tried(&mut lost, Some(&line), None, from()), challenged, "the refusal is no news to it");
        assert!(matches!(tried(&mut known, Some(&line), Some("p"), from()), Admission::Admitted(_)));
    }
}
