//! SIP: a world of its own.
