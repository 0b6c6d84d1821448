//! Inputs of commands about load balancers.
//!
//! Invariant: what is here was given by the caller and is judged by `apply`, except where a type
//! says more.

use super::Pairs;
use crate::resource::{IpAddressType, LoadBalancerKind, Region, Scheme};

/// See [`super::Command::LoadBalancerCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancerCreate {
    /// Credential scope.
    pub region: Region,
    /// `Name`.
    pub name: String,
    /// `Type`, default application.
    pub kind: LoadBalancerKind,
    /// `Scheme`, default internet-facing; gateways have none.
    pub scheme: Option<Scheme>,
    /// `IpAddressType`, default ipv4.
    pub ip_address_type: IpAddressType,
    /// `Subnets`.
    pub subnets: Vec<String>,
    /// `SubnetMappings`.
    pub subnet_mappings: Vec<SubnetMapping>,
    /// `SecurityGroups`; empty means the default group of the VPC.
    pub security_groups: Vec<String>,
    /// `CustomerOwnedIpv4Pool`.
    pub customer_owned_pool: Option<String>,
    /// `IpamPools.Ipv4IpamPoolId`.
    pub ipam_pool: Option<String>,
    /// `EnablePrefixForIpv6SourceNat` as given.
    pub source_nat_prefix: Option<String>,
    /// `Tags`.
    pub tags: Pairs,
}

/// One entry of `SubnetMappings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubnetMapping {
    /// `SubnetId`.
    pub subnet: String,
    /// `AllocationId`.
    pub allocation: Option<String>,
    /// `PrivateIPv4Address`.
    pub private_ipv4: Option<String>,
    /// `IPv6Address`.
    pub ipv6: Option<String>,
    /// `SourceNatIpv6Prefix`.
    pub source_nat_prefix: Option<String>,
}

/// See [`super::Command::SecurityGroupsSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupsSet {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// The new groups, all of them.
    pub security_groups: Vec<String>,
    /// `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic` as given.
    pub enforce_private_link: Option<String>,
}

/// See [`super::Command::SubnetsSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetsSet {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// `Subnets`.
    pub subnets: Vec<String>,
    /// `SubnetMappings`.
    pub subnet_mappings: Vec<SubnetMapping>,
    /// `IpAddressType`.
    pub ip_address_type: Option<IpAddressType>,
    /// `EnablePrefixForIpv6SourceNat` as given.
    pub source_nat_prefix: Option<String>,
}

/// See [`super::Command::IpAddressTypeSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpAddressTypeSet {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// The new type.
    pub ip_address_type: IpAddressType,
}

/// See [`super::Command::IpPoolsModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpPoolsModify {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// `IpamPools.Ipv4IpamPoolId`.
    pub ipam_pool: Option<String>,
    /// `RemoveIpamPools` names `ipv4`.
    pub remove: bool,
}

/// See [`super::Command::CapacityReservationModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityReservationModify {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// `MinimumLoadBalancerCapacity.CapacityUnits`.
    pub units: Option<i64>,
    /// `ResetCapacityReservation`.
    pub reset: bool,
}
