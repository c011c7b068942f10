//! Orders that wait until it is known where the names lead that they may go to. Each waits for its own names, and for
//! the orders of the same device that came before it, but not for those of others.

use std::collections::HashSet;

use crate::circle::Order;
use crate::id::Id;
use crate::sip::hop::Hop;

/// The most orders that wait; when so many do, no more are taken until one goes on.
const MAX_WAITING: usize = 4_096;

/// The orders that wait, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<Delayed>);

#[derive(Debug)]
struct Delayed {
    order: Order,
    /// The names that are being looked up for it.
    lacking: Vec<Hop>,
}

impl Waiting {
    /// Whether no more orders may be taken.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_WAITING
    }

    /// Gives an order back that needs not wait: it lacks no name, and no order of its device waits.
    pub(super) fn pass(&mut self, order: Order, lacking: Vec<Hop>) -> Result<Order, Vec<Hop>> {
        let device = device(&order);
        if lacking.is_empty() && !self.0.iter().any(|delayed| self::device(&delayed.order) == device) {
            return Ok(order);
        }
        let sought: HashSet<&Hop> = self.0.iter().flat_map(|delayed| &delayed.lacking).collect();
        let unsought = lacking.iter().filter(|hop| !sought.contains(hop)).cloned().collect();
        self.0.push(Delayed { order, lacking });
        Err(unsought)
    }

    /// Takes note that it is known where a name leads, or that it leads nowhere. Gives the orders that go on.
    pub(super) fn found(&mut self, name: &Hop) -> Vec<Order> {
        self.0.iter_mut().for_each(|delayed| delayed.lacking.retain(|lacking| lacking != name));
        let mut held_up = HashSet::new();
        let goes_on = |delayed: &mut Delayed| {
            let device = device(&delayed.order);
            let waits = held_up.contains(&device) || !delayed.lacking.is_empty();
            waits.then(|| held_up.insert(device));
            !waits
        };
        self.0.extract_if(.., goes_on).map(|delayed| delayed.order).collect()
    }

    /// Gives up all that wait.
    pub(super) fn drain(&mut self) -> Vec<Order> {
        self.0.drain(..).map(|delayed| delayed.order).collect()
    }
}

/// Whom an order is about, if it is about one device.
fn device(order: &Order) -> Option<Id> {
    match order {
        Order::Tell(tell) => Some(tell.device.id()),
        Order::Call(ring) => Some(ring.device.id()),
        Order::Forget(device) => Some(*device),
        Order::Locate(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::circle::Tell;
    use crate::device::Device;
    use crate::document::Document;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn tell(number: u8) -> Order {
        let document = Document::new(id(number), id(0), serde_json::Map::new(), 0);
        let (device, event) = (Box::new(Device { document }), "check-sync".to_owned());
        Order::Tell(Tell { device, event, content: None, outcome: oneshot::channel().0 })
    }

    fn names(names: &[&str]) -> Vec<Hop> {
        names.iter().map(|name| Hop::read(name).unwrap()).collect()
    }

    /// Which names are to be looked up for an order, `None` where it goes on at once.
    fn sought(waiting: &mut Waiting, order: Order, lacking: &[&str]) -> Option<usize> {
        waiting.pass(order, names(lacking)).err().map(|sought| sought.len())
    }

    /// What goes on when a name is found: of which device, and whether it is a telling.
    fn gone_on(waiting: &mut Waiting, name: &str) -> Vec<(Id, bool)> {
        let orders = waiting.found(&names(&[name])[0]);
        orders.iter().map(|order| (device(order).unwrap(), matches!(order, Order::Tell(_)))).collect()
    }

    #[test]
    fn an_order_that_waits_for_a_name_holds_up_nobody_else() {
        let mut waiting = Waiting::default();
        assert_eq!(sought(&mut waiting, tell(1), &["slow"]), Some(1));
        assert_eq!(sought(&mut waiting, tell(2), &[]), None);
        assert_eq!(sought(&mut waiting, Order::Forget(id(2)), &[]), None);
        assert_eq!(sought(&mut waiting, tell(3), &["quick"]), Some(1));
        assert_eq!(gone_on(&mut waiting, "quick"), [(id(3), true)]);
        assert_eq!(gone_on(&mut waiting, "slow"), [(id(1), true)]);
    }

    #[test]
    fn a_device_is_forgotten_after_it_was_told() {
        let mut waiting = Waiting::default();
        assert_eq!(sought(&mut waiting, tell(1), &["a", "b"]), Some(2));
        assert_eq!(sought(&mut waiting, Order::Forget(id(1)), &[]), Some(0));
        assert_eq!(gone_on(&mut waiting, "a"), []);
        assert_eq!(gone_on(&mut waiting, "b"), [(id(1), true), (id(1), false)]);
    }

    #[test]
    fn a_name_is_looked_up_once_for_all_that_wait_for_it() {
        let mut waiting = Waiting::default();
        assert_eq!(sought(&mut waiting, tell(1), &["proxy"]), Some(1));
        assert_eq!(sought(&mut waiting, tell(2), &["proxy"]), Some(0));
        assert_eq!(gone_on(&mut waiting, "proxy"), [(id(1), true), (id(2), true)]);
    }

    #[test]
    fn those_that_wait_are_bounded_and_can_be_given_up() {
        let mut waiting = Waiting::default();
        for _ in 0..MAX_WAITING {
            assert!(!waiting.is_full());
            sought(&mut waiting, tell(1), &["slow"]);
        }
        assert!(waiting.is_full());
        assert_eq!((waiting.drain().len(), waiting.is_full()), (MAX_WAITING, false));
    }
}
