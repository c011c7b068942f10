//! Is everything there? One walk over all records answers it, and is made whenever a database is opened.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::index::indexes;
use super::layout::{self, Key};
use super::meta::{Meta, Tally};
use super::query::View;
use super::{Entity, Noun, Result, Sequence, Span, abreast, envelope};
use crate::account::Account;
use crate::id::Id;
use crate::resync::Scope;

/// How much a database holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts, the master account included.
    pub accounts: u64,
    /// Users.
    pub users: u64,
    /// Devices.
    pub devices: u64,
    /// Marks not yet taken off.
    pub marks: u64,
    /// Notes, in all tables together.
    pub notes: u64,
}

/// What was found in a data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What it holds.
    pub counts: Counts,
    /// The last sequence given out.
    pub sequence: Sequence,
    /// Everything that is wrong, a sentence each; empty when all is well. Ends after a hundred.
    pub problems: Vec<String>,
}

/// Walks over every record once: its checksum, whether it can be understood, whether all of them add up to what
/// was noted when they were written, and whether the records that find documents are those that the documents
/// ask for, no more and no fewer. All cores share the walk, and it takes no memory that grows with the devices.
pub(super) fn audit(engine: &Engine, meta: &Meta) -> Report {
    let mut audit = walk(engine);
    audit.compare(&meta.tally);
    if audit.asked != audit.found
        && let Err(error) = explain(engine, &mut audit)
    {
        audit.problem(format!("reading stopped: {error}"));
    }
    Report { counts: counts(&audit.tally), sequence: meta.sequence, problems: audit.problems }
}

/// What a tally says of documents, marks and notes.
pub(super) fn counts(tally: &Tally) -> Counts {
    Counts {
        accounts: tally.of(layout::ACCOUNT),
        users: tally.of(layout::USER),
        devices: tally.of(layout::DEVICE),
        marks: tally.of(layout::MARK),
        notes: layout::TABLES.iter().map(|table| tally.of(layout::table(*table))).sum(),
    }
}

const MOST_PROBLEMS: usize = 100;

/// The accounts first, so that each is known before what is in it; then everything else, in parts of which every
/// core takes the next one.
fn walk(engine: &Engine) -> Audit {
    let mut audit = Audit::default();
    let first = u8::try_from(layout::ACCOUNT).unwrap_or_default();
    audit.walk(engine, &[first], &[first + 1]);
    let accounts = std::mem::take(&mut audit.accounts);
    let parts = parts(first);
    let done = abreast::each(parts.len(), |number| {
        let mut part = Audit { accounts: accounts.clone(), ..Audit::default() };
        let (from, to) = &parts[number];
        part.walk(engine, from, to);
        part
    });
    if done.len() < parts.len() {
        audit.problem("reading stopped: a part could not be read".to_owned());
    }
    for part in done {
        audit.join(part);
    }
    audit
}

/// All keys but those that begin with `known`, from which to which, in their order.
fn parts(known: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
    let split = (0..=u8::MAX).filter(|letter| *letter != known).flat_map(|letter| {
        let ends = (0..16).map(move |part| if part == 0 { vec![letter] } else { vec![letter, part * 16] });
        let last = if letter == u8::MAX { vec![u8::MAX; 64] } else { vec![letter + 1] };
        let ends: Vec<_> = ends.chain([last]).collect();
        (0..16).map(move |part| (ends[part].clone(), ends[part + 1].clone()))
    });
    split.collect()
}

#[derive(Default)]
struct Audit {
    /// All records but the one that counts them.
    tally: Tally,
    /// The index records that the documents ask for.
    asked: Tally,
    /// The index records that are there.
    found: Tally,
    accounts: Arc<BTreeSet<Id>>,
    problems: Vec<String>,
}

impl Audit {
    fn walk(&mut self, engine: &Engine, from: &[u8], to: &[u8]) {
        if let Err(error) = engine.walk(from, to, |key, value| self.see(key, value)) {
            self.problem(format!("reading stopped: {error}"));
        }
    }

    fn join(&mut self, part: Self) {
        self.tally.join(&part.tally);
        self.asked.join(&part.asked);
        self.found.join(&part.found);
        for problem in part.problems {
            self.problem(problem);
        }
    }

    fn see(&mut self, key: &[u8], value: &[u8]) {
        if key == layout::META {
            return;
        }
        let Some((payload, checksum)) = envelope::unwrap(key, value) else {
            return self.problem(format!("record {} fails its checksum", name(key)));
        };
        self.tally.add(key, checksum);
        let letter = layout::letter(key);
        if layout::is_index(letter) {
            self.found.add(key, checksum);
        } else if let Err(what) = self.understand(letter, key, &payload) {
            self.problem(format!("record {} {what}", name(key)));
        }
    }

    fn understand(&mut self, letter: char, key: &[u8], payload: &[u8]) -> Result<(), String> {
        let entity = match letter {
            layout::ACCOUNT => Entity::Account(parse(payload)?),
            layout::USER => Entity::User(parse(payload)?),
            layout::DEVICE => Entity::Device(parse(payload)?),
            layout::MARK => return parse::<Scope>(payload).map(drop),
            _ if layout::TABLES.iter().any(|table| layout::table(*table) == letter) => return Ok(()),
            _ => return Err("is of no known kind".to_owned()),
        };
        self.place(key, &entity)?;
        for (key, payload) in indexes(&entity) {
            self.asked.add(&key, envelope::checksum(&key, &payload));
        }
        Ok(())
    }

    /// Accounts are walked over first, so each is known before what is in it.
    fn place(&mut self, key: &[u8], entity: &Entity) -> Result<(), String> {
        let document = entity.document();
        if key != layout::document(entity.noun(), document.account, document.id) {
            return Err(format!("holds the document {}", document.id));
        }
        if entity.noun() == Noun::Account {
            Arc::make_mut(&mut self.accounts).insert(document.id);
        } else if !self.accounts.contains(&document.account) {
            return Err(format!("belongs to account {}, which is not there", document.account));
        }
        Ok(())
    }

    fn compare(&mut self, noted: &Tally) {
        let letters: BTreeSet<char> = self.tally.letters().chain(noted.letters()).collect();
        for letter in letters {
            let (there, should) = (self.tally.of(letter), noted.of(letter));
            if there != should {
                self.problem(format!("there are {there} {} and there should be {should}", kind(letter)));
            }
        }
        if self.problems.is_empty() && self.tally != *noted {
            self.problem("a record is not in the version that was last written".to_owned());
        }
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(what);
        }
    }
}

/// The slow look, only taken when something is known to be wrong: which records are missing, which too many.
fn explain(engine: &Engine, audit: &mut Audit) -> Result<()> {
    let mut asked: BTreeSet<(Key, Vec<u8>)> = BTreeSet::new();
    let mut found: BTreeSet<(Key, Vec<u8>)> = BTreeSet::new();
    engine.walk(&[], &[u8::MAX; 64], |key, value| {
        let payload = envelope::unwrap(key, value).map(|(payload, _)| payload).unwrap_or_default();
        match layout::letter(key) {
            letter if layout::is_index(letter) => drop(found.insert((key.to_vec(), payload.to_vec()))),
            letter => asked.extend(entity(letter, &payload).iter().flat_map(indexes)),
        }
    })?;
    for (key, _) in asked.difference(&found) {
        audit.problem(format!("index record {} is missing or points elsewhere", name(key)));
    }
    for (key, _) in found.difference(&asked) {
        audit.problem(format!("index record {} finds nothing that asks for it", name(key)));
    }
    Ok(())
}

fn entity(letter: char, payload: &[u8]) -> Option<Entity> {
    match letter {
        layout::ACCOUNT => parse(payload).map(Entity::Account).ok(),
        layout::USER => parse(payload).map(Entity::User).ok(),
        layout::DEVICE => parse(payload).map(Entity::Device).ok(),
        _ => None,
    }
}

/// Every account, those above before those below them, each rank by id: the order in which they can be stored.
pub(super) fn accounts_in_order(view: &dyn View) -> Result<Vec<Account>> {
    let mut accounts = super::query::Query(view).accounts(None, &Span::ascending(None, usize::MAX))?.rows;
    accounts.sort_by_key(|account| (account.tree.len(), account.id()));
    Ok(accounts)
}

fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    serde_json::from_slice(payload).map_err(|error| format!("cannot be understood ({error})"))
}

fn name(key: &[u8]) -> String {
    let end = crate::id::hex(key.get(1..).unwrap_or_default());
    format!("{} {end}", layout::letter(key))
}

fn kind(letter: char) -> String {
    match letter {
        layout::ACCOUNT => "accounts".to_owned(),
        layout::USER => "users".to_owned(),
        layout::DEVICE => "devices".to_owned(),
        layout::MARK => "marks".to_owned(),
        other => format!("records of kind {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::device::Device;
    use crate::document::Document;
    use crate::store::evaluate::{Work, evaluate};
    use crate::store::folder::{Folder, State};
    use crate::store::keeper::batch;
    use crate::store::opened::Opened;
    use crate::store::overlay::{Overlay, Pending};
    use crate::store::{Entity, Step};

    const HOME: Id = Id::from_bytes([1; 16]);
    const PHONE: Id = Id::from_bytes([2; 16]);

    fn fleet() -> Vec<Step> {
        let body = json!({"mac_address": "805ec0000001"}).as_object().unwrap().clone();
        let home = Document::new(HOME, HOME, crate::document::Body::new(), 1);
        let api_key = crate::id::Digest::of(b"key");
        let account = Entity::Account(Account { document: home, tree: Vec::new(), api_key });
        let device = Entity::Device(Device { document: Document::new(PHONE, HOME, body, 1) });
        [account, device].map(|entity| Step::Put { entity, replaces: None }).into()
    }

    /// What an audit says when records were changed behind everybody's back, well counted or not.
    fn problems(tamper: impl Fn(&mut Overlay<'_>), counted: bool) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        let Opened { engine, meta, .. } = Opened::create(&folder, 1 << 20, State::Ready).unwrap();
        let mut overlay = Overlay::new(&engine, meta.tally.clone());
        evaluate(&mut overlay, Work { steps: fleet(), unmark: Vec::new() }, 1).unwrap();
        tamper(&mut overlay);
        overlay.keep().unwrap();
        let (pending, tally): (Pending, _) = overlay.finish();
        let honest = if counted { tally } else { Tally::default() };
        let meta = Meta { tally: honest, ..meta };
        engine.apply(batch(&pending, &meta).unwrap()).unwrap();
        audit(&engine, &meta).problems
    }

    #[test]
    fn nothing_is_wrong_with_what_was_written_in_the_ordinary_way() {
        assert_eq!(problems(|_| (), true), [""; 0]);
    }

    #[test]
    fn an_index_that_points_nowhere_and_one_that_is_missing_are_named() {
        let mac = |digits: &str| layout::by_mac(digits.parse().unwrap());
        let found =
            problems(|overlay| overlay.put(mac("805ec0000009"), HOME.as_bytes().to_vec()).unwrap(), true);
        assert_eq!(found, ["index record M 805ec0000009 finds nothing that asks for it"]);
        let found = problems(|overlay| overlay.remove(mac("805ec0000001")), true);
        assert_eq!(found, ["index record M 805ec0000001 is missing or points elsewhere"]);
    }

    #[test]
    fn a_device_without_its_account_is_named() {
        let found = problems(|overlay| overlay.remove(layout::document(Noun::Account, HOME, HOME)), true);
        assert!(found[0].contains("belongs to account 01010101"), "{found:?}");
    }

    #[test]
    fn records_that_were_not_counted_are_named_by_their_kind() {
        let found = problems(|_| (), false);
        assert!(found.contains(&"there are 1 devices and there should be 0".to_owned()), "{found:?}");
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let found = problems(|overlay| overlay.put(b"zz".to_vec(), Vec::new()).unwrap(), true);
        assert_eq!(found, ["record z 7a is of no known kind"]);
        let broken = |overlay: &mut Overlay<'_>| overlay.put(layout::mark(7), b"{".to_vec()).unwrap();
        assert!(problems(broken, true)[0].contains("cannot be understood"));
    }
}
