//! What a catalog covers, for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Catalog, Entry};

impl Catalog {
    /// A line for each model: how a document names it, what the vendor calls it, and what it has.
    pub fn listing(&self) -> String {
        let mut text = String::new();
        for entry in self.entries() {
            let _never = writeln!(text, "{:<32} {:<16} {}", entry.path(), entry.model.name, hardware(entry));
        }
        text + &self.total() + "\n"
    }

    /// A Markdown table with a row for each family, and how many there are of all.
    pub fn table(&self) -> String {
        let mut text = "| brand | family | models |\n|---|---|---|\n".to_owned();
        for (brand_id, brand) in &self.brands {
            for (family_id, family) in &brand.families {
                let names: Vec<_> = family.models.values().map(|model| model.name.as_str()).collect();
                let (names, count) = (names.join(", "), names.len());
                let _never = writeln!(
                    text,
                    "| {} `{brand_id}` | {} `{family_id}` | {count}: {names} |",
                    brand.name, family.name
                );
            }
        }
        text + "\n" + &self.total() + "\n"
    }

    fn total(&self) -> String {
        let families: BTreeSet<_> = self.entries().map(|entry| (entry.brand_id, entry.family_id)).collect();
        let models = self.entries().count();
        format!("{models} models in {} families of {} brands.", families.len(), self.brands.len())
    }
}

fn hardware(entry: Entry<'_>) -> String {
    let model = entry.model;
    let keys = u32::from(model.keys) + u32::from(model.feature_keys);
    let mut text = format!("{} lines, {keys} keys", model.lines);
    if model.expansion_modules > 0 {
        let _never = write!(text, ", {} modules of {} keys", model.expansion_modules, model.expansion_keys);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = r#"
        name = "Acme"
        mac_prefixes = []
        user_agents = []
        events = { reread = "a", reboot = "b" }
        [families.desk]
        name = "Desk phones"
        files = [{ name = "{mac}.cfg", template = "a", format = "key-value", content_type = "text/plain" }]
        models.one = { name = "One", lines = 1, keys = 3 }
        models.two = { name = "Two", lines = 2, keys = 4, feature_keys = 2, expansion_modules = 1, expansion_keys = 20 }
    "#;

    #[test]
    fn every_model_is_listed_and_counted() {
        let catalog = Catalog::parse([("acme", ACME)]).unwrap();
        let listing = catalog.listing();
        let lines: Vec<_> = listing.lines().collect();
        assert!(
            lines[0].starts_with("acme/desk/one ") && lines[0].ends_with(" 1 lines, 3 keys"),
            "{listing}"
        );
        assert!(lines[1].ends_with(" 2 lines, 6 keys, 1 modules of 20 keys"), "{listing}");
        assert_eq!(lines[2], "2 models in 1 families of 1 brands.");
        let most = ACME.replace("keys = 4, feature_keys = 2", "keys = 1000, feature_keys = 1000");
        assert!(Catalog::parse([("acme", most.as_str())]).unwrap().listing().contains(" 2 lines, 2000 keys"));
        assert!(catalog.table().contains("\n| Acme `acme` | Desk phones `desk` | 2: One, Two |\n"));
    }
}
