//! A whole endpoint, its phones, and the time: see `script` for what the bytes mean.
#![no_main]

use checksync_fuzz::{script, world::World};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut world = World::default();
    script::scenes(bytes).for_each(|scene| world.play(scene));
    world.come_to_rest();
});
