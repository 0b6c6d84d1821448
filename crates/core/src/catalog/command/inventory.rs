//! Inputs of commands about rules of security groups, prefix lists, elastic addresses, interfaces
//! and settings of instances.
//!
//! Invariant: what is here was given by the caller and is judged by `apply`, except where a type
//! says more.

use super::{Pairs, PeerInput, PermissionInput, SecurityGroupName};
use crate::resource::{Region, UserData};

/// A request that only names a resource by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdInput {
    /// Credential scope.
    pub region: Region,
    /// As given.
    pub id: String,
}

/// See [`super::Command::SecurityGroupRulesModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupRulesModify {
    /// Credential scope.
    pub region: Region,
    /// `GroupId`.
    pub group: String,
    /// `SecurityGroupRules`.
    pub updates: Vec<RuleUpdate>,
}

/// What one rule shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleUpdate {
    /// `SecurityGroupRuleId`.
    pub id: String,
    /// `IpProtocol`.
    pub protocol: Option<String>,
    /// `FromPort`.
    pub from_port: Option<i32>,
    /// `ToPort`.
    pub to_port: Option<i32>,
    /// `CidrIpv4`, `CidrIpv6`, `PrefixListId`, `ReferencedGroupId`: exactly one is due; with the
    /// `Description`.
    pub peers: Vec<PeerInput>,
}

/// `UpdateSecurityGroupRuleDescriptionsIngress`, `…Egress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDescriptionsUpdate {
    /// The group, with the credential scope.
    pub group: SecurityGroupName,
    /// `IpPermissions`, with the descriptions that their rules shall have.
    pub permissions: Vec<PermissionInput>,
    /// `SecurityGroupRuleDescriptions`: id and description.
    pub by_id: Vec<(String, Option<String>)>,
}

/// See [`super::Command::PrefixListCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixListCreate {
    /// Credential scope.
    pub region: Region,
    /// `PrefixListName`.
    pub name: String,
    /// `AddressFamily`.
    pub family: String,
    /// `MaxEntries`.
    pub max_entries: i64,
    /// `Entries`: block and description.
    pub entries: Vec<(String, Option<String>)>,
    /// `ClientToken`: a repeated call with the same token returns the same list.
    pub client_token: Option<String>,
    /// `TagSpecifications` for `prefix-list`.
    pub tags: Pairs,
}

/// See [`super::Command::PrefixListModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixListModify {
    /// Credential scope.
    pub region: Region,
    /// `PrefixListId`.
    pub id: String,
    /// `CurrentVersion`.
    pub current_version: Option<i64>,
    /// `PrefixListName`.
    pub name: Option<String>,
    /// `MaxEntries`.
    pub max_entries: Option<i64>,
    /// `AddEntries`: block and description.
    pub add: Vec<(String, Option<String>)>,
    /// `RemoveEntries`.
    pub remove: Vec<String>,
}

/// See [`super::Command::AddressAllocate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressAllocate {
    /// Credential scope.
    pub region: Region,
    /// `Address`: this one and no other.
    pub address: Option<String>,
    /// `PublicIpv4Pool`.
    pub public_pool: Option<String>,
    /// `IpamPoolId`.
    pub ipam_pool: Option<String>,
    /// `CustomerOwnedIpv4Pool`.
    pub customer_pool: Option<String>,
    /// `NetworkBorderGroup`.
    pub border_group: Option<String>,
    /// `TagSpecifications` for `elastic-ip`.
    pub tags: Pairs,
}

/// Names an elastic address by its allocation or itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressName {
    /// Credential scope.
    pub region: Region,
    /// `AllocationId`.
    pub allocation: Option<String>,
    /// `PublicIp`.
    pub public_ip: Option<String>,
}

/// See [`super::Command::AddressAssociate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressAssociate {
    /// The address, with the credential scope.
    pub address: AddressName,
    /// `InstanceId`.
    pub instance: Option<String>,
    /// `NetworkInterfaceId`.
    pub interface: Option<String>,
    /// `PrivateIpAddress`: the primary one.
    pub private_address: Option<String>,
    /// `AllowReassociation`; the default of a VPC is yes.
    pub reassociate: Option<bool>,
}

/// See [`super::Command::AddressDisassociate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressDisassociate {
    /// Credential scope.
    pub region: Region,
    /// `AssociationId`.
    pub association: Option<String>,
    /// `PublicIp`.
    pub public_ip: Option<String>,
}

/// See [`super::Command::InterfaceCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceCreate {
    /// Credential scope.
    pub region: Region,
    /// `SubnetId`.
    pub subnet: String,
    /// `Description`.
    pub description: Option<String>,
    /// `SecurityGroupId` list; default the VPC's default group.
    pub security_groups: Vec<String>,
    /// `PrivateIpAddress`, or the primary one of `PrivateIpAddresses`.
    pub private_address: Option<String>,
    /// The others of `PrivateIpAddresses`.
    pub secondary: Vec<String>,
    /// `SecondaryPrivateIpAddressCount`.
    pub secondary_count: i64,
    /// `Ipv6Addresses`.
    pub ipv6: Vec<String>,
    /// `Ipv6AddressCount`.
    pub ipv6_count: i64,
    /// `InterfaceType`.
    pub kind: Option<String>,
    /// `ClientToken`: a repeated call with the same token returns the same interface.
    pub client_token: Option<String>,
    /// `TagSpecifications` for `network-interface`.
    pub tags: Pairs,
}

/// See [`super::Command::InterfaceModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceModify {
    /// Credential scope.
    pub region: Region,
    /// `NetworkInterfaceId`.
    pub id: String,
    /// `Description`.
    pub description: Option<String>,
    /// `SecurityGroupId` list.
    pub security_groups: Option<Vec<String>>,
    /// `SourceDestCheck`.
    pub source_dest_check: Option<bool>,
    /// `Attachment`: id and whether the interface goes with the instance.
    pub attachment: Option<(String, Option<bool>)>,
}

/// See [`super::Command::InterfaceAttach`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAttach {
    /// Credential scope.
    pub region: Region,
    /// `NetworkInterfaceId`.
    pub id: String,
    /// `InstanceId`.
    pub instance: String,
    /// `DeviceIndex`.
    pub device_index: i32,
}

/// `AssignPrivateIpAddresses`, `UnassignPrivateIpAddresses`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateAddresses {
    /// Credential scope.
    pub region: Region,
    /// `NetworkInterfaceId`.
    pub id: String,
    /// `PrivateIpAddress` list.
    pub addresses: Vec<String>,
    /// `SecondaryPrivateIpAddressCount`.
    pub count: i64,
}

/// See [`super::Command::InstanceModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceModify {
    /// Credential scope.
    pub region: Region,
    /// `InstanceId`.
    pub id: String,
    /// What shall change; AWS allows one attribute per call.
    pub changes: Vec<InstanceChange>,
}

/// One attribute of an instance and its new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceChange {
    /// `DisableApiTermination`.
    TerminationProtected(bool),
    /// `DisableApiStop`.
    StopProtected(bool),
    /// `SourceDestCheck`.
    SourceDestCheck(bool),
    /// `EbsOptimized`.
    EbsOptimized(bool),
    /// `EnaSupport`.
    EnaSupport(bool),
    /// `InstanceInitiatedShutdownBehavior`.
    ShutdownBehavior(String),
    /// `InstanceType`; the instance must be stopped.
    Type(String),
    /// `UserData`; the instance must be stopped.
    UserData(UserData),
    /// `GroupId` list.
    SecurityGroups(Vec<String>),
}
