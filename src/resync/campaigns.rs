//! All campaigns: their counts, what was made of each, and which of that is not yet written down.

use std::collections::{BTreeMap, BTreeSet};

use super::campaign::{Action, Campaign, Cause, ControlError, Counts, Leave, Member, Origin, Stage, State};
use super::running::{Progress, Running};
use crate::id::Id;

/// How many campaigns are kept, if the oldest of them are over.
const MAX_KEPT: usize = 100;

/// How many there are at most; what is changed then is told all the same, as if each phone were alone.
const MAX_CAMPAIGNS: usize = 1_000;

/// What is written down: a campaign, or the counts of one of its accounts.
pub type Written = (Id, Option<Id>);

/// Whether a phone comes into a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// It was cancelled: its phones are left as they are.
    Cancelled,
    /// There are too many.
    Full,
}

/// Every campaign that is not forgotten.
#[derive(Debug, Default)]
pub struct Campaigns {
    all: BTreeMap<Id, Running>,
    changed: BTreeSet<Written>,
}

impl Campaigns {
    /// Those that were written down.
    pub fn restored(
        campaigns: impl IntoIterator<Item = (Id, Campaign)>,
        counts: impl IntoIterator<Item = ((Id, Id), Counts)>,
    ) -> Self {
        let running = campaigns.into_iter().map(|(id, campaign)| (id, Running::of(campaign)));
        let mut all: BTreeMap<Id, Running> = running.collect();
        for ((campaign, account), counts) in counts {
            if let Some(running) = all.get_mut(&campaign) {
                running.total = running.total.plus(&counts);
                running.counts.insert(account, counts);
            }
        }
        Self { all, changed: BTreeSet::new() }
    }

    /// What has changed since this was asked last; who cannot write it down says so with [`Campaigns::unwritten`].
    pub fn take_changed(&mut self) -> BTreeSet<Written> {
        std::mem::take(&mut self.changed)
    }

    /// This is not written down after all.
    pub fn unwritten(&mut self, written: impl IntoIterator<Item = Written>) {
        self.changed.extend(written);
    }

    /// What is to be written down under this name; `None` where it is to be removed.
    pub fn value(&self, (campaign, account): Written) -> Option<Vec<u8>> {
        let running = self.all.get(&campaign)?;
        match account {
            None => serde_json::to_vec(&running.campaign).ok(),
            Some(account) => serde_json::to_vec(running.counts.get(&account)?).ok(),
        }
    }

    /// How all of them get on, the newest first. `rate` is how many phones a second may be told now.
    pub fn progress(&self, now: u64, rate: f64) -> Vec<Progress> {
        let mut all: Vec<Progress> =
            self.all.iter().map(|(id, running)| running.progress(*id, now, rate)).collect();
        all.sort_by_key(|progress| std::cmp::Reverse((progress.campaign.began, progress.id)));
        all
    }

    /// How many phones have come into it.
    pub(super) fn concerned(&self, campaign: Id) -> u64 {
        self.all.get(&campaign).map_or(0, |running| running.total.concerned)
    }

    pub(super) fn is_paused(&self, campaign: Id) -> bool {
        self.all.get(&campaign).is_some_and(|running| running.campaign.state == State::Paused)
    }

    /// True when somebody has asked for its phones.
    pub(super) fn is_sync(&self, campaign: Id) -> bool {
        let running = self.all.get(&campaign);
        running.is_some_and(|running| matches!(running.campaign.cause, Cause::Sync { .. }))
    }

    /// True when somebody has asked for its phones to restart.
    pub(super) fn restarts(&self, campaign: Id) -> bool {
        self.all.get(&campaign).is_some_and(Running::restarts)
    }

    /// Makes sure that there is this campaign.
    pub(super) fn admit(&mut self, origin: &Origin, now: u64) -> Admission {
        if let Some(running) = self.all.get(&origin.campaign) {
            let cancelled = running.campaign.state == State::Cancelled;
            return if cancelled { Admission::Cancelled } else { Admission::Admitted };
        }
        if self.all.len() >= MAX_KEPT && !self.forget_oldest() && self.all.len() >= MAX_CAMPAIGNS {
            return Admission::Full;
        }
        let campaign = Campaign { cause: origin.cause.clone(), began: now, state: State::Running };
        self.all.insert(origin.campaign, Running::of(campaign));
        self.changed.insert((origin.campaign, None));
        Admission::Admitted
    }

    pub(super) fn control(&mut self, campaign: Id, action: Action) -> Result<(), ControlError> {
        let running = self.all.get_mut(&campaign).ok_or(ControlError::Unknown)?;
        if !running.campaign.state.can_be_controlled(!running.total.is_empty()) {
            return Err(ControlError::Over);
        }
        running.campaign.state = match action {
            Action::Pause => State::Paused,
            Action::Resume => State::Running,
            Action::Cancel => State::Cancelled,
        };
        self.changed.insert((campaign, None));
        Ok(())
    }

    /// A phone comes into its campaign.
    pub(super) fn join(&mut self, member: Member, now: u64) {
        self.count(member, now, |counts| counts.concerned += 1);
    }

    /// A phone leaves its campaign, and the queue or for another.
    pub(super) fn leave(&mut self, member: Member, how: Leave, now: u64) {
        self.count(member, now, |counts| counts.leave(how));
    }

    /// A NOTIFY was sent to a phone for the first time.
    pub(super) fn told(&mut self, member: Member, now: u64) {
        self.count(member, now, |counts| counts.told += 1);
        if let Some(running) = self.all.get_mut(&member.campaign) {
            running.pulse.beat(now);
        }
    }

    /// A phone stands in the queue like this.
    pub(super) fn stand(&mut self, member: Member, stage: Stage, next: Option<u64>) {
        let Some(running) = self.all.get_mut(&member.campaign) else { return };
        for counts in [running.counts.entry(member.account).or_default(), &mut running.total] {
            counts.stand(stage, next);
        }
        if stage == Stage::RebootWindow {
            *running.opens.entry(next.unwrap_or(0)).or_default() += 1;
        }
    }

    /// A phone does not stand there like this any more.
    pub(super) fn rise(&mut self, member: Member, stage: Stage, next: Option<u64>) {
        let Some(running) = self.all.get_mut(&member.campaign) else { return };
        let Some(counts) = running.counts.get_mut(&member.account) else { return };
        for counts in [counts, &mut running.total] {
            counts.rise(stage, next);
        }
        if stage == Stage::RebootWindow {
            running.opens_no_more(next.unwrap_or(0));
        }
    }

    /// A restart of a phone of this campaign waits for its hour beside what else the phone waits for.
    pub(super) fn restart_waits(&mut self, member: Member, at: u64) {
        if let Some(running) = self.all.get_mut(&member.campaign).filter(|running| running.restarts()) {
            *running.opens.entry(at).or_default() += 1;
        }
    }

    /// It does not any more.
    pub(super) fn restart_waits_no_more(&mut self, member: Member, at: u64) {
        if let Some(running) = self.all.get_mut(&member.campaign).filter(|running| running.restarts()) {
            running.opens_no_more(at);
        }
    }

    fn count(&mut self, member: Member, now: u64, change: impl Fn(&mut Counts)) {
        if let Some(running) = self.all.get_mut(&member.campaign) {
            for counts in [running.counts.entry(member.account).or_default(), &mut running.total] {
                change(counts);
                counts.changed = now;
            }
            self.changed.insert((member.campaign, Some(member.account)));
        }
    }

    /// False when none is over.
    fn forget_oldest(&mut self) -> bool {
        let over = self.all.iter().filter(|(_, running)| running.is_over());
        let Some(oldest) = over.min_by_key(|(_, running)| running.campaign.began).map(|(id, _)| *id) else {
            return false;
        };
        let accounts = self.all.remove(&oldest).map(|running| running.counts).unwrap_or_default();
        self.changed.extend(accounts.into_keys().map(|account| (oldest, Some(account))));
        self.changed.insert((oldest, None));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: Id = Id::from_bytes([9; 16]);

    fn origin(number: u64) -> Origin {
        Origin::of(Cause::Account { account: SHOP }, &number.to_be_bytes())
    }

    #[test]
    fn campaigns_that_are_over_make_room_and_others_do_not() {
        let mut campaigns = Campaigns::default();
        for number in 0..MAX_KEPT as u64 {
            assert_eq!(campaigns.admit(&origin(number), number), Admission::Admitted);
        }
        campaigns.take_changed();
        campaigns.admit(&origin(500), 500);
        assert!(campaigns.all.len() == MAX_KEPT && !campaigns.all.contains_key(&origin(0).campaign));
        assert_eq!(campaigns.value((origin(0).campaign, None)), None);
        assert!(campaigns.take_changed().contains(&(origin(0).campaign, None)), "its note is removed");
        let busy = |campaigns: &mut Campaigns, number| {
            let member = Member { campaign: origin(number).campaign, account: SHOP, told: false };
            let admitted = campaigns.admit(&origin(number), number);
            campaigns.join(member, number);
            campaigns.stand(member, Stage::Waiting, None);
            admitted
        };
        for number in 1000..1000 + MAX_CAMPAIGNS as u64 {
            assert_eq!(busy(&mut campaigns, number), Admission::Admitted);
        }
        assert_eq!(campaigns.admit(&origin(9999), 9999), Admission::Full);
        assert_eq!(campaigns.all.len(), MAX_CAMPAIGNS);
    }

    #[test]
    fn an_end_is_estimated_from_what_was_told_lately_and_from_what_may_be() {
        let mut campaigns = Campaigns::default();
        let member = Member { campaign: origin(1).campaign, account: SHOP, told: false };
        campaigns.admit(&origin(1), 0);
        for _ in 0..100 {
            campaigns.join(member, 0);
            campaigns.stand(member, Stage::Waiting, None);
        }
        assert_eq!(campaigns.progress(0, 20.0)[0].ends, Some(5000));
        for second in 0..10 {
            for _ in 0..4 {
                campaigns.told(member, second * 1000);
                campaigns.rise(member, Stage::Waiting, None);
                campaigns.stand(member, Stage::Answered, None);
            }
        }
        let progress = campaigns.progress(9_999, 20.0).remove(0);
        assert!((3.9..4.1).contains(&progress.rate), "{progress:?}");
        assert_eq!(progress.ends, Some(24_999));
        campaigns.control(origin(1).campaign, Action::Pause).unwrap();
        assert_eq!(campaigns.progress(10_000, 20.0)[0].ends, None);
    }

    #[test]
    fn what_is_over_cannot_be_paused_and_what_is_not_there_neither() {
        let mut campaigns = Campaigns::default();
        assert_eq!(campaigns.control(SHOP, Action::Pause), Err(ControlError::Unknown));
        campaigns.admit(&origin(1), 0);
        assert_eq!(campaigns.control(origin(1).campaign, Action::Pause), Err(ControlError::Over));
        assert_eq!(campaigns.progress(0, 1.0)[0].campaign.state, State::Done);
    }

    #[test]
    fn a_paused_campaign_is_never_forgotten_and_can_always_go_on() {
        let mut campaigns = Campaigns::default();
        let member = Member { campaign: origin(0).campaign, account: SHOP, told: false };
        campaigns.admit(&origin(0), 0);
        campaigns.join(member, 0);
        campaigns.stand(member, Stage::Waiting, None);
        campaigns.control(member.campaign, Action::Pause).unwrap();
        campaigns.rise(member, Stage::Waiting, None);
        assert_eq!(campaigns.progress(0, 1.0)[0].campaign.state, State::Paused);
        for number in 1..=MAX_KEPT as u64 {
            assert_eq!(campaigns.admit(&origin(number), number), Admission::Admitted);
        }
        assert!(campaigns.is_paused(member.campaign));
        campaigns.control(member.campaign, Action::Resume).unwrap();
        assert_eq!(campaigns.control(member.campaign, Action::Pause), Err(ControlError::Over));
    }
}
