//! The devices that are being told, each perhaps at several contacts, and what came of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::sip::{NotifyId, Outcome};

/// So many outcomes are said at a time, and those that are fewer after so long: whoever waits for them is woken once,
/// and that costs more than a NOTIFY.
const AT_A_TIME: usize = 64;
const AT_LATEST: Duration = Duration::from_millis(1);

/// Devices that are being told.
#[derive(Debug, Default)]
pub(super) struct Told {
    devices: HashMap<u64, Telling>,
    messages: HashMap<NotifyId, u64>,
    begun: u64,
    /// Those of whom all contacts have answered, and since when the first of them waits to be said.
    over: Vec<Telling>,
    since: Option<Instant>,
}

#[derive(Debug)]
struct Telling {
    left: usize,
    best: Option<Outcome>,
    outcome: oneshot::Sender<Option<Outcome>>,
}

impl Told {
    /// A device is told by these NOTIFYs, one to each contact.
    pub(super) fn begin(
        &mut self,
        outcome: oneshot::Sender<Option<Outcome>>,
        notifies: impl Iterator<Item = NotifyId>,
    ) {
        self.begun += 1;
        let mut left = 0;
        for id in notifies {
            self.messages.insert(id, self.begun);
            left += 1;
        }
        self.devices.insert(self.begun, Telling { left, best: None, outcome });
    }

    /// One contact has answered; when all have, the best of their answers counts.
    pub(super) fn ended(&mut self, id: NotifyId, outcome: Outcome, now: Instant) {
        let Some(number) = self.messages.remove(&id) else { return };
        let Some(telling) = self.devices.get_mut(&number) else { return };
        telling.left -= 1;
        if !matches!(telling.best, Some(Outcome::Answered(_))) {
            telling.best = Some(outcome);
        }
        if telling.left == 0 {
            self.over.extend(self.devices.remove(&number));
            self.since.get_or_insert(now);
        }
    }

    /// When [`Told::report`] has something to say that nothing else will bring about.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + AT_LATEST)
    }

    /// Says what came of devices, if they are many or have waited.
    pub(super) fn report(&mut self, now: impl FnOnce() -> Instant) {
        if self.over.len() >= AT_A_TIME || self.deadline().is_some_and(|at| at <= now()) {
            self.report_all();
        }
    }

    /// Says all that is known.
    pub(super) fn report_all(&mut self) {
        self.since = None;
        for telling in self.over.drain(..) {
            let _gone = telling.outcome.send(telling.best);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn told(told: &mut Told, ids: &[u64]) -> oneshot::Receiver<Option<Outcome>> {
        let (outcome, said) = oneshot::channel();
        told.begin(outcome, ids.iter().map(|id| NotifyId::from(*id)));
        said
    }

    #[test]
    fn a_device_is_over_when_all_its_contacts_are_and_the_best_answer_counts() {
        let (mut all, now) = (Told::default(), Instant::now());
        let mut said = told(&mut all, &[1, 2, 3]);
        for (id, outcome) in [(1, Outcome::Unreachable(None)), (2, Outcome::Answered(200))] {
            all.ended(NotifyId::from(id), outcome, now);
            all.report_all();
            assert!(said.try_recv().is_err());
        }
        all.ended(NotifyId::from(3), Outcome::Unreachable(None), now);
        all.report_all();
        assert_eq!(said.try_recv(), Ok(Some(Outcome::Answered(200))));
    }

    #[test]
    fn outcomes_are_said_together_when_they_are_many_or_after_a_millisecond() {
        let (mut all, now) = (Told::default(), Instant::now());
        let mut said: Vec<_> = (0..AT_A_TIME as u64).map(|id| told(&mut all, &[id])).collect();
        all.ended(NotifyId::from(0), Outcome::Answered(200), now);
        all.report(|| now);
        assert!(said[0].try_recv().is_err());
        assert_eq!(all.deadline(), Some(now + AT_LATEST));
        all.report(|| now + AT_LATEST);
        assert!(said[0].try_recv().is_ok() && all.deadline().is_none());

        let mut more = told(&mut all, &[1000]);
        all.ended(NotifyId::from(1000), Outcome::Answered(200), now);
        for id in 1..AT_A_TIME as u64 {
            assert!(more.try_recv().is_err());
            all.ended(NotifyId::from(id), Outcome::Answered(200), now);
            all.report(|| now);
        }
        assert!(more.try_recv().is_ok() && said[1..].iter_mut().all(|said| said.try_recv().is_ok()));
    }
}
