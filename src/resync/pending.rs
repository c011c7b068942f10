//! A phone's place in the queue, as it is written down.

use serde::{Deserialize, Serialize};

use super::Ask;
use super::campaign::{Member, Stage};
use super::telling::Telling;
use crate::id::Digest;

/// A phone that stands in the queue. Times are Unix milliseconds.
#[allow(clippy::struct_excessive_bools, reason = "each says another thing, in any combination")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pending {
    /// When it was found to hold something old, or when somebody asked for it.
    pub since: u64,
    /// How often it was told since then.
    pub attempts: usize,
    /// When it is told next; `None` while it is being told or left alone.
    pub next: Option<u64>,
    /// What it would be given: the digest over the digests of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Digest>,
    /// True when it has answered since it stands here: it is there, and it is up to it to come.
    #[serde(default)]
    pub reached: bool,
    /// What somebody asked for explicitly: sent once, whatever the digests say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Ask>,
    /// True when that does not wait for the hours at which phones may restart.
    #[serde(default)]
    pub at_once: bool,
    /// When a restart may be sent that somebody asked for and that waits for its account's hours, while the phone is
    /// told to read its files again. Where it waits for nothing else, that is `asked` and `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<u64>,
    /// True when nobody was there at the last try: that it registers, if only to refresh, says that it is there.
    #[serde(default)]
    pub missed: bool,
    /// True when it was silent to a restart, has registered anew, and was told once more for that.
    #[serde(default)]
    pub anew: bool,
    /// How it stands.
    #[serde(default)]
    pub stage: Stage,
    /// How often in a row it was put off because a server has too much to do.
    #[serde(default)]
    pub deferred: u8,
    /// True when it has answered to what somebody asked for, holds nothing old, and has not come since.
    #[serde(default)]
    pub obeyed: bool,
    /// Its campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// True when it also holds something old because of a change that is no campaign's: that stays when the campaign
    /// that has taken it over is cancelled.
    #[serde(default)]
    pub alone: bool,
}

impl Pending {
    /// True when a change that is no campaign's has brought it here.
    pub(super) fn stands_alone(&self) -> bool {
        self.alone || (self.member.is_none() && self.given.is_some())
    }

    /// The same with what a telling carried and did not bring to its end.
    pub(super) fn carrying_on(self, telling: Telling) -> Self {
        let asked = self.asked.or(telling.asked);
        let at_once = if self.asked.is_some() { self.at_once } else { telling.at_once };
        Self { asked, at_once, ..self }
    }
}
