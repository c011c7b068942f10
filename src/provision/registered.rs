//! From where phones are registered, which a stranger who knows a MAC address does not share.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::circle::Switchboard;
use crate::id::Id;
use crate::registrations::Registrations;
use crate::sip::Binding;

/// How long the SIP side may take to say where a phone is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who knows where phones are registered from.
pub struct Registered {
    /// Which devices are registered.
    pub registrations: Arc<Registrations>,
    /// The way to the SIP side.
    pub switchboard: Switchboard,
}

impl Registered {
    /// True when a line of the device is registered from this address at `unix` seconds.
    pub(super) async fn is_at(&self, device: Id, address: IpAddr, unix: u64) -> bool {
        if !self.registrations.contains(device) {
            return false;
        }
        let found = tokio::time::timeout(PATIENCE, self.switchboard.locate(&[device])).await;
        let found = found.ok().flatten().unwrap_or_default();
        found.iter().any(|(_, binding)| is_from(binding, address, unix))
    }
}

/// A REGISTER that came by proxies came from the last of them, which says nothing of the phone.
fn is_from(binding: &Binding, address: IpAddr, unix: u64) -> bool {
    let source = binding.source.address.ip();
    binding.path.is_empty() && binding.expires_at > unix && source.to_canonical() == address.to_canonical()
}
