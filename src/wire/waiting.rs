//! Orders that wait until it is known where the names lead that they may go to, and which line their device has. Each
//! waits for its own, and for the orders of the same device that came before it, but not for those of others.

use std::collections::HashSet;

use crate::circle::Order;
use crate::id::Id;
use crate::sip::Aor;
use crate::sip::hop::Hop;

/// The most orders that wait; when so many do, no more are taken until one goes on.
const MAX_WAITING: usize = 4_096;

/// The line of an order's device: none, or it cannot be found out now.
pub(super) type Line = Result<Option<Aor>, ()>;

/// The orders that wait, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    orders: Vec<Delayed>,
    numbered: u64,
}

#[derive(Debug)]
struct Delayed {
    number: u64,
    order: Order,
    /// The names that are being looked up for it.
    lacking: Vec<Hop>,
    lacks_line: bool,
    line: Line,
}

/// What is to be looked up for an order that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sought {
    /// Names, but for those that are being looked up already.
    pub(super) names: Vec<Hop>,
    /// By what number to say which line its device has, where it has to be known.
    pub(super) line: Option<u64>,
}

impl Waiting {
    /// Whether no more orders may be taken.
    pub(super) fn is_full(&self) -> bool {
        self.orders.len() >= MAX_WAITING
    }

    /// Gives an order back that needs not wait: it lacks neither a name nor its device's line, and no order of its
    /// device waits.
    /// An error in the place of the line names the account whose realm is to be looked up for it.
    pub(super) fn pass(
        &mut self,
        order: Order,
        lacking: Vec<Hop>,
        line: Result<Option<Aor>, Id>,
    ) -> Result<(Order, Line), Sought> {
        let is_held_up = || self.orders.iter().any(|delayed| device(&delayed.order) == device(&order));
        let (lacks_line, line) = (line.is_err(), line.unwrap_or_default());
        if lacking.is_empty() && !lacks_line && !is_held_up() {
            return Ok((order, Ok(line)));
        }
        let sought: HashSet<&Hop> = self.orders.iter().flat_map(|delayed| &delayed.lacking).collect();
        let names = lacking.iter().filter(|hop| !sought.contains(hop)).cloned().collect();
        self.numbered += 1;
        let number = self.numbered;
        self.orders.push(Delayed { number, order, lacking, lacks_line, line: Ok(line) });
        Err(Sought { names, line: lacks_line.then_some(number) })
    }

    /// Takes note that it is known where a name leads, or that it leads nowhere. Gives the orders that go on.
    pub(super) fn found(&mut self, name: &Hop) -> Vec<(Order, Line)> {
        self.orders.iter_mut().for_each(|delayed| delayed.lacking.retain(|lacking| lacking != name));
        self.go_on(|_| true)
    }

    /// The order of a number, while it waits.
    pub(super) fn order(&self, number: u64) -> Option<&Order> {
        let at = self.orders.binary_search_by_key(&number, |delayed| delayed.number).ok()?;
        Some(&self.orders[at].order)
    }

    /// Takes note of the line of an order's device. Gives the orders that go on.
    pub(super) fn lined(&mut self, number: u64, line: Line) -> Vec<(Order, Line)> {
        let Ok(at) = self.orders.binary_search_by_key(&number, |delayed| delayed.number) else {
            return Vec::new();
        };
        let delayed = &mut self.orders[at];
        (delayed.lacks_line, delayed.line) = (false, line);
        let concerned = device(&delayed.order);
        self.go_on(|device| device == concerned)
    }

    /// Takes those out, of the devices concerned, that lack nothing and have no order of their device before them.
    fn go_on(&mut self, is_concerned: impl Fn(Option<Id>) -> bool) -> Vec<(Order, Line)> {
        let mut held_up = HashSet::new();
        let goes_on = |delayed: &mut Delayed| {
            let device = device(&delayed.order);
            let lacks = delayed.lacks_line || !delayed.lacking.is_empty();
            let goes_on = is_concerned(device) && !lacks && !held_up.contains(&device);
            if is_concerned(device) && !goes_on {
                held_up.insert(device);
            }
            goes_on
        };
        self.orders.extract_if(.., goes_on).map(|delayed| (delayed.order, delayed.line)).collect()
    }

    /// Gives up all that wait.
    pub(super) fn drain(&mut self) -> Vec<Order> {
        self.orders.drain(..).map(|delayed| delayed.order).collect()
    }
}

/// Whom an order is about, if it is about one device.
fn device(order: &Order) -> Option<Id> {
    match order {
        Order::Tell(tell) => Some(tell.station.device),
        Order::Call(ring) => Some(ring.station.device),
        Order::Forget(device) => Some(*device),
        Order::Locate(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::circle::{Station, Tell};
    use crate::device::Device;
    use crate::document::Document;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn tell(number: u8) -> Order {
        let document = Document::new(id(number), id(0), serde_json::Map::new(), 0);
        let (station, event) = (Station::from(&Device { document }), "check-sync".to_owned());
        Order::Tell(Tell { station, event, content: None, outcome: oneshot::channel().0 })
    }

    fn names(names: &[&str]) -> Vec<Hop> {
        names.iter().map(|name| Hop::read(name).unwrap()).collect()
    }

    /// Which names are to be looked up for an order, `None` where it goes on at once.
    fn sought(waiting: &mut Waiting, order: Order, lacking: &[&str]) -> Option<usize> {
        waiting.pass(order, names(lacking), Ok(None)).err().map(|sought| sought.names.len())
    }

    /// What goes on when a name is found: of which device, and whether it is a telling.
    fn gone_on(waiting: &mut Waiting, name: &str) -> Vec<(Id, bool)> {
        said(&waiting.found(&names(&[name])[0]))
    }

    fn said(orders: &[(Order, Line)]) -> Vec<(Id, bool)> {
        orders.iter().map(|(order, _)| (device(order).unwrap(), matches!(order, Order::Tell(_)))).collect()
    }

    /// Takes an order that lacks its line only, and gives the number by which that is said.
    fn without_line(waiting: &mut Waiting, order: Order) -> u64 {
        waiting.pass(order, Vec::new(), Err(id(9))).unwrap_err().line.unwrap()
    }

    #[test]
    fn an_order_waits_for_the_line_of_its_device_and_for_the_orders_before_it() {
        let mut waiting = Waiting::default();
        let [first, second, other] = [1, 1, 2].map(|device| without_line(&mut waiting, tell(device)));
        assert_eq!(said(&waiting.lined(second, Ok(None))), []);
        let line = Some(Aor::new("front", "shop.example"));
        let gone_on = waiting.lined(other, Ok(line.clone()));
        assert_eq!(gone_on[0].1, Ok(line.clone()));
        assert_eq!(said(&gone_on), [(id(2), true)]);
        assert_eq!(sought(&mut waiting, Order::Forget(id(1)), &[]), Some(0));
        let gone_on = said(&waiting.lined(first, Err(())));
        assert_eq!(gone_on, [(id(1), true), (id(1), true), (id(1), false)]);
        assert_eq!(said(&waiting.lined(first, Ok(line))), [], "it has gone on");
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
