//! File names with a MAC address in them.

use serde::Deserialize;

use super::Model;
use crate::device::Mac;

/// A file name with exactly one MAC address in it: `{mac}` in lower case or `{MAC}` in upper case, and
/// optionally `{model}`, the model's name. Names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    before: String,
    after: String,
    upper: bool,
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let upper = text.contains("{MAC}");
        let (before, after) = text
            .split_once(if upper { "{MAC}" } else { "{mac}" })
            .ok_or_else(|| format!("the file name {text:?} has no {{mac}} in it"))?;
        let rest = format!("{before}{after}").replace("{model}", "");
        if rest.contains(['{', '}', '/']) {
            return Err(format!(
                "the file name {text:?} may hold {{mac}} or {{MAC}} once, {{model}}, and no folder"
            ));
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned(), upper })
    }
}

impl Pattern {
    /// The name of this file for a phone, in the vendor's own case.
    pub fn of(&self, model: &Model, mac: Mac) -> String {
        let mac = if self.upper { mac.to_string().to_uppercase() } else { mac.to_string() };
        format!("{}{mac}{}", self.before, self.after).replace("{model}", &model.name)
    }

    /// What stands before and after the MAC address, in lower case.
    pub fn around(&self, model: &Model) -> (String, String) {
        let fill = |text: &str| text.replace("{model}", &model.name).to_ascii_lowercase();
        (fill(&self.before), fill(&self.after))
    }
}

/// Every run of twelve hexadecimal digits in a name, with what stands before and after it.
pub(super) fn macs(name: &str) -> impl Iterator<Item = (Mac, &str, &str)> {
    let starts = 0..(name.len() + 1).saturating_sub(12);
    starts.filter_map(|start| {
        let mac = Mac::from_digits(name.as_bytes().get(start..start + 12)?)?;
        Some((mac, name.get(..start)?, name.get(start + 12..)?))
    })
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
        assert_eq!(pattern("snom{model}-{MAC}.htm").of(&model(), mac), "snomD785-000413ABCDEF.htm");
        assert_eq!(pattern("cfg{mac}.xml").of(&model(), mac), "cfg000413abcdef.xml");
    }

    #[test]
    fn a_pattern_without_a_mac_is_refused() {
        for wrong in ["phone.cfg", "{mac}/{mac}.cfg", "{mac}{serial}.cfg", "a/{mac}.cfg"] {
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
    }
}
