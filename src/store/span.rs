//! Which part of a list is asked for, and what comes of it.

use crate::document::leads_into;
use crate::id::Id;

/// A part of a list that is ordered by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The list goes on after this id, or below it when it is descending; `None` is its beginning.
    pub after: Option<Id>,
    /// How many documents are looked at, at most. With [`containing`](Self::containing) fewer may come back.
    pub limit: usize,
    /// The highest id first.
    pub descending: bool,
    /// Documents in whose stored JSON text this does not occur may be left out, and most are: it makes filters
    /// cheap. Those that come back must be looked at all the same, since it may occur anywhere in them.
    pub containing: Option<String>,
    /// Of a user's devices only those that he owns.
    pub owned: bool,
    /// Only these members of the documents' bodies are needed, by their dotted paths; the others may be left out, and
    /// need not be looked at for [`containing`](Self::containing). So what comes back must not be stored.
    pub members: Option<&'static [&'static str]>,
}

impl Span {
    /// The lowest ids first, from the one after `after` on.
    pub fn ascending(after: Option<Id>, limit: usize) -> Self {
        Self { after, limit, descending: false, containing: None, owned: false, members: None }
    }

    /// The highest ids first, from the one below `before` on.
    pub fn descending(before: Option<Id>, limit: usize) -> Self {
        Self { after: before, limit, descending: true, containing: None, owned: false, members: None }
    }

    /// Asks for what a user owns, of all that he is shown on.
    #[must_use]
    pub fn owned(self) -> Self {
        Self { owned: true, ..self }
    }

    /// Asks for documents with this in their JSON text, which is as `serde_json` writes it without blanks.
    #[must_use]
    pub fn containing(self, text: impl Into<String>) -> Self {
        Self { containing: Some(text.into()), ..self }
    }

    /// Asks for documents that mention this value: quotes and the like are escaped as they are in JSON.
    #[must_use]
    pub fn mentioning(self, value: &str) -> Self {
        self.containing(in_json(value))
    }

    /// Asks for these members of the bodies only.
    #[must_use]
    pub fn only(self, members: &'static [&'static str]) -> Self {
        Self { members: Some(members), ..self }
    }

    /// True for ids that are not behind the beginning of this part.
    pub fn admits(&self, id: Id) -> bool {
        match self.after {
            None => true,
            Some(before) if self.descending => id < before,
            Some(after) => id > after,
        }
    }

    /// True when nothing else of the bodies is needed than what is at these paths.
    pub(super) fn reads_only(&self, paths: &[&str]) -> bool {
        let is_there = |asked: &&str| paths.iter().any(|path| leads_into(asked, path));
        self.members.is_some_and(|members| members.iter().all(is_there))
    }

    /// False for a document of this text that may be left out.
    pub(super) fn wants(&self, json: &[u8]) -> bool {
        let text = || std::str::from_utf8(json);
        self.containing.as_ref().is_none_or(|part| text().map_or(true, |text| text.contains(part)))
    }
}

/// A value as it stands in the JSON text of a document, without the quotes around it.
pub fn in_json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The documents, in the order asked for.
    pub rows: Vec<T>,
    /// The last id looked at, from which the list goes on; `None` at the end of the list.
    pub last: Option<Id>,
}

impl<T> Listed<T> {
    /// A list of which there is no more.
    pub fn whole(rows: Vec<T>) -> Self {
        Self { rows, last: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_looked_for_as_it_is_written() {
        let wants = |text: &str| Span::ascending(None, 1).mentioning(text).wants(br#"{"name":"a \"b\" c"}"#);
        assert!(wants("a \"b\""));
        assert!(!wants("a \\\"b"));
        assert!(Span::ascending(None, 1).containing("\"name\":\"a").wants(br#"{"name":"a"}"#));
    }

    #[test]
    fn a_span_begins_beside_its_first_id_in_either_direction() {
        let id = |number| Id::from_bytes([number; 16]);
        let admitted = |span: &Span| [1, 2, 3].map(|number| span.admits(id(number)));
        assert_eq!(admitted(&Span::ascending(Some(id(2)), 1)), [false, false, true]);
        assert_eq!(admitted(&Span::descending(Some(id(2)), 1)), [true, false, false]);
        assert_eq!(admitted(&Span::descending(None, 1)), [true; 3]);
    }
}
