//! What a change means: revisions, unique values, and the records that find a document, kept in step with it.

use super::layout::{self, Key};
use super::overlay::Overlay;
use super::query::{Part, Query, View};
use super::{Entity, Note, Noun, Result, Sequence, Span, Step, StoreError, Table, Unique};
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
    reindex(overlay, id, stored.as_ref(), entity)?;
    check_lines(overlay, stored.as_ref(), entity)?;
    let payload = match entity {
        Entity::Account(account) => json(account)?,
        Entity::User(user) => json(user)?,
        Entity::Device(device) => json(device)?,
    };
    overlay.put(layout::document(entity.noun(), id), payload)
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
    let found = overlay.get(&layout::document(Noun::Account, account))?;
    found.map(|_| ()).ok_or(StoreError::Missing(account))
}

fn reindex(overlay: &mut Overlay<'_>, id: Id, stored: Option<&Entity>, entity: &Entity) -> Result<()> {
    let after = layout::indexes(entity);
    for (key, _) in stored.map(layout::indexes).unwrap_or_default() {
        if !after.iter().any(|(kept, _)| *kept == key) {
            overlay.remove(key);
        }
    }
    after.into_iter().try_for_each(|(key, payload)| claim(overlay, id, key, payload))
}

fn claim(overlay: &mut Overlay<'_>, id: Id, key: Key, payload: Vec<u8>) -> Result<()> {
    if let Some(field) = layout::unique(&key) {
        free(overlay, field, &key, id)?;
    }
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
        (Entity::Device(device), _) => check_line(overlay, device),
        (Entity::Account(account), Some(Entity::Account(before))) if before.realm() != account.realm() => {
            check_realm(overlay, account)
        }
        _ => Ok(()),
    }
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
    let stored = Query(overlay).entity(noun, id)?.ok_or(StoreError::Missing(id))?;
    check(id, Some(&stored), Some(replaces))?;
    if noun == Noun::Account {
        empty(overlay, id)?;
    }
    erase(overlay, &stored)
}

fn empty(overlay: &mut Overlay<'_>, account: Id) -> Result<()> {
    if !overlay.scan(Part { limit: 1, ..Part::all(&layout::below(account)) })?.is_empty() {
        return Err(StoreError::HasChildren(account));
    }
    let begins = [(Noun::User, layout::users_of(account)), (Noun::Device, layout::devices_of(account))];
    for (noun, begin) in begins {
        for id in Query(overlay).ids(&begin, &Span::ascending(None, usize::MAX))? {
            let entity = Query(overlay).entity(noun, id)?;
            let entity = entity.ok_or_else(|| overlay.damage(&format!("{noun:?} {id} is not there")))?;
            erase(overlay, &entity)?;
        }
    }
    Ok(())
}

fn erase(overlay: &mut Overlay<'_>, entity: &Entity) -> Result<()> {
    let id = entity.document().id;
    overlay.remove(layout::document(entity.noun(), id));
    for (key, _) in layout::indexes(entity) {
        overlay.remove(key);
    }
    if entity.noun() == Noun::Device { forget(overlay, id) } else { Ok(()) }
}

fn forget(overlay: &mut Overlay<'_>, device: Id) -> Result<()> {
    overlay.remove(layout::note(Table::Held, device.as_bytes()));
    overlay.remove(layout::note(Table::Stale, device.as_bytes()));
    for table in [Table::Binding, Table::Copy, Table::History] {
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

impl Work {
    /// About how many bytes it asks to be written, bodies and notes being most of it.
    pub(super) fn bytes(&self) -> u64 {
        let sizes = self.steps.iter().map(|step| match step {
            Step::Put { entity, .. } => json(&entity.document().body).map_or(0, |body| body.len()),
            Step::Set(note) => note.key.len() + note.value.as_ref().map_or(0, Vec::len),
            Step::Delete { .. } | Step::Mark(_) => 0,
        });
        sizes.map(|size| size as u64 + 1024).sum()
    }
}
