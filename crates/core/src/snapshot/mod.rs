//! What a plane executes: desired state, compiled, immutable, published with one swap.
//!
//! A snapshot points to *cells* for what is measured (`cell`); `compile` carries cells over by
//! identity, so a swap resets nothing. Plans that did not change are shared with the previous
//! snapshot as `Arc`s.
//!
//! Invariant: slots are stable while their object exists, so an index taken from a plan of this
//! snapshot names the object that the plan meant.

pub mod cell;
pub mod compile;
pub mod ingress;
pub mod lane;
pub mod plan;
#[doc(hidden)]
pub mod testing;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::catalog::{ResourceKey, Revision};
use crate::persistent::{Map, Set, Slots};
use crate::resource::{ListenerArn, LoadBalancerArn, SecurityGroupId, TargetGroupArn};

pub use cell::{GroupCell, InFlight, ListenerCell, LoadBalancerCell, TargetCell};

pub use compile::{NodeFacts, compile};
pub use ingress::Ingress;
pub use plan::{
    AccessLogPlan, Algorithm, DesyncMode, GroupPlan, ListenerPlan, LoadBalancerPlan,
    ResponseHeader, TargetKey, TargetPlan, XffMode,
};

/// Index of a listener in a snapshot; stable while the listener exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerSlot(pub u32);

/// Index of a target group in a snapshot; stable while the group exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupSlot(pub u32);

/// What listens on one local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressEntry {
    /// The listener.
    pub listener: ListenerSlot,
    /// Position of the address's zone in `LoadBalancerPlan::zones`.
    pub zone: u8,
}

/// Addresses of load balancers and instances, with the security groups they carry.
pub type Members = Map<IpAddr, Arc<[SecurityGroupId]>>;

/// One consistent world. See the module documentation.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The catalog revision it was compiled from.
    pub revision: Revision,
    pub(crate) listeners: Slots<Arc<ListenerPlan>>,
    pub(crate) groups: Slots<Arc<GroupPlan>>,
    pub(crate) load_balancers: Map<LoadBalancerArn, Arc<LoadBalancerPlan>>,
    pub(crate) by_address: Map<SocketAddr, AddressEntry>,
    pub(crate) by_listener: Map<ListenerArn, ListenerSlot>,
    pub(crate) by_group: Map<TargetGroupArn, GroupSlot>,
    /// The groups that the rules of a listener name, whether it is carried or not.
    pub(crate) named: Map<ListenerArn, Arc<[TargetGroupArn]>>,
    pub(crate) members: Members,
    /// Who holds an address: several instances may stand at one.
    pub(crate) held: Set<(IpAddr, ResourceKey)>,
    /// The same by holder.
    pub(crate) held_by: Map<ResourceKey, Arc<[IpAddr]>>,
    pub(crate) next_uid: u64,
    pub(crate) target_epoch: u64,
    pub(crate) built: Built,
}

/// What one compile built; the rest is shared with the snapshot before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Plans of load balancers.
    pub load_balancers: usize,
    /// Plans of listeners.
    pub listeners: usize,
    /// Rules whose conditions and actions were compiled.
    pub rules: usize,
    /// Plans of target groups.
    pub groups: usize,
    /// Plans of targets.
    pub targets: usize,
    /// Holders of addresses.
    pub members: usize,
}

// === impl Snapshot ===

impl Snapshot {
    /// What listens on this local address, if anything.
    pub fn at_address(&self, local: SocketAddr) -> Option<AddressEntry> {
        self.by_address.get(&local).copied()
    }

    /// Every (address, entry), sorted by address.
    pub fn addresses(&self) -> impl Iterator<Item = (&SocketAddr, &AddressEntry)> {
        self.by_address.iter()
    }

    /// The listener in this slot.
    pub fn listener(&self, slot: ListenerSlot) -> Option<&Arc<ListenerPlan>> {
        self.listeners.get(slot.0)
    }

    /// The group in this slot.
    pub fn group(&self, slot: GroupSlot) -> Option<&Arc<GroupPlan>> {
        self.groups.get(slot.0)
    }

    /// The group of this ARN.
    pub fn group_by_arn(&self, arn: &TargetGroupArn) -> Option<&Arc<GroupPlan>> {
        self.group(*self.by_group.get(arn)?)
    }

    /// The listener of this ARN.
    pub fn listener_by_arn(&self, arn: &ListenerArn) -> Option<&Arc<ListenerPlan>> {
        self.listener(*self.by_listener.get(arn)?)
    }

    /// The load balancer of this ARN.
    pub fn load_balancer(&self, arn: &LoadBalancerArn) -> Option<&Arc<LoadBalancerPlan>> {
        self.load_balancers.get(arn)
    }

    /// All load balancers.
    pub fn load_balancers(&self) -> impl Iterator<Item = &Arc<LoadBalancerPlan>> {
        self.load_balancers.values()
    }

    /// All listeners.
    pub fn listeners(&self) -> impl Iterator<Item = &Arc<ListenerPlan>> {
        self.listeners.iter()
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<GroupPlan>> {
        self.groups.iter()
    }

    /// Number of addresses.
    pub fn address_count(&self) -> usize {
        self.by_address.len()
    }

    /// Calls `told` with every address whose entry differs from `older`'s: before, now. Like the
    /// other comparisons it costs what changed, not what exists.
    pub fn addresses_since(
        &self,
        older: &Self,
        mut told: impl FnMut(SocketAddr, Option<AddressEntry>, Option<AddressEntry>),
    ) {
        self.by_address.changes_since(&older.by_address, PartialEq::eq, |address, old, new| {
            told(*address, old.copied(), new.copied());
        });
    }

    /// Calls `told` with every load balancer whose plan differs from `older`'s: before, now.
    pub fn load_balancers_since<'a>(
        &'a self,
        older: &'a Self,
        mut told: impl FnMut(Option<&'a Arc<LoadBalancerPlan>>, Option<&'a Arc<LoadBalancerPlan>>),
    ) {
        let (now, before) = (&self.load_balancers, &older.load_balancers);
        now.changes_since(before, Arc::ptr_eq, |_, old, new| told(old, new));
    }

    /// Calls `told` with every place whose listener differs from `older`'s: before, now.
    pub fn listeners_since<'a>(
        &'a self,
        older: &'a Self,
        told: impl FnMut(Option<&'a Arc<ListenerPlan>>, Option<&'a Arc<ListenerPlan>>),
    ) {
        self.listeners.changes_since(&older.listeners, Arc::ptr_eq, told);
    }

    /// Calls `told` with every place whose group differs from `older`'s: before, now.
    pub fn groups_since<'a>(
        &'a self,
        older: &'a Self,
        told: impl FnMut(Option<&'a Arc<GroupPlan>>, Option<&'a Arc<GroupPlan>>),
    ) {
        self.groups.changes_since(&older.groups, Arc::ptr_eq, told);
    }

    /// What the compile that made it had to build.
    pub fn built(&self) -> Built {
        self.built
    }

    /// Security groups by address, for ingress rules that name a group.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Grows whenever a target was removed or its address changed; a data thread that sees a new
    /// value sweeps its connection pools.
    pub fn target_epoch(&self) -> u64 {
        self.target_epoch
    }
}
