//! Which devices have a phone registered now. The SIP side writes it, everybody reads it.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::id::Id;

pub mod agents;

/// How many contacts each device has registered.
#[derive(Debug, Default)]
pub struct Registrations {
    devices: RwLock<HashMap<Id, usize>>,
    elsewhere: bool,
}

impl Registrations {
    /// Where phones may be registered elsewhere as well, without our knowing.
    pub fn partly_elsewhere() -> Self {
        Self { elsewhere: true, ..Self::default() }
    }

    /// False when no phone can be registered for this device.
    pub fn may_contain(&self, device: Id) -> bool {
        self.elsewhere || self.contains(device)
    }

    /// True while a phone is registered for this device.
    pub fn contains(&self, device: Id) -> bool {
        self.devices.read().unwrap_or_else(PoisonError::into_inner).contains_key(&device)
    }

    /// How many contacts a device has registered.
    pub fn contacts(&self, device: Id) -> usize {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.get(&device).copied().unwrap_or_default()
    }

    /// Says how many contacts a device has now.
    pub fn set(&self, device: Id, contacts: usize) {
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        match contacts {
            0 => drop(devices.remove(&device)),
            _ => drop(devices.insert(device, contacts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_registered_while_it_has_a_contact() {
        let (registrations, phone) = (Registrations::default(), Id::from_bytes([1; 16]));
        registrations.set(phone, 2);
        assert!(registrations.contains(phone) && registrations.contacts(phone) == 2);
        registrations.set(phone, 0);
        assert!(!registrations.contains(phone) && !registrations.may_contain(phone));
        assert_eq!(registrations.contacts(phone), 0);
    }

    #[test]
    fn a_device_that_may_be_registered_elsewhere_is_not_known_to_be_registered() {
        let (registrations, phone) = (Registrations::partly_elsewhere(), Id::from_bytes([1; 16]));
        assert!(!registrations.contains(phone) && registrations.may_contain(phone));
    }
}
