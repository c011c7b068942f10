//! One telling of a phone, from its beginning to its end.

use super::Ask;
use super::pending::Pending;
use crate::id::Id;

/// How fast phones are told, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// NOTIFYs a second, at least 1.
    pub per_second: u32,
    /// NOTIFYs under way at a time, at least 1. One that is not answered for a second is not counted any more.
    pub window: usize,
    /// True when all go through one proxy: then what it says, and its silence, is about all of them.
    pub proxied: bool,
}

/// One telling of a phone, from [`Queue::next`](super::Queue::next) to its end. An end that comes for an older one is
/// ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    /// The phone.
    pub id: Id,
    /// What somebody asked for explicitly, if this carries it.
    pub asked: Option<Ask>,
    /// True when that does not wait for the hours at which phones may restart.
    pub at_once: bool,
    pub(super) number: u64,
    /// The phone's place before, where this is a restart that waited beside the rest.
    pub(super) beside: Option<Pending>,
}

/// How a telling ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The phone need not be told (any more).
    Needless,
    /// The phone has answered, and still holds something old.
    Answered,
    /// The phone has answered that it will not or cannot, and still holds something old.
    Declined,
    /// The phone has not answered well, and still holds something old.
    Unanswered,
    /// Nobody is there, as silence or a proxy says: tried again, and when it registers, with what somebody asked for.
    Missed,
    /// A server has too much to do: tried again, with what somebody asked for.
    Busy,
    /// Somebody asked for it, it has answered, and it holds nothing old.
    Obeyed,
    /// Somebody asked for it, it has answered that it will not or cannot, and it holds nothing old.
    Disobeyed,
    /// Nobody knows where the phone is: told when it registers, with what somebody asked for.
    Nowhere,
    /// It would restart, and its account does not allow that before this time (Unix milliseconds).
    Closed(u64),
    /// It could not be found out, or not be sent: tried again soon, and not counted.
    Hiccup,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Tell this phone; [`Queue::ended`](super::Queue::ended) follows when it is known what came of it.
    Tell(Telling),
    /// Nothing before this time (Unix milliseconds).
    WaitUntil(u64),
    /// Nothing until something happens.
    Wait,
}
