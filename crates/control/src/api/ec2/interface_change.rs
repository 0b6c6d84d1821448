//! Making, changing and removing network interfaces.
//!
//! Invariant: whose an interface is decides who may change it, and that is decided by the catalog.

use weir_core::catalog::command::{
    IdInput, InterfaceAttach, InterfaceCreate, InterfaceModify, PrivateAddresses,
};
use weir_core::catalog::{Command, Decision, Resource};
use weir_core::resource::NetworkInterface;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::value::Value;

use super::super::call::Call;
use super::network::subject_record;
use super::{interface, tags_for};

/// `CreateNetworkInterface`.
pub async fn create(
    call: &Call,
    input: api::CreateNetworkInterfaceRequest,
) -> Result<api::CreateNetworkInterfaceResult, ApiError> {
    let (primary, secondary) =
        addresses(input.private_ip_address, input.private_ip_addresses.unwrap_or_default());
    let ipv6 = input.ipv6_addresses.unwrap_or_default().into_iter();
    let client_token = input.client_token.filter(|token| !token.is_empty());
    let command = InterfaceCreate {
        region: call.facts.region.clone(),
        subnet: input.subnet_id.unwrap_or_default(),
        description: input.description,
        security_groups: input.groups.unwrap_or_default(),
        private_address: primary,
        secondary,
        secondary_count: i64::from(input.secondary_private_ip_address_count.unwrap_or_default()),
        ipv6: ipv6.filter_map(|one| one.ipv6_address).collect(),
        ipv6_count: i64::from(input.ipv6_address_count.unwrap_or_default()),
        kind: input.interface_type,
        client_token: client_token.clone(),
        tags: tags_for(input.tag_specifications, "network-interface", &[])?,
    };
    let decision = call.submit(Command::InterfaceCreate(command)).await?;
    let record = made(call, &decision)?;
    let is_new = !decision.changes.is_empty();
    let mut told =
        call.read(|catalog| Ok(interface::shape(call, catalog, &catalog.interface_made(&record))))?;
    if is_new {
        // What AWS says of one that is just being made; every later call says `available`.
        told.status = Some("pending".to_owned());
    }
    Ok(api::CreateNetworkInterfaceResult { network_interface: Some(told), client_token })
}

/// `DeleteNetworkInterface`.
pub async fn delete(
    call: &Call,
    input: api::DeleteNetworkInterfaceRequest,
) -> Result<Value, ApiError> {
    let id = input.network_interface_id.unwrap_or_default();
    let command = IdInput { region: call.facts.region.clone(), id };
    call.submit(Command::InterfaceDelete(command)).await?;
    Ok(Value::Null)
}

/// `ModifyNetworkInterfaceAttribute`.
pub async fn modify(
    call: &Call,
    input: api::ModifyNetworkInterfaceAttributeRequest,
) -> Result<Value, ApiError> {
    let attachment = input.attachment.and_then(|own| {
        let on = own.delete_on_termination;
        own.attachment_id.map(|id| (id, on))
    });
    let command = InterfaceModify {
        region: call.facts.region.clone(),
        id: input.network_interface_id.unwrap_or_default(),
        description: input.description.map(|own| own.value.unwrap_or_default()),
        security_groups: input.groups.filter(|ids| !ids.is_empty()),
        source_dest_check: input.source_dest_check.and_then(|own| own.value),
        attachment,
    };
    call.submit(Command::InterfaceModify(command)).await?;
    Ok(Value::Null)
}

/// `AttachNetworkInterface`.
pub async fn attach(
    call: &Call,
    input: api::AttachNetworkInterfaceRequest,
) -> Result<api::AttachNetworkInterfaceResult, ApiError> {
    let command = InterfaceAttach {
        region: call.facts.region.clone(),
        id: input.network_interface_id.unwrap_or_default(),
        instance: input.instance_id.unwrap_or_default(),
        device_index: input.device_index.unwrap_or_default(),
    };
    let decision = call.submit(Command::InterfaceAttach(command)).await?;
    let attachment_id = made(call, &decision)?.attachment.map(|own| own.id);
    Ok(api::AttachNetworkInterfaceResult { attachment_id, network_card_index: Some(0) })
}

/// `DetachNetworkInterface`.
pub async fn detach(
    call: &Call,
    input: api::DetachNetworkInterfaceRequest,
) -> Result<Value, ApiError> {
    let id = input.attachment_id.unwrap_or_default();
    let command = IdInput { region: call.facts.region.clone(), id };
    call.submit(Command::InterfaceDetach(command)).await?;
    Ok(Value::Null)
}

/// `AssignPrivateIpAddresses`.
pub async fn assign(
    call: &Call,
    input: api::AssignPrivateIpAddressesRequest,
) -> Result<api::AssignPrivateIpAddressesResult, ApiError> {
    let id = input.network_interface_id.unwrap_or_default();
    let held = secondary(call, &id)?;
    let command = PrivateAddresses {
        region: call.facts.region.clone(),
        id: id.clone(),
        addresses: input.private_ip_addresses.unwrap_or_default(),
        count: i64::from(input.secondary_private_ip_address_count.unwrap_or_default()),
    };
    call.submit(Command::PrivateAddressesAssign(command)).await?;
    let new = secondary(call, &id)?.into_iter().filter(|address| !held.contains(address));
    let assigned =
        new.map(|ip| api::AssignedPrivateIpAddress { private_ip_address: Some(ip) }).collect();
    Ok(api::AssignPrivateIpAddressesResult {
        network_interface_id: Some(id),
        assigned_private_ip_addresses: Some(assigned),
        ..Default::default()
    })
}

/// `UnassignPrivateIpAddresses`.
pub async fn unassign(
    call: &Call,
    input: api::UnassignPrivateIpAddressesRequest,
) -> Result<Value, ApiError> {
    let command = PrivateAddresses {
        region: call.facts.region.clone(),
        id: input.network_interface_id.unwrap_or_default(),
        addresses: input.private_ip_addresses.unwrap_or_default(),
        count: 0,
    };
    call.submit(Command::PrivateAddressesUnassign(command)).await?;
    Ok(Value::Null)
}

// === helpers ===

/// The primary address and the others of `PrivateIpAddress` and `PrivateIpAddresses`.
pub fn addresses(
    single: Option<String>,
    list: Vec<api::PrivateIpAddressSpecification>,
) -> (Option<String>, Vec<String>) {
    let (primary, others): (Vec<_>, Vec<_>) =
        list.into_iter().partition(|one| one.primary == Some(true));
    let primary = primary.into_iter().find_map(|one| one.private_ip_address);
    let others = others.into_iter().filter_map(|one| one.private_ip_address).collect();
    (single.or(primary), others)
}

fn made(call: &Call, decision: &Decision) -> Result<NetworkInterface, ApiError> {
    match subject_record(call, decision)? {
        Resource::NetworkInterface(made) => Ok(made),
        other => Err(call.bug(&format!("{:?} is no network interface", other.key()))),
    }
}

/// The secondary addresses of an interface; none when it does not exist.
fn secondary(call: &Call, id: &str) -> Result<Vec<String>, ApiError> {
    call.read(|catalog| {
        let found = catalog.interface(id).filter(|one| *one.region == call.facts.region);
        let secondary = found.map(|one| one.secondary.iter().map(ToString::to_string).collect());
        Ok(secondary.unwrap_or_default())
    })
}
