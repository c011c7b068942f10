//! The settings in force as a TOML file that explains itself.

use std::fmt::Write as _;

use serde_json::Value;

use super::{API_KEY, Effective, Origin, SETTINGS, Setting};
use crate::document::Body;

/// Writes every setting with its meaning, its default, and where its value came from. Secrets are left out, so
/// that the text can be shown to others; everything else of it can be used as a configuration file.
pub fn show(effective: &Effective) -> String {
    let mut text =
        String::from("# Settings of checksync: defaults, then TOML, then environment, then flags.\n");
    for setting in SETTINGS {
        text.push_str(&one(effective, setting));
    }
    let key = effective.config.api_key.as_ref().map_or("not set", |_| "set, and not shown");
    let _infallible = write!(
        text,
        "\n# The master account's API key, 64 hexadecimal digits, stands in {API_KEY} alone: {key}.\n"
    );
    text + &site(effective)
}

fn one(effective: &Effective, setting: &Setting) -> String {
    let value = setting.field.value(&effective.config);
    let origin = effective.origins.get(setting.name).unwrap_or(&Origin::Default);
    let flag = if setting.flag.is_empty() { String::new() } else { format!(", {}", setting.flag) };
    let Setting { name, meaning, env, .. } = setting;
    format!(
        "\n# {meaning}\n# Also {env}{flag}. Default: {}. From: {origin}.\n{name} = {value}\n",
        setting.default()
    )
}

fn site(effective: &Effective) -> String {
    let origin = effective.origins.get("site").unwrap_or(&Origin::Default);
    let mut hidden = Vec::new();
    let shown = without_secrets(&effective.config.site, "", &mut hidden);
    let mut text = format!(
        "\n# Defaults for all accounts, in the form of an account document, such as timezone = \"Europe/Vienna\".\n\
         # Default: nothing. From: {origin}.\n"
    );
    for path in hidden {
        let _infallible = writeln!(text, "# {path} is set, and not shown.");
    }
    let table = Body::from_iter([("site".to_owned(), Value::Object(shown))]);
    text + &toml::to_string(&table).unwrap_or_default()
}

fn without_secrets(body: &Body, above: &str, hidden: &mut Vec<String>) -> Body {
    let mut shown = Body::new();
    for (key, value) in body {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            _ if is_secret(key) => hidden.push(path),
            Value::Object(inner) => {
                shown.insert(key.clone(), without_secrets(inner, &path, hidden).into());
            }
            other => {
                shown.insert(key.clone(), other.clone());
            }
        }
    }
    shown
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "passwd", "secret", "token", "api_key", "pin"].iter().any(|word| key.ends_with(word))
}
