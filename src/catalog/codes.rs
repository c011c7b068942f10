//! The vendors' codes for what a key does.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Brand, Entry, Family};
use crate::device::KeyKind;

/// Codes by what a key does. A kind that is in no table is one that the phone does not have.
pub type KeyCodes = BTreeMap<KeyKind, Code>;

/// A code, as the brand's templates need it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Code {
    /// What templates see as `keys[].code`.
    Is(String),
    /// `false`: these phones do not have what others of the brand have.
    Missing,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Number(u32),
    Flag(bool),
}

impl TryFrom<Written> for Code {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Text(text) => Ok(Self::Is(text)),
            Written::Number(number) => Ok(Self::Is(number.to_string())),
            Written::Flag(false) => Ok(Self::Missing),
            Written::Flag(true) => Err("a code is a text, or false for keys that these phones do not have"),
        }
    }
}

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// On the phone, and can be a line key.
    Own,
    /// On the phone, and can never be one.
    Feature,
    /// On an expansion module.
    Expansion,
}

/// What phones have of whose keys the catalog says nothing: their codes are the kinds' names.
const USUAL: [KeyKind; 6] = [
    KeyKind::None,
    KeyKind::Line,
    KeyKind::Presence,
    KeyKind::SpeedDial,
    KeyKind::Parking,
    KeyKind::PersonalParking,
];

impl<'c> Entry<'c> {
    /// The code of a key in this row that does this; `None` where the phone has no such key. The row's table counts
    /// before the family's, and that before the brand's.
    pub fn key_code(self, row: Row, kind: KeyKind) -> Option<&'c str> {
        let tables = tables(self.brand, self.family, row);
        if tables.iter().all(|table| table.is_empty()) {
            return USUAL.contains(&kind).then(|| kind.name());
        }
        match tables.into_iter().find_map(|table| table.get(&kind)) {
            Some(Code::Is(code)) => Some(code),
            Some(Code::Missing) => None,
            None => (kind == KeyKind::None).then_some(""),
        }
    }
}

fn tables<'c>(brand: &'c Brand, family: &'c Family, row: Row) -> [&'c KeyCodes; 3] {
    let own = match row {
        Row::Own => &family.key_codes,
        Row::Feature => &family.feature_key_codes,
        Row::Expansion => &family.expansion_key_codes,
    };
    [own, &family.key_codes, &brand.key_codes]
}

/// No code is empty, except where nothing is to be done or the document says what.
pub(super) fn check(brand: &Brand, family: &Family) -> Result<(), String> {
    let rows = [Row::Own, Row::Feature, Row::Expansion].into_iter();
    let codes = rows.flat_map(|row| tables(brand, family, row)).flatten();
    let is_empty = |(kind, code): &(&KeyKind, &Code)| {
        !matches!(kind, KeyKind::None | KeyKind::Custom) && matches!(code, Code::Is(text) if text.is_empty())
    };
    match codes.into_iter().find(is_empty) {
        Some((kind, _)) => Err(format!(
            "the code of `{}` keys is empty: write `false` where phones do not have them",
            kind.name()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Catalog, CatalogError};
    use super::*;

    fn catalog(brand: &str, family: &str) -> Result<Catalog, CatalogError> {
        let text = format!(
            r#"
            name = "Acme"
            mac_prefixes = []
            user_agents = []
            events = {{ reread = "resync", reboot = "reboot" }}
            {brand}
            [families.a]
            name = "A"
            files = [{{ name = "{{mac}}.cfg", template = "a", format = "json", content_type = "text/plain" }}]
            models.one = {{ name = "One", lines = 1, keys = 1 }}
            {family}
            "#
        );
        Catalog::parse([("acme", text.as_str())])
    }

    fn codes<'c>(catalog: &'c Catalog, row: Row, kinds: &[KeyKind]) -> Vec<Option<&'c str>> {
        let entry = catalog.entries().next().unwrap();
        kinds.iter().map(|kind| entry.key_code(row, *kind)).collect()
    }

    const KINDS: [KeyKind; 4] = [KeyKind::None, KeyKind::Line, KeyKind::Dnd, KeyKind::Record];

    #[test]
    fn a_row_counts_before_its_family_and_that_before_its_brand() {
        let brand = "[key_codes]\nline = 15\ndnd = \"5\"\nrecord = 25";
        let family = "[families.a.key_codes]\nrecord = false\n[families.a.expansion_key_codes]\nrecord = 26";
        let catalog = catalog(brand, family).unwrap();
        assert_eq!(codes(&catalog, Row::Own, &KINDS), [Some(""), Some("15"), Some("5"), None]);
        assert_eq!(codes(&catalog, Row::Feature, &KINDS), [Some(""), Some("15"), Some("5"), None]);
        assert_eq!(codes(&catalog, Row::Expansion, &KINDS), [Some(""), Some("15"), Some("5"), Some("26")]);
    }

    #[test]
    fn a_brand_that_says_nothing_of_keys_has_kazoos_by_their_names() {
        let catalog = catalog("", "").unwrap();
        assert_eq!(codes(&catalog, Row::Own, &KINDS), [Some("none"), Some("line"), None, None]);
    }

    #[test]
    fn a_code_that_cannot_be_is_refused() {
        for (written, told) in [("dnd = \"\"", "`dnd`"), ("dnd = true", "or false"), ("disco = 1", "disco")] {
            let error = catalog(&format!("[key_codes]\n{written}"), "").unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
