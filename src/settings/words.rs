//! Words that warnings share.

use std::fmt;

/// So many of something, in words: `1 key`, `2 keys`.
pub(super) fn counted<N: fmt::Display + From<u8> + PartialEq + Copy>(
    count: N,
    one: &str,
    many: &str,
) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}
