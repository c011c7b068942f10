//! SIP: a world of its own.

pub mod address;
pub mod chance;
pub mod header;
pub mod message;
pub mod reader;
pub mod timers;
pub mod digest;
pub mod guard;
pub mod transaction;
pub mod notify;
