//! checksync gives every IP phone its configuration file, and brings every phone to the configuration it
//! should have without rebooting a single one for nothing.
//!
//! The one idea: **a phone is up to date when the digest of what it last fetched equals the digest of what it
//! would be given now.** So nobody computes differences. An administrator or a template author changes a fact,
//! which marks whom it may concern; those whose digests differ are told by SIP NOTIFY; and each leaves the
//! queue when it has come back for its file.
//!
//! The rooms are listed in reading order, and code looks only at rooms above its own
//! (`tests/architecture.rs` holds the same table). Facts know no I/O, no clock and nothing asynchronous;
//! reasoning is pure as well; doors each talk to one part of the outside and never to each other.

// Facts.
pub mod id;
pub mod document;
pub mod device;
pub mod account;
pub mod user;
pub mod zone;
pub mod schema;
pub mod sip;
pub mod tftp;
pub mod catalog;
pub mod pack;
pub mod settings;

// Reasoning.
pub mod template;
pub mod render;
pub mod explain;
pub mod resync;
pub mod auth;

// The ground that doors stand on.
pub mod store;
pub mod files;
pub mod statics;
pub mod uploads;
pub mod registrations;
pub mod sightings;
pub mod circle;

// Doors.
pub mod provision;
pub mod api;
pub mod watch;
pub mod wire;

// Roof.
pub mod config;
pub mod demo;
pub mod app;
pub mod cli;
