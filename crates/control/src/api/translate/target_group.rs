//! Target groups and their registrations in the API's words.
//!
//! Invariant: a group is told with every health check parameter, defaults filled in.

use std::collections::BTreeMap;

use weir_core::catalog::command::{
    ArnInput, HealthCheckInput, TargetGroupCreate, TargetGroupModify, TargetInput, TargetsInput,
};
use weir_core::catalog::{Catalog, Command, Decision, Page, Refusal, Resource};
use weir_core::resource::{LoadBalancerKind, TargetGroup, TargetGroupArn, TargetType};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::super::limits;
use super::page::Wanted;
use super::{count, load_balancer, pairs, port, required, selected, subject};

/// `CreateTargetGroup`.
pub async fn create(
    call: &Call,
    input: api::CreateTargetGroupInput,
) -> Result<api::CreateTargetGroupOutput, ApiError> {
    let matcher = input.matcher.unwrap_or_default();
    let health_check = HealthCheckInput {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval_s: count(input.health_check_interval_seconds),
        timeout_s: count(input.health_check_timeout_seconds),
        healthy_threshold: count(input.healthy_threshold_count),
        unhealthy_threshold: count(input.unhealthy_threshold_count),
        http_code: matcher.http_code,
        grpc_code: matcher.grpc_code,
    };
    let command = TargetGroupCreate {
        region: call.facts.region.clone(),
        name: required(input.name),
        protocol: input.protocol,
        protocol_version: input.protocol_version,
        port: port(input.port),
        vpc: input.vpc_id,
        target_type: target_type(input.target_type.as_deref()),
        ip_address_type: input.ip_address_type,
        target_control_port: port(input.target_control_port),
        health_check,
        tags: pairs(input.tags),
    };
    let decision = call.submit(Command::TargetGroupCreate(command)).await?;
    let mut shape = subject_shape(call, &decision)?;
    // A new group serves nobody; AWS says nothing then, and an empty list later.
    shape.load_balancer_arns = shape.load_balancer_arns.filter(|arns| !arns.is_empty());
    Ok(api::CreateTargetGroupOutput { target_groups: Some(vec![shape]) })
}

/// `ModifyTargetGroup`.
pub async fn modify(
    call: &Call,
    input: api::ModifyTargetGroupInput,
) -> Result<api::ModifyTargetGroupOutput, ApiError> {
    let matcher = input.matcher.unwrap_or_default();
    let health_check = HealthCheckInput {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval_s: count(input.health_check_interval_seconds),
        timeout_s: count(input.health_check_timeout_seconds),
        healthy_threshold: count(input.healthy_threshold_count),
        unhealthy_threshold: count(input.unhealthy_threshold_count),
        http_code: matcher.http_code,
        grpc_code: matcher.grpc_code,
    };
    let (region, arn) = (call.facts.region.clone(), required(input.target_group_arn));
    let command = Command::TargetGroupModify(TargetGroupModify { region, arn, health_check });
    let decision = call.submit(command).await?;
    let shape = subject_shape(call, &decision)?;
    Ok(api::ModifyTargetGroupOutput { target_groups: Some(vec![shape]) })
}

/// `DeleteTargetGroup`.
pub async fn delete(
    call: &Call,
    input: api::DeleteTargetGroupInput,
) -> Result<api::DeleteTargetGroupOutput, ApiError> {
    let (region, arn) = (call.facts.region.clone(), required(input.target_group_arn));
    call.submit(Command::TargetGroupDelete(ArnInput { region, arn })).await?;
    Ok(api::DeleteTargetGroupOutput {})
}

/// `RegisterTargets`.
pub async fn register(
    call: &Call,
    input: api::RegisterTargetsInput,
) -> Result<api::RegisterTargetsOutput, ApiError> {
    let command = targets_input(call, input.target_group_arn, input.targets);
    call.submit(Command::TargetsRegister(command)).await?;
    Ok(api::RegisterTargetsOutput {})
}

/// `DeregisterTargets`.
pub async fn deregister(
    call: &Call,
    input: api::DeregisterTargetsInput,
) -> Result<api::DeregisterTargetsOutput, ApiError> {
    let command = targets_input(call, input.target_group_arn, input.targets);
    call.submit(Command::TargetsDeregister(command)).await?;
    Ok(api::DeregisterTargetsOutput {})
}

/// `DescribeTargetGroups`.
pub fn describe(
    call: &Call,
    input: api::DescribeTargetGroupsInput,
) -> Result<api::DescribeTargetGroupsOutput, ApiError> {
    let wanted = Wanted::new(input.marker, input.page_size, limits::PAGE_SIZE_DEFAULT);
    let (arns, names) = (selected(input.target_group_arns), selected(input.names));
    let (target_groups, next_marker) = call.read(|catalog| {
        let page = match (&input.load_balancer_arn, &arns, &names) {
            // Not all of the region are collected for one page.
            (None, None, None) => {
                let region = &call.facts.region;
                let known = |name: &str| catalog.target_group_named(region, name).is_some();
                let request = wanted.request(known)?;
                wanted.told(catalog.target_groups_describe(region, None, &[], &[], request)?)?
            }
            _ => {
                let found = find(call, catalog, input.load_balancer_arn, arns, names)?;
                let (items, next) = wanted.page(found, |group| group.name.clone())?;
                Page { items, next }
            }
        };
        let told = page.items.into_iter().map(|group| shape(catalog, group)).collect();
        Ok((told, page.next))
    })?;
    Ok(api::DescribeTargetGroupsOutput { target_groups: Some(target_groups), next_marker })
}

// === helpers ===

/// What the caller selected, by name.
fn find<'a>(
    call: &Call,
    catalog: &'a Catalog,
    load_balancer: Option<String>,
    arns: Option<Vec<String>>,
    names: Option<Vec<String>>,
) -> Result<Vec<&'a TargetGroup>, Refusal> {
    let region = &call.facts.region;
    let mut found = BTreeMap::new();
    match (load_balancer, arns, names) {
        (Some(arn), None, None) => {
            let lb = load_balancer::by_arn(call, catalog, &arn)?;
            let lb = lb.ok_or(Refusal::LoadBalancerNotFound { arn })?;
            found.extend(catalog.groups_of(&lb.arn).map(|group| (&group.name, group)));
        }
        (None, Some(arns), None) => {
            for arn in arns {
                let group = by_arn(call, catalog, &arn)?;
                found.insert(&group.name, group);
            }
        }
        (None, None, Some(names)) => {
            for name in names {
                let group = catalog.target_group_named(region, &name);
                let group = group.ok_or(Refusal::TargetGroupsNotFound {})?;
                found.insert(&group.name, group);
            }
        }
        _ => return Err(Refusal::DescribeTargetGroupsSeveral {}),
    }
    Ok(found.into_values().collect())
}

/// A target group of the call's region.
pub fn by_arn<'a>(
    call: &Call,
    catalog: &'a Catalog,
    arn: &str,
) -> Result<&'a TargetGroup, Refusal> {
    let malformed = || Refusal::TargetGroupArnInvalid { arn: arn.to_owned() };
    let parsed = TargetGroupArn::parse(arn).ok_or_else(malformed)?;
    let found = catalog.target_group(&parsed);
    let found = found.filter(|group| group.region == call.facts.region);
    found.ok_or(Refusal::TargetGroupsNotFound {})
}

fn subject_shape(call: &Call, decision: &Decision) -> Result<api::TargetGroup, ApiError> {
    let group = subject(call, decision, |resource| match resource {
        Resource::TargetGroup(group) => Some(group),
        _ => None,
    })?;
    call.read(|catalog| Ok(shape(catalog, group)))
}

fn shape(catalog: &Catalog, group: &TargetGroup) -> api::TargetGroup {
    let check = &group.health_check;
    let number = |value: u32| i32::try_from(value).ok();
    let users = catalog.load_balancers_using(&group.arn);
    let lambda = group.target_type == TargetType::Lambda;
    // Connections alone have neither path nor matcher.
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let grpc = group.protocol_version.as_deref() == Some("GRPC");
    let matcher = text(&check.matcher).map(|codes| match grpc {
        true => api::Matcher { http_code: None, grpc_code: Some(codes) },
        false => api::Matcher { http_code: Some(codes), grpc_code: None },
    });
    let family = if group.ipv6 { "ipv6" } else { "ipv4" };
    let shown = group.kind() != LoadBalancerKind::Gateway;
    api::TargetGroup {
        target_group_arn: Some(group.arn.to_string()),
        target_group_name: Some(group.name.clone()),
        protocol: group.protocol.map(|protocol| protocol.as_str().to_owned()),
        port: group.port.map(i32::from),
        vpc_id: group.vpc.as_ref().map(ToString::to_string),
        health_check_protocol: (!lambda).then(|| check.protocol.as_str().to_owned()),
        health_check_port: (!lambda).then(|| check.port.to_string()),
        health_check_enabled: Some(check.enabled),
        health_check_interval_seconds: number(check.interval_s),
        health_check_timeout_seconds: number(check.timeout_s),
        healthy_threshold_count: number(check.healthy_threshold),
        unhealthy_threshold_count: number(check.unhealthy_threshold),
        health_check_path: text(&check.path),
        matcher,
        load_balancer_arns: Some(users.iter().map(ToString::to_string).collect()),
        target_type: Some(group.target_type.as_str().to_owned()),
        protocol_version: group.protocol_version.clone(),
        ip_address_type: shown.then(|| family.to_owned()),
        target_control_port: group.control_port.map(i32::from),
    }
}

/// A target as the catalog judges it.
pub fn target_input(target: api::TargetDescription) -> TargetInput {
    TargetInput {
        id: required(target.id),
        port: port(target.port),
        zone: target.availability_zone,
        quic_server: target.quic_server_id,
    }
}

fn targets_input(
    call: &Call,
    arn: Option<String>,
    targets: Option<Vec<api::TargetDescription>>,
) -> TargetsInput {
    TargetsInput {
        region: call.facts.region.clone(),
        arn: required(arn),
        targets: targets.unwrap_or_default().into_iter().map(target_input).collect(),
    }
}

/// Reads a closed set of the model, which the constraints have checked.
fn target_type(word: Option<&str>) -> TargetType {
    match word {
        Some("ip") => TargetType::Ip,
        Some("lambda") => TargetType::Lambda,
        Some("alb") => TargetType::Alb,
        _ => TargetType::Instance,
    }
}
