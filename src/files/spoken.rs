//! Why a phone is refused, as the administrator is told. No secret is in it.

use crate::catalog::{Entry, File};
use crate::render::render;
use crate::settings::Settings;
use crate::template::{Finding, Set};

/// What a template refuses with, of masked settings, so that no secret is in it; only its place where it refuses those not.
pub(super) fn unsecret(
    set: &Set,
    (entry, file): (Entry<'_>, &File),
    settings: &Settings,
    found: Finding,
) -> Finding {
    if !found.is_public || found.is_dear() {
        return found;
    }
    let mut masked = settings.clone();
    masked.mask();
    let again = render(set, entry, file, &masked).err();
    again.unwrap_or(Finding { is_public: false, ..found })
}

/// Where a template failed, and why where that quotes nothing.
pub(super) fn failure(found: &Finding) -> String {
    let Finding { file, line, column, .. } = found;
    if found.is_public { found.to_string() } else { format!("{file}:{line}:{column} fails") }
}
