//! Reads a database from front to back before all of it is read by key, which on a cold disk is one seek a page.

use std::fs;
use std::path::Path;

use super::seal;

/// Has the kernel keep the files below `sled`, if they take less than half of the memory that is free for that. What
/// cannot be read is left to whoever needs it.
pub(super) fn read(sled: &Path) {
    let free = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let bytes = seal::length(sled).unwrap_or(u64::MAX);
    if free.is_some_and(|free| bytes < free / 2) {
        let _read_again_where_it_matters = seal::read(sled);
    }
}

/// How much memory programs can have without swapping, in bytes (`MemAvailable` of proc(5)).
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_that_is_free_is_read_from_the_line_that_says_so() {
        let meminfo = "MemTotal:       24000000 kB\nMemAvailable:   20000000 kB\nBuffers: 1 kB\n";
        assert_eq!(available(meminfo), Some(20_480_000_000));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert_eq!(available("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn files_that_are_not_there_are_no_error() {
        read(Path::new("/nowhere/sled"));
    }
}
