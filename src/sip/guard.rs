//! The digest server: challenges phones and judges their answers, and remembers nothing.
//!
//! A nonce is the second it was made in and a stamp over that second, the realm and the address it was given
//! to. So it cannot be made up, a captured answer is of no use to another address, and it expires by itself.

use std::net::IpAddr;

use subtle::ConstantTimeEq as _;

use super::chance::Chance;
use super::digest::{Algorithm, Asked, Input, Params, Password};

/// How long an answer to a challenge is taken, in seconds.
pub const NONCE_LIFE: u64 = 300;

/// Challenges and judges.
#[derive(Debug, Clone)]
pub struct Guard {
    chance: Chance,
}

/// Who may pass: the line a request is about.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The user part of the line's address of record.
    pub user: &'a str,
    /// Its realm, which is also the realm of the challenge.
    pub realm: &'a str,
    /// Its password; without one nobody passes, and it takes as long to find out.
    pub password: Option<&'a Password>,
}

/// What to think of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It knows the password; this is the digest username it used.
    Right(String),
    /// It knows the password, but the nonce is too old: challenge it again with `stale=true`.
    Stale,
    /// It answers a challenge, and wrongly.
    Wrong,
    /// It answers none of our challenges: challenge it.
    Unproven,
}

impl Guard {
    /// Stamps its nonces with `chance`.
    pub fn new(chance: Chance) -> Self {
        Self { chance }
    }

    /// The values of the `WWW-Authenticate` fields for `from`. RFC 8760 §2.4 wants the strongest first, but
    /// many a phone reads the first field only and gives up on what it does not know, so MD5 comes first.
    pub fn challenges(&self, realm: &str, from: IpAddr, unix: u64, stale: bool) -> [String; 2] {
        let nonce = self.nonce(realm, from, unix);
        let stale = if stale { ", stale=true" } else { "" };
        [Algorithm::Md5, Algorithm::Sha256].map(|algorithm| {
            let name = algorithm.name();
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}")
        })
    }

    /// Judges the values of the `Authorization` fields of a request from `from`. The `uri` of the digest is
    /// taken as the phone gives it, since many do not repeat their Request-URI.
    pub fn judge<'a>(
        &self,
        values: impl Iterator<Item = &'a str>,
        expected: Expected<'_>,
        asked: Asked<'_>,
        (from, unix): (IpAddr, u64),
    ) -> Verdict {
        let ours =
            |params: &Params<'_>| params.get("realm").is_some_and(|r| r.eq_ignore_ascii_case(expected.realm));
        let Some(params) = values.flat_map(Params::read).find(ours) else { return Verdict::Unproven };
        let Some(user) = proven(&params, expected, asked) else {
            return if self.is_fresh(&params, from, unix) { Verdict::Wrong } else { Verdict::Unproven };
        };
        if self.is_fresh(&params, from, unix) { Verdict::Right(user) } else { Verdict::Stale }
    }

    fn nonce(&self, realm: &str, from: IpAddr, unix: u64) -> String {
        let from = from.to_canonical().to_string();
        let realm = realm.to_ascii_lowercase();
        let stamp = self.chance.stamp("nonce", &[&unix.to_be_bytes(), realm.as_bytes(), from.as_bytes()]);
        format!("{unix:016x}{stamp}")
    }

    fn is_fresh(&self, params: &Params<'_>, from: IpAddr, unix: u64) -> bool {
        let nonce = params.get("nonce").unwrap_or_default();
        let Some(made) = nonce.get(..16).and_then(|made| u64::from_str_radix(made, 16).ok()) else {
            return false;
        };
        let expected = self.nonce(params.get("realm").unwrap_or_default(), from, made);
        let genuine: bool = expected.as_bytes().ct_eq(nonce.as_bytes()).into();
        genuine && made <= unix && unix - made <= NONCE_LIFE
    }
}

/// The digest username, if `params` prove that their sender knows the password.
fn proven(params: &Params<'_>, expected: Expected<'_>, asked: Asked<'_>) -> Option<String> {
    let nobody = Password::new("");
    let (algorithm, session) = params.algorithm()?;
    let user = params.get("username")?;
    let input = Input {
        algorithm,
        session,
        user,
        realm: params.get("realm")?,
        nonce: params.get("nonce")?,
        qop: params.get("qop"),
        count: params.get("nc").unwrap_or_default(),
        cnonce: params.get("cnonce").unwrap_or_default(),
        asked: Asked { uri: params.get("uri")?, ..asked },
    };
    let wanted = input.response(expected.password.unwrap_or(&nobody));
    let given = params.get("response")?.to_ascii_lowercase();
    let same: bool = wanted.as_bytes().ct_eq(given.as_bytes()).into();
    let user = super::header::text(user);
    let named = match user.strip_prefix(expected.user).map(|rest| rest.strip_prefix('@')) {
        Some(Some(realm)) => realm.eq_ignore_ascii_case(expected.realm),
        Some(None) => user == expected.user,
        None => false,
    };
    (same && named && expected.password.is_some()).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::digest::{Challenge, Credentials};

    const ASKED: Asked<'static> = Asked { method: "REGISTER", uri: "sip:pbx", body: b"" };

    #[derive(Clone, Copy)]
    struct Try {
        user: &'static str,
        password: &'static str,
        algorithm: Algorithm,
        later: u64,
        from: [u8; 4],
    }

    impl Default for Try {
        fn default() -> Self {
            Self {
                user: "u1",
                password: "right",
                algorithm: Algorithm::Sha256,
                later: 0,
                from: [10, 0, 0, 1],
            }
        }
    }

    fn judged(attempt: Try) -> Verdict {
        let guard = Guard::new(Chance::new([7; 32]));
        let challenges = guard.challenges("pbx", IpAddr::from([10, 0, 0, 1]), 1000, false);
        let offered = challenges.iter().find(|c| c.contains(attempt.algorithm.name())).unwrap();
        let challenge = Challenge::strongest([&offered[..]].into_iter()).unwrap();
        let who = Credentials { user: attempt.user.into(), password: Password::new(attempt.password) };
        let answer = challenge.answer(&who, ASKED, "c", 1);
        verdict(&guard, &answer, attempt)
    }

    fn verdict(guard: &Guard, answer: &str, attempt: Try) -> Verdict {
        let right = Password::new("right");
        let expected = Expected { user: "u1", realm: "pbx", password: Some(&right) };
        guard.judge([answer].into_iter(), expected, ASKED, (attempt.from.into(), 1000 + attempt.later))
    }

    #[test]
    fn a_phone_that_knows_the_password_passes_with_either_algorithm() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            assert_eq!(judged(Try { algorithm, ..Try::default() }), Verdict::Right("u1".into()));
        }
        let whole = Try { user: "u1@PBX", ..Try::default() };
        assert_eq!(judged(whole), Verdict::Right("u1@PBX".into()));
    }

    #[test]
    fn a_wrong_password_and_a_wrong_name_are_the_same() {
        assert_eq!(judged(Try { password: "wrong", ..Try::default() }), Verdict::Wrong);
        for user in ["u2", "u1@other", "u11", ""] {
            assert_eq!(judged(Try { user, ..Try::default() }), Verdict::Wrong, "{user}");
        }
    }

    #[test]
    fn a_phone_that_reads_one_challenge_only_finds_one_it_knows() {
        let offered = Guard::new(Chance::new([7; 32])).challenges("pbx", [10, 0, 0, 1].into(), 1000, false);
        assert!(offered[0].contains("algorithm=MD5") && offered[1].contains("algorithm=SHA-256"));
    }

    #[test]
    fn a_nonce_grows_stale_after_five_minutes() {
        assert_eq!(judged(Try { later: NONCE_LIFE, ..Try::default() }), Verdict::Right("u1".into()));
        assert_eq!(judged(Try { later: NONCE_LIFE + 1, ..Try::default() }), Verdict::Stale);
        assert_eq!(judged(Try { later: 999, password: "wrong", ..Try::default() }), Verdict::Unproven);
    }

    #[test]
    fn an_answer_is_of_no_use_from_another_address() {
        assert_eq!(judged(Try { from: [10, 0, 0, 2], ..Try::default() }), Verdict::Stale);
    }

    #[test]
    fn nobody_passes_for_a_line_without_a_password() {
        let guard = Guard::new(Chance::new([7; 32]));
        let from = IpAddr::from([10, 0, 0, 1]);
        let challenge =
            Challenge::strongest(guard.challenges("pbx", from, 1, false).iter().map(String::as_str));
        let who = Credentials { user: "u1".into(), password: Password::new("") };
        let answer = challenge.unwrap().answer(&who, ASKED, "c", 1);
        let expected = Expected { user: "u1", realm: "pbx", password: None };
        assert_eq!(guard.judge([&answer[..]].into_iter(), expected, ASKED, (from, 1)), Verdict::Wrong);
    }

    #[test]
    fn what_answers_no_challenge_of_ours_is_challenged() {
        let guard = Guard::new(Chance::new([7; 32]));
        for value in
            ["", "Basic dTpw", "Digest realm=\"other\", nonce=\"x\"", "Digest realm=\"pbx\", nonce=\"é\""]
        {
            assert_eq!(verdict(&guard, value, Try::default()), Verdict::Unproven, "{value}");
        }
        assert!(guard.challenges("pbx", [1, 2, 3, 4].into(), 1, true)[0].contains("stale=true"));
    }

    #[test]
    fn a_made_up_nonce_is_not_ours() {
        let other = Guard::new(Chance::new([8; 32]));
        let challenges = other.challenges("pbx", IpAddr::from([10, 0, 0, 1]), 1000, false);
        let challenge = Challenge::strongest(challenges.iter().map(String::as_str)).unwrap();
        let who = Credentials { user: "u1".into(), password: Password::new("right") };
        let answer = challenge.answer(&who, ASKED, "c", 1);
        assert_eq!(verdict(&Guard::new(Chance::new([7; 32])), &answer, Try::default()), Verdict::Stale);
    }
}
