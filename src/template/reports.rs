//! What the engine and the catalog's reader say, as findings.

use std::collections::BTreeMap;

use tera::ErrorKind;

use super::advice::advised;
use super::meter::Woven;
use super::token::tokens;
use super::uses::Use;
use super::{Finding, rows, stopped};
use crate::catalog::CatalogError;
use crate::pack::Pack;

/// How many reports of one engine are read.
const REPORTS: usize = 1000;

/// What is wrong with a brand's catalog: where that can be told neither in bytes nor by its path, at its first line.
pub(super) fn of_catalog(pack: &Pack, error: CatalogError) -> Finding {
    let text = pack.catalogs.get(&error.brand).map_or("", |text| &text.text);
    let at = error.at.and_then(|at| rows::place(text, at));
    let place = at.or_else(|| rows::place_of(text, error.path.as_deref()?)).unwrap_or((1, 1));
    Finding { is_public: true, ..Finding::new(&format!("{}.toml", error.brand), place, error.message) }
}

/// Why a rendering failed. Its line is 0 where the engine names none.
pub(super) fn of_rendering(template: &str, error: &tera::Error) -> Finding {
    let (file, place, message) = match error.kind() {
        ErrorKind::RenderingError(report) | ErrorKind::SyntaxError(report) => {
            let place = (report.span().start_line, report.span().start_col + 1);
            (report.filename(), place, report.message().to_owned())
        }
        kind => (template, (0, 0), kind.to_string()),
    };
    match stopped::why() {
        Some(why) => Finding { is_public: true, ..Finding::new(file, place, why) },
        None => Finding::new(file, place, advised(&message)),
    }
}

/// Why templates do not compile. The engine reports as `error: what`, `--> file:line:column`, and the source line; several
/// reports may come in one, and one without a place is of a whole file.
pub(super) fn of_compiling(
    woven: &BTreeMap<String, Woven>,
    template: &str,
    error: &tera::Error,
) -> Vec<Finding> {
    let text = error.to_string();
    if let Some(found) = twice(woven, &text) {
        return vec![found];
    }
    let reports = text.strip_prefix("error: ").unwrap_or(&text).split("\nerror: ");
    reports.take(REPORTS).map(|report| read(template, report)).collect()
}

/// Of a component that two templates define, the place of the second.
fn twice(woven: &BTreeMap<String, Woven>, text: &str) -> Option<Finding> {
    let quoted: Vec<&str> = text.split('`').collect();
    let ["Component ", component, " is defined in both ", _, " and ", file, ..] = quoted[..] else {
        return None;
    };
    let is_there = |line: &str| line.contains("component ") && line.contains(component);
    let line = woven.get(file)?.text.lines().position(is_there)?;
    Some(Finding::new(file, (line + 1, 1), advised(text)))
}

/// Where a template that fails begins to: where the engine does not say so, its first component calls itself, or it is
/// the whole of it.
pub(super) fn begins(text: &str, found: &Finding) -> (usize, usize) {
    let calls = Use::of(text.len(), &tokens(text)).calls;
    let first = calls.first().filter(|_| found.message.contains("recursion"));
    first.map_or((1, 1), |(_, at)| (at.line, at.column))
}

fn read(template: &str, report: &str) -> Finding {
    let (message, rest) = report.split_once("--> ").unwrap_or((report, ""));
    let mut place = rest.lines().next().unwrap_or_default().rsplitn(3, ':');
    let column = place.next().and_then(|n| n.trim().parse().ok()).unwrap_or(1);
    let line = place.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    Finding::new(place.next().unwrap_or(template), (line, column), advised(message))
}

/// A finding in a woven text, at the place in the author's.
pub(super) fn placed(woven: &BTreeMap<String, Woven>, found: Finding) -> Finding {
    match woven.get(&found.file) {
        Some(woven) => Finding { column: woven.column(found.line, found.column), ..found },
        None => found,
    }
}
