//! Which values parameters may have, ready to be compared with those of a file.

use super::{Brand, Count, Family, Range};

/// The longest name of a parameter that is compared, in bytes.
const LONGEST: usize = 300;

/// A range, and the names that it is about.
#[derive(Debug, Clone)]
pub struct Bound {
    names: Names,
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

/// A name that is one of a range, and the first number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fit<'p>(Option<&'p str>);

/// Names as a range writes them: what stands between one `*`, which is anything, and the next.
#[derive(Debug, Clone)]
struct Names(Vec<Vec<Piece>>);

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    /// `{n}`: all digits that are there, and at least one.
    Number,
}

impl Names {
    fn parse(name: &str) -> Self {
        Self(name.split('*').map(pieces).collect())
    }

    fn fit<'p>(&self, name: &'p str) -> Option<Fit<'p>> {
        let (first, others) = self.0.split_first()?;
        let (mut left, mut number) = begin(first, name)?;
        let Some((last, between)) = others.split_last() else {
            return left.is_empty().then_some(Fit(number));
        };
        for pieces in between {
            let (after, found) = ends(left).find_map(|end| begin(pieces, end))?;
            (left, number) = (after, number.or(found));
        }
        let (_, found) = ends(left).filter_map(|end| begin(last, end)).find(|(after, _)| after.is_empty())?;
        Some(Fit(number.or(found)))
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (at, text) in text.split("{n}").enumerate() {
        pieces.extend((at > 0).then_some(Piece::Number));
        pieces.extend((!text.is_empty()).then(|| Piece::Text(text.to_owned())));
    }
    pieces
}

/// What follows these pieces in a text that begins with them, and the first number among them.
fn begin<'p>(pieces: &[Piece], mut text: &'p str) -> Option<(&'p str, Option<&'p str>)> {
    let mut number = None;
    for piece in pieces {
        text = match piece {
            Piece::Text(wanted) => text.strip_prefix(wanted.as_str())?,
            Piece::Number => {
                let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
                let (digits, rest) = text.split_at(end);
                number = number.or(Some(digits).filter(|digits| !digits.is_empty()));
                (!digits.is_empty()).then_some(rest)?
            }
        };
    }
    Some((text, number))
}

/// A text, and what is left of it behind each of its characters.
fn ends(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).map(|at| &text[at..])
}

impl Bound {
    /// What it says of a parameter of this name; `None` where it is about others.
    pub fn of<'p>(&self, parameter: &'p str) -> Option<Said<'p>> {
        if parameter.len() > LONGEST {
            return None;
        }
        let Fit(number) = self.names.fit(parameter)?;
        match self.range {
            Range::Between(range) => Some(Said::Between(range)),
            Range::Count(count) => number.map(|number| Said::Numbered(count, number)),
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
pub(super) fn prepare(brand: &mut Brand) {
    for family in brand.families.values_mut() {
        let bound =
            |(name, range): (&String, &Range)| Bound { names: Names::parse(name), range: range.clone() };
        family.bounds = family.ranges.iter().map(bound).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_very_long_is_not_compared() {
        let bound = |name: &str| Bound { names: Names::parse(name), range: Range::Between([0, 1]) };
        assert_eq!(bound("*{n}").of("x1"), Some(Said::Between([0, 1])));
        assert_eq!(bound("*{n}").of(&"1".repeat(301)), None);
    }

    #[test]
    fn a_range_is_about_the_names_that_it_describes() {
        for (names, name, number) in [
            ("line{n}.*", "line12.label", Some(Some("12"))),
            ("line{n}.*", "line.label", None),
            ("key{n}", "key7", Some(Some("7"))),
            ("key{n}", "key7x", None),
            ("*.{n}.port", "sip.line.3.port", Some(Some("3"))),
            ("*a*b{n}", "xaab9ab10", Some(Some("10"))),
            ("*", "", Some(None)),
            ("register.expires", "register.expires", Some(None)),
            ("register.expires", "registerxexpires", None),
            ("k idx={n} *", "k idx=2 perm=RW", Some(Some("2"))),
            ("ü*ü", "üxü", Some(None)),
            ("ü*ü", "ü", None),
        ] {
            assert_eq!(Names::parse(names).fit(name), number.map(Fit), "{names} {name}");
        }
    }
}
