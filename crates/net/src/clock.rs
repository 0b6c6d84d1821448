//! The time of a turn: read once, passed on as a value.
//!
//! `mono_us` drives every timer and duration; it starts near zero when the process does and never
//! steps. `wall_us` is only for people (logs, headers). The wall clock is not read every turn: its
//! distance from the monotonic one is sampled again after [`WALL_SAMPLE_US`], so a step by NTP or
//! an operator shows up within that time and disturbs no timer.
//!
//! Invariant: `mono_us` is comparable between threads, because they share one origin.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Longest time that a step of the wall clock stays unnoticed (microseconds).
const WALL_SAMPLE_US: u64 = 100_000;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since the process first asked; never goes back.
    pub mono_us: u64,
    /// Microseconds since the Unix epoch; may step.
    pub wall_us: u64,
}

/// A thread's reader of the clocks.
#[derive(Debug)]
pub struct Clock {
    offset: WallOffset,
}

/// Distance between the two clocks, and when it was taken.
#[derive(Debug, Default)]
struct WallOffset {
    us: i64,
    sampled_us: Option<u64>,
}

// === impl Now ===

impl Now {
    /// Monotonic milliseconds, for the timer wheel.
    pub fn mono_ms(self) -> u64 {
        self.mono_us / 1_000
    }

    /// Milliseconds since the Unix epoch.
    pub fn wall_ms(self) -> u64 {
        self.wall_us / 1_000
    }

    /// Reads both clocks at once, for threads without a turn (control side, tests).
    pub fn read() -> Self {
        Self { mono_us: mono_us(), wall_us: wall_us() }
    }
}

impl From<Now> for weir_core::time::Now {
    fn from(now: Now) -> Self {
        Self { mono_ms: now.mono_ms(), wall_us: now.wall_us.cast_signed() }
    }
}

// === impl Clock ===

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A reader whose first reading samples the wall clock.
    pub fn new() -> Self {
        Self { offset: WallOffset::default() }
    }

    /// The time of the turn that begins.
    pub fn read(&mut self) -> Now {
        let mono_us = mono_us();
        Now { mono_us, wall_us: self.offset.wall_us(mono_us, wall_us) }
    }
}

// === impl WallOffset ===

impl WallOffset {
    fn wall_us(&mut self, mono_us: u64, sample: impl FnOnce() -> u64) -> u64 {
        let fresh = self.sampled_us.is_some_and(|at| mono_us.saturating_sub(at) < WALL_SAMPLE_US);
        if !fresh {
            self.us = sample().cast_signed().saturating_sub(mono_us.cast_signed());
            self.sampled_us = Some(mono_us);
        }
        mono_us.saturating_add_signed(self.us)
    }
}

fn mono_us() -> u64 {
    let origin = *ORIGIN.get_or_init(Instant::now);
    u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn wall_us() -> u64 {
    // A clock set before 1970 reads as zero: logs look odd, nothing else depends on it.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_step_is_seen_within_the_sample_time_and_leaves_mono_alone() {
        let mut offset = WallOffset::default();
        assert_eq!(offset.wall_us(10, || 1_000_010), 1_000_010);
        assert_eq!(offset.wall_us(50, || unreachable!()), 1_000_050);
        let later = 10 + WALL_SAMPLE_US;
        assert_eq!(offset.wall_us(later, || 7), 7, "stepped back");
        assert_eq!(offset.wall_us(later + 1, || unreachable!()), 8);
    }

    #[test]
    fn mono_never_goes_back_and_is_shared() {
        let mut clock = Clock::new();
        let first = clock.read();
        let other = std::thread::spawn(|| Clock::new().read()).join().unwrap();
        let last = clock.read();
        assert!(first.mono_us <= other.mono_us && other.mono_us <= last.mono_us);
        assert!(last.wall_us > 1_700_000_000_000_000);
    }
}
