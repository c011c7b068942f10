//! How each vendor writes a zone. Every notation counts weeks or windows in its own way; what one cannot say
//! exactly is told as near as it can be, and the differences are listed in the tests (`every.rs`).

use serde::Serialize;

use super::{Change, Dst, Zone};

const HOUR: i32 = 3600;
const DAY: i32 = 24 * HOUR;

/// A zone as Yealink writes it (Administrator's Guide T2/T4/T5, "Time and Date", "DST Settings").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Yealink {
    /// `local_time.time_zone`: hours, and minutes if there are any: `0`, `+1`, `-3:30`, `+12:45`.
    pub time_zone: String,
    /// Set where `local_time.summer_time` is to be 1 and `local_time.dst_time_type` 1 (by week); else both are 0.
    pub dst: Option<YealinkDst>,
}

/// Summer time as Yealink writes it, by week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct YealinkDst {
    /// `local_time.start_time`: `month/week/weekday/hour`, the fifth week being the last, weekdays 1 to 7 from
    /// Monday, hours 0 to 23 (rounded to the nearest, since minutes cannot be said).
    pub start_time: String,
    /// `local_time.end_time`, likewise, in summer time.
    pub end_time: String,
    /// `local_time.offset_time`, in minutes.
    pub offset_time: i32,
}

/// A zone as Poly writes it (UC Software Administrator Guide, `tcpIpApp.sntp`). The saving cannot be said: the
/// phone always adds an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Poly {
    /// `gmtOffset`, in seconds.
    pub gmt_offset: i32,
    /// Set where `daylightSavings.enable` is to be 1 and `fixedDayEnable` 0.
    pub dst: Option<PolyDst>,
}

/// Summer time as Poly writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolyDst {
    /// `daylightSavings.start.*`.
    pub start: PolyChange,
    /// `daylightSavings.stop.*`.
    pub stop: PolyChange,
}

/// One change as Poly writes it: the first such weekday on or after a date, or the last one of the month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolyChange {
    /// `month`, 1 to 12.
    pub month: u8,
    /// `date`, 1 to 31; the phone ignores it for the last weekday of a month.
    pub date: u8,
    /// `time`, an hour from 0 to 23 (rounded to the nearest, since minutes cannot be said).
    pub time: i32,
    /// `dayOfWeek`, 1 is Sunday.
    pub day_of_week: u8,
    /// `dayOfWeek.lastInMonth`, 0 or 1.
    pub last_in_month: u8,
}

/// A zone as Snom writes it, in place of its own zone codes: with these, `timezone` is to be empty
/// (service.snom.com, settings `utc_offset` and `dst`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snom {
    /// `utc_offset`, in seconds with their sign: `+3600`.
    pub utc_offset: String,
    /// `dst`: the saving in seconds, then the start and the end as `month.week.weekday time`, the fifth week being
    /// the last, weekdays 1 to 7 from Monday: `3600 03.05.07 02:00:00 10.05.07 03:00:00`. Empty if there is none.
    pub dst: String,
}

impl Zone {
    /// The values of `local_time.time_zone`, `.start_time`, `.end_time` and `.offset_time`.
    pub fn yealink(&self) -> Yealink {
        Yealink { time_zone: signed_hours(self.offset), dst: self.dst.as_ref().map(Dst::yealink) }
    }

    /// The values of `tcpIpApp.sntp.gmtOffset` and `tcpIpApp.sntp.daylightSavings`.
    pub fn poly(&self) -> Poly {
        let dst = self.dst.as_ref().map(|dst| PolyDst { start: dst.start.poly(), stop: dst.end.poly() });
        Poly { gmt_offset: self.offset, dst }
    }

    /// The value of `dateTime.timezone` or P64/P246 (Grandstream administration guides, "Self-Defined Time Zone"):
    /// a POSIX rule with all defaults written out, `CET-1CEST-2,M3.5.0/02:00:00,M10.5.0/03:00:00`. Signs are
    /// POSIX's, west is positive, and always written. It keeps to what POSIX.1 has always allowed: names are letters (zones that have
    /// only digits, such as `<+03>-3`, are called `UTC` and their summer time `DST`), hours run from 0 to 24.
    pub fn grandstream(&self) -> String {
        let winter = posix_name(&self.abbreviation, "UTC");
        let offset = signed_hours(-self.offset);
        let Some(dst) = &self.dst else { return format!("{winter}{offset}") };
        let summer = posix_name(&dst.abbreviation, "DST");
        let summer_offset = signed_hours(-self.offset - dst.saving);
        format!("{winter}{offset}{summer}{summer_offset},{},{}", dst.start.posix(), dst.end.posix())
    }

    /// The values of `utc_offset` and `dst`.
    pub fn snom(&self) -> Snom {
        let dst = self.dst.as_ref();
        let rule = |dst: &Dst| format!("{} {} {}", dst.saving, dst.start.snom(), dst.end.snom());
        Snom { utc_offset: format!("{:+}", self.offset), dst: dst.map_or_else(String::new, rule) }
    }
}

impl Dst {
    fn yealink(&self) -> YealinkDst {
        YealinkDst {
            start_time: self.start.yealink(),
            end_time: self.end.yealink(),
            offset_time: self.saving / 60,
        }
    }
}

impl Change {
    fn yealink(self) -> String {
        let (week, change) = self.in_weeks(23 * HOUR);
        format!("{}/{week}/{}/{}", change.month, from_monday(change.weekday), nearest_hour(change.seconds))
    }

    fn poly(self) -> PolyChange {
        PolyChange {
            month: self.month,
            date: self.first_day,
            time: nearest_hour(self.seconds),
            day_of_week: self.weekday + 1,
            last_in_month: u8::from(self.last),
        }
    }

    fn posix(self) -> String {
        let (week, change) = self.in_weeks(DAY);
        format!("M{}.{week}.{}/{}", change.month, change.weekday, clock(change.seconds))
    }

    fn snom(self) -> String {
        let (week, change) = self.in_weeks(DAY - 1);
        let weekday = from_monday(change.weekday);
        format!("{:02}.{week:02}.{weekday:02} {}", change.month, clock(change.seconds))
    }

    /// The nearest change that lies in a numbered week (5 for the last), and the number. The weekday moves if it
    /// must: to the end of a day before (no later than `latest`), or to the first minute of a day after.
    fn in_weeks(self, latest: i32) -> (u8, Self) {
        let moved = |days: i32| {
            let seconds = match days {
                ..0 => latest,
                0 => self.seconds,
                1.. => 0,
            };
            let change = Self { seconds, ..self.moved(days) };
            let error = days * DAY + seconds - self.seconds;
            Some((error.abs(), days.abs(), change.week()?, change))
        };
        let nearest = (-6..=6).filter_map(moved).min_by_key(|&(error, days, ..)| (error, days));
        nearest.map_or((5, self), |(_, _, week, change)| (week, change))
    }

    fn week(self) -> Option<u8> {
        match self.first_day {
            _ if self.last => Some(5),
            day @ (1 | 8 | 15 | 22) => Some(day / 7 + 1),
            _ => None,
        }
    }
}

/// `0`, `+1`, `-3:30`: hours, and minutes where there are any.
fn signed_hours(seconds: i32) -> String {
    let minutes = seconds.abs() / 60;
    match (seconds.signum(), minutes / 60, minutes % 60) {
        (0, ..) => "0".to_owned(),
        (1, hours, 0) => format!("+{hours}"),
        (1, hours, rest) => format!("+{hours}:{rest:02}"),
        (_, hours, 0) => format!("-{hours}"),
        (_, hours, rest) => format!("-{hours}:{rest:02}"),
    }
}

fn posix_name<'n>(name: &'n str, otherwise: &'n str) -> &'n str {
    if name.bytes().all(|byte| byte.is_ascii_alphabetic()) { name } else { otherwise }
}

const fn from_monday(weekday: u8) -> u8 {
    if weekday == 0 { 7 } else { weekday }
}

fn nearest_hour(seconds: i32) -> i32 {
    ((seconds + HOUR / 2) / HOUR).min(23)
}

fn clock(seconds: i32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / HOUR, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::find(name).unwrap()
    }

    fn yealink_dst(name: &str) -> (String, String, i32) {
        let dst = zone(name).yealink().dst.unwrap();
        (dst.start_time, dst.end_time, dst.offset_time)
    }

    fn texts(start: &str, end: &str, minutes: i32) -> (String, String, i32) {
        (start.to_owned(), end.to_owned(), minutes)
    }

    #[test]
    fn yealink_offsets_carry_a_sign_and_minutes_only_if_there_are_any() {
        let offset = |name| zone(name).yealink().time_zone;
        assert_eq!(offset("Europe/Vienna"), "+1");
        assert_eq!(offset("America/New_York"), "-5");
        assert_eq!(offset("Asia/Kolkata"), "+5:30");
        assert_eq!(offset("America/St_Johns"), "-3:30");
        assert_eq!(offset("Pacific/Chatham"), "+12:45");
        assert_eq!(offset("Europe/London"), "0");
    }

    #[test]
    fn yealink_rules_count_weeks_and_weekdays_from_monday() {
        assert_eq!(yealink_dst("Europe/Vienna"), texts("3/5/7/2", "10/5/7/3", 60));
        assert_eq!(yealink_dst("America/New_York"), texts("3/2/7/2", "11/1/7/2", 60));
        assert_eq!(yealink_dst("Australia/Lord_Howe"), texts("10/1/7/2", "4/1/7/2", 30));
        assert_eq!(zone("Asia/Kolkata").yealink().dst, None);
    }

    #[test]
    fn a_quarter_to_three_is_three_where_minutes_cannot_be_said() {
        assert_eq!(yealink_dst("Pacific/Chatham"), texts("9/5/7/3", "4/1/7/4", 60));
    }

    #[test]
    fn a_day_between_weeks_becomes_the_end_or_the_start_of_the_next_best() {
        assert_eq!(yealink_dst("Asia/Jerusalem").0, "3/4/4/23");
        assert_eq!(yealink_dst("America/Nuuk").0, "3/5/7/0");
        assert_eq!(yealink_dst("America/Santiago"), texts("9/1/6/23", "4/1/6/23", 60));
    }

    #[test]
    fn poly_takes_the_first_day_of_the_window() {
        let vienna = zone("Europe/Vienna").poly();
        assert_eq!(vienna.gmt_offset, 3600);
        let change = |month, date, time, day_of_week, last_in_month| PolyChange {
            month,
            date,
            time,
            day_of_week,
            last_in_month,
        };
        let dst = PolyDst { start: change(3, 25, 2, 1, 1), stop: change(10, 25, 3, 1, 1) };
        assert_eq!(vienna.dst, Some(dst));
        assert_eq!(zone("America/New_York").poly().dst.unwrap().start, change(3, 8, 2, 1, 0));
        assert_eq!(zone("Asia/Jerusalem").poly().dst.unwrap().start, change(3, 23, 2, 6, 0));
    }

    #[test]
    fn grandstream_gets_a_posix_rule_with_nothing_left_out() {
        let rule = |name| zone(name).grandstream();
        assert_eq!(rule("Europe/Vienna"), "CET-1CEST-2,M3.5.0/02:00:00,M10.5.0/03:00:00");
        assert_eq!(rule("America/New_York"), "EST+5EDT+4,M3.2.0/02:00:00,M11.1.0/02:00:00");
        assert_eq!(rule("Europe/London"), "GMT0BST-1,M3.5.0/01:00:00,M10.5.0/02:00:00");
        assert_eq!(rule("Asia/Kolkata"), "IST-5:30");
        assert_eq!(rule("Etc/UTC"), "UTC0");
    }

    #[test]
    fn grandstream_names_are_letters_and_hours_end_at_24() {
        let rule = |name| zone(name).grandstream();
        assert_eq!(rule("Asia/Riyadh"), "UTC-3");
        assert_eq!(rule("Pacific/Chatham"), "UTC-12:45DST-13:45,M9.5.0/02:45:00,M4.1.0/03:45:00");
        assert_eq!(rule("America/Santiago"), "UTC+4DST+3,M9.1.6/24:00:00,M4.1.6/24:00:00");
        assert_eq!(rule("Asia/Jerusalem"), "IST-2IDT-3,M3.4.4/24:00:00,M10.5.0/02:00:00");
    }

    #[test]
    fn snom_gets_an_offset_and_a_rule() {
        let vienna = zone("Europe/Vienna").snom();
        assert_eq!(vienna.utc_offset, "+3600");
        assert_eq!(vienna.dst, "3600 03.05.07 02:00:00 10.05.07 03:00:00");
        let lord_howe = zone("Australia/Lord_Howe").snom();
        assert_eq!(lord_howe.dst, "1800 10.01.07 02:00:00 04.01.07 02:00:00");
        assert_eq!(zone("America/Caracas").snom(), Snom { utc_offset: "-14400".into(), dst: String::new() });
        assert_eq!(zone("Etc/UTC").snom().utc_offset, "+0");
    }
}
