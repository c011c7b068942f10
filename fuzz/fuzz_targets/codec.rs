//! One datagram: read, written again, answered.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| checksync_fuzz::codec::check(datagram));
