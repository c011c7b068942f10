//! What the patterns of a table can name.

use checksync::settings::{KeySetting, Line, Settings};

use crate::pattern::Words;

/// Of an account: `{line}` and `{line0}` count it from 1 and from 0; `{hop}` is where its requests go first; a
/// `site` is a host, with its port unless that is 5060. `{site}` is the realm's.
pub(crate) fn of_line(settings: &Settings, line: &Line) -> Words {
    let mut words = Words::default();
    about(&mut words, settings, line);
    words.text("label", &line.label);
    words
}

fn about(words: &mut Words, settings: &Settings, line: &Line) {
    let hop = if line.outbound_proxy.host.is_empty() { &line.server } else { &line.outbound_proxy };
    words.number("line", line.number.into());
    for (name, value) in [
        ("user", line.username.as_str()),
        ("password", &line.password),
        ("realm", &line.realm),
        ("host", &line.server.host),
        ("proxy", &line.outbound_proxy.host),
        ("hop", &hop.host),
        ("display", &line.display_name),
        ("transport", &line.transport),
        ("mac", &settings.device.mac),
    ] {
        words.text(name, value);
    }
    words.text("port", &line.server.port.to_string());
    words.text("hop_port", &hop.port.to_string());
    words.text("site", &site(&line.realm, line.server.port));
    words.text("hop_site", &site(&hop.host, hop.port));
    words.text("expires", &line.expires.to_string());
    words.text("minutes", &line.expires_minutes.to_string());
}

/// Of a key, with what there is of its account but the label: `{key}` and `{module}` count from 1, `{key0}` and
/// `{module0}` from 0, and `{run}` goes on from the phone's own keys to those of its modules. `beyond` is the first
/// number behind those of the accounts. `code` is what the table says of its type.
pub(crate) fn of_key(settings: &Settings, key: &KeySetting, code: Option<&String>) -> Words {
    let mut words = Words::default();
    words.text("pickup_code", key.pickup.strip_suffix(&key.value).unwrap_or_default());
    if let Some(line) = settings.lines.iter().find(|line| line.number == key.line) {
        about(&mut words, settings, line);
    }
    words.number("line", key.line.into());
    words.number("key", key.number.into());
    words.number("module", key.module.into());
    words.number("run", run(settings, key));
    words.number("beyond", i64::try_from(settings.lines.len()).unwrap() + 1);
    words.text("code", code.unwrap_or(&key.code));
    for (name, value) in [("value", &key.value), ("label", &key.label), ("pickup", &key.pickup)] {
        words.text(name, value);
    }
    words
}

/// A host with its port, which is left out where it is the usual one.
fn site(host: &str, port: u16) -> String {
    if port == 5060 { host.to_owned() } else { format!("{host}:{port}") }
}

fn run(settings: &Settings, key: &KeySetting) -> i64 {
    let (number, phone) = (i64::from(key.number), &settings.phone);
    let before = i64::from(key.module) - 1;
    if before < 0 {
        number
    } else {
        i64::from(phone.keys) + before * i64::from(phone.expansion_keys) + number
    }
}
