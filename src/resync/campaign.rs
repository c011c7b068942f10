//! Campaigns: phones that must be told because of the same thing, counted, held back together, or let go.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::id::{Digest, Id};

/// What set a campaign off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Cause {
    /// Templates or the catalog of a brand have changed.
    Templates {
        /// The brand, in lower case.
        brand: String,
        /// Its models that it may concern.
        models: Vec<String>,
    },
    /// Something that all phones see has changed, such as where they fetch their files.
    Site,
    /// An account was changed.
    Account {
        /// Which.
        account: Id,
    },
    /// Many devices were changed at once.
    Import {
        /// Their account.
        account: Id,
        /// The import.
        job: Id,
    },
    /// Somebody asked for all phones of an account.
    Sync {
        /// The account.
        account: Id,
        /// What they are asked to do.
        ask: Ask,
    },
}

impl Cause {
    /// The account whose matter it is; `None` for what concerns the whole site.
    pub fn account(&self) -> Option<Id> {
        match self {
            Self::Templates { .. } | Self::Site => None,
            Self::Account { account } | Self::Import { account, .. } | Self::Sync { account, .. } => {
                Some(*account)
            }
        }
    }

    /// The name of the campaign that this sets off: always the same for the same `number`, such as that of a mark.
    pub fn campaign(&self, number: &[u8]) -> Id {
        let what = match self {
            Self::Templates { brand, .. } => format!("templates {brand}"),
            Self::Site => "site".to_owned(),
            Self::Account { account } => format!("account {account}"),
            Self::Import { job, .. } => format!("import {job}"),
            Self::Sync { account, .. } => format!("sync {account}"),
        };
        Id::from_bytes(*Digest::of(&[what.as_bytes(), b"\n", number].concat()).as_bytes())
    }
}

/// Which campaign a phone comes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its name.
    pub campaign: Id,
    /// What set it off.
    pub cause: Cause,
}

impl Origin {
    /// The campaign that `cause` sets off under this number.
    pub fn of(cause: Cause, number: &[u8]) -> Self {
        Self { campaign: cause.campaign(number), cause }
    }
}

/// A phone's place in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which campaign.
    pub campaign: Id,
    /// The account of the phone's device.
    pub account: Id,
    /// True once a NOTIFY was sent to it.
    #[serde(default)]
    pub told: bool,
}

/// How a phone in the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is told when its turn comes.
    #[default]
    Waiting,
    /// It is told when its account allows phones to restart.
    RebootWindow,
    /// It has answered and must come.
    Answered,
    /// It has not answered, or not well.
    Unanswered,
    /// Nobody knows where it is: it is told when it registers.
    Nowhere,
    /// It has answered again and again and has not come: it is left alone until something changes.
    GivenUp,
}

/// How a phone left a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    CameBack,
    GaveUp,
    Unreached,
    /// Deleted, cancelled, or taken over by a later campaign.
    Otherwise,
}

/// What an administrator can do with a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nobody is told until it goes on.
    Pause,
    /// It goes on.
    Resume,
    /// Its phones leave the queue and stay as they are.
    Cancel,
}

/// Why something cannot be done with a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// There is none of this name.
    #[error("there is no such campaign")]
    Unknown,
    /// It was cancelled, or none of its phones stands in the queue any more.
    #[error("the campaign is over")]
    Over,
}

/// What an administrator has made of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its phones are told.
    Running,
    /// They are not.
    Paused,
    /// They have left.
    Cancelled,
    /// Nothing is left to be done: who is still in it could not be reached or was given up. Never stored.
    Done,
}

impl State {
    /// True while something can be done about a campaign: while phones of it are `standing` in the queue, even if they
    /// are told only should they register, and always where it is paused, so that none is held back for ever.
    pub(super) fn can_be_controlled(self, standing: bool) -> bool {
        match self {
            Self::Paused => true,
            Self::Running | Self::Done => standing,
            Self::Cancelled => false,
        }
    }
}

/// A campaign as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// What set it off.
    pub cause: Cause,
    /// When its first phone came into it, in Unix milliseconds.
    pub began: u64,
    /// What was made of it.
    pub state: State,
}

/// The phones of one account in one campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Those that came into it.
    pub concerned: u64,
    /// Those that a NOTIFY was sent to.
    pub told: u64,
    /// Those that have come for their files.
    pub came_back: u64,
    /// Those that left because they answered and did not come.
    pub gave_up: u64,
    /// Those that left because they did not answer.
    pub unreached: u64,
    /// Those that left otherwise: deleted, cancelled, or taken over by a later campaign.
    pub left: u64,
    /// When any of this changed last, in Unix milliseconds.
    pub changed: u64,
    /// Those that stand in the queue, by [`Stage`]. Not written down: each phone's place is.
    #[serde(skip)]
    pub stages: [u64; 6],
    /// Those of the unanswered that are told again after a while.
    #[serde(skip)]
    pub again: u64,
}

impl Counts {
    /// How many stand in the queue like this.
    pub fn at(&self, stage: Stage) -> u64 {
        self.stages[stage as usize]
    }

    /// True while any of them is to be told, or expected.
    pub fn is_active(&self) -> bool {
        let goes_on = [Stage::Waiting, Stage::RebootWindow, Stage::Answered];
        self.again > 0 || goes_on.iter().any(|stage| self.at(*stage) > 0)
    }

    /// True when none of them stands in the queue, not even to be told should it register.
    pub fn is_empty(&self) -> bool {
        self.stages.iter().all(|standing| *standing == 0)
    }

    /// One more stands like this, and is told `next`.
    pub(super) fn stand(&mut self, stage: Stage, next: Option<u64>) {
        self.stages[stage as usize] += 1;
        self.again += u64::from(is_again(stage, next));
    }

    /// One of those does not any more.
    pub(super) fn rise(&mut self, stage: Stage, next: Option<u64>) {
        let standing = &mut self.stages[stage as usize];
        *standing = standing.saturating_sub(1);
        self.again = self.again.saturating_sub(u64::from(is_again(stage, next)));
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.concerned += other.concerned;
        self.told += other.told;
        self.came_back += other.came_back;
        self.gave_up += other.gave_up;
        self.unreached += other.unreached;
        self.left += other.left;
        self.changed = self.changed.max(other.changed);
        for (own, other) in self.stages.iter_mut().zip(other.stages) {
            *own += other;
        }
        self.again += other.again;
        self
    }

    pub(super) fn leave(&mut self, how: Leave) {
        match how {
            Leave::CameBack => self.came_back += 1,
            Leave::GaveUp => self.gave_up += 1,
            Leave::Unreached => self.unreached += 1,
            Leave::Otherwise => self.left += 1,
        }
    }
}

fn is_again(stage: Stage, next: Option<u64>) -> bool {
    stage == Stage::Unanswered && next.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_mark_names_the_same_campaign_and_another_another() {
        let cause = Cause::Account { account: Id::from_bytes([1; 16]) };
        assert_eq!(cause.campaign(b"7"), cause.clone().campaign(b"7"));
        assert_ne!(cause.campaign(b"7"), cause.campaign(b"8"));
        assert_ne!(cause.campaign(b"7"), Cause::Site.campaign(b"7"));
    }

    #[test]
    fn a_campaign_reads_back_from_the_store() {
        let models = vec!["t46s".to_owned()];
        let cause = Cause::Templates { brand: "yealink".to_owned(), models };
        let campaign = Campaign { cause, began: 5, state: State::Paused };
        let written = serde_json::to_value(&campaign).unwrap();
        assert_eq!(written["cause"]["what"], "templates");
        assert_eq!(serde_json::from_value::<Campaign>(written).unwrap(), campaign);
    }
}
