//! Document schemas: defaults, typing and validation of accounts, users and devices.

mod merge;

pub use merge::{merge, prune_null_keys};
