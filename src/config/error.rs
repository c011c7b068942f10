//! What is wrong with settings, where, and what would be right.

use std::path::PathBuf;

use super::{API_KEY, Origin};
use crate::schema::Invalid;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{origin}: this is not TOML: {message}")]
    Syntax {
        /// File and line.
        origin: Origin,
        /// What is wrong there.
        message: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting {name:?}; did you mean {nearest:?}? `checksync config` lists all")]
    Unknown {
        /// File and line.
        origin: Origin,
        /// What the file says.
        name: String,
        /// What it may have meant.
        nearest: &'static str,
    },
    /// A value is not what the setting takes.
    #[error("{origin}: {name} is {value}, and should be {expected}")]
    Wrong {
        /// Who says so.
        origin: Origin,
        /// Which setting.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What is expected.
        expected: String,
    },
    /// The table `[site]` is not like an account document.
    #[error("{origin}: [site] is not like an account document: {problems}")]
    Site {
        /// File and line.
        origin: Origin,
        /// What is wrong with it.
        problems: Invalid,
    },
    /// A setting is of no use without another.
    #[error("registrations_from is {value:?}, which needs {lacks} too: {why}")]
    Lacks {
        /// What `registrations_from` is.
        value: String,
        /// The setting that is empty.
        lacks: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// The API key has another form.
    #[error(
        "{API_KEY} should be 64 hexadecimal digits; `openssl rand -hex 32` makes some (what it is now is not shown)"
    )]
    ApiKey,
}
