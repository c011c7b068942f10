//! Devices, as Kazoo pushes and deletes them: an account's id and a MAC address name one.

use serde_json::json;

use super::super::access;
use super::pushed::Pushed;
use super::{accounts, phones, push, revise};
use crate::account::Account;
use crate::api::change::{accept, put, remove};
use crate::api::envelope::{Answer, Reply};
use crate::api::error::Failure;
use crate::api::persist::persist;
use crate::api::request::fresh_id;
use crate::device::{Device, Mac};
use crate::document::{Body, Document};
use crate::schema::merge;
use crate::store::{Entity, Noun};

/// What a device's document has that Kazoo made. Only the server writes it.
const PUSHED: &str = "pvt_pushed_by";

/// `POST /devices/{A}/{mac}`. Without `merge` it takes the place of what was there, but for the name.
pub(super) async fn push(pushed: Pushed) -> Reply {
    persist(&pushed.call, async || {
        let mac = pushed.mac()?;
        let data = pushed.data()?;
        let account = account(&pushed, &data).await?;
        let mut patch = push::device(&data);
        phones::name_as_known(pushed.desk.files.set().catalog(), &mut patch);
        access::realm(&*pushed.desk.store, &pushed.caller, &patch).await?;
        match of(&pushed, &account, mac).await? {
            Some(device) => change(&pushed, &account, device, patch).await?,
            None => create(&pushed, &account, mac, patch).await?,
        }
        Ok(said(&pushed))
    })
    .await
}

/// `DELETE /devices/{A}/{mac}`. One that is not there needs no deleting.
pub(super) async fn delete(pushed: Pushed) -> Reply {
    persist(&pushed.call, async || {
        let mac = pushed.mac()?;
        let Some(account) = pushed.account().await? else { return Ok(said(&pushed)) };
        let Some(device) = of(&pushed, &account, mac).await? else { return Ok(said(&pushed)) };
        remove(&pushed.call, &Entity::Device(device), true).await?;
        Ok(said(&pushed))
    })
    .await
}

/// `GET /devices/search/{mac}`: whose it is.
pub(super) async fn search(pushed: Pushed) -> Reply {
    let text = pushed.named("mac");
    let mac: Mac = text.parse().map_err(|_| Failure::unknown(text))?;
    let device = pushed.desk.store.device_by_mac(mac).await?.ok_or_else(|| Failure::unknown(text))?;
    let account = pushed.desk.store.account(device.account()).await?;
    if !account.is_some_and(|account| pushed.caller.reaches(&account)) {
        return Err(Failure::forbidden());
    }
    Ok(Answer::data(json!({"account_id": device.account()})))
}

/// `DELETE /locks/{A}/{mac}`: the phone may fetch its files again.
pub(super) async fn unlock(pushed: Pushed) -> Reply {
    let unknown = || Failure::unknown(pushed.named("mac"));
    let mac = pushed.mac().map_err(|_| unknown())?;
    let account = pushed.account().await?.ok_or_else(|| Failure::unknown(pushed.named("account")))?;
    of(&pushed, &account, mac).await?.ok_or_else(unknown)?;
    Ok(Answer::data(json!({"message": "the device is not locked"})))
}

/// True for a device that Kazoo made here.
pub(super) fn is_pushed(device: &Device) -> bool {
    device.document.body.contains_key(PUSHED)
}

fn said(pushed: &Pushed) -> Answer {
    Answer::data(json!({"account_id": pushed.named("account"), "mac_address": pushed.named("mac")}))
}

/// Kazoo pushes an account before each of its devices. When that push was lost, the device brings its realm.
async fn account(pushed: &Pushed, data: &Body) -> Result<Account, Failure> {
    if let Some(account) = pushed.account().await? {
        return Ok(account);
    }
    let realm = push::realm(data).filter(|realm| realm.as_str().is_some_and(|realm| !realm.is_empty()));
    let body = realm.map(|realm| ("realm".to_owned(), realm.clone()));
    accounts::create(pushed, body.into_iter().collect()).await
}

/// The account's device of this address. A device of another account is none of its.
async fn of(pushed: &Pushed, account: &Account, mac: Mac) -> Result<Option<Device>, Failure> {
    let found = pushed.desk.store.device_by_mac(mac).await?;
    Ok(found.filter(|device| device.account() == account.id()))
}

async fn change(pushed: &Pushed, account: &Account, device: Device, patch: Body) -> Result<(), Failure> {
    let before = device.document.body.clone();
    let body = if pushed.wants("merge") { merge(before, patch) } else { instead(&before, patch) };
    revise(pushed, account, &Entity::Device(device), body).await
}

fn instead(before: &Body, patch: Body) -> Body {
    let mut body = Body::new();
    for name in ["name", "mac_address"] {
        body.extend(before.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    merge(body, patch)
}

/// Where two pushes make the same device at once, the second is tried again as a change of it.
async fn create(pushed: &Pushed, account: &Account, mac: Mac, patch: Body) -> Result<(), Failure> {
    if !pushed.wants("create_if_missing") {
        return Err(Failure::unknown(pushed.named("mac")));
    }
    let name = json!({"name": mac.to_string(), "mac_address": mac.with_colons()});
    let body = merge(name.as_object().cloned().unwrap_or_default(), patch);
    let mut body = accept(&pushed.desk, Noun::Device, account, None, body).await?;
    body.insert(PUSHED.to_owned(), "kazoo".into());
    let document = Document::new(fresh_id(pushed.desk.random), account.id(), body, pushed.unix());
    let stored = put(&pushed.call, &Entity::Device(Device { document }), None).await;
    match stored {
        Err(_) if of(pushed, account, mac).await?.is_some() => Err(Failure::conflict()),
        stored => stored,
    }
}
