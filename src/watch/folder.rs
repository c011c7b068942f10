//! Reading pack folders.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::pack::{Pack, Text, brand_of, is_template, listed_of};
use crate::template::Finding;

/// The longest catalog or template, in bytes.
const LONGEST: u64 = 1 << 20;
/// The most that all folders together may hold, in bytes.
const TOTAL: u64 = 32 << 20;
/// The most files in one folder tree.
const FILES: usize = 10_000;
/// How deep folders may lie in each other; a symlink to a folder above ends here.
const DEPTH: usize = 8;

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

/// Reads what is shipped and lays each folder over it, in this order. Symlinks are followed; hidden entries and
/// what editors leave behind are passed over.
pub fn load(packs: &[PathBuf]) -> Result<Pack, LoadError> {
    let mut all = Pack::shipped();
    let mut reader = Reader::default();
    for root in packs {
        all.overlay(reader.pack(root)?);
    }
    if reader.found.is_empty() { Ok(all) } else { Err(LoadError::Files(reader.found)) }
}

#[derive(Default)]
struct Reader {
    found: Vec<Finding>,
    bytes: u64,
    files: usize,
}

impl Reader {
    fn pack(&mut self, root: &Path) -> Result<Pack, LoadError> {
        fs::read_dir(root).map_err(|source| LoadError::Folder { path: root.to_owned(), source })?;
        let [catalog, templates] = ["catalog", "templates"].map(|name| root.join(name));
        if !catalog.is_dir() && !templates.is_dir() {
            return Err(LoadError::NoPack(root.to_owned()));
        }
        let mut pack = Pack::default();
        let catalogs = self.tree(&catalog, 1, brand_of_path);
        pack.catalogs.extend(catalogs);
        pack.templates
            .extend(self.tree(&templates, DEPTH, |name| is_template(name).then(|| name.to_owned())));
        let listed = |name: &str| listed_of(name).map(str::to_owned);
        pack.parameters.extend(self.tree(&root.join("parameters"), 1, listed));
        Ok(pack)
    }

    /// The texts below a folder, by what `name` makes of their path in it; it makes nothing of what is no text
    /// of ours.
    fn tree(
        &mut self,
        root: &Path,
        depth: usize,
        name: impl Fn(&str) -> Option<String>,
    ) -> BTreeMap<String, Text> {
        let mut texts = BTreeMap::new();
        let mut folders = vec![(root.to_owned(), String::new(), depth)];
        while let Some((folder, above, depth)) = folders.pop() {
            for (entry, path) in self.entries(&folder) {
                let inner = format!("{above}{entry}");
                if path.is_dir() {
                    folders.extend((depth > 1).then(|| (path, format!("{inner}/"), depth - 1)));
                } else if let Some(name) = name(&inner) {
                    texts.extend(self.text(&path).map(|text| (name, text)));
                }
            }
        }
        texts
    }

    /// What lies in a folder and is not hidden, by name. A folder that is not there is empty.
    fn entries(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = match listed {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.found.push(finding(folder, error.to_string()));
                Vec::new()
            }
        };
        let named =
            entries.iter().filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
        let mut named: Vec<_> = named.filter(|(name, _)| !name.starts_with('.')).collect();
        named.sort();
        named
    }

    fn text(&mut self, path: &Path) -> Option<Text> {
        let text = self.read(path).map_err(|message| self.found.push(finding(path, message))).ok()?;
        Some(Text { text, origin: path.display().to_string() })
    }

    fn read(&mut self, path: &Path) -> Result<String, String> {
        if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
            return Err("this is not a file".to_owned());
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|error| error.to_string())?;
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        self.count(bytes.len() as u64)?;
        String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            format!("line {line} is not UTF-8: save the file in that encoding")
        })
    }

    fn count(&mut self, bytes: u64) -> Result<(), String> {
        self.files += 1;
        self.bytes += bytes;
        if bytes > LONGEST {
            return Err(format!("more than {LONGEST} bytes are too many for a catalog or template"));
        }
        if self.files > FILES || self.bytes > TOTAL {
            return Err(format!("the pack folders hold more than {FILES} files or {TOTAL} bytes"));
        }
        Ok(())
    }
}

fn brand_of_path(path: &str) -> Option<String> {
    brand_of(path).map(str::to_owned)
}

fn finding(path: &Path, message: String) -> Finding {
    Finding { file: path.display().to_string(), line: 0, column: 0, message }
}
