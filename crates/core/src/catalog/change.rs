//! What a command changes, as data that a store can write and a compiler can follow.
//!
//! A change set is decided first, made durable second, absorbed third: `Catalog::apply` only
//! reads, `Catalog::absorb` only writes.
//!
//! Invariant: a change set is complete: absorbing it into the catalog it was decided on gives
//! exactly the state the caller was promised.

use serde::{Deserialize, Serialize};

use crate::resource::{
    Instance, InstanceId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Registrations,
    Rule, RuleArn, SecurityGroup, SecurityGroupId, Subnet, SubnetId, TargetGroup, TargetGroupArn,
    Vpc, VpcId,
};

/// Counts committed change sets; 0 is the empty catalog.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// Any record of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// A network.
    Vpc(Vpc),
    /// A zone's share of a network.
    Subnet(Subnet),
    /// Who may connect.
    SecurityGroup(SecurityGroup),
    /// A machine.
    Instance(Instance),
    /// A load balancer.
    LoadBalancer(LoadBalancer),
    /// A port of a load balancer.
    Listener(Listener),
    /// A rule of a listener.
    Rule(Rule),
    /// A target group.
    TargetGroup(TargetGroup),
    /// The targets of a group.
    Registrations(Registrations),
}

/// The identity of any record. Orders by kind, then id: parents of references first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKey {
    /// See [`Resource::Vpc`].
    Vpc(VpcId),
    /// See [`Resource::Subnet`].
    Subnet(SubnetId),
    /// See [`Resource::SecurityGroup`].
    SecurityGroup(SecurityGroupId),
    /// See [`Resource::Instance`].
    Instance(InstanceId),
    /// See [`Resource::TargetGroup`].
    TargetGroup(TargetGroupArn),
    /// See [`Resource::Registrations`].
    Registrations(TargetGroupArn),
    /// See [`Resource::LoadBalancer`].
    LoadBalancer(LoadBalancerArn),
    /// See [`Resource::Listener`].
    Listener(ListenerArn),
    /// See [`Resource::Rule`].
    Rule(RuleArn),
}

/// One record written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record is now this.
    Put(Box<Resource>),
    /// The record is gone.
    Delete(ResourceKey),
}

/// Changes that become durable and visible together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// In the order in which they are absorbed.
    pub changes: Vec<Change>,
}

// === impl Resource ===

impl Resource {
    /// The identity of this record.
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Vpc(r) => ResourceKey::Vpc(r.id.clone()),
            Self::Subnet(r) => ResourceKey::Subnet(r.id.clone()),
            Self::SecurityGroup(r) => ResourceKey::SecurityGroup(r.id.clone()),
            Self::Instance(r) => ResourceKey::Instance(r.id.clone()),
            Self::LoadBalancer(r) => ResourceKey::LoadBalancer(r.arn.clone()),
            Self::Listener(r) => ResourceKey::Listener(r.arn.clone()),
            Self::Rule(r) => ResourceKey::Rule(r.arn.clone()),
            Self::TargetGroup(r) => ResourceKey::TargetGroup(r.arn.clone()),
            Self::Registrations(r) => ResourceKey::Registrations(r.group.clone()),
        }
    }
}

// === impl ResourceKey ===

impl ResourceKey {
    /// A short name of the kind, the table key in stores.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Vpc(_) => "vpc",
            Self::Subnet(_) => "subnet",
            Self::SecurityGroup(_) => "security-group",
            Self::Instance(_) => "instance",
            Self::TargetGroup(_) => "target-group",
            Self::Registrations(_) => "registrations",
            Self::LoadBalancer(_) => "load-balancer",
            Self::Listener(_) => "listener",
            Self::Rule(_) => "rule",
        }
    }

    /// The inverse of [`kind`](Self::kind) and [`id`](Self::id), for what a store kept; `None`
    /// for a kind that does not exist or an empty id.
    pub fn from_parts(kind: &str, id: &str) -> Option<Self> {
        if id.is_empty() {
            return None;
        }
        Some(match kind {
            "vpc" => Self::Vpc(VpcId::new(id)),
            "subnet" => Self::Subnet(SubnetId::new(id)),
            "security-group" => Self::SecurityGroup(SecurityGroupId::new(id)),
            "instance" => Self::Instance(InstanceId::new(id)),
            "target-group" => Self::TargetGroup(TargetGroupArn::new(id)),
            "registrations" => Self::Registrations(TargetGroupArn::new(id)),
            "load-balancer" => Self::LoadBalancer(LoadBalancerArn::new(id)),
            "listener" => Self::Listener(ListenerArn::new(id)),
            "rule" => Self::Rule(RuleArn::new(id)),
            _ => return None,
        })
    }

    /// The id within the kind.
    pub fn id(&self) -> &str {
        match self {
            Self::Vpc(id) => id.as_str(),
            Self::Subnet(id) => id.as_str(),
            Self::SecurityGroup(id) => id.as_str(),
            Self::Instance(id) => id.as_str(),
            Self::TargetGroup(arn) | Self::Registrations(arn) => arn.as_str(),
            Self::LoadBalancer(arn) => arn.as_str(),
            Self::Listener(arn) => arn.as_str(),
            Self::Rule(arn) => arn.as_str(),
        }
    }
}

// === impl Change ===

impl Change {
    /// The identity of what changes.
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Put(resource) => resource.key(),
            Self::Delete(key) => key.clone(),
        }
    }
}

// === impl ChangeSet ===

impl ChangeSet {
    /// Adds a written record.
    pub fn put(&mut self, resource: Resource) {
        self.changes.push(Change::Put(Box::new(resource)));
    }

    /// Adds a removed record.
    pub fn delete(&mut self, key: ResourceKey) {
        self.changes.push(Change::Delete(key));
    }

    /// Whether nothing changes (an idempotent repeat).
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_parts() {
        let arn = TargetGroupArn::new("arn:aws:elasticloadbalancing:r:1:targetgroup/a/b");
        let keys = [
            ResourceKey::Vpc(VpcId::new("vpc-1")),
            ResourceKey::Subnet(SubnetId::new("subnet-1")),
            ResourceKey::SecurityGroup(SecurityGroupId::new("sg-1")),
            ResourceKey::Instance(InstanceId::new("i-1")),
            ResourceKey::TargetGroup(arn.clone()),
            ResourceKey::Registrations(arn),
            ResourceKey::LoadBalancer(LoadBalancerArn::new("lb")),
            ResourceKey::Listener(ListenerArn::new("li")),
            ResourceKey::Rule(RuleArn::new("ru")),
        ];
        for key in keys {
            assert_eq!(ResourceKey::from_parts(key.kind(), key.id()), Some(key));
        }
        assert_eq!(ResourceKey::from_parts("vpc", ""), None);
        assert_eq!(ResourceKey::from_parts("planet", "mars"), None);
    }
}
