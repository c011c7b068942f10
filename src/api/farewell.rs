//! What becomes of a device's registration when the change of it makes that a registration of the past: it was
//! switched off or deleted, or its line, its password or its owner is another one.
//!
//! Its phones are told where they are known to be, and forgotten. Both is asked of the SIP side before the circle
//! hears of the change, so that the circle finds nobody there any more and no phone is told twice; whoever registers
//! anew with an old file is told by the circle as always.

use super::Desk;
use crate::catalog::Event;
use crate::device::Device;
use crate::document::Document;
use crate::files::Given;
use crate::store::Entity;

/// What is to be done once the change is stored.
pub(super) struct Farewell {
    device: Device,
    /// The event of the NOTIFY; `None` when the phones are told nothing.
    event: Option<Event>,
}

impl Farewell {
    /// `None` where the registrations are as good after the change as before.
    pub(super) async fn of(desk: &Desk, entity: &Entity, before: Option<&Document>) -> Option<Self> {
        let (Entity::Device(after), Some(before)) = (entity, before) else { return None };
        let device = Device { document: before.clone() };
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
        (is_off || !waits).then(|| Self::to(device, given.as_deref()))
    }

    /// To a device that is about to be deleted.
    pub(super) async fn of_deleted(desk: &Desk, entity: &Entity) -> Option<Self> {
        let Entity::Device(device) = entity else { return None };
        if !desk.registrations.may_contain(device.id()) {
            return None;
        }
        let given = desk.files.of(device).await.ok();
        Some(Self::to(device.clone(), given.as_deref()))
    }

    fn to(device: Device, given: Option<&Given>) -> Self {
        let event = given.filter(|given| given.auto_sync).map(|given| given.events.reread.clone());
        Self { device, event }
    }

    /// Does it.
    pub(super) async fn say(self, desk: &Desk) {
        desk.switchboard.dismiss(self.device, self.event).await;
    }
}

fn is_another(before: &Device, after: &Device) -> bool {
    let line = |device: &Device| (device.username().map(str::to_lowercase), device.realm());
    line(before) != line(after) || before.password() != after.password() || before.owner() != after.owner()
}
