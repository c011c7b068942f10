//! The map of the house: who may look at whom. A change of the map is a change of this table and of
//! `ARCHITECTURE.md`.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A storey, and its rooms in reading order.
struct Storey {
    name: &'static str,
    rooms: &'static [&'static str],
    /// Whether its rooms may look at those before them in the same storey.
    neighbours: bool,
    /// Words that its code must not contain.
    never: &'static [&'static str],
}

const PURE: &[&str] =
    &["std::fs", "std::net::Udp", "std::net::Tcp", "tokio::", "async fn", "::now()", "actix_web"];

const HOUSE: &[Storey] = &[
    Storey {
        name: "facts",
        rooms: &[
            "id", "document", "device", "account", "user", "zone", "schema", "sip", "tftp", "catalog",
            "pack", "settings",
        ],
        neighbours: true,
        never: PURE,
    },
    Storey {
        name: "reasoning",
        rooms: &["template", "render", "explain", "resync", "auth"],
        neighbours: true,
        never: PURE,
    },
    Storey {
        name: "ground",
        rooms: &["store", "files", "statics", "uploads", "registrations", "sightings", "circle"],
        neighbours: true,
        never: &["actix_web"],
    },
    Storey { name: "doors", rooms: &["provision", "api", "watch", "wire"], neighbours: false, never: &[] },
    Storey { name: "roof", rooms: &["config", "demo", "app", "cli"], neighbours: true, never: &[] },
];

/// Rooms that are worlds of their own: they mention no other room at all.
const ALONE: &[&str] = &["sip", "tftp", "zone", "schema", "id"];

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file with the room it belongs to, and its text without comments and tests.
fn code() -> Vec<(String, PathBuf, String)> {
    let root = source();
    let paths = files_below(&root);
    let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let tests: BTreeSet<String> = texts.iter().flat_map(|text| test_files(text)).collect();
    let mut found = Vec::new();
    for (path, text) in paths.into_iter().zip(&texts) {
        let inside = path.strip_prefix(&root).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = first.trim_end_matches(".rs").to_owned();
        if tests.contains(path.file_stem().unwrap().to_str().unwrap()) {
            continue;
        }
        let code: Vec<&str> =
            without_tests(text).lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        found.push((room, path, code.join("\n")));
    }
    found
}

/// The names of the files that a text has for its tests only: `#[cfg(test)] mod world;`.
fn test_files(text: &str) -> Vec<String> {
    let declared = text.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let name = rest.trim_start().strip_prefix("mod ")?.split([';', ' ']).next()?;
        rest.trim_start().starts_with(&format!("mod {name};")).then(|| name.to_owned())
    });
    declared.collect()
}

/// What stands before the tests at a file's end.
fn without_tests(text: &str) -> &str {
    let tests = text.match_indices("\n#[cfg(test)]\n").find(|(at, _)| text[*at..].contains("\nmod tests {"));
    tests.map_or(text, |(at, _)| &text[..at])
}

/// The rooms that a text names by `crate::room`, also in `use crate::{a, b}`.
fn mentioned(text: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    text.split("crate::").skip(1).map(name).filter(|room| !room.is_empty()).collect()
}

fn place(room: &str) -> Option<(usize, usize)> {
    HOUSE.iter().enumerate().find_map(|(storey, s)| Some((storey, s.rooms.iter().position(|r| *r == room)?)))
}

fn may_look(from: &str, at: &str) -> bool {
    let (Some((from_storey, from_place)), Some((at_storey, at_place))) = (place(from), place(at)) else {
        return false;
    };
    let neighbour = HOUSE[from_storey].neighbours && at_place < from_place;
    from == at
        || (!ALONE.contains(&from) && (at_storey < from_storey || at_storey == from_storey && neighbour))
}

#[test]
fn every_room_is_on_the_map_and_every_room_of_the_map_stands() {
    let stands: BTreeSet<String> = code().into_iter().map(|(room, ..)| room).collect();
    let mapped: BTreeSet<String> = HOUSE.iter().flat_map(|s| s.rooms).map(ToString::to_string).collect();
    let doors_of_the_house = BTreeSet::from(["lib".to_owned(), "main".to_owned()]);
    assert_eq!(&stands - &doors_of_the_house, mapped);
}

#[test]
fn code_looks_only_at_rooms_above_its_own() {
    let mut wrong = Vec::new();
    for (room, path, text) in code() {
        if ["lib", "main"].contains(&room.as_str()) {
            continue;
        }
        for at in mentioned(&text) {
            if !may_look(&room, &at) {
                wrong.push(format!("`{room}` reaches into `{at}` ({})", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_have_no_clock_no_io_and_nothing_asynchronous() {
    let mut wrong = Vec::new();
    for (room, path, text) in code() {
        let Some((storey, _)) = place(&room) else { continue };
        for word in HOUSE[storey].never.iter().filter(|word| text.contains(**word)) {
            wrong.push(format!("`{room}` is {} and says `{word}` ({})", HOUSE[storey].name, path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_library_lists_the_rooms_in_the_order_of_the_map() {
    let text = fs::read_to_string(source().join("lib.rs")).unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mapped: Vec<&str> = HOUSE.iter().flat_map(|storey| storey.rooms).copied().collect();
    assert_eq!(listed, mapped);
}

#[test]
fn the_page_about_the_architecture_names_every_room() {
    let page = fs::read_to_string(source().join("../ARCHITECTURE.md")).unwrap();
    let missing: Vec<&str> = HOUSE
        .iter()
        .flat_map(|s| s.rooms)
        .copied()
        .filter(|room| !page.contains(&format!("`{room}`")))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {missing:?}");
}

#[test]
fn the_map_itself_refuses_what_it_should() {
    assert!(may_look("render", "template") && may_look("provision", "files") && may_look("app", "wire"));
    assert!(!may_look("render", "provision"), "`render` reaches into `provision`");
    assert!(!may_look("api", "wire") && !may_look("sip", "id") && !may_look("device", "settings"));
    assert_eq!(
        mentioned("use crate::id::Id; crate::wire::run()"),
        BTreeSet::from(["id".into(), "wire".into()])
    );
}
