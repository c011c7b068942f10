//! How phones come into the queue: they hold something old, or somebody asks for them.

use super::{Pending, Queue, Stage};
use crate::id::{Digest, Id};
use crate::resync::campaign::{Member, Origin};
use crate::resync::campaigns::Admission;
use crate::resync::{Ask, Asked};

impl Queue {
    /// The phone holds something old and would be given `given`: it is told when its turn comes, and counted from
    /// the start. One that stands here for the same files already keeps its place. `of` is the campaign that it comes
    /// into, and the account of its device; without one it stands alone from now on, but for what
    /// somebody asked for of a campaign, which stays that campaign's.
    pub fn stale(&mut self, id: Id, given: Digest, of: Option<(&Origin, Id)>, now: u64) {
        if self.phones.get(&id).is_some_and(|phone| phone.given == Some(given)) {
            return self.look_again(id, now);
        }
        let Ok(member) = self.admit(of, now) else { return };
        let stood = self.phones.get(&id).copied().unwrap_or_default();
        let before = self.without_held(&stood);
        let before = before.restart.map_or(before, |at| before.restarting(at));
        let (asked, at_once) = (before.asked, before.at_once);
        let restart = self.held_restart(&stood).filter(|_| member.is_none());
        // A phone that restarts just now fetches what is new as well, and is told of it if it does not.
        let restarts = asked.is_none() && self.carries(id) == Some(Ask::Reboot);
        let next = (!restarts).then_some(now + self.spread(member));
        let is_asked = restart.is_some() || asked.is_some() || self.carries(id).is_some();
        let sync = stood.member.filter(|sync| is_asked && self.campaigns.is_sync(sync.campaign));
        let alone = if member.is_none() { sync.is_some() } else { stood.stands_alone() };
        let member = member.or(sync);
        let given = Some(given);
        self.put(
            id,
            Pending { since: now, next, given, asked, at_once, restart, alone, member, ..Pending::default() },
            now,
        );
    }

    /// Somebody asked for this phone explicitly: it is told at once, whatever it holds; as one of a campaign, if
    /// there is one, when its turn comes. A restart that waits for its hour goes on waiting.
    pub fn ask(&mut self, id: Id, asked: Asked, of: Option<(&Origin, Id)>, now: u64) {
        let Ok(member) = self.admit(of, now) else { return };
        let phone = self.phones.get(&id).copied().unwrap_or_default();
        let next = Some(now + self.spread(member));
        let alone = member.is_some() && phone.stands_alone() || phone.alone;
        let member = member.or(phone.member);
        let restart = phone.waiting_restart().filter(|_| asked.ask == Ask::Reread);
        let (ask, at_once, stage) = (Some(asked.ask), asked.now, Stage::Waiting);
        let phone = Pending { since: now, attempts: 0, obeyed: false, missed: false, anew: false, ..phone };
        self.put(id, Pending { next, asked: ask, at_once, restart, stage, alone, member, ..phone }, now);
    }

    /// How much later than at once: phones of a campaign come in no order that has anything to do with where they
    /// are, over the time that so many take anyway.
    fn spread(&mut self, member: Option<Member>) -> u64 {
        let concerned = member.map_or(0, |member| self.campaigns.concerned(member.campaign));
        self.dice.below(concerned * 1000 / u64::from(self.pace.per_second.max(1)))
    }

    /// The place that a phone of this campaign has; an error where it was cancelled.
    fn admit(&mut self, of: Option<(&Origin, Id)>, now: u64) -> Result<Option<Member>, Cancelled> {
        let Some((origin, account)) = of else { return Ok(None) };
        match self.campaigns.admit(origin, now) {
            Admission::Admitted => Ok(Some(Member { campaign: origin.campaign, account, told: false })),
            Admission::Full => Ok(None),
            Admission::Cancelled => Err(Cancelled),
        }
    }
}

/// The campaign that a phone would come into was cancelled.
struct Cancelled;
