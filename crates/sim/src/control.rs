//! The control side: the real catalog and the real compiler, with publication modelled as a delay
//! per data thread.
//!
//! Invariant: an epoch is acknowledged when every thread runs it, never before; `views` holds
//! what each epoch should mean.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use weir_core::catalog::{Catalog, Command, Revision, Settings};
use weir_core::resource::{AccountId, Region};
use weir_core::rng::Rng;
use weir_core::snapshot::lane::ListenerTotals;
use weir_core::snapshot::{ListenerCell, NodeFacts, Snapshot, TargetCell, compile};
use weir_core::time::Now;

use crate::limits;
use crate::view::View;

/// The control side of the simulated node.
pub struct Control {
    /// All desired state.
    pub catalog: Catalog,
    /// What was published, by epoch; epoch 0 is empty.
    pub snapshots: Vec<Arc<Snapshot>>,
    /// What each epoch should mean.
    pub views: Vec<View>,
    /// The epoch that each thread runs.
    pub runs: [usize; limits::THREADS],
    /// Every target cell that ever was.
    pub cells: BTreeMap<u64, Arc<TargetCell>>,
    /// Every listener cell that ever was.
    pub listener_cells: BTreeMap<u64, Arc<ListenerCell>>,
    /// Commands that were decided and those that were refused.
    pub counts: (u64, u64),
    rng: Rng,
    revision: u64,
    touched: BTreeSet<weir_core::catalog::ResourceKey>,
    node: NodeFacts,
}

// === impl Control ===

impl Control {
    /// An empty region.
    pub fn new(rng: Rng) -> Self {
        let account = AccountId::new("123456789012");
        Self {
            catalog: Catalog::new(Settings::new(account.clone(), [Region::new("us-east-1")])),
            snapshots: vec![Arc::default()],
            views: vec![View::default()],
            runs: [0; limits::THREADS],
            cells: BTreeMap::new(),
            listener_cells: BTreeMap::new(),
            counts: (0, 0),
            rng,
            revision: 0,
            touched: BTreeSet::new(),
            node: NodeFacts { threads: limits::THREADS, account },
        }
    }

    /// Decides and absorbs a command. Whether something has to be published.
    ///
    /// # Errors
    /// A broken promise: a record store that does not fit together any more.
    pub fn submit(&mut self, command: &Command, now: Now) -> Result<bool, String> {
        let Ok(decision) = self.catalog.apply(command, now, &mut self.rng) else {
            self.counts.1 += 1;
            return Ok(false);
        };
        self.counts.0 += 1;
        if decision.changes.is_empty() {
            return Ok(false);
        }
        self.catalog.absorb(&decision.changes);
        self.revision += 1;
        self.touched.extend(decision.changes.changes.iter().map(|change| change.key()));
        self.addresses_have_one_owner()?;
        Ok(true)
    }

    /// Compiles what was touched. Now and then everything is compiled as well, compared, and
    /// either of the two is published.
    ///
    /// # Errors
    /// The two differ.
    pub fn publish(&mut self) -> Result<(), String> {
        let touched = std::mem::take(&mut self.touched);
        let (revision, previous) = (Revision(self.revision), Arc::clone(self.newest()));
        let build = |touched| compile(&self.catalog, revision, &previous, touched, &self.node);
        let mut snapshot = build(Some(&touched));
        if self.rng.below(6) == 0 {
            let full = build(None);
            let (left, right) = (contents(&snapshot), contents(&full));
            if left != right {
                let pair = left.iter().zip(&right).find(|(a, b)| a != b);
                return Err(format!("incremental and full compile differ: {pair:?}"));
            }
            cells_are_kept(&previous, &snapshot, &full)?;
            if self.rng.below(2) == 0 {
                snapshot = full;
            }
        }
        for group in snapshot.groups() {
            for target in &group.targets {
                self.cells.entry(target.cell.uid).or_insert_with(|| Arc::clone(&target.cell));
            }
        }
        for plan in snapshot.listeners() {
            let cell = || Arc::clone(&plan.cell);
            self.listener_cells.entry(plan.cell.uid).or_insert_with(cell);
        }
        let view = View::new(&self.catalog);
        if !snapshot.addresses().map(|(address, _)| address).eq(view.doors.keys()) {
            return Err("the snapshot listens elsewhere than the catalog says".to_owned());
        }
        self.snapshots.push(Arc::new(snapshot));
        self.views.push(view);
        Ok(())
    }

    /// The last publication.
    pub fn newest(&self) -> &Arc<Snapshot> {
        self.snapshots.last().expect("invariant: epoch 0 exists")
    }

    /// The newest epoch that every thread runs.
    pub fn acknowledged(&self) -> usize {
        self.runs.into_iter().min().unwrap_or(0)
    }

    /// The newest epoch that some thread runs.
    pub fn begun(&self) -> usize {
        self.runs.into_iter().max().unwrap_or(0)
    }

    /// Views of the epochs that a request may have seen.
    pub fn between(&self, low: usize) -> &[View] {
        &self.views[low..=self.begun()]
    }

    /// Requests that all listeners have counted.
    pub fn requests_counted(&self) -> u64 {
        let cells = self.listener_cells.values();
        cells.map(|cell| ListenerTotals::sum(&cell.lanes).requests).sum()
    }

    fn addresses_have_one_owner(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        let zones = self.catalog.all_load_balancers().flat_map(|lb| lb.zones.iter());
        let mut all = zones.map(|zone| zone.address);
        match all.find(|address| !seen.insert(*address)) {
            Some(address) => Err(format!("{address} has two owners")),
            None => Ok(()),
        }
    }
}

/// The contents of a snapshot without what may differ: versions and numbers of new cells.
fn contents(snapshot: &Snapshot) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for g in snapshot.groups() {
        out.push(format!(
            "{:?} {:?} {:?} {} {} {:?} {:?} {:?} {:?}",
            g.arn,
            g.slot,
            g.algorithm,
            g.zonal,
            g.min_healthy_count,
            g.min_healthy_percent,
            g.health_check,
            g.used_by,
            g.enabled_zones
        ));
        for t in &g.targets {
            let where_ = (t.address, t.health_address, &t.zone);
            out.push(format!("{:?} {:?} {} {:?}", t.key, where_, t.draining, t.invalid));
        }
    }
    for l in snapshot.listeners() {
        let lb = &l.load_balancer;
        out.push(format!("{:?} {:?} {} {:?}", l.arn, l.slot, l.port, l.rules));
        out.push(format!("{:?} {:?} {:?} {}", lb.arn, lb.zones, lb.ingress, lb.idle_timeout_ms));
        out.push(format!("{:?} {}", lb.access_log, lb.client_keep_alive_ms));
    }
    out.extend(snapshot.load_balancers().map(|lb| format!("{:?}", lb.arn)));
    out.extend(snapshot.addresses().map(|(address, entry)| format!("{address} {entry:?}")));
    out.extend(snapshot.members().iter().map(|member| format!("{member:?}")));
    out
}

/// Cells of targets that exist before and after are the same cells.
fn cells_are_kept(before: &Snapshot, one: &Snapshot, two: &Snapshot) -> Result<(), String> {
    for group in before.groups() {
        for target in &group.targets {
            let found = |after: &Snapshot| -> Option<u64> {
                let group = after.group_by_arn(&group.arn)?;
                Some(group.target(&target.key.id, target.key.port)?.cell.uid)
            };
            let (one, two) = (found(one), found(two));
            if one != two || one.is_some_and(|uid| uid != target.cell.uid) {
                return Err(format!("the cell of {:?} was not carried over", target.key));
            }
        }
    }
    Ok(())
}

/// The address of target number `index` of group number `group`.
pub fn target_address(group: usize, index: usize) -> SocketAddr {
    SocketAddr::from(([127, 20, group as u8, 1 + index as u8], 8080))
}
