//! Where desired state meets the data threads: sockets are bound before a commit, snapshots are
//! compiled after it, both are published with one swap.
//!
//! Invariant: what is published is consistent: every address of the published snapshot either has
//! its sockets in the published table or is listed as impaired with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use weir_core::catalog::{Catalog, Change, ChangeSet, Resource, ResourceKey, Revision};
use weir_core::resource::{Listener, LoadBalancer, LoadBalancerArn};
use weir_core::snapshot::{NodeFacts, Snapshot, compile};
use weir_net::budget::Budget;
use weir_net::publication::{Epoch, Publisher};
use weir_net::published::Published;
use weir_net::sockets::{BindError, BoundSockets, SocketTable, bind_listener};

use crate::clock;
use crate::logs::LogSlots;

/// The control side's end of publication.
pub struct Plane {
    publisher: Publisher<Published>,
    budget: Arc<Budget>,
    node: NodeFacts,
    logs: LogSlots,
    state: Mutex<State>,
}

/// Sockets that were bound for a change that is not committed yet. Dropping it closes them.
#[derive(Debug, Default)]
pub struct Prepared {
    sockets: Vec<Arc<BoundSockets>>,
}

#[derive(Default)]
struct State {
    snapshot: Arc<Snapshot>,
    sockets: Arc<SocketTable>,
    /// Sockets of changes that are decided but not published. Published ones must not be found
    /// here: what a data thread has taken and closed cannot be published again.
    pending: BTreeMap<SocketAddr, Weak<BoundSockets>>,
    impaired: BTreeMap<SocketAddr, String>,
}

// === impl Plane ===

impl Plane {
    /// An empty plane for data threads that will subscribe to its publisher. Access logs of the
    /// load balancers that have them on are routed through `logs`.
    pub fn new(budget: Arc<Budget>, node: NodeFacts, logs: LogSlots) -> Self {
        Self {
            logs,
            publisher: Publisher::new(Arc::new(Published::default())),
            budget,
            node,
            state: Mutex::default(),
        }
    }

    /// What the data threads subscribe to.
    pub fn publisher(&self) -> &Publisher<Published> {
        &self.publisher
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.lock().snapshot)
    }

    /// Publications that a data thread did not run in time.
    pub fn missed(&self) -> u64 {
        self.publisher.missed_total()
    }

    /// Addresses that are not served, with the reason.
    pub fn impaired(&self) -> Vec<(SocketAddr, String)> {
        self.lock().impaired.iter().map(|(addr, why)| (*addr, why.clone())).collect()
    }

    /// Why a load balancer does not serve on one of its addresses, if so.
    pub fn impairment(&self, lb: &LoadBalancerArn) -> Option<String> {
        let state = self.lock();
        if state.impaired.is_empty() {
            return None;
        }
        let plan = state.snapshot.load_balancer(lb)?;
        let mine = |addr: &SocketAddr| plan.zones.iter().any(|(_, ip)| *ip == addr.ip());
        state.impaired.iter().find(|(addr, _)| mine(addr)).map(|(_, why)| why.clone())
    }

    /// Publishes a whole catalog and binds what it can; the rest is impaired and retried.
    pub fn start(&self, catalog: &Catalog, revision: Revision) -> Epoch {
        self.republish(catalog, revision)
    }

    /// Compiles everything anew, carrying cells over.
    pub fn republish(&self, catalog: &Catalog, revision: Revision) -> Epoch {
        let mut state = self.lock();
        let snapshot = compile(catalog, revision, &state.snapshot, None, &self.node);
        self.swap(&mut state, snapshot, vec![])
    }

    /// Binds what `changes` needs beyond what is bound, given the catalog after them.
    ///
    /// # Errors
    /// The first address that cannot be bound; nothing stays open.
    pub fn prepare(&self, after: &Catalog, changes: &ChangeSet) -> Result<Prepared, BindError> {
        let mut state = self.lock();
        state.pending.retain(|_, sockets| sockets.strong_count() > 0);
        let mut prepared = Prepared::default();
        for addr in wanted(after, changes) {
            if state.sockets.socket(addr).is_some() {
                continue;
            }
            let waiting = state.pending.get(&addr).and_then(Weak::upgrade);
            let sockets = match waiting {
                Some(sockets) => sockets,
                None => Arc::new(bind_listener(&self.budget, addr, self.node.threads)?),
            };
            state.pending.insert(addr, Arc::downgrade(&sockets));
            prepared.sockets.push(sockets);
        }
        Ok(prepared)
    }

    /// Compiles what was touched and publishes it with the prepared sockets.
    pub fn publish(
        &self,
        catalog: &Catalog,
        revision: Revision,
        touched: &BTreeSet<ResourceKey>,
        prepared: Vec<Prepared>,
    ) -> Epoch {
        let mut state = self.lock();
        let snapshot = compile(catalog, revision, &state.snapshot, Some(touched), &self.node);
        let sockets = prepared.into_iter().flat_map(|p| p.sockets).collect();
        self.swap(&mut state, snapshot, sockets)
    }

    /// Waits until every data thread runs `epoch`. A thread that misses the deadline is an outage:
    /// logged and counted.
    pub async fn wait_ran(&self, epoch: Epoch, deadline: Duration) {
        if let Err(missed) = self.publisher.wait_ran(epoch, deadline).await {
            tracing::error!(%missed, "a data thread does not run the newest publication");
        }
    }

    /// Waits until every data thread has closed what the newest publication no longer has.
    pub async fn settle(&self, deadline: Duration) {
        let (epoch, _) = self.publisher.current();
        self.wait_ran(epoch, deadline).await;
    }

    /// Tries the impaired addresses again; true when one of them serves now.
    pub fn retry(&self) -> bool {
        let mut state = self.lock();
        let addrs: Vec<SocketAddr> = state.impaired.keys().copied().collect();
        let mut added = Vec::new();
        for addr in addrs {
            match bind_listener(&self.budget, addr, self.node.threads) {
                Ok(sockets) => added.push(Arc::new(sockets)),
                Err(error) => drop(state.impaired.insert(addr, error.to_string())),
            }
        }
        if added.is_empty() {
            return false;
        }
        let snapshot = Snapshot::clone(&state.snapshot);
        self.swap(&mut state, snapshot, added);
        true
    }

    fn swap(&self, state: &mut State, snapshot: Snapshot, added: Vec<Arc<BoundSockets>>) -> Epoch {
        let same_addresses = added.is_empty()
            && snapshot.addresses().map(|(a, _)| a).eq(state.snapshot.addresses().map(|(a, _)| a));
        if !same_addresses {
            self.rebind(state, &snapshot, added);
        }
        // Before the swap, so that the first record finds its destination.
        self.logs.follow(&state.snapshot, &snapshot, clock::now().mono_ms);
        state.snapshot = Arc::new(snapshot);
        self.publisher.publish(Arc::new(Published {
            snapshot: Arc::clone(&state.snapshot),
            sockets: Arc::clone(&state.sockets),
        }))
    }

    /// Makes the socket table fit the snapshot. What has no socket yet (a restart, an address that
    /// another node bound before) is bound here, or becomes impaired.
    fn rebind(&self, state: &mut State, snapshot: &Snapshot, added: Vec<Arc<BoundSockets>>) {
        for published in &added {
            state.pending.remove(&published.addr());
        }
        let gone = |addr| snapshot.at_address(addr).is_none();
        let grown = state.sockets.with(added);
        let table = grown.without(gone);
        grown.iter().filter(|bound| gone(bound.addr())).for_each(|bound| bound.close());
        let mut missing = Vec::new();
        state.impaired.clear();
        for (addr, _) in snapshot.addresses() {
            if table.socket(*addr).is_some() {
                continue;
            }
            match bind_listener(&self.budget, *addr, self.node.threads) {
                Ok(sockets) => missing.push(Arc::new(sockets)),
                Err(error) => {
                    tracing::error!(%error, "an address is not served; trying again");
                    state.impaired.insert(*addr, error.to_string());
                }
            }
        }
        state.sockets = Arc::new(if missing.is_empty() { table } else { table.with(missing) });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The addresses that the changed load balancers and listeners listen on.
fn wanted(after: &Catalog, changes: &ChangeSet) -> BTreeSet<SocketAddr> {
    let mut out = BTreeSet::new();
    let mut add = |lb: &LoadBalancer, listener: &Listener| {
        if listener.is_carried() {
            let addresses = lb.zones.iter().flat_map(|zone| zone.listens());
            out.extend(addresses.map(|address| SocketAddr::new(address, listener.port)));
        }
    };
    for change in &changes.changes {
        let Change::Put(resource) = change else { continue };
        match resource.as_ref() {
            Resource::LoadBalancer(lb) => {
                for listener in after.listeners_of(&lb.arn) {
                    add(lb, listener);
                }
            }
            Resource::Listener(listener) => {
                if let Some(lb) = after.load_balancer(&listener.load_balancer) {
                    add(lb, listener);
                }
            }
            _ => {}
        }
    }
    out
}
