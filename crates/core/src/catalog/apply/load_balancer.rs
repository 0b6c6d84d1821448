//! Load balancers: creation and deletion.
//!
//! Invariant: a load balancer has one zone per subnet, and what its type does not have was
//! refused before anything was looked up.
// spec: alb §14.3 Zones, subnets, security
// spec: nlb-gwlb-clb §0.3 Load balancer object and state machine [M]

use std::collections::BTreeSet;

use super::Apply;
use super::address::ZonesWanted;
use super::name::load_balancer_name;
pub(super) use super::placement::DEFAULT_GROUP;
use super::placement::{address_type_fits, is_on, places, subnet_ids};
use super::tag::tags_new;
use crate::catalog::command::{ArnInput, LoadBalancerCreate, SubnetMapping};
use crate::catalog::unserved::Feature;
use crate::catalog::{LoadBalancerRefusal, Refusal, Resource, ResourceKey};
use crate::resource::attribute::{self, Family};
use crate::resource::{
    AttributeValues, LoadBalancer, LoadBalancerArn, LoadBalancerKind, LoadBalancerZone, Scheme,
    SecurityGroupId, Tags, VpcId, hosted_zone,
};

/// What a create call asks for, after everything it names was found.
struct Wanted<'a> {
    zones: ZonesWanted<'a>,
    vpc: VpcId,
    security_groups: Vec<SecurityGroupId>,
    tags: Tags,
}

// === impl Apply: create ===

impl<'a> Apply<'a> {
    pub(super) fn load_balancer_create(
        &mut self,
        input: &LoadBalancerCreate,
    ) -> Result<(), Refusal> {
        load_balancer_name(&input.name)?;
        type_fits(input)?;
        let tags = tags_new(&input.tags)?;
        let wanted = self.load_balancer_wanted(input, tags)?;
        if let Some(found) = self.catalog.load_balancer_named(&input.region, &input.name) {
            if !same_settings(found, input, &wanted) {
                return Err(Refusal::LoadBalancerNameTaken { name: input.name.clone() });
            }
            self.subject(ResourceKey::LoadBalancer(found.arn.clone()));
            return Ok(());
        }
        self.internet_gateway_present(input.kind, wanted.zones.scheme, &wanted.vpc)?;
        self.load_balancer_admitted(input, &wanted)?;
        self.load_balancer_served(input)?;
        let record = self.load_balancer_record(input, wanted)?;
        self.put_subject(Resource::LoadBalancer(record));
        Ok(())
    }

    fn load_balancer_wanted<'i>(
        &self,
        input: &'i LoadBalancerCreate,
        tags: Tags,
    ) -> Result<Wanted<'i>, Refusal>
    where
        'a: 'i,
    {
        let ids = subnet_ids(&input.subnets, &input.subnet_mappings)?;
        let subnets = self.subnets_find(&input.region, input.kind, &ids, None)?;
        let vpc = subnets.first().ok_or(LoadBalancerRefusal::SubnetsMissing {})?.vpc.clone();
        let security_groups = match input.kind {
            LoadBalancerKind::Application => {
                self.groups_or_default(&vpc, &input.security_groups)?
            }
            // A network load balancer without groups lets everybody in.
            // spec: nlb-gwlb-clb §1.15 Security groups [D][M]
            LoadBalancerKind::Network => self.groups_find(&vpc, &input.security_groups)?,
            LoadBalancerKind::Gateway => Vec::new(),
        };
        let zones = ZonesWanted {
            region: &input.region,
            kind: input.kind,
            scheme: scheme(input),
            ip_address_type: input.ip_address_type,
            ipam_pool: input.ipam_pool.as_deref(),
            source_nat: is_on(input.source_nat_prefix.as_ref()),
            places: places(&subnets, &input.subnet_mappings),
            current: &[],
        };
        zones.is_possible()?;
        Ok(Wanted { zones, vpc, security_groups, tags })
    }

    /// Whether the quotas have room for it.
    // spec: nlb-gwlb-clb §9 Quotas
    fn load_balancer_admitted(
        &self,
        input: &LoadBalancerCreate,
        wanted: &Wanted<'_>,
    ) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let kind = input.kind;
        let same = self.catalog.load_balancers_in(&input.region).filter(|lb| lb.kind == kind);
        let (mut count, mut in_vpc, mut interfaces) = (0, 0, wanted.zones.places.len());
        for lb in same {
            count += 1;
            if lb.vpc == wanted.vpc {
                in_vpc += 1;
                interfaces += lb.zones.len();
            }
        }
        let name = || kind.as_str().to_owned();
        let (limit, per_vpc, interface_limit) = match kind {
            LoadBalancerKind::Application => (quotas.load_balancers, usize::MAX, usize::MAX),
            LoadBalancerKind::Network => {
                (quotas.network_load_balancers, usize::MAX, quotas.network_interfaces_per_vpc)
            }
            LoadBalancerKind::Gateway => (
                quotas.gateway_load_balancers,
                quotas.gateway_load_balancers_per_vpc,
                quotas.gateway_interfaces_per_vpc,
            ),
        };
        if count >= limit {
            return Err(Refusal::LoadBalancersTooMany { kind: name(), limit: limit.to_string() });
        }
        if in_vpc >= per_vpc {
            let limit = per_vpc.to_string();
            return Err(LoadBalancerRefusal::GatewaysPerVpcTooMany { limit }.into());
        }
        if interfaces > interface_limit {
            let (kind, limit) = (name(), interface_limit.to_string());
            return Err(LoadBalancerRefusal::InterfacesPerVpcTooMany { kind, limit }.into());
        }
        Ok(())
    }

    fn load_balancer_served(&self, input: &LoadBalancerCreate) -> Result<(), Refusal> {
        match input.kind {
            LoadBalancerKind::Application => {}
            LoadBalancerKind::Network => self.unserved(Feature::NetworkLoadBalancer, "")?,
            LoadBalancerKind::Gateway => self.unserved(Feature::GatewayLoadBalancer, "")?,
        }
        match &input.customer_owned_pool {
            Some(pool) => self.unserved(Feature::CustomerOwnedPool, pool),
            None => Ok(()),
        }
    }

    fn load_balancer_record(
        &mut self,
        input: &LoadBalancerCreate,
        wanted: Wanted<'_>,
    ) -> Result<LoadBalancer, Refusal> {
        let zones = self.zones_take(&wanted.zones)?;
        let (region, name, family) = (&input.region, &input.name, input.kind.family());
        let (catalog, settings) = (self.catalog, &self.catalog.settings);
        let arn = self.fresh(
            |id| LoadBalancerArn::build(region, &settings.account, family, name, id),
            |arn| catalog.load_balancer(arn).is_some(),
        );
        let (dns_name, hosted_zone) = self.dns_name(input, &arn);
        Ok(LoadBalancer {
            arn,
            name: name.clone(),
            region: region.clone(),
            kind: input.kind,
            scheme: wanted.zones.scheme,
            ip_address_type: input.ip_address_type,
            vpc: wanted.vpc,
            security_groups: wanted.security_groups,
            zones,
            dns_name,
            hosted_zone,
            customer_owned_pool: input.customer_owned_pool.clone(),
            ipam_pool: input.ipam_pool.clone(),
            source_nat: wanted.zones.source_nat,
            enforce_private_link: None,
            capacity: None,
            created_ms: self.now.epoch_ms(),
            attributes: AttributeValues::new(),
            tags: wanted.tags,
        })
    }

    /// `DNSName` and `CanonicalHostedZoneId`. What enters a gateway comes through endpoints, so
    /// it has neither.
    // spec: control-plane §2.2 DNS names and hosted zones
    // spec: nlb-gwlb-clb §0.2 Names, ARNs, DNS [M][D]
    fn dns_name(&mut self, input: &LoadBalancerCreate, arn: &LoadBalancerArn) -> (String, String) {
        let (region, name) = (&input.region, &input.name);
        let domain = &self.catalog.settings.domain;
        match input.kind {
            LoadBalancerKind::Application => {
                let internal = if scheme(input) == Scheme::Internal { "internal-" } else { "" };
                let digits = 100_000_000 + self.rng.below(900_000_000);
                let dns_name = format!("{internal}{name}-{digits}.{region}.elb.{domain}");
                (dns_name, hosted_zone::application(region).to_owned())
            }
            LoadBalancerKind::Network => {
                let id = arn.as_str().rsplit('/').next().unwrap_or_default();
                let dns_name = format!("{name}-{id}.elb.{region}.{domain}");
                (dns_name, hosted_zone::network(region).to_owned())
            }
            LoadBalancerKind::Gateway => (String::new(), String::new()),
        }
    }
}

// === impl Apply: delete ===

impl Apply<'_> {
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
        // spec: nlb-gwlb-clb §1.11 Target types and registration [D][M]
        if self.catalog.groups_with_target(lb.arn.as_str()).next().is_some() {
            let arn = input.arn.clone();
            return Err(crate::catalog::RoutingRefusal::BalancerTargeted { arn }.into());
        }
        let catalog = self.catalog;
        for listener in catalog.listeners_of(&lb.arn) {
            self.listener_remove(listener);
        }
        self.decision.changes.delete(ResourceKey::LoadBalancer(lb.arn.clone()));
        Ok(())
    }
}

/// Nothing public leads to a gateway.
fn scheme(input: &LoadBalancerCreate) -> Scheme {
    match input.kind {
        LoadBalancerKind::Gateway => Scheme::Internal,
        _ => input.scheme.unwrap_or(Scheme::InternetFacing),
    }
}

/// Refuses what the type does not have.
fn type_fits(input: &LoadBalancerCreate) -> Result<(), Refusal> {
    let kind = || input.kind.as_str().to_owned();
    let foreign = |member: &str| LoadBalancerRefusal::MemberForeign {
        member: member.to_owned(),
        kind: kind(),
    };
    let (application, network) =
        (input.kind == LoadBalancerKind::Application, input.kind == LoadBalancerKind::Network);
    if input.kind == LoadBalancerKind::Gateway {
        if input.scheme.is_some() {
            return Err(LoadBalancerRefusal::SchemeForeign { kind: kind() }.into());
        }
        if !input.security_groups.is_empty() {
            return Err(foreign("SecurityGroups").into());
        }
    }
    address_type_fits(input.kind, scheme(input), input.ip_address_type)?;
    if input.customer_owned_pool.is_some() && !application {
        return Err(foreign("CustomerOwnedIpv4Pool").into());
    }
    if input.ipam_pool.is_some() {
        if !application {
            return Err(foreign("IpamPools").into());
        }
        ipam_pool_fits(scheme(input), input.ip_address_type)?;
    }
    if is_on(input.source_nat_prefix.as_ref()) && !network {
        return Err(foreign("EnablePrefixForIpv6SourceNat").into());
    }
    Ok(())
}

/// Whether public IPv4 addresses may come from a pool.
// spec: alb §14.2 Names and DNS
pub(super) fn ipam_pool_fits(
    scheme: Scheme,
    ip_address_type: crate::resource::IpAddressType,
) -> Result<(), Refusal> {
    use crate::resource::IpAddressType::DualstackWithoutPublicIpv4;
    if scheme == Scheme::Internal || ip_address_type == DualstackWithoutPublicIpv4 {
        return Err(LoadBalancerRefusal::IpamPoolPlace {}.into());
    }
    Ok(())
}

/// Whether a repeated create call asks for what exists: the same settings, however they were
/// spelled (order, `Subnets` or `SubnetMappings`, defaults named or left out).
// spec: alb §0.1 Wire protocol [A]
fn same_settings(found: &LoadBalancer, input: &LoadBalancerCreate, wanted: &Wanted<'_>) -> bool {
    let groups: BTreeSet<_> = wanted.security_groups.iter().collect();
    found.kind == input.kind
        && found.scheme == wanted.zones.scheme
        && found.ip_address_type == input.ip_address_type
        && found.customer_owned_pool == input.customer_owned_pool
        && found.ipam_pool == input.ipam_pool
        && found.source_nat == wanted.zones.source_nat
        && found.security_groups.iter().collect::<BTreeSet<_>>() == groups
        && found.tags == wanted.tags
        && same_places(&found.zones, &wanted.zones)
}

fn same_places(found: &[LoadBalancerZone], wanted: &ZonesWanted<'_>) -> bool {
    let same = |zone: &LoadBalancerZone| {
        let mut places = wanted.places.iter();
        let place = places.find(|(subnet, _)| subnet.id == zone.subnet);
        place.is_some_and(|(_, mapping)| same_addresses(zone, *mapping))
    };
    found.len() == wanted.places.len() && found.iter().all(same)
}

/// Whether the addresses that a zone has are those that the caller chose now as then.
fn same_addresses(zone: &LoadBalancerZone, mapping: Option<&SubnetMapping>) -> bool {
    let Some(SubnetMapping { subnet: _, allocation, private_ipv4, ipv6, source_nat_prefix }) =
        mapping
    else {
        return !zone.chosen;
    };
    let elastic = zone.public.as_ref().and_then(|public| public.allocation.as_ref());
    let chosen = [allocation, private_ipv4, ipv6].into_iter().any(Option::is_some);
    let prefix = source_nat_prefix.as_ref().filter(|prefix| *prefix != "auto_assigned");
    chosen == zone.chosen
        && allocation.as_deref().is_none_or(|id| elastic.is_some_and(|own| own.as_str() == id))
        && private_ipv4.as_ref().is_none_or(|text| text.parse() == Ok(zone.address))
        && ipv6.as_ref().is_none_or(|text| text.parse().ok() == zone.ipv6)
        && prefix.is_none_or(|prefix| zone.source_nat_prefix.as_ref() == Some(prefix))
}
