//! What a phone holds, and what it was last told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::id::Digest;

/// A file that a phone has fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFile {
    /// What it was given.
    pub digest: Digest,
    /// When it last asked, in Unix seconds.
    pub fetched: u64,
}

/// The last NOTIFY to a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What it was asked to do.
    pub ask: Ask,
    /// When, in Unix seconds.
    pub at: u64,
    /// What came of it, in plain words.
    pub outcome: String,
}

/// The note "phone M holds D of file F", for all files of one phone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Held {
    /// What it has fetched, by file name.
    pub files: BTreeMap<String, HeldFile>,
    /// What it was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

impl Held {
    /// Notes a fetch.
    pub fn fetch(&mut self, name: &str, digest: Digest, unix: u64) {
        self.files.insert(name.to_owned(), HeldFile { digest, fetched: unix });
    }

    /// True when a file that the phone has fetched would be another one now. A phone that has never fetched
    /// anything holds nothing old, and a file that it no longer would be given is nobody's concern.
    pub fn is_stale(&self, given: &BTreeMap<String, Digest>) -> bool {
        self.files.iter().any(|(name, held)| given.get(name).is_some_and(|digest| *digest != held.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: &[u8]) -> BTreeMap<String, Digest> {
        [("a.cfg".to_owned(), Digest::of(body)), ("b.cfg".to_owned(), Digest::of(b"b"))].into()
    }

    #[test]
    fn a_phone_is_stale_when_a_file_it_holds_would_be_another() {
        let mut held = Held::default();
        held.fetch("a.cfg", Digest::of(b"old"), 1);
        assert!(held.is_stale(&given(b"new")));
        held.fetch("a.cfg", Digest::of(b"new"), 2);
        assert!(!held.is_stale(&given(b"new")));
        assert_eq!(held.files["a.cfg"].fetched, 2);
    }

    #[test]
    fn a_phone_that_never_fetched_is_not_stale_nor_one_that_holds_a_file_no_longer_given() {
        assert!(!Held::default().is_stale(&given(b"new")));
        let mut held = Held::default();
        held.fetch("gone.cfg", Digest::of(b"old"), 1);
        assert!(!held.is_stale(&given(b"new")));
    }
}
