//! What becomes of registrations when a change makes them registrations of the past: a device was switched off or
//! deleted, or its line, its password or its owner is another one; or its account, one above that, or its owner was
//! switched off or deleted.
//!
//! The phones are told where they are known to be, and forgotten. Both is asked of the SIP side before the circle
//! hears of the change, so that the circle finds nobody there any more and no phone is told twice; whoever registers
//! anew with an old file is told by the circle as always. So it is here, and not in the circle, that farewell is said:
//! what was is known before the change only, and a phone of an account that is off is given nothing that the circle could
//! judge. Of those who are reached through a proxy and may be registered behind it, only a device of its own is told.

use actix_web::web;
use tracing::warn;

use super::{Desk, walk};
use crate::catalog::Event;
use crate::circle::Station;
use crate::device::Device;
use crate::document::Document;
use crate::files::Given;
use crate::id::Id;
use crate::resync::Scope;
use crate::store::{Entity, Result, Span, StoreError};
use crate::user::User;

/// How many phones are told before the change is answered; more are told behind its back.
const FEW: usize = 64;

/// How many accounts are read at a time.
const PAGE: usize = 256;

/// What is read of the devices of an account or user.
const MEMBERS: &[&str] = &["owner_id", "sip", "provision", "mac_address"];

/// What is to be done once a change is stored.
#[derive(Default)]
pub(super) struct Farewell {
    /// Each with the event of its NOTIFY; `None` when its phones are told nothing.
    devices: Vec<(Device, Option<Event>)>,
    /// Whose devices are off with it: which of them are registered is asked when nobody can register any more.
    off: Option<Scope>,
}

impl Farewell {
    /// Whose registrations are not as good after the change as before.
    pub(super) async fn of(desk: &Desk, entity: &Entity, before: Option<&Document>) -> Result<Self> {
        let Some(before) = before else { return Ok(Self::default()) };
        match entity {
            Entity::Device(after) => {
                let device = Device { document: before.clone() };
                Ok(Self { devices: one(desk, device, after).await.into_iter().collect(), off: None })
            }
            Entity::User(after) if User { document: before.clone() }.enabled() && !after.enabled() => {
                Ok(Self { off: Some(Scope::User(after.id())), ..Self::default() })
            }
            Entity::Account(after) if before.flag("enabled").unwrap_or(true) && !after.enabled() => {
                Ok(Self { off: Some(Scope::Account(after.id())), ..Self::default() })
            }
            Entity::Account(_) | Entity::User(_) => Ok(Self::default()),
        }
    }

    /// Whose registrations end because this is about to be deleted. A user's devices stay, as nobody's.
    pub(super) async fn of_deleted(desk: &Desk, entity: &Entity) -> Result<Self> {
        match entity {
            Entity::Device(device) if !desk.registrations.may_contain(device.id()) => Ok(Self::default()),
            Entity::Device(device) => {
                let given = desk.files.of(device).await.ok();
                Ok(Self { devices: vec![(device.clone(), event(given.as_deref()))], off: None })
            }
            Entity::User(user) if user.enabled() => {
                let owned = registered_within(desk, &Scope::User(user.id())).await?;
                Self::to(desk, owned, false).await
            }
            Entity::User(_) => Ok(Self::default()),
            Entity::Account(account) => {
                let devices = registered_within(desk, &Scope::Account(account.id())).await?;
                Self::to(desk, devices, true).await
            }
        }
    }

    /// To many. Who waits for somebody to ask for a sync is told nothing and, unless these are all `off`, stays, to be
    /// there to be told then.
    async fn to(desk: &Desk, devices: Vec<Device>, off: bool) -> Result<Self> {
        let mut told = Vec::new();
        for device in devices {
            match desk.files.reread(&device).await? {
                Some((event, true)) => told.push((device, Some(event))),
                Some((_, false)) if !off => {}
                _ => told.push((device, None)),
            }
        }
        Ok(Self { devices: told, off: None })
    }

    /// Both.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.devices.extend(other.devices);
        self
    }

    /// Says it, to some at a time.
    pub(super) async fn say(self, desk: &Desk) {
        let stations = self.devices.iter().map(|(device, event)| (Station::from(device), event.clone()));
        desk.switchboard.dismiss_all(stations.collect()).await;
    }

    /// Says it, and then that these devices are gone. Where there are many phones, nobody waits for that.
    pub(super) async fn say_and_go(self, desk: &web::Data<Desk>, gone: Vec<Id>) {
        let off = match &self.off {
            Some(scope) => registered_within(desk, scope).await.inspect_err(left).unwrap_or_default(),
            None => Vec::new(),
        };
        let is_short = self.devices.len() + off.len() <= FEW;
        let here = desk.clone();
        let saying = async move {
            let late = Self::to(&here, off, true).await.inspect_err(left).unwrap_or_default();
            self.and(late).say(&here).await;
            for device in gone {
                here.circle.gone(device);
            }
        };
        if is_short {
            saying.await;
        } else {
            tokio::spawn(saying);
        }
    }
}

/// The change is stored, whatever becomes of this.
fn left(error: &StoreError) {
    warn!(%error, "registrations are left until they end by themselves");
}

/// Farewell to a device that is another one after the change, or off.
async fn one(desk: &Desk, device: Device, after: &Device) -> Option<(Device, Option<Event>)> {
    if !desk.registrations.may_contain(device.id()) {
        return None;
    }
    let is_off = device.enabled() && !after.enabled();
    if !is_off && !is_another(&device, after) {
        return None;
    }
    let given = desk.files.of(&device).await.ok();
    let waits = given.as_ref().is_some_and(|given| !given.auto_sync);
    // Who waits for somebody to ask for a sync must be there to be told then.
    (is_off || !waits).then(|| (device, event(given.as_deref())))
}

fn event(given: Option<&Given>) -> Option<Event> {
    given.filter(|given| given.auto_sync).map(|given| given.events.reread.clone())
}

fn is_another(before: &Device, after: &Device) -> bool {
    let line = |device: &Device| (device.username().map(str::to_lowercase), device.realm());
    line(before) != line(after) || before.password() != after.password() || before.owner() != after.owner()
}

/// The registered devices that a user owns, or of an account and those below it.
async fn registered_within(desk: &Desk, scope: &Scope) -> Result<Vec<Device>> {
    let mut found = match scope {
        Scope::User(user) => {
            let owned = registered(desk, scope, walk::whole().owned()).await?.into_iter();
            return Ok(owned.filter(|device| device.owner() == Some(*user)).collect());
        }
        _ => registered(desk, scope, walk::whole()).await?,
    };
    let Scope::Account(account) = scope else { return Ok(found) };
    let mut after = None;
    loop {
        let below = desk.store.accounts(Some(*account), Span::ascending(after, PAGE)).await?;
        for account in &below.rows {
            found.extend(registered(desk, &Scope::Account(account.id()), walk::whole()).await?);
        }
        after = below.last;
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn registered(desk: &Desk, scope: &Scope, span: Span) -> Result<Vec<Device>> {
    let is_registered = |device: &Device| desk.registrations.contains(device.id());
    walk::gather(&*desk.store, scope, span.only(MEMBERS), |device| Some(device).filter(is_registered)).await
}
