//! Instances: `RunInstances` declares machines, the rest changes and tells their state.
//!
//! Invariant: a state changes at once; the response of the changing call names the state that EC2
//! would pass through (`pending`, `stopping`, `shutting-down`), every later one the state reached.

use std::collections::BTreeMap;

use weir_core::catalog::command::{InstancesInput, InstancesRun};
use weir_core::catalog::{Catalog, Command, Decision, Refusal, ResourceKey, Transition};
use weir_core::resource::{Instance, InstanceState};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::time::Time;

use super::super::call::Call;
use super::filter::{Filters, number, text};
use super::interface::{attachment_id, groups, mac};
use super::network::wanted;
use super::page::page;
use super::{tags, tags_for};

const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "client-token",
    "dns-name",
    "image-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "instance.group-name",
    "ip-address",
    "key-name",
    "launch-time",
    "network-interface.network-interface-id",
    "network-interface.subnet-id",
    "network-interface.vpc-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "subnet-id",
    "tenancy",
    "vpc-id",
];
const STATUS_FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "instance-state-code",
    "instance-state-name",
    "instance-status.reachability",
    "instance-status.status",
    "system-status.reachability",
    "system-status.status",
];
/// Resources that `RunInstances` may be asked to tag and that do not exist here.
const UNTAGGED: &[&str] = &["volume", "network-interface", "spot-instances-request"];

/// `RunInstances`; its output is the reservation itself.
pub async fn run(
    call: &Call,
    input: api::RunInstancesRequest,
) -> Result<api::Reservation, ApiError> {
    let primary = input.network_interfaces.unwrap_or_default().into_iter().next();
    let primary = primary.unwrap_or_default();
    let group_ids = input.security_group_ids.filter(|ids| !ids.is_empty()).or(primary.groups);
    let command = InstancesRun {
        region: call.facts.region.clone(),
        image: input.image_id,
        instance_type: input.instance_type,
        min_count: i64::from(input.min_count.unwrap_or_default()),
        max_count: i64::from(input.max_count.unwrap_or_default()),
        subnet: input.subnet_id.or(primary.subnet_id),
        zone: input.placement.and_then(|placement| placement.availability_zone),
        private_address: input.private_ip_address.or(primary.private_ip_address),
        security_group_ids: group_ids.unwrap_or_default(),
        security_group_names: input.security_groups.unwrap_or_default(),
        client_token: input.client_token,
        tags: tags_for(input.tag_specifications, "instance", UNTAGGED)?,
    };
    let decision = call.submit(Command::InstancesRun(command)).await?;
    let is_new = !decision.changes.is_empty();
    let mut instances = call.read(|catalog| Ok(subjects(call, catalog, &decision)))?;
    let Some((reservation, _)) = instances.first().cloned() else {
        return Err(call.bug(&"instances were run and none is there"));
    };
    for (_, instance) in instances.iter_mut().filter(|_| is_new) {
        instance.state = Some(state(0, "pending"));
    }
    let instances = instances.into_iter().map(|(_, instance)| instance).collect();
    Ok(reservation_shape(call, reservation, instances))
}

/// `StartInstances`.
pub async fn start(
    call: &Call,
    input: api::StartInstancesRequest,
) -> Result<api::StartInstancesResult, ApiError> {
    let decision = call.submit(Command::InstancesStart(ids(call, input.instance_ids))).await?;
    Ok(api::StartInstancesResult { starting_instances: Some(transitions(&decision)) })
}

/// `StopInstances`.
pub async fn stop(
    call: &Call,
    input: api::StopInstancesRequest,
) -> Result<api::StopInstancesResult, ApiError> {
    let decision = call.submit(Command::InstancesStop(ids(call, input.instance_ids))).await?;
    Ok(api::StopInstancesResult { stopping_instances: Some(transitions(&decision)) })
}

/// `TerminateInstances`.
pub async fn terminate(
    call: &Call,
    input: api::TerminateInstancesRequest,
) -> Result<api::TerminateInstancesResult, ApiError> {
    let decision = call.submit(Command::InstancesTerminate(ids(call, input.instance_ids))).await?;
    Ok(api::TerminateInstancesResult { terminating_instances: Some(transitions(&decision)) })
}

/// `DescribeInstances`.
pub fn describe(
    call: &Call,
    input: api::DescribeInstancesRequest,
) -> Result<api::DescribeInstancesResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let mut found: Vec<(String, api::Instance)> = call.read(|catalog| {
        let selected = select(call, catalog, wanted(input.instance_ids))?;
        let told = |one: &Instance| (one.reservation.clone(), shape(call, catalog, one));
        Ok(selected.into_iter().map(told).collect())
    })?;
    found.retain(|(reservation, instance)| {
        let own = instance.tags.as_deref().unwrap_or_default();
        filters.admit(own, |name| match name {
            "reservation-id" => vec![reservation.clone()],
            "owner-id" => vec![call.facts.account.to_string()],
            _ => values(instance, name),
        })
    });
    let key = |(_, one): &(String, api::Instance)| one.instance_id.clone().unwrap_or_default();
    let (page, next_token) = page(found, input.max_results, input.next_token, key)?;
    let mut reservations: BTreeMap<String, Vec<api::Instance>> = BTreeMap::new();
    for (reservation, instance) in page {
        reservations.entry(reservation).or_default().push(instance);
    }
    let told = reservations.into_iter().map(|(id, members)| reservation_shape(call, id, members));
    Ok(api::DescribeInstancesResult { next_token, reservations: Some(told.collect()) })
}

/// `DescribeInstanceStatus`: running ones, or all of them on request.
pub fn status(
    call: &Call,
    input: api::DescribeInstanceStatusRequest,
) -> Result<api::DescribeInstanceStatusResult, ApiError> {
    let filters = Filters::new(input.filters, STATUS_FILTERS)?;
    let include_all = input.include_all_instances == Some(true);
    let mut found: Vec<api::InstanceStatus> = call.read(|catalog| {
        let selected = select(call, catalog, wanted(input.instance_ids))?.into_iter();
        let shown = selected.filter(|one| include_all || one.state == InstanceState::Running);
        Ok(shown.map(|one| status_shape(catalog, one)).collect())
    })?;
    found.retain(|one| filters.admit(&[], |name| status_values(one, name)));
    let key = |one: &api::InstanceStatus| one.instance_id.clone().unwrap_or_default();
    let (statuses, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeInstanceStatusResult { instance_statuses: Some(statuses), next_token })
}

// === helpers ===

fn ids(call: &Call, ids: Option<Vec<String>>) -> InstancesInput {
    InstancesInput { region: call.facts.region.clone(), ids: ids.unwrap_or_default() }
}

/// What the caller selected, by id.
fn select<'a>(
    call: &Call,
    catalog: &'a Catalog,
    ids: Option<Vec<String>>,
) -> Result<Vec<&'a Instance>, Refusal> {
    let Some(ids) = ids else {
        return Ok(catalog.instances_in(&call.facts.region).collect());
    };
    if let Some(id) = ids.iter().find(|id| !id.starts_with("i-")) {
        return Err(Refusal::Ec2InstanceMalformed { id: id.clone() });
    }
    let own = |id: &String| {
        let found = catalog.instance(id);
        found.filter(|instance| instance.region == call.facts.region)
    };
    let missing: Vec<&str> =
        ids.iter().filter(|id| own(id).is_none()).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(Refusal::Ec2InstanceNotFound { ids: missing.join(", ") });
    }
    let found: BTreeMap<&str, &Instance> =
        ids.iter().filter_map(|id| Some((id.as_str(), own(id)?))).collect();
    Ok(found.into_values().collect())
}

fn subjects(call: &Call, catalog: &Catalog, decision: &Decision) -> Vec<(String, api::Instance)> {
    let instances = decision.subjects.iter().filter_map(|key| match key {
        ResourceKey::Instance(id) => catalog.instance(id.as_str()),
        _ => None,
    });
    instances.map(|one| (one.reservation.clone(), shape(call, catalog, one))).collect()
}

fn transitions(decision: &Decision) -> Vec<api::InstanceStateChange> {
    let shape = |transition: &Transition| api::InstanceStateChange {
        instance_id: Some(transition.instance.to_string()),
        current_state: Some(on_the_way(transition)),
        previous_state: Some(reached(transition.previous)),
    };
    decision.transitions.iter().map(shape).collect()
}

/// The state that EC2 passes through on this transition.
fn on_the_way(transition: &Transition) -> api::InstanceState {
    if transition.previous == transition.current {
        return reached(transition.current);
    }
    match transition.current {
        InstanceState::Running => state(0, "pending"),
        InstanceState::Stopped => state(64, "stopping"),
        InstanceState::Terminated => state(32, "shutting-down"),
    }
}

fn reached(own: InstanceState) -> api::InstanceState {
    api::InstanceState { code: i32::try_from(own.code()).ok(), name: Some(own.as_str().to_owned()) }
}

fn state(code: i32, name: &str) -> api::InstanceState {
    api::InstanceState { code: Some(code), name: Some(name.to_owned()) }
}

// === shapes ===

fn reservation_shape(
    call: &Call,
    reservation: String,
    instances: Vec<api::Instance>,
) -> api::Reservation {
    api::Reservation {
        reservation_id: Some(reservation),
        owner_id: Some(call.facts.account.to_string()),
        requester_id: None,
        groups: Some(Vec::new()),
        instances: Some(instances),
    }
}

fn shape(call: &Call, catalog: &Catalog, instance: &Instance) -> api::Instance {
    let placement = api::Placement {
        availability_zone: Some(instance.zone.to_string()),
        availability_zone_id: catalog.subnet(&instance.subnet).map(|s| s.zone_id.clone()),
        group_name: Some(String::new()),
        tenancy: Some("default".to_owned()),
        ..Default::default()
    };
    let monitoring = api::Monitoring { state: Some("disabled".to_owned()), ..Default::default() };
    let shape = api::Instance {
        block_device_mappings: Some(Vec::new()),
        client_token: Some(instance.client_token.clone().unwrap_or_default()),
        tags: Some(tags(&instance.tags)),
        instance_id: Some(instance.id.to_string()),
        image_id: Some(instance.image.clone()),
        state: Some(reached(instance.state)),
        state_transition_reason: Some(String::new()),
        ami_launch_index: Some(0),
        product_codes: Some(Vec::new()),
        instance_type: Some(instance.instance_type.clone()),
        launch_time: Some(Time { epoch_us: instance.launched_ms.saturating_mul(1_000) }),
        placement: Some(placement),
        monitoring: Some(monitoring),
        network_interfaces: Some(Vec::new()),
        security_groups: Some(Vec::new()),
        ..Default::default()
    };
    // A terminated instance has lost its place in the network.
    if instance.state == InstanceState::Terminated {
        return shape;
    }
    api::Instance {
        network_interfaces: Some(vec![interface(call, catalog, instance)]),
        security_groups: Some(groups(catalog, &instance.security_groups)),
        source_dest_check: Some(true),
        subnet_id: Some(instance.subnet.to_string()),
        vpc_id: Some(instance.vpc.to_string()),
        private_ip_address: Some(instance.private_address.to_string()),
        ..shape
    }
}

fn interface(call: &Call, catalog: &Catalog, instance: &Instance) -> api::InstanceNetworkInterface {
    let address = instance.private_address.to_string();
    let private = api::InstancePrivateIpAddress {
        primary: Some(true),
        private_ip_address: Some(address.clone()),
        ..Default::default()
    };
    let attachment = api::InstanceNetworkInterfaceAttachment {
        attach_time: Some(Time { epoch_us: instance.launched_ms.saturating_mul(1_000) }),
        attachment_id: Some(attachment_id(instance)),
        delete_on_termination: Some(true),
        device_index: Some(0),
        status: Some("attached".to_owned()),
        ..Default::default()
    };
    api::InstanceNetworkInterface {
        attachment: Some(attachment),
        description: Some(String::new()),
        groups: Some(groups(catalog, &instance.security_groups)),
        ipv6_addresses: Some(Vec::new()),
        mac_address: Some(mac(instance.private_address)),
        network_interface_id: Some(instance.interface.to_string()),
        owner_id: Some(call.facts.account.to_string()),
        private_ip_address: Some(address),
        private_ip_addresses: Some(vec![private]),
        source_dest_check: Some(true),
        status: Some("in-use".to_owned()),
        subnet_id: Some(instance.subnet.to_string()),
        vpc_id: Some(instance.vpc.to_string()),
        interface_type: Some("interface".to_owned()),
        ..Default::default()
    }
}

fn values(instance: &api::Instance, name: &str) -> Vec<String> {
    let placement = instance.placement.as_ref();
    let interfaces = instance.network_interfaces.iter().flatten();
    let groups = instance.security_groups.iter().flatten();
    let state = instance.state.as_ref();
    match name {
        "availability-zone" => placement.map(|p| text(&p.availability_zone)).unwrap_or_default(),
        "availability-zone-id" => {
            placement.map(|p| text(&p.availability_zone_id)).unwrap_or_default()
        }
        "client-token" => text(&instance.client_token),
        "image-id" => text(&instance.image_id),
        "instance-id" => text(&instance.instance_id),
        "instance-state-code" => state.map(|s| number(s.code)).unwrap_or_default(),
        "instance-state-name" => state.map(|s| text(&s.name)).unwrap_or_default(),
        "instance-type" => text(&instance.instance_type),
        "instance.group-id" => groups.flat_map(|group| text(&group.group_id)).collect(),
        "instance.group-name" => groups.flat_map(|group| text(&group.group_name)).collect(),
        "launch-time" => instance.launch_time.iter().map(|time| time.iso8601()).collect(),
        "network-interface.network-interface-id" => {
            interfaces.flat_map(|one| text(&one.network_interface_id)).collect()
        }
        "private-ip-address" => text(&instance.private_ip_address),
        "subnet-id" | "network-interface.subnet-id" => text(&instance.subnet_id),
        "tenancy" => placement.map(|p| text(&p.tenancy)).unwrap_or_default(),
        "vpc-id" | "network-interface.vpc-id" => text(&instance.vpc_id),
        _ => Vec::new(),
    }
}

/// Nobody checks the machines themselves: what runs is taken to be reachable, as its health is
/// the business of target groups.
fn status_shape(catalog: &Catalog, instance: &Instance) -> api::InstanceStatus {
    let running = instance.state == InstanceState::Running;
    let word = if running { "ok" } else { "not-applicable" };
    let reachability = api::InstanceStatusDetails {
        name: Some("reachability".to_owned()),
        status: Some("passed".to_owned()),
        impaired_since: None,
    };
    let summary = api::InstanceStatusSummary {
        details: running.then(|| vec![reachability]),
        status: Some(word.to_owned()),
    };
    api::InstanceStatus {
        availability_zone: Some(instance.zone.to_string()),
        availability_zone_id: catalog.subnet(&instance.subnet).map(|s| s.zone_id.clone()),
        instance_id: Some(instance.id.to_string()),
        instance_state: Some(reached(instance.state)),
        instance_status: Some(summary.clone()),
        system_status: Some(summary),
        ..Default::default()
    }
}

fn status_values(status: &api::InstanceStatus, name: &str) -> Vec<String> {
    let state = status.instance_state.as_ref();
    let summary = status.instance_status.as_ref();
    match name {
        "availability-zone" => text(&status.availability_zone),
        "availability-zone-id" => text(&status.availability_zone_id),
        "instance-state-code" => state.map(|s| number(s.code)).unwrap_or_default(),
        "instance-state-name" => state.map(|s| text(&s.name)).unwrap_or_default(),
        "instance-status.status" | "system-status.status" => {
            summary.map(|s| text(&s.status)).unwrap_or_default()
        }
        "instance-status.reachability" | "system-status.reachability" => {
            let details = summary.and_then(|s| s.details.as_ref());
            details.into_iter().flatten().flat_map(|detail| text(&detail.status)).collect()
        }
        _ => Vec::new(),
    }
}
