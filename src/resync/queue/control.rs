//! Campaigns that are held back, go on, or end.

use super::{Leave, Member, Pending, Queue};
use crate::id::Id;
use crate::resync::{Action, ControlError};

impl Queue {
    /// Holds a campaign back, lets it go on, or ends it. Gives the phones that have left because of it.
    pub fn control(&mut self, campaign: Id, action: Action, now: u64) -> Result<Vec<Id>, ControlError> {
        self.campaigns.control(campaign, action)?;
        let is_in = |phone: &Pending| phone.member.is_some_and(|member| member.campaign == campaign);
        let members = self.phones.iter().filter(|(_, phone)| is_in(phone)).map(|(id, _)| *id);
        let members: Vec<Id> = members.collect();
        for id in &members {
            match action {
                Action::Cancel => self.leave(*id, Leave::Otherwise, now),
                Action::Pause | Action::Resume => self.come_due(*id),
            }
        }
        Ok(if action == Action::Cancel { members } else { Vec::new() })
    }

    /// A phone is due at its time, unless its campaign holds it back.
    pub(super) fn come_due(&mut self, id: Id) {
        let Some((next, phone)) = self.phones.get(&id).and_then(|phone| Some((phone.next?, phone))) else {
            return;
        };
        if self.is_held(phone) {
            self.due.remove(&(next, id));
        } else {
            self.due.insert((next, id));
        }
    }

    /// True while a phone's campaign holds it back. Who was asked for by name is not held back.
    fn is_held(&self, phone: &Pending) -> bool {
        let by_name = |member: Member| phone.asked.is_some() && !self.campaigns.is_sync(member.campaign);
        phone.member.is_some_and(|member| self.campaigns.is_paused(member.campaign) && !by_name(member))
    }
}
