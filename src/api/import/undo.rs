//! All or nothing: what an import has stored can be taken back, also by the next start of the daemon.
//!
//! Before its first row is stored, an import leaves a note. The ids of the devices that it creates follow from the
//! note, and what a replaced device was before is noted in the same change that replaces it. Removing the first note
//! is what makes the import true; while it is there, everything can be, and at a start is, taken back. What
//! somebody else has changed or deleted meanwhile stays as he left it.

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::examine::created;
use super::job::Imports;
use crate::device::Device;
use crate::document::Document;
use crate::id::Id;
use crate::resync::Scope;
use crate::store::{Change, Entity, Note, Noun, Step, Store, StoreError, Table, notes_within};

/// How many documents are taken back at a time.
const BATCH: usize = 256;

const PREFIX: &str = "import/";

/// What the note of an import says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) account: Id,
    /// How many rows it has.
    pub(super) rows: u32,
    /// In Unix seconds.
    pub(super) started: u64,
}

impl Plan {
    /// The note that says that rows of this import may be stored.
    pub(super) fn note(&self, job: Id) -> Result<Note, StoreError> {
        let value = serde_json::to_vec(self).map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(note(key(job), Some(value)))
    }
}

/// The note of what a row's device was before.
pub(super) fn former(job: Id, row: u32, device: &Device) -> Result<Note, StoreError> {
    let value = serde_json::to_vec(device).map_err(|error| StoreError::Io(error.to_string()))?;
    Ok(note(former_key(job, row), Some(value)))
}

/// Makes an import true, together with these steps: it is not taken back any more.
pub(super) async fn keep(store: &dyn Store, job: Id, mut steps: Vec<Step>) -> Result<(), StoreError> {
    steps.push(Step::Set(note(key(job), None)));
    store.commit(Change { steps }).await?;
    if let Err(error) = forget_formers(store, job).await {
        warn!(%error, "notes of an import are left until the next start");
    }
    Ok(())
}

/// Takes back what an import has stored; gives the devices that are gone. If it fails, the note stays, and the next
/// start tries again.
pub(super) async fn take_back(store: &dyn Store, job: Id, plan: Plan) -> Result<Vec<Id>, StoreError> {
    let mut gone = Vec::new();
    let rows: Vec<u32> = (1..=plan.rows).collect();
    for rows in rows.chunks(BATCH) {
        let mut undone = Vec::new();
        for row in rows {
            undone.extend(created_by(store, job, *row, plan.account).await?);
        }
        gone.extend(undone.iter().map(|device| device.document.id));
        each_or_none(store, undone.iter().map(|device| delete(&device.document)).collect()).await?;
        tokio::task::yield_now().await;
    }
    while let formers @ [_, ..] = &formers(store, job).await?[..] {
        let mut undone = Vec::new();
        for (key, value) in formers {
            undone.push(restore(store, key, value).await?);
        }
        each_or_none(store, undone).await?;
    }
    store.commit(Change { steps: vec![Step::Set(note(key(job), None))] }).await?;
    Ok(gone)
}

impl Imports {
    /// Takes back what imports had stored that the end of the process broke off, and remembers that they failed.
    /// What cannot be taken back now is left for the next start.
    pub async fn resume(store: &dyn Store) -> Self {
        let imports = Self::default();
        if let Err(error) = imports.take_back_all(store).await {
            error!(%error, "an import that was broken off could not be taken back; the next start tries again");
        }
        imports
    }

    async fn take_back_all(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut after = PREFIX.as_bytes().to_vec();
        loop {
            let Some((found, value)) = store.notes(Table::Daemon, Some(&after), 1).await?.pop() else {
                break;
            };
            let Some(job) = job_of(&found) else { break };
            after = [&key(job)[..], b"0"].concat();
            if let Some(plan) = plan(&found, job, &value) {
                let gone = take_back(store, job, plan).await?;
                warn!(%job, account = %plan.account, devices = gone.len(), "an import that was broken off is taken back");
                self.broken_off(plan.account, job, plan.started, plan.rows);
            }
            forget_formers(store, job).await?;
        }
        Ok(())
    }
}

fn plan(found: &[u8], job: Id, value: &[u8]) -> Option<Plan> {
    (found == key(job)).then(|| serde_json::from_slice(value).ok()).flatten()
}

/// The device that a row has created, as long as it is as it was created.
async fn created_by(store: &dyn Store, job: Id, row: u32, account: Id) -> Result<Option<Device>, StoreError> {
    let device = store.device(created(job, row)).await?;
    Ok(device.filter(|Device { document }| {
        let first = Document::new(document.id, account, document.body.clone(), document.created);
        document.account == account && document.revision == first.revision
    }))
}

fn delete(document: &Document) -> Vec<Step> {
    let (id, replaces) = (document.id, document.revision);
    vec![Step::Delete { noun: Noun::Device, id, replaces }, Step::Mark(Scope::Device(id))]
}

/// The steps that give a device back what it was, as long as it is what the import made of it.
async fn restore(store: &dyn Store, key: &[u8], former: &[u8]) -> Result<Vec<Step>, StoreError> {
    let forget = Step::Set(note(key.to_vec(), None));
    let Ok(former) = serde_json::from_slice::<Device>(former) else { return Ok(vec![forget]) };
    let former = former.document;
    let Some(Device { document: now }) = store.device(former.id).await? else { return Ok(vec![forget]) };
    if now.revision != former.revised(now.body.clone(), now.modified).revision {
        return Ok(vec![forget]);
    }
    let document = now.revised(former.body, former.modified);
    let (id, replaces) = (now.id, Some(now.revision));
    let entity = Entity::Device(Device { document });
    Ok(vec![Step::Put { entity, replaces }, Step::Mark(Scope::Device(id)), forget])
}

/// Makes changes together, or where that is refused one by one, leaving out those that are refused because of what
/// somebody else has done.
async fn each_or_none(store: &dyn Store, changes: Vec<Vec<Step>>) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    match store.commit(Change { steps: changes.concat() }).await {
        Err(error) if is_refusal(&error) => {}
        done => return done.map(drop),
    }
    for mut steps in changes {
        match store.commit(Change { steps: steps.clone() }).await {
            Err(error) if is_refusal(&error) => warn!(%error, "a row of an import stays as it is"),
            done => {
                done?;
                continue;
            }
        }
        steps.retain(|step| matches!(step, Step::Set(_)));
        store.commit(Change { steps }).await?;
    }
    Ok(())
}

fn is_refusal(error: &StoreError) -> bool {
    matches!(error, StoreError::Conflict(_) | StoreError::Missing(_) | StoreError::Taken { .. })
}

async fn forget_formers(store: &dyn Store, job: Id) -> Result<(), StoreError> {
    while let formers @ [_, ..] = &formers(store, job).await?[..] {
        store.jot(formers.iter().map(|(key, _)| note(key.clone(), None)).collect()).await?;
    }
    Ok(())
}

/// Some of the notes of what devices were before.
async fn formers(store: &dyn Store, job: Id) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
    let begin = [&key(job)[..], b"/"].concat();
    notes_within(store, Table::Daemon, &begin, None, BATCH).await
}

fn key(job: Id) -> Vec<u8> {
    format!("{PREFIX}{job}").into_bytes()
}

fn former_key(job: Id, row: u32) -> Vec<u8> {
    format!("{PREFIX}{job}/{row:08x}").into_bytes()
}

/// The import that a note is about.
fn job_of(key: &[u8]) -> Option<Id> {
    let name = std::str::from_utf8(key).ok()?.strip_prefix(PREFIX)?;
    name.split('/').next()?.parse().ok()
}

fn note(key: Vec<u8>, value: Option<Vec<u8>>) -> Note {
    Note { table: Table::Daemon, key, value }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::account::Account;
    use crate::id::Digest;
    use crate::store::{Options, SledStore};

    const JOB: Id = Id::from_bytes([9; 16]);
    const ACCOUNT: Id = Id::from_bytes([1; 16]);
    const PLAN: Plan = Plan { account: ACCOUNT, rows: 600, started: 7 };

    fn device(id: Id, body: &Value) -> Device {
        Device { document: Document::new(id, ACCOUNT, body.as_object().unwrap().clone(), 5) }
    }

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn put(device: Device, before: Option<&Device>) -> Step {
        let replaces = before.map(|before| before.document.revision);
        Step::Put { entity: Entity::Device(device), replaces }
    }

    async fn commit(store: &SledStore, steps: Vec<Step>) {
        store.commit(Change { steps }).await.unwrap();
    }

    /// A store with an account, and an import that was broken off.
    async fn store(dir: &tempfile::TempDir) -> SledStore {
        let options = Options { reserve_bytes: 0, ..Options::new(dir.path().join("var")) };
        let store = SledStore::open(options).unwrap();
        let document = Document::new(ACCOUNT, ACCOUNT, serde_json::Map::new(), 5);
        let account = Account { document, tree: Vec::new(), api_key: Digest::of(b"key") };
        let put = Step::Put { entity: Entity::Account(account), replaces: None };
        commit(&store, vec![put, Step::Set(PLAN.note(JOB).unwrap())]).await;
        store
    }

    /// Stores a device and what a row of the import has made of it.
    async fn replaced(store: &SledStore, row: u32, before: &Value, after: &Value) -> (Device, Device) {
        let former_device = device(id(u8::try_from(row).unwrap()), before);
        commit(store, vec![put(former_device.clone(), None)]).await;
        let document = former_device.document.revised(after.as_object().unwrap().clone(), 6);
        let now = Device { document };
        let note = Step::Set(former(JOB, row, &former_device).unwrap());
        commit(store, vec![note, put(now.clone(), Some(&former_device))]).await;
        (former_device, now)
    }

    async fn notes(store: &SledStore) -> usize {
        store.notes(Table::Daemon, None, 1000).await.unwrap().len()
    }

    #[tokio::test]
    async fn what_an_import_has_created_goes_unless_somebody_has_changed_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir).await;
        for row in [1, 2, 600] {
            commit(&store, vec![put(device(created(JOB, row), &json!({"name": "a"})), None)]).await;
        }
        let before = store.device(created(JOB, 2)).await.unwrap().unwrap();
        let body = json!({"name": "b"}).as_object().unwrap().clone();
        let theirs = Device { document: before.document.revised(body, 6) };
        commit(&store, vec![put(theirs.clone(), Some(&before))]).await;
        let gone = take_back(&store, JOB, PLAN).await.unwrap();
        assert_eq!(gone, [created(JOB, 1), created(JOB, 600)]);
        assert_eq!(store.device(created(JOB, 2)).await.unwrap(), Some(theirs));
        assert_eq!((store.device(created(JOB, 1)).await.unwrap(), notes(&store).await), (None, 0));
    }

    #[tokio::test]
    async fn what_was_replaced_is_again_what_it_was_unless_somebody_has_changed_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir).await;
        let (first, _) = replaced(&store, 1, &json!({"name": "a"}), &json!({"name": "x"})).await;
        let (_, changed) = replaced(&store, 2, &json!({"name": "b"}), &json!({"name": "x"})).await;
        let (_, deleted) = replaced(&store, 3, &json!({"name": "c"}), &json!({"name": "x"})).await;
        let body = json!({"name": "y"}).as_object().unwrap().clone();
        let theirs = Device { document: changed.document.revised(body, 7) };
        let (gone, replaces) = (deleted.id(), deleted.document.revision);
        let delete = Step::Delete { noun: Noun::Device, id: gone, replaces };
        commit(&store, vec![put(theirs.clone(), Some(&changed)), delete]).await;
        take_back(&store, JOB, PLAN).await.unwrap();
        let now = store.device(id(1)).await.unwrap().unwrap().document;
        assert_eq!((&now.body, now.modified), (&first.document.body, first.document.modified));
        assert_eq!(store.device(id(2)).await.unwrap(), Some(theirs));
        assert_eq!((store.device(id(3)).await.unwrap(), notes(&store).await), (None, 0));
    }

    #[tokio::test]
    async fn one_row_that_cannot_be_taken_back_keeps_no_other_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir).await;
        let mac = |mac: &str| json!({"name": "a", "mac_address": mac});
        replaced(&store, 1, &mac("80:5e:c0:00:00:01"), &mac("80:5e:c0:00:00:02")).await;
        replaced(&store, 2, &mac("80:5e:c0:00:00:03"), &mac("80:5e:c0:00:00:04")).await;
        commit(&store, vec![put(device(id(50), &mac("80:5e:c0:00:00:01")), None)]).await;
        take_back(&store, JOB, PLAN).await.unwrap();
        let text = async |number| {
            let device = store.device(id(number)).await.unwrap().unwrap();
            device.document.text("mac_address").unwrap().to_owned()
        };
        assert_eq!([text(1).await, text(2).await], ["80:5e:c0:00:00:02", "80:5e:c0:00:00:03"]);
        assert_eq!(notes(&store).await, 0);
    }

    #[tokio::test]
    async fn a_start_takes_back_what_was_broken_off_and_forgets_what_was_done() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir).await;
        replaced(&store, 1, &json!({"name": "a"}), &json!({"name": "x"})).await;
        let done = Id::from_bytes([3; 16]);
        let left = former(done, 1, &device(id(60), &json!({}))).unwrap();
        let other = note(b"phones_url".to_vec(), Some(b"{}".to_vec()));
        commit(&store, vec![Step::Set(left), Step::Set(other)]).await;
        let imports = Imports::resume(&store).await;
        let job = imports.of(ACCOUNT)[0].shown(true);
        assert_eq!((&job["state"], &job["job"]), (&json!("failed"), &json!(JOB)));
        assert_eq!(store.device(id(1)).await.unwrap().unwrap().document.text("name"), Some("a"));
        assert_eq!(store.notes(Table::Daemon, None, 9).await.unwrap()[0].0, b"phones_url");
        assert_eq!((imports.of(ACCOUNT).len(), notes(&store).await), (1, 1));
        assert!(Imports::resume(&store).await.of(ACCOUNT).is_empty());
    }
}
