//! One campaign while it is not forgotten, and how it gets on.

use std::collections::BTreeMap;

use super::Ask;
use super::campaign::{Campaign, Cause, Counts, Stage, State};
use super::pulse::Pulse;
use crate::id::Id;

/// How a campaign gets on.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Its name.
    pub id: Id,
    /// What set it off, and when.
    pub campaign: Campaign,
    /// Its phones, by account.
    pub counts: BTreeMap<Id, Counts>,
    /// How many phones were told in a second, lately.
    pub rate: f64,
    /// When all will have been told, in Unix milliseconds; `None` while nobody can say.
    pub ends: Option<u64>,
}

impl Progress {
    /// True while it can be paused, resumed or cancelled: until it cannot, some of its phones may be told.
    pub fn can_be_controlled(&self) -> bool {
        self.campaign.state.can_be_controlled(self.counts.values().any(|counts| !counts.is_empty()))
    }
}

/// A campaign, and its phones by their accounts.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) campaign: Campaign,
    pub(super) counts: BTreeMap<Id, Counts>,
    /// All of these together.
    pub(super) total: Counts,
    pub(super) pulse: Pulse,
    /// How many wait for an hour, by when they are told, with those that wait for something else as well.
    pub(super) opens: BTreeMap<u64, u64>,
}

impl Running {
    pub(super) fn of(campaign: Campaign) -> Self {
        let (counts, total) = (BTreeMap::new(), Counts::default());
        Self { campaign, counts, total, pulse: Pulse::default(), opens: BTreeMap::new() }
    }

    /// True when somebody has asked for its phones to restart.
    pub(super) fn restarts(&self) -> bool {
        matches!(self.campaign.cause, Cause::Sync { ask: Ask::Reboot, .. })
    }

    /// True when nothing more comes of it by itself. One that is paused goes on some time.
    pub(super) fn is_over(&self) -> bool {
        match self.campaign.state {
            State::Paused => false,
            State::Running => !self.total.is_active() && self.opens.is_empty(),
            State::Cancelled | State::Done => true,
        }
    }

    /// One that waited for this hour does not any more.
    pub(super) fn opens_no_more(&mut self, at: u64) {
        if let Some(waiting) = self.opens.get_mut(&at) {
            *waiting -= 1;
            if *waiting == 0 {
                self.opens.remove(&at);
            }
        }
    }

    /// How it gets on. `may` is how many phones a second may be told now.
    pub(super) fn progress(&self, id: Id, now: u64, may: f64) -> Progress {
        let mut campaign = self.campaign.clone();
        if campaign.state == State::Running && self.is_over() {
            campaign.state = State::Done;
        }
        let rate = self.pulse.rate(now);
        let ends =
            (campaign.state == State::Running).then(|| self.ends(now, if rate > 0.0 { rate } else { may }));
        Progress { id, campaign, counts: self.counts.clone(), rate, ends: ends.flatten() }
    }

    /// When all will have been told at this rate; `None` when they are, and it is up to them to come.
    fn ends(&self, now: u64, rate: f64) -> Option<u64> {
        let total = &self.total;
        let seconds = |phones: u64| {
            let phones = f64::from(u32::try_from(phones).unwrap_or(u32::MAX));
            std::time::Duration::from_secs_f64((phones / rate.max(0.1)).min(1e9))
        };
        let after = |from: u64, phones| from + u64::try_from(seconds(phones).as_millis()).unwrap_or(0);
        let waiting = total.at(Stage::Waiting);
        match self.opens.values().sum::<u64>() {
            0 if waiting == 0 => None,
            0 => Some(after(now, waiting)),
            hours => {
                let opens = self.opens.last_key_value().map_or(now, |(opens, _)| *opens);
                Some(after(opens.max(now), hours))
            }
        }
    }
}
