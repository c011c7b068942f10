//! What a change would do, without doing it: the document as it would be stored, and the difference it would make to
//! every file of every phone it may concern. Secrets are masked in both versions of a file; where they alone differ,
//! that is said.

use serde_json::{Value, json};

use super::change::{putting, scopes, try_rendering};
use super::difference;
use super::envelope::{Answer, Reply, shown};
use super::error::Failure;
use super::request::Call;
use crate::account::Account;
use crate::device::Device;
use crate::document::Document;
use crate::files::{Files, Given, Instead, Refusal, Sight};
use crate::id::Id;
use crate::resync::Scope;
use crate::store::{Change, Entity, Noun, Result, Span, Step};

/// How many phones are looked at, at most.
const MOST: usize = 200;

/// How many documents are read at a time.
const PAGE: usize = MOST + 1;

/// What storing `entity` would do.
pub(super) async fn put(call: &Call, entity: &Entity, before: Option<&Document>) -> Reply {
    try_rendering(&call.desk, entity).await?;
    let change = Change { steps: putting(entity, before) };
    call.desk.store.attempt(change).await.map_err(|error| Failure::unstored(error, entity))?;
    let (stored, more) = concerned(call, entity).await?;
    let is_new = |id| stored.iter().all(|device: &Device| device.id() != id);
    let new = match entity {
        Entity::Device(device) if is_new(device.id()) => Some(device.clone()),
        _ => None,
    };
    let instead = Instead::Put(entity.clone());
    let mut files = Vec::new();
    for device in &stored {
        files.extend(differences(&call.desk.files, device, Some(&instead)).await?);
    }
    if let Some(device) = new {
        let after = call.desk.files.supposed(&device, &Instead::Nothing, Sight::Masked).await;
        files.extend(rows(&device, None, after.ok().as_ref(), |_| true));
    }
    Ok(answer(entity, &files, more))
}

/// What deleting `entity` would do.
pub(super) async fn delete(call: &Call, entity: &Entity) -> Reply {
    let document = entity.document();
    let step = Step::Delete { noun: entity.noun(), id: document.id, replaces: document.revision };
    call.desk.store.attempt(Change { steps: vec![step] }).await?;
    let instead = match entity.noun() {
        Noun::User => Some(Instead::NoUser(document.id)),
        Noun::Device => Some(Instead::NoDevice(document.id)),
        Noun::Account => None,
    };
    let (stored, more) = concerned(call, entity).await?;
    let mut files = Vec::new();
    for device in &stored {
        let instead = instead.as_ref().filter(|_| device.id() != document.id);
        files.extend(differences(&call.desk.files, device, instead).await?);
    }
    Ok(answer(entity, &files, more))
}

fn answer(entity: &Entity, files: &[Value], more: bool) -> Answer {
    let document = entity.document();
    let data = json!({"document": shown(document), "files": files, "complete": !more});
    Answer::data(data).revision(document)
}

/// The stored devices that a change of `entity` may concern, and whether there are more of them.
async fn concerned(call: &Call, entity: &Entity) -> Result<(Vec<Device>, bool)> {
    let mut found = Vec::new();
    for scope in scopes(entity) {
        add_devices(call, &scope, entity.document().account, &mut found).await?;
    }
    found.sort_by_key(Device::id);
    found.dedup_by_key(|device| device.id());
    if let Entity::Account(account) = entity {
        add_below(call, account, &mut found).await?;
    }
    let more = found.len() > MOST;
    found.truncate(MOST);
    Ok((found, more))
}

/// Adds the devices of the accounts below, until there is one more than are looked at.
async fn add_below(call: &Call, account: &Account, found: &mut Vec<Device>) -> Result<()> {
    let mut after = None;
    loop {
        let below = call.desk.store.accounts(Some(account.id()), Span::ascending(after, PAGE)).await?;
        for account in below.rows.iter().map(Account::id) {
            add_devices(call, &Scope::Account(account), account, found).await?;
        }
        after = below.last;
        if after.is_none() || found.len() > MOST {
            return Ok(());
        }
    }
}

/// Adds the devices of this account and scope that the caller may see: a device of another account that names a user
/// gets nothing from him.
async fn add_devices(call: &Call, scope: &Scope, account: Id, found: &mut Vec<Device>) -> Result<()> {
    let mut after = None;
    while found.len() <= MOST {
        let listed = call.desk.store.devices(scope, Span::ascending(after, PAGE)).await?;
        let may_see = |device: &Device| call.caller().is_ok_and(|caller| caller.may_see(device));
        let own = |device: &Device| device.account() == account && may_see(device);
        found.extend(listed.rows.into_iter().filter(own));
        after = listed.last;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// What `instead` would change in the files of a device; without it, the device would have none.
async fn differences(files: &Files, device: &Device, instead: Option<&Instead>) -> Result<Vec<Value>> {
    let see = async |instead: &Instead, sight| match files.supposed(device, instead, sight).await {
        Ok(given) => Ok(Some(given)),
        Err(Refusal::Store(error)) => Err(error),
        Err(_) => Ok(None),
    };
    let masked = async || see(&Instead::Nothing, Sight::Masked).await;
    let Some(instead) = instead else { return Ok(rows(device, masked().await?.as_ref(), None, |_| true)) };
    let before = see(&Instead::Nothing, Sight::Whole).await?;
    let after = see(instead, Sight::Whole).await?;
    let digest = |given: &Option<Given>, name: &str| {
        given.as_ref().and_then(|given| given.file(name).map(|file| file.rendered.digest))
    };
    let differs = |name: &str| digest(&before, name) != digest(&after, name);
    if !names(before.as_ref(), after.as_ref()).iter().any(|name| differs(name)) {
        return Ok(Vec::new());
    }
    Ok(rows(device, masked().await?.as_ref(), see(instead, Sight::Masked).await?.as_ref(), differs))
}

fn rows(
    device: &Device,
    before: Option<&Given>,
    after: Option<&Given>,
    differs: impl Fn(&str) -> bool,
) -> Vec<Value> {
    let names = names(before, after).into_iter().filter(|name| differs(name));
    names.map(|name| row(device, name, text(before, name), text(after, name))).collect()
}

/// The files that there are before or after.
fn names<'g>(before: Option<&'g Given>, after: Option<&'g Given>) -> Vec<&'g str> {
    let files = |given: Option<&'g Given>| given.map_or(&[][..], |given| &given.files).iter();
    let new = files(after).filter(|file| before.and_then(|given| given.file(&file.name)).is_none());
    files(before).chain(new).map(|file| file.name.as_str()).collect()
}

fn row(device: &Device, file: &str, before: Option<String>, after: Option<String>) -> Value {
    let change = match (&before, &after) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let diff = difference::unified(file, &before.unwrap_or_default(), &after.unwrap_or_default());
    json!({
        "device_id": device.id(),
        "name": device.document.text("name"),
        "file": file,
        "change": change,
        "only_secrets": diff.is_empty(),
        "diff": diff,
    })
}

/// A file's text. What is not UTF-8 in it is shown as such.
pub(super) fn text(given: Option<&Given>, name: &str) -> Option<String> {
    let file = given?.file(name)?;
    Some(String::from_utf8_lossy(&file.rendered.body).into_owned())
}
