//! Network interfaces: derived, one per load balancer zone and one per instance.
//!
//! Terraform waits for those of a load balancer to vanish after its deletion; people find the
//! load balancer's addresses here.
//!
//! Invariant: an interface exists exactly as long as the record that it is derived from; the
//! interfaces of terminated instances are gone.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::net::IpAddr;

use weir_core::catalog::Catalog;
use weir_core::resource::{
    Instance, InstanceState, InterfaceId, LoadBalancer, LoadBalancerZone, SecurityGroupId,
};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::time::Time;

use super::super::call::Call;
use super::filter::{Filters, flag, number, text};
use super::network::wanted;
use super::page::page;
use super::{digits, not_found};

/// Owner and requester of a load balancer's interfaces.
const ELB: &str = "amazon-elb";
const FILTERS: &[&str] = &[
    "addresses.association.owner-id",
    "addresses.association.public-ip",
    "addresses.primary",
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
    let mut found = call.read(|catalog| Ok(all(call, catalog, &filters)))?;
    found.sort_by(|a, b| a.network_interface_id.cmp(&b.network_interface_id));
    if let Some(ids) = wanted(input.network_interface_ids) {
        let known = |id: &String| {
            found.binary_search_by(|one| one.network_interface_id.as_ref().cmp(&Some(id))).is_ok()
        };
        if let Some(id) = ids.iter().find(|id| !known(id)) {
            return Err(not_found("InvalidNetworkInterfaceID.NotFound", "networkInterface", id));
        }
        found.retain(|one| one.network_interface_id.as_ref().is_some_and(|id| ids.contains(id)));
    }
    found.retain(|one| {
        filters.admit(one.tag_set.as_deref().unwrap_or_default(), |name| values(one, name))
    });
    let key = |one: &api::NetworkInterface| one.network_interface_id.clone().unwrap_or_default();
    let (interfaces, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeNetworkInterfacesResult { network_interfaces: Some(interfaces), next_token })
}

/// Every interface that may pass. People and Terraform ask for the description of one load
/// balancer; with a thousand of them the others need not be built.
fn all(call: &Call, catalog: &Catalog, filters: &Filters) -> Vec<api::NetworkInterface> {
    let region = &call.facts.region;
    let asked = filters.exact("description");
    let may_pass = |description: &str| asked.is_none_or(|all| all.iter().any(|d| d == description));
    let balancers = catalog.load_balancers_in(region);
    let of_balancers = balancers
        .filter(|lb| may_pass(&description(lb)))
        .flat_map(|lb| lb.zones.iter().map(|zone| of_zone(call, catalog, lb, zone)));
    let alive = |instance: &&Instance| instance.state != InstanceState::Terminated;
    let instances = catalog.instances_in(region).filter(alive).filter(|_| may_pass(""));
    of_balancers.chain(instances.map(|instance| of_instance(call, catalog, instance))).collect()
}

/// `ELB app/<name>/<id>`.
fn description(lb: &LoadBalancer) -> String {
    format!("ELB {}", lb.arn.log_name())
}

/// The interface of a load balancer in one zone.
fn of_zone(
    call: &Call,
    catalog: &Catalog,
    lb: &LoadBalancer,
    zone: &LoadBalancerZone,
) -> api::NetworkInterface {
    let attachment = api::NetworkInterfaceAttachment {
        attachment_id: Some(format!("ela-attach-{}", digits(zone.interface.as_str()))),
        delete_on_termination: Some(false),
        device_index: Some(1),
        instance_owner_id: Some(ELB.to_owned()),
        status: Some("attached".to_owned()),
        ..Default::default()
    };
    api::NetworkInterface {
        attachment: Some(attachment),
        availability_zone: Some(zone.zone.to_string()),
        availability_zone_id: catalog.subnet(&zone.subnet).map(|subnet| subnet.zone_id.clone()),
        description: Some(description(lb)),
        requester_id: Some(ELB.to_owned()),
        requester_managed: Some(true),
        subnet_id: Some(zone.subnet.to_string()),
        vpc_id: Some(lb.vpc.to_string()),
        ..common(call, catalog, &zone.interface, zone.address, &lb.security_groups)
    }
}

/// The primary interface of an instance.
fn of_instance(call: &Call, catalog: &Catalog, instance: &Instance) -> api::NetworkInterface {
    let attachment = api::NetworkInterfaceAttachment {
        attach_time: Some(Time { epoch_us: instance.launched_ms.saturating_mul(1_000) }),
        attachment_id: Some(attachment_id(instance)),
        delete_on_termination: Some(true),
        device_index: Some(0),
        instance_id: Some(instance.id.to_string()),
        instance_owner_id: Some(call.facts.account.to_string()),
        status: Some("attached".to_owned()),
        ..Default::default()
    };
    let (interface, address) = (&instance.interface, instance.private_address);
    api::NetworkInterface {
        attachment: Some(attachment),
        availability_zone: Some(instance.zone.to_string()),
        availability_zone_id: catalog.subnet(&instance.subnet).map(|s| s.zone_id.clone()),
        description: Some(String::new()),
        requester_managed: Some(false),
        subnet_id: Some(instance.subnet.to_string()),
        vpc_id: Some(instance.vpc.to_string()),
        ..common(call, catalog, interface, address, &instance.security_groups)
    }
}

/// `eni-attach-…` of an instance's primary interface.
pub fn attachment_id(instance: &Instance) -> String {
    format!("eni-attach-{}", digits(instance.interface.as_str()))
}

fn common(
    call: &Call,
    catalog: &Catalog,
    interface: &InterfaceId,
    address: IpAddr,
    security_groups: &[SecurityGroupId],
) -> api::NetworkInterface {
    let private = api::NetworkInterfacePrivateIpAddress {
        primary: Some(true),
        private_ip_address: Some(address.to_string()),
        ..Default::default()
    };
    api::NetworkInterface {
        groups: Some(groups(catalog, security_groups)),
        interface_type: Some("interface".to_owned()),
        ipv6_addresses: Some(Vec::new()),
        mac_address: Some(mac(address)),
        network_interface_id: Some(interface.to_string()),
        owner_id: Some(call.facts.account.to_string()),
        private_ip_address: Some(address.to_string()),
        private_ip_addresses: Some(vec![private]),
        source_dest_check: Some(true),
        status: Some("in-use".to_owned()),
        tag_set: Some(Vec::new()),
        ..Default::default()
    }
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

fn values(one: &api::NetworkInterface, name: &str) -> Vec<String> {
    let groups = one.groups.iter().flatten();
    if let Some(name) = name.strip_prefix("attachment.") {
        return one.attachment.as_ref().map(|a| attachment_values(a, name)).unwrap_or_default();
    }
    match name {
        "addresses.primary" => vec!["true".to_owned()],
        "addresses.private-ip-address" | "private-ip-address" => text(&one.private_ip_address),
        "availability-zone" => text(&one.availability_zone),
        "availability-zone-id" => text(&one.availability_zone_id),
        "description" => text(&one.description),
        "group-id" => groups.flat_map(|group| text(&group.group_id)).collect(),
        "group-name" => groups.flat_map(|group| text(&group.group_name)).collect(),
        "interface-type" => text(&one.interface_type),
        "mac-address" => text(&one.mac_address),
        "network-interface-id" => text(&one.network_interface_id),
        "owner-id" => text(&one.owner_id),
        "requester-id" => text(&one.requester_id),
        "requester-managed" => flag(one.requester_managed),
        "source-dest-check" => flag(one.source_dest_check),
        "status" => text(&one.status),
        "subnet-id" => text(&one.subnet_id),
        "vpc-id" => text(&one.vpc_id),
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
