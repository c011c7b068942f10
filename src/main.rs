//! The `checksync` daemon and its commands; everything is in the library.

fn main() {}
