//! What differs between two texts, in the form that `diff -u` has.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

/// How long a difference is looked for; then a larger one than necessary is shown.
const PATIENCE: Duration = Duration::from_millis(200);

/// Lines shown around what differs.
const CONTEXT: usize = 3;

/// The unified difference, empty where there is none. Both sides have the name of the file.
pub(super) fn unified(name: &str, before: &str, after: &str) -> String {
    let mut config = TextDiff::configure();
    let diff = config.algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(before, after);
    let (a, b) = (format!("a/{name}"), format!("b/{name}"));
    diff.unified_diff().context_radius(CONTEXT).header(&a, &b).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_the_lines_around_it() {
        assert_eq!(
            unified("a.cfg", "1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\nfive\n6\n"),
            "--- a/a.cfg\n+++ b/a.cfg\n@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-5\n+five\n 6\n"
        );
        assert_eq!(unified("a.cfg", "same\n", "same\n"), "");
    }
}
