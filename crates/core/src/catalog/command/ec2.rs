//! Inputs of commands about the network, machines and security groups.
//!
//! Invariant: what is here was given by the caller and is judged by `apply`, except where a type
//! says more.

use ipnet::IpNet;

use super::Pairs;
use crate::resource::{InstanceOptions, Region, ZoneName};

/// See [`super::Command::SecurityGroupCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupCreate {
    /// Credential scope.
    pub region: Region,
    /// `GroupName`.
    pub name: String,
    /// `GroupDescription`.
    pub description: String,
    /// `VpcId`, default the default VPC.
    pub vpc: Option<String>,
    /// `TagSpecifications` for `security-group`.
    pub tags: Pairs,
}

/// Names a security group by `GroupId`, or by `GroupName` in the default VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupName {
    /// Credential scope.
    pub region: Region,
    /// `GroupId`.
    pub id: Option<String>,
    /// `GroupName`.
    pub name: Option<String>,
}

/// Adds permissions to, or takes them from, one direction of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionsInput {
    /// The group, with the credential scope.
    pub group: SecurityGroupName,
    /// `IpPermissions`, and the flat form (`IpProtocol`, `CidrIp`, …) as one more entry.
    pub permissions: Vec<PermissionInput>,
    /// `SecurityGroupRuleIds` of a revocation.
    pub rule_ids: Vec<String>,
    /// `TagSpecifications` for `security-group-rule` of an authorization.
    pub tags: Pairs,
}

/// `IpPermission`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionInput {
    /// `IpProtocol`.
    pub protocol: Option<String>,
    /// `FromPort`.
    pub from_port: Option<i32>,
    /// `ToPort`.
    pub to_port: Option<i32>,
    /// `IpRanges`, `Ipv6Ranges`, `UserIdGroupPairs`, `PrefixListIds`.
    pub peers: Vec<PeerInput>,
}

/// One peer of an `IpPermission`, with its `Description`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInput {
    /// Who.
    pub peer: PeerName,
    /// `Description`.
    pub description: Option<String>,
}

/// Who a permission is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerName {
    /// `CidrIp` as given.
    Cidr(String),
    /// `CidrIpv6` as given.
    Ipv6Cidr(String),
    /// `GroupId`.
    GroupId(String),
    /// `GroupName`.
    GroupName(String),
    /// `PrefixListId`.
    PrefixList(String),
}

/// See [`super::Command::InstancesRun`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancesRun {
    /// Credential scope.
    pub region: Region,
    /// `ImageId`.
    pub image: Option<String>,
    /// `InstanceType`.
    pub instance_type: Option<String>,
    /// `MinCount`.
    pub min_count: i64,
    /// `MaxCount`.
    pub max_count: i64,
    /// `SubnetId`, also from the first `NetworkInterface`.
    pub subnet: Option<String>,
    /// `Placement.AvailabilityZone`.
    pub zone: Option<String>,
    /// `PrivateIpAddress`.
    pub private_address: Option<String>,
    /// `SecurityGroupId` list, also from the first `NetworkInterface`.
    pub security_group_ids: Vec<String>,
    /// `SecurityGroup` list (names).
    pub security_group_names: Vec<String>,
    /// Secondary `PrivateIpAddresses` of the first `NetworkInterface`.
    pub secondary: Vec<String>,
    /// `SecondaryPrivateIpAddressCount` of the first `NetworkInterface`.
    pub secondary_count: i64,
    /// `Ipv6Addresses`, also from the first `NetworkInterface`.
    pub ipv6: Vec<String>,
    /// `Ipv6AddressCount`, also from the first `NetworkInterface`.
    pub ipv6_count: i64,
    /// `Description` of the first `NetworkInterface`.
    pub interface_description: Option<String>,
    /// `NetworkInterfaceId` of any `NetworkInterface`, or the index of a second one.
    pub other_interface: Option<String>,
    /// Settings that ModifyInstanceAttribute could change later, and more that is only told.
    pub options: InstanceOptions,
    /// `ClientToken`: a repeated call with the same token returns the same instances.
    pub client_token: Option<String>,
    /// `TagSpecifications` for `instance`; `weir:address` says where the machine really is.
    pub tags: Pairs,
    /// `TagSpecifications` for `network-interface`.
    pub interface_tags: Pairs,
}

/// `StartInstances`, `StopInstances`, `TerminateInstances`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancesInput {
    /// Credential scope.
    pub region: Region,
    /// `InstanceId` list.
    pub ids: Vec<String>,
}

/// See [`super::Command::RegionInit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionInit {
    /// The region.
    pub region: Region,
    /// 127.0.0.0/8.
    pub vpc_cidr: IpNet,
    /// Its zones, each with the block of its default subnet.
    pub zones: Vec<ZoneInit>,
}

/// One zone of a new region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneInit {
    /// For example `us-east-1a`.
    pub name: ZoneName,
    /// For example `use1-az1`.
    pub id: String,
    /// A /20 of the instance's block.
    pub cidr: IpNet,
}
