//! How many connections there may be, of one site and of all, and whose place a newcomer takes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use crate::sip::Flow;
use crate::sip::guesses::site;
use crate::sip::timers::Timers;

/// Connections by when they were last of use, as far as that was looked at.
type Order = Timers<Instant, Flow>;

/// The connections of one kind.
#[derive(Debug)]
pub(super) struct Limits {
    most: usize,
    most_of_site: usize,
    all: Order,
    sites: HashMap<IpAddr, Order>,
}

/// There are too many connections, and registrations keep them all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Limits {
    /// At most so many connections, and so many of one site.
    pub(super) fn new(most: usize, most_of_site: usize) -> Self {
        Self { most, most_of_site, all: Timers::default(), sites: HashMap::new() }
    }

    /// Whose place a connection with this address would take; `None` where there is room. `used` says since when a
    /// connection is idle, or until when a registration keeps it: whoever is kept longer than `now` stays.
    pub(super) fn in_the_way(
        &mut self,
        from: IpAddr,
        now: Instant,
        used: impl Fn(Flow) -> Instant,
    ) -> Result<Option<Flow>, Full> {
        let of_site = self.sites.get_mut(&site(from)).filter(|of_site| of_site.len() >= self.most_of_site);
        match of_site {
            Some(of_site) => longest_idle(of_site, now, used).map(Some).ok_or(Full),
            None if self.all.len() < self.most => Ok(None),
            None => longest_idle(&mut self.all, now, used).map(Some).ok_or(Full),
        }
    }

    /// A connection has come about.
    pub(super) fn enter(&mut self, flow: Flow, from: IpAddr, now: Instant) {
        self.all.set(&flow, now);
        self.sites.entry(site(from)).or_default().set(&flow, now);
    }

    /// A connection has ended.
    pub(super) fn leave(&mut self, flow: Flow, from: IpAddr) {
        self.all.clear(&flow);
        let site = site(from);
        if let Some(of_site) = self.sites.get_mut(&site) {
            of_site.clear(&flow);
            if of_site.is_empty() {
                self.sites.remove(&site);
            }
        }
    }

    /// Whether there are none.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.sites.is_empty()
    }
}

/// The one that is idle for longest. One that was of use since it was last looked at moves back, and one that is kept
/// to the end of that, so that each is looked at no more often than it is used.
fn longest_idle(order: &mut Order, now: Instant, used: impl Fn(Flow) -> Instant) -> Option<Flow> {
    loop {
        let known = order.next()?;
        let flow = order.due(now)?;
        let used = used(flow);
        order.set(&flow, used.max(known));
        if used <= known {
            return Some(flow);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Limits, and the second in which there are none yet.
    struct World {
        limits: Limits,
        begun: Instant,
    }

    impl World {
        /// Connections of which one came in each second, from these addresses.
        fn new(limits: Limits, addresses: &[&str]) -> Self {
            let mut world = Self { limits, begun: Instant::now() };
            for (second, from) in (1..).zip(addresses) {
                world.limits.enter(Flow(second), from.parse().unwrap(), world.at(second));
            }
            world
        }

        fn at(&self, second: u64) -> Instant {
            self.begun + Duration::from_secs(second)
        }

        /// Whose place a newcomer takes in this second, when these were used or are kept until others than those in which
        /// they came.
        fn in_the_way(&mut self, from: &str, second: u64, used: &[(u64, u64)]) -> Result<Option<u64>, Full> {
            let (begun, now) = (self.begun, self.at(second));
            let at = |Flow(flow)| {
                let used = used.iter().find(|(used, _)| *used == flow).map_or(flow, |(_, second)| *second);
                begun + Duration::from_secs(used)
            };
            let found = self.limits.in_the_way(from.parse().unwrap(), now, at)?;
            Ok(found.map(|Flow(flow)| flow))
        }
    }

    #[test]
    fn while_there_is_room_nobody_is_in_the_way() {
        let mut world = World::new(Limits::new(3, 2), &["10.0.0.1", "10.0.0.2"]);
        assert_eq!(world.in_the_way("10.0.0.1", 100, &[]), Ok(None));
    }

    #[test]
    fn a_newcomer_takes_the_place_of_whoever_is_idle_for_longest() {
        let mut world = World::new(Limits::new(3, 3), &["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        assert_eq!(world.in_the_way("10.0.0.4", 100, &[]), Ok(Some(1)));
        assert_eq!(world.in_the_way("10.0.0.4", 100, &[(1, 99)]), Ok(Some(2)));
        assert_eq!(world.in_the_way("10.0.0.4", 100, &[(1, 99), (2, 160)]), Ok(Some(3)));
    }

    #[test]
    fn whom_a_registration_keeps_stays_until_it_ends() {
        let mut world = World::new(Limits::new(2, 2), &["10.0.0.1", "10.0.0.2"]);
        for second in [100, 159] {
            assert_eq!(world.in_the_way("10.0.0.4", second, &[(1, 160), (2, 260)]), Err(Full));
        }
        assert_eq!(world.in_the_way("10.0.0.4", 161, &[(2, 260)]), Ok(Some(1)));
    }

    #[test]
    fn a_site_that_has_its_share_makes_room_itself() {
        let six = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"];
        let mut world = World::new(Limits::new(9, 2), &["10.0.0.1", six[0], six[1], six[2]]);
        assert_eq!(world.in_the_way("2001:db8::2", 100, &[]), Ok(Some(2)));
        assert_eq!(world.in_the_way("2001:db8::2", 100, &[(2, 160), (3, 160)]), Err(Full));
        for other in ["2001:db8:0:1::2", "10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(world.in_the_way(other, 100, &[]), Ok(None), "{other}");
        }
        world.limits.enter(Flow(9), "::ffff:10.0.0.1".parse().unwrap(), world.at(9));
        assert_eq!(world.in_the_way("10.0.0.1", 100, &[]), Ok(Some(1)));
    }

    #[test]
    fn those_that_have_ended_leave_nothing_behind() {
        let mut world = World::new(Limits::new(2, 1), &["10.0.0.1", "10.0.0.2"]);
        world.limits.leave(Flow(1), "10.0.0.1".parse().unwrap());
        world.limits.leave(Flow(2), "10.0.0.2".parse().unwrap());
        assert!(world.limits.is_empty());
    }
}
