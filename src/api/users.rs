//! Users: the people who own devices. Their passwords come in and never go out.

use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

use super::change;
use super::envelope::Reply;
use super::filter::Filter;
use super::paging::Page;
use super::request::Call;
use crate::auth;
use crate::document::{Body, at};
use crate::id::hex;
use crate::store::{Noun, Span};
use crate::user::User;

/// `GET …/users`: summaries.
pub(super) async fn list(call: Call) -> Reply {
    let account = call.account().await?.id();
    let filter = Filter::of(call.intake());
    let fetch = async |span| call.desk.store.users(account, Span { containing: filter.text(), ..span }).await;
    let page = Page::of(&call, User::id, |user| filter.keeps(&user.document), fetch).await?;
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

/// Keeps, in place of the password, what recognises the credentials that Kazoo's clients send: the MD5 of
/// `username:password`, itself as a digest.
pub(super) fn hide_password(body: &mut Body) {
    let Some(Value::String(password)) = body.remove("password") else { return };
    let username = at(body, "username").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let credentials = hex(&Md5::digest(format!("{username}:{password}")));
    body.insert("pvt_credentials".to_owned(), json!(auth::digest(&credentials)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_kept_as_something_that_only_recognises_it() {
        let mut body = json!({"username": "Ada", "password": "s3cret"}).as_object().unwrap().clone();
        hide_password(&mut body);
        let credentials = hex(&Md5::digest("ada:s3cret"));
        assert_eq!(
            Value::Object(body),
            json!({"username": "Ada", "pvt_credentials": auth::digest(&credentials).to_string()})
        );
    }
}
