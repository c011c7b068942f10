//! What a transfer sends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

use super::super::{Found, statics};
use crate::statics::StaticFile;
use crate::tftp::{Mode, netascii};

/// The longest static file that is sent as a text, in bytes: it is read whole.
const LONGEST_TEXT: u64 = 1 << 20;

/// Why a file is not sent as a text.
pub(super) const BINARY: &str = "this file is no text: ask for it in octet mode";

/// Why a file is not sent at all.
const CODED: &str = "the file's encryption is told by a header, which TFTP has not";
const UNREADABLE: &str = "the file cannot be read";

/// What is sent.
#[derive(Debug)]
pub(super) enum Content {
    Memory(Bytes),
    File(File, u64),
}

impl Content {
    /// What is sent of what was found, in this mode.
    pub(super) async fn of(found: &Found, mode: Mode) -> Result<Self, &'static str> {
        match (found, mode) {
            (_, Mode::Other) => Err("TFTP in a mode that nobody uses any more"),
            (Found::Rendered(given, at), mode) => {
                let rendered = &given.files[*at].rendered;
                let body = rendered.body.clone();
                if rendered.encryption.is_some_and(|encryption| encryption.content_coding().is_some()) {
                    return Err(CODED);
                }
                if rendered.encryption.is_some() && mode == Mode::Netascii {
                    return Err(BINARY);
                }
                Ok(Self::Memory(if mode == Mode::Octet { body } else { netascii(&body).into() }))
            }
            (Found::Sent(_, sent), Mode::Octet) => Ok(Self::Memory(sent.body().clone())),
            (Found::Sent(_, sent), Mode::Netascii) => Ok(Self::Memory(netascii(sent.body()).into())),
            (Found::Static(found), Mode::Netascii) => text(found).await,
            (Found::Static(found), Mode::Octet) => Self::file(found),
        }
    }

    fn file(found: &StaticFile) -> Result<Self, &'static str> {
        found.file.try_clone().map(|file| Self::File(file, found.bytes)).map_err(|_| UNREADABLE)
    }

    /// The most bytes that [`Content::of`] holds of what is nobody else's: as a text, each byte may become two.
    pub(super) fn weight(found: &Found, mode: Mode) -> usize {
        let own = |bytes: usize| if mode == Mode::Netascii { bytes.saturating_mul(3) } else { bytes };
        match found {
            Found::Rendered(given, at) if mode == Mode::Netascii => {
                given.files[*at].rendered.body.len().saturating_mul(2)
            }
            Found::Sent(_, sent) => own(sent.body().len()),
            Found::Static(found) if mode == Mode::Netascii && is_text(found) => {
                own(usize::try_from(found.bytes).unwrap_or(usize::MAX))
            }
            Found::Rendered(..) | Found::Static(_) => 0,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Memory(body) => body.len() as u64,
            Self::File(_, bytes) => *bytes,
        }
    }

    /// These bytes. A file that has become shorter has them no more.
    pub(super) fn read(&self, place: std::ops::Range<u64>) -> io::Result<Vec<u8>> {
        let at = |place: u64| usize::try_from(place).map_err(io::Error::other);
        match self {
            Self::Memory(body) => Ok(body[at(place.start)?..at(place.end)?].to_vec()),
            Self::File(file, _) => {
                let mut bytes = vec![0; at(place.end - place.start)?];
                file.read_exact_at(&mut bytes, place.start).map(|()| bytes)
            }
        }
    }
}

/// Whether a static file is sent as a text: its name says that it is one, and it is not too long.
fn is_text(found: &StaticFile) -> bool {
    found.bytes <= LONGEST_TEXT && statics::kind(&found.name).type_() == mime_guess::mime::TEXT
}

/// A static file as a text.
async fn text(found: &StaticFile) -> Result<Content, &'static str> {
    if !is_text(found) {
        return Err(BINARY);
    }
    let file = Content::file(found)?;
    let read = move || file.read(0..file.bytes()).map(|text| netascii(&text));
    let read = tokio::task::spawn_blocking(read).await.map_err(|_| UNREADABLE)?;
    read.map(|text| Content::Memory(text.into())).map_err(|_| UNREADABLE)
}
