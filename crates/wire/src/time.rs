//! Instants as messages carry them: parsed from and written in the three formats of the models.
//!
//! Pure calendar arithmetic on the proleptic Gregorian calendar, UTC, no leap seconds.
//!
//! Invariant: formatting then parsing an instant between the years 0001 and 9999 gives it back, to
//! the format's resolution.

use std::fmt;

use crate::schema::TimestampFormat;

const MICROS: i64 = 1_000_000;
const DAY_S: i64 = 86_400;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Microseconds since the epoch.
    pub epoch_us: i64,
}

/// A calendar date and a time of day.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
    micros: i64,
    /// 0 is Sunday.
    weekday: i64,
}

// === impl Time ===

impl Time {
    /// From whole seconds since the epoch.
    pub const fn from_epoch_s(seconds: i64) -> Self {
        Self { epoch_us: seconds.saturating_mul(MICROS) }
    }

    /// From seconds since the epoch, to the nearest microsecond; what lies beyond all years
    /// saturates.
    pub fn from_seconds(seconds: f64) -> Self {
        Self { epoch_us: (seconds * MICROS as f64).round() as i64 }
    }

    /// Seconds since the epoch, with their fraction.
    pub fn seconds(self) -> f64 {
        self.epoch_us as f64 / MICROS as f64
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn epoch_s(self) -> i64 {
        self.epoch_us.div_euclid(MICROS)
    }

    /// Parses what a client may send for any timestamp: `2015-01-25T08:00:00[.123][Z|±hh:mm]`, a
    /// date alone, or seconds since the epoch.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 40 || !text.is_ascii() {
            return None;
        }
        parse_iso(text.as_bytes()).or_else(|| parse_epoch(text))
    }

    /// Writes the instant.
    pub fn format(self, format: TimestampFormat) -> String {
        match format {
            TimestampFormat::Iso8601 => self.iso8601(),
            TimestampFormat::UnixTimestamp => self.unix(),
            TimestampFormat::Rfc822 => self.rfc822(),
        }
    }

    /// `2015-01-25T08:00:00Z`, with milliseconds when there are some.
    pub fn iso8601(self) -> String {
        let civil = self.civil();
        let (hour, minute, second) = civil.clock();
        let Civil { year, month, day, micros, .. } = civil;
        let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        match micros / 1000 {
            0 => date + "Z",
            millis => format!("{date}.{millis:03}Z"),
        }
    }

    /// `20150125T080000Z`, as SigV4 writes it.
    pub fn basic(self) -> String {
        let civil = self.civil();
        let (hour, minute, second) = civil.clock();
        let Civil { year, month, day, .. } = civil;
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    /// Parses `20150125T080000Z`.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let date = civil_date(number(&bytes[..4])?, number(&bytes[4..6])?, number(&bytes[6..8])?)?;
        let clock =
            clock(number(&bytes[9..11])?, number(&bytes[11..13])?, number(&bytes[13..15])?)?;
        Some(Self::from_epoch_s(date * DAY_S + clock))
    }

    /// Parses `Sun, 25 Jan 2015 08:00:00 GMT`.
    pub fn parse_rfc822(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 29 || &bytes[25..] != b" GMT" || &bytes[3..5] != b", " {
            return None;
        }
        let month = MONTHS.iter().position(|month| month.as_bytes() == &bytes[8..11])?;
        let month = i64::try_from(month).ok()? + 1;
        let date = civil_date(number(&bytes[12..16])?, month, number(&bytes[5..7])?)?;
        let clock =
            clock(number(&bytes[17..19])?, number(&bytes[20..22])?, number(&bytes[23..25])?)?;
        Some(Self::from_epoch_s(date * DAY_S + clock))
    }

    fn unix(self) -> String {
        let (seconds, micros) = (self.epoch_s(), self.epoch_us.rem_euclid(MICROS));
        match micros / 1000 {
            0 => seconds.to_string(),
            millis => format!("{seconds}.{millis:03}"),
        }
    }

    fn rfc822(self) -> String {
        let civil = self.civil();
        let (hour, minute, second) = civil.clock();
        let Civil { year, day, .. } = civil;
        let weekday = WEEKDAYS[civil.weekday as usize];
        let month = MONTHS[civil.month as usize - 1];
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    fn civil(self) -> Civil {
        let seconds = self.epoch_s();
        let days = seconds.div_euclid(DAY_S);
        // Days since 0000-03-01 in eras of 400 years; the year starts in March, so that the leap
        // day is its last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            second_of_day: seconds.rem_euclid(DAY_S),
            micros: self.epoch_us.rem_euclid(MICROS),
            weekday: (days + 4).rem_euclid(7),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.iso8601())
    }
}

// === impl Civil ===

impl Civil {
    fn clock(&self) -> (i64, i64, i64) {
        (self.second_of_day / 3600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }
}

// === helpers ===

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits.iter().try_fold(0i64, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Days since the epoch of a date that exists.
fn civil_date(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Seconds since midnight; a leap second counts as the second after it.
fn clock(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn parse_iso(text: &[u8]) -> Option<Time> {
    let separators = text.get(4) == Some(&b'-') && text.get(7) == Some(&b'-');
    if !separators || text.len() < 10 {
        return None;
    }
    let date = civil_date(number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?)?;
    let midnight = date * DAY_S;
    if text.len() == 10 {
        return Some(Time::from_epoch_s(midnight));
    }
    let rest = &text[10..];
    let shaped = matches!(rest[0], b'T' | b't' | b' ')
        && rest.len() >= 9
        && rest[3] == b':'
        && rest[6] == b':';
    if !shaped {
        return None;
    }
    let clock = clock(number(&rest[1..3])?, number(&rest[4..6])?, number(&rest[7..9])?)?;
    let (micros, zone) = fraction(&rest[9..])?;
    let seconds = midnight + clock - offset(zone)?;
    Some(Time { epoch_us: seconds * MICROS + micros })
}

/// Microseconds of `.123…`, and what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let length = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let mut six = [b'0'; 6];
    let kept = length.min(6);
    six[..kept].copy_from_slice(&digits[..kept]);
    (length > 0).then_some(())?;
    Some((number(&six)?, &digits[length..]))
}

/// Seconds east of Greenwich; no zone means UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"" | b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hour, minute) = match rest {
                [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => ([*h1, *h2], [*m1, *m2]),
                _ => return None,
            };
            let seconds = clock(number(&hour)?, number(&minute)?, 0)?;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn parse_epoch(text: &str) -> Option<Time> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let whole_length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = digits.split_at(whole_length);
    let (micros, rest) = fraction(rest.as_bytes())?;
    if !rest.is_empty() || whole.len() > 12 {
        return None;
    }
    let size = number(whole.as_bytes())? * MICROS + micros;
    Some(Time { epoch_us: if negative { -size } else { size } })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_formats() {
        let time = Time::from_epoch_s(1_398_796_238);
        assert_eq!(time.iso8601(), "2014-04-29T18:30:38Z");
        assert_eq!(time.format(TimestampFormat::UnixTimestamp), "1398796238");
        assert_eq!(time.format(TimestampFormat::Rfc822), "Tue, 29 Apr 2014 18:30:38 GMT");
        assert_eq!(time.basic(), "20140429T183038Z");
        let millis = Time { epoch_us: 946_845_296_123_000 };
        assert_eq!(millis.iso8601(), "2000-01-02T20:34:56.123Z");
    }

    #[test]
    fn what_clients_send() {
        let expected = Some(Time::from_epoch_s(1_576_540_098));
        for text in [
            "2019-12-16T23:48:18Z",
            "2019-12-16T22:48:18-01:00",
            "2019-12-17T00:48:18+0100",
            "2019-12-16 23:48:18",
            "1576540098",
            "1576540098.0",
        ] {
            assert_eq!(Time::parse(text), expected, "{text}");
        }
        for text in
            ["", "tomorrow", "2019-02-29", "2019-12-16T25:00:00Z", "1e9", "2019-12-16T", "-"]
        {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn formats_round_trip(seconds in -62_135_596_800i64..253_402_300_800) {
            let time = Time::from_epoch_s(seconds);
            prop_assert_eq!(Time::parse(&time.iso8601()), Some(time));
            prop_assert_eq!(Time::parse_basic(&time.basic()), Some(time));
            prop_assert_eq!(Time::parse_rfc822(&time.format(TimestampFormat::Rfc822)), Some(time));
        }

        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,45}") {
            let _ = (Time::parse(&text), Time::parse_basic(&text), Time::parse_rfc822(&text));
        }

        #[test]
        fn almost_dates_never_panic(text in "[0-9TZ:.+-]{0,40}") {
            let _ = (Time::parse(&text), Time::parse_basic(&text));
        }
    }
}
