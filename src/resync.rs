//! Which phones hold something old, whom to tell next, and when.
//!
//! A change marks a [`Scope`]. Of the devices in it, those whose [`Held`] digests differ from what they would be
//! given now stand in the [`Queue`] until they have come back for their files. A NOTIFY is done when the phone
//! has come back, not when it has answered.

use serde::{Deserialize, Serialize};

use crate::id::Id;

mod campaign;
mod campaigns;
mod dice;
mod flow;
mod held;
mod hours;
mod pending;
mod pulse;
mod queue;
mod running;
mod telling;

pub use campaign::{Action, Campaign, Cause, ControlError, Counts, Member, Origin, Stage, State};
pub use campaigns::{Campaigns, Written};
pub use flow::Sign;
pub use held::{Class, Held, HeldFile, Told};
pub use hours::{Hours, HoursError};
pub use pending::Pending;
pub use queue::Queue;
pub use running::Progress;
pub use telling::{End, Pace, Step, Telling};

/// Whom a change may concern. Who really is concerned, the digests say later.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One device.
    Device(Id),
    /// The devices that a user owns, and those that show the user on a key.
    User(Id),
    /// The devices of an account and of every account below it.
    Account(Id),
    /// The devices whose keys or phonebooks may show any user of an account without naming one: by a layout that they
    /// inherit, or by a rule.
    Users(Id),
    /// The devices of one model, named as the catalog does.
    Model {
        /// Brand, in lower case.
        brand: String,
        /// Model, in lower case.
        model: String,
    },
    /// Every device.
    Everything,
}

/// What a phone is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Read its files again.
    Reread,
    /// Restart.
    Reboot,
}

/// What somebody asks of a phone explicitly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What it shall do.
    pub ask: Ask,
    /// True when that does not wait for the hours at which its account allows phones to restart.
    pub now: bool,
}
