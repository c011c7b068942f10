//! What a phone holds, and what it was last told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::id::Digest;
use crate::sip::Outcome;

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
    /// The kind of that; missing in what an older version wrote down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// The code of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// When the phone has first come for a file since, in Unix seconds: only that says that it has followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_back: Option<u64>,
}

/// The kinds of what can come of a NOTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The phone has heard.
    Answered,
    /// It was challenged and refused, or refused outright.
    Refused,
    /// The phone does not know the event or the request (405, 481, 489, 501); some obey all the same.
    NotSupported,
    /// Nobody has answered, or a proxy says so.
    Unreachable,
    /// A server has too much to do.
    Busy,
    /// Any other answer.
    Failed,
    /// Nobody knows where the phone is.
    NotRegistered,
}

impl Class {
    /// The kind of an outcome, and the code of the answer; `None` is that nobody knows where the phone is.
    pub fn of(outcome: Option<Outcome>) -> (Self, Option<u16>) {
        match outcome {
            None => (Self::NotRegistered, None),
            Some(Outcome::Answered(code)) => (Self::Answered, Some(code)),
            Some(Outcome::Refused(code)) => (Self::Refused, Some(code)),
            Some(Outcome::NotSupported(code)) => (Self::NotSupported, Some(code)),
            Some(Outcome::Unreachable(code)) => (Self::Unreachable, code),
            Some(Outcome::Busy { code, .. }) => (Self::Busy, Some(code)),
            Some(Outcome::Failed(code)) => (Self::Failed, Some(code)),
        }
    }
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
        if let Some(told) = self.told.as_mut().filter(|told| told.at <= unix) {
            told.came_back.get_or_insert(unix);
        }
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
    fn the_first_fetch_since_a_phone_was_told_says_that_it_has_followed() {
        let (class, code) = Class::of(Some(Outcome::Answered(200)));
        let told = Told {
            ask: Ask::Reread,
            at: 5,
            outcome: String::new(),
            class: Some(class),
            code,
            came_back: None,
        };
        let mut held = Held { told: Some(told), ..Held::default() };
        for unix in [4, 6, 7] {
            held.fetch("a.cfg", Digest::of(b"a"), unix);
            assert_eq!(held.told.as_ref().unwrap().came_back, (unix > 4).then_some(6));
        }
    }

    #[test]
    fn every_outcome_has_its_class_and_what_an_older_version_wrote_can_be_read() {
        assert_eq!(Class::of(None), (Class::NotRegistered, None));
        assert_eq!(Class::of(Some(Outcome::NotSupported(489))), (Class::NotSupported, Some(489)));
        assert_eq!(Class::of(Some(Outcome::Unreachable(None))), (Class::Unreachable, None));
        let older = r#"{"ask": "reboot", "at": 7, "outcome": "the phone answered 200"}"#;
        assert_eq!(serde_json::from_str::<Told>(older).unwrap().class, None);
    }

    #[test]
    fn a_phone_that_never_fetched_is_not_stale_nor_one_that_holds_a_file_no_longer_given() {
        assert!(!Held::default().is_stale(&given(b"new")));
        let mut held = Held::default();
        held.fetch("gone.cfg", Digest::of(b"old"), 1);
        assert!(!held.is_stale(&given(b"new")));
    }
}
