//! How each phone stands: what it holds, what it would be given, and what it was told. All times are Unix seconds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Desk;
use super::change::see;
use super::devices;
use super::envelope::{Answer, Reply};
use super::request::Call;
use crate::circle;
use crate::device::Device;
use crate::files::Given;
use crate::registrations::agents::{self, Named};
use crate::resync::{Held, Pending};
use crate::store::{Entity, Noun, Result};

/// How many rows a page has at most: each phone's files are made for its row.
const MOST: usize = 200;

/// `GET …/devices/{D}/provisioning`
pub(super) async fn get(call: Call) -> Reply {
    let found = see(&call, Noun::Device).await?;
    call.desk.circle.caught_up().await;
    match &found.entity {
        Entity::Device(device) => Ok(Answer::data(standing(&call.desk, device).await?)),
        entity => Ok(Answer::document(entity.document())),
    }
}

/// `GET …/provisioning`: the devices of an account, paged as their list is, but never more than [`MOST`] at once.
pub(super) async fn list(call: Call) -> Reply {
    let page = devices::page(&call, None, Some(MOST)).await?;
    call.desk.circle.caught_up().await;
    let mut rows = Vec::new();
    for device in &page.rows {
        rows.push(standing(&call.desk, device).await?);
    }
    Ok(page.with(rows).answer(|row| row))
}

async fn standing(desk: &Desk, device: &Device) -> Result<Value> {
    let store = &*desk.store;
    let held = circle::held(store, device.id()).await?;
    let pending = circle::pending(store, device.id()).await?;
    let given = desk.files.of(device).await;
    let refusal = given.as_ref().err().map(ToString::to_string);
    let given = given.ok();
    Ok(json!({
        "device_id": device.id(),
        "name": device.document.text("name"),
        "mac_address": device.mac().map(|mac| mac.to_string()),
        "model": given.as_ref().map(|given| given.model.as_str()),
        "in_step": given.as_ref().is_some_and(|given| is_in_step(&held, given)),
        "auto_sync": given.as_ref().map(|given| given.auto_sync),
        "warnings": given.as_ref().map_or(&[][..], |given| &given.warnings),
        "seen": seen(desk, device).await?,
        "pending": pending.as_ref().map(waiting),
        "last_notify": held.told,
        "refusal": refusal,
        "files": files(&held, given.as_deref()),
    }))
}

/// What its phones say of themselves, and what of it contradicts the device.
async fn seen(desk: &Desk, device: &Device) -> Result<Vec<Value>> {
    let set = desk.files.set();
    let row = |named: Named| {
        let agent = set.catalog().agent(&named.user_agent);
        let mut row = json!({"by": named.by, "since": named.at, "user_agent": named.user_agent});
        row["warnings"] = json!(agent.warnings(device));
        if let (Value::Object(row), Value::Object(agent)) = (&mut row, json!(agent)) {
            row.extend(agent);
        }
        row
    };
    Ok(agents::named(&*desk.store, device.id()).await?.into_iter().map(row).collect())
}

/// A phone that has never fetched anything is not in step yet. Files that it never asks for do not count.
fn is_in_step(held: &Held, given: &Given) -> bool {
    !held.files.is_empty() && !held.is_stale(&given.announced())
}

fn waiting(pending: &Pending) -> Value {
    let mut shown = json!({
        "since": pending.since / 1000,
        "attempts": pending.attempts,
        "next": pending.next.map(|next| next / 1000),
        "stage": pending.stage,
        "asked": pending.asked,
        "campaign": pending.member.map(|member| member.campaign),
    });
    if let Some(restart) = pending.restart {
        shown["restart"] = json!(restart / 1000);
    }
    shown
}

/// The files that it would be given, then those that it holds and would not be given any more.
fn files(held: &Held, given: Option<&Given>) -> Vec<Value> {
    let files = given.map_or(&[][..], |given| &given.files);
    let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let current = files.iter().map(|file| (file.name.as_str(), Some(file)));
    let gone = held.files.keys().map(String::as_str).filter(|name| !names.contains(name));
    let all = current.chain(gone.map(|name| (name, None)));
    let row = |(name, file): (&str, Option<&crate::files::GivenFile>)| {
        let holds = held.files.get(name);
        let given = file.map(|file| file.rendered.digest);
        json!({
            "name": name,
            "held": holds.map(|file| file.digest),
            "given": given,
            "fetched": holds.map(|file| file.fetched),
            "in_step": given.is_some() && given == holds.map(|file| file.digest),
            "secret": file.map(|file| file.secret),
            "optional": file.map(|file| file.optional),
        })
    };
    all.map(row).collect()
}
