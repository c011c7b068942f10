//! Who guesses passwords, and whose answers are therefore not looked at for a while.
//!
//! A wrong answer counts against its source and line together: after [`TRIES`] of them the answers of that source for
//! that line are refused unseen. That costs the others of the same source nothing, so one phone with an old password
//! does not shut its office out. A source that is wrong about many lines is refused for all lines but those it has
//! registered before; and while a line is guessed at from many sources, each new one has fewer tries. A line is never
//! locked: a source that has registered it is always listened to, and any other has a first try.
//!
//! Only answers to our own nonces count, so nobody can fail in the name of another address. All counts fall with time.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use super::fingerprint::Fingerprint;
use super::timers::Timers;

/// So many wrong answers of one source for one line, and no more of its answers are looked at.
pub const TRIES: u64 = 10;
/// The same while the line is guessed at from many sources.
pub const TRIES_UNDER_ATTACK: u64 = 2;
/// So many wrong answers for a line, from whatever sources, and it is under attack.
pub const ATTACK: u64 = 100;
/// About so many lines a source may be wrong.
pub const LINES: u64 = 50;
/// In so many seconds one wrong answer is forgotten: of a source for a line.
pub const FORGETS_TRY: u64 = 30;
/// And of a line, or of a source.
pub const FORGETS: u64 = 10;
/// For so many seconds a source that is wrong about a line again is wrong about no other line.
pub const SAME_LINE: u64 = 3600;
/// So many counts of each kind are remembered; the one that would be forgotten first makes room.
pub const MAX_COUNTS: usize = 16_384;
/// So many registrations are remembered as made from where they were.
pub const MAX_KNOWN: usize = 131_072;
/// For so many seconds.
pub const KNOWN: u64 = 7 * 24 * 3600;
/// What registers again within so many seconds is not noted anew.
const NOTED: u64 = 3600;

/// A source and a line.
type Pair = (IpAddr, Fingerprint);

/// What is known of wrong answers. All times are Unix seconds; one that goes backwards forgets nothing.
#[derive(Debug)]
pub struct Guesses {
    pairs: Counts<Pair>,
    lines: Counts<Fingerprint>,
    sources: Counts<IpAddr>,
    /// Until when a source that is wrong about a line again is wrong about no other line.
    wrong: Timers<u64, Pair>,
    known: Timers<u64, Pair>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            pairs: Counts::new(FORGETS_TRY, TRIES),
            lines: Counts::new(FORGETS, ATTACK),
            sources: Counts::new(FORGETS, LINES),
            wrong: Timers::default(),
            known: Timers::default(),
        }
    }
}

impl Guesses {
    /// Whether an answer of this source for this line is not to be looked at.
    pub fn refuses(&self, source: IpAddr, line: Fingerprint, now: u64) -> bool {
        let pair @ (site, _) = (site(source), line);
        if self.known.at(&pair).is_some_and(|until| now < until) {
            return false;
        }
        let tries = self.pairs.count(&pair, now);
        let attacked = self.lines.count(&line, now) >= ATTACK;
        let most = if attacked { TRIES_UNDER_ATTACK } else { TRIES };
        tries >= most || self.sources.count(&site, now) >= LINES
    }

    /// An answer was wrong.
    pub fn wrong(&mut self, source: IpAddr, line: Fingerprint, now: u64) {
        let pair @ (site, _) = (site(source), line);
        if self.wrong.at(&pair).is_none_or(|until| until <= now) {
            self.sources.add(&site, now);
        }
        keep(&mut self.wrong, pair, now, (SAME_LINE, MAX_COUNTS));
        self.pairs.add(&pair, now);
        self.lines.add(&line, now);
    }

    /// An answer was right: this source may be wrong about this line from now on.
    pub fn right(&mut self, source: IpAddr, line: Fingerprint, now: u64) {
        let pair = (site(source), line);
        self.pairs.forget(&pair);
        let lately = self.known.at(&pair).is_some_and(|until| until + NOTED > now + KNOWN);
        if !lately {
            keep(&mut self.known, pair, now, (KNOWN, MAX_KNOWN));
        }
    }
}

/// Keeps a pair for some seconds, and so many others at most.
fn keep(kept: &mut Timers<u64, Pair>, pair: Pair, now: u64, (seconds, most): (u64, usize)) {
    while kept.due(now).is_some() {}
    if kept.at(&pair).is_none() && kept.len() >= most {
        kept.earliest();
    }
    kept.set(&pair, now + seconds);
}

/// An IPv4 address, or the 64 bits of an IPv6 address that one site has to itself.
pub fn site(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Counts that fall by one in every `forgets` seconds, each held as the second at which it will be zero.
#[derive(Debug)]
struct Counts<K> {
    forgets: u64,
    most: u64,
    zero: Timers<u64, K>,
}

impl<K: Ord + Hash + Clone> Counts<K> {
    /// Counts that end at `most`.
    fn new(forgets: u64, most: u64) -> Self {
        Self { forgets, most, zero: Timers::default() }
    }

    fn count(&self, key: &K, now: u64) -> u64 {
        self.zero.at(key).map_or(0, |zero| zero.saturating_sub(now).div_ceil(self.forgets))
    }

    fn add(&mut self, key: &K, now: u64) {
        while self.zero.due(now).is_some() {}
        let zero = self.zero.at(key).map_or(now, |zero| zero.max(now)) + self.forgets;
        if self.zero.at(key).is_none() && self.zero.len() >= MAX_COUNTS {
            self.zero.earliest();
        }
        self.zero.set(key, zero.min(now + self.most * self.forgets));
    }

    fn forget(&mut self, key: &K) {
        self.zero.clear(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Fingerprint {
        Fingerprint::of(&[&number.to_string()])
    }

    fn source(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    fn wrong(guesses: &mut Guesses, source: IpAddr, line: Fingerprint, times: u64, now: u64) {
        (0..times).for_each(|_| guesses.wrong(source, line, now));
    }

    #[test]
    fn who_guesses_is_refused_for_that_line_and_no_other() {
        let mut guesses = Guesses::default();
        wrong(&mut guesses, source(1), line(1), TRIES - 1, 1000);
        assert!(!guesses.refuses(source(1), line(1), 1000));
        guesses.wrong(source(1), line(1), 1000);
        assert!(guesses.refuses(source(1), line(1), 1000));
        assert!(!guesses.refuses(source(1), line(2), 1000), "another phone of the same office");
        assert!(!guesses.refuses(source(2), line(1), 1000), "the same line from elsewhere");
    }

    #[test]
    fn a_refused_guess_comes_back_with_time() {
        let mut guesses = Guesses::default();
        wrong(&mut guesses, source(1), line(1), 1000, 1000);
        assert!(guesses.refuses(source(1), line(1), 1000 + FORGETS_TRY - 1));
        assert!(!guesses.refuses(source(1), line(1), 1000 + FORGETS_TRY), "one try");
        guesses.wrong(source(1), line(1), 1000 + FORGETS_TRY);
        assert!(guesses.refuses(source(1), line(1), 1000 + FORGETS_TRY));
        assert!(guesses.refuses(source(1), line(1), 500), "a clock set back forgets nothing");
    }

    #[test]
    fn an_office_whose_phones_have_an_old_password_is_not_shut_out() {
        let mut guesses = Guesses::default();
        for phone in 0..100 {
            guesses.right(source(1), line(phone), 1000);
        }
        (0..99).for_each(|phone| guesses.wrong(source(1), line(phone), 5000));
        for phone in 0..100 {
            assert!(
                !guesses.refuses(source(1), line(phone), 5000),
                "{phone} has registered from here before"
            );
        }
        assert!(guesses.refuses(source(1), line(100), 5000), "a line that was never registered from here");
        assert!(!guesses.refuses(source(2), line(100), 5000));
        for minute in 1..50 {
            (0..99).for_each(|phone| guesses.wrong(source(1), line(phone), 5000 + minute * 60));
        }
        assert!(!guesses.refuses(source(1), line(100), 8000), "the same lines are no news");
    }

    #[test]
    fn a_few_phones_that_are_wrong_for_ever_are_a_few_lines() {
        let mut guesses = Guesses::default();
        for minute in 0..600 {
            for phone in 0..LINES - 1 {
                guesses.wrong(source(1), line(phone), 1000 + minute * 20);
            }
        }
        assert!(!guesses.refuses(source(1), line(99), 13_000));
    }

    #[test]
    fn a_source_that_tries_one_password_on_many_lines_is_refused() {
        let mut guesses = Guesses::default();
        for n in 0..LINES {
            assert!(!guesses.refuses(source(1), line(n), 1000));
            guesses.wrong(source(1), line(n), 1000);
        }
        assert!(guesses.refuses(source(1), line(99), 1000));
        assert!(!guesses.refuses(source(1), line(99), 1000 + FORGETS));
    }

    #[test]
    fn a_line_that_many_sources_guess_at_gives_each_fewer_tries_and_is_never_locked() {
        let mut guesses = Guesses::default();
        guesses.right(source(0), line(1), 900);
        for n in 1..=50 {
            wrong(&mut guesses, source(n), line(1), 2, 1000);
        }
        assert!(guesses.refuses(source(1), line(1), 1000));
        assert!(!guesses.refuses(source(0), line(1), 1000), "where it has registered before");
        assert!(!guesses.refuses(source(99), line(1), 1000), "whoever comes new has a try");
        wrong(&mut guesses, source(99), line(1), TRIES_UNDER_ATTACK, 1000);
        assert!(guesses.refuses(source(99), line(1), 1000));
    }

    #[test]
    fn what_was_known_is_forgotten_after_a_week() {
        let mut guesses = Guesses::default();
        guesses.right(source(1), line(1), 1000);
        wrong(&mut guesses, source(1), line(1), TRIES, 1000 + KNOWN);
        assert!(guesses.refuses(source(1), line(1), 1000 + KNOWN));
    }

    #[test]
    fn a_site_has_sixty_four_bits_of_ipv6_to_itself() {
        let mut guesses = Guesses::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        wrong(&mut guesses, address("2001:db8::1"), line(1), TRIES, 1000);
        assert!(guesses.refuses(address("2001:db8::ffff:1"), line(1), 1000));
        assert!(!guesses.refuses(address("2001:db8:0:1::1"), line(1), 1000));
        wrong(&mut guesses, address("::ffff:10.0.0.1"), line(1), TRIES, 1000);
        assert!(guesses.refuses(source(1), line(1), 1000));
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let mut guesses = Guesses::default();
        for n in 0..MAX_COUNTS as u64 + 9 {
            guesses.wrong(source(u32::try_from(n).unwrap()), line(n), 1000);
        }
        let tables = [guesses.pairs.zero.len(), guesses.lines.zero.len(), guesses.sources.zero.len()];
        assert_eq!(tables, [MAX_COUNTS; 3]);
        guesses.wrong(source(1), line(1), 1_000_000);
        assert_eq!(guesses.pairs.zero.len(), 1, "what has fallen to zero is forgotten");
    }
}
