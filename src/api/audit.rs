//! Who did what, when and from where: one entry for each change, stored with it or not at all, and kept for a year.
//!
//! An entry names the members that changed by their paths, never what they were or are.

use serde_json::{Map, Value, json};

use super::Desk;
use super::envelope::{Answer, Reply};
use super::error::Failure;
use super::request::Call;
use crate::document::{Body, Document};
use crate::id::{Id, hex};
use crate::store::{Change, Note, Noun, Result, Step, Table, notes_within};
use crate::user::User;

/// How many paths an entry names at most.
const MOST_PATHS: usize = 100;

/// How long a path may be, in bytes; a longer one is cut.
const LONGEST_PATH: usize = 256;

/// How long an entry is kept, in milliseconds.
const KEPT: u64 = 366 * 24 * 3600 * 1000;

/// How many entries of an account that are too old are removed with a new one.
const SWEPT: usize = 4;

/// How many entries a page has when nobody says.
const PAGE: usize = 50;

/// How many entries are read at a time.
const READ: usize = 256;

/// What happened to a document.
pub(super) struct Deed<'d> {
    /// `created`, `changed`, `deleted`, or what was asked of it.
    pub(super) what: &'static str,
    /// The kind of document.
    pub(super) noun: Noun,
    /// As it was; nothing where it was not.
    pub(super) before: Option<&'d Document>,
    /// As it is now; nothing where it is not any more.
    pub(super) after: Option<&'d Document>,
}

/// The steps that enter a deed in the trail of an account, and that take out what is too old there.
pub(super) async fn steps(call: &Call, account: Id, deed: &Deed<'_>) -> Result<Vec<Step>> {
    let now = (call.desk.clock)();
    let mut steps = vec![Step::Set(entry(call, account, deed, now))];
    let expired = old(&call.desk, account, now).await?;
    steps.extend(expired.map(|key| Step::Set(Note { table: Table::Audit, key, value: None })));
    Ok(steps)
}

/// Enters what was read or asked for, and changes nothing, in the trail of an account.
pub(super) async fn enter(call: &Call, account: Id, deed: &Deed<'_>) -> Result<()> {
    let steps = steps(call, account, deed).await?;
    call.desk.store.commit(Change { steps }).await.map(drop)
}

/// Enters what was decided about a campaign, in the trail of the caller's account.
pub(super) async fn enter_campaign(call: &Call, what: &'static str, campaign: Id) -> Result<()> {
    enter_site(call, what, "campaign", Some(campaign)).await
}

/// Enters what was done to something that is no document, in the trail of the caller's account. Nobody else does such
/// things, so that nothing is entered without one.
pub(super) async fn enter_site(
    call: &Call,
    what: &'static str,
    kind: &'static str,
    id: Option<Id>,
) -> Result<()> {
    let Ok(account) = call.caller().map(|caller| caller.account.id()) else { return Ok(()) };
    let now = (call.desk.clock)();
    let value = json!({
        "at": now / 1000,
        "what": what,
        "type": kind,
        "id": id,
        "paths": [],
        "by": call.author(),
        "from": call.peer().map(|peer| peer.to_string()),
        "request_id": call.request_id(),
    });
    let steps = vec![Step::Set(noted(call, account, now, &value))];
    call.desk.store.commit(Change { steps }).await.map(drop)
}

fn entry(call: &Call, account: Id, deed: &Deed<'_>, now: u64) -> Note {
    let document = deed.after.or(deed.before);
    let nothing = Body::new();
    let before = deed.before.map_or(&nothing, |document| &document.body);
    let after = deed.after.map_or(&nothing, |document| &document.body);
    let value = json!({
        "at": now / 1000,
        "what": deed.what,
        "type": deed.noun.name(),
        "id": document.map(|document| document.id),
        "name": document.and_then(|document| document.text("name").or(document.text("username"))),
        "paths": paths(before, after),
        "by": call.author(),
        "from": call.peer().map(|peer| peer.to_string()),
        "request_id": call.request_id(),
    });
    noted(call, account, now, &value)
}

fn noted(call: &Call, account: Id, now: u64, value: &Value) -> Note {
    let random = (call.desk.random)();
    let key = [key_of(account, now).as_slice(), &random[..8]].concat();
    Note { table: Table::Audit, key, value: serde_json::to_vec(value).ok() }
}

/// Entries lie by account, the newest first.
fn key_of(account: Id, milliseconds: u64) -> Vec<u8> {
    [account.as_bytes().as_slice(), &(u64::MAX - milliseconds).to_be_bytes()].concat()
}

async fn old(desk: &Desk, account: Id, now: u64) -> Result<impl Iterator<Item = Vec<u8>> + use<>> {
    let from = key_of(account, now.saturating_sub(KEPT));
    let found = notes_within(&*desk.store, Table::Audit, account.as_bytes(), Some(&from), SWEPT).await?;
    Ok(found.into_iter().map(|(key, _)| key))
}

/// The paths of what differs, a list being one member: the first hundred, each no longer than it can be read.
fn paths(before: &Body, after: &Body) -> Vec<String> {
    let mut found = Vec::new();
    differ("", before, after, &mut found);
    found
}

fn differ(above: &str, before: &Body, after: &Body, found: &mut Vec<String>) {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names.filter(|name| before.get(*name) != after.get(*name)) {
        if found.len() >= MOST_PATHS {
            return;
        }
        let path = path(above, name);
        match (before.get(name), after.get(name)) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => differ(&path, before, after, found),
            (None, Some(Value::Object(after))) if !after.is_empty() => {
                differ(&path, &Map::new(), after, found);
            }
            _ if found.last() == Some(&path) => {}
            _ => found.push(path),
        }
    }
}

/// Both forms in which a password is kept are the one member that changed.
fn path(above: &str, name: &str) -> String {
    let path = match name.strip_prefix("pvt_") {
        Some("md5_auth" | "sha1_auth") if above.is_empty() => "password".to_owned(),
        Some(own) if above.is_empty() => own.to_owned(),
        _ if above.is_empty() => name.to_owned(),
        _ => format!("{above}.{name}"),
    };
    if path.len() <= LONGEST_PATH {
        path
    } else {
        path.chars().take(LONGEST_PATH / 4).chain(['…']).collect()
    }
}

/// `GET …/audit`: the newest first, filtered by `filter_id`, `filter_type` and `filter_what`.
pub(super) async fn list(call: Call) -> Reply {
    let account = call.account().await?.id();
    let size = match call.parameter("page_size").map(str::parse::<usize>) {
        None => PAGE,
        Some(Ok(size)) if size > 0 => size.min(1000),
        Some(_) => return Err(Failure::bad_page("page_size")),
    };
    let start = call.parameter("start_key").filter(|key| !key.is_empty());
    let start = start.map(|key| start_of(account, key)).transpose()?;
    let mut page = page(&call, account, start, size + 1).await?;
    let more = page.len() > size;
    page.truncate(size);
    let mut about = Map::from_iter([("page_size".to_owned(), page.len().into())]);
    let next = page.last().filter(|_| more).map(|(key, _)| hex(&key[16..]).into());
    about.extend(next.map(|next| ("next_start_key".to_owned(), next)));
    let rows = page.into_iter().map(|(_, entry)| entry).collect();
    Ok(Answer::data(Value::Array(rows)).page(about))
}

async fn page(
    call: &Call,
    account: Id,
    start: Option<Vec<u8>>,
    most: usize,
) -> Result<Vec<(Vec<u8>, Value)>, Failure> {
    let wanted = |entry: &Value| {
        ["id", "type", "what"]
            .iter()
            .all(|name| call.parameter(&format!("filter_{name}")).is_none_or(|value| entry[*name] == value))
    };
    let (mut rows, mut after) = (Vec::new(), start);
    loop {
        let (store, begin) = (&*call.desk.store, account.as_bytes());
        let found = notes_within(store, Table::Audit, begin, after.as_deref(), READ).await?;
        let end = found.len() < READ;
        for (key, value) in found {
            after = Some(key.clone());
            let entry = serde_json::from_slice(&value).ok().filter(wanted);
            rows.extend(entry.map(|entry| (key, entry)));
        }
        if end || rows.len() >= most {
            rows.truncate(most);
            return Ok(rows);
        }
    }
}

/// A start key is the part of an entry's key that follows the account, in hexadecimal digits.
fn start_of(account: Id, text: &str) -> Result<Vec<u8>, Failure> {
    let id: Option<Id> = text.parse().ok();
    let rest = id.ok_or_else(|| Failure::bad_page("start_key"))?;
    Ok([account.as_bytes().as_slice(), rest.as_bytes()].concat())
}

impl Call {
    /// Who is calling, for the trail.
    fn author(&self) -> Value {
        match self.caller() {
            Ok(caller) => json!({
                "account_id": caller.account.id(),
                "user_id": caller.user.as_ref().map(User::id),
                "is_master": caller.runs_the_site(),
            }),
            Err(_) => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(before: &Value, after: &Value) -> Vec<String> {
        paths(before.as_object().unwrap(), after.as_object().unwrap())
    }

    #[test]
    fn what_differs_is_named_by_its_path_and_not_by_its_value() {
        let before =
            json!({"name": "a", "sip": {"password": "old", "username": "u"}, "list": [1], "gone": {"x": 1}});
        let after =
            json!({"name": "a", "sip": {"password": "new", "username": "u"}, "list": [2], "new": {"y": {}}});
        assert_eq!(between(&before, &after), ["gone", "list", "sip.password", "new.y"]);
        assert_eq!(between(&before, &before), [""; 0]);
    }

    #[test]
    fn a_trail_of_nonsense_stays_short() {
        let many: Map<String, Value> = (0..5000).map(|n| (format!("k{n}"), json!(n))).collect();
        assert_eq!(between(&json!({}), &Value::Object(many.clone())).len(), MOST_PATHS);
        let deep = json!({"n".repeat(50_000): many});
        let found = between(&json!({}), &deep);
        assert!(
            found.len() <= MOST_PATHS && found.iter().all(|path| path.len() <= LONGEST_PATH),
            "{found:?}"
        );
        let passwords = json!({"pvt_md5_auth": "x", "pvt_sha1_auth": "y"});
        assert_eq!(between(&json!({}), &passwords), ["password"]);
    }

    #[test]
    fn the_newest_entry_lies_first_and_accounts_lie_apart() {
        let (one, two) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        assert!(key_of(one, 2000) < key_of(one, 1000));
        assert!(key_of(one, 0) < key_of(two, u64::MAX));
    }
}
