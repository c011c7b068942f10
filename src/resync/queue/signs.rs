//! What phones do by themselves: they come for their files, and register.

use super::{Leave, Pending, Queue, Stage};
use crate::id::Id;
use crate::resync::Ask;

/// How often a phone that nobody was at is told because it registers, the tries before included.
const MAX_MISSED: usize = 8;

impl Pending {
    /// True while the phone is told as soon as it refreshes its registration.
    pub fn awaits_refresh(&self) -> bool {
        let waits = self.stage == Stage::RebootWindow || self.deferred > 0;
        self.missed && !waits && self.attempts < MAX_MISSED && !self.has_restarted()
    }

    /// True when a phone that was silent to a restart has most likely restarted all the same: it has registered anew
    /// since, and is silent still.
    pub(super) fn has_restarted(&self) -> bool {
        self.anew && self.asked == Some(Ask::Reboot)
    }
}

impl Queue {
    /// The phone holds what it would be given: it leaves, unless somebody asked for it and it was not yet told or is
    /// being told, or was told and has not come since.
    pub fn in_step(&mut self, id: Id, now: u64) {
        match self.phones.get(&id) {
            Some(phone) if phone.asked.is_some() => self.look_again(id, now),
            Some(phone) if !phone.obeyed && self.carries(id).is_none() => {
                self.leave(id, Leave::CameBack, now);
                self.look_again(id, now);
            }
            _ => {}
        }
    }

    /// The phone has come for its files, and holds what it would be given.
    pub fn came_back(&mut self, id: Id, now: u64) {
        if self.phones.get(&id).is_some_and(|phone| phone.asked.is_none()) {
            self.leave(id, Leave::CameBack, now);
        }
    }

    /// The phone has come for all its files since it stands here: if it was nowhere to be found, it has just started,
    /// and what somebody asked for is done.
    pub fn started(&mut self, id: Id, now: u64) {
        if self.phones.get(&id).is_some_and(|phone| phone.missed || phone.stage == Stage::Nowhere) {
            self.depart(id, Leave::CameBack, now);
        }
    }

    /// The phone has registered anew: if it could not be reached until now, it is told at once, whatever became
    /// of the telling under way. One that has answered already may be registering because it was told, so it
    /// keeps its place, and so does one that waits for an hour. Who is silent to a restart is told once more only, for
    /// it may be the restart that makes it register, and else not for ever.
    pub fn arrived(&mut self, id: Id, now: u64) {
        let waits = |phone: &&Pending| !phone.reached && phone.stage != Stage::RebootWindow;
        let Some(phone) = self.phones.get(&id).filter(waits).copied() else { return };
        let carried = self.under_way.get(&id);
        let phone = carried.map_or(phone, |telling| phone.carrying_on(*telling));
        let is_silent = phone.missed || self.carries(id) == Some(Ask::Reboot);
        if is_silent && (phone.has_restarted() || phone.attempts >= MAX_MISSED) {
            return;
        }
        self.under_way.remove(&id);
        let anew = phone.anew || is_silent && phone.asked == Some(Ask::Reboot);
        self.put(id, Pending { next: Some(now), stage: Stage::Waiting, anew, ..phone }, now);
    }

    /// The phone has refreshed its registration: if nobody was there at the last try, it is told now. That goes on for
    /// a while only, for one that registers all the time may never be reached.
    pub fn refreshed(&mut self, id: Id, now: u64) {
        let comes_later = |phone: &&Pending| phone.next.is_none_or(|next| next > now);
        let phone = self.phones.get(&id).filter(|phone| phone.awaits_refresh()).filter(comes_later);
        if let Some(phone) = phone.filter(|_| !self.under_way.contains_key(&id)).copied() {
            self.put(id, Pending { next: Some(now), stage: Stage::Waiting, ..phone }, now);
        }
    }
}
