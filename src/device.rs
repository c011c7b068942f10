//! A phone: the Kazoo device document, read once into the fields that others need.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::Id;

pub mod keys;
pub mod mac;

pub use keys::{Key, KeyKind};
pub use mac::Mac;

/// A device of an account.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// The device's document.
    pub document: Document,
}

/// Brand, family and model as the document names them, in lower case; any of them may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Make {
    /// `provision.endpoint_brand`, such as `yealink`.
    pub brand: String,
    /// `provision.endpoint_family`, such as `t4x`.
    pub family: String,
    /// `provision.endpoint_model`, such as `t46s`.
    pub model: String,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device {} {}", self.document.id, self.document.revision)
    }
}

impl Device {
    /// The device's id.
    pub fn id(&self) -> Id {
        self.document.id
    }

    /// The account it belongs to.
    pub fn account(&self) -> Id {
        self.document.account
    }

    /// Its MAC address, in whatever notation the document writes it.
    pub fn mac(&self) -> Option<Mac> {
        self.document.text("mac_address")?.parse().ok()
    }

    /// False when an administrator has switched it off.
    pub fn enabled(&self) -> bool {
        self.document.flag("enabled").unwrap_or(true)
    }

    /// The user that owns it.
    pub fn owner(&self) -> Option<Id> {
        self.document.text("owner_id")?.parse().ok()
    }

    /// Its SIP username, as written. Lines are found by it without regard to case.
    pub fn username(&self) -> Option<&str> {
        self.document.text("sip.username")
    }

    /// Its SIP password.
    pub fn password(&self) -> Option<&str> {
        self.document.text("sip.password")
    }

    /// A realm of its own instead of the account's, in lower case.
    pub fn realm(&self) -> Option<String> {
        self.document.text("sip.realm").map(str::to_lowercase)
    }

    /// Its keys that can also be line keys, by position.
    pub fn combo_keys(&self) -> Vec<Key> {
        keys::keys_at(&self.document, "provision.combo_keys")
    }

    /// Its other keys, by position.
    pub fn feature_keys(&self) -> Vec<Key> {
        keys::keys_at(&self.document, "provision.feature_keys")
    }

    /// The users whose documents shape what this phone is given: its owner, and those its keys show.
    pub fn users(&self) -> BTreeSet<Id> {
        let keys = self.combo_keys().into_iter().chain(self.feature_keys());
        keys.filter_map(|key| key.user()).chain(self.owner()).collect()
    }

    /// Which phone it is.
    pub fn make(&self) -> Make {
        let part = |key: &str| match self.document.at(key) {
            Some(serde_json::Value::String(text)) => text.trim().to_lowercase(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        Make {
            brand: part("provision.endpoint_brand"),
            family: part("provision.endpoint_family"),
            model: part("provision.endpoint_model"),
        }
    }
}
