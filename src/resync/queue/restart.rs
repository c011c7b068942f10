//! Restarts that wait for the hours at which an account allows them. What the phone holds that is old does not wait: it is
//! told to read its files again meanwhile, and asked again as ever.

use super::{Pending, Queue, Stage, WAITS};
use crate::id::Id;
use crate::resync::Ask;

impl Pending {
    /// When its restart may be sent that waits for its account's hours; `None` if none does.
    pub(super) fn waiting_restart(&self) -> Option<u64> {
        let waits = self.stage == Stage::RebootWindow && self.asked == Some(Ask::Reboot);
        self.restart.or(self.next.filter(|_| waits))
    }

    /// The same with its restart as what is sent next, at this time.
    pub(super) fn restarting(self, at: u64) -> Self {
        let (asked, next) = (Some(Ask::Reboot), Some(at));
        Self { asked, at_once: false, restart: None, next, attempts: 0, obeyed: false, anew: false, ..self }
    }

    /// The same when it would restart, which is not allowed before this time.
    pub(super) fn closed(self, opens: u64, now: u64) -> Self {
        if self.asked == Some(Ask::Reboot) && self.given.is_some() {
            return Self { asked: None, at_once: false, restart: Some(opens), ..self.rereading(now) };
        }
        let phone = if self.restart.is_some() { self.restarting(opens) } else { self };
        Self { next: Some(opens), stage: Stage::RebootWindow, ..phone }
    }

    /// The same with what it holds that is old as what it is told next, if it was not told of that often enough.
    fn rereading(self, now: u64) -> Self {
        if self.attempts == 0 && !self.reached {
            return Self { next: Some(now), stage: Stage::Waiting, ..self };
        }
        let next = WAITS.get(self.attempts.max(1) - 1).map(|wait| now + wait);
        let stage = match (self.reached, next) {
            (true, Some(_)) => Stage::Answered,
            (true, None) => Stage::GivenUp,
            (false, _) => Stage::Unanswered,
        };
        Self { next, stage, ..self }
    }
}

impl Queue {
    /// What a phone waits for may have changed.
    pub(super) fn look_again(&mut self, id: Id, now: u64) {
        let Some(phone) = self.phones.get(&id).copied() else { return };
        if phone.stage == Stage::RebootWindow {
            self.put(id, Pending { next: Some(now), ..phone }, now);
        } else if phone.restart.is_some() && phone.asked.is_none() && !self.under_way.contains_key(&id) {
            self.put(id, Pending { restart: Some(now), ..phone }, now);
        }
    }
}
