//! Credentials that nobody has to think up: `"generate": ["sip.username", "sip.password"]` beside or in the data.

use serde_json::{Value, json};

use super::error::Failure;
use super::request::Call;
use crate::auth;
use crate::document::Body;
use crate::schema::Problem;

/// What can be generated.
const KNOWN: [&str; 2] = ["sip.username", "sip.password"];

/// Letters of a password, each worth five bits.
const PASSWORD: usize = 20;

/// Letters of a username after `user_`.
const USERNAME: usize = 10;

/// Puts new credentials into a device for every path that the request names.
pub(super) fn fill(call: &Call, device: &mut Body) -> Result<(), Failure> {
    let asked = device.remove("generate").or_else(|| call.intake().envelope.get("generate").cloned());
    asked.map_or(Ok(()), |asked| make(asked, call.desk.random, device))
}

/// Puts new credentials into a device for every path of a list.
pub(super) fn make(asked: Value, random: fn() -> [u8; 32], device: &mut Body) -> Result<(), Failure> {
    let asked = match asked {
        Value::Array(paths) => paths,
        one => vec![one],
    };
    for path in asked {
        match path.as_str() {
            Some("sip.username") => {
                put(device, "username", format!("user_{}", auth::readable(random(), USERNAME)));
            }
            Some("sip.password") => put(device, "password", auth::readable(random(), PASSWORD)),
            _ => return Err(unknown(path)),
        }
    }
    Ok(())
}

/// A `sip` that is no object is left for the schema to refuse.
fn put(device: &mut Body, name: &str, value: String) {
    let sip = device.entry("sip").or_insert_with(|| json!({}));
    if let Some(sip) = sip.as_object_mut() {
        sip.insert(name.to_owned(), value.into());
    }
}

fn unknown(path: Value) -> Failure {
    let problem = Problem::new("Value not found in enumerated list of values").target(json!(KNOWN));
    Failure::problem("generate", "enum", problem.value(path))
}
