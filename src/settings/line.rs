//! A SIP account of a phone.

use std::net::Ipv6Addr;

use serde::Serialize;
use serde_json::Value;

use super::Parts;
use super::layers::Layers;
use super::words::counted;
use crate::account::Account;
use crate::device::Further;
use crate::document::at;
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
    /// The second registrar; its host is empty where there is none.
    pub backup: HostPort,
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
    /// How digits are sent in a call: `rfc2833`, `info` or `inband`.
    pub dtmf: String,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line {} {}@{}", self.number, self.username, self.realm)
    }
}

/// The SIP accounts of a phone: the device's own, then those that it lists, as many as the phone can have.
pub(super) fn all(parts: Parts<'_>, layers: &Layers<'_>, warnings: &mut Vec<String>) -> Vec<Line> {
    let Some(account) = parts.accounts.first() else { return Vec::new() };
    let owner = parts.owner();
    let is_on = parts.device.enabled() && owner.is_none_or(User::enabled) && account.enabled();
    let mut lines = vec![of(layers, owner, account, is_on)];
    for further in parts.device.further_lines() {
        let body = match further {
            Further::Here(body) => Some(body),
            Further::Device(id) => parts.others.get(&id).map(|other| &other.document.body),
        };
        let line = body.map(|body| of(&Layers::of_line(parts, body), None, account, is_on));
        let number = lines.len() + 1;
        if line.is_none() {
            warnings.push(format!("line {number} is empty: its device_id names no device of the account"));
        }
        lines.push(line.unwrap_or_else(|| Line::none(&lines[0])));
    }
    let room = usize::from(parts.entry.model.lines).max(1);
    if lines.len() > room {
        let (left, name) = (lines.len() - room, &parts.entry.model.name);
        let (left, room_for) =
            (counted(left, "line has", "lines have"), counted(room, "SIP account", "SIP accounts"));
        warnings.push(format!("{left} no place: the {name} has {room_for}"));
        lines.truncate(room);
    }
    (1..).zip(lines).map(|(number, line)| Line { number, ..line }).collect()
}

/// The account that the nearest of these layers describes, in the form of a device document.
fn of(layers: &Layers<'_>, owner: Option<&User>, account: &Account, is_on: bool) -> Line {
    let own = layers.nearest();
    let text = |path: &str| at(own, path).and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let own_realm = Some(text("sip.realm")).filter(|realm| !realm.is_empty()).map(str::to_lowercase);
    let realm = own_realm.or_else(|| account.realm()).unwrap_or_default();
    let transport = transport(layers);
    let port = if transport == "tls" { 5061 } else { 5060 };
    let server = layers.text("provision.server").unwrap_or(&realm);
    let backup = backup(layers, !text("sip.realm").is_empty() || !text("provision.server").is_empty());
    let proxy = layers.text("sip.proxy").or_else(|| layers.text("provision.outbound_proxy"));
    let display_name = display_name(text("name"), owner, account);
    let expires = layers.number::<u32>("sip.expire_seconds").unwrap_or(300).max(60);
    Line {
        number: 1,
        enabled: is_on && at(own, "enabled") != Some(&Value::Bool(false)),
        label: layers.text("caller_id.internal.number").map_or_else(|| display_name.clone(), str::to_owned),
        display_name,
        username: text("sip.username").to_owned(),
        password: at(own, "sip.password").and_then(Value::as_str).unwrap_or_default().to_owned(),
        server: host_port(server, layers.number("provision.port").unwrap_or(port)),
        backup: backup.map(|text| host_port(text, port)).unwrap_or_default(),
        outbound_proxy: proxy.map(|text| host_port(text, port)).unwrap_or_default(),
        realm,
        transport,
        expires,
        expires_minutes: expires.div_ceil(60),
        voicemail: layers.text("provision.voicemail").unwrap_or("*97").to_owned(),
        srtp: srtp(layers).to_owned(),
        dtmf: dtmf(layers).to_owned(),
    }
}

/// The second registrar. Whoever registers somewhere else than its account has no use for the account's.
fn backup<'a>(layers: &Layers<'a>, is_elsewhere: bool) -> Option<&'a str> {
    let own = at(layers.nearest(), "provision.backup_server").and_then(Value::as_str).map(str::trim);
    if is_elsewhere { own.filter(|own| !own.is_empty()) } else { layers.text("provision.backup_server") }
}

impl Line {
    /// One that is switched off and belongs to nobody, so that those behind it keep their numbers.
    fn none(first: &Self) -> Self {
        let nobody = String::new;
        Self {
            enabled: false,
            label: nobody(),
            display_name: nobody(),
            username: nobody(),
            password: nobody(),
            ..first.clone()
        }
    }
}

fn transport(layers: &Layers<'_>) -> String {
    let named = layers.text("sip.transport").or_else(|| layers.text("provision.transport"));
    let named = named.unwrap_or("udp").to_lowercase();
    if ["udp", "tcp", "tls"].contains(&named.as_str()) { named } else { "udp".to_owned() }
}

/// Kazoo's order: the device's name, else the owner's, else the account's.
fn display_name(device: &str, owner: Option<&User>, account: &Account) -> String {
    let owner_name = owner.map(User::full_name).unwrap_or_default();
    let account_name = account.document.text("name").unwrap_or_default().to_owned();
    [device.to_owned(), owner_name, account_name]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

/// RFC 4733 (which took the place of RFC 2833) unless the documents ask for one of the others.
fn dtmf(layers: &Layers<'_>) -> &'static str {
    let named = layers.text("provision.dtmf").unwrap_or_default();
    ["info", "inband"].into_iter().find(|known| named.eq_ignore_ascii_case(known)).unwrap_or("rfc2833")
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
pub(super) fn host_port(text: &str, default: u16) -> HostPort {
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
