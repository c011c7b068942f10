//! How a document is made, changed and deleted: the same for accounts, users and devices.
//!
//! The request becomes a body that its schema and its kind accept; what cannot be rendered is not stored; what is
//! stored, is stored with a mark. Which phones that concerns, the circle finds out.

use serde_json::Value;

use super::audit::Deed;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::farewell::Farewell;
use super::persist::unless_named;
use super::request::Call;
use super::{Desk, access, accounts, audit, devices, generate, plan, trash, users, values, walk};
use crate::account::Account;
use crate::device::Device;
use crate::document::{Body, Document};
use crate::files::Refusal;
use crate::id::Id;
use crate::resync::{Ask, Asked, Scope};
use crate::schema::{self, Invalid, Schema, merge, prune_null_keys};
use crate::settings::SettingsError;
use crate::store::{Change, Entity, Noun, Step, StoreError};
use crate::user::User;

/// A document, and the account whose rules it follows: its own, which for an account is itself.
pub(super) struct Found {
    pub(super) account: Account,
    pub(super) entity: Entity,
}

/// Finds the document that the path names, if the caller may change it.
pub(super) async fn find(call: &Call, noun: Noun) -> Result<Found, Failure> {
    let found = see(call, noun).await?;
    access::change(call.caller()?, &found.entity).map(|()| found)
}

/// Finds the device that the path names, if the caller may change it.
pub(super) async fn find_device(call: &Call) -> Result<Device, Failure> {
    match find(call, Noun::Device).await?.entity {
        Entity::Device(device) => Ok(device),
        _ => Err(Failure::not_found()),
    }
}

/// Finds the document that the path names, if the caller may look at it.
pub(super) async fn see(call: &Call, noun: Noun) -> Result<Found, Failure> {
    let found = there(call, noun).await?;
    access::see(call.caller()?, &found.entity).map(|()| found)
}

async fn there(call: &Call, noun: Noun) -> Result<Found, Failure> {
    let account = call.reached_account().await?;
    let store = &call.desk.store;
    let (place, entity) = match noun {
        Noun::Account => return Ok(Found { entity: Entity::Account(account.clone()), account }),
        Noun::User => ("user", store.user(call.id("user")?).await?.map(Entity::User)),
        Noun::Device => ("device", store.device(call.id("device")?).await?.map(Entity::Device)),
    };
    match entity.filter(|entity| entity.document().account == account.id()) {
        Some(entity) => Ok(Found { account, entity }),
        None => Err(Failure::unknown(call.named(place))),
    }
}

/// GET of a document.
pub(super) async fn get(call: &Call, noun: Noun) -> Reply {
    let entity = see(call, noun).await?.entity;
    Ok(Answer::document(&access::shown(call.caller()?, &entity)))
}

/// PUT of a new user or device.
pub(super) async fn create(call: &Call, noun: Noun) -> Reply {
    create_with(call, noun, None).await
}

/// PUT of a new device that this user owns, whatever the request says.
pub(super) async fn create_for(call: &Call, owner: &str) -> Reply {
    create_with(call, Noun::Device, Some(("owner_id".to_owned(), owner.into()))).await
}

async fn create_with(call: &Call, noun: Noun, given: Option<(String, Value)>) -> Reply {
    let account = call.account().await?;
    let (mut body, sync) = wish(call, noun)?;
    body.extend(given);
    check_realm(call, noun, &body).await?;
    let body = accept(&call.desk, noun, &account, None, body).await?;
    let document = Document::new(call.fresh_id(), account.id(), body, call.unix());
    let entity = match noun {
        Noun::User => Entity::User(User { document }),
        _ => Entity::Device(Device { document }),
    };
    if call.is_dry_run()? {
        return plan::put(call, &entity, None).await;
    }
    put(call, &entity, None).await?;
    ask(&call.desk, &entity, sync);
    let document = entity.document();
    let nouns = if noun == Noun::User { "users" } else { "devices" };
    let location = format!("/v2/accounts/{}/{nouns}/{}", account.id(), document.id);
    Ok(Answer::document(document).created(location))
}

/// POST: another body in place of the one that is there.
pub(super) async fn replace(call: &Call, noun: Noun) -> Reply {
    let found = find(call, noun).await?;
    revise(call, found, |_, body| body).await
}

/// PATCH: some members laid over those that are there. It does not matter what the others are, so when somebody
/// else changes them at the same moment it is laid over again.
pub(super) async fn patch(call: &Call, noun: Noun) -> Reply {
    unless_named(call, async || {
        let found = find(call, noun).await?;
        revise(call, found, merge).await
    })
    .await
}

/// DELETE. What is deleted is shown once more, and kept for those who ask later unless `should_soft_delete=false`.
pub(super) async fn delete(call: &Call, noun: Noun) -> Reply {
    let entity = find(call, noun).await?.entity;
    access::administrator(call.caller()?)?;
    let document = entity.document();
    call.check_revision(document)?;
    if call.is_dry_run()? {
        return plan::delete(call, &entity).await;
    }
    let soft = call.option("should_soft_delete").is_none_or(|soft| soft != "false");
    remove(call, &entity, soft).await?;
    Ok(Answer::document(document))
}

/// Removes a document with a mark and an entry in the trail, and wakes the circle. A soft one is kept for those who
/// ask later.
pub(super) async fn remove(call: &Call, entity: &Entity, soft: bool) -> Result<(), Failure> {
    let (document, noun) = (entity.document(), entity.noun());
    let gone = devices_gone(call, entity).await?;
    let farewell = Farewell::of_deleted(&call.desk, entity).await?;
    let mut steps = vec![Step::Delete { noun, id: document.id, replaces: document.revision }];
    if soft {
        steps.extend(trash::steps(&call.desk, entity).await?);
    }
    steps.extend(scopes(entity).into_iter().map(Step::Mark));
    let deed = Deed { what: "deleted", noun, before: Some(document), after: None };
    steps.extend(audit::steps(call, trail(entity), &deed).await?);
    Ok(carry_out(call, steps, farewell, gone).await?)
}

/// Stores a change and tells whom it concerns, to its end even where the connection of whoever asked for it breaks, and with it
/// the request.
async fn carry_out(
    call: &Call,
    steps: Vec<Step>,
    farewell: Farewell,
    gone: Vec<Id>,
) -> Result<(), StoreError> {
    let desk = call.desk.clone();
    let carried = tokio::spawn(async move {
        desk.store.commit(Change { steps }).await?;
        farewell.say_and_go(&desk, gone.clone()).await;
        desk.circle.marked();
        desk.uploads.forget(&gone).await;
        Ok(())
    });
    carried.await.unwrap_or_else(|error| Err(StoreError::Io(error.to_string())))
}

/// The devices that go with a document.
async fn devices_gone(call: &Call, entity: &Entity) -> Result<Vec<Id>, Failure> {
    match entity {
        Entity::User(_) => Ok(Vec::new()),
        Entity::Device(device) => Ok(vec![device.id()]),
        Entity::Account(_) => {
            let span = walk::whole().only(&[]);
            Ok(walk::gather(&*call.desk.store, &scope(entity), span, |device| Some(device.id())).await?)
        }
    }
}

/// What the request wants stored, and whether the phone shall restart for it. A document's id is in its path.
pub(super) fn wish(call: &Call, noun: Noun) -> Result<(Body, bool), Failure> {
    let mut body = call.data()?;
    body.remove("id");
    if body.get("revision").and_then(|text| text.as_str()?.parse::<crate::id::Revision>().ok()).is_some() {
        body.remove("revision");
    }
    if noun != Noun::Device {
        return Ok((body, false));
    }
    let sync = body.remove("sync");
    generate::fill(call, &mut body)?;
    Ok((body, sync.is_some_and(|sync| sync == true || sync == "true")))
}

/// What is asked for counts, and not what stands there already.
async fn check_realm(call: &Call, noun: Noun, body: &Body) -> Result<(), Failure> {
    match noun {
        Noun::Device => access::realm(&*call.desk.store, call.caller()?, body).await,
        Noun::Account | Noun::User => Ok(()),
    }
}

/// The body as it is stored: defaults filled in, what only the server knows kept, hashes in place of a password, or
/// everything that is wrong with it. `account` is the one whose rules it follows.
pub(super) async fn accept(
    desk: &Desk,
    noun: Noun,
    account: &Account,
    stored: Option<&Document>,
    body: Body,
) -> Result<Body, Failure> {
    let body = checked(noun, account, stored, body)?;
    match noun {
        Noun::User => users::keep_login(desk, account.id(), stored, body).await,
        Noun::Account | Noun::Device => Ok(body),
    }
}

fn checked(
    noun: Noun,
    account: &Account,
    stored: Option<&Document>,
    mut body: Body,
) -> Result<Body, Failure> {
    let mut invalid = Invalid::default();
    match noun {
        Noun::Account => accounts::settle(stored, &mut body, &mut invalid),
        Noun::Device => devices::settle(account, &mut body, &mut invalid),
        Noun::User => {}
    }
    values::check(noun, stored, &body, &mut invalid);
    let kind = match noun {
        Noun::Account => schema::Noun::Account,
        Noun::User => schema::Noun::User,
        Noun::Device => schema::Noun::Device,
    };
    let nothing = Body::new();
    let before = stored.map_or(&nothing, |stored| &stored.body);
    let accepted = Schema::of(kind).accept_change(body, before).map_err(|more| invalid.merge(more));
    match accepted {
        Ok(body) if invalid.is_empty() => Ok(keep_own(stored, body)),
        _ => Err(Failure::invalid(&invalid)),
    }
}

/// Stores a document with a mark and an entry in the trail, and wakes the circle.
pub(super) async fn put(call: &Call, entity: &Entity, before: Option<&Document>) -> Result<(), Failure> {
    try_rendering(&call.desk, entity).await?;
    let after = Some(entity.document());
    let what = if before.is_some() { "changed" } else { "created" };
    let deed = Deed { what, noun: entity.noun(), before, after };
    let mut steps = putting(entity, before);
    steps.extend(audit::steps(call, trail(entity), &deed).await?);
    let farewell = Farewell::of(&call.desk, entity, before).await?;
    let stored = carry_out(call, steps, farewell, Vec::new()).await;
    stored.map_err(|error| Failure::unstored(error, entity))
}

/// The steps that store a document.
pub(super) fn putting(entity: &Entity, before: Option<&Document>) -> Vec<Step> {
    let replaces = before.map(|before| before.revision);
    let put = Step::Put { entity: entity.clone(), replaces };
    [put].into_iter().chain(scopes(entity).into_iter().map(Step::Mark)).collect()
}

/// The account in whose trail a deed is entered: an account's own making and end are its parent's matter.
fn trail(entity: &Entity) -> Id {
    match entity {
        Entity::Account(account) => account.parent().unwrap_or(account.id()),
        entity => entity.document().account,
    }
}

async fn revise(call: &Call, found: Found, lay: impl Fn(Body, Body) -> Body) -> Reply {
    let Found { account, entity } = found;
    let before = entity.document();
    call.check_revision(before)?;
    let (body, sync) = wish(call, entity.noun())?;
    check_realm(call, entity.noun(), &body).await?;
    let body = lay(before.body.clone(), public(body));
    let body = accept(&call.desk, entity.noun(), &account, Some(before), body).await?;
    access::touch(call.caller()?, entity.noun(), &before.body, &body)?;
    let changes = body != before.body;
    let revised = if changes { with(&entity, before.revised(body, call.unix())) } else { entity.clone() };
    access::kind(call.caller()?, before, revised.document())?;
    if call.is_dry_run()? {
        return plan::put(call, &revised, Some(before)).await;
    }
    if changes {
        put(call, &revised, Some(before)).await?;
    }
    ask(&call.desk, &revised, sync);
    Ok(Answer::document(revised.document()))
}

/// The same kind of entity with another document.
pub(super) fn with(entity: &Entity, document: Document) -> Entity {
    match entity {
        Entity::Account(account) => Entity::Account(Account { document, ..account.clone() }),
        Entity::User(_) => Entity::User(User { document }),
        Entity::Device(_) => Entity::Device(Device { document }),
    }
}

fn ask(desk: &Desk, entity: &Entity, sync: bool) {
    if sync {
        desk.circle.ask(entity.document().id, Asked { ask: Ask::Reboot, now: false });
    }
}

/// Whom a change of it may concern.
pub(super) fn scopes(entity: &Entity) -> Vec<Scope> {
    let everybody = matches!(entity, Entity::User(_)).then(|| Scope::Users(entity.document().account));
    [scope(entity)].into_iter().chain(everybody).collect()
}

/// Its own scope.
pub(super) fn scope(entity: &Entity) -> Scope {
    let id = entity.document().id;
    match entity {
        Entity::Account(_) => Scope::Account(id),
        Entity::User(_) => Scope::User(id),
        Entity::Device(_) => Scope::Device(id),
    }
}

/// A device whose phone the catalog knows must make files. Another is stored all the same: not every device is a
/// phone, and a model may be added later.
pub(super) async fn try_rendering(desk: &Desk, entity: &Entity) -> Result<(), Failure> {
    let Entity::Device(device) = entity else { return Ok(()) };
    match desk.files.trial(device).await {
        Ok(_) | Err(Refusal::NoModel(_) | Refusal::Settings(SettingsError::NoMac)) => Ok(()),
        Err(refusal) => Err(Failure::unrenderable(refusal)),
    }
}

/// Without members that only the server may write.
fn public(mut body: Body) -> Body {
    body.retain(|name, _| !name.starts_with('_') && !name.starts_with("pvt_"));
    body
}

fn keep_own(stored: Option<&Document>, body: Body) -> Body {
    let mut body = prune_null_keys(body);
    let own = stored.into_iter().flat_map(|stored| &stored.body).filter(|(name, _)| name.starts_with("pvt_"));
    body.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    body
}
