//! Document schemas: what accounts, users and devices must look like, and what is filled in where they are
//! silent.
//!
//! A document is accepted as Kazoo accepts it: strings become booleans and numbers where the schema wants
//! those, defaults are filled in at every depth, unknown members stay as they came, flags are trimmed, and everything that is
//! wrong is said at once, under the path of the member it concerns.

#[cfg(test)]
mod arbitrary;
mod complete;
mod invalid;
mod merge;
mod published;
mod report;
mod spelling;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_others;

use std::net::IpAddr;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Map, Value};

use complete::Completion;
pub use complete::{allows, resolve};
pub use invalid::{Invalid, Problem};
pub use merge::{merge, prune_null_keys};
pub use published::{names, published};

/// The kinds of document that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// A phone, or anything else that can ring: `data/schemas/devices.json`.
    Device,
    /// A person, who may own devices: `data/schemas/users.json`.
    User,
    /// What owns users and devices: `data/schemas/accounts.json`.
    Account,
    /// From where a device may register: `data/schemas/access_lists.json`.
    AccessLists,
    /// How much a device may send: `data/schemas/rate_limits.json`.
    RateLimits,
    /// What a NOTIFY to a device's phone shall say: `data/schemas/devices_notify.json`.
    DeviceNotify,
}

/// The schema of one kind of document, compiled once for the life of the process.
#[derive(Debug)]
pub struct Schema {
    completion: Completion,
    validator: Validator,
}

impl Schema {
    /// The schema that documents of this kind are held to.
    pub fn of(noun: Noun) -> &'static Self {
        static DEVICE: LazyLock<Schema> = LazyLock::new(|| Schema::compile(DEVICES));
        static USER: LazyLock<Schema> = LazyLock::new(|| Schema::compile(USERS));
        static ACCOUNT: LazyLock<Schema> = LazyLock::new(|| Schema::compile(ACCOUNTS));
        static ACCESS: LazyLock<Schema> = LazyLock::new(|| Schema::compile(ACCESS_LISTS));
        static LIMITS: LazyLock<Schema> = LazyLock::new(|| Schema::compile(RATE_LIMITS));
        static NOTIFY: LazyLock<Schema> = LazyLock::new(|| Schema::compile(DEVICES_NOTIFY));
        match noun {
            Noun::Device => &DEVICE,
            Noun::User => &USER,
            Noun::Account => &ACCOUNT,
            Noun::AccessLists => &ACCESS,
            Noun::RateLimits => &LIMITS,
            Noun::DeviceNotify => &NOTIFY,
        }
    }

    /// Drops private members (top-level names that begin with `_` or `pvt_`), coerces, fills in defaults, trims
    /// flags and validates, in this order. An accepted document is accepted again unchanged. Null is an error for every
    /// member with a type, except for a key of the phone; see [`prune_null_keys`].
    ///
    /// # Errors
    /// Everything that is wrong with the document at once (at most about a thousand members).
    pub fn accept(&self, mut document: Map<String, Value>) -> Result<Map<String, Value>, Invalid> {
        document.retain(|key, _| !is_private(key));
        self.completion.complete(&mut document);
        if self.json().pointer("/properties/outbound_flags").is_some() {
            spelling::trim_flags(&mut document);
        }
        let document = Value::Object(document);
        let invalid = report::problems(self.json(), &self.validator, &document);
        match document {
            Value::Object(document) if invalid.is_empty() => Ok(document),
            _ => Err(invalid),
        }
    }

    /// The schema itself (JSON Schema, draft 2020-12), complete with every definition it refers to.
    pub fn json(&self) -> &Value {
        self.completion.root()
    }

    fn compile(text: &str) -> Self {
        let json = with_definitions(text);
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_format("cidr", is_cidr)
            .build(&json)
            .expect("the embedded schemas are valid: a test compiles each");
        Self { completion: Completion::of(json), validator }
    }
}

/// An IPv4 or IPv6 network in prefix notation.
fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.len() <= 3
        && bits.bytes().all(|b| b.is_ascii_digit())
        && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

const DEVICES: &str = include_str!("../data/schemas/devices.json");
const USERS: &str = include_str!("../data/schemas/users.json");
const ACCOUNTS: &str = include_str!("../data/schemas/accounts.json");
const ACCESS_LISTS: &str = include_str!("../data/schemas/access_lists.json");
const RATE_LIMITS: &str = include_str!("../data/schemas/rate_limits.json");
const DEVICES_NOTIFY: &str = include_str!("../data/schemas/devices_notify.json");

/// The definitions stand in the schema of devices, which uses them all; the others borrow them.
fn with_definitions(text: &str) -> Value {
    let mut json = parse(text);
    if json.get("$defs").is_none() {
        json["$defs"] = parse(DEVICES)["$defs"].take();
    }
    json
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("the embedded schemas are JSON: a test reads each")
}

fn is_private(key: &str) -> bool {
    key.starts_with('_') || key.starts_with("pvt_")
}
