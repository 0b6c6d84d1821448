//! Route tables, told in EC2's words.
//!
//! Invariant: the local routes come first, one for each block of the VPC that no stored route is
//! for; a route is a blackhole when what it leads to is gone.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use ipnet::IpNet;
use weir_core::catalog::command::{
    DestinationInput, Ec2Id, RouteDelete, RouteInput, RouteTableAssociate, RouteTableCreate,
    RouteTableReplace, TargetIdsInput,
};
use weir_core::catalog::{Catalog, Command};
use weir_core::resource::{
    Associated, Route, RouteDestination, RouteTable, RouteTarget, RouteTargetKind,
};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::value::Value;

use super::super::call::Call;
use super::filter::{Filters, flag, text};
use super::network::{Listing, listed, route_table_of, wanted};
use super::{tags, tags_for};

const FILTERS: &[&str] = &[
    "association.gateway-id",
    "association.main",
    "association.route-table-association-id",
    "association.route-table-id",
    "association.subnet-id",
    "owner-id",
    "route-table-id",
    "route.destination-cidr-block",
    "route.destination-ipv6-cidr-block",
    "route.destination-prefix-list-id",
    "route.egress-only-internet-gateway-id",
    "route.gateway-id",
    "route.instance-id",
    "route.local-gateway-id",
    "route.nat-gateway-id",
    "route.network-interface-id",
    "route.origin",
    "route.state",
    "route.transit-gateway-id",
    "route.vpc-peering-connection-id",
    "vpc-id",
];
const LISTING: Listing<api::RouteTable> =
    Listing { key: |table| &table.route_table_id, tags: |table| &table.tags, values };

/// A route as CreateRoute and ReplaceRoute say it: two shapes of the model with the same members.
macro_rules! route_input {
    ($call:ident, $input:ident, $local:expr) => {{
        use RouteTargetKind as Kind;
        let others = vec![
            (Kind::VpcEndpoint, $input.vpc_endpoint_id),
            (Kind::TransitGateway, $input.transit_gateway_id),
            (Kind::LocalGateway, $input.local_gateway_id),
            (Kind::CarrierGateway, $input.carrier_gateway_id),
            (Kind::CoreNetwork, $input.core_network_arn),
            (Kind::OdbNetwork, $input.odb_network_arn),
            (Kind::EgressOnlyInternetGateway, $input.egress_only_internet_gateway_id),
            (Kind::NetworkInterface, $input.network_interface_id),
            (Kind::PeeringConnection, $input.vpc_peering_connection_id),
            (Kind::NatGateway, $input.nat_gateway_id),
        ];
        RouteInput {
            region: $call.facts.region.clone(),
            table: $input.route_table_id.unwrap_or_default(),
            destination: DestinationInput {
                ipv4: $input.destination_cidr_block,
                ipv6: $input.destination_ipv6_cidr_block,
                prefix_list: $input.destination_prefix_list_id,
            },
            target: targets($input.gateway_id, $input.instance_id, others, $local),
        }
    }};
}

/// `CreateRouteTable`.
pub async fn create(
    call: &Call,
    input: api::CreateRouteTableRequest,
) -> Result<api::CreateRouteTableResult, ApiError> {
    let client_token = input.client_token.clone();
    let command = RouteTableCreate {
        region: call.facts.region.clone(),
        vpc: input.vpc_id.unwrap_or_default(),
        client_token: input.client_token,
        tags: tags_for(input.tag_specifications, "route-table", &[])?,
    };
    let decision = call.submit(Command::RouteTableCreate(command)).await?;
    let table = route_table_of(call, &decision)?;
    let table = call.read(|catalog| Ok(shape(call, catalog, &table)))?;
    Ok(api::CreateRouteTableResult { route_table: Some(table), client_token })
}

/// `DeleteRouteTable`.
pub async fn delete(call: &Call, input: api::DeleteRouteTableRequest) -> Result<Value, ApiError> {
    let region = call.facts.region.clone();
    let command = Ec2Id { region, id: input.route_table_id.unwrap_or_default() };
    call.submit(Command::RouteTableDelete(command)).await?;
    Ok(Value::Null)
}

/// `DescribeRouteTables`.
pub fn describe(
    call: &Call,
    input: api::DescribeRouteTablesRequest,
) -> Result<api::DescribeRouteTablesResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let region = &call.facts.region;
    let found: Vec<api::RouteTable> = call.read(|catalog| match wanted(input.route_table_ids) {
        None => {
            let tables = catalog.route_tables_in(region);
            Ok(tables.map(|table| shape(call, catalog, table)).collect())
        }
        Some(ids) => {
            let find =
                |id: &String| Ok(shape(call, catalog, catalog.route_table_named_by(region, id)?));
            ids.iter().map(find).collect()
        }
    })?;
    let (tables, next_token) =
        listed(found, &filters, &LISTING, input.max_results, input.next_token)?;
    Ok(api::DescribeRouteTablesResult { route_tables: Some(tables), next_token })
}

/// `CreateRoute`.
pub async fn route_create(
    call: &Call,
    input: api::CreateRouteRequest,
) -> Result<api::CreateRouteResult, ApiError> {
    let command = route_input!(call, input, None);
    call.submit(Command::RouteCreate(command)).await?;
    Ok(api::CreateRouteResult { r#return: Some(true) })
}

/// `ReplaceRoute`.
pub async fn route_replace(
    call: &Call,
    input: api::ReplaceRouteRequest,
) -> Result<Value, ApiError> {
    let command = route_input!(call, input, input.local_target);
    call.submit(Command::RouteReplace(command)).await?;
    Ok(Value::Null)
}

/// `DeleteRoute`.
pub async fn route_delete(call: &Call, input: api::DeleteRouteRequest) -> Result<Value, ApiError> {
    let command = RouteDelete {
        region: call.facts.region.clone(),
        table: input.route_table_id.unwrap_or_default(),
        destination: DestinationInput {
            ipv4: input.destination_cidr_block,
            ipv6: input.destination_ipv6_cidr_block,
            prefix_list: input.destination_prefix_list_id,
        },
    };
    call.submit(Command::RouteDelete(command)).await?;
    Ok(Value::Null)
}

/// `AssociateRouteTable`.
pub async fn associate(
    call: &Call,
    input: api::AssociateRouteTableRequest,
) -> Result<api::AssociateRouteTableResult, ApiError> {
    let command = RouteTableAssociate {
        region: call.facts.region.clone(),
        table: input.route_table_id.unwrap_or_default(),
        subnet: input.subnet_id,
        gateway: input.gateway_id,
    };
    let decision = call.submit(Command::RouteTableAssociate(command)).await?;
    Ok(api::AssociateRouteTableResult {
        association_id: decision.associations.first().cloned(),
        association_state: associated(),
    })
}

/// `DisassociateRouteTable`.
pub async fn disassociate(
    call: &Call,
    input: api::DisassociateRouteTableRequest,
) -> Result<Value, ApiError> {
    let region = call.facts.region.clone();
    let command = Ec2Id { region, id: input.association_id.unwrap_or_default() };
    call.submit(Command::RouteTableDisassociate(command)).await?;
    Ok(Value::Null)
}

/// `ReplaceRouteTableAssociation`.
pub async fn replace(
    call: &Call,
    input: api::ReplaceRouteTableAssociationRequest,
) -> Result<api::ReplaceRouteTableAssociationResult, ApiError> {
    let command = RouteTableReplace {
        region: call.facts.region.clone(),
        association: input.association_id.unwrap_or_default(),
        table: input.route_table_id.unwrap_or_default(),
    };
    let decision = call.submit(Command::RouteTableReplace(command)).await?;
    Ok(api::ReplaceRouteTableAssociationResult {
        new_association_id: decision.associations.first().cloned(),
        association_state: associated(),
    })
}

fn targets(
    gateway: Option<String>,
    instance: Option<String>,
    others: Vec<(RouteTargetKind, Option<String>)>,
    local: Option<bool>,
) -> TargetIdsInput {
    let others = others.into_iter().filter_map(|(kind, id)| Some((kind, id?))).collect();
    TargetIdsInput { gateway, instance, others, local: local.unwrap_or(false) }
}

// === shapes ===

fn associated() -> Option<api::RouteTableAssociationState> {
    let state = Some("associated".to_owned());
    Some(api::RouteTableAssociationState { state, status_message: None })
}

fn shape(call: &Call, catalog: &Catalog, table: &RouteTable) -> api::RouteTable {
    let association = |id: &String| api::RouteTableAssociation {
        main: Some(false),
        route_table_association_id: Some(id.clone()),
        route_table_id: Some(table.id.to_string()),
        association_state: associated(),
        ..Default::default()
    };
    let main = table.main.as_ref();
    let main = main.map(|id| api::RouteTableAssociation { main: Some(true), ..association(id) });
    let explicit = table.associations.iter().map(|one| {
        let (subnet_id, gateway_id) = match &one.with {
            Associated::Subnet(subnet) => (Some(subnet.to_string()), None),
            Associated::Gateway(gateway) => (None, Some(gateway.to_string())),
        };
        api::RouteTableAssociation { subnet_id, gateway_id, ..association(&one.id) }
    });
    api::RouteTable {
        associations: Some(main.into_iter().chain(explicit).collect()),
        propagating_vgws: Some(Vec::new()),
        route_table_id: Some(table.id.to_string()),
        routes: Some(routes(call, catalog, table)),
        tags: Some(tags(&table.tags)),
        vpc_id: Some(table.vpc.to_string()),
        owner_id: Some(call.facts.account.to_string()),
    }
}

fn routes(call: &Call, catalog: &Catalog, table: &RouteTable) -> Vec<api::Route> {
    let blocks: Vec<IpNet> = catalog
        .vpc(&table.vpc)
        .map(|vpc| vpc.cidrs().chain(&vpc.ipv6_cidr).copied().collect())
        .unwrap_or_default();
    let free = blocks.into_iter().map(RouteDestination::Block);
    let local = free.filter(|block| table.route_position(block).is_none()).map(|block| {
        let gateway_id = Some("local".to_owned());
        api::Route { gateway_id, ..route_to(&block, "CreateRouteTable", true) }
    });
    let stored = table.routes.iter().map(|route| route_shape(call, catalog, table, route));
    local.chain(stored).collect()
}

fn route_to(destination: &RouteDestination, origin: &str, active: bool) -> api::Route {
    let state = if active { "active" } else { "blackhole" };
    let mut route = api::Route {
        origin: Some(origin.to_owned()),
        state: Some(state.to_owned()),
        ..Default::default()
    };
    match destination {
        RouteDestination::Block(block @ IpNet::V4(_)) => {
            route.destination_cidr_block = Some(block.to_string());
        }
        RouteDestination::Block(block @ IpNet::V6(_)) => {
            route.destination_ipv6_cidr_block = Some(block.to_string());
        }
        RouteDestination::PrefixList(id) => route.destination_prefix_list_id = Some(id.clone()),
    }
    route
}

fn route_shape(call: &Call, catalog: &Catalog, table: &RouteTable, route: &Route) -> api::Route {
    let to = |active| route_to(&route.destination, "CreateRoute", active);
    match &route.target {
        RouteTarget::InternetGateway(id) => {
            let found = catalog.internet_gateway(id);
            let active = found.is_some_and(|one| one.vpc.as_ref() == Some(&table.vpc));
            api::Route { gateway_id: Some(id.to_string()), ..to(active) }
        }
        RouteTarget::Instance(id) => {
            let found = catalog.instance(id.as_str());
            let running = weir_core::resource::InstanceState::Running;
            let active = found.is_some_and(|instance| instance.state == running);
            api::Route {
                instance_id: Some(id.to_string()),
                instance_owner_id: Some(call.facts.account.to_string()),
                network_interface_id: found.map(|instance| instance.interface.to_string()),
                ..to(active)
            }
        }
        RouteTarget::Other { kind, id } => other_route(catalog, table, to(true), *kind, id),
    }
}

/// A route to a target of which Weir keeps the id; of interfaces it knows whether they exist.
fn other_route(
    catalog: &Catalog,
    table: &RouteTable,
    mut route: api::Route,
    kind: RouteTargetKind,
    id: &str,
) -> api::Route {
    use RouteTargetKind as Kind;
    let id_text = Some(id.to_owned());
    match kind {
        Kind::VirtualPrivateGateway | Kind::VpcEndpoint => route.gateway_id = id_text,
        Kind::NatGateway => route.nat_gateway_id = id_text,
        Kind::NetworkInterface => {
            let mut interfaces = catalog.interfaces_in(&table.region);
            if !interfaces.any(|interface| interface.id.as_str() == id) {
                route.state = Some("blackhole".to_owned());
            }
            route.network_interface_id = id_text;
        }
        Kind::PeeringConnection => route.vpc_peering_connection_id = id_text,
        Kind::EgressOnlyInternetGateway => route.egress_only_internet_gateway_id = id_text,
        Kind::TransitGateway => route.transit_gateway_id = id_text,
        Kind::LocalGateway => route.local_gateway_id = id_text,
        Kind::CarrierGateway => route.carrier_gateway_id = id_text,
        Kind::CoreNetwork => route.core_network_arn = id_text,
        Kind::OdbNetwork => route.odb_network_arn = id_text,
    }
    route
}

fn values(table: &api::RouteTable, name: &str) -> Vec<String> {
    if let Some(name) = name.strip_prefix("association.") {
        let associations = table.associations.iter().flatten();
        return associations.flat_map(|one| association_values(one, name)).collect();
    }
    if let Some(name) = name.strip_prefix("route.") {
        let routes = table.routes.iter().flatten();
        return routes.flat_map(|route| route_values(route, name)).collect();
    }
    match name {
        "owner-id" => text(&table.owner_id),
        "route-table-id" => text(&table.route_table_id),
        "vpc-id" => text(&table.vpc_id),
        _ => Vec::new(),
    }
}

fn association_values(one: &api::RouteTableAssociation, name: &str) -> Vec<String> {
    match name {
        "gateway-id" => text(&one.gateway_id),
        "main" => flag(one.main),
        "route-table-association-id" => text(&one.route_table_association_id),
        "route-table-id" => text(&one.route_table_id),
        "subnet-id" => text(&one.subnet_id),
        _ => Vec::new(),
    }
}

fn route_values(route: &api::Route, name: &str) -> Vec<String> {
    match name {
        "destination-cidr-block" => text(&route.destination_cidr_block),
        "destination-ipv6-cidr-block" => text(&route.destination_ipv6_cidr_block),
        "destination-prefix-list-id" => text(&route.destination_prefix_list_id),
        "egress-only-internet-gateway-id" => text(&route.egress_only_internet_gateway_id),
        "gateway-id" => text(&route.gateway_id),
        "instance-id" => text(&route.instance_id),
        "local-gateway-id" => text(&route.local_gateway_id),
        "nat-gateway-id" => text(&route.nat_gateway_id),
        "network-interface-id" => text(&route.network_interface_id),
        "origin" => text(&route.origin),
        "state" => text(&route.state),
        "transit-gateway-id" => text(&route.transit_gateway_id),
        "vpc-peering-connection-id" => text(&route.vpc_peering_connection_id),
        _ => Vec::new(),
    }
}
