//! How texts that name places on a network are written, beside the formats that JSON Schema has: what phones cannot do
//! anything with is refused where it is written.
//!
//! Blanks around a text do not count. An empty one and `inherit` leave a setting to whoever says it next, and suit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The formats, by the names that schemas give them.
pub(super) const ALL: [Format; 7] = [
    ("cidr", is_cidr),
    ("host", |text| is_unset(text) || is_host(text.trim())),
    ("host-port", |text| is_unset(text) || is_server(text.trim())),
    ("file-url", |text| is_unset(text) || is_file_url(text.trim())),
    ("file-name", |text| is_unset(text) || is_file_name(text.trim())),
    ("group", |text| is_unset(text) || text.trim().parse().is_ok_and(|at: SocketAddr| at.port() > 0)),
    ("user-id", |text| !text.contains(|c: char| c == ':' || c.is_control())),
];

/// A name, and what tells whether a text is written so.
type Format = (&'static str, fn(&str) -> bool);

fn is_unset(text: &str) -> bool {
    matches!(text.trim(), "" | "inherit")
}

/// An IPv4 or IPv6 network in prefix notation.
fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.len() <= 3
        && bits.bytes().all(|b| b.is_ascii_digit())
        && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// A name, an IPv4 address, or an IPv6 address with or without brackets. What ends in a number is no name.
fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    let is_number = |label: &str| label.bytes().all(|digit| digit.is_ascii_digit());
    labels().all(is_label)
        && (!labels().next_back().is_some_and(is_number) || text.parse::<Ipv4Addr>().is_ok())
}

/// `host` or `host:port`.
fn is_host_port(text: &str) -> bool {
    if is_host(text) {
        return true;
    }
    let is_port = |port: &str| {
        port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_bare = host.contains(':') && !host.starts_with('[');
        !is_bare && is_host(host) && is_port(port)
    })
}

/// The same, with or without `sip:` or `sips:` before it and parameters behind it.
fn is_server(text: &str) -> bool {
    let text = text.strip_prefix("sips:").or_else(|| text.strip_prefix("sip:")).unwrap_or(text);
    let mut parts = text.split(';');
    let is_parameter = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "-_.!%*+~=[]:".contains(c))
    };
    parts.next().is_some_and(is_host_port) && parts.all(is_parameter)
}

/// A URL by which phones fetch files.
fn is_file_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    ["http", "https", "tftp", "ftp"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && is_host_port(place)
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || "\"<>".contains(c))
}

/// A path below a folder that does not lead out of it.
fn is_file_name(text: &str) -> bool {
    let mut steps = text.trim_matches('/').split('/');
    steps.all(|step| !matches!(step, "" | "." | "..") && !step.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails unless the first texts are written as the format says, and the others are not.
    fn takes(name: &str, right: &[&str], wrong: &[&str]) {
        let (_, is_right) = ALL.iter().find(|(known, _)| *known == name).unwrap();
        for text in right.iter().chain(if name == "cidr" { &[][..] } else { &["", " "] }) {
            assert!(is_right(text), "{name}: {text:?}");
        }
        for text in wrong {
            assert!(!is_right(text), "{name}: {text:?}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        takes(
            "host",
            &[
                "pbx",
                " a-b.example.com. ",
                "_sip.x_y",
                "192.0.2.7",
                "2001:db8::1",
                "[2001:db8::1]",
                "inherit",
            ],
            &["a b", "http://x/", "a..b", ".a", "pbx:5060", "192.0.2.256", "1.2.3", "pbx/x", "[pbx]", "a@b"],
        );
    }

    #[test]
    fn a_server_may_name_its_port_and_may_be_a_sip_uri() {
        takes(
            "host-port",
            &[
                "pbx",
                "pbx:1",
                "pbx:65535",
                "[2001:db8::1]:5060",
                "2001:db8::1",
                "sip:pbx:5070;transport=tcp",
                "sips:[2001:db8::1]:5061;lr",
            ],
            &[
                "pbx:0",
                "pbx:65536",
                "pbx:",
                "pbx:abc",
                "pbx:+5",
                "http://x/",
                "a b",
                "sip:alice@pbx",
                "sip:",
                ":5060",
                "pbx;",
                "pbx;a b",
                "<sip:pbx>",
            ],
        );
    }

    #[test]
    fn firmware_comes_from_where_phones_can_fetch_it() {
        takes(
            "file-url",
            &[
                "http://fw/a.rom",
                "HTTPS://u:p@fw.example:8443/a%20b?c=1",
                "tftp://192.0.2.1",
                "ftp://[::1]/x",
            ],
            &["not a url", "fw/a.rom", "file:///a", "http://", "http:///a", "http://fw:0/a", "http://fw/a b"],
        );
        takes("file-name", &["a b#1.rom", "/yealink/t46s/a.rom"], &["../a", "a/../b", "a//b", "a\nb", "/"]);
    }

    #[test]
    fn a_group_has_an_address_and_a_port_and_a_user_id_has_no_colon() {
        takes(
            "group",
            &["224.0.1.75:10000", "[ff02::1]:5000"],
            &["foo", "224.0.1.75", "224.0.1.75:0", "pbx:1"],
        );
        takes("user-id", &["phone", "a b"], &["a:b", "a\nb"]);
    }

    #[test]
    fn a_network_has_as_many_bits_as_its_address_can_have() {
        takes("cidr", &["10.0.0.0/8", "2001:db8::/32"], &["", "10.0.0.0", "10.0.0.0/33", "::/129", "::/+8"]);
    }
}
