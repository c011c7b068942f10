//! Lookups of lines that are answered a moment after they were asked for, whether the line was remembered, had to be
//! read, or does not exist: so neither the time nor the order of answers tells strangers which lines there are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::warn;

use super::clock;
use super::lines::{self, Known};
use super::shell::Shell;
use crate::sip::{Aor, Command, Ticket};
use crate::store::StoreError;

/// How long that is; most lookups take a fifth of it.
pub(super) const ANSWERED: Duration = Duration::from_millis(1);

/// What became of looking a line up.
pub(super) struct Found {
    pub(super) ticket: Ticket,
    pub(super) aor: Aor,
    /// When it is answered.
    pub(super) at: Instant,
    pub(super) known: Result<Lookup, StoreError>,
}

/// Where a line was found.
pub(super) enum Lookup {
    /// It was remembered when it was asked for.
    Remembered,
    /// In the store, if there is such a line.
    Found(Option<Known>),
}

/// Those whose time has not come.
#[derive(Default)]
pub(super) struct Delayed(BTreeMap<(Instant, Ticket), Box<Found>>);

impl Delayed {
    /// Keeps one, or gives it back when its time has come.
    pub(super) fn put(&mut self, found: Found, now: Instant) -> Option<Found> {
        if found.at <= now {
            return Some(found);
        }
        self.0.insert((found.at, found.ticket), Box::new(found));
        None
    }

    /// When the time of the next has come.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Found> {
        let next = self.0.first_entry().filter(|next| next.key().0 <= now)?;
        Some(*next.remove())
    }
}

impl Shell {
    /// Looks a line up, in the store unless it is remembered.
    pub(super) fn find(&mut self, ticket: Ticket, aor: Aor, more: &mut Vec<Command>) {
        let at = clock().0 + ANSWERED;
        if self.lines.known(self.store.changes(), &aor).is_none() {
            return self.look_up(ticket, aor, at);
        }
        self.found_line(Found { ticket, aor, at, known: Ok(Lookup::Remembered) }, more);
    }

    fn look_up(&self, ticket: Ticket, aor: Aor, at: Instant) {
        let (store, found) = (self.store.clone(), self.found.clone());
        let nobody = self.elsewhere.is_some();
        tokio::spawn(async move {
            let known = if nobody { Ok(None) } else { lines::find(&*store, &aor).await };
            let _stopped = found.send(Found { ticket, aor, at, known: known.map(Lookup::Found) }).await;
        });
    }

    /// Keeps what is known of a line until its time has come.
    pub(super) fn found_line(&mut self, found: Found, out: &mut Vec<Command>) {
        if let Some(found) = self.delayed.put(found, clock().0) {
            self.line(found, out);
        }
    }

    pub(super) fn line(&mut self, found: Found, out: &mut Vec<Command>) {
        let ((now, unix), Found { ticket, aor, at, known }) = (clock(), found);
        match known {
            Ok(Lookup::Remembered) => match self.lines.known(self.store.changes(), &aor) {
                Some(line) => self.endpoint.line(now, unix, ticket, Some(line), out),
                None => self.look_up(ticket, aor, at),
            },
            Ok(Lookup::Found(Some(known))) if !known.is_current(self.store.changes()) => {
                self.look_up(ticket, aor, at);
            }
            Ok(Lookup::Found(known)) => {
                let line = self.lines.learn(&aor, known);
                self.endpoint.line(now, unix, ticket, line.as_ref(), out);
            }
            Err(error) => {
                if let Some(left_out) = self.unregistered.says(now) {
                    warn!(%error, left_out, "a phone could not be registered");
                }
                self.endpoint.unavailable(ticket, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(delayed: &mut Delayed, ticket: u64, at: Instant, now: Instant) -> bool {
        let known = Ok(Lookup::Found(None));
        delayed.put(Found { ticket: Ticket(ticket), aor: Aor::new("u1", "pbx"), at, known }, now).is_none()
    }

    #[test]
    fn lookups_are_answered_in_the_order_they_were_asked_for_whichever_was_quicker() {
        let (start, mut delayed) = (clock().0, Delayed::default());
        let later = start + ANSWERED / 2;
        assert!(asked(&mut delayed, 2, later + ANSWERED, later));
        assert!(asked(&mut delayed, 1, start + ANSWERED, later));
        assert_eq!(delayed.deadline(), Some(start + ANSWERED));
        assert!(delayed.due(start).is_none());
        let due: Vec<_> = std::iter::from_fn(|| delayed.due(later + ANSWERED)).collect();
        assert_eq!(due.iter().map(|found| found.ticket).collect::<Vec<_>>(), [Ticket(1), Ticket(2)]);
        assert!(
            !asked(&mut delayed, 3, start + ANSWERED, start + ANSWERED),
            "what took longer is answered at once"
        );
    }
}
