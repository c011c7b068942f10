//! The catalog and templates in use, and what is wrong with those that should have taken their place.

use std::collections::BTreeSet;

use serde_json::json;

use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;

/// `GET /v2/templates`, for administrators of the master account. The findings are empty while what lies in the
/// pack folders is what is in use.
pub(super) async fn get(call: Call) -> Reply {
    if !call.caller()?.runs_the_site() {
        return Err(Failure::forbidden());
    }
    let set = call.desk.files.set();
    let families: BTreeSet<_> =
        set.catalog().entries().map(|entry| (entry.brand_id, entry.family_id)).collect();
    Ok(Answer::data(json!({
        "in_use": set.digests(),
        "families": families.len(),
        "models": set.catalog().entries().count(),
        "findings": *call.desk.files.refused(),
    })))
}
