//! Transfers over networks that lose, repeat and disorder, with phones that behave and phones that do not.

use super::*;
use crate::tftp::{Mode, Request, data};

fn terms(wishes: &[(&str, u64)]) -> Terms {
    let options = wishes.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    Terms::of(&Request { name: "a".to_owned(), mode: Mode::Octet, options }, 0, 1468)
}

/// A phone as the RFCs have it: it acknowledges what follows on what it has, at the end of each window, and what it has
/// where something is missing.
struct Phone {
    block: usize,
    window: u64,
    has: Vec<u8>,
    blocks: u64,
    since: u64,
    is_done: bool,
}

impl Phone {
    fn takes(&mut self, datagram: &[u8]) -> Option<u16> {
        if datagram[1] == 6 {
            return (self.blocks == 0).then_some(0);
        }
        let number = u16::from_be_bytes([datagram[2], datagram[3]]);
        let (bytes, last) = (&datagram[4..], datagram.len() - 4 < self.block);
        #[allow(clippy::cast_possible_truncation)]
        if number != (self.blocks + 1) as u16 {
            self.since = 0;
            return Some(self.blocks as u16);
        }
        self.has.extend(bytes);
        (self.blocks, self.since) = (self.blocks + 1, self.since + 1);
        self.is_done |= last;
        (last || self.since == self.window).then(|| {
            self.since = 0;
            number
        })
    }
}

/// Numbers that look like chance, the same each time.
struct Chance(u64);

impl Chance {
    fn one_in(&mut self, count: u64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        count > 0 && (self.0 >> 33).is_multiple_of(count)
    }
}

/// Sends a file over a network that loses one datagram in `lost` and repeats one in `repeated`. Gives what the phone has, how
/// the transfer ended, and when.
fn carried(file: &[u8], wishes: &[(&str, u64)], lost: u64, repeated: u64) -> (Vec<u8>, Ending, u64) {
    let (mut now, mut chance) = (1_000_000, Chance(file.len() as u64));
    let wish = |name| wishes.iter().find(|(wish, _)| *wish == name).map(|(_, value)| *value);
    let block = usize::try_from(wish("blksize").unwrap_or(512)).unwrap();
    let window = wish("windowsize").unwrap_or(1);
    let mut phone = Phone { block, window, has: Vec::new(), blocks: 0, since: 0, is_done: false };
    let (mut transfer, mut step) = Transfer::begin(file.len() as u64, terms(wishes), now);
    let mut answers = std::collections::VecDeque::new();
    loop {
        let sent = match step {
            Step::End(ending) => return (phone.has, ending, now),
            Step::Wait => Vec::new(),
            Step::Greet(greeting) => vec![greeting],
            Step::Send(blocks) => blocks
                .map(|block| {
                    let place = transfer.place(block);
                    let [from, to] = [place.start, place.end].map(|at| usize::try_from(at).unwrap());
                    data(block, &file[from..to])
                })
                .collect(),
        };
        for datagram in sent {
            for _ in 0..=u64::from(chance.one_in(repeated)) {
                if !chance.one_in(lost) {
                    answers.extend(phone.takes(&datagram));
                }
            }
        }
        now += 1;
        let answer = answers.pop_front().filter(|_| !chance.one_in(lost));
        step = match answer {
            Some(block) => transfer.heard(&Packet::Ack(block), now),
            None if answers.is_empty() => {
                now = now.max(transfer.deadline());
                transfer.waited(now)
            }
            None => Step::Wait,
        };
    }
}

fn file(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_file_of_any_length_arrives_whole() {
    for bytes in [0, 1, 511, 512, 513, 1024, 100_000] {
        let (sent, wishes) = (file(bytes), [("blksize", 1024), ("windowsize", 4), ("tsize", 0)]);
        assert_eq!(carried(&sent, &[], 0, 0).0, sent, "{bytes}");
        assert_eq!(
            carried(&sent, &wishes, 0, 0),
            (sent.clone(), Ending::Whole, carried(&sent, &wishes, 0, 0).2)
        );
    }
}

#[test]
fn block_numbers_go_on_after_the_last_that_can_be_written() {
    let sent = file(8 * 70_000);
    let (has, ending, _) = carried(&sent, &[("blksize", 8), ("windowsize", 16)], 0, 0);
    assert!(ending == Ending::Whole && has == sent);
}

#[test]
fn what_is_lost_is_sent_again_and_what_comes_twice_is_no_harm() {
    for window in [1, 2, 7, 64] {
        for (lost, repeated) in [(9, 0), (0, 3), (11, 5)] {
            let sent = file(60_000 + u32::try_from(window).unwrap());
            let (has, ending, _) = carried(&sent, &[("windowsize", window)], lost, repeated);
            // The phone may have all while its last acknowledgement is lost again and again.
            assert!(has == sent, "window {window}, lost {lost}, repeated {repeated}: {ending:?}");
        }
    }
}

/// How often something is sent to a phone that says nothing, once more included, and when it is given up.
fn silence(transfer: &mut Transfer) -> (u32, u64) {
    let mut sent = 1;
    loop {
        let now = transfer.deadline();
        assert_eq!(transfer.waited(now - 1), Step::Wait);
        match transfer.waited(now) {
            Step::Send(_) | Step::Greet(_) => sent += 1,
            step => {
                assert_eq!(step, Step::End(Ending::Silent));
                return (sent, now);
            }
        }
    }
}

#[test]
fn a_phone_that_says_nothing_any_more_is_given_up_within_half_a_minute() {
    let (mut transfer, first) = Transfer::begin(2000, terms(&[]), 0);
    assert_eq!(first, Step::Send(1..=1));
    assert_eq!(transfer.heard(&Packet::Ack(1), 0), Step::Send(2..=2));
    assert_eq!(silence(&mut transfer), (6, 19_000));
}

#[test]
fn whoever_has_never_said_a_word_is_given_up_soon_whatever_patience_was_wished() {
    for wishes in [&[][..], &[("timeout", 30)], &[("timeout", 30), ("windowsize", 64)]] {
        let (mut transfer, _) = Transfer::begin(2000, terms(wishes), 0);
        assert_eq!(silence(&mut transfer), (3, 7_000), "{wishes:?}");
    }
    let (mut transfer, _) = Transfer::begin(2000, terms(&[("timeout", 30)]), 0);
    assert_eq!(transfer.heard(&Packet::Ack(0), 10), Step::Send(1..=1));
    assert_eq!(transfer.deadline(), 30_010);
}

#[test]
fn a_phone_that_takes_a_block_now_and_then_does_not_stay_for_ever() {
    let (mut transfer, _) = Transfer::begin(u64::from(u32::MAX), terms(&[("timeout", 30)]), 0);
    let (mut now, mut block) = (0, 0_u16);
    let ending = loop {
        match transfer.heard(&Packet::Ack(block), now) {
            Step::End(ending) => break ending,
            _ => block = block.wrapping_add(1),
        }
        now += 20_000;
        if let Step::End(ending) = transfer.waited(now) {
            break ending;
        }
    };
    assert_eq!((ending, now), (Ending::TooLong, LONGEST));
}

#[test]
fn an_acknowledgement_that_comes_twice_is_no_reason_to_send_twice() {
    let (mut transfer, _) = Transfer::begin(5000, terms(&[]), 0);
    assert_eq!(transfer.heard(&Packet::Ack(1), 1), Step::Send(2..=2));
    assert_eq!(transfer.heard(&Packet::Ack(1), 2), Step::Wait);
    assert_eq!(transfer.heard(&Packet::Ack(9), 2), Step::Wait, "of what was not sent");
    let (mut transfer, _) = Transfer::begin(5000, terms(&[("windowsize", 4)]), 0);
    assert_eq!(transfer.heard(&Packet::Ack(0), 1), Step::Send(1..=4));
    assert_eq!(transfer.heard(&Packet::Ack(2), 2), Step::Send(3..=6));
    assert_eq!(transfer.heard(&Packet::Ack(2), 3), Step::Send(3..=6));
    assert_eq!(transfer.heard(&Packet::Ack(2), 4), Step::Wait);
}

#[test]
fn a_phone_that_refuses_or_does_not_agree_gets_nothing_more() {
    let (mut transfer, step) = Transfer::begin(5000, terms(&[("blksize", 1024)]), 0);
    assert!(matches!(step, Step::Greet(_)));
    assert_eq!(transfer.heard(&Packet::Ack(3), 1), Step::Wait);
    assert_eq!(transfer.heard(&Packet::Other, 1), Step::Wait);
    assert_eq!(transfer.heard(&Packet::Error, 1), Step::End(Ending::Refused));
}
