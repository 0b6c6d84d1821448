//! Target groups: creation, health check settings, deletion.
//!
//! Invariant: a group exists together with its record of registrations, and its health check
//! times out before the next probe starts.
// spec: alb §6.1 Parameters

use super::Apply;
use super::name::target_group_name;
use super::tag::tags_new;
use crate::catalog::command::{
    ArnInput, HealthCheckInput, TargetGroupCreate, TargetGroupModify, TargetTypeInput,
};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey};
use crate::resource::target_group::HealthCheckProtocol;
use crate::resource::{
    AttributeValues, HealthCheck, HealthCheckPort, Registrations, TargetGroup, TargetGroupArn,
    TargetGroupProtocol, TargetType,
};

/// Characters of a health check path.
const PATH_MAX: usize = 1_024;
/// Characters of a matcher: every code of 200-499 as a list.
const MATCHER_MAX: usize = 1_200;

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn target_group_create(&mut self, input: &TargetGroupCreate) -> Result<(), Refusal> {
        target_group_name(&input.name)?;
        let target_type = target_type(input)?;
        let record = self.target_group_record(input, target_type)?;
        if let Some(found) = self.catalog.target_group_named(&input.region, &input.name) {
            if !same_settings(found, &record) {
                return Err(Refusal::TargetGroupNameTaken { name: input.name.clone() });
            }
            self.subject(ResourceKey::TargetGroup(found.arn.clone()));
            return Ok(());
        }
        let limit = self.catalog.settings.quotas.target_groups;
        let present = self.catalog.index.target_groups.get(&input.region);
        if present.map_or(0, |names| names.len()) >= limit {
            return Err(Refusal::TargetGroupsTooMany { limit: limit.to_string() });
        }
        let registrations = Registrations { group: record.arn.clone(), targets: Vec::new() };
        self.put_subject(Resource::TargetGroup(record));
        self.put(Resource::Registrations(registrations));
        Ok(())
    }

    fn target_group_record(
        &mut self,
        input: &TargetGroupCreate,
        target_type: TargetType,
    ) -> Result<TargetGroup, Refusal> {
        let protocol = input.protocol.as_deref().ok_or(Refusal::ProtocolMissing {})?;
        let port = input.port.ok_or(Refusal::PortMissing {})?;
        let vpc = input.vpc.as_deref().ok_or(Refusal::VpcMissing {})?;
        let vpc = self.catalog.vpc(vpc).filter(|vpc| vpc.region == input.region);
        let vpc = vpc.ok_or_else(|| {
            let vpc = input.vpc.clone().unwrap_or_default();
            Refusal::VpcNotFound { vpc }
        })?;
        let protocol_version = served(input, protocol)?;
        let health_check = health_check(health_check_default(), &input.health_check)?;
        let tags = tags_new(&input.tags)?;
        let (catalog, account) = (self.catalog, &self.catalog.settings.account);
        let arn = self.fresh(
            |id| TargetGroupArn::build(&input.region, account, &input.name, id),
            |arn| catalog.target_group(arn).is_some(),
        );
        Ok(TargetGroup {
            arn,
            name: input.name.clone(),
            region: input.region.clone(),
            protocol: TargetGroupProtocol::Http,
            protocol_version,
            port,
            vpc: vpc.id.clone(),
            target_type,
            health_check,
            created_ms: self.now.epoch_ms(),
            attributes: AttributeValues::new(),
            tags,
        })
    }

    pub(super) fn target_group_modify(&mut self, input: &TargetGroupModify) -> Result<(), Refusal> {
        let group = self.target_group(&input.region, &input.arn)?;
        let health_check = health_check(group.health_check.clone(), &input.health_check)?;
        if health_check == group.health_check {
            self.subject(ResourceKey::TargetGroup(group.arn.clone()));
        } else {
            let group = TargetGroup { health_check, ..group.clone() };
            self.put_subject(Resource::TargetGroup(group));
        }
        Ok(())
    }

    pub(super) fn target_group_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let Some(group) = self.catalog.target_group_find(&input.region, &input.arn)? else {
            return Ok(());
        };
        if self.catalog.rules_naming(&group.arn).next().is_some() {
            return Err(Refusal::TargetGroupInUse { arn: input.arn.clone() });
        }
        self.decision.changes.delete(ResourceKey::Registrations(group.arn.clone()));
        self.decision.changes.delete(ResourceKey::TargetGroup(group.arn.clone()));
        Ok(())
    }
}

fn target_type(input: &TargetGroupCreate) -> Result<TargetType, Refusal> {
    match input.target_type {
        TargetTypeInput::Served(target_type) => Ok(target_type),
        TargetTypeInput::Alb => Err(Refusal::unserved(Feature::TargetType, "alb")),
        TargetTypeInput::Lambda => {
            let members = [
                ("Port", input.port.is_some()),
                ("Protocol", input.protocol.is_some()),
                ("VPC ID", input.vpc.is_some()),
            ];
            match members.into_iter().find(|(_, given)| *given) {
                Some((member, _)) => Err(Refusal::LambdaWithMember { member: member.to_owned() }),
                None => Err(Refusal::unserved(Feature::TargetType, "lambda")),
            }
        }
    }
}

/// Refuses what is not served; returns the protocol version.
fn served(input: &TargetGroupCreate, protocol: &str) -> Result<String, Refusal> {
    match protocol {
        "HTTP" => {}
        "HTTPS" => return Err(Refusal::unserved(Feature::HttpsTargetGroup, "")),
        other => return Err(Refusal::unserved(Feature::TargetGroupProtocol, other)),
    }
    let version = input.protocol_version.as_deref().unwrap_or("HTTP1").to_ascii_uppercase();
    match version.as_str() {
        "HTTP1" => {}
        "HTTP2" | "GRPC" => return Err(Refusal::unserved(Feature::ProtocolVersion, version)),
        _ => return Err(Refusal::ProtocolVersionInvalid { version }),
    }
    if let Some(kind) = input.ip_address_type.as_deref().filter(|kind| *kind != "ipv4") {
        return Err(Refusal::unserved(Feature::Ipv6TargetGroup, kind));
    }
    if let Some(port) = input.target_control_port {
        return Err(Refusal::unserved(Feature::TargetControlPort, port.to_string()));
    }
    Ok(version)
}

fn health_check_default() -> HealthCheck {
    HealthCheck {
        enabled: true,
        protocol: HealthCheckProtocol::Http,
        port: HealthCheckPort::TrafficPort,
        path: "/".to_owned(),
        interval_s: 30,
        timeout_s: 5,
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: "200".to_owned(),
    }
}

/// `current` with the members that were given.
fn health_check(current: HealthCheck, input: &HealthCheckInput) -> Result<HealthCheck, Refusal> {
    let mut check = current;
    if input.enabled == Some(false) {
        return Err(Refusal::HealthCheckNotDisabled { kind: "instance or ip".to_owned() });
    }
    match input.protocol.as_deref() {
        None | Some("HTTP") => {}
        Some("HTTPS") => return Err(Refusal::unserved(Feature::HttpsHealthCheck, "")),
        Some(other) => return Err(Refusal::HealthProtocolInvalid { protocol: other.to_owned() }),
    }
    if let Some(port) = &input.port {
        check.port = health_port(port)?;
    }
    if let Some(path) = &input.path {
        check.path = health_path(path)?;
    }
    health_numbers(&mut check, input)?;
    if input.grpc_code.is_some() {
        return Err(Refusal::HealthMatcherGrpc {});
    }
    if let Some(codes) = &input.http_code {
        check.matcher = matcher(codes)?;
    }
    Ok(check)
}

fn health_numbers(check: &mut HealthCheck, input: &HealthCheckInput) -> Result<(), Refusal> {
    let members = [
        ("Health check interval", input.interval_s, 5, 300, &mut check.interval_s),
        ("Health check timeout", input.timeout_s, 2, 120, &mut check.timeout_s),
        ("Healthy threshold count", input.healthy_threshold, 2, 10, &mut check.healthy_threshold),
        (
            "Unhealthy threshold count",
            input.unhealthy_threshold,
            2,
            10,
            &mut check.unhealthy_threshold,
        ),
    ];
    for (member, given, low, high, place) in members {
        let Some(value) = given else { continue };
        if !(low..=high).contains(&value) {
            let (member, value) = (member.to_owned(), value.to_string());
            return Err(Refusal::HealthNumberRange {
                member,
                value,
                range: format!("{low}-{high}"),
            });
        }
        *place = value;
    }
    if check.timeout_s >= check.interval_s {
        return Err(Refusal::HealthTimeoutNotBelowInterval {
            timeout: check.timeout_s.to_string(),
            interval: check.interval_s.to_string(),
        });
    }
    Ok(())
}

fn health_port(text: &str) -> Result<HealthCheckPort, Refusal> {
    if text == "traffic-port" {
        return Ok(HealthCheckPort::TrafficPort);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(HealthCheckPort::Port(port)),
        _ => Err(Refusal::HealthPortInvalid { port: text.to_owned() }),
    }
}

/// The path goes into a request line as it is.
fn health_path(path: &str) -> Result<String, Refusal> {
    let sound = path.starts_with('/')
        && path.len() <= PATH_MAX
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if sound {
        Ok(path.to_owned())
    } else {
        Err(Refusal::HealthPathInvalid { path: path.to_owned() })
    }
}

/// A list of codes and ranges, for example `200,202` or `200-299`.
fn matcher(codes: &str) -> Result<String, Refusal> {
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| digits && (200..=499).contains(code))
    };
    let item = |text: &str| match text.split_once('-') {
        Some((low, high)) => matches!((code(low), code(high)), (Some(l), Some(h)) if l <= h),
        None => code(text).is_some(),
    };
    let sound = codes.len() <= MATCHER_MAX && codes.split(',').all(item);
    if sound {
        Ok(codes.to_owned())
    } else {
        Err(Refusal::HealthMatcherInvalid { value: codes.to_owned() })
    }
}

/// Whether a repeated create call asks for what exists.
// spec: alb §0.1 Wire protocol [A]
fn same_settings(found: &TargetGroup, wanted: &TargetGroup) -> bool {
    found.protocol == wanted.protocol
        && found.protocol_version == wanted.protocol_version
        && found.port == wanted.port
        && found.vpc == wanted.vpc
        && found.target_type == wanted.target_type
        && found.health_check == wanted.health_check
        && found.tags == wanted.tags
}
