//! Which device a line belongs to, and how its phone proves itself.

use crate::device::Device;
use crate::sip::{Line, Password, Proof};
use crate::store::{Store, StoreError};
use crate::user::User;

/// The line `user` at `realm`, as the registrar wants it. A device without a password, or with an address that
/// cannot be read, cannot register.
pub(super) async fn find(store: &dyn Store, user: &str, realm: &str) -> Result<Option<Line>, StoreError> {
    let Some(device) = store.device_by_line(user, realm).await? else { return Ok(None) };
    let account = store.account(device.account()).await?;
    let owner = match device.owner() {
        Some(owner) => store.user(owner).await?,
        None => None,
    };
    let enabled = device.enabled()
        && owner.as_ref().is_none_or(User::enabled)
        && account.is_some_and(|account| account.enabled());
    let line = proof(&device).map(|proof| Line {
        device: device.id().to_string(),
        proof,
        enabled,
        expires: expires(&device),
    });
    Ok(line)
}

fn proof(device: &Device) -> Option<Proof> {
    match device.document.text("sip.method") {
        Some("ip") => device.document.text("sip.ip")?.parse().ok().map(Proof::Address),
        _ => device.password().map(|password| Proof::Password(Password::new(password))),
    }
}

fn expires(device: &Device) -> u32 {
    let seconds = device.document.at("sip.expire_seconds").and_then(serde_json::Value::as_u64);
    seconds.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(300).max(60)
}
