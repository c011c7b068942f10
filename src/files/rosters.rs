//! The users of an account, read once for all its phones that show everybody, and remembered while none of them changes.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::id::Id;
use crate::resync::Scope;
use crate::settings::Roster;
use crate::settings::roster::{MEMBERS, Person};
use crate::store::{Changes, Sequence, Span, Stamp, Store, StoreError};

/// How many users are read at a time. Between two times others of the same thread are served.
const PAGE: usize = 256;

/// What a roster weighs beside its people, in bytes.
const PLACE: u64 = 256;

/// A roster and what it was read under.
struct Kept {
    stamp: Stamp,
    roster: Arc<Roster>,
}

impl Kept {
    /// True for what whoever came at this sequence may use: nobody changed since it was read, or it was read later.
    fn is_good(&self, came: Sequence, changes: &Changes) -> bool {
        self.stamp.sequence >= came || changes.is_current(&self.stamp)
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Id, Arc<Kept>> for Bytes {
    fn weight(&self, _: &Id, kept: &Arc<Kept>) -> u64 {
        PLACE + kept.roster.bytes()
    }
}

/// The rosters of some accounts.
pub(super) struct Rosters(Cache<Id, Arc<Kept>, Bytes>);

impl Rosters {
    /// Of rosters at most so many bytes are remembered.
    pub(super) fn new(memory: u64) -> Self {
        let accounts = usize::try_from(memory / 4096).unwrap_or(usize::MAX).max(16);
        // In one piece, since a roster must fit into its piece.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(accounts)
            .weight_capacity(memory)
            .build();
        Self(match options {
            Ok(options) => Cache::with_options(
                options,
                Bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => Cache::with_weighter(accounts, memory, Bytes),
        })
    }

    /// The users of this account: those remembered while none of them changed, else what `read` gives, which looks at
    /// nothing before it is awaited. Of many that come at once one reads and the others wait for that; where it fails or
    /// is dropped, the next of them reads.
    pub(super) async fn of(
        &self,
        changes: &Changes,
        account: Id,
        read: impl Future<Output = Result<Roster, StoreError>>,
    ) -> Result<Arc<Roster>, StoreError> {
        let came = changes.latest();
        loop {
            match self.0.get_value_or_guard_async(&account).await {
                Ok(kept) if kept.is_good(came, changes) => return Ok(kept.roster.clone()),
                Ok(old) => drop(self.0.remove_if(&account, |kept| Arc::ptr_eq(kept, &old))),
                Err(turn) => {
                    let stamp = changes.stamp(vec![Scope::Users(account)]);
                    let roster = Arc::new(read.await?);
                    // One that does not fit is handed to those who wait all the same.
                    drop(turn.insert(Arc::new(Kept { stamp, roster: roster.clone() })));
                    return Ok(roster);
                }
            }
        }
    }
}

/// Reads the users of an account.
pub(super) async fn read(store: &dyn Store, account: Id) -> Result<Roster, StoreError> {
    let (mut people, mut after) = (Vec::new(), None);
    loop {
        let page = store.users(account, Span::ascending(after, PAGE).only(MEMBERS)).await?;
        people.extend(page.rows.iter().filter_map(Person::of));
        after = page.last;
        if after.is_none() {
            return Ok(people.into_iter().collect());
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
