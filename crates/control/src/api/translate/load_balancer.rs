//! Load balancers in the API's words.
//!
//! Invariant: the response that creates a load balancer says `provisioning`; every later one says
//! `active`, or `active_impaired` with the reason. What no plane carries stays `provisioning`.
// spec: control-plane §2.3 State machines

use std::collections::BTreeMap;

use weir_core::catalog::command::{
    ArnInput, IpAddressTypeSet, IpPoolsModify, LoadBalancerCreate, SecurityGroupsSet,
    SubnetMapping, SubnetsSet,
};
use weir_core::catalog::{
    Catalog, Command, Decision, LoadBalancerRefusal, Page, Refusal, Resource, Standing,
};
use weir_core::limits as core_limits;
use weir_core::resource::{
    IpAddressType, LoadBalancer, LoadBalancerArn, LoadBalancerKind, LoadBalancerZone, Scheme,
};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;
use weir_wire::time::Time;

use super::super::call::Call;
use super::super::limits;
use super::page::Wanted;
use super::{pairs, required, selected, subject};

/// `CreateLoadBalancer`.
pub async fn create(
    call: &Call,
    input: api::CreateLoadBalancerInput,
) -> Result<api::CreateLoadBalancerOutput, ApiError> {
    let ipam_pool = input.ipam_pools.and_then(|pools| pools.ipv4_ipam_pool_id);
    let command = LoadBalancerCreate {
        region: call.facts.region.clone(),
        name: required(input.name),
        kind: kind(input.r#type.as_deref()),
        scheme: input.scheme.as_deref().map(scheme),
        ip_address_type: ip_address_type(input.ip_address_type.as_deref())
            .unwrap_or(IpAddressType::Ipv4),
        subnets: input.subnets.unwrap_or_default(),
        subnet_mappings: subnet_mappings(input.subnet_mappings),
        security_groups: input.security_groups.unwrap_or_default(),
        customer_owned_pool: input.customer_owned_ipv4_pool,
        ipam_pool,
        source_nat_prefix: input.enable_prefix_for_ipv6_source_nat,
        tags: pairs(input.tags),
    };
    let decision = call.submit(Command::LoadBalancerCreate(command)).await?;
    let lb = after(call, &decision)?;
    let standing = call.read(|catalog| Ok(catalog.standing(lb)))?;
    let is_new = !decision.changes.is_empty() && standing.is_active;
    let state =
        if is_new { state("provisioning", None) } else { state_of(call, &lb.arn, standing) };
    Ok(api::CreateLoadBalancerOutput { load_balancers: Some(vec![shape(lb, state)]) })
}

/// `DeleteLoadBalancer`.
pub async fn delete(
    call: &Call,
    input: api::DeleteLoadBalancerInput,
) -> Result<api::DeleteLoadBalancerOutput, ApiError> {
    let (region, arn) = (call.facts.region.clone(), required(input.load_balancer_arn));
    call.submit(Command::LoadBalancerDelete(ArnInput { region, arn })).await?;
    Ok(api::DeleteLoadBalancerOutput {})
}

/// `DescribeLoadBalancers`. A name or ARN that is not found is an error: waiters rely on it.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
pub fn describe(
    call: &Call,
    input: api::DescribeLoadBalancersInput,
) -> Result<api::DescribeLoadBalancersOutput, ApiError> {
    let wanted = Wanted::new(input.marker, input.page_size, limits::PAGE_SIZE_DEFAULT);
    let (arns, names) = (selected(input.load_balancer_arns), selected(input.names));
    let (page, next_marker) = call.read(|catalog| {
        let page = find(call, catalog, &wanted, arns, names)?;
        let told = |lb: &LoadBalancer| {
            (lb.arn.clone(), catalog.standing(lb), shape(lb, state("active", None)))
        };
        Ok((page.items.into_iter().map(told).collect::<Vec<_>>(), page.next))
    })?;
    let told = page.into_iter().map(|(arn, standing, shape)| {
        let state = Some(state_of(call, &arn, standing));
        api::LoadBalancer { state, ..shape }
    });
    let load_balancers = Some(told.collect());
    Ok(api::DescribeLoadBalancersOutput { load_balancers, next_marker })
}

/// `SetSecurityGroups`.
pub async fn set_security_groups(
    call: &Call,
    input: api::SetSecurityGroupsInput,
) -> Result<api::SetSecurityGroupsOutput, ApiError> {
    let command = SecurityGroupsSet {
        region: call.facts.region.clone(),
        arn: required(input.load_balancer_arn),
        security_groups: input.security_groups.unwrap_or_default(),
        enforce_private_link: input.enforce_security_group_inbound_rules_on_private_link_traffic,
    };
    let changed = changed(call, Command::SecurityGroupsSet(command)).await?;
    Ok(api::SetSecurityGroupsOutput {
        security_group_ids: Some(security_groups(&changed)),
        enforce_security_group_inbound_rules_on_private_link_traffic: enforcement(&changed),
    })
}

/// `SetSubnets`.
pub async fn set_subnets(
    call: &Call,
    input: api::SetSubnetsInput,
) -> Result<api::SetSubnetsOutput, ApiError> {
    let command = SubnetsSet {
        region: call.facts.region.clone(),
        arn: required(input.load_balancer_arn),
        subnets: input.subnets.unwrap_or_default(),
        subnet_mappings: subnet_mappings(input.subnet_mappings),
        ip_address_type: ip_address_type(input.ip_address_type.as_deref()),
        source_nat_prefix: input.enable_prefix_for_ipv6_source_nat,
    };
    let changed = changed(call, Command::SubnetsSet(command)).await?;
    Ok(api::SetSubnetsOutput {
        availability_zones: Some(changed.zones.iter().map(zone).collect()),
        ip_address_type: Some(changed.ip_address_type.as_str().to_owned()),
        enable_prefix_for_ipv6_source_nat: source_nat(&changed),
    })
}

/// `SetIpAddressType`.
pub async fn set_ip_address_type(
    call: &Call,
    input: api::SetIpAddressTypeInput,
) -> Result<api::SetIpAddressTypeOutput, ApiError> {
    let asked = ip_address_type(input.ip_address_type.as_deref()).unwrap_or(IpAddressType::Ipv4);
    let command = IpAddressTypeSet {
        region: call.facts.region.clone(),
        arn: required(input.load_balancer_arn),
        ip_address_type: asked,
    };
    let changed = changed(call, Command::IpAddressTypeSet(command)).await?;
    let word = changed.ip_address_type.as_str().to_owned();
    Ok(api::SetIpAddressTypeOutput { ip_address_type: Some(word) })
}

/// `ModifyIpPools`.
pub async fn modify_ip_pools(
    call: &Call,
    input: api::ModifyIpPoolsInput,
) -> Result<api::ModifyIpPoolsOutput, ApiError> {
    let command = IpPoolsModify {
        region: call.facts.region.clone(),
        arn: required(input.load_balancer_arn),
        ipam_pool: input.ipam_pools.and_then(|pools| pools.ipv4_ipam_pool_id),
        remove: input.remove_ipam_pools.is_some_and(|pools| !pools.is_empty()),
    };
    let changed = changed(call, Command::IpPoolsModify(command)).await?;
    Ok(api::ModifyIpPoolsOutput { ipam_pools: ipam_pools(&changed) })
}

// === helpers ===

async fn changed(call: &Call, command: Command) -> Result<LoadBalancer, ApiError> {
    let decision = call.submit(command).await?;
    after(call, &decision).cloned()
}

/// The load balancer of a decision, as it was when it was made.
pub fn after<'d>(call: &Call, decision: &'d Decision) -> Result<&'d LoadBalancer, ApiError> {
    subject(call, decision, |resource| match resource {
        Resource::LoadBalancer(lb) => Some(lb),
        _ => None,
    })
}

/// What the caller selected, by name; a page of everything when nothing was selected.
fn find<'a>(
    call: &Call,
    catalog: &'a Catalog,
    wanted: &Wanted,
    arns: Option<Vec<String>>,
    names: Option<Vec<String>>,
) -> Result<Page<&'a LoadBalancer>, Refusal> {
    let region = &call.facts.region;
    let mut found = BTreeMap::new();
    match (arns, names) {
        (Some(_), Some(_)) => return Err(Refusal::DescribeLoadBalancersBoth {}),
        (None, None) => {
            let known = |name: &str| catalog.load_balancer_named(region, name).is_some();
            let request = wanted.request(known)?;
            return wanted.told(catalog.load_balancers_describe(region, &[], &[], request)?);
        }
        (Some(arns), None) => {
            let limit = core_limits::DESCRIBE_LOAD_BALANCERS_ARNS_MAX;
            if arns.len() > limit {
                let limit = limit.to_string();
                return Err(LoadBalancerRefusal::DescribeTooMany { limit }.into());
            }
            for arn in arns {
                let lb = by_arn(call, catalog, &arn)?;
                let lb = lb.ok_or(Refusal::LoadBalancersNotFound {})?;
                found.insert(&lb.name, lb);
            }
        }
        (None, Some(names)) => {
            for name in names {
                let lb = catalog.load_balancer_named(region, &name);
                let lb = lb.ok_or(Refusal::LoadBalancersNotFound {})?;
                found.insert(&lb.name, lb);
            }
        }
    }
    let (items, next) = wanted.page(found.into_values().collect(), |lb| lb.name.clone())?;
    Ok(Page { items, next })
}

/// A load balancer of the call's region.
pub fn by_arn<'a>(
    call: &Call,
    catalog: &'a Catalog,
    arn: &str,
) -> Result<Option<&'a LoadBalancer>, Refusal> {
    let malformed = || Refusal::LoadBalancerArnInvalid { arn: arn.to_owned() };
    let parsed = LoadBalancerArn::parse(arn).ok_or_else(malformed)?;
    let found = catalog.load_balancer(&parsed);
    Ok(found.filter(|lb| lb.region == call.facts.region))
}

/// `active`, or why not quite. Asked outside of a catalog read: it takes a lock of its own.
fn state_of(call: &Call, arn: &LoadBalancerArn, standing: Standing) -> api::LoadBalancerState {
    if !standing.is_active {
        return state("provisioning", standing.reason);
    }
    match call.authority().impairment(arn) {
        None => state("active", standing.reason),
        Some(reason) => state("active_impaired", Some(reason)),
    }
}

fn state(code: &str, reason: Option<String>) -> api::LoadBalancerState {
    api::LoadBalancerState { code: Some(code.to_owned()), reason }
}

fn shape(lb: &LoadBalancer, state: api::LoadBalancerState) -> api::LoadBalancer {
    let gateway = lb.kind == LoadBalancerKind::Gateway;
    let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    api::LoadBalancer {
        load_balancer_arn: Some(lb.arn.to_string()),
        dns_name: told(&lb.dns_name),
        canonical_hosted_zone_id: told(&lb.hosted_zone),
        created_time: Some(time(lb.created_ms)),
        load_balancer_name: Some(lb.name.clone()),
        scheme: Some(lb.scheme.as_str().to_owned()).filter(|_| !gateway),
        vpc_id: Some(lb.vpc.to_string()),
        state: Some(state),
        r#type: Some(lb.kind.as_str().to_owned()),
        availability_zones: Some(lb.zones.iter().map(zone).collect()),
        security_groups: Some(security_groups(lb)).filter(|groups| !groups.is_empty()),
        ip_address_type: Some(lb.ip_address_type.as_str().to_owned()),
        customer_owned_ipv4_pool: lb.customer_owned_pool.clone(),
        enforce_security_group_inbound_rules_on_private_link_traffic: enforcement(lb),
        enable_prefix_for_ipv6_source_nat: source_nat(lb),
        ipam_pools: ipam_pools(lb),
    }
}

/// A moment of a record.
pub fn time(epoch_ms: i64) -> Time {
    Time { epoch_us: epoch_ms.saturating_mul(1_000) }
}

fn security_groups(lb: &LoadBalancer) -> Vec<String> {
    lb.security_groups.iter().map(ToString::to_string).collect()
}

fn on_or_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

/// Told where there are security groups to enforce.
// spec: nlb-gwlb-clb §1.15 Security groups [D][M]
fn enforcement(lb: &LoadBalancer) -> Option<String> {
    let applies = lb.kind == LoadBalancerKind::Network && !lb.security_groups.is_empty();
    applies.then(|| on_or_off(lb.enforce_private_link.unwrap_or(true)))
}

fn source_nat(lb: &LoadBalancer) -> Option<String> {
    (lb.kind == LoadBalancerKind::Network).then(|| on_or_off(lb.source_nat))
}

fn ipam_pools(lb: &LoadBalancer) -> Option<api::IpamPools> {
    let id = lb.ipam_pool.clone()?;
    Some(api::IpamPools { ipv4_ipam_pool_id: Some(id) })
}

fn zone(zone: &LoadBalancerZone) -> api::AvailabilityZone {
    api::AvailabilityZone {
        zone_name: Some(zone.zone.to_string()),
        subnet_id: Some(zone.subnet.to_string()),
        load_balancer_addresses: Some(chosen_addresses(zone).into_iter().collect()),
        source_nat_ipv6_prefixes: zone.source_nat_prefix.clone().map(|prefix| vec![prefix]),
        ..Default::default()
    }
}

/// Addresses are listed only where the caller chose them; Terraform compares them with what was
/// chosen.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)
fn chosen_addresses(zone: &LoadBalancerZone) -> Option<api::LoadBalancerAddress> {
    if !zone.chosen {
        return None;
    }
    let elastic = zone.public.as_ref().filter(|public| public.allocation.is_some());
    Some(api::LoadBalancerAddress {
        ip_address: elastic.map(|public| public.address.to_string()),
        allocation_id: elastic.and_then(|p| p.allocation.as_ref()).map(ToString::to_string),
        // An internet-facing zone has no private address that anybody chose.
        private_ipv4_address: zone.public.is_none().then(|| zone.address.to_string()),
        ipv6_address: zone.ipv6.map(|address| address.to_string()),
    })
}

fn subnet_mappings(mappings: Option<Vec<api::SubnetMapping>>) -> Vec<SubnetMapping> {
    let mappings = mappings.unwrap_or_default().into_iter();
    let mapping = |given: api::SubnetMapping| SubnetMapping {
        subnet: required(given.subnet_id),
        allocation: given.allocation_id,
        private_ipv4: given.private_ipv4_address,
        ipv6: given.ipv6_address,
        source_nat_prefix: given.source_nat_ipv6_prefix,
    };
    mappings.map(mapping).collect()
}

// The three below read closed sets of the model, which the constraints have checked.

fn kind(word: Option<&str>) -> LoadBalancerKind {
    match word {
        Some("network") => LoadBalancerKind::Network,
        Some("gateway") => LoadBalancerKind::Gateway,
        _ => LoadBalancerKind::Application,
    }
}

fn scheme(word: &str) -> Scheme {
    match word {
        "internal" => Scheme::Internal,
        _ => Scheme::InternetFacing,
    }
}

fn ip_address_type(word: Option<&str>) -> Option<IpAddressType> {
    Some(match word? {
        "dualstack" => IpAddressType::Dualstack,
        "dualstack-without-public-ipv4" => IpAddressType::DualstackWithoutPublicIpv4,
        _ => IpAddressType::Ipv4,
    })
}
