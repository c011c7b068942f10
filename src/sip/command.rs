//! What the pure SIP room asks of the shell that owns its socket and its store.

use std::fmt;

use bytes::Bytes;

use super::address::Aor;
use super::binding::Binding;
use super::call::Fate;
use super::outcome::Outcome;
use super::peer::Peer;
use super::registrar::End;
use super::subscribe::reginfo::Contact;

/// One thing to do. Carry commands out in their order: a binding is told before the phone hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Send a message.
    Send {
        /// Where to. Over the connection it names, or if it names none over any to this address.
        to: Peer,
        /// What, at most 65,535 bytes.
        datagram: Datagram,
        /// The request it is, for [`super::Endpoint::undeliverable`] if it cannot be sent; `None` for what nobody waits
        /// for an answer to.
        branch: Option<String>,
    },
    /// Nobody has answered there, and another place is tried: others had better begin with that.
    Lost(Peer),
    /// Look a line up, and answer with [`super::Endpoint::line`] within 32 seconds.
    FindLine {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The user part, unescaped, in the case the phone wrote.
        user: String,
        /// The host part in lower case, without a port; the name or address the phone calls us.
        realm: String,
    },
    /// A phone registered or refreshed: store the binding.
    Bound {
        /// The binding as it is now; replaces one of the same line and contact.
        binding: Box<Binding>,
        /// Whether the contact was not bound until now.
        fresh: bool,
        /// Whether it was only refreshed: nothing but its time has changed.
        same: bool,
    },
    /// A binding is gone: forget it.
    Unbound {
        /// The binding as it was.
        binding: Box<Binding>,
        /// Why it is gone.
        end: End,
    },
    /// A NOTIFY is over.
    Notified {
        /// Which one.
        id: NotifyId,
        /// What became of it.
        outcome: Outcome,
    },
    /// Somebody else's registrar says where the phones of a line are, all of them.
    Registered {
        /// The line.
        aor: Aor,
        /// Where its phones are.
        contacts: Vec<Contact>,
    },
    /// A line is not watched for now: the code of the refusal, or nobody answered. It is tried again by itself.
    Unwatched {
        /// The line.
        aor: Aor,
        /// Why.
        code: Option<u16>,
    },
    /// It is known what became of a call.
    Called {
        /// Which one.
        id: CallId,
        /// What became of it.
        fate: Fate,
    },
}

/// The bytes of one message. Its `Debug` gives only the length, since a message may answer a challenge.
#[derive(Clone, PartialEq, Eq)]
pub struct Datagram(pub Bytes);

impl fmt::Debug for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Names a NOTIFY from its start to its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotifyId(pub(super) u64);

#[cfg(test)]
impl From<u64> for NotifyId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Names a call from its start to its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) u64);

/// Names a lookup from its question to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// A message that nobody waits for an answer to.
pub(super) fn send(to: Peer, datagram: Bytes) -> Command {
    Command::Send { to, datagram: Datagram(datagram), branch: None }
}

/// A request that is answered under the name `branch`.
pub(super) fn ask(to: Peer, datagram: Bytes, branch: &str) -> Command {
    Command::Send { to, datagram: Datagram(datagram), branch: Some(branch.to_owned()) }
}
