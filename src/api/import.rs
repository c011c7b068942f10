//! Many devices at once: `POST …/devices/import` takes a body of rows, validates all of them before it stores the
//! first, and stores all or none.
//!
//! The body is read as it comes: JSON lines, a table, or the usual envelope with a list under `data`. With
//! `partial=true` the rows that are right are stored whatever the others are, and stay when the daemon dies;
//! `dry_run=true` only validates; `mode=upsert` lets a row with the id of a device of this account take its place,
//! keeping those of its secrets that the row does not mention. A value that another device has is not free, even if
//! a row of the same import makes that device give it up. The work goes on when the caller goes away, once the body
//! has arrived.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::audit::{self, Deed};
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::account::Account;
use crate::schema::Problem;
use crate::store::{Noun, Step, StoreError};

mod apply;
mod check;
mod examine;
mod framer;
mod job;
mod undo;

pub use job::Imports;

use apply::Applier;
use check::{CHUNK, Checked, check};
use examine::{Examiner, Mode};
use framer::{Form, Framer, Raw, Text};
use job::{Job, Report};

/// The largest body, in bytes.
const MOST_BYTES: usize = 1 << 30;

/// The most rows of a body.
const MOST_ROWS: u32 = 1_000_000;

/// How many chunks of rows wait to be examined; then the body is not read on.
const WAITING: usize = 4;

/// How long a body may stand still.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long all of it may take: one that drips must not keep others out for ever.
const WHOLE: Duration = Duration::from_mins(30);

/// What the caller wants done with good and with wrong rows.
#[derive(Debug, Clone, Copy)]
struct Wish {
    mode: Mode,
    partial: bool,
    dry_run: bool,
    respond_async: bool,
}

/// Where rows come from.
enum Source {
    Envelope(Vec<Value>),
    Body(Form, web::Payload),
}

/// `POST …/devices/import`
pub(super) async fn post(call: Call, payload: web::Payload) -> Reply {
    let account = call.account().await?;
    let wish = Wish::of(&call)?;
    let source = Source::of(&call, payload)?;
    let trail = trail(&call, &account).await?;
    let job = call.desk.imports.begin(account.id(), call.fresh_id(), call.unix());
    let job =
        job.ok_or_else(|| Failure::busy("other imports are under way: try again when they have ended"))?;
    let location = format!("/v2/accounts/{}/devices/import/{}", account.id(), job.id);
    let examiner = Examiner {
        desk: call.desk.clone(),
        caller: call.caller()?.clone(),
        account,
        mode: wish.mode,
        job: job.id,
        unix: call.unix(),
    };
    let import = Import { examiner: Arc::new(examiner), job: job.clone(), wish, trail };
    let (rows, inbox) = mpsc::channel(WAITING);
    let work = tokio::spawn(import.run(inbox));
    let arrived = tokio::time::timeout(WHOLE, read(source, rows, &job)).await;
    if let Err(failure) = arrived.unwrap_or_else(|_| Err(broken_off())) {
        // Its place must be free for whoever tries again.
        let _broken_off = work.await;
        return Err(failure);
    }
    if wish.respond_async {
        return Ok(Answer::data(job.shown(true)).accepted(location));
    }
    let report = ended(work).await?;
    answer(&job, &report, wish, location)
}

/// `GET …/devices/import`: the imports of this account that run or have ended lately, the newest first.
pub(super) async fn list(call: Call) -> Reply {
    let account = call.account().await?.id();
    let jobs = call.desk.imports.of(account);
    Ok(Answer::data(jobs.iter().map(|job| job.shown(false)).collect()))
}

/// `GET …/devices/import/{job}`: one of them, and what came of it.
pub(super) async fn get(call: Call) -> Reply {
    let account = call.account().await?.id();
    let id = call.id("job")?;
    let job = call.desk.imports.of(account).into_iter().find(|job| job.id == id);
    job.map(|job| Answer::data(job.shown(true))).ok_or_else(|| Failure::unknown(call.named("job")))
}

/// True for a request whose body is left for [`post`] to read.
pub(super) fn reads(request: &HttpRequest) -> bool {
    form(request).is_some()
}

/// How the rows of such a body are written.
fn form(request: &HttpRequest) -> Option<Form> {
    let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let form = match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Form::Lines
        }
        "text/csv" => Form::Table,
        _ => return None,
    };
    let here = request.method() == Method::POST && request.path().ends_with("/devices/import");
    here.then_some(form)
}

impl Wish {
    fn of(call: &Call) -> Result<Self, Failure> {
        let is_true = |name| call.parameter(name) == Some("true");
        let mode = match call.parameter("mode") {
            None | Some("create") => Mode::Create,
            Some("upsert") => Mode::Upsert,
            Some(_) => {
                let problem = Problem::new("Value not found in enumerated list of values");
                return Err(Failure::problem("mode", "enum", problem.target(vec!["create", "upsert"])));
            }
        };
        let preferences = call.request().headers().get_all("prefer").filter_map(|value| value.to_str().ok());
        let mut preferences = preferences.flat_map(|value| value.split([',', ';']));
        let respond_async =
            preferences.any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"));
        Ok(Self { mode, partial: is_true("partial"), dry_run: call.is_dry_run()?, respond_async })
    }

    /// True when good rows are to be stored.
    fn stores(self, checked: &Checked) -> bool {
        let Report { wrongs, .. } = &checked.report;
        !self.dry_run && (wrongs.total == 0 || (self.partial && self.succeeds(&checked.report)))
    }

    /// True when the caller gets what he wants.
    fn succeeds(self, report: &Report) -> bool {
        report.wrongs.total == 0 || (self.partial && report.created + report.updated + report.unchanged > 0)
    }
}

impl Source {
    fn of(call: &Call, payload: web::Payload) -> Result<Self, Failure> {
        if let Some(form) = form(call.request()) {
            return Ok(Self::Body(form, payload));
        }
        match call.intake().envelope.get("data") {
            Some(Value::Array(rows)) => Ok(Self::Envelope(rows.clone())),
            None => Err(no_rows()),
            Some(_) => {
                let problem = Problem::new("Value did not match type(s): array").target("array");
                Err(Failure::problem("data", "type", problem))
            }
        }
    }
}

/// Reads rows, and hands them on to be examined. Ends early when nobody takes them any more.
async fn read(source: Source, rows: mpsc::Sender<Vec<Raw>>, job: &Job) -> Result<(), Failure> {
    match source {
        Source::Envelope(values) => {
            let raws = (1..).zip(values).map(|(row, value)| Raw { row, line: row, text: Text::Value(value) });
            let mut raws: Vec<Raw> = raws.collect();
            hand_on(&mut raws, 1, &rows, job).await?;
        }
        Source::Body(form, payload) => read_body(form, payload, &rows, job).await?,
    }
    job.has_arrived();
    Ok(())
}

async fn read_body(
    form: Form,
    mut payload: web::Payload,
    rows: &mpsc::Sender<Vec<Raw>>,
    job: &Job,
) -> Result<(), Failure> {
    let (mut framer, mut bytes, mut pending) = (Framer::new(form), 0, Vec::new());
    let bad_header = |message: String| Failure::problem("header", "invalid", Problem::new(message));
    loop {
        let piece = tokio::time::timeout(PATIENCE, payload.next()).await;
        let Some(piece) = piece.map_err(|_| broken_off())? else { break };
        let piece = piece.map_err(|_| broken_off())?;
        bytes += piece.len();
        if bytes > MOST_BYTES {
            return Err(Failure::too_large(MOST_BYTES));
        }
        framer.push(&piece, &mut pending).map_err(bad_header)?;
        hand_on(&mut pending, CHUNK, rows, job).await?;
    }
    framer.finish(&mut pending).map_err(bad_header)?;
    hand_on(&mut pending, 1, rows, job).await
}

/// Hands on rows while there are at least `least`.
async fn hand_on(
    pending: &mut Vec<Raw>,
    least: usize,
    rows: &mpsc::Sender<Vec<Raw>>,
    job: &Job,
) -> Result<(), Failure> {
    let Some(last) = pending.last().map(|raw| raw.row) else { return Ok(()) };
    if last > MOST_ROWS {
        let message = format!("There must not be more than {MOST_ROWS} rows");
        return Err(Failure::problem("data", "maxItems", Problem::new(message).target(MOST_ROWS)));
    }
    job.arrived(last);
    while pending.len() >= least.max(1) {
        let rest = pending.split_off(pending.len().min(CHUNK));
        let chunk = std::mem::replace(pending, rest);
        if rows.send(chunk).await.is_err() {
            pending.clear();
        }
    }
    Ok(())
}

/// The import itself, which goes on when its caller has gone away.
struct Import {
    examiner: Arc<Examiner>,
    job: Arc<Job>,
    wish: Wish,
    /// What says, once rows are stored, who has stored them.
    trail: Vec<Step>,
}

impl Import {
    async fn run(self, inbox: mpsc::Receiver<Vec<Raw>>) -> Result<Report, Failure> {
        let (desk, job, wish) = (self.examiner.desk.clone(), self.job.clone(), self.wish);
        let done = self.carry_out(inbox).await;
        let unix = (desk.clock)() / 1000;
        match &done {
            Ok(report) => job.done(report, wish.succeeds(report), unix),
            Err(failure) if wish.partial => job.stop(&failure.to_string(), unix),
            Err(failure) => job.fail(&failure.to_string(), unix),
        }
        done
    }

    async fn carry_out(self, inbox: mpsc::Receiver<Vec<Raw>>) -> Result<Report, Failure> {
        let Self { examiner, job, wish, trail } = self;
        let checked = check(&examiner, &job, inbox).await?;
        if !job.is_whole() {
            return Err(broken_off());
        }
        if checked.report.total == 0 {
            return Err(no_rows());
        }
        if wish.stores(&checked) {
            return Arc::new(Applier { examiner, job, partial: wish.partial, trail }).apply(checked).await;
        }
        let Report { created, updated, .. } = checked.report;
        let (created, updated) = if wish.succeeds(&checked.report) { (created, updated) } else { (0, 0) };
        Ok(Report { created, updated, ..checked.report })
    }
}

/// One entry for all devices of an import.
async fn trail(call: &Call, account: &Account) -> Result<Vec<Step>, StoreError> {
    let document = Some(&account.document);
    let deed = Deed { what: "devices imported", noun: Noun::Account, before: document, after: document };
    audit::steps(call, account.id(), &deed).await
}

async fn ended(work: JoinHandle<Result<Report, Failure>>) -> Result<Report, Failure> {
    match work.await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Io("the import was broken off".to_owned()).into()),
    }
}

fn answer(job: &Job, report: &Report, wish: Wish, location: String) -> Reply {
    let data = report.shown(job.id);
    if !wish.succeeds(report) {
        return Err(Failure::rows(data));
    }
    let answer = Answer::data(data);
    Ok(if report.applied && report.created > 0 { answer.created(location) } else { answer })
}

fn no_rows() -> Failure {
    Failure::problem("data", "required", Problem::new("Field is required but missing").value("data"))
}

fn broken_off() -> Failure {
    Failure::problem("body", "invalid", Problem::new("The body broke off before its end"))
}
