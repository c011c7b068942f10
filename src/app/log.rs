//! Where log lines go: to standard error, through a thread of its own, so that no request waits for them.

use std::io::{self, BufWriter, Write};

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Log lines that may wait to be written; past that requests wait for the log, since each must leave its line.
const WAITING: usize = 65_536;

/// Starts logging. Lines are written until the guard is dropped.
pub(super) fn start(config: &Config) -> Result<WorkerGuard, io::Error> {
    let filter = EnvFilter::try_new(&config.log).map_err(io::Error::other)?;
    let (lines, guard) = writer(io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(false);
    let started = match config.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    started.map_err(io::Error::other)?;
    Ok(guard)
}

/// Collects lines, and writes those that have come together at once.
fn writer(to: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING)
        .lossy(false)
        .finish(BufWriter::with_capacity(1 << 16, to))
}
