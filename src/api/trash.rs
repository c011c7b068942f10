//! Documents that were deleted, kept for a while: what is deleted by mistake is not lost.

use serde_json::json;

use super::Desk;
use crate::store::{Entity, MAX_VALUE, Note, Result, Step, Table};

/// How long a deleted document is kept, in seconds.
const KEPT: u64 = 90 * 24 * 3600;

/// How many deleted documents each new one looks at, to remove those that are too old.
const SWEPT: usize = 8;

/// The steps that keep a document that is deleted, and that remove what was kept long enough. One that is so large
/// that it does not fit here is not kept. Of an account its own document is kept, and none of those below it.
pub(super) async fn steps(desk: &Desk, entity: &Entity) -> Result<Vec<Step>> {
    let document = entity.document();
    let unix = (desk.clock)() / 1000;
    let kept = json!({"deleted": unix, "type": entity.noun().name(), "document": document});
    let value = serde_json::to_vec(&kept).ok().filter(|value| value.len() <= MAX_VALUE);
    let key = document.id.as_bytes().to_vec();
    let mut steps = old(desk, &key, unix).await?;
    steps.push(Step::Set(Note { table: Table::Trash, key, value }));
    Ok(steps)
}

/// Ids are random, so that each document is looked at sooner or later.
async fn old(desk: &Desk, after: &[u8], unix: u64) -> Result<Vec<Step>> {
    let found = desk.store.notes(Table::Trash, Some(after), SWEPT).await?;
    let is_old = |value: &[u8]| {
        let kept: Option<serde_json::Value> = serde_json::from_slice(value).ok();
        kept.and_then(|kept| kept["deleted"].as_u64()).is_none_or(|deleted| deleted + KEPT < unix)
    };
    let old = found.into_iter().filter(|(_, value)| is_old(value));
    Ok(old.map(|(key, _)| Step::Set(Note { table: Table::Trash, key, value: None })).collect())
}
