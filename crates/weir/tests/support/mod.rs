//! What the scenarios with the real binary share: a process on its own data directory, a signed
//! keep-alive API client, a plain keep-alive HTTP client, and tiny targets.
//!
//! Only `std` and `weir-wire` are used, so that the Rust SDK's own workspace can include it.
//!
//! Invariant: every instance owns its directory, its block of addresses and its ports, so tests
//! in parallel do not see each other.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod api;
mod http;
mod process;

pub use api::{Api, ApiError, group, text, texts};
pub use http::{Http, target};
pub use process::{Options, Weir};

use std::io::Write;
use std::time::{Duration, Instant};

/// Prints a measured number even when the test runner captures output.
pub fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "    {line}");
}

/// The value at a share of the sorted list, such as 0.99.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len() - 1;
    sorted[((last as f64) * share).ceil() as usize]
}

/// Polls what lies outside of the test until it holds.
pub fn wait_for(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
