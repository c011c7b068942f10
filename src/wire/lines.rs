//! Which device a line belongs to, and how its phone proves itself.

use crate::device::Device;
use crate::sip::{Aor, Credentials, Line, Password, Proof};
use crate::store::{Store, StoreError, is_switched_on};
use crate::user::User;

/// The line `user` at `realm`, as the registrar wants it. A device without a password, or with an address that
/// cannot be read, cannot register.
pub(super) async fn find(store: &dyn Store, user: &str, realm: &str) -> Result<Option<Line>, StoreError> {
    let Some(device) = store.device_by_line(user, realm).await? else { return Ok(None) };
    let enabled = is_enabled(store, &device).await?;
    let line = proof(&device).map(|proof| Line {
        device: device.id().to_string(),
        proof,
        enabled,
        expires: expires(&device),
        tells_overwrites: device.document.flag("register_overwrite_notify").unwrap_or(false),
    });
    Ok(line)
}

/// The line of a device: its username in its own realm or its account's; `None` if either is missing.
pub(super) async fn line_of(store: &dyn Store, device: &Device) -> Result<Option<Aor>, StoreError> {
    let realm = match device.realm() {
        None => store.account(device.account()).await?.and_then(|account| account.realm()),
        own => own,
    };
    Ok(device.username().zip(realm).map(|(user, realm)| Aor::new(user, &realm)))
}

/// What a device's line proves itself with.
pub(super) fn credentials(device: &Device) -> Option<Credentials> {
    let (user, password) = device.username().zip(device.password())?;
    Some(Credentials { user: user.to_owned(), password: Password::new(password) })
}

/// A phone may register where it would be given its files, unless its owner is switched off.
async fn is_enabled(store: &dyn Store, device: &Device) -> Result<bool, StoreError> {
    let Some(account) = store.account(device.account()).await? else { return Ok(false) };
    let mut enabled = device.enabled() && is_switched_on(store, &account).await?;
    if let Some(owner) = device.owner() {
        let owner = store.user(owner).await?.filter(|owner| owner.document.account == device.account());
        enabled &= owner.as_ref().is_none_or(User::enabled);
    }
    Ok(enabled)
}

fn proof(device: &Device) -> Option<Proof> {
    match device.document.text("sip.method") {
        Some("ip") => device.ip().map(Proof::Address),
        _ => device.password().map(|password| Proof::Password(Password::new(password))),
    }
}

fn expires(device: &Device) -> u32 {
    let seconds = device.document.at("sip.expire_seconds").and_then(serde_json::Value::as_u64);
    seconds.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(300).max(60)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::account::Account;
    use crate::document::Document;
    use crate::id::{Digest, Id};
    use crate::store::{Change, Entity, Options, SledStore, Step};

    const RESELLER: u8 = 2;
    const CUSTOMER: u8 = 3;
    const OWNER: u8 = 5;
    const DEVICE: u8 = 6;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn document(number: u8, account: u8, body: &Value) -> Document {
        Document::new(id(number), id(account), body.as_object().unwrap().clone(), 0)
    }

    fn account(number: u8, tree: &[u8], body: &Value) -> Entity {
        let tree = tree.iter().copied().map(id).collect();
        let document = document(number, number, body);
        Entity::Account(Account { document, tree, api_key: Digest::of(&[number]) })
    }

    /// Whether a customer's phone may register when this one is switched off, and its owner is a user of `owners`.
    async fn registers(off: u8, owners: u8) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { reserve_bytes: 0, ..Options::new(folder.path()) };
        let store = SledStore::open(options).unwrap();
        let enabled = |number: u8| number != off;
        let sip = json!({"username": "u1", "password": "secret"});
        let phone = json!({"enabled": enabled(DEVICE), "owner_id": id(OWNER), "sip": sip});
        let entities = [
            account(1, &[], &json!({})),
            account(RESELLER, &[1], &json!({"enabled": enabled(RESELLER)})),
            account(CUSTOMER, &[1, RESELLER], &json!({"enabled": enabled(CUSTOMER), "realm": "pbx"})),
            Entity::User(User { document: document(OWNER, owners, &json!({"enabled": enabled(OWNER)})) }),
            Entity::Device(Device { document: document(DEVICE, CUSTOMER, &phone) }),
        ];
        let steps = entities.into_iter().map(|entity| Step::Put { entity, replaces: None });
        store.commit(Change { steps: steps.collect() }).await.unwrap();
        find(&store, "u1", "pbx").await.unwrap().unwrap().enabled
    }

    #[tokio::test]
    async fn a_line_is_off_with_its_device_its_owner_or_any_account_above() {
        assert!(registers(0, CUSTOMER).await);
        for off in [RESELLER, CUSTOMER, OWNER, DEVICE] {
            assert!(!registers(off, CUSTOMER).await, "{off}");
        }
    }

    #[tokio::test]
    async fn a_user_of_another_account_is_no_owner() {
        assert!(registers(OWNER, RESELLER).await);
    }
}
