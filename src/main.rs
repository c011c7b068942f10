//! The `checksync` daemon and its commands; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    checksync::cli::run(checksync::app::serve)
}
