//! `checksync explain`: which templates, settings, documents and catalog rows made each line of a file.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::author::{Phone, load};
use super::{Failure, say};
use crate::catalog::{Entry, File};
use crate::explain::{Explanation, Line, Shape, explain};
use crate::template::lint::Sample;

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The pack's folder; without one, what is shipped
    dir: Option<PathBuf>,
    #[command(flatten)]
    phone: Phone,
    /// Only the file of this name; without it, all files of the phone
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
}

impl Explain {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let (set, brands) = load(self.dir.as_deref())?;
        let sample = self.phone.documents()?;
        let (mut others, mut found) = (Vec::new(), false);
        for entry in self.phone.entries(&set, &brands, &sample)? {
            for file in entry.files() {
                let name = name(&sample, entry, file)?;
                if self.file.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&name)) {
                    let explanation = sample.with(entry, |parts| explain(&set, parts, file))?;
                    say(out, &shown(&format!("{}: {name}", entry.path()), &explanation))?;
                    found = true;
                } else {
                    others.push(name);
                }
            }
        }
        let other = || format!("the phone has no file of this name: take one of {}", others.join(", "));
        if found { Ok(()) } else { Err(other().into()) }
    }
}

fn name(sample: &Sample, entry: Entry<'_>, file: &File) -> Result<String, Failure> {
    let device = sample.with(entry, |parts| (parts.device.id(), parts.device.mac()));
    Ok(file.name.of(entry.model, device.0, device.1).ok_or("the device has no MAC address")?)
}

fn shown(head: &str, explanation: &Explanation) -> String {
    let mut text = format!("==> {head} <==\n");
    for row in &explanation.catalog {
        let _never = writeln!(text, "{}:{}: {}", row.file, row.line, row.path);
    }
    for (at, line) in explanation.lines.iter().enumerate() {
        let _never = writeln!(text, "\n{:>5}  {}", at + 1, line.text);
        let notes = written(line).into_iter().chain(line.shaped.iter().map(shape));
        for note in notes {
            let _never = writeln!(text, "         {note}");
        }
    }
    text.push('\n');
    text
}

fn written(line: &Line) -> Option<String> {
    let mut places: Vec<String> = Vec::new();
    for place in &line.written {
        let place = format!("{}:{}", place.file, place.line);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    (!places.is_empty()).then(|| places.join(", "))
}

fn shape(shape: &Shape) -> String {
    let sources = shape.sources.iter().map(|source| format!("{}: {}", source.whose, source.path));
    let sources: Vec<String> = sources.collect();
    let sources = if sources.is_empty() { "by default".to_owned() } else { sources.join(", ") };
    format!("{} = {} ({sources})", shape.setting, shape.value)
}
