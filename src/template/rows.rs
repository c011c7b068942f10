//! Where in a catalog's text something stands.

use toml::de::{DeTable, DeValue};

/// The line and column, from 1, of a key or of an element of a list, by its dotted path.
pub(super) fn place_of(text: &str, path: &str) -> Option<(usize, usize)> {
    let document = DeTable::parse(text).ok()?;
    let mut at = 0;
    let mut value = DeValue::Table(document.into_inner());
    for part in path.split('.') {
        let (place, within) = match value {
            DeValue::Table(table) => {
                let (key, value) = table.into_iter().find(|(key, _)| key.get_ref() == part)?;
                (key.span().start, value)
            }
            DeValue::Array(elements) => {
                let element = elements.into_iter().nth(part.parse().ok()?)?;
                (element.span().start, element)
            }
            _ => return None,
        };
        at = place;
        value = within.into_inner();
    }
    place(text, at)
}

/// The line and column, from 1 and in characters, of a byte of a text.
pub(super) fn place(text: &str, at: usize) -> Option<(usize, usize)> {
    let before = text.get(..at)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some((before.matches('\n').count() + 1, line.chars().count() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_an_element_are_found_by_their_lines() {
        let text = "name = \"A\"\n[families.a]\nfiles = [\n    { name = \"x\" },\n    { name = \"y\" },\n]\n\n[families.a.models]\none = { lines = 1 }\n";
        for (path, place) in [
            ("name", (1, 1)),
            ("families.a.files.1", (5, 5)),
            ("families.a.files.1.name", (5, 7)),
            ("families.a.models.one", (9, 1)),
        ] {
            assert_eq!(place_of(text, path), Some(place), "{path}");
        }
        assert_eq!(place_of(text, "families.b"), None);
    }
}
