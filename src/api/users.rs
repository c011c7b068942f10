//! Users: the people who own devices. Their passwords come in and never go out.

use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use sha1::Sha1;

use super::envelope::Reply;
use super::error::Failure;
use super::filter::Filter;
use super::paging::Page;
use super::request::Call;
use super::{Desk, change};
use crate::document::{Body, Document, at};
use crate::id::{Id, hex};
use crate::schema::Problem;
use crate::store::{Noun, Span};
use crate::user::User;

/// `GET …/users`: summaries.
pub(super) async fn list(call: Call) -> Reply {
    let account = call.account().await?.id();
    let filter = Filter::of(call.intake());
    let fetch = async |span| call.desk.store.users(account, Span { containing: filter.text(), ..span }).await;
    let page = Page::of(&call, User::id, |user| filter.keeps("user", &user.document), fetch).await?;
    Ok(page.answer(|user| Value::Object(summary(&user))))
}

/// `PUT …/users`
pub(super) async fn create(call: Call) -> Reply {
    change::create(&call, Noun::User).await
}

/// `GET …/users/{U}`
pub(super) async fn get(call: Call) -> Reply {
    change::get(&call, Noun::User).await
}

/// `POST …/users/{U}`
pub(super) async fn replace(call: Call) -> Reply {
    change::replace(&call, Noun::User).await
}

/// `PATCH …/users/{U}`
pub(super) async fn patch(call: Call) -> Reply {
    change::patch(&call, Noun::User).await
}

/// `DELETE …/users/{U}`: the user's devices stay.
pub(super) async fn delete(call: Call) -> Reply {
    change::delete(&call, Noun::User).await
}

/// Keeps, in place of the password, what recognises the two credentials that Kazoo's clients make of it: hashes of
/// the MD5 and the SHA-1 of `username:password`. Without a new password they stay as they are; they are no longer
/// right when the username is another one. Who has no username, or no password, cannot log in.
pub(super) async fn keep_login(
    desk: &Desk,
    account: Id,
    stored: Option<&Document>,
    mut body: Body,
) -> Result<Body, Failure> {
    let password = body.remove("password");
    let password = password.as_ref().and_then(Value::as_str).filter(|password| !password.is_empty());
    let old = stored.and_then(|stored| username(&stored.body));
    match (username(&body), password) {
        (Some(name), Some(password)) => {
            let pair = format!("{name}:{password}");
            for (key, credentials) in
                [("pvt_md5_auth", hex(&Md5::digest(&pair))), ("pvt_sha1_auth", hex(&Sha1::digest(&pair)))]
            {
                let kept = desk.doorman.credentials(account, &credentials).await?;
                body.insert(key.to_owned(), json!(kept));
            }
        }
        (Some(name), None) if old.is_some_and(|old| old != name) => return Err(no_password(&body)),
        (Some(_), None) => {}
        (None, _) => body.retain(|key, _| !matches!(key.as_str(), "pvt_md5_auth" | "pvt_sha1_auth")),
    }
    Ok(body)
}

/// The name to log in with, as it is digested.
fn username(body: &Body) -> Option<String> {
    let name = at(body, "username")?.as_str()?.trim().to_lowercase();
    Some(name).filter(|name| !name.is_empty())
}

fn no_password(body: &Body) -> Failure {
    let problem = Problem::new("The password must be provided when updating the user name");
    let problem = problem.value(at(body, "username").cloned().unwrap_or_default());
    Failure::problem("password", "required", problem)
}

/// What a list says of a user. What is not set is left out.
pub(super) fn summary(user: &User) -> Map<String, Value> {
    let body = &user.document.body;
    let mut row = Map::new();
    for name in
        ["first_name", "last_name", "username", "email", "enabled", "priv_level", "presence_id", "timezone"]
    {
        row.extend(at(body, name).map(|value| (name.to_owned(), value.clone())));
    }
    row.insert("id".to_owned(), json!(user.id()));
    row
}
