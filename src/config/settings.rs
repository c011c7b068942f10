//! Every setting, described once: what reads it, what shows it, and what explains it all come from this table.

use std::net::{SocketAddr, SocketAddrV4};

use super::Config;
use super::field::{Field, parsed};
use crate::wire;

#[cfg(test)]
mod tests;

/// A setting of the daemon.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the TOML file.
    pub name: &'static str,
    /// Its name in the environment.
    pub env: &'static str,
    /// Its flag on the command line; empty where it has none.
    pub flag: &'static str,
    /// What it does, in a sentence or two.
    pub meaning: &'static str,
    pub(super) field: Field,
}

impl Setting {
    /// Its value where nobody sets it, as TOML writes it.
    pub fn default(&self) -> String {
        self.field.value(&Config::default()).to_string()
    }
}

fn is_base_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let plain = |rest: &str| !rest.contains(char::is_whitespace) && !rest.contains(['?', '#', '"', '<']);
    text.is_empty() || rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && plain(rest))
}

fn is_interface(text: &str) -> bool {
    let is_one = |at: &SocketAddrV4| at.port() > 0 && !at.ip().is_unspecified() && !at.ip().is_multicast();
    text.is_empty() || parsed(text, is_one).is_some()
}

fn is_filter(text: &str) -> bool {
    tracing_subscriber::EnvFilter::try_new(text).is_ok()
}

/// Who may know which phones are registered.
pub(super) const SOURCES: [&str; 3] = ["own", "kamailio", "reg-event"];

/// All settings, in the order in which they are shown. The table `[site]` and the API key stand apart.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "data_dir",
        env: "CHECKSYNC_DATA_DIR",
        flag: "--data-dir",
        meaning: "The folder of the database. It is made when it is not there.",
        field: Field::Folder(|config| &mut config.data_dir),
    },
    Setting {
        name: "phones",
        env: "CHECKSYNC_PHONES",
        flag: "--phones",
        meaning: "Where phones fetch their files, by HTTP.",
        field: Field::Address(|config| &mut config.phones),
    },
    Setting {
        name: "admin",
        env: "CHECKSYNC_ADMIN",
        flag: "--admin",
        meaning: "Where administrators reach the API, by HTTP. It is not encrypted: keep it on a network you trust.",
        field: Field::Address(|config| &mut config.admin),
    },
    Setting {
        name: "sip",
        env: "CHECKSYNC_SIP",
        flag: "--sip",
        meaning: "Where phones register and NOTIFYs leave, by SIP over UDP, and over TCP at the same port.",
        field: Field::Address(|config| &mut config.sip),
    },
    Setting {
        name: "sip_listen",
        env: "CHECKSYNC_SIP_LISTEN",
        flag: "",
        meaning: "Where SIP is spoken besides: `udp:`, `tcp:` or `tls:` and an address with its port. Every address of IPv6, `[::]`, is IPv6 alone.",
        field: Field::Listeners(|config| &mut config.sip_listen),
    },
    Setting {
        name: "sip_tls_certificate",
        env: "CHECKSYNC_SIP_TLS_CERTIFICATE",
        flag: "",
        meaning: "The PEM file of the certificate that phones see by SIP over TLS, and of those above it after it. It is read at the start.",
        field: Field::File(|config| &mut config.sip_tls_certificate),
    },
    Setting {
        name: "sip_tls_key",
        env: "CHECKSYNC_SIP_TLS_KEY",
        flag: "",
        meaning: "The PEM file of the key of that certificate.",
        field: Field::File(|config| &mut config.sip_tls_key),
    },
    Setting {
        name: "pack",
        env: "CHECKSYNC_PACK",
        flag: "--pack",
        meaning: "Folders with `catalog` and `templates` that lie over the shipped ones, a later one over those before it. They are watched.",
        field: Field::Folders(|config| &mut config.packs),
    },
    Setting {
        name: "files_dir",
        env: "CHECKSYNC_FILES_DIR",
        flag: "--files-dir",
        meaning: "The folder of static files (firmware, ringtones, logos, languages) that phones may fetch, whoever they are: `<brand>/…`, `<brand>/<family>/…`, `accounts/<account id>/…`, and what lies in it. Empty: there are none.",
        field: Field::AnyFolder(|config| &mut config.files_dir),
    },
    Setting {
        name: "tftp",
        env: "CHECKSYNC_TFTP",
        flag: "--tftp",
        meaning: "Where phones that know nothing else fetch the same files by TFTP. Nothing is encrypted, and nobody says who he is. Empty: nowhere.",
        field: Field::Text {
            place: |config| &mut config.tftp,
            right: |text| text.is_empty() || text.parse::<SocketAddr>().is_ok(),
            expected: "an address and a port, such as 0.0.0.0:69, or empty",
        },
    },
    Setting {
        name: "demo",
        env: "CHECKSYNC_DEMO",
        flag: "--demo",
        meaning: "Adds a sample account with phones to a database that has nothing but the master account.",
        field: Field::Switch(|config| &mut config.demo),
    },
    Setting {
        name: "phones_url",
        env: "CHECKSYNC_PHONES_URL",
        flag: "",
        meaning: "The base URL that is written into phones. Empty: made from `phones`, and where that is every address, from the one that leads outside.",
        field: Field::Text {
            place: |config| &mut config.phones_url,
            right: is_base_url,
            expected: "an http or https URL without query, such as https://prov.example.com/, or empty",
        },
    },
    Setting {
        name: "outbound_proxy",
        env: "CHECKSYNC_OUTBOUND_PROXY",
        flag: "",
        meaning: "The SIP proxy to which all NOTIFYs go: host, host:port, either with ;transport=udp, tcp or tls, or a sip: or sips: URI. A host alone is looked up by NAPTR and SRV. Empty: to where phones registered here.",
        field: Field::Text {
            place: |config| &mut config.outbound_proxy,
            right: |text| text.is_empty() || wire::is_proxy(text),
            expected: "a host such as sbc.example.com, sbc.example.com:5060 or sbc.example.com;transport=tls, a sip: or sips: URI, or empty",
        },
    },
    Setting {
        name: "registrations_from",
        env: "CHECKSYNC_REGISTRATIONS_FROM",
        flag: "",
        meaning: "Who knows which phones are registered. own: the registrar in here. kamailio: a Kamailio, asked at `kamailio_rpc`. reg-event: whoever answers at `outbound_proxy` a SUBSCRIBE to each line (RFC 3680). Beside a PBX nobody registers here any more.",
        field: Field::Text {
            place: |config| &mut config.registrations_from,
            right: |text| SOURCES.contains(&text),
            expected: "own, kamailio or reg-event",
        },
    },
    Setting {
        name: "kamailio_rpc",
        env: "CHECKSYNC_KAMAILIO_RPC",
        flag: "",
        meaning: "Where Kamailio answers JSON-RPC over HTTP (modules jsonrpcs and xhttp). It is asked for `ul.dump`.",
        field: Field::Text {
            place: |config| &mut config.kamailio_rpc,
            right: |text| is_base_url(text) && !text.starts_with("https:"),
            expected: "an http URL, such as http://127.0.0.1:8090/RPC, or empty",
        },
    },
    Setting {
        name: "kamailio_seconds",
        env: "CHECKSYNC_KAMAILIO_SECONDS",
        flag: "",
        meaning: "How long to wait before Kamailio is asked again.",
        field: Field::Number(|config| &mut config.kamailio_seconds, 1..=3600),
    },
    Setting {
        name: "pnp",
        env: "CHECKSYNC_PNP",
        flag: "",
        meaning: "The IPv4 address of the interface, and the port, on which phones that ask by multicast where their configuration lies (SIP PnP) are told, if a device has their MAC address. They ask at port 5060. Empty: nobody is told. Anybody on that network could tell them something else, so use it where you trust it.",
        field: Field::Text {
            place: |config| &mut config.pnp,
            right: is_interface,
            expected: "an IPv4 address of this machine and a port, such as 192.0.2.1:5060, or empty",
        },
    },
    Setting {
        name: "notify_per_second",
        env: "CHECKSYNC_NOTIFY_PER_SECOND",
        flag: "",
        meaning: "How many phones are told in a second that their configuration has changed.",
        field: Field::Number(|config| &mut config.notify_per_second, 1..=10_000),
    },
    Setting {
        name: "notify_window",
        env: "CHECKSYNC_NOTIFY_WINDOW",
        flag: "",
        meaning: "How many NOTIFYs may be unanswered at a time.",
        field: Field::Number(|config| &mut config.notify_window, 1..=10_000),
    },
    Setting {
        name: "cache_mib",
        env: "CHECKSYNC_CACHE_MIB",
        flag: "",
        meaning: "Memory for pages of the database, in MiB.",
        field: Field::Number(|config| &mut config.cache_mib, 1..=1_048_576),
    },
    Setting {
        name: "files_mib",
        env: "CHECKSYNC_FILES_MIB",
        flag: "",
        meaning: "Memory for rendered files, and an eighth of it for the users that phonebooks and keys show, in MiB.",
        field: Field::Number(|config| &mut config.files_mib, 1..=1_048_576),
    },
    Setting {
        name: "uploads_mib",
        env: "CHECKSYNC_UPLOADS_MIB",
        flag: "",
        meaning: "Room on the disk for logs and settings that phones send, in MiB. They lie in the folder `uploads` of `data_dir`. 0: nothing is taken.",
        field: Field::Number(|config| &mut config.uploads_mib, 0..=1_048_576),
    },
    Setting {
        name: "log",
        env: "CHECKSYNC_LOG",
        flag: "",
        meaning: "What is logged: a level, or a tracing filter such as info,checksync=debug.",
        field: Field::Text {
            place: |config| &mut config.log,
            right: is_filter,
            expected: "a tracing filter, such as info or info,checksync=debug",
        },
    },
    Setting {
        name: "log_format",
        env: "CHECKSYNC_LOG_FORMAT",
        flag: "",
        meaning: "How it is logged: lines of text, or of json.",
        field: Field::Format(|config| &mut config.log_format),
    },
    Setting {
        name: "workers",
        env: "CHECKSYNC_WORKERS",
        flag: "",
        meaning: "Threads that serve phones. 0: one per core.",
        field: Field::Number(|config| &mut config.workers, 0..=1024),
    },
    Setting {
        name: "kazoo_from",
        env: "CHECKSYNC_KAZOO_FROM",
        flag: "--kazoo-from",
        meaning: "Networks of Kazoo's servers: what they push as to a provisioner is taken as the master account's, without a token of ours. Also `from` in a table [kazoo].",
        field: Field::Networks(|config| &mut config.kazoo_from),
    },
];

/// The setting of this name.
pub(super) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The known name that is written most like `name`.
pub(super) fn nearest(name: &str) -> &'static str {
    let names = SETTINGS.iter().map(|setting| setting.name).chain(["site"]);
    names.min_by_key(|known| distance(known, name)).unwrap_or_default()
}

/// How many letters must be put in, taken out or exchanged to make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], above + 1);
        for (at, theirs) in other.iter().enumerate() {
            let exchanged = corner + usize::from(letter != *theirs);
            corner = row[at + 1];
            row[at + 1] = exchanged.min(corner + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
