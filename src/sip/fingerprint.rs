//! Short names for long texts.

use std::borrow::Cow;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::address::Aor;

/// Stands for a text in tables: 16 bytes however long the text is, and nobody can find two texts with the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// Of some texts, whose borders count.
    pub fn of<T: AsRef<[u8]>>(texts: &[T]) -> Self {
        let mut hash = Sha256::new();
        for text in texts.iter().map(AsRef::as_ref) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let (mut short, whole) = ([0; 16], hash.finalize());
        short.copy_from_slice(&whole[..16]);
        Self(u128::from_be_bytes(short))
    }
}

/// A line is the same in whatever case it is written.
impl From<&Aor> for Fingerprint {
    fn from(aor: &Aor) -> Self {
        let is_lower = aor.user.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        let user = if is_lower { Cow::Borrowed(&aor.user[..]) } else { aor.user.to_lowercase().into() };
        Self::of(&[&user, &aor.realm[..]])
    }
}

/// The sixteen bytes of an address; an IPv4 address and the same written as IPv6 have the same.
pub fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_where_texts_end() {
        assert_eq!(Fingerprint::of(&["a", "bc"]), Fingerprint::of(&["a", "bc"]));
        assert_ne!(Fingerprint::of(&["a", "bc"]), Fingerprint::of(&["ab", "c"]));
        assert_eq!(Fingerprint::from(&Aor::new("u", "PBX")), Fingerprint::of(&["u", "pbx"]));
    }

    #[test]
    fn a_line_has_one_fingerprint_in_whatever_case_it_is_written() {
        for user in ["ÄLICE", "älice", "Älice"] {
            assert_eq!(Fingerprint::from(&Aor::new(user, "pbx")), Fingerprint::of(&["älice", "pbx"]));
        }
    }
}
