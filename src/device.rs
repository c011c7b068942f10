//! A phone: the Kazoo device document, read once into the fields that others need.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::id::Id;

pub mod keys;
pub mod lines;
pub mod mac;

pub use keys::{Key, KeyKind};
pub use lines::Further;
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
    /// The members, by their dotted paths, that a list says of a device, and that say who may see it. The store keeps
    /// them a second time beside the device's owner, so there is nothing secret among them.
    pub const SUMMARY: &'static [&'static str] = &[
        "name",
        "owner_id",
        "enabled",
        "call_recording",
        "mobile",
        "flags",
        "sip.username",
        "mac_address",
        "device_type",
        "hotdesk.users",
    ];

    /// The device's id.
    pub fn id(&self) -> Id {
        self.document.id
    }

    /// The account it belongs to.
    pub fn account(&self) -> Id {
        self.document.account
    }

    /// What its name comes down to where names are compared: the same in lower case.
    pub fn plain_name(&self) -> Option<String> {
        self.document.text("name").map(str::to_lowercase)
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
        keys::keys_in(&self.document.body, "provision.combo_keys")
    }

    /// Its other keys, by position.
    pub fn feature_keys(&self) -> Vec<Key> {
        keys::keys_in(&self.document.body, "provision.feature_keys")
    }

    /// Its SIP accounts beside its own, in order.
    pub fn further_lines(&self) -> Vec<Further<'_>> {
        lines::further(&self.document)
    }

    /// The devices whose SIP accounts it has beside its own.
    pub fn line_devices(&self) -> BTreeSet<Id> {
        let named = |line| if let Further::Device(id) = line { Some(id) } else { None };
        self.further_lines().into_iter().filter_map(named).collect()
    }

    /// The users whose documents shape what this phone is given: its owner, and those its keys show.
    pub fn users(&self) -> BTreeSet<Id> {
        let keys = self.combo_keys().into_iter().chain(self.feature_keys());
        keys.filter_map(|key| key.user()).chain(self.owner()).collect()
    }

    /// The users that are signed in to it for a while: the names in `hotdesk.users`.
    pub fn hotdesked(&self) -> BTreeSet<Id> {
        let users = self.document.at("hotdesk.users").and_then(serde_json::Value::as_object);
        users.into_iter().flat_map(|users| users.keys()).filter_map(|id| id.parse().ok()).collect()
    }

    /// The address it is recognised by, when that stands in for a password (`sip.method` is `ip`). An IPv4
    /// address written as IPv6 is the IPv4 address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.document.text("sip.method").filter(|method| *method == "ip")?;
        let ip: IpAddr = self.document.text("sip.ip")?.trim().parse().ok()?;
        Some(ip.to_canonical())
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn device(body: &Value) -> Device {
        let id = Id::from_bytes([7; 16]);
        Device { document: Document::new(id, id, body.as_object().unwrap().clone(), 1) }
    }

    #[test]
    fn an_address_counts_only_where_it_stands_in_for_a_password() {
        let ip = |method: &str, ip: &str| device(&json!({"sip": {"method": method, "ip": ip}})).ip();
        assert_eq!(ip("password", "192.0.2.7"), None);
        assert_eq!(ip("ip", "::ffff:192.0.2.7"), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(ip("ip", "2001:DB8:0:0::7"), Some("2001:db8::7".parse().unwrap()));
        assert_eq!(ip("ip", "192.0.2"), None);
    }

    #[test]
    fn a_user_who_is_hotdesked_shapes_nothing() {
        let user = Id::from_bytes([1; 16]);
        let device = device(&json!({"hotdesk": {"users": {user.to_string(): {}, "nobody": {}}}}));
        assert_eq!(device.hotdesked(), [user].into());
        assert!(device.users().is_empty());
    }
}
