//! What happens after a panic on a data thread: it is logged with its backtrace and counted, and
//! too many of them end the process.
//!
//! A bug that hits one connection is survived; a bug that hits everything must not turn the
//! balancer into a machine that resets connections. Invariant: more than
//! [`limits::BUGS_PER_WINDOW`] panics within [`limits::BUG_WINDOW_MS`] never go unnoticed.

use std::backtrace::Backtrace;
use std::collections::VecDeque;
use std::panic;
use std::sync::{Mutex, Once, PoisonError};

use crate::limits;

/// Prefix of the names of data threads.
pub(crate) const DATA_THREAD: &str = "weir-data-";

/// Panics of all data threads within the last window. Used on the panic path only.
pub struct BugMeter {
    recent_ms: Mutex<VecDeque<u64>>,
    give_up: fn(),
}

// === impl BugMeter ===

impl Default for BugMeter {
    fn default() -> Self {
        Self::new(abort)
    }
}

impl BugMeter {
    /// A meter that calls `give_up` when there were too many panics.
    pub fn new(give_up: fn()) -> Self {
        Self { recent_ms: Mutex::new(VecDeque::new()), give_up }
    }

    /// Notes a panic at `now_ms` (monotonic).
    pub fn record(&self, now_ms: u64) {
        let mut recent = self.recent_ms.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|&at| at + limits::BUG_WINDOW_MS <= now_ms) {
            recent.pop_front();
        }
        recent.push_back(now_ms);
        if recent.len() > limits::BUGS_PER_WINDOW {
            recent.clear();
            (self.give_up)();
        }
    }
}

/// Logs panics of data threads through tracing, with a backtrace; others go to the former hook.
/// Installs itself once per process.
pub(crate) fn panic_hook_install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let current = std::thread::current();
            match current.name().filter(|name| name.starts_with(DATA_THREAD)) {
                Some(thread) => {
                    let backtrace = Backtrace::force_capture();
                    tracing::error!(thread, %info, %backtrace, "bug: panic on a data thread");
                }
                None => former(info),
            }
        }));
    });
}

fn abort() {
    tracing::error!(
        panics = limits::BUGS_PER_WINDOW + 1,
        window_ms = limits::BUG_WINDOW_MS,
        "too many panics on data threads: the process aborts",
    );
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn gives_up_only_above_the_limit_within_one_window() {
        static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);
        let meter = BugMeter::new(|| {
            GIVEN_UP.fetch_add(1, Ordering::Relaxed);
        });
        for minute in 0..5 {
            for _ in 0..limits::BUGS_PER_WINDOW {
                meter.record(minute * limits::BUG_WINDOW_MS);
            }
        }
        assert_eq!(GIVEN_UP.load(Ordering::Relaxed), 0);
        meter.record(5 * limits::BUG_WINDOW_MS - 1);
        assert_eq!(GIVEN_UP.load(Ordering::Relaxed), 1);
    }
}
