//! Rows of JSON as comma-separated values (RFC 4180) and back: nested members under dotted names.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub(super) mod columns;
mod kind;
pub(super) mod read;

/// Rows under a header of every name that occurs in one of them: `id` and `name` first, the others by name.
pub(super) fn write(rows: &[Value]) -> String {
    let rows: Vec<Map<String, Value>> = rows.iter().map(flat).collect();
    let names: BTreeSet<&String> = rows.iter().flat_map(Map::keys).collect();
    let first = ["id", "name"].into_iter().filter(|name| names.contains(&(*name).to_owned()));
    let others = names.iter().map(|name| name.as_str()).filter(|name| !matches!(*name, "id" | "name"));
    let all: Vec<&str> = first.chain(others).collect();
    let (shown, rest) = all.split_at(all.len().min(columns::MOST));
    let last = (!rest.is_empty()).then_some(read::REST);
    let mut table = line(shown.iter().copied().chain(last));
    for row in &rows {
        let cells: Vec<String> = shown.iter().map(|name| cell(row.get(*name))).collect();
        let rest = last.map(|_| remains(row, rest));
        table.extend(line(cells.iter().chain(&rest).map(String::as_str)));
    }
    String::from_utf8(table).unwrap_or_default()
}

/// What has no column of its own, as JSON: columns are for all rows, and strange names must not make a desert of it.
fn remains(row: &Map<String, Value>, names: &[&str]) -> String {
    let found = names.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())));
    let found: Map<String, Value> = found.collect();
    if found.is_empty() { String::new() } else { Value::Object(found).to_string() }
}

/// A line of cells with its end. Writing to memory does not fail.
fn line<'c>(cells: impl Iterator<Item = &'c str>) -> Vec<u8> {
    let mut table = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .buffer_capacity(1 << 10)
        .from_writer(Vec::new());
    let _written = table.write_record(cells);
    table.into_inner().unwrap_or_default()
}

/// Members under dotted names. A list stays one cell of JSON, and so does what is empty.
fn flat(row: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    match row {
        Value::Object(members) => flatten("", members, &mut found),
        other => drop(found.insert("value".to_owned(), other.clone())),
    }
    found
}

fn flatten(above: &str, members: &Map<String, Value>, found: &mut Map<String, Value>) {
    for (name, value) in members {
        let name = if above.is_empty() { escape(name) } else { format!("{above}.{}", escape(name)) };
        match value {
            Value::Object(below) if !below.is_empty() => flatten(&name, below, found),
            value => drop(found.insert(name, value.clone())),
        }
    }
}

/// A dot within a name is written `%2E`, as in the paths of errors.
fn escape(name: &str) -> String {
    name.replace('%', "%25").replace('.', "%2E")
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_members_stand_under_dotted_names_and_lists_are_one_cell() {
        let rows = [
            json!({"name": "Desk", "id": "1", "sip": {"username": "a", "x.y": 1}, "codecs": ["PCMU", "G722"]}),
            json!({"id": "2", "enabled": true, "ringtones": {}, "owner_id": null}),
        ];
        assert_eq!(
            write(&rows),
            "id,name,codecs,enabled,owner_id,ringtones,sip.username,sip.x%2Ey\r\n\
             1,Desk,\"[\"\"PCMU\"\",\"\"G722\"\"]\",,,,a,1\r\n\
             2,,,true,null,{},,\r\n"
        );
    }

    #[test]
    fn a_value_cannot_break_out_of_its_cell() {
        let table = write(&[json!({"name": "a\"b,\r\nc"})]);
        assert_eq!(table, "name\r\n\"a\"\"b,\r\nc\"\r\n");
    }

    #[test]
    fn strange_names_share_the_last_column() {
        let row = |n: usize| json!({"id": n.to_string(), format!("k{n:05}"): n});
        let table = write(&(0..3000).map(row).collect::<Vec<_>>());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0].split(',').count(), columns::MOST + 1);
        assert!(
            lines[0].ends_with(",:json") && lines[3000].ends_with(r#""{""k02999"":2999}""#),
            "{}",
            lines[3000]
        );
    }

    #[test]
    fn no_rows_are_an_empty_table() {
        assert_eq!(write(&[]), "\"\"\r\n");
    }
}
