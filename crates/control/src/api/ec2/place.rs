//! Regions, zones, and what the account may have.
//!
//! Invariant: a region is told only if it is served; its zones are there with and without subnets.

use weir_core::resource::{Zone, zones_of};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;

use super::super::call::Call;
use super::filter::{Filters, text};
use super::invalid;
use super::network::wanted;

const REGION_FILTERS: &[&str] = &["endpoint", "opt-in-status", "region-name"];
const ZONE_FILTERS: &[&str] = &[
    "group-name",
    "message",
    "opt-in-status",
    "parent-zone-id",
    "parent-zone-name",
    "region-name",
    "state",
    "zone-id",
    "zone-name",
    "zone-type",
];
/// Regions and zones need no opting in.
const NO_OPT_IN: &str = "opt-in-not-required";

/// `DescribeRegions`.
pub fn regions(
    call: &Call,
    input: api::DescribeRegionsRequest,
) -> Result<api::DescribeRegionsResult, ApiError> {
    let filters = Filters::new(input.filters, REGION_FILTERS)?;
    let settings = &call.authority().settings().catalog;
    if let Some(names) = wanted(input.region_names.clone()) {
        let unknown = names.iter().find(|name| !settings.regions.contains(name.as_str()));
        if let Some(name) = unknown {
            return Err(invalid(format!("Invalid region name: {name}")));
        }
    }
    let names = wanted(input.region_names);
    let shape = |region: &weir_core::resource::Region| api::Region {
        opt_in_status: Some(NO_OPT_IN.to_owned()),
        region_name: Some(region.to_string()),
        endpoint: Some(format!("ec2.{region}.{}", settings.domain)),
        ..Default::default()
    };
    let asked = |region: &api::Region| match (&names, &region.region_name) {
        (Some(names), Some(own)) => names.contains(own),
        _ => true,
    };
    let passes = |region: &api::Region| {
        filters.admit(&[], |name| match name {
            "endpoint" => text(&region.endpoint),
            "opt-in-status" => text(&region.opt_in_status),
            "region-name" => text(&region.region_name),
            _ => Vec::new(),
        })
    };
    let found = settings.regions.iter().map(shape);
    let regions = found.filter(|region| asked(region) && passes(region)).collect();
    Ok(api::DescribeRegionsResult { regions: Some(regions) })
}

/// `DescribeAvailabilityZones`.
pub fn zones(
    call: &Call,
    input: api::DescribeAvailabilityZonesRequest,
) -> Result<api::DescribeAvailabilityZonesResult, ApiError> {
    let filters = Filters::new(input.filters, ZONE_FILTERS)?;
    let zones = zones_of(&call.facts.region);
    let mut found: Vec<api::AvailabilityZone> =
        zones.iter().map(|zone| zone_shape(call, zone)).collect();
    for (asked, own) in [
        (wanted(input.zone_names), name_of as fn(&api::AvailabilityZone) -> &Option<String>),
        (wanted(input.zone_ids), id_of),
    ] {
        let Some(asked) = asked else { continue };
        let known = |zone: &String| found.iter().any(|one| own(one).as_ref() == Some(zone));
        if let Some(zone) = asked.iter().find(|zone| !known(zone)) {
            return Err(invalid(format!("Invalid availability zone: [{zone}]")));
        }
        found.retain(|zone| own(zone).as_ref().is_some_and(|own| asked.contains(own)));
    }
    found.retain(|zone| filters.admit(&[], |name| zone_values(zone, name)));
    Ok(api::DescribeAvailabilityZonesResult { availability_zones: Some(found) })
}

/// `DescribeAccountAttributes`.
pub fn account_attributes(
    call: &Call,
    input: api::DescribeAccountAttributesRequest,
) -> Result<api::DescribeAccountAttributesResult, ApiError> {
    let quotas = &call.authority().settings().catalog.quotas;
    let default_vpc = call.read(|catalog| {
        let vpc = catalog.default_vpc(&call.facts.region);
        Ok(vpc.map_or_else(|| "none".to_owned(), |vpc| vpc.id.to_string()))
    })?;
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        ("vpc-max-security-groups-per-interface", quotas.security_groups_per_interface.to_string()),
        ("max-elastic-ips", quotas.elastic_addresses.to_string()),
        ("max-instances", quotas.instances.to_string()),
        ("vpc-max-elastic-ips", quotas.elastic_addresses.to_string()),
        ("default-vpc", default_vpc),
    ];
    let names = wanted(input.attribute_names);
    let known = |name: &String| all.iter().any(|(own, _)| own == name);
    if let Some(name) = names.iter().flatten().find(|name| !known(name)) {
        return Err(invalid(format!("The account attribute '{name}' is invalid")));
    }
    let asked = |name: &str| names.as_ref().is_none_or(|names| names.iter().any(|n| n == name));
    let shape = |(name, value): (&str, String)| api::AccountAttribute {
        attribute_name: Some(name.to_owned()),
        attribute_values: Some(vec![api::AccountAttributeValue { attribute_value: Some(value) }]),
    };
    let found = all.into_iter().filter(|(name, _)| asked(name)).map(shape).collect();
    Ok(api::DescribeAccountAttributesResult { account_attributes: Some(found) })
}

// === shapes ===

fn zone_shape(call: &Call, zone: &Zone) -> api::AvailabilityZone {
    let region = call.facts.region.to_string();
    api::AvailabilityZone {
        opt_in_status: Some(NO_OPT_IN.to_owned()),
        messages: Some(Vec::new()),
        region_name: Some(region.clone()),
        zone_name: Some(zone.name.to_string()),
        zone_id: Some(zone.id.clone()),
        group_name: Some(format!("{region}-zg-1")),
        network_border_group: Some(region),
        zone_type: Some("availability-zone".to_owned()),
        state: Some("available".to_owned()),
        ..Default::default()
    }
}

fn name_of(zone: &api::AvailabilityZone) -> &Option<String> {
    &zone.zone_name
}

fn id_of(zone: &api::AvailabilityZone) -> &Option<String> {
    &zone.zone_id
}

fn zone_values(zone: &api::AvailabilityZone, name: &str) -> Vec<String> {
    match name {
        "group-name" => text(&zone.group_name),
        "opt-in-status" => text(&zone.opt_in_status),
        "region-name" => text(&zone.region_name),
        "state" => text(&zone.state),
        "zone-id" => text(&zone.zone_id),
        "zone-name" => text(&zone.zone_name),
        "zone-type" => text(&zone.zone_type),
        _ => Vec::new(),
    }
}
