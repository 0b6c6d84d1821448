//! VPCs, told in EC2's words.
//!
//! Invariant: what a response tells of a VPC is what its decision wrote.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use weir_core::catalog::Command;
use weir_core::catalog::command::{
    BlockInput, Ec2Id, VpcAttributeModify, VpcCidrAssociate, VpcCreate,
};
use weir_core::resource::Vpc;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::value::Value;

use super::super::call::Call;
use super::filter::{Filters, flag, text};
use super::network::{Listing, listed, vpc_of, wanted};
use super::network_probe::dhcp_options_id;
use super::{invalid, tags, tags_for};
use crate::reconcile;

const FILTERS: &[&str] = &[
    "cidr",
    "cidrBlock",
    "cidr-block",
    "cidr-block-association.cidr-block",
    "cidr-block-association.association-id",
    "cidr-block-association.state",
    "dhcp-options-id",
    "dhcpOptionsId",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.ipv6-pool",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.state",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "vpc-id",
];
const LISTING: Listing<api::Vpc> =
    Listing { key: |vpc| &vpc.vpc_id, tags: |vpc| &vpc.tags, values };
const ASSOCIATED: &str = "associated";
const DISASSOCIATING: &str = "disassociating";

/// `CreateVpc`.
pub async fn create(
    call: &Call,
    input: api::CreateVpcRequest,
) -> Result<api::CreateVpcResult, ApiError> {
    pools_absent(&[&input.ipv4_ipam_pool_id, &input.ipv6_ipam_pool_id])?;
    let command = VpcCreate {
        region: call.facts.region.clone(),
        block: BlockInput {
            ipv4: input.cidr_block,
            ipv6: input.ipv6_cidr_block,
            ipv6_provided: input.amazon_provided_ipv6_cidr_block.unwrap_or(false),
        },
        tenancy: input.instance_tenancy,
        tags: tags_for(input.tag_specifications, "vpc", &[])?,
    };
    let decision = call.submit(Command::VpcCreate(command)).await?;
    let mut vpc = shape(call, &vpc_of(call, &decision)?);
    vpc.ipv6_cidr_block_association_set.get_or_insert_default();
    // As AWS answers: it is available before the next call is made.
    vpc.state = Some("pending".to_owned());
    Ok(api::CreateVpcResult { vpc: Some(vpc) })
}

/// `CreateDefaultVpc`.
pub async fn create_default(
    call: &Call,
    _: api::CreateDefaultVpcRequest,
) -> Result<api::CreateDefaultVpcResult, ApiError> {
    let network =
        call.read(|catalog| Ok(reconcile::default_network(catalog, &call.facts.region)))?;
    let decision = call.submit(Command::DefaultVpcCreate(network)).await?;
    let vpc = shape(call, &vpc_of(call, &decision)?);
    Ok(api::CreateDefaultVpcResult { vpc: Some(vpc) })
}

/// `DeleteVpc`.
pub async fn delete(call: &Call, input: api::DeleteVpcRequest) -> Result<Value, ApiError> {
    let region = call.facts.region.clone();
    let command = Ec2Id { region, id: input.vpc_id.unwrap_or_default() };
    call.submit(Command::VpcDelete(command)).await?;
    Ok(Value::Null)
}

/// `DescribeVpcs`.
pub fn describe(
    call: &Call,
    input: api::DescribeVpcsRequest,
) -> Result<api::DescribeVpcsResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let region = &call.facts.region;
    let found: Vec<api::Vpc> = call.read(|catalog| match wanted(input.vpc_ids) {
        None => Ok(catalog.vpcs_in(region).map(|vpc| shape(call, vpc)).collect()),
        Some(ids) => {
            let find = |id: &String| Ok(shape(call, catalog.vpc_named_by(region, id)?));
            ids.iter().map(find).collect()
        }
    })?;
    let (vpcs, next_token) =
        listed(found, &filters, &LISTING, input.max_results, input.next_token)?;
    Ok(api::DescribeVpcsResult { vpcs: Some(vpcs), next_token })
}

/// `DescribeVpcAttribute`.
pub fn attribute(
    call: &Call,
    input: api::DescribeVpcAttributeRequest,
) -> Result<api::DescribeVpcAttributeResult, ApiError> {
    let id = input.vpc_id.unwrap_or_default();
    let region = &call.facts.region;
    let own = call.read(|catalog| Ok(catalog.vpc_named_by(region, &id)?.attributes))?;
    let is = |value| Some(api::AttributeBooleanValue { value: Some(value) });
    let mut answer = api::DescribeVpcAttributeResult { vpc_id: Some(id), ..Default::default() };
    match input.attribute.as_deref() {
        Some("enableDnsHostnames") => answer.enable_dns_hostnames = is(own.dns_hostnames),
        Some("enableDnsSupport") => answer.enable_dns_support = is(own.dns_support),
        Some("enableNetworkAddressUsageMetrics") => {
            answer.enable_network_address_usage_metrics = is(own.usage_metrics);
        }
        other => {
            let shown = other.unwrap_or("null");
            return Err(invalid(format!(
                "Value ({shown}) for parameter attribute is invalid. Unknown attribute."
            )));
        }
    }
    Ok(answer)
}

/// `ModifyVpcAttribute`.
pub async fn modify(call: &Call, input: api::ModifyVpcAttributeRequest) -> Result<Value, ApiError> {
    let command = VpcAttributeModify {
        region: call.facts.region.clone(),
        vpc: input.vpc_id.unwrap_or_default(),
        dns_support: input.enable_dns_support.and_then(|one| one.value),
        dns_hostnames: input.enable_dns_hostnames.and_then(|one| one.value),
        usage_metrics: input.enable_network_address_usage_metrics.and_then(|one| one.value),
    };
    call.submit(Command::VpcAttributeModify(command)).await?;
    Ok(Value::Null)
}

/// `AssociateVpcCidrBlock`.
pub async fn associate(
    call: &Call,
    input: api::AssociateVpcCidrBlockRequest,
) -> Result<api::AssociateVpcCidrBlockResult, ApiError> {
    pools_absent(&[&input.ipv4_ipam_pool_id, &input.ipv6_ipam_pool_id])?;
    let command = VpcCidrAssociate {
        region: call.facts.region.clone(),
        vpc: input.vpc_id.unwrap_or_default(),
        block: BlockInput {
            ipv4: input.cidr_block,
            ipv6: input.ipv6_cidr_block,
            ipv6_provided: input.amazon_provided_ipv6_cidr_block.unwrap_or(false),
        },
    };
    let decision = call.submit(Command::VpcCidrAssociate(command)).await?;
    let vpc = vpc_of(call, &decision)?;
    let new =
        |id: &Option<String>| id.as_ref().is_some_and(|id| decision.associations.contains(id));
    let ipv4 = ipv4_associations(&vpc).into_iter().find(|one| new(&one.association_id));
    let ipv6 = ipv6_association(call, &vpc).filter(|one| new(&one.association_id));
    Ok(api::AssociateVpcCidrBlockResult {
        ipv6_cidr_block_association: ipv6.map(|one| api::VpcIpv6CidrBlockAssociation {
            ipv6_cidr_block_state: state("associating"),
            ..one
        }),
        cidr_block_association: ipv4.map(|one| api::VpcCidrBlockAssociation {
            cidr_block_state: state("associating"),
            ..one
        }),
        vpc_id: Some(vpc.id.to_string()),
    })
}

/// `DisassociateVpcCidrBlock`.
pub async fn disassociate(
    call: &Call,
    input: api::DisassociateVpcCidrBlockRequest,
) -> Result<api::DisassociateVpcCidrBlockResult, ApiError> {
    let (region, id) = (call.facts.region.clone(), input.association_id.unwrap_or_default());
    let before: Vec<Vpc> = call.read(|catalog| Ok(catalog.vpcs_in(&region).cloned().collect()))?;
    let command = Ec2Id { region, id: id.clone() };
    let decision = call.submit(Command::VpcCidrDisassociate(command)).await?;
    let vpc = vpc_of(call, &decision)?;
    let before = before.into_iter().find(|known| known.id == vpc.id).unwrap_or(vpc);
    let gone = |association: &Option<String>| association.as_ref() == Some(&id);
    let ipv4 = ipv4_associations(&before).into_iter().find(|one| gone(&one.association_id));
    let ipv6 = ipv6_association(call, &before).filter(|one| gone(&one.association_id));
    Ok(api::DisassociateVpcCidrBlockResult {
        ipv6_cidr_block_association: ipv6.map(|one| api::VpcIpv6CidrBlockAssociation {
            ipv6_cidr_block_state: state(DISASSOCIATING),
            ..one
        }),
        cidr_block_association: ipv4.map(|one| api::VpcCidrBlockAssociation {
            cidr_block_state: state(DISASSOCIATING),
            ..one
        }),
        vpc_id: Some(before.id.to_string()),
    })
}

// === shapes ===

/// No pool of this installation gives blocks to networks.
pub fn pools_absent(pools: &[&Option<String>]) -> Result<(), ApiError> {
    match pools.iter().find_map(|pool| pool.as_deref()) {
        Some(id) => Err(super::not_found("InvalidIpamPoolId.NotFound", "ipam-pool", id)),
        None => Ok(()),
    }
}

fn shape(call: &Call, vpc: &Vpc) -> api::Vpc {
    let tenancy = if vpc.attributes.dedicated { "dedicated" } else { "default" };
    let ipv6 = ipv6_association(call, vpc);
    api::Vpc {
        owner_id: Some(call.facts.account.to_string()),
        instance_tenancy: Some(tenancy.to_owned()),
        ipv6_cidr_block_association_set: ipv6.map(|association| vec![association]),
        cidr_block_association_set: Some(ipv4_associations(vpc)),
        is_default: Some(vpc.is_default),
        tags: Some(tags(&vpc.tags)),
        vpc_id: Some(vpc.id.to_string()),
        state: Some("available".to_owned()),
        cidr_block: Some(vpc.cidr.to_string()),
        dhcp_options_id: Some(dhcp_options_id(call)),
        ..Default::default()
    }
}

fn ipv4_associations(vpc: &Vpc) -> Vec<api::VpcCidrBlockAssociation> {
    let association = |id: String, cidr: String| api::VpcCidrBlockAssociation {
        association_id: Some(id),
        cidr_block: Some(cidr),
        cidr_block_state: state(ASSOCIATED),
    };
    let primary = association(vpc.primary_association(), vpc.cidr.to_string());
    let more = vpc.more_cidrs.iter().map(|one| association(one.id.clone(), one.cidr.to_string()));
    std::iter::once(primary).chain(more).collect()
}

fn ipv6_association(call: &Call, vpc: &Vpc) -> Option<api::VpcIpv6CidrBlockAssociation> {
    Some(api::VpcIpv6CidrBlockAssociation {
        association_id: vpc.ipv6_association.clone(),
        ipv6_cidr_block: Some(vpc.ipv6_cidr?.to_string()),
        ipv6_cidr_block_state: state(ASSOCIATED),
        network_border_group: Some(call.facts.region.to_string()),
        ipv6_pool: Some("Amazon".to_owned()),
        ..Default::default()
    })
}

fn state(state: &str) -> Option<api::VpcCidrBlockState> {
    Some(api::VpcCidrBlockState { state: Some(state.to_owned()), status_message: None })
}

fn values(vpc: &api::Vpc, name: &str) -> Vec<String> {
    let ipv4 = vpc.cidr_block_association_set.iter().flatten();
    let ipv6 = vpc.ipv6_cidr_block_association_set.iter().flatten();
    match name {
        "cidr" | "cidrBlock" | "cidr-block" => text(&vpc.cidr_block),
        "cidr-block-association.cidr-block" => ipv4.flat_map(|a| text(&a.cidr_block)).collect(),
        "cidr-block-association.association-id" => {
            ipv4.flat_map(|a| text(&a.association_id)).collect()
        }
        "cidr-block-association.state" => ipv4.map(|_| ASSOCIATED.to_owned()).collect(),
        "ipv6-cidr-block-association.ipv6-cidr-block" => {
            ipv6.flat_map(|a| text(&a.ipv6_cidr_block)).collect()
        }
        "ipv6-cidr-block-association.ipv6-pool" => ipv6.flat_map(|a| text(&a.ipv6_pool)).collect(),
        "ipv6-cidr-block-association.association-id" => {
            ipv6.flat_map(|a| text(&a.association_id)).collect()
        }
        "ipv6-cidr-block-association.state" => ipv6.map(|_| ASSOCIATED.to_owned()).collect(),
        "dhcp-options-id" | "dhcpOptionsId" => text(&vpc.dhcp_options_id),
        "is-default" | "isDefault" => flag(vpc.is_default),
        "owner-id" => text(&vpc.owner_id),
        "state" => text(&vpc.state),
        "vpc-id" => text(&vpc.vpc_id),
        _ => Vec::new(),
    }
}
