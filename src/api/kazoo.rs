//! What a Kazoo cluster, and its web page, asks of a provisioner: `provisioning_url` can point here.
//!
//! Pushes become changes of our own documents like any others, so that their phones are told alike. Kazoo takes
//! every answer but 200 for a failure, and looks at nothing else of it. All paths stand at the root and below
//! `/api` too.

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::{Scope, web};

use super::change::{accept, put, with};
use super::error::Failure;
use super::nowhere;
use super::openapi::kazoo;
use super::place::{Place, at_any};
use crate::account::Account;
use crate::document::Body;
use crate::store::Entity;

mod accounts;
mod devices;
mod keys;
mod network;
mod phones;
mod push;
mod pushed;

pub use network::{Network, NoNetwork};

use pushed::Pushed;

/// The routes below a prefix, which may be empty. Paths that are none of Kazoo's are left for others.
pub(super) fn routes(prefix: &'static str) -> Scope {
    let ours = web::scope(prefix).guard(fn_guard(move |context| is_ours(prefix, context)));
    let ours = places().into_iter().fold(ours, |ours, place| ours.service(place.build()));
    ours.default_service(web::route().to(nowhere))
}

/// All paths, what their verbs do, and how that is described.
#[rustfmt::skip]
pub(super) fn places() -> Vec<Place> {
    vec![
        at("/devices/search/{mac}").get(devices::search, kazoo::SEARCH),
        at("/devices/{account}/{mac}")
            .post(devices::push, kazoo::PUSH_DEVICE)
            .delete(devices::delete, kazoo::DELETE_DEVICE),
        at("/accounts/{account}")
            .post(accounts::push, kazoo::PUSH_ACCOUNT)
            .delete(accounts::delete, kazoo::DELETE_ACCOUNT),
        at("/locks/{account}/{mac}").delete(devices::unlock, kazoo::UNLOCK),
        at_any(["/phones", "/phones/", "//phones", "//phones/"].map(str::to_owned).into())
            .get(phones::list, kazoo::PHONES),
        at("/phones/{brand}").get(phones::list, kazoo::PHONES_OF_BRAND),
        at("/phones/{brand}/{family}").get(phones::list, kazoo::PHONES_OF_FAMILY),
        at("/phones/{brand}/{family}/{model}").get(phones::list, kazoo::PHONE),
        at("/ui/{brand}/{family}/{model}").get(phones::ui, kazoo::UI),
    ]
}

fn is_ours(prefix: &str, context: &GuardContext<'_>) -> bool {
    pushed::note_verb(context);
    let path = context.head().uri.path().strip_prefix(prefix).unwrap_or_default();
    let first = path.trim_start_matches('/').split('/').next();
    first.is_some_and(|first| ["devices", "accounts", "locks", "phones", "ui"].contains(&first))
}

/// A path, also behind the two slashes that come of a `provisioning_url` with one at its end.
fn at(path: &str) -> Place {
    at_any(vec![path.to_owned(), format!("/{path}")])
}

/// Stores what a push has made of a document's body, if that is another than before.
async fn revise(pushed: &Pushed, account: &Account, entity: &Entity, body: Body) -> Result<(), Failure> {
    let before = entity.document();
    let body = accept(&pushed.desk, entity.noun(), account, Some(before), body).await?;
    if body == before.body {
        return Ok(());
    }
    put(&pushed.call, &with(entity, before.revised(body, pushed.unix())), Some(before)).await
}
