//! How vendors' phones want files encrypted that they fetch, and which keys that takes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An encryption that phones undo by themselves once they know its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Encryption {
    /// What `openssl enc -aes-256-cbc -md md5 -k KEY` writes: `Salted__`, a salt, AES-256 in CBC mode. The digest is
    /// that of the OpenSSL that the guides name, 0.9.7 (Cisco Small Business IP Telephony Devices Provisioning Guide,
    /// "File Encryption"; Grandstream XML Provisioning Guide, "XML File Encryption").
    OpensslMd5,
    /// The same with `-md sha256`, what OpenSSL writes since 1.1.0 where no digest is named.
    OpensslSha256,
    /// AES-128 in ECB mode with the characters of the key as its bytes (Yealink Administrator's Guide, "Encrypting and
    /// Decrypting Files", with the key in the phone).
    Aes128Ecb,
    /// The HTTP content coding `aes128gcm` (RFC 8188) with the characters of the key as input keying material (Cisco IP
    /// Phone Multiplatform Phones Provisioning Guide, "RFC 8188-Based HTTP Content Encryption").
    Aes128Gcm,
}

use Encryption::{Aes128Ecb, Aes128Gcm, OpensslMd5, OpensslSha256};

/// Why a key is none. Says nothing of the key but its length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Files shall be encrypted, and nothing says with which key.
    #[error("encryption is switched on without a key: set provision.encryption.password")]
    Missing,
    /// The key is too short or too long.
    #[error(
        "the key has {has} characters, and {encryption} takes {takes}: set provision.encryption.password to one of 16"
    )]
    Length {
        /// What it is to be used for.
        encryption: Encryption,
        /// How many characters it has.
        has: usize,
        /// How many it may have.
        takes: &'static str,
    },
    /// The key has characters that phones do not take.
    #[error("the key has characters that {encryption} does not take: write letters, digits and {others}")]
    Characters {
        /// What it is to be used for.
        encryption: Encryption,
        /// Which characters it may have beside letters and digits.
        others: &'static str,
    },
}

/// What Yealink's guide allows beside letters and digits.
const YEALINK: &str = "#$%*+,-.:=?@[]^_{}~";

/// Every visible character of ASCII that is neither a letter nor a digit. A blank would end a key in a profile rule.
const VISIBLE: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

impl Encryption {
    /// All there are, by name.
    pub const ALL: [Self; 4] = [OpensslMd5, OpensslSha256, Aes128Ecb, Aes128Gcm];

    /// Its name in catalogs and documents.
    pub fn name(self) -> &'static str {
        match self {
            OpensslMd5 => "openssl-aes-256-cbc-md5",
            OpensslSha256 => "openssl-aes-256-cbc-sha256",
            Aes128Ecb => "aes-128-ecb",
            Aes128Gcm => "aes128gcm",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// What the response that carries such a file says in `Content-Encoding`, where it is a content coding.
    pub fn content_coding(self) -> Option<&'static str> {
        (self == Aes128Gcm).then_some("aes128gcm")
    }

    /// Whether phones take this key. One of 16 characters that Yealink's take suits all.
    pub fn check(self, key: &str) -> Result<(), KeyError> {
        let (shortest, takes, others) = match self {
            OpensslMd5 | OpensslSha256 => (8, "8 to 64", VISIBLE),
            Aes128Ecb => (16, "16", YEALINK),
            Aes128Gcm => (16, "16 to 64", VISIBLE),
        };
        let longest = if self == Aes128Ecb { 16 } else { 64 };
        let has = key.chars().count();
        match key {
            "" => Err(KeyError::Missing),
            _ if !key.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c)) => {
                Err(KeyError::Characters { encryption: self, others })
            }
            _ if (shortest..=longest).contains(&has) => Ok(()),
            _ => Err(KeyError::Length { encryption: self, has, takes }),
        }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Encryption {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::named(&name).ok_or_else(|| format!("{name:?} is no encryption; there are {names}"))
    }
}

impl From<Encryption> for &'static str {
    fn from(encryption: Encryption) -> Self {
        encryption.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_that_leads_back_to_it() {
        for encryption in Encryption::ALL {
            assert_eq!(Encryption::named(encryption.name()), Some(encryption));
        }
        let error = Encryption::try_from("rot13".to_owned()).unwrap_err();
        assert!(error.contains("\"rot13\"") && error.contains("aes128gcm"), "{error}");
    }

    #[test]
    fn sixteen_characters_of_yealink_s_suit_all() {
        for encryption in Encryption::ALL {
            assert_eq!(encryption.check("aZ09#$%*+,-.:=?@"), Ok(()));
            assert_eq!(encryption.check("[]^_{}~890123456"), Ok(()));
        }
    }

    #[test]
    fn a_wrong_key_is_refused_with_what_to_do_and_is_not_quoted() {
        let said = |encryption: Encryption, key: &str| encryption.check(key).unwrap_err().to_string();
        assert_eq!(
            said(Aes128Ecb, "seventeen-letters"),
            "the key has 17 characters, and aes-128-ecb takes 16: set provision.encryption.password to one of 16"
        );
        assert!(said(OpensslMd5, "short").contains("8 to 64"));
        assert!(said(OpensslMd5, &"x".repeat(65)).contains("65 characters"));
        assert!(said(Aes128Gcm, "fifteen-letters").contains("16 to 64"));
        for wrong in ["sixteen letters!", "sixteen&letters1", "sixteen\u{e9}letters1"] {
            let error = said(Aes128Ecb, wrong);
            assert!(error.contains("letters, digits and") && !error.contains("sixteen"), "{error}");
        }
        assert!(said(OpensslSha256, "").contains("set provision.encryption.password"));
    }
}
