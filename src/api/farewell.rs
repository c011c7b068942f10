//! What becomes of registrations when a change makes them registrations of the past: a device was switched off or
//! deleted, or its line, its password or its owner is another one; or its account, one above that, or its owner was
//! switched off or deleted.
//!
//! The phones are told where they are known to be, and forgotten. Both is asked of the SIP side before the circle
//! hears of the change, so that the circle finds nobody there any more and no phone is told twice; whoever registers
//! anew with an old file is told by the circle as always. So it is here, and not in the circle, that farewell is said:
//! what was is known before the change only, and a phone of an account that is off is given nothing that the circle could
//! judge. Whose turn it is to be told is another matter where the circle will do that: a device that stays on keeps its
//! registration while its account does not allow a restart that a NOTIFY might be, and is told by the circle alone where a
//! proxy knows by itself where phones are, unless it knows them by a line that is no more.

use actix_web::web;
use tracing::warn;

use super::{Desk, walk};
use crate::catalog::Event;
use crate::circle::{self, Station};
use crate::device::Device;
use crate::document::Document;
use crate::id::Id;
use crate::resync::Scope;
use crate::store::{Entity, Result, Span, StoreError};
use crate::user::User;

/// How many phones are told before the change is answered; more are told behind its back.
const FEW: usize = 64;

/// How many accounts are read at a time.
const PAGE: usize = 256;

/// What is read of the devices of an account or user.
const MEMBERS: &[&str] = &["owner_id", "enabled", "sip", "provision", "mac_address"];

/// What is to be done once a change is stored.
#[derive(Default)]
pub(super) struct Farewell {
    /// Each with the event of its NOTIFY; `None` when its phones are told nothing. Whether it has any is asked when the
    /// change is stored: one may register until then.
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
                let is_off = device.enabled() && !after.enabled();
                let ends = is_off || is_another(&device, after);
                let left = has_another_line(&device, after);
                Self::to(desk, Some(device).filter(|_| ends), (is_off, left)).await
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
            Entity::Device(device) => Self::to(desk, [device.clone()], (true, true)).await,
            Entity::User(user) if user.enabled() => {
                Self::to(desk, owned(desk, user).await?, (false, false)).await
            }
            Entity::User(_) => Ok(Self::default()),
            Entity::Account(account) => {
                let devices = registered_within(desk, &Scope::Account(account.id())).await?;
                Self::to(desk, devices, (true, true)).await
            }
        }
    }

    /// To devices that are `off` or stay; `left` when no phone of theirs is reached any more by the line they have now.
    async fn to(
        desk: &Desk,
        devices: impl IntoIterator<Item = Device>,
        (off, left): (bool, bool),
    ) -> Result<Self> {
        let mut told = Vec::new();
        for device in devices {
            match event(desk, &device).await? {
                Last::Wait if !off => {}
                Last::Tell(event) if off || left || !desk.circle.is_proxied() => {
                    told.push((device, Some(event)));
                }
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
    pub(super) async fn say(mut self, desk: &Desk) {
        self.devices.retain(|(device, _)| desk.registrations.may_contain(device.id()));
        let stations = self.devices.iter().map(|(device, event)| (Station::from(device), event.clone()));
        desk.switchboard.dismiss_all(stations.collect(), || self.is_due(desk)).await;
    }

    /// False when what was switched off is on again.
    async fn is_due(&self, desk: &Desk) -> bool {
        let is_on = match &self.off {
            Some(Scope::User(user)) => {
                desk.store.user(*user).await.map(|user| user.map(|user| user.enabled()))
            }
            Some(Scope::Account(account)) => {
                desk.store.account(*account).await.map(|account| account.map(|account| account.enabled()))
            }
            _ => Ok(None),
        };
        !is_on.ok().flatten().unwrap_or(false)
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
            let late = Self::to(&here, off, (true, true)).await.inspect_err(left).unwrap_or_default();
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

/// What a phone is told last.
enum Last {
    Tell(Event),
    Nothing,
    /// Nothing, and it must be there to be told later: when somebody asks for a sync, or when its account allows the
    /// restart that this might be.
    Wait,
}

async fn event(desk: &Desk, device: &Device) -> Result<Last> {
    let Some((event, is_told)) = desk.files.reread(device).await?.filter(|_| device.enabled()) else {
        return Ok(Last::Nothing);
    };
    let set = desk.files.set();
    let restarts = set.catalog().find(&device.make()).is_some_and(|entry| entry.events().reboot == event);
    let waits = !is_told || restarts && is_closed(desk, device).await?;
    Ok(if waits { Last::Wait } else { Last::Tell(event) })
}

async fn is_closed(desk: &Desk, device: &Device) -> Result<bool> {
    let (site, now) = (desk.files.site(), (desk.clock)());
    Ok(circle::restarts_open(&*desk.store, site, device, now).await?.is_some())
}

/// Whether a device is called by another name, or in another realm, so that who knows it by its line knows it no more.
fn has_another_line(before: &Device, after: &Device) -> bool {
    let line = |device: &Device| (device.username().map(str::to_lowercase), device.realm());
    line(before) != line(after)
}

fn is_another(before: &Device, after: &Device) -> bool {
    has_another_line(before, after)
        || before.password() != after.password()
        || before.owner() != after.owner()
}

/// The registered devices that a user owns, or of an account and those below it.
async fn registered_within(desk: &Desk, scope: &Scope) -> Result<Vec<Device>> {
    if let Scope::User(user) = scope {
        let Some(user) = desk.store.user(*user).await? else { return Ok(Vec::new()) };
        let is_registered = |device: &Device| desk.registrations.contains(device.id());
        return Ok(owned(desk, &user).await?.into_iter().filter(is_registered).collect());
    }
    let mut found = walk::registered(desk, scope, MEMBERS).await?;
    let Scope::Account(account) = scope else { return Ok(found) };
    let mut after = None;
    loop {
        let below = desk.store.accounts(Some(*account), Span::ascending(after, PAGE)).await?;
        for account in &below.rows {
            found.extend(walk::registered(desk, &Scope::Account(account.id()), MEMBERS).await?);
        }
        after = below.last;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// The devices that a user owns. One of another account that names the user is not among them.
async fn owned(desk: &Desk, user: &User) -> Result<Vec<Device>> {
    let is_own =
        |device: &Device| device.owner() == Some(user.id()) && device.account() == user.document.account;
    let (scope, span) = (Scope::User(user.id()), walk::whole().owned().only(MEMBERS));
    walk::gather(&*desk.store, &scope, span, |device| Some(device).filter(is_own)).await
}
