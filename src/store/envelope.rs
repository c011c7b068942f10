//! How a value lies in the tree: a format byte and a checksum in front, so that damage is seen when it is read.

const FORMAT: u8 = 1;
const HEAD: usize = 5;

/// Wraps a payload for storage under `key`: `[format u8][CRC-32 of key and payload, little endian][payload]`.
pub(super) fn wrap(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD + payload.len());
    value.push(FORMAT);
    value.extend_from_slice(&checksum(key, payload).to_le_bytes());
    value.extend_from_slice(payload);
    value
}

/// The payload, and its checksum; `None` when it is damaged, or was written under another key.
pub(super) fn unwrap<'v>(key: &[u8], value: &'v [u8]) -> Option<(&'v [u8], u32)> {
    let (head, payload) = value.split_at_checked(HEAD)?;
    let noted = u32::from_le_bytes(head[1..].try_into().ok()?);
    (head[0] == FORMAT && noted == checksum(key, payload)).then_some((payload, noted))
}

/// The CRC-32 of the key and the payload.
pub(super) fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_unwrapped_under_its_own_key_only() {
        let value = wrap(b"d1", b"{}");
        assert_eq!(unwrap(b"d1", &value), Some((&b"{}"[..], checksum(b"d1", b"{}"))));
        assert_eq!(unwrap(b"d2", &value), None);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let value = wrap(b"d1", br#"{"name":"a"}"#);
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unwrap(b"d1", &damaged), None, "bit {bit}");
        }
        for length in 0..value.len() {
            assert_eq!(unwrap(b"d1", &value[..length]), None, "length {length}");
        }
    }
}
