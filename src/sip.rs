//! SIP (RFC 3261): a registrar that knows where the phones are, NOTIFYs that tell them
//! something, and calls that ring them.
//!
//! A world of its own: it mentions no other room, reads no clock and does no I/O. An [`Endpoint`] takes
//! datagrams, answers to its questions, and the time; it gives [`Command`]s. So a test lets an hour pass in a
//! microsecond.
//!
//! ```text
//! datagram ─▶ reader ─▶ message ─┬─▶ server ─▶ line (who may) ─▶ registrar ─▶ binding (where phones are)
//!                                ├─▶ client ─▶ transaction (again, again) ─▶ notify (what became of it)
//!                                ├─▶ subscribe (who is registered at somebody else's)
//!                                └─▶ call (a phone is rung, and connected to a number)
//! ```
//!
//! What we send is written on rsip's header model; what we receive goes through our own lenient [`reader`],
//! since phones write what rsip's does not take. All texts of messages are wire texts, see [`header`].
//! Everything a stranger can make us keep is bounded: see the `MAX_` constants. Whom we speak with is a [`Peer`]:
//! transport, address and connection; which of our [`listeners`] it reaches stands in Via and Contact.

mod endpoint;

pub mod client;
pub mod command;
pub mod server;

pub mod call;
pub mod subscribe;
pub mod line;
pub mod login;
pub mod notify;
pub mod outcome;
pub mod overwrite;
pub mod pnp;
pub mod registrar;
pub mod registration;

pub mod binding;
pub mod guard;
pub mod guesses;
pub mod hop;
pub mod listeners;
pub mod locate;
mod nonces;
pub mod peer;
pub mod transaction;

pub mod digest;
pub mod framing;
pub mod message;
pub mod reader;
pub mod refusal;
pub mod uri;

pub mod address;
pub mod agent;
pub mod chance;
pub mod fingerprint;
pub mod header;
pub mod syntax;
pub mod timers;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod journeys;
#[cfg(test)]
mod world;

pub use address::{Aor, Target};
pub use binding::Binding;
pub use call::{Call, Caller, Fate, Way};
pub use command::{CallId, Command, Datagram, NotifyId, Ticket};
pub use digest::{Credentials, Password};
pub use endpoint::Endpoint;
pub use line::{Line, Proof};
pub use listeners::Listeners;
pub use notify::Notify;
pub use outcome::Outcome;
pub use peer::{Flow, Peer, Transport};
pub use registrar::End;
