//! The outbound proxy, and where it was found.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tracing::warn;

use super::clock;

/// How long its address is good for, and how long to look for it: nothing else is heard meanwhile.
const KNOWN: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// The proxy that everything out of a dialog goes to.
pub(super) struct Proxy {
    name: String,
    found: Option<(Instant, SocketAddr)>,
}

impl Proxy {
    /// A proxy at `host:port`.
    pub(super) fn new(name: String) -> Self {
        Self { name, found: None }
    }

    /// Where it is; `None` if its name has no address now.
    pub(super) async fn address(&mut self) -> Option<SocketAddr> {
        let (now, _) = clock();
        if let Some((at, address)) = self.found
            && now.duration_since(at) < KNOWN
        {
            return Some(address);
        }
        let looked = tokio::time::timeout(PATIENCE, tokio::net::lookup_host(&self.name)).await;
        let address = looked.ok().and_then(Result::ok).and_then(|mut found| found.next());
        if address.is_none() {
            warn!(proxy = self.name, "the outbound proxy has no address");
        }
        self.found = address.map(|address| (now, address));
        address
    }
}
