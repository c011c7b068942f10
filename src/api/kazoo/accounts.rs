//! Accounts, as Kazoo pushes and deletes them.

use serde_json::json;

use super::pushed::Pushed;
use super::{devices, push, revise};
use crate::account::Account;
use crate::api::accounts::found;
use crate::api::change::{put, remove};
use crate::api::envelope::{Answer, Reply};
use crate::api::error::Failure;
use crate::api::persist::persist;
use crate::api::walk;
use crate::auth;
use crate::document::Body;
use crate::resync::Scope;
use crate::schema::{Problem, merge};
use crate::store::{Entity, Span};

/// `POST /accounts/{A}`: realm and time zone. An account that is not known is made under this very id.
pub(super) async fn push(pushed: Pushed) -> Reply {
    persist(&pushed.call, async || {
        let patch = push::account(&pushed.data()?);
        let account = match pushed.account().await? {
            None => create(&pushed, patch).await?,
            Some(account) => {
                let body = merge(account.document.body.clone(), patch);
                let entity = Entity::Account(account.clone());
                revise(&pushed, &account, &entity, body).await?;
                account
            }
        };
        Ok(Answer::data(json!({"account_id": account.id()})))
    })
    .await
}

/// `DELETE /accounts/{A}`. Only what Kazoo has pushed goes with it: an account with users, or with devices that were
/// made here, stays as it is. One that is not there needs no deleting.
pub(super) async fn delete(pushed: Pushed) -> Reply {
    persist(&pushed.call, async || {
        let said = json!({"account_id": pushed.account_id()?});
        let Some(account) = pushed.account().await? else { return Ok(Answer::data(said)) };
        if auth::is_master(&account) {
            return Err(Failure::forbidden());
        }
        check_all_pushed(&pushed, &account).await?;
        remove(&pushed.call, &Entity::Account(account), true).await?;
        Ok(Answer::data(said))
    })
    .await
}

/// A new account with the id that the path names, when the push asks for that: below its reseller, if the caller
/// has that one, else below the caller.
pub(super) async fn create(pushed: &Pushed, mut body: Body) -> Result<Account, Failure> {
    let id = pushed.account_id()?;
    if !pushed.wants("create_if_missing") {
        return Err(Failure::unknown(pushed.named("account")));
    }
    body.entry("name").or_insert_with(|| id.to_string().into());
    let (account, _key_that_nobody_needs) =
        found(&pushed.desk, &parent(pushed).await?, id, body, pushed.unix()).await?;
    put(&pushed.call, &Entity::Account(account.clone()), None).await?;
    Ok(account)
}

async fn parent(pushed: &Pushed) -> Result<Account, Failure> {
    let reseller = match pushed.id("reseller_id") {
        Some(reseller) => pushed.desk.store.account(reseller).await?,
        None => None,
    };
    let within_reach = reseller.filter(|reseller| pushed.caller.reaches(reseller));
    Ok(within_reach.unwrap_or_else(|| pushed.caller.account.clone()))
}

/// Refuses unless Kazoo has pushed every device of the account and there is nothing else that would be lost.
async fn check_all_pushed(pushed: &Pushed, account: &Account) -> Result<(), Failure> {
    let (store, scope) = (&pushed.desk.store, Scope::Account(account.id()));
    if !store.users(account.id(), Span::ascending(None, 1)).await?.rows.is_empty() {
        return Err(in_use("users"));
    }
    let not_pushed = |device| (!devices::is_pushed(&device)).then_some(());
    let others = walk::gather(&**store, &scope, walk::whole(), not_pushed).await?;
    if others.is_empty() { Ok(()) } else { Err(in_use("devices")) }
}

fn in_use(what: &str) -> Failure {
    let message = format!("The account has {what} that did not come from Kazoo; delete those first");
    Failure::problem("account", "in_use", Problem::new(message))
}
