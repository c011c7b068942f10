//! What a file is, and the digest of its bytes.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;

use sha2::{Digest as _, Sha256};

use crate::id::hex;

/// How much is read at a time, in bytes.
const PIECE: usize = 1 << 16;

/// What changes when a file is written or another takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) bytes: u64,
    place: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            bytes: found.len(),
            place: (found.dev(), found.ino()),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// When it was last written, in Unix seconds.
    pub(super) fn modified(&self) -> u64 {
        u64::try_from(self.modified.0).unwrap_or_default()
    }
}

/// The SHA-256 of a file, as 64 lower-case hexadecimal digits. One that is written meanwhile has none.
pub(super) fn sha256(mut file: &File, identity: Identity) -> io::Result<String> {
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
    }
    if Identity::of(file)? == identity {
        Ok(hex(&hasher.finalize()))
    } else {
        Err(io::Error::other("it is being written"))
    }
}
