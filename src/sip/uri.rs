//! Request-URIs: which can be read at all, and which are SIP's.

use super::address::{host_and_port, number};

/// Whether a Request-URI can be read: a scheme, nothing that would end a URI, and after `sip:` or `sips:` a host,
/// no port but a number, and no header fields (RFC 3261 §19.1.1). What it means in another scheme is not asked.
pub fn is_sound(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let plain = |c: char| c > ' ' && c != '\u{7f}' && c != '<' && c != '>';
    is_scheme(scheme) && uri.chars().all(plain) && (!is_sip(uri) || names_a_host(rest))
}

/// Whether it is a `sip:` or `sips:` URI; any other is answered 416 (RFC 3261 §8.2.2.1).
pub fn is_sip(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn names_a_host(rest: &str) -> bool {
    let after_user = rest.split_once('@').map_or(rest, |(_, host)| host);
    let host = after_user.split([';', '?']).next().unwrap_or_default();
    let (host, port) = host_and_port(host);
    let sound_port = port.is_none_or(|port| port.is_empty() || number::<u16>(port).is_some());
    is_host(host) && sound_port && !after_user.contains('?')
}

/// A name or an address. Of an IPv6 literal only its characters are looked at: RFC 3261 allows a colon too many
/// before an IPv4 address (RFC 5118 §4.10), and nobody has to go there.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => {
            let literal = rest.strip_suffix(']').unwrap_or_default();
            let (address, _zone) = literal.split_once('%').unwrap_or((literal, ""));
            !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c))
        }
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_ask_for_can_be_read() {
        for uri in [
            "sip:pbx.example.org",
            "SIPS:pbx_1:5061;transport=tls",
            "sip:pbx:",
            "sip:u;p=a%40b@h.example;lr",
            "sip:a?b:c?d@h",
            "sip:[2001:db8::1]:5060",
            "sip:[fe80::1%25eth0]",
            "sip:u@[2001:db8:::192.0.2.1]",
            "tel:+431",
            "soap.beep://192.0.2.103:3002",
        ] {
            assert!(is_sound(uri), "{uri}");
        }
    }

    #[test]
    fn what_is_no_uri_is_told_apart() {
        for uri in [
            "",
            "pbx.example.org",
            "<sip:u@h>",
            "sip:u@h; lr",
            "sip:",
            "sip:u@",
            "sip:u@h:50x",
            "sip:u@h:+5",
            "sip:u@h:65536",
            "sip:2001:db8::10",
            "sip:[2001:db8::10",
            "sip:[]",
            "sip:u@h?Route=x",
            "sip:u@h/x",
            "1tel:+431",
            "sip:u@h\u{7f}",
        ] {
            assert!(!is_sound(uri), "{uri}");
        }
    }

    #[test]
    fn only_two_schemes_are_ours() {
        assert!(is_sip("sip:h") && is_sip("SIPS:h"));
        assert!(!is_sip("tel:+431") && !is_sip("sipx:h") && !is_sip(""));
    }
}
