//! Questions that can be put to the tree, and just as well to a change that is not written yet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::de::DeserializeOwned;

use super::layout::{self, Key};
use super::listing::Listing;
use super::slim::Stored;
use super::{Entity, Listed, Noun, Result, Sequence, Span, StoreError, Table};
use crate::account::{self, Account};
use crate::device::{Device, Mac};
use crate::id::{Digest, Id};
use crate::resync::Scope;
use crate::settings::layout::lays_out;
use crate::user::User;

/// Something that holds records: the tree itself, or the tree with changes laid over it.
pub(super) trait View {
    /// The payload under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// What lies under some keys, in their order or against it. Their prefix is left off the keys returned.
    fn scan(&self, part: Part<'_>) -> Result<Vec<(Key, Vec<u8>)>>;
    /// The error that says that what is stored cannot be right.
    fn damage(&self, what: &str) -> StoreError;
}

/// Some keys that follow one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'p> {
    /// What they begin with.
    pub(super) prefix: &'p [u8],
    /// They begin after the one with this behind its prefix, or below it when descending.
    pub(super) after: Option<&'p [u8]>,
    /// How many, at most.
    pub(super) limit: usize,
    /// The last one first.
    pub(super) descending: bool,
}

impl<'p> Part<'p> {
    /// All keys that begin with `prefix`.
    pub(super) fn all(prefix: &'p [u8]) -> Self {
        Self { prefix, after: None, limit: usize::MAX, descending: false }
    }

    /// True for what stands behind the prefix of a key that is not before the beginning of this part.
    pub(super) fn admits(&self, end: &[u8]) -> bool {
        match self.after {
            None => true,
            Some(before) if self.descending => end < before,
            Some(after) => end > after,
        }
    }

    /// The keys that end in the ids of a span.
    fn of(prefix: &'p [u8], span: &'p Span) -> Self {
        let after = span.after.as_ref().map(|id| &id.as_bytes()[..]);
        Self { prefix, after, limit: span.limit, descending: span.descending }
    }
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

    pub(super) fn account_by_name(&self, name: &str) -> Result<Option<Account>> {
        let plain = account::plain(name);
        if plain.is_empty() { Ok(None) } else { self.found(Noun::Account, &layout::by_name(&plain)) }
    }

    pub(super) fn accounts_by_number(&self, number: &str, limit: usize) -> Result<Vec<Account>> {
        let begin = layout::by_number(&account::digits(number));
        self.listed(Noun::Account, &begin, &Span::ascending(None, limit)).map(|listed| listed.rows)
    }

    pub(super) fn user_by_login(&self, account: Id, username: &str) -> Result<Option<User>> {
        self.found(Noun::User, &layout::by_login(account, username))
    }

    pub(super) fn user_by_credentials(&self, account: Id, credentials: Digest) -> Result<Option<User>> {
        let begin = layout::by_credentials(account, credentials);
        self.listed(Noun::User, &begin, &Span::ascending(None, 1))
            .map(|listed| listed.rows.into_iter().next())
    }

    pub(super) fn device_by_ip(&self, ip: IpAddr) -> Result<Option<Device>> {
        self.found(Noun::Device, &layout::by_ip(ip))
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

    pub(super) fn accounts(&self, below: Option<Id>, span: &Span) -> Result<Listed<Account>> {
        match below {
            Some(above) => self.listed(Noun::Account, &layout::below(above), span),
            None => self.under(&layout::every(Noun::Account), span),
        }
    }

    pub(super) fn users(&self, account: Id, span: &Span) -> Result<Listed<User>> {
        self.inside(Noun::User, account, span)
    }

    pub(super) fn devices(&self, scope: &Scope, span: &Span) -> Result<Listed<Device>> {
        let begin = match scope {
            Scope::Account(account) => return self.inside(Noun::Device, *account, span),
            Scope::Device(id) => return self.with_lines_of(*id, span),
            Scope::Users(account) => return self.showing_users_of(*account, span),
            Scope::User(user) => layout::shown_by(*user),
            Scope::Everything => layout::every(Noun::Device),
            Scope::Model { brand, model } => layout::of_model(brand, model),
        };
        self.listed(Noun::Device, &begin, span)
    }

    pub(super) fn devices_named(&self, account: Id, name: &str, span: &Span) -> Result<Listed<Device>> {
        let name = name.to_lowercase();
        let mut listed = self.listed(Noun::Device, &layout::named(account, &name), span)?;
        listed.rows.retain(|device: &Device| device.plain_name().as_ref() == Some(&name));
        Ok(listed)
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
        self.0.scan(Part { after, limit, ..Part::all(&layout::note(table, b"")) })
    }

    pub(super) fn marks(&self, after: Option<Sequence>, limit: usize) -> Result<Vec<(Sequence, Scope)>> {
        let begin = [layout::MARK as u8];
        let after = after.map(u64::to_be_bytes);
        let after = after.as_ref().map(|bytes| &bytes[..]);
        let found = self.0.scan(Part { after, limit, ..Part::all(&begin) })?;
        found.into_iter().map(|(key, payload)| Ok((self.number(&key)?, self.json(&payload)?))).collect()
    }

    fn inside<T: Stored>(&self, noun: Noun, account: Id, span: &Span) -> Result<Listed<T>> {
        self.under(&layout::inside(noun, account), span)
    }

    /// The documents whose keys are `begin` and their id.
    fn under<T: Stored>(&self, begin: &[u8], span: &Span) -> Result<Listed<T>> {
        let found = self.0.scan(Part::of(begin, span))?;
        let last = self.last(&found, span)?;
        self.wanted(span, last, &found.into_iter().map(|(_, payload)| payload).collect::<Vec<_>>())
    }

    /// Who has the unique value that this key stands for.
    pub(super) fn holder(&self, key: &[u8]) -> Result<Option<Id>> {
        self.0.get(key)?.map(|payload| Ok(self.place(&payload)?.0)).transpose()
    }

    fn document<T: DeserializeOwned>(&self, noun: Noun, id: Id) -> Result<Option<T>> {
        self.payload(noun, id)?.map(|payload| self.json(&payload)).transpose()
    }

    fn payload(&self, noun: Noun, id: Id) -> Result<Option<Vec<u8>>> {
        if noun == Noun::Account {
            return self.0.get(&layout::document(noun, id, id));
        }
        let Some(account) = self.0.get(&layout::account_of(noun, id))? else { return Ok(None) };
        self.indexed(noun, self.id(&account)?, id).map(Some)
    }

    fn found<T: DeserializeOwned>(&self, noun: Noun, key: &[u8]) -> Result<Option<T>> {
        let Some(payload) = self.0.get(key)? else { return Ok(None) };
        let (id, account) = self.place(&payload)?;
        self.json(&self.indexed(noun, account, id)?).map(Some)
    }

    fn listed<T: Stored>(&self, noun: Noun, begin: &[u8], span: &Span) -> Result<Listed<T>> {
        let found = self.0.scan(Part::of(begin, span))?;
        let last = self.last(&found, span)?;
        let found = found.into_iter().map(|(end, listing)| (end, Listing::read(listing)));
        let found = found.filter(|(_, listing)| listing.is_owners || !span.owned);
        let looked = found.map(|(end, listing)| self.behind(noun, self.id(&end)?, listing, span));
        self.wanted(span, last, &looked.collect::<Result<Vec<_>>>()?)
    }

    /// What an index record says of a document, if that is all that is asked for; else the document.
    fn behind(&self, noun: Noun, id: Id, listing: Listing, span: &Span) -> Result<Vec<u8>> {
        match listing.summary.filter(|_| span.reads_only(Device::SUMMARY)) {
            Some(summary) => Ok(summary),
            None => self.indexed(noun, self.id(&listing.account)?, id),
        }
    }

    /// Where the list goes on.
    fn last(&self, found: &[(Key, Vec<u8>)], span: &Span) -> Result<Option<Id>> {
        let last = found.last().filter(|_| found.len() >= span.limit);
        last.map(|(end, _)| self.id(end)).transpose()
    }

    /// What was looked at, without what the span does not ask for.
    fn wanted<T: Stored>(&self, span: &Span, last: Option<Id>, looked: &[Vec<u8>]) -> Result<Listed<T>> {
        let wanted = looked.iter().filter(|payload| span.wants(payload));
        let rows = wanted.map(|payload| self.read(payload, span)).collect::<Result<_>>()?;
        Ok(Listed { rows, last })
    }

    fn read<T: Stored>(&self, payload: &[u8], span: &Span) -> Result<T> {
        match span.members {
            None => self.json(payload),
            Some(members) => T::slim(payload, members).map_err(|error| self.unreadable(&error)),
        }
    }

    fn indexed(&self, noun: Noun, account: Id, id: Id) -> Result<Vec<u8>> {
        let absent = || self.0.damage(&format!("an index names {noun:?} {id}, which is not there"));
        self.0.get(&layout::document(noun, account, id))?.ok_or_else(absent)
    }

    /// Where an account or one above it lays out keys, all its devices; else those that show all users by themselves or
    /// by their owners, in one part.
    fn showing_users_of(&self, account: Id, span: &Span) -> Result<Listed<Device>> {
        let own = self.account(account)?;
        let above = own.iter().flat_map(|own| &own.tree).map(|id| self.account(*id));
        let above = above.collect::<Result<Vec<_>>>()?;
        let mut chain = own.iter().chain(above.iter().flatten());
        if chain.any(|account| lays_out(&account.document.body)) {
            return self.inside(Noun::Device, account, span);
        }
        let mut found = BTreeMap::new();
        if span.after.is_none() {
            let all = Span::ascending(None, usize::MAX);
            let owners: Listed<User> = self.listed(Noun::User, &layout::laying_out(account), &all)?;
            for id in [account].into_iter().chain(owners.rows.iter().map(User::id)) {
                let shown: Listed<Device> = self.listed(Noun::Device, &layout::shown_by(id), &all)?;
                found.extend(shown.rows.into_iter().map(|device| (device.id(), device)));
            }
        }
        Ok(Listed::whole(found.into_values().collect()))
    }

    /// A device, and then those that have its SIP account beside their own.
    fn with_lines_of(&self, id: Id, span: &Span) -> Result<Listed<Device>> {
        let own = if span.after.is_none() { self.only(id, span)?.rows } else { Vec::new() };
        let room = Span { limit: span.limit.saturating_sub(own.len()).max(1), ..span.clone() };
        let others: Listed<Device> = self.listed(Noun::Device, &layout::shown_by(id), &room)?;
        let rest = others.rows.into_iter().filter(|device| device.id() != id);
        Ok(Listed { rows: own.into_iter().chain(rest).collect(), last: others.last })
    }

    fn only(&self, id: Id, span: &Span) -> Result<Listed<Device>> {
        let asked = span.limit > 0 && span.admits(id);
        let found = if asked { self.device(id)? } else { None };
        Ok(Listed::whole(found.into_iter().collect()))
    }

    fn place(&self, bytes: &[u8]) -> Result<(Id, Id)> {
        let (id, account) = bytes.split_at_checked(16).unwrap_or_default();
        Ok((self.id(id)?, self.id(account)?))
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
        serde_json::from_slice(payload).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &serde_json::Error) -> StoreError {
        self.0.damage(&format!("a record cannot be understood ({error})"))
    }
}
