//! A security group and its rules. Ingress is enforced when a connection is accepted.
//!
//! Invariant: `from_port <= to_port` where ports mean something.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{PrefixListId, Region, SecurityGroupId, Tags, VpcId};

/// What the store keeps of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Identity.
    pub id: SecurityGroupId,
    /// The region it belongs to.
    pub region: Region,
    /// Owner.
    pub vpc: VpcId,
    /// Unique per VPC.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Who may connect.
    pub ingress: Vec<SecurityGroupRule>,
    /// Recorded; outgoing traffic is not filtered.
    pub egress: Vec<SecurityGroupRule>,
    /// Tags.
    pub tags: Tags,
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// `sgr-` and 17 hexadecimal digits.
    pub id: String,
    /// `-1` (all), `tcp`, `udp`, `icmp`, `icmpv6` or a protocol number.
    pub protocol: String,
    /// First port; `None` for all.
    pub from_port: Option<i32>,
    /// Last port; `None` for all.
    pub to_port: Option<i32>,
    /// The other side.
    pub peer: TrafficPeer,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// The other side of a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficPeer {
    /// An address block.
    Cidr(IpNet),
    /// Members of a security group: addresses of instances and load balancers that carry it.
    Group(SecurityGroupId),
    /// The entries of a prefix list, whatever they are at the time.
    PrefixList(PrefixListId),
}
