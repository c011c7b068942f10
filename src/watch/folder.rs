//! Reading pack folders.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::walk::{CATALOG, Folder, Lies, MOST, PARAMETERS, TEMPLATES, is_hidden};
use crate::pack::{Pack, Text, brand_of, is_template, listed_of};
use crate::template::Finding;

/// The longest catalog or template, in bytes.
const LONGEST: u64 = 1 << 20;
/// The most that all folders together may hold, in bytes.
const TOTAL: u64 = 32 << 20;
/// How many findings are told.
const TOLD: usize = 100;

const LINK: &str =
    "this is a symbolic link, and none is followed in a pack: put the file or folder itself in its place";
const ODD: &str = "this is a pipe, a socket or a device, and only files are read: put a file in its place";
const NO_FOLDER: &str = "this is a file, and a folder is looked for: give the file another name";
const DEEP: &str = "this folder lies deeper than 8 in each other: put it higher up";
const NAME: &str = "its name is not UTF-8: give it another";

/// Why pack folders cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A `--pack` names no folder.
    #[error("the pack folder {} cannot be read: {source}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A `--pack` names a folder that is no pack.
    #[error("{} is no pack: it has neither a folder `catalog` nor a folder `templates`", .0.display())]
    NoPack(PathBuf),
    /// Files in it cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Files(Vec<Finding>),
}

impl LoadError {
    /// The same as findings, for where these are shown.
    pub fn findings(self) -> Vec<Finding> {
        let message = self.to_string();
        match self {
            Self::Files(found) => found,
            Self::Folder { path, .. } | Self::NoPack(path) => vec![finding(&path, message)],
        }
    }
}

/// Reads what is shipped and lays each folder over it, in this order. A folder may be named by a symbolic link, but none
/// in it is followed; hidden entries and what editors leave behind are passed over.
pub fn load(packs: &[PathBuf]) -> Result<Pack, LoadError> {
    let mut all = Pack::shipped();
    let mut reader = Reader::default();
    for root in packs {
        all.overlay(reader.pack(root)?);
    }
    if reader.found.is_empty() { Ok(all) } else { Err(LoadError::Files(told(reader.found))) }
}

/// The first findings, and how many more there are.
fn told(mut found: Vec<Finding>) -> Vec<Finding> {
    let more = found.len().saturating_sub(TOLD);
    if let Some(next) = found.get(TOLD).map(|next| next.file.clone()) {
        found.truncate(TOLD);
        found.push(finding(
            Path::new(&next),
            format!("and {more} more from here on: mend those that are told first"),
        ));
    }
    found
}

#[derive(Default)]
struct Reader {
    found: Vec<Finding>,
    bytes: u64,
    entries: usize,
}

/// What a path in a folder of a pack is the text of; nothing, where it is no text of ours.
type Name<'n> = &'n dyn Fn(&str) -> Option<String>;

impl Reader {
    fn pack(&mut self, root: &Path) -> Result<Pack, LoadError> {
        let root =
            Folder::named(root).map_err(|source| LoadError::Folder { path: root.to_owned(), source })?;
        let is_there = |name: &str| !matches!(root.get(OsStr::new(name)), Ok(Lies::File(_)) | Err(_));
        if !is_there(CATALOG.0) && !is_there(TEMPLATES.0) {
            return Err(LoadError::NoPack(root.path));
        }
        let template = |name: &str| is_template(name).then(|| name.to_owned());
        Ok(Pack {
            catalogs: self.tree(&root, CATALOG, &|name| brand_of(name).map(str::to_owned)),
            templates: self.tree(&root, TEMPLATES, &template),
            parameters: self.tree(&root, PARAMETERS, &|name| listed_of(name).map(str::to_owned)),
        })
    }

    /// The texts below a folder of a pack, which need not be there.
    fn tree(
        &mut self,
        root: &Folder,
        (tree, depth): (&str, usize),
        name: Name<'_>,
    ) -> BTreeMap<String, Text> {
        let mut texts = BTreeMap::new();
        let path = root.path.join(tree);
        match root.get(OsStr::new(tree)) {
            Ok(Lies::Folder(folder)) => self.below(&folder, "", depth, name, &mut texts),
            Ok(Lies::File(_)) => self.say(&path, NO_FOLDER),
            Ok(Lies::Link) => self.say(&path, LINK),
            Ok(Lies::Odd) => self.say(&path, ODD),
            Err(error) => self.failed(&path, &error),
        }
        texts
    }

    fn below(
        &mut self,
        folder: &Folder,
        above: &str,
        depth: usize,
        name: Name<'_>,
        texts: &mut BTreeMap<String, Text>,
    ) {
        for entry in self.names(folder) {
            let (inner, path) = (format!("{above}{entry}"), folder.path.join(&entry));
            let name_of = name(&inner);
            match (folder.get(OsStr::new(&entry)), name_of) {
                (Ok(Lies::Folder(next)), _) if depth > 1 => {
                    self.below(&next, &format!("{inner}/"), depth - 1, name, texts);
                }
                (Ok(Lies::Folder(_)), _) if !above.is_empty() => self.say(&path, DEEP),
                (Ok(Lies::Folder(_)), _) | (_, None) => {}
                (Ok(Lies::File(file)), Some(name)) => {
                    texts.extend(self.text(&path, file).map(|text| (name, text)));
                }
                (Ok(Lies::Link), _) => self.say(&path, LINK),
                (Ok(Lies::Odd), _) => self.say(&path, ODD),
                (Err(error), _) => self.failed(&path, &error),
            }
        }
    }

    /// What lies in a folder and is not hidden, by name.
    fn names(&mut self, folder: &Folder) -> Vec<String> {
        let left = MOST.saturating_sub(self.entries);
        let names = folder.names(left + 1).unwrap_or_else(|error| {
            self.failed(&folder.path, &error);
            Vec::new()
        });
        self.entries += names.len();
        if names.len() > left {
            let says = format!(
                "the pack folders have more than {MOST} files and folders: take out what is none of a pack"
            );
            self.say(&folder.path, &says);
            return Vec::new();
        }
        let seen = names.into_iter().filter(|name| !is_hidden(name));
        let texts =
            seen.map(|name| name.into_string().map_err(|name| self.say(&folder.path.join(name), NAME)));
        texts.filter_map(Result::ok).collect()
    }

    fn text(&mut self, path: &Path, file: File) -> Option<Text> {
        let text = self.read(file).map_err(|message| self.say(path, &message)).ok()?;
        Some(Text { text, origin: path.display().to_string() })
    }

    fn read(&mut self, file: File) -> Result<String, String> {
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        self.count(bytes.len() as u64)?;
        String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            format!("line {line} is not UTF-8: save the file in that encoding")
        })
    }

    fn count(&mut self, bytes: u64) -> Result<(), String> {
        self.bytes += bytes;
        if bytes > LONGEST {
            return Err(format!(
                "more than {LONGEST} bytes are too many for a catalog or template: divide it"
            ));
        }
        if self.bytes > TOTAL {
            return Err(format!(
                "the pack folders hold more than {TOTAL} bytes: take out what is none of a pack"
            ));
        }
        Ok(())
    }

    /// What is no longer there was taken away just now.
    fn failed(&mut self, path: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.say(
                path,
                &format!("this cannot be read ({error}): let the user read it whom checksync runs as"),
            );
        }
    }

    fn say(&mut self, path: &Path, message: &str) {
        self.found.push(finding(path, message.to_owned()));
    }
}

fn finding(path: &Path, message: String) -> Finding {
    Finding::whole(&path.display().to_string(), message)
}
