//! What a change means: revisions, unique values, and the records that find a document, kept in step with it.

use serde_json::Value;

use super::index::indexes;
use super::layout::{self, Key};
use super::meta::Tally;
use super::overlay::Overlay;
use super::query::{Part, Query, View};
use super::{Entity, Listed, Note, Noun, Result, Sequence, Span, Step, StoreError, Table, Unique};
use crate::account::Account;
use crate::device::Device;
use crate::id::{Id, Revision};
use crate::resync::Scope;

/// The steps of one change, and the marks that it takes off.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) steps: Vec<Step>,
    pub(super) unmark: Vec<Sequence>,
}

/// Lays the work over the tree, whole or not at all. `next` is the first sequence not given out yet; returned
/// are how many the marks took, and the marks.
pub(super) fn evaluate(overlay: &mut Overlay<'_>, work: Work, next: Sequence) -> Result<Vec<Scope>> {
    let marks = attempt(overlay, work, next).and_then(|marks| overlay.keep().map(|()| marks));
    if marks.is_err() {
        overlay.discard();
    }
    marks
}

/// Says whether the steps could be laid over a tree. One that comes last and deletes is judged and not carried out,
/// since nothing would see what it leaves: so an account is no more to read than a device.
pub(super) fn foresee(view: &dyn View, mut steps: Vec<Step>) -> Result<()> {
    let mut overlay = Overlay::new(view, Tally::default());
    let last = steps.pop_if(|step| matches!(step, Step::Delete { .. }));
    attempt(&mut overlay, Work { steps, unmark: Vec::new() }, 1)?;
    match last {
        Some(Step::Delete { noun, id, replaces }) => deletable(&overlay, noun, id, replaces).map(drop),
        _ => Ok(()),
    }
}

fn attempt(overlay: &mut Overlay<'_>, work: Work, next: Sequence) -> Result<Vec<Scope>> {
    let mut marks = Vec::new();
    for sequence in work.unmark {
        overlay.remove(layout::mark(sequence));
    }
    for step in work.steps {
        match step {
            Step::Put { entity, replaces } => put(overlay, &entity, replaces)?,
            Step::Delete { noun, id, replaces } => delete(overlay, noun, id, replaces)?,
            Step::Mark(scope) => marks.push(scope),
            Step::Set(note) => set(overlay, note)?,
        }
    }
    for (sequence, scope) in (next..).zip(&marks) {
        overlay.put(layout::mark(sequence), json(scope)?)?;
    }
    Ok(marks)
}

fn put(overlay: &mut Overlay<'_>, entity: &Entity, replaces: Option<Revision>) -> Result<()> {
    let id = entity.document().id;
    let stored = Query(overlay).entity(entity.noun(), id)?;
    check(id, stored.as_ref(), replaces)?;
    check_above(overlay, entity)?;
    if let Some(stored) = &stored {
        overlay.remove(place(stored));
    }
    reindex(overlay, id, stored.as_ref(), entity)?;
    check_lines(overlay, stored.as_ref(), entity)?;
    let payload = match entity {
        Entity::Account(account) => json(account)?,
        Entity::User(user) => json(user)?,
        Entity::Device(device) => json(device)?,
    };
    overlay.put(place(entity), payload)
}

fn place(entity: &Entity) -> Key {
    let document = entity.document();
    layout::document(entity.noun(), document.account, document.id)
}

fn check(id: Id, stored: Option<&Entity>, replaces: Option<Revision>) -> Result<()> {
    match (stored, replaces) {
        (None, Some(_)) => Err(StoreError::Missing(id)),
        (Some(stored), replaces) if replaces != Some(stored.document().revision) => {
            Err(StoreError::Conflict(id))
        }
        _ => Ok(()),
    }
}

/// Nothing may be stored in or below an account that is not there (any more).
fn check_above(overlay: &Overlay<'_>, entity: &Entity) -> Result<()> {
    let above = match entity {
        Entity::Account(account) => account.parent(),
        Entity::User(_) | Entity::Device(_) => Some(entity.document().account),
    };
    match above {
        Some(account) => there(overlay, account),
        None => Ok(()),
    }
}

fn there(overlay: &Overlay<'_>, account: Id) -> Result<()> {
    let found = overlay.get(&layout::document(Noun::Account, account, account))?;
    found.map(|_| ()).ok_or(StoreError::Missing(account))
}

/// Records that find the document already, and will go on to, are left alone.
fn reindex(overlay: &mut Overlay<'_>, id: Id, stored: Option<&Entity>, entity: &Entity) -> Result<()> {
    let (before, after) = (stored.map(indexes).unwrap_or_default(), indexes(entity));
    for (key, payload) in &before {
        if !after.iter().any(|(kept, _)| kept == key) {
            overlay.take(key.clone(), payload.clone());
        }
    }
    let mut fresh = after.into_iter().filter(|record| !before.contains(record));
    fresh.try_for_each(|(key, payload)| match before.iter().find(|(own, _)| *own == key) {
        Some((_, old)) => overlay.replace(key, old.clone(), payload),
        None => claim(overlay, id, key, payload),
    })
}

fn claim(overlay: &mut Overlay<'_>, id: Id, key: Key, payload: Vec<u8>) -> Result<()> {
    let Some(field) = layout::unique(&key) else { return overlay.add(key, payload) };
    free(overlay, field, &key, id)?;
    overlay.put(key, payload)
}

fn free(overlay: &Overlay<'_>, field: Unique, key: &[u8], id: Id) -> Result<()> {
    match Query(overlay).holder(key)? {
        Some(by) if by != id => Err(StoreError::Taken { field, by }),
        _ => Ok(()),
    }
}

/// A line may be found in two ways, by its account or by a realm that it names itself: it must not be taken in
/// the way in which this document does not store it.
fn check_lines(overlay: &Overlay<'_>, stored: Option<&Entity>, entity: &Entity) -> Result<()> {
    match (entity, stored) {
        (Entity::Device(device), Some(Entity::Device(before))) if is_same_line(device, before) => Ok(()),
        (Entity::Device(device), _) => check_line(overlay, device),
        (Entity::Account(account), Some(Entity::Account(before))) if before.realm() != account.realm() => {
            check_realm(overlay, account)
        }
        _ => Ok(()),
    }
}

fn is_same_line(device: &Device, before: &Device) -> bool {
    let line = |device: &Device| (device.account(), device.username().map(str::to_owned), device.realm());
    line(device) == line(before)
}

fn check_line(overlay: &Overlay<'_>, device: &Device) -> Result<()> {
    let Some(username) = device.username() else { return Ok(()) };
    let other = match device.realm() {
        Some(realm) => {
            Query(overlay).holder(&layout::by_realm(&realm))?.map(|account| layout::line(account, username))
        }
        None => Query(overlay)
            .account(device.account())?
            .and_then(|account| account.realm())
            .map(|realm| layout::own_line(&realm, username)),
    };
    other.map_or(Ok(()), |key| free(overlay, Unique::Username, &key, device.id()))
}

/// Costs one look-up per device that names this realm itself, however many devices the account has.
fn check_realm(overlay: &Overlay<'_>, account: &Account) -> Result<()> {
    let Some(realm) = account.realm() else { return Ok(()) };
    for (username, _) in overlay.scan(Part::all(&layout::own_lines(&realm)))? {
        let username = String::from_utf8_lossy(&username);
        if let Some(by) = Query(overlay).holder(&layout::line(account.id(), &username))? {
            return Err(StoreError::Taken { field: Unique::Username, by });
        }
    }
    Ok(())
}

fn delete(overlay: &mut Overlay<'_>, noun: Noun, id: Id, replaces: Revision) -> Result<()> {
    let stored = deletable(overlay, noun, id, replaces)?;
    if noun == Noun::Account {
        empty(overlay, id)?;
    }
    erase(overlay, &stored)
}

/// The document, if it may go.
fn deletable(overlay: &Overlay<'_>, noun: Noun, id: Id, replaces: Revision) -> Result<Entity> {
    let stored = Query(overlay).entity(noun, id)?.ok_or(StoreError::Missing(id))?;
    check(id, Some(&stored), Some(replaces))?;
    let below = layout::below(id);
    if noun == Noun::Account && !overlay.scan(Part { limit: 1, ..Part::all(&below) })?.is_empty() {
        return Err(StoreError::HasChildren(id));
    }
    Ok(stored)
}

fn empty(overlay: &mut Overlay<'_>, account: Id) -> Result<()> {
    clear(overlay, |query, span| query.users(account, span), Entity::User)?;
    clear(overlay, |query, span| query.devices(&Scope::Account(account), span), Entity::Device)
}

/// Reads a thousand documents at a time.
fn clear<T>(
    overlay: &mut Overlay<'_>,
    list: impl Fn(Query<'_>, &Span) -> Result<Listed<T>>,
    entity: impl Fn(T) -> Entity,
) -> Result<()> {
    let mut span = Span::ascending(None, 1000);
    loop {
        let listed = list(Query(overlay), &span)?;
        for row in listed.rows {
            erase(overlay, &entity(row))?;
        }
        span.after = listed.last;
        if span.after.is_none() {
            return Ok(());
        }
    }
}

fn erase(overlay: &mut Overlay<'_>, entity: &Entity) -> Result<()> {
    let id = entity.document().id;
    overlay.remove(place(entity));
    for (key, payload) in indexes(entity) {
        overlay.take(key, payload);
    }
    if entity.noun() == Noun::Device { forget(overlay, id) } else { Ok(()) }
}

fn forget(overlay: &mut Overlay<'_>, device: Id) -> Result<()> {
    overlay.remove(layout::note(Table::Held, device.as_bytes()));
    overlay.remove(layout::note(Table::Stale, device.as_bytes()));
    for table in [Table::Binding, Table::Copy, Table::History, Table::Agent] {
        let begin = layout::note(table, device.as_bytes());
        for (end, _) in overlay.scan(Part::all(&begin))? {
            overlay.remove([&begin[..], &end].concat());
        }
    }
    Ok(())
}

fn set(overlay: &mut Overlay<'_>, note: Note) -> Result<()> {
    let key = layout::note(note.table, &note.key);
    if let Some(value) = note.value {
        return overlay.put(key, value);
    }
    overlay.remove(key);
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::Io(format!("a document cannot be written: {error}")))
}

/// About how many bytes a value takes in JSON, its name included.
fn size(value: &Value) -> usize {
    const NAME: usize = 16;
    NAME + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 4,
    }
}

impl Work {
    /// About how many bytes it asks to be written, bodies and notes being most of it.
    pub(super) fn bytes(&self) -> u64 {
        let sizes = self.steps.iter().map(|step| match step {
            Step::Put { entity, .. } => entity.document().body.values().map(size).sum(),
            Step::Set(note) => note.key.len() + note.value.as_ref().map_or(0, Vec::len),
            Step::Delete { .. } | Step::Mark(_) => 0,
        });
        sizes.map(|size| size as u64 + 1024).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::Document;
    use crate::id::Digest;

    /// One account; whoever looks for its users and devices gets an error.
    struct Alone(Account);

    impl View for Alone {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
            let id = self.0.id();
            let is_ours = key == layout::document(Noun::Account, id, id);
            is_ours.then(|| super::json(&self.0)).transpose()
        }

        fn scan(&self, part: Part<'_>) -> Result<Vec<(Key, Vec<u8>)>> {
            let is_cheap = part.limit == 1 && part.prefix == layout::below(self.0.id());
            if is_cheap { Ok(Vec::new()) } else { Err(self.damage("this was not to be read")) }
        }

        fn damage(&self, what: &str) -> StoreError {
            StoreError::Damaged(what.to_owned())
        }
    }

    fn alone() -> (Alone, Step) {
        let id = Id::from_bytes([1; 16]);
        let body = json!({"name": "one"}).as_object().cloned().unwrap_or_default();
        let document = Document::new(id, id, body, 1_700_000_000);
        let deletion = Step::Delete { noun: Noun::Account, id, replaces: document.revision };
        (Alone(Account { document, tree: Vec::new(), api_key: Digest::of(b"key") }), deletion)
    }

    #[test]
    fn foreseeing_that_an_account_goes_reads_nothing_that_is_in_it() {
        let (tree, deletion) = alone();
        foresee(&tree, vec![deletion.clone()]).unwrap();
        assert!(foresee(&tree, vec![deletion, Step::Mark(Scope::Everything)]).is_err());
    }

    #[test]
    fn a_deletion_that_comes_last_sees_what_came_before_it() {
        let (tree, deletion) = alone();
        let document = tree.0.document.revised(tree.0.document.body.clone(), 1_700_000_001);
        let replaces = Some(tree.0.document.revision);
        let put = Step::Put { entity: Entity::Account(Account { document, ..tree.0.clone() }), replaces };
        assert!(matches!(foresee(&tree, vec![put, deletion]), Err(StoreError::Conflict(_))));
    }
}
