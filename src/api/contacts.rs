//! The list of everybody in an account who does not want to be left out of it.

use serde_json::{Map, Value};

use super::envelope::{Answer, Reply};
use super::request::Call;
use crate::document::Document;
use crate::resync::Scope;
use crate::store::{Result, Span, Store};

/// `GET …/contact_list`: users, and devices that belong to nobody.
pub(super) async fn list(call: Call) -> Reply {
    let account = call.account().await?.id();
    let store = &*call.desk.store;
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let users = store.users(account, Span::ascending(after, 1000)).await?;
        rows.extend(users.rows.iter().filter_map(|user| row(&user.full_name(), &user.document)));
        after = users.last;
        if after.is_none() {
            break;
        }
    }
    add_devices(store, &Scope::Account(account), &mut rows).await?;
    Ok(Answer::data(Value::Array(rows)))
}

async fn add_devices(store: &dyn Store, scope: &Scope, rows: &mut Vec<Value>) -> Result<()> {
    let mut after = None;
    loop {
        let devices = store.devices(scope, Span::ascending(after, 1000)).await?;
        let free = devices.rows.iter().filter(|device| device.owner().is_none());
        rows.extend(free.filter_map(|device| row(device.document.text("name")?, &device.document)));
        after = devices.last;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Nothing for those who are excluded, or have no number.
fn row(name: &str, document: &Document) -> Option<Value> {
    if document.flag("contact_list.exclude") == Some(true) || document.flag("enabled") == Some(false) {
        return None;
    }
    let number = |path| document.text(path).map(str::to_owned);
    let external = number("caller_id.external.number");
    let internal = number("caller_id.internal.number").or_else(|| number("presence_id"));
    if external.is_none() && internal.is_none() {
        return None;
    }
    let mut row = Map::from_iter([("name".to_owned(), name.into())]);
    row.extend(external.map(|number| ("external_number".to_owned(), number.into())));
    row.extend(internal.map(|number| ("internal_number".to_owned(), number.into())));
    Some(Value::Object(row))
}
