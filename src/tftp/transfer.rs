//! One file on its way to one phone.

use std::ops::RangeInclusive;

use super::packet::Packet;
use super::terms::Terms;

/// How often something is sent again before the phone is given up, and before one that has not said a word is: a request
/// may be anybody's, in the name of somebody else.
const TRIES: u32 = 5;
const TRIES_AT_FIRST: u32 = 2;

/// How long an acknowledgement is waited for at first, and at most, in milliseconds.
const FIRST_WAIT: u64 = 1_000;
const LONGEST_WAIT: u64 = 4_000;

/// How long a transfer may take, in milliseconds.
const LONGEST: u64 = 30 * 60 * 1_000;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Wait until [`Transfer::deadline`], or for a datagram.
    Wait,
    /// Send this, and wait.
    Greet(Vec<u8>),
    /// Send these blocks, the first of which is 1, and wait.
    Send(RangeInclusive<u64>),
    /// It is over.
    End(Ending),
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The phone has acknowledged the last block.
    Whole,
    /// It says that it does not go on.
    Refused,
    /// It says nothing any more.
    Silent,
    /// It took too long.
    TooLong,
}

/// A file on its way.
#[derive(Debug)]
pub struct Transfer {
    bytes: u64,
    terms: Terms,
    /// Whether the phone has agreed to the terms, if there is anything to agree to.
    agreed: bool,
    /// Whether it has acknowledged anything.
    answered: bool,
    /// The last block that it has, and the last that it was sent.
    acked: u64,
    sent: u64,
    /// How often the same was sent again, and whether because of an acknowledgement that came twice.
    tries: u32,
    repeated: bool,
    deadline: u64,
    end: u64,
}

impl Transfer {
    /// Begins to send a file of `bytes` at `now`, in milliseconds of any clock that goes forward.
    pub fn begin(bytes: u64, terms: Terms, now: u64) -> (Self, Step) {
        let agreed = terms.option_ack().is_none();
        let (answered, tries, repeated) = (false, 0, false);
        let (acked, sent, deadline, end) = (0, 0, now, now + LONGEST);
        let mut transfer =
            Self { bytes, terms, agreed, answered, acked, sent, tries, repeated, deadline, end };
        let step = transfer.send(now);
        (transfer, step)
    }

    /// Until when there is to be waited, on the clock of `now`.
    pub fn deadline(&self) -> u64 {
        self.deadline.min(self.end)
    }

    /// Where the bytes of a block lie in the file; the last block has fewer than the others, or none.
    pub fn place(&self, block: u64) -> std::ops::Range<u64> {
        let place = |block: u64| (block * self.terms.block).min(self.bytes);
        place(block - 1)..place(block)
    }

    /// What follows from a datagram of the phone.
    pub fn heard(&mut self, packet: &Packet, now: u64) -> Step {
        match packet {
            Packet::Ack(block) => self.acknowledged(*block, now),
            Packet::Error => Step::End(Ending::Refused),
            _ => Step::Wait,
        }
    }

    /// What follows when it is `now` and nothing was heard.
    pub fn waited(&mut self, now: u64) -> Step {
        if now >= self.end {
            return Step::End(Ending::TooLong);
        }
        if now < self.deadline {
            return Step::Wait;
        }
        self.tries += 1;
        let most = if self.answered { TRIES } else { TRIES_AT_FIRST };
        if self.tries > most { Step::End(Ending::Silent) } else { self.send(now) }
    }

    /// An acknowledgement that comes twice is no reason to send twice (RFC 1123 §4.2.3.1), but where several blocks
    /// are under way it says that the first of them is lost (RFC 7440 §4): once.
    fn acknowledged(&mut self, block: u16, now: u64) -> Step {
        let further = u64::from(block.wrapping_sub(written(self.acked)));
        if !self.agreed {
            self.agreed = block == 0;
            return if self.agreed { self.go_on(now) } else { Step::Wait };
        }
        if further == 0 && self.terms.window > 1 && !self.repeated {
            self.repeated = true;
            return self.send(now);
        }
        if further == 0 || self.acked + further > self.sent {
            return Step::Wait;
        }
        self.acked += further;
        if self.acked == self.blocks() { Step::End(Ending::Whole) } else { self.go_on(now) }
    }

    fn go_on(&mut self, now: u64) -> Step {
        (self.answered, self.tries, self.repeated) = (true, 0, false);
        self.send(now)
    }

    fn send(&mut self, now: u64) -> Step {
        let usual = (FIRST_WAIT << self.tries.min(8)).min(LONGEST_WAIT);
        let wished = self.terms.patience.filter(|_| self.answered);
        self.deadline = now + wished.unwrap_or(usual);
        if let Some(greeting) = self.terms.option_ack().filter(|_| !self.agreed) {
            return Step::Greet(greeting);
        }
        self.sent = (self.acked + self.terms.window).min(self.blocks());
        Step::Send(self.acked + 1..=self.sent)
    }

    /// A file whose length is a whole number of blocks ends with an empty one.
    fn blocks(&self) -> u64 {
        self.bytes / self.terms.block + 1
    }
}

/// A block's number as datagrams have it.
fn written(block: u64) -> u16 {
    let [.., high, low] = block.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests;
