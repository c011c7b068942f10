//! Who is sending something just now.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::id::Id;

/// How much may be under way at a time, and how much of it for one device.
const MOST: usize = 32;
const MOST_OF_ONE: usize = 2;

/// How much is under way for each device.
#[derive(Debug, Default)]
pub(super) struct Taking(Mutex<HashMap<Id, usize>>);

/// A turn to send something, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    device: Id,
    of: &'t Taking,
}

impl Taking {
    /// A turn for a device, if there is one at once.
    pub(super) fn enter(&self, device: Id) -> Option<Turn<'_>> {
        let mut under_way = self.lock();
        let of_one = under_way.get(&device).copied().unwrap_or_default();
        if of_one >= MOST_OF_ONE || under_way.values().sum::<usize>() >= MOST {
            return None;
        }
        under_way.insert(device, of_one + 1);
        Some(Turn { device, of: self })
    }

    fn leave(&self, device: Id) {
        let mut under_way = self.lock();
        match under_way.remove(&device) {
            None | Some(0 | 1) => {}
            Some(more) => drop(under_way.insert(device, more - 1)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.of.leave(self.device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_two_turns_and_all_have_thirty_two() {
        let (taking, device) = (Taking::default(), |number| Id::from_bytes([number; 16]));
        let own: Vec<_> = (0..9).map_while(|_| taking.enter(device(0))).collect();
        assert_eq!(own.len(), 2);
        let others: Vec<_> = (1..99).map_while(|number| taking.enter(device(number))).collect();
        assert_eq!(others.len(), 30);
        drop(own);
        assert!(taking.enter(device(0)).is_some() && taking.lock().len() == 30);
    }
}
