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
    for (password, expected) in [("wrong", Verdict::Wrong), ("right", right()), ("right", Verdict::Stale)] {
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
