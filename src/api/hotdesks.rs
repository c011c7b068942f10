//! Hot desking: which users are signed in to which devices (`hotdesk.users` of a device).

use serde_json::{Map, Value, json};

use super::change::{self, Found, find, see, with};
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::persist::unless_named;
use super::request::Call;
use super::{users, walk};
use crate::device::Device;
use crate::resync::Scope;
use crate::store::{Entity, Noun};

/// `GET …/devices/{D}/hotdesks`: the users who are signed in, as summaries.
pub(super) async fn of_device(call: Call) -> Reply {
    let found = find(&call, Noun::Device).await?;
    users_of(&call, &found).await
}

/// `GET …/users/{U}/hotdesks`: the devices that the user is signed in to.
pub(super) async fn of_user(call: Call) -> Reply {
    let found = find(&call, Noun::User).await?;
    let (user, account) = (found.entity.document().id, found.account.id());
    let devices = devices(&call, &Scope::User(user)).await?;
    let is_his = |device: &&Device| device.account() == account && device.hotdesked().contains(&user);
    let his = devices.iter().filter(is_his);
    Ok(Answer::data(his.map(row).collect()))
}

/// `GET …/hotdesks`: every device that somebody is signed in to, once for each of them.
pub(super) async fn of_account(call: Call) -> Reply {
    let account = call.account().await?.id();
    let devices = devices(&call, &Scope::Account(account)).await?;
    let rows = devices.iter().flat_map(|device| {
        device.hotdesked().into_iter().map(move |user| {
            let mut row = row(device);
            row["owner_id"] = json!(user);
            row
        })
    });
    Ok(Answer::data(rows.collect()))
}

/// `PUT …/devices/{D}/hotdesks/{U}`: signs the user in.
pub(super) async fn sign_in(call: Call) -> Reply {
    unless_named(&call, async || sign(&call, true).await).await
}

/// `DELETE …/devices/{D}/hotdesks/{U}`: signs the user out.
pub(super) async fn sign_out(call: Call) -> Reply {
    unless_named(&call, async || sign(&call, false).await).await
}

async fn sign(call: &Call, inwards: bool) -> Reply {
    let user = find(call, Noun::User).await?.entity.document().id.to_string();
    let found = if inwards { find(call, Noun::Device).await? } else { see(call, Noun::Device).await? };
    call.must_be_meant()?;
    let before = found.entity.document();
    call.check_revision(before)?;
    let mut body = before.body.clone();
    let desk = body.entry("hotdesk").or_insert_with(|| json!({}));
    if !desk["users"].is_object() {
        desk["users"] = json!({});
    }
    if let Some(users) = desk["users"].as_object_mut() {
        if inwards {
            users.entry(user).or_insert_with(|| json!({}));
        } else {
            users.remove(&user);
        }
    }
    let entity = with(&found.entity, before.revised(body, call.unix()));
    if entity.document().body != before.body {
        change::put(call, &entity, Some(before)).await?;
    }
    users_of(call, &Found { entity, ..found }).await
}

/// The users who are signed in. A person finds only himself among them.
async fn users_of(call: &Call, found: &Found) -> Reply {
    let mut rows = Vec::new();
    let Entity::Device(device) = &found.entity else { return Err(Failure::not_found()) };
    let caller = call.caller()?;
    for user in device.hotdesked().into_iter().filter(|user| caller.is_or_administers(*user)) {
        let user = call.desk.store.user(user).await?;
        let own = user.filter(|user| user.document.account == found.account.id());
        rows.extend(own.map(|user| Value::Object(users::summary(&user))));
    }
    Ok(Answer::data(Value::Array(rows)).revision(&device.document))
}

fn row(device: &Device) -> Value {
    let name = device.document.text("name").map(|name| ("device_name".to_owned(), name.into()));
    let id = [("device_id".to_owned(), json!(device.id()))];
    Value::Object(id.into_iter().chain(name).collect::<Map<_, _>>())
}

/// The devices of a scope that anybody is signed in to.
async fn devices(call: &Call, scope: &Scope) -> Result<Vec<Device>, Failure> {
    let span = walk::whole().containing("\"hotdesk\"").only(&["name", "hotdesk.users"]);
    let take = |device: Device| Some(device).filter(|device| !device.hotdesked().is_empty());
    Ok(walk::gather(&*call.desk.store, scope, span, take).await?)
}
