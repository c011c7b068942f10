//! How often a device may send something.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::id::Id;

/// So much is taken of a device at one address within so many seconds.
const MOST: u32 = 60;
const SECONDS: u64 = 600;

/// So many senders are remembered; then it begins anew, which lets some send too much.
const SENDERS: usize = 65_536;

/// A device, and where it sends from.
type Sender = (Id, Option<IpAddr>);

/// Since when how much was taken of each sender.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<Sender, (u64, u32)>);

impl Pace {
    pub(super) fn admits(&mut self, (device, from): Sender, unix: u64) -> bool {
        let sender = (device, from.map(network));
        if self.0.len() >= SENDERS && !self.0.contains_key(&sender) {
            self.0.clear();
        }
        let (since, count) = self.0.entry(sender).or_insert((unix, 0));
        if unix >= *since + SECONDS {
            (*since, *count) = (unix, 0);
        }
        *count += u32::from(*count < MOST + 1);
        *count <= MOST
    }
}

/// Whoever has an IPv6 address has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_sends_too_much_waits_and_others_do_not() {
        let (mut pace, loud, other) = (Pace::default(), Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let (loud, other) = ((loud, None), (other, None));
        assert_eq!((0..1000).filter(|_| pace.admits(loud, 5000)).count(), 60);
        assert!(pace.admits(other, 5000) && !pace.admits(loud, 5599) && pace.admits(loud, 5600));
    }

    #[test]
    fn a_stranger_that_sends_too_much_does_not_silence_the_phone() {
        let (mut pace, device) = (Pace::default(), Id::from_bytes([1; 16]));
        let from = |address: &str| (device, Some(address.parse().unwrap()));
        let stranger = |at: u16| pace.admits(from(&format!("2001:db8::{at:x}")), 5000);
        assert_eq!((0..1000).map(stranger).filter(|taken| *taken).count(), 60);
        assert!(pace.admits(from("10.0.0.1"), 5000) && pace.admits(from("2001:db8:0:1::1"), 5000));
    }
}
