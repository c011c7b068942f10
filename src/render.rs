//! From templates and settings to the file a phone is given, and the digest that stands for it.

use std::fmt;

use bytes::Bytes;

use crate::catalog::{Entry, File};
use crate::id::Digest;
use crate::settings::Settings;
use crate::template::{Finding, Set};

/// A file as a phone is given it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its bytes.
    pub body: Bytes,
    /// Its `Content-Type`.
    pub content_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// The file may hold passwords: it is not shown.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendered {} {}", self.content_type, self.digest)
    }
}

/// Renders a file. The same set and settings give the same bytes, at any time and on any machine.
pub fn render(set: &Set, entry: Entry<'_>, file: &File, settings: &Settings) -> Result<Rendered, Finding> {
    let body = Bytes::from(set.render(entry, file, settings)?);
    Ok(Rendered { digest: Digest::of(&body), content_type: file.content_type.clone(), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_shows_nothing_of_the_file() {
        let digest = Digest::of(b"hidden");
        let file = Rendered { body: "hidden".into(), content_type: "text/plain".to_owned(), digest };
        assert_eq!(format!("{file:?}"), format!("Rendered text/plain {digest}"));
    }
}
