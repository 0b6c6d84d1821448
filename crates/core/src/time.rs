//! Time as a value: core never reads a clock, callers pass one of these.
//!
//! Invariant: deadlines and durations use `mono_ms` only; `wall_us` is for what people and other
//! systems read (log lines, `Date`, CreatedTime), so a stepped wall clock never fires a timer.

/// One reading of both clocks, taken once per loop turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Now {
    /// Milliseconds on a clock that never steps back; its origin means nothing.
    pub mono_ms: u64,
    /// Microseconds since 1970-01-01T00:00:00Z; may step in either direction.
    pub wall_us: i64,
}

// === impl Now ===

impl Now {
    /// Whole seconds since the epoch.
    pub fn epoch_seconds(self) -> i64 {
        self.wall_us.div_euclid(1_000_000)
    }

    /// Milliseconds since the epoch, the unit of stored timestamps.
    pub fn epoch_ms(self) -> i64 {
        self.wall_us.div_euclid(1_000)
    }
}

/// A date and time of day in UTC, split into fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Proleptic Gregorian year.
    pub year: i32,
    /// 1..=12.
    pub month: u8,
    /// 1..=31.
    pub day: u8,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=59; leap seconds do not exist in epoch time.
    pub second: u8,
    /// 0 = Sunday.
    pub weekday: u8,
}

// === impl Civil ===

impl Civil {
    /// Splits seconds since the epoch (Howard Hinnant's days-to-civil method).
    pub fn from_epoch(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: (year_of_era + era * 400 + i64::from(month <= 2)) as i32,
            month: month as u8,
            day: (day_of_year - (153 * shifted + 2) / 5 + 1) as u8,
            hour: (rest / 3_600) as u8,
            minute: (rest / 60 % 60) as u8,
            second: (rest % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
        }
    }

    /// `2026-11-22T16:14:19Z` without a fraction.
    pub fn iso8601(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        let c = Civil::from_epoch(1_767_225_600);
        assert_eq!((c.year, c.month, c.day, c.weekday), (2026, 1, 1, 4));
        assert_eq!(Civil::from_epoch(951_782_399).iso8601(), "2000-02-28T23:59:59Z");
        assert_eq!(Civil::from_epoch(951_782_400).iso8601(), "2000-02-29T00:00:00Z");
        assert_eq!(Civil::from_epoch(-1).iso8601(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn negative_wall_time_floors() {
        let now = Now { mono_ms: 0, wall_us: -1 };
        assert_eq!((now.epoch_seconds(), now.epoch_ms()), (-1, -1));
    }
}
