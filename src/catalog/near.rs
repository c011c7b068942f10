//! What may have been meant by a model that the catalog does not have.

use super::{Catalog, Entry};
use crate::device::Make;

/// The longest name that is compared, in bytes: no brand's and no model's is longer.
const LONGEST: usize = 64;

impl Catalog {
    /// What to say of a make that is not in the catalog: which it is, and the model whose names are written most like it.
    pub fn unknown(&self, make: &Make) -> String {
        let named = [&make.brand, &make.family, &make.model].map(String::as_str);
        let written: Vec<&str> = named.into_iter().filter(|name| !name.is_empty()).collect();
        if make.brand.is_empty() || make.model.is_empty() {
            return match written[..] {
                [] => "none that the device names: it has no provision.endpoint_brand and endpoint_model"
                    .to_owned(),
                _ => format!("{}: provision.endpoint_brand and endpoint_model are needed", written.join("/")),
            };
        }
        let near =
            self.near(make).map(|entry| format!("did you mean {}/{}? ", entry.brand_id, entry.model_id));
        format!("{}; {}`checksync catalog` lists all", written.join("/"), near.unwrap_or_default())
    }

    /// The model with the most alike name, and among several the one whose brand and family are most alike; none where
    /// more than a third of the name would have to be another.
    fn near(&self, make: &Make) -> Option<Entry<'_>> {
        let names = [&make.brand, &make.family, &make.model];
        if names.iter().any(|name| name.len() > LONGEST) {
            return None;
        }
        let far = |entry: &Entry<'_>| {
            let distance = strsim::osa_distance;
            let family = if make.family.is_empty() { 0 } else { distance(&make.family, entry.family_id) };
            (distance(&make.model, entry.model_id), distance(&make.brand, entry.brand_id), family)
        };
        let nearest = self.entries().map(|entry| (far(&entry), entry)).min_by_key(|(far, _)| *far);
        nearest.filter(|((model, ..), _)| model * 3 <= make.model.len()).map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Pack;

    fn said(brand: &str, family: &str, model: &str) -> String {
        let shipped = Pack::shipped();
        let texts = shipped.catalogs.iter().map(|(id, text)| (id.as_str(), text.text.as_str()));
        let make = Make { brand: brand.into(), family: family.into(), model: model.into() };
        Catalog::parse(texts).unwrap().unknown(&make)
    }

    #[test]
    fn the_model_that_is_written_most_alike_is_named() {
        let meant = |brand, family, model| {
            let said = said(brand, family, model);
            let (_, meant) = said.split_once("did you mean ").unwrap();
            meant.split('?').next().unwrap().to_owned()
        };
        assert_eq!(meant("poly", "", "vvx450"), "polycom/vvx450");
        assert_eq!(meant("yealink", "t5x", "t46s"), "yealink/t46s");
        assert_eq!(meant("grandstream", "", "gxp-2170"), "grandstream/gxp2170");
        assert_eq!(meant("yealnik", "", "t48 s"), "yealink/t48s");
    }

    #[test]
    fn what_is_like_nothing_is_only_said_to_be_unknown() {
        assert_eq!(said("poly", "", "toaster"), "poly/toaster; `checksync catalog` lists all");
        assert_eq!(said("acme", "", &"x".repeat(90_000)).matches("did you mean").count(), 0);
    }

    #[test]
    fn a_device_that_names_half_a_model_is_told_what_it_lacks() {
        assert!(said("", "", "").contains("endpoint_model"));
        assert_eq!(
            said("yealink", "t4x", ""),
            "yealink/t4x: provision.endpoint_brand and endpoint_model are needed"
        );
    }
}
