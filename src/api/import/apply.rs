//! Stores the rows that were found good: many in each change, several changes under way, so that reading rows and
//! waiting for the disk overlap.
//!
//! A device that is created leaves no mark: no phone holds anything of it yet. One that is replaced leaves its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, future, stream};
use tokio::runtime::Handle;
use tracing::warn;

use super::super::error::Failure;
use super::super::farewell::Farewell;
use super::check::{Checked, aside, read};
use super::examine::{Examiner, Good, wrong};
use super::job::{Job, Report, Wrong};
use super::undo::{self, Plan};
use crate::id::Id;
use crate::resync::Scope;
use crate::schema::Problem;
use crate::store::{Change, Entity, Step, StoreError};

/// How many rows share a change.
const BATCH: usize = 256;

/// How many changes are under way at the same time.
const ABREAST: usize = 4;

/// The most bytes of rows that share a change, but for its last row.
const BATCH_BYTES: usize = 2 << 20;

/// How often it is tried to take rows back, and the pause between.
const TRIES: u32 = 30;
const AGAIN: Duration = Duration::from_secs(2);

/// Stores rows.
pub(super) struct Applier {
    pub(super) examiner: Arc<Examiner>,
    pub(super) job: Arc<Job>,
    /// Rows that cannot be stored any more keep none of the others from it, and nothing is taken back.
    pub(super) partial: bool,
    /// What is stored with the last of them, or with `partial` before the first, as it may come to no last.
    pub(super) trail: Vec<Step>,
}

/// Rows that were not stored, and why not.
struct Refused {
    rows: Vec<Good>,
    error: StoreError,
}

impl Applier {
    /// Stores what is good, and adds what came of it to the report.
    ///
    /// # Errors
    /// Failures that are no row's fault. Then nothing is stored, or with `partial` some of it.
    pub(super) async fn apply(self: Arc<Self>, checked: Checked) -> Result<Report, Failure> {
        let Checked { good, mut report, .. } = checked;
        self.job.applies();
        if self.partial {
            self.examiner.desk.store.commit(Change { steps: self.trail.clone() }).await?;
            let refused = self.clone().write_all(good).await;
            self.one_by_one(refused, &mut report).await?;
            report.applied = true;
            return Ok(report);
        }
        let store = &self.examiner.desk.store;
        let plan = Plan { account: self.job.account, rows: report.total, started: self.examiner.unix };
        store.commit(Change { steps: vec![Step::Set(plan.note(self.job.id)?)] }).await?;
        let refused = self.clone().write_all(good).await.into_iter().next();
        let kept = match refused {
            None => undo::keep(&**store, self.job.id, self.trail.clone())
                .await
                .map_err(|error| Refused { rows: Vec::new(), error }),
            Some(refused) => Err(refused),
        };
        match kept {
            Ok(()) => Ok(Report { applied: true, ..report }),
            Err(refused) => self.give_up(plan, refused, report).await,
        }
    }

    /// Stores rows, until some are refused, or with `partial` all that can be. Gives back those that are not stored
    /// although it was tried.
    async fn write_all(self: Arc<Self>, good: Vec<Good>) -> Vec<Refused> {
        let stopped = Arc::new(AtomicBool::new(false));
        let goes_on = |_: &Vec<Good>| future::ready(!stopped.load(Ordering::Relaxed));
        let writes = stream::iter(batches(good)).take_while(goes_on).map(|rows| self.clone().write(rows));
        let mut writes = writes.buffered(ABREAST);
        let mut refused = Vec::new();
        while let Some(written) = writes.next().await {
            if let Err(rows) = written {
                stopped.store(!self.partial || !is_of_a_row(&rows.error), Ordering::Relaxed);
                refused.push(rows);
            }
        }
        refused
    }

    async fn write(self: Arc<Self>, rows: Vec<Good>) -> Result<(), Refused> {
        let (this, here) = (self.clone(), Handle::current());
        let work = async move {
            let steps = this.steps(&rows).await;
            (rows, steps)
        };
        let (rows, steps) = match aside(here, work).await {
            Ok(done) => done,
            Err(error) => return Err(Refused { rows: Vec::new(), error }),
        };
        let desk = &self.examiner.desk;
        let stored = match steps {
            Ok((steps, farewell)) => {
                let devices = marked(&steps);
                desk.circle.expect(self.job.account, self.job.id, devices.clone());
                let stored = desk.store.commit(Change { steps }).await.map(|_| farewell);
                stored.inspect_err(|_| desk.circle.unexpected(devices))
            }
            Err(error) => Err(error),
        };
        match stored {
            Ok(farewell) => {
                farewell.say(desk).await;
                self.job.stored(u32::try_from(rows.len()).unwrap_or(u32::MAX));
                desk.circle.marked();
                Ok(())
            }
            Err(error) => Err(Refused { rows, error }),
        }
    }

    /// What stores some rows, and the farewell to the phones whose registrations end with that.
    async fn steps(&self, rows: &[Good]) -> Result<(Vec<Step>, Farewell), StoreError> {
        let (mut steps, mut farewell) = (Vec::with_capacity(rows.len()), Farewell::default());
        let desk = &self.examiner.desk;
        for good in rows {
            let device = read(good)?;
            let id = device.id();
            let entity = Entity::Device(device);
            if good.replaces.is_some() {
                let former = desk.store.device(id).await?.ok_or(StoreError::Missing(id))?;
                farewell = farewell.and(Farewell::of(desk, &entity, Some(&former.document)).await?);
                if !self.partial {
                    steps.push(Step::Set(undo::former(self.job.id, good.row, &former)?));
                }
                steps.push(Step::Mark(Scope::Device(id)));
            }
            steps.push(Step::Put { entity, replaces: good.replaces });
        }
        Ok((steps, farewell))
    }

    /// Stores by themselves the rows that could not be stored with others.
    async fn one_by_one(self: &Arc<Self>, refused: Vec<Refused>, report: &mut Report) -> Result<(), Failure> {
        for Refused { rows, error } in refused {
            if !is_of_a_row(&error) {
                return Err(error.into());
            }
            for good in rows {
                let is_new = good.replaces.is_none();
                let Err(Refused { rows, error }) = self.clone().write(vec![good]).await else { continue };
                for good in rows {
                    match self.fault(&good).await? {
                        Some(wrong) => report.wrongs.add(wrong),
                        None => report.wrongs.add(wrong(
                            good.row,
                            good.line,
                            Failure::from(error.clone()).wrong()?,
                        )),
                    }
                    *if is_new { &mut report.created } else { &mut report.updated } -= 1;
                }
            }
        }
        Ok(())
    }

    /// Takes back what is stored, and says whose fault it was.
    async fn give_up(&self, plan: Plan, refused: Refused, mut report: Report) -> Result<Report, Failure> {
        self.take_back(plan).await?;
        for good in &refused.rows {
            self.fault(good).await?.into_iter().for_each(|wrong| report.wrongs.add(wrong));
        }
        if report.wrongs.total == 0 {
            return Err(refused.error.into());
        }
        Ok(Report { created: 0, updated: 0, ..report })
    }

    /// Tries for a while: a disk may be full only for a moment. After that it is left for the next start.
    async fn take_back(&self, plan: Plan) -> Result<(), StoreError> {
        let desk = &self.examiner.desk;
        let mut tries = 1;
        let gone = loop {
            match undo::take_back(&*desk.store, self.job.id, plan).await {
                Err(error) if tries < TRIES => {
                    warn!(%error, job = %self.job.id, "rows are taken back again soon");
                }
                done => break done?,
            }
            tries += 1;
            tokio::time::sleep(AGAIN).await;
        };
        for device in gone {
            desk.circle.gone(device);
        }
        desk.circle.marked();
        Ok(())
    }

    /// Why a row that was good cannot be stored any more.
    async fn fault(&self, good: &Good) -> Result<Option<Wrong>, Failure> {
        let device = read(good)?;
        let now = self.examiner.desk.store.device(device.id()).await?;
        let failure = if let Err(failure) = self.examiner.obstacle(&device).await {
            failure
        } else if now.map(|now| now.document.revision) == good.replaces {
            return Ok(None);
        } else {
            let problem = Problem::new("The device was changed meanwhile").cause(device.id().to_string());
            Failure::problem("id", "conflict", problem)
        };
        Ok(Some(wrong(good.row, good.line, failure.wrong()?)))
    }
}

/// The devices whose phones a change may concern.
fn marked(steps: &[Step]) -> Vec<Id> {
    let marked = |step: &Step| if let Step::Mark(Scope::Device(id)) = step { Some(*id) } else { None };
    steps.iter().filter_map(marked).collect()
}

/// True when another row may well be stored.
fn is_of_a_row(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict(_)
            | StoreError::Missing(_)
            | StoreError::Taken { .. }
            | StoreError::TooLarge { .. }
    )
}

fn batches(good: Vec<Good>) -> impl Iterator<Item = Vec<Good>> {
    let mut rows = good.into_iter();
    let batch = move || {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH
            && bytes < BATCH_BYTES
            && let Some(good) = rows.next()
        {
            bytes += good.device.len();
            batch.push(good);
        }
        (!batch.is_empty()).then_some(batch)
    };
    std::iter::from_fn(batch)
}
