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
    made: u64,
}

impl Chance {
    /// Starts the count of tokens at zero.
    pub fn new(secret: [u8; 32]) -> Self {
        // Padded to a block of SHA-256, as HMAC does with shorter keys.
        let mut padded = [0; 64];
        padded[..32].copy_from_slice(&secret);
        Self { keyed: Hmac::new(&padded.into()), made: 0 }
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
        self.made += 1;
        self.stamp("token", &[&self.made.to_be_bytes()])[..20].to_owned()
    }

    /// A stamp of 32 hexadecimal digits that only the holder of the secret can make: the same for the same
    /// `purpose` and `parts`, whose borders count.
    pub fn stamp(&self, purpose: &str, parts: &[&[u8]]) -> String {
        let mut mac = self.keyed.clone();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        hex(&mac.finalize().into_bytes()[..16])
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
    use super::*;

    #[test]
    fn tokens_differ_from_each_other_and_between_secrets() {
        let (mut one, mut other) = (Chance::new([1; 32]), Chance::new([2; 32]));
        let tokens = [one.token(), one.token(), other.token()];
        assert!(tokens[0] != tokens[1] && tokens[0] != tokens[2]);
        assert_eq!(Chance::new([1; 32]).token(), tokens[0]);
        assert_ne!(Chance::new([1; 32]).derived("calls").token(), tokens[0]);
    }

    #[test]
    fn a_stamp_depends_on_where_its_parts_end() {
        let chance = Chance::new([1; 32]);
        assert_eq!(chance.stamp("a", &[b"bc"]), chance.stamp("a", &[b"bc"]));
        assert_ne!(chance.stamp("a", &[b"bc"]), chance.stamp("ab", &[b"c"]));
        assert_ne!(chance.stamp("a", &[b"b", b"c"]), chance.stamp("a", &[b"bc"]));
    }
}
