//! Cuts a body that arrives in pieces into its rows, holding no more of it than one row.

use std::sync::Arc;

use serde_json::Value;

use super::super::table::read::Header;

/// The longest row, in bytes.
pub(super) const LONGEST: usize = 96 * 1024;

/// How the rows of a body are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A document of JSON on each line.
    Lines,
    /// Comma-separated values (RFC 4180) under a header.
    Table,
}

/// A row as it came. Blank lines are none.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    /// Counts rows, from 1; a header is none.
    pub(super) row: u32,
    /// The line of the body on which it begins, from 1.
    pub(super) line: u32,
    pub(super) text: Text,
}

/// What stands in a row.
#[derive(Debug, Clone)]
pub(super) enum Text {
    /// JSON, not read yet.
    Json(Vec<u8>),
    /// JSON that came in an envelope.
    Value(Value),
    /// A line of a table, and its header.
    Cells(Arc<Header>, Vec<u8>),
    /// It was longer than [`LONGEST`], and nothing is kept of it.
    TooLong,
}

/// Where in a line of a table the reader stands: only a quote that begins a cell hides the ends of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Begin,
    Plain,
    Quoted,
    /// Behind a quote within quotes: the end of the cell, or the first half of a quote.
    Closing,
}

/// Cuts bytes into rows.
#[derive(Debug)]
pub(super) struct Framer {
    form: Form,
    header: Option<Arc<Header>>,
    place: Place,
    current: Vec<u8>,
    too_long: bool,
    rows: u32,
    line: u32,
    begun: u32,
}

impl Framer {
    /// Before the first byte.
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            header: None,
            place: Place::Begin,
            current: Vec::new(),
            too_long: false,
            rows: 0,
            line: 1,
            begun: 1,
        }
    }

    /// Takes more bytes, and adds the rows that they complete. The error says what is wrong with the header.
    pub(super) fn push(&mut self, bytes: &[u8], rows: &mut Vec<Raw>) -> Result<(), String> {
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if self.form == Form::Table {
                self.place = self.place.after(*byte);
            }
            if *byte != b'\n' {
                continue;
            }
            self.line = self.line.saturating_add(1);
            if self.place != Place::Quoted {
                self.keep(&bytes[from..at]);
                from = at + 1;
                self.complete(rows)?;
            }
        }
        self.keep(&bytes[from..]);
        Ok(())
    }

    /// Adds the last row, whose line need not have an end.
    pub(super) fn finish(mut self, rows: &mut Vec<Raw>) -> Result<(), String> {
        self.complete(rows)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.too_long |= self.current.len() + bytes.len() > LONGEST;
        if self.too_long {
            self.current.clear();
        } else {
            self.current.extend_from_slice(bytes);
        }
    }

    fn complete(&mut self, rows: &mut Vec<Raw>) -> Result<(), String> {
        let mut current = std::mem::take(&mut self.current);
        let too_long = std::mem::take(&mut self.too_long);
        let line = std::mem::replace(&mut self.begun, self.line);
        self.place = Place::Begin;
        if line == 1 && current.starts_with(b"\xef\xbb\xbf") {
            current.drain(..3);
        }
        if current.last() == Some(&b'\r') {
            current.pop();
        }
        if !too_long && self.is_blank(&current) {
            return Ok(());
        }
        let Some(text) = self.text(current, too_long)? else { return Ok(()) };
        self.rows = self.rows.saturating_add(1);
        rows.push(Raw { row: self.rows, line, text });
        Ok(())
    }

    /// `None` for the header.
    fn text(&mut self, current: Vec<u8>, too_long: bool) -> Result<Option<Text>, String> {
        match (self.form, &self.header) {
            (Form::Table, None) if too_long => Err("the first line of the table is too long".to_owned()),
            (Form::Table, None) => {
                self.header = Some(Arc::new(Header::parse(&current)?));
                Ok(None)
            }
            _ if too_long => Ok(Some(Text::TooLong)),
            (Form::Table, Some(header)) => Ok(Some(Text::Cells(header.clone(), current))),
            (Form::Lines, _) => Ok(Some(Text::Json(current))),
        }
    }

    fn is_blank(&self, line: &[u8]) -> bool {
        match self.form {
            Form::Lines => line.iter().all(u8::is_ascii_whitespace),
            Form::Table => line.iter().all(|byte| *byte == b','),
        }
    }
}

impl Place {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Begin | Self::Closing, b'"') | (Self::Quoted, _) => Self::Quoted,
            (_, b',') => Self::Begin,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(form: Form, body: &[u8], piece: usize) -> Vec<(u32, u32, String)> {
        let (mut framer, mut rows) = (Framer::new(form), Vec::new());
        body.chunks(piece).for_each(|bytes| framer.push(bytes, &mut rows).unwrap());
        framer.finish(&mut rows).unwrap();
        let text = |text| match text {
            Text::Json(bytes) | Text::Cells(_, bytes) => String::from_utf8(bytes).unwrap(),
            other => format!("{other:?}"),
        };
        rows.into_iter().map(|raw| (raw.row, raw.line, text(raw.text))).collect()
    }

    #[test]
    fn rows_are_the_same_in_whatever_pieces_they_come() {
        let table = b"\xef\xbb\xbfname,x\r\n\r\na,\"1\n2\"\r\n,,\r\n5\" b,\"q\"\"\n\"\r\n\"a\"";
        let expected = [(1, 3, "a,\"1\n2\""), (2, 6, "5\" b,\"q\"\"\n\""), (3, 8, "\"a\"")];
        let expected = expected.map(|(row, line, text)| (row, line, text.to_owned()));
        for piece in 1..table.len() {
            assert_eq!(cut(Form::Table, table, piece), expected, "{piece}");
        }
        let lines = b"{\"a\":\"\\\"\"}\n \n{}\r\n[1]";
        let expected = [(1, 1, "{\"a\":\"\\\"\"}"), (2, 3, "{}"), (3, 4, "[1]")];
        let expected = expected.map(|(row, line, text)| (row, line, text.to_owned()));
        for piece in 1..lines.len() {
            assert_eq!(cut(Form::Lines, lines, piece), expected, "{piece}");
        }
    }

    #[test]
    fn a_row_that_is_too_long_is_counted_and_not_kept() {
        let body = format!("{{}}\n{}\n{{}}\n", "x".repeat(LONGEST + 1));
        for piece in [1, 1000, body.len()] {
            let rows = cut(Form::Lines, body.as_bytes(), piece);
            assert_eq!((rows.len(), &*rows[1].2, rows[2].1), (3, "TooLong", 3));
        }
        let mut framer = Framer::new(Form::Lines);
        framer.push(&vec![b'x'; 10 * LONGEST], &mut Vec::new()).unwrap();
        assert!(framer.current.capacity() <= 2 * LONGEST);
    }

    #[test]
    fn a_header_that_cannot_be_read_ends_it() {
        let said = Framer::new(Form::Table).push(b"a,a\n", &mut Vec::new()).unwrap_err();
        assert!(said.contains("twice"), "{said}");
        let mut framer = Framer::new(Form::Table);
        framer.push(&vec![b'x'; LONGEST + 1], &mut Vec::new()).unwrap();
        assert!(framer.finish(&mut Vec::new()).is_err());
    }
}
