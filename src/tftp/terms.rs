//! What a phone wishes, and what it is granted.

use super::packet::{Request, option_ack};

/// Bytes of a block where nothing else is agreed on (RFC 1350).
const USUAL_BLOCK: u64 = 512;

/// The most blocks that are sent before one is acknowledged.
const MOST_WINDOW: u64 = 64;

/// How many seconds a phone may wish to be waited for.
const PATIENCE: std::ops::RangeInclusive<u64> = 1..=30;

/// How a file is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Bytes of a block.
    pub(super) block: u64,
    /// How many blocks are sent before one is acknowledged.
    pub(super) window: u64,
    /// How long an acknowledgement is waited for, in milliseconds, where the phone says.
    pub(super) patience: Option<u64>,
    granted: Vec<(&'static str, u64)>,
}

impl Terms {
    /// What is granted of a request's wishes for a file of `bytes`, in blocks of at most `most_block`. A wish that is none,
    /// or that cannot be granted, is passed over, as if nobody had spoken of it (RFC 2347).
    pub fn of(request: &Request, bytes: u64, most_block: u64) -> Self {
        let wish = |name| request.option(name).and_then(|text| text.parse::<u64>().ok());
        let block =
            wish("blksize").filter(|wish| (8..=65_464).contains(wish)).map(|wish| wish.min(most_block));
        let timeout = wish("timeout").filter(|wish| PATIENCE.contains(wish));
        let window =
            wish("windowsize").filter(|wish| (1..=65_535).contains(wish)).map(|wish| wish.min(MOST_WINDOW));
        let size = wish("tsize").map(|_| bytes);
        let all = [("blksize", block), ("timeout", timeout), ("tsize", size), ("windowsize", window)];
        Self {
            block: block.unwrap_or(USUAL_BLOCK),
            window: window.unwrap_or(1),
            patience: timeout.map(|seconds| seconds * 1000),
            granted: all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        }
    }

    /// What says so to the phone; nothing where it wished nothing.
    pub(super) fn option_ack(&self) -> Option<Vec<u8>> {
        (!self.granted.is_empty()).then(|| option_ack(&self.granted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tftp::Mode;

    fn terms(wishes: &[(&str, &str)]) -> Terms {
        let options = wishes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Terms::of(&Request { name: "a".to_owned(), mode: Mode::Octet, options }, 5000, 1468)
    }

    #[test]
    fn wishes_are_granted_within_bounds() {
        let all = terms(&[("blksize", "65464"), ("timeout", "3"), ("tsize", "0"), ("windowsize", "1000")]);
        assert_eq!((all.block, all.window, all.patience), (1468, 64, Some(3000)));
        let said = b"\0\x06blksize\x001468\0timeout\x003\0tsize\x005000\0windowsize\x0064\0";
        assert_eq!(all.option_ack().unwrap(), said);
    }

    #[test]
    fn a_wish_that_is_none_is_passed_over() {
        let usual = terms(&[]);
        for wrong in
            [("blksize", "7"), ("blksize", "x"), ("timeout", "255"), ("windowsize", "0"), ("multicast", "")]
        {
            assert_eq!(terms(&[wrong]), usual, "{wrong:?}");
        }
        assert_eq!((usual.block, usual.window, usual.option_ack()), (512, 1, None));
    }
}
