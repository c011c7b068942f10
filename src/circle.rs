//! The circle: a change marks whom it may concern, those who hold something old are told, and each leaves when
//! it comes back for its file.
//!
//! One task owns the [`Queue`]; another, the judge, takes marks off and finds out who is stale. Everything the
//! queue holds is written down as it changes, so that a restart forgets nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, warn};

use crate::device::Device;
use crate::files::{Files, Given};
use crate::id::{Digest, Id};
use crate::resync::{Ask, Held, Pace, Pending, Queue, Step, Told};
use crate::sip::Outcome;
use crate::store::{Note, Sequence, Store, StoreError, Table, every_note};

mod judge;

/// What the SIP side is asked to do.
#[derive(Debug)]
pub enum Order {
    /// Tell a phone something.
    Tell(Tell),
    /// Forget where a device's phones are, because it is deleted.
    Forget(Id),
}

/// A NOTIFY to send to wherever a device's phones are.
#[derive(Debug)]
pub struct Tell {
    /// The device.
    pub device: Box<Device>,
    /// The `Event` header.
    pub event: String,
    /// Takes what came of it; `None` when nobody knows where the device is.
    pub outcome: oneshot::Sender<Option<Outcome>>,
}

/// A phone was given a file, or said that it has it.
#[derive(Debug)]
struct Fetch {
    device: Id,
    name: String,
    digest: Digest,
    unix: u64,
}

#[derive(Debug)]
enum Event {
    Fetched(Fetch),
    Ask(Id, Ask),
    Arrived(Id),
    Gone(Id),
    Stale(Id, Digest),
    Judged(Vec<Sequence>, oneshot::Sender<()>),
    Told(Id, Ask, Option<Outcome>),
}

/// The way to tell the circle what happened. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Circle {
    events: mpsc::UnboundedSender<Event>,
    marks: Arc<tokio::sync::Notify>,
}

impl Circle {
    /// There are new marks in the store.
    pub fn marked(&self) {
        self.marks.notify_one();
    }

    /// A phone was given this file at `unix` seconds, or said that it has it.
    pub fn fetched(&self, device: Id, name: &str, digest: Digest, unix: u64) {
        self.send(Event::Fetched(Fetch { device, name: name.to_owned(), digest, unix }));
    }

    /// Somebody asks for this device explicitly: it is told whatever it holds.
    pub fn ask(&self, device: Id, ask: Ask) {
        self.send(Event::Ask(device, ask));
    }

    /// A phone of this device has registered that was not registered before.
    pub fn arrived(&self, device: Id) {
        self.send(Event::Arrived(device));
    }

    /// The device is deleted.
    pub fn gone(&self, device: Id) {
        self.send(Event::Gone(device));
    }

    fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
            debug!("the circle has stopped");
        }
    }
}

/// What the circle works with.
pub struct Means {
    /// Documents, marks and notes.
    pub store: Arc<dyn Store>,
    /// What each phone would be given.
    pub files: Arc<Files>,
    /// Takes what the SIP side is asked to do.
    pub orders: mpsc::Sender<Order>,
    /// How fast phones are told.
    pub pace: Pace,
    /// The wall clock, in Unix milliseconds.
    pub clock: fn() -> u64,
}

/// Starts the circle with what stood in the queue before. It ends when every [`Circle`] and the returned
/// future's owner let go of it.
pub async fn start(means: Means) -> Result<(Circle, impl Future<Output = ()>), StoreError> {
    let (events, inbox) = mpsc::unbounded_channel();
    let circle = Circle { events, marks: Arc::new(tokio::sync::Notify::new()) };
    let queue = Queue::new(means.pace, waiting(&*means.store).await?);
    info!(phones = queue.len(), "phones that must be told");
    circle.marked();
    let judge =
        judge::run(means.store.clone(), means.files.clone(), circle.marks.clone(), circle.events.downgrade());
    let keeper = Keeper { means, queue, events: circle.events.downgrade() };
    let both = async move {
        tokio::select! {
            () = keeper.run(inbox) => {}
            () = judge => {}
        }
    };
    Ok((circle, both))
}

async fn waiting(store: &dyn Store) -> Result<Vec<(Id, Pending)>, StoreError> {
    let notes = every_note(store, Table::Stale).await?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let id = Id::from_bytes(key.as_slice().try_into().ok()?);
        Some((id, serde_json::from_slice(&value).ok()?))
    };
    Ok(notes.into_iter().filter_map(read).collect())
}

/// What a device's phone holds, as the store notes it.
pub async fn held(store: &dyn Store, device: Id) -> Result<Held, StoreError> {
    let note = store.note(Table::Held, device.as_bytes()).await?;
    Ok(note.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// A device's place in the queue, as the store notes it.
pub async fn pending(store: &dyn Store, device: Id) -> Result<Option<Pending>, StoreError> {
    let note = store.note(Table::Stale, device.as_bytes()).await?;
    Ok(note.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// How a device stands: what it would be given, and whether it must be told without anybody asking.
struct Standing {
    given: Option<Arc<Given>>,
    stale: bool,
}

impl Standing {
    async fn of(files: &Files, store: &dyn Store, device: &Device) -> Result<Self, StoreError> {
        let Ok(given) = files.of(device).await else { return Ok(Self { given: None, stale: false }) };
        let stale = given.auto_sync && held(store, device.id()).await?.is_stale(&given.digests());
        Ok(Self { given: Some(given), stale })
    }

    fn event(&self, ask: Ask) -> String {
        let events = self.given.as_ref().map(|given| &given.events);
        let event = events.map(|events| if ask == Ask::Reboot { &events.reboot } else { &events.reread });
        event.map_or("check-sync", String::as_str).to_owned()
    }
}

struct Keeper {
    means: Means,
    queue: Queue,
    events: mpsc::WeakUnboundedSender<Event>,
}

impl Keeper {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Event>) {
        loop {
            let sleep = match self.queue.next((self.means.clock)()) {
                Step::Tell(id) => {
                    self.tell(id).await;
                    continue;
                }
                Step::WaitUntil(at) => Duration::from_millis(at.saturating_sub((self.means.clock)())),
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

    async fn take(&mut self, event: Event) {
        let now = (self.means.clock)();
        let done = match event {
            Event::Fetched(fetch) => self.fetched(fetch).await,
            Event::Ask(id, ask) => {
                self.queue.ask(id, ask, now);
                self.write_down(id).await
            }
            Event::Arrived(id) if self.queue.pending(id).is_some() => {
                self.queue.arrived(id, now);
                self.write_down(id).await
            }
            Event::Arrived(_) => Ok(()),
            Event::Gone(id) => {
                self.queue.remove(id);
                let _stopped = self.means.orders.send(Order::Forget(id)).await;
                self.write_down(id).await
            }
            Event::Stale(id, given) => {
                self.queue.stale(id, given, now);
                self.write_down(id).await
            }
            Event::Judged(marks, done) => {
                let unmarked = self.means.store.unmark(marks, Vec::new()).await;
                unmarked.inspect(|()| done.send(()).unwrap_or_default())
            }
            Event::Told(id, ask, outcome) => self.told(id, ask, outcome).await,
        };
        if let Err(error) = done {
            warn!(%error, "a note about a phone was not written");
        }
    }

    /// Notes what a phone holds, and lets it leave the queue when that is what it would be given.
    async fn fetched(&mut self, fetch: Fetch) -> Result<(), StoreError> {
        let mut held = held(&*self.means.store, fetch.device).await?;
        held.fetch(&fetch.name, fetch.digest, fetch.unix);
        self.note(Table::Held, fetch.device, serde_json::to_vec(&held).ok()).await?;
        if self.queue.pending(fetch.device).is_some() && !self.is_stale(fetch.device).await? {
            info!(device = %fetch.device, "the phone came back and is in step");
            self.queue.in_step(fetch.device);
            self.write_down(fetch.device).await?;
        }
        Ok(())
    }

    async fn is_stale(&self, id: Id) -> Result<bool, StoreError> {
        let Some(device) = self.means.store.device(id).await? else { return Ok(false) };
        Ok(Standing::of(&self.means.files, &*self.means.store, &device).await?.stale)
    }

    /// Looks once more whether the phone must be told, so that one that has come meanwhile is left in peace.
    async fn tell(&mut self, id: Id) {
        let asked = self.queue.pending(id).and_then(|pending| pending.asked);
        let store = &*self.means.store;
        let tried = async {
            let Some(device) = store.device(id).await? else { return Ok(None) };
            let standing = Standing::of(&self.means.files, store, &device).await?;
            Ok::<_, StoreError>((standing.stale || asked.is_some()).then_some((device, standing)))
        };
        match tried.await {
            Ok(Some((device, standing))) => {
                let ask = asked.unwrap_or(Ask::Reread);
                self.send(device, ask, standing.event(ask)).await;
            }
            Ok(None) => self.leave(id).await,
            Err(error) => {
                warn!(device = %id, %error, "the phone is told later");
                self.queue.told(id, false, (self.means.clock)());
            }
        }
    }

    async fn leave(&mut self, id: Id) {
        self.queue.done(id);
        if let Err(error) = self.write_down(id).await {
            warn!(device = %id, %error, "a note about a phone was not written");
        }
    }

    async fn send(&self, device: Device, ask: Ask, event: String) {
        let id = device.id();
        let (outcome, told) = oneshot::channel();
        let events = self.events.clone();
        let tell = Tell { device: Box::new(device), event, outcome };
        if self.means.orders.send(Order::Tell(tell)).await.is_err() {
            return;
        }
        tokio::spawn(async move {
            let Ok(outcome) = told.await else { return };
            if let Some(events) = events.upgrade() {
                let _stopped = events.send(Event::Told(id, ask, outcome));
            }
        });
    }

    async fn told(&mut self, id: Id, ask: Ask, outcome: Option<Outcome>) -> Result<(), StoreError> {
        let now = (self.means.clock)();
        let stale = self.is_stale(id).await?;
        if let Some(outcome) = outcome {
            info!(device = %id, ?ask, outcome = outcome.words(), "told a phone");
            let mut held = held(&*self.means.store, id).await?;
            held.told = Some(Told { ask, at: now / 1000, outcome: outcome.words() });
            self.note(Table::Held, id, serde_json::to_vec(&held).ok()).await?;
            if stale {
                self.queue.told(id, matches!(outcome, Outcome::Answered(_)), now);
            } else {
                self.queue.done(id);
            }
        } else {
            info!(device = %id, "a phone that must be told is not registered");
            self.queue.nowhere(id, stale);
        }
        self.write_down(id).await
    }

    async fn write_down(&self, id: Id) -> Result<(), StoreError> {
        let pending = self.queue.pending(id).and_then(|pending| serde_json::to_vec(pending).ok());
        self.note(Table::Stale, id, pending).await
    }

    async fn note(&self, table: Table, id: Id, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.means.store.jot(vec![Note { table, key: id.as_bytes().to_vec(), value }]).await
    }
}
