//! The digest server: challenges phones, judges their answers, and takes each answer once.
//!
//! A nonce is the second it was made in, its number, and a stamp over both, the realm and the address it was given
//! to. So it cannot be made up, a captured answer is of no use to another address, and it expires by itself. What
//! is remembered is only how often each nonce was used by who knew the password, see [`super::nonces`].

use std::net::IpAddr;

use subtle::ConstantTimeEq as _;

use super::chance::{Chance, hex};
use super::digest::{Algorithm, Asked, Input, Params, Password};
use super::fingerprint::octets;
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
        let realm = realm.to_ascii_lowercase();
        let head = hex(&made.to_be_bytes()) + &hex(&number.to_be_bytes());
        head.clone() + &self.chance.stamp("nonce", &[head.as_bytes(), realm.as_bytes(), &octets(from)])
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
mod tests;
