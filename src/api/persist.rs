//! Changes that are tried again when others change the same document at the same moment.

use std::time::Duration;

use super::envelope::Reply;
use super::request::Call;

/// How often a change is tried.
const TRIES: u32 = 8;

/// The longest pause after the first try, in milliseconds. It doubles with each.
const PAUSE: u64 = 2;

/// Does it again while others come between, after a pause of random length so that not all come back at once. Each
/// time one of all those who try gets through.
pub(super) async fn persist(call: &Call, attempt: impl AsyncFn() -> Reply) -> Reply {
    for tried in 1..TRIES {
        match attempt().await {
            Err(failure) if failure.is_conflict() => pause(call, tried).await,
            done => return done,
        }
    }
    attempt().await
}

/// The same for a request that anybody may have made: one that was made for a revision is tried once.
pub(super) async fn unless_named(call: &Call, attempt: impl AsyncFn() -> Reply) -> Reply {
    if call.names_revision() { attempt().await } else { persist(call, attempt).await }
}

async fn pause(call: &Call, tried: u32) {
    let longest = PAUSE << tried;
    let random = (call.desk.random)();
    let pause = u64::from(u16::from_be_bytes([random[0], random[1]])) * longest / u64::from(u16::MAX);
    tokio::time::sleep(Duration::from_millis(pause)).await;
}
