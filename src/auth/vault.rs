//! What is kept of a password or an API key: an Argon2id hash by which it is found again.
//!
//! Clients of Kazoo send no user name, only `md5(username:password)` or an API key, so that what they send must be
//! found by its hash: the salt is not one per password but one per account, and it is random per database. Whoever
//! reads the database can still try guesses, each at the full cost, and for one account at a time.

use argon2::{Algorithm, Argon2, Params, Version};

use crate::id::{Digest, Id};

/// What one hash costs.
#[derive(Debug, Clone)]
pub struct Cost(Params);

impl Cost {
    /// 19 MiB, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet recommends for Argon2id.
    pub const USUAL: Self = Self::of(19 * 1024, 2);

    /// Next to nothing: for data that protects nobody, such as a test's.
    pub const NEXT_TO_NOTHING: Self = Self::of(8, 1);

    const fn of(kibibytes: u32, passes: u32) -> Self {
        match Params::new(kibibytes, passes, 1, Some(SIZE)) {
            Ok(params) => Self(params),
            Err(_) => panic!("both costs above are within the bounds of RFC 9106"),
        }
    }
}

/// There was not enough memory for a hash: try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is not enough memory to check a password")]
pub struct OutOfMemory;

/// Hashes what is shown at the door, so that it can be compared with what is kept.
#[derive(Clone)]
pub struct Vault {
    salt: [u8; 16],
    cost: Cost,
}

impl Vault {
    /// A vault with the salt of its database, which must stay the same as long as its hashes are to be found.
    pub fn new(salt: [u8; 16], cost: Cost) -> Self {
        Self { salt, cost }
    }

    /// What is kept of an API key, in whichever case it is written. Slow on purpose: for a thread that may wait.
    pub fn api_key(&self, key: &str) -> Result<Digest, OutOfMemory> {
        self.hash(&key.to_ascii_lowercase(), KEYS)
    }

    /// What is kept of a user's credentials, `md5(username:password)` or its SHA-1, in hexadecimal digits of either
    /// case. Slow on purpose: for a thread that may wait.
    pub fn credentials(&self, account: Id, credentials: &str) -> Result<Digest, OutOfMemory> {
        self.hash(&credentials.to_ascii_lowercase(), *account.as_bytes())
    }

    /// A name for the site that is the same from start to start, and tells nothing of the salt.
    pub fn site(&self) -> Digest {
        Digest::of(&[&self.salt[..], b"site"].concat())
    }

    fn hash(&self, secret: &str, whose: [u8; 16]) -> Result<Digest, OutOfMemory> {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.0.clone());
        let salt = [self.salt, whose].concat();
        let mut hash = [0; SIZE];
        argon.hash_password_into(secret.as_bytes(), &salt, &mut hash).map_err(|_| OutOfMemory)?;
        Ok(Digest::from_bytes(hash))
    }
}

const SIZE: usize = 16;

/// Stands where users have their account.
const KEYS: [u8; 16] = *b"checksync's keys";

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Id = Id::from_bytes([1; 16]);
    const TWO: Id = Id::from_bytes([2; 16]);
    const SENT: &str = "b6205d1fc2f6f1c1b2d2d0f3c5a4e7d8";

    fn vault(salt: u8) -> Vault {
        Vault::new([salt; 16], Cost::NEXT_TO_NOTHING)
    }

    #[test]
    fn the_same_is_found_again_in_either_case() {
        let kept = vault(1).credentials(ONE, SENT);
        assert_eq!(kept, vault(1).credentials(ONE, &SENT.to_uppercase()));
        assert_eq!(vault(1).api_key(SENT), vault(1).api_key(&SENT.to_uppercase()));
    }

    #[test]
    fn accounts_databases_keys_and_secrets_have_hashes_of_their_own() {
        let hashes = [
            vault(1).credentials(ONE, SENT),
            vault(1).credentials(TWO, SENT),
            vault(2).credentials(ONE, SENT),
            vault(1).api_key(SENT),
            vault(2).api_key(SENT),
            vault(1).api_key(&SENT[1..]),
        ];
        for (place, hash) in hashes.iter().enumerate() {
            assert!(hash.is_ok() && !hashes[..place].contains(hash));
        }
    }

    #[test]
    fn a_hash_is_the_one_of_the_reference_implementation() {
        // printf "$SENT" | argon2 "0123456789abcdefchecksync's keys" -id -t 2 -k 19456 -p 1 -l 16 -r
        let vault = Vault::new(*b"0123456789abcdef", Cost::USUAL);
        assert_eq!(vault.api_key(SENT).unwrap().to_string(), "fa489755f8664d1bd85b474482ea73d4");
    }

    #[test]
    fn the_cost_is_the_one_that_owasp_recommends() {
        let Cost(params) = Cost::USUAL;
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (19_456, 2, 1));
    }
}
