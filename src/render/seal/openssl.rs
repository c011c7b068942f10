//! What `openssl enc -aes-256-cbc -k KEY` writes.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use md5::Digest;

const MAGIC: &[u8] = b"Salted__";

/// `Salted__`, the salt, and AES-256 in CBC mode with PKCS #7 padding. Key and initialization vector are derived from
/// the password and the salt (openssl-enc(1), "NOTES").
pub(super) fn seal<D: Digest>(password: &[u8], salt: [u8; 8], plain: &[u8]) -> Vec<u8> {
    let (key, iv) = derive::<D>(password, salt);
    let encryptor = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into());
    [MAGIC, &salt, &encryptor.encrypt_padded_vec::<Pkcs7>(plain)].concat()
}

/// Digests of the one before, the password and the salt, one after another, as many as it takes
/// (`EVP_BytesToKey(3)` with a count of one).
fn derive<D: Digest>(password: &[u8], salt: [u8; 8]) -> ([u8; 32], [u8; 16]) {
    let (mut made, mut last) = (Vec::with_capacity(64), Vec::new());
    while made.len() < 48 {
        last = D::new().chain_update(&last).chain_update(password).chain_update(salt).finalize().to_vec();
        made.extend_from_slice(&last);
    }
    let (mut key, mut iv) = ([0; 32], [0; 16]);
    key.copy_from_slice(&made[..32]);
    iv.copy_from_slice(&made[32..48]);
    (key, iv)
}
