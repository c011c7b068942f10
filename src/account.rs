//! An account: who owns devices and users, and the realm its lines register in.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{Digest, Id};

/// An account and its place in the tree of accounts.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The account's document.
    pub document: Document,
    /// Its ancestors, the master account first; empty for the master account itself.
    pub tree: Vec<Id>,
    /// The digest of its API key: enough to recognise the key, useless to whoever reads the database.
    pub api_key: Digest,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account {} {}", self.document.id, self.document.revision)
    }
}

impl Account {
    /// The account's name.
    pub fn id(&self) -> Id {
        self.document.id
    }

    /// The SIP realm of its lines, in lower case.
    pub fn realm(&self) -> Option<String> {
        self.document.text("realm").map(str::to_lowercase)
    }

    /// What its name comes down to where names are compared: its letters and digits, in lower case. `None` for a
    /// name without any.
    pub fn plain_name(&self) -> Option<String> {
        self.document.text("name").map(plain).filter(|name| !name.is_empty())
    }

    /// The digits of the numbers it is known by: its caller ids, and its phone number.
    pub fn numbers(&self) -> BTreeSet<String> {
        const PATHS: [&str; 4] = [
            "caller_id.internal.number",
            "caller_id.external.number",
            "caller_id.emergency.number",
            "phone_number",
        ];
        let texts = PATHS.into_iter().filter_map(|path| self.document.text(path));
        texts.map(digits).filter(|number| !number.is_empty()).collect()
    }

    /// False when an administrator has switched the whole account off.
    pub fn enabled(&self) -> bool {
        self.document.flag("enabled").unwrap_or(true)
    }

    /// The account directly above; `None` for the master account.
    pub fn parent(&self) -> Option<Id> {
        self.tree.last().copied()
    }

    /// True when `other` is this account or one above it.
    pub fn is_within(&self, other: Id) -> bool {
        self.id() == other || self.tree.contains(&other)
    }
}

/// A name as names are compared: its letters and digits, in lower case.
pub fn plain(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// A phone number as numbers are compared: its digits.
pub fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn account(body: &Value) -> Account {
        let id = Id::from_bytes([7; 16]);
        let document = Document::new(id, id, body.as_object().unwrap().clone(), 1);
        Account { document, tree: Vec::new(), api_key: Digest::of(b"key") }
    }

    #[test]
    fn names_are_compared_by_their_letters_and_digits() {
        let plain = |name: &str| account(&json!({ "name": name })).plain_name();
        assert_eq!(plain("Zoë's Café, No. 7").as_deref(), Some("zoëscaféno7"));
        assert_eq!(plain(" -!- "), None);
    }

    #[test]
    fn numbers_are_compared_by_their_digits() {
        let body = json!({
            "caller_id": {"internal": {"number": "100"}, "external": {"number": "+1 (415) 555-0100"}},
            "phone_number": "ext.",
        });
        assert_eq!(account(&body).numbers(), ["100", "14155550100"].map(str::to_owned).into());
    }
}
