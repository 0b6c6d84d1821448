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
    // spec: nlb-gwlb-clb §1.4 Addresses, subnets, zones [D][M]
    #[serde(default)]
    pub chosen: bool,
    /// `SourceNatIpv6Prefix`, when there is one.
    #[serde(default)]
    pub source_nat_prefix: Option<String>,
    /// The interface that carries the addresses, shown by `DescribeNetworkInterfaces`.
    pub interface: InterfaceId,
    /// Tags of that interface.
    #[serde(default)]
    pub interface_tags: Tags,
}

/// An address that is not of the subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAddress {
    /// From a public pool, or an elastic address.
    pub address: Ipv4Addr,
    /// The elastic address that it is.
    pub allocation: Option<AllocationId>,
}

/// Capacity that is kept for a load balancer. Weir has it at once: what the machine can carry is
/// there whether it is reserved or not.
// spec: alb §14.7 LCU and capacity reservation
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityReservation {
    /// Capacity units of all zones together; `None` since it was reset.
    pub units: Option<u32>,
    /// Milliseconds since the epoch.
    pub modified_ms: i64,
    /// When units were last taken away, in milliseconds since the epoch, oldest first; of one day.
    pub decreases: Vec<i64>,
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
    /// Enforced at accept. Never empty for an application load balancer, always for a gateway;
    /// a network load balancer has some from the start or never.
    pub security_groups: Vec<SecurityGroupId>,
    /// One entry per enabled zone.
    pub zones: Vec<LoadBalancerZone>,
    /// `<name>-<digits>.<region>.elb.<domain>` of application load balancers,
    /// `<name>-<id>.elb.<region>.<domain>` of network ones; gateways have none.
    pub dns_name: String,
    /// `CanonicalHostedZoneId`; gateways have none.
    pub hosted_zone: String,
    /// `CustomerOwnedIpv4Pool`.
    #[serde(default)]
    pub customer_owned_pool: Option<String>,
    /// `IpamPools.Ipv4IpamPoolId`.
    #[serde(default)]
    pub ipam_pool: Option<String>,
    /// `EnablePrefixForIpv6SourceNat` of a network load balancer.
    #[serde(default)]
    pub source_nat: bool,
    /// `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic` of a network load balancer, when
    /// somebody set it; AWS's default is on.
    #[serde(default)]
    pub enforce_private_link: Option<bool>,
    /// What ModifyCapacityReservation last asked for.
    #[serde(default)]
    pub capacity: Option<CapacityReservation>,
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
                // A loopback subnet has no IPv6 addresses that this machine could bind: they are
                // shown, and traffic comes by the IPv4 one.
                self.ipv6.map(IpAddr::V6).filter(|_| !self.address.is_loopback()),
                self.public.as_ref().map(|public| IpAddr::V4(public.address)),
            ],
        };
        own.into_iter().flatten()
    }
}

// === impl CapacityReservation ===

impl CapacityReservation {
    /// How often a reservation may be made smaller in a day.
    pub const DECREASES_PER_DAY: usize = 2;
    const DAY_MS: i64 = 24 * 3_600 * 1_000;

    /// The decreases of the 24 hours before `now_ms`.
    pub fn recent_decreases(&self, now_ms: i64) -> impl Iterator<Item = i64> {
        self.decreases.iter().copied().filter(move |at| now_ms - at < Self::DAY_MS)
    }

    /// `DecreaseRequestsRemaining`.
    pub fn decreases_left(&self, now_ms: i64) -> usize {
        Self::DECREASES_PER_DAY.saturating_sub(self.recent_decreases(now_ms).count())
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
