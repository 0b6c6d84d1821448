//! Load balancers: creation, deletion, zones, security groups.
//!
//! Invariant: a load balancer has one address in each of its zones, taken from that zone's
//! subnet, and at least one security group of its VPC.
// spec: alb §14.3 Zones, subnets, security

use std::collections::BTreeSet;

use super::name::load_balancer_name;
use super::tag::tags_new;
use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::{
    ArnInput, IpAddressTypeSet, LoadBalancerCreate, SecurityGroupsSet, SubnetMapping, SubnetsSet,
};
use crate::catalog::settings::Waiver;
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey};
use crate::resource::attribute::{self, Family};
use crate::resource::{
    AttributeValues, InterfaceId, IpAddressType, LoadBalancer, LoadBalancerArn, LoadBalancerKind,
    LoadBalancerZone, Region, Scheme, SecurityGroupId, Subnet, Tags, VpcId, hosted_zone,
};

/// Addresses that must be free in a subnet before a load balancer may use it.
const SUBNET_FREE_MIN: u32 = 8;
/// Name of the group that every VPC has.
pub(super) const DEFAULT_GROUP: &str = "default";

/// What a create call asks for, after everything it names was found.
struct Wanted<'a> {
    subnets: Vec<&'a Subnet>,
    vpc: VpcId,
    security_groups: Vec<SecurityGroupId>,
    tags: Tags,
}

// === impl Apply: create and delete ===

impl<'a> Apply<'a> {
    pub(super) fn load_balancer_create(
        &mut self,
        input: &LoadBalancerCreate,
    ) -> Result<(), Refusal> {
        load_balancer_name(&input.name)?;
        served(input)?;
        address_type_served(input.ip_address_type, input.scheme)?;
        let tags = tags_new(&input.tags)?;
        let ids = subnet_ids(&input.subnets, &input.subnet_mappings)?;
        let subnets = self.subnets_find(&input.region, &ids, None)?;
        let vpc = subnets.first().ok_or(Refusal::ZonesTooFew {})?.vpc.clone();
        let security_groups = self.groups_or_default(&vpc, &input.security_groups)?;
        let wanted = Wanted { subnets, vpc, security_groups, tags };

        if let Some(found) = self.catalog.load_balancer_named(&input.region, &input.name) {
            if !same_settings(found, input, &wanted) {
                return Err(Refusal::LoadBalancerNameTaken { name: input.name.clone() });
            }
            self.subject(ResourceKey::LoadBalancer(found.arn.clone()));
            return Ok(());
        }
        self.internet_gateway_present(input.scheme, &wanted.vpc)?;
        let limit = self.catalog.settings.quotas.load_balancers;
        let present = self.catalog.index.load_balancers.get(&input.region);
        if present.map_or(0, |names| names.len()) >= limit {
            return Err(Refusal::LoadBalancersTooMany { limit: limit.to_string() });
        }
        let record = self.load_balancer_record(input, wanted)?;
        self.put_subject(Resource::LoadBalancer(record));
        Ok(())
    }

    fn load_balancer_record(
        &mut self,
        input: &LoadBalancerCreate,
        wanted: Wanted<'_>,
    ) -> Result<LoadBalancer, Refusal> {
        let zones = self.zones_take(&wanted.subnets, &[])?;
        let (region, name, family) = (&input.region, &input.name, input.kind.family());
        let (catalog, settings) = (self.catalog, &self.catalog.settings);
        let arn = self.fresh(
            |id| LoadBalancerArn::build(region, &settings.account, family, name, id),
            |arn| catalog.load_balancer(arn).is_some(),
        );
        // spec: control-plane §2.2 DNS names and hosted zones
        let internal = if input.scheme == Scheme::Internal { "internal-" } else { "" };
        let digits = 100_000_000 + self.rng.below(900_000_000);
        let dns_name = format!("{internal}{name}-{digits}.{region}.elb.{}", settings.domain);
        Ok(LoadBalancer {
            arn,
            name: name.clone(),
            region: region.clone(),
            kind: input.kind,
            scheme: input.scheme,
            ip_address_type: input.ip_address_type,
            vpc: wanted.vpc,
            security_groups: wanted.security_groups,
            zones,
            dns_name,
            hosted_zone: hosted_zone::application(region).to_owned(),
            created_ms: self.now.epoch_ms(),
            attributes: AttributeValues::new(),
            tags: wanted.tags,
        })
    }

    /// Deletes a load balancer with its listeners and rules; target groups survive.
    // spec: alb §14.8 Deletion
    pub(super) fn load_balancer_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let Some(lb) = self.catalog.load_balancer_find(&input.region, &input.arn)? else {
            return Ok(());
        };
        let key = "deletion_protection.enabled";
        if attribute::effective_bool(Family::LoadBalancer, key, &lb.attributes) {
            return Err(Refusal::DeletionProtected { arn: input.arn.clone() });
        }
        let catalog = self.catalog;
        for listener in catalog.listeners_of(&lb.arn) {
            self.listener_remove(listener);
        }
        self.decision.changes.delete(ResourceKey::LoadBalancer(lb.arn.clone()));
        Ok(())
    }
}

// === impl Apply: Set… ===

impl<'a> Apply<'a> {
    pub(super) fn security_groups_set(&mut self, input: &SecurityGroupsSet) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        if input.enforce_private_link.is_some() {
            return Err(Refusal::PrivateLinkEnforcement {});
        }
        if input.security_groups.is_empty() {
            return Err(Refusal::SecurityGroupsEmpty {});
        }
        let groups = self.groups_or_default(&lb.vpc, &input.security_groups)?;
        self.load_balancer_replace(lb, |lb| lb.security_groups = groups);
        Ok(())
    }

    pub(super) fn subnets_set(&mut self, input: &SubnetsSet) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        source_nat_served(input.source_nat_prefix.as_ref())?;
        if let Some(kind) = input.ip_address_type {
            address_type_served(kind, lb.scheme)?;
        }
        let ids = subnet_ids(&input.subnets, &input.subnet_mappings)?;
        let subnets = self.subnets_find(&input.region, &ids, Some(&lb.vpc))?;
        let zones = self.zones_take(&subnets, &lb.zones)?;
        self.load_balancer_replace(lb, |lb| lb.zones = zones);
        Ok(())
    }

    pub(super) fn ip_address_type_set(&mut self, input: &IpAddressTypeSet) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        address_type_served(input.ip_address_type, lb.scheme)?;
        self.load_balancer_replace(lb, |lb| lb.ip_address_type = input.ip_address_type);
        Ok(())
    }

    fn load_balancer_replace(&mut self, lb: &LoadBalancer, change: impl FnOnce(&mut LoadBalancer)) {
        let mut changed = lb.clone();
        change(&mut changed);
        if changed == *lb {
            self.subject(ResourceKey::LoadBalancer(changed.arn));
        } else {
            self.put_subject(Resource::LoadBalancer(changed));
        }
    }
}

// === impl Apply: what a load balancer stands on ===

impl<'a> Apply<'a> {
    /// The subnets of a request: known, of one VPC, one per zone, in enough zones.
    fn subnets_find(
        &self,
        region: &Region,
        ids: &[String],
        vpc: Option<&VpcId>,
    ) -> Result<Vec<&'a Subnet>, Refusal> {
        let zones_min = if self.catalog.settings.waives(Waiver::SingleZone) { 1 } else { 2 };
        if ids.len() < zones_min {
            return Err(Refusal::ZonesTooFew {});
        }
        let mut subnets: Vec<&'a Subnet> = Vec::new();
        let mut zones = BTreeSet::new();
        for id in ids {
            let found = self.catalog.subnet(id.as_str()).filter(|s| s.region == *region);
            let subnet = found.ok_or_else(|| Refusal::SubnetNotFound { subnet: id.clone() })?;
            if let Some(vpc) = vpc.filter(|vpc| **vpc != subnet.vpc) {
                let (subnet, vpc) = (id.clone(), vpc.to_string());
                return Err(Refusal::SubnetsWrongVpc { subnet, vpc });
            }
            if subnets.first().is_some_and(|first| first.vpc != subnet.vpc) {
                return Err(Refusal::SubnetsDifferentVpcs {});
            }
            if !zones.insert(&subnet.zone) {
                return Err(Refusal::SubnetsSameZone {});
            }
            subnets.push(subnet);
        }
        Ok(subnets)
    }

    /// One address per subnet, sorted by zone; zones whose subnet stays keep their address.
    fn zones_take(
        &mut self,
        subnets: &[&Subnet],
        current: &[LoadBalancerZone],
    ) -> Result<Vec<LoadBalancerZone>, Refusal> {
        let mut zones = Vec::with_capacity(subnets.len());
        for subnet in subnets {
            if let Some(kept) = current.iter().find(|zone| zone.subnet == subnet.id) {
                zones.push(kept.clone());
                continue;
            }
            let full = || Refusal::SubnetFull { subnet: subnet.id.to_string() };
            if self.catalog.free_addresses(&subnet.id) < SUBNET_FREE_MIN {
                return Err(full());
            }
            let address = self.address_take(&subnet.id).ok_or_else(full)?;
            zones.push(LoadBalancerZone {
                zone: subnet.zone.clone(),
                subnet: subnet.id.clone(),
                address,
                ipv6: None,
                public: None,
                stand_in: None,
                chosen: false,
                source_nat_prefix: None,
                interface: InterfaceId::new(format!("eni-{}", self.rng.hex(EC2_ID_LEN))),
            });
        }
        zones.sort_by(|a, b| a.zone.cmp(&b.zone));
        Ok(zones)
    }

    /// The named groups, each once, or the VPC's default group when none is named.
    fn groups_or_default(
        &self,
        vpc: &VpcId,
        ids: &[String],
    ) -> Result<Vec<SecurityGroupId>, Refusal> {
        let limit = self.catalog.settings.quotas.security_groups_per_interface;
        let mut groups: Vec<SecurityGroupId> = Vec::new();
        for id in ids {
            let found = self.catalog.security_group(id.as_str()).filter(|g| g.vpc == *vpc);
            let group = found.ok_or(Refusal::SecurityGroupsInvalid {})?;
            if !groups.contains(&group.id) {
                groups.push(group.id.clone());
            }
        }
        if groups.len() > limit {
            return Err(Refusal::SecurityGroupsTooMany { limit: limit.to_string() });
        }
        if groups.is_empty() {
            let group = self.catalog.security_group_named(vpc, DEFAULT_GROUP);
            groups.push(group.ok_or(Refusal::SecurityGroupsInvalid {})?.id.clone());
        }
        Ok(groups)
    }

    fn internet_gateway_present(&self, scheme: Scheme, vpc: &VpcId) -> Result<(), Refusal> {
        let record = self.catalog.vpc(vpc);
        let gateway = record.is_some_and(|record| record.internet_gateway.is_some());
        if scheme == Scheme::InternetFacing && !gateway {
            return Err(Refusal::NoInternetGateway { vpc: vpc.to_string() });
        }
        Ok(())
    }
}

fn served(input: &LoadBalancerCreate) -> Result<(), Refusal> {
    let feature = match input.kind {
        LoadBalancerKind::Application => None,
        LoadBalancerKind::Network => Some(Feature::NetworkLoadBalancer),
        LoadBalancerKind::Gateway => Some(Feature::GatewayLoadBalancer),
    };
    if let Some(feature) = feature {
        return Err(Refusal::unserved(feature, ""));
    }
    if let Some(pool) = &input.customer_owned_pool {
        return Err(Refusal::unserved(Feature::CustomerOwnedPool, pool));
    }
    if let Some(pool) = &input.ipam_pool {
        return Err(Refusal::unserved(Feature::IpamPool, pool));
    }
    source_nat_served(input.source_nat_prefix.as_ref())
}

fn source_nat_served(value: Option<&String>) -> Result<(), Refusal> {
    match value.filter(|value| *value != "off") {
        Some(value) => Err(Refusal::unserved(Feature::SourceNatPrefix, value)),
        None => Ok(()),
    }
}

/// No subnet has an IPv6 block yet, so AWS's own refusal fits.
// spec: alb §0.5 Structure enums and ranges that gate the data plane [A]
fn address_type_served(kind: IpAddressType, scheme: Scheme) -> Result<(), Refusal> {
    match (kind, scheme) {
        (IpAddressType::Ipv4, _) => Ok(()),
        (IpAddressType::DualstackWithoutPublicIpv4, Scheme::Internal) => {
            Err(Refusal::InternalWithoutPublicIpv4 {})
        }
        (IpAddressType::Dualstack | IpAddressType::DualstackWithoutPublicIpv4, _) => {
            Err(Refusal::NoIpv6Cidr {})
        }
    }
}

fn subnet_ids(subnets: &[String], mappings: &[SubnetMapping]) -> Result<Vec<String>, Refusal> {
    if !subnets.is_empty() && !mappings.is_empty() {
        return Err(Refusal::SubnetsAndMappings {});
    }
    for mapping in mappings {
        let SubnetMapping { subnet: _, allocation, private_ipv4, ipv6, source_nat_prefix } =
            mapping;
        let given = [allocation, private_ipv4, ipv6, source_nat_prefix].into_iter().flatten();
        if let Some(value) = given.into_iter().next() {
            return Err(Refusal::unserved(Feature::SubnetMappingAddress, value));
        }
    }
    Ok(subnets.iter().chain(mappings.iter().map(|mapping| &mapping.subnet)).cloned().collect())
}

/// Whether a repeated create call asks for what exists.
// spec: alb §0.1 Wire protocol [A]
fn same_settings(found: &LoadBalancer, input: &LoadBalancerCreate, wanted: &Wanted<'_>) -> bool {
    let subnets: BTreeSet<_> = wanted.subnets.iter().map(|subnet| &subnet.id).collect();
    let groups: BTreeSet<_> = wanted.security_groups.iter().collect();
    found.kind == input.kind
        && found.scheme == input.scheme
        && found.ip_address_type == input.ip_address_type
        && found.zones.iter().map(|zone| &zone.subnet).collect::<BTreeSet<_>>() == subnets
        && found.security_groups.iter().collect::<BTreeSet<_>>() == groups
        && found.tags == wanted.tags
}
