//! Names that never change: document ids, revisions and digests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A value that is not of the form its type asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected}, not {found:?}")]
pub struct Malformed {
    expected: &'static str,
    found: String,
}

impl Malformed {
    /// Says what was expected, and quotes at most 64 characters of what came instead.
    pub fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: found.chars().take(64).collect() }
    }
}

macro_rules! hex16 {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes sixteen bytes as they are.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; 32];
                f.pad(hex_into(&self.0, &mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                unhex(text).map(Self).ok_or_else(|| Malformed::new($expected, text))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hex16!(
    /// The id of an account, a user or a device: 32 lower-case hexadecimal digits, made by the server.
    Id,
    "an id has 32 hexadecimal digits"
);

hex16!(
    /// The digest of some bytes: the first 128 bits of their SHA-256. Of a rendered file it is at once the
    /// HTTP `ETag`, the note "phone M holds D of file F", and the answer to "who is stale?".
    Digest,
    "a digest has 32 hexadecimal digits"
);

impl Digest {
    /// Digests `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&Sha256::digest(bytes)[..16]);
        Self(short)
    }
}

/// A document's revision, as CouchDB writes it: a generation that counts up from 1, and a digest of the
/// content (`3-5d41402abc4b2a76b9719d911017c592`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    generation: u32,
    digest: Digest,
}

impl Revision {
    /// The revision that follows `previous` (or starts the count) with `content`.
    pub fn after(previous: Option<Self>, content: &[u8]) -> Self {
        Self { generation: previous.map_or(0, |r| r.generation) + 1, digest: Digest::of(content) }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.generation, self.digest)
    }
}

impl FromStr for Revision {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed =
            || Malformed::new("a revision is a generation, a dash and 32 hexadecimal digits", text);
        let (generation, digest) = text.split_once('-').ok_or_else(malformed)?;
        let generation = generation.parse().map_err(|_| malformed())?;
        let digest = digest.parse().map_err(|_| malformed())?;
        Ok(Self { generation, digest })
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Writes `bytes` as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).map(char::from).collect()
}

fn hex_into<'t>(bytes: &[u8; 16], text: &'t mut [u8; 32]) -> &'t str {
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    std::str::from_utf8(text).unwrap_or_default()
}

const fn digit(nibble: u8) -> u8 {
    b"0123456789abcdef"[nibble as usize]
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let nibble = |c: u8| char::from(c).to_digit(16).and_then(|n| u8::try_from(n).ok());
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_wrote() {
        let id = Id::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string().parse::<Id>().unwrap(), id);
        assert_eq!(id.to_string().len(), 32);
    }

    #[test]
    fn an_id_of_another_length_is_refused_with_a_sentence() {
        let refused = "4f33".parse::<Id>().unwrap_err();
        assert_eq!(refused.to_string(), "an id has 32 hexadecimal digits, not \"4f33\"");
        assert!("zz".repeat(16).parse::<Id>().is_err());
    }

    #[test]
    fn a_revision_counts_up_and_reads_back() {
        let first = Revision::after(None, b"a");
        let second = Revision::after(Some(first), b"b");
        assert!(first.to_string().starts_with("1-") && second.to_string().starts_with("2-"));
        assert_eq!(second.to_string().parse::<Revision>().unwrap(), second);
    }

    #[test]
    fn equal_bytes_have_equal_digests() {
        assert_eq!(Digest::of(b"x"), Digest::of(b"x"));
        assert_ne!(Digest::of(b"x"), Digest::of(b"y"));
        assert_eq!(Digest::of(b"").to_string(), "e3b0c44298fc1c149afbf4c8996fb924");
    }
}
