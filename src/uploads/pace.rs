//! How often a device may send something.

use std::collections::HashMap;

use crate::id::Id;

/// So much is taken of a device within so many seconds.
const MOST: u32 = 60;
const SECONDS: u64 = 600;

/// So many devices are remembered; then it begins anew, which lets some send too much.
const DEVICES: usize = 65_536;

/// Since when how much was taken of each device.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<Id, (u64, u32)>);

impl Pace {
    pub(super) fn admits(&mut self, device: Id, unix: u64) -> bool {
        if self.0.len() >= DEVICES && !self.0.contains_key(&device) {
            self.0.clear();
        }
        let (since, count) = self.0.entry(device).or_insert((unix, 0));
        if unix >= *since + SECONDS {
            (*since, *count) = (unix, 0);
        }
        *count += u32::from(*count < MOST + 1);
        *count <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_sends_too_much_waits_and_others_do_not() {
        let (mut pace, loud, other) = (Pace::default(), Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        assert_eq!((0..1000).filter(|_| pace.admits(loud, 5000)).count(), 60);
        assert!(pace.admits(other, 5000) && !pace.admits(loud, 5599) && pace.admits(loud, 5600));
    }
}
