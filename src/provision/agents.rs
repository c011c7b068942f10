//! What phones call themselves when they fetch, noted when it is news.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::warn;

use crate::id::Id;
use crate::registrations::agents::{self, By};
use crate::store::Store;

/// So many devices are remembered; then it begins anew, which costs a few notes too many.
const MOST: usize = 262_144;

/// What each device's phone last called itself.
pub(super) struct Agents {
    store: Arc<dyn Store>,
    known: Mutex<HashMap<Id, u64>>,
}

impl Agents {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// Notes what a phone calls itself at `unix` seconds, in the background.
    pub(super) fn heard(&self, device: Id, user_agent: &str, unix: u64) {
        if !self.is_news(device, user_agent) {
            return;
        }
        let Some(note) = agents::note(device, By::Http, user_agent, unix) else { return };
        let store = self.store.clone();
        actix_web::rt::spawn(async move {
            if let Err(error) = store.jot(vec![note]).await {
                warn!(%device, %error, "what a phone calls itself is not noted");
            }
        });
    }

    fn is_news(&self, device: Id, user_agent: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        user_agent.hash(&mut hasher);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(device, hasher.finish()) != Some(hasher.finish())
    }
}
