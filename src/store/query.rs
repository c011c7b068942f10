//! Questions that can be put to the tree, and just as well to a change that is not written yet.

use serde::de::DeserializeOwned;

use super::layout::{self, Key};
use super::{Entity, Noun, Result, Sequence, StoreError, Table};
use crate::account::Account;
use crate::device::{Device, Mac};
use crate::id::{Digest, Id};
use crate::resync::Scope;
use crate::user::User;

/// Something that holds records: the tree itself, or the tree with changes laid over it.
pub(super) trait View {
    /// The payload under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// What lies under the keys that begin with `prefix`, in their order, from the one after `prefix + after`
    /// on. The prefix is left off the keys returned.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Key, Vec<u8>)>>;
    /// The error that says that what is stored cannot be right.
    fn damage(&self, what: &str) -> StoreError;
}

/// The questions.
pub(super) struct Query<'v>(pub(super) &'v dyn View);

impl Query<'_> {
    pub(super) fn account(&self, id: Id) -> Result<Option<Account>> {
        self.document(Noun::Account, id)
    }

    pub(super) fn user(&self, id: Id) -> Result<Option<User>> {
        self.document(Noun::User, id)
    }

    pub(super) fn device(&self, id: Id) -> Result<Option<Device>> {
        self.document(Noun::Device, id)
    }

    pub(super) fn entity(&self, noun: Noun, id: Id) -> Result<Option<Entity>> {
        Ok(match noun {
            Noun::Account => self.account(id)?.map(Entity::Account),
            Noun::User => self.user(id)?.map(Entity::User),
            Noun::Device => self.device(id)?.map(Entity::Device),
        })
    }

    pub(super) fn account_by_realm(&self, realm: &str) -> Result<Option<Account>> {
        self.found(Noun::Account, &layout::by_realm(&realm.to_lowercase()))
    }

    pub(super) fn account_by_key(&self, digest: Digest) -> Result<Option<Account>> {
        self.found(Noun::Account, &layout::by_key(digest))
    }

    pub(super) fn device_by_mac(&self, mac: Mac) -> Result<Option<Device>> {
        self.found(Noun::Device, &layout::by_mac(mac))
    }

    pub(super) fn device_by_line(&self, username: &str, realm: &str) -> Result<Option<Device>> {
        let realm = realm.to_lowercase();
        let account = self.holder(&layout::by_realm(&realm))?;
        let line = account.map(|account| layout::line(account, username));
        let device = line.map(|line| self.found(Noun::Device, &line)).transpose()?.flatten();
        match device {
            Some(device) => Ok(Some(device)),
            None => self.found(Noun::Device, &layout::own_line(&realm, username)),
        }
    }

    pub(super) fn accounts(
        &self,
        below: Option<Id>,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<Account>> {
        match below {
            Some(above) => self.listed(Noun::Account, &layout::below(above), after, limit),
            None => self.all(Noun::Account, after, limit),
        }
    }

    pub(super) fn users(&self, account: Id, after: Option<Id>, limit: usize) -> Result<Vec<User>> {
        self.listed(Noun::User, &layout::users_of(account), after, limit)
    }

    pub(super) fn devices(&self, scope: &Scope, after: Option<Id>, limit: usize) -> Result<Vec<Device>> {
        let begin = match scope {
            Scope::Everything => return self.all(Noun::Device, after, limit),
            Scope::Device(id) => return self.only(*id, after, limit),
            Scope::User(user) => layout::shown_by(*user),
            Scope::Account(account) => layout::devices_of(*account),
            Scope::Model { brand, model } => layout::of_model(brand, model),
        };
        self.listed(Noun::Device, &begin, after, limit)
    }

    pub(super) fn note(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(&layout::note(table, key))
    }

    pub(super) fn notes(
        &self,
        table: Table,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>> {
        self.0.scan(&layout::note(table, b""), after, limit)
    }

    pub(super) fn marks(&self, after: Option<Sequence>, limit: usize) -> Result<Vec<(Sequence, Scope)>> {
        let begin = [layout::MARK as u8];
        let after = after.map(u64::to_be_bytes);
        let found = self.0.scan(&begin, after.as_ref().map(|bytes| &bytes[..]), limit)?;
        found.into_iter().map(|(key, payload)| Ok((self.number(&key)?, self.json(&payload)?))).collect()
    }

    /// Every document of a kind, by id.
    pub(super) fn all<T: DeserializeOwned>(
        &self,
        noun: Noun,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<T>> {
        let begin = [layout::noun(noun) as u8];
        let found = self.0.scan(&begin, after.as_ref().map(|id| &id.as_bytes()[..]), limit)?;
        found.iter().map(|(_, payload)| self.json(payload)).collect()
    }

    /// Who has the unique value that this key stands for.
    pub(super) fn holder(&self, key: &[u8]) -> Result<Option<Id>> {
        self.0.get(key)?.map(|payload| self.id(&payload)).transpose()
    }

    /// The ids at the end of the keys that begin with `begin`.
    pub(super) fn ids(&self, begin: &[u8], after: Option<Id>, limit: usize) -> Result<Vec<Id>> {
        let found = self.0.scan(begin, after.as_ref().map(|id| &id.as_bytes()[..]), limit)?;
        found.iter().map(|(key, _)| self.id(key)).collect()
    }

    fn document<T: DeserializeOwned>(&self, noun: Noun, id: Id) -> Result<Option<T>> {
        let payload = self.0.get(&layout::document(noun, id))?;
        payload.map(|payload| self.json(&payload)).transpose()
    }

    fn found<T: DeserializeOwned>(&self, noun: Noun, key: &[u8]) -> Result<Option<T>> {
        self.holder(key)?.map(|id| self.indexed(noun, id)).transpose()
    }

    fn listed<T: DeserializeOwned>(
        &self,
        noun: Noun,
        begin: &[u8],
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<T>> {
        self.ids(begin, after, limit)?.into_iter().map(|id| self.indexed(noun, id)).collect()
    }

    fn indexed<T: DeserializeOwned>(&self, noun: Noun, id: Id) -> Result<T> {
        self.document(noun, id)?
            .ok_or_else(|| self.0.damage(&format!("an index names {noun:?} {id}, which is not there")))
    }

    fn only(&self, id: Id, after: Option<Id>, limit: usize) -> Result<Vec<Device>> {
        if limit == 0 || after.is_some_and(|after| id <= after) {
            return Ok(Vec::new());
        }
        Ok(self.device(id)?.into_iter().collect())
    }

    fn id(&self, bytes: &[u8]) -> Result<Id> {
        let bytes = bytes.try_into().map_err(|_| self.0.damage("an index does not hold an id"))?;
        Ok(Id::from_bytes(bytes))
    }

    fn number(&self, bytes: &[u8]) -> Result<Sequence> {
        let bytes = bytes.try_into().map_err(|_| self.0.damage("a mark has no number"))?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn json<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T> {
        serde_json::from_slice(payload)
            .map_err(|error| self.0.damage(&format!("a record cannot be understood ({error})")))
    }
}
