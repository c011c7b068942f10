//! Whether and how a phone's files are encrypted.

use serde::{Serialize, Serializer};

use super::layers::Layers;
use crate::catalog::{Encryption, Entry, KeyError};
use crate::document::{Body, at};

/// How the files that hold credentials are encrypted. All empty where the phone reads plain files only.
#[derive(Clone, PartialEq, Default, Serialize)]
pub struct EncryptionSettings {
    /// Whether they are. A phone that does not know the key yet cannot read them.
    pub enabled: bool,
    /// How, where it is known.
    #[serde(serialize_with = "name")]
    pub method: Option<Encryption>,
    /// The key that the phone must know; empty where there is none.
    pub key: String,
}

/// The key is not shown.
impl std::fmt::Debug for EncryptionSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncryptionSettings {} {:?}", self.enabled, self.method)
    }
}

impl EncryptionSettings {
    /// How they are encrypted; `None` while they are not.
    pub fn in_force(&self) -> Option<Encryption> {
        self.method.filter(|_| self.enabled)
    }
}

#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn name<S: Serializer>(method: &Option<Encryption>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.map_or("", Encryption::name))
}

/// Reads `provision.encryption`. A method that the phone does not have, or that does not take its key, is taken for its
/// usual one or another, so that an account can name one that only some of its phones have.
pub(super) fn of(
    layers: &Layers<'_>,
    entry: Entry<'_>,
    warnings: &mut Vec<String>,
) -> Result<EncryptionSettings, KeyError> {
    let enabled = layers.flag("provision.encryption.enabled").unwrap_or(false);
    let known = entry.encryptions();
    let wished = layers.text("provision.encryption.method").and_then(Encryption::named);
    let key = layers.owned("provision.encryption.password");
    let usual = wished.filter(|wished| known.contains(wished)).or(known.first().copied());
    let fits = |method: &Encryption| method.check(&key).is_ok();
    let Some(method) = usual.filter(fits).or(known.iter().copied().find(fits)).or(usual) else {
        if enabled {
            let name = &entry.model.name;
            warnings
                .push(format!("its files are not encrypted: no encryption that the {name} undoes is known"));
        }
        return Ok(EncryptionSettings::default());
    };
    if enabled || !key.is_empty() {
        method.check(&key)?;
    }
    if enabled && usual != Some(method) {
        let (wished, taken) = (usual.map_or("", Encryption::name), method.name());
        warnings.push(format!("its files are encrypted by {taken}: {wished} does not take its key"));
    }
    Ok(EncryptionSettings { enabled, method: Some(method), key })
}

/// Checks a document that phones of any vendor may share, an account's or a user's, so that no phone is left without
/// files: where encryption is switched on there is a key, and the key is one that all phones take.
pub fn check_shared(body: &Body) -> Result<(), KeyError> {
    let Some(encryption) = at(body, "provision.encryption") else { return Ok(()) };
    let text = encryption.get("password").and_then(|key| key.as_str()).map_or("", str::trim);
    let key = if text == "inherit" { "" } else { text };
    if key.is_empty() && encryption.get("enabled").is_none_or(|enabled| enabled != true) {
        return Ok(());
    }
    Encryption::ALL.iter().try_for_each(|encryption| encryption.check(key))
}
