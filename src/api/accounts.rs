//! Accounts: the tree of them, their documents and their API keys.

use serde_json::{Value, json};

use super::audit::{self, Deed};
use super::change::{self, accept, put, wish};
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::paging::Page;
use super::plan;
use super::request::{Call, fresh_id};
use super::{Desk, Doorman};
use crate::account::Account;
use crate::auth;
use crate::document::{Body, Document, at};
use crate::id::Id;
use crate::resync::{Hours, HoursError, Scope};
use crate::schema::{self, Invalid, Problem, Schema};
use crate::store::{Change, Entity, Noun, Span, Step, Store, StoreError};

/// `PUT /v2/accounts`: a new account below the caller's.
pub(super) async fn create_below_own(call: Call) -> Reply {
    let parent = call.writer()?.account.clone();
    create_below(&call, &parent).await
}

/// `PUT /v2/accounts/{A}`: a new account below A.
pub(super) async fn create(call: Call) -> Reply {
    let parent = call.account().await?;
    create_below(&call, &parent).await
}

/// `GET /v2/accounts/{A}`
pub(super) async fn get(call: Call) -> Reply {
    change::get(&call, Noun::Account).await
}

/// `POST /v2/accounts/{A}`
pub(super) async fn replace(call: Call) -> Reply {
    change::replace(&call, Noun::Account).await
}

/// `PATCH /v2/accounts/{A}`
pub(super) async fn patch(call: Call) -> Reply {
    change::patch(&call, Noun::Account).await
}

/// `DELETE /v2/accounts/{A}`, with its users and devices. The account above all others stays.
pub(super) async fn delete(call: Call) -> Reply {
    let account = call.account().await?;
    if auth::is_master(&account) {
        return Err(Failure::forbidden());
    }
    change::delete(&call, Noun::Account).await
}

/// `GET /v2/accounts/{A}/children`: the accounts directly below.
pub(super) async fn children(call: Call) -> Reply {
    let parent = call.account().await?.id();
    below(&call, parent, |account| account.parent() == Some(parent)).await
}

/// `GET /v2/accounts/{A}/siblings`: the accounts beside it, for those who may see the one above.
pub(super) async fn siblings(call: Call) -> Reply {
    let account = call.account().await?;
    let Some(parent) = account.parent() else { return Ok(Answer::data(json!([]))) };
    let may_see = call.caller()?.account.id() != account.id();
    let own = account.id();
    below(&call, parent, |other| may_see && other.parent() == Some(parent) && other.id() != own).await
}

/// `GET /v2/accounts/{A}/descendants`: the accounts below, at any depth.
pub(super) async fn descendants(call: Call) -> Reply {
    let parent = call.account().await?.id();
    below(&call, parent, |_| true).await
}

/// `GET /v2/accounts/{A}/api_key`: nobody knows it.
pub(super) async fn no_key(call: Call) -> Reply {
    call.account().await?;
    Err(Failure::unreadable_key())
}

/// `PUT /v2/accounts/{A}/api_key`: a new key, shown this once. The old one is good no longer.
pub(super) async fn rotate_key(call: Call) -> Reply {
    let account = call.account().await?;
    call.must_be_meant()?;
    call.check_revision(&account.document)?;
    let key = auth::secret((call.desk.random)());
    let document = account.document.revised(account.document.body.clone(), call.unix());
    let replaces = Some(account.document.revision);
    let api_key = call.desk.doorman.api_key(&key).await?;
    let id = account.id();
    let entity = Entity::Account(Account { document, api_key, ..account });
    let answer = Answer::data(json!({"api_key": key})).revision(entity.document());
    let after = entity.document().clone();
    let deed =
        Deed { what: "api_key changed", noun: Noun::Account, before: Some(&after), after: Some(&after) };
    let mut steps = audit::steps(&call, id, &deed).await?;
    steps.push(Step::Put { entity, replaces });
    call.desk.store.commit(Change { steps }).await?;
    Ok(answer)
}

/// Creates the master account in a store that has no account, with this API key (64 hexadecimal digits) or a new
/// one. Gives back the key, which is nowhere to be read afterwards; `None` when there are accounts already.
pub async fn bootstrap(
    store: &dyn Store,
    doorman: &Doorman,
    api_key: Option<&str>,
    random: fn() -> [u8; 32],
    unix: u64,
) -> Result<Option<String>, StoreError> {
    if !store.accounts(None, Span::ascending(None, 1)).await?.rows.is_empty() {
        return Ok(None);
    }
    let key = api_key.map_or_else(|| auth::secret(random()), str::to_ascii_lowercase);
    let mut body = Body::from_iter([("name".to_owned(), json!("master"))]);
    make_up_realm(&mut body, random);
    let body = Schema::of(schema::Noun::Account).accept(body.clone()).unwrap_or(body);
    let id = fresh_id(random);
    let document = Document::new(id, id, body, unix);
    let api_key = doorman.api_key(&key).await.map_err(|error| StoreError::Io(error.to_string()))?;
    let master = Account { document, tree: Vec::new(), api_key };
    let put = Step::Put { entity: Entity::Account(master), replaces: None };
    store.commit(Change { steps: vec![put, Step::Mark(Scope::Account(id))] }).await?;
    Ok(Some(key))
}

/// What the schema cannot say of an account: blanks in a realm are left out, and a realm that is not named again
/// stays, as every line of the account depends on it. Hours at which phones may restart must be some.
pub(super) fn settle(stored: Option<&Document>, body: &mut Body, invalid: &mut Invalid) {
    check_hours(body, invalid);
    match body.get_mut("realm") {
        Some(Value::String(realm)) => realm.retain(|c| !c.is_whitespace()),
        Some(_) => {}
        None => {
            let realm = stored.and_then(|stored| stored.at("realm")).cloned();
            body.extend(realm.map(|realm| ("realm".to_owned(), realm)));
        }
    }
}

fn check_hours(body: &Body, invalid: &mut Invalid) {
    let Some(hours) = at(body, "provision.reboot_window") else { return };
    if let Err(error @ HoursError::Empty) = Hours::read(hours) {
        let problem = Problem::new(error.to_string()).value(hours.clone());
        invalid.add("provision.reboot_window", "invalid", problem);
    }
}

async fn create_below(call: &Call, parent: &Account) -> Reply {
    let (body, _) = wish(call, Noun::Account)?;
    let (account, key) = found(&call.desk, parent, call.fresh_id(), body, call.unix()).await?;
    let entity = Entity::Account(account);
    if call.is_dry_run()? {
        return plan::put(call, &entity, None).await;
    }
    put(call, &entity, None).await?;
    let document = entity.document();
    let answer = Answer::document(document).created(format!("/v2/accounts/{}", document.id));
    Ok(answer.once("api_key", key))
}

/// A new account below `parent`, not stored yet, and its API key. Realm and administrator's password are made up where
/// it would have none.
pub(super) async fn found(
    desk: &Desk,
    parent: &Account,
    id: Id,
    mut body: Body,
    unix: u64,
) -> Result<(Account, String), Failure> {
    if !body.contains_key("realm") {
        make_up_realm(&mut body, desk.random);
    }
    if !has_admin_password(desk, parent, &body).await? {
        make_up_admin_password(&mut body, desk);
    }
    let body = accept(desk, Noun::Account, parent, None, body).await?;
    let key = auth::secret((desk.random)());
    let api_key = desk.doorman.api_key(&key).await?;
    let tree = parent.tree.iter().copied().chain([parent.id()]).collect();
    Ok((Account { document: Document::new(id, id, body, unix), tree, api_key }, key))
}

fn make_up_realm(body: &mut Body, random: fn() -> [u8; 32]) {
    let realm = format!("{}.sip.local", auth::readable(random(), 8));
    body.insert("realm".to_owned(), realm.into());
}

/// Whether the account would have a password for its phones' own menus: its own, or one from above.
async fn has_admin_password(desk: &Desk, parent: &Account, body: &Body) -> Result<bool, StoreError> {
    const PATH: &str = "provision.admin_password";
    let mut found = at(body, PATH).is_some() || parent.document.text(PATH).is_some();
    for above in &parent.tree {
        let above = desk.store.account(*above).await?;
        found |= above.is_some_and(|above| above.document.text(PATH).is_some());
    }
    Ok(found)
}

/// A `provision` that is no object is left for the schema to refuse.
fn make_up_admin_password(body: &mut Body, desk: &Desk) {
    let provision = body.entry("provision").or_insert_with(|| json!({}));
    if let Some(provision) = provision.as_object_mut() {
        provision.insert("admin_password".to_owned(), auth::readable((desk.random)(), 12).into());
    }
}

async fn below(call: &Call, parent: Id, keep: impl Fn(&Account) -> bool) -> Reply {
    let fetch = async |span| call.desk.store.accounts(Some(parent), span).await;
    let page = Page::of(call, Account::id, keep, fetch).await?;
    Ok(page.answer(|account| {
        let text = |path| account.document.text(path);
        json!({"id": account.id(), "name": text("name"), "realm": text("realm")})
    }))
}
