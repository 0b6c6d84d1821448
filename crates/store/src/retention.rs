//! How much history a store keeps. The catalog itself is never pruned.
//!
//! Invariant: both backends prune at the same commits and keep the same history, so the
//! conformance suite can compare them.

use weir_core::limits;

/// Bounds of the history. `Default` is the product's; tests take smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Changes kept for `since`.
    pub log_changes: usize,
    /// Bytes of those changes.
    pub log_bytes: u64,
    /// Age of the oldest audited call, in milliseconds, measured from the newest commit.
    pub audit_age_ms: i64,
    /// Bytes of all audited calls.
    pub audit_bytes: u64,
}

// === impl Retention ===

impl Default for Retention {
    fn default() -> Self {
        Self {
            log_changes: limits::CHANGE_LOG_MAX,
            log_bytes: limits::CHANGE_LOG_BYTES_MAX,
            audit_age_ms: limits::AUDIT_AGE_MS_MAX,
            audit_bytes: limits::AUDIT_BYTES_MAX,
        }
    }
}

impl Retention {
    /// Whether a change log of this size must lose its oldest revision.
    pub(crate) fn log_exceeded(&self, changes: usize, bytes: u64) -> bool {
        changes > self.log_changes || bytes > self.log_bytes
    }

    /// Whether the oldest audited call must go, given all bytes, its time and the newest time.
    pub(crate) fn audit_exceeded(&self, bytes: u64, oldest_ms: i64, now_ms: i64) -> bool {
        bytes > self.audit_bytes || oldest_ms < now_ms.saturating_sub(self.audit_age_ms)
    }
}
