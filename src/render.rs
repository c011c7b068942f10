//! From templates and settings to the file a phone is given, and the digest that stands for it.

use std::fmt;

use bytes::Bytes;

use crate::catalog::{Encryption, Entry, File};
use crate::id::Digest;
use crate::settings::Settings;
use crate::template::{self, Finding, Set};

pub mod seal;

/// What a file that is encrypted as a whole is served as.
const OPAQUE: &str = "application/octet-stream";

/// A file as a phone is given it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its bytes.
    pub body: Bytes,
    /// Its `Content-Type`.
    pub content_type: String,
    /// How it is encrypted; `None` where it is plain.
    pub encryption: Option<Encryption>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// What its template has to say to the administrator.
    pub warnings: Vec<String>,
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
    let warnings = template::warnings();
    let content_type = file.content_type.clone();
    Ok(Rendered { digest: Digest::of(&body), content_type, encryption: None, body, warnings })
}

/// Renders a file as its phone gets it: encrypted, where it holds credentials and the settings want that.
pub fn render_sealed(
    set: &Set,
    entry: Entry<'_>,
    file: &File,
    settings: &Settings,
) -> Result<Rendered, Finding> {
    let plain = render(set, entry, file, settings)?;
    let Some(encryption) = settings.encryption.in_force().filter(|_| file.secret) else { return Ok(plain) };
    let sealed = seal::seal(encryption, &settings.encryption.key, &plain.body);
    let finding = |error: seal::Unsealable| Finding::whole(&file.template, error.to_string());
    let (body, warnings) = (Bytes::from(sealed.map_err(finding)?), plain.warnings);
    let is_coding = encryption.content_coding().is_some();
    let content_type = if is_coding { plain.content_type } else { OPAQUE.to_owned() };
    Ok(Rendered { digest: Digest::of(&body), content_type, encryption: Some(encryption), body, warnings })
}

/// Adds what the template of a file tells the administrator: of masked settings, so that no secret is in it. Each is said once.
pub fn add_warnings(
    set: &Set,
    (entry, file): (Entry<'_>, &File),
    settings: &Settings,
    warnings: &mut Vec<String>,
) {
    let mut masked = settings.clone();
    masked.mask();
    for warning in render(set, entry, file, &masked).map(|made| made.warnings).unwrap_or_default() {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_shows_nothing_of_the_file() {
        let digest = Digest::of(b"hidden");
        let file = Rendered {
            body: "hidden".into(),
            content_type: "text/plain".to_owned(),
            encryption: None,
            digest,
            warnings: Vec::new(),
        };
        assert_eq!(format!("{file:?}"), format!("Rendered text/plain {digest}"));
    }
}
