//! Messages on a stream: where one ends and the next begins (RFC 3261 §18.3), and keep-alives between them
//! (RFC 5626 §3.5.1). STUN is not among them: who sends it is cut off.
//!
//! A message that is wrong in itself is handed on to be answered; the stream goes on as long as its end can be found.

use bytes::{Buf as _, Bytes, BytesMut};

use super::address::trim;
use super::header::decode;
use super::reader::MAX_DATAGRAM;

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
        self.skip > 0 || !self.buffer.is_empty()
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
        let Some(head) = self.head() else {
            let too_large = self.buffer.len() > MAX_HEAD;
            return too_large.then(|| self.give_up(513, "Header too large"));
        };
        let frame = match end(&self.buffer[..head]) {
            _ if head > MAX_HEAD => self.give_up(513, "Header too large"),
            End::Here(end) if self.buffer.len() < end => return None,
            End::Here(end) => {
                self.searched = 0;
                Frame::Message(self.buffer.split_to(end).freeze())
            }
            End::TooFar(length) if length <= MAX_SKIP => {
                (self.searched, self.skip) = (0, length);
                let head = self.buffer.split_to(head).freeze();
                Frame::Refused { head, code: 513, reason: "Message too large" }
            }
            End::TooFar(_) => self.refuse(head, 513, "Message too large"),
            End::Unknown(reason) => self.refuse(head, 400, reason),
        };
        Some(frame)
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
    let values = |long: &str, short: &str| -> Vec<&str> {
        let named = |name: &str| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
        fields.iter().filter(|(name, _)| named(name)).map(|(_, value)| trim(value)).collect()
    };
    let lengths = values("Content-Length", "l");
    match lengths[..] {
        [] if values("Content-Type", "c").is_empty() => End::Here(head.len()),
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

/// The header fields, unfolded.
fn fields(head: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line = decode(line.strip_suffix(b"\r").unwrap_or(line));
        match (line.starts_with([' ', '\t']), line.split_once(':'), fields.last_mut()) {
            (true, _, Some((_, value))) => value.push_str(&line),
            (false, Some((name, value)), _) => fields.push((trim(name).to_owned(), value.to_owned())),
            _ => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPTIONS: &str = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nContent-Length: 0\r\n\r\n";

    fn framed(bytes: &[u8], chunk: usize) -> Vec<Frame> {
        let (mut framer, mut frames) = (Framer::default(), Vec::new());
        for piece in bytes.chunks(chunk) {
            framer.push(piece);
            frames.extend(std::iter::from_fn(|| framer.frame()));
        }
        frames
    }

    fn message(text: &str) -> Frame {
        Frame::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// What is not taken, by code, and whether the stream goes on.
    fn refused(text: &str) -> (u16, bool) {
        let frames = framed(format!("{text}{OPTIONS}").as_bytes(), usize::MAX);
        let Frame::Refused { code, .. } = &frames[0] else { panic!("{frames:?}") };
        (*code, frames[1..] == [message(OPTIONS)])
    }

    #[test]
    fn messages_are_found_however_the_bytes_come() {
        let invite = "INVITE sip:h SIP/2.0\r\nL :\r\n 4\r\nContent-Type: a/b\r\n\r\n\r\n\r\n";
        let stream = format!("{OPTIONS}{invite}\r\n{OPTIONS}");
        for chunk in [1, 2, 3, 7, 50, 1000] {
            let frames = framed(stream.as_bytes(), chunk);
            assert_eq!(frames, [message(OPTIONS), message(invite), message(OPTIONS)], "{chunk}");
        }
    }

    #[test]
    fn two_line_ends_are_a_ping_and_one_is_nothing() {
        for chunk in [1, 3, 100] {
            let frames = framed(format!("\r\n\r\n{OPTIONS}\r\n{OPTIONS}\r\n\r\n\r\n").as_bytes(), chunk);
            assert_eq!(frames, [Frame::Ping, message(OPTIONS), message(OPTIONS), Frame::Ping], "{chunk}");
        }
        assert_eq!(framed(b"\n\n\n", 1), []);
    }

    #[test]
    fn a_message_that_says_nothing_of_a_body_has_none() {
        let bare = "BYE sip:h SIP/2.0\nVia: SIP/2.0/TCP a\n\n";
        assert_eq!(framed(format!("{bare}{OPTIONS}").as_bytes(), 1), [message(bare), message(OPTIONS)]);
        assert_eq!(refused("BYE sip:h SIP/2.0\r\nc: a/b\r\n\r\nbody"), (400, false));
    }

    #[test]
    fn a_length_that_cannot_be_right_ends_the_stream_with_an_answer() {
        for length in ["-1", "x", "", "1\r\nl: 2"] {
            assert_eq!(
                refused(&format!("A sip:h SIP/2.0\r\nContent-Length: {length}\r\n\r\n")),
                (400, false)
            );
        }
        assert_eq!(refused("A sip:h SIP/2.0\r\nl: 99999999999999999999\r\n\r\n"), (513, false));
    }

    #[test]
    fn a_body_that_is_too_large_is_passed_over_and_the_stream_goes_on() {
        let large = |length: usize| format!("A sip:h SIP/2.0\r\nl: {length}\r\n\r\n{}", "x".repeat(length));
        assert_eq!(refused(&large(MAX_MESSAGE)), (513, true));
        assert_eq!(refused(&large(MAX_SKIP + 1)), (513, false));
    }

    #[test]
    fn a_head_without_end_is_answered_as_far_as_it_came() {
        let long = format!("A sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nX: {}", "x".repeat(MAX_HEAD));
        for tail in ["", "\r\n\r\n"] {
            let frames = framed(format!("{long}{tail}").as_bytes(), 1000);
            let [Frame::Refused { head, code: 513, .. }, Frame::End] = &frames[..] else {
                panic!("{frames:?}")
            };
            assert_eq!(&head[..], &b"A sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n"[..]);
        }
    }

    #[test]
    fn what_is_no_text_ends_the_stream() {
        for noise in [&b"\x16\x03\x01"[..], b"\0\x01\0\0", b"\xff"] {
            assert_eq!(
                framed(&[OPTIONS.as_bytes(), noise, OPTIONS.as_bytes()].concat(), 9),
                [message(OPTIONS), Frame::End]
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_nothing_panics_and_pieces_make_no_difference(
            pieces in prop::collection::vec(0..8_usize, 0..12), chunk in 1..40_usize,
        ) {
            let all = ["\r\n", "\n", OPTIONS, "l: 3\r\n", "A b SIP/2.0\r\n", "\r\n\r\n", "é", "Content-Length: 9 "];
            let stream: String = pieces.into_iter().map(|at| all[at]).collect();
            prop_assert_eq!(framed(stream.as_bytes(), chunk), framed(stream.as_bytes(), usize::MAX));
        }
    }
}
