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

mod advice;
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
mod reports;
mod rows;
mod stopped;
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
    /// From 1; 1 where the whole file is meant.
    pub line: usize,
    /// From 1, in characters; 1 where the whole line is meant.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// True where the message quotes no value of a document, so that administrators and the log may be told.
    #[serde(skip)]
    pub is_public: bool,
}

impl Finding {
    /// What is wrong at a place, which may quote values.
    pub fn new(file: &str, (line, column): (usize, usize), message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column, message: message.into(), is_public: false }
    }

    /// True of a rendering that was stopped only after as much work as one may take.
    pub fn is_dear(&self) -> bool {
        self.message == meter::TOO_MUCH
    }

    /// What is wrong with a whole file, and quotes no value.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { is_public: true, ..Self::new(file, (1, 1), message) }
    }
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
        let catalog = Catalog::parse(texts).map_err(|error| vec![reports::of_catalog(pack, error)])?;
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
                Err(found) => {
                    for found in found {
                        findings.add(reports::placed(&woven, found));
                    }
                }
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
        let context = self.context(entry, file, settings)?;
        self.render_in(entry, file, &context)
    }

    fn render_in(&self, entry: Entry<'_>, file: &File, context: &Context) -> Result<Vec<u8>, Finding> {
        let place = self.place_of(entry, file.format);
        let name = self.resolved(entry, &file.template);
        let tera = self.engines.get(&(place, file.format)).filter(|_| self.texts.contains_key(&name));
        let tera = tera.ok_or_else(|| self.missing(entry, file))?;
        run(tera, file, context).map_err(|found| match found.line {
            0 => {
                let (line, column) = reports::begins(&self.texts[&name], &found);
                Finding { file: name, line, column, ..found }
            }
            _ => reports::placed(&self.woven, found),
        })
    }

    fn context(&self, entry: Entry<'_>, file: &File, settings: &impl Serialize) -> Result<Context, Finding> {
        let failed = |error| Finding::new(&self.resolved(entry, &file.template), (1, 1), format!("{error}"));
        Context::from_serialize(settings).map_err(failed)
    }

    /// A file of the catalog has no template.
    fn missing(&self, entry: Entry<'_>, file: &File) -> Finding {
        let at = entry.files().position(|other| other.name == file.name).unwrap_or_default();
        let row = format!("families.{}.files.{at}.template", entry.family_id);
        let message = format!(
            "there is no template `{}` in the folder of the model, the family or the brand, or in `shared`: put it there, \
             or name one that is there",
            file.template
        );
        self.in_catalog(entry.brand_id, &row, message)
    }

    /// What is wrong with a key or an element of a list in a brand's catalog.
    fn in_catalog(&self, brand: &str, path: &str, message: String) -> Finding {
        let place = self.catalogs.get(brand).and_then(|text| rows::place_of(text, path));
        let (line, column) = place.unwrap_or((1, 1));
        Finding { line, column, ..Finding::whole(&format!("{brand}.toml"), message) }
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
        let context = self.context(entry, file, settings)?;
        self.render_in(entry, file, &context)
    }

    /// A file of a model, and for each of its lines the places in templates that wrote something of it; no lines
    /// where that cannot be told, because a template looks at what another one wrote.
    pub fn origins(&self, entry: Entry<'_>, file: &File, settings: &Settings) -> Result<Origins, Finding> {
        let context = self.context(entry, file, settings)?;
        let body = self.render_in(entry, file, &context)?;
        let lines = marks::Marked::of(self, entry, file.format)?.origins(file, &context, &body);
        Ok((body, lines))
    }

    /// The line of a brand's catalog, from 1, where a key or an element of a list stands: `families.t4x.files.0`.
    pub fn catalog_line(&self, brand: &str, path: &str) -> Option<usize> {
        Some(rows::place_of(self.catalogs.get(brand)?, path)?.0)
    }
}

fn run(tera: &Tera, file: &File, context: &Context) -> Result<Vec<u8>, Finding> {
    let mut body = Limited { bytes: Vec::with_capacity(8192) };
    meter::begin();
    warnings::begin();
    stopped::begin();
    tera.render_to(&file.template, context, &mut body)
        .map_err(|error| reports::of_rendering(&file.template, &error))?;
    Ok(if file.format == Format::Quoted { crlf(&body.bytes) } else { body.bytes })
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
    let named = unit.names.first().copied().unwrap_or_default();
    let mut tera = Tera::new();
    let whole = |error: tera::Error| reports::of_compiling(woven, named, &error);
    tera.set_fallback_prefixes(unit.folders.clone()).map_err(whole)?;
    tera.autoescape_on([""]);
    tera.set_escape_fn(escape::of(unit.place.as_ref().map_or(Format::KeyValue, |(_, format)| *format)));
    meter::equip(&mut tera);
    warnings::equip(&mut tera);
    stopped::equip(&mut tera);
    let texts = unit.names.iter().filter_map(|name| Some((*name, &woven.get(*name)?.text)));
    tera.add_raw_templates(texts).map_err(whole)?;
    Ok(tera)
}

const TOO_LONG: &str = "the file grows beyond 1 MiB: write less, or loop over less";

/// A writer that refuses more than [`LONGEST`] bytes, which stops the rendering.
struct Limited {
    bytes: Vec<u8>,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > LONGEST {
            stopped::keep(TOO_LONG);
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
