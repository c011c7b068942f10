//! Which fetches have been told already, so that a phone that asks a thousand times is noted once a second.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::id::{Digest, Id};

const SHARDS: usize = 16;

/// How many fetches a shard remembers; then it begins anew, which costs a few notes too many.
const MOST: usize = 16_384;

type Shard = Mutex<HashMap<(Id, String), (Digest, u64)>>;

/// The last fetch noted of each file of each phone.
#[derive(Debug, Default)]
pub(super) struct Noted([Shard; SHARDS]);

impl Noted {
    /// True when this fetch is not the same as one noted within this second.
    pub(super) fn is_news(&self, device: Id, name: &str, digest: Digest, unix: u64) -> bool {
        let mut hasher = DefaultHasher::new();
        device.hash(&mut hasher);
        let shard = usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or_default();
        let mut noted = self.0[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= MOST {
            noted.clear();
        }
        noted.insert((device, name.to_owned()), (digest, unix)) != Some((digest, unix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_fetch_within_a_second_is_no_news() {
        let (noted, phone) = (Noted::default(), Id::from_bytes([1; 16]));
        let digest = Digest::of(b"a");
        assert!(noted.is_news(phone, "a.cfg", digest, 5));
        assert!(!noted.is_news(phone, "a.cfg", digest, 5));
        assert!(noted.is_news(phone, "a.cfg", Digest::of(b"b"), 5));
        assert!(noted.is_news(phone, "a.cfg", digest, 6));
        assert!(noted.is_news(phone, "b.cfg", digest, 6));
    }
}
