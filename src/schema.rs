//! Document schemas: what accounts, users and devices must look like, and what is filled in where they are
//! silent.
//!
//! A document is accepted as Kazoo accepts it: strings become booleans and numbers where the schema wants
//! those, defaults are filled in at every depth, unknown members stay as they came, flags are trimmed, and everything that is
//! wrong is said at once, under the path of the member it concerns.

#[cfg(test)]
mod arbitrary;
mod complete;
mod formats;
mod invalid;
mod merge;
mod published;
mod report;
mod spelling;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_others;
#[cfg(test)]
mod tests_of_settings;
mod untouched;

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
    pub fn accept(&self, document: Map<String, Value>) -> Result<Map<String, Value>, Invalid> {
        self.accept_change(document, &Map::new())
    }

    /// The same for a document that takes the place of `before`: settings below `provision` that are as they were there
    /// are taken as they are.
    ///
    /// # Errors
    /// Everything else that is wrong with the document at once (at most about a thousand members).
    pub fn accept_change(
        &self,
        mut document: Map<String, Value>,
        before: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Invalid> {
        document.retain(|key, _| !is_private(key));
        self.completion.complete(&mut document);
        if self.json().pointer("/properties/outbound_flags").is_some() {
            spelling::trim_flags(&mut document);
        }
        let document = Value::Object(document);
        let mut invalid = report::problems(self.json(), &self.validator, &document);
        let Value::Object(document) = document else { return Err(invalid) };
        invalid.retain(|path| !untouched::is_as_before(path, before, &document));
        if invalid.is_empty() { Ok(document) } else { Err(invalid) }
    }

    /// The schema itself (JSON Schema, draft 2020-12), complete with every definition it refers to.
    pub fn json(&self) -> &Value {
        self.completion.root()
    }

    fn compile(text: &str) -> Self {
        let json = with_definitions(text);
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let options =
            formats::ALL.iter().fold(options, |options, (name, is)| options.with_format(*name, *is));
        let validator = options.build(&json).expect("the embedded schemas are valid: a test compiles each");
        Self { completion: Completion::of(json), validator }
    }
}

const DEVICES: &str = include_str!("../data/schemas/devices.json");
const USERS: &str = include_str!("../data/schemas/users.json");
const ACCOUNTS: &str = include_str!("../data/schemas/accounts.json");
const ACCESS_LISTS: &str = include_str!("../data/schemas/access_lists.json");
const RATE_LIMITS: &str = include_str!("../data/schemas/rate_limits.json");
const DEVICES_NOTIFY: &str = include_str!("../data/schemas/devices_notify.json");

/// Settings that devices alone have.
const OWN: [&str; 8] = [
    "lines",
    "id",
    "endpoint_brand",
    "endpoint_family",
    "endpoint_model",
    "check_sync_event",
    "check_sync_reboot",
    "check_sync_reload",
];

/// The definitions stand in the schema of devices, which uses them all; the others borrow them, and users and accounts
/// the settings that devices inherit.
fn with_definitions(text: &str) -> Value {
    let mut json = parse(text);
    if json.get("$defs").is_none() {
        let mut devices = parse(DEVICES);
        json["$defs"] = devices["$defs"].take();
        let settings = devices["properties"]["provision"]["properties"].take();
        inherit(&mut json, settings);
    }
    json
}

fn inherit(json: &mut Value, settings: Value) {
    let own = json.pointer_mut("/properties/provision/properties").and_then(Value::as_object_mut);
    let (Some(own), Value::Object(settings)) = (own, settings) else { return };
    for (name, setting) in settings.into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        own.entry(name).or_insert(setting);
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("the embedded schemas are JSON: a test reads each")
}

fn is_private(key: &str) -> bool {
    key.starts_with('_') || key.starts_with("pvt_")
}
