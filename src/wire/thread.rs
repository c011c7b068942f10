//! The loop has a thread of its own, on which nothing else runs: a datagram wakes that thread and no other.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Duration, sleep};

use super::shell::Shell;

/// Begins. The future returned ends with the loop; who drops it stops the loop.
pub(super) async fn start(
    shell: Box<Shell>,
    stop: Arc<Notify>,
) -> io::Result<impl Future<Output = ()> + use<>> {
    let stop = Stop(stop);
    let others = Handle::current();
    let ((begun, begins), (end, ended)) = (oneshot::channel(), oneshot::channel::<()>());
    std::thread::Builder::new().name("sip".to_owned()).spawn(move || {
        // Dropped when the loop is over, and also should it fail.
        let _end = end;
        match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(run(shell, others, begun)),
            Err(error) => drop(begun.send(Err(error))),
        }
    })?;
    begins.await.unwrap_or_else(|_| Err(io::Error::other("the thread of the SIP side ended")))?;
    Ok(async move {
        let _stop = stop;
        drop(ended.await);
    })
}

/// Stops the loop when nobody waits for its end any more.
struct Stop(Arc<Notify>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// The sockets and the alarm are this thread's; what the loop spawns runs with the others.
async fn run(mut shell: Box<Shell>, others: Handle, begun: oneshot::Sender<io::Result<()>>) {
    let opened = shell.open();
    let failed = opened.is_err();
    let _nobody_waits = begun.send(opened);
    if failed {
        return;
    }
    let alarm = sleep(Duration::ZERO);
    let _others = others.enter();
    Box::pin(shell.run(alarm)).await;
}
