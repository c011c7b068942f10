//! File names that say whose file it is.

use serde::Deserialize;

use super::Model;
use crate::device::Mac;
use crate::id::Id;

/// Who asks for a file, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// The phone with this MAC address.
    Mac(Mac),
    /// The phone of this device, which has no MAC address or does not say it.
    Device(Id),
}

/// What of a phone stands in a file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    LowerMac,
    UpperMac,
    LowerDashes,
    UpperDashes,
    Id,
}

const MARKS: [(&str, Mark); 5] = [
    ("{mac}", Mark::LowerMac),
    ("{MAC}", Mark::UpperMac),
    ("{mac-}", Mark::LowerDashes),
    ("{MAC-}", Mark::UpperDashes),
    ("{id}", Mark::Id),
];

/// A file name with exactly one phone in it: `{mac}`, its MAC address in lower case, or `{MAC}` in upper case, `{mac-}`
/// and `{MAC-}` with dashes, or `{id}`, the device's id; and optionally `{model}`, the model's name. The phone may be
/// the folder of a name that is the same for all: `{mac}/phonebook.xml`. Names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    before: String,
    after: String,
    mark: Mark,
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (before, after, mark) = MARKS
            .into_iter()
            .find_map(|(name, mark)| text.split_once(name).map(|(before, after)| (before, after, mark)))
            .ok_or_else(|| format!("the file name {text:?} has neither {{mac}} nor {{id}} in it"))?;
        let rest = format!("{before}{after}").replace("{model}", "");
        let in_folder = rest.strip_prefix('/').filter(|name| before.is_empty() && !name.is_empty());
        if in_folder.unwrap_or(&rest).contains(['{', '}', '/']) {
            return Err(format!(
                "the file name {text:?} may hold one of {{mac}}, {{MAC}}, {{mac-}}, {{MAC-}} and {{id}} once, {{model}}, \
                 and no folder but that"
            ));
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned(), mark })
    }
}

impl Pattern {
    /// The name of this file for a phone, in the vendor's own case; `None` where it has a MAC address in it and
    /// the phone has none.
    pub fn of(&self, model: &Model, device: Id, mac: Option<Mac>) -> Option<String> {
        let mark = match self.mark {
            Mark::LowerMac => mac?.to_string(),
            Mark::UpperMac => mac?.to_string().to_uppercase(),
            Mark::LowerDashes => mac?.with_colons().replace(':', "-"),
            Mark::UpperDashes => mac?.with_colons().replace(':', "-").to_uppercase(),
            Mark::Id => device.to_string(),
        };
        Some(format!("{}{mark}{}", self.before, self.after).replace("{model}", &model.name))
    }

    /// True when the phone is the folder that the file is in.
    pub fn is_in_folder(&self) -> bool {
        self.after.starts_with('/')
    }

    /// True when the model's name stands in it.
    pub fn has_model(&self) -> bool {
        self.before.contains("{model}") || self.after.contains("{model}")
    }

    /// True when only a phone with a MAC address can ask for it.
    pub fn needs_mac(&self) -> bool {
        self.mark != Mark::Id
    }

    /// What stands before and after the phone, in lower case.
    pub fn around(&self, model: &Model) -> (String, String) {
        let fill = |text: &str| text.replace("{model}", &model.name).to_ascii_lowercase();
        (fill(&self.before), fill(&self.after))
    }
}

/// Everyone whom a name may mean, with what stands before and after it.
pub(super) fn askers(name: &str) -> impl Iterator<Item = (Asker, &str, &str)> {
    let macs = macs(name).map(|(mac, before, after)| (Asker::Mac(mac), before, after));
    macs.chain(ids(name).map(|(id, before, after)| (Asker::Device(id), before, after)))
}

/// Every run of 32 hexadecimal digits in a name, with what stands before and after it.
fn ids(name: &str) -> impl Iterator<Item = (Id, &str, &str)> {
    let starts = 0..(name.len() + 1).saturating_sub(32);
    starts.filter_map(|start| {
        let id = name.get(start..start + 32)?.parse().ok()?;
        Some((id, name.get(..start)?, name.get(start + 32..)?))
    })
}

/// Every run of twelve hexadecimal digits in a name, bare or by twos with dashes between, with what stands before and
/// after it.
fn macs(name: &str) -> impl Iterator<Item = (Mac, &str, &str)> {
    let places = (0..name.len()).flat_map(|start| [(start, 12), (start, 17)]);
    places.filter_map(|(start, length)| {
        let mac = mac_in(name.as_bytes().get(start..start + length)?)?;
        Some((mac, name.get(..start)?, name.get(start + length..)?))
    })
}

fn mac_in(text: &[u8]) -> Option<Mac> {
    if text.len() == 12 {
        return Mac::from_digits(text);
    }
    let is_right = text.iter().enumerate().all(|(at, byte)| (at % 3 == 2) == (*byte == b'-'));
    is_right.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// Every MAC address that stands alone in a `User-Agent`: bare, with colons or with dashes.
pub(super) fn stated_macs(user_agent: &str) -> impl Iterator<Item = Mac> {
    let words = user_agent.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '-'));
    words.flat_map(|word| [word, word.rsplit_once("MAC:").map_or("", |(_, mac)| mac)]).filter_map(|word| {
        let digits = word.bytes().filter(u8::is_ascii_hexdigit).count();
        let marks = word.len() - digits;
        (digits == 12 && (marks == 0 || marks == 5)).then(|| word.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.to_owned().try_into().unwrap()
    }

    fn model() -> Model {
        Model {
            name: "D785".into(),
            lines: 1,
            keys: 0,
            feature_keys: 0,
            expansion_modules: 0,
            expansion_keys: 0,
        }
    }

    #[test]
    fn a_name_is_emitted_in_the_vendors_case() {
        let mac = "000413abcdef".parse().unwrap();
        let named = |text: &str, mac| pattern(text).of(&model(), Id::from_bytes([0xd0; 16]), mac);
        assert_eq!(named("snom{model}-{MAC}.htm", Some(mac)).unwrap(), "snomD785-000413ABCDEF.htm");
        assert_eq!(named("cfg{mac}.xml", Some(mac)).unwrap(), "cfg000413abcdef.xml");
        assert_eq!(named("hipve-{mac-}.xml", Some(mac)).unwrap(), "hipve-00-04-13-ab-cd-ef.xml");
        assert_eq!(named("{MAC-}.xml", Some(mac)).unwrap(), "00-04-13-AB-CD-EF.xml");
        assert_eq!(named("{mac}/book.xml", Some(mac)).unwrap(), "000413abcdef/book.xml");
        assert_eq!(named("cfg{mac}.xml", None), None);
        assert_eq!(named("soft-{id}.xml", None).unwrap(), format!("soft-{}.xml", "d0".repeat(16)));
    }

    #[test]
    fn a_pattern_that_does_not_say_whose_file_it_is_is_refused() {
        for wrong in [
            "phone.cfg",
            "{mac}/{mac}.cfg",
            "{mac}{serial}.cfg",
            "a/{mac}.cfg",
            "{mac}/a/b",
            "{mac}/",
            "a{mac}/b",
            "{id}{mac}.cfg",
        ] {
            assert!(Pattern::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_user_agent_may_write_its_mac_in_any_of_the_usual_ways() {
        for agent in [
            "Yealink SIP-T46S 66.86.0.15 80:5e:c0:00:00:01",
            "Grandstream Model HW GRP2614 SW 1.0.7.97 DevId 805ec0000001",
            "Cisco/SPA508G-7.4.8a (805EC0000001)(CBT141400UK)",
            "Aastra6731i MAC:80-5E-C0-00-00-01 V:3.2.0.70-SIP",
        ] {
            assert_eq!(stated_macs(agent).next(), "805ec0000001".parse().ok(), "{agent}");
        }
        assert_eq!(stated_macs("curl/8.5.0 abcdefabcdefabc 12-34").next(), None);
    }

    #[test]
    fn names_of_any_bytes_are_searched_without_harm() {
        assert_eq!(macs("äöüäöüäöüäöü").count(), 0);
        assert_eq!(macs("é805ec0123456é").count(), 1);
        assert_eq!(macs("").count(), 0);
        assert_eq!(macs("a-00-04-13-ab-cd-ef.xml").map(|(_, before, _)| before).collect::<Vec<_>>(), ["a-"]);
        assert_eq!(macs("00-04-13-ab-cd-e").chain(macs("00:04:13:ab:cd:ef")).count(), 0);
        assert_eq!(ids(&format!("é{}é", "0f".repeat(16))).count(), 1);
        assert_eq!(ids("äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü").count(), 0);
    }
}
