//! What each phone last fetched, to the letter but for its secrets: so that what would change can be shown.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::{Fetch, Means};
use crate::device::Device;
use crate::files::{Instead, Sight};
use crate::id::Id;
use crate::store::{MAX_VALUE, Note, Store, StoreError, Table};

/// No file is longer than this, in bytes.
const LONGEST: u64 = 1 << 20;

/// The note that keeps what was fetched. It removes the one before where that cannot be said any more, because the
/// file has changed since or is too long to be kept.
pub(super) async fn note(means: &Means, device: &Device, fetch: &Fetch) -> Note {
    let copy = copy(means, device, fetch).await.filter(|copy| copy.len() <= MAX_VALUE);
    Note { table: Table::Copy, key: key(fetch.device, &fetch.name), value: copy }
}

async fn copy(means: &Means, device: &Device, fetch: &Fetch) -> Option<Vec<u8>> {
    let given = means.files.of(device).await.ok()?;
    given.file(&fetch.name).filter(|file| file.rendered.digest == fetch.digest)?;
    let masked = means.files.supposed(device, &Instead::Nothing, Sight::Masked).await.ok()?;
    deflate(&masked.file(&fetch.name)?.rendered.body)
}

/// What a device's phone last fetched under this name, with its secrets masked; `None` where it is not known.
pub async fn fetched(store: &dyn Store, device: Id, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let copy = store.note(Table::Copy, &key(device, name)).await?;
    Ok(copy.and_then(|copy| inflate(&copy)))
}

fn key(device: Id, name: &str) -> Vec<u8> {
    [device.as_bytes(), name.as_bytes()].concat()
}

fn deflate(text: &[u8]) -> Option<Vec<u8>> {
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(text).ok()?;
    deflated.finish().ok()
}

fn inflate(deflated: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    DeflateDecoder::new(deflated).take(LONGEST).read_to_end(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was_and_no_longer_than_a_file_can_be() {
        let text = "account.1.label = Desk\n".repeat(300);
        let kept = deflate(text.as_bytes()).unwrap();
        assert!(kept.len() < text.len() / 20);
        assert_eq!(inflate(&kept).unwrap(), text.as_bytes());
        let bomb = deflate(&vec![0; 5 << 20]).unwrap();
        assert_eq!(inflate(&bomb).unwrap().len() as u64, LONGEST);
        assert_eq!(inflate(b"\xffno"), None);
    }
}
