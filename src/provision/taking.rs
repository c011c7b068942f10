//! Who is sending something just now. A turn is held while something comes, which may be slow, and until it is written; so
//! nobody has all turns of a device, nobody at one address has all of those that there are, and whoever is at home (at the
//! address from which the device is registered) has turns apart from all who are not.

use std::net::IpAddr;

use super::places::{Place, Places, network};
use crate::id::Id;

/// How much may be under way at a time of those at home, and of others; of these, for one network, and for one device from
/// there.
const MOST: usize = 32;
const MOST_OF_NETWORK: usize = 16;
const MOST_OF_ONE: usize = 2;

/// A device, and the network from which something comes in its name.
type Sender = (Id, Option<IpAddr>);

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Taking {
    at_home: Places<Sender>,
    strange: Places<Sender>,
}

impl Taking {
    /// A turn to send something in the name of a device from an address, if there is one at once.
    pub(super) fn enter(&self, device: Id, from: Option<IpAddr>, is_at_home: bool) -> Option<Place<Sender>> {
        let sender = (device, from.map(network));
        let places = if is_at_home { &self.at_home } else { &self.strange };
        places.enter(sender, |under_way| {
            let of_network = under_way.iter().filter(|((_, network), _)| *network == sender.1);
            let of_network: usize = of_network.map(|(_, count)| count).sum();
            let of_one = under_way.get(&sender).copied().unwrap_or_default();
            let of_all = under_way.values().sum::<usize>();
            of_one < MOST_OF_ONE && of_network < MOST_OF_NETWORK && of_all < MOST
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn at(number: u8) -> IpAddr {
        [10, 0, 0, number].into()
    }

    #[test]
    fn a_device_has_two_turns_at_each_address_and_an_address_sixteen() {
        let taking = Taking::default();
        let of = |number, from| {
            (0..9).map_while(|_| taking.enter(device(number), Some(at(from)), false)).collect()
        };
        let own: Vec<_> = of(0, 1);
        assert_eq!(own.len(), 2);
        assert_eq!(of(0, 2).len(), 2, "another address");
        let others: Vec<_> = (1..99).flat_map(|number| of(number, 1)).collect();
        assert_eq!(others.len(), 14);
        drop(own);
        assert_eq!(of(0, 1).len(), 2);
    }

    #[test]
    fn strangers_take_no_turn_of_whoever_is_at_home() {
        let taking = Taking::default();
        let enter = |number: u8, is_at_home| taking.enter(device(number), Some(at(number)), is_at_home);
        let strange: Vec<_> = (0..99).map_while(|number| enter(number, false)).collect();
        assert!(strange.len() == 32 && enter(200, false).is_none());
        let at_home: Vec<_> = (0..99).map_while(|number| enter(number, true)).collect();
        assert_eq!(at_home.len(), 32);
    }
}
