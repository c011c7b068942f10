//! When an account allows its phones to be restarted.

use tracing::warn;

use crate::account::Account;
use crate::device::Device;
use crate::document::{Body, at};
use crate::files::Given;
use crate::resync::{Ask, Hours};
use crate::store::{Store, StoreError};
use crate::zone::Clock;

/// True when a phone may restart for this. Where there is one event for both, nobody can say beforehand.
pub(super) fn restarts(given: Option<&Given>, ask: Ask) -> bool {
    ask == Ask::Reboot || given.is_some_and(|given| given.events.reread == given.events.reboot)
}

/// When a device's phone may next be restarted, in Unix milliseconds; `None` is now. The hours are those of its account
/// or, where that says nothing, of the nearest above it, and last of the site; they go by the clock of its account.
///
/// # Errors
/// When the store cannot be read.
pub async fn opens(
    store: &dyn Store,
    site: &Body,
    device: &Device,
    now: u64,
) -> Result<Option<u64>, StoreError> {
    let Some(account) = store.account(device.account()).await? else { return Ok(None) };
    let above = account.tree.clone();
    let mut accounts = vec![account];
    for id in above.into_iter().rev() {
        accounts.extend(store.account(id).await?);
    }
    Ok(opens_by(&accounts, site, now))
}

/// The same by the accounts themselves, the nearest first, and the site.
fn opens_by(accounts: &[Account], site: &Body, now: u64) -> Option<u64> {
    let bodies = || accounts.iter().map(|account| &account.document.body).chain([site]);
    let written = bodies().find_map(|body| at(body, "provision.reboot_window"))?;
    let hours = Hours::read(written).inspect_err(|error| warn!(%error, "hours to restart phones at")).ok()?;
    let zones = bodies().filter_map(|body| at(body, "timezone")?.as_str()).map(str::trim);
    let zone = zones.filter(|zone| !zone.is_empty() && *zone != "inherit").find_map(Clock::of);
    let offset = |unix| zone.as_ref().map_or(0, |zone| zone.offset(unix));
    let begin = hours.begin_after(i64::try_from(now / 1000).ok()?, offset)?;
    u64::try_from(begin).ok().map(|begin| begin * 1000)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::document::Document;
    use crate::id::{Digest, Id};

    /// 2026-11-23 12:00 UTC, a Monday.
    const NOON: u64 = 1_795_435_200_000;
    const HOUR: u64 = 3_600_000;

    fn account(body: &Value) -> Account {
        let id = Id::from_bytes([7; 16]);
        let document = Document::new(id, id, body.as_object().unwrap().clone(), 1);
        Account { document, tree: Vec::new(), api_key: Digest::of(b"key") }
    }

    fn nightly() -> Value {
        json!({"reboot_window": {"from": "22:00", "to": "05:00"}})
    }

    #[test]
    fn hours_and_zone_are_taken_from_the_nearest_account_that_has_them() {
        let opens =
            |own: Value, above: Value| opens_by(&[account(&own), account(&above)], &Body::new(), NOON);
        assert_eq!(opens(json!({}), json!({})), None);
        assert_eq!(opens(json!({"provision": nightly()}), json!({})), Some(NOON + 10 * HOUR));
        let vienna = json!({"timezone": "Europe/Vienna", "provision": nightly()});
        assert_eq!(opens(json!({"timezone": "inherit"}), vienna.clone()), Some(NOON + 9 * HOUR));
        assert_eq!(opens(json!({"timezone": "Asia/Kolkata"}), vienna.clone()), Some(NOON + 9 * HOUR / 2));
        let always = json!({"provision": {"reboot_window": {"from": "00:00", "to": "24:00"}}});
        assert_eq!(opens(always, vienna), None);
    }

    #[test]
    fn where_no_account_says_anything_the_hours_and_the_zone_of_the_site_count() {
        let site = json!({"timezone": "Europe/Vienna", "provision": nightly()});
        let opens = |own: Value| opens_by(&[account(&own)], site.as_object().unwrap(), NOON);
        assert_eq!(opens(json!({})), Some(NOON + 9 * HOUR));
        assert_eq!(opens(json!({"timezone": "UTC"})), Some(NOON + 10 * HOUR));
        assert_eq!(opens(json!({"provision": {"reboot_window": {"from": "11:00", "to": "14:00"}}})), None);
    }
}
