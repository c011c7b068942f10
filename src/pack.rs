//! What a vendor's knowledge consists of: catalog texts and template texts, shipped or from a folder.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use rust_embed::RustEmbed;

use crate::id::Digest;

#[derive(RustEmbed)]
#[folder = "data/catalog"]
struct ShippedCatalog;

#[derive(RustEmbed)]
#[folder = "templates"]
struct ShippedTemplates;

#[derive(RustEmbed)]
#[folder = "data/samples"]
struct ShippedSamples;

#[derive(RustEmbed)]
#[folder = "data/parameters"]
struct ShippedParameters;

/// A text and where it came from, as people look for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text itself.
    pub text: String,
    /// A path, or `shipped`.
    pub origin: String,
}

/// Catalogs and templates by name. A pack laid over another replaces single files of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pack {
    /// Catalog texts by brand id.
    pub catalogs: BTreeMap<String, Text>,
    /// Template texts by name, such as `yealink/t4x/device.cfg`.
    pub templates: BTreeMap<String, Text>,
    /// By brand id, the names of parameters that its guides have, one a line.
    pub parameters: BTreeMap<String, Text>,
}

impl Pack {
    /// What is built into this program.
    pub fn shipped() -> Self {
        let catalogs = texts::<ShippedCatalog>();
        let catalogs = catalogs.filter_map(|(name, text)| Some((brand_of(&name)?.to_owned(), text)));
        let templates = texts::<ShippedTemplates>().filter(|(name, _)| is_template(name));
        let parameters = texts::<ShippedParameters>();
        let parameters = parameters.filter_map(|(name, text)| Some((listed_of(&name)?.to_owned(), text)));
        Self {
            catalogs: catalogs.collect(),
            templates: templates.collect(),
            parameters: parameters.collect(),
        }
    }

    /// Lays `other` over this pack. Names of parameters come to those that are there.
    pub fn overlay(&mut self, other: Self) {
        self.catalogs.extend(other.catalogs);
        self.templates.extend(other.templates);
        for (brand, more) in other.parameters {
            match self.parameters.entry(brand) {
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    known.text = format!("{}\n{}", known.text, more.text);
                }
                Entry::Vacant(place) => drop(place.insert(more)),
            }
        }
    }

    /// The brands that this pack has catalogs of.
    pub fn brands(&self) -> impl Iterator<Item = &str> {
        self.catalogs.keys().map(String::as_str)
    }

    /// The brands whose files are shaped by other texts than in `other`.
    pub fn brands_unlike(&self, other: &Self) -> BTreeSet<String> {
        let differs = |brand: &&str| self.digest_of(brand) != other.digest_of(brand);
        self.brands().filter(differs).map(str::to_owned).collect()
    }

    /// The templates that a brand's files can use: its own and those in the folder `shared`.
    pub fn templates_of<'p>(&'p self, brand: &str) -> impl Iterator<Item = (&'p str, &'p str)> {
        let brand = brand.to_owned();
        let templates = self.templates.iter().filter(move |(name, _)| is_seen_by(&brand, name));
        templates.map(|(name, text)| (name.as_str(), text.text.as_str()))
    }

    /// The digest of everything that shapes a brand's files.
    pub fn digest_of(&self, brand: &str) -> Digest {
        let mut bytes = Vec::new();
        let catalog = self.catalogs.get(brand).map(|text| (brand, text.text.as_str()));
        for (name, text) in catalog.into_iter().chain(self.templates_of(brand)) {
            for part in [name, text] {
                bytes.extend_from_slice(&part.len().to_be_bytes());
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        Digest::of(&bytes)
    }
}

/// True for a template that a brand's files can use: one of its own, or of the folder `shared`.
pub fn is_seen_by(brand: &str, template: &str) -> bool {
    let own = template.strip_prefix(brand).is_some_and(|rest| rest.starts_with('/'));
    own || template.starts_with("shared/")
}

/// The brand that a catalog file describes; `None` for other files.
pub fn brand_of(file_name: &str) -> Option<&str> {
    file_name.strip_suffix(".toml").filter(|brand| !brand.is_empty() && !brand.starts_with('.'))
}

/// The brand whose parameters a file lists; `None` for other files.
pub fn listed_of(file_name: &str) -> Option<&str> {
    file_name.strip_suffix(".txt").filter(|brand| !brand.is_empty() && !brand.starts_with('.'))
}

/// True for what is a template: not for notes (`*.md`), nor for what editors leave beside a file.
pub fn is_template(name: &str) -> bool {
    let file_name = name.rsplit('/').next().unwrap_or_default();
    let leftover = file_name.starts_with(['.', '#']) || file_name.ends_with('~');
    let ending = file_name.rsplit_once('.').map_or("", |(_, ending)| ending);
    !leftover && !["md", "swp", "swx", "tmp", "bak", "orig"].contains(&ending)
}

/// The shipped sample documents by name: JSON texts.
pub fn shipped_samples() -> BTreeMap<String, String> {
    texts::<ShippedSamples>()
        .map(|(name, text)| (name.trim_end_matches(".json").to_owned(), text.text))
        .collect()
}

fn texts<E: RustEmbed>() -> impl Iterator<Item = (String, Text)> {
    E::iter().filter_map(|name| {
        let text = String::from_utf8(E::get(&name)?.data.into_owned()).ok()?;
        Some((name.into_owned(), Text { text, origin: "shipped".to_owned() }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(templates: &[(&str, &str)]) -> Pack {
        let text = |text: &str| Text { text: text.to_owned(), origin: "test".to_owned() };
        let templates = templates.iter().map(|(name, body)| ((*name).to_owned(), text(body))).collect();
        Pack { templates, ..Pack::default() }
    }

    #[test]
    fn a_pack_replaces_single_files_of_the_one_below() {
        let mut below = pack(&[("acme/a.cfg", "old"), ("acme/b.cfg", "kept")]);
        below.overlay(pack(&[("acme/a.cfg", "new")]));
        assert_eq!(below, pack(&[("acme/a.cfg", "new"), ("acme/b.cfg", "kept")]));
    }

    #[test]
    fn what_editors_leave_behind_is_no_template() {
        assert!(is_template("acme/a/phone.cfg") && is_template("acme/a/phone"));
        for leftover in
            ["acme/README.md", "acme/.phone.cfg.swp", "acme/phone.cfg~", "acme/#phone.cfg#", "acme/4913.tmp"]
        {
            assert!(!is_template(leftover), "{leftover}");
        }
        assert_eq!(
            (brand_of("acme.toml"), brand_of(".acme.toml"), brand_of("acme.toml~")),
            (Some("acme"), None, None)
        );
    }

    #[test]
    fn a_brands_digest_moves_with_its_own_and_the_shared_templates_only() {
        let before = pack(&[("acme/a.cfg", "1"), ("other/a.cfg", "1"), ("shared/x.cfg", "1")]);
        let changed = |name: &str| {
            let mut after = before.clone();
            after.overlay(pack(&[(name, "2")]));
            after.digest_of("acme") != before.digest_of("acme")
        };
        assert!(changed("acme/a.cfg") && changed("shared/x.cfg"));
        assert!(!changed("other/a.cfg"));
    }
}
