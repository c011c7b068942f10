//! Who may: an administrator shows an API key once, and a token with every request after that.
//!
//! Keys and tokens are kept as digests only. Both are 256 random bits, so that a plain digest is enough: there is
//! nothing to guess.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::id::{Digest, Id, hex};

/// How long a token is good for, in seconds.
pub const TOKEN_SECONDS: u64 = 3600;

/// What is remembered of a token, under its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Who has logged in.
    pub account: Id,
    /// The digest of the API key that was shown for it.
    pub key: Digest,
    /// When it ends, in Unix seconds.
    pub expires: u64,
}

impl Token {
    /// A token issued at `unix` seconds.
    pub fn issued(account: &Account, unix: u64) -> Self {
        Self { account: account.id(), key: account.api_key, expires: unix + TOKEN_SECONDS }
    }

    /// True until it ends.
    pub fn is_live(&self, unix: u64) -> bool {
        unix < self.expires
    }

    /// True while the account has the API key that was shown for the token.
    pub fn is_of(&self, account: &Account) -> bool {
        self.account == account.id() && self.key == account.api_key
    }
}

/// True when the administrator of `caller` may see and change `target`: its own account and those below it.
pub fn may(caller: &Account, target: &Account) -> bool {
    target.is_within(caller.id())
}

/// True when the administrator of `caller` may switch `target` on and off: not its own account, but those below.
pub fn may_switch(caller: &Account, target: &Account) -> bool {
    may(caller, target) && caller.id() != target.id()
}

/// True for the account above all others, whose administrators run the whole site.
pub fn is_master(account: &Account) -> bool {
    account.parent().is_none()
}

/// A new API key or token: 64 lower-case hexadecimal digits.
pub fn secret(random: [u8; 32]) -> String {
    hex(&random)
}

/// What is kept of an API key or a token.
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
    use crate::document::{Body, Document};

    fn account(own: u8, tree: &[u8]) -> Account {
        let id = |byte| Id::from_bytes([byte; 16]);
        let document = Document::new(id(own), id(own), Body::new(), 0);
        Account { document, tree: tree.iter().copied().map(id).collect(), api_key: Digest::of(&[own]) }
    }

    #[test]
    fn a_token_ends_an_hour_after_it_was_issued() {
        let token = Token::issued(&account(1, &[]), 1_000);
        assert!(token.is_live(4_599));
        assert!(!token.is_live(4_600));
    }

    #[test]
    fn a_token_ends_with_the_key_it_was_issued_for() {
        let before = account(1, &[]);
        let token = Token::issued(&before, 1_000);
        let after = Account { api_key: Digest::of(b"new"), ..before.clone() };
        assert!(token.is_of(&before) && !token.is_of(&after) && !token.is_of(&account(2, &[1])));
        let mut older = serde_json::to_value(token).unwrap();
        assert!(serde_json::from_value::<Token>(older.clone()).is_ok());
        older.as_object_mut().unwrap().remove("key");
        assert!(serde_json::from_value::<Token>(older).is_err());
    }

    #[test]
    fn an_administrator_may_change_its_own_account_and_those_below_but_none_beside_or_above() {
        let (master, reseller) = (account(1, &[]), account(2, &[1]));
        let (customer, other) = (account(3, &[1, 2]), account(4, &[1]));
        assert!(may(&master, &customer) && may(&reseller, &customer) && may(&reseller, &reseller));
        assert!(!may(&reseller, &master) && !may(&reseller, &other) && !may(&customer, &reseller));
        assert!(is_master(&master) && !is_master(&reseller));
    }

    #[test]
    fn an_administrator_may_switch_accounts_below_but_never_its_own() {
        let (master, reseller, customer) = (account(1, &[]), account(2, &[1]), account(3, &[1, 2]));
        assert!(may_switch(&master, &reseller) && may_switch(&reseller, &customer));
        assert!(!may_switch(&master, &master) && !may_switch(&reseller, &reseller));
        assert!(!may_switch(&customer, &reseller));
    }

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
