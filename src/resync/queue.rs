//! Whom to tell next, and when.

use std::collections::{BTreeMap, BTreeSet};

use super::campaign::{Leave, Member, Stage};
use super::campaigns::Campaigns;
use super::dice::Dice;
use super::flow::{Flow, Sign};
use super::pending::Pending;
use super::running::Progress;
use super::telling::{End, Pace, Step, Telling};
use crate::id::Id;

mod control;
mod entry;
mod restart;
mod signs;

#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod waits;

const MINUTE: u64 = 60_000;

/// How long to wait for a phone to come back before it is asked again. After the last it is left alone until
/// something changes: a phone that answers and never fetches must not be rebooted for ever.
const WAITS: [u64; 3] = [5 * MINUTE, 15 * MINUTE, 60 * MINUTE];

/// How long to wait where it could not even be found out how a phone stands.
const HICCUP: u64 = 5_000;

/// How often a phone is put off because a server has too much to do, before that counts as no answer.
const MAX_DEFERRED: u8 = 8;

/// The longest that a phone is put off, in milliseconds, unless a server asks for more.
const LONGEST_DEFERRAL: u64 = MINUTE;

/// Over how many milliseconds those are spread that wait for the same hour.
const OPENING: u64 = 30_000;

/// The phones that must be told. Every method that changes a phone leaves its state at [`Queue::pending`], so
/// that it can be written down, and what it changes of campaigns in [`Queue::campaigns`].
#[derive(Debug)]
pub struct Queue {
    pace: Pace,
    flow: Flow,
    dice: Dice,
    campaigns: Campaigns,
    phones: BTreeMap<Id, Pending>,
    due: BTreeSet<(u64, Id)>,
    under_way: BTreeMap<Id, Telling>,
    tellings: u64,
}

impl Queue {
    /// A queue with the phones and campaigns that stood in it before a restart. `seed` is any number.
    pub fn new(
        pace: Pace,
        seed: u64,
        campaigns: Campaigns,
        phones: impl IntoIterator<Item = (Id, Pending)>,
    ) -> Self {
        let mut queue = Self {
            pace,
            flow: Flow::new(pace),
            dice: Dice::new(seed),
            campaigns,
            phones: BTreeMap::new(),
            due: BTreeSet::new(),
            under_way: BTreeMap::new(),
            tellings: 0,
        };
        for (id, phone) in phones {
            queue.stand(id, phone);
        }
        queue
    }

    /// A phone's place in the queue.
    pub fn pending(&self, id: Id) -> Option<&Pending> {
        self.phones.get(&id)
    }

    /// A phone's place in the queue as it is written down: one that is being told is told again after a restart.
    pub fn record(&self, id: Id) -> Option<Pending> {
        let phone = *self.phones.get(&id)?;
        Some(match self.under_way.get(&id) {
            Some(telling) if phone.next.is_none() => {
                Pending { next: Some(phone.since), ..phone.carrying_on(*telling) }
            }
            _ => phone,
        })
    }

    /// How many phones stand in the queue.
    pub fn len(&self) -> usize {
        self.phones.len()
    }

    /// True when every phone has come back.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty()
    }

    /// The campaigns, for what of them is to be written down.
    pub fn campaigns(&mut self) -> &mut Campaigns {
        &mut self.campaigns
    }

    /// How the campaigns get on, the newest first.
    pub fn progress(&self, now: u64) -> Vec<Progress> {
        self.campaigns.progress(now, self.flow.rate())
    }

    /// The phone is gone: deleted, or switched off.
    pub fn remove(&mut self, id: Id, now: u64) {
        self.depart(id, Leave::Otherwise, now);
    }

    /// What to do now. What somebody asked for leaves with the telling that carries it.
    pub fn next(&mut self, now: u64) -> Step {
        let due = self.due.iter().find(|(_, id)| !self.under_way.contains_key(id)).copied();
        let Some((at, id)) = due else { return Step::Wait };
        if at > now {
            return Step::WaitUntil(at);
        }
        match self.flow.free(now) {
            None => return Step::Wait,
            Some(at) if at > now => return Step::WaitUntil(at),
            Some(_) => {}
        }
        let Some(phone) = self.phones.get(&id).copied() else { return Step::Wait };
        let restart = phone.restart.filter(|restart| *restart <= now && !self.is_held_restart(&phone));
        let beside = restart.map(|_| phone);
        let phone = restart.map_or(phone, |restart| phone.restarting(restart));
        self.tellings += 1;
        self.flow.begin(self.tellings, now);
        let telling =
            Telling { id, asked: phone.asked, at_once: phone.at_once, number: self.tellings, beside };
        self.under_way.insert(id, telling);
        self.put(
            id,
            Pending { next: None, asked: None, at_once: false, stage: Stage::Waiting, ..phone },
            now,
        );
        Step::Tell(telling)
    }

    /// The telling's NOTIFY is sent.
    pub fn sent(&mut self, telling: Telling, now: u64) {
        let Some(phone) = self.phones.get_mut(&telling.id) else { return };
        let is_beside = |member: &Member| phone.restart.is_some() && self.campaigns.restarts(member.campaign);
        if let Some(member) = phone.member.as_mut().filter(|member| !member.told && !is_beside(member)) {
            member.told = true;
            self.campaigns.told(*member, now);
        }
    }

    /// A telling has ended. While the phone holds something old it is asked again after 5, 15 and 60 minutes;
    /// where it is nowhere, when it registers. What came up meanwhile, a change or somebody who asked, is not
    /// overtaken, and takes with it what has not reached the phone. `sign` is what its NOTIFY says about the way that it took.
    pub fn ended(&mut self, telling: Telling, end: End, sign: Sign, now: u64) {
        self.flow.end(telling.number, sign, now);
        let id = telling.id;
        if self.under_way.get(&id).is_none_or(|own| own.number != telling.number) {
            return;
        }
        let Some(telling) = self.under_way.remove(&id) else { return };
        let Some(phone) = self.phones.get(&id).copied() else { return };
        let again = phone.carrying_on(telling);
        let phone = match end {
            End::Missed | End::Nowhere | End::Busy | End::Hiccup | End::Closed(_) if phone.next.is_some() => {
                again
            }
            _ if phone.next.is_some() => return,
            End::Needless if phone.obeyed => return self.leave(id, Leave::GaveUp, now),
            End::Needless => return self.leave(id, Leave::CameBack, now),
            End::Obeyed if phone.member.is_none() => return self.leave(id, Leave::CameBack, now),
            End::Disobeyed => return self.leave(id, Leave::Unreached, now),
            End::Obeyed => self.expected(phone, now),
            End::Answered => self.once_more(there(phone), Stage::Answered, now),
            End::Declined => self.once_more(there(phone), Stage::Unanswered, now),
            End::Unanswered => self.once_more(Pending { missed: false, ..phone }, Stage::Unanswered, now),
            End::Missed => {
                self.once_more(Pending { reached: false, missed: true, ..again }, Stage::Unanswered, now)
            }
            End::Nowhere => Pending { stage: Stage::Nowhere, reached: false, missed: false, ..again },
            End::Hiccup => Pending { next: Some(now + HICCUP), ..again },
            End::Closed(opens) => {
                let opens = opens + self.dice.below(OPENING);
                let stays = |before| Pending { restart: Some(opens), ..before };
                telling.beside.map_or_else(|| again.closed(opens, now), stays)
            }
            End::Busy if phone.deferred >= MAX_DEFERRED => {
                self.once_more(Pending { missed: false, ..phone }, Stage::Unanswered, now)
            }
            End::Busy => {
                let pause = if let Sign::Overload(pause) = sign { pause } else { 0 };
                let wait = pause.max(LONGEST_DEFERRAL.min(1000 << phone.deferred.min(16)));
                let next = Some(now + wait + self.dice.below(wait));
                Pending { next, deferred: phone.deferred + 1, ..again }
            }
        };
        self.put(id, phone, now);
    }

    /// A phone that must come, or be asked again.
    fn once_more(&mut self, phone: Pending, stage: Stage, now: u64) -> Pending {
        let wait = WAITS.get(phone.attempts).filter(|_| !phone.has_restarted());
        let wait = wait.map(|wait| wait + self.jitter(&phone, *wait));
        let stage = if wait.is_none() && phone.reached { Stage::GivenUp } else { stage };
        Pending {
            attempts: phone.attempts + 1,
            deferred: 0,
            next: wait.map(|wait| now + wait),
            stage,
            ..phone
        }
    }

    /// A phone that has done what somebody asked for, and comes for its files or does not.
    fn expected(&mut self, phone: Pending, now: u64) -> Pending {
        let next = Some(now + WAITS[0] + self.jitter(&phone, WAITS[0]));
        Pending { next, obeyed: true, stage: Stage::Answered, ..there(phone) }
    }

    /// Phones of a campaign that were told in the same moment are not asked again in the same moment.
    fn jitter(&mut self, phone: &Pending, wait: u64) -> u64 {
        if phone.member.is_some() { self.dice.below(wait / 10) } else { 0 }
    }

    fn put(&mut self, id: Id, phone: Pending, now: u64) {
        let before = self.take(id).and_then(|phone| phone.member);
        let campaign = |member: Option<Member>| member.map(|member| member.campaign);
        if campaign(before) != campaign(phone.member) {
            if let Some(member) = before {
                self.campaigns.leave(member, Leave::Otherwise, now);
            }
            if let Some(member) = phone.member {
                self.campaigns.join(member, now);
            }
        }
        self.stand(id, phone);
    }

    /// It leaves, unless a restart waits for its hour: then it stands here for that alone.
    fn leave(&mut self, id: Id, how: Leave, now: u64) {
        let Some(phone) = self.phones.get(&id).copied() else { return };
        let Some(at) = phone.restart else { return self.depart(id, how, now) };
        let stays = phone.member.filter(|member| self.campaigns.restarts(member.campaign));
        if stays.is_none() {
            self.depart(id, how, now);
        }
        let alone =
            Pending { since: phone.since, stage: Stage::RebootWindow, member: stays, ..Pending::default() };
        self.put(id, alone.restarting(at), now);
    }

    fn depart(&mut self, id: Id, how: Leave, now: u64) {
        self.disclaim(id);
        if let Some(member) = self.take(id).and_then(|phone| phone.member) {
            self.campaigns.leave(member, how, now);
        }
    }

    fn take(&mut self, id: Id) -> Option<Pending> {
        let phone = self.phones.remove(&id)?;
        self.undue(id, &phone);
        if let Some(member) = phone.member {
            self.campaigns.rise(member, phone.stage, phone.next);
            phone.restart.inspect(|at| self.campaigns.restart_waits_no_more(member, *at));
        }
        Some(phone)
    }

    fn stand(&mut self, id: Id, phone: Pending) {
        if let Some(member) = phone.member {
            self.campaigns.stand(member, phone.stage, phone.next);
            phone.restart.inspect(|at| self.campaigns.restart_waits(member, *at));
        }
        self.phones.insert(id, phone);
        self.come_due(id);
    }
}

/// A phone that has answered.
fn there(phone: Pending) -> Pending {
    Pending { reached: true, missed: false, ..phone }
}
