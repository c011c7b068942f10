//! Phones that nobody was at when they were told last: a refreshed registration says that they are there. Of all others a
//! refresh says nothing, and the SIP side need not wait to know that.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use crate::id::Id;

/// The keeper writes it, the SIP side reads it.
#[derive(Debug, Default)]
pub(super) struct Missed(RwLock<HashSet<Id>>);

impl Missed {
    /// True while a refresh of this device's registration is waited for.
    pub(super) fn contains(&self, device: Id) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&device)
    }

    /// Says whether one is.
    pub(super) fn set(&self, device: Id, is_missed: bool) {
        if self.contains(device) == is_missed {
            return;
        }
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if is_missed {
            devices.insert(device)
        } else {
            devices.remove(&device)
        };
    }
}
