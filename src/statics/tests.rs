//! What is found in a folder, and what never is.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;

use super::*;

/// Of `x`, by coreutils.
const X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

fn folder() -> (tempfile::TempDir, Statics) {
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().join("files");
    fs::create_dir_all(root.join("yealink/t4x")).unwrap();
    fs::create_dir_all(root.join(".git")).unwrap();
    for (path, text) in [
        ("yealink/a.rom", "x"),
        ("yealink/t4x/a.rom", "y"),
        ("logo.png", "z"),
        (".hidden", "x"),
        (".git/config", "x"),
        ("../secret", "x"),
    ] {
        fs::write(root.join(path), text).unwrap();
    }
    let statics = Statics::open(&root).unwrap();
    (outside, statics)
}

async fn find(statics: &Statics, name: &str) -> Option<(String, String)> {
    let mut found = statics.find(vec![Name::parse(name)?]).await?;
    let mut text = String::new();
    std::io::Seek::rewind(&mut found.file).unwrap();
    found.file.read_to_string(&mut text).unwrap();
    assert_eq!(text.len() as u64, found.bytes);
    Some((text, found.sha256))
}

#[tokio::test]
async fn a_file_is_found_with_its_digest_and_the_first_of_several_names_counts() {
    let (_folder, statics) = folder();
    assert_eq!(find(&statics, "yealink/a.rom").await.unwrap(), ("x".to_owned(), X.to_owned()));
    let names =
        ["nothing", "yealink/t4x", "yealink/t4x/a.rom", "yealink/a.rom"].map(|n| Name::parse(n).unwrap());
    let found = statics.find(names.into()).await.unwrap();
    assert_eq!(found.name.as_str(), "yealink/t4x/a.rom");
    assert!(Statics::default().find(vec![found.name]).await.is_none(), "there is no folder");
}

#[tokio::test]
async fn nothing_outside_the_folder_is_opened() {
    let (outside, statics) = folder();
    let root = outside.path().join("files");
    symlink("../secret", root.join("up")).unwrap();
    symlink(outside.path().join("secret"), root.join("away")).unwrap();
    symlink("..", root.join("yealink/above")).unwrap();
    symlink("../..", root.join("yealink/outside")).unwrap();
    symlink("yealink/a.rom", root.join("latest.rom")).unwrap();
    assert_eq!(find(&statics, "latest.rom").await.unwrap().0, "x");
    assert_eq!(find(&statics, "yealink/above/logo.png").await.unwrap().0, "z");
    for hostile in ["up", "away", "yealink/outside/secret", "../secret", ".hidden", ".git/config", "yealink"]
    {
        assert_eq!(find(&statics, hostile).await, None, "{hostile}");
    }
}

#[tokio::test]
async fn a_file_that_is_written_anew_has_another_digest() {
    let (outside, statics) = folder();
    assert_eq!(find(&statics, "yealink/a.rom").await.unwrap().1, X);
    fs::write(outside.path().join("files/new"), "longer").unwrap();
    fs::rename(outside.path().join("files/new"), outside.path().join("files/yealink/a.rom")).unwrap();
    let (text, digest) = find(&statics, "yealink/a.rom").await.unwrap();
    assert_eq!((text.as_str(), digest == X), ("longer", false));
}

#[tokio::test]
async fn a_folder_that_takes_the_place_of_another_is_served() {
    let (outside, statics) = folder();
    let root = outside.path().join("files");
    fs::rename(&root, outside.path().join("before")).unwrap();
    assert_eq!(find(&statics, "logo.png").await, None);
    fs::create_dir(&root).unwrap();
    fs::write(root.join("logo.png"), "new").unwrap();
    assert_eq!(find(&statics, "logo.png").await.unwrap().0, "new");
}

#[tokio::test]
async fn a_list_has_every_file_once_and_nothing_that_is_hidden() {
    let (outside, statics) = folder();
    let root = outside.path().join("files");
    symlink("..", root.join("yealink/t4x/loop")).unwrap();
    let listed = statics.list().await;
    let names: Vec<&str> = listed.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(&names[..2], ["logo.png", "yealink/a.rom"]);
    assert!(names.iter().all(|name| !name.contains("/.") && !name.starts_with('.')), "{names:?}");
    assert!(names.len() < 50, "a loop ends: {names:?}");
    assert_eq!((listed[1].bytes, listed[1].sha256.as_str()), (1, X));
    assert!(listed[1].modified > 1_600_000_000);
}

#[test]
fn a_pipe_is_no_file() {
    let (outside, statics) = folder();
    let pipe = outside.path().join("files/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let shelf = statics.0.unwrap();
    assert!(shelf.find(vec![Name::parse("pipe").unwrap()]).is_none());
}
