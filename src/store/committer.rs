//! The one thread that writes. It decides the waiting changes one after the other, writes all of them as one
//! batch, waits once for the disk, and then tells everybody: so concurrent writers share one fsync, and nobody
//! is told before it is true.

use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::engine::Engine;
use super::evaluate::{Work, evaluate};
use super::folder::{Folder, HighWater};
use super::layout;
use super::meta::Meta;
use super::overlay::{Overlay, Pending};
use super::sled_store::Options;
use super::{Changes, Result, Sequence, StoreError, envelope};
use crate::resync::Scope;

/// Something asked of the committer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ask: Ask,
    pub(super) answer: oneshot::Sender<Result<Sequence>>,
}

/// What can be asked of it.
#[derive(Debug)]
pub(super) enum Ask {
    /// Steps that count as a commit: answered with their sequence when they are on the disk.
    Commit(Work),
    /// Notes and the taking off of marks: answered when they are on the disk.
    Settle(Work),
    /// Notes, answered as soon as the kernel has them.
    Jot(Work),
    /// Open the database again if it was given up: answered when it can be read.
    Reopen,
    /// Write everything down, and let go of the files.
    Close,
}

/// What readers and the committer share. Readers hold the lock while they ask, the committer while a batch is
/// applied: so nobody sees half a batch.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: RwLock<Result<Engine>>,
    pub(super) changes: Changes,
}

/// What the committer needs to begin.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) folder: Folder,
    pub(super) high_water: HighWater,
    pub(super) meta: Meta,
    pub(super) options: Options,
    pub(super) rest: Rest,
}

/// What still has to be done when there is time.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Since when there is something that only the kernel has.
    unsynced: Option<Instant>,
    /// Since when the high-water is ahead of what is on the disk of it.
    unnoted: Option<Instant>,
    /// When the database was last opened again in vain.
    tried: Option<Instant>,
    /// Set when this process must not touch the database any more.
    fatal: bool,
}

const GROUP: usize = 256;
const WAITING: usize = 1024;
const SYNC_AFTER: Duration = Duration::from_millis(500);
const NOTE_AFTER: Duration = Duration::from_secs(5);
const TRY_AFTER: Duration = Duration::from_millis(200);

impl Committer {
    /// Starts the thread. It ends, having written everything down, when the sender is dropped or on `Close`.
    pub(super) fn start(self) -> Result<(mpsc::Sender<Request>, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime =
            runtime.map_err(|error| StoreError::Io(format!("no thread can be started: {error}")))?;
        let thread = std::thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || self.run(receiver, &runtime));
        let thread = thread.map_err(|error| StoreError::Io(format!("no thread can be started: {error}")))?;
        Ok((sender, thread))
    }

    fn run(mut self, mut receiver: mpsc::Receiver<Request>, runtime: &tokio::runtime::Runtime) {
        loop {
            let due = self.rest.is_any().then_some(SYNC_AFTER);
            let first = runtime.block_on(async {
                match due {
                    Some(due) => tokio::time::timeout(due, receiver.recv()).await.ok(),
                    None => Some(receiver.recv().await),
                }
            });
            let group = match first {
                None => Vec::new(),
                Some(None) => break,
                Some(Some(first)) => gather(first, &mut receiver),
            };
            if self.serve(group) {
                break;
            }
        }
        if let Err(error) = self.finish() {
            tracing::error!(%error, "the database was not closed properly");
        }
    }

    /// Serves one group; true when it was asked to close.
    fn serve(&mut self, group: Vec<Request>) -> bool {
        let mut writes = Vec::new();
        let mut closing = None;
        for Request { ask, answer } in group {
            match ask {
                Ask::Commit(work) => writes.push(Write { work, answer, waits: true, counts: true }),
                Ask::Settle(work) => writes.push(Write { work, answer, waits: true, counts: false }),
                Ask::Jot(work) => writes.push(Write { work, answer, waits: false, counts: false }),
                Ask::Reopen => drop(answer.send(self.reopen().map(|()| self.meta.sequence))),
                Ask::Close => closing = Some(answer),
            }
        }
        if !writes.is_empty() {
            self.write(writes);
        }
        if let Err(error) = self.catch_up(closing.is_some()) {
            self.give_up(&error);
        }
        match closing {
            Some(answer) => {
                let closed = self.finish();
                drop(answer.send(closed.map(|()| self.meta.sequence)));
                true
            }
            None => false,
        }
    }

    fn write(&mut self, writes: Vec<Write>) {
        if let Err(error) = self.reopen().and_then(|()| self.room(&writes)) {
            return refuse(writes.into_iter().map(|write| write.answer), &error);
        }
        match self.decide(writes) {
            Ok(group) => self.carry_out(group),
            Err((writes, error)) => refuse(writes, &error),
        }
    }

    fn room(&self, writes: &[Write]) -> Result<()> {
        let bytes: u64 = writes.iter().map(|write| write.work.bytes()).sum();
        let need = self.options.reserve_bytes.saturating_add(bytes.saturating_mul(4));
        let there = if self.options.reserve_bytes == 0 { u64::MAX } else { self.folder.available()? };
        if there >= need {
            return Ok(());
        }
        let path = self.folder.path().display();
        Err(StoreError::Full(format!(
            "{path} has {there} bytes left, and {need} must be free before a write"
        )))
    }

    /// Decides every change of the group against those before it, and answers those that are refused.
    fn decide(&self, writes: Vec<Write>) -> std::result::Result<Group, (Vec<Answer>, StoreError)> {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        let engine = match &*engine {
            Ok(engine) => engine,
            Err(error) => {
                return Err((writes.into_iter().map(|write| write.answer).collect(), error.clone()));
            }
        };
        let mut overlay = Overlay::new(engine, self.meta.tally.clone());
        let mut sequence = self.meta.sequence;
        let mut waiting = Vec::new();
        for Write { work, answer, waits, counts } in writes {
            match evaluate(&mut overlay, work, sequence + 1) {
                Ok(marks) => {
                    let least = usize::from(counts);
                    sequence += u64::try_from(marks.len().max(least)).unwrap_or_default();
                    waiting.push(Accepted { answer, waits, counts, sequence, marks });
                }
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        let (pending, tally) = overlay.finish();
        let batch = self.meta.batch + 1;
        Ok(Group { pending, meta: Meta { batch, sequence, tally, ..self.meta.clone() }, waiting })
    }

    fn carry_out(&mut self, group: Group) {
        let Group { pending, meta, waiting } = group;
        let sync = waiting.iter().any(|write| write.waits);
        let settled = !sync || self.rest.unsynced.is_none();
        if settled && pending.is_empty() && meta.sequence == self.meta.sequence {
            return waiting.into_iter().for_each(Accepted::tell);
        }
        let done = self.store(&pending, &meta, sync).or_else(|error| self.recover(&meta, error));
        match done {
            Ok(()) => self.publish(meta, waiting, sync),
            Err(error) => {
                self.publish_loss();
                refuse(waiting.into_iter().map(|write| write.answer), &error);
            }
        }
    }

    /// A batch that could not be applied for another reason than a full disk may be half there in sled's memory
    /// and half on its way to the disk: this process must not open it again. The next start will verify it all.
    fn store(&mut self, pending: &Pending, meta: &Meta, sync: bool) -> Result<()> {
        let batch = batch(pending, meta)?;
        {
            let engine = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner);
            let applied = engine.as_ref().map_err(Clone::clone)?.apply(batch);
            self.rest.fatal |= applied.as_ref().is_err_and(|error| !matches!(error, StoreError::Full(_)));
            applied?;
        }
        self.flush()?;
        self.rest.unsynced.get_or_insert_with(now);
        if sync { self.sync() } else { Ok(()) }
    }

    fn publish(&mut self, meta: Meta, waiting: Vec<Accepted>, synced: bool) {
        self.meta = meta;
        if synced {
            self.note();
        }
        for write in waiting.iter().filter(|write| write.counts) {
            self.shared.changes.publish(write.sequence, &write.marks);
        }
        waiting.into_iter().for_each(Accepted::tell);
    }

    /// What was written but is not there any more may have been read meanwhile: whatever was made since then
    /// must be made again. One sequence is left out for this.
    fn publish_loss(&mut self) {
        self.meta.sequence += 1;
        self.shared.changes.publish(self.meta.sequence, [&Scope::Everything]);
    }

    fn flush(&self) -> Result<()> {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.as_ref().map_err(Clone::clone)?.flush()
    }

    /// An fsync that failed cannot be repeated: the kernel may have dropped what it could not write. Nothing is
    /// acknowledged by this process after that.
    fn sync(&mut self) -> Result<()> {
        if self.options.sync {
            let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
            let synced = engine.as_ref().map_err(Clone::clone)?.sync();
            self.rest.fatal |= synced.is_err();
            synced.map_err(|error| StoreError::Io(format!("{error}; nothing is written until a restart")))?;
        }
        self.rest.unsynced = None;
        Ok(())
    }

    /// Writing failed: sled's memory and its file differ now. The file decides. If the batch is in it after all
    /// it is kept, else it never was.
    fn recover(&mut self, meta: &Meta, error: StoreError) -> Result<()> {
        self.give_up(&error);
        if self.rest.fatal {
            return Err(error);
        }
        match self.reopen_at() {
            Ok(found) if found.batch == meta.batch => self.sync(),
            _ => Err(error),
        }
    }

    fn give_up(&mut self, error: &StoreError) {
        tracing::error!(%error, "the database is closed until it can be written again");
        self.rest.fatal |= matches!(error, StoreError::Damaged(_));
        let mut engine = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner);
        *engine = Err(error.clone());
    }

    fn reopen(&mut self) -> Result<()> {
        let shut = {
            let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
            engine.as_ref().err().cloned()
        };
        match shut {
            None => Ok(()),
            Some(error) if self.rest.fatal => Err(error),
            Some(error) if self.rest.tried.is_some_and(|tried| tried.elapsed() < TRY_AFTER) => Err(error),
            Some(_) => self.reopen_at().map(drop),
        }
    }

    /// Opens the database again, and makes sure that it is as far as was acknowledged.
    fn reopen_at(&mut self) -> Result<Meta> {
        self.rest.tried = Some(now());
        let path = self.folder.path();
        let engine = Engine::open(path, &self.folder.sled(), self.options.cache_bytes)?;
        let meta = engine.meta()?.ok_or_else(|| self.folder.damaged("it is empty"))?;
        if meta.database != self.meta.database || meta.batch < self.meta.batch {
            self.rest.fatal = true;
            return Err(self.folder.damaged("what was acknowledged is not there any more"));
        }
        let sequence = meta.sequence.max(self.meta.sequence);
        self.meta = Meta { sequence, ..meta.clone() };
        *self.shared.engine.write().unwrap_or_else(PoisonError::into_inner) = Ok(engine);
        tracing::info!("the database is open again");
        Ok(meta)
    }

    fn note(&mut self) {
        match self.high_water.note(self.meta.batch) {
            Ok(()) => drop(self.rest.unnoted.get_or_insert_with(now)),
            Err(error) => tracing::warn!(%error, "the high-water was not noted"),
        }
    }

    /// Does what is due, or all of it.
    fn catch_up(&mut self, all: bool) -> Result<()> {
        let due = |since: Option<Instant>, after| since.is_some_and(|since| all || since.elapsed() >= after);
        if due(self.rest.unsynced, SYNC_AFTER) {
            self.sync()?;
            self.note();
        }
        if due(self.rest.unnoted, NOTE_AFTER) {
            self.rest.unnoted = None;
            self.high_water.sync()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let done = if self.rest.fatal { Ok(()) } else { self.flush().and_then(|()| self.catch_up(true)) };
        let closed = StoreError::Io("the database is closed".to_owned());
        *self.shared.engine.write().unwrap_or_else(PoisonError::into_inner) = Err(closed);
        self.rest.fatal = true;
        done
    }
}

impl Rest {
    fn is_any(&self) -> bool {
        self.unsynced.is_some() || self.unnoted.is_some()
    }
}

type Answer = oneshot::Sender<Result<Sequence>>;

/// A change that was asked for.
struct Write {
    work: Work,
    answer: Answer,
    waits: bool,
    counts: bool,
}

/// A change that will be written with its group.
struct Accepted {
    answer: Answer,
    waits: bool,
    counts: bool,
    sequence: Sequence,
    marks: Vec<Scope>,
}

impl Accepted {
    /// Nobody may be waiting any more; that changes nothing.
    fn tell(self) {
        drop(self.answer.send(Ok(self.sequence)));
    }
}

/// What will be written, what will be noted of it, and who waits for it.
struct Group {
    pending: Pending,
    meta: Meta,
    waiting: Vec<Accepted>,
}

fn gather(first: Request, receiver: &mut mpsc::Receiver<Request>) -> Vec<Request> {
    let mut group = vec![first];
    while group.len() < GROUP
        && let Ok(next) = receiver.try_recv()
    {
        group.push(next);
    }
    group
}

fn refuse(answers: impl IntoIterator<Item = Answer>, error: &StoreError) {
    for answer in answers {
        drop(answer.send(Err(error.clone())));
    }
}

/// One batch of everything pending and the record that counts it.
pub(super) fn batch(pending: &Pending, meta: &Meta) -> Result<sled::Batch> {
    let mut batch = sled::Batch::default();
    for (key, payload) in pending {
        match payload {
            Some(payload) => batch.insert(&key[..], envelope::seal(key, payload)),
            None => batch.remove(&key[..]),
        }
    }
    let noted = serde_json::to_vec(meta).map_err(|error| StoreError::Io(error.to_string()))?;
    batch.insert(layout::META, envelope::seal(layout::META, &noted));
    Ok(batch)
}

#[expect(clippy::disallowed_methods, reason = "only how long ago something was, never what is written")]
fn now() -> Instant {
    Instant::now()
}
