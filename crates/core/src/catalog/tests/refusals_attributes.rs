//! Refusals about attributes: keys, values, and values together.
//!
//! Target groups and listeners of types that are not served are stood in for by their carriers.
//!
//! Invariant: as for `refusals`, which counts them.

use super::world::*;
use crate::catalog::Command;
use crate::catalog::apply::attributes::changed;
use crate::catalog::unserved::Feature;
use crate::resource::attribute::{Carrier, Family, kind_of};
use crate::resource::*;

pub(super) const AREAS: &[fn(&mut World)] =
    &[keys, values, logs, web_groups, network_groups, gateway_groups, listeners];

fn group(protocol: &'static str, target_type: &'static str) -> Carrier<'static> {
    let (family, kind) = (Family::TargetGroup, kind_of(protocol));
    Carrier { family, kind, scheme: None, protocol, target_type }
}

/// Expects a refusal of these pairs on top of `current`.
fn refused(
    w: &mut World,
    carrier: Carrier<'_>,
    current: &[(&str, &str)],
    given: &[(&str, &str)],
    kind: &str,
    text: &str,
) {
    let current: AttributeValues = pairs(current).into_iter().collect();
    match changed(&carrier, &current, &pairs(given)) {
        Err(refusal) => w.note(kind, &refusal, text),
        Ok(_) => panic!("{given:?} was not refused as {kind}"),
    }
}

fn accepted(carrier: Carrier<'_>, given: &[(&str, &str)]) -> AttributeValues {
    match changed(&carrier, &AttributeValues::new(), &pairs(given)) {
        Ok(values) => values,
        Err(refusal) => panic!("{given:?} was refused: {refusal}"),
    }
}

fn keys(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let on_lb =
        |pairs: &[(&str, &str)]| Command::LoadBalancerAttributesModify(attributes(&lb, pairs));
    let on_group =
        |pairs: &[(&str, &str)]| Command::TargetGroupAttributesModify(attributes(&group, pairs));
    let on_listener =
        |pairs: &[(&str, &str)]| Command::ListenerAttributesModify(attributes(&listener, pairs));
    w.refuse("AttributesEmpty", &on_lb(&[]), "At least one attribute must be specified");
    let many = vec![("waf.fail_open.enabled", "false"); 21];
    w.refuse("AttributesTooMany", &on_lb(&many), "The number of attributes cannot exceed '20'");
    let twice = [("waf.fail_open.enabled", "false"); 2];
    let text = "Attribute key 'waf.fail_open.enabled' was specified more than once";
    w.refuse("AttributeRepeated", &on_lb(&twice), text);
    // Not "not recognized": Terraform would drop the key and go on.
    let text = "The attribute 'weir.retry.max' does not exist in this version of Weir";
    w.refuse("OwnKeyUnknown", &on_lb(&[("weir.retry.max", "1")]), text);
    let text = "Target group attribute key 'x' is not recognized";
    w.refuse("AttributeUnknown", &on_group(&[("x", "1")]), text);
    let text = "Load balancer attribute key 'dns_record.client_routing_policy' is not supported \
                on load balancers with type 'application'";
    let key = "dns_record.client_routing_policy";
    w.refuse("AttributeForeignLoadBalancer", &on_lb(&[(key, "x")]), text);
    let text = "Target group attribute key 'proxy_protocol_v2.enabled' is not supported on target \
                groups with the HTTP protocol";
    let key = "proxy_protocol_v2.enabled";
    w.refuse("AttributeForeignTargetGroup", &on_group(&[(key, "true")]), text);
    let text = "A target group with target type 'ip' does not support the attribute \
                lambda.multi_value_headers.enabled";
    let key = "lambda.multi_value_headers.enabled";
    w.refuse("AttributeForeignTargetType", &on_group(&[(key, "true")]), text);
    let text = "Listener attribute key 'tcp.idle_timeout.seconds' is not supported on listeners \
                with the HTTP protocol";
    let key = "tcp.idle_timeout.seconds";
    w.refuse("AttributeForeignListener", &on_listener(&[(key, "60")]), text);
    let key = "routing.http.response.x_frame_options.header_value";
    let text =
        format!("'{key}' must have at most '1024' characters and no characters that are not valid");
    w.refuse("AttributeText", &on_listener(&[(key, "a\r\nb")]), &text);
}

fn values(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let on_lb =
        |pairs: &[(&str, &str)]| Command::LoadBalancerAttributesModify(attributes(&lb, pairs));
    let on_group =
        |pairs: &[(&str, &str)]| Command::TargetGroupAttributesModify(attributes(&group, pairs));
    let key = "deregistration_delay.timeout_seconds";
    for value in ["3601", "060", "+60", "-1", "6e1", ""] {
        let text = format!("'{key}' value '{value}' must be between '0-3600' inclusive");
        w.refuse("AttributeRange", &on_group(&[(key, value)]), &text);
    }
    let key = "routing.http.desync_mitigation_mode";
    let text = format!("'{key}' value 'x' must be one of [monitor, defensive, strictest]");
    w.refuse("AttributeChoice", &on_lb(&[(key, "x")]), &text);
    let key = "stickiness.type";
    let text = "'Stickiness type' must be one of [app_cookie, lb_cookie, source_ip]";
    w.refuse("StickinessTypeInvalid", &on_group(&[(key, "x")]), text);
    let text = "Stickiness type 'source_ip' is not supported for target groups with the HTTP \
                protocol";
    w.refuse("StickinessTypeForeign", &on_group(&[(key, "source_ip")]), text);
    let key = "load_balancing.cross_zone.enabled";
    let text =
        format!("The attribute '{key}' must be 'true' on load balancers with type 'application'");
    w.refuse("AttributeImmutable", &on_lb(&[(key, "false")]), &text);
    w.run(&on_lb(&[(key, "true")]));
    let code = "OperationNotPermitted";
    let sticky = on_group(&[("stickiness.enabled", "true")]);
    w.unserved(Feature::AttributeValue, code, &sticky);
    w.unserved(Feature::AttributeValue, code, &on_group(&[("slow_start.duration_seconds", "30")]));
    w.catalog.settings.allow_unserved_types = true;
    w.run(&sticky);
    // What is recorded may be written again, and taken back, when the setting is off.
    w.catalog.settings.allow_unserved_types = false;
    w.run(&sticky);
    w.run(&on_group(&[("stickiness.enabled", "false")]));
    w.unserved(Feature::AttributeValue, code, &sticky);
}

fn logs(w: &mut World) {
    let lb = w.lb("lb");
    let on_lb =
        |pairs: &[(&str, &str)]| Command::LoadBalancerAttributesModify(attributes(&lb, pairs));
    for log in ["access_logs", "connection_logs", "health_check_logs"] {
        let text = format!(
            "You must specify a value for '{log}.s3.bucket' when '{log}.s3.enabled' is 'true'"
        );
        let key = format!("{log}.s3.enabled");
        w.refuse("LogBucketAbsent", &on_lb(&[(&key, "true")]), &text);
    }
    let text = "Access log bucket name '../x' is not a valid bucket name";
    w.refuse("LogBucketInvalid", &on_lb(&[("access_logs.s3.bucket", "../x")]), text);
    let text = "Access log prefix 'a/../b' is not valid: it cannot contain 'AWSLogs' or '..', or \
                begin with '/'";
    w.refuse("LogPrefixInvalid", &on_lb(&[("access_logs.s3.prefix", "a/../b")]), text);
    w.run(&on_lb(&[("access_logs.s3.enabled", "true"), ("access_logs.s3.bucket", "logs")]));
    let text = "You must specify a value for 'access_logs.s3.bucket' when \
                'access_logs.s3.enabled' is 'true'";
    w.refuse("LogBucketAbsent", &on_lb(&[("access_logs.s3.bucket", "")]), text);
    w.catalog.settings.allow_unserved_types = true;
    let kind = LoadBalancerKind::Network;
    let network = crate::catalog::command::LoadBalancerCreate { kind, ..w.lb_input("network") };
    let network = w.subject(&Command::LoadBalancerCreate(network));
    let key = "secondary_ips.auto_assigned.per_subnet";
    let set = |n: &str| Command::LoadBalancerAttributesModify(attributes(&network, &[(key, n)]));
    w.run(&set("3"));
    let text = format!("The attribute '{key}' cannot be decreased; its value is '3'");
    w.refuse("OnlyGrows", &set("2"), &text);
    w.run(&set("7"));
}

fn web_groups(w: &mut World) {
    let web = group("HTTP", "instance");
    let app_cookie = [("stickiness.enabled", "true"), ("stickiness.type", "app_cookie")];
    let text = "You must set an application cookie name to enable stickiness of type 'app_cookie'";
    refused(w, web, &[], &app_cookie, "CookieNameMissing", text);
    let cookie = ("stickiness.app_cookie.cookie_name", "SESSION");
    accepted(web, &[app_cookie[0], app_cookie[1], cookie]);
    let text = "The application cookie name 'AWSALBTG' is not valid: names that begin with AWSALB \
                are reserved";
    refused(w, web, &[], &[(cookie.0, "AWSALBTG")], "CookieReserved", text);
    let (sticky, zonal) =
        (("stickiness.enabled", "true"), ("load_balancing.cross_zone.enabled", "false"));
    let text = "Stickiness is not supported when cross-zone load balancing is off";
    refused(w, web, &[zonal], &[sticky], "StickinessWithoutCrossZone", text);
    refused(w, web, &[sticky], &[zonal], "StickinessWithoutCrossZone", text);
    let algorithm = |value| ("load_balancing.algorithm.type", value);
    let random = algorithm("weighted_random");
    let text = "Stickiness is not supported with the load balancing algorithm 'weighted_random'";
    refused(w, web, &[random], &[sticky], "StickinessWithAlgorithm", text);
    let ramp = ("slow_start.duration_seconds", "30");
    for value in ["least_outstanding_requests", "weighted_random"] {
        let text =
            format!("Slow start is not supported with the load balancing algorithm '{value}'");
        refused(w, web, &[ramp], &[algorithm(value)], "SlowStartWithAlgorithm", &text);
    }
    let mitigation = ("load_balancing.algorithm.anomaly_mitigation", "on");
    let text =
        "Anomaly mitigation is not supported with the load balancing algorithm 'round_robin'";
    refused(w, web, &[], &[mitigation], "MitigationWithAlgorithm", text);
    accepted(web, &[mitigation, random]);
    let key = |action: &str| format!("target_group_health.{action}.minimum_healthy_targets.count");
    let (dns, routing) = (key("dns_failover"), key("unhealthy_state_routing"));
    let text = "The minimum healthy target count of DNS failover must be at least that of \
                unhealthy state routing";
    let pairs = [(dns.as_str(), "2"), (routing.as_str(), "3")];
    refused(w, web, &[], &pairs, "HealthThresholdOrder", text);
    accepted(web, &[(&dns, "off"), (&routing, "3")]);
    accepted(web, &[(&routing, "3")]);
    let text = "A target group with target type 'lambda' does not support the attribute \
                deregistration_delay.timeout_seconds";
    let delay = ("deregistration_delay.timeout_seconds", "5");
    refused(w, group("", "lambda"), &[], &[delay], "AttributeForeignTargetType", text);
}

fn network_groups(w: &mut World) {
    let sticky = ("stickiness.enabled", "true");
    let text = "You cannot enable stickiness on target groups with the TLS protocol";
    refused(w, group("TLS", "ip"), &[], &[sticky], "StickinessByProtocol", text);
    accepted(group("TLS", "ip"), &[("stickiness.enabled", "false")]);
    accepted(group("TCP", "ip"), &[sticky, ("stickiness.type", "source_ip")]);
    let text = "Stickiness type 'lb_cookie' is not supported for target groups with the TCP \
                protocol";
    let kind = ("stickiness.type", "lb_cookie");
    refused(w, group("TCP", "ip"), &[], &[kind], "StickinessTypeForeign", text);
    let key = "preserve_client_ip.enabled";
    let text =
        format!("The attribute '{key}' must be 'true' on target groups with the UDP protocol");
    refused(w, group("UDP", "ip"), &[], &[(key, "false")], "FixedByProtocol", &text);
    let cut = "target_health_state.unhealthy.connection_termination.enabled";
    let interval = ("target_health_state.unhealthy.draining_interval_seconds", "5");
    let text = format!("'{}' can be set only when '{cut}' is 'false'", interval.0);
    let tcp = group("TCP", "instance");
    refused(w, tcp, &[], &[interval], "DrainingNeedsOpenConnections", &text);
    accepted(tcp, &[interval, (cut, "false")]);
    let text = "A target group with target type 'alb' does not support the attribute \
                deregistration_delay.timeout_seconds";
    let delay = |value| ("deregistration_delay.timeout_seconds", value);
    let alb = group("TCP", "alb");
    refused(w, alb, &[], &[delay("5")], "AttributeForeignTargetType", text);
    // Terraform sends the defaults.
    accepted(alb, &[delay("300"), ("proxy_protocol_v2.enabled", "false")]);
}

fn gateway_groups(w: &mut World) {
    let gateway = group("GENEVE", "ip");
    let text = "'source_ip' must be one of [source_ip_dest_ip_proto, source_ip_dest_ip]";
    let kind = ("stickiness.type", "source_ip");
    refused(w, gateway, &[], &[kind], "StickinessTypeGeneve", text);
    let failover = |value| {
        [("target_failover.on_deregistration", value), ("target_failover.on_unhealthy", value)]
    };
    let text = "'target_failover.on_deregistration' and 'target_failover.on_unhealthy' must have \
                the same value";
    refused(w, gateway, &[], &failover("rebalance")[..1], "FailoverDiffers", text);
    accepted(gateway, &failover("rebalance"));
    let key = "send_tcp_reset.on_unhealthy.enabled";
    let text = format!(
        "The attribute '{key}' can be 'true' only without stickiness and without rebalancing"
    );
    let reset = (key, "true");
    let current = failover("rebalance");
    refused(w, gateway, &current, &[reset], "ResetNeedsFiveTuple", &text);
    accepted(gateway, &[reset]);
}

fn listeners(w: &mut World) {
    let (family, kind) = (Family::Listener, LoadBalancerKind::Application);
    let https = Carrier { family, kind, scheme: None, protocol: "HTTPS", target_type: "" };
    let version = "routing.http.request.x_amzn_tls_version.header_name";
    let suite = "routing.http.request.x_amzn_tls_cipher_suite.header_name";
    let pairs = [(version, "X-Tls"), (suite, "x-tls")];
    let text = "The header name 'x-tls' was specified for more than one attribute";
    refused(w, https, &[], &pairs, "HeaderNamesClash", text);
    let values = accepted(https, &[(version, "X-Tls"), (suite, "")]);
    assert_eq!(values.len(), 1, "an empty name is the usual one");
    let refusal =
        crate::catalog::AttributeRefusal::ListenerWithoutAttributes { protocol: "TLS".to_owned() };
    let text = "Listeners with the TLS protocol have no attributes";
    w.note("ListenerWithoutAttributes", &refusal.into(), text);
}
