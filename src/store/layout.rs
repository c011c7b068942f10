//! Where each record lies in the one tree: a letter for its kind, then the bytes it is found by.
//!
//! Everything is in one tree because one batch on one tree is what survives a crash whole. Small letters hold
//! documents and notes, capitals hold what finds them. Parts of unequal length carry their length in front, so
//! that no name can be mistaken for a longer one.

use std::net::IpAddr;

use super::{Noun, Table, Unique};
use crate::device::Mac;
use crate::id::{Digest, Id};

/// A full key.
pub(super) type Key = Vec<u8>;

/// The key of the record that counts the others.
pub(super) const META: &[u8] = b"m";
/// The letter of marks.
pub(super) const MARK: char = 'k';
/// The letter of accounts.
pub(super) const ACCOUNT: char = 'a';
/// The letter of users.
pub(super) const USER: char = 'u';
/// The letter of devices.
pub(super) const DEVICE: char = 'd';

/// The tables of notes, in the order of an export.
pub(super) const TABLES: [Table; 11] = [
    Table::Held,
    Table::Stale,
    Table::Binding,
    Table::Source,
    Table::Token,
    Table::Daemon,
    Table::Audit,
    Table::Trash,
    Table::Copy,
    Table::History,
    Table::Agent,
];

/// The letter that a key begins with; NUL for the empty key, which is never used.
pub(super) fn letter(key: &[u8]) -> char {
    key.first().map_or('\0', |byte| char::from(*byte))
}

/// True for the letters of records that only find other records.
pub(super) fn is_index(letter: char) -> bool {
    letter.is_ascii_uppercase()
}

/// The letter of a kind of document.
pub(super) fn noun(noun: Noun) -> char {
    match noun {
        Noun::Account => ACCOUNT,
        Noun::User => USER,
        Noun::Device => DEVICE,
    }
}

/// The letter of a table.
pub(super) fn table(table: Table) -> char {
    match table {
        Table::Held => 'h',
        Table::Stale => 's',
        Table::Binding => 'b',
        Table::Source => 'c',
        Table::Token => 't',
        Table::Daemon => 'o',
        Table::Audit => 'j',
        Table::Trash => 'g',
        Table::Copy => 'f',
        Table::History => 'y',
        Table::Agent => 'w',
    }
}

/// A document's key. Users and devices lie beside the others of their account, so that a list is read from one
/// place.
pub(super) fn document(kind: Noun, account: Id, id: Id) -> Key {
    match kind {
        Noun::Account => key(ACCOUNT, &[id.as_bytes()]),
        Noun::User | Noun::Device => joined(inside(kind, account), id.as_bytes()),
    }
}

/// Begins the keys of an account's users or devices.
pub(super) fn inside(kind: Noun, account: Id) -> Key {
    key(noun(kind), &[account.as_bytes()])
}

/// Finds the account of a user or a device.
pub(super) fn account_of(kind: Noun, id: Id) -> Key {
    joined(every(kind), id.as_bytes())
}

/// Begins the keys that list all documents of a kind, by id.
pub(super) fn every(kind: Noun) -> Key {
    match kind {
        Noun::Account => key(ACCOUNT, &[]),
        Noun::User => key('U', &[]),
        Noun::Device => key('D', &[]),
    }
}

/// A note's key.
pub(super) fn note(of: Table, name: &[u8]) -> Key {
    key(table(of), &[name])
}

/// A mark's key.
pub(super) fn mark(sequence: u64) -> Key {
    key(MARK, &[&sequence.to_be_bytes()])
}

/// Finds a device by its address.
pub(super) fn by_mac(mac: Mac) -> Key {
    key('M', &[mac.as_bytes()])
}

/// Finds an account by its realm, which must be in lower case.
pub(super) fn by_realm(realm: &str) -> Key {
    key('R', &[realm.as_bytes()])
}

/// Finds an account by the digest of its API key.
pub(super) fn by_key(digest: Digest) -> Key {
    key('K', &[digest.as_bytes()])
}

/// Finds an account by its [`plain name`](Account::plain_name).
pub(super) fn by_name(plain: &str) -> Key {
    key('A', &[plain.as_bytes()])
}

/// Begins the keys that list the accounts with a number, which must be digits.
pub(super) fn by_number(digits: &str) -> Key {
    key('N', &[&length(digits), digits.as_bytes()])
}

/// Finds a user by account and name to log in with.
pub(super) fn by_login(account: Id, username: &str) -> Key {
    key('I', &[account.as_bytes(), username.to_lowercase().as_bytes()])
}

/// Begins the keys that list an account's users with these credentials.
pub(super) fn by_credentials(account: Id, credentials: Digest) -> Key {
    key('C', &[account.as_bytes(), credentials.as_bytes()])
}

/// Finds a device by the address that it is recognised by.
pub(super) fn by_ip(ip: IpAddr) -> Key {
    match ip.to_canonical() {
        IpAddr::V4(ip) => key('P', &[&ip.octets()]),
        IpAddr::V6(ip) => key('P', &[&ip.octets()]),
    }
}

/// Begins the keys that list the accounts below one.
pub(super) fn below(account: Id) -> Key {
    key('B', &[account.as_bytes()])
}

/// Begins the keys that list an account's devices of a name, which must be in lower case. Eight bytes of its
/// digest stand for it.
pub(super) fn named(account: Id, name: &str) -> Key {
    let digest = Digest::of(name.as_bytes());
    key('E', &[account.as_bytes(), &digest.as_bytes()[..8]])
}

/// Begins the keys that list the devices that a user owns, is shown on, or is hotdesked into. What lies there for the
/// owner [covers](listing::covering) what a list asks for; there is one owner, so nothing is kept more than twice.
pub(super) fn shown_by(user: Id) -> Key {
    key('O', &[user.as_bytes()])
}

/// Begins the keys that list the users of an account whose documents lay out keys.
pub(super) fn laying_out(account: Id) -> Key {
    key('W', &[account.as_bytes()])
}

/// Begins the keys that list the devices of a model, both names in lower case.
pub(super) fn of_model(brand: &str, model: &str) -> Key {
    key('Y', &[&length(brand), brand.as_bytes(), &length(model), model.as_bytes()])
}

/// Finds a device by its username among those that use their account's realm. The account's id stands for the
/// realm, so that a realm can change without touching the devices.
pub(super) fn line(account: Id, username: &str) -> Key {
    key('L', &[account.as_bytes(), username.to_lowercase().as_bytes()])
}

/// Begins the keys that find, by username, the devices that name this realm themselves.
pub(super) fn own_lines(realm: &str) -> Key {
    key('V', &[&length(realm), realm.as_bytes()])
}

/// Finds a device by its username in a realm that it names itself; the realm must be in lower case.
pub(super) fn own_line(realm: &str, username: &str) -> Key {
    joined(own_lines(realm), username.to_lowercase().as_bytes())
}

/// The field that must be unique for a key to be free; `None` where the key merely lists.
pub(super) fn unique(key: &[u8]) -> Option<Unique> {
    match letter(key) {
        'M' => Some(Unique::Mac),
        'R' => Some(Unique::Realm),
        'K' => Some(Unique::ApiKey),
        'L' | 'V' => Some(Unique::Username),
        'A' => Some(Unique::Name),
        'I' => Some(Unique::Login),
        'P' => Some(Unique::Ip),
        _ => None,
    }
}

fn key(letter: char, parts: &[&[u8]]) -> Key {
    let mut key = vec![u8::try_from(letter).unwrap_or_default()];
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// A key that goes on after its beginning.
pub(super) fn joined(mut begin: Key, end: &[u8]) -> Key {
    begin.extend_from_slice(end);
    begin
}

/// Longer names wrap around here; they are refused where keys are written.
#[expect(clippy::cast_possible_truncation, reason = "names of 64 KiB are refused anyway")]
fn length(text: &str) -> [u8; 2] {
    (text.len() as u16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pair_of_names_is_taken_for_another_pair() {
        assert_ne!(own_line("a", "bc"), own_line("ab", "c"));
        assert_ne!(of_model("a", "bc"), of_model("ab", "c"));
        assert!(!own_line("ab", "c").starts_with(&own_lines("a")));
    }
}
