//! A SIP account of a phone.

use std::net::Ipv6Addr;

use serde::Serialize;

use super::layers::Layers;
use crate::account::Account;
use crate::device::Device;
use crate::user::User;

/// A host and a port; the host is empty where there is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HostPort {
    /// A name or an address; an IPv6 address stands in brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

/// A SIP account.
#[derive(Clone, PartialEq, Serialize)]
pub struct Line {
    /// From 1.
    pub number: u16,
    /// False while the device, its owner or its account is switched off.
    pub enabled: bool,
    /// What the phone's own screen calls the line.
    pub label: String,
    /// The name that others see.
    pub display_name: String,
    /// The SIP username; also the name it authenticates with.
    pub username: String,
    /// The SIP password.
    pub password: String,
    /// What stands behind the `@` of its address.
    pub realm: String,
    /// The registrar.
    pub server: HostPort,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Where all requests go first; its host is empty where there is none.
    pub outbound_proxy: HostPort,
    /// Register expiry in seconds.
    pub expires: u32,
    /// The same in minutes, rounded up.
    pub expires_minutes: u32,
    /// The number that the voicemail key dials.
    pub voicemail: String,
    /// `off`, `optional` or `required`.
    pub srtp: String,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line {} {}@{}", self.number, self.username, self.realm)
    }
}

pub(super) fn first(layers: &Layers<'_>, device: &Device, owner: Option<&User>, account: &Account) -> Line {
    let realm = device.realm().or_else(|| account.realm()).unwrap_or_default();
    let transport = transport(layers);
    let port = if transport == "tls" { 5061 } else { 5060 };
    let server = layers.text("provision.server").unwrap_or(&realm);
    let proxy = layers.text("sip.proxy").or_else(|| layers.text("provision.outbound_proxy"));
    let display_name = display_name(device, owner, account);
    let expires = layers.number::<u32>("sip.expire_seconds").unwrap_or(300).max(60);
    Line {
        number: 1,
        enabled: device.enabled() && owner.is_none_or(User::enabled) && account.enabled(),
        label: layers.text("caller_id.internal.number").map_or_else(|| display_name.clone(), str::to_owned),
        display_name,
        username: device.username().unwrap_or_default().to_owned(),
        password: device.password().unwrap_or_default().to_owned(),
        server: host_port(server, layers.number("provision.port").unwrap_or(port)),
        outbound_proxy: proxy.map(|text| host_port(text, port)).unwrap_or_default(),
        realm,
        transport,
        expires,
        expires_minutes: expires.div_ceil(60),
        voicemail: layers.text("provision.voicemail").unwrap_or("*97").to_owned(),
        srtp: srtp(layers).to_owned(),
    }
}

fn transport(layers: &Layers<'_>) -> String {
    let named = layers.text("sip.transport").or_else(|| layers.text("provision.transport"));
    let named = named.unwrap_or("udp").to_lowercase();
    if ["udp", "tcp", "tls"].contains(&named.as_str()) { named } else { "udp".to_owned() }
}

/// Kazoo's order: the device's name, else the owner's, else the account's.
fn display_name(device: &Device, owner: Option<&User>, account: &Account) -> String {
    let device_name = device.document.text("name").unwrap_or_default().to_owned();
    let owner_name = owner.map(User::full_name).unwrap_or_default();
    let account_name = account.document.text("name").unwrap_or_default().to_owned();
    [device_name, owner_name, account_name].into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}

fn srtp(layers: &Layers<'_>) -> &'static str {
    let methods = layers.at("media.encryption.methods").and_then(|value| value.as_array());
    let offered = methods.is_some_and(|methods| methods.iter().any(|method| method == "srtp"));
    let enforced = layers.flag("media.encryption.enforce_security").unwrap_or(false);
    match (offered, enforced) {
        (_, true) => "required",
        (true, false) => "optional",
        (false, false) => "off",
    }
}

/// Reads `host`, `host:port`, `[2001:db8::1]:port`, with or without `sip:` before it. What is no port counts as
/// none.
fn host_port(text: &str, default: u16) -> HostPort {
    let text = text.trim().trim_start_matches("sips:").trim_start_matches("sip:");
    let text = text.split(';').next().unwrap_or_default();
    if text.parse::<Ipv6Addr>().is_ok() {
        return HostPort { host: format!("[{text}]"), port: default };
    }
    let split = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    let (host, port) = split.unwrap_or((text, ""));
    let port = port.parse().ok().filter(|port| *port > 0).unwrap_or(default);
    HostPort { host: host.to_owned(), port }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_name_its_port_and_may_be_ipv6() {
        let read = |text| {
            let HostPort { host, port } = host_port(text, 5060);
            format!("{host} {port}")
        };
        assert_eq!(read("pbx.example.com"), "pbx.example.com 5060");
        assert_eq!(read("sip:pbx.example.com:5080;transport=tcp"), "pbx.example.com 5080");
        assert_eq!(read("[2001:db8::1]:5070"), "[2001:db8::1] 5070");
        assert_eq!(read("2001:db8::1"), "[2001:db8::1] 5060");
        assert_eq!(read("[2001:db8::1]"), "[2001:db8::1] 5060");
        for bad in ["pbx:99999", "pbx:0", "pbx:", "pbx:sip"] {
            assert_eq!(read(bad), "pbx 5060", "{bad}");
        }
        assert_eq!(read("[2001:db8::1]:99999"), "[2001:db8::1] 5060");
    }
}
