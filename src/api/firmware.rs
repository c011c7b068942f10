//! Static files: firmware, ringtones, logos and languages.

use serde_json::{Map, Value, json};

use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::catalog::Catalog;
use crate::settings;
use crate::statics::{Listed, Name};

/// `GET /v2/files`, for administrators of the master account: all static files, with what phones ask for them at.
pub(super) async fn list(call: Call) -> Reply {
    if !call.caller()?.runs_the_site() {
        return Err(Failure::forbidden());
    }
    let (set, base) = (call.desk.files.set(), call.desk.files.phones_url());
    let files = call.desk.statics.list().await;
    let rows = files.iter().map(|file| Value::Object(row(file, set.catalog(), base)));
    Ok(Answer::data(Value::Array(rows.collect())))
}

fn row(file: &Listed, catalog: &Catalog, base: &str) -> Map<String, Value> {
    let whole = json!({
        "name": file.name,
        "url": settings::url_of(base, file.name.as_str()),
        "bytes": file.bytes,
        "sha256": file.sha256,
        "modified": file.modified,
    });
    let mut row = whole.as_object().cloned().unwrap_or_default();
    row.extend(owner(&file.name, catalog));
    row
}

/// For whom a file is, as the folders say in which it lies.
fn owner(name: &Name, catalog: &Catalog) -> Vec<(String, Value)> {
    let folders: Vec<&str> = name.parts().take(name.parts().count() - 1).take(2).collect();
    let member = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    match folders[..] {
        ["accounts", account] => vec![member("account_id", account)],
        [brand, family] if catalog.has(brand, Some(family)) => {
            vec![member("brand", brand), member("family", family)]
        }
        [brand, ..] if catalog.has(brand, None) => vec![member("brand", brand)],
        _ => Vec::new(),
    }
}
