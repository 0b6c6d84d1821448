//! Networks: VPCs, their subnets and internet gateways; the zones that a region has.
//!
//! Invariant: a subnet's block lies inside a block of its VPC and overlaps no other subnet of it;
//! a gateway is attached to one VPC at most, and a VPC to one gateway.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{InternetGatewayId, Region, SubnetId, Tags, VpcId, ZoneName};

/// Letters of a region's zones.
const ZONES: [&str; 3] = ["a", "b", "c"];

/// What the store keeps of a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Identity.
    pub id: VpcId,
    /// The region it belongs to.
    pub region: Region,
    /// The primary block: 127.0.0.0/8 for a default VPC.
    pub cidr: IpNet,
    /// Further IPv4 blocks, in the order of their association.
    #[serde(default)]
    pub more_cidrs: Vec<CidrAssociation>,
    /// Its IPv6 block, usually a /56, when it has one.
    #[serde(default)]
    pub ipv6_cidr: Option<IpNet>,
    /// `vpc-cidr-assoc-…` of the IPv6 block.
    #[serde(default)]
    pub ipv6_association: Option<String>,
    /// Whether new resources land here when no VPC is named.
    pub is_default: bool,
    /// What ModifyVpcAttribute changes.
    #[serde(default)]
    pub attributes: VpcAttributes,
    /// Tags.
    pub tags: Tags,
}

/// A block that was added to a VPC after its creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidrAssociation {
    /// `vpc-cidr-assoc-…`.
    pub id: String,
    /// The block.
    pub cidr: IpNet,
}

/// Switches of a VPC. Weir answers no DNS queries of its machines: they are recorded and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcAttributes {
    /// `InstanceTenancy` is `dedicated`.
    pub dedicated: bool,
    /// `enableDnsSupport`.
    pub dns_support: bool,
    /// `enableDnsHostnames`.
    pub dns_hostnames: bool,
    /// `enableNetworkAddressUsageMetrics`.
    pub usage_metrics: bool,
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
    /// Where its IPv6 addresses come from: usually a /64 of the VPC's block.
    #[serde(default)]
    pub ipv6_cidr: Option<IpNet>,
    /// `subnet-cidr-assoc-…` of the IPv6 block.
    #[serde(default)]
    pub ipv6_association: Option<String>,
    /// Whether it is its zone's default.
    pub is_default: bool,
    /// What ModifySubnetAttribute changes.
    #[serde(default)]
    pub attributes: SubnetAttributes,
    /// Tags.
    pub tags: Tags,
}

/// Switches of a subnet; they tell what happens to machines that are launched in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetAttributes {
    /// `MapPublicIpOnLaunch`.
    pub map_public_ip: bool,
    /// `AssignIpv6AddressOnCreation`.
    pub assign_ipv6: bool,
    /// `EnableDns64`.
    pub dns64: bool,
    /// `PrivateDnsHostnameTypeOnLaunch` is `resource-name`, not `ip-name`.
    pub resource_names: bool,
    /// `EnableResourceNameDnsARecordOnLaunch`.
    pub resource_name_a: bool,
    /// `EnableResourceNameDnsAAAARecordOnLaunch`.
    pub resource_name_aaaa: bool,
}

/// What the store keeps of an internet gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Identity.
    pub id: InternetGatewayId,
    /// The region it belongs to.
    pub region: Region,
    /// The VPC that it is attached to.
    pub vpc: Option<VpcId>,
    /// Tags.
    pub tags: Tags,
}

/// One zone of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// For example `us-east-1a`.
    pub name: ZoneName,
    /// For example `use1-az1`.
    pub id: String,
}

// === impl Vpc ===

impl Vpc {
    /// Its IPv4 blocks, the primary one first.
    pub fn cidrs(&self) -> impl Iterator<Item = &IpNet> {
        std::iter::once(&self.cidr).chain(self.more_cidrs.iter().map(|more| &more.cidr))
    }

    /// Whether an address lies in one of its blocks.
    pub fn holds(&self, address: &IpAddr) -> bool {
        self.cidrs().chain(&self.ipv6_cidr).any(|cidr| cidr.contains(address))
    }

    /// Whether a block lies in one of its blocks.
    pub fn holds_block(&self, block: &IpNet) -> bool {
        self.cidrs().chain(&self.ipv6_cidr).any(|cidr| cidr.contains(block))
    }

    /// `vpc-cidr-assoc-…` of the primary block.
    pub fn primary_association(&self) -> String {
        format!("vpc-cidr-assoc-{}", digits(self.id.as_str()))
    }

    /// `acl-…` of its default network ACL, which nothing can change.
    pub fn network_acl(&self) -> String {
        format!("acl-{}", digits(self.id.as_str()))
    }
}

// === impl VpcAttributes ===

impl Default for VpcAttributes {
    /// As of a VPC that was created without further wishes.
    fn default() -> Self {
        Self { dedicated: false, dns_support: true, dns_hostnames: false, usage_metrics: false }
    }
}

/// Whether two blocks share an address.
pub fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// The zones of a region, whether they have subnets or not.
pub fn zones_of(region: &Region) -> [Zone; ZONES.len()] {
    let short = short_name(region.as_str());
    std::array::from_fn(|index| Zone {
        name: ZoneName::new(format!("{region}{}", ZONES[index])),
        id: format!("{short}-az{}", index + 1),
    })
}

/// The hexadecimal end of an id, for ids that are derived from it.
fn digits(id: &str) -> &str {
    id.rsplit('-').next().unwrap_or(id)
}

/// `us-east-1` becomes `use1`, as in zone ids.
fn short_name(region: &str) -> String {
    let mut parts = region.split('-');
    let area = parts.next().unwrap_or_default();
    let rest: String = parts
        .map(|part| match part {
            "northeast" => "ne".to_owned(),
            "northwest" => "nw".to_owned(),
            "southeast" => "se".to_owned(),
            "southwest" => "sw".to_owned(),
            other => other.chars().take(1).collect(),
        })
        .collect();
    format!("{area}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_look_like_aws() {
        assert_eq!(short_name("us-east-1"), "use1");
        assert_eq!(short_name("ap-northeast-2"), "apne2");
        assert_eq!(short_name("eu-central-1"), "euc1");
        let [_, b, _] = zones_of(&Region::new("us-east-1"));
        assert_eq!((b.name.as_str(), b.id.as_str()), ("us-east-1b", "use1-az2"));
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let text = r#"{"id":"vpc-1","region":"us-east-1","cidr":"127.0.0.0/8","is_default":true,
            "internet_gateway":"igw-1","route_table":"rtb-1","tags":{}}"#;
        let vpc: Vpc = serde_json::from_str(text).unwrap();
        assert!(vpc.attributes.dns_support && vpc.more_cidrs.is_empty());
        assert!(vpc.holds(&"127.1.2.3".parse().unwrap()) && !vpc.holds(&"::1".parse().unwrap()));
    }
}
