//! Numbers, addresses and times as text, appended without formatting machinery.
//!
//! These run several times per request. Each builds its text on the stack and appends it with one
//! copy; three digits at a time come from a table.
//!
//! Invariant: the output is what the standard formatter would print.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use crate::time::Civil;

/// `000` to `999`.
const TRIPLES: [[u8; 3]; 1_000] = triples();

/// The text of the second that was asked for last: log lines come in runs of the same second.
#[derive(Clone, Copy, Debug)]
pub struct SecondText {
    second: i64,
    text: [u8; 20],
}

const fn triples() -> [[u8; 3]; 1_000] {
    let mut table = [[0u8; 3]; 1_000];
    let mut n = 0;
    while n < 1_000 {
        table[n] = [b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    table
}

/// Appends a number.
#[inline]
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 21];
    let (mut at, mut rest) = (21, value);
    while rest >= 1_000 {
        at -= 3;
        digits[at..at + 3].copy_from_slice(&TRIPLES[(rest % 1_000) as usize]);
        rest /= 1_000;
    }
    at -= 3;
    digits[at..at + 3].copy_from_slice(&TRIPLES[rest as usize]);
    let zeros = usize::from(rest < 10) + usize::from(rest < 100);
    out.extend_from_slice(&digits[at + zeros..]);
}

/// Appends three digits with leading zeros; `value` is below 1,000.
#[inline]
pub fn triple(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&TRIPLES[value as usize]);
}

/// Writes a number below 1,000 at `at`; returns where it ends.
#[inline]
fn place(into: &mut [u8; 24], at: usize, value: u16) -> usize {
    let digits = TRIPLES[usize::from(value)];
    let zeros = usize::from(value < 10) + usize::from(value < 100);
    into[at] = digits[zeros];
    into[at + 1] = digits[(zeros + 1).min(2)];
    into[at + 2] = digits[2];
    at + 3 - zeros
}

/// Appends `1.2.3.4`, and `:5` when there is a port.
#[inline]
pub fn ipv4(out: &mut Vec<u8>, address: Ipv4Addr, port: Option<u16>) {
    let mut text = [b'.'; 24];
    let [a, b, c, d] = address.octets();
    let mut at = place(&mut text, 0, u16::from(a));
    for octet in [b, c, d] {
        text[at] = b'.';
        at = place(&mut text, at + 1, u16::from(octet));
    }
    if let Some(port) = port {
        text[at] = b':';
        at += 1;
        if port >= 1_000 {
            at = place(&mut text, at, port / 1_000);
            let low = TRIPLES[usize::from(port % 1_000)];
            text[at..at + 3].copy_from_slice(&low);
            at += 3;
        } else {
            at = place(&mut text, at, port);
        }
    }
    out.extend_from_slice(&text[..at]);
}

/// Appends `1.2.3.4:5` or `[2001:db8::1]:5`.
#[inline]
pub fn socket_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(v4) => ipv4(out, *v4.ip(), Some(v4.port())),
        // Rare on this path, so the standard formatter will do; a Vec never fails.
        SocketAddr::V6(v6) => drop(write!(out, "{v6}")),
    }
}

/// Appends sixteen hexadecimal digits.
#[inline]
pub fn hex16(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 16];
    for (index, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(value >> (60 - index * 4) & 15) as usize];
    }
    out.extend_from_slice(&digits);
}

// === impl SecondText ===

impl SecondText {
    /// Knows no second yet.
    pub fn new() -> Self {
        Self { second: i64::MIN, text: [b'0'; 20] }
    }

    /// Appends `2018-07-02T22:23:00.186641Z` for microseconds since the epoch.
    #[inline]
    pub fn append(&mut self, out: &mut Vec<u8>, micros: i64) {
        let second = micros.div_euclid(1_000_000);
        if second != self.second {
            self.remember(second);
        }
        let fraction = micros.rem_euclid(1_000_000) as usize;
        let mut text = [0u8; 27];
        text[..20].copy_from_slice(&self.text);
        text[20..23].copy_from_slice(&TRIPLES[fraction / 1_000]);
        text[23..26].copy_from_slice(&TRIPLES[fraction % 1_000]);
        text[26] = b'Z';
        out.extend_from_slice(&text);
    }

    fn remember(&mut self, second: i64) {
        let civil = Civil::from_epoch(second);
        let pair = |n: u8| [b'0' + n / 10, b'0' + n % 10];
        let year = civil.year.clamp(0, 9_999) as usize;
        self.text[0] = b'0' + (year / 1_000) as u8;
        self.text[1..4].copy_from_slice(&TRIPLES[year % 1_000]);
        let parts = [civil.month, civil.day, civil.hour, civil.minute, civil.second];
        for (index, (part, sign)) in parts.into_iter().zip(*b"--T::").enumerate() {
            self.text[4 + index * 3] = sign;
            self.text[5 + index * 3..7 + index * 3].copy_from_slice(&pair(part));
        }
        self.text[19] = b'.';
        self.second = second;
    }
}

impl Default for SecondText {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn edges() {
        for value in [0, 9, 10, 99, 100, 999, 1_000, 1_001, 65_535, 1_000_000, u64::MAX] {
            assert_eq!(written(|out| decimal(out, value)), value.to_string());
        }
        assert_eq!(written(|out| triple(out, 7)), "007");
        assert_eq!(written(|out| hex16(out, 0x1a)), "000000000000001a");
    }

    #[test]
    fn a_known_time() {
        let mut clock = SecondText::new();
        let time = written(|out| clock.append(out, 1_530_570_180_186_641));
        assert_eq!(time, "2018-07-02T22:23:00.186641Z");
        let next = written(|out| clock.append(out, 1_530_570_181_000_001));
        assert_eq!(next, "2018-07-02T22:23:01.000001Z");
    }

    proptest! {
        #[test]
        fn as_the_standard_prints(value: u64, address: [u8; 4], port: u16, v6: u128) {
            prop_assert_eq!(written(|out| decimal(out, value)), value.to_string());
            let ip = Ipv4Addr::from(address);
            prop_assert_eq!(written(|out| ipv4(out, ip, None)), ip.to_string());
            for socket in [SocketAddr::from((address, port)), (v6.to_be_bytes(), port).into()] {
                prop_assert_eq!(written(|out| socket_address(out, socket)), socket.to_string());
            }
        }
    }
}
