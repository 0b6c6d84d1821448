//! Health checks of target groups: defaults and bounds by protocol and target type.
//!
//! Invariant: a health check has a path and a matcher exactly when it is no plain connection, and
//! times out before the next probe starts.
// spec: alb §6.1 Parameters
// spec: nlb-gwlb-clb §1.9 Health checks, thresholds, fail-open [D][M]
// spec: nlb-gwlb-clb §2.6 Health checks

use crate::catalog::command::HealthCheckInput;
use crate::catalog::{Refusal, RoutingRefusal};
use crate::resource::target_group::HealthCheckProtocol;
use crate::resource::{
    HealthCheck, HealthCheckPort, LoadBalancerKind, TargetGroup, TargetGroupProtocol, TargetType,
};

/// Characters of a health check path.
const PATH_MAX: usize = 1_024;
/// Characters of a matcher: every code of 200-499 as a list.
const MATCHER_MAX: usize = 1_200;
/// Where gateways probe.
const GENEVE_HEALTH_PORT: u16 = 80;

/// What a new group has while nobody says otherwise; the protocol of `input` decides about
/// timeout, path and matcher.
pub(super) fn health_check_default(
    target_type: TargetType,
    protocol: Option<TargetGroupProtocol>,
    version: Option<&str>,
    input: &HealthCheckInput,
) -> HealthCheck {
    let kind = protocol.map_or(LoadBalancerKind::Application, TargetGroupProtocol::kind);
    let web = kind == LoadBalancerKind::Application || target_type == TargetType::Alb;
    let own = if web { HealthCheckProtocol::Http } else { HealthCheckProtocol::Tcp };
    let asked = input.protocol.as_deref().and_then(HealthCheckProtocol::parse);
    let protocol = asked.unwrap_or(own);
    let (interval_s, timeout_s) = match kind {
        _ if target_type == TargetType::Lambda => (35, 30),
        LoadBalancerKind::Application => (30, 5),
        LoadBalancerKind::Gateway => (10, 5),
        LoadBalancerKind::Network if protocol == HealthCheckProtocol::Http => (30, 6),
        LoadBalancerKind::Network => (30, 10),
    };
    let port = match kind {
        LoadBalancerKind::Gateway => HealthCheckPort::Port(GENEVE_HEALTH_PORT),
        _ => HealthCheckPort::TrafficPort,
    };
    HealthCheck {
        enabled: target_type != TargetType::Lambda,
        protocol,
        port,
        path: path_default(protocol, version),
        interval_s,
        timeout_s,
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: matcher_default(kind, protocol, version),
    }
}

fn path_default(protocol: HealthCheckProtocol, version: Option<&str>) -> String {
    let path = match (protocol, version) {
        (HealthCheckProtocol::Tcp, _) => "",
        (_, Some("GRPC")) => "/AWS.ALB/healthcheck",
        _ => "/",
    };
    path.to_owned()
}

fn matcher_default(
    kind: LoadBalancerKind,
    protocol: HealthCheckProtocol,
    version: Option<&str>,
) -> String {
    let matcher = match (protocol, kind, version) {
        (HealthCheckProtocol::Tcp, _, _) => "",
        (_, LoadBalancerKind::Application, Some("GRPC")) => "12",
        (_, LoadBalancerKind::Application, _) => "200",
        _ => "200-399",
    };
    matcher.to_owned()
}

/// The health check of a group with the members that were given.
pub(super) fn health_check(
    group: &TargetGroup,
    input: &HealthCheckInput,
) -> Result<HealthCheck, Refusal> {
    let mut check = group.health_check.clone();
    let lambda = group.target_type == TargetType::Lambda;
    if let Some(enabled) = input.enabled {
        if !enabled && !lambda {
            let kind = group.target_type.as_str().to_owned();
            return Err(Refusal::HealthCheckNotDisabled { kind });
        }
        check.enabled = enabled;
    }
    // A function has neither; tools send what they send for others, and it means nothing.
    if !lambda {
        health_protocol(group, &mut check, input)?;
        if let Some(port) = &input.port {
            check.port = health_port(port)?;
        }
    }
    if let Some(path) = &input.path {
        if check.protocol == HealthCheckProtocol::Tcp {
            let protocol = check.protocol.as_str().to_owned();
            return Err(RoutingRefusal::HealthPathForeign { protocol }.into());
        }
        check.path = health_path(path)?;
    }
    health_numbers(group, &mut check, input)?;
    health_matcher(group, &mut check, input)?;
    Ok(check)
}

fn health_protocol(
    group: &TargetGroup,
    check: &mut HealthCheck,
    input: &HealthCheckInput,
) -> Result<(), Refusal> {
    let Some(text) = &input.protocol else { return Ok(()) };
    let web = group.kind() == LoadBalancerKind::Application || group.target_type == TargetType::Alb;
    let allowed = if web { "HTTP, HTTPS" } else { "HTTP, HTTPS, TCP" };
    let known = HealthCheckProtocol::parse(text);
    let Some(protocol) = known.filter(|p| !web || *p != HealthCheckProtocol::Tcp) else {
        let (protocol, allowed) = (text.clone(), allowed.to_owned());
        return Err(Refusal::HealthProtocolInvalid { protocol, allowed });
    };
    let plain = |protocol| protocol == HealthCheckProtocol::Tcp;
    if plain(protocol) != plain(check.protocol) {
        let version = group.protocol_version.as_deref();
        check.path = path_default(protocol, version);
        check.matcher = matcher_default(group.kind(), protocol, version);
    }
    check.protocol = protocol;
    Ok(())
}

fn health_numbers(
    group: &TargetGroup,
    check: &mut HealthCheck,
    input: &HealthCheckInput,
) -> Result<(), Refusal> {
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
    let (timeout, interval) = (check.timeout_s.to_string(), check.interval_s.to_string());
    if group.kind() != LoadBalancerKind::Application && check.timeout_s > check.interval_s {
        return Err(RoutingRefusal::HealthTimeoutAboveInterval { timeout, interval }.into());
    }
    if group.kind() == LoadBalancerKind::Application && check.timeout_s >= check.interval_s {
        return Err(Refusal::HealthTimeoutNotBelowInterval { timeout, interval });
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

fn health_matcher(
    group: &TargetGroup,
    check: &mut HealthCheck,
    input: &HealthCheckInput,
) -> Result<(), Refusal> {
    let grpc = group.protocol_version.as_deref() == Some("GRPC");
    // An empty member is what tools send for «none».
    let given = |code: &Option<String>| code.clone().filter(|code| !code.is_empty());
    let (http_code, grpc_code) = (given(&input.http_code), given(&input.grpc_code));
    if check.protocol == HealthCheckProtocol::Tcp && (http_code.is_some() || grpc_code.is_some()) {
        let protocol = group.protocol.map_or("", |protocol| protocol.as_str()).to_owned();
        return Err(RoutingRefusal::HealthMatcherForeign { protocol }.into());
    }
    match (http_code, grpc_code) {
        (None, None) => {}
        (Some(_), _) if grpc => return Err(RoutingRefusal::HealthMatcherHttpOnGrpc {}.into()),
        (_, Some(_)) if !grpc => return Err(Refusal::HealthMatcherGrpc {}),
        (_, Some(value)) => {
            if !codes_within(&value, 0, 99) {
                return Err(RoutingRefusal::HealthMatcherGrpcRange { value }.into());
            }
            check.matcher = value;
        }
        (Some(value), None) => {
            let high = match group.kind() {
                LoadBalancerKind::Application => 499,
                LoadBalancerKind::Network => 599,
                LoadBalancerKind::Gateway => 399,
            };
            // A gateway's range is fixed.
            let fixed = group.kind() == LoadBalancerKind::Gateway && value != "200-399";
            if fixed || !codes_within(&value, 200, high) {
                let range = format!("200-{high}");
                return Err(Refusal::HealthMatcherInvalid { value, range });
            }
            check.matcher = value;
        }
    }
    Ok(())
}

/// A list of codes and ranges, for example `200,202` or `200-299`.
fn codes_within(codes: &str, low: u16, high: u16) -> bool {
    let code = |text: &str| {
        let digits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| digits && (low..=high).contains(code))
    };
    let item = |text: &str| match text.split_once('-') {
        Some((first, last)) => matches!((code(first), code(last)), (Some(f), Some(l)) if f <= l),
        None => code(text).is_some(),
    };
    codes.len() <= MATCHER_MAX && codes.split(',').all(item)
}
