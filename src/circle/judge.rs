//! Takes marks off the store and finds out which phones they really concern.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{debug, warn};

use super::{Event, Stale, given, held, must_be_told, origins};
use crate::device::Device;
use crate::files::Files;
use crate::id::Id;
use crate::resync::{Origin, Scope};
use crate::store::{Span, Store, StoreError};

/// How many devices are read at a time.
const PAGE: usize = 256;

/// Judges marks whenever there are some, until the circle has stopped. Large scopes are judged a page at a
/// time, so that nothing else waits for them; a restart judges the whole mark again, which does no harm.
pub(super) async fn run(
    store: Arc<dyn Store>,
    files: Arc<Files>,
    marks: Arc<Notify>,
    events: mpsc::WeakUnboundedSender<Event>,
) {
    loop {
        marks.notified().await;
        let judge = Judge { store: &*store, files: &files, events: &events };
        while let Err(error) = judge.all().await {
            warn!(%error, "marks are judged again in a second");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

struct Judge<'a> {
    store: &'a dyn Store,
    files: &'a Files,
    events: &'a mpsc::WeakUnboundedSender<Event>,
}

impl Judge<'_> {
    async fn all(&self) -> Result<(), StoreError> {
        loop {
            let mut marks = self.store.marks(PAGE).await?;
            // A mark may be read a moment before its change is published, when remembered files still look
            // right. Whoever made it says so once it is.
            let published = self.store.changes().latest();
            marks.retain(|(sequence, _)| *sequence <= published);
            if marks.is_empty() {
                return Ok(());
            }
            let origins = origins::of(&marks);
            let (judged, mut scopes): (Vec<_>, Vec<Scope>) = marks.into_iter().unzip();
            scopes.sort_by_key(|scope| !matches!(scope, Scope::Device(_)));
            let mut seen = HashSet::new();
            scopes.retain(|scope| seen.insert(scope.clone()));
            for scope in &scopes {
                self.scope(scope, origins.get(scope)).await?;
            }
            let (done, unmarked) = oneshot::channel();
            self.send(Event::Judged(judged, done));
            unmarked.await.map_err(|_| StoreError::Io("the marks were not taken off".to_owned()))?;
        }
    }

    async fn scope(&self, scope: &Scope, origin: Option<&Arc<Origin>>) -> Result<(), StoreError> {
        self.devices(scope, origin).await?;
        let Scope::Account(account) = scope else { return Ok(()) };
        let mut after = None;
        loop {
            let below = self.store.accounts(Some(*account), Span::ascending(after, PAGE)).await?;
            for account in &below.rows {
                self.devices(&Scope::Account(account.id()), origin).await?;
            }
            after = below.last;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn devices(&self, scope: &Scope, origin: Option<&Arc<Origin>>) -> Result<(), StoreError> {
        let mut after: Option<Id> = None;
        loop {
            let page = self.store.devices(scope, Span::ascending(after, PAGE)).await?;
            for device in &page.rows {
                self.device(device, origin).await?;
                tokio::task::yield_now().await;
            }
            after = page.last;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A phone that holds nothing is not rendered for.
    async fn device(&self, device: &Device, origin: Option<&Arc<Origin>>) -> Result<(), StoreError> {
        let (id, account) = (device.id(), device.account());
        let held = held(self.store, id).await?;
        if held.files.is_empty() {
            self.send(Event::InStep(id));
            return Ok(());
        }
        let Some(given) = given(self.files, device).await? else {
            self.send(Event::Unexpected(vec![id]));
            return Ok(());
        };
        let stale = must_be_told(&given, &held);
        debug!(device = %id, stale, "judged");
        let origin = origin.cloned();
        self.send(if stale {
            Event::Stale(Stale { device: id, account, given: given.digest(), origin })
        } else {
            Event::InStep(id)
        });
        Ok(())
    }

    fn send(&self, event: Event) {
        if let Some(events) = self.events.upgrade() {
            let _stopped = events.send(event);
        }
    }
}
