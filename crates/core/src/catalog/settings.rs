//! What the operator decides about the catalog: account, domain, quotas, waivers.
//!
//! Invariant: settings change no stored record; a quota that was lowered refuses what is new and
//! keeps what exists.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::limits;
use crate::resource::{AccountId, Region};

/// Settings of one instance of Weir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Owner of everything.
    pub account: AccountId,
    /// Regions that are served.
    pub regions: BTreeSet<Region>,
    /// The end of DNS names: `<name>-<digits>.<region>.elb.<domain>`.
    pub domain: String,
    /// Upper bounds of what may exist.
    pub quotas: Quotas,
    /// Departures from AWS that the operator asked for.
    pub waivers: BTreeSet<Waiver>,
    /// Whether features that no plane carries yet are recorded instead of refused; see
    /// [`super::unserved`].
    pub allow_unserved_types: bool,
    /// Where addresses come from.
    pub addresses: AddressPlan,
}

/// Where the addresses of load balancers come from, and which of them this node can carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPlan {
    /// Blocks that an interface of this node carries, the loopback block among them. A subnet
    /// inside one of them is carried as it is.
    pub carried: Vec<IpNet>,
    /// Loopback addresses that stand in for subnets that nothing carries.
    pub stand_in: Option<IpNet>,
    /// Elastic addresses.
    pub elastic: Vec<IpNet>,
    /// Public addresses of internet-facing load balancers; empty: they have none but their own.
    pub public: Vec<IpNet>,
    /// Public addresses by `ipam-pool-…`.
    pub ipam: BTreeMap<String, Vec<IpNet>>,
}

/// Quotas with AWS's defaults.
// spec: alb §14.1 Quotas
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Application load balancers per region.
    pub load_balancers: usize,
    /// Listeners per load balancer.
    pub listeners_per_load_balancer: usize,
    /// Rules per load balancer, default rules excluded.
    pub rules_per_load_balancer: usize,
    /// Target groups per region.
    pub target_groups: usize,
    /// Unique target groups per load balancer.
    pub target_groups_per_load_balancer: usize,
    /// Targets per target group.
    pub targets_per_target_group: usize,
    /// Targets per load balancer, counted once per group and port.
    pub targets_per_load_balancer: usize,
    /// Registrations of one target id per load balancer.
    pub registrations_per_target: usize,
    /// Security groups of one load balancer or instance.
    pub security_groups_per_interface: usize,
    /// Security groups per region.
    pub security_groups: usize,
    /// Rules per security group and direction.
    pub rules_per_security_group: usize,
    /// Instance records per region, terminated ones included while they are shown.
    pub instances: usize,
}

/// A named departure from AWS, off unless the operator turns it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiver {
    /// `alb-two-azs`: a load balancer may have subnets in a single zone.
    SingleZone,
    /// `sg-in-lb-vpc`: security groups may be of another VPC than the load balancer.
    ForeignSecurityGroup,
    /// `tg-in-lb-vpc`: target groups may be of another VPC than the load balancer.
    ForeignTargetGroup,
    /// `listener-needs-certificate`: HTTPS and TLS listeners may have no certificate.
    NoCertificate,
    /// `igw-for-internet-facing`: internet-facing load balancers need no internet gateway.
    NoInternetGateway,
    /// `subnet-eight-free`: subnets need no eight free addresses.
    CrowdedSubnet,
    /// `target-in-vpc`: instances may be of another VPC than the target group.
    ForeignTarget,
}

// === impl Settings ===

impl Settings {
    /// AWS's defaults for one account and these regions.
    pub fn new(account: AccountId, regions: impl IntoIterator<Item = Region>) -> Self {
        Self {
            account,
            regions: regions.into_iter().collect(),
            domain: "amazonaws.com".to_owned(),
            quotas: Quotas::default(),
            waivers: BTreeSet::new(),
            allow_unserved_types: false,
            addresses: AddressPlan::default(),
        }
    }

    /// Whether the operator waived this rule.
    pub fn waives(&self, waiver: Waiver) -> bool {
        self.waivers.contains(&waiver)
    }
}

// === impl Waiver ===

impl Waiver {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::SingleZone,
        Self::ForeignSecurityGroup,
        Self::ForeignTargetGroup,
        Self::NoCertificate,
        Self::NoInternetGateway,
        Self::CrowdedSubnet,
        Self::ForeignTarget,
    ];

    /// What the operator calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleZone => "alb-two-azs",
            Self::ForeignSecurityGroup => "sg-in-lb-vpc",
            Self::ForeignTargetGroup => "tg-in-lb-vpc",
            Self::NoCertificate => "listener-needs-certificate",
            Self::NoInternetGateway => "igw-for-internet-facing",
            Self::CrowdedSubnet => "subnet-eight-free",
            Self::ForeignTarget => "target-in-vpc",
        }
    }
}

// === impl Quotas ===

impl Quotas {
    /// `DescribeAccountLimits`, in AWS's order. Rows of other load balancer types have AWS's
    /// values: tools expect to see them.
    // spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
    pub fn account_limits(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("target-groups", self.target_groups),
            ("targets-per-application-load-balancer", self.targets_per_load_balancer),
            ("listeners-per-application-load-balancer", self.listeners_per_load_balancer),
            ("rules-per-application-load-balancer", self.rules_per_load_balancer),
            ("network-load-balancers", 50),
            ("targets-per-network-load-balancer", 3_000),
            ("targets-per-availability-zone-per-network-load-balancer", 500),
            ("listeners-per-network-load-balancer", 50),
            ("condition-values-per-alb-rule", limits::CONDITION_VALUES_PER_RULE_MAX),
            ("condition-wildcards-per-alb-rule", limits::CONDITION_WILDCARDS_PER_RULE_MAX),
            ("target-groups-per-application-load-balancer", self.target_groups_per_load_balancer),
            (
                "target-groups-per-action-on-application-load-balancer",
                limits::GROUPS_PER_FORWARD_MAX,
            ),
            ("target-groups-per-action-on-network-load-balancer", 1),
            ("certificates-per-application-load-balancer", 25),
            ("certificates-per-network-load-balancer", 25),
            ("targets-per-target-group", self.targets_per_target_group),
            (
                "target-id-registrations-per-application-load-balancer",
                self.registrations_per_target,
            ),
            ("network-load-balancer-enis-per-vpc", 1_200),
            ("application-load-balancers", self.load_balancers),
            ("gateway-load-balancers", 100),
            ("gateway-load-balancers-per-vpc", 100),
            ("geneve-target-groups", 100),
            ("targets-per-availability-zone-per-gateway-load-balancer", 300),
        ]
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            load_balancers: 50,
            listeners_per_load_balancer: 50,
            rules_per_load_balancer: 100,
            target_groups: 3_000,
            target_groups_per_load_balancer: 100,
            targets_per_target_group: 1_000,
            targets_per_load_balancer: 1_000,
            registrations_per_target: 1_000,
            security_groups_per_interface: 5,
            security_groups: 2_500,
            rules_per_security_group: 60,
            instances: 5_000,
        }
    }
}
