//! checksync gives every IP phone its configuration file, and brings every phone to the configuration it
//! should have without rebooting a single one for nothing.
//!
//! The one idea: **a phone is up to date when the digest of what it last fetched equals the digest of what it
//! would be given now.** Everything else follows from it. Read the rooms in this order; code looks only at
//! rooms above its own in this list (`tests/architecture.rs` holds the table).

// Facts: no I/O, no clock, no async.
pub mod account;
pub mod catalog;
pub mod device;
pub mod document;
pub mod id;
pub mod pack;
pub mod schema;
pub mod settings;
pub mod sip;
pub mod user;
pub mod zone;

// Reasoning: still pure.
pub mod auth;
pub mod render;
pub mod resync;
pub mod template;

// Doors: each talks to one part of the outside; they do not call each other.
pub mod store;

// What doors share.
pub mod circle;
pub mod files;
pub mod registrations;

// Doors that stand on what doors share.
pub mod api;
