//! Inputs of commands about VPCs, subnets, gateways and route tables.
//!
//! Invariant: ids and blocks are as the caller gave them; `apply` judges them.

use super::{Pairs, RegionInit};
use crate::resource::Region;

/// See [`super::Command::VpcCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcCreate {
    /// Credential scope.
    pub region: Region,
    /// The block of the VPC.
    pub block: BlockInput,
    /// `InstanceTenancy`.
    pub tenancy: Option<String>,
    /// `TagSpecifications` for `vpc`.
    pub tags: Pairs,
}

/// Blocks that a VPC gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockInput {
    /// `CidrBlock`.
    pub ipv4: Option<String>,
    /// `Ipv6CidrBlock`.
    pub ipv6: Option<String>,
    /// `AmazonProvidedIpv6CidrBlock`: a private /56 is chosen.
    pub ipv6_provided: bool,
}

/// A command that only names one resource, or one association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2Id {
    /// Credential scope.
    pub region: Region,
    /// As given.
    pub id: String,
}

/// See [`super::Command::VpcAttributeModify`]; one member is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcAttributeModify {
    /// Credential scope.
    pub region: Region,
    /// `VpcId`.
    pub vpc: String,
    /// `EnableDnsSupport`.
    pub dns_support: Option<bool>,
    /// `EnableDnsHostnames`.
    pub dns_hostnames: Option<bool>,
    /// `EnableNetworkAddressUsageMetrics`.
    pub usage_metrics: Option<bool>,
}

/// See [`super::Command::VpcCidrAssociate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcCidrAssociate {
    /// Credential scope.
    pub region: Region,
    /// `VpcId`.
    pub vpc: String,
    /// One block.
    pub block: BlockInput,
}

/// Names a zone by its name or its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneInput {
    /// `AvailabilityZone`.
    pub name: Option<String>,
    /// `AvailabilityZoneId`.
    pub id: Option<String>,
}

/// See [`super::Command::SubnetCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetCreate {
    /// Credential scope.
    pub region: Region,
    /// `VpcId`.
    pub vpc: String,
    /// Where; a zone is chosen when none is named.
    pub zone: ZoneInput,
    /// `CidrBlock`.
    pub cidr: Option<String>,
    /// `Ipv6CidrBlock`.
    pub ipv6_cidr: Option<String>,
    /// `TagSpecifications` for `subnet`.
    pub tags: Pairs,
}

/// One member of `ModifySubnetAttribute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetChange {
    /// `MapPublicIpOnLaunch`.
    MapPublicIp(bool),
    /// `AssignIpv6AddressOnCreation`.
    AssignIpv6(bool),
    /// `EnableDns64`.
    Dns64(bool),
    /// `PrivateDnsHostnameTypeOnLaunch`: whether it is `resource-name`.
    ResourceNames(bool),
    /// `EnableResourceNameDnsARecordOnLaunch`.
    ResourceNameA(bool),
    /// `EnableResourceNameDnsAAAARecordOnLaunch`.
    ResourceNameAaaa(bool),
}

/// See [`super::Command::SubnetAttributeModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetAttributeModify {
    /// Credential scope.
    pub region: Region,
    /// `SubnetId`.
    pub subnet: String,
    /// What the request changes: AWS takes one at a time.
    pub changes: Vec<SubnetChange>,
}

/// See [`super::Command::SubnetCidrAssociate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetCidrAssociate {
    /// Credential scope.
    pub region: Region,
    /// `SubnetId`.
    pub subnet: String,
    /// `Ipv6CidrBlock`.
    pub ipv6_cidr: Option<String>,
}

/// See [`super::Command::DefaultSubnetCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultSubnetCreate {
    /// The default network as it would be made anew.
    pub network: RegionInit,
    /// Which of its zones.
    pub zone: ZoneInput,
}

/// See [`super::Command::InternetGatewayCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternetGatewayCreate {
    /// Credential scope.
    pub region: Region,
    /// `TagSpecifications` for `internet-gateway`.
    pub tags: Pairs,
}

/// Attaches a gateway to a VPC, or detaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternetGatewayPlace {
    /// Credential scope.
    pub region: Region,
    /// `InternetGatewayId`.
    pub gateway: String,
    /// `VpcId`.
    pub vpc: String,
}

/// See [`super::Command::RouteTableCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTableCreate {
    /// Credential scope.
    pub region: Region,
    /// `VpcId`.
    pub vpc: String,
    /// `ClientToken`: a repeated call with the same token returns the same table.
    pub client_token: Option<String>,
    /// `TagSpecifications` for `route-table`.
    pub tags: Pairs,
}

/// Which packets a route is for; one member is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationInput {
    /// `DestinationCidrBlock`.
    pub ipv4: Option<String>,
    /// `DestinationIpv6CidrBlock`.
    pub ipv6: Option<String>,
    /// `DestinationPrefixListId`.
    pub prefix_list: Option<String>,
}

/// Where a route leads; one member is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetIdsInput {
    /// `GatewayId`: an internet gateway, a virtual private gateway or an endpoint.
    pub gateway: Option<String>,
    /// `InstanceId`.
    pub instance: Option<String>,
    /// Every other member, by its kind.
    pub others: Vec<(crate::resource::RouteTargetKind, String)>,
    /// `LocalTarget` of ReplaceRoute.
    pub local: bool,
}

/// `CreateRoute`, `ReplaceRoute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInput {
    /// Credential scope.
    pub region: Region,
    /// `RouteTableId`.
    pub table: String,
    /// Which packets.
    pub destination: DestinationInput,
    /// Where to.
    pub target: TargetIdsInput,
}

/// `DeleteRoute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteDelete {
    /// Credential scope.
    pub region: Region,
    /// `RouteTableId`.
    pub table: String,
    /// Which packets.
    pub destination: DestinationInput,
}

/// `AssociateRouteTable`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTableAssociate {
    /// Credential scope.
    pub region: Region,
    /// `RouteTableId`.
    pub table: String,
    /// `SubnetId`.
    pub subnet: Option<String>,
    /// `GatewayId`.
    pub gateway: Option<String>,
}

/// `ReplaceRouteTableAssociation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTableReplace {
    /// Credential scope.
    pub region: Region,
    /// `AssociationId`.
    pub association: String,
    /// `RouteTableId`.
    pub table: String,
}
