//! How the daemon is set: defaults, then the TOML file, then the environment, then flags, each over the last.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::api::Network;
use crate::document::Body;
use crate::id::Digest;
use crate::settings::Site;
use crate::wire;

mod error;
mod field;
mod file;
mod settings;
mod show;

pub use error::ConfigError;
pub use settings::{SETTINGS, Setting};
pub use show::show;

use field::Field;

/// All settings; [`SETTINGS`] says what each means.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The folder of the database.
    pub data_dir: PathBuf,
    /// Where phones fetch files.
    pub phones: SocketAddr,
    /// Where administrators reach the API.
    pub admin: SocketAddr,
    /// Where SIP is spoken, over UDP and TCP.
    pub sip: SocketAddr,
    /// Where SIP is spoken besides.
    pub sip_listen: Vec<wire::Listen>,
    /// The PEM file of the certificate for SIP over TLS; empty where there is none.
    pub sip_tls_certificate: PathBuf,
    /// The PEM file of its key.
    pub sip_tls_key: PathBuf,
    /// Pack folders, a later one lying over those before it.
    pub packs: Vec<PathBuf>,
    /// The folder of static files; empty where there are none.
    pub files_dir: PathBuf,
    /// Where phones fetch files by TFTP; empty where they may not.
    pub tftp: String,
    /// Whether samples are added to an empty database.
    pub demo: bool,
    /// What is written into phones; empty to derive it. Use [`Config::site`].
    pub phones_url: String,
    /// Where the proxy for NOTIFYs is, as [`wire::is_proxy`] takes it; empty for the embedded registrar.
    pub outbound_proxy: String,
    /// Who knows which phones are registered: `own`, `kamailio` or `reg-event`. Use [`Config::source`].
    pub registrations_from: String,
    /// Where Kamailio answers JSON-RPC; empty where it is not asked.
    pub kamailio_rpc: String,
    /// Seconds before Kamailio is asked again, at least 1.
    pub kamailio_seconds: u32,
    /// Interface and port of PnP; empty where it is off.
    pub pnp: String,
    /// NOTIFYs a second, at least 1.
    pub notify_per_second: u32,
    /// NOTIFYs under way at a time, at least 1.
    pub notify_window: u32,
    /// Memory for database pages, in MiB.
    pub cache_mib: u32,
    /// Room on the disk for what phones send, in MiB.
    pub uploads_mib: u32,
    /// Memory for rendered files and the users they show, in MiB.
    pub files_mib: u32,
    /// A tracing filter.
    pub log: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Threads that serve phones; 0 for one per core.
    pub workers: u32,
    /// From where Kazoo's pushes are taken without a token of ours.
    pub kazoo_from: Vec<Network>,
    /// Defaults for all accounts, in the form of an account document.
    pub site: Body,
    /// The master account's API key, when the operator chose one.
    pub api_key: Option<ApiKey>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Text, Self::Json].into_iter().find(|format| format.name() == name)
    }
}

/// An API key: 64 lower-case hexadecimal digits. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key as clients send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What an account keeps of it: the digest of its 64 digits.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

/// Where a value came from; written as people look for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The TOML file and its line, from 1.
    File(PathBuf, usize),
    /// This variable.
    Env(&'static str),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Env(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// The settings in force, and where each came from, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// The settings.
    pub config: Config,
    /// Of every setting that is not at its default.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// What the command line says: values by setting name, and the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// The values of each flag that was given.
    pub values: BTreeMap<&'static str, Vec<String>>,
}

/// The one setting that stands in the environment alone, so that no file and no process list shows it.
pub const API_KEY: &str = "CHECKSYNC_API_KEY";

const CONFIG: &str = "CHECKSYNC_CONFIG";

impl Default for Config {
    fn default() -> Self {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            data_dir: PathBuf::from("./var"),
            phones: SocketAddr::new(any, 8080),
            admin: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            sip: SocketAddr::new(any, 5060),
            sip_listen: Vec::new(),
            sip_tls_certificate: PathBuf::new(),
            sip_tls_key: PathBuf::new(),
            packs: Vec::new(),
            files_dir: PathBuf::new(),
            tftp: String::new(),
            demo: false,
            phones_url: String::new(),
            outbound_proxy: String::new(),
            registrations_from: "own".to_owned(),
            kamailio_rpc: String::new(),
            kamailio_seconds: 30,
            pnp: String::new(),
            notify_per_second: 20,
            notify_window: 32,
            cache_mib: 64,
            uploads_mib: 1024,
            files_mib: 128,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            workers: 0,
            kazoo_from: Vec::new(),
            site: Body::new(),
            api_key: None,
        }
    }
}

impl Config {
    /// What templates see of the site. `listening` is where phones really reach us, once that is known; a
    /// listener on every address is reached at the one that leads outside.
    pub fn site(&self, listening: SocketAddr) -> Site {
        let phones_url = match self.phones_url.trim_end_matches('/') {
            "" => format!("http://{}/", wire::reachable(listening)),
            url => format!("{url}/"),
        };
        Site { phones_url, body: self.site.clone() }
    }

    /// Who knows which phones are registered.
    pub fn source(&self) -> wire::Source {
        match self.registrations_from.as_str() {
            "kamailio" => wire::Source::Kamailio {
                rpc: self.kamailio_rpc.clone(),
                every: Duration::from_secs(self.kamailio_seconds.into()),
            },
            "reg-event" => wire::Source::RegEvent,
            _ => wire::Source::Own,
        }
    }

    /// Settings that are right one by one may be of no use together.
    fn check(&self) -> Result<(), ConfigError> {
        let source = self.source();
        let lacks = |lacks, why| {
            let value = self.registrations_from.clone();
            Err(ConfigError::Lacks { value, lacks, why })
        };
        match source {
            wire::Source::Own => Ok(()),
            _ if self.outbound_proxy.is_empty() => {
                lacks("outbound_proxy", "phones that are registered elsewhere are told through it")
            }
            wire::Source::Kamailio { rpc, .. } if rpc.is_empty() => {
                lacks("kamailio_rpc", "Kamailio is asked there, for instance at http://127.0.0.1:8090/RPC")
            }
            _ => Ok(()),
        }
    }
}

/// Reads the file (of `--config`, else of `CHECKSYNC_CONFIG`) and lays everything over the defaults.
pub fn read(flags: &Flags) -> Result<Effective, ConfigError> {
    let env = |name: &str| std::env::var(name).ok();
    let path = flags.config.clone().or_else(|| env(CONFIG).map(PathBuf::from));
    let file = match path {
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            Some((path, text))
        }
        None => None,
    };
    layer(file, env, flags)
}

/// Lays a TOML text with its path, the environment, and flags over the defaults.
pub fn layer(
    file: Option<(PathBuf, String)>,
    env: impl Fn(&str) -> Option<String>,
    flags: &Flags,
) -> Result<Effective, ConfigError> {
    let mut effective = Effective { config: Config::default(), origins: BTreeMap::new() };
    if let Some((path, text)) = file {
        file::lay(&mut effective, &path, &text)?;
    }
    for setting in SETTINGS {
        if let Some(text) = env(setting.env) {
            let texts = match setting.field {
                Field::Folders(_) => text.split(':').map(str::to_owned).collect(),
                Field::Networks(_) | Field::Listeners(_) => field::listed(&text),
                _ => vec![text],
            };
            effective.set(setting, &texts, Origin::Env(setting.env))?;
        }
        if let Some(texts) = flags.values.get(setting.name) {
            effective.set(setting, texts, Origin::Flag(setting.flag))?;
        }
    }
    effective.config.check()?;
    effective.config.api_key = env(API_KEY).map(|text| text.parse()).transpose()?;
    Ok(effective)
}

impl Effective {
    fn set(&mut self, setting: &Setting, texts: &[String], origin: Origin) -> Result<(), ConfigError> {
        if !setting.field.set(&mut self.config, texts) {
            return Err(wrong(setting, &format!("{:?}", texts.join(":")), origin));
        }
        self.origins.insert(setting.name, origin);
        Ok(())
    }
}

fn wrong(setting: &Setting, value: &str, origin: Origin) -> ConfigError {
    ConfigError::Wrong {
        origin,
        name: setting.name,
        value: value.chars().take(200).collect(),
        expected: setting.field.expected(),
    }
}

impl FromStr for ApiKey {
    type Err = ConfigError;

    /// Reads 64 hexadecimal digits, in any case.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let right = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if right { Ok(Self(text.to_ascii_lowercase())) } else { Err(ConfigError::ApiKey) }
    }
}
