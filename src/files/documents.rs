//! The documents that shape one phone's files, as they are stored or as they might be.

use std::collections::BTreeMap;

use crate::account::Account;
use crate::catalog::Entry;
use crate::device::Device;
use crate::id::Id;
use crate::resync::Scope;
use crate::settings::{Parts, Site};
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
}

impl Documents {
    pub(super) async fn load(store: &dyn Store, device: &Device) -> Result<Self, StoreError> {
        let mut accounts: Vec<Account> = store.account(device.account()).await?.into_iter().collect();
        let above = accounts.first().map(|account| account.tree.clone()).unwrap_or_default();
        for id in above.into_iter().rev() {
            accounts.extend(store.account(id).await?);
        }
        let mut users = BTreeMap::new();
        for id in device.users() {
            let user = store.user(id).await?.filter(|user| user.document.account == device.account());
            users.extend(user.map(|user| (id, user)));
        }
        let mut others = BTreeMap::new();
        for id in device.line_devices() {
            let other = store.device(id).await?.filter(|other| other.account() == device.account());
            others.extend(other.map(|other| (id, other)));
        }
        Ok(Self { accounts, users, others })
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
                if other.document.account == device.account() && device.users().contains(&other.id()) =>
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
        let accounts = self.accounts.iter().map(|account| Scope::Account(account.id()));
        [Scope::Device(device.id()), model].into_iter().chain(users).chain(others).chain(accounts).collect()
    }
}
