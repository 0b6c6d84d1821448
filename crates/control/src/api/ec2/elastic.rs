//! Elastic addresses, told in EC2's words.
//!
//! Invariant: what an address is associated with is told from its holder: an interface, or the
//! zone of a load balancer.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use weir_core::catalog::command::{
    AddressAllocate, AddressAssociate, AddressDisassociate, AddressName,
};
use weir_core::catalog::{
    Catalog, Command, Decision, Holder, Interface, InventoryRefusal, Refusal, Resource,
    association_of_balancer,
};
use weir_core::resource::ElasticAddress;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::value::Value;

use super::super::call::Call;
use super::filter::{Filters, text};
use super::interface::owner_of;
use super::network::{subject_record, wanted};
use super::page::page_from;
use super::{tags, tags_for};

const FILTERS: &[&str] = &[
    "allocation-id",
    "association-id",
    "domain",
    "instance-id",
    "network-border-group",
    "network-interface-id",
    "network-interface-owner-id",
    "private-ip-address",
    "public-ip",
    "public-ipv4-pool",
];
const DOMAIN: &str = "vpc";
const POOL: &str = "amazon";

/// `AllocateAddress`.
pub async fn allocate(
    call: &Call,
    input: api::AllocateAddressRequest,
) -> Result<api::AllocateAddressResult, ApiError> {
    let pool = input.ipam_pool_id.clone();
    let command = AddressAllocate {
        region: call.facts.region.clone(),
        address: input.address,
        public_pool: input.public_ipv4_pool,
        ipam_pool: input.ipam_pool_id,
        customer_pool: input.customer_owned_ipv4_pool,
        border_group: input.network_border_group,
        tags: tags_for(input.tag_specifications, "elastic-ip", &[])?,
    };
    let decision = call.submit(Command::AddressAllocate(command)).await?;
    let record = decided(call, &decision)?;
    Ok(api::AllocateAddressResult {
        allocation_id: Some(record.id.to_string()),
        public_ipv4_pool: Some(pool.unwrap_or_else(|| POOL.to_owned())),
        network_border_group: Some(call.facts.region.to_string()),
        domain: Some(DOMAIN.to_owned()),
        public_ip: Some(record.address.to_string()),
        ..Default::default()
    })
}

/// `ReleaseAddress`.
pub async fn release(call: &Call, input: api::ReleaseAddressRequest) -> Result<Value, ApiError> {
    let command = name(call, input.allocation_id, input.public_ip);
    call.submit(Command::AddressRelease(command)).await?;
    Ok(Value::Null)
}

/// `AssociateAddress`.
pub async fn associate(
    call: &Call,
    input: api::AssociateAddressRequest,
) -> Result<api::AssociateAddressResult, ApiError> {
    let command = AddressAssociate {
        address: name(call, input.allocation_id, input.public_ip),
        instance: input.instance_id,
        interface: input.network_interface_id,
        private_address: input.private_ip_address,
        reassociate: input.allow_reassociation,
    };
    let decision = call.submit(Command::AddressAssociate(command)).await?;
    Ok(api::AssociateAddressResult { association_id: decided(call, &decision)?.association })
}

/// `DisassociateAddress`.
pub async fn disassociate(
    call: &Call,
    input: api::DisassociateAddressRequest,
) -> Result<Value, ApiError> {
    let command = AddressDisassociate {
        region: call.facts.region.clone(),
        association: input.association_id,
        public_ip: input.public_ip,
    };
    call.submit(Command::AddressDisassociate(command)).await?;
    Ok(Value::Null)
}

/// `DescribeAddresses`.
pub fn describe(
    call: &Call,
    input: api::DescribeAddressesRequest,
) -> Result<api::DescribeAddressesResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let (ids, ips) = (wanted(input.allocation_ids), wanted(input.public_ips));
    let mut found: Vec<api::Address> = call.read(|catalog| {
        let selected = select(call, catalog, ids, ips)?;
        Ok(selected.into_iter().map(|one| shape(call, catalog, one)).collect())
    })?;
    found.sort_by(|a, b| a.allocation_id.cmp(&b.allocation_id));
    found.dedup_by(|a, b| a.allocation_id == b.allocation_id);
    found.retain(|one| {
        filters.admit(one.tags.as_deref().unwrap_or_default(), |name| values(one, name))
    });
    Ok(api::DescribeAddressesResult { addresses: Some(found) })
}

/// `DescribeAddressesAttribute`: no address has a name of its own.
pub fn attributes(
    call: &Call,
    input: api::DescribeAddressesAttributeRequest,
) -> Result<api::DescribeAddressesAttributeResult, ApiError> {
    let ids = wanted(input.allocation_ids);
    let found: Vec<api::AddressAttribute> = call.read(|catalog| {
        let shape = |one: &ElasticAddress| api::AddressAttribute {
            public_ip: Some(one.address.to_string()),
            allocation_id: Some(one.id.to_string()),
            ..Default::default()
        };
        Ok(select(call, catalog, ids, None)?.into_iter().map(shape).collect())
    })?;
    let key = |one: &api::AddressAttribute| one.allocation_id.clone().unwrap_or_default();
    let (addresses, next_token) = page_from(1, found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeAddressesAttributeResult { addresses: Some(addresses), next_token })
}

// === helpers ===

fn name(call: &Call, allocation: Option<String>, public_ip: Option<String>) -> AddressName {
    AddressName { region: call.facts.region.clone(), allocation, public_ip }
}

fn decided(call: &Call, decision: &Decision) -> Result<ElasticAddress, ApiError> {
    match subject_record(call, decision)? {
        Resource::ElasticAddress(record) => Ok(record),
        other => Err(call.bug(&format!("{:?} is no elastic address", other.key()))),
    }
}

fn select<'a>(
    call: &Call,
    catalog: &'a Catalog,
    ids: Option<Vec<String>>,
    ips: Option<Vec<String>>,
) -> Result<Vec<&'a ElasticAddress>, Refusal> {
    let region = &call.facts.region;
    if ids.is_none() && ips.is_none() {
        return Ok(catalog.elastic_addresses_in(region).collect());
    }
    let own = |one: &&ElasticAddress| one.region == *region;
    let by_ids = ids.into_iter().flatten().map(|id| {
        let found = catalog.elastic_address(&id).filter(own);
        found.ok_or_else(|| InventoryRefusal::AllocationNotFound { id }.into())
    });
    let by_ips = ips.into_iter().flatten().map(|ip| {
        let found = ip.parse().ok().and_then(|address| catalog.elastic_address_at(address));
        found.filter(own).ok_or_else(|| InventoryRefusal::AddressNotFound { ip }.into())
    });
    by_ids.chain(by_ips).collect()
}

// === shapes ===

fn shape(call: &Call, catalog: &Catalog, one: &ElasticAddress) -> api::Address {
    let region = call.facts.region.to_string();
    let address = api::Address {
        allocation_id: Some(one.id.to_string()),
        domain: Some(DOMAIN.to_owned()),
        network_border_group: Some(region),
        public_ip: Some(one.address.to_string()),
        public_ipv4_pool: Some(POOL.to_owned()),
        tags: Some(tags(&one.tags)),
        ..Default::default()
    };
    let Some((interface, association)) = holder(catalog, one) else { return address };
    let owner = match interface.holder {
        Holder::LoadBalancer(lb) => owner_of(lb).to_owned(),
        Holder::Instance(_) | Holder::Caller(_) => call.facts.account.to_string(),
    };
    let instance_id = match interface.holder {
        Holder::Instance(instance) => Some(instance.id.to_string()),
        Holder::Caller(made) => made.attachment.as_ref().map(|own| own.instance.to_string()),
        Holder::LoadBalancer(_) => None,
    };
    api::Address {
        association_id: association,
        instance_id,
        network_interface_id: Some(interface.id.to_string()),
        network_interface_owner_id: Some(owner),
        private_ip_address: Some(interface.address.to_string()),
        ..address
    }
}

/// The interface that has the address, and `eipassoc-…`.
fn holder<'a>(
    catalog: &'a Catalog,
    one: &'a ElasticAddress,
) -> Option<(Interface<'a>, Option<String>)> {
    if let Some(id) = &one.interface {
        return Some((catalog.interface(id.as_str())?, one.association.clone()));
    }
    let lb = catalog.elastic_address_balancer(&one.id)?;
    let mut zones = lb.zones.iter();
    let zone = zones.find(|zone| {
        zone.public.as_ref().is_some_and(|public| public.allocation.as_ref() == Some(&one.id))
    })?;
    let interface = catalog.interface(zone.interface.as_str())?;
    Some((interface, Some(association_of_balancer(&one.id))))
}

fn values(one: &api::Address, name: &str) -> Vec<String> {
    match name {
        "allocation-id" => text(&one.allocation_id),
        "association-id" => text(&one.association_id),
        "domain" => text(&one.domain),
        "instance-id" => text(&one.instance_id),
        "network-border-group" => text(&one.network_border_group),
        "network-interface-id" => text(&one.network_interface_id),
        "network-interface-owner-id" => text(&one.network_interface_owner_id),
        "private-ip-address" => text(&one.private_ip_address),
        "public-ip" => text(&one.public_ip),
        "public-ipv4-pool" => text(&one.public_ipv4_pool),
        _ => Vec::new(),
    }
}
