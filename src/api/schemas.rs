//! Schemas: what documents must look like, for clients that check before they send. No token is asked for.

use serde_json::json;

use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::schema;

/// `GET /v2/schemas`: the names of all.
pub(super) async fn list(_: Call) -> Reply {
    Ok(Answer::data(json!(schema::names())))
}

/// `GET /v2/schemas/{name}`
pub(super) async fn get(call: Call) -> Reply {
    let name = call.named("schema");
    schema::published(name).map(Answer::data).ok_or_else(|| Failure::unknown(name))
}
