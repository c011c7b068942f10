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
    binding.direct && binding.expires_at > unix && source.to_canonical() == address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::binding::tests::binding;

    #[test]
    fn home_is_where_a_phone_registered_by_itself_until_that_ends() {
        let proxied = Binding { path: Vec::new(), ..binding(5060, 100) };
        let direct = Binding { direct: true, ..proxied.clone() };
        let is_from = |binding, address: &str, unix| is_from(binding, address.parse().unwrap(), unix);
        assert!(is_from(&direct, "192.0.2.7", 99) && is_from(&direct, "::ffff:192.0.2.7", 99));
        assert!(!is_from(&direct, "192.0.2.7", 100) && !is_from(&direct, "192.0.2.8", 99));
        assert!(!is_from(&proxied, "192.0.2.7", 99));
    }
}
