//! Everything as lines of JSON and back again.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod store_common;

use std::fs;
use std::path::Path;

use checksync::resync::Scope;
use checksync::store::{Counts, Options, SledStore, Step, Store, StoreError, Table, check, export, import};
use serde_json::json;
use store_common::*;

#[tokio::test]
async fn what_is_exported_can_be_imported_and_is_the_same() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sequence = fleet(dir.path()).await;
    let (text, counts) = exported(dir.path());
    assert_eq!(counts, Counts { accounts: 3, users: 1, devices: 40, marks: 2, notes: 3 });
    assert_eq!(import(copy.path(), text.as_bytes()).unwrap(), counts);
    assert_eq!(exported(copy.path()), (text, counts));
    let store = SledStore::open(Options::new(copy.path())).unwrap();
    let found = store.device_by_mac(mac(7)).await.unwrap().unwrap();
    assert_eq!(found, phone(7, CHILD));
    assert_eq!(store.marks(9).await.unwrap()[1], (sequence, Scope::Everything));
    assert_eq!(store.note(Table::Binding, b"\xff").await.unwrap().unwrap(), [0xfe, 0x00]);
    assert!(commit(&store, []).await.unwrap() > sequence);
}

#[tokio::test]
async fn an_account_comes_after_those_above_it() {
    let dir = tempfile::tempdir().unwrap();
    fleet(dir.path()).await;
    let (text, _) = exported(dir.path());
    let order: Vec<bool> = text.lines().skip(1).take(3).map(|line| line.contains("\"master\"")).collect();
    assert_eq!(order, [true, false, false]);
    assert!(text.lines().nth(3).unwrap().contains("\"grandchild\""));
}

#[tokio::test]
async fn a_file_cut_short_is_refused_and_leaves_nothing() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fleet(dir.path()).await;
    let (text, _) = exported(dir.path());
    let whole_lines: String = text.split_inclusive('\n').take(20).collect();
    let refused = import(copy.path(), whole_lines.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("cut short"), "{refused}");
    let refused = import(copy.path(), &text.as_bytes()[..text.len() / 2]).unwrap_err().to_string();
    assert!(refused.contains("line ") && refused.contains("is wrong"), "{refused}");
    import(copy.path(), text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_wrong_line_is_named_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    fleet(dir.path()).await;
    let (text, _) = exported(dir.path());
    let lines: Vec<&str> = text.lines().collect();
    let doubled = [&lines[..6], &lines[5..]].concat().join("\n");
    let headless = lines[1..].join("\n");
    let unknown = text.replacen("\"text\":", "\"size\":1,\"text\":", 1);
    let orphaned = [&lines[..1], &lines[3..]].concat().join("\n");
    let newer = text.replacen("\"format\":1", "\"format\":2", 1);
    let trailing = format!("{text}{}\n", lines[5]);
    for (wrong, sentence) in [
        (doubled, "line 7 of the export is wrong: the document"),
        (headless, "line 1 of the export is wrong: an export begins with its header"),
        (unknown, "unknown field `size`"),
        (orphaned, "line 2 of the export is wrong: there is no document"),
        (newer, "line 1 of the export is wrong: this is an export of format 2"),
        (trailing, "there is more after the end"),
    ] {
        let copy = tempfile::tempdir().unwrap();
        let refused = import(copy.path(), wrong.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(sentence), "{refused}");
        assert!(check(copy.path()).unwrap_err().to_string().contains("no database"));
    }
}

#[tokio::test]
async fn nothing_is_imported_over_a_database() {
    let dir = tempfile::tempdir().unwrap();
    fleet(dir.path()).await;
    let (text, counts) = exported(dir.path());
    let refused = import(dir.path(), text.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("holds a database already"), "{refused}");
    assert_eq!(check(dir.path()).unwrap().counts, counts);
}

#[tokio::test]
async fn an_interrupted_import_is_no_database_and_can_be_repeated() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fleet(dir.path()).await;
    let (text, counts) = exported(dir.path());
    import(copy.path(), text.as_bytes()).unwrap();
    let marker = copy.path().join("checksync.json");
    fs::write(&marker, fs::read_to_string(&marker).unwrap().replace("ready", "importing")).unwrap();
    let refused = SledStore::open(Options::new(copy.path())).unwrap_err().to_string();
    assert!(refused.contains("import again"), "{refused}");
    assert_eq!(import(copy.path(), text.as_bytes()).unwrap(), counts);
}

#[tokio::test]
async fn a_database_that_cannot_be_sealed_is_imported_and_checked_all_the_same() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fleet(dir.path()).await;
    let (text, counts) = exported(dir.path());
    fs::create_dir_all(copy.path().join("seal/in the way")).unwrap();
    assert_eq!(import(copy.path(), text.as_bytes()).unwrap(), counts);
    assert_eq!(check(copy.path()).unwrap().counts, counts);
    assert_eq!(exported(copy.path()), (text, counts));
}

#[tokio::test]
async fn checking_and_exporting_make_no_database() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("absent")] {
        assert!(matches!(check(&path), Err(StoreError::Io(_))));
        assert!(export(&path, Vec::new()).is_err());
    }
    assert!(!dir.path().join("absent").exists());
    assert!(!dir.path().join("sled").exists());
}

/// Everything there is, some of it in bytes that are no text. Returns the last sequence.
async fn fleet(dir: &Path) -> u64 {
    let store = SledStore::open(Options::new(dir)).unwrap();
    settle(&store).await;
    let grandchild = account(id(0), &[MASTER, CHILD], &json!({"name": "grandchild"}));
    let person = user(id(51), CHILD, &json!({"first_name": "Zoë", "extra": {"kept": [1, null]}}));
    commit(&store, [put(grandchild), put(person)]).await.unwrap();
    commit(&store, (0..40).map(|number| put(phone(number, CHILD)))).await.unwrap();
    let mut notes = vec![note(Table::Held, b"a", "{}"), note(Table::Binding, b"\xff", "")];
    notes[1].value = Some(vec![0xfe, 0x00]);
    notes.push(note(Table::Token, b"b", ""));
    store.jot(notes).await.unwrap();
    commit(&store, [Step::Mark(Scope::Account(CHILD)), Step::Mark(Scope::Everything)]).await.unwrap()
}

fn exported(dir: &Path) -> (String, Counts) {
    let mut bytes = Vec::new();
    let counts = export(dir, &mut bytes).unwrap();
    (String::from_utf8(bytes).unwrap(), counts)
}
