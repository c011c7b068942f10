//! Failed logins make whoever failed wait, and never lock an account.
//!
//! Each source, and each account that somebody tried to log in to, has a count that failures raise and time lowers.
//! The count of an account only slows the answers to failures: a right login is answered at once whoever else has
//! failed. A source whose count is full is refused until it has fallen, and so is the network around it (of IPv4 24
//! bits, of IPv6 48), which has the failures of several sources. Logins under way could all fail, so no more of
//! them are looked at than failures are left; the others wait. So many at once gain nothing, and lose nothing when they
//! are right.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::id::Digest;

/// How patient a throttle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After so many failures answers become slow.
    pub free: u32,
    /// After so many failures a source is refused.
    pub most: u32,
    /// The network around a source may have the failures of so many sources.
    pub sources: u32,
    /// In this time one failure is forgotten.
    pub forgets: Duration,
    /// How slow the first slow answer is; each further one takes twice as long.
    pub first: Duration,
    /// No answer takes longer.
    pub longest: Duration,
    /// So many sources, and as many accounts, are remembered.
    pub remembers: usize,
}

impl Patience {
    /// Twenty failures, then one every half minute: 2,900 guesses a day from one source, and eight times as many from
    /// all of its neighbours.
    pub const USUAL: Self = Self {
        free: 3,
        most: 20,
        sources: 8,
        forgets: Duration::from_secs(30),
        first: Duration::from_millis(250),
        longest: Duration::from_secs(4),
        remembers: 10_000,
    };
}

/// What becomes of a login that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is looked at; then [`Throttle::right`] or [`Throttle::wrong`] must be told.
    Pass,
    /// Others from this source are being looked at: it begins again after so long.
    Wait(Duration),
    /// It is not looked at, and none from this source for so long.
    Refuse(Duration),
}

/// Where a login comes from: an IPv4 address, or the 64 bits of an IPv6 address that one site has to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(IpAddr);

/// The first bits of an address, and how many they are.
type Net = (IpAddr, u8);

impl Source {
    /// The source that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(first_bits(address, 64)),
            address @ IpAddr::V4(_) => Self(address),
        }
    }

    fn own(self) -> Net {
        (self.0, if self.0.is_ipv4() { 32 } else { 64 })
    }

    fn around(self) -> Net {
        match self.0 {
            IpAddr::V4(address) => (IpAddr::V4(Ipv4Addr::from(u32::from(address) & !0xff)), 24),
            IpAddr::V6(address) => (first_bits(address, 48), 48),
        }
    }
}

fn first_bits(address: Ipv6Addr, bits: u32) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << (128 - bits))))
}

/// Who has failed how often. All times are Unix milliseconds; one that goes backwards forgets nothing.
#[derive(Debug)]
pub struct Throttle {
    patience: Patience,
    sources: Tallies<Net>,
    under_way: BTreeMap<Net, u32>,
    accounts: Tallies<Digest>,
}

impl Throttle {
    /// A throttle that has seen nothing yet.
    pub fn new(patience: Patience) -> Self {
        let tallies = patience.remembers;
        Self {
            patience,
            sources: Tallies::new(tallies),
            under_way: BTreeMap::new(),
            accounts: Tallies::new(tallies),
        }
    }

    /// A login begins.
    pub fn begin(&mut self, source: Source, now: u64) -> Step {
        let weighed = self.weighed(source);
        let refused = weighed.iter().filter_map(|(net, weight)| self.full(*net, *weight, now)).max();
        if let Some(wait) = refused {
            return Step::Refuse(wait);
        }
        let could_fail = |net| f64::from(self.under_way.get(net).copied().unwrap_or(0)) + 1.0;
        if weighed.iter().any(|(net, weight)| self.full(*net, could_fail(net) * weight, now).is_some()) {
            return Step::Wait(self.patience.first.min(self.patience.longest));
        }
        for (net, _) in weighed {
            *self.under_way.entry(net).or_default() += 1;
        }
        Step::Pass
    }

    /// The login that passed was right, or was not looked at.
    pub fn right(&mut self, source: Source) {
        for (net, _) in self.weighed(source) {
            if let Entry::Occupied(mut under_way) = self.under_way.entry(net) {
                *under_way.get_mut() -= 1;
                if *under_way.get() == 0 {
                    under_way.remove();
                }
            }
        }
    }

    /// The login that passed was wrong, or was given up before it was known; `account` stands for the account that it
    /// named. Gives how long the answer takes.
    pub fn wrong(&mut self, source: Source, account: Option<Digest>, now: u64) -> Duration {
        self.right(source);
        let forgets = self.forgets();
        let [own, _around] =
            self.weighed(source).map(|(net, weight)| self.sources.add(net, weight, now, forgets));
        let others = account.map_or(0.0, |account| self.accounts.add(account, 1.0, now, forgets));
        self.delay(own.max(others))
    }

    /// Where a failure from this source counts, and how much.
    fn weighed(&self, source: Source) -> [(Net, f64); 2] {
        [(source.own(), 1.0), (source.around(), 1.0 / f64::from(self.patience.sources.max(1)))]
    }

    /// For how long a network has no room for so many more failures.
    fn full(&self, net: Net, more: f64, now: u64) -> Option<Duration> {
        let over = self.sources.count(net, now, self.forgets()) + more - f64::from(self.patience.most);
        // Eighths and the like do not always add up.
        (over > 1e-6).then(|| self.patience.forgets.mul_f64(over))
    }

    fn delay(&self, count: f64) -> Duration {
        let slow = count.ceil() - f64::from(self.patience.free);
        if slow < 1.0 {
            return Duration::ZERO;
        }
        // Beyond 2^20 every first delay is longer than the longest.
        self.patience.first.mul_f64((slow - 1.0).min(20.0).exp2()).min(self.patience.longest)
    }

    /// Failures forgotten in a millisecond.
    fn forgets(&self) -> f64 {
        1.0 / (self.patience.forgets.as_secs_f64() * 1000.0)
    }
}

/// Counts that fall with time, of a bounded number of names.
#[derive(Debug)]
struct Tallies<K> {
    counts: BTreeMap<K, (f64, u64)>,
    most: usize,
}

impl<K: Ord + Copy> Tallies<K> {
    fn new(most: usize) -> Self {
        Self { counts: BTreeMap::new(), most }
    }

    fn count(&self, name: K, now: u64, forgets: f64) -> f64 {
        self.counts.get(&name).map_or(0.0, |tally| fallen(*tally, now, forgets))
    }

    fn add(&mut self, name: K, weight: f64, now: u64, forgets: f64) -> f64 {
        let count = (self.count(name, now, forgets) + weight).max(0.0);
        if count > 0.0 {
            self.counts.insert(name, (count, now));
        } else {
            self.counts.remove(&name);
        }
        if self.counts.len() > self.most {
            self.make_room(now, forgets);
        }
        count
    }

    /// Forgets the lower half: who fails from many places pushes out his own.
    fn make_room(&mut self, now: u64, forgets: f64) {
        let mut counts: Vec<f64> = self.counts.values().map(|tally| fallen(*tally, now, forgets)).collect();
        counts.sort_by(f64::total_cmp);
        let middle = counts[counts.len() / 2];
        let mut room = self.counts.len() / 2;
        self.counts.retain(|_, tally| {
            let goes = room > 0 && fallen(*tally, now, forgets) <= middle;
            room -= usize::from(goes);
            !goes
        });
    }
}

#[allow(clippy::cast_precision_loss, reason = "times between failures are far below 2^52 milliseconds")]
fn fallen((count, since): (f64, u64), now: u64, forgets: f64) -> f64 {
    (count - now.saturating_sub(since) as f64 * forgets).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;
    const ACCOUNT: Digest = Digest::from_bytes([1; 16]);

    fn throttle() -> Throttle {
        Throttle::new(Patience::USUAL)
    }

    fn source(last: u8) -> Source {
        Source::of(IpAddr::from([192, 0, 2, last]))
    }

    fn fail(throttle: &mut Throttle, source: Source, now: u64) -> Option<Duration> {
        match throttle.begin(source, now) {
            Step::Pass => Some(throttle.wrong(source, Some(ACCOUNT), now)),
            Step::Wait(_) | Step::Refuse(_) => None,
        }
    }

    #[test]
    fn the_first_failures_are_answered_at_once_and_each_later_one_takes_twice_as_long() {
        let mut throttle = throttle();
        let delays: Vec<u128> =
            (0..9).map(|_| fail(&mut throttle, source(1), NOW).unwrap().as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 250, 500, 1000, 2000, 4000, 4000]);
    }

    #[test]
    fn a_source_that_fails_too_often_is_refused_until_it_is_forgotten() {
        let mut throttle = throttle();
        for _ in 0..20 {
            assert!(fail(&mut throttle, source(1), NOW).is_some());
        }
        assert_eq!(throttle.begin(source(1), NOW), Step::Refuse(Duration::from_secs(30)));
        assert_eq!(throttle.begin(source(1), NOW + 20_000), Step::Refuse(Duration::from_secs(10)));
        assert_eq!(throttle.begin(source(1), NOW + 30_000), Step::Pass);
        assert_eq!(throttle.begin(source(2), NOW), Step::Pass, "others are not");
    }

    #[test]
    fn a_right_login_is_answered_whatever_others_did_to_its_account() {
        let mut throttle = throttle();
        for last in 0..200 {
            fail(&mut throttle, Source::of([198, 51, last, 1].into()), NOW);
        }
        assert_eq!(throttle.begin(source(250), NOW), Step::Pass);
        throttle.right(source(250));
        assert_eq!(fail(&mut throttle, source(251), NOW).unwrap(), Patience::USUAL.longest);
    }

    #[test]
    fn right_logins_cost_nothing() {
        let mut throttle = throttle();
        for _ in 0..100 {
            assert_eq!(throttle.begin(source(1), NOW), Step::Pass);
            throttle.right(source(1));
        }
        assert!(throttle.sources.counts.is_empty() && throttle.under_way.is_empty());
    }

    #[test]
    fn many_guesses_at_once_are_no_more_than_one_after_the_other() {
        let mut throttle = throttle();
        let passed = (0..1000).filter(|_| throttle.begin(source(1), NOW) == Step::Pass).count();
        assert_eq!(passed, 20);
        for _ in 0..20 {
            assert!(matches!(throttle.begin(source(1), NOW), Step::Wait(_)));
            throttle.wrong(source(1), None, NOW);
        }
        assert_eq!(throttle.begin(source(1), NOW), Step::Refuse(Duration::from_secs(30)));
        assert!(throttle.under_way.is_empty());
    }

    #[test]
    fn of_many_right_logins_at_once_some_wait_and_none_is_refused() {
        let mut throttle = throttle();
        let (mut waiting, mut done) = (100, 0);
        while waiting > 0 {
            let passed = (0..waiting).filter(|_| throttle.begin(source(1), NOW) == Step::Pass).count();
            assert!((1..=20).contains(&passed));
            (0..passed).for_each(|_| throttle.right(source(1)));
            waiting -= passed;
            done += passed;
        }
        assert_eq!(done, 100);
    }

    #[test]
    fn the_network_around_a_source_is_refused_after_the_failures_of_eight_sources() {
        for around in ["192.0.2.1 192.0.3.1", "2001:db8:1:1:: 2001:db8:2:1::"] {
            let (near, far) = around.split_once(' ').unwrap();
            let far = Source::of(far.parse().unwrap());
            let near = |number: u8| match near.parse().unwrap() {
                IpAddr::V4(_) => source(number),
                IpAddr::V6(address) => {
                    Source::of(IpAddr::V6(Ipv6Addr::from(u128::from(address) + (u128::from(number) << 64))))
                }
            };
            let mut throttle = throttle();
            let failed = (0..=255).filter(|number| fail(&mut throttle, near(*number), NOW).is_some()).count();
            assert_eq!(failed, 160, "{around}");
            assert!(matches!(throttle.begin(near(1), NOW), Step::Refuse(_)));
            assert_eq!(throttle.begin(near(1), NOW + 4_000), Step::Pass, "forgotten as those of eight");
            assert_eq!(throttle.begin(far, NOW), Step::Pass, "others are not");
        }
    }

    #[test]
    fn many_neighbours_at_once_are_looked_at_no_more_than_could_fail() {
        let mut throttle = throttle();
        let passed = (0..=255).filter(|last| throttle.begin(source(*last), NOW) == Step::Pass).count();
        assert_eq!(passed, 160);
        (0..160).for_each(|last| throttle.right(source(last)));
        assert!(throttle.under_way.is_empty());
    }

    #[test]
    fn an_ipv6_site_is_one_source_and_a_mapped_address_is_the_ipv4_one() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_those_who_fail_most_are_remembered_longest() {
        let patience = Patience { remembers: 100, ..Patience::USUAL };
        let mut throttle = Throttle::new(patience);
        for _ in 0..20 {
            fail(&mut throttle, source(1), NOW);
        }
        for number in 0..10_000_u32 {
            let from = Source::of(IpAddr::from((0x0a00_0000 + number).to_be_bytes()));
            throttle.begin(from, NOW);
            throttle.wrong(from, Some(Digest::of(&number.to_be_bytes())), NOW);
            assert!(throttle.sources.counts.len() <= 100 && throttle.accounts.counts.len() <= 100);
        }
        assert!(matches!(throttle.begin(source(1), NOW), Step::Refuse(_)));
    }

    #[test]
    fn a_clock_that_goes_backwards_forgets_nothing() {
        let mut throttle = throttle();
        for _ in 0..20 {
            fail(&mut throttle, source(1), NOW);
        }
        assert!(matches!(throttle.begin(source(1), NOW - 60_000), Step::Refuse(_)));
    }
}
