//! The part of EC2 that load balancing needs: networks, security groups, interfaces, instances.
//!
//! Weir has no machines and no wires: networks are given, instances are declared, interfaces are
//! derived from what has an address. Descriptions tell what is so and leave out the rest.
//!
//! Invariant: every operation of the generated model has an arm below.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

mod dns;
mod elastic;
mod filter;
mod image;
mod instance;
mod instance_attribute;
mod interface;
mod interface_change;
mod internet_gateway;
mod network;
mod network_probe;
mod page;
mod permission;
mod place;
mod prefix_list;
mod route_table;
mod security_group;
mod subnet;
mod tag;
mod vpc;

use weir_core::catalog::ResourceKey;
use weir_core::catalog::command::Pairs;
use weir_core::resource::Tags;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2::{self as api, Operation};
use weir_wire::schema::ErrorFacts;
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub async fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    match operation {
        Op::AuthorizeSecurityGroupEgress => {
            out(permission::authorize_egress(call, call.input()?).await)
        }
        Op::AuthorizeSecurityGroupIngress => {
            out(permission::authorize_ingress(call, call.input()?).await)
        }
        Op::CreateSecurityGroup => out(security_group::create(call, call.input()?).await),
        Op::CreateTags => tag::create(call, call.input()?).await,
        Op::DeleteSecurityGroup => out(security_group::delete(call, call.input()?).await),
        Op::DeleteTags => tag::delete(call, call.input()?).await,
        Op::DescribeAccountAttributes => out(place::account_attributes(call, call.input()?)),
        Op::DescribeAddresses => out(elastic::describe(call, call.input()?)),
        Op::DescribeAvailabilityZones => out(place::zones(call, call.input()?)),
        Op::DescribeImages => out(image::images(call, call.input()?)),
        Op::DescribeInstanceStatus => out(instance::status(call, call.input()?)),
        Op::DescribeInstanceTypes => out(image::instance_types(call, call.input()?)),
        Op::DescribeInstances => out(instance::describe(call, call.input()?)),
        Op::DescribeNetworkInterfaces => out(interface::describe(call, call.input()?)),
        Op::DescribeRegions => out(place::regions(call, call.input()?)),
        Op::DescribeSecurityGroupRules => out(security_group::rules(call, call.input()?)),
        Op::DescribeSecurityGroups => out(security_group::describe(call, call.input()?)),
        Op::DescribeTags => out(tag::describe(call, call.input()?)),
        Op::RevokeSecurityGroupEgress => out(permission::revoke_egress(call, call.input()?).await),
        Op::RevokeSecurityGroupIngress => {
            out(permission::revoke_ingress(call, call.input()?).await)
        }
        Op::RunInstances => out(instance::run(call, call.input()?).await),
        Op::StartInstances => out(instance::start(call, call.input()?).await),
        Op::StopInstances => out(instance::stop(call, call.input()?).await),
        Op::TerminateInstances => out(instance::terminate(call, call.input()?).await),
        other => inventory(call, other).await,
    }
}

/// The rest of the inventory: rules, prefix lists, elastic addresses, interfaces, settings.
async fn inventory(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    match operation {
        Op::AllocateAddress => out(elastic::allocate(call, call.input()?).await),
        Op::AssignPrivateIpAddresses => out(interface_change::assign(call, call.input()?).await),
        Op::AssociateAddress => out(elastic::associate(call, call.input()?).await),
        Op::AttachNetworkInterface => out(interface_change::attach(call, call.input()?).await),
        Op::CreateManagedPrefixList => out(prefix_list::create(call, call.input()?).await),
        Op::CreateNetworkInterface => out(interface_change::create(call, call.input()?).await),
        Op::DeleteManagedPrefixList => out(prefix_list::delete(call, call.input()?).await),
        Op::DeleteNetworkInterface => interface_change::delete(call, call.input()?).await,
        Op::DescribeAddressesAttribute => out(elastic::attributes(call, call.input()?)),
        Op::DescribeIamInstanceProfileAssociations => {
            out(instance_attribute::profiles(call, call.input()?))
        }
        Op::DescribeInstanceAttribute => out(instance_attribute::describe(call, call.input()?)),
        Op::DescribeInstanceCreditSpecifications => {
            out(instance_attribute::credits(call, call.input()?))
        }
        Op::DescribeKeyPairs => out(instance_attribute::key_pairs(call, call.input()?)),
        Op::DescribeManagedPrefixLists => out(prefix_list::describe(call, call.input()?)),
        Op::DescribeNetworkInterfaceAttribute => out(interface::attribute(call, call.input()?)),
        Op::DescribeVolumes => out(instance_attribute::volumes(call, call.input()?)),
        Op::DetachNetworkInterface => interface_change::detach(call, call.input()?).await,
        Op::DisassociateAddress => elastic::disassociate(call, call.input()?).await,
        Op::GetManagedPrefixListEntries => out(prefix_list::entries(call, call.input()?)),
        Op::GetSecurityGroupsForVpc => out(security_group::for_vpc(call, call.input()?)),
        Op::ModifyInstanceAttribute => instance_attribute::modify(call, call.input()?).await,
        Op::ModifyManagedPrefixList => out(prefix_list::modify(call, call.input()?).await),
        Op::ModifyNetworkInterfaceAttribute => interface_change::modify(call, call.input()?).await,
        Op::ModifySecurityGroupRules => out(permission::modify(call, call.input()?).await),
        Op::RebootInstances => instance_attribute::reboot(call, call.input()?).await,
        Op::ReleaseAddress => elastic::release(call, call.input()?).await,
        Op::UnassignPrivateIpAddresses => interface_change::unassign(call, call.input()?).await,
        Op::UpdateSecurityGroupRuleDescriptionsEgress => {
            out(permission::describe_egress(call, call.input()?).await)
        }
        Op::UpdateSecurityGroupRuleDescriptionsIngress => {
            out(permission::describe_ingress(call, call.input()?).await)
        }
        other => networks(call, other).await,
    }
}

/// VPCs, subnets, gateways, route tables, and what tools ask for around them.
async fn networks(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    match operation {
        Op::AssociateSubnetCidrBlock => out(subnet::associate(call, call.input()?).await),
        Op::AssociateVpcCidrBlock => out(vpc::associate(call, call.input()?).await),
        Op::AttachInternetGateway => internet_gateway::attach(call, call.input()?).await,
        Op::CreateDefaultSubnet => out(subnet::create_default(call, call.input()?).await),
        Op::CreateDefaultVpc => out(vpc::create_default(call, call.input()?).await),
        Op::CreateInternetGateway => out(internet_gateway::create(call, call.input()?).await),
        Op::CreateSubnet => out(subnet::create(call, call.input()?).await),
        Op::CreateVpc => out(vpc::create(call, call.input()?).await),
        Op::DeleteInternetGateway => internet_gateway::delete(call, call.input()?).await,
        Op::DeleteSubnet => subnet::delete(call, call.input()?).await,
        Op::DeleteVpc => vpc::delete(call, call.input()?).await,
        Op::DescribeInternetGateways => out(internet_gateway::describe(call, call.input()?)),
        Op::DescribeSubnets => out(subnet::describe(call, call.input()?)),
        Op::DescribeVpcAttribute => out(vpc::attribute(call, call.input()?)),
        Op::DescribeVpcs => out(vpc::describe(call, call.input()?)),
        Op::DetachInternetGateway => internet_gateway::detach(call, call.input()?).await,
        Op::DisassociateSubnetCidrBlock => out(subnet::disassociate(call, call.input()?).await),
        Op::DisassociateVpcCidrBlock => out(vpc::disassociate(call, call.input()?).await),
        Op::ModifySubnetAttribute => subnet::modify(call, call.input()?).await,
        Op::ModifyVpcAttribute => vpc::modify(call, call.input()?).await,
        other => routes(call, other).await,
    }
}

/// Route tables, and the descriptions that nothing can change.
async fn routes(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    match operation {
        Op::AssociateRouteTable => out(route_table::associate(call, call.input()?).await),
        Op::CreateRoute => out(route_table::route_create(call, call.input()?).await),
        Op::CreateRouteTable => out(route_table::create(call, call.input()?).await),
        Op::DeleteRoute => route_table::route_delete(call, call.input()?).await,
        Op::DeleteRouteTable => route_table::delete(call, call.input()?).await,
        Op::DescribeCoipPools => out(network_probe::coip_pools(call, call.input()?)),
        Op::DescribeDhcpOptions => out(network_probe::dhcp_options(call, call.input()?)),
        Op::DescribeEgressOnlyInternetGateways => {
            out(network_probe::egress_only_internet_gateways(call, call.input()?))
        }
        Op::DescribeIpamPools => out(network_probe::ipam_pools(call, call.input()?)),
        Op::DescribeNatGateways => out(network_probe::nat_gateways(call, call.input()?)),
        Op::DescribeNetworkAcls => out(network_probe::network_acls(call, call.input()?)),
        Op::DescribePrefixLists => out(network_probe::prefix_lists(call, call.input()?)),
        Op::DescribeRouteTables => out(route_table::describe(call, call.input()?)),
        Op::DescribeVpcEndpoints => out(network_probe::endpoints(call, call.input()?)),
        Op::DescribeVpcPeeringConnections => {
            out(network_probe::peering_connections(call, call.input()?))
        }
        Op::DisassociateRouteTable => route_table::disassociate(call, call.input()?).await,
        Op::ReplaceRoute => route_table::route_replace(call, call.input()?).await,
        Op::ReplaceRouteTableAssociation => out(route_table::replace(call, call.input()?).await),
        // The callers matched every other operation of the model.
        _ => Err(call.not_built()),
    }
}

fn out<T: ToValue>(answer: Result<T, ApiError>) -> Result<Value, ApiError> {
    answer.map(|output| output.to_value())
}

// === shared by the resources ===

/// `InvalidParameterValue` with this text.
fn invalid(message: impl Into<String>) -> ApiError {
    weir_wire::error::common::INVALID_PARAMETER_VALUE.because(message)
}

/// `Invalid….NotFound`; EC2 names the kinds of its ids in several ways.
fn not_found(code: &'static str, kind: &str, id: &str) -> ApiError {
    ErrorFacts::sender(code, 400).because(format!("The {kind} ID '{id}' does not exist"))
}

/// The tags of a record.
fn tags(tags: &Tags) -> Vec<api::Tag> {
    let tag = |(key, value): (&String, &String)| api::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}

/// Tags as given.
fn pairs(tags: Option<Vec<api::Tag>>) -> Pairs {
    let tags = tags.unwrap_or_default().into_iter();
    tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect()
}

/// The tags that a creating call gives to resources of this type; others are refused, because
/// nothing of another type is created.
fn tags_for(
    specifications: Option<Vec<api::TagSpecification>>,
    kind: &str,
    tolerated: &[&str],
) -> Result<Pairs, ApiError> {
    let mut found = Pairs::new();
    for specification in specifications.unwrap_or_default() {
        match specification.resource_type.as_deref() {
            Some(own) if own == kind => found.extend(pairs(specification.tags)),
            Some(other) if tolerated.contains(&other) => {}
            other => {
                let shown = other.unwrap_or("null");
                return Err(invalid(format!(
                    "'{shown}' is not a valid taggable resource type for this operation."
                )));
            }
        }
    }
    Ok(found)
}

/// `arn:aws:ec2:<region>:<account>:<kind>/<id>`.
fn arn(call: &Call, kind: &str, id: &str) -> String {
    format!("arn:aws:ec2:{}:{}:{kind}/{id}", call.facts.region, call.facts.account)
}

/// The hexadecimal end of an id, for ids that are derived from it.
fn digits(id: &str) -> &str {
    id.rsplit('-').next().unwrap_or(id)
}

/// The first subject of a decision that `pick` knows.
fn subject<T>(
    call: &Call,
    subjects: &[ResourceKey],
    pick: impl Fn(&ResourceKey) -> Option<T>,
) -> Result<T, ApiError> {
    subjects.iter().find_map(pick).ok_or_else(|| call.bug(&"a decision lacks its subject"))
}
