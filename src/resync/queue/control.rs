//! Campaigns that are held back, go on, or end.

use super::{Leave, Member, Pending, Queue, Stage};
use crate::id::Id;
use crate::resync::{Action, Ask, ControlError};

impl Queue {
    /// Holds a campaign back, lets it go on, or ends it. Gives the phones that have left it.
    pub fn control(&mut self, campaign: Id, action: Action, now: u64) -> Result<Vec<Id>, ControlError> {
        self.campaigns.control(campaign, action)?;
        let is_in = |phone: &Pending| phone.member.is_some_and(|member| member.campaign == campaign);
        let members = self.phones.iter().filter(|(_, phone)| is_in(phone)).map(|(id, _)| *id);
        let members: Vec<Id> = members.collect();
        for id in &members {
            match action {
                Action::Cancel => self.let_off(*id, now),
                Action::Pause | Action::Resume => self.come_due(*id),
            }
        }
        Ok(if action == Action::Cancel { members } else { Vec::new() })
    }

    /// A phone's campaign is cancelled: it leaves, unless it stands here for another reason as well.
    fn let_off(&mut self, id: Id, now: u64) {
        let Some(mut phone) = self.phones.get(&id).copied() else { return };
        let is_sync = phone.member.is_some_and(|member| self.campaigns.is_sync(member.campaign));
        if phone.restart.is_some() && self.restarts(&phone) {
            phone.restart = None;
            self.put(id, phone, now);
        }
        let given = phone.given.filter(|_| (is_sync || phone.alone) && !phone.obeyed);
        let asked = phone.asked.filter(|_| !is_sync);
        if is_sync {
            self.disclaim(id);
        }
        if given.is_none() && asked.is_none() {
            return self.leave(id, Leave::Otherwise, now);
        }
        let is_told = phone.asked.is_none() && !self.under_way.contains_key(&id);
        if is_told && phone.stage != Stage::Waiting {
            return self.put(id, Pending { given, member: None, alone: false, ..phone }, now);
        }
        let at_once = phone.at_once && asked.is_some();
        let (since, restart) = (phone.since, phone.restart);
        let left = Pending { since, next: Some(now), given, asked, at_once, restart, ..Pending::default() };
        self.put(id, left, now);
    }

    /// What somebody asked for of the telling under way is not told again, whatever becomes of that.
    pub(super) fn disclaim(&mut self, id: Id) {
        if let Some(telling) = self.under_way.get_mut(&id) {
            (telling.asked, telling.at_once) = (None, false);
        }
    }

    /// What somebody asked for that is being told to a phone.
    pub(super) fn carries(&self, id: Id) -> Option<Ask> {
        self.under_way.get(&id)?.asked
    }

    /// A phone without what somebody asked for of a campaign that is paused now.
    pub(super) fn without_held(&self, phone: &Pending) -> Pending {
        let restart = phone.restart.filter(|_| !self.is_held_restart(phone));
        let is_sync = |member: Member| self.campaigns.is_sync(member.campaign) && self.is_held(phone);
        let is_held = phone.asked.is_some() && phone.member.is_some_and(is_sync);
        Pending { restart, ..if is_held { Pending::default() } else { *phone } }
    }

    /// True while the restart that waits beside the rest is one of a campaign that is paused.
    pub(super) fn is_held_restart(&self, phone: &Pending) -> bool {
        let is_paused = |member: Member| self.campaigns.is_paused(member.campaign);
        phone.restart.is_some() && self.restarts(phone) && phone.member.is_some_and(is_paused)
    }

    /// When a restart would be sent that its campaign holds back.
    pub(super) fn held_restart(&self, phone: &Pending) -> Option<u64> {
        let is_held = phone.asked == Some(Ask::Reboot) && self.restarts(phone) && self.is_held(phone);
        phone.restart.filter(|_| self.is_held_restart(phone)).or(phone.next.filter(|_| is_held))
    }

    /// True when somebody has asked for a phone to restart as one of its campaign.
    pub(super) fn restarts(&self, phone: &Pending) -> bool {
        phone.member.is_some_and(|member| self.campaigns.restarts(member.campaign))
    }

    /// A phone is due at its time, unless its campaign holds it back, and at its restart's.
    pub(super) fn come_due(&mut self, id: Id) {
        let Some(phone) = self.phones.get(&id).copied() else { return };
        self.undue(id, &phone);
        let next = phone.next.filter(|_| !self.is_held(&phone));
        let restart = phone.restart.filter(|_| !self.is_held_restart(&phone));
        self.due.extend(next.into_iter().chain(restart).min().map(|at| (at, id)));
    }

    /// A phone is not due any more.
    pub(super) fn undue(&mut self, id: Id, phone: &Pending) {
        for at in phone.next.into_iter().chain(phone.restart) {
            self.due.remove(&(at, id));
        }
    }

    /// True while a phone's campaign holds it back. Who was asked for by name is not held back, nor is the change of a
    /// phone alone by what somebody asked for.
    fn is_held(&self, phone: &Pending) -> bool {
        let by_name = |member: Member| phone.asked.is_some() && !self.campaigns.is_sync(member.campaign);
        let is_change = phone.alone && phone.asked.is_none() && self.restarts(phone);
        let is_held = |member: Member| self.campaigns.is_paused(member.campaign) && !by_name(member);
        !is_change && phone.member.is_some_and(is_held)
    }
}
