//! Which firmware a phone shall have: files that an operator has pinned by model.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::layers::Layers;
use crate::catalog::Entry;

/// What is written as `%XX` in the path of a URL (RFC 3986 §3.3).
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'%')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'|')
    .add(b'\\');

/// Where phones that reach us at `base` (with a slash at its end) fetch the static file of this name.
pub fn url_of(base: &str, name: &str) -> String {
    format!("{base}{}", utf8_percent_encode(name, PATH))
}

/// The whole URL of the file that is pinned for this model (`provision.firmware`), by `brand/model`, else by
/// `brand/family`, in the first layer that has one. A file that is named without a folder lies in the brand's.
pub(super) fn pinned(layers: &Layers<'_>, entry: Entry<'_>, base: &str) -> Option<String> {
    let of = |id: &str| layers.text(&format!("provision.firmware.{}/{id}", entry.brand_id));
    let name = of(entry.model_id).or_else(|| of(entry.family_id))?;
    let name = name.trim_matches('/');
    let folder = if name.contains('/') { String::new() } else { format!("{}/", entry.brand_id) };
    (!base.is_empty()).then(|| url_of(base, &format!("{folder}{name}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::Catalog;
    use crate::device::{Device, Make};
    use crate::document::Document;
    use crate::id::Id;
    use crate::pack::Pack;
    use crate::settings::{Parts, Roster, Site};

    /// What is pinned for a T46S by these two `provision.firmware`.
    fn pinned_by(device: &Value, site: &Value) -> Option<String> {
        let shipped = Pack::shipped();
        let texts = shipped.catalogs.iter().map(|(id, text)| (id.as_str(), text.text.as_str()));
        let catalog = Catalog::parse(texts).unwrap();
        let make = Make { brand: "yealink".into(), family: String::new(), model: "t46s".into() };
        let body = |pins: &Value| json!({"provision": {"firmware": pins}}).as_object().unwrap().clone();
        let document = Document::new(Id::from_bytes([1; 16]), Id::from_bytes([2; 16]), body(device), 0);
        let site = Site { phones_url: String::new(), body: body(site) };
        let (device, users, others) = (Device { document }, BTreeMap::new(), BTreeMap::new());
        let entry = catalog.find(&make).unwrap();
        let parts = Parts {
            site: &site,
            accounts: &[],
            device: &device,
            users: &users,
            everybody: &Roster::default(),
            others: &others,
            entry,
        };
        pinned(&Layers::of(parts, None), entry, "http://p/")
    }

    #[test]
    fn a_file_is_pinned_by_model_or_family_in_the_first_layer_that_says_so() {
        let site = json!({"yealink/t46s": "66.86.rom", "yealink/t4x": "common.rom", "snom/d785": "x"});
        assert_eq!(pinned_by(&json!({}), &site).unwrap(), "http://p/yealink/66.86.rom");
        let device = json!({"yealink/t46s": "yealink/t4x/a b#1.rom"});
        assert_eq!(pinned_by(&device, &site).unwrap(), "http://p/yealink/t4x/a%20b%231.rom");
        assert_eq!(
            pinned_by(&json!({"yealink/t4x": "c.rom"}), &json!({})).unwrap(),
            "http://p/yealink/c.rom"
        );
        assert_eq!(pinned_by(&json!({"yealink/t43u": "c.rom"}), &json!({"snom/t46s": "x"})), None);
    }
}
