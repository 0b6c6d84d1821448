//! Network interfaces: one per load balancer zone, one per instance, and those somebody made.
//!
//! Terraform waits for those of a load balancer to vanish after its deletion; people find the
//! load balancer's addresses here.
//!
//! Invariant: a derived interface exists exactly as long as the record that it is derived from;
//! the interfaces of terminated instances are gone.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::net::IpAddr;

use weir_core::catalog::{Catalog, Holder, Interface, InventoryRefusal, PublicAssociation};
use weir_core::resource::{
    Instance, InterfaceAttachment, LoadBalancer, LoadBalancerKind, SecurityGroupId,
};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::time::Time;

use super::super::call::Call;
use super::dns::{private_name, public_name};
use super::filter::{Filters, flag, number, text};
use super::network::wanted;
use super::page::page;
use super::{digits, tags};

/// Requester of a load balancer's interfaces, and owner of an application load balancer's.
const ELB: &str = "amazon-elb";
/// Owner of the other types' interfaces.
const AWS: &str = "amazon-aws";
const FILTERS: &[&str] = &[
    "addresses.association.allocation-id",
    "addresses.association.association-id",
    "addresses.association.owner-id",
    "addresses.association.public-ip",
    "addresses.primary",
    "addresses.private-dns-name",
    "addresses.private-ip-address",
    "association.allocation-id",
    "association.association-id",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "attachment.attach-time",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.nat-gateway-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "ipv6-addresses.ipv6-address",
    "mac-address",
    "network-interface-id",
    "operator.managed",
    "operator.principal",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-id",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "vpc-id",
];

/// `DescribeNetworkInterfaces`.
pub fn describe(
    call: &Call,
    input: api::DescribeNetworkInterfacesRequest,
) -> Result<api::DescribeNetworkInterfacesResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let mut found: Vec<api::NetworkInterface> =
        call.read(|catalog| match wanted(input.network_interface_ids) {
            Some(ids) => named(call, catalog, ids),
            None => Ok(candidates(call, catalog, &filters)),
        })?;
    found.sort_by(|a, b| a.network_interface_id.cmp(&b.network_interface_id));
    found.dedup_by(|a, b| a.network_interface_id == b.network_interface_id);
    found.retain(|one| {
        filters.admit(one.tag_set.as_deref().unwrap_or_default(), |name| values(one, name))
    });
    let key = |one: &api::NetworkInterface| one.network_interface_id.clone().unwrap_or_default();
    let (interfaces, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeNetworkInterfacesResult { network_interfaces: Some(interfaces), next_token })
}

/// `DescribeNetworkInterfaceAttribute`.
pub fn attribute(
    call: &Call,
    input: api::DescribeNetworkInterfaceAttributeRequest,
) -> Result<api::DescribeNetworkInterfaceAttributeResult, ApiError> {
    let id = input.network_interface_id.unwrap_or_default();
    let one = one(call, &id)?;
    let result = api::DescribeNetworkInterfaceAttributeResult {
        network_interface_id: Some(id),
        ..Default::default()
    };
    Ok(match input.attribute.as_deref() {
        Some("attachment") => {
            api::DescribeNetworkInterfaceAttributeResult { attachment: one.attachment, ..result }
        }
        Some("groupSet") => {
            api::DescribeNetworkInterfaceAttributeResult { groups: one.groups, ..result }
        }
        Some("sourceDestCheck") => {
            let check = api::AttributeBooleanValue { value: one.source_dest_check };
            api::DescribeNetworkInterfaceAttributeResult {
                source_dest_check: Some(check),
                ..result
            }
        }
        Some("associatePublicIpAddress") => api::DescribeNetworkInterfaceAttributeResult {
            associate_public_ip_address: Some(one.association.is_some()),
            ..result
        },
        // AWS asks for an attribute; the description is what comes without one.
        _ => {
            let description = api::AttributeValue { value: one.description };
            api::DescribeNetworkInterfaceAttributeResult {
                description: Some(description),
                ..result
            }
        }
    })
}

/// The interface of this id, told.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound`.
pub fn one(call: &Call, id: &str) -> Result<api::NetworkInterface, ApiError> {
    let found = call.read(|catalog| named(call, catalog, vec![id.to_owned()]))?;
    found.into_iter().next().ok_or_else(|| call.bug(&"a named interface is not there"))
}

// === selection ===

type Told = Result<Vec<api::NetworkInterface>, weir_core::catalog::Refusal>;

fn named(call: &Call, catalog: &Catalog, ids: Vec<String>) -> Told {
    let find = |id: String| {
        if !id.starts_with("eni-") {
            return Err(InventoryRefusal::InterfaceMalformed { id }.into());
        }
        let found = catalog.interface(&id).filter(|one| *one.region == call.facts.region);
        match found {
            Some(found) => Ok(shape(call, catalog, &found)),
            None => Err(InventoryRefusal::InterfaceNotFound { id }.into()),
        }
    };
    ids.into_iter().map(find).collect()
}

/// Every interface that may pass the filters that can be looked up rather than matched.
fn candidates(call: &Call, catalog: &Catalog, filters: &Filters) -> Vec<api::NetworkInterface> {
    let region = &call.facts.region;
    if let Some(ids) = filters.exact("network-interface-id") {
        let found = ids.iter().filter_map(|id| catalog.interface(id));
        let own = found.filter(|one| one.region == region);
        return own.map(|one| shape(call, catalog, &one)).collect();
    }
    let asked = filters.exact("description");
    let may_pass = |description: &str| asked.is_none_or(|all| all.iter().any(|d| d == description));
    let found = catalog.interfaces_described(region, may_pass);
    found.iter().map(|one| shape(call, catalog, one)).collect()
}

// === shapes ===

/// An interface in EC2's words.
pub fn shape(call: &Call, catalog: &Catalog, one: &Interface<'_>) -> api::NetworkInterface {
    let association = one.public.as_ref().map(|public| association(call, public));
    let attachment = attachment(call, one);
    let requester_managed = matches!(one.holder, Holder::LoadBalancer(_));
    let private_dns_name = private_name(one.region, one.address);
    let used = attachment.is_some();
    let public_dns_name = association.as_ref().and_then(|a| a.public_dns_name.clone());
    let address = |ip: IpAddr, primary: bool| api::NetworkInterfacePrivateIpAddress {
        association: association.clone().filter(|_| primary),
        primary: Some(primary),
        private_dns_name: private_name(one.region, ip),
        private_ip_address: Some(ip.to_string()),
    };
    let more = one.secondary.iter().map(|ip| address(*ip, false));
    let addresses = std::iter::once(address(one.address, true)).chain(more).collect();
    let ipv6 = |ip: &std::net::Ipv6Addr| api::NetworkInterfaceIpv6Address {
        ipv6_address: Some(ip.to_string()),
        ..Default::default()
    };
    api::NetworkInterface {
        association,
        attachment,
        availability_zone: Some(one.zone.to_string()),
        availability_zone_id: catalog.subnet(one.subnet).map(|subnet| subnet.zone_id.clone()),
        description: Some(one.description()),
        groups: Some(groups(catalog, one.security_groups)),
        interface_type: Some(one.kind().to_owned()),
        ipv6_address: one.ipv6.first().map(ToString::to_string),
        ipv6_addresses: Some(one.ipv6.iter().map(ipv6).collect()),
        mac_address: Some(mac(one.address)),
        network_interface_id: Some(one.id.to_string()),
        owner_id: Some(call.facts.account.to_string()),
        private_dns_name,
        public_dns_name,
        private_ip_address: Some(one.address.to_string()),
        private_ip_addresses: Some(addresses),
        requester_id: requester_managed.then(|| ELB.to_owned()),
        requester_managed: Some(requester_managed),
        source_dest_check: Some(one.source_dest_check()),
        status: Some(if used { "in-use" } else { "available" }.to_owned()),
        subnet_id: Some(one.subnet.to_string()),
        tag_set: Some(tags(one.tags)),
        vpc_id: Some(one.vpc.to_string()),
        ..Default::default()
    }
}

fn association(call: &Call, public: &PublicAssociation<'_>) -> api::NetworkInterfaceAssociation {
    let owner = match public.allocation {
        Some(_) => call.facts.account.to_string(),
        None => ELB.to_owned(),
    };
    let domain = &call.authority().settings().catalog.domain;
    api::NetworkInterfaceAssociation {
        allocation_id: public.allocation.map(ToString::to_string),
        association_id: public.association.clone(),
        ip_owner_id: Some(owner),
        public_dns_name: Some(public_name(&call.facts.region, domain, public.address)),
        public_ip: Some(public.address.to_string()),
        ..Default::default()
    }
}

fn attachment(call: &Call, one: &Interface<'_>) -> Option<api::NetworkInterfaceAttachment> {
    match one.holder {
        Holder::LoadBalancer(lb) => Some(api::NetworkInterfaceAttachment {
            attachment_id: Some(format!("ela-attach-{}", digits(one.id.as_str()))),
            delete_on_termination: Some(false),
            device_index: Some(1),
            instance_owner_id: Some(owner_of(lb).to_owned()),
            status: Some("attached".to_owned()),
            ..Default::default()
        }),
        Holder::Instance(instance) => Some(api::NetworkInterfaceAttachment {
            attach_time: Some(at(instance.launched_ms)),
            attachment_id: Some(attachment_id(instance)),
            delete_on_termination: Some(true),
            device_index: Some(0),
            network_card_index: Some(0),
            instance_id: Some(instance.id.to_string()),
            instance_owner_id: Some(call.facts.account.to_string()),
            status: Some("attached".to_owned()),
            ..Default::default()
        }),
        Holder::Caller(made) => made.attachment.as_ref().map(|own| attachment_made(call, own)),
    }
}

fn attachment_made(call: &Call, own: &InterfaceAttachment) -> api::NetworkInterfaceAttachment {
    api::NetworkInterfaceAttachment {
        attach_time: Some(at(own.attached_ms)),
        attachment_id: Some(own.id.clone()),
        delete_on_termination: Some(own.delete_on_termination),
        device_index: Some(own.device_index),
        network_card_index: Some(0),
        instance_id: Some(own.instance.to_string()),
        instance_owner_id: Some(call.facts.account.to_string()),
        status: Some("attached".to_owned()),
        ..Default::default()
    }
}

/// Whom Terraform asks for after a deletion.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)
pub fn owner_of(lb: &LoadBalancer) -> &'static str {
    match lb.kind {
        LoadBalancerKind::Application => ELB,
        LoadBalancerKind::Network | LoadBalancerKind::Gateway => AWS,
    }
}

/// `eni-attach-…` of an instance's primary interface.
pub fn attachment_id(instance: &Instance) -> String {
    format!("eni-attach-{}", digits(instance.interface.as_str()))
}

/// Milliseconds since the epoch as an instant.
pub fn at(ms: i64) -> Time {
    Time { epoch_us: ms.saturating_mul(1_000) }
}

/// Ids and names of security groups.
pub fn groups(catalog: &Catalog, ids: &[SecurityGroupId]) -> Vec<api::GroupIdentifier> {
    let shape = |id: &SecurityGroupId| api::GroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: catalog.security_group(id).map(|group| group.name.clone()),
    };
    ids.iter().map(shape).collect()
}

/// A locally administered hardware address made of the network address, so that it is unique and
/// stays the same.
pub fn mac(address: IpAddr) -> String {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => {
            let all = v6.octets();
            [all[12], all[13], all[14], all[15]]
        }
    };
    let tail: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("02:00:{}", tail.join(":"))
}

// === filters ===

fn values(one: &api::NetworkInterface, name: &str) -> Vec<String> {
    let groups = one.groups.iter().flatten();
    if let Some(name) = name.strip_prefix("attachment.") {
        return one.attachment.as_ref().map(|a| attachment_values(a, name)).unwrap_or_default();
    }
    let associated = name.strip_prefix("addresses.").unwrap_or(name);
    if let Some(name) = associated.strip_prefix("association.") {
        return one.association.as_ref().map(|a| association_values(a, name)).unwrap_or_default();
    }
    let addresses = one.private_ip_addresses.iter().flatten();
    match name {
        "addresses.primary" => addresses.flat_map(|a| flag(a.primary)).collect(),
        "addresses.private-dns-name" => addresses.flat_map(|a| text(&a.private_dns_name)).collect(),
        "addresses.private-ip-address" => {
            addresses.flat_map(|a| text(&a.private_ip_address)).collect()
        }
        "availability-zone" => text(&one.availability_zone),
        "availability-zone-id" => text(&one.availability_zone_id),
        "description" => text(&one.description),
        "group-id" => groups.flat_map(|group| text(&group.group_id)).collect(),
        "group-name" => groups.flat_map(|group| text(&group.group_name)).collect(),
        "interface-type" => text(&one.interface_type),
        "ipv6-addresses.ipv6-address" => {
            one.ipv6_addresses.iter().flatten().flat_map(|a| text(&a.ipv6_address)).collect()
        }
        "mac-address" => text(&one.mac_address),
        "network-interface-id" => text(&one.network_interface_id),
        "operator.managed" => vec!["false".to_owned()],
        "owner-id" => text(&one.owner_id),
        "private-dns-name" => text(&one.private_dns_name),
        "private-ip-address" => text(&one.private_ip_address),
        "requester-id" => text(&one.requester_id),
        "requester-managed" => flag(one.requester_managed),
        "source-dest-check" => flag(one.source_dest_check),
        "status" => text(&one.status),
        "subnet-id" => text(&one.subnet_id),
        "vpc-id" => text(&one.vpc_id),
        _ => Vec::new(),
    }
}

fn association_values(own: &api::NetworkInterfaceAssociation, name: &str) -> Vec<String> {
    match name {
        "allocation-id" => text(&own.allocation_id),
        "association-id" => text(&own.association_id),
        "ip-owner-id" | "owner-id" => text(&own.ip_owner_id),
        "public-dns-name" => text(&own.public_dns_name),
        "public-ip" => text(&own.public_ip),
        _ => Vec::new(),
    }
}

fn attachment_values(attachment: &api::NetworkInterfaceAttachment, name: &str) -> Vec<String> {
    match name {
        "attach-time" => attachment.attach_time.iter().map(|time| time.iso8601()).collect(),
        "attachment-id" => text(&attachment.attachment_id),
        "delete-on-termination" => flag(attachment.delete_on_termination),
        "device-index" => number(attachment.device_index),
        "instance-id" => text(&attachment.instance_id),
        "instance-owner-id" => text(&attachment.instance_owner_id),
        "status" => text(&attachment.status),
        _ => Vec::new(),
    }
}
