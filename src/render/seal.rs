//! Plain files and a key become what phones undo.
//!
//! The same file and key give the same bytes, so that an unchanged file keeps its digest and its `ETag`. What others
//! draw by chance, a salt or an initialization vector, is therefore HMAC-SHA256 of the file keyed by the key, as
//! synthetic initialization vectors are made (RFC 5297, section 1.3). Nobody without the key can tell it from chance,
//! and another file has another one. It gives away what must be given away: that two files are the same.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::catalog::Encryption;

mod aes128gcm;
mod ecb;
mod openssl;

/// The file is longer than its encryption can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file cannot be encrypted")]
pub struct Unsealable;

/// Encrypts a file. The key must be one that [`Encryption::check`] takes.
pub fn seal(encryption: Encryption, key: &str, plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let key = key.as_bytes();
    match encryption {
        Encryption::OpensslMd5 => {
            Ok(openssl::seal::<md5::Md5>(key, synthetic(encryption, key, plain), plain))
        }
        Encryption::OpensslSha256 => {
            Ok(openssl::seal::<Sha256>(key, synthetic(encryption, key, plain), plain))
        }
        Encryption::Aes128Ecb => ecb::seal(key, plain),
        Encryption::Aes128Gcm => aes128gcm::seal(key, synthetic(encryption, key, plain), plain),
    }
}

/// Bytes that stand for this file and key; every encryption has its own.
fn synthetic<const N: usize>(encryption: Encryption, key: &[u8], plain: &[u8]) -> [u8; N] {
    // Padded to a block of SHA-256, as HMAC does with shorter keys.
    let mut padded = [0; 64];
    padded.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&padded.into());
    mac.update(encryption.name().as_bytes());
    mac.update(b"\0");
    mac.update(plain);
    let mut made = [0; N];
    made.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sixteen-letters1";

    #[test]
    fn the_same_file_and_key_give_the_same_bytes_and_others_give_others() {
        for encryption in Encryption::ALL {
            let sealed = |key: &str, plain: &str| seal(encryption, key, plain.as_bytes()).unwrap();
            let plain = "account.1.password = secret\n".repeat(99);
            let made = sealed(KEY, &plain);
            assert_eq!(made, sealed(KEY, &plain), "{encryption}");
            assert_ne!(made, sealed("sixteen-letters2", &plain), "{encryption}");
            assert_ne!(made, sealed(KEY, &plain.replace("secret", "other!")), "{encryption}");
            assert!(!made.windows(8).any(|bytes| bytes == b"password"), "{encryption}");
        }
    }

    #[test]
    fn another_file_or_another_encryption_has_another_salt() {
        let salt = |plain: &[u8]| synthetic::<8>(Encryption::OpensslMd5, KEY.as_bytes(), plain);
        assert_ne!(salt(b"same beginning 1"), salt(b"same beginning 2"));
        let other = synthetic::<8>(Encryption::Aes128Gcm, KEY.as_bytes(), b"same beginning 1");
        assert_ne!(salt(b"same beginning 1"), other);
    }
}
