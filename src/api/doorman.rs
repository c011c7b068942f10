//! Who checks what is shown at the door: the salt, the turns of those who wait for a hash, and the patience.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard, Semaphore};

use super::error::Failure;
use crate::auth::{Cost, OutOfMemory, Patience, Shown, Source, Step, Throttle, Token, Vault};
use crate::id::{Digest, Id};
use crate::sip::call::places::{Occupied, Place, Places};
use crate::store::{Change, Note, Step as Stored, Store, StoreError, Table};

/// Under which name the salt stands among what the daemon remembers of itself. Without it no API key and no password
/// of the database is good any more.
const SALT: &[u8] = b"salt";

/// For how long credentials that a client sends with every request are not hashed again, in seconds.
const REMEMBERED: u64 = 60;

/// How many such credentials are remembered.
const MOST_REMEMBERED: usize = 1024;

/// So many logins wait for their turn to be hashed; more are sent away.
const MOST_WAITING: usize = 256;

/// When those who were sent away shall come again.
const LATER: Duration = Duration::from_secs(5);

/// What a doorman needs.
pub struct Means {
    /// What a hash costs. Hashes made at another cost are not found again.
    pub cost: Cost,
    /// How failed logins are slowed.
    pub patience: Patience,
    /// The wall clock, in Unix milliseconds.
    pub clock: fn() -> u64,
    /// Unpredictable bytes.
    pub random: fn() -> [u8; 32],
}

/// Checks keys and passwords, at most as many at a time as the memory for it allows.
pub struct Doorman {
    vault: Vault,
    turns: Arc<Semaphore>,
    queue: Semaphore,
    /// The credentials that somebody looks at.
    looking: Mutex<BTreeMap<Digest, Weak<Turnstile<()>>>>,
    places: Places,
    throttle: Mutex<Throttle>,
    remembered: Cache<Digest, Token>,
    secret: [u8; 32],
    clock: fn() -> u64,
}

impl Doorman {
    /// The doorman of a database, which is given its salt if it has none.
    pub async fn open(store: &dyn Store, means: Means) -> Result<Self, StoreError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            vault: Vault::new(salt(store, means.random).await?, means.cost),
            turns: Arc::new(Semaphore::new(cores / 2 + 1)),
            queue: Semaphore::new(MOST_WAITING),
            looking: Mutex::default(),
            places: Places::default(),
            throttle: Mutex::new(Throttle::new(means.patience)),
            remembered: Cache::new(MOST_REMEMBERED),
            secret: (means.random)(),
            clock: means.clock,
        })
    }

    /// What is kept of an API key.
    pub(super) async fn api_key(&self, key: &str) -> Result<Digest, OutOfMemory> {
        let key = key.to_owned();
        self.in_turn(move |vault| vault.api_key(&key)).await
    }

    /// What is kept of the credentials of a user of this account.
    pub(super) async fn credentials(&self, account: Id, credentials: &str) -> Result<Digest, OutOfMemory> {
        let credentials = credentials.to_owned();
        self.in_turn(move |vault| vault.credentials(account, &credentials)).await
    }

    /// A name for the site that stays.
    pub(super) fn site(&self) -> Digest {
        self.vault.site()
    }

    /// Lets a login from `source` be looked at: `None` from `login` is a wrong one, whose answer may take a while.
    /// `account` stands for the account that it names.
    pub(super) async fn attempt<T>(
        &self,
        source: Source,
        account: Option<Digest>,
        login: impl Future<Output = Result<Option<T>, Failure>>,
    ) -> Result<Option<T>, Failure> {
        let mut charge = self.admit(source).await?;
        let Ok(waiting) = self.queue.try_acquire() else { return Err(charge.too_late()) };
        let done = login.await;
        drop(waiting);
        charge.is_open = false;
        match &done {
            Ok(None) => self.wrong(source, account).await,
            Ok(Some(_)) | Err(_) => self.throttle().right(source),
        }
        done
    }

    /// Waits until nobody else looks at these credentials: whoever comes next may find them remembered.
    pub(super) async fn alone(&self, shown: &Shown) -> Option<OwnedMutexGuard<()>> {
        let turnstile = self.turnstile(self.name(shown)?);
        Some(turnstile.lock_owned().await)
    }

    /// A place for a call of a device.
    pub(super) fn place(&self, account: Id, device: Id) -> Result<Place, Occupied> {
        self.places.take(&account.to_string(), &device.to_string())
    }

    /// Remembers credentials for a short while as if a token had been issued for them.
    pub(super) fn remember(&self, shown: &Shown, token: Token) {
        let expires = (self.clock)() / 1000 + REMEMBERED;
        if let Some(name) = self.name(shown) {
            self.remembered.insert(name, Token { expires, ..token });
        }
    }

    /// What was remembered of these credentials, if it is not too old.
    pub(super) fn remembered(&self, shown: &Shown) -> Option<Token> {
        let token = self.remembered.get(&self.name(shown)?)?;
        token.is_live((self.clock)() / 1000).then_some(token)
    }

    fn turnstile(&self, name: Digest) -> Arc<Turnstile<()>> {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        looking.retain(|_, turnstile| turnstile.strong_count() > 0);
        let known = looking.get(&name).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let turnstile = Arc::default();
            looking.insert(name, Arc::downgrade(&turnstile));
            turnstile
        })
    }

    async fn admit(&self, source: Source) -> Result<Charge<'_>, Failure> {
        loop {
            let step = self.throttle().begin(source, (self.clock)());
            match step {
                Step::Pass => return Ok(Charge { doorman: self, source, is_open: true }),
                Step::Wait(wait) => tokio::time::sleep(wait).await,
                Step::Refuse(wait) => return Err(Failure::too_many(wait)),
            }
        }
    }

    async fn wrong(&self, source: Source, account: Option<Digest>) {
        let delay = self.throttle().wrong(source, account, (self.clock)());
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
    }

    /// One hash fills 19 MiB, so those who come together wait for each other.
    async fn in_turn(
        &self,
        hash: impl FnOnce(&Vault) -> Result<Digest, OutOfMemory> + Send + 'static,
    ) -> Result<Digest, OutOfMemory> {
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| OutOfMemory)?;
        let vault = self.vault.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            hash(&vault)
        });
        hashed.await.map_err(|_| OutOfMemory)?
    }

    /// Keyed, so that nothing in memory is a plain hash of credentials.
    fn name(&self, shown: &Shown) -> Option<Digest> {
        let Shown::Credentials(account, credentials) = shown else { return None };
        Some(Digest::of(&[&self.secret[..], account.as_bytes(), credentials.as_bytes()].concat()))
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A login under way. One whose client hangs up before the answer was wrong.
struct Charge<'d> {
    doorman: &'d Doorman,
    source: Source,
    is_open: bool,
}

impl Charge<'_> {
    /// The login was not looked at, so it was not wrong.
    fn too_late(mut self) -> Failure {
        self.is_open = false;
        self.doorman.throttle().right(self.source);
        Failure::too_many(LATER)
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if self.is_open {
            let _nobody_waits = self.doorman.throttle().wrong(self.source, None, (self.doorman.clock)());
        }
    }
}

async fn salt(store: &dyn Store, random: fn() -> [u8; 32]) -> Result<[u8; 16], StoreError> {
    if let Some(salt) = store.note(Table::Daemon, SALT).await? {
        return salt.try_into().map_err(|_| StoreError::Damaged("the salt has not 16 bytes".to_owned()));
    }
    let mut salt = [0; 16];
    salt.copy_from_slice(&random()[..16]);
    let note = Note { table: Table::Daemon, key: SALT.to_vec(), value: Some(salt.to_vec()) };
    store.commit(Change { steps: vec![Stored::Set(note)] }).await?;
    Ok(salt)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::store::{Options, SledStore};

    async fn doorman() -> (tempfile::TempDir, Doorman) {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(Options::new(folder.path())).unwrap();
        (folder, at(&store, || 1_700_000_000_000).await)
    }

    async fn at(store: &SledStore, clock: fn() -> u64) -> Doorman {
        let means =
            Means { cost: Cost::NEXT_TO_NOTHING, patience: Patience::USUAL, clock, random: || [7; 32] };
        Doorman::open(store, means).await.unwrap()
    }

    #[tokio::test]
    async fn those_who_come_together_are_hashed_a_few_at_a_time() {
        let (_folder, doorman) = doorman().await;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let hashes = (0..40).map(|_| {
            let (now, most) = (now.clone(), most.clone());
            doorman.in_turn(move |vault| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, Ordering::SeqCst);
                vault.api_key("x")
            })
        });
        let done = futures_util::future::join_all(hashes).await;
        assert!(done.len() == 40 && done.iter().all(Result::is_ok));
        let allowed = std::thread::available_parallelism().unwrap().get() / 2 + 1;
        assert!(most.load(Ordering::SeqCst) <= allowed);
    }

    #[tokio::test]
    async fn who_hangs_up_has_guessed_wrong() {
        let (_folder, doorman) = doorman().await;
        let source = Source::of([192, 0, 2, 1].into());
        for _ in 0..Patience::USUAL.most {
            let login = doorman.attempt(source, None, std::future::pending::<Result<Option<()>, Failure>>());
            assert!(tokio::time::timeout(Duration::from_millis(1), login).await.is_err());
        }
        let login = doorman.attempt(source, None, async { Ok(Some(())) });
        assert!(login.await.is_err());
    }

    #[tokio::test]
    async fn of_many_right_logins_at_once_none_is_refused() {
        let (_folder, doorman) = doorman().await;
        let source = Source::of([192, 0, 2, 1].into());
        let logins = (0..60).map(|_| {
            let login = async { Ok(doorman.api_key("x").await.ok()) };
            doorman.attempt(source, None, login)
        });
        let done = futures_util::future::join_all(logins).await;
        assert!(done.iter().all(|done| matches!(done, Ok(Some(_)))));
    }

    #[tokio::test]
    async fn a_login_beyond_those_who_may_wait_is_sent_away_at_once_and_counts_as_no_failure() {
        let (_folder, doorman) = doorman().await;
        let source = |number: usize| {
            let [.., high, low] = number.to_be_bytes();
            Source::of([10, low, high, 1].into())
        };
        let full = doorman.queue.try_acquire_many(u32::try_from(MOST_WAITING).unwrap()).unwrap();
        for number in 0..2 * Patience::USUAL.most as usize {
            let login = doorman.attempt(source(0), None, async { Ok(Some(number)) });
            let failure = login.await.unwrap_err();
            assert_eq!(actix_web::ResponseError::status_code(&failure), 429);
        }
        drop(full);
        assert!(matches!(doorman.attempt(source(0), None, async { Ok(Some(())) }).await, Ok(Some(()))));
        let slow = (1..=MOST_WAITING).map(|number| {
            doorman.attempt(source(number), None, async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(Some(()))
            })
        });
        let done = futures_util::future::join_all(slow).await;
        assert!(done.iter().all(Result::is_ok), "as many as may wait, do");
    }

    #[tokio::test]
    async fn the_same_credentials_are_looked_at_by_one_at_a_time_and_others_meanwhile() {
        let (_folder, doorman) = doorman().await;
        let shown = |text: &str| Shown::Credentials(Id::from_bytes([1; 16]), text.to_owned());
        let one = doorman.alone(&shown("one")).await;
        let again =
            tokio::time::timeout(Duration::from_millis(5), async { doorman.alone(&shown("one")).await });
        assert!(again.await.is_err());
        assert!(doorman.alone(&shown("two")).await.is_some());
        drop(one);
        drop(doorman.alone(&shown("one")).await);
        doorman.alone(&shown("two")).await;
        assert!(doorman.looking.lock().unwrap().len() <= 1, "what nobody looks at is forgotten");
    }

    #[tokio::test]
    async fn a_database_keeps_its_salt() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(Options::new(folder.path())).unwrap();
        let first = at(&store, || 1).await.api_key("x").await;
        let other =
            Means { cost: Cost::NEXT_TO_NOTHING, patience: Patience::USUAL, clock: || 1, random: || [8; 32] };
        let second = Doorman::open(&store, other).await.unwrap().api_key("x").await;
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn credentials_are_remembered_for_a_minute_and_only_for_their_account() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(Options::new(folder.path())).unwrap();
        let mut doorman = at(&store, || 100_000).await;
        let [one, two] = [1, 2].map(|byte| Id::from_bytes([byte; 16]));
        let shown = |account| Shown::Credentials(account, "abc".to_owned());
        let token = Token { account: one, user: None, key: Digest::of(b""), expires: 9999 };
        doorman.remember(&shown(one), token);
        assert_eq!(doorman.remembered(&shown(one)), Some(Token { expires: 160, ..token }));
        assert_eq!(doorman.remembered(&shown(two)), None);
        doorman.clock = || 160_000;
        assert_eq!(doorman.remembered(&shown(one)), None);
    }
}
