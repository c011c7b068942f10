//! The circle: a change marks whom it may concern, those who hold something old are told, and each leaves when
//! it comes back for its file.
//!
//! One task owns the [`Queue`]; another, the judge, takes marks off and finds out who is stale. Everything the
//! queue holds is written down as it changes, so that a restart forgets nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{debug, info};

use crate::catalog;
use crate::device::Device;
use crate::files::{Files, Given, Refusal};
use crate::id::{Digest, Id};
use crate::resync::{
    Action, Ask, Asked, Cause, ControlError, Held, Origin, Pace, Pending, Progress, Queue, Telling, Told,
};
use crate::sip::{Binding, Outcome};
use crate::store::{Sequence, Store, StoreError, Table, every_note};

mod chronicle;
mod copies;
mod hours;
mod judge;
mod keeper;
mod listed;
mod origins;
mod station;
mod switchboard;
mod teller;

pub use copies::fetched;
pub use hours::opens as restarts_open;
pub use station::Station;
pub use switchboard::{Ring, Switchboard};

use keeper::Keeper;
use listed::Lists;

/// What the SIP side is asked to do.
#[derive(Debug)]
pub enum Order {
    /// Tell a phone something.
    Tell(Tell),
    /// Forget where a device's phones are, because it is deleted.
    Forget(Id),
    /// Ring a device's phones.
    Call(Ring),
    /// Say where the phones of these devices are, in this order.
    Locate(Vec<Id>, oneshot::Sender<Vec<(Id, Binding)>>),
}

/// The body of a NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its `Content-Type`.
    pub kind: String,
    /// Its bytes.
    pub body: bytes::Bytes,
}

/// A NOTIFY to send to wherever a device's phones are.
#[derive(Debug)]
pub struct Tell {
    /// Whom.
    pub station: Station,
    /// The `Event` header.
    pub event: String,
    /// The body, for the events that have one.
    pub content: Option<Content>,
    /// Takes what came of it; `None` when nobody knows where the device is.
    pub outcome: oneshot::Sender<Option<Outcome>>,
}

impl Tell {
    /// Tells a device what an event of the catalog says.
    fn of(station: Station, event: catalog::Event, outcome: oneshot::Sender<Option<Outcome>>) -> Self {
        let content = event.content.map(|content| Content { kind: content.kind, body: content.body.into() });
        Self { station, event: event.name, content, outcome }
    }
}

/// A phone was given a file, or said that it has it.
#[derive(Debug)]
struct Fetch {
    device: Id,
    name: String,
    digest: Digest,
    /// In Unix milliseconds.
    at: u64,
}

/// A phone holds something old.
#[derive(Debug)]
struct Stale {
    device: Id,
    account: Id,
    /// What it would be given.
    given: Digest,
    /// The campaign of the mark that this has come of.
    origin: Option<Arc<Origin>>,
}

#[derive(Debug)]
enum Event {
    Fetched(Fetch),
    Ask(Id, Asked),
    AskAll(Arc<Origin>, Vec<Id>, Asked, oneshot::Sender<()>),
    Expect(Arc<Origin>, Vec<Id>),
    Unexpected(Vec<Id>),
    Arrived(Id),
    Refreshed(Id),
    Gone(Id),
    Stale(Stale),
    InStep(Id),
    Judged(Vec<Sequence>, oneshot::Sender<()>),
    CaughtUp(oneshot::Sender<()>),
    Told(Telling, Told, Result<Option<Outcome>, oneshot::error::RecvError>),
}

/// What an administrator wants to know of the campaigns, or do with them: heard before everything else.
#[derive(Debug)]
enum Command {
    Progress(oneshot::Sender<Vec<Progress>>),
    Control(Id, Action, oneshot::Sender<Result<(), ControlError>>),
}

/// The way to tell the circle what happened. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Circle {
    events: mpsc::UnboundedSender<Event>,
    commands: mpsc::Sender<Command>,
    marks: Arc<tokio::sync::Notify>,
    lists: Lists,
    proxied: bool,
}

impl Circle {
    /// There are new marks in the store.
    pub fn marked(&self) {
        self.marks.notify_one();
    }

    /// A phone was given this file at this time (Unix milliseconds), or said that it has it.
    pub fn fetched(&self, device: Id, name: &str, digest: Digest, at: u64) {
        self.send(Event::Fetched(Fetch { device, name: name.to_owned(), digest, at }));
    }

    /// True while a device was told and has not come for a file since: then [`Circle::fetched`] must hear of every fetch,
    /// even of one like that of a moment ago.
    pub fn awaits(&self, device: Id) -> bool {
        self.lists.awaited.contains(device)
    }

    /// Somebody asks for this device explicitly: it is told whatever it holds.
    pub fn ask(&self, device: Id, asked: Asked) {
        self.send(Event::Ask(device, asked));
    }

    /// Somebody asks for these devices of an account explicitly: a campaign, which `number` tells from all others. Ends
    /// when their places in the queue are written down.
    ///
    /// # Errors
    /// When some of them could not be: these would be forgotten by a restart.
    pub async fn ask_all(
        &self,
        account: Id,
        devices: Vec<Id>,
        asked: Asked,
        number: &[u8],
    ) -> Result<(), StoreError> {
        let origin = Origin::of(Cause::Sync { account, ask: asked.ask }, number);
        let (done, written) = oneshot::channel();
        self.send(Event::AskAll(Arc::new(origin), devices, asked, done));
        written.await.map_err(|_| StoreError::Io("places in the queue are not written down".to_owned()))
    }

    /// These devices of an account are about to be changed by one import. To be said before their marks are stored.
    pub fn expect(&self, account: Id, job: Id, devices: Vec<Id>) {
        let origin = Origin::of(Cause::Import { account, job }, &[]);
        self.send(Event::Expect(Arc::new(origin), devices));
    }

    /// These devices are not changed after all.
    pub fn unexpected(&self, devices: Vec<Id>) {
        self.send(Event::Unexpected(devices));
    }

    /// How the campaigns get on, the newest first.
    pub async fn progress(&self) -> Vec<Progress> {
        let (answer, progress) = oneshot::channel();
        let _stopped = self.commands.send(Command::Progress(answer)).await;
        progress.await.unwrap_or_default()
    }

    /// Holds a campaign back, lets it go on, or ends it. It is written down when this returns.
    pub async fn control(&self, campaign: Id, action: Action) -> Result<(), ControlError> {
        let (answer, done) = oneshot::channel();
        let _stopped = self.commands.send(Command::Control(campaign, action, answer)).await;
        done.await.unwrap_or(Err(ControlError::Unknown))
    }

    /// A phone of this device has registered that was not registered before, or came from elsewhere or as another.
    pub fn arrived(&self, device: Id) {
        self.send(Event::Arrived(device));
    }

    /// A phone of this device has registered again, as the same and from the same place. That is looked at only if nobody
    /// was there when it was told last, and costs next to nothing otherwise.
    pub fn refreshed(&self, device: Id) {
        if self.lists.missed.contains(device) {
            self.send(Event::Refreshed(device));
        }
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

    /// A circle that hears nothing.
    #[cfg(test)]
    pub(crate) fn deaf() -> Self {
        let (events, commands) = (mpsc::unbounded_channel().0, mpsc::channel(1).0);
        Self { events, commands, marks: Arc::default(), lists: Lists::default(), proxied: false }
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
    /// Any number, another at each start: phones are spread by it.
    pub seed: u64,
}

/// Starts the circle with what stood in the queue before. The future returned turns it, and ends, with everything
/// it was told written down, when every [`Circle`] is gone.
pub async fn start(means: Means) -> Result<(Circle, impl Future<Output = ()>), StoreError> {
    let (events, inbox) = mpsc::unbounded_channel();
    let (commands, desk) = mpsc::channel(64);
    let (marks, lists) = (Arc::new(tokio::sync::Notify::new()), Lists::default());
    let circle = Circle { events, commands, marks, lists: lists.clone(), proxied: means.pace.proxied };
    let campaigns = chronicle::read(&*means.store).await?;
    let phones = waiting(&*means.store).await?;
    for (id, phone) in &phones {
        lists.missed.set(*id, phone.awaits_refresh());
    }
    let queue = Queue::new(means.pace, means.seed, campaigns, phones);
    info!(phones = queue.len(), "phones that must be told");
    circle.marked();
    let (marks, events) = (circle.marks.clone(), circle.events.downgrade());
    let judge = judge::run(means.store.clone(), means.files.clone(), marks, events.clone());
    let keeper = Keeper::new(means, queue, (events, lists));
    let turning = async move {
        let mut judging = JoinSet::new();
        judging.spawn(judge);
        keeper.run(inbox, desk).await;
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
        Self::holding(means, device, &held(&*means.store, device.id()).await?).await
    }

    /// How a device stands that holds this.
    async fn holding(means: &Means, device: &Device, held: &Held) -> Result<Self, StoreError> {
        let given = given(&means.files, device).await?;
        let stale = given.as_ref().is_some_and(|given| must_be_told(given, held));
        Ok(Self { given, stale })
    }

    fn event(&self, ask: Ask) -> catalog::Event {
        let events = self.given.as_ref().map(|given| &given.events);
        let event = events.map(|events| if ask == Ask::Reboot { &events.reboot } else { &events.reread });
        event.cloned().unwrap_or_else(|| catalog::Event::named("check-sync"))
    }
}

/// Whether a phone that holds this must be told without anybody asking.
fn must_be_told(given: &Given, held: &Held) -> bool {
    given.auto_sync && held.is_stale(&given.announced())
}

/// What a device would be given; `None` where it is given nothing. That the store failed is neither.
async fn given(files: &Files, device: &Device) -> Result<Option<Arc<Given>>, StoreError> {
    match files.of(device).await {
        Ok(given) => Ok(Some(given)),
        Err(Refusal::Store(error)) => Err(error),
        Err(_) => Ok(None),
    }
}
