//! What the bytes of the target `registrar` mean: scenes with a record separator (0x1E) between them. The first is a
//! datagram alone, so that a message is a script as it is; each other begins with two bytes, what happens and how.

use std::time::Duration;

/// The most scenes played, so that none takes long.
const MAX_SCENES: usize = 24;

/// One thing that happens.
pub struct Scene<'a> {
    /// What.
    pub act: Act,
    /// How long after the last one.
    pub after: Duration,
    /// What phones answer from now on.
    pub manner: Manner,
    /// A datagram, or the challenge or the words of a phone.
    pub text: &'a [u8],
}

/// What happens.
pub enum Act {
    /// A datagram comes from the phone of this number, and its line, if one is looked up, is found thus.
    Receive(u8, Found),
    /// All phones that are registered are told something.
    Notify,
    /// All lines that are registered are rung.
    Call,
    /// The device of this number is forgotten.
    Forget(u8),
}

/// What a lookup finds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A line that is let in by its address.
    Open,
    /// A line with a password, which the phone knows.
    Known,
    /// A line with a password, which the phone does not know.
    Secret,
    /// A line that is switched off.
    Disabled,
    /// None.
    Nothing,
    /// The store fails.
    Unavailable,
    /// The answer comes only with the next scene.
    Late,
    /// No answer comes.
    Never,
}

/// What a phone answers to a request of ours.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Nothing.
    Silent,
    /// This code, and to a call that it rings before.
    Code(u16),
    /// 401 or 407, with the scene's text as its challenge.
    Challenge(u16),
}

/// The scenes of a script.
pub fn scenes(bytes: &[u8]) -> impl Iterator<Item = Scene<'_>> {
    bytes.split(|byte| *byte == 0x1e).take(MAX_SCENES).enumerate().map(|(at, bytes)| match bytes {
        [what, how, text @ ..] if at > 0 => scene(*what, *how, text),
        text => scene(0, 0, text),
    })
}

fn scene(what: u8, how: u8, text: &[u8]) -> Scene<'_> {
    let act = match what & 7 {
        0..=3 => Act::Receive(what & 3, found(how >> 3)),
        4 | 5 => Act::Notify,
        6 => Act::Call,
        _ => Act::Forget(how & 1),
    };
    let seconds = [0, 0, 1, 5, 33, 61, 301, 4000][usize::from(how & 7)];
    Scene { act, after: Duration::from_secs(seconds), manner: manner(what >> 3), text }
}

fn found(how: u8) -> Found {
    use Found::{Disabled, Known, Late, Never, Nothing, Open, Secret, Unavailable};
    [Open, Known, Secret, Disabled, Nothing, Unavailable, Late, Never][usize::from(how & 7)]
}

fn manner(how: u8) -> Manner {
    match how & 15 {
        0..=3 => Manner::Code(200),
        4 => Manner::Silent,
        5 => Manner::Challenge(401),
        6 => Manner::Challenge(407),
        7 => Manner::Code(100),
        8 => Manner::Code(202),
        9 => Manner::Code(481),
        10 => Manner::Code(486),
        11 => Manner::Code(503),
        12 => Manner::Code(302),
        13 => Manner::Code(603),
        _ => Manner::Code(487),
    }
}
