//! All rows of an import are examined, some at a time on every core, and then held against each other.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::super::error::Failure;
use super::examine::{Claim, Examiner, Good, Verdict, wrong};
use super::framer::Raw;
use super::job::{Job, Report, Wrong};
use crate::device::Device;
use crate::store::{Entity, StoreError, Unique};

/// How many rows are examined without a pause.
pub(super) const CHUNK: usize = 256;

/// How many chunks are examined at the same time, at most.
const ABREAST: usize = 4;

/// Rows that can be stored, and what came of the others.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) good: Vec<Good>,
    pub(super) report: Report,
    taken: HashMap<Claim, u32>,
}

/// Examines rows as they come, until no more do.
pub(super) async fn check(
    examiner: &Arc<Examiner>,
    job: &Job,
    mut inbox: mpsc::Receiver<Vec<Raw>>,
) -> Result<Checked, Failure> {
    let chunks = stream::poll_fn(|context| inbox.poll_recv(context));
    let abreast = std::thread::available_parallelism().map_or(1, usize::from).min(ABREAST);
    let mut verdicts = chunks.map(|chunk| examine(examiner.clone(), chunk)).buffered(abreast);
    let mut checked = Checked::default();
    while let Some(verdicts) = verdicts.next().await {
        for (row, line, verdict) in verdicts? {
            checked.add(row, line, verdict)?;
        }
        job.judged(checked.report.total - checked.report.wrongs.total, checked.report.wrongs.total);
    }
    checked.taken = HashMap::new();
    Ok(checked)
}

/// Examines a chunk on a thread that may be busy for a while.
async fn examine(examiner: Arc<Examiner>, chunk: Vec<Raw>) -> Result<Vec<(u32, u32, Verdict)>, Failure> {
    let here = Handle::current();
    let work = async move {
        let mut verdicts = Vec::with_capacity(chunk.len());
        for raw in chunk {
            verdicts.push((raw.row, raw.line, examiner.examine(raw).await?));
        }
        Ok(verdicts)
    };
    aside(here, work).await?
}

/// Has work done that keeps a thread busy, beside the threads that answer requests.
pub(super) async fn aside<T: Send + 'static>(
    here: Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = spawn_blocking(move || here.block_on(work)).await;
    done.map_err(|_| StoreError::Io("the import was broken off".to_owned()))
}

impl Checked {
    /// Of rows that want the same, the first has it.
    fn add(&mut self, row: u32, line: u32, verdict: Verdict) -> Result<(), Failure> {
        self.report.total += 1;
        match verdict {
            Verdict::Wrong(wrong) => self.report.wrongs.add(wrong),
            Verdict::Unchanged(claim) => {
                if let Some(first) = self.taken.get(&claim) {
                    self.report.wrongs.add(named_twice(row, line, *first));
                } else {
                    self.taken.insert(claim, row);
                    self.report.unchanged += 1;
                }
            }
            Verdict::Good(good) => self.keep(good)?,
        }
        Ok(())
    }

    fn keep(&mut self, good: Good) -> Result<(), Failure> {
        let first = good.claims.iter().find_map(|claim| Some((*claim, *self.taken.get(claim)?)));
        if let Some((claim, first)) = first {
            self.report.wrongs.add(twice(&good, claim, first)?);
            return Ok(());
        }
        self.taken.extend(good.claims.iter().map(|claim| (*claim, good.row)));
        let counted =
            if good.replaces.is_some() { &mut self.report.updated } else { &mut self.report.created };
        *counted += 1;
        self.good.push(Good { claims: Vec::new(), ..good });
        Ok(())
    }
}

/// What is wrong with a row that wants what an earlier one has.
fn twice(good: &Good, claim: Claim, first: u32) -> Result<Wrong, Failure> {
    let field = match claim {
        Claim::Id(_) => return Ok(named_twice(good.row, good.line, first)),
        Claim::Mac(_) => Unique::Mac,
        Claim::Line(_) => Unique::Username,
        Claim::Ip(_) => Unique::Ip,
    };
    let device = read(good)?;
    let taken = StoreError::Taken { field, by: device.id() };
    let mut errors = Failure::unstored(taken, &Entity::Device(device)).wrong()?;
    for problems in errors.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        problems["unique"]["row"] = first.into();
    }
    Ok(wrong(good.row, good.line, errors))
}

fn named_twice(row: u32, line: u32, first: u32) -> Wrong {
    wrong(
        row,
        line,
        json!({"id": {"unique": {"message": "Another row names the same device", "row": first}}}),
    )
}

/// The device of a row.
pub(super) fn read(good: &Good) -> Result<Device, StoreError> {
    serde_json::from_slice(&good.device).map_err(|error| StoreError::Io(error.to_string()))
}
