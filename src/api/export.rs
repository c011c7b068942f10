//! `GET …/devices/export`: every device of an account as JSON lines or as a table, in a form that an import takes.
//!
//! The devices are read and sent a page at a time. Secrets are left out unless `secrets=true` asks for them, ids
//! with `ids=false`. The filters of lists hold here too. Devices that change meanwhile are sent as they were or as
//! they are.

use actix_web::{HttpResponse, web};
use futures_util::{Stream, stream};
use serde_json::{Map, Value};

use super::audit::{self, Deed};
use super::envelope::{shown, streamed};
use super::error::Failure;
use super::filter::Filter;
use super::manner::Manner;
use super::request::Call;
use super::table::columns::{Columns, Names};
use super::{Desk, secrets};
use crate::account::Account;
use crate::id::Id;
use crate::resync::Scope;
use crate::schema::Problem;
use crate::store::{Noun, Span, StoreError};

/// How many devices are read at a time.
const PAGE: usize = 1000;

/// How devices are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Table,
}

/// Every device of an account that is asked for, from where the walk stands on.
struct Walk {
    desk: web::Data<Desk>,
    account: Id,
    filter: Filter,
    secrets: bool,
    ids: bool,
    after: Option<Id>,
    ended: bool,
}

/// `GET …/devices/export`
pub(super) async fn get(call: Call) -> Result<HttpResponse, Failure> {
    let account = call.account().await?;
    let form = Form::of(&call)?;
    let secrets = call.parameter("secrets") == Some("true");
    if secrets {
        disclose(&call, &account).await?;
    }
    let walk = || Walk {
        desk: call.desk.clone(),
        account: account.id(),
        filter: Filter::of(call.intake()),
        secrets,
        ids: call.parameter("ids") != Some("false"),
        after: None,
        ended: false,
    };
    Ok(match form {
        Form::Lines => {
            let body = pages(walk(), Vec::new(), json_line);
            streamed(call.request(), "application/x-ndjson", "devices.jsonl", body)
        }
        Form::Table => {
            let columns = columns(walk()).await?;
            let header = columns.header();
            let body = pages(walk(), header, move |device| columns.row(device));
            streamed(call.request(), "text/csv; charset=utf-8", "devices.csv", body)
        }
    })
}

/// Secrets are an administrator's to see, and the trail says that he did.
async fn disclose(call: &Call, account: &Account) -> Result<(), Failure> {
    let document = Some(&account.document);
    let deed = Deed { what: "secrets exported", noun: Noun::Account, before: document, after: document };
    Ok(audit::enter(call, account.id(), &deed).await?)
}

impl Form {
    fn of(call: &Call) -> Result<Self, Failure> {
        match call.parameter("format") {
            Some("jsonl" | "ndjson") => Ok(Self::Lines),
            Some("csv") => Ok(Self::Table),
            Some(_) => {
                let problem = Problem::new("Value not found in enumerated list of values");
                Err(Failure::problem("format", "enum", problem.target(vec!["jsonl", "csv"])))
            }
            None if Manner::of(call.request(), call.intake()).csv => Ok(Self::Table),
            None => Ok(Self::Lines),
        }
    }
}

impl Walk {
    /// The next devices, of which there may be none on this page; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Map<String, Value>>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let span = Span { containing: self.filter.text(), ..Span::ascending(self.after, PAGE) };
        let listed = self.desk.store.devices(&Scope::Account(self.account), span).await?;
        (self.after, self.ended) = (listed.last, listed.last.is_none());
        let kept = listed.rows.into_iter().filter(|device| self.filter.keeps("device", &device.document));
        let documents = kept.filter_map(|device| match self.shown(shown(&device.document)) {
            Value::Object(document) => Some(document),
            _ => None,
        });
        Ok(Some(documents.collect()))
    }

    fn shown(&self, mut document: Value) -> Value {
        if !self.secrets {
            secrets::strip(&mut document);
        }
        if let (false, Some(members)) = (self.ids, document.as_object_mut()) {
            members.remove("id");
        }
        document
    }
}

/// The columns of a table of all these devices.
async fn columns(mut walk: Walk) -> Result<Columns, StoreError> {
    let mut names = Names::default();
    while let Some(devices) = walk.next().await? {
        for device in &devices {
            names.add(device);
        }
        tokio::task::yield_now().await;
    }
    Ok(names.columns())
}

/// `begin`, then the devices a page at a time, each as `write` writes it.
fn pages(
    walk: Walk,
    begin: Vec<u8>,
    write: impl Fn(&Map<String, Value>) -> Vec<u8> + 'static,
) -> impl Stream<Item = Result<web::Bytes, StoreError>> {
    stream::try_unfold((walk, begin, write), |(mut walk, mut page, write)| async move {
        loop {
            let Some(devices) = walk.next().await? else {
                let last = (!page.is_empty()).then(|| web::Bytes::from(page));
                return Ok(last.map(|last| (last, (walk, Vec::new(), write))));
            };
            page.extend(devices.iter().flat_map(&write));
            if !page.is_empty() {
                return Ok(Some((web::Bytes::from(page), (walk, Vec::new(), write))));
            }
        }
    })
}

fn json_line(device: &Map<String, Value>) -> Vec<u8> {
    let mut line = serde_json::to_vec(device).unwrap_or_default();
    line.push(b'\n');
    line
}
