//! The whole database as lines of JSON: a backup, and the way to another store.
//!
//! The first line says what it is, the last one how much there was, so that a file cut short is noticed.
//! Between them: accounts (those above before those below), users and devices by account, marks, notes.

use std::io::{BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::audit::{self, Counts, Report};
use super::evaluate::{Work, evaluate};
use super::folder::{Folder, State};
use super::keeper;
use super::layout;
use super::meta::Meta;
use super::opened::{Opened, missing};
use super::overlay::Overlay;
use super::query::{Query, View};
use super::{Entity, Note, Result, Sequence, Span, Step, StoreError, Table};
use crate::account::Account;
use crate::device::Device;
use crate::id::{Id, hex};
use crate::resync::Scope;
use crate::user::User;

/// Verifies a data directory that no daemon is using. What is wrong with the records is in the report; an error
/// means that the directory is in use, holds no database, or cannot be opened at all.
pub fn check(dir: &Path) -> Result<Report> {
    let folder = existing(dir)?;
    let (opened, report) = Opened::examined(&folder, CACHE_BYTES)?;
    if report.problems.is_empty() {
        opened.close(&folder);
    }
    Ok(report)
}

/// Writes everything in a data directory that no daemon is using. A damaged database is refused.
pub fn export(dir: &Path, out: impl Write) -> Result<Counts> {
    let folder = existing(dir)?;
    let (opened, report) = Opened::verified(&folder, CACHE_BYTES)?;
    Exporter { view: &opened.engine, out }.write(&opened.meta, report.counts)?;
    opened.close(&folder);
    Ok(report.counts)
}

/// Reads what [`export`] wrote into a directory without a database; ids, revisions, times and sequences stay
/// what they were. A line that is wrong is named by its number, and then the directory is left without a
/// database again.
pub fn import(dir: &Path, input: impl BufRead) -> Result<Counts> {
    let folder = Folder::take(dir)?;
    let interrupted = folder.marker()?.is_some_and(|marker| marker.state != State::Ready);
    if interrupted {
        folder.wipe()?;
    } else if !folder.is_untouched() {
        let path = dir.display();
        return Err(StoreError::Io(format!("{path} holds a database already: import into a new directory")));
    }
    let imported = fill(&folder, input);
    if imported.is_err() {
        folder.wipe()?;
    }
    imported
}

const CACHE_BYTES: u64 = 64 << 20;
const FORMAT: u32 = 1;
const PAGE: usize = 1000;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Export { format: u32, sequence: Sequence },
    Account(Account),
    User(User),
    Device(Device),
    Mark { sequence: Sequence, scope: Scope },
    Note(Written),
    End(Counts),
}

/// A note as it is written: bytes as text where they are, else as hexadecimal digits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    table: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

struct Exporter<'v, W> {
    view: &'v dyn View,
    out: W,
}

impl<W: Write> Exporter<'_, W> {
    fn write(&mut self, meta: &Meta, counts: Counts) -> Result<()> {
        self.line(&Line::Export { format: FORMAT, sequence: meta.sequence })?;
        let (view, span) = (self.view, |after| Span::ascending(after, PAGE));
        let accounts = audit::accounts_in_order(view)?;
        let ids: Vec<Id> = accounts.iter().map(Account::id).collect();
        for account in accounts {
            self.line(&Line::Account(account))?;
        }
        for id in &ids {
            self.pages(Line::User, User::id, |after| Ok(Query(view).users(*id, &span(after))?.rows))?;
        }
        for id in &ids {
            let devices = |after| Ok(Query(view).devices(&Scope::Account(*id), &span(after))?.rows);
            self.pages(Line::Device, Device::id, devices)?;
        }
        let mark = |(sequence, scope)| Line::Mark { sequence, scope };
        self.pages(mark, |(sequence, _)| *sequence, |after| Query(view).marks(after, PAGE))?;
        for table in layout::TABLES {
            let note = |(key, value): (Vec<u8>, Vec<u8>)| Line::Note(written(table, &key, value));
            let key = |(key, _): &(Vec<u8>, Vec<u8>)| key.clone();
            self.pages(note, key, |after| {
                Query(view).notes(table, after.as_ref().map(|key: &Vec<u8>| &key[..]), PAGE)
            })?;
        }
        self.line(&Line::End(counts))?;
        self.out.flush().map_err(|error| unwritten(&error))
    }

    fn pages<T, K>(
        &mut self,
        line: impl Fn(T) -> Line,
        key: impl Fn(&T) -> K,
        page: impl Fn(Option<K>) -> Result<Vec<T>>,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let found = page(after)?;
            after = found.last().map(&key);
            if after.is_none() {
                return Ok(());
            }
            found.into_iter().try_for_each(|item| self.line(&line(item)))?;
        }
    }

    fn line(&mut self, line: &Line) -> Result<()> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| StoreError::Io(error.to_string()))?;
        bytes.push(b'\n');
        self.out.write_all(&bytes).map_err(|error| unwritten(&error))
    }
}

fn existing(dir: &Path) -> Result<Folder> {
    if !dir.is_dir() {
        return Err(missing(dir));
    }
    let folder = Folder::take(dir)?;
    if folder.is_untouched() { Err(missing(dir)) } else { Ok(folder) }
}

fn unwritten(error: &std::io::Error) -> StoreError {
    StoreError::Io(format!("the export could not be written: {error}"))
}

fn fill(folder: &Folder, input: impl BufRead) -> Result<Counts> {
    let Opened { engine, high_water, meta } = Opened::create(folder, CACHE_BYTES, State::Importing)?;
    let mut importer = Importer { meta, begun: false, ended: None };
    let mut lines = input.lines().enumerate();
    loop {
        let mut overlay = Overlay::new(&engine, importer.meta.tally.clone());
        let mut taken = 0;
        for (number, line) in lines.by_ref().take(PAGE) {
            let line = line.map_err(|error| error.to_string());
            line.and_then(|line| importer.take(&mut overlay, &line))
                .map_err(|what| wrong(number + 1, &what))?;
            taken += 1;
        }
        let (pending, tally) = overlay.finish();
        importer.meta = Meta { batch: importer.meta.batch + 1, tally, ..importer.meta };
        engine.apply(keeper::batch(&pending, &importer.meta)?)?;
        if taken < PAGE {
            break;
        }
    }
    let counts = importer.end()?;
    engine.flush()?;
    engine.sync()?;
    high_water.note(importer.meta.batch)?;
    high_water.sync()?;
    folder.set_marker(importer.meta.database, State::Ready)?;
    Opened { engine, high_water, meta: importer.meta }.close(folder);
    Ok(counts)
}

struct Importer {
    meta: Meta,
    begun: bool,
    ended: Option<Counts>,
}

impl Importer {
    fn take(&mut self, overlay: &mut Overlay<'_>, line: &str) -> Result<(), String> {
        let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if self.ended.is_some() {
            return Err("there is more after the end".to_owned());
        }
        if self.begun == matches!(line, Line::Export { .. }) {
            return Err("an export begins with its header, once".to_owned());
        }
        let step = match line {
            Line::Export { format, sequence } => return self.begin(format, sequence),
            Line::End(counts) => {
                self.ended = Some(counts);
                return Ok(());
            }
            Line::Mark { sequence, scope } => return self.mark(overlay, sequence, &scope),
            Line::Account(account) => new(Entity::Account(account)),
            Line::User(user) => new(Entity::User(user)),
            Line::Device(device) => new(Entity::Device(device)),
            Line::Note(written) => Step::Set(read(written)?),
        };
        let work = Work { steps: vec![step], unmark: Vec::new() };
        evaluate(overlay, work, 0).map(drop).map_err(|error| error.to_string())
    }

    fn begin(&mut self, format: u32, sequence: Sequence) -> Result<(), String> {
        if format != FORMAT {
            return Err(format!("this is an export of format {format}, and only {FORMAT} is known"));
        }
        self.begun = true;
        self.meta.sequence = sequence;
        Ok(())
    }

    fn mark(&self, overlay: &mut Overlay<'_>, sequence: Sequence, scope: &Scope) -> Result<(), String> {
        if sequence > self.meta.sequence {
            return Err(format!("mark {sequence} is later than the export itself"));
        }
        let payload = serde_json::to_vec(scope).map_err(|error| error.to_string())?;
        let put = overlay.put(layout::mark(sequence), payload).and_then(|()| overlay.keep());
        put.map_err(|error| error.to_string())
    }

    fn end(&self) -> Result<Counts> {
        let there = audit::counts(&self.meta.tally);
        match self.ended {
            Some(counts) if counts == there => Ok(counts),
            Some(counts) => {
                Err(StoreError::Io(format!("the export should hold {counts:?}, and holds {there:?}")))
            }
            None => Err(StoreError::Io("the export is cut short: its last line is missing".to_owned())),
        }
    }
}

fn new(entity: Entity) -> Step {
    Step::Put { entity, replaces: None }
}

fn wrong(line: usize, what: &str) -> StoreError {
    StoreError::Io(format!("line {line} of the export is wrong: {what}"))
}

fn written(table: Table, key: &[u8], value: Vec<u8>) -> Written {
    let (text, digits) = match String::from_utf8(value) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(hex(error.as_bytes()))),
    };
    Written { table: title(table).to_owned(), key: hex(key), text, hex: digits }
}

fn read(written: Written) -> Result<Note, String> {
    let named = layout::TABLES.into_iter().find(|table| title(*table) == written.table);
    let table = named.ok_or_else(|| format!("there is no table {:?}", written.table))?;
    let value = match (written.text, written.hex) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(hex)) => unhex(&hex)?,
        _ => return Err("a note has either text or hex".to_owned()),
    };
    Ok(Note { table, key: unhex(&written.key)?, value: Some(value) })
}

fn title(table: Table) -> &'static str {
    match table {
        Table::Held => "held",
        Table::Stale => "stale",
        Table::Binding => "binding",
        Table::Source => "source",
        Table::Token => "token",
        Table::Daemon => "daemon",
        Table::Audit => "audit",
        Table::Trash => "trash",
        Table::Copy => "copy",
        Table::History => "history",
        Table::Agent => "agent",
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        _ => Err(format!("{:?} is not hexadecimal", text.chars().take(64).collect::<String>())),
    }
}
