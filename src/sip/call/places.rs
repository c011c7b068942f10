//! Places for calls: a device has one, and an account a share, so that nobody takes those of all others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most calls of one account, those included that are over and still say goodbye.
pub const SHARE: usize = 32;

/// Who has which places. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    devices: BTreeSet<String>,
    accounts: BTreeMap<String, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    /// The device is called already.
    Device,
    /// The account has [`SHARE`] calls under way.
    Account,
}

impl Places {
    /// A place for a call of this device, until the last copy of it is gone.
    pub fn take(&self, account: &str, device: &str) -> Result<Place, Occupied> {
        let mut taken = self.taken();
        let of_account = taken.accounts.get(account).copied().unwrap_or(0);
        if of_account >= SHARE {
            return Err(Occupied::Account);
        }
        if !taken.devices.insert(device.to_owned()) {
            return Err(Occupied::Device);
        }
        taken.accounts.insert(account.to_owned(), of_account + 1);
        let device = Mutex::new(Some(device.to_owned()));
        Ok(Place(Arc::new(Held { places: self.clone(), account: account.to_owned(), device })))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one call.
#[derive(Debug, Clone)]
pub struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    places: Places,
    account: String,
    /// `None` once it may be called again.
    device: Mutex<Option<String>>,
}

impl Place {
    /// The call is over: its device may be called again while this one says goodbye.
    pub fn free_device(&self) {
        self.0.free_device();
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Place {}

impl Held {
    fn free_device(&self) {
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(device) = device {
            self.places.taken().devices.remove(&device);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.free_device();
        let accounts = &mut self.places.taken().accounts;
        let left = accounts.remove(&self.account).unwrap_or(0).saturating_sub(1);
        if left > 0 {
            accounts.insert(self.account.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_call_at_a_time_and_the_next_when_that_is_over() {
        let places = Places::default();
        let first = places.take("a", "d").unwrap();
        assert_eq!(places.take("a", "d"), Err(Occupied::Device));
        assert!(places.take("a", "e").is_ok());
        first.free_device();
        let second = places.take("a", "d").unwrap();
        drop(first);
        assert_eq!(places.take("a", "d"), Err(Occupied::Device), "the first frees nothing twice");
        drop(second);
        assert!(places.taken().devices.is_empty() && places.taken().accounts.is_empty());
    }

    #[test]
    fn an_account_has_a_share_and_no_more_whatever_its_devices_do() {
        let places = Places::default();
        let take = |n: usize| places.take("a", &n.to_string());
        let mut all: Vec<Place> = (0..SHARE).map(|n| take(n).unwrap()).collect();
        all[0].free_device();
        assert_eq!(take(SHARE), Err(Occupied::Account), "goodbyes count");
        assert!(places.take("b", "x").is_ok());
        let copy = all[0].clone();
        all.remove(0);
        assert_eq!(take(SHARE), Err(Occupied::Account));
        drop(copy);
        assert!(take(SHARE).is_ok());
    }
}
