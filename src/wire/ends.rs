//! Notifications for administrators that a registration ended, or that another phone took its place: entries of the
//! device's history, where the device does not suppress them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;

use super::clock;
use super::seldom::Seldom;
use crate::device::Device;
use crate::id::Id;
use crate::sip::{Binding, End};
use crate::store::{Store, StoreError, history};

/// So many notifications wait to be written; more are lost, and the log says so.
const MAX_WAITING: usize = 65_536;

/// Writes the notifications down, one after the other.
pub(super) struct Ends {
    entries: mpsc::Sender<Entry>,
    writing: JoinHandle<()>,
    told: u32,
    lost: Seldom,
}

/// One notification.
struct Entry {
    device: Id,
    key: Vec<u8>,
    said: Value,
    /// What the device has to say for it to be written.
    wanted: (&'static str, bool),
}

impl Ends {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let (entries, mut inbox) = mpsc::channel::<Entry>(MAX_WAITING);
        let writing = tokio::spawn(async move {
            let mut failures = Seldom::default();
            while let Some(entry) = inbox.recv().await {
                if let Err(error) = write(&*store, &entry).await
                    && let Some(left_out) = failures.says(clock().0)
                {
                    warn!(device = %entry.device, %error, left_out, "the end of a registration is not noted");
                }
            }
        });
        Self { entries, writing, told: 0, lost: Seldom::default() }
    }

    /// Takes note of a binding that ended at `unix` seconds. Nobody is told of what an administrator did, or of a
    /// phone that moved while nobody wants to know.
    pub(super) fn tell(&mut self, binding: &Binding, end: &End, unix: u64) {
        let (Ok(device), Some(wanted)) = (binding.device.parse::<Id>(), wanted(binding, end)) else { return };
        self.told = self.told.wrapping_add(1);
        let key = history::key(device, unix * 1000, self.told.to_be_bytes());
        let entry = Entry { device, key, said: said(binding, end, unix), wanted };
        if self.entries.try_send(entry).is_err()
            && let Some(left_out) = self.lost.says(clock().0)
        {
            warn!(%device, left_out, "too many registrations end at once: this end is not noted");
        }
    }

    /// Ends when everything is written.
    pub(super) async fn finish(self) {
        drop(self.entries);
        let _panicked = self.writing.await;
    }
}

async fn write(store: &dyn Store, entry: &Entry) -> Result<(), StoreError> {
    let (flag, expected) = entry.wanted;
    let wants = |device: &Device| device.document.flag(flag).unwrap_or(false) == expected;
    if store.device(entry.device).await?.as_ref().is_some_and(wants) {
        history::write(store, entry.device, entry.key.clone(), &entry.said).await?;
    }
    Ok(())
}

/// The flag of the device's document that decides, and what it has to be.
fn wanted(binding: &Binding, end: &End) -> Option<(&'static str, bool)> {
    match end {
        End::Expired | End::Removed | End::Disconnected => Some(("suppress_unregister_notifications", false)),
        End::Replaced(by) if !binding.contact.same_place(by) => Some(("register_overwrite_notify", true)),
        End::Replaced(_) | End::Forgotten => None,
    }
}

fn said(binding: &Binding, end: &End, unix: u64) -> Value {
    let mut said = json!({
        "at": unix,
        "what": "unregistered",
        "message": end.words(),
        "contact": binding.contact.as_str(),
        "network_ip": binding.source.ip(),
        "user_agent": binding.user_agent,
    });
    match end {
        End::Expired => said["reason"] = "expired".into(),
        End::Disconnected => said["reason"] = "disconnected".into(),
        End::Removed | End::Forgotten => said["reason"] = "removed".into(),
        End::Replaced(by) => {
            said["what"] = "overwritten".into();
            said["replaced_by"] = by.as_str().into();
        }
    }
    said
}
