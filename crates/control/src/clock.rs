//! The control side's clocks and its source of seeds.
//!
//! Invariant: everything below the API takes time as an argument; this is where it comes from.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use weir_core::time::Now;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Both clocks, read now.
pub fn now() -> Now {
    let origin = *ORIGIN.get_or_init(Instant::now);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { mono_ms: origin.elapsed().as_millis() as u64, wall_us: wall.as_micros() as i64 }
}

/// 64 bits from the operating system, for generators whose output need not be secret.
pub fn seed() -> u64 {
    let mut bytes = [0u8; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        // The kernel's source is unavailable only in broken sandboxes; ids stay unique by time.
        Err(_) => now().wall_us as u64 ^ u64::from(std::process::id()) << 32,
    }
}
