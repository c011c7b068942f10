//! From templates and settings to the file a phone is given, and the digest that stands for it.

use bytes::Bytes;

use crate::catalog::{Entry, File};
use crate::id::Digest;
use crate::settings::Settings;
use crate::template::{Finding, Set};

/// A file as a phone is given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its bytes.
    pub body: Bytes,
    /// Its `Content-Type`.
    pub content_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// Renders a file. The same set and settings give the same bytes, at any time and on any machine.
pub fn render(set: &Set, entry: Entry<'_>, file: &File, settings: &Settings) -> Result<Rendered, Finding> {
    let body = Bytes::from(set.render(entry, file, settings)?);
    Ok(Rendered { digest: Digest::of(&body), content_type: file.content_type.clone(), body })
}
