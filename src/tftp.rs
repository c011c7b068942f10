//! TFTP, as far as a phone reads files by it: RFC 1350 with the options of RFC 2347, 2348 (`blksize`), 2349 (`timeout`,
//! `tsize`) and 7440 (`windowsize`).
//!
//! A world of its own without sockets and without a clock: datagrams and the time go in, and a [`Step`] says what is to
//! be sent. A file of any length can be sent: block numbers go on with 0 after 65,535, as everybody has them.

mod netascii;
mod packet;
mod terms;
mod transfer;

pub use netascii::netascii;
pub use packet::{Code, Mode, Packet, Request, data, error};
pub use terms::Terms;
pub use transfer::{Ending, Step, Transfer};
