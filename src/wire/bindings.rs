//! Bindings in the store: written behind the phones' backs, read at the start.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::id::{Digest, Id};
use crate::sip::Binding;
use crate::store::{Note, Store, StoreError, Table, every_note};

/// How many notes are written at a time.
const BATCH: usize = 256;

/// Every binding that was stored.
pub(super) async fn load(store: &dyn Store) -> Result<Vec<Binding>, StoreError> {
    let notes = every_note(store, Table::Binding).await?;
    Ok(notes.into_iter().filter_map(|(_, value)| serde_json::from_slice(&value).ok()).collect())
}

/// Writes bindings in batches, so that a REGISTER waits for no disk. What a crash of the machine loses, the
/// phone's next REGISTER brings back.
pub(super) struct Writer {
    notes: mpsc::UnboundedSender<Note>,
    writing: JoinHandle<()>,
}

impl Writer {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let (notes, mut inbox) = mpsc::unbounded_channel();
        let writing = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while inbox.recv_many(&mut batch, BATCH).await > 0 {
                if let Err(error) = store.jot(std::mem::take(&mut batch)).await {
                    warn!(%error, "registrations were not written down");
                }
            }
        });
        Self { notes, writing }
    }

    /// Ends when everything is written.
    pub(super) async fn finish(self) {
        drop(self.notes);
        let _panicked = self.writing.await;
    }

    pub(super) fn put(&self, binding: &Binding) {
        self.send(binding, serde_json::to_vec(binding).ok());
    }

    pub(super) fn remove(&self, binding: &Binding) {
        self.send(binding, None);
    }

    /// A binding's key begins with its device, so that it goes when the device is deleted.
    fn send(&self, binding: &Binding, value: Option<Vec<u8>>) {
        let Ok(device) = binding.device.parse::<Id>() else { return };
        let which = format!("{}\n{}", binding.aor.uri(), binding.contact.as_str());
        let key = [device.as_bytes().as_slice(), Digest::of(which.as_bytes()).as_bytes()].concat();
        let _stopped = self.notes.send(Note { table: Table::Binding, key, value });
    }
}
