//! Digest access authentication (RFC 3261 §22, RFC 7616, RFC 8760): what is computed, how the header fields
//! read, and the client that answers challenges. The server that makes them is [`super::guard`].

use std::borrow::Cow;
use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512_256};

use super::address::{list, trim, unquote};
use super::chance::hex;
use super::header::{encode, wire};

/// A SIP password. It has no `Display`, its `Debug` hides it, and it is serialized in clear only so that a
/// binding can be stored with what its phone knows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Takes the password as the administrator wrote it.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a line proves itself with, to us and to the phone it is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The digest username.
    pub user: String,
    /// The line's SIP password.
    pub password: Password,
}

/// A hash function for digests; the stronger is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// What every phone can.
    Md5,
    /// RFC 8760.
    Sha256,
    /// RFC 8760; understood, not offered.
    Sha512_256,
}

impl Algorithm {
    /// Reads an algorithm's name in any case, and whether it is the `-sess` kind.
    pub fn read(name: &str) -> Option<(Self, bool)> {
        let upper = name.to_ascii_uppercase();
        let (plain, session) = upper.strip_suffix("-SESS").map_or((&upper[..], false), |plain| (plain, true));
        let known = [Self::Md5, Self::Sha256, Self::Sha512_256];
        known.into_iter().find(|algorithm| algorithm.name() == plain).map(|algorithm| (algorithm, session))
    }

    /// The name in header fields.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    fn hash(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(bytes)),
            Self::Sha256 => hex(&Sha256::digest(bytes)),
            Self::Sha512_256 => hex(&Sha512_256::digest(bytes)),
        }
    }
}

/// The request a digest is about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its Request-URI, or what the digest gives as `uri`.
    pub uri: &'a str,
    /// Its body, which `auth-int` protects.
    pub body: &'a [u8],
}

/// Everything a digest is computed from but the password; all texts are wire texts without quotes.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The hash function.
    pub algorithm: Algorithm,
    /// Whether the first hash is bound to the nonces (`-sess`).
    pub session: bool,
    /// The digest username.
    pub user: &'a str,
    /// The protection domain.
    pub realm: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// `auth` or `auth-int`; without it the client is older than RFC 2617.
    pub qop: Option<&'a str>,
    /// The client's count of uses of the nonce: eight hexadecimal digits.
    pub count: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
    /// What is asked.
    pub asked: Asked<'a>,
}

impl Input<'_> {
    /// The `response` of RFC 7616 §3.4.1.
    pub fn response(&self, password: &Password) -> String {
        let hash = |parts: &[&str]| self.algorithm.hash(&encode(&parts.join(":")));
        let mut who = hash(&[self.user, self.realm, &wire(&password.0)]);
        if self.session {
            who = hash(&[&who, self.nonce, self.cnonce]);
        }
        let what = match self.qop {
            Some("auth-int") => {
                let body = self.algorithm.hash(self.asked.body);
                hash(&[self.asked.method, self.asked.uri, &body])
            }
            _ => hash(&[self.asked.method, self.asked.uri]),
        };
        match self.qop {
            Some(qop) => hash(&[&who, self.nonce, self.count, self.cnonce, qop, &what]),
            None => hash(&[&who, self.nonce, &what]),
        }
    }
}

/// The parameters of one `Digest` challenge or answer.
#[derive(Debug, Clone, Default)]
pub struct Params<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// Reads every `Digest` in a header field's value; other schemes are passed over. One field may hold
    /// several.
    pub fn read(value: &'a str) -> Vec<Self> {
        let mut schemes: Vec<(bool, Self)> = Vec::new();
        for piece in list(value) {
            let (scheme, pair) = scheme_and_pair(piece);
            if let Some(scheme) = scheme {
                schemes.push((scheme.eq_ignore_ascii_case("Digest"), Self::default()));
            }
            if let (Some((_, params)), Some((key, value))) = (schemes.last_mut(), pair.split_once('=')) {
                params.0.push((trim(key), unescaped(unquote(trim(value)))));
            }
        }
        schemes.into_iter().filter_map(|(digest, params)| digest.then_some(params)).collect()
    }

    /// A parameter's value without its quotes and escapes.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The hash function, MD5 if none is named. `None` if it is one we do not know.
    pub fn algorithm(&self) -> Option<(Algorithm, bool)> {
        self.get("algorithm").map_or(Some((Algorithm::Md5, false)), Algorithm::read)
    }
}

/// A challenge we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whether the server says that only the nonce was too old.
    pub stale: bool,
    /// The hash function it asks for.
    pub algorithm: Algorithm,
    session: bool,
    named: Option<String>,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    qop: Option<&'static str>,
}

impl Challenge {
    /// The strongest challenge in the `WWW-Authenticate` or `Proxy-Authenticate` fields of a response that we
    /// can answer; the upper of two equally strong ones.
    pub fn strongest<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        let known = values.flat_map(Params::read).filter_map(|params| Self::known(&params));
        known.reduce(|best, next| if next.algorithm > best.algorithm { next } else { best })
    }

    fn known(params: &Params<'_>) -> Option<Self> {
        let (algorithm, session) = params.algorithm()?;
        let qop = match params.get("qop") {
            None | Some("") => None,
            Some(offered) => Some(["auth", "auth-int"].into_iter().find(|known| offers(offered, known))?),
        };
        Some(Self {
            stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            algorithm,
            session,
            named: params.get("algorithm").map(str::to_owned),
            realm: params.get("realm")?.to_owned(),
            nonce: params.get("nonce")?.to_owned(),
            opaque: params.get("opaque").map(str::to_owned),
            qop,
        })
    }

    /// Whether another challenge is about the same nonce, so that the count of its uses goes on.
    pub fn same_nonce(&self, other: &Self) -> bool {
        self.nonce == other.nonce
    }

    /// The value of the `Authorization` or `Proxy-Authorization` field that answers; `count` is how often
    /// this nonce was used, this time included.
    pub fn answer(&self, who: &Credentials, asked: Asked<'_>, cnonce: &str, count: u32) -> String {
        let (user, count) = (wire(&who.user), format!("{count:08x}"));
        let (realm, nonce) = (&self.realm, &self.nonce);
        let input = Input {
            algorithm: self.algorithm,
            session: self.session,
            user: &user,
            realm,
            nonce,
            qop: self.qop,
            count: &count,
            cnonce,
            asked,
        };
        let response = input.response(&who.password);
        let [user, realm, nonce, uri] = [&user, realm, nonce, asked.uri].map(quotable);
        let head = format!("Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\"");
        let mut value = format!("{head}, uri=\"{uri}\", response=\"{response}\"");
        value.extend(self.named.iter().map(|name| format!(", algorithm={name}")));
        value.extend(self.opaque.iter().map(|opaque| format!(", opaque=\"{}\"", quotable(opaque))));
        value.extend(self.qop.map(|qop| format!(", qop={qop}, nc={count}")));
        value.extend((self.qop.is_some() || self.session).then(|| format!(", cnonce=\"{cnonce}\"")));
        value
    }
}

fn offers(offered: &str, wanted: &str) -> bool {
    offered.split(',').any(|qop| trim(qop).eq_ignore_ascii_case(wanted))
}

/// A piece of a comma-separated list of parameters starts with the name of a scheme if there are two words
/// before its first `=`, or none.
fn scheme_and_pair(piece: &str) -> (Option<&str>, &str) {
    let key = trim(piece.split('=').next().unwrap_or(piece));
    match key.split_once([' ', '\t']) {
        Some((scheme, _)) => (Some(scheme), trim(&piece[scheme.len()..])),
        None if !piece.contains('=') => (Some(piece), ""),
        None => (None, piece),
    }
}

fn quotable(text: &str) -> Cow<'_, str> {
    if text.contains(['"', '\\']) {
        text.replace('\\', r"\\").replace('"', r#"\""#).into()
    } else {
        text.into()
    }
}

fn unescaped(quoted: &str) -> Cow<'_, str> {
    if !quoted.contains('\\') {
        return quoted.into();
    }
    let mut escaped = false;
    let kept = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    quoted.chars().filter(kept).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mufasa() -> Credentials {
        Credentials { user: "Mufasa".into(), password: Password::new("Circle of Life") }
    }

    const ASKED: Asked<'static> = Asked { method: "GET", uri: "/dir/index.html", body: b"" };

    fn answered(challenges: &[&str]) -> String {
        let challenge = Challenge::strongest(challenges.iter().copied()).unwrap();
        challenge.answer(&mufasa(), ASKED, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
    }

    const NONCE: &str =
        "realm=\"http-auth@example.org\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"";

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        let with = |algorithm| format!("Digest {NONCE}, qop=\"auth, auth-int\", algorithm={algorithm}");
        assert!(answered(&[&with("MD5")]).contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""));
        let sha = "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"";
        assert!(answered(&[&with("SHA-256")]).contains(sha));
    }

    #[test]
    fn a_challenge_without_qop_is_answered_as_rfc_2069_says() {
        let nonce = "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
        let challenge = &*format!("Digest realm=\"testrealm@host.com\", {nonce}, opaque=\"5c\"");
        let who = Credentials { user: "Mufasa".into(), password: Password::new("CircleOfLife") };
        let answer = Challenge::strongest([challenge].into_iter()).unwrap().answer(&who, ASKED, "c", 1);
        assert!(answer.contains("response=\"1949323746fe6a43ef61f9606e7febea\""), "{answer}");
        assert!(answer.contains("opaque=\"5c\"") && !answer.contains("nc=") && !answer.contains("cnonce"));
    }

    #[test]
    fn the_strongest_of_several_challenges_is_answered() {
        let md5 = "Digest realm=\"a, b\", nonce=\"n1\", algorithm=MD5";
        let sha = "Digest realm=\"c\", nonce=\"n2\", algorithm=sha-256, qop=\"auth\"";
        for fields in [vec![md5, sha], vec![sha, md5]] {
            assert!(answered(&fields).contains("nonce=\"n2\""));
        }
        assert!(answered(&[&format!("{md5}, {sha}")]).contains("algorithm=sha-256"));
        assert!(answered(&["Basic realm=\"x\"", "NTLM", md5]).contains("realm=\"a, b\""));
    }

    #[test]
    fn what_we_cannot_compute_is_no_challenge() {
        for unknown in [
            "Digest realm=\"a\", nonce=\"n\", algorithm=AKAv1-MD5",
            "Digest realm=\"a\", nonce=\"n\", qop=\"token\"",
            "Digest realm=\"a\"",
            "Basic realm=\"a\", nonce=\"n\"",
            "",
        ] {
            assert_eq!(Challenge::strongest([unknown].into_iter()), None, "{unknown}");
        }
    }

    #[test]
    fn the_body_counts_where_only_auth_int_is_offered() {
        let challenge = format!("Digest {NONCE}, qop=auth-int, algorithm=MD5-sess");
        let challenge = Challenge::strongest([&challenge[..]].into_iter()).unwrap();
        let one = challenge.answer(&mufasa(), Asked { body: b"one", ..ASKED }, "c", 1);
        let other = challenge.answer(&mufasa(), Asked { body: b"two", ..ASKED }, "c", 1);
        assert!(one != other && one.contains("qop=auth-int"));
        let input = Input {
            algorithm: Algorithm::Md5,
            session: true,
            user: "Mufasa",
            realm: &challenge.realm,
            nonce: &challenge.nonce,
            qop: Some("auth-int"),
            count: "00000001",
            cnonce: "c",
            asked: Asked { body: b"one", ..ASKED },
        };
        assert!(one.contains(&input.response(&mufasa().password)));
    }

    #[test]
    fn a_quote_in_a_name_cannot_end_its_quotes() {
        let who = Credentials { user: "a\", uri=\"x".into(), password: Password::new("p") };
        let challenge = Challenge::strongest([&format!("Digest {NONCE}")[..]].into_iter()).unwrap();
        let answer = challenge.answer(&who, ASKED, "c", 1);
        assert_eq!(Params::read(&answer)[0].get("uri"), Some("/dir/index.html"));
    }

    #[test]
    fn a_password_is_never_shown() {
        assert!(!format!("{:?}", mufasa()).contains("Circle"));
    }
}
