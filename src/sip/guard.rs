//! The digest server: challenges phones, judges their answers, and takes each answer once.
//!
//! A nonce is the second it was made in, its number, and a stamp over both, the realm and the address it was given
//! to. So it cannot be made up, a captured answer is of no use to another address, and it expires by itself. What
//! is remembered is only how often each nonce was used by who knew the password, see [`super::nonces`].

use std::net::IpAddr;

use subtle::ConstantTimeEq as _;

use super::chance::Chance;
use super::digest::{Algorithm, Asked, Input, Params, Password};
use super::nonces::{Nonce, Nonces};

/// How long an answer to a challenge is taken, in seconds.
pub const NONCE_LIFE: u64 = 300;

/// Challenges and judges.
#[derive(Debug, Clone)]
pub struct Guard {
    chance: Chance,
    made: u64,
    nonces: Nonces,
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
    /// It answers a challenge that is too old, was answered before, or is not ours: challenge it again with
    /// `stale=true`. Whether it knows the password is not looked at, or else strangers could try passwords without
    /// ever being counted.
    Stale,
    /// It answers a challenge, and wrongly.
    Wrong,
    /// It answers no challenge: challenge it.
    Unproven,
}

impl Guard {
    /// Stamps its nonces with `chance`.
    pub fn new(chance: Chance) -> Self {
        Self { chance, made: 0, nonces: Nonces::default() }
    }

    /// The values of the `WWW-Authenticate` fields for `from`. RFC 8760 §2.4 wants the strongest first, but
    /// many a phone reads the first field only and gives up on what it does not know, so MD5 comes first.
    pub fn challenges(&mut self, realm: &str, from: IpAddr, unix: u64, stale: bool) -> [String; 2] {
        self.made += 1;
        let nonce = self.nonce((unix, self.made), realm, from);
        let stale = if stale { ", stale=true" } else { "" };
        [Algorithm::Md5, Algorithm::Sha256].map(|algorithm| {
            let name = algorithm.name();
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}")
        })
    }

    /// Judges the values of the `Authorization` fields of a request from `from`. The `uri` of the digest is
    /// taken as the phone gives it, since many do not repeat their Request-URI.
    pub fn judge<'a>(
        &mut self,
        values: impl Iterator<Item = &'a str>,
        expected: Expected<'_>,
        asked: Asked<'_>,
        (from, unix): (IpAddr, u64),
    ) -> Verdict {
        let Some(params) = ours(values, expected.realm) else { return Verdict::Unproven };
        let Some(nonce) = self.fresh(&params, from, unix) else { return Verdict::Stale };
        let Some(user) = proven(&params, expected, asked) else { return Verdict::Wrong };
        self.nonces.expire(unix.saturating_sub(NONCE_LIFE));
        let first = count(&params).is_some_and(|count| self.nonces.is_first(nonce, count));
        if first { Verdict::Right(user) } else { Verdict::Stale }
    }

    fn nonce(&self, (made, number): Nonce, realm: &str, from: IpAddr) -> String {
        let from = from.to_canonical().to_string();
        let realm = realm.to_ascii_lowercase();
        let head = format!("{made:016x}{number:016x}");
        let stamp = self.chance.stamp("nonce", &[head.as_bytes(), realm.as_bytes(), from.as_bytes()]);
        head + &stamp
    }

    /// The nonce that is answered, if we made it for this address and it has not expired.
    fn fresh(&self, params: &Params<'_>, from: IpAddr, unix: u64) -> Option<Nonce> {
        let given = params.get("nonce")?;
        let number = |digits: Option<&str>| u64::from_str_radix(digits?, 16).ok();
        let nonce @ (made, _) = (number(given.get(..16))?, number(given.get(16..32))?);
        let expected = self.nonce(nonce, params.get("realm")?, from);
        let genuine: bool = expected.as_bytes().ct_eq(given.as_bytes()).into();
        (genuine && made <= unix && unix - made <= NONCE_LIFE).then_some(nonce)
    }
}

/// Whether some `Authorization` fields try to prove something in this realm.
pub fn is_answer<'a>(values: impl Iterator<Item = &'a str>, realm: &str) -> bool {
    ours(values, realm).is_some()
}

fn ours<'a>(mut values: impl Iterator<Item = &'a str>, realm: &str) -> Option<Params<'a>> {
    let ours = |params: &Params<'_>| params.get("realm").is_some_and(|of| of.eq_ignore_ascii_case(realm));
    values.find_map(|value| Params::read(value).into_iter().find(ours))
}

/// The count of uses of the nonce; a client from before RFC 2617 uses a nonce once.
fn count(params: &Params<'_>) -> Option<u32> {
    match params.get("qop") {
        Some(_) => u32::from_str_radix(params.get("nc")?, 16).ok().filter(|count| *count > 0),
        None => Some(1),
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
        algorithm: &'static str,
        later: u64,
        from: [u8; 4],
    }

    impl Default for Try {
        fn default() -> Self {
            Self { user: "u1", password: "right", algorithm: "SHA-256", later: 0, from: HERE }
        }
    }

    const HERE: [u8; 4] = [10, 0, 0, 1];

    fn guard() -> Guard {
        Guard::new(Chance::new([7; 32]))
    }

    /// A challenge that `guard` gave at second 1000, with this algorithm.
    fn challenge(guard: &mut Guard, algorithm: &str) -> Challenge {
        let [offered, _] = guard.challenges("pbx", HERE.into(), 1000, false);
        let offered = offered.replace("algorithm=MD5", &format!("algorithm={algorithm}"));
        Challenge::strongest([&offered[..]].into_iter()).unwrap()
    }

    fn judged(attempt: Try) -> Verdict {
        let mut guard = guard();
        let challenge = challenge(&mut guard, attempt.algorithm);
        let who = Credentials { user: attempt.user.into(), password: Password::new(attempt.password) };
        let answer = challenge.answer(&who, ASKED, "c", 1);
        verdict(&mut guard, &answer, attempt)
    }

    fn verdict(guard: &mut Guard, answer: &str, attempt: Try) -> Verdict {
        let right = Password::new("right");
        let expected = Expected { user: "u1", realm: "pbx", password: Some(&right) };
        guard.judge([answer].into_iter(), expected, ASKED, (attempt.from.into(), 1000 + attempt.later))
    }

    fn right() -> Verdict {
        Verdict::Right("u1".into())
    }

    #[test]
    fn a_phone_that_knows_the_password_passes_with_any_algorithm() {
        for algorithm in ["MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess", "SHA-512-256-sess"] {
            assert_eq!(judged(Try { algorithm, ..Try::default() }), right(), "{algorithm}");
            let wrong = Try { algorithm, password: "wrong", ..Try::default() };
            assert_eq!(judged(wrong), Verdict::Wrong, "{algorithm}");
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
        let offered = guard().challenges("pbx", HERE.into(), 1000, false);
        assert!(offered[0].contains("algorithm=MD5") && offered[1].contains("algorithm=SHA-256"));
    }

    #[test]
    fn a_nonce_grows_stale_after_five_minutes() {
        assert_eq!(judged(Try { later: NONCE_LIFE, ..Try::default() }), right());
        assert_eq!(judged(Try { later: NONCE_LIFE + 1, ..Try::default() }), Verdict::Stale);
    }

    #[test]
    fn a_stale_nonce_tells_nobody_whether_the_password_was_right() {
        let old = Try { later: 999, password: "wrong", ..Try::default() };
        assert_eq!(judged(old), Verdict::Stale);
    }

    #[test]
    fn an_answer_is_of_no_use_from_another_address() {
        assert_eq!(judged(Try { from: [10, 0, 0, 2], ..Try::default() }), Verdict::Stale);
    }

    #[test]
    fn an_answer_is_taken_once_and_a_nonce_again_with_a_greater_count() {
        let mut guard = guard();
        let challenge = challenge(&mut guard, "MD5");
        let who = Credentials { user: "u1".into(), password: Password::new("right") };
        let counts = [1, 1, 2, 4, 3, 3, 2];
        let verdicts = counts.map(|count| {
            verdict(&mut guard, &challenge.answer(&who, ASKED, "c", count), Try::default()) == right()
        });
        assert_eq!(verdicts, [true, false, true, true, true, false, false]);
    }

    #[test]
    fn a_wrong_answer_uses_nothing_up() {
        let mut guard = guard();
        let challenge = challenge(&mut guard, "MD5");
        for (password, expected) in [("wrong", Verdict::Wrong), ("right", right()), ("right", Verdict::Stale)]
        {
            let who = Credentials { user: "u1".into(), password: Password::new(password) };
            let answer = challenge.answer(&who, ASKED, "c", 1);
            assert_eq!(verdict(&mut guard, &answer, Try::default()), expected);
        }
    }

    #[test]
    fn two_phones_behind_one_address_have_nonces_of_their_own() {
        let mut guard = guard();
        let challenges = [challenge(&mut guard, "MD5"), challenge(&mut guard, "MD5")];
        assert!(!challenges[0].same_nonce(&challenges[1]));
        for challenge in challenges {
            let who = Credentials { user: "u1".into(), password: Password::new("right") };
            let answer = challenge.answer(&who, ASKED, "c", 1);
            assert_eq!(verdict(&mut guard, &answer, Try::default()), right());
        }
    }

    #[test]
    fn a_client_from_before_counts_uses_a_nonce_once() {
        let mut guard = guard();
        let [offered, _] = guard.challenges("pbx", HERE.into(), 1000, false);
        let offered = offered.replace(", qop=\"auth\"", "");
        let challenge = Challenge::strongest([&offered[..]].into_iter()).unwrap();
        let who = Credentials { user: "u1".into(), password: Password::new("right") };
        let answer = challenge.answer(&who, ASKED, "c", 1);
        assert!(!answer.contains("nc="));
        for expected in [right(), Verdict::Stale] {
            assert_eq!(verdict(&mut guard, &answer, Try::default()), expected);
        }
    }

    #[test]
    fn a_count_that_is_none_is_challenged_again() {
        for count in ["00000000", "x", "100000000", ""] {
            let mut guard = guard();
            let [offered, _] = guard.challenges("pbx", HERE.into(), 1000, false);
            let params = Params::read(&offered);
            let nonce = params[0].get("nonce").unwrap();
            let input = Input {
                algorithm: Algorithm::Md5,
                session: false,
                user: "u1",
                realm: "pbx",
                nonce,
                qop: Some("auth"),
                count,
                cnonce: "c",
                asked: ASKED,
            };
            let response = input.response(&Password::new("right"));
            let answer = format!(
                "Digest username=\"u1\", realm=\"pbx\", nonce=\"{nonce}\", uri=\"sip:pbx\", \
                 response=\"{response}\", qop=auth, nc={count}, cnonce=\"c\""
            );
            assert_eq!(verdict(&mut guard, &answer, Try::default()), Verdict::Stale, "{count}");
        }
    }

    #[test]
    fn nobody_passes_for_a_line_without_a_password() {
        let mut guard = guard();
        let who = Credentials { user: "u1".into(), password: Password::new("") };
        let answer = challenge(&mut guard, "MD5").answer(&who, ASKED, "c", 1);
        let expected = Expected { user: "u1", realm: "pbx", password: None };
        let when = (HERE.into(), 1000);
        assert_eq!(guard.judge([&answer[..]].into_iter(), expected, ASKED, when), Verdict::Wrong);
    }

    #[test]
    fn what_answers_no_challenge_is_challenged() {
        let mut guard = guard();
        for value in ["", "Basic dTpw", "Digest realm=\"other\", nonce=\"x\""] {
            assert_eq!(verdict(&mut guard, value, Try::default()), Verdict::Unproven, "{value}");
        }
        for value in ["Digest realm=\"pbx\", nonce=\"é\"", "Digest realm=pbx"] {
            assert_eq!(verdict(&mut guard, value, Try::default()), Verdict::Stale, "{value}");
        }
        assert!(guard.challenges("pbx", HERE.into(), 1, true)[0].contains("stale=true"));
    }

    #[test]
    fn a_made_up_nonce_is_not_ours() {
        let mut other = Guard::new(Chance::new([8; 32]));
        let who = Credentials { user: "u1".into(), password: Password::new("right") };
        let answer = challenge(&mut other, "MD5").answer(&who, ASKED, "c", 1);
        assert_eq!(verdict(&mut guard(), &answer, Try::default()), Verdict::Stale);
    }
}
