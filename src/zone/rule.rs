//! Reading a zone's rule out of the database (TZif, RFC 8536), and bringing its changes into one form.

use tz::timezone::{AlternateTime, LocalTimeType, MonthWeekDay, RuleDay, TransitionRule};

use super::{Change, Dst, Zone};

const DAY: i32 = 86_400;

/// The rule that `tzif` ends with, `None` if there is none or it cannot be read. Summer time told by the day of
/// the year (`J60`), which no zone of the database uses, counts as none.
pub(super) fn read(name: &str, tzif: &[u8]) -> Option<Zone> {
    let posix = footer(tzif)?;
    let zone = tz::TimeZone::from_tz_data(tzif).ok()?;
    let zone = match zone.as_ref().extra_rule().as_ref()? {
        TransitionRule::Fixed(time) => fixed(name, posix, time),
        TransitionRule::Alternate(rule) => alternate(name, posix, rule),
    };
    Some(zone)
}

fn footer(tzif: &[u8]) -> Option<&str> {
    let line = tzif.strip_suffix(b"\n")?.rsplit(|&byte| byte == b'\n').next()?;
    std::str::from_utf8(line).ok()
}

fn fixed(name: &str, posix: &str, time: &LocalTimeType) -> Zone {
    Zone {
        name: name.to_owned(),
        offset: time.ut_offset(),
        abbreviation: time.time_zone_designation().to_owned(),
        posix: posix.to_owned(),
        dst: None,
    }
}

/// Takes the later of the two times for summer, whichever the law calls the standard.
fn alternate(name: &str, posix: &str, rule: &AlternateTime) -> Zone {
    let forward = Change::at(*rule.dst_start(), rule.dst_start_time());
    let back = Change::at(*rule.dst_end(), rule.dst_end_time());
    let (winter, summer, start, end) = if rule.dst().ut_offset() >= rule.std().ut_offset() {
        (rule.std(), rule.dst(), forward, back)
    } else {
        (rule.dst(), rule.std(), back, forward)
    };
    let dst = start.zip(end).map(|(start, end)| Dst {
        saving: summer.ut_offset() - winter.ut_offset(),
        abbreviation: summer.time_zone_designation().to_owned(),
        start,
        end,
    });
    Zone { dst, ..fixed(name, posix, winter) }
}

impl Change {
    /// Brings a time before midnight or after the day's end (RFC 8536 allows a week either way) onto the day it
    /// falls on.
    fn at(day: RuleDay, time: i32) -> Option<Self> {
        let RuleDay::MonthWeekDay(day) = day else { return None };
        let on_the_day = Self { seconds: time.rem_euclid(DAY), ..Self::on(day) };
        Some(on_the_day.moved(time.div_euclid(DAY)))
    }

    fn on(day: MonthWeekDay) -> Self {
        let last = day.week() == 5;
        let first_day = if last { days_in(day.month()) - 6 } else { day.week() * 7 - 6 };
        Self { month: day.month(), first_day, last, weekday: day.week_day(), seconds: 0 }
    }

    /// The same time of day, `days` later: at most a month either way. February is taken to have 28 days.
    pub(super) fn moved(self, days: i32) -> Self {
        if days == 0 {
            return self;
        }
        let weekday = small((i32::from(self.weekday) + days).rem_euclid(7));
        let (month, first_day) = in_month(self.month, i32::from(self.first_day) + days);
        let last = month != 2 && first_day == days_in(month) - 6;
        Self { month, first_day, last, weekday, ..self }
    }
}

fn in_month(month: u8, day: i32) -> (u8, u8) {
    let length = i32::from(days_in(month));
    if day < 1 {
        let before = (month + 10) % 12 + 1;
        (before, small(day + i32::from(days_in(before))))
    } else if day > length {
        (month % 12 + 1, small(day - length))
    } else {
        (month, small(day))
    }
}

const fn days_in(month: u8) -> u8 {
    match month {
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn small(day: i32) -> u8 {
    u8::try_from(day).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(posix: &str) -> Zone {
        read("Test/Zone", &tzif(posix)).unwrap()
    }

    /// The smallest TZif file, version 3, that ends with `posix`: two headers, each with one local time type.
    fn tzif(posix: &str) -> Vec<u8> {
        let header = [b"TZif3".as_slice(), &[0; 15 + 4 * 4], &[0, 0, 0, 1, 0, 0, 0, 4]].concat();
        let body = [&[0; 6], b"LMT\0".as_slice()].concat();
        [&header, &body, &header, &body, b"\n".as_slice(), posix.as_bytes(), b"\n"].concat()
    }

    fn change(month: u8, first_day: u8, weekday: u8, hour: i32) -> Change {
        Change { month, first_day, last: false, weekday, seconds: hour * 3600 }
    }

    fn changes(posix: &str) -> (Change, Change) {
        let dst = zone(posix).dst.unwrap();
        (dst.start, dst.end)
    }

    #[test]
    fn a_plain_rule_is_read_as_it_stands() {
        let (start, end) = changes("EST5EDT,M3.2.0,M11.1.0");
        assert_eq!(start, change(3, 8, 0, 2));
        assert_eq!(end, change(11, 1, 0, 2));
        assert_eq!(zone("EST5EDT,M3.2.0,M11.1.0").offset, -18_000);
    }

    #[test]
    fn the_last_week_is_known_as_the_last() {
        let (start, end) = changes("EET-2EEST,M4.5.5/0,M10.5.0/3");
        assert_eq!(start, Change { last: true, ..change(4, 24, 5, 0) });
        assert_eq!(end, Change { last: true, ..change(10, 25, 0, 3) });
    }

    #[test]
    fn an_hour_before_midnight_falls_on_the_day_before() {
        let (start, _) = changes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
        assert_eq!(start, change(3, 24, 6, 23));
    }

    #[test]
    fn hours_beyond_the_day_fall_on_later_days() {
        assert_eq!(changes("IST-2IDT,M3.4.4/26,M10.5.0").0, change(3, 23, 5, 2));
        assert_eq!(changes("EET-2EEST,M3.4.4/50,M10.4.4/50").0, change(3, 24, 6, 2));
        assert_eq!(changes("EET-2EEST,M4.5.5/0,M10.5.4/24").1, change(10, 26, 5, 0));
    }

    #[test]
    fn a_window_moves_into_the_neighbouring_month_and_year() {
        assert_eq!(changes("AAA0BBB,M3.1.0/-24,M11.1.0").0, change(2, 28, 6, 0));
        assert_eq!(changes("AAA0BBB,M4.1.0/-25,M11.1.0").0, change(3, 30, 5, 23));
        let before = change(1, 1, 0, 0).moved(-7);
        assert_eq!(before, Change { last: true, ..change(12, 25, 0, 0) });
        assert_eq!(before.moved(7), change(1, 1, 0, 0));
    }

    #[test]
    fn a_fourth_week_that_moves_to_the_end_is_the_last() {
        assert!(changes("AAA0BBB,M3.4.4/72,M11.1.0").0.last);
        assert!(!changes("AAA0BBB,M2.4.0/0,M11.1.0").0.last);
    }

    #[test]
    fn irish_winter_time_is_told_as_summer_time() {
        let ireland = zone("IST-1GMT0,M10.5.0,M3.5.0/1");
        assert_eq!((ireland.offset, ireland.abbreviation.as_str()), (0, "GMT"));
        let dst = ireland.dst.unwrap();
        assert_eq!((dst.saving, dst.abbreviation.as_str()), (3600, "IST"));
        assert_eq!(dst.start, Change { last: true, ..change(3, 25, 0, 1) });
        assert_eq!(dst.end, Change { last: true, ..change(10, 25, 0, 2) });
    }

    #[test]
    fn a_zone_without_summer_time_has_only_its_offset() {
        let india = zone("IST-5:30");
        assert_eq!((india.offset, india.dst), (19_800, None));
    }

    #[test]
    fn what_is_no_zone_file_is_no_zone() {
        assert_eq!(read("x", b""), None);
        assert_eq!(read("x", b"TZif\n\n"), None);
        assert_eq!(read("x", &tzif("")), None);
    }
}
