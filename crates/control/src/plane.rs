//! Where desired state meets the data threads: addresses are put on their devices and sockets are
//! bound before a commit, snapshots are compiled after it, all are published with one swap.
//!
//! Invariant: what is published is consistent: every address of the published snapshot either has
//! its sockets in the published table or is listed as impaired with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use weir_core::catalog::{Catalog, Change, ChangeSet, Resource, ResourceKey, Revision};
use weir_core::resource::{Listener, LoadBalancer, LoadBalancerArn};
use weir_core::snapshot::{NodeFacts, Snapshot, compile};
use weir_net::address::{Carrier, CarryError, Claim};
use weir_net::budget::Budget;
use weir_net::publication::{Epoch, Publisher};
use weir_net::published::Published;
use weir_net::sockets::{BindError, BoundSockets, SocketTable, bind_listener};

use crate::carriage::{self, Carriage};
use crate::clock;
use crate::logs::LogSlots;

/// The control side's end of publication.
pub struct Plane {
    publisher: Publisher<Published>,
    budget: Arc<Budget>,
    node: NodeFacts,
    logs: LogSlots,
    carrier: Arc<Carrier>,
    state: Mutex<State>,
}

/// Addresses and sockets for a change that is not committed yet. Dropping it closes the sockets
/// and then removes the addresses.
#[derive(Debug, Default)]
pub struct Prepared {
    sockets: Vec<Arc<BoundSockets>>,
    claims: Vec<Claim>,
}

/// Why a change cannot be carried: the world's fault.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// An address cannot be put on its device.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// An address and port cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
}

struct State {
    carriage: Carriage,
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
            carrier: Carrier::none(),
            state: Mutex::new(State::new(Carrier::none())),
        }
    }

    /// The same with a carrier for addresses outside the loopback block.
    #[must_use]
    pub fn with_carrier(mut self, carrier: Arc<Carrier>) -> Self {
        self.state = Mutex::new(State::new(Arc::clone(&carrier)));
        self.carrier = carrier;
        self
    }

    /// What puts addresses on devices.
    pub fn carrier(&self) -> &Carrier {
        &self.carrier
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

    /// Addresses that should be on a device of this machine and are not.
    pub fn uncarried(&self) -> usize {
        self.lock().carriage.failed() + self.carrier.carried().1
    }

    /// Why a load balancer does not serve on one of its addresses, if so.
    pub fn impairment(&self, lb: &LoadBalancerArn) -> Option<String> {
        let state = self.lock();
        if let Some(why) = state.carriage.trouble(lb) {
            return Some(why);
        }
        if state.impaired.is_empty() {
            return None;
        }
        let plan = state.snapshot.load_balancer(lb)?;
        let mut impaired = plan.zones.iter().flat_map(|(_, ip)| {
            let ports = SocketAddr::new(*ip, 0)..=SocketAddr::new(*ip, u16::MAX);
            state.impaired.range(ports).map(|(_, why)| why)
        });
        impaired.next().cloned()
    }

    /// Publishes a whole catalog and binds what it can; the rest is impaired and retried.
    pub fn start(&self, catalog: &Catalog, revision: Revision) -> Epoch {
        let epoch = self.republish(catalog, revision);
        // What the catalog wants is claimed by now: the rest of an earlier run can go.
        self.carrier.sweep();
        epoch
    }

    /// Compiles everything anew, carrying cells over.
    pub fn republish(&self, catalog: &Catalog, revision: Revision) -> Epoch {
        let mut state = self.lock();
        state.carriage.follow(catalog, None, Vec::new());
        let snapshot = compile(catalog, revision, &state.snapshot, None, &self.node);
        self.swap(&mut state, snapshot, vec![])
    }

    /// Puts the addresses that `changes` needs on their devices, and binds what it needs beyond
    /// what is bound, given the catalog after them. What is over the descriptor budget is left
    /// out: it is recorded and impaired, and carried when there is room.
    ///
    /// # Errors
    /// The first address that cannot be carried or bound; nothing stays open.
    pub fn prepare(&self, after: &Catalog, changes: &ChangeSet) -> Result<Prepared, PrepareError> {
        // Asking the network takes a moment, in which others may look at the state.
        let claims = carriage::prepare(&self.carrier, changes)?;
        let mut state = self.lock();
        state.pending.retain(|_, sockets| sockets.strong_count() > 0);
        let mut prepared = Prepared { sockets: Vec::new(), claims };
        for addr in wanted(after, changes) {
            if state.sockets.socket(addr).is_some() {
                continue;
            }
            let waiting = state.pending.get(&addr).and_then(Weak::upgrade);
            let sockets = match waiting {
                Some(sockets) => sockets,
                None => match bind_listener(&self.budget, addr, self.node.threads) {
                    Err(BindError::Budget { .. }) => continue,
                    bound => Arc::new(bound?),
                },
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
        let (mut sockets, mut claims) = (Vec::new(), Vec::new());
        for change in prepared {
            sockets.extend(change.sockets);
            claims.extend(change.claims);
        }
        state.carriage.follow(catalog, Some(touched), claims);
        let snapshot = compile(catalog, revision, &state.snapshot, Some(touched), &self.node);
        self.swap(&mut state, snapshot, sockets)
    }

    /// Waits until every data thread runs `epoch`. A thread that misses the deadline is an outage:
    /// logged and counted. Then the addresses go that `epoch` has given up.
    pub async fn wait_ran(&self, epoch: Epoch, deadline: Duration) {
        if let Err(missed) = self.publisher.wait_ran(epoch, deadline).await {
            tracing::error!(%missed, "a data thread does not run the newest publication");
        }
        let settled = self.lock().carriage.settled(epoch);
        // Removing an address asks the kernel: not under the lock.
        drop(settled);
    }

    /// Waits until every data thread has closed what the newest publication no longer has.
    pub async fn settle(&self, deadline: Duration) {
        let (epoch, _) = self.publisher.current();
        self.wait_ran(epoch, deadline).await;
    }

    /// Tries the impaired addresses again; true when one of them serves now.
    pub fn retry(&self) -> bool {
        let mut state = self.lock();
        let carried = state.carriage.retry();
        let mut addrs: Vec<SocketAddr> = state.impaired.keys().copied().collect();
        // Those of one listener before those of the next: half a load balancer helps nobody.
        addrs.sort_by_key(|addr| state.snapshot.at_address(*addr).map(|entry| entry.listener));
        let mut added = Vec::new();
        for addr in addrs {
            match bind_listener(&self.budget, addr, self.node.threads) {
                Ok(sockets) => added.push(Arc::new(sockets)),
                // The others would hear the same.
                Err(BindError::Budget { .. }) => break,
                Err(error) => drop(state.impaired.insert(addr, error.to_string())),
            }
        }
        if added.is_empty() {
            return carried;
        }
        let snapshot = Snapshot::clone(&state.snapshot);
        self.swap(&mut state, snapshot, added);
        true
    }

    fn swap(&self, state: &mut State, snapshot: Snapshot, added: Vec<Arc<BoundSockets>>) -> Epoch {
        self.rebind(state, &snapshot, added);
        // Before the swap, so that the first record finds its destination.
        self.logs.follow(&state.snapshot, &snapshot, clock::now().mono_ms);
        state.snapshot = Arc::new(snapshot);
        let epoch = self.publisher.publish(Arc::new(Published {
            snapshot: Arc::clone(&state.snapshot),
            sockets: Arc::clone(&state.sockets),
        }));
        state.carriage.published(epoch);
        epoch
    }

    /// Makes the socket table fit the snapshot: `added`, and the addresses that came or went. What
    /// has no socket yet (a restart, an address that another node bound before, a full budget) is
    /// bound here, or becomes impaired.
    fn rebind(&self, state: &mut State, snapshot: &Snapshot, added: Vec<Arc<BoundSockets>>) {
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        snapshot.addresses_since(&state.snapshot, |addr, before, now| match (before, now) {
            (Some(_), None) => gone.push(addr),
            (None, Some(_)) => come.push(addr),
            _ => {}
        });
        if added.is_empty() && gone.is_empty() && come.is_empty() {
            return;
        }
        let mut table = SocketTable::clone(&state.sockets);
        for addr in gone {
            table.remove(addr).inspect(|bound| bound.close());
            state.impaired.remove(&addr);
        }
        for bound in added {
            let addr = bound.addr();
            state.pending.remove(&addr);
            state.impaired.remove(&addr);
            match snapshot.at_address(addr) {
                Some(_) => table.insert(bound),
                // Another change of the same batch took it back.
                None => bound.close(),
            }
        }
        for addr in come {
            if table.socket(addr).is_some() {
                continue;
            }
            match bind_listener(&self.budget, addr, self.node.threads) {
                Ok(sockets) => table.insert(Arc::new(sockets)),
                Err(error) => state.impair(addr, &error),
            }
        }
        state.sockets = Arc::new(table);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn new(carrier: Arc<Carrier>) -> Self {
        Self {
            carriage: Carriage::new(carrier),
            snapshot: Arc::default(),
            sockets: Arc::default(),
            pending: BTreeMap::new(),
            impaired: BTreeMap::new(),
        }
    }

    /// Records why an address is not served. A full budget is said once, not for every address.
    fn impair(&mut self, addr: SocketAddr, error: &BindError) {
        let over_budget = matches!(error, BindError::Budget { .. });
        if !over_budget {
            tracing::error!(%error, "an address is not served; trying again");
        } else if self.impaired.is_empty() {
            tracing::warn!(%error, "listeners are recorded and not carried until there is room");
        }
        self.impaired.insert(addr, error.to_string());
    }
}

// === impl PrepareError ===

impl PrepareError {
    /// The kind of the error, for retry decisions.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Carry(_) => io::ErrorKind::Other,
            Self::Bind(error) => error.kind(),
        }
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
