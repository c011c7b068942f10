//! Messages on a stream: where one ends and the next begins (RFC 3261 §18.3), and keep-alives between them
//! (RFC 5626 §3.5.1). STUN is not among them: who sends it is cut off.
//!
//! A message that is wrong in itself is handed on to be answered; the stream goes on as long as its end can be found.

use bytes::{Buf as _, Bytes, BytesMut};

use super::address::trim;
use super::header::decode;
use super::reader::{MAX_DATAGRAM, MAX_HEADERS};

#[cfg(test)]
mod tests;

/// The longest start line and header fields, in bytes.
pub const MAX_HEAD: usize = 32 << 10;
/// The longest message, in bytes: what UDP carries too.
pub const MAX_MESSAGE: usize = MAX_DATAGRAM;
/// The longest body that is passed over so that the stream can go on, in bytes.
pub const MAX_SKIP: usize = 1 << 20;

/// What a stream holds next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message, whole.
    Message(Bytes),
    /// A keep-alive: answer with CR LF.
    Ping,
    /// A message that is not taken: answer its head with this code, as far as that can be done.
    Refused {
        /// The start line and header fields, or as many as came.
        head: Bytes,
        /// 400 or 513.
        code: u16,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing that follows can be understood: close the stream. The last frame there is.
    End,
}

/// Cuts a stream into frames, however the bytes come.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// How much of the buffer holds no end of a head.
    searched: usize,
    /// Where the message ends whose head is whole and was read, and whose body is not all there.
    pending: Option<usize>,
    /// How much of a body is still to be passed over.
    skip: usize,
    /// A line end stands alone so far; a second one makes it a ping.
    half: bool,
    /// What comes last, if that is known.
    last: Option<Frame>,
    ended: bool,
}

/// Where a message ends, as its head says.
enum End {
    Here(usize),
    TooFar(usize),
    Unknown(&'static str),
}

impl Framer {
    /// Takes what has come.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether a message has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.skip > 0 || self.buffer.first().is_some_and(|byte| *byte != b'\r')
    }

    /// The next frame, as soon as it is whole; ask until there is none.
    pub fn frame(&mut self) -> Option<Frame> {
        if self.ended {
            return None;
        }
        if let Some(last) = self.last.take() {
            return Some(self.end(last));
        }
        let skipped = self.skip.min(self.buffer.len());
        self.buffer.advance(skipped);
        self.skip -= skipped;
        if self.between() {
            return Some(Frame::Ping);
        }
        match self.buffer.first() {
            None | Some(b'\r') => None,
            Some(byte) if byte.is_ascii_graphic() => self.message(),
            Some(_) => Some(self.end(Frame::End)),
        }
    }

    /// Passes over line ends between messages; true if two in a row make a ping.
    fn between(&mut self) -> bool {
        loop {
            match self.buffer[..] {
                [b'\r', b'\n', ..] => {
                    self.buffer.advance(2);
                    self.half = !self.half;
                    if !self.half {
                        return true;
                    }
                }
                [b'\r', _, ..] | [b'\n' | b' ' | b'\t', ..] => self.buffer.advance(1),
                _ => return false,
            }
        }
    }

    fn message(&mut self) -> Option<Frame> {
        self.half = false;
        if let Some(end) = self.pending {
            return self.whole(end);
        }
        let Some(head) = self.head() else {
            let too_large = self.buffer.len() > MAX_HEAD;
            return too_large.then(|| self.give_up(513, "Header too large"));
        };
        let frame = match end(&self.buffer[..head]) {
            _ if head > MAX_HEAD => self.give_up(513, "Header too large"),
            End::Here(end) => return self.whole(end),
            End::TooFar(length) if length <= MAX_SKIP => {
                self.skip = length;
                let head = self.buffer.split_to(head).freeze();
                Frame::Refused { head, code: 513, reason: "Message too large" }
            }
            End::TooFar(_) => self.refuse(head, 513, "Message too large"),
            End::Unknown(reason) => self.refuse(head, 400, reason),
        };
        Some(frame)
    }

    /// The message that ends here, once it is all there.
    fn whole(&mut self, end: usize) -> Option<Frame> {
        let whole = self.buffer.len() >= end;
        self.pending = (!whole).then_some(end);
        whole.then(|| Frame::Message(self.buffer.split_to(end).freeze()))
    }

    /// The length of the head with the empty line after it, once that has come.
    fn head(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(3);
        let found = self.buffer[from..].iter().enumerate().find_map(|(at, byte)| {
            let rest = &self.buffer[from + at + 1..];
            let length = match (byte, rest) {
                (b'\n', [b'\n', ..]) => 1,
                (b'\n', [b'\r', b'\n', ..]) => 2,
                _ => return None,
            };
            Some(from + at + 1 + length)
        });
        self.searched = if found.is_some() { 0 } else { self.buffer.len() };
        found
    }

    /// Refuses a message whose head is too long, as far as its lines are whole.
    fn give_up(&mut self, code: u16, reason: &'static str) -> Frame {
        let whole = self.buffer.iter().take(MAX_HEAD).rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.refuse(whole, code, reason)
    }

    /// Refuses a message whose end cannot be found, and ends with that.
    fn refuse(&mut self, head: usize, code: u16, reason: &'static str) -> Frame {
        self.last = Some(Frame::End);
        Frame::Refused { head: self.buffer.split_to(head).freeze(), code, reason }
    }

    fn end(&mut self, last: Frame) -> Frame {
        self.ended = true;
        self.buffer = BytesMut::new();
        last
    }
}

/// Where the message with this head ends. One that says neither how long its body is nor of what kind has none.
fn end(head: &[u8]) -> End {
    let fields = fields(head);
    let lengths: Vec<&str> =
        fields.iter().filter(|(name, _)| *name == LENGTH).map(|(_, value)| trim(value)).collect();
    match lengths[..] {
        _ if fields.len() > MAX_HEADERS => End::Unknown("Too many header fields"),
        [] if fields.is_empty() => End::Here(head.len()),
        [] => End::Unknown("No Content-Length"),
        [first, ref others @ ..] if others.iter().any(|other| *other != first) => {
            End::Unknown("Several Content-Lengths")
        }
        [length, ..] if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) => {
            End::Unknown("Content-Length is no number")
        }
        [length, ..] => match length.parse::<usize>() {
            Ok(length) if length <= MAX_MESSAGE - head.len().min(MAX_MESSAGE) => {
                End::Here(head.len() + length)
            }
            too_far => End::TooFar(too_far.unwrap_or(usize::MAX)),
        },
    }
}

/// The names of the header fields that say where a message ends, long and short.
type Name = (&'static str, &'static str);
const LENGTH: Name = ("Content-Length", "l");
const TYPE: Name = ("Content-Type", "c");

/// The header fields that say where a message ends, unfolded: at most one more than [`MAX_HEADERS`].
fn fields(head: &[u8]) -> Vec<(Name, String)> {
    let (mut fields, mut goes_on) = (Vec::new(), false);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let last: Option<&mut (Name, String)> = fields.last_mut().filter(|_| goes_on);
            if let Some((_, value)) = last {
                value.push_str(&decode(line));
            }
        } else if fields.len() <= MAX_HEADERS {
            let before = fields.len();
            fields.extend(field(line));
            goes_on = fields.len() > before;
        }
    }
    fields
}

/// A header field, if it is one that says where a message ends.
fn field(line: &[u8]) -> Option<(Name, String)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = trim(std::str::from_utf8(&line[..colon]).ok()?);
    let is = |(long, short): &Name| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
    Some(([LENGTH, TYPE].into_iter().find(is)?, decode(&line[colon + 1..]).into_owned()))
}
