//! How fast phones are told: a closed loop. No more NOTIFYs are begun than are answered, within a cap; signs of an
//! overloaded proxy halve the speed, and answers bring it back little by little (AIMD).
//!
//! A proxy keeps each NOTIFY in memory for seconds after its answer, and says nothing until it has none left and drops
//! everything. So a proxy is given more only little by little, however quickly it answers.
//!
//! A phone that is silent for a second gives its place to another, since most of the silent are dead and would hold it
//! for 32; but there may be only so many of them, or a proxy that drowns would be given ever more to do.

use std::collections::{BTreeMap, BTreeSet};

use super::Pace;

/// How long an unanswered NOTIFY holds its place, in milliseconds.
const PATIENCE: u64 = 1_000;

/// How many silent phones there may be for each place of the window.
const SILENT: usize = 16;

/// With how many NOTIFYs under way to begin.
const FIRST_WINDOW: f64 = 16.0;

/// With how many a second to begin at a proxy, and how many more there may be after each second: less than a Kamailio
/// of 64 MiB keeps for five seconds, which is 14 KB each.
const FIRST_RATE: f64 = 200.0;
const RAMP: f64 = 20.0;

/// After so many seconds in which nothing began, a proxy is begun with anew.
const REST: u64 = 10;

/// Near the rate, as a part of it, at which a proxy had too much to do, the rate grows so much slower.
const NEAR: f64 = 0.8;
const CAREFULLY: f64 = 0.1;

/// Of how many phones at least it is said how many were lost.
const ROUND: u32 = 48;

/// After how many milliseconds a NOTIFY is sent again (T1 of RFC 3261): what is answered later was probably lost once.
const RESENT: u64 = 500;

/// Once answers take so many milliseconds, or three times as long as the quickest and this much, the window grows no
/// more: it would only make the queue before a proxy longer.
const SLOW: u64 = RESENT / 2;
const QUEUED: u64 = 20;

/// So many unanswered NOTIFYs, and nothing heard for [`SLOW`] milliseconds: a proxy has fallen silent.
const MUTE: usize = 4;

/// The longest `Retry-After` that everybody waits for, in milliseconds.
const LONGEST_PAUSE: u64 = 300_000;

/// How far the schedule may lag behind the clock and still be made up for, in microseconds.
const SLACK: u64 = 20_000;

/// What the end of a NOTIFY says about the way that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Nothing was sent.
    Nothing,
    /// It was answered.
    Heard,
    /// A server has too much to do (500, 503), and perhaps says for how many milliseconds (else 0).
    Overload(u64),
    /// It was lost: silence, or a proxy's 408.
    Lost,
}

/// The window and the rate of now, and what is under way.
#[derive(Debug)]
pub(super) struct Flow {
    cap: Pace,
    window: f64,
    rate: f64,
    /// The rate at which a proxy last had too much to do.
    too_much: f64,
    /// True until the first sign of too much: the window grows by one with every answer.
    rushes: bool,
    /// When the next may begin by the rate, in microseconds.
    free_at: u64,
    /// Before this nothing begins: a proxy has asked for it. In milliseconds.
    held_until: u64,
    /// Those that hold a place, with the time they began.
    fresh: BTreeMap<u64, u64>,
    /// Those that have been silent for too long to hold one.
    silent: BTreeSet<u64>,
    /// What began before the last decrease says nothing about the speed since.
    decreased_at: u64,
    begun: u64,
    /// The last that began when at least half the window was taken: a window that nobody needs does not grow.
    filled: u64,
    heard: u32,
    lost: u32,
    /// Of those lost, the ones that were answered when they were sent again: they were no dead phones.
    late: u32,
    /// How long an answer takes, in milliseconds, lately.
    answer_time: u64,
    /// The shortest that an answer took, in milliseconds.
    quickest: u64,
    /// When an answer came last.
    heard_at: u64,
    second: (u64, u32, u32),
}

impl Flow {
    pub(super) fn new(cap: Pace) -> Self {
        let most = f64::from(cap.per_second.max(1));
        let (window, rate) = if cap.proxied {
            (FIRST_WINDOW.min(places(cap)), FIRST_RATE.min(most))
        } else {
            (places(cap), most)
        };
        Self {
            cap,
            window,
            rate,
            too_much: f64::INFINITY,
            rushes: true,
            free_at: 0,
            held_until: 0,
            fresh: BTreeMap::new(),
            silent: BTreeSet::new(),
            decreased_at: 0,
            begun: 0,
            filled: 0,
            heard: 0,
            lost: 0,
            late: 0,
            answer_time: 0,
            quickest: SLOW,
            heard_at: 0,
            second: (0, 0, 0),
        }
    }

    /// NOTIFYs a second that there may be now.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// When the next may begin, if no other ends before: `now`, or a later time; `None` when one has to end first.
    pub(super) fn free(&mut self, now: u64) -> Option<u64> {
        self.give_places_back(now);
        let at = self.held_until.max(self.free_at.div_ceil(1000)).max(now);
        if let Some(begun) = self.mute_since(now) {
            return Some(at.max(begun + PATIENCE));
        }
        if count(self.fresh.len()) < self.window.max(1.0).floor() {
            return Some(at);
        }
        if self.silent.len() >= self.most_silent() {
            return None;
        }
        self.fresh.values().next().map(|begun| at.max(begun + PATIENCE))
    }

    /// One begins.
    pub(super) fn begin(&mut self, number: u64, now: u64) {
        self.free_at = self.free_at.max((now * 1000).saturating_sub(SLACK)) + self.interval();
        self.begun = self.begun.max(number);
        self.fresh.insert(number, now);
        if 2.0 * count(self.fresh.len()) >= self.window {
            self.filled = number;
        }
        let second = now / 1000;
        if self.cap.proxied && self.second.0 + REST < second {
            self.rate = self.rate.min(FIRST_RATE);
        }
        self.second = match self.second {
            (this, count, before) if this == second => (second, count + 1, before),
            (this, count, _) if this + 1 == second => (second, 1, count),
            _ => (second, 1, 0),
        };
    }

    /// One has ended.
    pub(super) fn end(&mut self, number: u64, sign: Sign, now: u64) {
        let was_silent = self.silent.remove(&number);
        let begun = self.fresh.remove(&number);
        if begun.is_none() && !was_silent {
            return;
        }
        if matches!(sign, Sign::Heard | Sign::Overload(_)) {
            self.heard_at = now;
        }
        let was_resent = begun.is_some_and(|begun| begun + RESENT < now);
        match sign {
            Sign::Nothing => self.free_at = self.free_at.saturating_sub(self.interval()),
            Sign::Heard if self.cap.proxied && was_silent => {}
            Sign::Heard if self.cap.proxied && was_resent => {
                self.late += u32::from(number > self.decreased_at);
                self.count_lost(number);
            }
            Sign::Heard => {
                let took = begun.map_or(PATIENCE, |begun| now.saturating_sub(begun));
                self.answer_time = (self.answer_time * 7 + took) / 8;
                self.quickest = self.quickest.min(took);
                self.grow(number);
            }
            Sign::Overload(pause) if self.cap.proxied => {
                self.held_until = self.held_until.max(now + pause.min(LONGEST_PAUSE));
                self.shrink(number);
            }
            Sign::Overload(_) => self.count_lost(number),
            // Where it took long, its silence has been counted.
            Sign::Lost if self.cap.proxied && !was_silent => self.count_lost(number),
            Sign::Lost => {}
        }
    }

    /// Those that have waited for too long hold no place any more, while there are not too many of them.
    fn give_places_back(&mut self, now: u64) {
        while let Some((number, begun)) =
            self.fresh.first_key_value().map(|(number, begun)| (*number, *begun))
        {
            if begun + PATIENCE > now || self.silent.len() >= self.most_silent() {
                return;
            }
            self.fresh.remove(&number);
            self.silent.insert(number);
            if self.cap.proxied {
                self.count_lost(number);
            }
        }
    }

    /// Since when the oldest NOTIFY waits at a proxy that answers nobody any more: more of them would only be sent again
    /// and again.
    fn mute_since(&self, now: u64) -> Option<u64> {
        let oldest = *self.fresh.values().next()?;
        let mute = self.fresh.len() >= MUTE && self.heard_at.max(oldest) + SLOW < now;
        (self.cap.proxied && mute).then_some(oldest)
    }

    fn most_silent(&self) -> usize {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the window is at least 1 and small"
        )]
        let window = self.window.max(1.0) as usize;
        window * SILENT
    }

    fn grow(&mut self, number: u64) {
        self.heard += 1;
        let loses = self.late > 1 || self.lost > 3 && self.lost * 5 > self.heard + self.lost;
        let is_full = loses || self.answer_time > SLOW.min(3 * self.quickest + QUEUED);
        self.rushes &= !is_full;
        if !is_full {
            self.quicken(number);
        }
        self.close_round();
    }

    /// Window and rate grow, each if it was what held others back.
    fn quicken(&mut self, number: u64) {
        if number <= self.filled {
            let more = if self.rushes { 1.0 } else { 1.0 / self.window };
            self.window = (self.window + more).min(places(self.cap));
        }
        if self.rate < 2.0 * self.real_rate() {
            let step = if self.rate > NEAR * self.too_much { RAMP * CAREFULLY } else { RAMP };
            self.rate = (self.rate + step / self.rate).min(f64::from(self.cap.per_second.max(1)));
        }
    }

    fn count_lost(&mut self, number: u64) {
        if number > self.decreased_at {
            self.lost += 1;
            let was_late = self.late > 1;
            if self.close_round() {
                if was_late { self.shrink(number) } else { self.narrow() }
            }
        }
    }

    /// True when a round is over and more than a quarter of it was lost, for a fleet has dead phones, but not so many; or
    /// more than a twentieth was answered late, for nothing is lost on a way that is not overloaded.
    fn close_round(&mut self) -> bool {
        let all = self.heard + self.lost;
        let too_late = self.late * 20 > all.max(ROUND);
        if !too_late && (all < ROUND || count(all as usize) < self.window) {
            return false;
        }
        let too_many = too_late || self.lost * 4 > all;
        (self.heard, self.lost, self.late) = (0, 0, 0);
        too_many
    }

    /// Halves window and rate, once for all that is under way.
    fn shrink(&mut self, number: u64) {
        if number > self.decreased_at {
            self.too_much = self.rate.min(self.real_rate());
            self.rate = (self.too_much / 2.0).max(1.0);
            self.narrow();
        }
    }

    /// How many began in this second or the one before, at least 1.
    fn real_rate(&self) -> f64 {
        let (_, count, before) = self.second;
        f64::from(count.max(before).max(1))
    }

    /// Halves the window.
    fn narrow(&mut self) {
        self.window = (self.window / 2.0).max(1.0);
        self.rushes = false;
        self.decreased_at = self.begun;
        (self.heard, self.lost, self.late) = (0, 0, 0);
    }

    /// Microseconds between two.
    fn interval(&self) -> u64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the rate is at least 1")]
        let interval = (1_000_000.0 / self.rate.max(1.0)) as u64;
        interval
    }
}

fn places(cap: Pace) -> f64 {
    count(cap.window.max(1))
}

#[allow(clippy::cast_precision_loss, reason = "windows are small")]
fn count(of: usize) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests;
