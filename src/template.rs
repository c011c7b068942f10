//! Templates: a whole set is compiled from names and texts, or everything that is wrong with it is reported.
//!
//! A set is never changed. A new one is made beside it and takes its place, so that a bad edit never reaches a
//! phone. Tera's limits on nesting and ranges hold for templates from anywhere; what a file may be long, we
//! limit here.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use tera::{Context, Tera};

use crate::catalog::{Catalog, Entry, File, Format};
use crate::id::Digest;
use crate::pack::Pack;
use crate::settings::Settings;

pub mod lint;
mod names;
mod escape;
pub mod read_back;

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
}

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
        let mut engines = BTreeMap::new();
        let mut findings = Vec::new();
        for (place, format) in places(&catalog, pack) {
            match engine(pack, &place, format) {
                Ok(tera) => drop(engines.insert((place, format), tera)),
                Err(found) => findings.extend(found),
            }
        }
        findings.sort();
        findings.dedup();
        if !findings.is_empty() {
            return Err(findings);
        }
        let digests = pack.catalogs.keys().map(|brand| (brand.clone(), pack.digest_of(brand))).collect();
        let texts = pack.templates.iter().map(|(name, text)| (name.clone(), text.text.clone())).collect();
        Ok(Self { catalog, engines, digests, texts })
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
        let family = format!("{}/{}", entry.brand_id, entry.family_id);
        let engines = [entry.path(), family].map(|place| self.engines.get(&(place, file.format)));
        let [model, family] = engines;
        let tera = model.or(family).ok_or_else(|| missing(&file.template))?;
        let mut body = Limited(Vec::with_capacity(8192));
        tera.render_to(&file.template, context, &mut body)
            .map_err(|error| finding(&file.template, &error))?;
        Ok(if file.format == Format::Quoted { crlf(&body.0) } else { body.0 })
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

/// Families, and models with templates of their own, each with every format its files have.
fn places(catalog: &Catalog, pack: &Pack) -> std::collections::BTreeSet<(String, Format)> {
    let mut places = std::collections::BTreeSet::new();
    for entry in catalog.entries() {
        let model = entry.path();
        let own = pack
            .templates
            .keys()
            .any(|name| name.strip_prefix(&model).is_some_and(|rest| rest.starts_with('/')));
        let family = format!("{}/{}", entry.brand_id, entry.family_id);
        for file in entry.files() {
            places.insert((family.clone(), file.format));
            if own {
                places.insert((model.clone(), file.format));
            }
        }
    }
    places
}

/// Compiles what a place can see. Names are looked up in the place's own folder, then in those above it.
fn engine(pack: &Pack, place: &str, format: Format) -> Result<Tera, Vec<Finding>> {
    let brand = place.split('/').next().unwrap_or_default();
    let mut folders = Vec::new();
    let mut folder = Some(place);
    while let Some(path) = folder {
        folders.push(format!("{path}/"));
        folder = path.rsplit_once('/').map(|(above, _)| above);
    }
    folders.push("shared/".to_owned());
    let mut tera = Tera::new();
    let whole = |error: tera::Error| findings(place, &error);
    tera.set_fallback_prefixes(folders).map_err(whole)?;
    tera.autoescape_on([""]);
    tera.set_escape_fn(escape::of(format));
    tera.add_raw_templates(pack.templates_of(brand)).map_err(whole)?;
    Ok(tera)
}

fn missing(template: &str) -> Finding {
    let message = "there is no such template in the folder of the model, the family or the brand".to_owned();
    Finding { file: template.to_owned(), line: 0, column: 0, message }
}

fn finding(template: &str, error: &tera::Error) -> Finding {
    findings(template, error).swap_remove(0)
}

/// Tera reports as `error: what`, `--> file:line:column`, and the source line; several reports may come in one.
fn findings(template: &str, error: &tera::Error) -> Vec<Finding> {
    let text = error.to_string();
    let reports = text.split("error: ").map(str::trim).filter(|report| !report.is_empty());
    let mut found: Vec<Finding> = reports.map(|report| read_report(template, report)).collect();
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

/// A writer that refuses more than [`LONGEST`] bytes, which stops the rendering.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
