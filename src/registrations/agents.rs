//! What phones call themselves: the last `User-Agent` of each device's phones, by SIP and by HTTP, as notes beside its
//! document.

use serde::{Deserialize, Serialize};

use crate::id::Id;
use crate::store::{Note, Store, StoreError, Table, notes_within};

/// No longer name is kept, in characters.
pub const MAX_AGENT: usize = 256;

/// By what a phone said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// When it registered.
    Sip,
    /// When it fetched a file.
    Http,
}

/// What a phone called itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its `User-Agent`.
    pub user_agent: String,
    /// By what it said it.
    pub by: By,
    /// Since when it says so, in Unix seconds.
    pub at: u64,
}

/// The note that a phone of this device has called itself so; `None` if it has said nothing.
pub fn note(device: Id, by: By, user_agent: &str, unix: u64) -> Option<Note> {
    let user_agent: String = user_agent.trim().chars().take(MAX_AGENT).collect();
    if user_agent.is_empty() {
        return None;
    }
    let key = [device.as_bytes().as_slice(), &[by as u8]].concat();
    let value = serde_json::to_vec(&Named { user_agent, by, at: unix }).ok()?;
    Some(Note { table: Table::Agent, key, value: Some(value) })
}

/// Notes that a phone of this device has called itself so, unless that is what is noted already.
pub async fn keep(
    store: &dyn Store,
    device: Id,
    by: By,
    user_agent: &str,
    unix: u64,
) -> Result<(), StoreError> {
    let Some(note) = note(device, by, user_agent, unix) else { return Ok(()) };
    let name = |value: &[u8]| serde_json::from_slice::<Named>(value).ok().map(|named| named.user_agent);
    let stored = store.note(Table::Agent, &note.key).await?;
    if stored.as_deref().and_then(name) == note.value.as_deref().and_then(name) {
        return Ok(());
    }
    store.jot(vec![note]).await
}

/// What a device's phones call themselves, at most once by SIP and once by HTTP.
pub async fn named(store: &dyn Store, device: Id) -> Result<Vec<Named>, StoreError> {
    let notes = notes_within(store, Table::Agent, device.as_bytes(), None, 2).await?;
    Ok(notes.iter().filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(note: Option<Note>) -> Option<Named> {
        serde_json::from_slice(&note?.value?).ok()
    }

    #[test]
    fn a_name_is_kept_for_each_way_it_was_said_and_is_never_long() {
        let device = Id::from_bytes([1; 16]);
        let [sip, http] = [By::Sip, By::Http].map(|by| note(device, by, " Phone/1 ", 7).unwrap());
        assert!(sip.key != http.key && sip.key.starts_with(device.as_bytes()));
        assert_eq!(named(Some(sip)), Some(Named { user_agent: "Phone/1".into(), by: By::Sip, at: 7 }));
        let long = named(note(device, By::Http, &"ü".repeat(9000), 7)).unwrap();
        assert_eq!(long.user_agent.chars().count(), MAX_AGENT);
        assert_eq!(note(device, By::Sip, " ", 7), None);
    }

    #[tokio::test]
    async fn a_name_that_is_noted_already_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::store::SledStore::open(crate::store::Options::new(folder.path())).unwrap();
        let device = Id::from_bytes([1; 16]);
        for (name, unix) in [("one", 1), ("one ", 2), ("two", 3)] {
            keep(&store, device, By::Http, name, unix).await.unwrap();
            let kept = super::named(&store, device).await.unwrap();
            assert_eq!(
                (kept[0].user_agent.as_str(), kept[0].at),
                (name.trim(), if unix == 3 { 3 } else { 1 })
            );
        }
    }
}
