//! What a client shows with each request, and how it is kept out of the log.

use std::fmt;

use crate::id::Id;

/// What a client shows with a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// A token.
    Token(String),
    /// An account, and the credentials of one of its users: `md5(username:password)` or its SHA-1.
    Credentials(Id, String),
    /// Something that can be neither.
    Nothing,
}

/// It is a secret.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Credentials(..) => "Credentials",
            Self::Nothing => "Nothing",
        })
    }
}

impl Shown {
    /// A token as text; `None` where there is none.
    pub fn token(text: &str) -> Option<Self> {
        Some(text.trim()).filter(|text| !text.is_empty()).map(|text| Self::Token(text.to_owned()))
    }

    /// The value of an `Authorization` header: `Bearer T`, or `Basic` with `account_id:credentials` in Base64.
    /// `None` for other schemes, which some clients send to a server in front of this one.
    pub fn authorization(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Self::token(rest),
            "basic" => Some(basic(rest.trim()).unwrap_or(Self::Nothing)),
            _ => None,
        }
    }
}

/// A path with every part left out that could be a token or a key, which are longer than ids: for the log.
pub fn without_secrets(path: &str) -> String {
    let part = |part: &'_ str| if part.len() > 40 { "…".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn basic(text: &str) -> Option<Shown> {
    let plain = String::from_utf8(unbase64(text)?).ok()?;
    let (account, credentials) = plain.split_once(':')?;
    let sized = matches!(credentials.len(), 32 | 40);
    Some(Shown::Credentials(account.parse().ok().filter(|_| sized)?, credentials.to_owned()))
}

/// Base64 (RFC 4648 section 4), its padding optional.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.trim_end_matches('=').bytes().map(sextet).collect();
    let chunks = digits?.chunks(4).map(quartet).collect::<Option<Vec<_>>>()?;
    Some(chunks.concat())
}

/// The bytes of up to four digits: as many as are whole. A digit alone is none.
fn quartet(digits: &[u32]) -> Option<Vec<u8>> {
    let missing = 4 - digits.len();
    let bits = digits.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * missing);
    (missing < 3).then(|| bits.to_be_bytes()[1..4 - missing].to_vec())
}

fn sextet(byte: u8) -> Option<u32> {
    let place = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_the_rfc_writes_it() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in vectors {
            assert_eq!(unbase64(coded).unwrap(), plain.as_bytes(), "{coded}");
            assert_eq!(unbase64(coded.trim_end_matches('=')).unwrap(), plain.as_bytes());
        }
        assert_eq!(unbase64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
        assert!(unbase64("Zg=v").is_none() && unbase64("Zm9vY").is_none() && unbase64("Z m9").is_none());
    }

    #[test]
    fn an_account_and_credentials_are_found_in_basic() {
        // 4f3330e78e664bb57f8fb23fbaac2429:5f4dcc3b5aa765d61d8327deb882cf99
        let coded =
            "NGYzMzMwZTc4ZTY2NGJiNTdmOGZiMjNmYmFhYzI0Mjk6NWY0ZGNjM2I1YWE3NjVkNjFkODMyN2RlYjg4MmNmOTk=";
        let account = "4f3330e78e664bb57f8fb23fbaac2429".parse().unwrap();
        let expected = Shown::Credentials(account, "5f4dcc3b5aa765d61d8327deb882cf99".to_owned());
        assert_eq!(Shown::authorization(&format!("Basic {coded}")), Some(expected.clone()));
        assert_eq!(Shown::authorization(&format!("basic  {coded}")), Some(expected));
    }

    #[test]
    fn basic_with_anything_else_is_nothing_and_not_nobody() {
        for wrong in ["Basic !", "Basic YTpi", "Basic ", "Basic /////w=="] {
            let shown = Shown::authorization(wrong);
            assert!(shown == Some(Shown::Nothing) || wrong.trim() == "Basic", "{wrong}");
        }
    }

    #[test]
    fn a_bearer_is_a_token_and_other_schemes_are_for_others() {
        assert_eq!(Shown::authorization("Bearer abc"), Some(Shown::Token("abc".to_owned())));
        assert_eq!(Shown::authorization("bearer  abc "), Some(Shown::Token("abc".to_owned())));
        assert_eq!(Shown::authorization("Digest username=\"x\""), None);
        assert_eq!(Shown::authorization("abc"), None);
        assert_eq!(Shown::token("  "), None);
    }

    #[test]
    fn nothing_shown_is_shown_again() {
        let shown = [
            Shown::Token("s3cret".to_owned()),
            Shown::Credentials(Id::from_bytes([1; 16]), "s3cret".to_owned()),
        ];
        assert_eq!(format!("{shown:?}"), "[Token, Credentials]");
    }

    #[test]
    fn a_path_keeps_its_ids_and_loses_its_tokens() {
        let id = "4f3330e78e664bb57f8fb23fbaac2429";
        let path = format!("/v2/accounts/{id}/devices/{id}/sync");
        assert_eq!(without_secrets(&path), path);
        assert_eq!(without_secrets(&format!("/v2/user_auth/{}/x", "ab".repeat(32))), "/v2/user_auth/…/x");
    }
}
