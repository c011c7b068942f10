//! The HTTP content coding `aes128gcm` (RFC 8188).

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use hkdf::Hkdf;
use sha2::Sha256;

use super::Unsealable;

/// Bytes of a whole record.
const RECORD: u16 = 4096;

/// Bytes of a record that are not of the file: the delimiter and the authentication tag.
const OVERHEAD: usize = 17;

/// A header with a name of no bytes for the key, and records of [`RECORD`] bytes, the last one shorter (section 2). Key
/// and nonces come of the salt, so that no nonce is used twice with one key unless salt and file are the same.
pub(super) fn seal(ikm: &[u8], salt: [u8; 16], plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let derived = Hkdf::<Sha256>::new(Some(&salt), ikm);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derived.expand(b"Content-Encoding: aes128gcm\0", &mut key).map_err(|_| Unsealable)?;
    derived.expand(b"Content-Encoding: nonce\0", &mut nonce).map_err(|_| Unsealable)?;
    let cipher = Aes128Gcm::new(&key.into());
    let mut made = [&salt[..], &u32::from(RECORD).to_be_bytes(), &[0]].concat();
    for (number, text) in records(plain).iter().enumerate() {
        let sealed = cipher.encrypt(&numbered(nonce, number).into(), &text[..]).map_err(|_| Unsealable)?;
        made.extend_from_slice(&sealed);
    }
    Ok(made)
}

/// What stands in the records: parts of the file, each with the delimiter that says whether it is the last.
fn records(plain: &[u8]) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> =
        plain.chunks(usize::from(RECORD) - OVERHEAD).map(|part| [part, &[1][..]].concat()).collect();
    match records.last_mut().and_then(|last| last.last_mut()) {
        Some(delimiter) => *delimiter = 2,
        None => records.push(vec![2]),
    }
    records
}

/// The nonce of a record: its number, counted from 0, mixed into that of the file (section 2.3).
fn numbered(mut nonce: [u8; 12], number: usize) -> [u8; 12] {
    for (to, from) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
        *to ^= from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Base64url without padding, as the RFC writes its examples.
    fn read(text: &str) -> Vec<u8> {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = text.chars().flat_map(|c| {
            let value = alphabet.find(c).unwrap();
            (0..6).rev().map(move |bit| value >> bit & 1)
        });
        let bits: Vec<usize> = bits.collect();
        let byte = |bits: &[usize]| u8::try_from(bits.iter().fold(0, |byte, bit| byte << 1 | bit)).unwrap();
        bits.chunks_exact(8).map(byte).collect()
    }

    #[test]
    fn the_example_of_rfc_8188_section_3_1_is_what_we_make() {
        let ikm = read("yqdlZ-tYemfogSmv7Ws5PQ");
        let salt = read("I1BsxtFttlv3u_Oo94xnmw").try_into().unwrap();
        let rfc = "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg";
        assert_eq!(seal(&ikm, salt, b"I am the walrus").unwrap(), read(rfc));
    }

    #[test]
    fn no_two_records_have_the_same_nonce() {
        let nonce = [7; 12];
        assert_eq!(numbered(nonce, 0), nonce);
        assert_eq!(numbered(nonce, 0x0102), [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7 ^ 1, 7 ^ 2]);
    }

    #[test]
    fn a_file_that_fills_its_records_ends_with_one_that_is_full() {
        for (length, records) in [(0, 1), (1, 1), (4079, 1), (4080, 2), (2 * 4079, 2), (2 * 4079 + 1, 3)] {
            let made = seal(b"sixteen-letters1", [1; 16], &vec![b'x'; length]).unwrap();
            assert_eq!(made.len(), 21 + length + OVERHEAD * records, "{length}");
        }
    }
}
