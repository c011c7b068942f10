//! An account: who owns devices and users, and the realm its lines register in.

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
