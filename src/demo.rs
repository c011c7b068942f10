//! Something to try: an account with two users and a phone of each shipped family.

use serde_json::{Value, json};

use crate::account::Account;
use crate::catalog::Catalog;
use crate::device::{Device, Mac};
use crate::document::{Body, Document};
use crate::id::{Digest, Id, hex};
use crate::schema::{Invalid, Noun, Schema};
use crate::store::{Change, Entity, Span, Step, Store, StoreError};
use crate::user::User;

/// The realm by which the sample account is known again.
pub const REALM: &str = "demo.checksync.local";

/// The phones: MAC address, brand, model, name, and which of the two users owns it.
const PHONES: [(&str, &str, &str, &str, usize); 5] = [
    ("805ec0de0001", "yealink", "t46s", "Front desk", 0),
    ("805ec0de0002", "yealink", "t54w", "Office", 1),
    ("64167fde0003", "polycom", "vvx450", "Meeting room", 0),
    ("c074adde0004", "grandstream", "grp2614", "Workshop", 1),
    ("000413de0005", "snom", "d785", "Switchboard", 0),
];

/// The sample account, for whoever wants to say how to try it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// The account.
    pub account: Id,
    /// Its phones, as far as they are still there and the catalog knows their models.
    pub devices: Vec<PlantedDevice>,
}

/// A phone of the sample account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantedDevice {
    /// The device.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its MAC address.
    pub mac: Mac,
    /// `brand/family/model`.
    pub model: String,
    /// The names of the files it always asks for, in that order.
    pub files: Vec<String>,
}

/// Why there is no sample account.
#[derive(Debug, thiserror::Error)]
pub enum PlantError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The samples are not as the schemas want them.
    #[error("the samples are wrong: {0}")]
    Invalid(#[from] Invalid),
}

/// Adds the samples where there is nothing but the master account. Where they are already, they stay as they
/// are; `None` where there is something else. Passwords and keys come from `random`.
pub async fn plant(
    store: &dyn Store,
    catalog: &Catalog,
    random: fn() -> [u8; 32],
    unix: u64,
) -> Result<Option<Planted>, PlantError> {
    if let Some(account) = store.account_by_realm(REALM).await? {
        return Ok(Some(find(store, catalog, account.id()).await?));
    }
    let accounts = store.accounts(None, Span::ascending(None, 2)).await?.rows;
    let [master] = accounts.as_slice() else { return Ok(None) };
    let seed = Seed { random, unix };
    let account = seed.account(master.id())?;
    let id = account.id();
    let users = [("Ann", "Example", "101"), ("Ben", "Sample", "102")];
    let users = users.map(|(first, last, number)| seed.user(id, first, last, number));
    let [ann, ben] = users;
    let users = [ann?, ben?];
    let phones = PHONES.iter().map(|phone| seed.phone(id, &users, phone)).collect::<Result<Vec<_>, _>>()?;
    let all = [Entity::Account(account)].into_iter();
    let all = all.chain(users.map(Entity::User)).chain(phones.into_iter().map(Entity::Device));
    let steps = all.map(|entity| Step::Put { entity, replaces: None }).collect();
    store.commit(Change { steps }).await?;
    Ok(Some(find(store, catalog, id).await?))
}

/// Three commands to try, for a shell in which `KEY` is the master account's API key. Both URLs are bases, with
/// or without a slash at their end. Empty when the account has no phones any more.
pub fn hints(planted: &Planted, phones_url: &str, admin_url: &str) -> String {
    let Some(device) = planted.devices.first() else { return String::new() };
    let Some(file) = device.files.last() else { return String::new() };
    let (phones, admin) = (phones_url.trim_end_matches('/'), admin_url.trim_end_matches('/'));
    let path = format!("{admin}/v2/accounts/{}/devices/{}", planted.account, device.id);
    format!(
        "# 1. Fetch a file as the phone \"{name}\" ({model}) does:\n\
         curl -s {phones}/{file}\n\
         # 2. Change the device (KEY is the API key of the master account):\n\
         TOKEN=$(curl -s -X PUT {admin}/v2/api_auth -H 'Content-Type: application/json' \
         -d '{{\"data\":{{\"api_key\":\"'\"$KEY\"'\"}}}}' | sed -n 's/.*\"auth_token\": *\"\\([^\"]*\\)\".*/\\1/p')\n\
         curl -s -X PATCH {path} -H \"X-Auth-Token: $TOKEN\" -H 'Content-Type: application/json' \
         -d '{{\"data\":{{\"name\":\"Reception\"}}}}'\n\
         # 3. Watch whether the phone is in step, and what came of its last NOTIFY:\n\
         curl -s {path}/provisioning -H \"X-Auth-Token: $TOKEN\"\n",
        name = device.name,
        model = device.model,
    )
}

async fn find(store: &dyn Store, catalog: &Catalog, account: Id) -> Result<Planted, StoreError> {
    let scope = crate::resync::Scope::Account(account);
    let found = store.devices(&scope, Span::ascending(None, 100)).await?.rows;
    let mut devices: Vec<_> = found.iter().filter_map(|device| describe(catalog, device)).collect();
    let place = |mac: Mac| PHONES.iter().position(|phone| phone.0 == mac.to_string()).unwrap_or(PHONES.len());
    devices.sort_by_key(|device| (place(device.mac), device.mac));
    Ok(Planted { account, devices })
}

fn describe(catalog: &Catalog, device: &Device) -> Option<PlantedDevice> {
    let entry = catalog.find(&device.make())?;
    let mac = device.mac()?;
    let files = entry.files().filter(|file| !file.optional);
    let files = files.filter_map(|file| file.name.of(entry.model, device.id(), Some(mac))).collect();
    let name = device.document.text("name").unwrap_or_default().to_owned();
    Some(PlantedDevice { id: device.id(), name, mac, model: entry.path(), files })
}

/// Makes documents that are new at `unix`.
struct Seed {
    random: fn() -> [u8; 32],
    unix: u64,
}

impl Seed {
    fn account(&self, master: Id) -> Result<Account, Invalid> {
        let body = json!({
            "name": "Demo",
            "realm": REALM,
            "timezone": "Europe/Vienna",
            "language": "en-US",
            "provision": { "admin_password": self.secret() },
        });
        let id = self.id();
        let document = Document::new(id, id, accepted(Noun::Account, body)?, self.unix);
        let api_key = Digest::of(hex(&(self.random)()).as_bytes());
        Ok(Account { document, tree: vec![master], api_key })
    }

    fn user(&self, account: Id, first: &str, last: &str, number: &str) -> Result<User, Invalid> {
        let body = json!({ "first_name": first, "last_name": last, "presence_id": number });
        let document = Document::new(self.id(), account, accepted(Noun::User, body)?, self.unix);
        Ok(User { document })
    }

    fn phone(
        &self,
        account: Id,
        users: &[User; 2],
        (mac, brand, model, name, owner): &(&str, &str, &str, &str, usize),
    ) -> Result<Device, Invalid> {
        let [owner, other] = [&users[*owner], &users[1 - *owner]].map(|user| user.id().to_string());
        let body = json!({
            "name": name,
            "mac_address": mac,
            "owner_id": owner,
            "sip": { "username": format!("demo-{model}"), "password": self.secret() },
            "media": { "audio": { "codecs": ["OPUS", "G722", "PCMA", "PCMU"] } },
            "provision": {
                "endpoint_brand": brand,
                "endpoint_model": model,
                "combo_keys": {
                    "0": { "type": "line" },
                    "1": { "type": "presence", "value": other },
                    "2": { "type": "speed_dial", "value": { "label": "Speaking clock", "value": "*60" } },
                    "3": { "type": "parking", "value": 1 },
                },
            },
        });
        let document = Document::new(self.id(), account, accepted(Noun::Device, body)?, self.unix);
        Ok(Device { document })
    }

    fn id(&self) -> Id {
        let random = (self.random)();
        let mut half = [0; 16];
        half.copy_from_slice(&random[..16]);
        Id::from_bytes(half)
    }

    /// 80 bits, short enough for the password fields of every phone.
    fn secret(&self) -> String {
        hex(&(self.random)()[..10])
    }
}

fn accepted(noun: Noun, body: Value) -> Result<Body, Invalid> {
    let Value::Object(body) = body else { return Ok(Body::new()) };
    Schema::of(noun).accept(body)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;
    use crate::files::Files;
    use crate::pack::Pack;
    use crate::settings::Site;
    use crate::store::{Options, SledStore};
    use crate::template::Set;

    /// Thirty-two bytes that were never given before.
    fn random() -> [u8; 32] {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        [NEXT.fetch_add(1, Ordering::Relaxed); 32]
    }

    async fn store_with(accounts: &[u8]) -> (tempfile::TempDir, Arc<SledStore>) {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(Options::new(dir.path())).unwrap();
        let steps = accounts.iter().map(|number| {
            let id = Id::from_bytes([*number; 16]);
            let document = Document::new(id, id, Body::new(), 0);
            let account = Account { document, tree: Vec::new(), api_key: Digest::of(&[*number]) };
            Step::Put { entity: Entity::Account(account), replaces: None }
        });
        store.commit(Change { steps: steps.collect() }).await.unwrap();
        (dir, Arc::new(store))
    }

    #[tokio::test]
    async fn every_sample_phone_is_given_files_with_nothing_left_out() {
        let (_dir, store) = store_with(&[0xff]).await;
        let set = Set::compile(&Pack::shipped()).unwrap();
        let planted = plant(&*store, set.catalog(), random, 7).await.unwrap().unwrap();
        assert_eq!(planted.devices.len(), 5);
        let ouis: Vec<_> =
            set.catalog().entries().flat_map(|entry| &entry.brand.mac_prefixes).cloned().collect();
        let files = Files::new(store, set, Site::default(), 1 << 20);
        for device in planted.devices {
            let given = files.by_mac(device.mac).await.unwrap();
            assert_eq!(given.warnings, Vec::<String>::new(), "{}", device.name);
            assert_eq!(given.model, device.model);
            let announced = given.files.iter().filter(|file| !file.optional);
            assert!(announced.map(|file| &file.name).eq(&device.files));
            assert!(ouis.contains(&device.mac.oui()), "{}", device.mac);
        }
    }

    #[tokio::test]
    async fn the_samples_are_found_again_and_not_planted_twice() {
        let (_dir, store) = store_with(&[0xff]).await;
        let set = Set::compile(&Pack::shipped()).unwrap();
        let first = plant(&*store, set.catalog(), random, 7).await.unwrap();
        let second = plant(&*store, set.catalog(), random, 8).await.unwrap();
        assert!(first.is_some());
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn nothing_is_planted_beside_other_accounts() {
        let (_dir, store) = store_with(&[0xfe, 0xff]).await;
        let catalog = Catalog::default();
        assert_eq!(plant(&*store, &catalog, random, 7).await.unwrap(), None);
        assert_eq!(store.accounts(None, Span::ascending(None, 9)).await.unwrap().rows.len(), 2);
    }

    #[test]
    fn the_commands_name_what_is_there() {
        let device = PlantedDevice {
            id: Id::from_bytes([2; 16]),
            name: "Front desk".to_owned(),
            mac: "805ec0de0001".parse().unwrap(),
            model: "yealink/t4x/t46s".to_owned(),
            files: vec!["805ec0de0001.boot".to_owned(), "805ec0de0001.cfg".to_owned()],
        };
        let planted = Planted { account: Id::from_bytes([1; 16]), devices: vec![device] };
        let hints = hints(&planted, "http://10.0.0.1:8080/", "http://127.0.0.1:8000");
        let path =
            format!("http://127.0.0.1:8000/v2/accounts/{}/devices/{}", "01".repeat(16), "02".repeat(16));
        assert!(hints.contains("curl -s http://10.0.0.1:8080/805ec0de0001.cfg\n"), "{hints}");
        assert!(hints.contains(&format!("curl -s -X PATCH {path} ")), "{hints}");
        assert!(hints.contains(&format!("curl -s {path}/provisioning ")), "{hints}");
        assert!(hints.contains(r#"{"data":{"api_key":"'"$KEY"'"}}"#), "{hints}");
        let empty = Planted { devices: Vec::new(), ..planted };
        assert_eq!(super::hints(&empty, "http://a", "http://b"), "");
    }
}
