//! The documents that shape one phone's files, as they are stored or as they might be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::rosters::{self, Rosters};
use crate::account::Account;
use crate::catalog::Entry;
use crate::device::Device;
use crate::id::Id;
use crate::resync::Scope;
use crate::settings::{Parts, Roster, Site, layout};
use crate::store::{Entity, Store, StoreError};
use crate::user::User;

/// What may be otherwise than it is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Instead {
    /// Nothing.
    Nothing,
    /// This document takes the place of the one of its id.
    Put(Entity),
    /// There is no user of this id.
    NoUser(Id),
    /// There is no device of this id.
    NoDevice(Id),
}

impl Instead {
    pub(super) fn device<'d>(&'d self, device: &'d Device) -> &'d Device {
        match self {
            Self::Put(Entity::Device(other)) if other.id() == device.id() => other,
            _ => device,
        }
    }

    /// The users of an account, where one of them may be otherwise.
    fn roster(&self, account: Id, stored: Arc<Roster>) -> Arc<Roster> {
        match self {
            Self::Put(Entity::User(other)) if other.document.account == account => {
                Arc::new(stored.with(other))
            }
            Self::NoUser(user) => Arc::new(stored.without(*user)),
            _ => stored,
        }
    }
}

/// The documents beside the device's own that shape its files.
pub(super) struct Documents {
    pub(super) accounts: Vec<Account>,
    users: BTreeMap<Id, User>,
    /// All users of the account, where it shows them; else nobody.
    everybody: Arc<Roster>,
    others: BTreeMap<Id, Device>,
    /// True where its keys or its phonebook may show users that it does not name.
    inherits: bool,
}

impl Documents {
    /// Those that are stored, or `instead` of them.
    pub(super) async fn load(
        store: &dyn Store,
        rosters: &Rosters,
        device: &Device,
        instead: &Instead,
    ) -> Result<Self, StoreError> {
        let mut documents = Self::bare(store, device).await?;
        let named = device.users();
        documents.add_users(store, device, named.clone()).await?;
        documents.put(device, instead);
        let owner = device.owner().and_then(|id| documents.users.get(&id)).cloned();
        let (owner, accounts) = (owner.as_ref(), &documents.accounts);
        let everybody = layout::shows_all_users(device, owner, accounts);
        let inherited = layout::named_users(device, owner, accounts).difference(&named).copied().collect();
        documents.inherits = everybody || documents.lays_out(owner);
        documents.add_users(store, device, inherited).await?;
        if everybody {
            let account = device.account();
            let stored = rosters.of(store.changes(), account, rosters::read(store, account)).await?;
            documents.everybody = instead.roster(account, stored);
        }
        documents.put(device, instead);
        Ok(documents)
    }

    /// The accounts, the devices whose lines it has, and nobody.
    pub(super) async fn bare(store: &dyn Store, device: &Device) -> Result<Self, StoreError> {
        let mut accounts: Vec<Account> = store.account(device.account()).await?.into_iter().collect();
        let above = accounts.first().map(|account| account.tree.clone()).unwrap_or_default();
        for id in above.into_iter().rev() {
            accounts.extend(store.account(id).await?);
        }
        let mut others = BTreeMap::new();
        for id in device.line_devices() {
            let other = store.device(id).await?.filter(|other| other.account() == device.account());
            others.extend(other.map(|other| (id, other)));
        }
        let (users, everybody) = (BTreeMap::new(), Arc::default());
        Ok(Self { accounts, users, everybody, others, inherits: false })
    }

    fn lays_out(&self, owner: Option<&User>) -> bool {
        let bodies = self.accounts.iter().map(|account| &account.document.body);
        bodies.chain(owner.map(|owner| &owner.document.body)).any(layout::lays_out)
    }

    /// Adds those of these users that are of the device's account.
    pub(super) async fn add_users(
        &mut self,
        store: &dyn Store,
        device: &Device,
        ids: BTreeSet<Id>,
    ) -> Result<(), StoreError> {
        for id in ids {
            let user = store.user(id).await?.filter(|user| user.document.account == device.account());
            self.users.extend(user.map(|user| (id, user)));
        }
        Ok(())
    }

    /// Adds the whole documents of the first so many that it shows without naming them.
    pub(super) async fn add_shown(
        &mut self,
        store: &dyn Store,
        device: &Device,
        most: usize,
    ) -> Result<(), StoreError> {
        let shown = self.everybody.people().iter().map(|person| person.id);
        let ids = shown.filter(|id| !self.users.contains_key(id)).take(most).collect();
        self.add_users(store, device, ids).await
    }

    fn put(&mut self, device: &Device, instead: &Instead) {
        match instead {
            Instead::Put(Entity::Account(other)) => {
                let own = self.accounts.iter_mut().find(|account| account.id() == other.id());
                if let Some(account) = own {
                    *account = other.clone();
                }
            }
            Instead::Put(Entity::User(other))
                if other.document.account == device.account()
                    && (self.inherits || device.users().contains(&other.id())) =>
            {
                self.users.insert(other.id(), other.clone());
            }
            Instead::Put(Entity::Device(other)) => {
                self.others.entry(other.id()).and_modify(|own| own.clone_from(other));
            }
            Instead::NoUser(user) => drop(self.users.remove(user)),
            Instead::NoDevice(other) => drop(self.others.remove(other)),
            _ => {}
        }
    }

    pub(super) fn parts<'a>(&'a self, site: &'a Site, device: &'a Device, entry: Entry<'a>) -> Parts<'a> {
        let Self { accounts, users, everybody, others, .. } = self;
        Parts { site, accounts, device, users, everybody, others, entry }
    }

    pub(super) fn scopes(&self, device: &Device, entry: Entry<'_>) -> Vec<Scope> {
        let model = Scope::Model { brand: entry.brand_id.to_owned(), model: entry.model_id.to_owned() };
        let users = device.users().into_iter().map(Scope::User);
        let others = device.line_devices().into_iter().map(Scope::Device);
        let everybody = self.inherits.then_some(Scope::Users(device.account()));
        let accounts = self.accounts.iter().map(|account| Scope::Account(account.id()));
        [Scope::Device(device.id()), model]
            .into_iter()
            .chain(users)
            .chain(others)
            .chain(everybody)
            .chain(accounts)
            .collect()
    }
}
