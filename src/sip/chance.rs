//! Chance as an argument: everything that must not be guessed comes from one secret.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Makes tokens and stamps from a secret with HMAC-SHA256. Two with the same secret make the same tokens, so
/// the secret must be a new random one at every start; tests give a fixed one.
#[derive(Clone)]
pub struct Chance {
    /// The secret has gone into it already.
    keyed: Hmac<Sha256>,
    made: usize,
    /// The digest that the last token is a part of.
    last: [u8; 32],
}

/// How many bytes of a digest make a token: three come of each.
const TOKEN: usize = 10;

impl Chance {
    /// Starts the count of tokens at zero.
    pub fn new(secret: [u8; 32]) -> Self {
        // Padded to a block of SHA-256, as HMAC does with shorter keys.
        let mut padded = [0; 64];
        padded[..32].copy_from_slice(&secret);
        Self { keyed: Hmac::new(&padded.into()), made: 0, last: [0; 32] }
    }

    /// Chance for somebody else, whose tokens are others.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        let mut secret = [0; 32];
        secret.copy_from_slice(self.stamp("derived", &[purpose.as_bytes()]).as_bytes());
        Self::new(secret)
    }

    /// A new token of 20 hexadecimal digits, for branches, tags, Call-IDs and cnonces.
    pub fn token(&mut self) -> String {
        let part = self.made % 3;
        if part == 0 {
            self.last = self.digest("token", &[&self.made.to_be_bytes()]);
        }
        self.made += 1;
        hex(&self.last[part * TOKEN..][..TOKEN])
    }

    /// A stamp of 32 hexadecimal digits that only the holder of the secret can make: the same for the same
    /// `purpose` and `parts`, whose borders count.
    pub fn stamp(&self, purpose: &str, parts: &[&[u8]]) -> String {
        hex(&self.digest(purpose, parts)[..16])
    }

    fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

/// Lower-case hexadecimal digits, as digests are written in SIP.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tokens_differ_from_each_other_and_between_secrets() {
        let (mut one, mut other) = (Chance::new([1; 32]), Chance::new([2; 32]));
        let tokens: BTreeSet<String> = (0..7).flat_map(|_| [one.token(), other.token()]).collect();
        assert_eq!(tokens.len(), 14);
        assert!(tokens.iter().all(|token| token.len() == 20));
        assert!(tokens.contains(&Chance::new([1; 32]).token()));
        assert_ne!(Chance::new([1; 32]).derived("calls").token(), Chance::new([1; 32]).token());
    }

    #[test]
    fn a_stamp_depends_on_where_its_parts_end() {
        let chance = Chance::new([1; 32]);
        assert_eq!(chance.stamp("a", &[b"bc"]), chance.stamp("a", &[b"bc"]));
        assert_ne!(chance.stamp("a", &[b"bc"]), chance.stamp("ab", &[b"c"]));
        assert_ne!(chance.stamp("a", &[b"b", b"c"]), chance.stamp("a", &[b"bc"]));
    }
}
