//! Keeps the queue: takes what happened, tells phones at their time, and writes down what became of it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::{Event, Fetch, Means, Order, Standing, Tell, copies, held};
use crate::device::Device;
use crate::id::Id;
use crate::resync::{Ask, End, Queue, Step, Telling, Told};
use crate::sip::Outcome;
use crate::store::{Note, Sequence, StoreError, Table};

/// The task that owns the queue: what happened comes in, phones are told, and everything is written down.
pub(super) struct Keeper {
    means: Means,
    queue: Queue,
    events: mpsc::WeakUnboundedSender<Event>,
    /// Phones whose place in the queue could not be written down.
    unwritten: BTreeSet<Id>,
}

impl Keeper {
    pub(super) fn new(means: Means, queue: Queue, events: mpsc::WeakUnboundedSender<Event>) -> Self {
        Self { means, queue, events, unwritten: BTreeSet::new() }
    }

    /// Runs until nobody has anything to say any more.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Event>) {
        loop {
            let sleep = match self.queue.next(self.now()) {
                Step::Tell(telling) => {
                    self.tell(telling).await;
                    continue;
                }
                Step::WaitUntil(at) => Duration::from_millis(at.saturating_sub(self.now())),
                Step::Wait => Duration::from_hours(1),
            };
            tokio::select! {
                event = inbox.recv() => match event {
                    Some(event) => self.take(event).await,
                    None => return,
                },
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    fn now(&self) -> u64 {
        (self.means.clock)()
    }

    async fn take(&mut self, event: Event) {
        let now = self.now();
        let changed = match event {
            Event::Fetched(fetch) => return self.fetched(fetch).await,
            Event::CaughtUp(done) => return done.send(()).unwrap_or_default(),
            Event::Judged(marks, done) => return self.judged(marks, done).await,
            Event::Told(telling, told, outcome) => return self.told(telling, told, outcome).await,
            Event::Arrived(id) | Event::InStep(id) if self.queue.pending(id).is_none() => return,
            Event::Ask(id, ask) => {
                self.queue.ask(id, ask, now);
                id
            }
            Event::Arrived(id) => {
                self.queue.arrived(id, now);
                id
            }
            Event::InStep(id) => {
                self.queue.in_step(id);
                id
            }
            Event::Stale(id, given) => {
                self.queue.stale(id, given, now);
                id
            }
            Event::Gone(id) => {
                self.queue.remove(id);
                let _stopped = self.means.orders.send(Order::Forget(id)).await;
                id
            }
        };
        self.write_down(changed).await;
    }

    /// Notes what a phone holds. It leaves the queue when that is all it would be given, and comes into it when
    /// the file has changed since it was served.
    async fn fetched(&mut self, fetch: Fetch) {
        let id = fetch.device;
        match self.note_fetch(&fetch).await {
            Ok(Some(standing)) if !standing.stale && self.queue.pending(id).is_some() => {
                info!(device = %id, file = fetch.name, "the phone came back and is in step");
                self.queue.in_step(id);
                self.write_down(id).await;
            }
            Ok(Some(Standing { given: Some(given), stale: true })) => {
                let now_given = given.file(&fetch.name).map(|file| file.rendered.digest);
                if now_given.is_some_and(|digest| digest != fetch.digest) {
                    self.queue.stale(id, given.digest(), self.now());
                    self.write_down(id).await;
                }
            }
            Ok(_) => {}
            Err(error) => warn!(device = %id, %error, "what a phone was given is not noted"),
        }
    }

    /// Gives how the phone stands after its fetch; `None` when the device is gone.
    async fn note_fetch(&self, fetch: &Fetch) -> Result<Option<Standing>, StoreError> {
        let Some(device) = self.means.store.device(fetch.device).await? else { return Ok(None) };
        let mut held = held(&*self.means.store, fetch.device).await?;
        let is_new = held.files.get(&fetch.name).is_none_or(|held| held.digest != fetch.digest);
        held.fetch(&fetch.name, fetch.digest, fetch.unix);
        let key = fetch.device.as_bytes().to_vec();
        let mut notes = vec![Note { table: Table::Held, key, value: serde_json::to_vec(&held).ok() }];
        if is_new {
            notes.push(copies::note(&self.means, &device, fetch).await);
        }
        self.means.store.jot(notes).await?;
        Standing::holding(&self.means, &device, &held).await.map(Some)
    }

    /// Takes marks off once all that came of them is on disk; else the judge begins again.
    async fn judged(&mut self, marks: Vec<Sequence>, done: oneshot::Sender<()>) {
        for id in std::mem::take(&mut self.unwritten) {
            self.write_down(id).await;
        }
        if !self.unwritten.is_empty() {
            return;
        }
        match self.means.store.unmark(marks, Vec::new()).await {
            Ok(()) => done.send(()).unwrap_or_default(),
            Err(error) => warn!(%error, "marks stay on"),
        }
    }

    /// Looks once more whether the phone must be told, so that one that has come meanwhile is left in peace.
    async fn tell(&mut self, telling: Telling) {
        match self.look(telling.id, telling.asked.is_some()).await {
            Ok(Some((device, standing))) => {
                let ask = telling.asked.unwrap_or(Ask::Reread);
                self.send(telling, device, ask, standing.event(ask)).await;
            }
            Ok(None) => self.end(telling, End::Needless).await,
            Err(error) => {
                warn!(device = %telling.id, %error, "the phone is told later");
                self.end(telling, End::Hiccup).await;
            }
        }
    }

    /// The device and how it stands, if it must be told or somebody `asked` for it.
    async fn look(&self, id: Id, asked: bool) -> Result<Option<(Device, Standing)>, StoreError> {
        let Some(device) = self.means.store.device(id).await? else { return Ok(None) };
        let standing = Standing::of(&self.means, &device).await?;
        Ok((standing.stale || asked).then_some((device, standing)))
    }

    async fn send(&mut self, telling: Telling, device: Device, ask: Ask, event: String) {
        let (outcome, told) = oneshot::channel();
        let tell = Tell { device: Box::new(device), event, content: None, outcome };
        if self.means.orders.send(Order::Tell(tell)).await.is_err() {
            return self.end(telling, End::Hiccup).await;
        }
        let (events, at) = (self.events.clone(), self.now() / 1000);
        tokio::spawn(async move {
            let outcome = told.await;
            if let Some(events) = events.upgrade() {
                let _stopped =
                    events.send(Event::Told(telling, Told { ask, at, outcome: String::new() }, outcome));
            }
        });
    }

    async fn told(
        &mut self,
        telling: Telling,
        told: Told,
        outcome: Result<Option<Outcome>, oneshot::error::RecvError>,
    ) {
        let stale = self.look(telling.id, false).await.map(|standing| standing.is_some());
        let end = match (stale, &outcome) {
            (Err(_), _) | (_, Err(_)) => End::Hiccup,
            (Ok(false), _) => End::Needless,
            (Ok(true), Ok(None)) => End::Nowhere,
            (Ok(true), Ok(Some(Outcome::Answered(_)))) => End::Answered,
            (Ok(true), Ok(Some(_))) => End::Unanswered,
        };
        self.end(telling, end).await;
        let words =
            outcome.ok().flatten().map_or_else(|| "not registered".to_owned(), |outcome| outcome.words());
        info!(device = %telling.id, ask = ?told.ask, outcome = words, "told a phone");
        self.note_told(telling.id, Told { outcome: words, ..told }).await;
    }

    async fn note_told(&self, id: Id, told: Told) {
        let noted = async {
            if self.means.store.device(id).await?.is_none() {
                return Ok(());
            }
            let mut held = held(&*self.means.store, id).await?;
            held.told = Some(told);
            self.note(Table::Held, id, serde_json::to_vec(&held).ok()).await
        };
        if let Err(error) = noted.await {
            warn!(device = %id, %error, "what a phone was told is not noted");
        }
    }

    async fn end(&mut self, telling: Telling, end: End) {
        self.queue.ended(telling, end, self.now());
        self.write_down(telling.id).await;
    }

    async fn write_down(&mut self, id: Id) {
        let pending = self.queue.pending(id).and_then(|pending| serde_json::to_vec(pending).ok());
        if let Err(error) = self.note(Table::Stale, id, pending).await {
            warn!(device = %id, %error, "a phone's place in the queue is not written down");
            self.unwritten.insert(id);
        }
    }

    async fn note(&self, table: Table, id: Id, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.means.store.jot(vec![Note { table, key: id.as_bytes().to_vec(), value }]).await
    }
}
