//! Why a catalog cannot be used, and where in its text.

/// A catalog file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("catalog {brand}.toml: {message}")]
pub struct CatalogError {
    /// The brand, from the file's name.
    pub brand: String,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// Where in its text, in bytes, where that is known.
    pub at: Option<usize>,
    /// Which key or element of a list is meant, where that is known: `families.t4x.files`.
    pub path: Option<String>,
}

impl CatalogError {
    /// A text that is no TOML, or not that of a catalog.
    pub(super) fn unreadable(brand: &str, error: &toml::de::Error) -> Self {
        let message = format!("{}: templates/README.md tells what a catalog may say", error.message().trim());
        Self { brand: brand.to_owned(), message, at: error.span().map(|span| span.start), path: None }
    }

    /// Something wrong at a path.
    pub(super) fn wrong(brand: &str, (path, message): (String, String)) -> Self {
        Self { brand: brand.to_owned(), message, at: None, path: Some(path) }
    }
}
