//! Devices: their list, their documents, who is registered, and asking a phone to come for its files.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::access::{veil, veiled};
use super::audit::{self, Deed};
use super::change::{self, find, see};
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::filter::Filter;
use super::paging::Page;
use super::request::Call;
use super::rows::{Members, Rows};
use super::walk;
use crate::account::Account;
use crate::catalog::Catalog;
use crate::device::{Device, Mac};
use crate::document::{Body, at};
use crate::id::Id;
use crate::resync::{Ask, Asked, Scope};
use crate::schema::{Invalid, Problem};
use crate::store::{Listed, Noun, Span, StoreError};

/// `GET …/devices`: summaries, or what [`Rows`] makes of the devices that the filters keep.
pub(super) async fn list(call: Call) -> Reply {
    let rows = Rows::of(call.intake(), &call.desk.registrations);
    let page = page(&call, rows.members(), None).await?;
    let caller = call.caller()?;
    Ok(page.answer(|device| Value::Object(rows.row(veil(caller, device)))))
}

/// `PUT …/devices`
pub(super) async fn create(call: Call) -> Reply {
    change::create(&call, Noun::Device).await
}

/// `PUT …/users/{U}/devices`: a device that the user owns.
pub(super) async fn create_for_user(call: Call) -> Reply {
    find(&call, Noun::User).await?;
    change::create_for(&call, call.named("user")).await
}

/// `GET …/devices/{D}`
pub(super) async fn get(call: Call) -> Reply {
    change::get(&call, Noun::Device).await
}

/// `POST …/devices/{D}`
pub(super) async fn replace(call: Call) -> Reply {
    change::replace(&call, Noun::Device).await
}

/// `PATCH …/devices/{D}`
pub(super) async fn patch(call: Call) -> Reply {
    change::patch(&call, Noun::Device).await
}

/// `DELETE …/devices/{D}`
pub(super) async fn delete(call: Call) -> Reply {
    change::delete(&call, Noun::Device).await
}

/// `GET …/devices/status`: the devices that are registered now.
pub(super) async fn status(call: Call) -> Reply {
    let scope = Scope::Account(call.account().await?.id());
    let row = |device: Device| {
        let registered = call.desk.registrations.contains(device.id());
        registered.then(|| json!({"device_id": device.id(), "registered": true}))
    };
    let rows = walk::gather(&*call.desk.store, &scope, walk::whole().only(&[]), row).await?;
    Ok(Answer::data(Value::Array(rows)))
}

/// `POST …/devices/{D}/sync`: the phone is told whatever it holds, to restart, or with `reboot=false` to read its
/// files again.
pub(super) async fn sync(call: Call) -> Reply {
    let found = find(&call, Noun::Device).await?;
    call.must_be_meant()?;
    let (document, asked) = (found.entity.document(), asked(&call)?);
    call.desk.circle.ask(document.id, asked);
    Ok(Answer::data(json!("sync request sent")).revision(document))
}

/// `POST …/devices/sync`: the same for all phones of the account, as one campaign.
pub(super) async fn sync_all(call: Call) -> Reply {
    let account = call.account().await?;
    call.must_be_meant()?;
    let asked = asked(&call)?;
    let set = call.desk.files.set();
    let has_phone = |device: Device| fetches(set.catalog(), &device).then(|| device.id());
    let span = walk::whole().only(&["enabled", "mac_address", "provision"]);
    let phones = walk::gather(&*call.desk.store, &Scope::Account(account.id()), span, has_phone).await?;
    let document = Some(&account.document);
    let deed = Deed { what: "devices synchronised", noun: Noun::Account, before: document, after: document };
    audit::enter(&call, account.id(), &deed).await?;
    let count = phones.len();
    call.desk.circle.ask_all(account.id(), phones, asked, call.fresh_id().as_bytes()).await?;
    Ok(Answer::data(json!({"phones": count})))
}

/// True when the device's phone may fetch something: by its MAC address or, where its model does that, by its id.
fn fetches(catalog: &Catalog, device: &Device) -> bool {
    let by_id = || {
        let entry = catalog.find(&device.make());
        entry.is_some_and(|entry| entry.files().any(|file| !file.name.needs_mac()))
    };
    device.enabled() && (device.mac().is_some() || by_id())
}

/// What a sync asks for: a restart unless `reboot=false`, in busy hours too with `now=true`. A word that is neither must
/// not restart anybody.
fn asked(call: &Call) -> Result<Asked, Failure> {
    let reboot = switch(call, "reboot")?.unwrap_or(true);
    let now = switch(call, "now")?.unwrap_or(false);
    Ok(Asked { ask: if reboot { Ask::Reboot } else { Ask::Reread }, now })
}

fn switch(call: &Call, name: &str) -> Result<Option<bool>, Failure> {
    let Some(text) = call.option(name) else { return Ok(None) };
    text.to_lowercase().parse().map(Some).map_err(|_| {
        let problem = Problem::new("Value did not match type(s): boolean").target("boolean").value(text);
        Failure::problem(name, "type", problem)
    })
}

/// `GET …/users/{U}/devices`: those that the user owns, and those that he is signed in to.
pub(super) async fn list_of_user(call: Call) -> Reply {
    let found = see(&call, Noun::User).await?;
    let user = found.entity.document().id;
    let (filter, caller) = (Filter::of(call.intake()), call.caller()?);
    let keep = |device: &Device| {
        let is_his = device.owner() == Some(user) || device.hotdesked().contains(&user);
        device.account() == found.account.id()
            && is_his
            && filter.keeps("device", &veiled(caller, device).document)
    };
    let rows = Rows::of(call.intake(), &call.desk.registrations);
    let members = rows.members().filter(|members| filter.reads_only(members));
    let fetch = async |span| call.desk.store.devices(&Scope::User(user), Span { members, ..span }).await;
    let page = Page::of(&call, Device::id, keep, fetch).await?;
    let row = |device: Device| {
        let is_guest = device.owner() != Some(user);
        rows.row_of_user(veil(caller, device), is_guest)
    };
    Ok(page.answer(|device| Value::Object(row(device))))
}

/// The page of devices that a list asks for, of those that the caller may see; with these members of their bodies at
/// least, and no more than `most` of them.
pub(super) async fn page(
    call: &Call,
    members: Option<Members>,
    most: Option<usize>,
) -> Result<Page<Device>, Failure> {
    let account = call.reached_account().await?.id();
    let (filter, caller) = (Filter::of(call.intake()), call.caller()?);
    let keep = |device: &Device| {
        let reached = device.account() == account && caller.may_see(device);
        reached && filter.keeps("device", &veiled(caller, device).document)
    };
    let members = members.filter(|members| filter.reads_only(members));
    let fetch = async |span| candidates(call, account, &filter, Span { members, ..span }).await;
    Page::at_most(most, call, Device::id, keep, fetch).await
}

/// Devices among which are all that the filters can be true of, found by the index that fits best.
async fn candidates(
    call: &Call,
    account: Id,
    filter: &Filter,
    span: Span,
) -> Result<Listed<Device>, StoreError> {
    let store = &call.desk.store;
    if let Some(mac) = filter.wanted("mac_address").filter(|mac| !mac.is_empty()) {
        let Ok(mac) = mac.parse::<Mac>() else { return Ok(Listed::whole(Vec::new())) };
        let found = store.device_by_mac(mac).await?.filter(|device| span.admits(device.id()));
        return Ok(Listed::whole(found.into_iter().collect()));
    }
    let span = Span { containing: filter.text(), ..span };
    if let Some(owner) = filter.wanted("owner_id").and_then(|text| text.parse().ok()) {
        return store.devices(&Scope::User(owner), span.owned()).await;
    }
    match filter.wanted("name").filter(|name| !name.is_empty()) {
        Some(name) => store.devices_named(account, name, span).await,
        None => store.devices(&Scope::Account(account), span).await,
    }
}

/// What the schema cannot say of a device: its MAC address, how it logs in, and that it need not repeat the realm
/// of its account.
pub(super) fn settle(account: &Account, body: &mut Body, invalid: &mut Invalid) {
    drop_same_realm(account, body);
    check_mac(body, invalid);
    check_ip(body, invalid);
}

fn drop_same_realm(account: &Account, body: &mut Body) {
    let same = |realm: &Value| realm.as_str().map(str::to_lowercase) == account.realm();
    let Some(Value::Object(sip)) = body.get_mut("sip") else { return };
    if sip.get("realm").is_some_and(same) {
        sip.remove("realm");
    }
}

fn check_mac(body: &Body, invalid: &mut Invalid) {
    let Some(text) = at(body, "mac_address").and_then(Value::as_str) else { return };
    if text.is_empty() {
        return;
    }
    if let Err(error) = text.parse::<Mac>() {
        invalid.add("mac_address", "pattern", Problem::new(error.to_string()).value(text));
    }
}

fn check_ip(body: &Body, invalid: &mut Invalid) {
    if at(body, "sip.method").and_then(Value::as_str) != Some("ip") {
        return;
    }
    let is_address = |ip: &Value| {
        ip.as_str().is_some_and(|ip| ip.trim().parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified()))
    };
    match at(body, "sip.ip") {
        None => invalid.add("sip.ip", "required", Problem::new("Field is required but missing").value("ip")),
        Some(ip) if is_address(ip) => {}
        Some(ip) => {
            let message = "Must be a valid IPv4 RFC 791 or IPv6 RFC 4291 address";
            invalid.add("sip.ip", "type", Problem::new(message).cause(ip.clone()));
        }
    }
}
