//! Templates: a whole set is compiled from names and texts, or everything that is wrong with it is reported.
//!
//! A set is never changed. A new one is made beside it and takes its place, so that a bad edit never reaches a
//! phone. Templates may come from anywhere: what they may consist of is limited before they are compiled, and what a
//! rendering may cost and make while it runs, so that the worst of them is a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::Serialize;
use tera::{Context, Tera};

use crate::catalog::{Catalog, Entry, File, Format};
use crate::id::Digest;
use crate::pack::Pack;
use crate::settings::Settings;

mod escape;
mod faults;
mod findings;
pub mod guides;
mod known;
mod limits;
pub mod lint;
mod marks;
mod meter;
mod names;
mod parameters;
pub mod read_back;
mod rows;
mod token;
mod untold;
mod uses;
mod warnings;

pub use marks::Place;
pub use warnings::warnings;

use findings::Findings;
use meter::Woven;
use uses::Unit;

/// The longest file that a phone is given, in bytes.
pub const LONGEST: usize = 1 << 20;

/// Something wrong in a catalog, a template, or what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct Finding {
    /// The template's name, or the catalog's.
    pub file: String,
    /// From 1; 0 where no line can be named.
    pub line: usize,
    /// From 1; 0 where no column can be named.
    pub column: usize,
    /// What is wrong, and what would be right as far as that is known.
    pub message: String,
}

/// Compiled templates and the catalog that names them.
#[derive(Debug)]
pub struct Set {
    catalog: Catalog,
    engines: BTreeMap<(String, Format), Tera>,
    digests: BTreeMap<String, Digest>,
    texts: BTreeMap<String, String>,
    woven: BTreeMap<String, Woven>,
    catalogs: BTreeMap<String, String>,
    untold: untold::Memory,
}

/// A file, and by its lines where they were written.
pub type Origins = (Vec<u8>, Vec<Vec<Place>>);

impl Set {
    /// Compiles a pack. Reports every file that is wrong, not only the first.
    pub fn compile(pack: &Pack) -> Result<Self, Vec<Finding>> {
        let texts = pack.catalogs.iter().map(|(brand, text)| (brand.as_str(), text.text.as_str()));
        let catalog = Catalog::parse(texts).map_err(|error| {
            vec![Finding {
                file: format!("{}.toml", error.brand),
                line: 0,
                column: 0,
                message: error.message,
            }]
        })?;
        let mut findings = Findings::default();
        let uses = limits::uses(pack, &mut findings);
        let units = uses::units(&uses, places(&catalog, pack));
        limits::check(&uses, &units, &mut findings);
        if !findings.is_empty() {
            return Err(findings.told());
        }
        let texts =
            units.iter().flat_map(|unit| &unit.names).filter_map(|name| pack.templates.get_key_value(*name));
        let woven: BTreeMap<String, Woven> =
            texts.map(|(name, text)| (name.clone(), meter::weave(&text.text))).collect();
        let mut engines = BTreeMap::new();
        for unit in units {
            match engine(&woven, &unit) {
                Ok(tera) => engines.extend(unit.place.map(|place| (place, tera))),
                Err(found) => found.into_iter().for_each(|found| findings.add(placed(&woven, found))),
            }
        }
        if !findings.is_empty() {
            return Err(findings.told());
        }
        let texts = pack.templates.iter().map(|(name, text)| (name.clone(), text.text.clone())).collect();
        let digests = pack.catalogs.keys().map(|brand| (brand.clone(), pack.digest_of(brand))).collect();
        let catalogs = pack.catalogs.iter().map(|(brand, text)| (brand.clone(), text.text.clone())).collect();
        let untold = untold::Memory::default();
        Ok(Self { catalog, engines, digests, texts, woven, catalogs, untold })
    }

    /// The catalog of this set.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Of each brand, the digest of everything that shapes its files.
    pub fn digests(&self) -> &BTreeMap<String, Digest> {
        &self.digests
    }

    /// Renders a file of a model.
    pub fn render(&self, entry: Entry<'_>, file: &File, settings: &Settings) -> Result<Vec<u8>, Finding> {
        let context = Context::from_serialize(settings).map_err(|error| finding(&file.template, &error))?;
        self.render_in(entry, file, &context)
    }

    fn render_in(&self, entry: Entry<'_>, file: &File, context: &Context) -> Result<Vec<u8>, Finding> {
        let place = self.place_of(entry, file.format);
        let tera = self.engines.get(&(place, file.format)).ok_or_else(|| missing(&file.template))?;
        run(tera, file, context).map_err(|found| placed(&self.woven, found))
    }

    /// Where a model's templates are looked up from: its own folder where it has one, else its family's.
    fn place_of(&self, entry: Entry<'_>, format: Format) -> String {
        let own = (entry.path(), format);
        if self.engines.contains_key(&own) {
            own.0
        } else {
            format!("{}/{}", entry.brand_id, entry.family_id)
        }
    }

    /// The whole name of a template that a model's file names.
    fn resolved(&self, entry: Entry<'_>, template: &str) -> String {
        let names = folders(&entry.path()).into_iter().map(|folder| format!("{folder}{template}"));
        names.into_iter().find(|name| self.texts.contains_key(name)).unwrap_or_else(|| template.to_owned())
    }

    /// Renders a file of a model with settings that were taken apart and changed.
    pub fn render_value(
        &self,
        entry: Entry<'_>,
        file: &File,
        settings: &serde_json::Value,
    ) -> Result<Vec<u8>, Finding> {
        let context = Context::from_serialize(settings).map_err(|error| finding(&file.template, &error))?;
        self.render_in(entry, file, &context)
    }

    /// A file of a model, and for each of its lines the places in templates that wrote something of it; no lines
    /// where that cannot be told, because a template looks at what another one wrote.
    pub fn origins(&self, entry: Entry<'_>, file: &File, settings: &Settings) -> Result<Origins, Finding> {
        let context = Context::from_serialize(settings).map_err(|error| finding(&file.template, &error))?;
        let body = self.render_in(entry, file, &context)?;
        let lines = marks::Marked::of(self, entry, file.format)?.origins(file, &context, &body);
        Ok((body, lines))
    }

    /// The line of a brand's catalog, from 1, where a key or an element of a list stands: `families.t4x.files.0`.
    pub fn catalog_line(&self, brand: &str, path: &str) -> Option<usize> {
        rows::line_of(self.catalogs.get(brand)?, path)
    }
}

fn run(tera: &Tera, file: &File, context: &Context) -> Result<Vec<u8>, Finding> {
    let mut body = Limited { bytes: Vec::with_capacity(8192), is_full: false };
    meter::begin();
    warnings::begin();
    if let Err(error) = tera.render_to(&file.template, context, &mut body) {
        let found = finding(&file.template, &error);
        return Err(if body.is_full { Finding { message: TOO_LONG.to_owned(), ..found } } else { found });
    }
    Ok(if file.format == Format::Quoted { crlf(&body.bytes) } else { body.bytes })
}

/// A finding in a woven text, at the place in the author's.
fn placed(woven: &BTreeMap<String, Woven>, found: Finding) -> Finding {
    match woven.get(&found.file) {
        Some(woven) if found.column > 0 => {
            Finding { column: woven.column(found.line, found.column), ..found }
        }
        _ => found,
    }
}

/// Lines that end with CR LF, however the template was saved.
fn crlf(text: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n");
        made.extend_from_slice(bare.map_or(line, |bare| bare.strip_suffix(b"\r").unwrap_or(bare)));
        made.extend_from_slice(bare.map_or(b"", |_| b"\r\n"));
    }
    made
}

/// By whose files they are and by format, the templates that the catalog names.
type Places<'c> = BTreeMap<(String, Format), BTreeSet<&'c str>>;

/// Families, and models with templates of their own, each with every format its files have.
fn places<'c>(catalog: &'c Catalog, pack: &Pack) -> Places<'c> {
    let mut places = Places::new();
    for entry in catalog.entries() {
        let model = entry.path() + "/";
        let next = pack.templates.range(model.clone()..).next();
        let own = next.is_some_and(|(name, _)| name.starts_with(&model));
        for file in entry.files() {
            let family = || format!("{}/{}", entry.brand_id, entry.family_id);
            let place = if own { entry.path() } else { family() };
            places.entry((place, file.format)).or_default().insert(file.template.as_str());
        }
    }
    places
}

/// Where names are looked up from a place: its own folder, then those above it, and `shared`.
fn folders(place: &str) -> Vec<String> {
    let mut folders = Vec::new();
    let mut folder = Some(place);
    while let Some(path) = folder {
        folders.push(format!("{path}/"));
        folder = path.rsplit_once('/').map(|(above, _)| above);
    }
    folders.push("shared/".to_owned());
    folders
}

/// Compiles what belongs together.
fn engine(woven: &BTreeMap<String, Woven>, unit: &Unit<'_>) -> Result<Tera, Vec<Finding>> {
    let named = unit.place.as_ref().map_or_else(|| unit.folders[0].trim_end_matches('/'), |(place, _)| place);
    let mut tera = Tera::new();
    let whole = |error: tera::Error| findings(named, &error);
    tera.set_fallback_prefixes(unit.folders.clone()).map_err(whole)?;
    tera.autoescape_on([""]);
    tera.set_escape_fn(escape::of(unit.place.as_ref().map_or(Format::KeyValue, |(_, format)| *format)));
    meter::equip(&mut tera);
    warnings::equip(&mut tera);
    let texts = unit.names.iter().filter_map(|name| Some((*name, &woven.get(*name)?.text)));
    tera.add_raw_templates(texts).map_err(whole)?;
    Ok(tera)
}

fn missing(template: &str) -> Finding {
    let message = "there is no such template in the folder of the model, the family or the brand".to_owned();
    Finding { file: template.to_owned(), line: 0, column: 0, message }
}

/// What went wrong in a rendering: one report.
fn finding(template: &str, error: &tera::Error) -> Finding {
    let text = error.to_string();
    read_report(template, text.strip_prefix("error: ").unwrap_or(&text))
}

/// How many reports of one engine are read.
const REPORTS: usize = 1000;

/// Tera reports as `error: what`, `--> file:line:column`, and the source line; several reports may come in one.
fn findings(template: &str, error: &tera::Error) -> Vec<Finding> {
    let text = error.to_string();
    let reports = text.split("error: ").map(str::trim).filter(|report| !report.is_empty());
    let mut found: Vec<Finding> = reports.take(REPORTS).map(|report| read_report(template, report)).collect();
    if found.is_empty() {
        found.push(missing(template));
    }
    found
}

fn read_report(template: &str, report: &str) -> Finding {
    let (message, rest) = report.split_once("--> ").unwrap_or((report, ""));
    let mut place = rest.lines().next().unwrap_or_default().rsplitn(3, ':');
    let column = place.next().and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    let line = place.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let file = place.next().unwrap_or(template).to_owned();
    Finding { file, line, column, message: message.trim().to_owned() }
}

const TOO_LONG: &str = "the file grows beyond 1 MiB: write less, or loop over less";

/// A writer that refuses more than [`LONGEST`] bytes, which stops the rendering.
struct Limited {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > LONGEST {
            self.is_full = true;
            return Err(io::Error::other(TOO_LONG));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
