//! Every mutation as one enum.
//!
//! Inputs mirror the API after its generic constraints (required members, lengths, enums) were
//! checked. What needs the catalog to be judged, or has an AWS text of its own (names, ARNs,
//! attribute values, condition fields), arrives as text and is judged by `Catalog::apply`.
//!
//! Invariant: every input names the region of the credential scope; a command reads and changes
//! records of that region only.
// spec: control-plane §1.2 ELBv2 actions (51) – input, result members, modelled errors

mod ec2;
mod listener;
mod load_balancer;
mod tag;
mod target_group;

pub use ec2::*;
pub use listener::*;
pub use load_balancer::*;
pub use tag::*;
pub use target_group::*;

use crate::resource::Region;

/// Tags or attributes in the order in which they were given; a repeated key is refused by `apply`.
pub type Pairs = Vec<(String, String)>;

/// Every mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `CreateLoadBalancer`. Subject: the load balancer.
    LoadBalancerCreate(LoadBalancerCreate),
    /// `DeleteLoadBalancer`; a missing one is no error.
    LoadBalancerDelete(ArnInput),
    /// `ModifyLoadBalancerAttributes`. Subject: the load balancer.
    LoadBalancerAttributesModify(AttributesModify),
    /// `SetSecurityGroups`. Subject: the load balancer.
    SecurityGroupsSet(SecurityGroupsSet),
    /// `SetSubnets`. Subject: the load balancer.
    SubnetsSet(SubnetsSet),
    /// `SetIpAddressType`. Subject: the load balancer.
    IpAddressTypeSet(IpAddressTypeSet),
    /// `CreateTargetGroup`. Subject: the target group.
    TargetGroupCreate(TargetGroupCreate),
    /// `ModifyTargetGroup`. Subject: the target group.
    TargetGroupModify(TargetGroupModify),
    /// `DeleteTargetGroup`; a missing one is no error.
    TargetGroupDelete(ArnInput),
    /// `ModifyTargetGroupAttributes`. Subject: the target group.
    TargetGroupAttributesModify(AttributesModify),
    /// `RegisterTargets`. Subject: the registrations.
    TargetsRegister(TargetsInput),
    /// `DeregisterTargets`. Subject: the registrations.
    TargetsDeregister(TargetsInput),
    /// Upkeep: removes draining targets whose deadline has passed and instances that were
    /// terminated long ago, in all regions. Subjects: what was shortened.
    TargetsReap,
    /// `CreateListener`. Subject: the listener.
    ListenerCreate(ListenerCreate),
    /// `ModifyListener`. Subject: the listener.
    ListenerModify(ListenerModify),
    /// `DeleteListener`.
    ListenerDelete(ArnInput),
    /// `ModifyListenerAttributes`. Subject: the listener.
    ListenerAttributesModify(AttributesModify),
    /// `CreateRule`. Subject: the rule.
    RuleCreate(RuleCreate),
    /// `ModifyRule`. Subject: the rule.
    RuleModify(RuleModify),
    /// `DeleteRule`.
    RuleDelete(ArnInput),
    /// `SetRulePriorities`. Subjects: the rules, in request order.
    RulePrioritiesSet(RulePrioritiesSet),
    /// `AddTags`.
    TagsAdd(TagsAdd),
    /// `RemoveTags`.
    TagsRemove(TagsRemove),
    /// EC2 `CreateSecurityGroup`. Subject: the group.
    SecurityGroupCreate(SecurityGroupCreate),
    /// EC2 `DeleteSecurityGroup`.
    SecurityGroupDelete(SecurityGroupName),
    /// EC2 `AuthorizeSecurityGroupIngress`. Subject: the group; `Decision::rule_ids`: new rules.
    IngressAuthorize(PermissionsInput),
    /// EC2 `RevokeSecurityGroupIngress`. Subject: the group; `Decision::rule_ids`: gone rules.
    IngressRevoke(PermissionsInput),
    /// EC2 `AuthorizeSecurityGroupEgress`. Subject: the group; `Decision::rule_ids`: new rules.
    EgressAuthorize(PermissionsInput),
    /// EC2 `RevokeSecurityGroupEgress`. Subject: the group; `Decision::rule_ids`: gone rules.
    EgressRevoke(PermissionsInput),
    /// EC2 `RunInstances`. Subjects: the instances.
    InstancesRun(InstancesRun),
    /// EC2 `StartInstances`. Subjects: the instances; see `Decision::transitions`.
    InstancesStart(InstancesInput),
    /// EC2 `StopInstances`. Subjects: the instances; see `Decision::transitions`.
    InstancesStop(InstancesInput),
    /// EC2 `TerminateInstances`. Subjects: the instances; see `Decision::transitions`.
    InstancesTerminate(InstancesInput),
    /// EC2 `CreateTags`.
    Ec2TagsCreate(Ec2TagsCreate),
    /// EC2 `DeleteTags`.
    Ec2TagsDelete(Ec2TagsDelete),
    /// Upkeep: gives a region its default network, once. Subject: the default VPC.
    RegionInit(RegionInit),
}

/// A request that only names a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnInput {
    /// Credential scope.
    pub region: Region,
    /// As given.
    pub arn: String,
}

/// `Modify…Attributes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributesModify {
    /// Credential scope.
    pub region: Region,
    /// The load balancer, target group or listener.
    pub arn: String,
    /// Keys and values as given.
    pub attributes: Pairs,
}

// === impl Command ===

impl Command {
    /// The region whose records the command changes; `None` for upkeep of all regions.
    pub fn region(&self) -> Option<&Region> {
        Some(match self {
            Self::LoadBalancerCreate(c) => &c.region,
            Self::LoadBalancerDelete(c)
            | Self::TargetGroupDelete(c)
            | Self::ListenerDelete(c)
            | Self::RuleDelete(c) => &c.region,
            Self::LoadBalancerAttributesModify(c)
            | Self::TargetGroupAttributesModify(c)
            | Self::ListenerAttributesModify(c) => &c.region,
            Self::SecurityGroupsSet(c) => &c.region,
            Self::SubnetsSet(c) => &c.region,
            Self::IpAddressTypeSet(c) => &c.region,
            Self::TargetGroupCreate(c) => &c.region,
            Self::TargetGroupModify(c) => &c.region,
            Self::TargetsRegister(c) | Self::TargetsDeregister(c) => &c.region,
            Self::TargetsReap => return None,
            Self::ListenerCreate(c) => &c.region,
            Self::ListenerModify(c) => &c.region,
            Self::RuleCreate(c) => &c.region,
            Self::RuleModify(c) => &c.region,
            Self::RulePrioritiesSet(c) => &c.region,
            Self::TagsAdd(c) => &c.region,
            Self::TagsRemove(c) => &c.region,
            Self::SecurityGroupCreate(c) => &c.region,
            Self::SecurityGroupDelete(c) => &c.region,
            Self::IngressAuthorize(c)
            | Self::IngressRevoke(c)
            | Self::EgressAuthorize(c)
            | Self::EgressRevoke(c) => &c.group.region,
            Self::InstancesRun(c) => &c.region,
            Self::InstancesStart(c) | Self::InstancesStop(c) | Self::InstancesTerminate(c) => {
                &c.region
            }
            Self::Ec2TagsCreate(c) => &c.region,
            Self::Ec2TagsDelete(c) => &c.region,
            Self::RegionInit(c) => &c.region,
        })
    }
}
