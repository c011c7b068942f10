//! AES-128 in ECB mode, as Yealink's phones undo it.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};

use super::Unsealable;

const BLOCK: usize = 16;

/// How many line feeds end a file at least: as many as their own value, so that they are PKCS #7 padding.
const FEEDS: usize = b'\n' as usize;

/// Every block by itself, the file filled up with line feeds. The guides do not say how files are filled up, and there
/// are tools that write blanks and tools that write PKCS #7. Ten line feeds are both: a phone that takes padding away
/// finds it, and one that does not finds empty lines.
pub(super) fn seal(key: &[u8], plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let key: [u8; BLOCK] = key.try_into().map_err(|_| Unsealable)?;
    let cipher = Aes128::new(&key.into());
    let mut made = plain.to_vec();
    made.resize((plain.len() + FEEDS).next_multiple_of(BLOCK), b'\n');
    for block in made.as_chunks_mut::<BLOCK>().0 {
        cipher.encrypt_block(block.into());
    }
    Ok(made)
}
