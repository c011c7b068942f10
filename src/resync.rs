//! Which phones hold something old, whom to tell next, and when.

use serde::{Deserialize, Serialize};

use crate::id::Id;

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
