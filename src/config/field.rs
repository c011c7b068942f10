//! The kinds of settings: how a value of each is written, in TOML, in the environment and on the command line.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Config, LogFormat};
use crate::api::Network;
use crate::wire::Listen;

/// Where a setting lies in a [`Config`], which also says how it is written.
#[derive(Debug)]
pub(super) enum Field {
    Address(fn(&mut Config) -> &mut SocketAddr),
    Folder(fn(&mut Config) -> &mut PathBuf),
    /// A folder, or none.
    AnyFolder(fn(&mut Config) -> &mut PathBuf),
    Folders(fn(&mut Config) -> &mut Vec<PathBuf>),
    Networks(fn(&mut Config) -> &mut Vec<Network>),
    Listeners(fn(&mut Config) -> &mut Vec<Listen>),
    File(fn(&mut Config) -> &mut PathBuf),
    Number(fn(&mut Config) -> &mut u32, RangeInclusive<u32>),
    Switch(fn(&mut Config) -> &mut bool),
    Format(fn(&mut Config) -> &mut LogFormat),
    Text {
        place: fn(&mut Config) -> &mut String,
        right: fn(&str) -> bool,
        expected: &'static str,
    },
}

impl Field {
    /// Sets the field from text; false when the text is not [`Field::expected`].
    pub(super) fn set(&self, config: &mut Config, texts: &[String]) -> bool {
        if let Self::Folders(place) = self {
            *place(config) = texts.iter().map(PathBuf::from).collect();
            return texts.iter().all(|text| !text.is_empty());
        }
        if let Self::Networks(place) = self {
            return put(place(config), texts.iter().map(|text| text.parse().ok()).collect());
        }
        if let Self::Listeners(place) = self {
            return put(place(config), texts.iter().map(|text| text.parse().ok()).collect());
        }
        let [text] = texts else { return false };
        match self {
            Self::Address(place) => put(place(config), text.parse().ok()),
            Self::Folder(place) => put(place(config), (!text.is_empty()).then(|| PathBuf::from(text))),
            Self::File(place) | Self::AnyFolder(place) => put(place(config), Some(PathBuf::from(text))),
            Self::Number(place, range) => put(place(config), parsed(text, |number| range.contains(number))),
            Self::Switch(place) => put(place(config), switch(text)),
            Self::Format(place) => put(place(config), LogFormat::named(text)),
            Self::Text { place, right, .. } => put(place(config), right(text).then(|| text.clone())),
            Self::Folders(_) | Self::Networks(_) | Self::Listeners(_) => false,
        }
    }

    /// What a right value looks like.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Address(_) => "an address and a port, such as 0.0.0.0:8080".to_owned(),
            Self::Folder(_) => "a folder".to_owned(),
            Self::AnyFolder(_) => "a folder, or empty".to_owned(),
            Self::Folders(_) => "folders: a list in TOML, joined with `:` in the environment".to_owned(),
            Self::Networks(_) => {
                "networks such as 192.0.2.0/24: a list in TOML, joined with `,` in the environment".to_owned()
            }
            Self::Listeners(_) => {
                "listeners such as tcp:[::]:5060 or tls:0.0.0.0:5061: a list in TOML, joined with `,` in the environment"
                    .to_owned()
            }
            Self::File(_) => "a file, or empty".to_owned(),
            Self::Number(_, range) => format!("a whole number from {} to {}", range.start(), range.end()),
            Self::Switch(_) => "true or false".to_owned(),
            Self::Format(_) => "text or json".to_owned(),
            Self::Text { expected, .. } => (*expected).to_owned(),
        }
    }

    /// The value as TOML writes it.
    pub(super) fn value(&self, config: &Config) -> toml::Value {
        let config = &mut config.clone();
        let path = |path: &PathBuf| path.display().to_string();
        match self {
            Self::Address(place) => place(config).to_string().into(),
            Self::Folder(place) | Self::File(place) | Self::AnyFolder(place) => path(place(config)).into(),
            Self::Folders(place) => place(config).iter().map(path).collect::<Vec<_>>().into(),
            Self::Networks(place) => place(config).iter().map(ToString::to_string).collect::<Vec<_>>().into(),
            Self::Listeners(place) => {
                place(config).iter().map(ToString::to_string).collect::<Vec<_>>().into()
            }
            Self::Number(place, _) => i64::from(*place(config)).into(),
            Self::Switch(place) => (*place(config)).into(),
            Self::Format(place) => place(config).name().into(),
            Self::Text { place, .. } => place(config).clone().into(),
        }
    }

    /// True when TOML may write the setting so. A number in quotes is refused, as is a text without them.
    pub(super) fn takes(&self, value: &toml::Value) -> bool {
        match self {
            Self::Number(..) => value.is_integer(),
            Self::Switch(_) => value.is_bool(),
            Self::Folders(_) | Self::Networks(_) | Self::Listeners(_) => {
                value.as_array().is_some_and(|all| all.iter().all(toml::Value::is_str))
            }
            _ => value.is_str(),
        }
    }
}

fn put<T>(place: &mut T, value: Option<T>) -> bool {
    value.map(|value| *place = value).is_some()
}

pub(super) fn parsed<N: FromStr>(text: &str, right: impl Fn(&N) -> bool) -> Option<N> {
    text.parse().ok().filter(right)
}

/// The parts of a list that is joined with commas; none of an empty text.
pub(super) fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}
