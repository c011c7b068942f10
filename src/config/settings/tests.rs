//! What each setting takes, and what it refuses.

use super::*;
use crate::config::field::listed;

fn set(name: &str, text: &str) -> bool {
    setting(name).unwrap().field.set(&mut Config::default(), &[text.to_owned()])
}

#[test]
fn every_setting_takes_the_value_it_shows() {
    for Setting { name, field, .. } in SETTINGS {
        let value = field.value(&Config::default());
        assert!(field.takes(&value), "{name}");
    }
}

#[test]
fn the_environment_and_the_flags_are_named_after_the_setting() {
    for Setting { name, env, flag, .. } in SETTINGS {
        assert_eq!(*env, format!("CHECKSYNC_{}", name.to_uppercase()));
        assert!(flag.is_empty() || *flag == format!("--{}", name.replace('_', "-")));
    }
}

#[test]
fn addresses_numbers_and_switches_have_bounds() {
    assert!(set("phones", "[::]:8080") && !set("phones", "0.0.0.0:65536") && !set("phones", "8080"));
    assert!(set("cache_mib", "1") && !set("cache_mib", "0") && !set("cache_mib", "64M"));
    assert!(set("demo", "true") && !set("demo", "maybe"));
    assert!(set("log_format", "json") && !set("log_format", "xml"));
    assert!(set("log", "info,checksync=debug") && !set("log", "info,=,x=loud"));
}

#[test]
fn a_base_url_is_one_to_which_a_file_name_can_be_added() {
    for right in ["", "http://10.0.0.1:8080", "https://prov.example.com/phones/"] {
        assert!(set("phones_url", right), "{right}");
    }
    for wrong in ["prov.example.com", "ftp://x", "http://", "http:///x", "http://x/?mac=", "http://x y"] {
        assert!(!set("phones_url", wrong), "{wrong}");
    }
}

#[test]
fn a_proxy_is_a_host_with_what_belongs_to_it() {
    let uri = "sips:sbc.example.com;lr";
    for right in ["", "sbc.example.com", "sbc:5060;transport=tcp", "[2001:db8::1]:5060", uri] {
        assert!(set("outbound_proxy", right), "{right}");
    }
    for wrong in [":5060", "sbc:0", "sbc:70000", "2001:db8::1", "a b:5060", "sbc;transport=ws", "http://sbc"]
    {
        assert!(!set("outbound_proxy", wrong), "{wrong}");
    }
}

#[test]
fn listeners_name_their_transport() {
    assert!(set("sip_listen", "tcp:[::]:5060") && set("sip_listen", "tls:192.0.2.1:5061"));
    assert!(!set("sip_listen", "192.0.2.1:5060") && !set("sip_listen", "tls:sip.example.com:5061"));
    assert!(set("sip_tls_key", "/etc/ssl/key.pem") && set("sip_tls_key", ""));
}

#[test]
fn networks_are_listed() {
    assert!(set("kazoo_from", "192.0.2.0/24") && set("kazoo_from", "2001:db8::7"));
    assert!(!set("kazoo_from", "192.0.2.0/33") && !set("kazoo_from", "kazoo.example.com"));
    assert_eq!(listed(" 192.0.2.0/24,::1, "), ["192.0.2.0/24", "::1"]);
    assert!(listed("").is_empty());
}

#[test]
fn the_nearest_name_is_the_one_with_the_fewest_wrong_letters() {
    assert_eq!(nearest("notify_per_secnd"), "notify_per_second");
    assert_eq!(nearest("packs"), "pack");
    assert_eq!(nearest("sites"), "site");
    assert_eq!(distance("kitten", "sitting"), 3);
}

#[test]
fn registrations_come_from_one_of_three() {
    assert!(SOURCES.into_iter().all(|source| set("registrations_from", source)));
    assert!(!set("registrations_from", "") && !set("registrations_from", "Kamailio"));
    assert!(set("kamailio_rpc", "http://127.0.0.1:8090/RPC") && set("kamailio_rpc", ""));
    assert!(!set("kamailio_rpc", "https://127.0.0.1/RPC") && !set("kamailio_rpc", "127.0.0.1:8090"));
    assert!(set("kamailio_seconds", "30") && !set("kamailio_seconds", "0"));
}

#[test]
fn pnp_is_an_interface_and_a_port() {
    assert!(set("pnp", "192.0.2.1:5060") && set("pnp", ""));
    for wrong in ["192.0.2.1", "0.0.0.0:5060", "224.0.1.75:5060", "192.0.2.1:0", "[::1]:5060", "eth0"] {
        assert!(!set("pnp", wrong), "{wrong}");
    }
}
