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

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::catalog::Revision;
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
pub type Members = BTreeMap<IpAddr, Arc<[SecurityGroupId]>>;

/// One consistent world. See the module documentation.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The catalog revision it was compiled from.
    pub revision: Revision,
    pub(crate) listeners: Vec<Option<Arc<ListenerPlan>>>,
    pub(crate) groups: Vec<Option<Arc<GroupPlan>>>,
    pub(crate) load_balancers: BTreeMap<LoadBalancerArn, Arc<LoadBalancerPlan>>,
    pub(crate) by_address: BTreeMap<SocketAddr, AddressEntry>,
    pub(crate) by_listener: BTreeMap<ListenerArn, ListenerSlot>,
    pub(crate) by_group: BTreeMap<TargetGroupArn, GroupSlot>,
    pub(crate) members: Arc<Members>,
    pub(crate) next_uid: u64,
    pub(crate) target_epoch: u64,
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
        self.listeners.get(slot.0 as usize)?.as_ref()
    }

    /// The group in this slot.
    pub fn group(&self, slot: GroupSlot) -> Option<&Arc<GroupPlan>> {
        self.groups.get(slot.0 as usize)?.as_ref()
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
        self.listeners.iter().flatten()
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<GroupPlan>> {
        self.groups.iter().flatten()
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
