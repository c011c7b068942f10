//! What the TOML file of a brand says: its families, their models, the files they ask for and the events they obey.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::codes::KeyCodes;
use super::name::Pattern;
use super::{Bound, Encryption, Events};

/// How a file is written, which decides how values are escaped in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lines of `key = value`; a value runs to the end of its line and cannot hold a line break.
    KeyValue,
    /// Lines of `name: "value"`, as Mitel's phones read them (6800 Series SIP Administrator Guide, "Configuration
    /// File Format"): without the quotes a `#` would begin a comment.
    Colon,
    /// Lines of `NAME="value"` that end with CR LF, as Panasonic's phones read them (KX-HDV Administrator Guide,
    /// "Configuration File Specifications"), in sections as Bria has them (Bria 4 Provisioning Guide, "Data Format").
    Quoted,
    /// Lines of `SET NAME "value"`, as Avaya's phones read them (J100 Series Administrator Guide, "46xxsettings").
    Set,
    /// XML 1.0, in elements and in double-quoted attributes alike.
    Xml,
    /// JSON (RFC 8259); values stand between quotes.
    Json,
    /// Records of comma-separated values, a line each (RFC 4180); values stand between quotes.
    Csv,
    /// Cards of a phonebook, lines of `NAME:value` (vCard, RFC 6350).
    Vcard,
    /// Lines of `name=value` as `java.util.Properties` reads them, in ASCII.
    Properties,
    /// Lines of words as a command line reads them; a value with blanks stands between quotes.
    Lines,
}

/// A file that a phone asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each says another thing, in any combination")]
pub struct File {
    /// Its name, such as `{mac}.cfg` or `snom{model}-{mac}.htm`.
    pub name: Pattern,
    /// The template that answers, looked up in the model's folder, then the family's, then the brand's.
    pub template: String,
    /// How it is written.
    pub format: Format,
    /// The `Content-Type` it is served with.
    pub content_type: String,
    /// True when it holds credentials; then it is encrypted where that is wanted.
    #[serde(default)]
    pub secret: bool,
    /// True when the phone asks for it only where another of its files names it, and looks by itself for a new one: no
    /// phone is told because it is old.
    #[serde(default)]
    pub optional: bool,
    /// True where it is a list that may have nothing in it; else an empty file is a fault.
    #[serde(default)]
    pub may_be_empty: bool,
    /// True when the phone asks for it by POST: with a form by which its user logs in, or with what it says of itself.
    #[serde(default)]
    pub posted: bool,
    /// What its first line must be, where its phones ignore it otherwise.
    pub first_line: Option<String>,
}

/// Which numbers a parameter may have, or its value.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Range {
    /// The number in its name is at most this one of the model's.
    Count(Count),
    /// Its value, where it is a whole number, is one from the first to the second.
    Between([i64; 2]),
}

/// A number of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Its SIP accounts.
    Lines,
    /// Its keys that can be line keys.
    Keys,
    /// Its other keys.
    FeatureKeys,
    /// The expansion modules it can have.
    ExpansionModules,
    /// The keys of one of them.
    ExpansionKeys,
}

impl Model {
    /// One of its numbers.
    pub fn count(&self, count: Count) -> u16 {
        match count {
            Count::Lines => self.lines,
            Count::Keys => self.keys,
            Count::FeatureKeys => self.feature_keys,
            Count::ExpansionModules => self.expansion_modules,
            Count::ExpansionKeys => self.expansion_keys,
        }
    }

    /// How many combo keys it can have: its own that can be line keys, and those of all modules.
    pub fn combo_keys(&self) -> u32 {
        u32::from(self.keys) + u32::from(self.expansion_modules) * u32::from(self.expansion_keys)
    }

    /// How many lines and keys of any kind it can have.
    pub fn rows(&self) -> u64 {
        u64::from(self.combo_keys()) + u64::from(self.feature_keys) + u64::from(self.lines)
    }
}

/// A model of phone: numbers are what the hardware has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// As the vendor writes it in file names and User-Agents, such as `T46S` or `D785`.
    pub name: String,
    /// SIP accounts.
    pub lines: u16,
    /// Keys that can be line keys, on the phone itself.
    pub keys: u16,
    /// Keys beside those that can never be line keys; 0 where all keys are alike.
    #[serde(default)]
    pub feature_keys: u16,
    /// Expansion modules that can be attached.
    #[serde(default)]
    pub expansion_modules: u16,
    /// Keys of one expansion module.
    #[serde(default)]
    pub expansion_keys: u16,
}

/// Models that are provisioned alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The family's name for people.
    pub name: String,
    /// What its phones ask for, in the order they ask.
    pub files: Vec<File>,
    /// Names of what its phones send, where they are not the brand's.
    pub uploads: Option<Vec<Pattern>>,
    /// Names of what its phones send and fetch again, where they are not the brand's.
    pub overrides: Option<Vec<Pattern>>,
    /// Events, where they are not the brand's.
    pub events: Option<Events>,
    /// What parameters may say, by their names; `{n}` in a name stands for a number and `*` for anything.
    #[serde(default)]
    pub ranges: BTreeMap<String, Range>,
    /// The same, ready to be compared.
    #[serde(skip)]
    pub(super) bounds: Vec<Bound>,
    /// Codes of keys, where they are not the brand's.
    #[serde(default)]
    pub key_codes: KeyCodes,
    /// Codes of the keys that can never be line keys, where that row counts otherwise.
    #[serde(default)]
    pub feature_key_codes: KeyCodes,
    /// Codes of the keys of expansion modules, where that row counts otherwise.
    #[serde(default)]
    pub expansion_key_codes: KeyCodes,
    /// Encryptions, where they are not the brand's.
    pub encryption: Option<Vec<Encryption>>,
    /// Its models by id (lower case).
    pub models: BTreeMap<String, Model>,
}

/// A vendor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// The brand's name for people.
    pub name: String,
    /// MAC prefixes (OUI, six lower-case hexadecimal digits) of its phones.
    pub mac_prefixes: Vec<String>,
    /// What its phones' HTTP `User-Agent` contains, without regard to case.
    pub user_agents: Vec<String>,
    /// How its phones are told to read their files again, and to reboot.
    pub events: Events,
    /// Parameters that its phones read more than once in a file.
    #[serde(default)]
    pub repeated: Vec<String>,
    /// Names of what its phones send and never fetch again: logs and lists of calls.
    #[serde(default)]
    pub uploads: Vec<Pattern>,
    /// Names of what its phones send, fetch again and lay over their configuration: what was set on the phones.
    #[serde(default)]
    pub overrides: Vec<Pattern>,
    /// The vendor's codes for what keys do.
    #[serde(default)]
    pub key_codes: KeyCodes,
    /// Encryptions of files that hold credentials, the usual one first; none where its phones read plain files only.
    #[serde(default)]
    pub encryption: Vec<Encryption>,
    /// Its families by id (lower case).
    pub families: BTreeMap<String, Family>,
}
