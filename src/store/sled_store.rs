//! The store that lies in one directory on this machine, on sled.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::committer::{Ask, Request};
use super::evaluate::{Work, foresee};
use super::folder::{Folder, State};
use super::keeper::{Keeper, Shared};
use super::opened::Opened;
use super::query::Query;
use super::{
    Change, Changes, Listed, Note, Result, Sequence, Span, Step, Store, StoreError, Table, committer,
};
use crate::account::Account;
use crate::device::{Device, Mac};
use crate::id::{Digest, Id};
use crate::resync::Scope;
use crate::user::User;

/// Where the database is, and what it may take.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory. It is made when it is not there.
    pub dir: PathBuf,
    /// How many bytes of pages are kept in memory. About 170 bytes per document come on top.
    pub cache_bytes: u64,
    /// Writes are refused when less than this is free on the disk, so that sled itself never finds it full;
    /// 0 never refuses.
    pub reserve_bytes: u64,
    /// False acknowledges what is not on the disk yet: only to show that the tests would notice.
    #[doc(hidden)]
    pub sync: bool,
}

impl Options {
    /// 64 MiB of cache, and 32 MiB that must stay free on the disk.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), cache_bytes: 64 << 20, reserve_bytes: 32 << 20, sync: true }
    }
}

/// A store on sled. Reads are answered where they are asked, mostly from memory; one thread of its own writes.
/// Dropping it writes everything down and waits for that; [`Store::close`] does the same and says how it went.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    sender: Mutex<Option<mpsc::Sender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SledStore {
    /// Opens the database, or makes one where there is no trace of any. What is not as it was left is
    /// [`StoreError::Damaged`], never fewer records than there were: a database that was closed well must still be
    /// the same to the byte, and of any other every record is read and verified first.
    pub fn open(options: Options) -> Result<Self> {
        let folder = Folder::take(&options.dir)?;
        let opened = match folder.marker()? {
            None if folder.is_untouched() => Opened::create(&folder, options.cache_bytes, State::Ready)?,
            None => {
                return Err(folder.damaged("there is a database, but not the file that says which one it is"));
            }
            Some(marker) if marker.state == State::New => {
                folder.wipe()?;
                Opened::create(&folder, options.cache_bytes, State::Ready)?
            }
            Some(_) => Opened::trusted(&folder, options.cache_bytes)?,
        };
        let keeper = Keeper::new(folder, opened, options);
        let shared = keeper.shared.clone();
        let (sender, thread) = committer::start(keeper)?;
        Ok(Self { shared, sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    async fn read<T>(&self, ask: impl Fn(Query<'_>) -> Result<T> + Send) -> Result<T> {
        if let Some(answer) = look(&self.shared, &ask) {
            return answer;
        }
        self.ask(Ask::Reopen).await?;
        look(&self.shared, &ask).unwrap_or_else(closed_again)
    }

    /// Reads what may take long, beside the threads that serve everybody.
    async fn read_aside<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Query<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read(|_| Ok(())).await?;
        let shared = self.shared.clone();
        let looked = tokio::task::spawn_blocking(move || look(&shared, ask)).await;
        let stopped = |error| StoreError::Io(format!("reading was stopped: {error}"));
        looked.map_err(stopped)?.unwrap_or_else(closed_again)
    }

    async fn ask(&self, ask: Ask) -> Result<Sequence> {
        let stopped = || StoreError::Io("the database is closed".to_owned());
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (answer, told) = oneshot::channel();
        let sent = sender.ok_or_else(stopped)?.send(Request { ask, answer }).await;
        sent.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }

    fn stop(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the database has panicked");
        }
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl Store for SledStore {
    async fn account(&self, id: Id) -> Result<Option<Account>> {
        self.read(|query| query.account(id)).await
    }

    async fn account_by_realm(&self, realm: &str) -> Result<Option<Account>> {
        self.read(|query| query.account_by_realm(realm)).await
    }

    async fn account_by_key(&self, key: Digest) -> Result<Option<Account>> {
        self.read(|query| query.account_by_key(key)).await
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>> {
        self.read(|query| query.account_by_name(name)).await
    }

    async fn accounts_by_number(&self, number: &str, limit: usize) -> Result<Vec<Account>> {
        self.read(|query| query.accounts_by_number(number, limit)).await
    }

    async fn accounts(&self, below: Option<Id>, span: Span) -> Result<Listed<Account>> {
        self.read(|query| query.accounts(below, &span)).await
    }

    async fn user(&self, id: Id) -> Result<Option<User>> {
        self.read(|query| query.user(id)).await
    }

    async fn user_by_login(&self, account: Id, username: &str) -> Result<Option<User>> {
        self.read(|query| query.user_by_login(account, username)).await
    }

    async fn user_by_credentials(&self, account: Id, credentials: Digest) -> Result<Option<User>> {
        self.read(|query| query.user_by_credentials(account, credentials)).await
    }

    async fn users(&self, account: Id, span: Span) -> Result<Listed<User>> {
        self.read(|query| query.users(account, &span)).await
    }

    async fn device(&self, id: Id) -> Result<Option<Device>> {
        self.read(|query| query.device(id)).await
    }

    async fn device_by_mac(&self, mac: Mac) -> Result<Option<Device>> {
        self.read(|query| query.device_by_mac(mac)).await
    }

    async fn device_by_line(&self, username: &str, realm: &str) -> Result<Option<Device>> {
        self.read(|query| query.device_by_line(username, realm)).await
    }

    async fn device_by_ip(&self, ip: IpAddr) -> Result<Option<Device>> {
        self.read(|query| query.device_by_ip(ip)).await
    }

    async fn devices_named(&self, account: Id, name: &str, span: Span) -> Result<Listed<Device>> {
        self.read(|query| query.devices_named(account, name, &span)).await
    }

    async fn devices(&self, scope: &Scope, span: Span) -> Result<Listed<Device>> {
        self.read(|query| query.devices(scope, &span)).await
    }

    async fn commit(&self, change: Change) -> Result<Sequence> {
        self.ask(Ask::Commit(Work { steps: change.steps, unmark: Vec::new() })).await
    }

    async fn attempt(&self, change: Change) -> Result<()> {
        self.read_aside(|query| foresee(query.0, change.steps)).await
    }

    async fn jot(&self, notes: Vec<Note>) -> Result<()> {
        self.ask(Ask::Jot(Work { steps: set(notes), unmark: Vec::new() })).await.map(drop)
    }

    async fn note(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.read(|query| query.note(table, key)).await
    }

    async fn notes(
        &self,
        table: Table,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.read(|query| query.notes(table, after, limit)).await
    }

    async fn marks(&self, limit: usize) -> Result<Vec<(Sequence, Scope)>> {
        self.read(|query| query.marks(None, limit)).await
    }

    async fn unmark(&self, marks: Vec<Sequence>, notes: Vec<Note>) -> Result<()> {
        self.ask(Ask::Settle(Work { steps: set(notes), unmark: marks })).await.map(drop)
    }

    fn changes(&self) -> &Changes {
        &self.shared.changes
    }

    async fn close(&self) -> Result<()> {
        let closed = self.ask(Ask::Close).await.map(drop);
        self.stop();
        closed
    }
}

/// `None` when the database is not open just now.
fn look<T>(shared: &Shared, ask: impl FnOnce(Query<'_>) -> Result<T>) -> Option<Result<T>> {
    let engine = shared.engine();
    engine.as_ref().ok().map(|engine| ask(Query(engine)))
}

fn closed_again<T>() -> Result<T> {
    Err(StoreError::Io("the database was closed again".to_owned()))
}

fn set(notes: Vec<Note>) -> Vec<Step> {
    notes.into_iter().map(Step::Set).collect()
}
