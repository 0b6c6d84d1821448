//! Cells: what is measured, shared by all threads, one per target, group, listener and load
//! balancer.
//!
//! A snapshot says what is desired and points here. Cells outlive snapshots: `compile` finds them
//! by identity. A verdict or a passive failure is one atomic store, effective on every thread at
//! its next pick.
//!
//! Invariant: whoever changes what a pick depends on (verdict, ejection) stores the value first
//! and then calls `GroupCell::touch`, so a thread that saw the old value re-reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::lane::{ListenerLane, TargetLane};
use crate::traffic::health::Verdict;

/// Measured state of one target, on a cache line of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct TargetCell {
    /// Unique in the process; the key of connection pools.
    pub uid: u64,
    verdict: AtomicU32,
    in_flight: AtomicU32,
    ejected: AtomicBool,
    cut: AtomicBool,
    /// One block of counters per data thread.
    pub lanes: Box<[TargetLane]>,
}

/// Measured state of one target group.
#[derive(Debug)]
#[repr(align(128))]
pub struct GroupCell {
    generation: AtomicU64,
    cursor: AtomicU32,
}

/// Measured state of one listener.
#[derive(Debug)]
pub struct ListenerCell {
    /// Unique in the process; tells a reused slot from the listener that a connection came by.
    pub uid: u64,
    /// One block of counters per data thread.
    pub lanes: Box<[ListenerLane]>,
}

/// Measured state of one load balancer.
#[derive(Debug)]
pub struct LoadBalancerCell {
    /// Unique in the process; names the load balancer in framed log records.
    pub uid: u64,
}

/// One request in flight to a target; gives its count back when dropped.
#[derive(Debug)]
pub struct InFlight {
    cell: Arc<TargetCell>,
}

// === impl TargetCell ===

impl TargetCell {
    /// A cell for a target that was never probed.
    pub fn new(uid: u64, threads: usize) -> Self {
        Self {
            uid,
            verdict: AtomicU32::new(Verdict::default().pack()),
            in_flight: AtomicU32::new(0),
            ejected: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            lanes: (0..threads).map(|_| TargetLane::default()).collect(),
        }
    }

    /// The last verdict of the health checks.
    pub fn verdict(&self) -> Verdict {
        Verdict::unpack(self.verdict.load(Ordering::Acquire))
    }

    /// Records a verdict and ends a passive ejection. The caller touches the group if this says
    /// that the cell changed.
    pub fn judge(&self, verdict: Verdict) -> bool {
        let before = self.verdict.swap(verdict.pack(), Ordering::AcqRel);
        let was_ejected = self.ejected.swap(false, Ordering::AcqRel);
        before != verdict.pack() || was_ejected
    }

    /// Takes the target out of selection until the next active check. True when it was in.
    // See docs/concurrency.md, "Retries and passive detection".
    pub fn eject(&self) -> bool {
        !self.ejected.swap(true, Ordering::AcqRel)
    }

    /// Whether a data thread saw the target fail since the last active check.
    pub fn is_ejected(&self) -> bool {
        self.ejected.load(Ordering::Acquire)
    }

    /// Requests in flight, all threads.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts one request until the returned value is dropped.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { cell: Arc::clone(self) }
    }

    /// Says that requests still in flight must end now: the deregistration delay is over or the
    /// target is gone.
    // spec: alb §4.7 Deregistration delay
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Whether [`TargetCell::cut`] was called.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

// === impl GroupCell ===

impl GroupCell {
    /// A fresh cell; generation 0 is never current, so caches start stale.
    pub fn new() -> Self {
        Self { generation: AtomicU64::new(1), cursor: AtomicU32::new(0) }
    }

    /// Changes whenever a pick may come out differently.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes every thread look at its targets again.
    pub fn touch(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// The next turn of round robin, shared by all threads.
    pub fn next_turn(&self) -> u32 {
        self.cursor.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for GroupCell {
    fn default() -> Self {
        Self::new()
    }
}

// === impl ListenerCell ===

impl ListenerCell {
    /// A fresh cell.
    pub fn new(uid: u64, threads: usize) -> Self {
        Self { uid, lanes: (0..threads).map(|_| ListenerLane::default()).collect() }
    }
}

// === impl InFlight ===

impl InFlight {
    /// The cell that is being counted.
    pub fn cell(&self) -> &Arc<TargetCell> {
        &self.cell
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let before = self.cell.in_flight.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "in-flight count went below zero");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_flight_returns_on_drop() {
        let cell = Arc::new(TargetCell::new(1, 2));
        let (a, b) = (cell.enter(), cell.enter());
        assert_eq!(cell.in_flight(), 2);
        drop(a);
        assert_eq!(cell.in_flight(), 1);
        drop(b);
        assert_eq!(cell.in_flight(), 0);
    }

    #[test]
    fn a_verdict_ends_an_ejection() {
        let cell = TargetCell::new(1, 1);
        assert!(cell.judge(Verdict::Healthy));
        assert!(!cell.judge(Verdict::Healthy), "nothing changed");
        assert!(cell.eject());
        assert!(!cell.eject(), "already out");
        assert!(cell.judge(Verdict::Healthy), "back in");
        assert!(!cell.is_ejected());
    }
}
