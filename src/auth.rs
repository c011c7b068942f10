//! Who may: what is shown at the door (an API key, a password, a token), and how far whoever showed it reaches.
//!
//! API keys and passwords are kept as Argon2id hashes ([`Vault`]). A token is kept as a plain digest, since it is
//! 256 random bits: there is nothing to guess. Nothing here reads a clock or the store.

use crate::id::{Digest, hex};

mod shown;
mod throttle;
mod token;
mod vault;
mod who;

pub use shown::{Shown, without_secrets};
pub use throttle::{Patience, Source, Step, Throttle};
pub use token::{TOKEN_SECONDS, Token};
pub use vault::{Cost, OutOfMemory, Vault};
pub use who::{Caller, is_master};

/// A new API key or token: 64 lower-case hexadecimal digits.
pub fn secret(random: [u8; 32]) -> String {
    hex(&random)
}

/// What is kept of a token, and was kept of an API key before there was a [`Vault`].
pub fn digest(secret: &str) -> Digest {
    Digest::of(secret.as_bytes())
}

/// A text of up to 32 characters that can be read out and typed: lower-case letters and digits, none of which
/// looks like another. Each is worth five bits.
pub fn readable(random: [u8; 32], length: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    random.iter().take(length).map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_is_recognised_by_its_digest() {
        let key = secret([0xab; 32]);
        assert_eq!(key, "ab".repeat(32));
        assert_eq!(digest(&key), digest(&key.clone()));
        assert_ne!(digest(&key), digest(&key.to_uppercase()));
    }

    #[test]
    fn a_readable_text_has_the_length_asked_for_and_no_lookalikes() {
        let bytes: Vec<u8> = (0..32).collect();
        let text = readable(bytes.try_into().unwrap(), 32);
        assert_eq!(text.len(), 32);
        assert!(!text.contains(['l', 'o', '0', '1']));
        assert_eq!(readable([255; 32], 12), "9".repeat(12));
    }
}
