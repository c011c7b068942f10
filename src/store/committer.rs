//! The one thread that writes. It decides the waiting changes one after the other, has all of them written as
//! one batch, waits once for the disk, and then tells everybody: so concurrent writers share one fsync, and
//! nobody is told before it is true.

use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::evaluate::{Work, evaluate};
use super::keeper::Keeper;
use super::meta::Meta;
use super::overlay::{Overlay, Pending};
use super::{Result, Sequence, StoreError};
use crate::resync::Scope;

/// Something asked of the committer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ask: Ask,
    pub(super) answer: Answer,
}

/// Where the answer goes: the sequence, or why not. Nobody may be waiting any more; that changes nothing.
pub(super) type Answer = oneshot::Sender<Result<Sequence>>;

/// What can be asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// Steps that count as a commit: answered with their sequence when they are on the disk.
    Commit(Work),
    /// Notes and the taking off of marks: answered when they are on the disk.
    Settle(Work),
    /// Notes, answered when the kernel has them.
    Jot(Work),
    /// Open the database again if it was given up: answered when it can be read.
    Reopen,
    /// Write everything down, and let go of the files.
    Close,
}

/// The most changes that share one batch.
const GROUP: usize = 256;
/// The most requests that wait; whoever comes then waits before asking.
const WAITING: usize = 1024;

/// Starts the thread. It ends, having written everything down, when the sender is dropped or on `Close`.
pub(super) fn start(keeper: Keeper) -> Result<(mpsc::Sender<Request>, JoinHandle<()>)> {
    let failed = |error| StoreError::Io(format!("the thread that writes cannot be started: {error}"));
    let (sender, receiver) = mpsc::channel(WAITING);
    let runtime = Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let thread = std::thread::Builder::new().name("store".to_owned());
    let thread = thread.spawn(move || run(keeper, receiver, &runtime)).map_err(failed)?;
    Ok((sender, thread))
}

fn run(mut keeper: Keeper, mut receiver: mpsc::Receiver<Request>, runtime: &Runtime) {
    let mut closing = None;
    while closing.is_none()
        && let Some(group) = runtime.block_on(gather(&mut receiver, &keeper))
    {
        closing = serve(&mut keeper, group);
        keeper.catch_up();
    }
    let finished = keeper.finish();
    match closing {
        Some(answer) => drop(answer.send(finished.map(|()| keeper.meta.sequence))),
        None => finished.unwrap_or_else(|error| tracing::error!(%error, "the database was not closed well")),
    }
}

/// Everything that waits, or nothing when there is something else to do; `None` when nobody will ask any more.
async fn gather(receiver: &mut mpsc::Receiver<Request>, keeper: &Keeper) -> Option<Vec<Request>> {
    let mut group = Vec::new();
    let arrival = receiver.recv_many(&mut group, GROUP);
    let count = match keeper.patience() {
        Some(patience) => tokio::time::timeout(patience, arrival).await,
        None => Ok(arrival.await),
    };
    (count != Ok(0)).then_some(group)
}

/// Serves one group; returns who asked to close.
fn serve(keeper: &mut Keeper, group: Vec<Request>) -> Option<Answer> {
    let mut writes = Vec::new();
    let mut closing = None;
    for Request { ask, answer } in group {
        match ask {
            Ask::Commit(work) => writes.push(Write { work, answer, waits: true, counts: true }),
            Ask::Settle(work) => writes.push(Write { work, answer, waits: true, counts: false }),
            Ask::Jot(work) => writes.push(Write { work, answer, waits: false, counts: false }),
            Ask::Reopen => drop(answer.send(keeper.reopen().map(|()| keeper.meta.sequence))),
            Ask::Close => closing = Some(answer),
        }
    }
    if !writes.is_empty() {
        write(keeper, writes);
    }
    closing
}

/// A change that was asked for.
struct Write {
    work: Work,
    answer: Answer,
    /// Its writer waits for the disk.
    waits: bool,
    /// It takes a sequence, and is published.
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

/// What will be written, what the tree holds then, and who waits for it. Those that are refused wait too: who is
/// told of a conflict must be able to read what was in the way.
struct Group {
    pending: Pending,
    meta: Meta,
    waiting: Vec<Accepted>,
    refused: Vec<(Answer, StoreError)>,
}

fn write(keeper: &mut Keeper, writes: Vec<Write>) {
    let bytes = writes.iter().map(|write| write.work.bytes()).sum();
    match keeper.reopen().and_then(|()| keeper.room(bytes)) {
        Ok(()) => decide(keeper, writes),
        Err(error) => refuse(writes.into_iter().map(|write| write.answer), &error),
    }
}

fn decide(keeper: &mut Keeper, writes: Vec<Write>) {
    let shared = keeper.shared.clone();
    let group = match &*shared.engine() {
        Ok(engine) => evaluate_all(Overlay::new(engine, keeper.meta.tally.clone()), &keeper.meta, writes),
        Err(error) => return refuse(writes.into_iter().map(|write| write.answer), error),
    };
    carry_out(keeper, group);
}

/// Decides every change of the group against those before it.
fn evaluate_all(mut overlay: Overlay<'_>, meta: &Meta, writes: Vec<Write>) -> Group {
    let mut sequence = meta.sequence;
    let (mut waiting, mut refused) = (Vec::new(), Vec::new());
    for Write { work, answer, waits, counts } in writes {
        match evaluate(&mut overlay, work, sequence + 1) {
            Ok(marks) => {
                sequence += (marks.len() as u64).max(u64::from(counts));
                waiting.push(Accepted { answer, waits, counts, sequence, marks });
            }
            Err(error) => refused.push((answer, error)),
        }
    }
    let (pending, tally) = overlay.finish();
    let meta = Meta { batch: meta.batch + 1, sequence, tally, ..meta.clone() };
    Group { pending, meta, waiting, refused }
}

fn carry_out(keeper: &mut Keeper, group: Group) {
    let Group { pending, meta, waiting, refused } = group;
    let sync = waiting.iter().any(|write| write.waits);
    let is_nothing = pending.is_empty() && meta.sequence == keeper.meta.sequence;
    let done =
        if is_nothing && (keeper.is_synced() || !sync) { Ok(()) } else { keeper.store(&pending, meta, sync) };
    match done {
        Ok(()) => publish(keeper, waiting),
        Err(error) => refuse(waiting.into_iter().map(|write| write.answer), &error),
    }
    for (answer, error) in refused {
        drop(answer.send(Err(error)));
    }
}

fn publish(keeper: &Keeper, waiting: Vec<Accepted>) {
    for write in waiting.iter().filter(|write| write.counts) {
        keeper.shared.changes.publish(write.sequence, &write.marks);
    }
    for write in waiting {
        drop(write.answer.send(Ok(write.sequence)));
    }
}

fn refuse(answers: impl IntoIterator<Item = Answer>, error: &StoreError) {
    for answer in answers {
        drop(answer.send(Err(error.clone())));
    }
}
