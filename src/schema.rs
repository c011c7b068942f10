//! Document schemas: defaults, typing and validation of accounts, users and devices.

mod invalid;
mod merge;

pub use invalid::{Invalid, Problem};
pub use merge::{merge, prune_null_keys};
