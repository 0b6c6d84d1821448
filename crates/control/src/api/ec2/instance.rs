//! Instances: `RunInstances` declares machines, the rest changes and tells their state.
//!
//! Invariant: a state changes at once; the response of the changing call names the state that EC2
//! would pass through (`pending`, `stopping`, `shutting-down`), every later one the state reached.

use std::collections::BTreeMap;

use weir_core::catalog::command::{InstancesInput, InstancesRun};
use weir_core::catalog::{Catalog, Command, Decision, Refusal, ResourceKey, Transition};
use weir_core::resource::{Instance, InstanceOptions, InstanceState, UserData};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;

use super::super::call::Call;
use super::dns::private_name;
use super::filter::{Filters, flag, number, text};
use super::instance_attribute::profile;
use super::interface::{at, groups, shape as interface_shape};
use super::interface_change::addresses;
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
    "iam-instance-profile.arn",
    "ip-address",
    "ipv6-address",
    "key-name",
    "launch-time",
    "network-interface.addresses.private-ip-address",
    "network-interface.association.public-ip",
    "network-interface.group-id",
    "network-interface.ipv6-addresses.ipv6-address",
    "network-interface.network-interface-id",
    "network-interface.subnet-id",
    "network-interface.vpc-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "source-dest-check",
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
const UNTAGGED: &[&str] = &["volume", "elastic-gpu", "spot-instances-request"];
const INSTANCE: &str = "instance";
const INTERFACE: &str = "network-interface";

/// `RunInstances`; its output is the reservation itself.
pub async fn run(
    call: &Call,
    input: api::RunInstancesRequest,
) -> Result<api::Reservation, ApiError> {
    let command = launch(call, input)?;
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

// === launch ===

fn launch(call: &Call, input: api::RunInstancesRequest) -> Result<InstancesRun, ApiError> {
    let options = options(&input)?;
    let mut interfaces = input.network_interfaces.unwrap_or_default().into_iter();
    let primary = interfaces.next().unwrap_or_default();
    let further = interfaces.next().map(|one| one.device_index.unwrap_or(1).to_string());
    let group_ids = input.security_group_ids.filter(|ids| !ids.is_empty()).or(primary.groups);
    let (private_address, secondary) = addresses(
        nonempty(input.private_ip_address).or(nonempty(primary.private_ip_address)),
        primary.private_ip_addresses.unwrap_or_default(),
    );
    let ipv6 = input.ipv6_addresses.filter(|all| !all.is_empty()).or(primary.ipv6_addresses);
    let ipv6 = ipv6.unwrap_or_default().into_iter().filter_map(|one| one.ipv6_address);
    let ipv6_count = input.ipv6_address_count.or(primary.ipv6_address_count);
    let count = primary.secondary_private_ip_address_count;
    let specifications = input.tag_specifications;
    let tolerated: Vec<&str> = [INSTANCE, INTERFACE].iter().chain(UNTAGGED).copied().collect();
    Ok(InstancesRun {
        region: call.facts.region.clone(),
        image: input.image_id,
        instance_type: input.instance_type,
        min_count: i64::from(input.min_count.unwrap_or_default()),
        max_count: i64::from(input.max_count.unwrap_or_default()),
        subnet: nonempty(input.subnet_id).or(nonempty(primary.subnet_id)),
        zone: input.placement.and_then(|placement| nonempty(placement.availability_zone)),
        private_address,
        secondary,
        secondary_count: i64::from(count.unwrap_or_default()),
        ipv6: ipv6.collect(),
        ipv6_count: i64::from(ipv6_count.unwrap_or_default()),
        interface_description: primary.description,
        other_interface: primary.network_interface_id.or(further),
        options,
        security_group_ids: group_ids.unwrap_or_default(),
        security_group_names: input.security_groups.unwrap_or_default(),
        client_token: input.client_token,
        tags: tags_for(specifications.clone(), INSTANCE, &tolerated)?,
        interface_tags: tags_for(specifications, INTERFACE, &tolerated)?,
    })
}

fn options(input: &api::RunInstancesRequest) -> Result<InstanceOptions, ApiError> {
    let behavior = input.instance_initiated_shutdown_behavior.as_deref();
    let key_name = nonempty(input.key_name.clone());
    let metadata = input.metadata_options.clone().unwrap_or_default();
    let hops = metadata.http_put_response_hop_limit.map(|hops| hops.to_string());
    let metadata = [
        ("HttpTokens", metadata.http_tokens),
        ("HttpPutResponseHopLimit", hops),
        ("HttpEndpoint", metadata.http_endpoint),
        ("HttpProtocolIpv6", metadata.http_protocol_ipv6),
        ("InstanceMetadataTags", metadata.instance_metadata_tags),
    ];
    let credits = input.credit_specification.as_ref();
    let profile = input.iam_instance_profile.clone().unwrap_or_default();
    let monitoring = input.monitoring.as_ref().and_then(|own| own.enabled);
    let tenancy = input.placement.as_ref().and_then(|own| nonempty(own.tenancy.clone()));
    let data = input.user_data.as_ref().map(|data| data.expose()).filter(|data| !data.is_empty());
    let given = metadata.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(InstanceOptions {
        termination_protected: input.disable_api_termination == Some(true),
        stop_protected: input.disable_api_stop == Some(true),
        ebs_optimized: input.ebs_optimized == Some(true),
        shutdown_terminates: behavior == Some("terminate"),
        monitored: monitoring == Some(true),
        user_data: data.map(|data| UserData(data.to_owned())),
        key_name,
        instance_profile: nonempty(profile.arn).or(nonempty(profile.name)),
        unlimited_credits: credits
            .and_then(|own| own.cpu_credits.as_deref())
            .map(|credits| credits == "unlimited"),
        tenancy: tenancy.filter(|tenancy| tenancy != "default"),
        metadata: given.collect(),
        ..InstanceOptions::default()
    })
}

// === helpers ===

/// Terraform sends empty texts for what its user did not write; they count as missing.
fn nonempty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn ids(call: &Call, ids: Option<Vec<String>>) -> InstancesInput {
    InstancesInput { region: call.facts.region.clone(), ids: ids.unwrap_or_default() }
}

/// What the caller selected, by id.
pub fn select<'a>(
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
    let options = &instance.options;
    let placement = api::Placement {
        availability_zone: Some(instance.zone.to_string()),
        availability_zone_id: catalog.subnet(&instance.subnet).map(|s| s.zone_id.clone()),
        group_name: Some(String::new()),
        tenancy: Some(options.tenancy.clone().unwrap_or_else(|| "default".to_owned())),
        ..Default::default()
    };
    let monitoring = if options.monitored { "enabled" } else { "disabled" };
    let shape = api::Instance {
        ami_launch_index: Some(0),
        block_device_mappings: Some(Vec::new()),
        client_token: Some(instance.client_token.clone().unwrap_or_default()),
        ebs_optimized: Some(options.ebs_optimized),
        ena_support: Some(options.ena_support),
        iam_instance_profile: profile(call, instance),
        image_id: Some(instance.image.clone()),
        instance_id: Some(instance.id.to_string()),
        instance_type: Some(instance.instance_type.clone()),
        key_name: options.key_name.clone(),
        launch_time: Some(at(instance.launched_ms)),
        metadata_options: Some(metadata(instance)),
        monitoring: Some(api::Monitoring {
            state: Some(monitoring.to_owned()),
            ..Default::default()
        }),
        network_interfaces: Some(Vec::new()),
        placement: Some(placement),
        private_dns_name: Some(String::new()),
        product_codes: Some(Vec::new()),
        public_dns_name: Some(String::new()),
        security_groups: Some(Vec::new()),
        state: Some(reached(instance.state)),
        state_reason: state_reason(instance),
        state_transition_reason: Some(String::new()),
        tags: Some(tags(&instance.tags)),
        ..Default::default()
    };
    // A terminated instance has lost its place in the network.
    if instance.state == InstanceState::Terminated {
        return shape;
    }
    in_network(call, catalog, instance, shape)
}

/// An instance with its place in the network.
fn in_network(
    call: &Call,
    catalog: &Catalog,
    instance: &Instance,
    shape: api::Instance,
) -> api::Instance {
    let primary = catalog.interface_of_instance(instance);
    let made = catalog.attached_to(&instance.id).map(|made| catalog.interface_made(made));
    let all = std::iter::once(primary).chain(made);
    let interfaces: Vec<api::NetworkInterface> =
        all.map(|one| interface_shape(call, catalog, &one)).collect();
    let first = interfaces.first();
    let association = first.and_then(|one| one.association.clone()).unwrap_or_default();
    api::Instance {
        ipv6_address: first.and_then(|one| one.ipv6_address.clone()),
        private_dns_name: private_name(&instance.region, instance.private_address),
        private_ip_address: Some(instance.private_address.to_string()),
        public_dns_name: Some(association.public_dns_name.unwrap_or_default()),
        public_ip_address: association.public_ip,
        security_groups: Some(groups(catalog, &instance.security_groups)),
        source_dest_check: Some(instance.options.source_dest_check),
        subnet_id: Some(instance.subnet.to_string()),
        vpc_id: Some(instance.vpc.to_string()),
        network_interfaces: Some(interfaces.into_iter().map(interface).collect()),
        ..shape
    }
}

fn state_reason(instance: &Instance) -> Option<api::StateReason> {
    let stopped = instance.state != InstanceState::Running;
    stopped.then(|| api::StateReason {
        code: Some("Client.UserInitiatedShutdown".to_owned()),
        message: Some("Client.UserInitiatedShutdown: User initiated shutdown".to_owned()),
    })
}

/// What was given, over EC2's defaults. Nothing answers at the metadata address.
fn metadata(instance: &Instance) -> api::InstanceMetadataOptionsResponse {
    let own = |name: &str, default: &str| {
        let given = instance.options.metadata.iter().find(|(own, _)| own == name);
        Some(given.map_or_else(|| default.to_owned(), |(_, value)| value.clone()))
    };
    let hops = own("HttpPutResponseHopLimit", "1");
    api::InstanceMetadataOptionsResponse {
        state: Some("applied".to_owned()),
        http_tokens: own("HttpTokens", "optional"),
        http_put_response_hop_limit: hops.and_then(|hops| hops.parse().ok()),
        http_endpoint: own("HttpEndpoint", "enabled"),
        http_protocol_ipv6: own("HttpProtocolIpv6", "disabled"),
        instance_metadata_tags: own("InstanceMetadataTags", "disabled"),
    }
}

/// An interface as it is told inside an instance.
fn interface(one: api::NetworkInterface) -> api::InstanceNetworkInterface {
    let associated =
        |own: api::NetworkInterfaceAssociation| api::InstanceNetworkInterfaceAssociation {
            ip_owner_id: own.ip_owner_id,
            public_dns_name: own.public_dns_name,
            public_ip: own.public_ip,
            ..Default::default()
        };
    let private = |own: api::NetworkInterfacePrivateIpAddress| api::InstancePrivateIpAddress {
        association: own.association.map(associated),
        primary: own.primary,
        private_dns_name: own.private_dns_name,
        private_ip_address: own.private_ip_address,
    };
    let ipv6 = |own: api::NetworkInterfaceIpv6Address| api::InstanceIpv6Address {
        ipv6_address: own.ipv6_address,
        ..Default::default()
    };
    let attachment = one.attachment.map(|own| api::InstanceNetworkInterfaceAttachment {
        attach_time: own.attach_time,
        attachment_id: own.attachment_id,
        delete_on_termination: own.delete_on_termination,
        device_index: own.device_index,
        network_card_index: own.network_card_index,
        status: own.status,
        ..Default::default()
    });
    let addresses = one.private_ip_addresses.unwrap_or_default().into_iter();
    api::InstanceNetworkInterface {
        association: one.association.map(associated),
        attachment,
        description: one.description,
        groups: one.groups,
        interface_type: one.interface_type,
        ipv6_addresses: Some(
            one.ipv6_addresses.unwrap_or_default().into_iter().map(ipv6).collect(),
        ),
        mac_address: one.mac_address,
        network_interface_id: one.network_interface_id,
        owner_id: one.owner_id,
        private_dns_name: one.private_dns_name,
        private_ip_address: one.private_ip_address,
        private_ip_addresses: Some(addresses.map(private).collect()),
        source_dest_check: one.source_dest_check,
        status: one.status,
        subnet_id: one.subnet_id,
        vpc_id: one.vpc_id,
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
        "dns-name" => text(&instance.public_dns_name),
        "image-id" => text(&instance.image_id),
        "instance-id" => text(&instance.instance_id),
        "instance-state-code" => state.map(|s| number(s.code)).unwrap_or_default(),
        "instance-state-name" => state.map(|s| text(&s.name)).unwrap_or_default(),
        "instance-type" => text(&instance.instance_type),
        "instance.group-id" => groups.flat_map(|group| text(&group.group_id)).collect(),
        "instance.group-name" => groups.flat_map(|group| text(&group.group_name)).collect(),
        "ip-address" | "network-interface.association.public-ip" => {
            text(&instance.public_ip_address)
        }
        "ipv6-address" | "network-interface.ipv6-addresses.ipv6-address" => interfaces
            .flat_map(|one| one.ipv6_addresses.iter().flatten())
            .flat_map(|own| text(&own.ipv6_address))
            .collect(),
        "iam-instance-profile.arn" => {
            instance.iam_instance_profile.as_ref().map(|own| text(&own.arn)).unwrap_or_default()
        }
        "key-name" => text(&instance.key_name),
        "network-interface.addresses.private-ip-address" => interfaces
            .flat_map(|one| one.private_ip_addresses.iter().flatten())
            .flat_map(|own| text(&own.private_ip_address))
            .collect(),
        "network-interface.group-id" => interfaces
            .flat_map(|one| one.groups.iter().flatten())
            .flat_map(|own| text(&own.group_id))
            .collect(),
        "private-dns-name" => text(&instance.private_dns_name),
        "source-dest-check" => flag(instance.source_dest_check),
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
