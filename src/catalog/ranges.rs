//! Which values parameters may have, ready to be compared with those of a file.

use regex::Regex;

use super::{Brand, Count, Family, Range};

/// A range, and the names that it is about.
#[derive(Debug, Clone)]
pub struct Bound {
    names: Regex,
    range: Range,
}

/// What a parameter has to do with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'p> {
    /// The number in its name counts what a model has.
    Numbered(Count, &'p str),
    /// Its value is between these.
    Between([i64; 2]),
}

impl Bound {
    fn new(name: &str, range: &Range) -> Result<Self, String> {
        let pattern = regex::escape(name).replace("\\{n\\}", "([0-9]+)").replace("\\*", ".*");
        let unusable = |_| format!("ranges: {name:?} is too large to be looked for: write a simpler one");
        Ok(Self { names: Regex::new(&format!("^{pattern}$")).map_err(unusable)?, range: range.clone() })
    }

    /// What it says of a parameter of this name; `None` where it is about others.
    pub fn of<'p>(&self, parameter: &'p str) -> Option<Said<'p>> {
        match self.range {
            Range::Between(range) => self.names.is_match(parameter).then_some(Said::Between(range)),
            Range::Count(count) => {
                let number = self.names.captures(parameter)?.get(1)?;
                Some(Said::Numbered(count, number.as_str()))
            }
        }
    }
}

impl Family {
    /// Its ranges, ready to be compared.
    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }
}

/// Makes the ranges of all families ready.
pub(super) fn prepare(brand: &mut Brand) -> Result<(), super::checks::Wrong> {
    for (id, family) in &mut brand.families {
        let bounds =
            family.ranges.iter().map(|(name, range)| Bound::new(name, range)).collect::<Result<_, _>>();
        family.bounds =
            bounds.map_err(|says| (format!("families.{id}.ranges"), format!("families.{id}.{says}")))?;
    }
    Ok(())
}
