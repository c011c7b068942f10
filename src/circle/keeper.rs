//! Keeps the queue: takes what happened, tells phones at their time, and writes down what became of it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::listed::Lists;
use super::origins::Expected;
use super::{Command, Event, Fetch, Means, Order, Stale, Standing, chronicle, copies, held};
use crate::id::Id;
use crate::resync::{Action, Asked, ControlError, Held, Origin, Pending, Queue, Step, Telling};
use crate::store::{Note, Sequence, StoreError, Table};

/// How many places in the queue are written down at a time.
const BATCH: usize = 256;

/// The task that owns the queue: what happened comes in, phones are told, and everything is written down.
pub(super) struct Keeper {
    pub(super) means: Means,
    pub(super) queue: Queue,
    pub(super) events: mpsc::WeakUnboundedSender<Event>,
    expected: Expected,
    pub(super) lists: Lists,
    /// The phones that are being told.
    pub(super) awaited: HashMap<Id, Awaited>,
    /// Phones whose place in the queue could not be written down.
    unwritten: BTreeSet<Id>,
}

/// A phone that is being told. Times are Unix milliseconds.
pub(super) struct Awaited {
    pub(super) telling: Telling,
    /// When its NOTIFY was sent.
    pub(super) since: u64,
    /// When it has first come for a file after that.
    pub(super) came: Option<u64>,
}

impl Keeper {
    pub(super) fn new(
        means: Means,
        queue: Queue,
        (events, lists): (mpsc::WeakUnboundedSender<Event>, Lists),
    ) -> Self {
        let (expected, awaited, unwritten) = (Expected::default(), HashMap::new(), BTreeSet::new());
        Self { means, queue, events, expected, lists, awaited, unwritten }
    }

    /// Runs until nobody has anything to say any more.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Event>,
        mut desk: mpsc::Receiver<Command>,
    ) {
        loop {
            let sleep = match self.queue.next(self.now()) {
                Step::Tell(telling) => {
                    self.tell(telling).await;
                    while let Ok(command) = desk.try_recv() {
                        self.obey(command).await;
                    }
                    if let Ok(event) = inbox.try_recv() {
                        self.take(event).await;
                    }
                    continue;
                }
                Step::WaitUntil(at) => Duration::from_millis(at.saturating_sub(self.now())),
                Step::Wait => Duration::from_hours(1),
            };
            tokio::select! {
                biased;
                Some(command) = desk.recv() => self.obey(command).await,
                event = inbox.recv() => match event {
                    Some(event) => self.take(event).await,
                    None => return,
                },
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    pub(super) fn now(&self) -> u64 {
        (self.means.clock)()
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Progress(answer) => drop(answer.send(self.queue.progress(self.now()))),
            Command::Control(id, action, answer) => {
                let done = self.control(id, action).await;
                let _gone = answer.send(done);
            }
        }
    }

    async fn control(&mut self, campaign: Id, action: Action) -> Result<(), ControlError> {
        let left = self.queue.control(campaign, action, self.now())?;
        info!(%campaign, ?action, phones = left.len(), "an administrator has decided about a campaign");
        self.write_all_down(&left).await;
        Ok(())
    }

    async fn take(&mut self, event: Event) {
        let now = self.now();
        let changed = match event {
            Event::Fetched(fetch) => return self.fetched(fetch).await,
            Event::CaughtUp(done) => return done.send(()).unwrap_or_default(),
            Event::Judged(marks, done) => return self.judged(marks, done).await,
            Event::Told(telling, told, outcome) => return self.told(telling, told, outcome).await,
            Event::Expect(origin, devices) => return self.expected.put(&origin, devices),
            Event::Unexpected(devices) => return self.expected.drop(&devices),
            Event::AskAll(origin, devices, asked, done) => {
                if self.ask_all(&origin, &devices, asked).await {
                    let _gone = done.send(());
                }
                return;
            }
            Event::Stale(stale) => self.stale(&stale),
            Event::InStep(id) => {
                self.expected.take(id);
                // The judge may have looked before the phone's last fetch was noted.
                if self.queue.pending(id).is_none() || !self.is_in_step(id).await.unwrap_or(false) {
                    return;
                }
                self.queue.in_step(id, now);
                id
            }
            Event::Arrived(id) | Event::Refreshed(id) if self.queue.pending(id).is_none() => return,
            Event::Ask(id, asked) => {
                self.queue.ask(id, asked, None, now);
                id
            }
            Event::Arrived(id) => {
                self.queue.arrived(id, now);
                id
            }
            Event::Refreshed(id) => {
                self.queue.refreshed(id, now);
                id
            }
            Event::Gone(id) => {
                self.queue.remove(id, now);
                self.lists.awaited.set(id, false);
                let _stopped = self.means.orders.send(Order::Forget(id)).await;
                id
            }
        };
        self.write_down(changed).await;
    }

    fn stale(&mut self, stale: &Stale) -> Id {
        let expected = self.expected.take(stale.device);
        let origin = expected.as_ref().or(stale.origin.as_ref());
        let of = origin.map(|origin| (&**origin, stale.account));
        self.queue.stale(stale.device, stale.given, of, self.now());
        stale.device
    }

    /// False when some of their places could not be written down.
    async fn ask_all(&mut self, origin: &Origin, devices: &[Id], asked: Asked) -> bool {
        let account = origin.cause.account();
        for some in devices.chunks(BATCH) {
            for device in some {
                self.queue.ask(*device, asked, account.map(|account| (origin, account)), self.now());
            }
            self.write(some).await;
        }
        devices.iter().all(|device| !self.unwritten.contains(device))
    }

    /// Notes what a phone holds. It leaves the queue when that is all it would be given, and comes into it when
    /// the file has changed since it was served.
    async fn fetched(&mut self, fetch: Fetch) {
        let id = fetch.device;
        let awaited = self.awaited.get_mut(&id);
        let is_from_before = awaited.as_ref().is_some_and(|awaited| fetch.at < awaited.since);
        if let Some(awaited) = awaited.filter(|_| !is_from_before) {
            awaited.came.get_or_insert(fetch.at);
        }
        if !is_from_before {
            self.lists.awaited.set(id, false);
        }
        match self.note_fetch(&fetch).await {
            Ok(Some((held, standing)))
                if !standing.stale && !is_from_before && self.queue.pending(id).is_some() =>
            {
                info!(device = %id, file = fetch.name, "the phone came back and is in step");
                self.in_step(id, &held, &standing);
                self.write_down(id).await;
            }
            Ok(Some((_, Standing { given: Some(given), stale: true }))) => {
                let now_given = given.file(&fetch.name).map(|file| file.rendered.digest);
                if now_given.is_some_and(|digest| digest != fetch.digest) {
                    self.queue.stale(id, given.digest(), None, self.now());
                    self.write_down(id).await;
                }
            }
            Ok(_) => {}
            Err(error) => warn!(device = %id, %error, "what a phone was given is not noted"),
        }
    }

    /// Whether the phone need not be told of anything, as things stand now.
    async fn is_in_step(&self, id: Id) -> Result<bool, StoreError> {
        let Some(device) = self.means.store.device(id).await? else { return Ok(true) };
        Standing::of(&self.means, &device).await.map(|standing| !standing.stale)
    }

    fn in_step(&mut self, id: Id, held: &Held, standing: &Standing) {
        // What was fetched within the same second may have been fetched before.
        let since = self.queue.pending(id).map_or(0, |pending| pending.since.div_ceil(1000));
        let given = standing.given.iter().flat_map(|given| given.announced().into_keys());
        let mut fetched = given.filter_map(|name| held.files.get(&name)).map(|file| file.fetched);
        if fetched.all(|fetched| fetched >= since) {
            self.queue.started(id, self.now());
        }
        self.queue.came_back(id, self.now());
    }

    /// Gives what the phone holds and how it stands after its fetch; `None` when the device is gone.
    async fn note_fetch(&self, fetch: &Fetch) -> Result<Option<(Held, Standing)>, StoreError> {
        let Some(device) = self.means.store.device(fetch.device).await? else { return Ok(None) };
        let mut held = held(&*self.means.store, fetch.device).await?;
        let is_new = held.files.get(&fetch.name).is_none_or(|held| held.digest != fetch.digest);
        held.fetch(&fetch.name, fetch.digest, fetch.at / 1000);
        let key = fetch.device.as_bytes().to_vec();
        let mut notes = vec![Note { table: Table::Held, key, value: serde_json::to_vec(&held).ok() }];
        if is_new {
            notes.push(copies::note(&self.means, &device, fetch).await);
        }
        self.means.store.jot(notes).await?;
        // Read again: of a change meanwhile, the judge has seen this note, or it is seen here.
        let Some(device) = self.means.store.device(fetch.device).await? else { return Ok(None) };
        let standing = Standing::holding(&self.means, &device, &held).await?;
        Ok(Some((held, standing)))
    }

    /// Takes marks off once all that came of them is on disk; else the judge begins again.
    async fn judged(&mut self, marks: Vec<Sequence>, done: oneshot::Sender<()>) {
        let unwritten: Vec<Id> = std::mem::take(&mut self.unwritten).into_iter().collect();
        self.write_all_down(&unwritten).await;
        if !self.unwritten.is_empty() {
            return;
        }
        match self.means.store.unmark(marks, Vec::new()).await {
            Ok(()) => done.send(()).unwrap_or_default(),
            Err(error) => warn!(%error, "marks stay on"),
        }
    }

    async fn write_all_down(&mut self, phones: &[Id]) {
        for some in phones.chunks(BATCH) {
            self.write(some).await;
        }
        self.write(&[]).await;
    }

    pub(super) async fn write_down(&mut self, phone: Id) {
        self.write(&[phone]).await;
    }

    /// Writes down the places of some phones, and what has changed of the campaigns.
    async fn write(&mut self, phones: &[Id]) {
        for id in phones {
            let phone = self.queue.pending(*id);
            self.lists.missed.set(*id, phone.is_some_and(Pending::awaits_refresh));
        }
        let campaigns = self.queue.campaigns();
        let changed = campaigns.take_changed();
        let mut notes: Vec<Note> =
            changed.iter().map(|written| chronicle::note(campaigns, *written)).collect();
        notes.extend(phones.iter().map(|id| self.place(*id)));
        if notes.is_empty() {
            return;
        }
        if let Err(error) = self.means.store.jot(notes).await {
            warn!(%error, phones = phones.len(), "places in the queue are not written down");
            self.unwritten.extend(phones);
            self.queue.campaigns().unwritten(changed);
        }
    }

    fn place(&self, id: Id) -> Note {
        let pending = self.queue.record(id).and_then(|pending| serde_json::to_vec(&pending).ok());
        Note { table: Table::Stale, key: id.as_bytes().to_vec(), value: pending }
    }
}
