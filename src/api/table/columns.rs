//! A table that is written row by row: which columns it has, and how a document is spread over them so that reading
//! it back gives the same document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::kind::{self, Kind};
use super::read::{self, REST};
use super::{cell, escape, line};

/// The most columns beside [`REST`]; what has none then stands there.
pub(super) const MOST: usize = 1000;

/// Collects the names of columns, document by document.
#[derive(Debug, Default)]
pub(in crate::api) struct Names(BTreeSet<String>);

impl Names {
    /// Adds what a document has.
    pub(in crate::api) fn add(&mut self, document: &Map<String, Value>) {
        self.walk("", document);
    }

    fn walk(&mut self, above: &str, members: &Map<String, Value>) {
        for (name, value) in members {
            let name = join(above, name);
            match value {
                Value::Object(below) if !below.is_empty() => self.walk(&name, below),
                value if self.0.len() < MOST && is_plain(&name, kind_of(&name), value) => {
                    self.0.insert(name);
                }
                _ => {}
            }
        }
    }

    /// The columns: `id` and `name` first, the others by name.
    pub(in crate::api) fn columns(self) -> Columns {
        let (first, others): (Vec<_>, Vec<_>) =
            self.0.into_iter().partition(|name| matches!(name.as_str(), "id" | "name"));
        let names: Vec<String> = first.into_iter().chain(others).collect();
        let places = names.iter().enumerate();
        let places = places.map(|(at, name)| (name.clone(), (at, kind_of(name)))).collect();
        Columns { names, places }
    }
}

/// The columns of a table.
#[derive(Debug)]
pub(in crate::api) struct Columns {
    names: Vec<String>,
    places: BTreeMap<String, (usize, Kind)>,
}

impl Columns {
    /// The first line.
    pub(in crate::api) fn header(&self) -> Vec<u8> {
        line(self.names.iter().map(String::as_str).chain([REST]))
    }

    /// A document's line.
    pub(in crate::api) fn row(&self, document: &Map<String, Value>) -> Vec<u8> {
        let mut cells = vec![String::new(); self.names.len() + 1];
        let rest = self.spread("", document, &mut cells);
        if let (false, Some(last)) = (rest.is_empty(), cells.last_mut()) {
            *last = Value::Object(rest).to_string();
        }
        line(cells.iter().map(String::as_str))
    }

    /// Fills cells, and gives back what has none.
    fn spread(&self, above: &str, members: &Map<String, Value>, cells: &mut [String]) -> Map<String, Value> {
        let mut rest = Map::new();
        for (name, value) in members {
            let path = join(above, name);
            if let Some(below) = value.as_object().filter(|below| !below.is_empty()) {
                let below = self.spread(&path, below, cells);
                if !below.is_empty() {
                    rest.insert(name.clone(), below.into());
                }
                continue;
            }
            match self.places.get(&path) {
                Some((at, kind)) if is_plain(&path, *kind, value) => cells[*at] = cell(Some(value)),
                _ => drop(rest.insert(name.clone(), value.clone())),
            }
        }
        rest
    }
}

/// True when a cell says it so that it is read back as it was.
fn is_plain(name: &str, kind: Kind, value: &Value) -> bool {
    let named = !name.is_empty() && name != REST;
    named
        && match value {
            Value::String(text) => !text.is_empty() && read::value(text, kind == Kind::Text) == *value,
            Value::Bool(_) => kind == Kind::Flag,
            Value::Number(number) => kind == Kind::Whole && number.is_i64(),
            Value::Array(_) | Value::Object(_) => kind != Kind::Text,
            Value::Null => false,
        }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { escape(name) } else { format!("{above}.{}", escape(name)) }
}

/// Of an escaped name; those that the schema knows need no escaping.
fn kind_of(name: &str) -> Kind {
    kind::of(name.split('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::read::Header;
    use super::*;
    use crate::schema::{Noun, Schema};

    fn table(rows: &[Value]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let rows: Vec<&Map<String, Value>> = rows.iter().map(|row| row.as_object().unwrap()).collect();
        let mut names = Names::default();
        for row in &rows {
            names.add(row);
        }
        let columns = names.columns();
        (columns.header(), rows.iter().map(|row| columns.row(row)).collect())
    }

    #[test]
    fn what_a_cell_cannot_say_stands_in_the_last_column() {
        let rows = [
            json!({"name": "a", "enabled": true, "id": "1", "sip": {"expire_seconds": 60, "x": ""}, "n": null}),
            json!({"name": "[b]", "enabled": "?", "codes": [1], "flag": true, "": 1, ":json": "x"}),
        ];
        let (header, rows) = table(&rows);
        assert_eq!(header, b"id,name,codes,enabled,sip.expire_seconds,:json\r\n");
        let line = |at: usize| String::from_utf8(rows[at].clone()).unwrap();
        assert_eq!(line(0), "1,a,,true,60,\"{\"\"n\"\":null,\"\"sip\"\":{\"\"x\"\":\"\"\"\"}}\"\r\n");
        assert!(line(1).starts_with(",[b],[1],?,,\"{"), "{}", line(1));
    }

    #[test]
    fn a_table_never_gets_wider_than_it_may() {
        let rows: Vec<Value> = (0..MOST + 50).map(|at| json!({ format!("n{at}"): "x" })).collect();
        let (header, rows) = table(&rows);
        assert_eq!(header.split(|byte| *byte == b',').count(), MOST + 1);
        assert!(rows[MOST + 10].ends_with(b"\"\"x\"\"}\"\r\n"));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![
                "",
                "true",
                "300",
                "[1]",
                "{\"a\":1}",
                " ",
                "a,b",
                "\"",
                "x\r\ny",
                "\u{feff}"
            ])
            .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1000_i32..1000).prop_map(|number| Value::from(f64::from(number) / 8.0)),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(any_name(), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn any_name() -> impl Strategy<Value = String> {
        let known =
            vec!["1", "a.b", "x%2Ey", "", ":json", "sip", "provision", "combo_keys", "media", "audio"];
        prop_oneof![prop::sample::select(known).prop_map(str::to_owned), any::<String>()]
    }

    /// Devices as they are stored: accepted by the schema, with anything under names that it does not know.
    fn any_device() -> impl Strategy<Value = Value> {
        let changes = vec![
            json!({"enabled": false, "call_forward": {"enabled": true, "number": "+1"}}),
            json!({"sip": {"expire_seconds": 60, "password": "12345", "custom_sip_headers": {"in": {"X-A": "b"}}}}),
            json!({"media": {"audio": {"codecs": ["PCMU"]}, "bypass_media": "auto", "progress_timeout": 3}}),
            json!({"provision": {"combo_keys": {"1": {"type": "line"}}, "endpoint_model": 46, "auto_sync": true}}),
        ];
        let extras =
            prop::collection::btree_map(any_name().prop_map(|name| format!("x{name}")), any_value(), 0..6);
        let name = any::<String>().prop_filter("a name", |name| (1..=128).contains(&name.chars().count()));
        (prop::sample::subsequence(changes, 0..=4), extras, name).prop_map(|(changes, extras, name)| {
            let mut device: Map<String, Value> = extras.into_iter().collect();
            device.insert("name".to_owned(), name.into());
            device.extend(changes.into_iter().flat_map(|change| change.as_object().unwrap().clone()));
            Value::Object(Schema::of(Noun::Device).accept(device).unwrap())
        })
    }

    proptest! {
        #[test]
        fn a_table_gives_back_the_devices_it_was_made_from(devices in prop::collection::vec(any_device(), 1..4)) {
            let (header, lines) = table(&devices);
            let bare = |line: &[u8]| line.strip_suffix(b"\r\n").unwrap().to_vec();
            let header = Header::parse(&bare(&header)).unwrap();
            for (line, device) in lines.iter().map(|line| bare(line)).zip(&devices) {
                let read = Schema::of(Noun::Device).accept(header.row(&line).unwrap()).unwrap();
                prop_assert_eq!(&Value::Object(read), device);
            }
        }
    }
}
