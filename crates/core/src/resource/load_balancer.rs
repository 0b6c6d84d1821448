//! A load balancer: where it listens and how it treats connections.
//!
//! Its addresses are decided at creation, one per zone, from the zone's subnet; its interfaces
//! (`DescribeNetworkInterfaces`) are derived from them and vanish with it.
//!
//! Invariant: `zones` is sorted by zone name, holds each zone once, and every address lies in its
//! subnet and belongs to no other record.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{
    AllocationId, AttributeValues, InterfaceId, LoadBalancerArn, Region, SecurityGroupId, SubnetId,
    Tags, VpcId, ZoneName,
};

/// `Type` in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadBalancerKind {
    /// HTTP and HTTPS with content routing.
    Application,
    /// TCP, UDP, TLS, QUIC.
    Network,
    /// GENEVE appliance fleets.
    Gateway,
}

/// Whether the DNS name and addresses are meant for the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// The default.
    InternetFacing,
    /// DNS name starts with `internal-`.
    Internal,
}

/// Address families of the load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpAddressType {
    /// The default.
    Ipv4,
    /// IPv4 and IPv6.
    Dualstack,
    /// IPv6 outside, both inside.
    DualstackWithoutPublicIpv4,
}

/// The presence of a load balancer in one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerZone {
    /// For example `us-east-1a`.
    pub zone: ZoneName,
    /// The subnet that the address comes from.
    pub subnet: SubnetId,
    /// Its IPv4 address in the subnet.
    pub address: IpAddr,
    /// Its IPv6 address in the subnet, unless it is IPv4 only.
    #[serde(default)]
    pub ipv6: Option<Ipv6Addr>,
    /// Its address from a public pool, when it has one.
    #[serde(default)]
    pub public: Option<PublicAddress>,
    /// The loopback address that carries it when no interface of this node carries the subnet.
    #[serde(default)]
    pub stand_in: Option<IpAddr>,
    /// Whether the caller chose the addresses; only such ones are shown.
    // spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)
    #[serde(default)]
    pub chosen: bool,
    /// `SourceNatIpv6Prefix`, when there is one.
    #[serde(default)]
    pub source_nat_prefix: Option<String>,
    /// The interface that carries the addresses, shown by `DescribeNetworkInterfaces`.
    pub interface: InterfaceId,
}

/// An address that is not of the subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAddress {
    /// From a public pool, or an elastic address.
    pub address: Ipv4Addr,
    /// The elastic address that it is.
    pub allocation: Option<AllocationId>,
}

/// What the store keeps of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Identity.
    pub arn: LoadBalancerArn,
    /// Unique per region.
    pub name: String,
    /// The region it belongs to.
    pub region: Region,
    /// `application`, `network` or `gateway`.
    pub kind: LoadBalancerKind,
    /// `internet-facing` or `internal`.
    pub scheme: Scheme,
    /// `ipv4`, `dualstack`, …
    pub ip_address_type: IpAddressType,
    /// The VPC of its subnets.
    pub vpc: VpcId,
    /// Enforced at accept; never empty for an application load balancer.
    pub security_groups: Vec<SecurityGroupId>,
    /// One entry per enabled zone.
    pub zones: Vec<LoadBalancerZone>,
    /// `<name>-<digits>.<region>.elb.<domain>`.
    pub dns_name: String,
    /// `CanonicalHostedZoneId`.
    pub hosted_zone: String,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    /// Set values only; see `attribute`.
    pub attributes: AttributeValues,
    /// Tags.
    pub tags: Tags,
}

// === impl LoadBalancerZone ===

impl LoadBalancerZone {
    /// The addresses that its listeners bind.
    pub fn listens(&self) -> impl Iterator<Item = IpAddr> {
        let own = match self.stand_in {
            Some(stand_in) => [Some(stand_in), None, None],
            None => [
                Some(self.address),
                self.ipv6.map(IpAddr::V6),
                self.public.as_ref().map(|public| IpAddr::V4(public.address)),
            ],
        };
        own.into_iter().flatten()
    }
}

// === impl LoadBalancerKind ===

impl LoadBalancerKind {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Network => "network",
            Self::Gateway => "gateway",
        }
    }

    /// The word inside ARNs: `app`, `net`, `gwy`.
    pub fn family(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Network => "net",
            Self::Gateway => "gwy",
        }
    }
}

// === impl Scheme ===

impl Scheme {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InternetFacing => "internet-facing",
            Self::Internal => "internal",
        }
    }
}

// === impl IpAddressType ===

impl IpAddressType {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::DualstackWithoutPublicIpv4 => "dualstack-without-public-ipv4",
        }
    }
}
