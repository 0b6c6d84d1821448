//! A load balancer: where it listens and how it treats connections.
//!
//! Its addresses are decided at creation, one per zone, from the zone's subnet; its interfaces
//! (`DescribeNetworkInterfaces`) are derived from them and vanish with it.
//!
//! Invariant: `zones` is sorted by zone name, holds each zone once, and every address lies in its
//! subnet and belongs to no other record.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    AttributeValues, InterfaceId, LoadBalancerArn, Region, SecurityGroupId, SubnetId, Tags, VpcId,
    ZoneName,
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
    /// Where the load balancer listens in this zone.
    pub address: IpAddr,
    /// The interface that carries the address, shown by `DescribeNetworkInterfaces`.
    pub interface: InterfaceId,
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
