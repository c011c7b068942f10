//! MAC addresses, in every notation people and phones write them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::id::Malformed;

/// A MAC address (IEEE EUI-48). All zeros is not one: phones use it to name the file for everybody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

const EXPECTED: &str = "a MAC address has 12 hexadecimal digits, such as 80:5e:c0:12:34:56";

impl Mac {
    /// The six bytes.
    pub const fn as_bytes(&self) -> &[u8; 6] {
        &self.0
    }

    /// Reads exactly twelve hexadecimal digits without separators, in any case.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let digits: &[u8; 12] = digits.try_into().ok()?;
        let mut bytes = [0; 6];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |c: u8| char::from(c).to_digit(16).and_then(|n| u8::try_from(n).ok());
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        (bytes != [0; 6]).then_some(Self(bytes))
    }

    /// The vendor's half: the first six digits, in lower case.
    pub fn oui(&self) -> String {
        self.to_string()[..6].to_owned()
    }

    /// Lower-case digits in pairs: `80:5e:c0:12:34:56`.
    pub fn with_colons(&self) -> String {
        self.0.map(|byte| format!("{byte:02x}")).join(":")
    }
}

impl FromStr for Mac {
    type Err = Malformed;

    /// Accepts digits in any case, with `:`, `-`, `.` or blanks anywhere between them.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits: Vec<u8> = text.bytes().filter(|c| !b":-. \t".contains(c)).take(13).collect();
        Self::from_digits(&digits).ok_or_else(|| Malformed::new(EXPECTED, text))
    }
}

impl fmt::Display for Mac {
    /// Twelve lower-case digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_names_the_same_phone() {
        let plain: Mac = "805ec0123456".parse().unwrap();
        for notation in ["80:5E:C0:12:34:56", "80-5e-c0-12-34-56", "805e.c012.3456", " 805EC0 123456 "] {
            assert_eq!(notation.parse::<Mac>().unwrap(), plain, "{notation}");
        }
        assert_eq!(plain.to_string(), "805ec0123456");
        assert_eq!(plain.with_colons(), "80:5e:c0:12:34:56");
        assert_eq!(plain.oui(), "805ec0");
    }

    #[test]
    fn what_is_not_twelve_digits_is_refused_with_an_example() {
        for wrong in ["", "805ec012345", "805ec01234567", "805ec012345g", "80/5e/c0/12/34/56", "ä"] {
            let refused = wrong.parse::<Mac>().unwrap_err().to_string();
            assert!(refused.contains("12 hexadecimal digits, such as 80:5e"), "{refused}");
        }
    }

    #[test]
    fn all_zeros_is_the_file_for_everybody_and_no_phone() {
        assert!("000000000000".parse::<Mac>().is_err());
    }
}
