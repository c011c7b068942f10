//! Where everything is kept: the one storage abstraction, its errors, and the revision rule.
//!
//! A [`Change`] is all or nothing: documents, the indexes that find them, and the marks that say whom it may
//! concern become visible together, and are on disk before [`Store::commit`] returns.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::account::Account;
use crate::device::{Device, Mac};
use crate::document::Document;
use crate::id::{Digest, Id, Revision};
use crate::resync::Scope;
use crate::user::User;

pub mod changes;
pub mod history;

mod abreast;
mod ahead;
mod audit;
mod backup;
mod committer;
mod directory;
mod engine;
mod envelope;
mod evaluate;
mod folder;
mod keeper;
mod index;
mod layout;
mod listing;
mod meta;
mod nudge;
mod opened;
mod overlay;
mod query;
mod seal;
mod sled_store;
mod slim;
mod span;

pub use audit::{Counts, Report};
pub use backup::{check, export, import};
pub use changes::{Changes, Stamp};
pub use sled_store::{Options, SledStore};
pub use span::{Listed, Span, in_json};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Noun {
    /// An account.
    Account,
    /// A user.
    User,
    /// A device.
    Device,
}

impl Noun {
    /// Its name in what is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::User => "user",
            Self::Device => "device",
        }
    }
}

/// A document of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Entity {
    /// An account.
    Account(Account),
    /// A user.
    User(User),
    /// A device.
    Device(Device),
}

impl Entity {
    /// What all kinds have in common.
    pub fn document(&self) -> &Document {
        match self {
            Self::Account(account) => &account.document,
            Self::User(user) => &user.document,
            Self::Device(device) => &device.document,
        }
    }

    /// Its kind.
    pub fn noun(&self) -> Noun {
        match self {
            Self::Account(_) => Noun::Account,
            Self::User(_) => Noun::User,
            Self::Device(_) => Noun::Device,
        }
    }
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Stores a document in place of the revision named, or as a new one.
    Put {
        /// The document, its new revision already in it.
        entity: Entity,
        /// The revision it was made from; `None` when it must not exist yet.
        replaces: Option<Revision>,
    },
    /// Removes a document and what finds it. An account goes with its users and devices, and only when it has
    /// no account below it.
    Delete {
        /// The kind of document.
        noun: Noun,
        /// Its id.
        id: Id,
        /// The revision that the caller saw.
        replaces: Revision,
    },
    /// Leaves a mark: the devices of this scope may now be given something else.
    Mark(Scope),
    /// Sets (or removes) a small note in a table.
    Set(Note),
}

/// Small keyed notes beside the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// What each phone holds, by device id.
    Held,
    /// Phones that must be told, by device id.
    Stale,
    /// SIP registrations, by device id and contact.
    Binding,
    /// Digests of the catalog and template sources last served, by model.
    Source,
    /// Login tokens, by digest.
    Token,
    /// What the daemon remembers of itself from start to start, by name.
    Daemon,
    /// Who changed what, when and from where.
    Audit,
    /// Documents that were deleted, for those who ask later.
    Trash,
    /// The files that each phone last fetched, by device id and name: compressed, without their secrets.
    Copy,
    /// What happened to each device, by device id and time.
    History,
    /// What each device's phones call themselves, by device id and the way they said it.
    Agent,
}

/// A note to set; `value: None` removes it. Keys and values are small ([`MAX_KEY`], [`MAX_VALUE`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Where.
    pub table: Table,
    /// Under which name.
    pub key: Vec<u8>,
    /// What, usually as JSON.
    pub value: Option<Vec<u8>>,
}

/// Steps that happen together or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// In the order they are applied; a later step sees what an earlier one did.
    pub steps: Vec<Step>,
}

/// The longest key of a note, realm with username, or brand with model, in bytes.
pub const MAX_KEY: usize = 512;

/// The largest document or note, in bytes of its JSON.
pub const MAX_VALUE: usize = 96 * 1024;

/// Counts commits, from 1; never goes back, not even over a restart. Every mark has one of its own, so a commit
/// with several marks moves it on by as many.
pub type Sequence = u64;

/// A field whose value only one document may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// A device's MAC address, over all accounts.
    Mac,
    /// A device's SIP username within its realm, without regard to case.
    Username,
    /// An account's realm.
    Realm,
    /// An account's API key.
    ApiKey,
    /// An account's name, without regard to case, blanks and punctuation.
    Name,
    /// A user's name to log in with, within the account and without regard to case.
    Login,
    /// The address by which a device is recognised instead of a password, over all accounts.
    Ip,
}

/// Why the store did not do as asked. Nothing of the change was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The document is no longer at the revision named (or exists already): read it again and repeat.
    #[error("the document {0} was changed by somebody else: read it again and repeat the change")]
    Conflict(Id),
    /// There is no such document.
    #[error("there is no document {0}")]
    Missing(Id),
    /// Another document has this value already.
    #[error("another document has this {field:?} already")]
    Taken {
        /// Which field.
        field: Unique,
        /// Who has it.
        by: Id,
    },
    /// The account has accounts below it.
    #[error("the account {0} has accounts below it: delete those first")]
    HasChildren(Id),
    /// A document, a note or one of their names is too large to be stored.
    #[error("{bytes} bytes are too many: {most} is the most that can be stored here")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        most: usize,
    },
    /// There is no room on the disk. Nothing is lost; writes work again when there is room.
    #[error(
        "the disk is full: {0}. Make room; nothing was stored, and writes work again as soon as there is room"
    )]
    Full(String),
    /// The database is damaged, missing, or belongs to something else. Says what to do.
    #[error("{0}")]
    Damaged(String),
    /// Another process has the data directory open.
    #[error("{0}")]
    Locked(String),
    /// Reading or writing failed.
    #[error("the database could not be read or written: {0}")]
    Io(String),
}

/// The result of asking the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The one storage abstraction. Reads see every commit that has returned.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// An account.
    async fn account(&self, id: Id) -> Result<Option<Account>>;
    /// The account whose realm this is, without regard to case.
    async fn account_by_realm(&self, realm: &str) -> Result<Option<Account>>;
    /// The account whose API key has this digest.
    async fn account_by_key(&self, key: Digest) -> Result<Option<Account>>;
    /// The account of this name, without regard to case and to anything that is neither letter nor digit.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>>;
    /// Accounts that have this number, compared by its digits: any caller id of theirs, or their phone number.
    async fn accounts_by_number(&self, number: &str, limit: usize) -> Result<Vec<Account>>;
    /// The accounts below `below`, at any depth, by id; `None` lists every account.
    async fn accounts(&self, below: Option<Id>, span: Span) -> Result<Listed<Account>>;
    /// A user.
    async fn user(&self, id: Id) -> Result<Option<User>>;
    /// An account's user with this name to log in with, without regard to case.
    async fn user_by_login(&self, account: Id, username: &str) -> Result<Option<User>>;
    /// An account's user with these [credentials](User::credentials).
    async fn user_by_credentials(&self, account: Id, credentials: Digest) -> Result<Option<User>>;
    /// An account's users, by id.
    async fn users(&self, account: Id, span: Span) -> Result<Listed<User>>;
    /// A device.
    async fn device(&self, id: Id) -> Result<Option<Device>>;
    /// The device with this MAC address.
    async fn device_by_mac(&self, mac: Mac) -> Result<Option<Device>>;
    /// The device whose line this is: its username, without regard to case, in its own realm or its account's.
    async fn device_by_line(&self, username: &str, realm: &str) -> Result<Option<Device>>;
    /// The device that is recognised by this address; an IPv4 address written as IPv6 is the same address.
    async fn device_by_ip(&self, ip: IpAddr) -> Result<Option<Device>>;
    /// An account's devices of this name, without regard to case, by id.
    async fn devices_named(&self, account: Id, name: &str, span: Span) -> Result<Listed<Device>>;
    /// The devices of a scope, by id. `Scope::Account` lists the devices of that account only, not of those below
    /// it; `Scope::User` also those that the user is hotdesked into, `Scope::Device` those that have its SIP account
    /// beside their own, and `Scope::Users` more than it need where an account lays out keys.
    async fn devices(&self, scope: &Scope, span: Span) -> Result<Listed<Device>>;

    /// Applies a change, whole or not at all; it is on disk when this returns.
    async fn commit(&self, change: Change) -> Result<Sequence>;
    /// Says whether [`commit`](Self::commit) would take a change, and does nothing.
    async fn attempt(&self, change: Change) -> Result<()>;
    /// Takes notes that may be lost if the machine fails within the next second, but not if the process dies.
    async fn jot(&self, notes: Vec<Note>) -> Result<()>;
    /// A note.
    async fn note(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// A table's notes by key, from the one after `after` on, at most `limit`.
    async fn notes(
        &self,
        table: Table,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;
    /// The marks not yet taken off, oldest first, at most `limit`.
    async fn marks(&self, limit: usize) -> Result<Vec<(Sequence, Scope)>>;
    /// Takes marks off, and stores what came of them in the same change.
    async fn unmark(&self, marks: Vec<Sequence>, notes: Vec<Note>) -> Result<()>;

    /// What changed when: how a rendered file is known to be still right.
    fn changes(&self) -> &Changes;
    /// Writes everything down and lets go of the files.
    async fn close(&self) -> Result<()>;
}

/// All notes of a table, read a thousand at a time.
pub async fn every_note(store: &dyn Store, table: Table) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    loop {
        let after = found.last().map(|(key, _)| key.clone());
        let mut page = store.notes(table, after.as_deref(), 1000).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.append(&mut page);
    }
}

/// A table's notes whose keys begin with `begin`, from the one after `after` on, at most `limit`. Fewer are the last.
pub async fn notes_within(
    store: &dyn Store,
    table: Table,
    begin: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut found = store.notes(table, Some(after.unwrap_or(begin)), limit).await?;
    found.retain(|(key, _)| key.starts_with(begin));
    Ok(found)
}

/// True while an account and all those above it are switched on.
pub async fn is_switched_on(store: &dyn Store, account: &Account) -> Result<bool> {
    let mut on = account.enabled();
    for above in &account.tree {
        on &= store.account(*above).await?.as_ref().is_none_or(Account::enabled);
    }
    Ok(on)
}
