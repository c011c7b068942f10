//! What a caller may do with what he found.
//!
//! | who | sees | changes |
//! |---|---|---|
//! | administrator | his account and those below | the same; switches on and off only those below |
//! | person: himself | his user document, his list of devices | the document, but for `priv_level`, `enabled`, `username`, `presence_id`, `call_restriction`, and of `provision` `contacts`, `fill`, `profile` |
//! | person: a device that he owns | the device | the device, but for `owner_id`, `enabled`, `hotdesk`, `call_restriction`, and of `provision` `lines`, `contacts`, `fill`, `profile`; has it synchronised and called |
//! | person: a device that he is signed in to | the device without its password and `provision` | nothing |
//!
//! A person makes and deletes nothing. In a list of devices he finds those that he may see; every other list is
//! refused.

use std::borrow::Cow;

use serde_json::Value;

use super::error::Failure;
use crate::auth::Caller;
use crate::device::Device;
use crate::document::{Body, Document, at};
use crate::schema::Problem;
use crate::store::{Entity, Noun, Store};

/// Refuses everyone but an administrator.
pub(super) fn administrator(caller: &Caller) -> Result<&Caller, Failure> {
    allowed(caller.is_administrator()).map(|()| caller)
}

/// Refuses who must not look at this. That he reaches its account has been checked.
pub(super) fn see(caller: &Caller, entity: &Entity) -> Result<(), Failure> {
    allowed(match entity {
        Entity::Account(_) => caller.is_administrator(),
        Entity::User(user) => caller.is_or_administers(user.id()),
        Entity::Device(device) => caller.may_see(device),
    })
}

/// Refuses who must not change this, or have its phone do something.
pub(super) fn change(caller: &Caller, entity: &Entity) -> Result<(), Failure> {
    allowed(match entity {
        Entity::Account(_) => caller.is_administrator(),
        Entity::User(user) => caller.is_or_administers(user.id()),
        Entity::Device(device) => caller.may_change(device),
    })
}

/// Refuses a person's change of a member that is not for him to decide.
pub(super) fn touch(caller: &Caller, noun: Noun, before: &Body, after: &Body) -> Result<(), Failure> {
    let touched = match noun {
        Noun::Account => None,
        Noun::User => caller.touched_of_user(before, after),
        Noun::Device => caller.touched_of_device(before, after),
    };
    touched.map_or(Ok(()), |member| Err(Failure::locked(member)))
}

/// A document that the caller may see, as he sees it.
pub(super) fn shown<'d>(caller: &Caller, entity: &'d Entity) -> Cow<'d, Document> {
    match entity {
        Entity::Device(device) => match veiled(caller, device) {
            Cow::Borrowed(device) => Cow::Borrowed(&device.document),
            Cow::Owned(device) => Cow::Owned(device.document),
        },
        entity => Cow::Borrowed(entity.document()),
    }
}

/// A device that the caller may see, as he sees it: whoever is only signed in to it must not take its line with him.
pub(super) fn veiled<'d>(caller: &Caller, device: &'d Device) -> Cow<'d, Device> {
    if caller.may_change(device) {
        return Cow::Borrowed(device);
    }
    Cow::Owned(with_veil(device.clone()))
}

/// The same of a device that is needed no more.
pub(super) fn veil(caller: &Caller, device: Device) -> Device {
    if caller.may_change(&device) { device } else { with_veil(device) }
}

fn with_veil(mut device: Device) -> Device {
    device.document.body.remove("provision");
    if let Some(sip) = device.document.body.get_mut("sip").and_then(Value::as_object_mut) {
        sip.remove("password");
    }
    device
}

/// Refuses to change what a device is, but for who runs the site: it is what they bill by.
pub(super) fn kind(caller: &Caller, before: &Document, after: &Document) -> Result<(), Failure> {
    let (before, after) = (before.text("device_type"), after.text("device_type"));
    if before.is_none() || before == after || caller.runs_the_site() {
        return Ok(());
    }
    let problem = Problem::new("Not authorized to change type of device").cause(after.unwrap_or_default());
    Err(Failure::problem("device_type", "invalid", problem))
}

/// Refuses a device that names the realm of an account out of the caller's reach. One that no account has is free.
pub(super) async fn realm(store: &dyn Store, caller: &Caller, device: &Body) -> Result<(), Failure> {
    let Some(realm) = at(device, "sip.realm").and_then(Value::as_str) else { return Ok(()) };
    let holder = store.account_by_realm(realm).await?;
    if holder.is_none_or(|holder| caller.reaches(&holder)) {
        return Ok(());
    }
    let problem = Problem::new("The realm belongs to another account").value(realm);
    Err(Failure::problem("sip.realm", "invalid", problem))
}

fn allowed(yes: bool) -> Result<(), Failure> {
    if yes { Ok(()) } else { Err(Failure::forbidden()) }
}
