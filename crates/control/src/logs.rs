//! Which log slot means which folder: keeps the archive's directory in step with the snapshot.
//!
//! A data thread frames each record with its load balancer's slot; the spool looks the slot up
//! here. Slots are never reused, and one that is no longer needed is forgotten only after the
//! records that may still be under way have arrived.
//!
//! Invariant: a load balancer of a published snapshot whose access log is on has a destination.
// spec: alb §11 Logs

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use weir_core::snapshot::{LoadBalancerPlan, Snapshot};
use weir_store::archive::{LogDestination, LogDirectory, LogKind};

/// Longer than any record stays in a data thread's chunk or in the queue.
const GRACE_MS: u64 = 30_000;

/// See the module documentation.
pub struct LogSlots {
    directory: Arc<LogDirectory>,
    /// (when, slot), oldest first.
    leaving: Mutex<VecDeque<(u64, u32)>>,
}

// === impl LogSlots ===

impl LogSlots {
    /// Keeps this directory.
    pub fn new(directory: Arc<LogDirectory>) -> Self {
        Self { directory, leaving: Mutex::default() }
    }

    /// The slot of a load balancer in framed records.
    pub fn slot(plan: &LoadBalancerPlan) -> u32 {
        // Cells are numbered from 1 in this process; four billion of them do not come up.
        plan.cell.uid as u32
    }

    /// Makes the directory fit `next`, given that it fits `previous`.
    pub fn follow(&self, previous: &Snapshot, next: &Snapshot, now_ms: u64) {
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        while leaving.front().is_some_and(|(at, _)| at + GRACE_MS < now_ms) {
            if let Some((_, slot)) = leaving.pop_front() {
                self.directory.unbind(slot);
            }
        }
        next.load_balancers_since(previous, |before, now| {
            let destination = now.and_then(|plan| Some((plan, destination(plan)?)));
            match destination {
                Some((plan, destination)) => {
                    leaving.retain(|(_, slot)| *slot != Self::slot(plan));
                    self.directory.bind(Self::slot(plan), destination);
                }
                None => leave(&mut leaving, before.map(Arc::as_ref), now_ms),
            }
        });
    }
}

fn leave(leaving: &mut VecDeque<(u64, u32)>, plan: Option<&LoadBalancerPlan>, now_ms: u64) {
    if let Some(plan) = plan.filter(|plan| plan.access_log.is_some()) {
        leaving.push_back((now_ms, LogSlots::slot(plan)));
    }
}

fn destination(plan: &LoadBalancerPlan) -> Option<LogDestination> {
    let log = plan.access_log.as_ref()?;
    let mut name = plan.log_name.split('/').skip(1);
    Some(LogDestination {
        kind: LogKind::Access,
        bucket: log.bucket.clone(),
        prefix: log.prefix.clone(),
        account: plan.account.as_str().to_owned(),
        region: plan.region.as_str().to_owned(),
        name: name.next()?.to_owned(),
        id: name.next()?.to_owned(),
        node_ip: plan.zones.first()?.1,
    })
}
