//! Logging in: an API key for a token.

use serde_json::json;

use super::Desk;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::account::Account;
use crate::auth::{self, Token};
use crate::document::at;
use crate::schema::Problem;
use crate::store::{Note, Result, Table, is_switched_on};

/// An API key has this many characters.
const KEY_LENGTH: usize = 64;

/// How many old tokens each new one looks at.
const SWEPT: usize = 32;

/// `PUT /v2/api_auth` with `{"data": {"api_key": "…"}}`.
pub(super) async fn log_in(call: Call) -> Reply {
    let key = api_key(&call)?;
    let account = call.desk.store.account_by_key(auth::digest(&key)).await?;
    let account = account.ok_or_else(Failure::unknown_key)?;
    if !is_switched_on(&*call.desk.store, &account).await? {
        let problem = Problem::new("the account is switched off");
        return Err(Failure::problem("account", "disabled", problem));
    }
    let token = issue(&call.desk, &account, call.unix()).await?;
    Ok(said(&account).token(token))
}

fn api_key(call: &Call) -> Result<String, Failure> {
    call.readable()?;
    let data = call.data()?;
    let wrong = |code, problem| Err(Failure::problem("api_key", code, problem));
    let Some(key) = at(&data, "api_key") else {
        return wrong("required", Problem::new("Field is required but missing").value("api_key"));
    };
    let Some(key) = key.as_str() else {
        return wrong("type", Problem::new("Value did not match type(s): string").target("string"));
    };
    match key.chars().count() {
        KEY_LENGTH => Ok(key.to_ascii_lowercase()),
        ..KEY_LENGTH => wrong("minLength", length("String must be at least 64 characters")),
        _ => wrong("maxLength", length("String must not be more than 64 characters")),
    }
}

fn length(message: &str) -> Problem {
    Problem::new(message).target(KEY_LENGTH)
}

/// A machine that fails within the next second may forget the token: its owner logs in again.
async fn issue(desk: &Desk, account: &Account, unix: u64) -> Result<String> {
    let token = auth::secret((desk.random)());
    let key = auth::digest(&token).as_bytes().to_vec();
    let mut notes = expired(desk, &key, unix).await?;
    let value = serde_json::to_vec(&Token::issued(account, unix)).ok();
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

fn said(account: &Account) -> Answer {
    let text = |path| account.document.text(path);
    Answer::data(json!({
        "account_id": account.id(),
        "account_name": text("name"),
        "apps": [],
        "is_master_account": auth::is_master(account),
        "is_reseller": auth::is_master(account),
        "language": text("language").unwrap_or("en-us"),
        "reseller_id": account.tree.first().copied().unwrap_or_else(|| account.id()),
    }))
}
