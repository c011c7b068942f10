//! Where the phones of a line are, put together from one document after the other (RFC 3680 §5.1, §5.2).

use std::collections::BTreeMap;

use super::reginfo::{Contact, Reginfo, Registration, Told};

/// The most contacts of one line; others are left out.
pub const MAX_CONTACTS: usize = 32;

/// What the documents of one subscription have said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    version: Option<u64>,
    contacts: BTreeMap<(String, String), Contact>,
}

/// What a document has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The book is up to date.
    Taken,
    /// It was known already.
    Old,
    /// One before it was lost: everything must be asked for again.
    Gap,
}

impl Book {
    /// Takes a document. One that says everything is always taken: there are servers that begin each with version 0.
    pub fn take(&mut self, reginfo: &Reginfo) -> Page {
        if reginfo.full {
            self.contacts.clear();
        } else {
            match self.version {
                Some(version) if reginfo.version <= version => return Page::Old,
                Some(version) if reginfo.version == version + 1 => {}
                _ => return Page::Gap,
            }
        }
        self.version = Some(reginfo.version);
        reginfo.registrations.iter().for_each(|registration| self.registration(registration));
        Page::Taken
    }

    /// Takes note that nobody is registered.
    pub fn clear(&mut self) {
        self.contacts.clear();
    }

    /// Where phones are now.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    fn registration(&mut self, registration: &Registration) {
        if !registration.active {
            self.contacts.retain(|(id, _), _| *id != registration.id);
            return;
        }
        for (id, told) in &registration.contacts {
            let key = (registration.id.clone(), id.clone());
            match told {
                Told::Gone => drop(self.contacts.remove(&key)),
                Told::There(contact)
                    if self.contacts.len() < MAX_CONTACTS || self.contacts.contains_key(&key) =>
                {
                    self.contacts.insert(key, contact.clone());
                }
                Told::There(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reginfo::tests::{active, document};
    use super::*;

    fn take(book: &mut Book, version: u64, state: &str, contacts: &str) -> (Page, Vec<String>) {
        let page = book.take(&Reginfo::read(&document(version, state, contacts)).unwrap());
        (page, book.contacts().map(|contact| contact.uri.as_str().to_owned()).collect())
    }

    fn all(uris: &[&str]) -> Vec<String> {
        uris.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn changes_are_put_onto_what_was_said_before() {
        let mut book = Book::default();
        let one = active("1", "sip:a@h");
        assert_eq!(take(&mut book, 0, "full", &one), (Page::Taken, all(&["sip:a@h"])));
        let two = active("2", "sip:b@h");
        assert_eq!(take(&mut book, 1, "partial", &two), (Page::Taken, all(&["sip:a@h", "sip:b@h"])));
        let moved = active("1", "sip:c@h") + "<contact id=\"2\" state=\"terminated\"/>";
        assert_eq!(take(&mut book, 2, "partial", &moved), (Page::Taken, all(&["sip:c@h"])));
        assert_eq!(take(&mut book, 2, "partial", &two), (Page::Old, all(&["sip:c@h"])));
        assert_eq!(take(&mut book, 4, "partial", &two), (Page::Gap, all(&["sip:c@h"])));
        assert_eq!(take(&mut book, 0, "full", &two), (Page::Taken, all(&["sip:b@h"])));
    }

    #[test]
    fn changes_to_nothing_are_a_gap() {
        assert_eq!(take(&mut Book::default(), 0, "partial", &active("1", "sip:a@h")), (Page::Gap, all(&[])));
    }

    #[test]
    fn a_registration_that_is_over_takes_its_contacts_along() {
        let mut book = Book::default();
        take(&mut book, 0, "full", &active("1", "sip:a@h"));
        let over = document(1, "partial", "").replace("state=\"active\"", "state=\"terminated\"");
        assert_eq!(book.take(&Reginfo::read(&over).unwrap()), Page::Taken);
        assert_eq!(book.contacts().count(), 0);
    }

    #[test]
    fn contacts_are_bounded() {
        let many: String = (0..100).map(|n| active(&n.to_string(), &format!("sip:{n}@h"))).collect();
        assert_eq!(take(&mut Book::default(), 0, "full", &many).1.len(), MAX_CONTACTS);
    }
}
