//! Health checks: the real `Judge` over probes whose results the world decides.
//!
//! It follows the prober of the control side: the first probe leaves at once, one probe per target
//! at a time, a verdict is one store on the cell and a touch of the group.
//!
//! Invariant: `since_us` tells since when a target has been what it is now, so that a request can
//! be judged by what was known before it was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use weir_core::resource::HealthCheck;
use weir_core::snapshot::{GroupCell, Snapshot, TargetCell};
use weir_core::traffic::health::{Failure, Judge, Probe, Verdict};

/// What a probe can end with, by number.
pub const RESULTS: [Probe; 4] = [
    Ok(()),
    Err(Failure::FailedHealthChecks),
    Err(Failure::Timeout),
    Err(Failure::ResponseCodeMismatch(500)),
];

/// One probed target.
pub struct Entry {
    /// Where it is.
    pub address: SocketAddr,
    /// How it is probed.
    pub check: Arc<HealthCheck>,
    /// Last change between healthy and not healthy.
    pub since_us: u64,
    cell: Arc<TargetCell>,
    group: Arc<GroupCell>,
    judge: Judge,
    asking: bool,
}

/// All probed targets, by the number of their cell.
#[derive(Default)]
pub struct Prober {
    targets: BTreeMap<u64, Entry>,
}

// === impl Prober ===

impl Prober {
    /// Takes a snapshot over. Returns the targets whose first probe leaves now.
    pub fn look(&mut self, snapshot: &Snapshot, now_us: u64) -> Vec<u64> {
        let mut seen = BTreeMap::new();
        for group in snapshot.groups().filter(|group| !group.used_by.is_empty()) {
            for target in &group.targets {
                let usable =
                    target.invalid.is_none() && !target.draining && group.zone_is_enabled(target);
                if let (true, Some(address)) = (usable, target.health_address) {
                    seen.insert(target.cell.uid, (group, target, address));
                }
            }
        }
        self.targets.retain(|uid, _| seen.contains_key(uid));
        let mut fresh = Vec::new();
        for (uid, (group, target, address)) in seen {
            if let Some(entry) = self.targets.get_mut(&uid) {
                (entry.check, entry.address) = (Arc::clone(&group.health_check), address);
                continue;
            }
            if target.cell.judge(Verdict::Registering) {
                group.cell.touch();
            }
            fresh.push(uid);
            self.targets.insert(
                uid,
                Entry {
                    address,
                    check: Arc::clone(&group.health_check),
                    since_us: now_us,
                    cell: Arc::clone(&target.cell),
                    group: Arc::clone(&group.cell),
                    judge: Judge::resume(Verdict::Registering),
                    asking: false,
                },
            );
        }
        fresh
    }

    /// A probe leaves. Where to and how; `None` when the target is not probed, or is asked just
    /// now.
    pub fn ask(&mut self, uid: u64) -> Option<(SocketAddr, Arc<HealthCheck>, bool)> {
        let entry = self.targets.get_mut(&uid)?;
        let free = !std::mem::replace(&mut entry.asking, true);
        Some((entry.address, Arc::clone(&entry.check), free))
    }

    /// A probe has a result.
    pub fn answer(&mut self, uid: u64, result: usize, now_us: u64) {
        let Some(entry) = self.targets.get_mut(&uid) else { return };
        entry.asking = false;
        let before = entry.judge.verdict().is_healthy();
        let (up, down) = (entry.check.healthy_threshold, entry.check.unhealthy_threshold);
        let verdict = entry.judge.handle_probe(RESULTS[result], up, down);
        if verdict.is_healthy() != before {
            entry.since_us = now_us;
        }
        if entry.cell.judge(verdict) {
            entry.group.touch();
        }
    }

    /// Whether some registration of this address has been healthy since before `at_us`.
    pub fn was_healthy(&self, address: SocketAddr, at_us: u64) -> bool {
        self.at(address).any(|e| e.judge.verdict().is_healthy() && e.since_us < at_us)
    }

    /// Whether this address has been probed and not been healthy since before `at_us`.
    pub fn was_unhealthy(&self, address: SocketAddr, at_us: u64) -> bool {
        self.at(address).any(|e| !e.judge.verdict().is_healthy() && e.since_us < at_us)
    }

    fn at(&self, address: SocketAddr) -> impl Iterator<Item = &Entry> {
        self.targets.values().filter(move |entry| entry.address == address)
    }
}
