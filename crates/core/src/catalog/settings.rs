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
    /// Network load balancers per region.
    pub network_load_balancers: usize,
    /// Gateway load balancers per region.
    pub gateway_load_balancers: usize,
    /// Gateway load balancers per VPC.
    pub gateway_load_balancers_per_vpc: usize,
    /// Network interfaces of network load balancers per VPC; one per zone.
    pub network_interfaces_per_vpc: usize,
    /// Network interfaces of gateway load balancers per VPC.
    pub gateway_interfaces_per_vpc: usize,
    /// Listeners per network load balancer.
    pub listeners_per_network_load_balancer: usize,
    /// Rules per network load balancer, default rules excluded.
    pub rules_per_network_load_balancer: usize,
    /// Certificates per application load balancer, default certificates excluded.
    pub certificates_per_load_balancer: usize,
    /// Certificates per network load balancer, default certificates excluded.
    pub certificates_per_network_load_balancer: usize,
    /// Target groups for gateways per region.
    pub geneve_target_groups: usize,
    /// Targets per network load balancer.
    pub targets_per_network_load_balancer: usize,
    /// Targets per zone of a network load balancer.
    pub targets_per_network_zone: usize,
    /// Targets per zone of a gateway load balancer.
    pub targets_per_gateway_zone: usize,
    /// Capacity units that may be reserved for one application load balancer.
    pub reserved_units_per_load_balancer: usize,
    /// Capacity units that may be reserved for one zone of a network load balancer.
    pub reserved_units_per_network_zone: usize,
    /// Capacity units that may be reserved in a region, for each type of load balancer. AWS begins
    /// with 0, because it keeps machines ready; a reservation here costs nothing.
    pub reserved_units_per_region: usize,
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
    /// VPCs per region, the default one included; internet gateways have the same bound. AWS
    /// begins with 5 and raises it to hundreds for whoever asks.
    pub vpcs: usize,
    /// Certificates of ACM per region.
    pub certificates: usize,
    /// Certificates of IAM.
    pub server_certificates: usize,
    /// Trust stores per region.
    pub trust_stores: usize,
    /// Certificates in the bundle of a trust store.
    pub certificates_per_trust_store: usize,
    /// Bytes of their subjects together.
    pub subject_bytes_per_trust_store: usize,
    /// Revocation lists of a trust store.
    pub revocation_lists_per_trust_store: usize,
    /// Entries of all its revocation lists together.
    pub revoked_entries_per_trust_store: usize,
    /// Prefix lists per region.
    pub prefix_lists: usize,
    /// Elastic addresses per region.
    pub elastic_addresses: usize,
    /// Network interfaces per region that somebody made.
    pub network_interfaces: usize,
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

// === impl AddressPlan ===

impl AddressPlan {
    /// Whether addresses of this block can be bound as they are.
    pub fn carries(&self, cidr: &IpNet) -> bool {
        cidr.network().is_loopback() || self.carried.iter().any(|block| block.contains(cidr))
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
    /// `DescribeAccountLimits`, in AWS's order, with AWS's numbers for what no setting changes.
    // spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
    // spec: nlb-gwlb-clb §9 Quotas
    pub fn account_limits(&self) -> Vec<(&'static str, usize)> {
        let zonal_network = "targets-per-availability-zone-per-network-load-balancer";
        let zonal_gateway = "targets-per-availability-zone-per-gateway-load-balancer";
        let registrations = "target-id-registrations-per-application-load-balancer";
        let action = "target-groups-per-action-on-application-load-balancer";
        let certificates = "certificates-per-network-load-balancer";
        vec![
            ("target-groups", self.target_groups),
            ("targets-per-application-load-balancer", self.targets_per_load_balancer),
            ("listeners-per-application-load-balancer", self.listeners_per_load_balancer),
            ("rules-per-application-load-balancer", self.rules_per_load_balancer),
            ("network-load-balancers", self.network_load_balancers),
            ("targets-per-network-load-balancer", self.targets_per_network_load_balancer),
            (zonal_network, self.targets_per_network_zone),
            ("listeners-per-network-load-balancer", self.listeners_per_network_load_balancer),
            ("condition-values-per-alb-rule", limits::CONDITION_VALUES_PER_RULE_MAX),
            // AWS tells 5 here and accepts 6.
            ("condition-wildcards-per-alb-rule", 5),
            ("target-groups-per-application-load-balancer", self.target_groups_per_load_balancer),
            (action, limits::GROUPS_PER_FORWARD_MAX),
            ("target-groups-per-action-on-network-load-balancer", 1),
            ("certificates-per-application-load-balancer", self.certificates_per_load_balancer),
            (certificates, self.certificates_per_network_load_balancer),
            ("targets-per-target-group", self.targets_per_target_group),
            (registrations, self.registrations_per_target),
            ("network-load-balancer-enis-per-vpc", self.network_interfaces_per_vpc),
            ("application-load-balancers", self.load_balancers),
            ("gateway-load-balancers", self.gateway_load_balancers),
            ("gateway-load-balancers-per-vpc", self.gateway_load_balancers_per_vpc),
            ("geneve-target-groups", self.geneve_target_groups),
            (zonal_gateway, self.targets_per_gateway_zone),
        ]
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            load_balancers: 50,
            network_load_balancers: 50,
            gateway_load_balancers: 100,
            gateway_load_balancers_per_vpc: 100,
            network_interfaces_per_vpc: 1_200,
            gateway_interfaces_per_vpc: 300,
            listeners_per_network_load_balancer: 50,
            rules_per_network_load_balancer: 100,
            certificates_per_load_balancer: 25,
            certificates_per_network_load_balancer: 25,
            geneve_target_groups: 100,
            targets_per_network_load_balancer: 3_000,
            targets_per_network_zone: 500,
            targets_per_gateway_zone: 300,
            reserved_units_per_load_balancer: 15_000,
            reserved_units_per_network_zone: 45_000,
            reserved_units_per_region: 1_000_000,
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
            vpcs: 100,
            certificates: 2_500,
            server_certificates: 20,
            trust_stores: 20,
            certificates_per_trust_store: 25,
            subject_bytes_per_trust_store: 10_000,
            revocation_lists_per_trust_store: 30,
            revoked_entries_per_trust_store: 500_000,
            prefix_lists: 100,
            elastic_addresses: 5,
            network_interfaces: 5_000,
            instances: 5_000,
        }
    }
}
