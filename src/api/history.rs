//! What happened to a device.

use serde_json::Value;

use super::change::find;
use super::envelope::{Answer, Reply};
use super::request::Call;
use crate::store::{Noun, history};

/// `GET …/devices/{D}/history`: what became of the last hundred calls, the newest first. Times are Unix seconds.
pub(super) async fn list(call: Call) -> Reply {
    let found = find(&call, Noun::Device).await?;
    let entries = history::entries(&*call.desk.store, found.entity.document().id).await?;
    Ok(Answer::data(Value::Array(entries)))
}
