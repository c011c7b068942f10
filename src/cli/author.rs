//! What authors of templates need: a pack to begin with, what is wrong with one, and what it makes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::{Failure, golden, lines, say};
use crate::catalog::Entry;
use crate::device::Mac;
use crate::document::Body;
use crate::pack::Pack;
use crate::render::add_warnings;
use crate::schema::{Invalid, Noun, Problem, Schema};
use crate::settings::assemble;
use crate::template::lint::{self, Sample};
use crate::template::{Finding, Set, guides};
use crate::watch;

/// The files of a first pack: where each is, and what is in it. `@` stands for the brand.
const FIRST: [(&str, &str); 3] = [
    ("catalog/@.toml", include_str!("author/catalog.toml")),
    ("templates/@/base.cfg", include_str!("author/base.cfg")),
    ("templates/@/desk/phone.cfg", include_str!("author/phone.cfg")),
];

#[derive(Debug, Args)]
pub(super) struct NewPack {
    /// The brand's id: small letters, digits and dashes. The pack is made in a folder of this name
    brand: String,
}

#[derive(Debug, Args)]
pub(super) struct Lint {
    /// The pack's folder; without one, what is shipped
    dir: Option<PathBuf>,
    /// Rewrites the files in the pack's folder `golden`, which hold what its templates make of two samples
    #[arg(long, requires = "dir")]
    update: bool,
}

#[derive(Debug, Args)]
pub(super) struct Render {
    /// The pack's folder; without one, what is shipped
    dir: Option<PathBuf>,
    #[command(flatten)]
    phone: Phone,
}

/// Which phone is meant.
#[derive(Debug, Args)]
pub(super) struct Phone {
    /// The sample documents: plain, full, south or hostile
    #[arg(long, value_name = "NAME", default_value = "plain", conflicts_with = "device")]
    sample: String,
    /// A JSON file with a device's document, or with all that a sample has: account, users and device
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    /// BRAND/MODEL or BRAND/FAMILY/MODEL; without it what the device's document says, else one of each family of the pack
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
}

impl NewPack {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let brand = &self.brand;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if brand.is_empty() || !brand.chars().all(fits) {
            return Err(format!("{brand:?} is no brand's id: take small letters, digits and dashes").into());
        }
        if Path::new(brand).exists() {
            return Err(format!("there is something named {brand} here already: move it away").into());
        }
        for (name, text) in FIRST {
            let path = Path::new(brand).join(name.replace('@', brand));
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, text.replace("Acme", &capital(brand)))?;
        }
        say(out, &format!("made {brand}/. Next: checksync lint {brand}, checksync render {brand}\n"))
    }
}

fn capital(brand: &str) -> String {
    let mut letters = brand.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl Lint {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let (set, pack, brands) = read(self.dir.as_deref())?;
        let samples = lint::shipped_samples();
        let is_asked = |brand: &str| brands.contains(brand);
        let mut found = lint::lint_brands(&set, &samples, is_asked);
        found.extend(guides::unknown(&set, &pack, &samples, is_asked));
        if !found.is_empty() {
            return Err(lines(&found).into());
        }
        if let Some(dir) = &self.dir {
            self.compare(&dir.join("golden"), &standing(&set, &brands), (&set, &samples))?;
        }
        for note in self.dir.iter().flat_map(|_| notes(&set, &brands, &samples)) {
            say(out, &format!("{note}\n"))?;
        }
        let models = set.catalog().entries().filter(|entry| brands.contains(entry.brand_id));
        let models = models.count();
        say(out, &format!("nothing to complain of: {models} models, {} samples\n", samples.len()))
    }

    /// A pack that keeps what it makes is told what differs from that.
    fn compare(
        &self,
        folder: &Path,
        entries: &[Entry<'_>],
        (set, samples): (&Set, &BTreeMap<String, Sample>),
    ) -> Result<(), Failure> {
        if !self.update && !folder.is_dir() && !folder.is_symlink() {
            return Ok(());
        }
        let rendered = golden::rendered(set, entries, samples)?;
        if self.update {
            return Ok(golden::update(folder, &rendered)?);
        }
        match &golden::differences(folder, &rendered)[..] {
            [] => Ok(()),
            found => Err(format!("{}\nIf that is meant: lint --update", found.join("\n")).into()),
        }
    }
}

impl Render {
    /// Prints the files; of a device's own document, what its phone cannot do of it is said beside them.
    pub(super) fn run(&self, out: &mut dyn Write, beside: &mut dyn Write) -> Result<(), Failure> {
        let (set, brands) = load(self.dir.as_deref())?;
        let sample = self.phone.documents()?;
        for entry in self.phone.entries(&set, &brands, &sample)? {
            for (name, body) in golden::files(&set, entry, &sample).map_err(|found| self.phone.of(&found))? {
                let body = String::from_utf8_lossy(&body);
                say(out, &format!("==> {}: {name} <==\n{body}\n", entry.path()))?;
            }
            for warning in self.phone.device.iter().flat_map(|_| warnings(&set, entry, &sample)) {
                say(beside, &format!("checksync: {}: {warning}\n", entry.path()))?;
            }
        }
        Ok(())
    }
}

impl Phone {
    /// The models that are meant: the one that is named, else one of each family of the pack.
    pub(super) fn entries<'s>(
        &self,
        set: &'s Set,
        brands: &BTreeSet<String>,
        sample: &Sample,
    ) -> Result<Vec<Entry<'s>>, Failure> {
        match self.model.clone().or_else(|| made(sample)) {
            Some(model) => Ok(vec![named(set, &model)?]),
            None => Ok(standing(set, brands)),
        }
    }

    /// Why it cannot be given its files, and whose document that is where it stands in a file.
    fn of(&self, found: &Finding) -> String {
        let file = self.device.iter().map(|file| format!("{}: ", file.display()));
        file.chain([found.to_string()]).collect()
    }

    /// The documents of its sample, or those in its file.
    pub(super) fn documents(&self) -> Result<Sample, Failure> {
        let mut samples = lint::shipped_samples();
        let names = samples.keys().cloned().collect::<Vec<_>>().join(", ");
        let Some(file) = &self.device else {
            let unknown = || format!("there is no sample {:?}: take one of {names}", self.sample);
            return Ok(samples.remove(&self.sample).ok_or_else(unknown)?);
        };
        let unusable = |error: &dyn ToString| format!("{}: {}", file.display(), error.to_string());
        let text = fs::read_to_string(file).map_err(|error| unusable(&error))?;
        let document: Value = serde_json::from_str(&text).map_err(|error| unusable(&error))?;
        if document.get("account").is_some() && document.get("device").is_some() {
            let sample: Sample = serde_json::from_value(document).map_err(|error| unusable(&error))?;
            let device = accepted(sample.device).map_err(|wrong| unusable(&wrong))?;
            return Ok(Sample { device, ..sample });
        }
        let Value::Object(device) = document else { return Err(unusable(&"this is no JSON object").into()) };
        let device = accepted(device).map_err(|wrong| unusable(&wrong))?;
        let plain = samples.remove("plain").ok_or("the sample `plain` is not shipped")?;
        Ok(Sample { device, ..plain })
    }
}

/// A device's document as the API would store it, or everything that it would find wrong with it by the schema.
fn accepted(device: Body) -> Result<Body, Invalid> {
    let mut invalid = Invalid::default();
    if let Some(mac) = device.get("mac_address").filter(|mac| !mac.as_str().is_some_and(is_mac)) {
        let says = "this is no MAC address: write its twelve hexadecimal digits";
        invalid.add("mac_address", "pattern", Problem::new(says).value(mac.clone()));
    }
    match Schema::of(Noun::Device).accept(device).map_err(|more| invalid.merge(more)) {
        Ok(device) if invalid.is_empty() => Ok(device),
        _ => Err(invalid),
    }
}

/// An empty one is none at all.
fn is_mac(text: &str) -> bool {
    text.is_empty() || text.parse::<Mac>().is_ok()
}

/// The set with a pack over what is shipped, and the brands that are meant.
pub(super) fn load(dir: Option<&Path>) -> Result<(Set, BTreeSet<String>), Failure> {
    let (set, _, brands) = read(dir)?;
    Ok((set, brands))
}

fn read(dir: Option<&Path>) -> Result<(Set, Pack, BTreeSet<String>), Failure> {
    let packs: Vec<PathBuf> = dir.map(Path::to_owned).into_iter().collect();
    let pack = watch::load(&packs)?;
    let below = if dir.is_some() { Pack::shipped() } else { Pack::default() };
    let set = Set::compile(&pack).map_err(|found: Vec<Finding>| lines(&found))?;
    let brands = pack.brands_unlike(&below);
    Ok((set, pack, brands))
}

/// For each family, what its phones cannot be told of the fullest sample.
fn notes(set: &Set, brands: &BTreeSet<String>, samples: &BTreeMap<String, Sample>) -> Vec<String> {
    let Some(sample) = samples.get("full") else { return Vec::new() };
    let of = |entry: Entry<'_>| {
        let mut warnings = warnings(set, entry, sample);
        warnings.insert(0, format!("{}, with the sample full:", entry.path()));
        Some(warnings.join("\n  ")).filter(|_| warnings.len() > 1)
    };
    standing(set, brands).into_iter().filter_map(of).collect()
}

/// What a phone of this model cannot do of a sample's documents, and what its templates say of that.
fn warnings(set: &Set, entry: Entry<'_>, sample: &Sample) -> Vec<String> {
    sample.with(entry, |parts| {
        let Ok(made) = assemble(parts) else { return Vec::new() };
        let mut warnings = made.warnings;
        warnings.extend(set.untold(parts, &made.settings));
        for file in entry.files() {
            add_warnings(set, (entry, file), &made.settings, &mut warnings);
        }
        warnings
    })
}

fn standing<'s>(set: &'s Set, brands: &BTreeSet<String>) -> Vec<Entry<'s>> {
    let entries = golden::standing_for_families(set, &[]).into_iter();
    entries.filter(|entry| brands.contains(entry.brand_id)).collect()
}

/// The model that a device's document names.
fn made(sample: &Sample) -> Option<String> {
    let provision = sample.device.get("provision")?;
    let part = |name: &str| provision.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Some(format!("{}/{}", part("endpoint_brand")?, part("endpoint_model")?))
}

fn named<'s>(set: &'s Set, model: &str) -> Result<Entry<'s>, Failure> {
    let is_meant = |entry: &Entry<'_>| {
        model == entry.path() || model == format!("{}/{}", entry.brand_id, entry.model_id)
    };
    let unknown = || format!("there is no model {model:?}: `checksync catalog` lists them");
    Ok(set.catalog().entries().find(is_meant).ok_or_else(unknown)?)
}

#[cfg(test)]
mod tests;
