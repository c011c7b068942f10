//! Devices of which the doors need to know something at every request, and would not wait for the keeper to hear it.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::id::Id;

/// Some devices. The keeper writes it, everybody reads it.
#[derive(Debug, Default)]
pub(super) struct Listed(RwLock<HashSet<Id>>);

impl Listed {
    /// True while this device is one of them.
    pub(super) fn contains(&self, device: Id) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&device)
    }

    /// Says whether it is.
    pub(super) fn set(&self, device: Id, is_listed: bool) {
        if self.contains(device) == is_listed {
            return;
        }
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if is_listed {
            devices.insert(device)
        } else {
            devices.remove(&device)
        };
    }
}

/// What the doors look at.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// Nobody was there when they were told last: a refreshed registration says that they are there.
    pub(super) missed: Arc<Listed>,
    /// They were told, and have not come for a file since.
    pub(super) awaited: Arc<Listed>,
}
