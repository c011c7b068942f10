//! The circle: a change marks whom it may concern, those who hold something old are told, and each leaves when
//! it comes back for its file.
//!
//! One task owns the [`Queue`]; another, the judge, takes marks off and finds out who is stale. Everything the
//! queue holds is written down as it changes, so that a restart forgets nobody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::device::Device;
use crate::files::{Files, Given, Refusal};
use crate::id::{Digest, Id};
use crate::resync::{Ask, End, Held, Pace, Pending, Queue, Step, Telling, Told};
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
    InStep(Id),
    Judged(Vec<Sequence>, oneshot::Sender<()>),
    CaughtUp(oneshot::Sender<()>),
    Told(Telling, Told, Result<Option<Outcome>, oneshot::error::RecvError>),
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

    /// Ends when everything that was told before is noted, or after a second.
    pub async fn caught_up(&self) {
        let (done, all_noted) = oneshot::channel();
        self.send(Event::CaughtUp(done));
        let _late = tokio::time::timeout(Duration::from_secs(1), all_noted).await;
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

/// Starts the circle with what stood in the queue before. The future returned turns it, and ends, with everything
/// it was told written down, when every [`Circle`] is gone.
pub async fn start(means: Means) -> Result<(Circle, impl Future<Output = ()>), StoreError> {
    let (events, inbox) = mpsc::unbounded_channel();
    let circle = Circle { events, marks: Arc::new(tokio::sync::Notify::new()) };
    let queue = Queue::new(means.pace, waiting(&*means.store).await?);
    info!(phones = queue.len(), "phones that must be told");
    circle.marked();
    let (marks, events) = (circle.marks.clone(), circle.events.downgrade());
    let judge = judge::run(means.store.clone(), means.files.clone(), marks, events.clone());
    let keeper = Keeper { means, queue, events, unwritten: BTreeSet::new() };
    let turning = async move {
        let mut judging = JoinSet::new();
        judging.spawn(judge);
        keeper.run(inbox).await;
    };
    Ok((circle, turning))
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
    async fn of(means: &Means, device: &Device) -> Result<Self, StoreError> {
        let given = given(&means.files, device).await?;
        let held = held(&*means.store, device.id()).await?;
        let stale = given.as_ref().is_some_and(|given| given.auto_sync && held.is_stale(&given.digests()));
        Ok(Self { given, stale })
    }

    fn event(&self, ask: Ask) -> String {
        let events = self.given.as_ref().map(|given| &given.events);
        let event = events.map(|events| if ask == Ask::Reboot { &events.reboot } else { &events.reread });
        event.map_or("check-sync", String::as_str).to_owned()
    }
}

/// What a device would be given; `None` where it is given nothing. That the store failed is neither.
async fn given(files: &Files, device: &Device) -> Result<Option<Arc<Given>>, StoreError> {
    match files.of(device).await {
        Ok(given) => Ok(Some(given)),
        Err(Refusal::Store(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

struct Keeper {
    means: Means,
    queue: Queue,
    events: mpsc::WeakUnboundedSender<Event>,
    /// Phones whose place in the queue could not be written down.
    unwritten: BTreeSet<Id>,
}

impl Keeper {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Event>) {
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
        held.fetch(&fetch.name, fetch.digest, fetch.unix);
        self.note(Table::Held, fetch.device, serde_json::to_vec(&held).ok()).await?;
        Standing::of(&self.means, &device).await.map(Some)
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
        let tell = Tell { device: Box::new(device), event, outcome };
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
