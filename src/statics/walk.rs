//! What lies in the folder.

use cap_std::fs::{Dir, DirEntry};

use super::name::{DEEPEST, Name};

/// The most files that are listed.
const FILES: usize = 10_000;

/// The names of all files, sorted. A symlink to a folder above ends where names are too deep.
pub(super) fn names(folder: &Dir) -> Vec<Name> {
    let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(above) = folders.pop() {
        for name in entries(folder, &above) {
            if folder.is_dir(name.as_str()) {
                folders.extend((name.parts().count() < DEEPEST).then(|| name.to_string()));
            } else if folder.is_file(name.as_str()) {
                found.push(name);
            }
        }
        if found.len() + folders.len() > FILES {
            tracing::warn!(most = FILES, "there are more static files than are listed");
            break;
        }
    }
    found.sort();
    found.truncate(FILES);
    found
}

/// What lies in a folder and is not hidden.
fn entries(folder: &Dir, above: &str) -> Vec<Name> {
    let listed = folder.read_dir(if above.is_empty() { "." } else { above });
    let listed = listed.into_iter().flatten().filter_map(Result::ok);
    let name = |entry: DirEntry| Name::parse(&format!("{above}/{}", entry.file_name().to_str()?));
    listed.filter_map(name).collect()
}
