//! How a value lies in the tree: a format byte and a checksum in front, so that damage is seen when it is read. Long
//! ones are packed (LZ4, with what documents have in common known beforehand): a page of the tree is a quarter as
//! long, and a list reads a quarter as much.

use std::borrow::Cow;

use super::MAX_VALUE;

/// The payload as it is.
const PLAIN: u8 = 1;
/// The payload's length, 32 bits little endian, and the payload packed with [`WORDS`].
const PACKED: u8 = 2;
const HEAD: usize = 5;

/// Shorter payloads are not packed.
const SHORTEST: usize = 128;

/// What documents and notes have in common. What was packed with it is unpacked with it: another text is another
/// [`FORMAT`](super::meta::FORMAT).
const WORDS: &[u8] = include_bytes!("words.txt");

/// Wraps a payload for storage under `key`: `[format u8][CRC-32 of key and payload, little endian]`, and the payload
/// in the form that is shorter.
pub(super) fn wrap(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let packed = packed(payload).filter(|packed| packed.len() < payload.len());
    let (format, form) = packed.as_deref().map_or((PLAIN, payload), |packed| (PACKED, packed));
    let mut value = Vec::with_capacity(HEAD + form.len());
    value.push(format);
    value.extend_from_slice(&checksum(key, payload).to_le_bytes());
    value.extend_from_slice(form);
    value
}

/// The payload, and its checksum; `None` when it is damaged, or was written under another key.
pub(super) fn unwrap<'v>(key: &[u8], value: &'v [u8]) -> Option<(Cow<'v, [u8]>, u32)> {
    let (head, form) = value.split_at_checked(HEAD)?;
    let noted = u32::from_le_bytes(head[1..].try_into().ok()?);
    let payload = match head[0] {
        PLAIN => Cow::Borrowed(form),
        PACKED => Cow::Owned(unpacked(form)?),
        _ => return None,
    };
    (noted == checksum(key, &payload)).then_some((payload, noted))
}

/// The CRC-32 of the key and the payload.
pub(super) fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

fn packed(payload: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() >= SHORTEST)?;
    let packed = lz4_flex::block::compress_with_dict(payload, WORDS);
    Some([&length.to_le_bytes(), &packed[..]].concat())
}

fn unpacked(form: &[u8]) -> Option<Vec<u8>> {
    let (length, packed) = form.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= MAX_VALUE)?;
    let payload = lz4_flex::block::decompress_with_dict(packed, length, WORDS).ok()?;
    (payload.len() == length).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Digest;
    use crate::store::meta::FORMAT;

    fn long() -> Vec<u8> {
        br#"{"device":{"document":{"body":{"enabled":true,"media":{"audio":{"codecs":["OPUS"]}}}}}}"#
            .repeat(2)
    }

    fn read(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, u32)> {
        unwrap(key, value).map(|(payload, noted)| (payload.into_owned(), noted))
    }

    #[test]
    fn what_is_wrapped_is_unwrapped_under_its_own_key_only() {
        for payload in [b"{}".to_vec(), long(), vec![7; MAX_VALUE], Vec::new()] {
            let value = wrap(b"d1", &payload);
            let noted = checksum(b"d1", &payload);
            assert_eq!(read(b"d1", &value), Some((payload, noted)));
            assert_eq!(read(b"d2", &value), None);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        for payload in [br#"{"name":"a"}"#.to_vec(), long()] {
            let value = wrap(b"d1", &payload);
            for bit in 0..value.len() * 8 {
                let mut damaged = value.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let read = read(b"d1", &damaged);
                // LZ4 can say the same in several ways; it is damage where something else is read.
                assert!(read.is_none_or(|(found, _)| found == payload), "bit {bit}");
            }
            for length in 0..value.len() {
                assert_eq!(read(b"d1", &value[..length]), None, "length {length}");
            }
        }
    }

    #[test]
    fn a_document_is_packed_and_what_does_not_get_shorter_is_not() {
        assert!(wrap(b"d1", &long()).len() < long().len() / 2);
        let noise: Vec<u8> = (0..64_u8).flat_map(|number| *Digest::of(&[number]).as_bytes()).collect();
        assert_eq!(wrap(b"d1", &noise).len(), HEAD + noise.len());
    }

    #[test]
    fn a_length_that_nothing_has_takes_no_memory() {
        let mut value = wrap(b"d1", &long());
        value[HEAD..HEAD + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(b"d1", &value), None);
    }

    #[test]
    fn the_words_are_those_of_this_format() {
        let words = Digest::of(WORDS).to_string();
        assert_eq!(
            (FORMAT, &words[..]),
            (5, "fd5caa57ce936e7bd1db9d85db94418c"),
            "other words are another format"
        );
    }
}
