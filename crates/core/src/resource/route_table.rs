//! Route tables: where a VPC sends what does not stay inside it.
//!
//! Weir moves no packets between subnets; tables are recorded, told, and read by those who decide
//! by them whether a subnet is public. The local routes follow from the VPC's blocks and are not
//! stored.
//!
//! Invariant: a table has one route per destination, a subnet is associated with one table at
//! most, and every VPC has exactly one main table.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{InstanceId, InternetGatewayId, Region, RouteTableId, SubnetId, Tags, VpcId};

/// What the store keeps of a route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Identity.
    pub id: RouteTableId,
    /// The region it belongs to.
    pub region: Region,
    /// Owner.
    pub vpc: VpcId,
    /// `rtbassoc-…` of the main association: subnets without an association of their own use
    /// this table.
    pub main: Option<String>,
    /// Explicit associations.
    pub associations: Vec<RouteTableAssociation>,
    /// Routes but the local ones, in the order of their creation.
    pub routes: Vec<Route>,
    /// `ClientToken` of its creation.
    pub client_token: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// One explicit association.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// `rtbassoc-…`.
    pub id: String,
    /// Whose traffic follows the table.
    pub with: Associated,
}

/// Whose traffic follows a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Associated {
    /// What leaves a subnet.
    Subnet(SubnetId),
    /// What enters through a gateway.
    Gateway(InternetGatewayId),
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Which packets.
    pub destination: RouteDestination,
    /// Where to.
    pub target: RouteTarget,
}

/// Which packets a route is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RouteDestination {
    /// Addresses of a block.
    Block(IpNet),
    /// Addresses of a managed prefix list, by its id.
    PrefixList(String),
}

/// Where a route leads. Kinds that Weir has records of are checked when the route is made; the
/// others are kept as given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteTarget {
    /// `GatewayId` `igw-…`.
    InternetGateway(InternetGatewayId),
    /// `InstanceId`, told with its interface.
    Instance(InstanceId),
    /// A target that Weir has no records of.
    Other {
        /// Which member of the request named it.
        kind: RouteTargetKind,
        /// The id or ARN as given.
        id: String,
    },
}

/// Members of a request that name a route's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteTargetKind {
    /// `GatewayId` `vgw-…`.
    VirtualPrivateGateway,
    /// `VpcEndpointId`, told as `GatewayId`.
    VpcEndpoint,
    /// `NatGatewayId`.
    NatGateway,
    /// `NetworkInterfaceId`.
    NetworkInterface,
    /// `VpcPeeringConnectionId`.
    PeeringConnection,
    /// `EgressOnlyInternetGatewayId`.
    EgressOnlyInternetGateway,
    /// `TransitGatewayId`.
    TransitGateway,
    /// `LocalGatewayId`.
    LocalGateway,
    /// `CarrierGatewayId`.
    CarrierGateway,
    /// `CoreNetworkArn`.
    CoreNetwork,
    /// `OdbNetworkArn`.
    OdbNetwork,
}

// === impl RouteTable ===

impl RouteTable {
    /// Whether deleting it would take routes away from a subnet or a gateway.
    pub fn is_associated(&self) -> bool {
        self.main.is_some() || !self.associations.is_empty()
    }

    /// The position of the route for a destination.
    pub fn route_position(&self, destination: &RouteDestination) -> Option<usize> {
        self.routes.iter().position(|route| route.destination == *destination)
    }

    /// Subnets with an explicit association.
    pub fn subnets(&self) -> impl Iterator<Item = &SubnetId> {
        self.associations.iter().filter_map(|association| match &association.with {
            Associated::Subnet(subnet) => Some(subnet),
            Associated::Gateway(_) => None,
        })
    }
}

impl fmt::Display for RouteDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => write!(f, "{block}"),
            Self::PrefixList(id) => f.write_str(id),
        }
    }
}

// === impl RouteTargetKind ===

impl RouteTargetKind {
    /// How ids of this kind begin.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::VirtualPrivateGateway => "vgw-",
            Self::VpcEndpoint => "vpce-",
            Self::NatGateway => "nat-",
            Self::NetworkInterface => "eni-",
            Self::PeeringConnection => "pcx-",
            Self::EgressOnlyInternetGateway => "eigw-",
            Self::TransitGateway => "tgw-",
            Self::LocalGateway => "lgw-",
            Self::CarrierGateway => "cagw-",
            Self::CoreNetwork | Self::OdbNetwork => "arn:",
        }
    }

    /// The member of the request.
    pub fn member(self) -> &'static str {
        match self {
            Self::VirtualPrivateGateway => "gatewayId",
            Self::VpcEndpoint => "vpcEndpointId",
            Self::NatGateway => "natGatewayId",
            Self::NetworkInterface => "networkInterfaceId",
            Self::PeeringConnection => "vpcPeeringConnectionId",
            Self::EgressOnlyInternetGateway => "egressOnlyInternetGatewayId",
            Self::TransitGateway => "transitGatewayId",
            Self::LocalGateway => "localGatewayId",
            Self::CarrierGateway => "carrierGatewayId",
            Self::CoreNetwork => "coreNetworkArn",
            Self::OdbNetwork => "odbNetworkArn",
        }
    }
}
