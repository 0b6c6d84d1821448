//! Descriptions that tools ask for around a network: ACLs and DHCP options, which follow from the
//! VPC, and kinds of things that Weir has none of.
//!
//! Terraform asks for the default ACL of each VPC it makes; controllers ask for gateways and
//! endpoints to sort subnets. Nothing here can be changed.
//!
//! Invariant: an id that was given here is found again; every other id is not found, with the code
//! of its kind.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use weir_core::catalog::Catalog;
use weir_core::resource::Vpc;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::schema::ErrorFacts;

use super::super::call::Call;
use super::digits;
use super::filter::{Filters, flag, number, text};
use super::network::{Listing, listed, wanted};
use super::page::page;

const ACL_FILTERS: &[&str] = &[
    "association.association-id",
    "association.network-acl-id",
    "association.subnet-id",
    "default",
    "entry.cidr",
    "entry.egress",
    "entry.icmp.code",
    "entry.icmp.type",
    "entry.ipv6-cidr",
    "entry.port-range.from",
    "entry.port-range.to",
    "entry.protocol",
    "entry.rule-action",
    "entry.rule-number",
    "network-acl-id",
    "owner-id",
    "vpc-id",
];
const DHCP_FILTERS: &[&str] = &["dhcp-options-id", "key", "owner-id", "value"];
const NAT_FILTERS: &[&str] = &["nat-gateway-id", "state", "subnet-id", "vpc-id"];
const EGRESS_FILTERS: &[&str] = &[];
const PEERING_FILTERS: &[&str] = &[
    "accepter-vpc-info.cidr-block",
    "accepter-vpc-info.owner-id",
    "accepter-vpc-info.vpc-id",
    "expiration-time",
    "requester-vpc-info.cidr-block",
    "requester-vpc-info.owner-id",
    "requester-vpc-info.vpc-id",
    "status-code",
    "status-message",
    "vpc-peering-connection-id",
];
const ENDPOINT_FILTERS: &[&str] = &[
    "ip-address-type",
    "service-name",
    "service-region",
    "vpc-endpoint-id",
    "vpc-endpoint-state",
    "vpc-endpoint-type",
    "vpc-id",
];
const PREFIX_LIST_FILTERS: &[&str] = &["prefix-list-id", "prefix-list-name"];
const COIP_FILTERS: &[&str] = &["coip-pool.local-gateway-route-table-id", "coip-pool.pool-id"];
const IPAM_FILTERS: &[&str] = &[
    "address-family",
    "description",
    "ipam-pool-arn",
    "ipam-pool-id",
    "ipam-region",
    "ipam-scope-arn",
    "ipam-scope-id",
    "ipam-scope-type",
    "locale",
    "owner-id",
    "pool-depth",
    "publicly-advertisable",
    "state",
];
const ACLS: Listing<api::NetworkAcl> =
    Listing { key: |acl| &acl.network_acl_id, tags: |acl| &acl.tags, values: acl_values };
const DHCP: Listing<api::DhcpOptions> =
    Listing { key: |one| &one.dhcp_options_id, tags: |one| &one.tags, values: dhcp_values };
const IPAM: Listing<api::IpamPool> =
    Listing { key: |pool| &pool.ipam_pool_id, tags: |pool| &pool.tags, values: ipam_values };
/// The rule that every ACL ends with, of IPv4 and of IPv6.
const LAST_RULES: [i32; 2] = [32_767, 32_768];
/// The rules of a default ACL, of IPv4 and of IPv6.
const OPEN_RULES: [i32; 2] = [100, 101];
/// Every address of a family.
const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// `DescribeNetworkAcls`.
pub fn network_acls(
    call: &Call,
    input: api::DescribeNetworkAclsRequest,
) -> Result<api::DescribeNetworkAclsResult, ApiError> {
    let filters = Filters::new(input.filters, ACL_FILTERS)?;
    let mut found: Vec<api::NetworkAcl> = call.read(|catalog| {
        let vpcs = catalog.vpcs_in(&call.facts.region);
        Ok(vpcs.map(|vpc| acl_shape(call, catalog, vpc)).collect())
    })?;
    if let Some(ids) = wanted(input.network_acl_ids) {
        let own = |acl: &api::NetworkAcl| acl.network_acl_id.clone().unwrap_or_default();
        let known: Vec<String> = found.iter().map(own).collect();
        if let Some(id) = ids.iter().find(|id| !known.contains(id)) {
            return Err(missing(
                "InvalidNetworkAclID.NotFound",
                &format!("The networkAcl ID '{id}' does not exist"),
            ));
        }
        found.retain(|acl| ids.contains(&own(acl)));
    }
    let (acls, next_token) = listed(found, &filters, &ACLS, input.max_results, input.next_token)?;
    Ok(api::DescribeNetworkAclsResult { network_acls: Some(acls), next_token })
}

/// `DescribeDhcpOptions`: every VPC of a region has the same.
pub fn dhcp_options(
    call: &Call,
    input: api::DescribeDhcpOptionsRequest,
) -> Result<api::DescribeDhcpOptionsResult, ApiError> {
    let filters = Filters::new(input.filters, DHCP_FILTERS)?;
    let own = dhcp_options_id(call);
    let mut unknown = input.dhcp_options_ids.iter().flatten().filter(|id| **id != own);
    if let Some(id) = unknown.next() {
        let text = format!("The dhcpOption ID '{id}' does not exist");
        return Err(missing("InvalidDhcpOptionID.NotFound", &text));
    }
    let found = vec![dhcp_shape(call, own)];
    let (options, next_token) =
        listed(found, &filters, &DHCP, input.max_results, input.next_token)?;
    Ok(api::DescribeDhcpOptionsResult { next_token, dhcp_options: Some(options) })
}

/// `DescribeNatGateways`: Weir has none.
pub fn nat_gateways(
    _: &Call,
    input: api::DescribeNatGatewaysRequest,
) -> Result<api::DescribeNatGatewaysResult, ApiError> {
    Filters::new(input.filter, NAT_FILTERS)?;
    none_named(input.nat_gateway_ids, "NatGatewayNotFound", |id| {
        format!("NatGateway {id} was not found")
    })?;
    let (nat_gateways, next_token) = nothing(input.max_results)?;
    Ok(api::DescribeNatGatewaysResult { nat_gateways, next_token })
}

/// `DescribeEgressOnlyInternetGateways`: Weir has none.
pub fn egress_only_internet_gateways(
    _: &Call,
    input: api::DescribeEgressOnlyInternetGatewaysRequest,
) -> Result<api::DescribeEgressOnlyInternetGatewaysResult, ApiError> {
    Filters::new(input.filters, EGRESS_FILTERS)?;
    none_named(input.egress_only_internet_gateway_ids, "InvalidGatewayID.NotFound", |id| {
        format!("The eigw ID '{id}' does not exist")
    })?;
    let (egress_only_internet_gateways, next_token) = nothing(input.max_results)?;
    Ok(api::DescribeEgressOnlyInternetGatewaysResult { egress_only_internet_gateways, next_token })
}

/// `DescribeVpcPeeringConnections`: Weir has none.
pub fn peering_connections(
    _: &Call,
    input: api::DescribeVpcPeeringConnectionsRequest,
) -> Result<api::DescribeVpcPeeringConnectionsResult, ApiError> {
    Filters::new(input.filters, PEERING_FILTERS)?;
    let code = "InvalidVpcPeeringConnectionID.NotFound";
    none_named(input.vpc_peering_connection_ids, code, |id| {
        format!("The vpcPeeringConnection ID '{id}' does not exist")
    })?;
    let (vpc_peering_connections, next_token) = nothing(input.max_results)?;
    Ok(api::DescribeVpcPeeringConnectionsResult { vpc_peering_connections, next_token })
}

/// `DescribeVpcEndpoints`: Weir has none.
pub fn endpoints(
    _: &Call,
    input: api::DescribeVpcEndpointsRequest,
) -> Result<api::DescribeVpcEndpointsResult, ApiError> {
    Filters::new(input.filters, ENDPOINT_FILTERS)?;
    none_named(input.vpc_endpoint_ids, "InvalidVpcEndpointId.NotFound", |id| {
        format!("The Vpc Endpoint Id '{id}' does not exist")
    })?;
    let (vpc_endpoints, next_token) = nothing(input.max_results)?;
    Ok(api::DescribeVpcEndpointsResult { vpc_endpoints, next_token })
}

/// `DescribePrefixLists`: those of services, of which Weir has none.
pub fn prefix_lists(
    _: &Call,
    input: api::DescribePrefixListsRequest,
) -> Result<api::DescribePrefixListsResult, ApiError> {
    Filters::new(input.filters, PREFIX_LIST_FILTERS)?;
    none_named(input.prefix_list_ids, "InvalidPrefixListId.NotFound", |id| {
        format!("The prefix list ID '{id}' does not exist")
    })?;
    let (prefix_lists, next_token) = nothing(input.max_results)?;
    Ok(api::DescribePrefixListsResult { next_token, prefix_lists })
}

/// `DescribeCoipPools`: Weir has none.
pub fn coip_pools(
    _: &Call,
    input: api::DescribeCoipPoolsRequest,
) -> Result<api::DescribeCoipPoolsResult, ApiError> {
    Filters::new(input.filters, COIP_FILTERS)?;
    none_named(input.pool_ids, "InvalidPoolID.NotFound", |id| {
        format!("The pool ID '{id}' does not exist")
    })?;
    let (coip_pools, next_token) = nothing(input.max_results)?;
    Ok(api::DescribeCoipPoolsResult { coip_pools, next_token })
}

/// `DescribeIpamPools`: the pools of public addresses that the settings name.
pub fn ipam_pools(
    call: &Call,
    input: api::DescribeIpamPoolsRequest,
) -> Result<api::DescribeIpamPoolsResult, ApiError> {
    let filters = Filters::new(input.filters, IPAM_FILTERS)?;
    let pools = &call.authority().settings().catalog.addresses.ipam;
    let asked = wanted(input.ipam_pool_ids);
    if let Some(id) = asked.iter().flatten().find(|id| !pools.contains_key(id.as_str())) {
        let text = format!("The ipam-pool ID '{id}' does not exist");
        return Err(missing("InvalidIpamPoolId.NotFound", &text));
    }
    let chosen = pools.keys().filter(|id| asked.as_ref().is_none_or(|ids| ids.contains(id)));
    let found = chosen.map(|id| ipam_shape(call, id)).collect();
    let (pools, next_token) = listed(found, &filters, &IPAM, input.max_results, input.next_token)?;
    Ok(api::DescribeIpamPoolsResult { next_token, ipam_pools: Some(pools) })
}

/// `dopt-…`: the same for every VPC of a region, and made of its name.
pub fn dhcp_options_id(call: &Call) -> String {
    // FNV-1a: short, stable, and collisions do not matter within one region.
    let name = call.facts.region.as_str().bytes();
    let hash = name.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("dopt-0{hash:016x}")
}

// === helpers ===

fn missing(code: &'static str, text: &str) -> ApiError {
    ErrorFacts::sender(code, 400).because(text)
}

fn none_named(
    ids: Option<Vec<String>>,
    code: &'static str,
    text: impl Fn(&str) -> String,
) -> Result<(), ApiError> {
    match wanted(ids).and_then(|ids| ids.into_iter().next()) {
        Some(id) => Err(missing(code, &text(&id))),
        None => Ok(()),
    }
}

/// An empty page: only the bounds of `MaxResults` are looked at.
#[allow(clippy::type_complexity, reason = "the members of a response")]
fn nothing<T>(max_results: Option<i32>) -> Result<(Option<Vec<T>>, Option<String>), ApiError> {
    let (items, token) = page(Vec::new(), max_results, None, |_| String::new())?;
    Ok((Some(items), token))
}

// === shapes ===

fn acl_shape(call: &Call, catalog: &Catalog, vpc: &Vpc) -> api::NetworkAcl {
    let id = vpc.network_acl();
    let association = |subnet: &str| api::NetworkAclAssociation {
        network_acl_association_id: Some(format!("aclassoc-{}", digits(subnet))),
        network_acl_id: Some(id.clone()),
        subnet_id: Some(subnet.to_owned()),
    };
    let subnets = catalog.subnets_of(&vpc.id);
    api::NetworkAcl {
        associations: Some(subnets.map(|subnet| association(subnet.id.as_str())).collect()),
        entries: Some(acl_entries(vpc.ipv6_cidr.is_some())),
        is_default: Some(true),
        network_acl_id: Some(id.clone()),
        tags: Some(Vec::new()),
        vpc_id: Some(vpc.id.to_string()),
        owner_id: Some(call.facts.account.to_string()),
    }
}

/// A default ACL lets everything through, in both directions.
fn acl_entries(ipv6: bool) -> Vec<api::NetworkAclEntry> {
    let families = if ipv6 { 0..2 } else { 0..1 };
    let entry = |egress: bool, family: usize, number: i32, action: &str| {
        let block = Some(ANYWHERE[family].to_owned());
        let (cidr_block, ipv6_cidr_block) = if family == 0 { (block, None) } else { (None, block) };
        api::NetworkAclEntry {
            cidr_block,
            egress: Some(egress),
            ipv6_cidr_block,
            protocol: Some("-1".to_owned()),
            rule_action: Some(action.to_owned()),
            rule_number: Some(number),
            ..Default::default()
        }
    };
    let mut entries = Vec::new();
    for egress in [true, false] {
        for family in families.clone() {
            entries.push(entry(egress, family, OPEN_RULES[family], "allow"));
            entries.push(entry(egress, family, LAST_RULES[family], "deny"));
        }
    }
    entries
}

fn acl_values(acl: &api::NetworkAcl, name: &str) -> Vec<String> {
    let associations = acl.associations.iter().flatten();
    let entries = acl.entries.iter().flatten();
    match name {
        "association.association-id" => {
            associations.flat_map(|a| text(&a.network_acl_association_id)).collect()
        }
        "association.network-acl-id" | "network-acl-id" => text(&acl.network_acl_id),
        "association.subnet-id" => associations.flat_map(|a| text(&a.subnet_id)).collect(),
        "default" => flag(acl.is_default),
        "entry.cidr" => entries.flat_map(|e| text(&e.cidr_block)).collect(),
        "entry.egress" => entries.flat_map(|e| flag(e.egress)).collect(),
        "entry.ipv6-cidr" => entries.flat_map(|e| text(&e.ipv6_cidr_block)).collect(),
        "entry.protocol" => entries.flat_map(|e| text(&e.protocol)).collect(),
        "entry.rule-action" => entries.flat_map(|e| text(&e.rule_action)).collect(),
        "entry.rule-number" => entries.flat_map(|e| number(e.rule_number)).collect(),
        "owner-id" => text(&acl.owner_id),
        "vpc-id" => text(&acl.vpc_id),
        _ => Vec::new(),
    }
}

fn dhcp_shape(call: &Call, id: String) -> api::DhcpOptions {
    let region = call.facts.region.as_str();
    // The domain of machines' names, as AWS writes it: us-east-1 has an older one.
    let domain = match region {
        "us-east-1" => "ec2.internal".to_owned(),
        other => format!("{other}.compute.internal"),
    };
    let configuration = |key: &str, value: String| api::DhcpConfiguration {
        key: Some(key.to_owned()),
        values: Some(vec![api::AttributeValue { value: Some(value) }]),
    };
    api::DhcpOptions {
        owner_id: Some(call.facts.account.to_string()),
        tags: Some(Vec::new()),
        dhcp_options_id: Some(id),
        dhcp_configurations: Some(vec![
            configuration("domain-name", domain),
            configuration("domain-name-servers", "AmazonProvidedDNS".to_owned()),
        ]),
    }
}

fn dhcp_values(options: &api::DhcpOptions, name: &str) -> Vec<String> {
    let configurations = options.dhcp_configurations.iter().flatten();
    match name {
        "dhcp-options-id" => text(&options.dhcp_options_id),
        "key" => configurations.flat_map(|one| text(&one.key)).collect(),
        "owner-id" => text(&options.owner_id),
        "value" => {
            let values = configurations.flat_map(|one| one.values.iter().flatten());
            values.flat_map(|one| text(&one.value)).collect()
        }
        _ => Vec::new(),
    }
}

fn ipam_shape(call: &Call, id: &str) -> api::IpamPool {
    let (account, region) = (&call.facts.account, &call.facts.region);
    api::IpamPool {
        owner_id: Some(account.to_string()),
        ipam_pool_id: Some(id.to_owned()),
        ipam_pool_arn: Some(format!("arn:aws:ec2::{account}:ipam-pool/{id}")),
        ipam_scope_type: Some("public".to_owned()),
        ipam_region: Some(region.to_string()),
        locale: Some(region.to_string()),
        pool_depth: Some(1),
        state: Some("create-complete".to_owned()),
        auto_import: Some(false),
        address_family: Some("ipv4".to_owned()),
        tags: Some(Vec::new()),
        ..Default::default()
    }
}

fn ipam_values(pool: &api::IpamPool, name: &str) -> Vec<String> {
    match name {
        "address-family" => text(&pool.address_family),
        "ipam-pool-arn" => text(&pool.ipam_pool_arn),
        "ipam-pool-id" => text(&pool.ipam_pool_id),
        "ipam-region" => text(&pool.ipam_region),
        "ipam-scope-type" => text(&pool.ipam_scope_type),
        "locale" => text(&pool.locale),
        "owner-id" => text(&pool.owner_id),
        "pool-depth" => number(pool.pool_depth),
        "state" => text(&pool.state),
        _ => Vec::new(),
    }
}
