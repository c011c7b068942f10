//! What every store promises, whatever it is made of. Each promise is a function over `&dyn Store`; the last
//! lines run them all against the stores there are.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod store_common;

use std::sync::Arc;

use checksync::account::Account;
use checksync::device::Device;
use checksync::id::{Digest, Id};
use checksync::resync::Scope;
use checksync::store::{
    Change, Entity, Note, Options, SledStore, Span, Step, Store, StoreError, Table, Unique,
};
use serde_json::json;
use store_common::*;

async fn a_document_is_found_by_everything_it_names(store: &dyn Store) {
    let phone = phone(1, CHILD);
    commit(store, [put(phone.clone())]).await.unwrap();
    assert_eq!(store.device(phone.id()).await.unwrap().as_ref(), Some(&phone));
    assert_eq!(store.device_by_mac(mac(1)).await.unwrap().as_ref(), Some(&phone));
    assert_eq!(store.device_by_line("uSER1", "CHILD.example").await.unwrap().as_ref(), Some(&phone));
    assert_eq!(store.account_by_realm("child.EXAMPLE").await.unwrap().unwrap().id(), CHILD);
    assert_eq!(store.account_by_key(Digest::of(CHILD.as_bytes())).await.unwrap().unwrap().id(), CHILD);
    let model = Scope::Model { brand: "yealink".into(), model: "t46s".into() };
    let scopes =
        [Scope::Device(phone.id()), Scope::User(id(51)), Scope::Account(CHILD), model, Scope::Everything];
    for scope in scopes {
        assert_eq!(
            store.devices(&scope, Span::ascending(None, 9)).await.unwrap().rows,
            std::slice::from_ref(&phone),
            "{scope:?}"
        );
    }
    assert_eq!(store.devices(&Scope::Account(MASTER), Span::ascending(None, 9)).await.unwrap().rows, []);
}

async fn a_changed_document_is_found_by_its_new_names_only(store: &dyn Store) {
    let phone = phone(1, CHILD);
    commit(store, [put(phone.clone())]).await.unwrap();
    commit(store, [revise(&phone, &phone_body(2))]).await.unwrap();
    assert!(store.device_by_mac(mac(1)).await.unwrap().is_none());
    assert!(store.device_by_line("user1", "child.example").await.unwrap().is_none());
    assert_eq!(store.device_by_mac(mac(2)).await.unwrap().unwrap().id(), phone.id());
    assert_eq!(store.devices(&Scope::User(id(51)), Span::ascending(None, 9)).await.unwrap().rows, []);
    assert_eq!(store.devices(&Scope::User(id(52)), Span::ascending(None, 9)).await.unwrap().rows.len(), 1);
}

async fn what_is_attempted_is_judged_and_not_done(store: &dyn Store) {
    let phone = phone(1, CHILD);
    let change = |step| Change { steps: vec![step] };
    store.attempt(change(put(phone.clone()))).await.unwrap();
    assert!(store.device(phone.id()).await.unwrap().is_none());
    commit(store, [put(phone.clone())]).await.unwrap();
    assert!(is_conflict(&store.attempt(change(put(phone.clone()))).await));
    store.attempt(change(delete(phone.clone()))).await.unwrap();
    assert!(store.device_by_mac(mac(1)).await.unwrap().is_some());
    let [master, child] = [MASTER, CHILD].map(|id| store.account(id));
    let (master, child) = (master.await.unwrap().unwrap(), child.await.unwrap().unwrap());
    let refused = store.attempt(change(delete(master))).await;
    assert!(matches!(refused, Err(StoreError::HasChildren(_))), "{refused:?}");
    store.attempt(change(delete(child.clone()))).await.unwrap();
    assert!(store.device_by_mac(mac(1)).await.unwrap().is_some());
    commit(store, [revise_account(&child, &json!({"name": "renamed"}))]).await.unwrap();
    assert!(is_conflict(&store.attempt(change(delete(child))).await));
    let refused = store.attempt(change(delete(device(id(9), CHILD, &json!({}))))).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
}

async fn a_lost_update_is_refused(store: &dyn Store) {
    let phone = phone(1, CHILD);
    let refused = commit(store, [revise(&phone, &phone_body(1))]).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    commit(store, [put(phone.clone())]).await.unwrap();
    assert!(is_conflict(&commit(store, [put(phone.clone())]).await));
    commit(store, [revise(&phone, &json!({"name": "first"}))]).await.unwrap();
    assert!(is_conflict(&commit(store, [revise(&phone, &json!({"name": "second"}))]).await));
    assert!(is_conflict(&commit(store, [delete(phone.clone())]).await));
    assert_eq!(store.device(phone.id()).await.unwrap().unwrap().document.text("name"), Some("first"));
}

async fn of_two_writers_at_once_one_wins(store: &dyn Store) {
    let phone = phone(1, CHILD);
    commit(store, [put(phone.clone())]).await.unwrap();
    let [first, second] = ["a", "b"].map(|name| revise(&phone, &json!({"name": name})));
    let (first, second) = tokio::join!(commit(store, [first]), commit(store, [second]));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert!(is_conflict(&first) || is_conflict(&second));
}

async fn a_device_moves_to_another_account_with_all_that_finds_it(store: &dyn Store) {
    let phone = phone(1, CHILD);
    commit(store, [put(phone.clone())]).await.unwrap();
    let mut moved = phone.clone();
    moved.document = moved.document.revised(phone.document.body.clone(), 1_700_000_100);
    moved.document.account = MASTER;
    let step = Step::Put { entity: Entity::Device(moved.clone()), replaces: Some(phone.document.revision) };
    commit(store, [step]).await.unwrap();
    assert_eq!(store.device(phone.id()).await.unwrap().as_ref(), Some(&moved));
    assert_eq!(store.device_by_mac(mac(1)).await.unwrap().as_ref(), Some(&moved));
    assert_eq!(store.device_by_line("user1", "master.example").await.unwrap().as_ref(), Some(&moved));
    assert_eq!(walked(store, &Scope::Account(CHILD), Span::ascending(None, 9)).await, []);
    assert_eq!(walked(store, &Scope::User(id(51)), Span::ascending(None, 9)).await, [phone.id()]);
}

async fn a_change_happens_whole_or_not_at_all(store: &dyn Store) {
    commit(store, [put(phone(1, CHILD))]).await.unwrap();
    let rival = device(id(9), CHILD, &json!({"mac_address": mac(1).to_string()}));
    let steps = [put(phone(2, CHILD)), Step::Mark(Scope::Everything), put(rival)];
    assert_eq!(taken(&commit(store, steps).await), Some((Unique::Mac, phone(1, CHILD).id())));
    assert!(store.device_by_mac(mac(2)).await.unwrap().is_none());
    assert!(store.marks(9).await.unwrap().is_empty());
}

async fn a_mac_is_unique_over_all_accounts(store: &dyn Store) {
    commit(store, [put(phone(1, CHILD))]).await.unwrap();
    let rival = device(id(9), MASTER, &json!({"mac_address": "80-5E-00-00-00-01"}));
    assert_eq!(taken(&commit(store, [put(rival)]).await), Some((Unique::Mac, phone(1, CHILD).id())));
}

async fn a_line_is_unique_in_its_realm_however_the_realm_is_named(store: &dyn Store) {
    let line = |own, account, sip| device(id(own), account, &json!({ "sip": sip }));
    commit(store, [put(line(10, CHILD, json!({"username": "alice"})))]).await.unwrap();
    commit(store, [put(line(11, MASTER, json!({"username": "Alice"})))]).await.unwrap();
    let named = line(12, MASTER, json!({"username": "ALICE", "realm": "child.example"}));
    assert_eq!(taken(&commit(store, [put(named)]).await), Some((Unique::Username, id(10))));
    let named = line(13, MASTER, json!({"username": "bob", "realm": "child.example"}));
    commit(store, [put(named)]).await.unwrap();
    let plain = line(14, CHILD, json!({"username": "bob"}));
    assert_eq!(taken(&commit(store, [put(plain)]).await), Some((Unique::Username, id(13))));
    assert_eq!(store.device_by_line("bob", "child.example").await.unwrap().unwrap().id(), id(13));
}

async fn a_realm_moves_with_all_its_lines_and_never_onto_taken_ones(store: &dyn Store) {
    let line = |own, account, sip| device(id(own), account, &json!({ "sip": sip }));
    let named = json!({"username": "alice", "realm": "elsewhere.example"});
    commit(store, [put(line(10, CHILD, json!({"username": "alice"}))), put(line(11, MASTER, named))])
        .await
        .unwrap();
    let child = store.account(CHILD).await.unwrap().unwrap();
    let onto = revise_account(&child, &json!({"realm": "elsewhere.example"}));
    assert_eq!(taken(&commit(store, [onto]).await), Some((Unique::Username, id(10))));
    let taken_realm = revise_account(&child, &json!({"realm": "master.example"}));
    assert_eq!(taken(&commit(store, [taken_realm]).await), Some((Unique::Realm, MASTER)));
    commit(store, [revise_account(&child, &json!({"realm": "new.example"}))]).await.unwrap();
    assert_eq!(store.device_by_line("alice", "new.example").await.unwrap().unwrap().id(), id(10));
    assert!(store.device_by_line("alice", "child.example").await.unwrap().is_none());
}

async fn an_api_key_belongs_to_one_account(store: &dyn Store) {
    let mut rival = account(id(3), &[MASTER], &json!({}));
    rival.api_key = Digest::of(CHILD.as_bytes());
    assert_eq!(taken(&commit(store, [put(rival)]).await), Some((Unique::ApiKey, CHILD)));
}

async fn nothing_is_stored_in_an_account_that_is_not_there(store: &dyn Store) {
    let steps = [
        put(phone(1, id(77))),
        put(user(id(5), id(77), &json!({}))),
        put(account(id(6), &[id(77)], &json!({}))),
    ];
    for step in steps {
        let refused = commit(store, [step]).await;
        assert!(matches!(refused, Err(StoreError::Missing(missing)) if missing == id(77)), "{refused:?}");
    }
}

async fn a_deleted_device_leaves_nothing_behind(store: &dyn Store) {
    let (phone, other) = (phone(1, CHILD), phone(2, CHILD));
    commit(store, [put(phone.clone()), put(other.clone())]).await.unwrap();
    let bound = [&phone.id().as_bytes()[..], b"sip:1"].concat();
    let kept = [&other.id().as_bytes()[..], b"sip:1"].concat();
    let notes = vec![
        note(Table::Held, phone.id().as_bytes(), "h"),
        note(Table::Stale, phone.id().as_bytes(), "s"),
        note(Table::Binding, &bound, "b"),
        note(Table::Binding, &kept, "b"),
    ];
    store.jot(notes).await.unwrap();
    commit(store, [delete(phone.clone())]).await.unwrap();
    assert!(store.device_by_mac(mac(1)).await.unwrap().is_none());
    assert_eq!(store.devices(&Scope::Everything, Span::ascending(None, 9)).await.unwrap().rows, [other]);
    assert_eq!(store.note(Table::Held, phone.id().as_bytes()).await.unwrap(), None);
    assert_eq!(store.note(Table::Stale, phone.id().as_bytes()).await.unwrap(), None);
    assert_eq!(store.notes(Table::Binding, None, 9).await.unwrap(), [(kept, b"b".to_vec())]);
    commit(store, [put(phone)]).await.unwrap();
}

async fn an_account_goes_with_its_devices_but_not_before_the_accounts_below(store: &dyn Store) {
    commit(store, [put(phone(1, CHILD)), put(user(id(5), CHILD, &json!({})))]).await.unwrap();
    store.jot(vec![note(Table::Held, phone(1, CHILD).id().as_bytes(), "h")]).await.unwrap();
    let [master, child] = [MASTER, CHILD].map(|own| store.account(own));
    let (master, child) = (master.await.unwrap().unwrap(), child.await.unwrap().unwrap());
    let refused = commit(store, [delete(master.clone())]).await;
    assert!(matches!(refused, Err(StoreError::HasChildren(MASTER))), "{refused:?}");
    commit(store, [delete(child), delete(master)]).await.unwrap();
    assert_eq!(store.devices(&Scope::Everything, Span::ascending(None, 9)).await.unwrap().rows, []);
    assert_eq!(store.users(CHILD, Span::ascending(None, 9)).await.unwrap().rows, []);
    assert_eq!(store.accounts(None, Span::ascending(None, 9)).await.unwrap().rows, []);
    assert_eq!(store.notes(Table::Held, None, 9).await.unwrap(), []);
    assert!(store.account_by_realm("child.example").await.unwrap().is_none());
}

async fn a_tree_of_accounts_is_listed_at_any_depth(store: &dyn Store) {
    commit(store, [put(account(id(3), &[MASTER, CHILD], &json!({})))]).await.unwrap();
    let ids = |found: Vec<Account>| found.iter().map(Account::id).collect::<Vec<_>>();
    assert_eq!(
        ids(store.accounts(Some(MASTER), Span::ascending(None, 9)).await.unwrap().rows),
        [CHILD, id(3)]
    );
    assert_eq!(ids(store.accounts(Some(CHILD), Span::ascending(None, 9)).await.unwrap().rows), [id(3)]);
    assert_eq!(ids(store.accounts(None, Span::ascending(Some(MASTER), 1)).await.unwrap().rows), [CHILD]);
}

async fn a_long_list_comes_in_pages_without_gaps(store: &dyn Store) {
    commit(store, (0..25).map(|number| put(phone(number, CHILD)))).await.unwrap();
    let other = device(id(1), MASTER, &json!({}));
    commit(store, [put(other)]).await.unwrap();
    for scope in [Scope::Account(CHILD), Scope::Model { brand: "yealink".into(), model: "t46s".into() }] {
        let up = walked(store, &scope, Span::ascending(None, 10)).await;
        assert_eq!(up.len(), 25);
        assert!(up.is_sorted());
        let down = walked(store, &scope, Span::descending(None, 10)).await;
        assert!(down.iter().rev().eq(&up), "{scope:?}");
        let below = walked(store, &scope, Span::descending(Some(up[20]), 7)).await;
        assert!(below.iter().rev().eq(&up[..20]), "{scope:?}");
    }
    let all = walked(store, &Scope::Everything, Span::descending(None, 13)).await;
    assert_eq!((all.len(), all.last()), (26, Some(&id(1))));
    let exact = store.devices(&Scope::Account(CHILD), Span::ascending(None, 26)).await.unwrap();
    assert_eq!((exact.rows.len(), exact.last), (25, None));
}

async fn lists_of_scattered_ids_are_the_same_in_both_directions(store: &dyn Store) {
    let scattered = |number: u64| Id::from_bytes(*Digest::of(&number.to_be_bytes()).as_bytes());
    let steps = (0..600).map(|number| {
        let account = if number % 3 == 0 { MASTER } else { CHILD };
        put(device(scattered(number), account, &json!({"owner_id": id(50).to_string()})))
    });
    commit(store, steps).await.unwrap();
    let scopes = [Scope::Everything, Scope::Account(CHILD), Scope::Account(MASTER), Scope::User(id(50))];
    for (scope, count) in scopes.into_iter().zip([600, 400, 200, 600]) {
        let up = walked(store, &scope, Span::ascending(None, 37)).await;
        assert_eq!((up.len(), up.is_sorted()), (count, true), "{scope:?}");
        let down = walked(store, &scope, Span::descending(None, 41)).await;
        assert!(down.iter().rev().eq(&up), "{scope:?}");
        for (place, before) in up.iter().enumerate() {
            let below = store.devices(&scope, Span::descending(Some(*before), 2)).await.unwrap().rows;
            assert!(below.iter().map(Device::id).eq(up[..place].iter().rev().take(2).copied()), "{scope:?}");
        }
    }
}

/// The ids of a list, read a span at a time.
async fn walked(store: &dyn Store, scope: &Scope, mut span: Span) -> Vec<Id> {
    let mut seen = Vec::new();
    loop {
        let page = store.devices(scope, span.clone()).await.unwrap();
        assert!(page.rows.len() <= span.limit);
        seen.extend(page.rows.iter().map(Device::id));
        match page.last {
            Some(last) => span.after = Some(last),
            None => return seen,
        }
    }
}

async fn what_does_not_contain_a_text_may_be_left_out_and_the_walk_goes_on(store: &dyn Store) {
    commit(store, (0..25).map(|number| put(phone(number, CHILD)))).await.unwrap();
    let scope = Scope::Account(CHILD);
    let seen = walked(store, &scope, Span::ascending(None, 4).containing(r#""name":"phone 17""#)).await;
    assert_eq!(seen, [phone(17, CHILD).id()]);
    let seen = walked(store, &scope, Span::descending(None, 4).mentioning("phone 2")).await;
    assert_eq!(seen, [24, 23, 22, 21, 20, 2].map(|number| phone(number, CHILD).id()));
    assert_eq!(walked(store, &scope, Span::ascending(None, 4).containing("no such text")).await, []);
}

async fn a_users_devices_are_summarised_as_they_are_now(store: &dyn Store) {
    let scope = |number: u128| Scope::User(id(50 + number));
    let of = async |number, span| store.devices(&scope(number), span).await.unwrap().rows;
    let summaries = Span::ascending(None, 9).only(Device::SUMMARY);
    let mut phone = phone(1, CHILD);
    commit(store, [put(phone.clone())]).await.unwrap();
    for (path, value) in [
        ("name", json!("Reception")),
        ("sip", json!({"username": "other", "password": "another"})),
        ("mobile", json!({"ratio": 31.245_270_191_439_438})),
        ("provision", json!({"endpoint_brand": "snom"})),
        ("owner_id", json!(id(52))),
    ] {
        let mut body = phone.document.body.clone();
        body.insert(path.to_owned(), value);
        let step = revise(&phone, &body.clone().into());
        phone.document = phone.document.revised(body, 1_700_000_100);
        commit(store, [step]).await.unwrap();
        let owner = if path == "owner_id" { 2 } else { 1 };
        assert_eq!(of(3 - owner, summaries.clone()).await, [], "{path}");
        let summary = Device { document: phone.document.only(Device::SUMMARY) };
        assert_eq!(of(owner, summaries.clone()).await, [summary], "{path}");
        assert_eq!(of(owner, Span::ascending(None, 9)).await, std::slice::from_ref(&phone), "{path}");
    }
    commit(store, [delete(phone)]).await.unwrap();
    assert_eq!(of(2, summaries).await, []);
}

async fn what_a_user_owns_is_told_from_what_he_is_shown_on(store: &dyn Store) {
    let watcher = json!({"0": {"type": "presence", "value": id(51).to_string()}});
    let own = device(id(700), CHILD, &json!({"owner_id": id(51).to_string()}));
    let shown = device(id(701), CHILD, &json!({"provision": {"combo_keys": watcher}}));
    let large =
        json!({"owner_id": id(51).to_string(), "flags": [noise(1, checksync::store::MAX_VALUE - 999)]});
    let large = device(id(702), CHILD, &large);
    commit(store, [&own, &shown, &large].map(|device| put(device.clone()))).await.unwrap();
    let scope = Scope::User(id(51));
    assert_eq!(walked(store, &scope, Span::ascending(None, 9)).await, [own.id(), shown.id(), large.id()]);
    for limit in [1, 2, 9] {
        let span = Span::ascending(None, limit).owned();
        assert_eq!(
            walked(store, &scope, span.only(Device::SUMMARY)).await,
            [own.id(), large.id()],
            "{limit}"
        );
    }
}

async fn what_a_summary_lacks_is_read_from_the_device(store: &dyn Store) {
    let (phone, scope) = (phone(1, CHILD), Scope::User(id(51)));
    commit(store, [put(phone.clone())]).await.unwrap();
    let of = async |span| store.devices(&scope, span).await.unwrap().rows;
    let asked = Span::ascending(None, 9).only(&["name", "sip"]);
    assert_eq!(of(asked).await[0].password(), Some("secret"));
    let padding = Span::ascending(None, 9).mentioning("padding");
    assert_eq!(of(padding.clone()).await.len(), 1);
    assert_eq!(of(padding.only(Device::SUMMARY)).await, []);
    let named = Span::ascending(None, 9).mentioning("phone 1");
    assert_eq!(of(named.only(&["name"])).await.len(), 1);
}

async fn a_guests_devices_have_what_is_asked_for(store: &dyn Store) {
    let body = json!({"name": "Desk", "hotdesk": {"users": {(id(90).to_string()): {}}}});
    let phone = device(id(9), CHILD, &body);
    commit(store, [put(phone.clone())]).await.unwrap();
    let span = Span::ascending(None, 9).containing("\"hotdesk\"").only(&["name", "hotdesk.users"]);
    assert_eq!(store.devices(&Scope::User(id(90)), span).await.unwrap().rows, [phone]);
}

async fn devices_of_an_account_are_found_by_their_name(store: &dyn Store) {
    let named = |own, account, name: &str| put(device(id(own), account, &json!({"name": name})));
    let steps = [named(5, CHILD, "Reception"), named(6, CHILD, "RECEPTION"), named(7, MASTER, "Reception")];
    commit(store, steps).await.unwrap();
    commit(store, [named(8, CHILD, "Reception 2")]).await.unwrap();
    let found = store.devices_named(CHILD, "reception", Span::descending(None, 1)).await.unwrap();
    assert_eq!((found.rows[0].id(), found.last), (id(6), Some(id(6))));
    let found = store.devices_named(CHILD, "reception", Span::descending(found.last, 2)).await.unwrap();
    assert_eq!((found.rows.len(), found.rows[0].id(), found.last), (1, id(5), None));
    let phone = store.device(id(5)).await.unwrap().unwrap();
    commit(store, [revise(&phone, &json!({"name": "Kitchen"}))]).await.unwrap();
    let found = store.devices_named(CHILD, "Reception", Span::ascending(None, 9)).await.unwrap().rows;
    assert_eq!(found.iter().map(Device::id).collect::<Vec<_>>(), [id(6)]);
}

async fn an_account_is_found_by_its_name_however_it_is_written(store: &dyn Store) {
    commit(store, [put(account(id(3), &[MASTER], &json!({"name": "Zoë's Café, No. 7"})))]).await.unwrap();
    let found = store.account_by_name("ZOËS CAFÉ NO 7").await.unwrap();
    assert_eq!(found.unwrap().id(), id(3));
    let rival = account(id(4), &[MASTER], &json!({"name": "zoëscafé no7"}));
    assert_eq!(taken(&commit(store, [put(rival)]).await), Some((Unique::Name, id(3))));
    let nameless = [5, 6].map(|own| put(account(id(own), &[MASTER], &json!({"name": "--"}))));
    commit(store, nameless).await.unwrap();
    assert!(store.account_by_name("--").await.unwrap().is_none());
}

async fn accounts_are_found_by_the_digits_of_their_numbers(store: &dyn Store) {
    let ids = |found: Vec<Account>| found.iter().map(Account::id).collect::<Vec<_>>();
    let caller = json!({"caller_id": {"external": {"number": "+1 (415) 555-0100"}}});
    let plain = json!({"phone_number": "14155550100"});
    let accounts = [account(id(3), &[MASTER], &caller), account(id(4), &[MASTER], &plain)];
    commit(store, accounts.map(put)).await.unwrap();
    assert_eq!(ids(store.accounts_by_number("1-415-555-0100", 9).await.unwrap()), [id(3), id(4)]);
    assert_eq!(ids(store.accounts_by_number("14155550100", 1).await.unwrap()), [id(3)]);
    for other in ["4155550100", "1415555010", "", "x"] {
        assert_eq!(ids(store.accounts_by_number(other, 9).await.unwrap()), [], "{other}");
    }
}

async fn a_login_is_unique_in_its_account(store: &dyn Store) {
    let named = |own, account, name: &str| put(user(id(own), account, &json!({"username": name})));
    commit(store, [named(5, CHILD, "Ada"), named(6, MASTER, "ada"), put(user(id(7), CHILD, &json!({})))])
        .await
        .unwrap();
    assert_eq!(store.user_by_login(CHILD, "ADA").await.unwrap().unwrap().id(), id(5));
    assert!(store.user_by_login(CHILD, "ad").await.unwrap().is_none());
    let rival = commit(store, [named(8, CHILD, "aDa")]).await;
    assert_eq!(taken(&rival), Some((Unique::Login, id(5))));
}

async fn a_user_is_found_by_either_of_its_credentials(store: &dyn Store) {
    let [md5, sha1, other] = ["md5", "sha1", "other"].map(|text| Digest::of(text.as_bytes()));
    let ada = user(id(5), CHILD, &json!({"pvt_md5_auth": md5, "pvt_sha1_auth": sha1}));
    commit(store, [put(ada.clone())]).await.unwrap();
    for digest in [md5, sha1] {
        assert_eq!(store.user_by_credentials(CHILD, digest).await.unwrap().as_ref(), Some(&ada));
        assert!(store.user_by_credentials(MASTER, digest).await.unwrap().is_none());
    }
    assert!(store.user_by_credentials(CHILD, other).await.unwrap().is_none());
    commit(store, [delete(ada)]).await.unwrap();
    assert!(store.user_by_credentials(CHILD, md5).await.unwrap().is_none());
}

async fn an_address_belongs_to_one_device_in_whatever_notation(store: &dyn Store) {
    let known_by =
        |own, account, ip: &str| put(device(id(own), account, &json!({"sip": {"method": "ip", "ip": ip}})));
    let steps = [known_by(10, CHILD, "192.0.2.7"), known_by(11, CHILD, "2001:db8:0:0:0:0:0:7")];
    commit(store, steps).await.unwrap();
    for (own, ip, notation) in
        [(10, "::ffff:192.0.2.7", "::FFFF:C000:207"), (11, "2001:db8::7", "2001:0DB8::0007")]
    {
        let found = store.device_by_ip(ip.parse().unwrap()).await.unwrap();
        assert_eq!(found.unwrap().id(), id(own));
        let rival = commit(store, [known_by(12, MASTER, notation)]).await;
        assert_eq!(taken(&rival), Some((Unique::Ip, id(own))));
    }
    let by_password = device(id(13), CHILD, &json!({"sip": {"method": "password", "ip": "192.0.2.7"}}));
    commit(store, [put(by_password)]).await.unwrap();
    assert!(store.device_by_ip("192.0.2.8".parse().unwrap()).await.unwrap().is_none());
}

async fn a_user_has_the_devices_it_is_hotdesked_into(store: &dyn Store) {
    let mut state = phone_body(1);
    state["hotdesk"] = json!({"users": {id(90).to_string(): {}}});
    let desk = device(id(9), CHILD, &state);
    commit(store, [put(desk.clone()), put(phone(2, CHILD))]).await.unwrap();
    assert_eq!(walked(store, &Scope::User(id(90)), Span::ascending(None, 9)).await, [id(9)]);
    commit(store, [revise(&desk, &phone_body(1))]).await.unwrap();
    assert_eq!(walked(store, &Scope::User(id(90)), Span::ascending(None, 9)).await, []);
}

async fn a_devices_scope_has_also_the_devices_on_whose_lines_it_is(store: &dyn Store) {
    let [door, bell] = [phone(2, CHILD), phone(9, CHILD)].map(|device| device.id());
    let mut state = phone_body(1);
    state["provision"]["lines"] = json!([{"device_id": door}, {"device_id": bell}]);
    let desk = device(id(1), CHILD, &state);
    commit(store, [put(desk.clone()), put(phone(2, CHILD)), put(phone(9, CHILD))]).await.unwrap();
    let scope = async |of| walked(store, &Scope::Device(of), Span::ascending(None, 9)).await;
    assert_eq!(scope(bell).await, [bell, id(1)]);
    assert_eq!(scope(id(1)).await, [id(1)]);
    commit(store, [revise(&desk, &phone_body(1))]).await.unwrap();
    assert_eq!(scope(bell).await, [bell]);
}

async fn whoever_shows_all_users_of_an_account_is_listed(store: &dyn Store) {
    let mut state = phone_body(1);
    state["provision"]["fill"] = json!({"users": "all"});
    let desk = device(id(1), CHILD, &state);
    let owner = user(id(52), CHILD, &json!({"provision": {"combo_keys": {"1": {"type": "line"}}}}));
    commit(store, [put(desk.clone()), put(phone(2, CHILD)), put(phone(9, CHILD)), put(phone(3, CHILD))])
        .await
        .unwrap();
    let users = async || walked(store, &Scope::Users(CHILD), Span::ascending(None, 9)).await;
    assert_eq!(users().await, [id(1)]);
    commit(store, [put(owner)]).await.unwrap();
    let his = walked(store, &Scope::User(id(52)), Span::ascending(None, 9)).await;
    assert_eq!(his.len(), 2);
    assert_eq!(users().await, [&[id(1)], &his[..]].concat());
    commit(store, [revise(&desk, &phone_body(1))]).await.unwrap();
    assert_eq!(users().await, his);
    let master = store.account(MASTER).await.unwrap().unwrap();
    let profiles = json!({"realm": "master.example", "provision": {"profiles": {"a": {"fill": {}}}}});
    commit(store, [revise_account(&master, &profiles)]).await.unwrap();
    assert_eq!(users().await.len(), 4);
}

async fn marks_stay_until_they_are_taken_off_one_by_one(store: &dyn Store) {
    let scopes = [Scope::Device(id(1)), Scope::Account(CHILD)];
    let sequence = commit(store, scopes.clone().map(Step::Mark)).await.unwrap();
    let marks = store.marks(9).await.unwrap();
    assert_eq!(marks.iter().map(|(_, scope)| scope.clone()).collect::<Vec<_>>(), scopes);
    assert_eq!(marks[1].0, sequence);
    let stale = note(Table::Stale, id(1).as_bytes(), "{}");
    store.unmark(vec![marks[0].0], vec![stale]).await.unwrap();
    assert_eq!(store.marks(9).await.unwrap(), marks[1..]);
    assert_eq!(store.note(Table::Stale, id(1).as_bytes()).await.unwrap().as_deref(), Some(&b"{}"[..]));
}

async fn notes_are_set_read_listed_and_removed(store: &dyn Store) {
    let notes = [b"a", b"b", b"c"].map(|key| note(Table::Token, key, "x")).to_vec();
    store.jot(notes).await.unwrap();
    let page = store.notes(Table::Token, Some(b"a"), 1).await.unwrap();
    assert_eq!(page, [(b"b".to_vec(), b"x".to_vec())]);
    store.jot(vec![Note { table: Table::Token, key: b"b".to_vec(), value: None }]).await.unwrap();
    assert_eq!(store.note(Table::Token, b"b").await.unwrap(), None);
    assert_eq!(store.notes(Table::Token, None, 9).await.unwrap().len(), 2);
    assert_eq!(store.notes(Table::Source, None, 9).await.unwrap().len(), 0);
}

async fn a_commit_is_published_before_it_returns(store: &dyn Store) {
    let stamp = store.changes().stamp(vec![Scope::Account(CHILD)]);
    let before = store.changes().latest();
    let sequence = commit(store, [put(phone(1, CHILD)), Step::Mark(Scope::Account(CHILD))]).await.unwrap();
    assert!(sequence > before);
    assert_eq!(store.changes().latest(), sequence);
    assert!(!store.changes().is_current(&stamp));
    store.jot(vec![note(Table::Token, b"a", "x")]).await.unwrap();
    assert_eq!(store.changes().latest(), sequence);
}

async fn what_is_too_large_is_refused_and_nothing_else_suffers(store: &dyn Store) {
    let large = device(id(9), CHILD, &json!({"padding": "x".repeat(checksync::store::MAX_VALUE)}));
    let refused = commit(store, [put(large)]).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    let nearly = device(id(9), CHILD, &json!({"padding": "x".repeat(checksync::store::MAX_VALUE - 999)}));
    commit(store, [put(nearly.clone())]).await.unwrap();
    assert_eq!(store.device(id(9)).await.unwrap(), Some(nearly));
}

async fn a_closed_store_says_so(store: &dyn Store) {
    store.close().await.unwrap();
    let refused = store.device(id(1)).await;
    assert!(matches!(&refused, Err(StoreError::Io(text)) if text.contains("closed")), "{refused:?}");
}

async fn many_writers_at_once_lose_nothing(store: Arc<dyn Store>) {
    let writers = (0..16_u64).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..8 {
                commit(&*store, [put(phone(writer * 100 + number, CHILD))]).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(store.devices(&Scope::Everything, Span::ascending(None, 999)).await.unwrap().rows.len(), 128);
}

macro_rules! contract {
    ($($promise:ident),* $(,)?) => {
        mod sled {
            $(
                #[tokio::test]
                async fn $promise() {
                    let dir = tempfile::tempdir().unwrap();
                    let store = super::SledStore::open(super::Options::new(dir.path())).unwrap();
                    super::settle(&store).await;
                    super::$promise(&store).await;
                    drop(store);
                    let report = checksync::store::check(dir.path()).unwrap();
                    assert_eq!(report.problems, [""; 0]);
                }
            )*

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn many_writers_at_once_lose_nothing() {
                let dir = tempfile::tempdir().unwrap();
                let store = super::SledStore::open(super::Options::new(dir.path())).unwrap();
                super::settle(&store).await;
                super::many_writers_at_once_lose_nothing(std::sync::Arc::new(store)).await;
            }
        }
    };
}

contract![
    a_document_is_found_by_everything_it_names,
    a_changed_document_is_found_by_its_new_names_only,
    a_lost_update_is_refused,
    what_is_attempted_is_judged_and_not_done,
    of_two_writers_at_once_one_wins,
    a_device_moves_to_another_account_with_all_that_finds_it,
    a_change_happens_whole_or_not_at_all,
    a_mac_is_unique_over_all_accounts,
    a_line_is_unique_in_its_realm_however_the_realm_is_named,
    a_realm_moves_with_all_its_lines_and_never_onto_taken_ones,
    an_api_key_belongs_to_one_account,
    nothing_is_stored_in_an_account_that_is_not_there,
    a_deleted_device_leaves_nothing_behind,
    an_account_goes_with_its_devices_but_not_before_the_accounts_below,
    a_tree_of_accounts_is_listed_at_any_depth,
    a_long_list_comes_in_pages_without_gaps,
    lists_of_scattered_ids_are_the_same_in_both_directions,
    what_does_not_contain_a_text_may_be_left_out_and_the_walk_goes_on,
    a_users_devices_are_summarised_as_they_are_now,
    what_a_user_owns_is_told_from_what_he_is_shown_on,
    what_a_summary_lacks_is_read_from_the_device,
    a_guests_devices_have_what_is_asked_for,
    devices_of_an_account_are_found_by_their_name,
    an_account_is_found_by_its_name_however_it_is_written,
    accounts_are_found_by_the_digits_of_their_numbers,
    a_login_is_unique_in_its_account,
    a_user_is_found_by_either_of_its_credentials,
    an_address_belongs_to_one_device_in_whatever_notation,
    a_user_has_the_devices_it_is_hotdesked_into,
    a_devices_scope_has_also_the_devices_on_whose_lines_it_is,
    whoever_shows_all_users_of_an_account_is_listed,
    marks_stay_until_they_are_taken_off_one_by_one,
    notes_are_set_read_listed_and_removed,
    a_commit_is_published_before_it_returns,
    what_is_too_large_is_refused_and_nothing_else_suffers,
    a_closed_store_says_so,
];
