//! What a template sees: one typed value, merged from site, accounts, owner and device.
//!
//! This is the authors' contract; `templates/README.md` describes every name of it. All names are always
//! there: what is not set is an empty string, 0 or an empty list, so that a misspelt one is an error.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::account::Account;
use crate::catalog::{Entry, KeyError};
use crate::device::Device;
use crate::document::Body;
use crate::id::Id;
use crate::user::User;
use crate::zone::UnknownZone;

mod calls;
mod checks;
mod codecs;
mod encryption;
mod firmware;
mod keys;
mod layers;
pub mod layout;
mod line;
mod mask;
pub mod roster;
mod site;
mod time;
mod words;

pub use calls::{Calls, Forward};
pub use checks::check_zone;
pub use encryption::{EncryptionSettings, check_shared};
pub use firmware::url_of;
pub use keys::KeySetting;
pub use layout::Layout;
pub use line::{HostPort, Line};
pub use mask::MASK;
pub use roster::Roster;
pub use site::{Contact, Firmware, Poll, Provisioning, Tones};
pub use time::Time;

use layers::Layers;

/// What a template sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// The device itself.
    pub device: DeviceFacts,
    /// What the hardware has.
    pub phone: PhoneFacts,
    /// Whose it is.
    pub account: AccountFacts,
    /// The person it belongs to; all empty when it belongs to nobody.
    pub user: UserFacts,
    /// SIP accounts, from number 1.
    pub lines: Vec<Line>,
    /// Audio codecs, best first: `opus`, `g722`, `pcmu`, `pcma`, `g729`, `gsm`, `ilbc`, `speex`, `g7221_16`,
    /// `g7221_32`, `celt`.
    pub codecs: Vec<String>,
    /// Clock, zone and summer time, in every vendor's notation.
    pub time: Time,
    /// What becomes of calls to the phone.
    pub calls: Calls,
    /// What a call sounds like before it is answered.
    pub tones: Tones,
    /// Language of the screen.
    pub language: Language,
    /// What the `Alert-Info` header says for each kind of call.
    pub ringtones: Ringtones,
    /// The keys on the phone that can be line keys, every one of them, by number.
    pub keys: Vec<KeySetting>,
    /// The keys beside those, every one of them; empty where all keys are alike.
    pub feature_keys: Vec<KeySetting>,
    /// The keys of expansion modules, up to the last module in use.
    pub expansion_keys: Vec<KeySetting>,
    /// Where and how the phone fetches its files.
    pub provisioning: Provisioning,
    /// Passwords of the phone's own menus and web page.
    pub passwords: Passwords,
    /// The phonebook.
    pub contacts: Vec<Contact>,
    /// Where the phone's log goes.
    pub syslog: HostPort,
    /// The firmware it is to have.
    pub firmware: Firmware,
    /// How the files that hold credentials are encrypted.
    pub encryption: EncryptionSettings,
}

/// The device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceFacts {
    /// Its id.
    pub id: Id,
    /// Its name in the administrator's list.
    pub name: String,
    /// MAC address, twelve lower-case digits; empty where there is none.
    pub mac: String,
    /// MAC address, twelve upper-case digits; empty where there is none.
    pub mac_upper: String,
    /// MAC address, lower case, with colons; empty where there is none.
    pub mac_colons: String,
    /// Brand id.
    pub brand: String,
    /// Family id.
    pub family: String,
    /// Model id.
    pub model: String,
}

/// The model's hardware.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhoneFacts {
    /// The model's name as the vendor writes it.
    pub name: String,
    /// How many SIP accounts it has.
    pub lines: u16,
    /// How many keys it has that can be line keys.
    pub keys: u16,
    /// How many other keys it has.
    pub feature_keys: u16,
    /// How many expansion modules it can have.
    pub expansion_modules: u16,
    /// How many keys each of them has.
    pub expansion_keys: u16,
}

/// The account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountFacts {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its SIP realm.
    pub realm: String,
}

/// The owner.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct UserFacts {
    /// First and last name.
    pub name: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// What others watch to see whether this user is busy.
    pub presence_id: String,
}

/// A language.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Language {
    /// As the document says it (BCP 47), such as `en-US`.
    pub tag: String,
    /// Its first part in lower case, such as `en`.
    pub primary: String,
    /// Its region in upper case, such as `US`, or empty.
    pub region: String,
}

/// Texts to look for in `Alert-Info`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ringtones {
    /// Of a call from inside the account.
    pub internal: String,
    /// Of a call from outside.
    pub external: String,
}

/// The phone's own passwords; an empty one leaves the phone's as it is.
#[derive(Clone, PartialEq, Serialize)]
pub struct Passwords {
    /// Of its administrator.
    pub admin: String,
    /// Of its user.
    pub user: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

/// What the operator sets for all accounts: the lowest layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Site {
    /// Where phones reach us, with a slash at the end; empty when unknown.
    pub phones_url: String,
    /// Defaults in the form of an account document.
    pub body: Body,
}

/// The documents that make one phone's settings.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The site.
    pub site: &'a Site,
    /// The device's account, then those above it, the nearest first.
    pub accounts: &'a [Account],
    /// The device.
    pub device: &'a Device,
    /// Its owner and the users that a document names for its keys, as far as they exist.
    pub users: &'a BTreeMap<Id, User>,
    /// The users of the account, where its keys or its phonebook show all of them; else it is not looked at.
    pub everybody: &'a Roster,
    /// The devices whose SIP accounts it has beside its own, as far as they exist.
    pub others: &'a BTreeMap<Id, Device>,
    /// Its model.
    pub entry: Entry<'a>,
}

impl<'a> Parts<'a> {
    /// The user it belongs to, as far as it exists.
    pub fn owner(self) -> Option<&'a User> {
        self.device.owner().and_then(|id| self.users.get(&id))
    }
}

/// Why there are no settings for a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The model's phones ask by their MAC address, and there is none.
    #[error("the device has no MAC address")]
    NoMac,
    /// The device's account is not there.
    #[error("the device has no account")]
    NoAccount,
    /// The zone in force is none that exists.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// The key that its files are to be encrypted with is none that its phone takes.
    #[error(transparent)]
    Encryption(#[from] KeyError),
}

/// Settings, and what of the documents the phone cannot do.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembled {
    /// What its templates see.
    pub settings: Settings,
    /// False where the device or its account wants changes to wait until somebody asks for a sync
    /// (`provision.auto_sync`).
    pub auto_sync: bool,
    /// A sentence for everything that had to be left out.
    pub warnings: Vec<String>,
}

/// Merges the documents into what the phone's templates see.
pub fn assemble(parts: Parts<'_>) -> Result<Assembled, SettingsError> {
    let account = parts.accounts.first().ok_or(SettingsError::NoAccount)?;
    let owner = parts.owner();
    let layers = Layers::of(parts, owner);
    let mut warnings = Vec::new();
    let encryption = encryption::of(&layers, parts.entry, &mut warnings)?;
    let lines = line::all(parts, &layers, &mut warnings);
    let keys = keys::of(parts, &lines, &layers, &mut warnings);
    let language = language(layers.text("language").unwrap_or("en-US"));
    let settings = Settings {
        device: device_facts(parts.device, parts.entry),
        phone: phone_facts(parts.entry),
        account: account_facts(account),
        user: owner.map(user_facts).unwrap_or_default(),
        lines,
        codecs: codecs::of(&layers),
        time: time::of(&layers)?,
        calls: calls::of(&layers),
        tones: site::tones(&layers, &language),
        language,
        ringtones: Ringtones {
            internal: layers.owned("ringtones.internal"),
            external: layers.owned("ringtones.external"),
        },
        keys: keys.own,
        feature_keys: keys.feature,
        expansion_keys: keys.expansion,
        provisioning: site::provisioning(&layers, parts),
        passwords: Passwords {
            admin: layers.owned("provision.admin_password"),
            user: layers.owned("provision.user_password"),
        },
        contacts: site::contacts(&layers, parts.everybody, &mut warnings),
        syslog: site::syslog(&layers),
        firmware: site::firmware(&layers, parts),
        encryption,
    };
    Ok(Assembled { settings, auto_sync: layers.auto_sync(), warnings })
}

fn device_facts(device: &Device, entry: Entry<'_>) -> DeviceFacts {
    let mac = device.mac();
    let digits = mac.map(|mac| mac.to_string()).unwrap_or_default();
    DeviceFacts {
        id: device.id(),
        name: device.document.text("name").unwrap_or_default().to_owned(),
        mac_upper: digits.to_uppercase(),
        mac: digits,
        mac_colons: mac.map(|mac| mac.with_colons()).unwrap_or_default(),
        brand: entry.brand_id.to_owned(),
        family: entry.family_id.to_owned(),
        model: entry.model_id.to_owned(),
    }
}

fn phone_facts(entry: Entry<'_>) -> PhoneFacts {
    let model = entry.model;
    PhoneFacts {
        name: model.name.clone(),
        lines: model.lines,
        keys: model.keys,
        feature_keys: model.feature_keys,
        expansion_modules: model.expansion_modules,
        expansion_keys: model.expansion_keys,
    }
}

fn account_facts(account: &Account) -> AccountFacts {
    AccountFacts {
        id: account.id(),
        name: account.document.text("name").unwrap_or_default().to_owned(),
        realm: account.realm().unwrap_or_default(),
    }
}

fn user_facts(user: &User) -> UserFacts {
    let text = |path: &str| user.document.text(path).unwrap_or_default().to_owned();
    UserFacts {
        name: user.full_name(),
        first_name: text("first_name"),
        last_name: text("last_name"),
        presence_id: text("presence_id"),
    }
}

fn language(tag: &str) -> Language {
    let mut parts = tag.split(['-', '_']);
    let primary = parts.next().unwrap_or_default().to_lowercase();
    let is_region = |part: &&str| part.len() == 2 || part.len() == 3 && part.parse::<u16>().is_ok();
    let mut parts = parts.take_while(|part| part.len() > 1);
    let region = parts.find(is_region).unwrap_or_default().to_uppercase();
    Language { tag: tag.to_owned(), primary, region }
}

#[cfg(test)]
mod tests;
