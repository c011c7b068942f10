//! Small documents attached to a device or an account, which live and die with it: whom it may be registered from
//! (`access_lists`), and how often it may ask (`rate_limits`). They are kept for those who enforce them.

use serde_json::{Map, Value, json};

use super::access;
use super::change::{self, Found, find, with};
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::document::{Body, Document};
use crate::schema::{self, Schema};
use crate::store::Noun;

/// Which document.
#[derive(Clone, Copy)]
struct Kind {
    schema: schema::Noun,
    /// The private member of the document that it is attached to.
    member: &'static str,
}

const ACCESS_LISTS: Kind = Kind { schema: schema::Noun::AccessLists, member: "pvt_access_lists" };
const RATE_LIMITS: Kind = Kind { schema: schema::Noun::RateLimits, member: "pvt_rate_limits" };

/// `GET …/access_lists`
pub(super) async fn access_lists(call: Call) -> Reply {
    get(&call, ACCESS_LISTS).await
}

/// `POST …/access_lists`
pub(super) async fn put_access_lists(call: Call) -> Reply {
    put(&call, ACCESS_LISTS).await
}

/// `DELETE …/access_lists`
pub(super) async fn drop_access_lists(call: Call) -> Reply {
    store(&call, ACCESS_LISTS, None).await
}

/// `GET …/rate_limits`
pub(super) async fn rate_limits(call: Call) -> Reply {
    get(&call, RATE_LIMITS).await
}

/// `POST …/rate_limits`
pub(super) async fn put_rate_limits(call: Call) -> Reply {
    put(&call, RATE_LIMITS).await
}

/// `DELETE …/rate_limits`
pub(super) async fn drop_rate_limits(call: Call) -> Reply {
    store(&call, RATE_LIMITS, None).await
}

async fn get(call: &Call, kind: Kind) -> Reply {
    let found = find(call, noun(call)).await?;
    Ok(answer(found.entity.document(), kind))
}

async fn put(call: &Call, kind: Kind) -> Reply {
    call.account().await?;
    let mut data = call.data()?;
    data.remove("id");
    let accepted = Schema::of(kind.schema).accept(data).map_err(|invalid| Failure::invalid(&invalid))?;
    store(call, kind, Some(accepted)).await
}

/// What is there afterwards is shown; after a DELETE it is empty.
async fn store(call: &Call, kind: Kind, attached: Option<Body>) -> Reply {
    let Found { entity, .. } = find(call, noun(call)).await?;
    access::administrator(call.caller()?)?;
    call.must_be_meant()?;
    let before = entity.document();
    call.check_revision(before)?;
    let mut body = before.body.clone();
    body.remove(kind.member);
    body.extend(attached.map(|attached| (kind.member.to_owned(), Value::Object(attached))));
    if body == before.body {
        return Ok(answer(before, kind));
    }
    let revised = with(&entity, before.revised(body, call.unix()));
    change::put(call, &revised, Some(before)).await?;
    Ok(answer(revised.document(), kind))
}

fn noun(call: &Call) -> Noun {
    if call.named("device").is_empty() { Noun::Account } else { Noun::Device }
}

fn answer(document: &Document, kind: Kind) -> Answer {
    let attached = document.at(kind.member).cloned().unwrap_or_else(|| json!(Map::new()));
    Answer::data(attached).revision(document)
}
