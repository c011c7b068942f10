//! Bindings in the store: written behind the phones' backs, read at the start.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::warn;

use super::clock;
use super::ledger::{EVERY, Ledger, Name};
use super::seldom::Seldom;
use crate::id::{Digest, Id};
use crate::registrations::agents::{self, By};
use crate::sip::Binding;
use crate::store::{Note, Store, StoreError, Table};

/// How many notes are written, or read, at a time.
const BATCH: usize = 256;

/// Every binding that was stored. Each lasts [`EVERY`] seconds longer than is written there, for so long a refresh may
/// have waited to be written when the daemon crashed.
pub(super) async fn load(store: &dyn Store) -> Result<Vec<Binding>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let notes = store.notes(Table::Binding, after.as_deref(), BATCH).await?;
        found.extend(notes.iter().filter_map(|(_, value)| serde_json::from_slice::<Binding>(value).ok()));
        let Some((last, _)) = notes.into_iter().next_back() else { break };
        after = Some(last);
    }
    for binding in &mut found {
        binding.expires_at += EVERY;
    }
    Ok(found)
}

/// Writes bindings in batches, so that a REGISTER waits for no disk. A crash of the daemon loses what was not written
/// for a moment, and the end of bindings that were only refreshed; one of the machine what came in the last second,
/// which the phone's next REGISTER brings back.
pub(super) struct Writer {
    desk: Arc<Desk>,
    writing: JoinHandle<()>,
}

#[derive(Default)]
struct Desk {
    ledger: Mutex<Ledger<Value>>,
    news: tokio::sync::Notify,
    closing: AtomicBool,
}

/// What a note shall hold. A binding is put into words only when it is written.
enum Value {
    Words(Vec<u8>),
    Binding(Box<Binding>),
}

impl Value {
    fn words(&self) -> Option<Vec<u8>> {
        match self {
            Self::Words(words) => Some(words.clone()),
            Self::Binding(binding) => serde_json::to_vec(binding).ok(),
        }
    }
}

impl Writer {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let desk = Arc::new(Desk::default());
        let writing = tokio::spawn(write(store, desk.clone()));
        Self { desk, writing }
    }

    /// Ends when everything is written.
    pub(super) async fn finish(self) {
        self.desk.closing.store(true, Ordering::Release);
        self.desk.news.notify_one();
        let _panicked = self.writing.await;
    }

    /// A phone has registered, or refreshed, and then more than the time has changed or not.
    pub(super) fn put(&self, binding: Box<Binding>, is_news: bool) {
        if let Some(note) = is_news.then(|| agent(&binding)).flatten() {
            self.set(Some((note.table, note.key)), note.value.map(Value::Words), false);
        }
        self.set(name(&binding), Some(Value::Binding(binding)), is_news);
    }

    pub(super) fn remove(&self, binding: &Binding) {
        self.set(name(binding), None, true);
    }

    fn set(&self, name: Option<Name>, value: Option<Value>, is_news: bool) {
        let Some(name) = name else { return };
        if self.desk.ledger().set(name, value, is_news, clock().1) {
            self.desk.news.notify_one();
        }
    }
}

impl Desk {
    fn ledger(&self) -> MutexGuard<'_, Ledger<Value>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until something is due, or there is news.
    async fn wait(&self) {
        let next = self.ledger().next();
        let sleep =
            next.map_or(Duration::from_hours(1), |next| Duration::from_secs(next.saturating_sub(clock().1)));
        let _something_is_due = tokio::time::timeout(sleep, self.news.notified()).await;
    }
}

async fn write(store: Arc<dyn Store>, desk: Arc<Desk>) {
    let mut failures = Seldom::default();
    loop {
        let closing = desk.closing.load(Ordering::Acquire);
        let now = if closing { u64::MAX } else { clock().1 };
        let batch = desk.ledger().take(now, BATCH);
        if batch.is_empty() {
            if closing {
                return;
            }
            desk.wait().await;
        } else if let Err(error) = store.jot(notes(&batch)).await {
            if let Some(left_out) = failures.says(clock().0) {
                warn!(%error, left_out, "registrations were not written down");
            }
            if !closing {
                desk.ledger().take_back(batch, now);
            }
        }
    }
}

fn notes(batch: &[(Name, Option<Value>)]) -> Vec<Note> {
    let note = |((table, key), value): &(Name, Option<Value>)| Note {
        table: *table,
        key: key.clone(),
        value: value.as_ref().and_then(Value::words),
    };
    batch.iter().map(note).collect()
}

/// What the phone calls itself.
fn agent(binding: &Binding) -> Option<Note> {
    agents::note(binding.device.parse().ok()?, By::Sip, &binding.user_agent, clock().1)
}

/// A binding's key begins with its device, so that it goes when the device is deleted.
fn name(binding: &Binding) -> Option<Name> {
    let device = binding.device.parse::<Id>().ok()?;
    let which = format!("{}\n{}", binding.aor.uri().to_lowercase(), binding.contact.as_str());
    let key = [device.as_bytes().as_slice(), Digest::of(which.as_bytes()).as_bytes()].concat();
    Some((Table::Binding, key))
}
