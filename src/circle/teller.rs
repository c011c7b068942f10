//! How the keeper tells a phone, and what it makes of the answer.

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::keeper::{Awaited, Keeper};
use super::{Circle, Event, Order, Standing, Station, Tell, held, hours};
use crate::catalog;
use crate::id::Id;
use crate::resync::{Ask, Class, End, Sign, Telling, Told};
use crate::sip::Outcome;
use crate::store::{Note, StoreError, Table};

/// What became of an order; an error when nobody will say.
pub(super) type Answer = Result<Option<Outcome>, oneshot::error::RecvError>;

/// What is found when a phone's turn has come.
enum Found {
    Needless,
    /// It would restart, and may not before this time.
    Closed(u64),
    Tell(Station, Ask, catalog::Event),
}

impl Circle {
    /// True when phones are told through a proxy, which knows by itself where they are: to forget them hides them from
    /// nobody.
    pub fn is_proxied(&self) -> bool {
        self.proxied
    }
}

impl Keeper {
    /// Looks once more whether the phone must be told, so that one that has come meanwhile is left in peace, and
    /// whether it may be told now.
    pub(super) async fn tell(&mut self, telling: Telling) {
        let end = match self.look(telling).await {
            Ok(Found::Tell(station, ask, event)) => return self.send(telling, station, ask, event).await,
            Ok(Found::Needless) => End::Needless,
            Ok(Found::Closed(opens)) => End::Closed(opens),
            Err(error) => {
                warn!(device = %telling.id, %error, "the phone is told later");
                End::Hiccup
            }
        };
        self.end(telling, end, Sign::Nothing).await;
    }

    async fn look(&self, telling: Telling) -> Result<Found, StoreError> {
        let Some(device) = self.means.store.device(telling.id).await? else { return Ok(Found::Needless) };
        let standing = Standing::of(&self.means, &device).await?;
        if !standing.stale && telling.asked.is_none() {
            return Ok(Found::Needless);
        }
        let ask = telling.asked.unwrap_or(Ask::Reread);
        if !telling.at_once
            && hours::restarts(standing.given.as_deref(), ask)
            && let Some(opens) =
                hours::opens(&*self.means.store, self.means.files.site(), &device, self.now()).await?
        {
            return Ok(Found::Closed(opens));
        }
        let event = standing.event(ask);
        Ok(Found::Tell(Station::from(&device), ask, event))
    }

    async fn send(&mut self, telling: Telling, station: Station, ask: Ask, event: catalog::Event) {
        let (outcome, told) = oneshot::channel();
        self.awaited.insert(telling.id, Awaited { telling, since: self.now(), came: None });
        self.lists.awaited.set(telling.id, true);
        if self.means.orders.send(Order::Tell(Tell::of(station, event, outcome))).await.is_err() {
            self.awaited.remove(&telling.id);
            return self.end(telling, End::Hiccup, Sign::Nothing).await;
        }
        let now = self.now();
        self.queue.sent(telling, now);
        let (events, at) = (self.events.clone(), now / 1000);
        tokio::spawn(async move {
            let outcome = told.await;
            if let Some(events) = events.upgrade() {
                let told = Told { ask, at, outcome: String::new(), class: None, code: None, came_back: None };
                let _stopped = events.send(Event::Told(telling, told, outcome));
            }
        });
    }

    pub(super) async fn told(&mut self, telling: Telling, told: Told, outcome: Answer) {
        let known = outcome.is_ok();
        let came = self.came_back(telling);
        let told = Told { came_back: came.map(|came| came / 1000), ..told };
        let outcome = outcome.ok().flatten();
        let end = match self.is_stale(telling.id).await {
            Ok(stale) if known => end(stale, telling.asked.is_some(), outcome, self.means.pace.proxied),
            _ => End::Hiccup,
        };
        self.end(telling, end, sign(outcome)).await;
        let words = outcome.map_or_else(|| "not registered".to_owned(), |outcome| outcome.words());
        let (class, code) = Class::of(outcome);
        info!(device = %telling.id, ask = ?told.ask, outcome = words, "told a phone");
        self.note_told(telling.id, Told { outcome: words, class: Some(class), code, ..told }).await;
    }

    /// When a phone has first come for a file since this telling, which is over.
    fn came_back(&mut self, telling: Telling) -> Option<u64> {
        let is_of_this = self.awaited.get(&telling.id).is_some_and(|awaited| awaited.telling == telling);
        if is_of_this { self.awaited.remove(&telling.id)?.came } else { None }
    }

    async fn is_stale(&self, id: Id) -> Result<bool, StoreError> {
        match self.means.store.device(id).await? {
            Some(device) => Ok(Standing::of(&self.means, &device).await?.stale),
            None => Ok(false),
        }
    }

    async fn note_told(&self, id: Id, told: Told) {
        let noted = async {
            if self.means.store.device(id).await?.is_none() {
                return Ok(());
            }
            let mut held = held(&*self.means.store, id).await?;
            held.told = Some(told);
            let value = serde_json::to_vec(&held).ok();
            self.means.store.jot(vec![Note { table: Table::Held, key: id.as_bytes().to_vec(), value }]).await
        };
        if let Err(error) = noted.await {
            warn!(device = %id, %error, "what a phone was told is not noted");
        }
    }

    async fn end(&mut self, telling: Telling, end: End, sign: Sign) {
        self.queue.ended(telling, end, sign, self.now());
        self.write_down(telling.id).await;
    }
}

/// How a telling ends of a phone that holds something old or was asked for. A phone may well obey and say 500, so that
/// only a proxy's counts as too much to do; 503 and `Retry-After` mean what they say.
fn end(stale: bool, asked: bool, outcome: Option<Outcome>, proxied: bool) -> End {
    match (outcome, stale) {
        (_, false) if !asked => End::Needless,
        (None, _) => End::Nowhere,
        (Some(Outcome::Busy { code, retry_after }), _) if proxied || code == 503 || retry_after > 0 => {
            End::Busy
        }
        (Some(Outcome::Answered(_)), true) => End::Answered,
        (Some(Outcome::Answered(_)), false) => End::Obeyed,
        // Nobody is there, or a proxy says that it knows of nobody.
        (Some(Outcome::Unreachable(_) | Outcome::Failed(404 | 410)), _) => End::Missed,
        // Some obey what they say they do not know, and then register anew: told again, they would restart for ever. Any
        // other refusal may be a proxy's.
        (Some(Outcome::NotSupported(_) | Outcome::Busy { .. }), true) => End::Declined,
        (Some(_), true) => End::Unanswered,
        (Some(_), false) => End::Disobeyed,
    }
}

/// What an outcome says about the way that the NOTIFY took. That a proxy waited for a phone in vain (408) is only known
/// from silence where it is one phone, and from many of them where it is the proxy.
fn sign(outcome: Option<Outcome>) -> Sign {
    match outcome {
        None => Sign::Nothing,
        Some(Outcome::Busy { retry_after, .. }) => Sign::Overload(u64::from(retry_after) * 1000),
        Some(Outcome::Unreachable(None | Some(408))) => Sign::Lost,
        Some(_) => Sign::Heard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_a_notify_depends_on_whether_the_phone_holds_something_old() {
        let (ok, refused) = (Some(Outcome::Answered(200)), Some(Outcome::Refused(403)));
        let busy = Some(Outcome::Busy { code: 503, retry_after: 9 });
        let error = Some(Outcome::Busy { code: 500, retry_after: 0 });
        assert_eq!([true, false].map(|proxied| end(true, false, error, proxied)), [End::Busy, End::Declined]);
        for (stale, asked, outcome, expected) in [
            (true, false, ok, End::Answered),
            (true, false, refused, End::Unanswered),
            (true, false, Some(Outcome::Failed(400)), End::Unanswered),
            (true, false, Some(Outcome::Failed(404)), End::Missed),
            (false, true, Some(Outcome::Failed(404)), End::Missed),
            (false, true, Some(Outcome::Failed(400)), End::Disobeyed),
            (true, false, Some(Outcome::NotSupported(489)), End::Declined),
            (true, false, Some(Outcome::Unreachable(None)), End::Missed),
            (false, true, Some(Outcome::Unreachable(Some(408))), End::Missed),
            (false, false, Some(Outcome::Unreachable(None)), End::Needless),
            (true, true, None, End::Nowhere),
            (false, true, None, End::Nowhere),
            (false, true, ok, End::Obeyed),
            (false, true, refused, End::Disobeyed),
            (false, true, busy, End::Busy),
            (false, false, busy, End::Needless),
        ] {
            assert_eq!(end(stale, asked, outcome, false), expected, "{stale} {asked} {outcome:?}");
        }
        assert_eq!(sign(busy), Sign::Overload(9000));
        assert_eq!(sign(Some(Outcome::Unreachable(Some(408)))), Sign::Lost);
        assert_eq!(sign(Some(Outcome::Unreachable(Some(480)))), Sign::Heard);
    }
}
