//! VPCs, subnets, internet gateways, route tables: the given network, told in EC2's words.
//!
//! Invariant: gateways and tables are facts of their VPC, so nothing here has a life of its own.

use weir_core::catalog::{Catalog, Refusal};
use weir_core::resource::{Subnet, Vpc};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;

use super::super::call::Call;
use super::filter::{Filters, flag, number, text};
use super::page::page;
use super::{arn, digits, not_found, tags};

const VPC_FILTERS: &[&str] = &[
    "cidr",
    "cidrBlock",
    "cidr-block",
    "cidr-block-association.cidr-block",
    "cidr-block-association.association-id",
    "cidr-block-association.state",
    "dhcp-options-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.state",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "vpc-id",
];
const SUBNET_FILTERS: &[&str] = &[
    "availability-zone",
    "availabilityZone",
    "availability-zone-id",
    "availabilityZoneId",
    "available-ip-address-count",
    "cidr",
    "cidrBlock",
    "cidr-block",
    "default-for-az",
    "defaultForAz",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-native",
    "map-public-ip-on-launch",
    "outpost-arn",
    "owner-id",
    "state",
    "subnet-arn",
    "subnet-id",
    "vpc-id",
];
const GATEWAY_FILTERS: &[&str] =
    &["attachment.state", "attachment.vpc-id", "internet-gateway-id", "owner-id"];
const TABLE_FILTERS: &[&str] = &[
    "association.gateway-id",
    "association.main",
    "association.route-table-association-id",
    "association.route-table-id",
    "association.subnet-id",
    "owner-id",
    "route-table-id",
    "route.destination-cidr-block",
    "route.destination-ipv6-cidr-block",
    "route.gateway-id",
    "route.nat-gateway-id",
    "route.origin",
    "route.state",
    "vpc-id",
];
const ADDRESS_FILTERS: &[&str] = &[
    "allocation-id",
    "association-id",
    "domain",
    "instance-id",
    "network-border-group",
    "network-interface-id",
    "network-interface-owner-id",
    "private-ip-address",
    "public-ip",
];

/// `DescribeVpcs`.
pub fn vpcs(
    call: &Call,
    input: api::DescribeVpcsRequest,
) -> Result<api::DescribeVpcsResult, ApiError> {
    let filters = Filters::new(input.filters, VPC_FILTERS)?;
    let mut found: Vec<api::Vpc> = call.read(|catalog| {
        let own = |vpc: &&Vpc| vpc.region == call.facts.region;
        match wanted(input.vpc_ids) {
            None => {
                Ok(catalog.vpcs_in(&call.facts.region).map(|vpc| vpc_shape(call, vpc)).collect())
            }
            Some(ids) => ids
                .into_iter()
                .map(|id| {
                    let vpc = catalog.vpc(id.as_str()).filter(own);
                    vpc.map(|vpc| vpc_shape(call, vpc)).ok_or(Refusal::VpcIdNotFound { id })
                })
                .collect(),
        }
    })?;
    found.sort_by(|a, b| a.vpc_id.cmp(&b.vpc_id));
    found.dedup_by(|a, b| a.vpc_id == b.vpc_id);
    found.retain(|vpc| {
        filters.admit(vpc.tags.as_deref().unwrap_or_default(), |name| vpc_values(vpc, name))
    });
    let key = |vpc: &api::Vpc| vpc.vpc_id.clone().unwrap_or_default();
    let (vpcs, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeVpcsResult { vpcs: Some(vpcs), next_token })
}

/// `DescribeVpcAttribute`.
pub fn vpc_attribute(
    call: &Call,
    input: api::DescribeVpcAttributeRequest,
) -> Result<api::DescribeVpcAttributeResult, ApiError> {
    let id = input.vpc_id.unwrap_or_default();
    call.read(|catalog| {
        let found = catalog.vpc(id.as_str()).filter(|vpc| vpc.region == call.facts.region);
        found.map(drop).ok_or(Refusal::VpcIdNotFound { id: id.clone() })
    })?;
    let is = |value| Some(api::AttributeBooleanValue { value: Some(value) });
    let mut answer = api::DescribeVpcAttributeResult { vpc_id: Some(id), ..Default::default() };
    match input.attribute.as_deref() {
        Some("enableDnsHostnames") => answer.enable_dns_hostnames = is(true),
        Some("enableDnsSupport") => answer.enable_dns_support = is(true),
        Some("enableNetworkAddressUsageMetrics") => {
            answer.enable_network_address_usage_metrics = is(false);
        }
        other => {
            let shown = other.unwrap_or("null");
            return Err(super::invalid(format!(
                "Value ({shown}) for parameter attribute is invalid. Unknown attribute."
            )));
        }
    }
    Ok(answer)
}

/// `DescribeSubnets`.
pub fn subnets(
    call: &Call,
    input: api::DescribeSubnetsRequest,
) -> Result<api::DescribeSubnetsResult, ApiError> {
    let filters = Filters::new(input.filters, SUBNET_FILTERS)?;
    let mut found: Vec<api::Subnet> = call.read(|catalog| {
        let own = |subnet: &&Subnet| subnet.region == call.facts.region;
        match wanted(input.subnet_ids) {
            None => {
                let vpcs = catalog.vpcs_in(&call.facts.region);
                let subnets = vpcs.flat_map(|vpc| catalog.subnets_of(&vpc.id));
                Ok(subnets.map(|subnet| subnet_shape(call, catalog, subnet)).collect())
            }
            Some(ids) => ids
                .into_iter()
                .map(|id| {
                    let subnet = catalog.subnet(id.as_str()).filter(own);
                    let shape = subnet.map(|subnet| subnet_shape(call, catalog, subnet));
                    shape.ok_or(Refusal::SubnetIdNotFound { id })
                })
                .collect(),
        }
    })?;
    found.sort_by(|a, b| a.subnet_id.cmp(&b.subnet_id));
    found.dedup_by(|a, b| a.subnet_id == b.subnet_id);
    found.retain(|subnet| {
        let own = subnet.tags.as_deref().unwrap_or_default();
        filters.admit(own, |name| subnet_values(subnet, name))
    });
    let key = |subnet: &api::Subnet| subnet.subnet_id.clone().unwrap_or_default();
    let (subnets, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeSubnetsResult { subnets: Some(subnets), next_token })
}

/// `DescribeInternetGateways`.
pub fn internet_gateways(
    call: &Call,
    input: api::DescribeInternetGatewaysRequest,
) -> Result<api::DescribeInternetGatewaysResult, ApiError> {
    let filters = Filters::new(input.filters, GATEWAY_FILTERS)?;
    let mut found: Vec<api::InternetGateway> = call.read(|catalog| {
        let vpcs = catalog.vpcs_in(&call.facts.region);
        Ok(vpcs.filter_map(|vpc| gateway_shape(call, vpc)).collect())
    })?;
    if let Some(ids) = wanted(input.internet_gateway_ids) {
        let known = |id: &String| found.iter().any(|g| g.internet_gateway_id.as_ref() == Some(id));
        if let Some(id) = ids.iter().find(|id| !known(id)) {
            return Err(not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id));
        }
        found.retain(|g| g.internet_gateway_id.as_ref().is_some_and(|id| ids.contains(id)));
    }
    found.retain(|gateway| filters.admit(&[], |name| gateway_values(gateway, name)));
    let key = |g: &api::InternetGateway| g.internet_gateway_id.clone().unwrap_or_default();
    found.sort_by_key(key);
    let (gateways, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeInternetGatewaysResult { internet_gateways: Some(gateways), next_token })
}

/// `DescribeRouteTables`.
pub fn route_tables(
    call: &Call,
    input: api::DescribeRouteTablesRequest,
) -> Result<api::DescribeRouteTablesResult, ApiError> {
    let filters = Filters::new(input.filters, TABLE_FILTERS)?;
    let mut found: Vec<api::RouteTable> = call.read(|catalog| {
        let vpcs = catalog.vpcs_in(&call.facts.region);
        Ok(vpcs.map(|vpc| table_shape(call, vpc)).collect())
    })?;
    if let Some(ids) = wanted(input.route_table_ids) {
        let known = |id: &String| found.iter().any(|t| t.route_table_id.as_ref() == Some(id));
        if let Some(id) = ids.iter().find(|id| !known(id)) {
            return Err(not_found("InvalidRouteTableID.NotFound", "routeTable", id));
        }
        found.retain(|t| t.route_table_id.as_ref().is_some_and(|id| ids.contains(id)));
    }
    found.retain(|table| filters.admit(&[], |name| table_values(table, name)));
    let key = |table: &api::RouteTable| table.route_table_id.clone().unwrap_or_default();
    found.sort_by_key(key);
    let (tables, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeRouteTablesResult { route_tables: Some(tables), next_token })
}

/// `DescribeAddresses`: there are no elastic addresses.
pub fn addresses(
    _: &Call,
    input: api::DescribeAddressesRequest,
) -> Result<api::DescribeAddressesResult, ApiError> {
    Filters::new(input.filters, ADDRESS_FILTERS)?;
    if let Some(id) = wanted(input.allocation_ids).and_then(|ids| ids.into_iter().next()) {
        return Err(not_found("InvalidAllocationID.NotFound", "allocation", &id));
    }
    if let Some(ip) = wanted(input.public_ips).and_then(|ips| ips.into_iter().next()) {
        return Err(weir_wire::schema::ErrorFacts::sender("InvalidAddress.NotFound", 400)
            .because(format!("Address '{ip}' not found.")));
    }
    Ok(api::DescribeAddressesResult { addresses: Some(Vec::new()) })
}

// === shapes ===

/// An empty list selects nothing in particular.
pub fn wanted(ids: Option<Vec<String>>) -> Option<Vec<String>> {
    ids.filter(|ids| !ids.is_empty())
}

fn vpc_shape(call: &Call, vpc: &Vpc) -> api::Vpc {
    let association = api::VpcCidrBlockAssociation {
        association_id: Some(format!("vpc-cidr-assoc-{}", digits(vpc.id.as_str()))),
        cidr_block: Some(vpc.cidr.to_string()),
        cidr_block_state: Some(api::VpcCidrBlockState {
            state: Some("associated".to_owned()),
            status_message: None,
        }),
    };
    api::Vpc {
        owner_id: Some(call.facts.account.to_string()),
        instance_tenancy: Some("default".to_owned()),
        cidr_block_association_set: Some(vec![association]),
        is_default: Some(vpc.is_default),
        tags: Some(tags(&vpc.tags)),
        vpc_id: Some(vpc.id.to_string()),
        state: Some("available".to_owned()),
        cidr_block: Some(vpc.cidr.to_string()),
        dhcp_options_id: Some("default".to_owned()),
        ..Default::default()
    }
}

fn vpc_values(vpc: &api::Vpc, name: &str) -> Vec<String> {
    let association = vpc.cidr_block_association_set.iter().flatten().next();
    match name {
        "cidr" | "cidrBlock" | "cidr-block" | "cidr-block-association.cidr-block" => {
            text(&vpc.cidr_block)
        }
        "cidr-block-association.association-id" => {
            association.map(|a| text(&a.association_id)).unwrap_or_default()
        }
        "cidr-block-association.state" => vec!["associated".to_owned()],
        "dhcp-options-id" => text(&vpc.dhcp_options_id),
        "is-default" | "isDefault" => flag(vpc.is_default),
        "owner-id" => text(&vpc.owner_id),
        "state" => text(&vpc.state),
        "vpc-id" => text(&vpc.vpc_id),
        _ => Vec::new(),
    }
}

fn subnet_shape(call: &Call, catalog: &Catalog, subnet: &Subnet) -> api::Subnet {
    let free = catalog.free_addresses(&subnet.id);
    api::Subnet {
        availability_zone_id: Some(subnet.zone_id.clone()),
        owner_id: Some(call.facts.account.to_string()),
        assign_ipv6_address_on_creation: Some(false),
        ipv6_cidr_block_association_set: Some(Vec::new()),
        tags: Some(tags(&subnet.tags)),
        subnet_arn: Some(arn(call, "subnet", subnet.id.as_str())),
        enable_dns64: Some(false),
        ipv6_native: Some(false),
        subnet_id: Some(subnet.id.to_string()),
        state: Some("available".to_owned()),
        vpc_id: Some(subnet.vpc.to_string()),
        cidr_block: Some(subnet.cidr.to_string()),
        available_ip_address_count: i32::try_from(free).ok(),
        availability_zone: Some(subnet.zone.to_string()),
        default_for_az: Some(subnet.is_default),
        map_public_ip_on_launch: Some(false),
        ..Default::default()
    }
}

fn subnet_values(subnet: &api::Subnet, name: &str) -> Vec<String> {
    match name {
        "availability-zone" | "availabilityZone" => text(&subnet.availability_zone),
        "availability-zone-id" | "availabilityZoneId" => text(&subnet.availability_zone_id),
        "available-ip-address-count" => number(subnet.available_ip_address_count),
        "cidr" | "cidrBlock" | "cidr-block" => text(&subnet.cidr_block),
        "default-for-az" | "defaultForAz" => flag(subnet.default_for_az),
        "ipv6-native" => flag(subnet.ipv6_native),
        "map-public-ip-on-launch" => flag(subnet.map_public_ip_on_launch),
        "owner-id" => text(&subnet.owner_id),
        "state" => text(&subnet.state),
        "subnet-arn" => text(&subnet.subnet_arn),
        "subnet-id" => text(&subnet.subnet_id),
        "vpc-id" => text(&subnet.vpc_id),
        _ => Vec::new(),
    }
}

fn gateway_shape(call: &Call, vpc: &Vpc) -> Option<api::InternetGateway> {
    let attachment = api::InternetGatewayAttachment {
        state: Some("available".to_owned()),
        vpc_id: Some(vpc.id.to_string()),
    };
    Some(api::InternetGateway {
        attachments: Some(vec![attachment]),
        internet_gateway_id: Some(vpc.internet_gateway.clone()?),
        owner_id: Some(call.facts.account.to_string()),
        tags: Some(Vec::new()),
    })
}

fn gateway_values(gateway: &api::InternetGateway, name: &str) -> Vec<String> {
    let attachments = gateway.attachments.iter().flatten();
    match name {
        "attachment.state" => attachments.flat_map(|a| text(&a.state)).collect(),
        "attachment.vpc-id" => attachments.flat_map(|a| text(&a.vpc_id)).collect(),
        "internet-gateway-id" => text(&gateway.internet_gateway_id),
        "owner-id" => text(&gateway.owner_id),
        _ => Vec::new(),
    }
}

/// The main table: the VPC itself, and everything else through the gateway.
fn table_shape(call: &Call, vpc: &Vpc) -> api::RouteTable {
    let route = |destination: String, gateway: String, origin: &str| api::Route {
        destination_cidr_block: Some(destination),
        gateway_id: Some(gateway),
        origin: Some(origin.to_owned()),
        state: Some("active".to_owned()),
        ..Default::default()
    };
    let mut routes = vec![route(vpc.cidr.to_string(), "local".to_owned(), "CreateRouteTable")];
    if let Some(gateway) = &vpc.internet_gateway {
        routes.push(route("0.0.0.0/0".to_owned(), gateway.clone(), "CreateRoute"));
    }
    let association = api::RouteTableAssociation {
        main: Some(true),
        route_table_association_id: Some(format!("rtbassoc-{}", digits(&vpc.route_table))),
        route_table_id: Some(vpc.route_table.clone()),
        association_state: Some(api::RouteTableAssociationState {
            state: Some("associated".to_owned()),
            status_message: None,
        }),
        ..Default::default()
    };
    api::RouteTable {
        associations: Some(vec![association]),
        propagating_vgws: Some(Vec::new()),
        route_table_id: Some(vpc.route_table.clone()),
        routes: Some(routes),
        tags: Some(Vec::new()),
        vpc_id: Some(vpc.id.to_string()),
        owner_id: Some(call.facts.account.to_string()),
    }
}

fn table_values(table: &api::RouteTable, name: &str) -> Vec<String> {
    let associations = table.associations.iter().flatten();
    let routes = table.routes.iter().flatten();
    match name {
        "association.main" => associations.flat_map(|a| flag(a.main)).collect(),
        "association.route-table-association-id" => {
            associations.flat_map(|a| text(&a.route_table_association_id)).collect()
        }
        "association.route-table-id" | "route-table-id" => text(&table.route_table_id),
        "owner-id" => text(&table.owner_id),
        "route.destination-cidr-block" => {
            routes.flat_map(|route| text(&route.destination_cidr_block)).collect()
        }
        "route.gateway-id" => routes.flat_map(|route| text(&route.gateway_id)).collect(),
        "route.origin" => routes.flat_map(|route| text(&route.origin)).collect(),
        "route.state" => routes.flat_map(|route| text(&route.state)).collect(),
        "vpc-id" => text(&table.vpc_id),
        _ => Vec::new(),
    }
}
