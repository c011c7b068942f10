//! What a phone says of itself in its `User-Agent`, over HTTP and in SIP.

use serde::Serialize;

use super::{Brand, Catalog};
use crate::device::{Device, Mac};

/// What is known of a phone by its `User-Agent`; what it does not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Agent {
    /// The brand's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The model's id, of a model that the catalog knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The version of its firmware, as it writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// Its MAC address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<Mac>,
}

impl Catalog {
    /// Reads a `User-Agent`.
    pub fn agent(&self, user_agent: &str) -> Agent {
        let brand = self.brand_of_user_agent(user_agent).and_then(|id| self.brands.get_key_value(id));
        Agent {
            brand: brand.map(|(id, _)| id.clone()),
            model: brand.and_then(|(_, brand)| model(brand, user_agent)),
            firmware: brand.and_then(|_| firmware(user_agent)),
            mac_address: self.mac_in_user_agent(user_agent),
        }
    }
}

impl Agent {
    /// What it says that contradicts the device's document, in words for an administrator.
    pub fn warnings(&self, device: &Device) -> Vec<String> {
        let (make, mac) = (device.make(), device.mac());
        let differs = |seen: &Option<String>, written: &str| {
            seen.clone().filter(|seen| !written.is_empty() && seen != written)
        };
        let brand = differs(&self.brand, &make.brand)
            .map(|seen| format!("the phone says it is of the brand {seen}, the device is of {}", make.brand));
        let model = differs(&self.model, &make.model).filter(|_| brand.is_none());
        let model =
            model.map(|seen| format!("the phone says it is a {seen}, the device is a {}", make.model));
        let other = self.mac_address.zip(mac).filter(|(seen, written)| seen != written);
        let other = other.map(|(seen, written)| {
            format!("the phone says its MAC address is {seen}, the device has {written}")
        });
        [brand, model, other].into_iter().flatten().collect()
    }
}

/// The model of the brand that a `User-Agent` names: `SIP-T46S`, `VVX_410`, `snomD785`.
fn model(brand: &Brand, user_agent: &str) -> Option<String> {
    let lower = user_agent.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let named = |id: &str| {
        let pairs = words.windows(2).map(<[&str]>::concat);
        words.iter().map(ToString::to_string).chain(pairs).any(|word| is_model(brand, &word, id))
    };
    let models = brand.families.values().flat_map(|family| family.models.keys());
    models.filter(|id| named(id)).max_by_key(|id| id.len()).cloned()
}

fn is_model(brand: &Brand, word: &str, id: &str) -> bool {
    let before = word.strip_suffix(id);
    before.is_some_and(|before| before.is_empty() || brand.user_agents.iter().any(|mark| mark == before))
}

/// The first word that is made of at least three numbers: `66.86.0.15`.
fn firmware(user_agent: &str) -> Option<String> {
    let words = user_agent.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    let is_version = |word: &&str| {
        let numbers = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        word.split('.').count() > 2 && word.split('.').all(numbers)
    };
    words.into_iter().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::Document;
    use crate::id::Id;

    fn catalog() -> Catalog {
        let text = |name: &str, mac: &str, models: &str| {
            format!(
                "name = \"{name}\"\nmac_prefixes = [\"{mac}\"]\nuser_agents = [\"{name}\"]\n\
                 events = {{ reread = \"a\", reboot = \"b\" }}\n[families.f]\nname = \"F\"\n\
                 files = [{{ name = \"{{mac}}.cfg\", template = \"t\", format = \"key-value\", content_type = \"text/plain\" }}]\n\
                 [families.f.models]\n{models}"
            )
        };
        let models = |ids: &[&str]| {
            let model = |id: &&str| format!("{id} = {{ name = \"X\", lines = 1, keys = 1 }}");
            ids.iter().map(model).collect::<Vec<_>>().join("\n")
        };
        let texts = [
            ("yealink", text("yealink", "805ec0", &models(&["t46s", "t46", "t4"]))),
            ("poly", text("polycom", "0004f2", &models(&["vvx400", "vvx410"]))),
            ("snom", text("snom", "000413", &models(&["d785", "d78"]))),
        ];
        Catalog::parse(texts.iter().map(|(id, text)| (*id, text.as_str()))).unwrap()
    }

    fn said(user_agent: &str) -> [String; 4] {
        let agent = catalog().agent(user_agent);
        let mac = agent.mac_address.map(|mac| mac.to_string());
        [agent.brand, agent.model, agent.firmware, mac].map(Option::unwrap_or_default)
    }

    #[test]
    fn brand_model_firmware_and_mac_are_read_as_vendors_write_them() {
        for (user_agent, expected) in [
            (
                "Yealink SIP-T46S 66.86.0.15 80:5e:c0:00:00:01",
                ["yealink", "t46s", "66.86.0.15", "805ec0000001"],
            ),
            ("Yealink SIP-T46S  66.86.0.15", ["yealink", "t46s", "66.86.0.15", ""]),
            ("PolycomVVX-VVX_410-UA/5.9.0.9373", ["poly", "vvx410", "5.9.0.9373", ""]),
            (
                "Mozilla/4.0 (compatible; snomD785-SIP 10.1.169.16 2010.12-00001 000413922D24 SXM:0)",
                ["snom", "d785", "10.1.169.16", "000413922d24"],
            ),
            ("Yealink W70B 146.87.0.15", ["yealink", "", "146.87.0.15", ""]),
            ("baresip v1.0.0 (x86_64/linux)", ["", "", "", ""]),
            ("", ["", "", "", ""]),
        ] {
            assert_eq!(said(user_agent), expected, "{user_agent}");
        }
    }

    #[test]
    fn what_contradicts_the_device_is_said() {
        let warnings = |user_agent: &str, mac: &str, brand: &str, model: &str| {
            let body =
                json!({"mac_address": mac, "provision": {"endpoint_brand": brand, "endpoint_model": model}});
            let id = Id::from_bytes([1; 16]);
            let device = Device { document: Document::new(id, id, body.as_object().unwrap().clone(), 0) };
            catalog().agent(user_agent).warnings(&device)
        };
        let agent = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:00:00:01";
        assert_eq!(warnings(agent, "80:5E:C0:00:00:01", "Yealink", "T46S"), Vec::<String>::new());
        assert_eq!(warnings(agent, "", "", ""), Vec::<String>::new(), "the device says nothing");
        let of = warnings(agent, "80:5E:C0:00:00:02", "yealink", "t46");
        assert_eq!(of[0], "the phone says it is a t46s, the device is a t46");
        let mac = "the phone says its MAC address is 805ec0000001, the device has 805ec0000002";
        assert_eq!((of.len(), &of[1][..]), (2, mac));
        let of = warnings(agent, "", "snom", "d785");
        assert_eq!(of, ["the phone says it is of the brand yealink, the device is of snom"]);
    }
}
