//! The TOML file: one key a setting, and the tables `[site]` and `[kazoo]`.

use std::path::Path;

use serde_json::Value;
use toml::de::DeTable;

use super::settings::{nearest, setting};
use super::{ConfigError, Effective, Origin, SETTINGS, wrong};
use crate::document::{Body, at};
use crate::resync::Hours;
use crate::schema::{Invalid, Noun, Problem, Schema};
use crate::settings::layout::lays_out;
use crate::settings::{check_shared, check_zone};

/// Lays a TOML text over what is set. The first thing that is wrong is the error.
pub(super) fn lay(effective: &mut Effective, path: &Path, text: &str) -> Result<(), ConfigError> {
    let at = |offset: usize| Origin::File(path.to_owned(), line(text, offset));
    let syntax = |error: &toml::de::Error| ConfigError::Syntax {
        origin: at(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    };
    let places = DeTable::parse(text).map_err(|error| syntax(&error))?;
    let values: toml::Table = toml::from_str(text).map_err(|error| syntax(&error))?;
    let mut names: Vec<_> = places.get_ref().keys().collect();
    names.sort_by_key(|name| name.span().start);
    for name in names {
        let origin = at(name.span().start);
        if let Some(value) = values.get(name.get_ref().as_ref()) {
            lay_one(effective, name.get_ref(), value, origin)?;
        }
    }
    Ok(())
}

fn lay_one(
    effective: &mut Effective,
    name: &str,
    value: &toml::Value,
    origin: Origin,
) -> Result<(), ConfigError> {
    if name == "site" {
        effective.config.site = site(value, &origin)?;
        effective.origins.insert("site", origin);
        return Ok(());
    }
    if let (None, toml::Value::Table(members)) = (setting(name), value)
        && begins_settings(name)
    {
        let mut members = members.iter();
        return members.try_for_each(|(member, value)| {
            lay_one(effective, &format!("{name}_{member}"), value, origin.clone())
        });
    }
    let Some(setting) = setting(name) else {
        return Err(ConfigError::Unknown { origin, name: name.to_owned(), nearest: nearest(name) });
    };
    if !setting.field.takes(value) {
        return Err(wrong(setting, &value.to_string(), origin));
    }
    effective.set(setting, &texts(value), origin)
}

/// True for a table whose members are settings: `[kazoo]` with `from` is `kazoo_from`.
fn begins_settings(table: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name.strip_prefix(table).is_some_and(|rest| rest.starts_with('_')))
}

fn texts(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Array(items) => items.iter().flat_map(texts).collect(),
        toml::Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// Reads `[site]` as an account document that lacks a name. What the schema would fill in stays out, so that the
/// site sets nothing that nobody wrote.
fn site(value: &toml::Value, origin: &Origin) -> Result<Body, ConfigError> {
    let Value::Object(mut site) = json(value) else {
        let (name, expected) = ("site", "a table: [site]".to_owned());
        return Err(ConfigError::Wrong { origin: origin.clone(), name, value: value.to_string(), expected });
    };
    let written: Vec<String> = site.keys().cloned().collect();
    site.entry("name").or_insert_with(|| "site".into());
    let accepted = Schema::of(Noun::Account).accept(site);
    let refused = |problems| ConfigError::Site { origin: origin.clone(), problems };
    let mut site = accepted.map_err(refused)?;
    check_site_zone(&site).map_err(refused)?;
    check_hours(&site).map_err(refused)?;
    check_key(&site).map_err(refused)?;
    check_layouts(&site).map_err(refused)?;
    site.retain(|key, _| written.contains(key));
    Ok(site)
}

/// What the schema cannot say of a time zone: that it exists.
fn check_site_zone(site: &Body) -> Result<(), Invalid> {
    let Err(error) = check_zone(site) else { return Ok(()) };
    let mut invalid = Invalid::default();
    invalid.add("timezone", "invalid", Problem::new(error.to_string()));
    Err(invalid)
}

/// What the schema cannot say of hours: that they are some.
fn check_hours(site: &Body) -> Result<(), Invalid> {
    let Some(hours) = at(site, "provision.reboot_window") else { return Ok(()) };
    let Err(error) = Hours::read(hours) else { return Ok(()) };
    let mut invalid = Invalid::default();
    let problem = Problem::new(error.to_string()).value(hours.clone());
    invalid.add("provision.reboot_window", "invalid", problem);
    Err(invalid)
}

/// What the schema cannot say of a key: that every phone takes it.
fn check_key(site: &Body) -> Result<(), Invalid> {
    let Err(error) = check_shared(site) else { return Ok(()) };
    let mut invalid = Invalid::default();
    invalid.add("provision.encryption.password", "invalid", Problem::new(error.to_string()));
    Err(invalid)
}

/// Layouts of keys, and phonebooks of all users, follow users: that is known of accounts only.
fn check_layouts(site: &Body) -> Result<(), Invalid> {
    if !lays_out(site) {
        return Ok(());
    }
    let mut invalid = Invalid::default();
    let told = "key layouts (profiles, combo_keys, feature_keys, fill) and contacts = \"users\" cannot be set for the site: set \
                them in the master account";
    invalid.add("provision", "invalid", Problem::new(told.to_owned()));
    Err(invalid)
}

fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
