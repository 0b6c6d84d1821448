//! Thread-level counters: one padded block per data thread, summed when somebody scrapes.
//!
//! A block has a single writer, its thread, so counting is a load and a store without a locked
//! instruction. One declaration per metric gives field, name, help and kind.
//!
//! Invariant: nobody but the owning thread writes to a block; scrapes may lag, never tear.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// How a metric behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One metric of the thread level, summed over threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Prometheus name.
    pub name: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Sum over all data threads.
    pub value: u64,
}

/// The counters of all data threads.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    threads: Vec<Arc<ThreadCounters>>,
}

macro_rules! thread_counters {
    ($($field:ident $kind:ident $name:literal $help:literal;)*) => {
        /// The counters of one data thread, alone on their cache lines.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct ThreadCounters {
            $(#[doc = $help] pub $field: Counter,)*
        }

        impl Telemetry {
            /// Every metric, summed over the threads, in the order of declaration.
            pub fn metrics(&self) -> Vec<Metric> {
                vec![$(Metric {
                    name: $name,
                    help: $help,
                    kind: Kind::$kind,
                    value: self.threads.iter().map(|thread| thread.$field.value()).sum(),
                },)*]
            }
        }
    };
}

thread_counters! {
    turns Counter "weir_turns_total"
        "Turns of the data threads' loops.";
    accepts Counter "weir_accepts_total"
        "Client connections accepted.";
    denied Counter "weir_denied_total"
        "Client connections reset because a security group denied them.";
    sheds Counter "weir_sheds_total"
        "Client connections reset for want of descriptors or room.";
    bugs Counter "bug_total"
        "Panics and violated assertions on data threads.";
    connections_open Gauge "weir_connections_open"
        "Streams open, clients and targets together.";
    run_again_depth Gauge "weir_run_again_depth"
        "Sources whose work continues in the next turn.";
    chunks_dropped Counter "weir_log_chunks_dropped_total"
        "Chunks of access records dropped because the log spool was behind.";
    records_dropped Counter "weir_log_records_dropped_total"
        "Access records lost with dropped chunks.";
}

// === impl Counter ===

impl Counter {
    /// Adds to the number. Only the owning thread may call this.
    pub fn add(&self, count: u64) {
        self.set(self.value().wrapping_add(count));
    }

    /// Sets the number. Only the owning thread may call this.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number as last written.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Telemetry ===

impl Telemetry {
    /// Blocks for so many threads.
    pub fn new(threads: usize) -> Self {
        Self { threads: (0..threads).map(|_| Arc::default()).collect() }
    }

    /// The block of one thread, to be written by it alone.
    ///
    /// # Panics
    /// If there is no such thread: a bug of the caller.
    pub fn thread(&self, index: usize) -> Arc<ThreadCounters> {
        self.threads[index].clone()
    }

    /// Appends all metrics in Prometheus' text format.
    pub fn render(&self, out: &mut String) {
        for Metric { name, help, kind, value } in self.metrics() {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}")
                .expect("invariant: writing to a String does not fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_threads_and_renders_each_metric_once() {
        let telemetry = Telemetry::new(2);
        telemetry.thread(0).accepts.add(2);
        telemetry.thread(1).accepts.add(3);
        let mut text = String::new();
        telemetry.render(&mut text);
        assert!(text.contains("# TYPE weir_accepts_total counter\nweir_accepts_total 5\n"));
        assert!(text.contains("# TYPE weir_connections_open gauge\nweir_connections_open 0\n"));
        assert_eq!(text.matches("# HELP bug_total ").count(), 1);
    }

    #[test]
    fn blocks_of_two_threads_share_no_cache_line() {
        assert!(align_of::<ThreadCounters>() >= 128);
    }
}
