//! Logging in and out: a key or a password for a token, what a token stands for, and its end.

use actix_web::web;
use serde_json::{Map, Value, json};

use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::login::{self, Login, Named};
use super::request::Call;
use super::{Desk, caller};
use crate::account::Account;
use crate::auth::{self, Caller, Source, Token};
use crate::id::Digest;
use crate::schema::Problem;
use crate::store::{Change, Entity, Note, Result, Step, Table, is_switched_on};

/// How many old tokens each new one looks at.
const SWEPT: usize = 32;

/// How many accounts with the same phone number are tried.
const MOST_OF_A_NUMBER: usize = 3;

/// `PUT /v2/api_auth` with `{"data": {"api_key": "…"}}`.
pub(super) async fn with_key(call: Call) -> Reply {
    call.readable()?;
    let key = login::api_key(&call.data()?).map_err(|invalid| Failure::invalid(&invalid))?;
    let door = Door::of(call);
    let found = door.desk.doorman.attempt(door.source, None, by_key(&door.desk, &key)).await?;
    let account = found.ok_or_else(Failure::unknown_key)?;
    door.welcome(Caller { account, user: None }).await
}

/// `PUT /v2/user_auth` with `{"data": {"credentials": md5("username:password"), "account_name": "…"}}`.
pub(super) async fn with_password(call: Call) -> Reply {
    call.readable()?;
    let login = Login::of(&call.data()?).map_err(|invalid| Failure::invalid(&invalid))?;
    let door = Door::of(call);
    let Login { names, credentials } = login;
    let accounts = named(&door.desk, &names).await?;
    let name = accounts.first().map(|account| Digest::of(account.id().as_bytes()));
    let name = name.unwrap_or_else(|| Digest::of(format!("{names:?}").as_bytes()));
    drop(names);
    let look = by_password(&door.desk, accounts, &credentials.0);
    let found = door.desk.doorman.attempt(door.source, Some(name), look).await?;
    door.welcome(found.ok_or_else(Failure::no_token)?).await
}

/// `GET /v2/token_auth`, `GET /v2/user_auth/{token}`: whom the token stands for.
pub(super) async fn about(call: Call) -> Reply {
    Ok(Answer::data(said(&call.desk, &call.site(), call.caller()?)))
}

/// `DELETE /v2/token_auth`: the token is good no longer.
pub(super) async fn log_out(call: Call) -> Reply {
    call.caller()?;
    call.must_be_meant()?;
    if let Some(token) = call.token() {
        caller::forget(&call.desk, &token).await?;
    }
    Ok(Answer::data(json!({})))
}

async fn by_key(desk: &Desk, key: &str) -> Result<Option<Account>, Failure> {
    let kept = desk.doorman.api_key(key).await?;
    if let Some(account) = desk.store.account_by_key(kept).await? {
        return Ok(Some(account));
    }
    match desk.store.account_by_key(auth::digest(&key.to_ascii_lowercase())).await? {
        Some(account) => Ok(Some(rekeyed(desk, account, kept).await?)),
        None => Ok(None),
    }
}

/// An account whose key was stored as a plain digest, now with its hash.
async fn rekeyed(desk: &Desk, account: Account, api_key: Digest) -> Result<Account> {
    let document = account.document.revised(account.document.body.clone(), (desk.clock)() / 1000);
    let replaces = Some(account.document.revision);
    let account = Account { document, api_key, ..account };
    let put = Step::Put { entity: Entity::Account(account.clone()), replaces };
    desk.store.commit(Change { steps: vec![put] }).await?;
    Ok(account)
}

/// The accounts that the first name that finds any finds: more than one only for a phone number.
async fn named(desk: &Desk, names: &[Named]) -> Result<Vec<Account>> {
    let store = &desk.store;
    for name in names {
        let found = match name {
            Named::Number(number) => store.accounts_by_number(number, MOST_OF_A_NUMBER).await?,
            Named::Realm(realm) => store.account_by_realm(realm).await?.into_iter().collect(),
            Named::Name(name) => store.account_by_name(name).await?.into_iter().collect(),
        };
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

async fn by_password(
    desk: &Desk,
    accounts: Vec<Account>,
    credentials: &str,
) -> Result<Option<Caller>, Failure> {
    if accounts.is_empty() {
        caller::by_credentials(desk, None, credentials).await?;
    }
    for account in accounts {
        if let Some(user) = caller::by_credentials(desk, Some(&account), credentials).await? {
            return Ok(Some(Caller { account, user: Some(user) }));
        }
    }
    Ok(None)
}

/// What is left of a login's request while it waits: its body, which may be large, is gone.
struct Door {
    desk: web::Data<Desk>,
    source: Source,
    site: String,
}

impl Door {
    fn of(call: Call) -> Self {
        let (source, site) = (call.source(), call.site());
        Self { desk: call.desk, source, site }
    }

    /// Hands out a token, unless the account is switched off.
    async fn welcome(&self, caller: Caller) -> Reply {
        if !is_switched_on(&*self.desk.store, &caller.account).await? {
            let problem = Problem::new("the account is switched off");
            return Err(Failure::problem("account", "disabled", problem));
        }
        let token = issue(&self.desk, &caller, (self.desk.clock)() / 1000).await?;
        Ok(Answer::data(said(&self.desk, &self.site, &caller)).token(token))
    }
}

/// A machine that fails within the next second may forget the token: its owner logs in again.
async fn issue(desk: &Desk, caller: &Caller, unix: u64) -> Result<String> {
    let token = auth::secret((desk.random)());
    let key = auth::digest(&token).as_bytes().to_vec();
    let mut notes = expired(desk, &key, unix).await?;
    let value = serde_json::to_vec(&Token::issued(&caller.account, caller.user.as_ref(), unix)).ok();
    notes.push(Note { table: Table::Token, key, value });
    desk.store.jot(notes).await?;
    Ok(token)
}

/// The removal of old tokens among those that follow a random place: so each is looked at sooner or later, and no
/// login has to look at all.
async fn expired(desk: &Desk, after: &[u8], unix: u64) -> Result<Vec<Note>> {
    let tokens = desk.store.notes(Table::Token, Some(after), SWEPT).await?;
    let is_live =
        |value: &[u8]| serde_json::from_slice::<Token>(value).is_ok_and(|token| token.is_live(unix));
    let old = tokens.into_iter().filter(|(_, value)| !is_live(value));
    Ok(old.map(|(key, _)| Note { table: Table::Token, key, value: None }).collect())
}

fn said(desk: &Desk, site: &str, caller: &Caller) -> Value {
    let account = &caller.account;
    let text = |path| account.document.text(path);
    let language = caller.user.as_ref().and_then(|user| user.document.text("language"));
    let mut said = Map::new();
    let mut say = |name: &str, value: Value| drop(said.insert(name.to_owned(), value));
    say("account_id", json!(account.id()));
    if let Some(user) = &caller.user {
        say("owner_id", json!(user.id()));
    }
    say("account_name", json!(text("name")));
    say("apps", json!([]));
    say("capabilities", json!({}));
    say("cluster_id", json!(desk.doorman.site()));
    say("is_master_account", json!(auth::is_master(account)));
    say("is_reseller", json!(auth::is_master(account)));
    say("language", json!(language.or_else(|| text("language")).unwrap_or("en-us")));
    say("reseller_id", json!(account.tree.first().copied().unwrap_or_else(|| account.id())));
    say("ui_config", json!({"api": {"provisioner": {"url": format!("{site}/api/")}}}));
    Value::Object(said)
}
