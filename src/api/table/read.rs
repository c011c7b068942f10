//! A table read back: each row becomes the document that [`write`](super::write) would write so.
//!
//! An empty cell says nothing. A list or an object is JSON, except where the schema wants text; everything else is
//! text, which the schema makes a number or a boolean where it wants one. The column [`REST`] holds, as an object of
//! JSON, what no other column can say.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::kind::{self, Kind};
use crate::document::Body;
use crate::schema::{Invalid, Problem};

/// The name of the column for what has no column of its own.
pub(in crate::api) const REST: &str = ":json";

/// The most columns that are read.
const MOST: usize = 4096;

/// The deepest that a column's name may lead.
const DEEPEST: usize = 100;

/// The first line of a table.
#[derive(Debug)]
pub(in crate::api) struct Header {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    /// Empty for what has no column of its own, and for a column without a name.
    path: Vec<String>,
    is_text: bool,
}

impl Header {
    /// Reads the first line, or says what is wrong with it.
    pub(in crate::api) fn parse(line: &[u8]) -> Result<Self, String> {
        let names = cells(line).ok_or("the first line of the table cannot be read")?;
        let names: Result<Vec<String>, _> = names.into_iter().map(String::from_utf8).collect();
        let names = names.map_err(|_| "the first line of the table is not UTF-8")?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
            return Err(format!("the column {twice:?} is there twice"));
        }
        let columns: Vec<Column> = names.into_iter().map(Column::new).collect();
        match columns.iter().find(|column| column.path.len() > DEEPEST) {
            _ if columns.len() > MOST => Err(format!("there are more than {MOST} columns")),
            Some(_) => Err(format!("a column's name leads more than {DEEPEST} levels deep")),
            None => Ok(Self { columns }),
        }
    }

    /// The document that stands in a line.
    pub(in crate::api) fn row(&self, line: &[u8]) -> Result<Body, Invalid> {
        let cells = cells(line).ok_or_else(|| wrong("data", "The line cannot be read"))?;
        let mut body = Body::new();
        for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let column = self.columns.get(at).filter(|column| !column.name.is_empty());
            let column = column.ok_or_else(|| wrong("data", "The line has a cell without a column"))?;
            let text = std::str::from_utf8(cell).map_err(|_| wrong(&column.name, "The cell is not UTF-8"))?;
            if !column.lay(&mut body, text) {
                return Err(wrong(&column.name, "The cell cannot stand beside those of other columns"));
            }
        }
        Ok(body)
    }
}

impl Column {
    fn new(name: String) -> Self {
        let parts = || name.split('.').map(unescape);
        let path: Vec<String> = if name == REST || name.is_empty() { Vec::new() } else { parts().collect() };
        let is_text = kind::of(path.iter().map(String::as_str)) == Kind::Text;
        Self { name, path, is_text }
    }

    /// False when there is no place for it.
    fn lay(&self, body: &mut Body, text: &str) -> bool {
        if self.path.is_empty() {
            return serde_json::from_str(text).is_ok_and(|rest| merge(body, rest));
        }
        let value = value(text, self.is_text);
        let deep = |value, name: &String| Value::Object(Map::from_iter([(name.clone(), value)]));
        match self.path.iter().rev().fold(value, deep) {
            Value::Object(members) => merge(body, members),
            _ => false,
        }
    }
}

/// What a cell says.
pub(super) fn value(text: &str, is_text: bool) -> Value {
    let json = || serde_json::from_str(text).ok();
    let structured = !is_text && text.starts_with(['[', '{']);
    structured.then(json).flatten().unwrap_or_else(|| text.into())
}

/// Lays members beside others; false where both say something of the same one.
fn merge(body: &mut Body, more: Body) -> bool {
    more.into_iter().all(|(name, new)| match (body.get_mut(&name), new) {
        (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
        (Some(_), _) => false,
        (None, new) => body.insert(name, new).is_none(),
    })
}

fn wrong(path: &str, message: &str) -> Invalid {
    let mut invalid = Invalid::default();
    invalid.add(path, "invalid", Problem::new(message));
    invalid
}

fn unescape(name: &str) -> String {
    name.replace("%2E", ".").replace("%2e", ".").replace("%25", "%")
}

fn cells(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).terminator(csv::Terminator::Any(b'\n'));
    let reader = reader.buffer_capacity(line.len().clamp(1, 1 << 13));
    let record = reader.from_reader(line).into_byte_records().next()?.ok()?;
    Some(record.iter().map(<[u8]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(header: &str, line: &str) -> Value {
        Value::Object(Header::parse(header.as_bytes()).unwrap().row(line.as_bytes()).unwrap())
    }

    #[test]
    fn a_cell_stands_where_its_column_says() {
        let header = "id,name,sip.username,sip.x%2Ey,provision.combo_keys.1.type,media.audio.codecs,enabled";
        let line = r#"7,"Desk, ""1""",u,5,line,"[""PCMU""]",false"#;
        let body = json!({
            "id": "7", "name": "Desk, \"1\"", "sip": {"username": "u", "x.y": "5"}, "enabled": "false",
            "provision": {"combo_keys": {"1": {"type": "line"}}}, "media": {"audio": {"codecs": ["PCMU"]}},
        });
        assert_eq!(read(header, line), body);
    }

    #[test]
    fn an_empty_cell_says_nothing_and_text_stays_text() {
        assert_eq!(read("name,x,y,z", "[1],,[1],[1"), json!({"name": "[1]", "y": [1], "z": "[1"}));
        assert_eq!(read("name,,", "a,,"), json!({"name": "a"}));
    }

    #[test]
    fn what_has_no_column_stands_in_the_last() {
        let line = r#"a,u,"{""sip"":{""route"":""""},""x"":null}""#;
        let body = json!({"name": "a", "sip": {"username": "u", "route": ""}, "x": null});
        assert_eq!(read("name,sip.username,:json", line), body);
    }

    #[test]
    fn a_line_that_does_not_fit_is_refused_without_being_quoted() {
        let header = Header::parse(b"name,sip,sip.password,:json").unwrap();
        for line in [
            &b"a,x,s3cret"[..],
            b"a,,,x",
            b"a,,,,x",
            b"a,,\xff",
            br#"a,,p,"{""sip"":{""password"":""s3cret""}}""#,
        ] {
            let said = serde_json::to_string(&header.row(line).unwrap_err()).unwrap();
            assert!(said.contains("invalid") && !said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn a_header_names_each_column_once() {
        assert!(Header::parse(b"name,name").unwrap_err().contains("twice"));
        assert!(Header::parse(b"\xff").is_err());
        assert!(Header::parse("x.".repeat(DEEPEST + 1).as_bytes()).is_err());
        assert!(Header::parse(",".repeat(MOST + 1).as_bytes()).is_err());
    }
}
