//! Which device a line belongs to, and how its phone proves itself.

use quick_cache::unsync::Cache;

use crate::account::Account;
use crate::circle::Station;
use crate::device::Device;
use crate::id::Id;
use crate::resync::Scope;
use crate::sip::fingerprint::Fingerprint;
use crate::sip::{Aor, Line, Password, Proof};
use crate::store::{Changes, Stamp, Store, StoreError, is_switched_on};
use crate::user::User;

/// How many lines are remembered; one takes about half a kilobyte.
const REMEMBERED: usize = 32_768;

/// How many realms of accounts are remembered.
const REALMS: usize = 4_096;

/// A line as it was found, and what it was made from.
pub(super) struct Known {
    line: Line,
    stamp: Stamp,
}

impl Known {
    /// Whether nothing has changed since that it was made from.
    pub(super) fn is_current(&self, changes: &Changes) -> bool {
        changes.is_current(&self.stamp)
    }
}

/// The lines that registered lately, each for as long as nothing that it was made from changes: a phone that answers a
/// challenge, or refreshes, costs no read. Lines that do not exist are not remembered.
pub(super) struct Lines {
    lines: Cache<Fingerprint, Known>,
    realms: Cache<Id, Realm>,
}

/// The realm of an account as it was found.
#[derive(Debug, PartialEq)]
pub(super) struct Realm {
    realm: Option<String>,
    stamp: Stamp,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { lines: Cache::new(REMEMBERED), realms: Cache::new(REALMS) }
    }

    /// The line of a station: its username in its own realm or its account's, none if either is missing. An error while
    /// the realm of its account is not remembered.
    pub(super) fn of(&self, changes: &Changes, station: &Station) -> Result<Option<Aor>, Id> {
        let Some(user) = &station.username else { return Ok(None) };
        if let Some(own) = &station.realm {
            return Ok(Some(Aor::new(user, own)));
        }
        let known = self.realms.get(&station.account).filter(|known| changes.is_current(&known.stamp));
        let realm = &known.ok_or(station.account)?.realm;
        Ok(realm.as_ref().map(|realm| Aor::new(user, realm)))
    }

    /// Remembers the realm of an account.
    pub(super) fn learn_realm(&mut self, account: Id, realm: Realm) {
        self.realms.insert(account, realm);
    }

    /// A line that is remembered, if nothing has changed it since.
    pub(super) fn known(&self, changes: &Changes, aor: &Aor) -> Option<&Line> {
        let known = self.lines.get(&Fingerprint::from(aor)).filter(|known| known.is_current(changes));
        known.map(|known| &known.line)
    }

    /// Remembers what was found; gives the line.
    pub(super) fn learn(&mut self, aor: &Aor, found: Option<Known>) -> Option<Line> {
        let line = found.as_ref().map(|known| known.line.clone());
        match found {
            Some(known) => self.lines.insert(aor.into(), known),
            None => drop(self.lines.remove(&Fingerprint::from(aor))),
        }
        line
    }
}

/// A line as the registrar wants it. A device without a password, or with an address that cannot be read, cannot
/// register.
pub(super) async fn find(store: &dyn Store, aor: &Aor) -> Result<Option<Known>, StoreError> {
    let sequence = store.changes().latest();
    let Some(device) = store.device_by_line(&aor.user, &aor.realm).await? else { return Ok(None) };
    let Some(account) = store.account(device.account()).await? else { return Ok(None) };
    let enabled = is_enabled(store, &device, &account).await?;
    let line = proof(&device).map(|proof| Line {
        device: device.id().to_string(),
        proof,
        enabled,
        expires: expires(&device),
        tells_overwrites: device.document.flag("register_overwrite_notify").unwrap_or(false),
    });
    let accounts = account.tree.iter().copied().chain([account.id()]).map(Scope::Account);
    let owner = device.owner().map(Scope::User);
    let scopes = [Scope::Device(device.id())].into_iter().chain(owner).chain(accounts).collect();
    Ok(line.map(|line| Known { line, stamp: Stamp { sequence, scopes } }))
}

/// The realm of an account, if it has one.
pub(super) async fn realm_of(store: &dyn Store, account: Id) -> Result<Realm, StoreError> {
    let sequence = store.changes().latest();
    let realm = store.account(account).await?.and_then(|account| account.realm());
    Ok(Realm { realm, stamp: Stamp { sequence, scopes: vec![Scope::Account(account)] } })
}

/// A phone may register where it would be given its files, unless its owner is switched off.
async fn is_enabled(store: &dyn Store, device: &Device, account: &Account) -> Result<bool, StoreError> {
    let mut enabled = device.enabled() && is_switched_on(store, account).await?;
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

    fn customer_phone(enabled: bool, password: &str) -> Entity {
        let sip = json!({"username": "u1", "password": password});
        let phone = json!({"enabled": enabled, "owner_id": id(OWNER), "sip": sip});
        Entity::Device(Device { document: document(DEVICE, CUSTOMER, &phone) })
    }

    /// A customer's phone where this one of them is switched off, and the phone's owner is a user of `owners`.
    fn entities(off: u8, owners: u8) -> [Entity; 5] {
        let enabled = |number: u8| number != off;
        [
            account(1, &[], &json!({})),
            account(RESELLER, &[1], &json!({"enabled": enabled(RESELLER)})),
            account(CUSTOMER, &[1, RESELLER], &json!({"enabled": enabled(CUSTOMER), "realm": "pbx"})),
            Entity::User(User { document: document(OWNER, owners, &json!({"enabled": enabled(OWNER)})) }),
            customer_phone(enabled(DEVICE), "secret"),
        ]
    }

    async fn stored(folder: &std::path::Path, entities: [Entity; 5]) -> SledStore {
        let store = SledStore::open(Options { reserve_bytes: 0, ..Options::new(folder) }).unwrap();
        let steps = entities.into_iter().map(|entity| Step::Put { entity, replaces: None });
        store.commit(Change { steps: steps.collect() }).await.unwrap();
        store
    }

    fn line() -> Aor {
        Aor::new("u1", "pbx")
    }

    async fn registers(off: u8, owners: u8) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path(), entities(off, owners)).await;
        find(&store, &line()).await.unwrap().unwrap().line.enabled
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

    #[tokio::test]
    async fn a_line_is_remembered_until_something_changes_that_it_was_made_from() {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path(), entities(0, CUSTOMER)).await;
        let mark = async |scope| store.commit(Change { steps: vec![Step::Mark(scope)] }).await.unwrap();
        let mut lines = Lines::new();
        let found = find(&store, &line()).await.unwrap();
        let learnt = lines.learn(&line(), found).unwrap();
        mark(Scope::Device(id(9))).await;
        assert_eq!(lines.known(store.changes(), &line()), Some(&learnt));
        let scopes = [
            Scope::Device(id(DEVICE)),
            Scope::User(id(OWNER)),
            Scope::Account(id(RESELLER)),
            Scope::Account(id(CUSTOMER)),
            Scope::Everything,
        ];
        for scope in scopes {
            mark(scope.clone()).await;
            assert_eq!(lines.known(store.changes(), &line()), None, "{scope:?}");
            lines.learn(&line(), find(&store, &line()).await.unwrap());
            assert_eq!(lines.known(store.changes(), &line()), Some(&learnt));
        }
        assert_eq!(lines.learn(&line(), None), None);
        assert_eq!(lines.known(store.changes(), &line()), None, "it is nobody's any more");
    }
}
