//! The small writers of heads: numbers, dates, lines, straight into a byte vector.
//!
//! Nothing here formats through `std::fmt`; a head costs a few copies.
//!
//! Invariant: what is written is well formed whatever is passed, except for bytes that the
//! caller takes from elsewhere (names, values, reasons): those must be clean already.

/// Appends `HTTP/1.1 CODE REASON` and the line end. `code` has three digits.
pub fn status_line(out: &mut Vec<u8>, code: u16, reason: &[u8]) {
    debug_assert!((100..1000).contains(&code));
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(code));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// Appends `METHOD TARGET HTTP/1.1` and the line end.
pub fn request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8]) {
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Appends one header line.
pub fn header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends one header line with a number.
pub fn header_decimal(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    decimal(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal.
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut left = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The value of a `Date` header for a number of seconds since 1970 (always 29 bytes). The
/// caller keeps it for the rest of the second. Years after 9999 are shown as 9999.
pub fn http_date(epoch_s: u64) -> [u8; 29] {
    const DAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    const LAST_SECOND: u64 = 253_402_300_799;
    let epoch_s = epoch_s.min(LAST_SECOND);
    let (days, second) = (epoch_s / 86_400, epoch_s % 86_400);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let weekday = (days % 7) as usize * 3;
    text[..3].copy_from_slice(&DAYS[weekday..weekday + 3]);
    two_digits(&mut text[5..7], day);
    let name = (month - 1) as usize * 3;
    text[8..11].copy_from_slice(&MONTHS[name..name + 3]);
    two_digits(&mut text[12..14], year / 100);
    two_digits(&mut text[14..16], year % 100);
    two_digits(&mut text[17..19], second / 3600);
    two_digits(&mut text[20..22], second / 60 % 60);
    two_digits(&mut text[23..25], second % 60);
    text
}

fn two_digits(out: &mut [u8], value: u64) {
    out[0] = b'0' + (value / 10) as u8;
    out[1] = b'0' + (value % 10) as u8;
}

/// Year, month and day of a number of days since 1970-01-01. The calendar repeats every 400
/// years; counting years from March puts the leap day at the end of the year.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: u64 = 719_468;
    const DAYS_PER_ERA: u64 = 146_097;
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let before = 365 * year_of_era + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - before;
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (epoch_s, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_735_689_600, "Wed, 01 Jan 2025 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(&http_date(epoch_s)).unwrap(), text);
        }
    }

    #[test]
    fn lines() {
        let mut out = Vec::new();
        status_line(&mut out, 200, b"OK");
        header(&mut out, b"Server", b"x");
        header_decimal(&mut out, b"Content-Length", u64::MAX);
        header_decimal(&mut out, b"Age", 0);
        request_line(&mut out, b"GET", b"/a?b");
        let text = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 18446744073709551615\r\n\
                    Age: 0\r\nGET /a?b HTTP/1.1\r\n";
        assert_eq!(std::str::from_utf8(&out).unwrap(), text);
    }
}
