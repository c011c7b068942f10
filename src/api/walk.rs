//! Walks over every device of an account or a user, a page at a time.

use super::Desk;
use crate::device::Device;
use crate::resync::Scope;
use crate::store::{Result, Span, Store};

/// How many devices are read at a time.
const PAGE: usize = 1000;

/// The devices of a scope that are registered now, with these members only.
pub(super) async fn registered(
    desk: &Desk,
    scope: &Scope,
    members: &'static [&'static str],
) -> Result<Vec<Device>> {
    let is_registered = |device: &Device| desk.registrations.contains(device.id());
    gather(&*desk.store, scope, whole().only(members), |device| Some(device).filter(is_registered)).await
}

/// What `take` makes of the devices of a scope, in the order of their ids. `span` says what is read of them, not where
/// to begin or how much.
pub(super) async fn gather<T>(
    store: &dyn Store,
    scope: &Scope,
    span: Span,
    mut take: impl FnMut(Device) -> Option<T>,
) -> Result<Vec<T>> {
    let (mut found, mut span) = (Vec::new(), Span { limit: PAGE, ..span });
    loop {
        let listed = store.devices(scope, span.clone()).await?;
        found.extend(listed.rows.into_iter().filter_map(&mut take));
        match listed.last {
            None => return Ok(found),
            last => span.after = last,
        }
    }
}

/// All of the documents.
pub(super) fn whole() -> Span {
    Span::ascending(None, PAGE)
}
