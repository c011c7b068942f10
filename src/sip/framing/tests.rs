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
fn a_head_is_read_once_however_slowly_its_body_comes() {
    let head = "A sip:h SIP/2.0\r\nl: 3\r\n\r\n";
    let mut framer = Framer::default();
    framer.push(head.as_bytes());
    assert_eq!(framer.frame(), None);
    let digit = head.find('3').unwrap();
    framer.buffer[digit] = b'1';
    for byte in ["a", "b"] {
        framer.push(byte.as_bytes());
        assert_eq!(framer.frame(), None, "it is not read again");
    }
    framer.push(b"c");
    framer.push(OPTIONS.as_bytes());
    assert_eq!(framer.frame(), Some(message(&head.replace('3', "1").replace("\r\n\r\n", "\r\n\r\nabc"))));
    assert_eq!(framer.frame(), Some(message(OPTIONS)), "and the next is");
}

#[test]
fn of_a_head_only_what_says_its_end_is_held_and_that_is_bounded() {
    let long = format!("A sip:h SIP/2.0\r\n{}l: 1\r\n\r\nx", "V: x\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(framed(format!("{long}{OPTIONS}").as_bytes(), 100), [message(&long), message(OPTIONS)]);
    assert_eq!(fields(long.as_bytes()).len(), 1);
    let many = format!("A sip:h SIP/2.0\r\n{}\r\n", "l: 0\r\n".repeat(4 * MAX_HEADERS));
    assert_eq!(fields(many.as_bytes()).len(), MAX_HEADERS + 1);
    assert_eq!(refused(&many), (400, false));
}

#[test]
fn what_goes_on_in_the_next_line_is_of_the_field_before_it() {
    let folded = "A sip:h SIP/2.0\r\nl: 1\r\nX: y\r\n 2\r\n\r\nx";
    assert_eq!(framed(format!("{folded}{OPTIONS}").as_bytes(), 1), [message(folded), message(OPTIONS)]);
}

#[test]
fn one_end_of_a_line_begins_no_message() {
    let mut framer = Framer::default();
    framer.push(b"\r");
    assert!(framer.frame().is_none() && !framer.is_within());
    framer.push(b"\nA");
    assert!(framer.frame().is_none() && framer.is_within());
}

#[test]
fn a_length_that_cannot_be_right_ends_the_stream_with_an_answer() {
    for length in ["-1", "x", "", "1\r\nl: 2"] {
        assert_eq!(refused(&format!("A sip:h SIP/2.0\r\nContent-Length: {length}\r\n\r\n")), (400, false));
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
        let [Frame::Refused { head, code: 513, .. }, Frame::End] = &frames[..] else { panic!("{frames:?}") };
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
