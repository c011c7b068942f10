//! A user: the person who owns devices.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::{Digest, Id};

/// A user of an account.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The user's document.
    pub document: Document,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User {} {}", self.document.id, self.document.revision)
    }
}

impl User {
    /// The user's id.
    pub fn id(&self) -> Id {
        self.document.id
    }

    /// False when the user, and with it every device it owns, is switched off.
    pub fn enabled(&self) -> bool {
        self.document.flag("enabled").unwrap_or(true)
    }

    /// First and last name, as labels show them.
    pub fn full_name(&self) -> String {
        let names = ["first_name", "last_name"].map(|key| self.document.text(key).unwrap_or_default().trim());
        names.join(" ").trim().to_owned()
    }

    /// The name to log in with, as written. Users are found by it without regard to case.
    pub fn login(&self) -> Option<&str> {
        self.document.text("username")
    }

    /// What recognises the credentials that this user logs in with: the digests in `pvt_md5_auth` and
    /// `pvt_sha1_auth`.
    pub fn credentials(&self) -> BTreeSet<Digest> {
        let texts = ["pvt_md5_auth", "pvt_sha1_auth"].into_iter().filter_map(|key| self.document.text(key));
        texts.filter_map(|text| text.parse().ok()).collect()
    }

    /// What other phones watch to see whether this user is busy.
    pub fn presence_id(&self) -> Option<&str> {
        self.document.text("presence_id")
    }
}
