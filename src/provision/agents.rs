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

/// For how many seconds after a note there is no other of the same device, whatever it calls itself: anybody can ask for
/// its files, under another name each time.
const PAUSE: u64 = 60;

/// What a device's phone called itself when that was last noted.
#[derive(Debug, Clone, Copy)]
struct Heard {
    name: u64,
    /// Unix seconds.
    at: u64,
}

/// What each device's phone last called itself.
pub(super) struct Agents {
    store: Arc<dyn Store>,
    known: Mutex<HashMap<Id, Heard>>,
}

impl Agents {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// Notes what a phone that was given a file calls itself at `unix` seconds, in the background; once a minute at
    /// most, so that another name may be noted when it is heard again.
    pub(super) fn heard(&self, device: Id, user_agent: &str, unix: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_news(&mut known, device, user_agent, unix) {
            return;
        }
        drop(known);
        let (store, user_agent) = (self.store.clone(), user_agent.to_owned());
        actix_web::rt::spawn(async move {
            if let Err(error) = agents::keep(&*store, device, By::Http, &user_agent, unix).await {
                warn!(%device, %error, "what a phone calls itself is not noted");
            }
        });
    }
}

fn is_news(known: &mut HashMap<Id, Heard>, device: Id, user_agent: &str, unix: u64) -> bool {
    let mut hasher = DefaultHasher::new();
    user_agent.hash(&mut hasher);
    let name = hasher.finish();
    if known.get(&device).is_some_and(|heard| heard.name == name || unix < heard.at + PAUSE) {
        return false;
    }
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(device, Heard { name, at: unix });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_news_once_and_another_after_a_minute() {
        let (phone, other) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let mut known = HashMap::new();
        let mut news = |device, name: &str, unix| is_news(&mut known, device, name, unix);
        assert!(news(phone, "one", 1000) && news(other, "one", 1000));
        assert!(!news(phone, "one", 5000), "it was said before");
        assert!(news(phone, "two", 5000));
        let noted = (0..600).filter(|number| news(phone, &number.to_string(), 5001 + number / 10));
        assert_eq!(noted.count(), 1, "600 names in a minute");
    }
}
