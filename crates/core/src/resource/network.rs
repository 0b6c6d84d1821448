//! The default network of a region: a VPC and one subnet per zone.
//!
//! Invariant: a subnet's block lies inside its VPC's block and does not overlap another subnet's.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Region, SubnetId, Tags, VpcId, ZoneName};

/// What the store keeps of a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Identity.
    pub id: VpcId,
    /// The region it belongs to.
    pub region: Region,
    /// 127.0.0.0/8 for a default VPC.
    pub cidr: IpNet,
    /// Its IPv6 block, a /56, when it has one.
    #[serde(default)]
    pub ipv6_cidr: Option<IpNet>,
    /// Whether new resources land here when no VPC is named.
    pub is_default: bool,
    /// `igw-` and 17 hexadecimal digits, when one is attached.
    pub internet_gateway: Option<String>,
    /// `rtb-` and 17 hexadecimal digits.
    pub route_table: String,
    /// Tags.
    pub tags: Tags,
}

/// What the store keeps of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Identity.
    pub id: SubnetId,
    /// The region it belongs to.
    pub region: Region,
    /// Owner.
    pub vpc: VpcId,
    /// For example `us-east-1a`.
    pub zone: ZoneName,
    /// For example `use1-az1`.
    pub zone_id: String,
    /// Where addresses come from.
    pub cidr: IpNet,
    /// Where its IPv6 addresses come from: a /64 of the VPC's block.
    #[serde(default)]
    pub ipv6_cidr: Option<IpNet>,
    /// Whether it is its zone's default.
    pub is_default: bool,
    /// Tags.
    pub tags: Tags,
}
