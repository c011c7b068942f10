//! sled sometimes forgets to wake whoever waits for a write that failed (a batch's first record is written on a
//! path that only notes the error): on a full disk its `flush` would then never return. A flush from another
//! thread sees the error at once, returns, and wakes everybody. So that is what is done here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(250);

/// Watches an open database until it is dropped.
#[derive(Debug)]
pub(super) struct Nudge {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Nudge {
    /// Starts to watch.
    pub(super) fn start(db: sled::Db) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("store-nudge".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if db.context.global_error().is_err() {
                    let _ = catch_unwind(AssertUnwindSafe(|| db.flush()));
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Nudge {
    /// Waits for the thread, which holds the database open.
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
