//! What documents can ask for, by its path, and how it is tried.

use std::sync::LazyLock;

use serde_json::Value;

use super::super::lint::{Sample, shipped_samples};
use crate::catalog::Entry;
use crate::document::{at, put_at};
use crate::settings::{Parts, Settings};

/// A path of the documents, and the values with which it is tried.
pub(super) struct Wish {
    pub(super) path: &'static str,
    /// The value that it is about, where phones may know one and not another.
    pub(super) word: &'static str,
    /// JSON, one unlike the other.
    values: &'static [&'static str],
    /// What has to be so for it to count: paths and JSON.
    given: &'static [(&'static str, &'static str)],
    /// Whether it is asked for only by a document of the device or of its owner, and not by an account, which says it for
    /// those of its phones that have it.
    own: bool,
}

const fn wish(path: &'static str, values: &'static [&'static str]) -> Wish {
    Wish { path, word: "", values, given: &[], own: false }
}

const fn word(path: &'static str, word: &'static str, values: &'static [&'static str]) -> Wish {
    Wish { word, ..wish(path, values) }
}

const fn own(path: &'static str, values: &'static [&'static str]) -> Wish {
    Wish { own: true, ..wish(path, values) }
}

const fn call(path: &'static str, values: &'static [&'static str]) -> Wish {
    Wish { given: &[("provision.calls.kept_by", r#""phone""#)], ..wish(path, values) }
}

/// With one port for all: where nobody says one, it follows the transport.
const fn transport(path: &'static str, name: &'static str, values: &'static [&'static str]) -> Wish {
    Wish { given: &[("provision.port", "5060")], ..word(path, name, values) }
}

const fn codec(name: &'static str, values: &'static [&'static str]) -> Wish {
    Wish { own: true, ..word(CODECS, name, values) }
}

const CODECS: &str = "media.audio.codecs";
const SYSLOG: &str = "provision.syslog_server";
const ADMIN: &str = "provision.admin_password";
const USER: &str = "provision.user_password";
const POLL: &str = "provision.poll_minutes";
const PINS: &str = "provision.firmware";
const FIRMWARE: &str = "provision.firmware_url";
const HOSTS: &[&str] = &[r#""one.example""#, r#""""#];
const DIGITS: &[&str] = &[r#""1234""#, r#""5678""#];
const TEXTS: &[&str] = &[r#""One-1""#, r#""Two-2""#];

/// What the schema gives a device that says nothing, in seconds.
const EXPIRES: u32 = 300;

/// All of them.
pub(super) const WISHES: [Wish; 45] = [
    call("call_forward", &[r#"{"enabled": true, "number": "100"}"#, r#"{"enabled": false}"#]),
    call("do_not_disturb", &[r#"{"enabled": true}"#, r#"{"enabled": false}"#]),
    call("provision.calls.forward_busy", &[r#""100""#, r#""""#]),
    call("provision.calls.forward_no_answer", &[r#""100""#, r#""""#]),
    word("media.encryption", "optional", &[r#"{"methods": ["srtp"]}"#, "{}"]),
    word("media.encryption", "required", &[r#"{"enforce_security": true}"#, "{}"]),
    word("provision.dtmf", "info", &[r#""info""#, r#""rfc2833""#]),
    word("provision.dtmf", "inband", &[r#""inband""#, r#""rfc2833""#]),
    transport("provision.transport", "tcp", &[r#""tcp""#, r#""udp""#]),
    transport("provision.transport", "tls", &[r#""tls""#, r#""udp""#]),
    transport("sip.transport", "tcp", &[r#""tcp""#, r#""udp""#]),
    transport("sip.transport", "tls", &[r#""tls""#, r#""udp""#]),
    codec("opus", &[r#"["OPUS", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("g722", &[r#"["G722", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("g729", &[r#"["G729", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("pcma", &[r#"["PCMA", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("gsm", &[r#"["GSM", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("ilbc", &[r#"["iLBC@30i", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("speex", &[r#"["speex", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("g7221_16", &[r#"["G7221@16000h", "PCMU"]"#, r#"["PCMU"]"#]),
    codec("g7221_32", &[r#"["G7221@32000h", "PCMU"]"#, r#"["PCMU"]"#]),
    // Where the server is not the realm, since a second one may decide which of both is said.
    Wish { given: &[("provision.server", r#""main.example""#)], ..wish("provision.backup_server", HOSTS) },
    wish("provision.contacts", &[r#"[{"name": "One", "number": "100"}]"#, "[]"]),
    wish(FIRMWARE, &[r#""http://one.example/one.rom""#, r#""""#]),
    wish("provision.http_username", HOSTS),
    wish("provision.outbound_proxy", HOSTS),
    Wish {
        given: &[
            ("provision.combo_keys", r#"{"1": {"type": "blf", "value": "101"}}"#),
            ("provision.feature_keys", r#"{"1": {"type": "blf", "value": "101"}}"#),
        ],
        ..wish("provision.pickup_code", &[r#""*8""#, r#""""#])
    },
    word(POLL, "less than a day", &["30", "1440"]),
    wish(POLL, &["0", "60", "1440", "10080"]),
    wish(SYSLOG, HOSTS),
    word(SYSLOG, "port", &[r#""one.example:514""#, r#""one.example:1514""#]),
    wish("provision.tones", &[r#""DE""#, r#""GB""#, r#""US""#]),
    wish("sip.expire_seconds", &["600", "7200"]),
    wish("sip.proxy", HOSTS),
    Wish {
        given: &[("provision.tones", r#""US""#)],
        ..own("language", &[r#""de-DE""#, r#""fr-FR""#, r#""en-US""#])
    },
    own(ADMIN, DIGITS),
    Wish { word: "other than digits", ..own(ADMIN, TEXTS) },
    own("provision.hours24", &["true", "false"]),
    own("provision.ntp_server", HOSTS),
    own(USER, DIGITS),
    Wish { word: "other than digits", ..own(USER, TEXTS) },
    own("provision.voicemail", &[r#""*97""#, r#""*98""#]),
    own("ringtones.external", TEXTS),
    own("ringtones.internal", TEXTS),
    own("timezone", &[r#""Asia/Tokyo""#, r#""America/New_York""#, r#""UTC""#]),
];

impl Wish {
    /// Whether the documents ask for it, and it came into the settings.
    pub(super) fn is_asked(&self, parts: Parts<'_>, settings: &Settings) -> bool {
        let owner = parts.owner().map(|user| &user.document.body);
        let accounts = parts.accounts.iter().map(|account| &account.document.body).filter(|_| !self.own);
        let mut bodies = [&parts.device.document.body].into_iter().chain(owner).chain(accounts);
        let asks =
            |body| at(body, self.path).is_some_and(says) || self.path == FIRMWARE && at(body, PINS).is_some();
        self.is_in_force(settings) && bodies.any(asks)
    }

    /// Whether what the documents say of it came into the settings.
    fn is_in_force(&self, settings: &Settings) -> bool {
        let Some(line) = settings.lines.first() else { return false };
        let calls = &settings.calls;
        match self.path {
            "call_forward" => !calls.forward.always.is_empty(),
            "do_not_disturb" => calls.dnd,
            "provision.calls.forward_busy" => !calls.forward.busy.is_empty(),
            "provision.calls.forward_no_answer" => !calls.forward.no_answer.is_empty(),
            "provision.pickup_code" => has_pickup(settings),
            "provision.transport" | "sip.transport" => line.transport == self.word,
            "media.encryption" => line.srtp == self.word,
            "provision.dtmf" => line.dtmf == self.word,
            ADMIN if !self.word.is_empty() => has_letters(&settings.passwords.admin),
            USER if !self.word.is_empty() => has_letters(&settings.passwords.user),
            POLL if !self.word.is_empty() => (1..1440).contains(&settings.provisioning.poll.minutes),
            CODECS => settings.codecs.iter().any(|codec| codec == self.word),
            SYSLOG if self.word == "port" => settings.syslog.port != 514 && !settings.syslog.host.is_empty(),
            FIRMWARE => !settings.firmware.url.is_empty(),
            "sip.expire_seconds" => line.expires != EXPIRES,
            _ => true,
        }
    }

    /// The settings of a plain phone with each of the values.
    pub(super) fn settings(&self, entry: Entry<'_>) -> Vec<Settings> {
        let tried = self.values.iter().filter_map(|value| {
            let mut sample = PLAIN.clone()?;
            for (path, value) in self.given.iter().chain(&[(self.path, *value)]) {
                put_at(&mut sample.device, path, serde_json::from_str(value).ok()?);
            }
            settings(&sample, entry)
        });
        tried.collect()
    }
}

/// The settings of a plain phone.
pub(super) fn plain(entry: Entry<'_>) -> Option<Settings> {
    settings(PLAIN.as_ref()?, entry)
}

static PLAIN: LazyLock<Option<Sample>> = LazyLock::new(|| {
    let phones_url = "http://prov.example.com/".to_owned();
    shipped_samples().remove("plain").map(|plain| Sample { phones_url, ..plain })
});

fn settings(sample: &Sample, entry: Entry<'_>) -> Option<Settings> {
    Some(sample.settings(entry).ok()?.settings)
}

fn has_letters(text: &str) -> bool {
    !text.bytes().all(|c| c.is_ascii_digit())
}

fn has_pickup(settings: &Settings) -> bool {
    let keys = settings.keys.iter().chain(&settings.feature_keys).chain(&settings.expansion_keys);
    keys.into_iter().any(|key| !key.pickup.is_empty())
}

fn says(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    }
}
