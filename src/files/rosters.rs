//! All users of an account, remembered while none of them changes: phones that show everybody are made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::id::Id;
use crate::resync::Scope;
use crate::store::{Span, Stamp, Store, StoreError};
use crate::user::User;

/// The users of an account.
pub(super) type Roster = Arc<BTreeMap<Id, User>>;

/// How many users are read at a time.
const PAGE: usize = 256;

/// How many accounts are remembered.
const ACCOUNTS: usize = 64;

/// The users of some accounts.
pub(super) struct Rosters(Cache<Id, (Arc<Stamp>, Roster)>);

impl Rosters {
    pub(super) fn new() -> Self {
        Self(Cache::new(ACCOUNTS))
    }

    /// The users of this account, read only where one of them has changed.
    pub(super) async fn of(&self, store: &dyn Store, account: Id) -> Result<Roster, StoreError> {
        match self.0.get(&account) {
            Some((stamp, roster)) if store.changes().is_current(&stamp) => Ok(roster),
            _ => self.read(store, account).await,
        }
    }

    async fn read(&self, store: &dyn Store, account: Id) -> Result<Roster, StoreError> {
        let stamp = Stamp { sequence: store.changes().latest(), scopes: vec![Scope::Users(account)] };
        let (mut users, mut after) = (BTreeMap::new(), None);
        loop {
            let page = store.users(account, Span::ascending(after, PAGE)).await?;
            users.extend(page.rows.into_iter().map(|user| (user.id(), user)));
            after = page.last;
            if after.is_none() {
                break;
            }
        }
        let roster = Arc::new(users);
        self.0.insert(account, (Arc::new(stamp), roster.clone()));
        Ok(roster)
    }
}
