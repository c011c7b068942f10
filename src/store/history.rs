//! What happened to each device: a hundred entries at most, the newest of which push the oldest out.

use serde_json::Value;

use super::{Note, Result, Store, StoreError, Table, notes_within};
use crate::id::Id;

/// The most entries that are kept of one device.
pub const MOST: usize = 100;

/// Names an entry: entries of one device lie in the order of their times, and `random` keeps those of the same
/// millisecond apart.
pub fn key(device: Id, unix_ms: u64, random: [u8; 4]) -> Vec<u8> {
    [&device.as_bytes()[..], &unix_ms.to_be_bytes(), &random].concat()
}

/// Writes an entry down, in place of another of the same name, and drops the oldest past [`MOST`]. A device that is
/// deleted has no history any more.
pub async fn write(store: &dyn Store, device: Id, key: Vec<u8>, entry: &Value) -> Result<()> {
    if store.device(device).await?.is_none() {
        return Ok(());
    }
    let mut kept = notes(store, device).await?;
    kept.retain(|(other, _)| *other != key);
    let surplus = (kept.len() + 1).saturating_sub(MOST);
    let drop = |(key, _)| Note { table: Table::History, key, value: None };
    let mut notes: Vec<Note> = kept.into_iter().take(surplus).map(drop).collect();
    let value = serde_json::to_vec(entry).map_err(|error| StoreError::Io(error.to_string()))?;
    notes.push(Note { table: Table::History, key, value: Some(value) });
    store.jot(notes).await
}

/// A device's entries, the newest first.
pub async fn entries(store: &dyn Store, device: Id) -> Result<Vec<Value>> {
    let notes = notes(store, device).await?;
    Ok(notes.iter().rev().filter_map(|(_, entry)| serde_json::from_slice(entry).ok()).collect())
}

/// Those that are written at the same moment may be some more than [`MOST`], until the next is written.
async fn notes(store: &dyn Store, device: Id) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    notes_within(store, Table::History, device.as_bytes(), None, 2 * MOST).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::account::Account;
    use crate::device::Device;
    use crate::document::Document;
    use crate::id::Digest;
    use crate::store::{Change, Entity, Noun, Options, SledStore, Step};

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn document(number: u8) -> Document {
        Document::new(id(number), id(1), serde_json::Map::new(), 0)
    }

    /// A store with an account (1) and two devices (2 and 3).
    async fn store(folder: &tempfile::TempDir) -> SledStore {
        let options = Options { reserve_bytes: 0, ..Options::new(folder.path()) };
        let store = SledStore::open(options).unwrap();
        let account = Account { document: document(1), tree: Vec::new(), api_key: Digest::of(b"k") };
        let devices = [2, 3].map(|number| Entity::Device(Device { document: document(number) }));
        let entities = [Entity::Account(account)].into_iter().chain(devices);
        let steps = entities.map(|entity| Step::Put { entity, replaces: None }).collect();
        store.commit(Change { steps }).await.unwrap();
        store
    }

    async fn note(store: &SledStore, device: u8, at: u64) {
        let key = key(id(device), at, [0; 4]);
        write(store, id(device), key, &json!({"at": at})).await.unwrap();
    }

    async fn times(store: &SledStore, device: u8) -> Vec<u64> {
        let entries = entries(store, id(device)).await.unwrap();
        entries.iter().map(|entry| entry["at"].as_u64().unwrap()).collect()
    }

    #[tokio::test]
    async fn the_newest_comes_first_and_devices_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        for (device, at) in [(2, 300), (2, 70), (3, 100), (2, 300)] {
            note(&store, device, at).await;
        }
        assert_eq!((times(&store, 2).await, times(&store, 3).await), (vec![300, 70], vec![100]));
    }

    #[tokio::test]
    async fn the_oldest_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        note(&store, 3, 1).await;
        for at in 0..MOST as u64 + 3 {
            note(&store, 2, at).await;
        }
        let expected: Vec<u64> = (3..MOST as u64 + 3).rev().collect();
        assert_eq!((times(&store, 2).await, times(&store, 3).await), (expected, vec![1]));
    }

    #[tokio::test]
    async fn the_history_goes_with_its_device() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        note(&store, 2, 1).await;
        note(&store, 3, 1).await;
        let replaces = document(2).revision;
        let delete = Step::Delete { noun: Noun::Device, id: id(2), replaces };
        store.commit(Change { steps: vec![delete] }).await.unwrap();
        note(&store, 2, 2).await;
        assert_eq!((times(&store, 2).await, times(&store, 3).await), (vec![], vec![1]));
    }
}
