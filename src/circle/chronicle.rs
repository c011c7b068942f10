//! Campaigns as notes: each under its name, and the counts of each account under both names.

use crate::id::Id;
use crate::resync::{Campaign, Campaigns, Counts, Written};
use crate::store::{Note, Store, StoreError, Table, notes_within};

const BEGIN: &[u8] = b"campaign\n";

/// How many notes are read at a time.
const PAGE: usize = 1_000;

/// The campaigns that were written down.
pub(super) async fn read(store: &dyn Store) -> Result<Campaigns, StoreError> {
    let (mut campaigns, mut counts) = (Vec::new(), Vec::new());
    let mut after: Option<Vec<u8>> = None;
    loop {
        let notes = notes_within(store, Table::Daemon, BEGIN, after.as_deref(), PAGE).await?;
        let Some((last, _)) = notes.last() else { return Ok(Campaigns::restored(campaigns, counts)) };
        after = Some(last.clone());
        for (key, value) in notes {
            match names(&key) {
                Some((campaign, None)) => {
                    let read = serde_json::from_slice::<Campaign>(&value).ok();
                    campaigns.extend(read.map(|read| (campaign, read)));
                }
                Some((campaign, Some(account))) => {
                    let read = serde_json::from_slice::<Counts>(&value).ok();
                    counts.extend(read.map(|read| ((campaign, account), read)));
                }
                None => {}
            }
        }
    }
}

/// The note of what has changed.
pub(super) fn note(campaigns: &Campaigns, written: Written) -> Note {
    let (campaign, account) = written;
    let account = account.as_ref().map_or(&[][..], |account| account.as_bytes());
    let key = [BEGIN, campaign.as_bytes(), account].concat();
    Note { table: Table::Daemon, key, value: campaigns.value(written) }
}

fn names(key: &[u8]) -> Option<Written> {
    let id = |bytes: &[u8]| Some(Id::from_bytes(bytes.try_into().ok()?));
    let names = key.strip_prefix(BEGIN)?;
    match names.len() {
        16 => Some((id(names)?, None)),
        32 => Some((id(&names[..16])?, Some(id(&names[16..])?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_found_again_by_its_name() {
        let (one, two) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        for written in [(one, None), (one, Some(two))] {
            assert_eq!(names(&note(&Campaigns::default(), written).key), Some(written));
        }
        assert_eq!(names(b"campaign\nx"), None);
    }
}
