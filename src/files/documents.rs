//! The documents that shape one phone's files, as they are stored or as they might be.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::Account;
use crate::catalog::Entry;
use crate::device::Device;
use crate::id::Id;
use crate::resync::Scope;
use crate::settings::layout::{self, Layout};
use crate::settings::{Parts, Site};
use crate::store::{Entity, Span, Store, StoreError};
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
}

impl Instead {
    pub(super) fn device<'d>(&'d self, device: &'d Device) -> &'d Device {
        match self {
            Self::Put(Entity::Device(other)) if other.id() == device.id() => other,
            _ => device,
        }
    }
}

/// The documents beside the device's own that shape its files.
pub(super) struct Documents {
    pub(super) accounts: Vec<Account>,
    users: BTreeMap<Id, User>,
    others: BTreeMap<Id, Device>,
    /// True where its keys or its phonebook may show users that it does not name.
    inherits: bool,
}

/// How many users are read at a time.
const PAGE: usize = 256;

impl Documents {
    pub(super) async fn load(store: &dyn Store, device: &Device) -> Result<Self, StoreError> {
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
        let mut documents = Self { accounts, users: BTreeMap::new(), others, inherits: false };
        documents.load_users(store, device).await?;
        Ok(documents)
    }

    /// The owner, and those whom the phone's keys show: its own, those that it inherits, or everybody.
    async fn load_users(&mut self, store: &dyn Store, device: &Device) -> Result<(), StoreError> {
        self.add_users(store, device, device.users()).await?;
        let owner = device.owner().and_then(|id| self.users.get(&id));
        let everybody = layout::shows_all_users(device, owner, &self.accounts);
        let inherited = Layout::of(device, owner, &self.accounts, |_| true).users();
        let inherited: BTreeSet<Id> = inherited.difference(&device.users()).copied().collect();
        self.inherits = everybody || self.lays_out(owner);
        if everybody {
            self.add_everybody(store, device).await
        } else {
            self.add_users(store, device, inherited).await
        }
    }

    fn lays_out(&self, owner: Option<&User>) -> bool {
        let bodies = self.accounts.iter().map(|account| &account.document.body);
        bodies.chain(owner.map(|owner| &owner.document.body)).any(layout::lays_out)
    }

    async fn add_users(
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

    async fn add_everybody(&mut self, store: &dyn Store, device: &Device) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = store.users(device.account(), Span::ascending(after, PAGE)).await?;
            self.users.extend(page.rows.into_iter().map(|user| (user.id(), user)));
            after = page.last;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) fn put(&mut self, device: &Device, instead: &Instead) {
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
            _ => {}
        }
    }

    pub(super) fn parts<'a>(&'a self, site: &'a Site, device: &'a Device, entry: Entry<'a>) -> Parts<'a> {
        Parts { site, accounts: &self.accounts, device, users: &self.users, others: &self.others, entry }
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
