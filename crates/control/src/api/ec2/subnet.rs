//! Subnets, told in EC2's words.
//!
//! Invariant: what a response tells of a subnet is what its decision wrote; free addresses are
//! counted when it is told.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use weir_core::catalog::command::{
    DefaultSubnetCreate, Ec2Id, SubnetAttributeModify, SubnetChange, SubnetCidrAssociate,
    SubnetCreate, ZoneInput,
};
use weir_core::catalog::unserved::Feature;
use weir_core::catalog::{Catalog, Command, Decision, Refusal};
use weir_core::resource::Subnet;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::value::Value;

use super::super::call::Call;
use super::filter::{Filters, flag, number, text};
use super::network::{Listing, listed, subnet_of, wanted};
use super::vpc::pools_absent;
use super::{arn, invalid, tags, tags_for};
use crate::reconcile;

const FILTERS: &[&str] = &[
    "availability-zone",
    "availabilityZone",
    "availability-zone-id",
    "availabilityZoneId",
    "available-ip-address-count",
    "cidr",
    "cidrBlock",
    "cidr-block",
    "customer-owned-ipv4-pool",
    "default-for-az",
    "defaultForAz",
    "enable-dns64",
    "enable-lni-at-device-index",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.state",
    "ipv6-native",
    "map-customer-owned-ip-on-launch",
    "map-public-ip-on-launch",
    "outpost-arn",
    "owner-id",
    "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
    "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
    "private-dns-name-options-on-launch.hostname-type",
    "state",
    "subnet-arn",
    "subnet-id",
    "vpc-id",
];
const LISTING: Listing<api::Subnet> =
    Listing { key: |subnet| &subnet.subnet_id, tags: |subnet| &subnet.tags, values };
const ASSOCIATED: &str = "associated";

/// `CreateSubnet`.
pub async fn create(
    call: &Call,
    input: api::CreateSubnetRequest,
) -> Result<api::CreateSubnetResult, ApiError> {
    pools_absent(&[&input.ipv4_ipam_pool_id, &input.ipv6_ipam_pool_id])?;
    if let Some(outpost) = input.outpost_arn {
        return Err(invalid(format!("Value ({outpost}) for parameter outpostArn is invalid.")));
    }
    if input.ipv6_native == Some(true) {
        return Err(call.refuse(&Refusal::unserved(Feature::Ipv6NativeSubnet, "")));
    }
    let command = SubnetCreate {
        region: call.facts.region.clone(),
        vpc: input.vpc_id.unwrap_or_default(),
        zone: ZoneInput { name: input.availability_zone, id: input.availability_zone_id },
        cidr: input.cidr_block,
        ipv6_cidr: input.ipv6_cidr_block,
        tags: tags_for(input.tag_specifications, "subnet", &[])?,
    };
    let decision = call.submit(Command::SubnetCreate(command)).await?;
    Ok(api::CreateSubnetResult { subnet: Some(decided(call, &decision)?) })
}

/// `CreateDefaultSubnet`.
pub async fn create_default(
    call: &Call,
    input: api::CreateDefaultSubnetRequest,
) -> Result<api::CreateDefaultSubnetResult, ApiError> {
    if input.ipv6_native == Some(true) {
        return Err(call.refuse(&Refusal::unserved(Feature::Ipv6NativeSubnet, "")));
    }
    let network =
        call.read(|catalog| Ok(reconcile::default_network(catalog, &call.facts.region)))?;
    let zone = ZoneInput { name: input.availability_zone, id: input.availability_zone_id };
    let command = DefaultSubnetCreate { network, zone };
    let decision = call.submit(Command::DefaultSubnetCreate(command)).await?;
    Ok(api::CreateDefaultSubnetResult { subnet: Some(decided(call, &decision)?) })
}

/// `DeleteSubnet`.
pub async fn delete(call: &Call, input: api::DeleteSubnetRequest) -> Result<Value, ApiError> {
    let region = call.facts.region.clone();
    let command = Ec2Id { region, id: input.subnet_id.unwrap_or_default() };
    call.submit(Command::SubnetDelete(command)).await?;
    Ok(Value::Null)
}

/// `DescribeSubnets`.
pub fn describe(
    call: &Call,
    input: api::DescribeSubnetsRequest,
) -> Result<api::DescribeSubnetsResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let region = &call.facts.region;
    let found: Vec<api::Subnet> = call.read(|catalog| match wanted(input.subnet_ids) {
        None => {
            let vpcs = catalog.vpcs_in(region);
            let subnets = vpcs.flat_map(|vpc| catalog.subnets_of(&vpc.id));
            Ok(subnets.map(|subnet| shape(call, catalog, subnet)).collect())
        }
        Some(ids) => {
            let find = |id: &String| Ok(shape(call, catalog, catalog.subnet_named_by(region, id)?));
            ids.iter().map(find).collect()
        }
    })?;
    let (subnets, next_token) =
        listed(found, &filters, &LISTING, input.max_results, input.next_token)?;
    Ok(api::DescribeSubnetsResult { subnets: Some(subnets), next_token })
}

/// `ModifySubnetAttribute`.
pub async fn modify(
    call: &Call,
    input: api::ModifySubnetAttributeRequest,
) -> Result<Value, ApiError> {
    outposts_absent(&input)?;
    let is = |member: Option<api::AttributeBooleanValue>| member.and_then(|one| one.value);
    let names = match input.private_dns_hostname_type_on_launch.as_deref() {
        None => None,
        Some("ip-name") => Some(false),
        Some("resource-name") => Some(true),
        Some(other) => {
            return Err(invalid(format!(
                "Value ({other}) for parameter privateDnsHostnameTypeOnLaunch is invalid."
            )));
        }
    };
    let given = [
        is(input.map_public_ip_on_launch).map(SubnetChange::MapPublicIp),
        is(input.assign_ipv6_address_on_creation).map(SubnetChange::AssignIpv6),
        is(input.enable_dns64).map(SubnetChange::Dns64),
        names.map(SubnetChange::ResourceNames),
        is(input.enable_resource_name_dns_a_record_on_launch).map(SubnetChange::ResourceNameA),
        is(input.enable_resource_name_dns_aaaa_record_on_launch)
            .map(SubnetChange::ResourceNameAaaa),
    ];
    let command = SubnetAttributeModify {
        region: call.facts.region.clone(),
        subnet: input.subnet_id.unwrap_or_default(),
        changes: given.into_iter().flatten().collect(),
    };
    call.submit(Command::SubnetAttributeModify(command)).await?;
    Ok(Value::Null)
}

/// `AssociateSubnetCidrBlock`.
pub async fn associate(
    call: &Call,
    input: api::AssociateSubnetCidrBlockRequest,
) -> Result<api::AssociateSubnetCidrBlockResult, ApiError> {
    pools_absent(&[&input.ipv6_ipam_pool_id])?;
    let command = SubnetCidrAssociate {
        region: call.facts.region.clone(),
        subnet: input.subnet_id.unwrap_or_default(),
        ipv6_cidr: input.ipv6_cidr_block,
    };
    let decision = call.submit(Command::SubnetCidrAssociate(command)).await?;
    let subnet = subnet_of(call, &decision)?;
    Ok(api::AssociateSubnetCidrBlockResult {
        ipv6_cidr_block_association: association(&subnet, "associating"),
        subnet_id: Some(subnet.id.to_string()),
    })
}

/// `DisassociateSubnetCidrBlock`.
pub async fn disassociate(
    call: &Call,
    input: api::DisassociateSubnetCidrBlockRequest,
) -> Result<api::DisassociateSubnetCidrBlockResult, ApiError> {
    let (region, id) = (call.facts.region.clone(), input.association_id.unwrap_or_default());
    let before = call.read(|catalog| {
        let mut subnets = catalog.all_subnets().filter(|subnet| subnet.region == region);
        Ok(subnets.find(|subnet| subnet.ipv6_association.as_ref() == Some(&id)).cloned())
    })?;
    let command = Ec2Id { region, id };
    let decision = call.submit(Command::SubnetCidrDisassociate(command)).await?;
    let subnet = subnet_of(call, &decision)?;
    Ok(api::DisassociateSubnetCidrBlockResult {
        ipv6_cidr_block_association: before.and_then(|s| association(&s, "disassociating")),
        subnet_id: Some(subnet.id.to_string()),
    })
}

/// Outposts are no part of Weir.
fn outposts_absent(input: &api::ModifySubnetAttributeRequest) -> Result<(), ApiError> {
    let on = |member: &Option<api::AttributeBooleanValue>| {
        member.as_ref().is_some_and(|one| one.value == Some(true))
    };
    let asked = [
        (on(&input.map_customer_owned_ip_on_launch), "mapCustomerOwnedIpOnLaunch"),
        (input.customer_owned_ipv4_pool.is_some(), "customerOwnedIpv4Pool"),
        (input.enable_lni_at_device_index.is_some(), "enableLniAtDeviceIndex"),
    ];
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, member)) => {
            Err(invalid(format!("The parameter {member} is valid only for subnets of Outposts.")))
        }
        None => Ok(()),
    }
}

// === shapes ===

fn decided(call: &Call, decision: &Decision) -> Result<api::Subnet, ApiError> {
    let subnet = subnet_of(call, decision)?;
    call.read(|catalog| Ok(shape(call, catalog, &subnet)))
}

fn shape(call: &Call, catalog: &Catalog, subnet: &Subnet) -> api::Subnet {
    let free = catalog.free_addresses(&subnet.id);
    let own = &subnet.attributes;
    let hostname_type = if own.resource_names { "resource-name" } else { "ip-name" };
    api::Subnet {
        availability_zone_id: Some(subnet.zone_id.clone()),
        map_customer_owned_ip_on_launch: Some(false),
        owner_id: Some(call.facts.account.to_string()),
        assign_ipv6_address_on_creation: Some(own.assign_ipv6),
        ipv6_cidr_block_association_set: Some(
            association(subnet, ASSOCIATED).into_iter().collect(),
        ),
        tags: Some(tags(&subnet.tags)),
        subnet_arn: Some(arn(call, "subnet", subnet.id.as_str())),
        enable_dns64: Some(own.dns64),
        ipv6_native: Some(false),
        private_dns_name_options_on_launch: Some(api::PrivateDnsNameOptionsOnLaunch {
            hostname_type: Some(hostname_type.to_owned()),
            enable_resource_name_dns_a_record: Some(own.resource_name_a),
            enable_resource_name_dns_aaaa_record: Some(own.resource_name_aaaa),
        }),
        subnet_id: Some(subnet.id.to_string()),
        state: Some("available".to_owned()),
        vpc_id: Some(subnet.vpc.to_string()),
        cidr_block: Some(subnet.cidr.to_string()),
        available_ip_address_count: i32::try_from(free).ok(),
        availability_zone: Some(subnet.zone.to_string()),
        default_for_az: Some(subnet.is_default),
        map_public_ip_on_launch: Some(own.map_public_ip),
        ..Default::default()
    }
}

fn association(subnet: &Subnet, state: &str) -> Option<api::SubnetIpv6CidrBlockAssociation> {
    Some(api::SubnetIpv6CidrBlockAssociation {
        association_id: subnet.ipv6_association.clone(),
        ipv6_cidr_block: Some(subnet.ipv6_cidr?.to_string()),
        ipv6_cidr_block_state: Some(api::SubnetCidrBlockState {
            state: Some(state.to_owned()),
            status_message: None,
        }),
        ..Default::default()
    })
}

fn values(subnet: &api::Subnet, name: &str) -> Vec<String> {
    let ipv6 = subnet.ipv6_cidr_block_association_set.iter().flatten();
    match name {
        "availability-zone" | "availabilityZone" => text(&subnet.availability_zone),
        "availability-zone-id" | "availabilityZoneId" => text(&subnet.availability_zone_id),
        "available-ip-address-count" => number(subnet.available_ip_address_count),
        "cidr" | "cidrBlock" | "cidr-block" => text(&subnet.cidr_block),
        "default-for-az" | "defaultForAz" => flag(subnet.default_for_az),
        "enable-dns64" => flag(subnet.enable_dns64),
        "ipv6-cidr-block-association.association-id" => {
            ipv6.flat_map(|a| text(&a.association_id)).collect()
        }
        "ipv6-cidr-block-association.ipv6-cidr-block" => {
            ipv6.flat_map(|a| text(&a.ipv6_cidr_block)).collect()
        }
        "ipv6-cidr-block-association.state" => ipv6.map(|_| ASSOCIATED.to_owned()).collect(),
        "ipv6-native" => flag(subnet.ipv6_native),
        "map-customer-owned-ip-on-launch" => flag(subnet.map_customer_owned_ip_on_launch),
        "map-public-ip-on-launch" => flag(subnet.map_public_ip_on_launch),
        "owner-id" => text(&subnet.owner_id),
        "state" => text(&subnet.state),
        "subnet-arn" => text(&subnet.subnet_arn),
        "subnet-id" => text(&subnet.subnet_id),
        "vpc-id" => text(&subnet.vpc_id),
        other => launch_values(subnet, other),
    }
}

fn launch_values(subnet: &api::Subnet, name: &str) -> Vec<String> {
    let Some(own) = &subnet.private_dns_name_options_on_launch else { return Vec::new() };
    match name.strip_prefix("private-dns-name-options-on-launch.") {
        Some("hostname-type") => text(&own.hostname_type),
        Some("enable-resource-name-dns-a-record") => flag(own.enable_resource_name_dns_a_record),
        Some("enable-resource-name-dns-aaaa-record") => {
            flag(own.enable_resource_name_dns_aaaa_record)
        }
        _ => Vec::new(),
    }
}
