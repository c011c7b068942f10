//! Who is calling: the account, and perhaps the user, behind what a request shows.

use super::Desk;
use super::error::Failure;
use crate::account::Account;
use crate::auth::{self, Caller, Shown, Source, Token};
use crate::id::{Digest, Id};
use crate::store::{Note, Result, Table, is_switched_on};
use crate::user::User;

/// Finds out who shows this. What is no token, and what is one no more, is refused.
pub(super) async fn recognise(desk: &Desk, source: Source, shown: &Shown) -> Result<Caller, Failure> {
    let found = match shown {
        Shown::Token(text) => by_token(desk, text).await?,
        Shown::Credentials(account, credentials) => {
            return by_password(desk, source, shown, (*account, credentials)).await;
        }
        Shown::Nothing => None,
    };
    found.ok_or_else(Failure::bad_token)
}

/// The user of `account` who has these credentials and may log in; `None` when there is none. Takes as long when
/// there is no such account.
pub(super) async fn by_credentials(
    desk: &Desk,
    account: Option<&Account>,
    credentials: &str,
) -> Result<Option<User>, Failure> {
    const NOBODY: Id = Id::from_bytes([0; 16]);
    let id = account.map_or(NOBODY, Account::id);
    let kept = desk.doorman.credentials(id, credentials).await?;
    let found = desk.store.user_by_credentials(id, kept).await?;
    Ok(found.filter(|user| account.is_some() && user.enabled()))
}

/// Ends a token.
pub(super) async fn forget(desk: &Desk, text: &str) -> Result<()> {
    let key = auth::digest(text).as_bytes().to_vec();
    desk.store.jot(vec![Note { table: Table::Token, key, value: None }]).await
}

async fn by_token(desk: &Desk, text: &str) -> Result<Option<Caller>> {
    let key = auth::digest(text);
    let Some(note) = desk.store.note(Table::Token, key.as_bytes()).await? else { return Ok(None) };
    match serde_json::from_slice::<Token>(&note) {
        Ok(token) if token.is_live((desk.clock)() / 1000) => behind(desk, &token).await,
        _ => forget(desk, text).await.map(|()| None),
    }
}

/// The caller of a token, while what it was issued for is still so.
async fn behind(desk: &Desk, token: &Token) -> Result<Option<Caller>> {
    let store = &*desk.store;
    let Some(account) = store.account(token.account).await? else { return Ok(None) };
    let user = match token.user {
        Some(user) => store.user(user).await?,
        None => None,
    };
    let good = token.is_of(&account, user.as_ref()) && is_switched_on(store, &account).await?;
    Ok(good.then_some(Caller { account, user }))
}

/// Credentials with every request are a login each, but for those that were right a moment ago and still are: of
/// many that come together the first is looked at.
async fn by_password(
    desk: &Desk,
    source: Source,
    shown: &Shown,
    credentials: (Id, &str),
) -> Result<Caller, Failure> {
    if let Some(caller) = remembered(desk, shown).await? {
        return Ok(caller);
    }
    let _alone = desk.doorman.alone(shown).await;
    match remembered(desk, shown).await? {
        Some(caller) => Ok(caller),
        None => log_in(desk, source, shown, credentials).await,
    }
}

async fn remembered(desk: &Desk, shown: &Shown) -> Result<Option<Caller>> {
    match desk.doorman.remembered(shown) {
        Some(token) => behind(desk, &token).await,
        None => Ok(None),
    }
}

async fn log_in(
    desk: &Desk,
    source: Source,
    shown: &Shown,
    (account, credentials): (Id, &str),
) -> Result<Caller, Failure> {
    let account = desk.store.account(account).await?;
    let named = account.as_ref().map(|account| Digest::of(account.id().as_bytes()));
    let look = by_credentials(desk, account.as_ref(), credentials);
    let user = desk.doorman.attempt(source, named, look).await?;
    let (Some(account), Some(user)) = (account, user) else { return Err(Failure::bad_token()) };
    let token = Token::issued(&account, Some(&user), (desk.clock)() / 1000);
    desk.doorman.remember(shown, token);
    behind(desk, &token).await?.ok_or_else(Failure::bad_token)
}
