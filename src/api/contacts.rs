//! The list of everybody in an account who does not want to be left out of it.

use serde_json::{Map, Value};

use super::envelope::{Answer, Reply};
use super::request::Call;
use super::walk;
use crate::device::Device;
use crate::document::Document;
use crate::resync::Scope;
use crate::store::Span;

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
    let free = |device: Device| match device.owner() {
        None => row(device.document.text("name")?, &device.document),
        Some(_) => None,
    };
    rows.extend(walk::gather(store, &Scope::Account(account), walk::whole(), free).await?);
    Ok(Answer::data(Value::Array(rows)))
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
