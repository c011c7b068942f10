//! What the schema of devices says of the cells in a column.

use serde_json::Value;

use crate::schema::{Noun, Schema, allows, resolve};

/// What the member at a path is, as far as the schema calls it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Kind {
    /// Text is welcome: a cell is taken as it is.
    Text,
    /// `true` or `false`.
    Flag,
    /// An integer.
    Whole,
    /// A list, an object, or something that the schema does not name.
    Other,
}

/// The kind of the member that these names lead to.
pub(in crate::api) fn of<'n>(mut names: impl Iterator<Item = &'n str>) -> Kind {
    let root = Schema::of(Noun::Device).json();
    let below = |node: &'static Value, name| Some(resolve(root, node.get("properties")?.get(name)?));
    let Some(node) = names.try_fold(root, below) else { return Kind::Other };
    let kinds = [("string", Kind::Text), ("boolean", Kind::Flag), ("integer", Kind::Whole)];
    kinds.into_iter().find(|(name, _)| allows(node, name)).map_or(Kind::Other, |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_what_stands_in_a_column() {
        let kind = |path: &str| of(path.split('.'));
        assert_eq!([kind("name"), kind("sip.username"), kind("provision.endpoint_model")], [Kind::Text; 3]);
        assert_eq!([kind("enabled"), kind("contact_list.exclude")], [Kind::Flag; 2]);
        assert_eq!(kind("sip.expire_seconds"), Kind::Whole);
        assert_eq!([kind("id"), kind("sip"), kind("name.x"), kind("media.audio.codecs")], [Kind::Other; 4]);
    }
}
