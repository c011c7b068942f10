//! Names of static files: paths in the folder that lead nowhere else.

use std::fmt;

use serde::Serialize;

/// How long a name may be, in bytes, and each of its parts.
const LONGEST: usize = 1024;
const LONGEST_PART: usize = 255;

/// How many folders may lie in each other, and the file.
pub(super) const DEEPEST: usize = 8;

/// A path below the folder, its parts joined with `/`: none begins with a dot, and none holds a control character or a
/// backslash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(String);

impl Name {
    /// Reads a path. Slashes that repeat, and those at either end, say nothing.
    pub fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let right = (1..=DEEPEST).contains(&parts.len()) && path.len() <= LONGEST;
        (right && parts.iter().all(|part| is_plain(part))).then(|| Self(parts.join("/")))
    }

    /// The name below these folders.
    pub fn below(&self, folders: &str) -> Option<Self> {
        Self::parse(&format!("{folders}/{}", self.0))
    }

    /// What it is without these folders, if it begins with them.
    pub fn without(&self, folders: &str) -> Option<Self> {
        self.0.strip_prefix(folders.trim_matches('/'))?.strip_prefix('/').and_then(Self::parse)
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, of which the last is the file.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(part: &str) -> bool {
    part.len() <= LONGEST_PART
        && !part.starts_with('.')
        && !part.contains(|c: char| c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> Option<String> {
        Name::parse(path).map(|name| name.to_string())
    }

    #[test]
    fn a_name_leads_downwards_to_what_is_not_hidden() {
        assert_eq!(parsed("/yealink//t4x/a b.rom/").unwrap(), "yealink/t4x/a b.rom");
        for wrong in ["", "/", "..", "a/../b", "a/./b", ".git/config", "a/.b", "a\\..\\b", "a\0b", "a\nb"] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
        assert!(parsed(&"a/".repeat(DEEPEST)).is_some() && parsed(&"a/".repeat(DEEPEST + 1)).is_none());
        assert!(parsed(&"a".repeat(255)).is_some() && parsed(&"a".repeat(256)).is_none());
    }

    #[test]
    fn folders_are_put_before_a_name_and_taken_away() {
        let name = Name::parse("phones/a.rom").unwrap();
        assert_eq!(name.below("yealink/t4x").unwrap().as_str(), "yealink/t4x/phones/a.rom");
        assert_eq!(name.without("/phones/").unwrap().as_str(), "a.rom");
        assert!(name.without("/phone/").is_none() && name.without("").is_none());
    }
}
