//! Short names for long texts.

use sha2::{Digest as _, Sha256};

use super::address::Aor;

/// Stands for a text in tables: 16 bytes however long the text is, and nobody can find two texts with the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Of some texts, whose borders count.
    pub fn of(texts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        let (mut short, whole) = ([0; 16], hash.finalize());
        short.copy_from_slice(&whole[..16]);
        Self(short)
    }
}

impl From<&Aor> for Fingerprint {
    fn from(aor: &Aor) -> Self {
        Self::of(&[&aor.user, &aor.realm])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_where_texts_end() {
        assert_eq!(Fingerprint::of(&["a", "bc"]), Fingerprint::of(&["a", "bc"]));
        assert_ne!(Fingerprint::of(&["a", "bc"]), Fingerprint::of(&["ab", "c"]));
        assert_eq!(Fingerprint::from(&Aor::new("u", "PBX")), Fingerprint::of(&["u", "pbx"]));
    }
}
