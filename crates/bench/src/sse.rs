//! One server-sent event: 64 bytes that say when they were written.
//!
//! Writer and reader are two processes of one machine, so the time is the wall clock, in
//! nanoseconds. Invariant: an event is always `SSE_EVENT_BYTES` long, so a reader needs no search.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::limits::SSE_EVENT_BYTES;

const FIELD: &[u8] = b"data: ";
const DIGITS: usize = 20;

/// The wall clock in nanoseconds.
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// An event written at `ns`.
pub fn event(ns: u64) -> [u8; SSE_EVENT_BYTES] {
    let mut bytes = [b'.'; SSE_EVENT_BYTES];
    bytes[..FIELD.len()].copy_from_slice(FIELD);
    let mut rest = ns;
    for place in (FIELD.len()..FIELD.len() + DIGITS).rev() {
        bytes[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    bytes[SSE_EVENT_BYTES - 2..].copy_from_slice(b"\n\n");
    bytes
}

/// When an event was written; `None` when it is not whole.
pub fn written_ns(event: &[u8; SSE_EVENT_BYTES]) -> Option<u64> {
    let rest = event.strip_prefix(FIELD)?;
    if !rest.ends_with(b"\n\n") {
        return None;
    }
    std::str::from_utf8(&rest[..DIGITS]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_when() {
        for ns in [0, 7, 1_795_000_000_123_456_789, u64::MAX] {
            assert_eq!(written_ns(&event(ns)), Some(ns));
        }
        let mut torn = event(5);
        torn[63] = b'x';
        assert_eq!(written_ns(&torn), None);
    }
}
