//! What is being imported now and what was lately, and how each import stands.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use crate::id::Id;

/// How many imports may run at the same time, one of an account: each may hold a large body.
const RUNNING: usize = 2;

/// How many that have ended are remembered.
const REMEMBERED: usize = 64;

/// The most wrong rows that are reported.
const SHOWN_ROWS: usize = 1000;

/// The most bytes of what is wrong with rows that are reported.
const SHOWN_BYTES: usize = 4 << 20;

/// All imports that are remembered, of every account. A restart forgets those that have ended.
#[derive(Debug, Default)]
pub struct Imports {
    jobs: Mutex<VecDeque<Arc<Job>>>,
}

/// One import.
#[derive(Debug)]
pub(in crate::api) struct Job {
    /// Its name; the ids of the devices that it creates are made of it.
    pub(super) id: Id,
    /// Where it imports to.
    pub(super) account: Id,
    /// In Unix seconds.
    started: u64,
    standing: Mutex<Standing>,
}

/// How far an import has come.
#[derive(Debug, Clone, Default, Serialize)]
struct Standing {
    state: State,
    /// Rows that have arrived.
    rows: u32,
    /// How many there are, once all have arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u32>,
    good: u32,
    bad: u32,
    /// Rows that are stored.
    applied: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
}

/// What an import does just now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Its body arrives, and rows are validated as they come.
    #[default]
    Reading,
    /// The last rows are validated.
    Validating,
    /// Rows are stored.
    Applying,
    /// It has ended as its caller wanted.
    Done,
    /// It has ended, and nothing is stored but for what `applied` counts.
    Failed,
}

/// A row that cannot be stored.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Wrong {
    /// Counts rows, from 1.
    pub(super) row: u32,
    /// The line of the body, from 1.
    pub(super) line: u32,
    /// Dotted path → code → problem, without secrets.
    pub(super) errors: Value,
}

/// The rows that cannot be stored: how many, and what is wrong with the first of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrongs {
    pub(super) total: u32,
    bytes: usize,
    shown: Vec<Wrong>,
}

/// What came of an import.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    pub(super) total: u32,
    pub(super) created: u32,
    pub(super) updated: u32,
    pub(super) unchanged: u32,
    pub(super) wrongs: Wrongs,
    pub(super) applied: bool,
}

impl Imports {
    /// A new import; `None` while too many run, or one of this account.
    pub(super) fn begin(&self, account: Id, id: Id, unix: u64) -> Option<Arc<Job>> {
        let mut jobs = lock(&self.jobs);
        let running: Vec<_> = jobs.iter().filter(|job| !job.has_ended()).collect();
        if running.len() >= RUNNING || running.iter().any(|job| job.account == account) {
            return None;
        }
        let job = Arc::new(Job { id, account, started: unix, standing: Mutex::default() });
        Self::remember(&mut jobs, job.clone());
        Some(job)
    }

    /// Remembers an import that the end of the process ended.
    pub(super) fn broken_off(&self, account: Id, id: Id, started: u64, rows: u32) {
        let job = Job { id, account, started, standing: Mutex::default() };
        job.update(|standing| (standing.rows, standing.total) = (rows, Some(rows)));
        job.fail("the daemon was stopped while rows were stored; they were taken back", started);
        Self::remember(&mut lock(&self.jobs), Arc::new(job));
    }

    /// An account's imports, the newest first.
    pub(super) fn of(&self, account: Id) -> Vec<Arc<Job>> {
        lock(&self.jobs).iter().rev().filter(|job| job.account == account).cloned().collect()
    }

    fn remember(jobs: &mut VecDeque<Arc<Job>>, job: Arc<Job>) {
        jobs.push_back(job);
        while jobs.len() > REMEMBERED
            && let Some(at) = jobs.iter().position(|job| job.has_ended())
        {
            jobs.remove(at);
        }
    }
}

impl Job {
    /// A row has arrived.
    pub(super) fn arrived(&self, rows: u32) {
        self.update(|standing| standing.rows = rows);
    }

    /// The whole body has arrived.
    pub(super) fn has_arrived(&self) {
        self.update(|standing| {
            standing.state = State::Validating;
            standing.total = Some(standing.rows);
        });
    }

    /// True when the body has arrived to its end.
    pub(super) fn is_whole(&self) -> bool {
        lock(&self.standing).total.is_some()
    }

    /// How many rows are right and wrong so far.
    pub(super) fn judged(&self, good: u32, bad: u32) {
        self.update(|standing| (standing.good, standing.bad) = (good, bad));
    }

    /// Storing begins.
    pub(super) fn applies(&self) {
        self.update(|standing| standing.state = State::Applying);
    }

    /// More rows are stored.
    pub(super) fn stored(&self, rows: u32) {
        self.update(|standing| standing.applied += rows);
    }

    /// It has come to its end at `unix`, whatever the report says.
    pub(super) fn done(&self, report: &Report, succeeded: bool, unix: u64) {
        self.update(|standing| {
            standing.state = if succeeded { State::Done } else { State::Failed };
            standing.applied = if report.applied { report.created + report.updated } else { 0 };
            standing.finished = Some(unix);
            standing.result = Some(report.shown(self.id));
        });
    }

    /// It cannot go on, and what is stored stays.
    pub(super) fn stop(&self, message: &str, unix: u64) {
        self.update(|standing| {
            standing.state = State::Failed;
            standing.finished = Some(unix);
            standing.message = Some(message.to_owned());
        });
    }

    /// It cannot go on, and nothing of it is stored any more.
    pub(super) fn fail(&self, message: &str, unix: u64) {
        self.update(|standing| standing.applied = 0);
        self.stop(message, unix);
    }

    /// How it stands, as the API shows it; `whole` adds what came of it.
    pub(super) fn shown(&self, whole: bool) -> Value {
        let mut standing = lock(&self.standing).clone();
        standing.result = standing.result.filter(|_| whole);
        let mut shown = json!(standing);
        shown["job"] = json!(self.id);
        shown["started"] = json!(self.started);
        shown
    }

    fn has_ended(&self) -> bool {
        lock(&self.standing).finished.is_some()
    }

    fn update(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut lock(&self.standing));
    }
}

impl Wrongs {
    /// One more. What is shown of them has a limit.
    pub(super) fn add(&mut self, wrong: Wrong) {
        self.total += 1;
        if self.shown.len() < SHOWN_ROWS && self.bytes < SHOWN_BYTES {
            self.bytes += wrong.errors.to_string().len();
            self.shown.push(wrong);
        }
    }
}

impl Report {
    /// As the API shows it, the wrong rows by number.
    pub(super) fn shown(&self, job: Id) -> Value {
        let mut errors = self.wrongs.shown.clone();
        errors.sort_by_key(|wrong| wrong.row);
        json!({
            "job": job,
            "total": self.total,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "failed": self.wrongs.total,
            "errors": errors,
            "applied": self.applied,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    #[test]
    fn only_so_many_imports_run_at_once() {
        let imports = Imports::default();
        let first = imports.begin(id(1), id(10), 5).unwrap();
        assert!(imports.begin(id(1), id(12), 5).is_none(), "one at a time for an account");
        assert!(imports.begin(id(2), id(11), 6).is_some() && imports.begin(id(3), id(12), 7).is_none());
        first.fail("x", 8);
        assert!(imports.begin(id(1), id(12), 9).is_some());
        let names: Vec<Id> = imports.of(id(1)).iter().map(|job| job.id).collect();
        assert_eq!(names, [id(12), id(10)]);
    }

    #[test]
    fn what_stays_stored_is_still_counted_when_it_cannot_go_on() {
        let job = Imports::default().begin(id(1), id(9), 5).unwrap();
        job.stored(3);
        job.stop("no room", 7);
        let shown = job.shown(true);
        assert_eq!((&shown["applied"], &shown["state"]), (&json!(3), &json!("failed")));
        job.fail("no room", 7);
        assert_eq!(job.shown(true)["applied"], 0);
    }

    #[test]
    fn those_that_have_ended_are_forgotten_in_their_order() {
        let imports = Imports::default();
        let running = imports.begin(id(2), id(255), 0).unwrap();
        for number in 0..REMEMBERED + 10 {
            imports.begin(id(1), id(u8::try_from(number).unwrap()), 0).unwrap().fail("x", 1);
        }
        let known = imports.of(id(1));
        assert_eq!(known.len(), REMEMBERED - 1);
        assert!(imports.of(id(2)).iter().any(|job| job.id == running.id));
        assert!(!known.iter().any(|job| job.id == id(3)));
    }

    #[test]
    fn an_import_says_how_it_stands() {
        let job = Imports::default().begin(id(1), id(9), 5).unwrap();
        job.arrived(3);
        assert_eq!((&job.shown(true)["state"], job.is_whole()), (&json!("reading"), false));
        job.has_arrived();
        job.judged(2, 1);
        let shown = job.shown(true);
        assert_eq!(
            (&shown["state"], &shown["total"], &shown["bad"]),
            (&json!("validating"), &json!(3), &json!(1))
        );
        job.done(&Report { total: 3, ..Report::default() }, false, 7);
        assert_eq!(job.shown(true)["result"]["total"], 3);
        assert!(job.shown(false).get("result").is_none());
        assert_eq!(job.shown(false)["finished"], 7);
    }

    #[test]
    fn what_is_said_of_wrong_rows_has_an_end() {
        let mut wrongs = Wrongs::default();
        for row in 0..2000 {
            wrongs.add(Wrong { row, line: row, errors: json!({}) });
        }
        assert_eq!((wrongs.total, wrongs.shown.len()), (2000, SHOWN_ROWS));
        let mut wrongs = Wrongs::default();
        for row in 0..10 {
            wrongs.add(Wrong { row, line: row, errors: "x".repeat(1 << 20).into() });
        }
        assert_eq!((wrongs.total, wrongs.shown.len()), (10, 4));
    }
}
