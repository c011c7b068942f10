//! When phones may be restarted: some hours of some days, by the clock on the wall.

use serde::Deserialize;
use serde_json::Value;

const DAY: i64 = 86_400;

/// The days as they are written, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Hours of the day, on some days of the week. Those that end before they begin end on the day after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Seconds after midnight.
    from: i64,
    to: i64,
    /// Whether they begin on this day of the week, Monday first.
    days: [bool; 7],
}

#[derive(Deserialize)]
struct Written {
    from: String,
    to: String,
    #[serde(default = "every_day")]
    days: Vec<String>,
}

fn every_day() -> Vec<String> {
    DAYS.map(str::to_owned).into()
}

/// What is wrong with hours that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// They are not written as they must be.
    #[error(
        "write it as {{\"from\": \"22:00\", \"to\": \"05:00\", \"days\": [\"mon\", \"fri\"]}}; without days, every day"
    )]
    Malformed,
    /// They end when they begin.
    #[error("from and to must differ; \"00:00\" to \"24:00\" is the whole day")]
    Empty,
}

impl Hours {
    /// Reads `{"from": "22:00", "to": "05:00", "days": ["mon", "fri"]}`; without `days` they are so every day.
    pub fn read(value: &Value) -> Result<Self, HoursError> {
        let written: Written = Written::deserialize(value).map_err(|_| HoursError::Malformed)?;
        let (from, to) = clock(&written.from).zip(clock(&written.to)).ok_or(HoursError::Malformed)?;
        let known = |day: &String| DAYS.contains(&day.as_str());
        if from == DAY || written.days.is_empty() || !written.days.iter().all(known) {
            return Err(HoursError::Malformed);
        }
        if from == to {
            return Err(HoursError::Empty);
        }
        Ok(Self { from, to, days: DAYS.map(|day| written.days.iter().any(|written| written == day)) })
    }

    /// When they next begin, in Unix seconds; `None` while it is one of them. `offset` says how many seconds the wall
    /// clock is ahead of UTC at a time. Hours that a change of the clock leaves out begin when they would end.
    pub fn begin_after(&self, unix: i64, offset: impl Fn(i64) -> i32) -> Option<i64> {
        let wall = unix + i64::from(offset(unix));
        if self.contains(wall) {
            return None;
        }
        let today = wall.div_euclid(DAY);
        let days = (today..=today + 8).filter(|day| self.days[weekday(*day)]);
        days.map(|day| unix_at(day * DAY + self.from, &offset)).find(|begin| *begin > unix)
    }

    fn contains(&self, wall: i64) -> bool {
        let (day, second) = (wall.div_euclid(DAY), wall.rem_euclid(DAY));
        let began_today = self.days[weekday(day)] && second >= self.from;
        if self.from < self.to {
            return began_today && second < self.to;
        }
        began_today || (self.days[weekday(day - 1)] && second < self.to)
    }
}

/// `HH:MM` as seconds after midnight, to `24:00`.
fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) =
        text.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = hours * 3600 + minutes * 60;
    (minutes < 60 && seconds <= DAY).then_some(seconds)
}

/// The day of the week of a day since 1970-01-01, a Thursday; Monday is 0.
fn weekday(day: i64) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default()
}

/// The first moment at which the wall clock shows this time or, where it is left out, one after it.
fn unix_at(wall: i64, offset: &impl Fn(i64) -> i32) -> i64 {
    let [before, after] = [wall - DAY, wall + DAY].map(|near| wall - i64::from(offset(near)));
    let shows_it = |unix: &i64| *unix + i64::from(offset(*unix)) >= wall;
    let mut moments = [before.min(after), before.max(after)].into_iter();
    moments.find(shows_it).unwrap_or(before)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::zone::Clock;

    /// 2026-11-23 00:00 UTC, a Monday.
    const MONDAY: i64 = 1_795_392_000;
    const HOUR: i64 = 3600;

    fn hours(from: &str, to: &str, days: &[&str]) -> Hours {
        let value = json!({"from": from, "to": to, "days": days});
        Hours::read(&value).unwrap()
    }

    fn in_zone(name: &str) -> impl Fn(i64) -> i32 {
        let clock = Clock::of(name).unwrap();
        move |unix| clock.offset(unix)
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_they_begin_on() {
        let nights = hours("22:00", "05:00", &["mon", "fri"]);
        let begin =
            |hour: i64| nights.begin_after(MONDAY + hour * HOUR, |_| 0).map(|begin| (begin - MONDAY) / HOUR);
        assert_eq!(begin(12), Some(22));
        assert_eq!([begin(22), begin(28)], [None, None], "until five on Tuesday");
        assert_eq!(begin(29), Some(4 * 24 + 22), "then on Friday");
        assert_eq!(begin(4 * 24 + 28), None, "until five on Saturday");
        assert_eq!(begin(5 * 24 + 6), Some(7 * 24 + 22));
    }

    #[test]
    fn a_whole_day_is_a_day_and_one_without_days_is_every_day() {
        assert_eq!(hours("00:00", "24:00", &["mon"]).begin_after(MONDAY, |_| 0), None);
        assert_eq!(hours("00:00", "24:00", &["mon"]).begin_after(MONDAY - 1, |_| 0), Some(MONDAY));
        let daily = Hours::read(&json!({"from": "12:30", "to": "13:00"})).unwrap();
        assert_eq!(daily, hours("12:30", "13:00", &DAYS));
    }

    #[test]
    fn hours_go_by_the_clock_on_the_wall() {
        let noon = hours("12:00", "13:00", &DAYS);
        for (zone, utc) in [("UTC", 12 * 60), ("Europe/Vienna", 11 * 60), ("Asia/Kolkata", 6 * 60 + 30)] {
            assert_eq!(noon.begin_after(MONDAY, in_zone(zone)), Some(MONDAY + utc * 60), "{zone}");
        }
        let july = MONDAY - 130 * DAY;
        assert_eq!(noon.begin_after(july, in_zone("Europe/Vienna")), Some(july + 10 * HOUR));
    }

    #[test]
    fn what_is_said_to_begin_then_begins_then_and_not_before() {
        let some = [
            hours("22:00", "05:00", &["sat"]),
            hours("02:00", "04:00", &DAYS),
            hours("09:10", "09:40", &["sun"]),
        ];
        for zone in [
            "Europe/Vienna",
            "America/St_Johns",
            "Australia/Lord_Howe",
            "Pacific/Chatham",
            "Africa/Casablanca",
        ] {
            let offset = in_zone(zone);
            for hours in &some {
                // Two weeks around each change of the clock in 2026 and 2027.
                for week in 0..60 {
                    check(hours, MONDAY - 20 * 7 * DAY + week * 7 * DAY, &offset, zone);
                }
            }
        }
    }

    /// Compares with a look at the wall clock every five minutes.
    fn check(hours: &Hours, unix: i64, offset: &impl Fn(i64) -> i32, zone: &str) {
        let is_open = |unix: i64| hours.contains(unix + i64::from(offset(unix)));
        let found = hours.begin_after(unix, offset).unwrap_or(unix);
        let first = (0..8 * 288).map(|step| unix + step * 300).find(|unix| is_open(*unix)).unwrap();
        assert!(is_open(found), "{zone} {hours:?} {unix}: {found}");
        assert_eq!(found, first, "{zone} {hours:?} {unix}");
    }

    #[test]
    fn hours_that_a_change_of_the_clock_leaves_out_are_waited_for_no_longer_than_a_day() {
        let gap = hours("02:10", "02:50", &DAYS);
        let offset = in_zone("Europe/Vienna");
        // 2027-03-28, 01:00 UTC: the clock goes from 2 to 3.
        let change = 1_806_195_600;
        let begin = gap.begin_after(change - HOUR, &offset).unwrap();
        assert_eq!(begin, change + 10 * 60);
        assert_eq!(gap.begin_after(begin, &offset), Some(change - HOUR + DAY + 10 * 60));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_write() {
        for wrong in [
            json!({}),
            json!("22:00"),
            json!({"from": "22", "to": "05:00"}),
            json!({"from": "25:00", "to": "05:00"}),
            json!({"from": "+1:00", "to": "05:00"}),
            json!({"from": "24:00", "to": "05:00"}),
            json!({"from": "22:60", "to": "05:00"}),
            json!({"from": "22:00", "to": "05:00", "days": []}),
            json!({"from": "22:00", "to": "05:00", "days": ["monday"]}),
        ] {
            assert_eq!(Hours::read(&wrong), Err(HoursError::Malformed), "{wrong}");
        }
        assert_eq!(Hours::read(&json!({"from": "05:00", "to": "05:00"})), Err(HoursError::Empty));
        assert!(HoursError::Malformed.to_string().contains(r#"{"from": "22:00""#));
    }
}
