//! The registrations of an account: who is registered where, as the phones' REGISTERs said.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use super::walk;
use crate::account::Account;
use crate::catalog::{Agent, Event};
use crate::circle::Station;
use crate::device::Device;
use crate::id::Id;
use crate::resync::Scope;
use crate::sip::Binding;
use crate::store::StoreError;

/// How long the SIP side may take to say where phones are.
const PATIENCE: Duration = Duration::from_secs(5);

/// `GET …/registrations`: one row for each contact.
pub(super) async fn list(call: Call) -> Reply {
    let account = call.account().await?;
    let set = call.desk.files.set();
    let devices = walk::registered(&call.desk, &Scope::Account(account.id()), MEMBERS).await?;
    let ids: Vec<Id> = devices.iter().map(Device::id).collect();
    let found = tokio::time::timeout(PATIENCE, call.desk.switchboard.locate(&ids)).await;
    let silent = || StoreError::Io("the SIP side does not answer: try again".to_owned());
    let found = found.ok().flatten().ok_or_else(silent)?;
    let devices: HashMap<Id, Device> = ids.into_iter().zip(devices).collect();
    let row = |(device, binding): &(Id, Binding)| {
        let agent = set.catalog().agent(&binding.user_agent);
        Some(row(&account, devices.get(device)?, (binding, &agent), call.unix()))
    };
    Ok(Answer::data(found.iter().filter_map(row).collect()))
}

/// `GET …/registrations/count`
pub(super) async fn count(call: Call) -> Reply {
    let account = call.account().await?;
    let contacts = |device: Device| Some(call.desk.registrations.contacts(device.id()));
    let scope = Scope::Account(account.id());
    let counts = walk::gather(&*call.desk.store, &scope, walk::whole().only(&[]), contacts).await?;
    let count: usize = counts.into_iter().sum();
    Ok(Answer::data(json!({"count": count})))
}

/// `DELETE …/registrations`: forgets where every phone of the account is. They register again in their time.
pub(super) async fn flush(call: Call) -> Reply {
    let account = call.account().await?;
    call.must_be_meant()?;
    for device in walk::registered(&call.desk, &Scope::Account(account.id()), MEMBERS).await? {
        call.desk.switchboard.forget(device.id()).await;
    }
    Ok(Answer::data(json!("ok")))
}

/// `DELETE …/registrations/{username}`: tells the phones of a line to read their files again, and forgets where they
/// are.
pub(super) async fn flush_one(call: Call) -> Reply {
    let account = call.account().await?;
    call.must_be_meant()?;
    let username = &call.decoded("username");
    let found = walk::registered(&call.desk, &Scope::Account(account.id()), MEMBERS).await?;
    let own = |device: &&Device| device.username().is_some_and(|own| own.eq_ignore_ascii_case(username));
    let id = found.iter().find(own).map(Device::id).ok_or_else(|| Failure::unknown(username))?;
    let device = call.desk.store.device(id).await?.ok_or_else(|| Failure::unknown(username))?;
    let given = call.desk.files.of(&device).await.ok();
    let event = given.map_or_else(|| Event::named("check-sync"), |given| given.events.reread.clone());
    call.desk.switchboard.dismiss(Station::from(&device), Some(event)).await;
    Ok(Answer::data(json!("ok")))
}

/// What is shown of a registered device.
const MEMBERS: &[&str] = &["name", "owner_id", "sip", "mac_address", "provision"];

/// A registration in Kazoo's names. Times are seconds; `expires` is what is left.
fn row(account: &Account, device: &Device, (binding, agent): (&Binding, &Agent), unix: u64) -> Value {
    let document = &device.document;
    let aor = binding.aor.uri();
    let (user, realm) = aor.trim_start_matches("sip:").split_once('@').unwrap_or_default();
    let mut row = json!({
        "account_id": account.id(),
        "account_name": account.document.text("name"),
        "account_realm": account.realm(),
        "authorizing_id": device.id(),
        "authorizing_type": "device",
        "call_id": binding.call_id,
        "contact": binding.contact.as_str(),
        "expires": binding.expires_at.saturating_sub(unix),
        "from_host": realm,
        "from_user": user,
        "network_ip": binding.source.ip(),
        "network_port": binding.source.port(),
        "realm": realm,
        "source_ip": binding.source.ip(),
        "source_port": binding.source.port(),
        "status": "Registered",
        "to_host": realm,
        "to_user": user,
        "user_agent": binding.user_agent,
        "username": user,
        "warnings": agent.warnings(device),
        "device_name": document.text("name"),
        "owner_id": document.text("owner_id"),
    });
    if let (Some(row), Value::Object(agent)) = (row.as_object_mut(), json!(agent)) {
        row.extend(agent);
        row.retain(|_, value| !value.is_null());
    }
    row
}
