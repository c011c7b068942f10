//! Brands, families and models: the files each asks for, what answers, and how each is told to resync.
//!
//! One TOML file a brand, `data/catalog/<brand>.toml`; its grammar is this module's types, and
//! `templates/README.md` describes it for authors.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::device::{Mac, Make};
use crate::id::Id;

mod agent;
mod brand;
mod checks;
pub mod codes;
mod coverage;
mod encryption;
mod error;
mod event;
pub mod name;
mod near;
mod ranges;

pub use agent::Agent;
pub use brand::{Brand, Count, Family, File, Format, Model, Range};
pub use codes::{Code, KeyCodes, Row};
pub use encryption::{Encryption, KeyError};
pub use error::CatalogError;
pub use event::{Content, Event, Events, MAX_EVENT_BODY};
pub use name::{Asker, Pattern};
pub use ranges::{Bound, Said};

/// The longest file name a phone asks for, with its folder, in bytes.
pub const LONGEST_NAME: usize = 128;

/// What may stand after what, in file names.
type Names = HashMap<String, HashSet<String>>;

/// Everything that is known about phones.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    brands: BTreeMap<String, Brand>,
    /// What stands before and after a MAC address in file names, and before and after a device's id.
    by_mac: Names,
    by_id: Names,
    /// The same of what phones send.
    sent_by_mac: Names,
    sent_by_id: Names,
}

/// Where a model stands in the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'c> {
    /// The brand's id.
    pub brand_id: &'c str,
    /// The brand.
    pub brand: &'c Brand,
    /// The family's id.
    pub family_id: &'c str,
    /// The family.
    pub family: &'c Family,
    /// The model's id.
    pub model_id: &'c str,
    /// The model.
    pub model: &'c Model,
}

impl Catalog {
    /// Reads one TOML text per brand id.
    pub fn parse<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for (id, text) in texts {
            let mut brand: Brand =
                toml::from_str(text).map_err(|error| CatalogError::unreadable(id, &error))?;
            checks::check(id, &brand).map_err(|wrong| CatalogError::wrong(id, wrong))?;
            ranges::prepare(&mut brand);
            catalog.brands.insert(id.to_owned(), brand);
        }
        (catalog.by_mac, catalog.by_id) =
            catalog.names(|entry| entry.files().map(|file| &file.name).collect());
        (catalog.sent_by_mac, catalog.sent_by_id) =
            catalog.names(|entry| entry.uploads().iter().chain(entry.overrides()).collect());
        Ok(catalog)
    }

    /// What may stand after what in the names that each model has, of those with a MAC address and those with an id.
    fn names<'c>(&'c self, of: impl Fn(Entry<'c>) -> Vec<&'c Pattern>) -> (Names, Names) {
        let (mut by_mac, mut by_id) = (Names::new(), Names::new());
        for entry in self.entries() {
            for name in of(entry) {
                let (before, after) = name.around(entry.model);
                let names = if name.needs_mac() { &mut by_mac } else { &mut by_id };
                names.entry(before).or_default().insert(after);
            }
        }
        (by_mac, by_id)
    }

    /// The model that a document names. Brand and model alone find the family; a family that is named must be
    /// the one that has the model.
    pub fn find(&self, make: &Make) -> Option<Entry<'_>> {
        let (brand_id, brand) = self.brands.get_key_value(&make.brand)?;
        let families = brand.families.iter();
        let mut named = families.filter(|(id, _)| make.family.is_empty() || **id == make.family);
        named.find_map(|(family_id, family)| {
            let (model_id, model) = family.models.get_key_value(&make.model)?;
            Some(Entry { brand_id, brand, family_id, family, model_id, model })
        })
    }

    /// The model at a path, `brand/family/model`.
    pub fn at(&self, path: &str) -> Option<Entry<'_>> {
        let mut ids = path.split('/').map(str::to_owned);
        let (brand, family, model) = (ids.next()?, ids.next()?, ids.next()?);
        self.find(&Make { brand, family, model })
    }

    /// Every model, by brand, family and model id.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.brands.iter().flat_map(|(brand_id, brand)| {
            brand.families.iter().flat_map(move |(family_id, family)| {
                let models = family.models.iter();
                models.map(move |(model_id, model)| Entry {
                    brand_id,
                    brand,
                    family_id,
                    family,
                    model_id,
                    model,
                })
            })
        })
    }

    /// True when there is such a brand, and such a family of it where one is named.
    pub fn has(&self, brand: &str, family: Option<&str>) -> bool {
        let found = self.brands.get(brand);
        found.is_some_and(|brand| family.is_none_or(|family| brand.families.contains_key(family)))
    }

    /// Who asks for a file, when the whole name is one that some phone asks for.
    pub fn asker(&self, file_name: &str) -> Option<Asker> {
        who(file_name, &self.by_mac, &self.by_id)
    }

    /// The name with which a path ends, and who asks for it: its last part, or that with the folder it is in.
    pub fn asked_for<'p>(&self, path: &'p str) -> Option<(&'p str, Asker)> {
        let slash = |before: usize| path[..before].rfind('/');
        let last = slash(path.len());
        let folder = last.and_then(slash);
        let names = [last, folder].map(|slash| &path[slash.map_or(0, |at| at + 1)..]);
        names
            .into_iter()
            .filter(|name| name.len() <= LONGEST_NAME)
            .find_map(|name| Some((name, self.asker(name)?)))
    }

    /// Who sends a file, when the whole name is one under which some phone sends something.
    pub fn sender(&self, file_name: &str) -> Option<Asker> {
        who(file_name, &self.sent_by_mac, &self.sent_by_id)
    }

    /// The MAC address that a `User-Agent` states. Only one of a known vendor counts: twelve digits may be a
    /// serial number.
    pub fn mac_in_user_agent(&self, user_agent: &str) -> Option<Mac> {
        let known = |mac: &Mac| self.brands.values().any(|brand| brand.mac_prefixes.contains(&mac.oui()));
        name::stated_macs(user_agent).find(known)
    }

    /// The brand whose phones call themselves so.
    pub fn brand_of_user_agent(&self, user_agent: &str) -> Option<&str> {
        let user_agent = user_agent.to_ascii_lowercase();
        let claims = |brand: &Brand| {
            brand.user_agents.iter().any(|mark| user_agent.contains(&mark.to_ascii_lowercase()))
        };
        self.brands.iter().find(|(_, brand)| claims(brand)).map(|(id, _)| id.as_str())
    }
}

fn who(file_name: &str, by_mac: &Names, by_id: &Names) -> Option<Asker> {
    let name = file_name.to_ascii_lowercase();
    let known = |asker: Asker, before: &str, after: &str| {
        let names = if matches!(asker, Asker::Mac(_)) { by_mac } else { by_id };
        names.get(before).is_some_and(|afters| afters.contains(after))
    };
    name::askers(&name).find_map(|(asker, before, after)| known(asker, before, after).then_some(asker))
}

impl<'c> Entry<'c> {
    /// What the phone sends and never fetches again.
    pub fn uploads(self) -> &'c [Pattern] {
        self.family.uploads.as_ref().unwrap_or(&self.brand.uploads)
    }

    /// What the phone sends and fetches again.
    pub fn overrides(self) -> &'c [Pattern] {
        self.family.overrides.as_ref().unwrap_or(&self.brand.overrides)
    }

    /// What the phone asks for, in the order it asks.
    pub fn files(self) -> impl Iterator<Item = &'c File> {
        self.family.files.iter()
    }

    /// The file of this model that has this name, for this phone.
    pub fn file_named(self, file_name: &str, device: Id, mac: Option<Mac>) -> Option<&'c File> {
        let is_named = |name: String| name.eq_ignore_ascii_case(file_name);
        self.files().find(|file| file.name.of(self.model, device, mac).is_some_and(is_named))
    }

    /// How it is told to resync.
    pub fn events(self) -> &'c Events {
        self.family.events.as_ref().unwrap_or(&self.brand.events)
    }

    /// True where one of these names it, its family or its brand: `brand`, `brand/family`, `brand/family/model` or
    /// `brand/model`; and where there are none.
    pub fn is_one_of(self, names: &[&str]) -> bool {
        let path = self.path();
        let short = format!("{}/{}", self.brand_id, self.model_id);
        let is_it = |name: &&str| {
            **name == short
                || path.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        names.is_empty() || names.iter().any(is_it)
    }

    /// The encryptions that its phones undo, the usual one first.
    pub fn encryptions(self) -> &'c [Encryption] {
        self.family.encryption.as_ref().unwrap_or(&self.brand.encryption)
    }

    /// `brand/family/model`, as folders name it.
    pub fn path(self) -> String {
        format!("{}/{}/{}", self.brand_id, self.family_id, self.model_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNOM: &str = r#"
        name = "Snom"
        mac_prefixes = ["000413"]
        user_agents = ["snom"]
        events = { reread = "check-sync;reboot=false", reboot = "check-sync;reboot=true" }
        [families.d7xx]
        name = "D7xx"
        files = [{ name = "snom{model}-{MAC}.htm", template = "settings.xml", format = "xml", content_type = "text/xml" }]
        models.d785 = { name = "D785", lines = 12, keys = 24 }
        models.d717 = { name = "D717", lines = 6, keys = 18 }
    "#;

    fn snom() -> Catalog {
        Catalog::parse([("snom", SNOM)]).unwrap()
    }

    fn make(brand: &str, family: &str, model: &str) -> Make {
        Make { brand: brand.into(), family: family.into(), model: model.into() }
    }

    #[test]
    fn brand_and_model_alone_find_the_family() {
        let catalog = snom();
        assert_eq!(catalog.find(&make("snom", "", "d785")).unwrap().path(), "snom/d7xx/d785");
        assert!(catalog.find(&make("snom", "d3xx", "d785")).is_none());
        assert!(catalog.find(&make("snom", "d7xx", "d999")).is_none());
    }

    #[test]
    fn a_file_name_gives_its_mac_in_any_case_and_only_when_the_whole_name_is_known() {
        let catalog = snom();
        let mac = "000413abcdef".parse().ok().map(Asker::Mac);
        assert_eq!(catalog.asker("snomD785-000413ABCDEF.htm"), mac);
        assert_eq!(catalog.asker("SNOMd717-000413abcdef.HTM"), mac);
        for unknown in
            ["snomD999-000413ABCDEF.htm", "000413ABCDEF.htm", "snomD785-000413ABCDE.htm", "snomD785.htm", ""]
        {
            assert_eq!(catalog.asker(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_phone_may_be_the_folder_of_a_name_that_is_the_same_for_all() {
        let catalog =
            Catalog::parse([("snom", SNOM.replace("snom{model}-{MAC}.htm", "{mac}/book.xml").as_str())]);
        let catalog = catalog.unwrap();
        let mac = "000413abcdef".parse().ok().map(Asker::Mac);
        for path in ["/000413ABCDEF/book.xml", "/phones/000413abcdef/Book.xml", "000413abcdef/book.xml"] {
            assert_eq!(catalog.asked_for(path).map(|(_, asker)| asker), mac, "{path}");
        }
        for unknown in ["/book.xml", "/000413abcdef/more/book.xml", "/000413abcdef/", "/", ""] {
            assert_eq!(catalog.asked_for(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_phone_without_a_mac_asks_by_its_devices_id() {
        let catalog = Catalog::parse([("snom", SNOM.replace("{MAC}", "{id}").as_str())]).unwrap();
        let id = "d0".repeat(16);
        let asker = Some(Asker::Device(Id::from_bytes([0xd0; 16])));
        assert_eq!(catalog.asker(&format!("snomD785-{id}.htm")), asker);
        assert_eq!(catalog.asker(&format!("SNOMd785-{}.HTM", id.to_uppercase())), asker);
        for unknown in
            [format!("snomD785-{id}0.htm"), format!("{id}.htm"), "snomD785-000413ABCDEF.htm".into()]
        {
            assert_eq!(catalog.asker(&unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_phone_is_given_the_files_of_its_own_model_only() {
        let catalog = snom();
        let (device, mac) = (Id::from_bytes([0xd0; 16]), "000413abcdef".parse().ok());
        let entry = catalog.find(&make("snom", "", "d785")).unwrap();
        assert!(entry.file_named("snomd785-000413ABCDEF.htm", device, mac).is_some());
        assert!(entry.file_named("snomd717-000413ABCDEF.htm", device, mac).is_none());
        assert!(entry.file_named("snomd785-000413ABCDEF.htm", device, None).is_none());
    }

    #[test]
    fn a_user_agent_states_a_mac_only_with_a_known_prefix() {
        let catalog = snom();
        let agent = "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413922D24 SXM:0 UXM:0)";
        assert_eq!(catalog.mac_in_user_agent(agent), "000413922d24".parse().ok());
        assert_eq!(catalog.brand_of_user_agent(agent), Some("snom"));
        assert_eq!(catalog.mac_in_user_agent("Yealink SIP-T46S 66.86.0.15 80:5e:c0:00:00:01"), None);
    }

    #[test]
    fn a_catalog_that_is_wrong_says_where() {
        let message = |text: &str| Catalog::parse([("snom", text)]).unwrap_err().to_string();
        assert!(message(&SNOM.replace("lines = 12", "lines = 12, lnies = 3")).contains("lnies"));
        assert!(message(&SNOM.replace("000413", "00:04:13")).contains("mac_prefixes"));
        assert!(message(&SNOM.replace("{MAC}", "{serial}")).contains("{serial}"));
        assert!(message(&SNOM.replace("check-sync;reboot=true", "check-sync; reboot")).contains("events"));
    }
}
