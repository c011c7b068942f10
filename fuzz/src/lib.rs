//! What the fuzz targets check of the room `sip`.
//!
//! The room mentions no other and needs a dozen crates, the daemon needs four hundred: so it is compiled here by
//! itself, from the same files.

#[path = "../../src"]
mod house {
    pub mod sip;
}

pub use house::sip;

pub mod codec;
pub mod phone;
pub mod script;
pub mod strict;
pub mod world;
