//! What phones do by themselves: they come for their files, and register.

use super::{Leave, Pending, Queue, Stage};
use crate::id::Id;

/// How often a phone that nobody was at is told because it refreshes its registration, the tries before included.
const MAX_MISSED: usize = 8;

impl Pending {
    /// True while the phone is told as soon as it refreshes its registration.
    pub fn awaits_refresh(&self) -> bool {
        self.missed && self.stage != Stage::RebootWindow && self.attempts < MAX_MISSED
    }
}

impl Queue {
    /// The phone holds what it would be given: it leaves, unless somebody asked for it and it was not yet told, or
    /// was told and has not come since.
    pub fn in_step(&mut self, id: Id, now: u64) {
        match self.phones.get(&id) {
            Some(phone) if phone.asked.is_some() => self.look_again(id, now),
            Some(phone) if !phone.obeyed => {
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
    /// keeps its place, and so does one that waits for an hour.
    pub fn arrived(&mut self, id: Id, now: u64) {
        let waits = |phone: &&Pending| !phone.reached && phone.stage != Stage::RebootWindow;
        if let Some(phone) = self.phones.get(&id).filter(waits).copied() {
            let carried = self.under_way.remove(&id);
            let phone = carried.map_or(phone, |telling| phone.carrying_on(telling));
            self.put(id, Pending { next: Some(now), stage: Stage::Waiting, ..phone }, now);
        }
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
