//! Tokens: what is remembered of a login, under the digest of the text that the client holds.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::id::{Digest, Id};
use crate::user::User;

/// How long a token is good for, in seconds from its issue, however often it is used.
pub const TOKEN_SECONDS: u64 = 3600;

/// What is remembered of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The account it was issued for.
    pub account: Id,
    /// The user who logged in; `None` for whoever showed the account's API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
    /// What was kept of the API key, or of the user's password, when it was issued.
    pub key: Digest,
    /// When it ends, in Unix seconds.
    pub expires: u64,
}

impl Token {
    /// A token issued at `unix` seconds to whoever showed the API key of `account`, or to one of its users.
    pub fn issued(account: &Account, user: Option<&User>, unix: u64) -> Self {
        let key = user.map_or(account.api_key, proof);
        Self { account: account.id(), user: user.map(User::id), key, expires: unix + TOKEN_SECONDS }
    }

    /// True until it ends.
    pub fn is_live(&self, unix: u64) -> bool {
        unix < self.expires
    }

    /// True while what it was issued for is still so: the account's API key, or the user's password while the user
    /// is in that account and switched on.
    pub fn is_of(&self, account: &Account, user: Option<&User>) -> bool {
        self.account == account.id()
            && match (self.user, user) {
                (None, None) => self.key == account.api_key,
                (Some(id), Some(user)) => {
                    let there = user.id() == id && user.document.account == self.account;
                    there && user.enabled() && self.key == proof(user)
                }
                _ => false,
            }
    }
}

/// Changes with the user's password.
fn proof(user: &User) -> Digest {
    let hashes: Vec<u8> = user.credentials().iter().flat_map(|hash| *hash.as_bytes()).collect();
    Digest::of(&hashes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::document::{Body, Document};

    const ONE: Id = Id::from_bytes([1; 16]);

    fn account(api_key: &[u8]) -> Account {
        let document = Document::new(ONE, ONE, Body::new(), 0);
        Account { document, tree: Vec::new(), api_key: Digest::of(api_key) }
    }

    fn user(account: u8, body: &Value) -> User {
        let [id, account] = [7, account].map(|byte| Id::from_bytes([byte; 16]));
        User { document: Document::new(id, account, body.as_object().unwrap().clone(), 0) }
    }

    fn with_password(password: &[u8]) -> Value {
        json!({"pvt_md5_auth": Digest::of(password), "pvt_sha1_auth": Digest::of(&password[1..])})
    }

    #[test]
    fn a_token_ends_an_hour_after_it_was_issued() {
        let token = Token::issued(&account(b"key"), None, 1_000);
        assert!(token.is_live(4_599));
        assert!(!token.is_live(4_600));
    }

    #[test]
    fn a_token_ends_with_the_key_it_was_issued_for() {
        let token = Token::issued(&account(b"key"), None, 1_000);
        let other = Account {
            document: Document::new(Id::from_bytes([2; 16]), ONE, Body::new(), 0),
            ..account(b"key")
        };
        assert!(token.is_of(&account(b"key"), None));
        assert!(!token.is_of(&account(b"new"), None) && !token.is_of(&other, None));
    }

    #[test]
    fn a_users_token_ends_with_the_password_the_user_and_the_right_to_log_in() {
        let before = user(1, &with_password(b"old"));
        let token = Token::issued(&account(b"key"), Some(&before), 1_000);
        assert!(token.is_of(&account(b"new"), Some(&before)), "the account's key is not his");
        assert!(!token.is_of(&account(b"key"), None));
        let mut off = with_password(b"old");
        off["enabled"] = json!(false);
        for after in [
            user(1, &with_password(b"new")),
            user(1, &json!({})),
            user(2, &with_password(b"old")),
            user(1, &off),
        ] {
            assert!(!token.is_of(&account(b"key"), Some(&after)), "{:?}", after.document.body);
        }
    }

    #[test]
    fn a_token_of_an_api_key_is_none_of_a_user() {
        let token = Token::issued(&account(b"key"), None, 1_000);
        assert!(!token.is_of(&account(b"key"), Some(&user(1, &json!({})))));
    }

    #[test]
    fn a_token_reads_back_and_one_without_a_key_does_not() {
        let token = Token::issued(&account(b"key"), Some(&user(1, &json!({}))), 1_000);
        let mut written = serde_json::to_value(token).unwrap();
        assert_eq!(serde_json::from_value::<Token>(written.clone()).unwrap(), token);
        written.as_object_mut().unwrap().remove("key");
        assert!(serde_json::from_value::<Token>(written).is_err());
    }
}
